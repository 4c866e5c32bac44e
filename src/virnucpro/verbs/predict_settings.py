"""Settings of `predict`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from virnucpro.models.catalog import MINI
from virnucpro.scoring.calibration import Level
from virnucpro.verbs.calling import Calling
from virnucpro.writers.outputs import TableFormat

__all__ = ["PredictSettings"]


@dataclass(frozen=True, slots=True)
class PredictSettings:
    """Settings of `predict`.

    Attributes
    ----------
    classifier : str
        "mini", the packaged classifier, or the file of one.
    dna_model, protein_model : str or None
        Encoders by name, folder or Hugging Face ID; None takes those that the classifier was trained with.
    window_bp : int or None
        Window length in bases; None takes that of the classifier.
    translation_table : int
        NCBI translation table of the ORFs.
    min_length_bp : int
        Shorter sequences are not scored.
    min_score : float or None
        Call a sequence viral from this score on, whatever its length.
    level : {"conservative", "default", "relaxed"}
        Which calibrated thresholds decide.
    max_fdr : float or None
        Call as many sequences viral as keep the estimated false discovery rate at or below this.
    prior : float, "auto" or None
        Expected share of viral sequences; "auto" estimates it from the scores of the input.
    figures : sequence of {"png", "svg", "pdf"}
        Formats in which the figures of the report are also written.
    outputs : collection of str or None
        Which results to write, such as ("calls", "viral"); None takes the default ones.
    table_format : {"tsv", "parquet"}
        Format of the tables of calls, windows and regions; Parquet needs pyarrow.
    class_scores : bool
        A column of probabilities for every class, where the classifier has classes.
    single_windows : bool
        Also list windows of records that have just one.
    device : str
        "auto", "cpu", "cuda", "cuda:1", "mps", ...
    dtype : {"auto", "fp32", "bf16", "fp16"}
        Precision of the encoders.
    max_tokens : int or None
        Tokens per batch of an encoder; None chooses by device memory.
    part_windows : int or None
        Windows per part, the unit of resumption; None chooses by the speed of the device.
    """

    classifier: str = MINI
    dna_model: str | None = None
    protein_model: str | None = None
    window_bp: int | None = None
    translation_table: int = 1
    min_length_bp: int = 100
    min_score: float | None = None
    level: Level = "default"
    max_fdr: float | None = None
    prior: float | Literal["auto"] | None = None
    figures: Sequence[str] = ()
    outputs: Collection[str] | None = None
    table_format: TableFormat = "tsv"
    class_scores: bool = False
    single_windows: bool = False
    device: str = "auto"
    dtype: str = "auto"
    max_tokens: int | None = None
    part_windows: int | None = None

    def check(self) -> None:
        """Refuse what cannot work, before any input is read."""
        Calling.of(self)
