"""Load published tensors into a model, strictly.

Every tensor of a checkpoint is either placed, or on the short list of what an encoder does not need (heads for other
tasks); everything else, missing, extra or misshaped, is an error that names it. Memory is allocated only after all
shapes were compared, so it is bounded by what the files hold. What an architecture adds is the naming of its
publishers, its configuration and its encoder.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

import torch
from torch import Tensor, nn

from virnucpro.errors import DeviceError, WeightsError
from virnucpro.models.filling import Convert, fill, rows_of, unchanged
from virnucpro.models.json_text import read_object
from virnucpro.models.memory import is_out_of_memory
from virnucpro.models.placement import Placement
from virnucpro.models.registry import Architecture
from virnucpro.models.weights import TensorSource
from virnucpro.records import ModelIdentity, Molecule

if TYPE_CHECKING:
    from virnucpro.models.encoders import Encoder

__all__ = ["PARAMETER_NAME", "Checkpoint", "Kind", "read_config", "require"]

PARAMETER_NAME = {"weight": "weight", "gamma": "weight", "bias": "bias", "beta": "bias"}
"""transformers 5 writes LayerNorm weights under TensorFlow's names, gamma and beta."""

Model = TypeVar("Model", bound=nn.Module)


MAX_LAYERS, MAX_WIDTH = 1000, 1 << 17
"""Far above every published encoder (48 layers, 20,480 numbers); anything larger is damage or an attack."""


class Kind(Enum):
    """The kind of value that a configuration must have."""

    LAYERS = f"a whole number from 1 to {MAX_LAYERS}"
    WHOLE = f"a whole number from 1 to {MAX_WIDTH}"
    NUMBER = "a positive number up to 1e9"
    FLAG = "true or false"

    def fits(self, value: object) -> bool:
        """Whether a value is of this kind; booleans are not numbers."""
        if self is Kind.FLAG or isinstance(value, bool):
            return self is Kind.FLAG and isinstance(value, bool)
        if self is Kind.NUMBER:
            return isinstance(value, (int, float)) and 0 < value <= 1e9
        return isinstance(value, int) and 0 < value <= (MAX_LAYERS if self is Kind.LAYERS else MAX_WIDTH)


@dataclass(frozen=True, eq=False)
class Checkpoint(ABC, Generic[Model]):
    """Weights that were found and described, but not yet read."""

    architecture: ClassVar[Architecture]

    source: TensorSource
    name: str  # catalogue name or path, for messages and manifests
    revision: str | None = None  # pinned commit of the published repository

    @classmethod
    @abstractmethod
    def open(cls, folder: Path, values: Mapping[str, Any], name: str, revision: str | None) -> Self:
        """Describe the weights in a folder whose configuration was read."""

    @classmethod
    def open_file(cls, path: Path, name: str, revision: str | None) -> Self:
        """Describe weights in a single file, if publishers provide such files."""
        raise NotImplementedError

    @classmethod
    @abstractmethod
    def take_over(cls, model: nn.Module, values: Mapping[str, Any], tokenizer: Any) -> Self:  # noqa: ANN401
        """Describe the weights of another library's model that is in memory."""

    @property
    @abstractmethod
    def layers(self) -> int:
        """Number of blocks in its configuration; each has tensors of its own."""

    @property
    @abstractmethod
    def width(self) -> int:
        """Numbers per vector."""

    @abstractmethod
    def encoder(self, placement: Placement) -> Encoder:
        """Read the weights into an encoder."""

    @property
    def molecule(self) -> Molecule:
        """Molecule that it reads."""
        return self.architecture.molecule

    @property
    def identity(self) -> ModelIdentity:
        """Identity of the weights for manifests; files are read once for the digest."""
        shape = {"model": self.architecture.name, **self.describe()}
        return ModelIdentity(self.name, self.revision, self.source.sha256, shape, self.molecule)

    @property
    def parameters(self) -> int:
        """Number of values in its tensors, including those that an encoder does not need."""
        return sum(math.prod(shape) for shape in self.source.shapes().values())

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Describe what the weights do not determine."""

    @abstractmethod
    def build(self, placement: Placement) -> Model:
        """Build the model without weights."""

    @abstractmethod
    def canonical_name(self, name: str) -> str | None:
        """Map the name of a published tensor to the model's."""

    def computed(self) -> dict[str, Tensor]:
        """Tensors that stay in float32 and are computed if a checkpoint does not contain them."""
        return {}

    def looks_like(self) -> str:
        """Suggest what a checkpoint that does not fit might be."""
        return ""

    def load(self, placement: Placement, convert: Convert = unchanged) -> Model:
        """Build the model and load it; each module is converted as soon as its weights are there."""
        try:
            with torch.inference_mode(False):  # which is a thread's own, and several threads fill the model
                return self._load(placement, convert)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise DeviceError(
                f"{self.name} does not fit in the memory of {placement.device} in {placement.dtype_name}; free memory "
                "there, or take another device (--device), a half-precision format (--dtype bf16) or a smaller model"
            ) from error

    def _load(self, placement: Placement, convert: Convert) -> Model:
        if self.layers > len(self.source.shapes()):
            raise WeightsError(
                f"{self.name} does not fit the {self.architecture.name} that its configuration describes: "
                f"{self.layers} layers, and the weights have {len(self.source.shapes())} tensors"
            )
        with torch.device("meta"):
            encoder = self.build(placement)
        targets = self._match(encoder)
        _materialise(encoder.to(placement.dtype), placement.device)
        for name, tensor in self.computed().items():  # replaced below when the checkpoint has them
            setattr(encoder, name, tensor.to(placement.device))
        fill(encoder, self.name, self.source, targets, convert)
        return encoder.requires_grad_(False).eval()

    def _match(self, encoder: nn.Module) -> dict[str, str]:
        """Map every tensor to its parameter, before any is read: publisher's name to ``parameter[:third]``."""
        slots = _slots(encoder)
        targets, extra, misshaped = {}, [], []
        for name, shape in self.source.shapes().items():
            target = self.canonical_name(name)
            if target is None:
                continue
            if target.partition(":")[0] not in slots:
                extra.append(name)
            elif shape != (expected := tuple(rows_of(slots[target.partition(":")[0]], target).shape)):
                misshaped.append(f"{name} {shape} instead of {expected}")
            else:
                targets[name] = target
        placed = set(targets.values()) | set(self.computed())
        thirds = {slot: {f"{slot}:{third}" for third in range(3)} for slot in slots}
        missing = [slot for slot in slots if not ({slot} <= placed or thirds[slot] <= placed)]
        problems = {"missing": missing, f"not part of {self.architecture.name}": extra, "misshaped": misshaped}
        if any(problems.values()):
            told = "; ".join(f"{what}: {_some(names)}" for what, names in problems.items() if names)
            raise WeightsError(
                f"{self.name} does not fit the {self.architecture.name} that its configuration describes"
                f"{self.looks_like()}: {told}"
            )
        return targets


def _materialise(encoder: nn.Module, device: torch.device) -> None:
    """Allocate memory for a model on "meta"; torch's `to_empty` would import sympy, which takes most of a second."""
    encoder._apply(lambda tensor: torch.empty(tensor.shape, dtype=tensor.dtype, device=device))  # type: ignore[no-untyped-call]


def require(
    values: Mapping[str, Any],
    what: str,
    known: Mapping[str, tuple[Any, ...]],
    kinds: Mapping[str, Kind],
    heads: tuple[str, str],
    even: bool = False,
) -> None:
    """Check a configuration: required keys and their values."""
    missing = [key for key in (*known, *kinds) if key not in values]
    problems = [f"it lacks {', '.join(missing)}, never guessed"] if missing else []
    problems += [
        f"{key} is {values[key]!r:.100}, not {may[0]!r}"
        for key, may in known.items()
        if key in values and not any(values[key] is one or values[key] == one for one in may)
    ]
    unfit = [key for key, kind in kinds.items() if key in values and not kind.fits(values[key])]
    problems += [f"{key} is {values[key]!r:.100}, not {kinds[key].value}" for key in unfit]
    width, number = heads
    if not {width, number} & {*missing, *unfit}:
        head_width, rest = divmod(values[width], values[number])
        if rest:
            problems.append(f"{width} {values[width]} is no multiple of {values[number]} heads")
        elif even and head_width % 2:
            problems.append(f"heads of width {head_width} have no halves")
    if problems:
        raise WeightsError(f"{what}: {'; '.join(problems)}")


def read_config(path: Path) -> Mapping[str, Any]:
    """Read a `config.json`."""
    try:
        return read_object(path)
    except FileNotFoundError as error:
        raise WeightsError(f"{path.parent} has no config.json; copy it beside the weights") from error
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise WeightsError(f"{path} is not a configuration in valid JSON: {error}") from error


def _slots(encoder: nn.Module) -> dict[str, Tensor]:
    return dict(encoder.named_parameters()) | dict(encoder.named_buffers())


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
