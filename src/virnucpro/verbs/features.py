"""``features``: genomes in, merged features out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from virnucpro.errors import ConfigError, InputError, shown
from virnucpro.features.merged import LABELS, MERGED_SUFFIX, write_merged
from virnucpro.features.spec import FeatureSpec
from virnucpro.models.catalog import DEFAULT_DNA_MODEL, DEFAULT_MODEL
from virnucpro.models.placement import choose_placement
from virnucpro.records import ModelIdentity, Molecule, Record
from virnucpro.runs.distribution import Distribution
from virnucpro.runs.engine import execute
from virnucpro.runs.parts import Arrays, ComputedPart
from virnucpro.runs.plan import Planner
from virnucpro.runs.progress import ProgressCallback
from virnucpro.runs.results import Results
from virnucpro.runs.run import Advance, Job, Outcome, PartInput, Run
from virnucpro.sequences.orfs import FRAME_NAMES, WHOLE_WINDOW, RowRule
from virnucpro.sequences.reading import SequenceFile, sequence_stem
from virnucpro.verbs.encoders import ChosenEncoders
from virnucpro.verbs.inputs import PathLike, open_inputs, require_molecule
from virnucpro.verbs.part_size import part_of_windows
from virnucpro.verbs.window_rows import WindowSettings, content, embed_rows, letters

__all__ = ["FeatureSettings", "extract_features"]

ROWS_IN_A_FILE: Final = 10_000
"""As in the original VirNucPro."""


@dataclass(frozen=True, slots=True)
class FeatureSettings:
    """Settings of `extract_features`.

    Attributes
    ----------
    label : {"viral", "non-viral"} or None
        Class of every sequence, for training; None where it is not known.
    dna_model, protein_model : str or None
        Encoders by name, folder or Hugging Face ID; None leaves one out.
    window_bp : int
        Window length in bases.
    rows : RowRule
        Which rows a window gives.
    translation_table : int
        NCBI translation table of the ORFs.
    device : str
        "auto", "cpu", "cuda", "cuda:1", "mps", ...
    dtype : {"auto", "fp32", "bf16", "fp16"}
        Precision of the encoders.
    max_tokens : int or None
        Tokens per batch of an encoder; None chooses by device memory.
    part_windows : int or None
        Windows per part, the unit of resumption; None chooses by the speed of the device.
    """

    label: str | None = None
    dna_model: str | None = DEFAULT_DNA_MODEL
    protein_model: str | None = DEFAULT_MODEL
    window_bp: int = 500
    rows: RowRule = "open"
    translation_table: int = 1
    device: str = "auto"
    dtype: str = "auto"
    max_tokens: int | None = None
    part_windows: int | None = None

    def check(self) -> ChosenEncoders:
        """Check the settings before any input is read; return the encoders."""
        if self.label is not None and self.label not in LABELS:
            raise ConfigError(f"label {self.label!r} is not one of {', '.join(LABELS)}")
        names = {"dna": self.dna_model, "protein": self.protein_model}
        placement = choose_placement(self.device, self.dtype)
        return ChosenEncoders({role: name for role, name in names.items() if name}, placement)


def extract_features(
    inputs: PathLike | Sequence[PathLike],
    outdir: PathLike,
    settings: FeatureSettings | None = None,
    *,
    overwrite: bool = False,
    progress: ProgressCallback | None = None,
    stdin: Path | None = None,
    distribution: Distribution | None = None,
) -> list[Outcome]:
    """Make merged features of genomes, to train a classifier on.

    Started again after an interruption, it continues from what is saved; finished results are kept.

    Parameters
    ----------
    inputs : path or sequence of path
        FASTA or FASTQ files, plain or compressed.
    outdir : path
        ``x.fna`` gives ``x_part0001_merged.pt`` and so on, 10,000 rows each at most, and ``x_features.json``.
    settings : FeatureSettings, optional
        Encoders, windows, label, device.
    overwrite : bool, default: False
        Recompute everything, ignoring existing results.
    progress : callable, optional
        Called with a `Progress` after every batch.
    stdin : path, optional
        The input that messages call "-".
    distribution : Distribution, optional
        Shards, devices and workers. By default this process computes everything.

    Returns
    -------
    list of Outcome
        One for each input.

    Raises
    ------
    InputError
        If an input changes while it is read. One that cannot be read is an outcome of its own.
    ConfigError
        If an encoder reads the other kind of sequence, or two inputs would give results of one name.
    WeightsError
        If weights are missing or damaged.
    StoreError
        If the folder holds results of something else, or cannot be written.
    """
    settings = settings or FeatureSettings()
    paths = [inputs] if isinstance(inputs, (str, Path)) or not isinstance(inputs, Sequence) else inputs
    chosen = settings.check()
    sources = open_inputs(paths, SequenceFile, stdin)
    runs = [_run(source, Path(outdir), settings, chosen) for source in sources]
    return execute(runs, overwrite=overwrite, progress=progress, distribution=distribution)


def _run(source: SequenceFile, outdir: Path, settings: FeatureSettings, chosen: ChosenEncoders) -> Run:
    stem = sequence_stem(source.path)
    job, described = _job(stem, source.label, settings, chosen)
    first = f"{stem}_part0001{MERGED_SUFFIX}"
    return Run(
        f"{stem}_features", [source], outdir, f"{stem}_features.json", [first], chosen.identities, described, job,
        rebuild=partial(_rebuilt, settings),
    )  # fmt: skip


def _job(
    stem: str, label: str, settings: FeatureSettings, chosen: ChosenEncoders
) -> tuple[_Features, Mapping[str, Any]]:
    """Make the job of an input, and say what changes its numbers."""
    spec = chosen.spec(FeatureSpec(settings.window_bp, *_nobody(chosen), settings.rows), chosen.identities)
    windowing = WindowSettings(settings.window_bp, settings.rows, settings.translation_table, spec.layout)
    described = {
        "window_bp": settings.window_bp, "rows": settings.rows, "translation_table": settings.translation_table,
        "label": settings.label, "dtype": chosen.placement.dtype_name,
    }  # fmt: skip
    return _Features(stem, label, settings, chosen, windowing), described


def _rebuilt(settings: FeatureSettings, device: str) -> tuple[Job, Mapping[str, Any]]:
    """Make the job of a worker, which computes parts of any input."""
    settings = replace(settings, device=device)
    return _job("", "", settings, settings.check())


def _nobody(chosen: ChosenEncoders) -> tuple[Any, Any]:
    """Encoder uses without identities, one per chosen role."""
    from virnucpro.features.spec import EncoderUse

    dna, protein = (EncoderUse(chosen.width(role)) if role in chosen.names else None for role in ("dna", "protein"))
    return dna, protein


@dataclass(eq=False)
class _Features:
    """The job behind `extract_features`, of one input."""

    stem: str
    label: str
    settings: FeatureSettings
    chosen: ChosenEncoders
    windowing: WindowSettings

    def check(self, label: str, sample: Sequence[Record]) -> list[str]:
        return require_molecule(label, sample, Molecule.DNA, "'virnucpro embed' reads proteins")

    def planner(self) -> Planner:
        size = part_of_windows(
            self.chosen.placement, self.chosen.flop_per_token(), self.settings.window_bp, self.settings.part_windows
        )
        return self.windowing.planner(size)

    def content(self, record: Record) -> tuple[bytes, bytes]:
        if not record.id:
            raise InputError(f"{shown(self.label)}: record {record.number} has no ID, which features need; give it one")
        return content(record)

    def letters(self, record: Record) -> int:
        return letters(record)

    def id_of(self, record: Record) -> str:
        return record.id

    def resolve(self) -> Mapping[str, ModelIdentity]:
        return self.chosen.resolve()

    def compute(self, given: PartInput, advance: Advance) -> ComputedPart:
        """Embed every row of the part's windows."""
        embedded = embed_rows(given, self.windowing, self.chosen, self.settings.max_tokens, advance)
        rows, kept, windows = embedded.rows, embedded.kept, embedded.windows
        of_row = rows.window_rows[kept]
        arrays: Arrays = {
            "vectors": embedded.vectors,
            "records": windows.record_rows[of_row].astype(np.int32),
            "windows": windows.numbers[of_row].astype(np.int32),
            "frames": rows.frames[kept],
            "window_bp": (windows.ends - windows.starts)[of_row].astype(np.int32),
        }
        counts = {"rows": len(kept), "failed_rows": len(embedded.failures), "windows": len(windows)}
        return ComputedPart(arrays, embedded.failures, counts)

    def collect(self, parts: Iterable[tuple[PartInput, ComputedPart]], results: Results) -> dict[str, Any]:
        """Write files of 10,000 rows, each with a description of its rows."""
        identities = self.chosen.resolve()
        spec = self.chosen.spec(
            FeatureSpec(self.windowing.window_bp, *_nobody(self.chosen), self.windowing.rows), identities
        )
        waiting = _Rows.of([])
        written = 0
        for given, computed in parts:
            waiting = _Rows.of(
                [waiting, _Rows(_row_ids(given, computed), computed.arrays["vectors"], computed.arrays["window_bp"])]
            )
            while len(waiting.ids) >= ROWS_IN_A_FILE:
                written += 1
                self._write(results, written, waiting[:ROWS_IN_A_FILE], spec)
                waiting = waiting[ROWS_IN_A_FILE:]
        if waiting.ids:
            written += 1
            self._write(results, written, waiting, spec)
        if not written:
            raise InputError(f"{shown(self.label)}: no window has a row, so there are no features")
        return {"spec": spec.to_dict(), "device": self.chosen.placement.describe()}

    def _write(self, results: Results, number: int, rows: _Rows, spec: FeatureSpec) -> None:
        name = f"{self.stem}_part{number:04}{MERGED_SUFFIX}"
        label = None if self.settings.label is None else LABELS[self.settings.label]
        write_merged(results.open(name), rows.ids, rows.vectors, label, rows.window_bp)
        about = {"format": 2, "input": self.label, "rows": len(rows.ids), "spec": spec.to_dict()}
        results.open(f"{name}.json").write((json.dumps(about, indent=1) + "\n").encode())


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows to be written."""

    ids: list[str]
    vectors: NDArray[np.float32]  # (n, width)
    window_bp: NDArray[np.int32]  # (n,)

    def __getitem__(self, rows: slice) -> _Rows:
        return _Rows(self.ids[rows], self.vectors[rows], self.window_bp[rows])

    @classmethod
    def of(cls, parts: Sequence[_Rows]) -> _Rows:
        """Concatenate rows."""
        parts = [part for part in parts if part.ids]
        if not parts:
            return cls([], np.empty((0, 0), np.float32), np.empty(0, np.int32))
        vectors, window_bp = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("vectors", "window_bp")
        )
        return cls([id_ for part in parts for id_ in part.ids], vectors, window_bp)


def _row_ids(given: PartInput, computed: ComputedPart) -> list[str]:
    """Row IDs, ``{record}_chunk_{window}{frame}``, as in the original VirNucPro."""
    arrays = computed.arrays
    columns = zip(arrays["records"].tolist(), arrays["windows"].tolist(), arrays["frames"].tolist(), strict=True)
    return [
        f"{given.records[record].id}_chunk_{window}{'' if frame == WHOLE_WINDOW else FRAME_NAMES[frame]}"
        for record, window, frame in columns
    ]
