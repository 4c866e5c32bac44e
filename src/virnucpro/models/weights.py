"""Sources of tensors: files in a published layout, or memory.

No code in files is run. They are read in small groups of tensors and reopened for each group, so that only a few layers
of a checkpoint are in memory besides the encoder.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from virnucpro.errors import WeightsError
from virnucpro.models.digests import weights_sha256
from virnucpro.models.json_text import read_object
from virnucpro.models.pickles import PickleError, is_archive, load_plain

__all__ = [
    "FileTensors",
    "MemoryTensors",
    "TensorSource",
    "load_pickled",
    "require_readable",
    "shard_files",
    "weight_files",
]

TENSORS_AT_A_TIME = 32
"""Two layers of ESM-2: 105 MB of float32 for the 650M model."""

MAX_INDEX_BYTES = 16 << 20

WEIGHT_FILE_NAMES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
"""Layouts of weights in a published folder, best first."""


class TensorSource(Protocol):
    """Named tensors whose shapes are known before any is read."""

    @property
    def sha256(self) -> str:
        """Digest of the weights."""

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every tensor, by its published name."""

    def groups(self, names: Iterable[str]) -> Iterator[list[tuple[str, Tensor]]]:
        """Read the named tensors, some at a time; a group is valid until the next is asked for."""

    def file_of(self, name: str) -> Path | None:
        """File that holds a tensor, None in memory."""


class MemoryTensors:
    """Tensors in memory."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._tensors = tensors

    @cached_property
    def sha256(self) -> str:
        """Digest of names, shapes and values, sorted by name."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self._tensors.items()):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
        return digest.hexdigest()

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every tensor, by name."""
        return {name: tuple(tensor.shape) for name, tensor in self._tensors.items()}

    def groups(self, names: Iterable[str]) -> Iterator[list[tuple[str, Tensor]]]:
        """Give the named tensors, all at once."""
        yield [(name, self._tensors[name].detach()) for name in names]

    def file_of(self, name: str) -> None:
        """Say that there is no file."""


class FileTensors:
    """Tensors in safetensors or pickled torch files."""

    def __init__(self, files: Iterable[Path]) -> None:
        self.files = tuple(files)

    @cached_property
    def sha256(self) -> str:
        """Digest of the file, or of the list of digests when there are several."""
        for file in self.files:
            require_readable(file)
        digests = [weights_sha256(file) for file in self.files]
        if len(digests) == 1:
            return digests[0]
        return hashlib.sha256("\n".join(digests).encode()).hexdigest()

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every tensor by name, without reading values."""
        return {name: shape for shapes in self._shapes.values() for name, shape in shapes.items()}

    def groups(self, names: Iterable[str]) -> Iterator[list[tuple[str, Tensor]]]:
        """Read the named tensors, file by file; a group is valid until the next is asked for."""
        wanted = set(names)
        for file, shapes in self._shapes.items():
            of_file = [name for name in shapes if name in wanted]
            size = TENSORS_AT_A_TIME if file.suffix == ".safetensors" or is_archive(file) else max(1, len(of_file))
            for start in range(0, len(of_file), size):
                yield _read_group(file, of_file[start : start + size])

    def file_of(self, name: str) -> Path | None:
        """File that holds a tensor."""
        return next((file for file, shapes in self._shapes.items() if name in shapes), None)

    @cached_property
    def _shapes(self) -> dict[Path, dict[str, tuple[int, ...]]]:
        return {file: _shapes_of(file) for file in self.files}


def weight_files(folder: Path) -> tuple[Path, ...]:
    """Find the weights in a folder of the published layout."""
    for name in WEIGHT_FILE_NAMES:
        path = folder / name
        if not path.exists():
            continue
        files = shard_files(path)
        missing = [file.name for file in files if not file.exists()]
        if missing:
            raise WeightsError(
                f"{path} names {', '.join(missing)}, which {folder} does not hold; copy the whole folder"
            )
        return files
    raise WeightsError(f"{folder} holds no weights: looked for {', '.join(WEIGHT_FILE_NAMES)}")


def shard_files(weights: Path) -> tuple[Path, ...]:
    """Name the files that hold the tensors."""
    if weights.suffix != ".json":
        return (weights,)
    try:
        weight_map = read_object(weights, MAX_INDEX_BYTES)["weight_map"]
        names = sorted({Path(name).name for name in weight_map.values()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"{weights} is not an index of weight files: {error!r:.200}") from error
    return tuple(weights.parent / name for name in names)


def require_readable(file: Path) -> None:
    """Say why a file cannot be opened; safetensors calls every such file absent."""
    try:
        file.open("rb").close()
    except OSError as error:
        raise WeightsError(f"{file} cannot be read: {error.strerror or error}") from error


def load_pickled(file: Path, is_checked: bool = False) -> Any:  # noqa: ANN401
    """Read a pickled torch file without running anything in it; fair-esm's files also contain a configuration."""
    try:
        return load_plain(file, [argparse.Namespace], is_checked=is_checked)
    except PickleError as error:
        raise WeightsError(f"{file} {error}; use safetensors, or download the file again") from error


def _state_dict(file: Path, is_checked: bool = False) -> dict[str, Tensor]:
    loaded = load_pickled(file, is_checked)
    if isinstance(loaded, dict) and isinstance(loaded.get("model"), dict):  # fair-esm wraps the tensors
        loaded = loaded["model"]
    if not isinstance(loaded, dict) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in loaded.items()
    ):
        raise WeightsError(f"{file} holds no dictionary of tensors")
    if any(tensor.numel() * tensor.itemsize > tensor.untyped_storage().nbytes() for tensor in loaded.values()):
        raise WeightsError(f"{file} holds tensors larger than what is stored of them; download the file again")
    return loaded


def _shapes_of(file: Path) -> dict[str, tuple[int, ...]]:
    if file.suffix != ".safetensors":
        return {name: tuple(tensor.shape) for name, tensor in _state_dict(file).items()}
    require_readable(file)
    try:
        with safe_open(file, framework="pt") as opened:
            return {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{file} cannot be read: {error}; is it complete?") from error


def _read_group(file: Path, names: list[str]) -> list[tuple[str, Tensor]]:
    """Map some tensors of a file whose shapes are known; its pages are returned when they are dropped."""
    if file.suffix != ".safetensors":
        state = _state_dict(file, is_checked=True)
        return [(name, state[name]) for name in names]
    with safe_open(file, framework="pt") as opened:
        return [(name, opened.get_tensor(name)) for name in names]
