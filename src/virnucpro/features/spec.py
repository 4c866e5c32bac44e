"""What features are: which encoders made them, of windows of which length. A classifier fits one such contract only."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

from virnucpro.errors import ConfigError, DimensionError
from virnucpro.records import ModelIdentity
from virnucpro.sequences.frame_rules import FINDER_OF_RULE, FrameRule

__all__ = ["DNA_WIDTH", "LENGTH_NUMBERS", "MODALITIES", "EncoderUse", "FeatureContract", "Modality"]

Modality = Literal["both", "dna", "protein"]
MODALITIES: Final[tuple[Modality, ...]] = ("both", "dna", "protein")

DNA_WIDTH = 768
"""Numbers of a DNABERT-S vector: where merged features without a receipt are cut in two."""

LENGTH_NUMBERS = 2
"""Of the window, and of the stretch's share of it: the last numbers of a row by the rule ``longest``."""


@dataclass(frozen=True, slots=True)
class EncoderUse:
    """One encoder's part of a row."""

    width: int  # numbers that it contributes
    # which weights; None when nothing says so. An empty digest: the name is known, the weights are not
    identity: ModelIdentity | None = None

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> EncoderUse:
        """Read back what `dataclasses.asdict` gave."""
        identity = content["identity"]
        return cls(int(content["width"]), ModelIdentity(**identity) if identity else None)

    @property
    def name(self) -> str:
        """For messages."""
        return self.identity.name if self.identity else "unknown"


@dataclass(frozen=True, slots=True)
class FeatureContract:
    """What a row of features is; DNA first, protein behind it, then the lengths where the rule has them."""

    window_bp: int | None  # bases of the windows that the rows come from; None when nothing says so
    dna: EncoderUse | None  # who made which part; None when a row has no such part
    protein: EncoderUse | None  # who made which part; None when a row has no such part
    frames: FrameRule = "open"  # by which rule windows become rows
    # fewest and most bases of a window that a classifier takes; None: just `window_bp`
    windows_bp: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.dna is None and self.protein is None:
            raise ConfigError("features need an encoder: of DNA, of proteins, or both")
        if self.frames not in FINDER_OF_RULE:
            raise ConfigError(f"frames by the rule {self.frames!r}; known are {', '.join(FINDER_OF_RULE)}")
        if self.windows_bp is not None:
            shortest, longest = self.windows_bp
            if self.window_bp is None or not 1 <= shortest <= self.window_bp <= longest:
                raise ConfigError(f"windows of {self.window_bp} bp, but of {shortest} to {longest} bp")

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> FeatureContract:
        """Read back what `to_dict` gave."""
        dna, protein = (EncoderUse.from_dict(part) if part else None for part in (content["dna"], content["protein"]))
        windows_bp = content.get("windows_bp")
        if windows_bp is not None:
            shortest, longest = map(int, windows_bp)
            windows_bp = (shortest, longest)
        return cls(content["window_bp"], dna, protein, content.get("frames", "open"), windows_bp)

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON takes it."""
        content = asdict(self)
        return {key: content[key] for key in ("window_bp", "dna", "protein")} | self.additions

    @property
    def additions(self) -> dict[str, Any]:
        """What VirNucPro's own contracts do not have: `frames` and `windows_bp`, where they are not the default."""
        content: dict[str, Any] = {} if self.frames == "open" else {"frames": self.frames}
        return content if self.windows_bp is None else content | {"windows_bp": list(self.windows_bp)}

    @property
    def parts(self) -> dict[str, EncoderUse]:
        """Encoders by ``dna`` and ``protein``, in the order of their numbers in a row."""
        return {name: use for name, use in (("dna", self.dna), ("protein", self.protein)) if use}

    @property
    def width(self) -> int:
        """Numbers per row."""
        return sum(use.width for use in self.parts.values()) + self.length_numbers

    @property
    def length_numbers(self) -> int:
        """Numbers of a row that are lengths, behind those of the encoders."""
        return LENGTH_NUMBERS if self.frames == "longest" else 0

    @property
    def modality(self) -> Modality:
        """``both``, ``dna`` or ``protein``."""
        if self.dna and self.protein:
            return "both"
        return "dna" if self.dna else "protein"

    def restricted(self, modality: Modality) -> FeatureContract:
        """Keep one part, or both."""
        if modality == self.modality:
            return self
        if self.length_numbers:
            raise ConfigError(f"modality {modality!r} was asked for, and rows with lengths are taken whole")
        if (modality != "both" and self.modality not in ("both", modality)) or modality == "both" != self.modality:
            raise ConfigError(f"modality {modality!r} was asked for, and these features are {self.modality!r} only")
        return replace(
            self,
            dna=None if modality == "protein" else self.dna,
            protein=None if modality == "dna" else self.protein,
        )

    def columns(self, modality: Modality) -> slice:
        """Where the numbers of a modality stand in a row."""
        kept = self.restricted(modality)
        start = self.dna.width if self.dna and kept.dna is None else 0
        return slice(start, start + kept.width)

    def require(self, found: FeatureContract) -> list[str]:
        """Refuse features that were made otherwise than this contract says."""
        if self.frames != found.frames:  # other rows, of another width
            raise ConfigError(f"features of another kind: frames by rule {self.frames} needed, {found.frames} found")
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
        """Whether windows of a length are among those that are fit."""
        if self.windows_bp is None or window_bp is None:
            return self.window_bp == window_bp
        return self.windows_bp[0] <= window_bp <= self.windows_bp[1]

    @property
    def _windows(self) -> str:
        return f"{self.windows_bp[0]} to {self.windows_bp[1]}" if self.windows_bp else str(self.window_bp)


def _compare(part: str, needed: ModelIdentity | None, found: ModelIdentity | None) -> tuple[list[str], list[str]]:
    """Compare two encoders: what differs, and what cannot be told."""
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
