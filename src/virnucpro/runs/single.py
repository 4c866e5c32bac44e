"""Results that are made in one step, each with its manifest; finished ones are skipped."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from virnucpro.errors import InputError, StoreError
from virnucpro.records import FileIdentity
from virnucpro.runs.files import file_sha256, whole_file
from virnucpro.runs.manifest import Manifest, read_manifest

__all__ = ["identify", "is_finished", "write_single"]

logger = logging.getLogger("virnucpro.runs")


def identify(path: Path) -> FileIdentity:
    """Size and digest of a file."""
    try:
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
            return FileIdentity(str(path), os.fstat(stream.fileno()).st_size, sha256)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error


def is_finished(result: Path, wanted: Manifest) -> bool:
    """Whether a result can be kept; StoreError if it was made from something else or was changed."""
    manifest = read_manifest(_manifest_path(result))
    if not result.exists():
        return False
    if manifest is None:
        logger.warning("%s has no manifest: kept as it is, unchecked; remove it to recompute it", result)
        return True
    if differing := manifest.differences(wanted):
        raise StoreError(
            f"{result} was made from something else ({'; '.join(differing)}); remove it, or use another name"
        )
    if [one.sha256 for one in manifest.results] != [file_sha256(result)]:
        raise StoreError(f"{result} has changed since it was written; remove it to recompute it")
    return True


def write_single(result: Path, manifest: Manifest, write: Callable[[BinaryIO], object]) -> None:
    """Write a result, then its manifest."""
    _manifest_path(result).unlink(missing_ok=True)
    with whole_file(result) as stream:
        write(stream)
    written = FileIdentity(result.name, result.stat().st_size, file_sha256(result))
    with whole_file(_manifest_path(result)) as stream:
        stream.write(replace(manifest, results=(written,)).to_json())


def _manifest_path(result: Path) -> Path:
    return result.with_name(result.name + ".json")
