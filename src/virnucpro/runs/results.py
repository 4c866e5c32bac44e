"""Result files of a run: written to a scratch folder, and renamed together once all of them are complete."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Container, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from virnucpro.errors import StoreError
from virnucpro.records import FileIdentity
from virnucpro.runs.files import (
    cannot_write,
    file_sha256,
    open_temporary,
    require_distinct,
    result_path,
    sync_folder,
    whole_file,
)
from virnucpro.runs.manifest import Manifest

__all__ = ["Results", "publish_with_manifest"]


class Results:
    """Result files that are being written, in a scratch folder on the same file system."""

    def __init__(self, scratch: Path, outdir: Path) -> None:
        self.scratch, self._outdir = scratch, outdir
        self._open: dict[str, tuple[Path, BinaryIO]] = {}

    def __enter__(self) -> Self:
        self.scratch.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for path, stream in self._open.values():
            with contextlib.suppress(OSError):  # a full disk may refuse the last bytes; the file is deleted anyway
                stream.close()
            path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise cannot_write(self._outdir, error) from error

    def open(self, name: str) -> BinaryIO:
        """Open a new result for writing and reading; `publish` gives it its name."""
        if name in self._open:
            raise StoreError(f"two results would be called {self._outdir / name}")
        path, stream = open_temporary(result_path(self._outdir, name), self.scratch)
        self._open[name] = path, stream
        return stream

    def close(self, inputs: Sequence[Path], ours: Container[str] | None) -> tuple[FileIdentity, ...]:
        """Flush all files to disk; no result may be an input or replace a file that is not one of `ours`."""
        require_distinct(inputs, [self._outdir / name for name in self._open])
        identities = []
        for name, (path, stream) in self._open.items():
            stream.flush()
            os.fsync(stream.fileno())
            stream.close()
            identities.append(FileIdentity(name, path.stat().st_size, file_sha256(path)))
        for one in identities:
            there = self._outdir / one.path
            if ours is not None and one.path not in ours and there.exists() and file_sha256(there) != one.sha256:
                raise StoreError(f"{there} is in the way of a result; move it, or add --overwrite to replace it")
        return tuple(identities)

    def publish(self) -> None:
        """Rename all closed files to their final names."""
        for name, (path, _) in self._open.items():
            place = result_path(self._outdir, name)
            place.parent.mkdir(exist_ok=True)
            path.replace(place)
            if place.parent != self._outdir:
                sync_folder(place.parent)
        self._open.clear()
        sync_folder(self._outdir)


def publish_with_manifest(results: Results, path: Path, manifest: Manifest, earlier: Manifest | None) -> None:
    """Publish closed results after the `earlier` manifest at this path is removed, and before the new one is written.

    Results that only the earlier manifest has are deleted, if they are unchanged.
    """
    path.unlink(missing_ok=True)
    results.publish()
    if earlier:
        _remove_stale(path.parent, earlier.results, {one.path for one in manifest.results})
    with whole_file(path, results.scratch) as stream:
        stream.write(manifest.to_json())


def _remove_stale(outdir: Path, earlier: Sequence[FileIdentity], kept: Container[str]) -> None:
    for one in earlier:
        path = result_path(outdir, one.path)
        ours = one.path not in kept and path.is_file() and not path.is_symlink()
        if ours and file_sha256(path) == one.sha256:
            path.unlink()
            if path.parent != outdir:
                with contextlib.suppress(OSError):  # not empty
                    path.parent.rmdir()
