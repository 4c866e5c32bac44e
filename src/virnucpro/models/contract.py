"""What features are: which encoders made them, of windows of which length. A classifier fits one such contract only."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from virnucpro.errors import ConfigError, DimensionError
from virnucpro.records import ModelIdentity

__all__ = ["DNA_WIDTH", "MODALITIES", "EncoderUse", "FeatureContract", "Modality"]

Modality = Literal["both", "dna", "protein"]
MODALITIES: Final[tuple[Modality, ...]] = ("both", "dna", "protein")

DNA_WIDTH = 768
"""Numbers of a DNABERT-S vector: where merged features without a receipt are cut in two."""


@dataclass(frozen=True, slots=True)
class EncoderUse:
    """One encoder's part of a row.

    Attributes
    ----------
    width : int
        Numbers that it contributes.
    identity : ModelIdentity or None
        Which weights; None when nothing says so. An empty digest: the name is known, the weights are not.
    """

    width: int
    identity: ModelIdentity | None = None

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> EncoderUse:
        """Read back what `dataclasses.asdict` gave.

        Parameters
        ----------
        content : dict
            From JSON.

        Returns
        -------
        EncoderUse
            The same; KeyError or TypeError when it is something else.
        """
        identity = content["identity"]
        return cls(int(content["width"]), ModelIdentity(**identity) if identity else None)

    @property
    def name(self) -> str:
        """For messages."""
        return self.identity.name if self.identity else "unknown"


@dataclass(frozen=True, slots=True)
class FeatureContract:
    """What a row of features is; DNA first, protein behind it.

    Attributes
    ----------
    window_bp : int or None
        Bases of the windows that the rows come from; None when nothing says so.
    dna, protein : EncoderUse or None
        Who made which part; None when a row has no such part.
    """

    window_bp: int | None
    dna: EncoderUse | None
    protein: EncoderUse | None

    def __post_init__(self) -> None:
        if self.dna is None and self.protein is None:
            raise ConfigError("features need an encoder: of DNA, of proteins, or both")

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> FeatureContract:
        """Read back what `to_dict` gave.

        Parameters
        ----------
        content : dict
            From JSON.

        Returns
        -------
        FeatureContract
            The same; KeyError or TypeError when it is something else.
        """
        dna, protein = (EncoderUse.from_dict(part) if part else None for part in (content["dna"], content["protein"]))
        return cls(content["window_bp"], dna, protein)

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON takes it.

        Returns
        -------
        dict
            Of plain values.
        """
        return asdict(self)

    @property
    def parts(self) -> dict[str, EncoderUse]:
        """Encoders by ``dna`` and ``protein``, in the order of their numbers in a row."""
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

    @property
    def untrained(self) -> bool:
        """Whether an encoder has weights from a random generator, so that the numbers mean nothing."""
        return any(use.identity is not None and use.identity.untrained for use in self.parts.values())

    def restricted(self, modality: Modality) -> FeatureContract:
        """Keep one part, or both.

        Parameters
        ----------
        modality : {"both", "dna", "protein"}
            What to keep.

        Returns
        -------
        FeatureContract
            Of these columns alone.

        Raises
        ------
        ConfigError
            If the rows have no such part.
        """
        if (modality != "both" and self.modality not in ("both", modality)) or modality == "both" != self.modality:
            raise ConfigError(f"modality {modality!r} was asked for, and these features are {self.modality!r} only")
        return FeatureContract(
            self.window_bp, None if modality == "protein" else self.dna, None if modality == "dna" else self.protein
        )

    def columns(self, modality: Modality) -> slice:
        """Where the numbers of a modality stand in a row.

        Parameters
        ----------
        modality : {"both", "dna", "protein"}
            Which.

        Returns
        -------
        slice
            Of the columns.
        """
        kept = self.restricted(modality)
        start = self.dna.width if self.dna and kept.dna is None else 0
        return slice(start, start + kept.width)

    def require(self, found: FeatureContract) -> list[str]:
        """Refuse features that were made otherwise than this contract says.

        Parameters
        ----------
        found : FeatureContract
            What the features are.

        Returns
        -------
        list of str
            What could not be compared, because one side does not say it.

        Raises
        ------
        ConfigError
            If a part is missing, or windows or encoders differ; names all that does.
        DimensionError
            If a part has another width.
        """
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
        elif self.window_bp != found.window_bp:
            problems.append(f"window: {self.window_bp} bp needed, {found.window_bp} bp found")
        if problems:
            raise ConfigError(f"features of another kind: {'; '.join(problems)}")
        return unchecked


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
