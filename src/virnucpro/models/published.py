"""The published classifiers, pickled whole modules, read without running anything in them.

A pickle is a program: it names classes and functions and calls them. This reader knows a dozen names and puts something
inert in the place of each, made anew for every file: an empty class for a module, a tuple for a tensor. A file that
asks for any other name is refused, and the name is told. Tensors are then read as plain bytes.

Both layouts of ``torch.save`` are read: the zip archive (torch 1.6 and later) and the stream before it.

References
----------
``_save`` and ``_legacy_save`` in ``torch/serialization.py``.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import torch
from torch import Tensor

from virnucpro.errors import ConfigError, WeightsError
from virnucpro.features.spec import DNA_WIDTH, EncoderUse, FeatureContract
from virnucpro.models.catalog import CATALOG
from virnucpro.models.classifier import HIDDEN_WIDTH, Classifier, build_mlp
from virnucpro.models.weights import FileTensors
from virnucpro.records import ModelIdentity

__all__ = ["import_classifier", "read_published_tensors"]

_MODULES: Final = {
    ("__main__", "MLPClassifier"),
    ("torch.nn.modules.linear", "Linear"),
    ("torch.nn.modules.batchnorm", "BatchNorm1d"),
    ("torch.nn.modules.dropout", "Dropout"),
    ("torch.nn.modules.activation", "ReLU"),
}
_STORAGES: Final = {("torch", "FloatStorage"): torch.float32, ("torch", "LongStorage"): torch.int64}
_SETS: Final = {("builtins", "set"), ("__builtin__", "set")}

_DAMAGE = (
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""How a damaged pickle program fails: in almost any way."""

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
_BATCH_NORM_EPS = 1e-5
_PUBLISHED_PROTEIN = "esm2-3b"
"""The protein encoder of the published classifiers; 768 and its 2560 numbers are their 3328 inputs."""


class _Stored(NamedTuple):
    """A storage that the pickle names: where its bytes are, and what they are."""

    dtype: torch.dtype
    key: str
    numel: int


class _Pointer(NamedTuple):
    """A tensor that the pickle describes."""

    storage: Any
    offset: Any
    shape: Any
    stride: Any


@dataclass(frozen=True, slots=True)
class _Opened:
    """What a file holds: the object graph of stand-ins, and the bytes of each storage."""

    root: Any
    read_storage: Callable[[_Stored], bytes]
    module_class: type


class _InertUnpickler(pickle.Unpickler):
    """An unpickler that finds stand-ins only."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream)
        self.stored: dict[str, _Stored] = {}
        self.known: dict[tuple[str, str], Any] = {name: type(name[1], (), {"kind": name[1]}) for name in _MODULES}
        self.known |= {name: type(name[1], (), {"dtype": dtype}) for name, dtype in _STORAGES.items()}
        self.known |= dict.fromkeys(_SETS, set)
        self.known["collections", "OrderedDict"] = OrderedDict
        self.known["torch._utils", "_rebuild_tensor_v2"] = lambda storage, offset, shape, stride, *_: _Pointer(
            storage, offset, shape, stride
        )
        self.known["torch._utils", "_rebuild_parameter"] = lambda pointer, *_: pointer

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401
        if (module, name) not in self.known:
            raise WeightsError(f"asks for {module}.{name}, which no published classifier has; nothing of it was run")
        return self.known[module, name]

    def persistent_load(self, pid: Any) -> Any:  # noqa: ANN401
        if isinstance(pid, tuple) and len(pid) == 4 and pid[0] == "module":
            return pid[1]  # old layout: a class beside its source text, which is left unread
        if not isinstance(pid, tuple) or len(pid) not in (5, 6) or pid[0] != "storage":
            raise WeightsError("holds a reference that is no tensor")
        _, kind, key, _, numel = pid[:5]
        if kind not in [self.known[name] for name in _STORAGES] or not isinstance(numel, int) or numel < 0:
            raise WeightsError(f"holds numbers of a kind that no published classifier has: {kind!r}")
        stored = self.stored[str(key)] = _Stored(kind.dtype, str(key), numel)
        return stored


def read_published_tensors(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a pickled ``MLPClassifier``."""
    try:
        with path.open("rb") as stream:
            content = io.BytesIO(stream.read())
        opened = _open_archive(content) if zipfile.is_zipfile(content) else _open_stream(content)
        return _tensors_of(opened)
    except WeightsError as error:
        raise WeightsError(f"{path} {error}") from error
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}") from error
    except _DAMAGE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(f"{path} is no pickled classifier: {reason}; is it complete?") from error


def import_classifier(path: Path, window_bp: int) -> Classifier:
    """Take over a published classifier."""
    tensors = read_published_tensors(path)
    width = tensors["hidden_layer.weight"].shape[1]
    protein = CATALOG[_PUBLISHED_PROTEIN]
    if width != DNA_WIDTH + protein.width:
        raise ConfigError(
            f"{path} takes {width} numbers; published classifiers take {DNA_WIDTH} of DNABERT-S and {protein.width} "
            f"of {protein.name}, and what others were trained with is not known"
        )
    contract = FeatureContract(
        window_bp,
        EncoderUse(DNA_WIDTH, ModelIdentity("dnabert-s", None, "")),
        EncoderUse(protein.width, ModelIdentity(protein.name, protein.revision, "")),
    )
    training = {"imported_from": path.name, "imported_sha256": FileTensors([path]).sha256}
    return Classifier(build_mlp(tensors, str(path), width), contract, training, str(path))


def _open_archive(content: io.BytesIO) -> _Opened:
    """Open the zip layout: ``*/data.pkl`` beside ``*/data/KEY``."""
    archive = zipfile.ZipFile(content)
    pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise WeightsError(f"holds {len(pickles)} pickles instead of one")
    folder = pickles[0].removesuffix("data.pkl")
    if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
        raise WeightsError("holds big-endian numbers; save it again on a usual machine")
    unpickler = _InertUnpickler(io.BytesIO(archive.read(pickles[0])))
    root = unpickler.load()
    return _Opened(
        root, lambda stored: archive.read(f"{folder}data/{stored.key}"), unpickler.known["__main__", "MLPClassifier"]
    )


def _open_stream(content: io.BytesIO) -> _Opened:
    """Open the layout before torch 1.6: five pickles, and behind them each storage as its length and its bytes."""
    content.seek(0)
    magic, protocol, system = (_InertUnpickler(content).load() for _ in range(3))
    if (magic, protocol) != (_LEGACY_MAGIC, _LEGACY_PROTOCOL) or system.get("little_endian") is not True:
        raise WeightsError("is neither layout of torch.save")
    unpickler = _InertUnpickler(content)
    root = unpickler.load()
    numbers: dict[str, bytes] = {}
    for key in _InertUnpickler(content).load():
        stored = unpickler.stored[key]
        if int.from_bytes(content.read(8), "little") != stored.numel:
            raise WeightsError(f"holds a storage of another length than its {stored.numel} numbers")
        numbers[key] = content.read(stored.numel * stored.dtype.itemsize)
    return _Opened(root, lambda stored: numbers[stored.key], unpickler.known["__main__", "MLPClassifier"])


def _tensors_of(opened: _Opened) -> dict[str, Tensor]:
    """Walk the stand-ins of an ``MLPClassifier`` and read its tensors."""
    if type(opened.root) is not opened.module_class:
        raise WeightsError(f"holds a {type(opened.root).__name__}, not a whole MLPClassifier")
    modules = vars(opened.root)["_modules"]
    kinds = {name: type(module).__name__ for name, module in modules.items()}
    expected = {"hidden_layer": "Linear", "bn1": "BatchNorm1d", "output_layer": "Linear", "dropout": "Dropout"}
    if {name: kind for name, kind in kinds.items() if kind != "ReLU"} != expected:
        raise WeightsError(f"is an MLPClassifier with {kinds}; the published ones have {expected}")
    norm = vars(modules["bn1"])
    if norm["eps"] != _BATCH_NORM_EPS or norm["track_running_stats"] is not True:
        raise WeightsError(f"has a batch norm with eps {norm['eps']}; the published ones have {_BATCH_NORM_EPS}")
    tensors = {}
    for name, module in modules.items():
        for key, pointer in {**vars(module)["_parameters"], **vars(module)["_buffers"]}.items():
            tensors[f"{name}.{key}"] = _read_tensor(opened, f"{name}.{key}", pointer)
    if tensors["hidden_layer.weight"].shape[0] != HIDDEN_WIDTH:
        raise WeightsError(f"has a hidden layer of {tensors['hidden_layer.weight'].shape[0]} instead of {HIDDEN_WIDTH}")
    return tensors


def _read_tensor(opened: _Opened, name: str, pointer: Any) -> Tensor:  # noqa: ANN401
    """Read one tensor, which must lie in its storage row by row."""
    if not isinstance(pointer, _Pointer) or not isinstance(pointer.storage, _Stored):
        raise WeightsError(f"has no tensor {name}")
    stored, shape = pointer.storage, tuple(int(size) for size in pointer.shape)
    strides = tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
    numel, start = math.prod(shape), int(pointer.offset)
    if tuple(pointer.stride) != strides or min((start, *shape)) < 0 or start + numel > stored.numel:
        raise WeightsError(f"has a tensor {name} that does not lie in its numbers row by row")
    content = opened.read_storage(stored)
    if len(content) != stored.numel * stored.dtype.itemsize:
        raise WeightsError(f"holds {len(content)} bytes for {stored.numel} numbers of {name}; is it complete?")
    whole = torch.frombuffer(bytearray(content), dtype=stored.dtype)
    return whole[start : start + numel].reshape(shape).clone()
