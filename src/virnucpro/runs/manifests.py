"""Receipts: what a result file was made from, so that a later run knows whether it may be taken as finished.

``x_ESM.pt`` has its receipt in ``x_ESM.pt.json``. When both are written, the receipt gets its name first and an old
result is removed before it: whatever moment a run is killed at, a receipt never stands beside a result that it does
not describe.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from virnucpro import __version__
from virnucpro.errors import InputError, StoreError
from virnucpro.records import Counts, Failure, ModelIdentity
from virnucpro.runs.files import whole_file

__all__ = [
    "InputIdentity",
    "Provenance",
    "Receipt",
    "State",
    "examine",
    "failure_details",
    "identify_input",
    "read_receipt",
    "receipt_path",
    "write_result",
]

FORMAT = 1
OUT_OF_MEMORY = "OutOfMemory"
"""The one failure that depends on the device, which does not decide what a result holds."""


@dataclass(frozen=True, slots=True)
class InputIdentity:
    """Which file was read."""

    path: str  # as it was given
    size: int  # bytes
    sha256: str  # digest of the bytes


@dataclass(frozen=True, slots=True)
class Provenance:
    """Everything that decides what a result holds."""

    input: InputIdentity  # the sequences
    model: ModelIdentity | None  # the weights; None for a result that no model has a part in
    settings: dict[str, Any]  # number format, limits: what changes the result. Batch size and device are not among them

    def decisive(self) -> dict[str, Any]:
        """What must be the same for two results to be the same; a moved file or a renamed model is no difference."""
        decisive = {"input size": self.input.size, "input sha256": self.input.sha256}
        if self.model is not None:
            decisive["weights sha256"] = self.model.weights_sha256
            decisive |= {f"model {key}": value for key, value in self.model.architecture.items()}
        return decisive | self.settings


@dataclass(frozen=True, slots=True)
class Receipt:
    """What stands beside a result."""

    provenance: Provenance  # what it was made from
    counts: Counts  # what became of the input's sequences
    details: dict[str, Any]  # what else is worth knowing: device, budget, characters replaced
    output_size: int = 0  # bytes of the result; 0 until it is written
    output_sha256: str = ""  # digest of the result; empty until it is written

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Sequences that are not in the result, and why."""
        return tuple(Failure(*failure) for failure in self.details.get("failures", ()))

    @property
    def may_succeed_elsewhere(self) -> bool:
        """Whether a sequence failed only because it did not fit in the memory of the device that was used."""
        return any(failure.error_type == OUT_OF_MEMORY for failure in self.failures)

    def to_json(self) -> bytes:
        """Serialise."""
        versions = {
            "virnucpro": __version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        }
        content = {
            "format": FORMAT,
            **asdict(self.provenance),
            "counts": asdict(self.counts),
            "output": {"size": self.output_size, "sha256": self.output_sha256},
            "details": self.details,
            "spec": self.details.get("spec"),
            "versions": versions,
        }
        return (json.dumps(content, indent=1) + "\n").encode()

    @staticmethod
    def from_json(text: bytes) -> Receipt:
        """Read back what `to_json` wrote."""
        content = json.loads(text)
        try:
            if content["format"] != FORMAT:
                raise ValueError(f"format {content['format']!r} instead of {FORMAT}")
            _check_types(content)
            model = None if content["model"] is None else ModelIdentity(**content["model"])
            provenance = Provenance(InputIdentity(**content["input"]), model, content["settings"])
            output = content["output"]
            return Receipt(
                provenance, Counts(**content["counts"]), content["details"], output["size"], output["sha256"]
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"no receipt: {error!r}") from error


def _check_types(content: dict[str, Any]) -> None:
    """Raise TypeError for a receipt whose values are not of the kinds that `Receipt.to_json` writes."""
    source, output, model = content["input"], content["output"], content["model"] or {}
    expected: list[tuple[str, object, type]] = [
        ("settings", content["settings"], dict),
        ("details", content["details"], dict),
        ("model architecture", model.get("architecture", {}), dict),
        ("input path", source["path"], str),
        ("input size", source["size"], int),
        ("input sha256", source["sha256"], str),
        ("output size", output["size"], int),
        ("output sha256", output["sha256"], str),
        *((f"counts {key}", value, int) for key, value in content["counts"].items()),
    ]
    for name, value, kind in expected:
        if not isinstance(value, kind):
            raise TypeError(f"{name} is {value!r}")
    for failure in content["details"].get("failures", ()):
        if not isinstance(failure, list) or len(failure) != 4:
            raise TypeError(f"a failure is {failure!r}")


class State(Enum):
    """What stands where a result should be."""

    ABSENT = "absent"
    FINISHED = "finished"
    UNCHECKED = "without a receipt"


def failure_details(failures: Iterable[Failure]) -> list[list[object]]:
    """Give what a receipt says of failures, so that a log can be made anew and lack of memory tried elsewhere."""
    return [[failure.number, failure.id, failure.error_type, failure.message] for failure in failures]


def receipt_path(result: Path) -> Path:
    """Where the receipt of a result is."""
    return result.with_name(result.name + ".json")


def read_receipt(result: Path) -> Receipt | None:
    """Read the receipt of a feature file, whatever it was made from."""
    path = receipt_path(result)
    if not path.exists():
        return None
    try:
        receipt = Receipt.from_json(path.read_bytes())
        size = result.stat().st_size
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} cannot be read as a receipt: {error}; make {result} anew") from error
    if receipt.output_size != size:
        raise StoreError(f"{result} has {size} bytes, its receipt says {receipt.output_size}; make it anew")
    return receipt


def identify_input(path: Path, label: str | None = None) -> InputIdentity:
    """Read a file once for its size and digest."""
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            return InputIdentity(label or str(path), stream.tell(), digest)
    except OSError as error:
        raise InputError(f"{label or path}: cannot be read: {error.strerror or error}") from error


def examine(result: Path, wanted: Provenance) -> tuple[State, Receipt | None]:
    """Find out whether a result is there already."""
    if not result.exists():
        return State.ABSENT, None
    if not result.is_file():
        raise StoreError(f"{result} is not a file, so no result; remove it")
    path = receipt_path(result)
    if not path.exists():
        return State.UNCHECKED, None
    try:
        receipt = Receipt.from_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{path} cannot be read as a receipt: {error}; to make {result} anew, remove it or add --overwrite"
        ) from error
    found, expected = receipt.provenance.decisive(), wanted.decisive()
    found["output size"], expected["output size"] = receipt.output_size, result.stat().st_size
    differing = [
        f"{key}: {_short(found.get(key))} then, {_short(expected.get(key))} now"
        for key in expected | found
        if found.get(key) != expected.get(key)
    ]
    if differing:
        raise StoreError(
            f"{result} was made from something else ({'; '.join(differing)}); "
            "to make it anew, remove it or add --overwrite"
        )
    if receipt.may_succeed_elsewhere:
        return State.ABSENT, None
    if _digest_of(result) != receipt.output_sha256:
        raise StoreError(
            f"{result} is damaged: its bytes are not those that were written; "
            "to make it anew, remove it or add --overwrite"
        )
    return State.FINISHED, receipt


def write_result(result: Path, write: Callable[[BinaryIO], None], receipt: Receipt) -> Receipt:
    """Write a result and its receipt, so that neither is ever seen without the other's truth."""
    with whole_file(result) as stream:
        write(stream)
        stream.flush()
        written = identify_input(Path(stream.name))
        receipt = replace(receipt, output_size=written.size, output_sha256=written.sha256)
        result.unlink(missing_ok=True)
        with whole_file(receipt_path(result)) as receipt_stream:
            receipt_stream.write(receipt.to_json())
    return receipt


def _digest_of(result: Path) -> str:
    try:
        return identify_input(result).sha256
    except InputError as error:
        raise StoreError(str(error)) from error


def _short(value: object) -> object:
    """A digest, shortened for a message."""
    return f"{value[:12]}..." if isinstance(value, str) and len(value) == 64 else value
