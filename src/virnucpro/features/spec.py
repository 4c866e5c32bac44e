"""The feature spec: which encoders made a row, from windows of which length, by which rule.

A classifier takes the features of one spec and refuses all others. Specs come from files that may be damaged or
hostile, so every value is checked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal, get_args

from virnucpro.errors import ConfigError, DimensionError
from virnucpro.records import ModelIdentity, Molecule
from virnucpro.sequences.orfs import RowRule

__all__ = ["DNA_WIDTH", "MAX_WINDOW_BP", "EncoderUse", "FeatureSpec", "Modality", "RowRule"]

Modality = Literal["both", "dna", "protein"]

DNA_WIDTH: Final = 768
"""Width of a DNABERT-S vector; splits the columns of merged features that have no manifest."""

MAX_WINDOW_BP, MAX_WIDTH = 1_000_000, 1 << 17
_SHA256 = re.compile(r"[0-9a-f]{64}|")


@dataclass(frozen=True, slots=True)
class EncoderUse:
    """The columns that one encoder contributes."""

    width: int  # numbers per row
    # None if unknown; with an empty digest, only the name is known
    identity: ModelIdentity | None = None

    @classmethod
    def from_dict(cls, content: object) -> EncoderUse:
        """Read back what `dataclasses.asdict` gave."""
        values = _object(content, "an encoder")
        identity = values.get("identity")
        return cls(_whole(values.get("width"), "width", MAX_WIDTH), _identity(identity) if identity else None)

    @property
    def name(self) -> str:
        """For messages."""
        return self.identity.name if self.identity else "unknown"


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """What a row of features consists of: DNA columns, then protein columns."""

    window_bp: int | None  # bases of the windows that the rows come from; None if unknown
    dna: EncoderUse | None
    protein: EncoderUse | None
    rows: RowRule = "open"
    windows_bp: tuple[int, int] | None = None  # shortest and longest window that a classifier takes; None: `window_bp`

    def __post_init__(self) -> None:
        if self.dna is None and self.protein is None:
            raise ConfigError("features need an encoder: of DNA, of proteins, or both")
        if self.rows not in get_args(RowRule):
            raise ConfigError(f"rows by the rule {self.rows!r:.100}; known are {', '.join(get_args(RowRule))}")
        if self.windows_bp is not None:
            shortest, longest = self.windows_bp
            if self.window_bp is None or not 1 <= shortest <= self.window_bp <= longest:
                raise ConfigError(f"windows of {self.window_bp} bp, but of {shortest} to {longest} bp")

    @classmethod
    def from_dict(cls, content: object) -> FeatureSpec:
        """Read back what `to_dict` gave; ValueError or ConfigError for anything else."""
        values = _object(content, "a feature spec")
        dna, protein = (EncoderUse.from_dict(values[part]) if values.get(part) else None for part in ("dna", "protein"))
        window_bp, windows_bp = values.get("window_bp"), values.get("windows_bp")
        if window_bp is not None:
            window_bp = _whole(window_bp, "window_bp", MAX_WINDOW_BP)
        if windows_bp is not None:
            if not isinstance(windows_bp, (list, tuple)) or len(windows_bp) != 2:
                raise ValueError(f"windows_bp is {windows_bp!r:.100}, not two numbers")
            shortest, longest = (_whole(bound, "windows_bp", MAX_WINDOW_BP) for bound in windows_bp)
            windows_bp = (shortest, longest)
        return cls(window_bp, dna, protein, values.get("rows", "open"), windows_bp)

    def to_dict(self) -> dict[str, Any]:
        """Convert to a JSON object."""
        content = asdict(self)
        return {key: content[key] for key in ("window_bp", "dna", "protein")} | self.additions

    @property
    def additions(self) -> dict[str, Any]:
        """Fields that features of the original VirNucPro lack: `rows` and `windows_bp`, if they are not the default."""
        content: dict[str, Any] = {} if self.rows == "open" else {"rows": self.rows}
        return content if self.windows_bp is None else content | {"windows_bp": list(self.windows_bp)}

    @property
    def layout(self) -> Literal["original", "even"]:
        """How windows are laid over a record: as in the original VirNucPro, or symmetric for both strands."""
        return "original" if self.rows == "open" else "even"

    @property
    def parts(self) -> dict[str, EncoderUse]:
        """Encoders by ``dna`` and ``protein``, in column order."""
        return {name: use for name, use in (("dna", self.dna), ("protein", self.protein)) if use}

    @property
    def width(self) -> int:
        """Numbers per row."""
        return sum(use.width for use in self.parts.values())

    @property
    def modality(self) -> Modality:
        """``both``, ``dna`` or ``protein``."""
        if self.dna and self.protein:
            return "both"
        return "dna" if self.dna else "protein"

    def restricted(self, modality: Modality) -> FeatureSpec:
        """Keep one part, or both."""
        if modality == self.modality:
            return self
        if (modality != "both" and self.modality not in ("both", modality)) or modality == "both" != self.modality:
            raise ConfigError(
                f"modality {modality!r} was asked for, and these features are {self.modality!r} only; ask for that, or "
                "compute features with the other encoder, too"
            )
        return replace(
            self,
            dna=None if modality == "protein" else self.dna,
            protein=None if modality == "dna" else self.protein,
        )

    def columns(self, modality: Modality) -> slice:
        """The columns of a modality."""
        kept = self.restricted(modality)
        start = self.dna.width if self.dna and kept.dna is None else 0
        return slice(start, start + kept.width)

    def require(self, found: FeatureSpec) -> list[str]:
        """Refuse features that were made differently; return what could not be compared."""
        if self.rows != found.rows:
            raise ConfigError(f"features of another kind: rows by the rule {self.rows} needed, {found.rows} found")
        found = found.restricted(self.modality)
        problems, unchecked = [], []
        for part, use in self.parts.items():
            other = found.parts[part]
            if other.width != use.width:
                raise DimensionError(
                    f"{part} features are {other.width} wide (encoder {other.name}), "
                    f"and {use.width} are needed (encoder {use.name})"
                )
            differing, unknown = _compare(part, use.identity, other.identity)
            problems += differing
            unchecked += unknown
        if None in (self.window_bp, found.window_bp):
            unchecked.append("window length")
        elif not self._takes(found.window_bp):
            problems.append(f"window: {self._windows} bp needed, {found.window_bp} bp found")
        if problems:
            raise ConfigError(f"features of another kind: {'; '.join(problems)}")
        return unchecked

    def _takes(self, window_bp: int | None) -> bool:
        """Whether windows of a length are among those that fit."""
        if self.windows_bp is None or window_bp is None:
            return self.window_bp == window_bp
        return self.windows_bp[0] <= window_bp <= self.windows_bp[1]

    @property
    def _windows(self) -> str:
        return f"{self.windows_bp[0]} to {self.windows_bp[1]}" if self.windows_bp else str(self.window_bp)


def _compare(part: str, needed: ModelIdentity | None, found: ModelIdentity | None) -> tuple[list[str], list[str]]:
    """Compare two encoders: what differs, and what could not be compared."""
    if needed is None or found is None:
        return [], [f"{part} encoder"]
    if needed.weights_sha256 and found.weights_sha256:
        problems = [
            f"{part} encoder's {key}: {needed.architecture[key]} needed, {found.architecture[key]} found"
            for key in sorted(needed.architecture.keys() & found.architecture.keys())
            if needed.architecture[key] != found.architecture[key]
        ]
        if needed.weights_sha256 != found.weights_sha256:
            problems.append(
                f"{part} encoder: {needed.name} (weights {needed.weights_sha256[:12]}) needed, "
                f"{found.name} (weights {found.weights_sha256[:12]}) found"
            )
        return problems, []
    if needed.name != found.name and "/" not in needed.name + found.name:  # a path may hold any model
        return [f"{part} encoder: {needed.name} needed, {found.name} found"], []
    return [], [f"weights of the {part} encoder"]


def _object(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} is {value!r:.100}, not an object")
    return value


def _whole(value: object, what: str, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise ValueError(f"{what} is {value!r:.100}, not a whole number from 1 to {most}")
    return value


def _identity(content: object) -> ModelIdentity:
    """Read a model identity; check the type of every value."""
    values = _object(content, "an identity")
    name, revision = values.get("name"), values.get("revision")
    sha256, architecture = values.get("weights_sha256"), values.get("architecture", {})
    molecule = values.get("molecule", Molecule.PROTEIN.value)
    if not isinstance(name, str) or not isinstance(revision, (str, type(None))):
        raise ValueError(f"a model is called {name!r:.100}, revision {revision!r:.100}")
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        raise ValueError(f"weights_sha256 is {sha256!r:.100}, not a digest")
    scalars = (str, int, float, bool, type(None))
    if not isinstance(architecture, dict) or not all(isinstance(value, scalars) for value in architecture.values()):
        raise ValueError(f"an architecture is {architecture!r:.100}")
    if molecule not in list(Molecule):
        raise ValueError(f"molecule is {molecule!r:.100}, not {' or '.join(Molecule)}")
    return ModelIdentity(name, revision, sha256, dict(architecture), Molecule(molecule))
