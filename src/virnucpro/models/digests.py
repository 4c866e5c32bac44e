"""Digests of weights, computed once per machine.

A large file's digest is kept in the user's cache folder, with all that changes when the file does: its path, size,
inode and times. An entry that differs from the file in any of them, or is damaged, is recomputed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from virnucpro.models.json_text import read_object

__all__ = ["cache_folder", "weights_sha256"]

LARGE_BYTES = 64 << 20
"""Smaller files are digested in less than a tenth of a second."""

SETTLED_SECONDS = 2
"""A file that was just written may change once more without a change of its times, which some file systems round."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


def weights_sha256(file: Path) -> str:
    """Digest of a file; the Hub's cache uses it as the name of large files, which then need not be read."""
    blob = file.resolve()
    if blob.parent.name == "blobs" and _SHA256.fullmatch(blob.name):
        return blob.name
    found = _found(blob)
    if found["size"] < LARGE_BYTES:
        return _computed(blob)
    if (folder := cache_folder()) is None:
        return _computed(blob)
    entry = folder / f"{hashlib.sha256(os.fsencode(blob)).hexdigest()}.json"
    if (known := _known(entry, found)) is not None:
        return known
    sha256 = _computed(blob)
    if found == _found(blob) and time.time() - blob.stat().st_mtime > SETTLED_SECONDS:
        _keep(entry, found | {"sha256": sha256})
    return sha256


def cache_folder() -> Path | None:
    """Folder of kept digests, None without a home; scripts need it as the commands do, so it is found here."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(given) if os.path.isabs(given) else Path(os.path.expanduser("~/.cache"))
    return base / "virnucpro" / "digests" if base.is_absolute() else None


def _found(blob: Path) -> dict[str, Any]:
    """What a kept digest holds for."""
    stat = blob.stat()
    times = {"mtime_ns": stat.st_mtime_ns, "ctime_ns": stat.st_ctime_ns}
    return {"path": os.fsencode(blob).hex(), "size": stat.st_size, "inode": stat.st_ino, **times}


def _computed(blob: Path) -> str:
    with blob.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _known(entry: Path, found: dict[str, Any]) -> str | None:
    """Read an entry; None where it is absent, damaged or of another state of the file."""
    try:
        kept = read_object(entry)
    except (OSError, ValueError):
        return None
    sha256 = kept.pop("sha256", None)
    return sha256 if kept == found and isinstance(sha256, str) and _SHA256.fullmatch(sha256) else None


def _keep(entry: Path, values: dict[str, Any]) -> None:
    """Write an entry, whole or not at all; a folder that cannot be written costs time only."""
    partial = None
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=entry.parent, suffix=".partial", delete=False) as stream:
            partial = Path(stream.name)
            json.dump(values, stream)
        partial.replace(entry)
    except OSError:
        if partial is not None:
            with suppress(OSError):
                partial.unlink()
