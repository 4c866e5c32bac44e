"""``embed``: sequence files in, one feature file for each out."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from virnucpro.embedding.embed import embed_tokens
from virnucpro.errors import InputError, shown
from virnucpro.features.vectors import FORMATS, require_catalogue_width
from virnucpro.models.catalog import DEFAULT_MODEL, catalogue_identity
from virnucpro.models.hub import find_architecture, find_checkpoint
from virnucpro.models.placement import Placement, choose_placement
from virnucpro.models.registry import Architecture
from virnucpro.records import Failure, ModelIdentity, Molecule, Record
from virnucpro.runs.distribution import Distribution
from virnucpro.runs.engine import execute
from virnucpro.runs.parts import Arrays, ComputedPart
from virnucpro.runs.plan import Planner
from virnucpro.runs.progress import ProgressCallback
from virnucpro.runs.results import Results
from virnucpro.runs.run import Advance, Job, Outcome, PartInput, Run
from virnucpro.sequences.reading import SequenceFile, sequence_stem
from virnucpro.verbs.encoders import parameters
from virnucpro.verbs.inputs import PathLike, open_inputs, require_molecule
from virnucpro.verbs.part_size import part_of_records
from virnucpro.verbs.window_rows import content, letters

if TYPE_CHECKING:
    from virnucpro.models.encoders import Encoder

__all__ = ["EmbedSettings", "EmbeddingModel", "embed", "embed_run", "embed_sequences"]


HEAVY_TRUNCATION = 0.1
"""Share of truncated sequences above which there is a warning."""

logger = logging.getLogger("virnucpro.embed")


@dataclass(frozen=True, slots=True)
class EmbedSettings:
    """Settings of `embed`.

    Attributes
    ----------
    model : str
        Encoder by name, folder or Hugging Face ID.
    max_residues : int
        Residues or bases of a sequence that are embedded; the rest is cut off.
    max_tokens : int or None
        Tokens per batch of the encoder; None chooses by device memory.
    device : str
        "auto", "cpu", "cuda", "cuda:1", "mps", ...
    dtype : {"auto", "fp32", "bf16", "fp16"}
        Precision of the encoder.
    part_records : int or None
        Sequences per part, the unit of resumption; None chooses by the speed of the device.
    """

    model: str = DEFAULT_MODEL
    max_residues: int = 1024
    max_tokens: int | None = None
    device: str = "auto"
    dtype: str = "auto"
    part_records: int | None = None

    def check(self) -> None:
        """Refuse a device or a model that is not there, before any input is read."""
        choose_placement(self.device, self.dtype)
        find_architecture(self.model)


@dataclass(frozen=True, eq=False)
class EmbeddingModel:
    """An encoder that is read when it is first needed: recognising finished results needs none."""

    identity: ModelIdentity  # what can be told without its weights
    architecture: Architecture
    placement: Placement
    read: Callable[[], Encoder]

    @classmethod
    def named(cls, model: str, placement: Placement) -> EmbeddingModel:
        """Describe a model by its name or path."""
        from virnucpro.models.encoders import encoder_of

        def read() -> Encoder:
            return encoder_of(find_checkpoint(model), placement)

        identity = catalogue_identity(model) or find_checkpoint(model).identity
        return cls(identity, find_architecture(model), placement, read)

    @classmethod
    def loaded(cls, encoder: Encoder) -> EmbeddingModel:
        """Take an encoder that is in memory."""
        return cls(encoder.identity, encoder.architecture, encoder.placement, lambda: encoder)

    @cached_property
    def encoder(self) -> Encoder:
        """The encoder, read once."""
        return self.read()


def embed(
    inputs: PathLike | Sequence[PathLike],
    outdir: PathLike,
    settings: EmbedSettings | None = None,
    *,
    overwrite: bool = False,
    progress: ProgressCallback | None = None,
    stdin: Path | None = None,
    distribution: Distribution | None = None,
) -> list[Outcome]:
    """Turn sequence files into feature files.

    Started again after an interruption, it continues from what is saved; finished results are kept.

    Parameters
    ----------
    inputs : path or sequence of path
        Proteins in FASTA, or nucleotides in FASTA or FASTQ for a DNA encoder; plain or compressed.
    outdir : path
        ``x.faa`` gives ``x_ESM.pt`` (``x_DNABERT_S.pt`` with DNABERT-S) and its manifest ``x_ESM.pt.json``.
    settings : EmbedSettings, optional
        Model, length limit, batch budget, device. By default FastESM2_650.
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
        One for each input, in order.

    Raises
    ------
    InputError
        If an input changes while it is read. One that cannot be read is an outcome of its own.
    ConfigError
        If two inputs would give one result.
    WeightsError
        If weights are missing or damaged.
    StoreError
        If a result was made from something else, or cannot be written.
    """
    settings = settings or EmbedSettings()
    paths = [inputs] if isinstance(inputs, (str, Path)) or not isinstance(inputs, Sequence) else inputs
    model = EmbeddingModel.named(settings.model, choose_placement(settings.device, settings.dtype))
    runs = [
        embed_run(source, Path(outdir) / f"{sequence_stem(source.path)}{model.architecture.suffix}", model, settings)
        for source in open_inputs(paths, SequenceFile, stdin)
    ]
    unit = "aa" if model.architecture.molecule is Molecule.PROTEIN else "b"
    return execute(runs, overwrite=overwrite, progress=progress, distribution=distribution, unit=unit)


def embed_run(source: SequenceFile, target: Path, model: EmbeddingModel, settings: EmbedSettings) -> Run:
    """Describe the embedding of one file."""
    decisive = _decisive(settings, model)
    job = _Embedding(source.label, target.name, model, settings)
    role = model.architecture.molecule.value
    return Run(
        target.name,
        [source],
        target.parent,
        f"{target.name}.json",
        [target.name],
        {role: model.identity},
        decisive,
        job,
        rebuild=partial(_rebuilt, settings),
    )


def _decisive(settings: EmbedSettings, model: EmbeddingModel) -> Mapping[str, Any]:
    """Say what changes the numbers."""
    return {"max_residues": settings.max_residues, "dtype": model.placement.dtype_name}


def _rebuilt(settings: EmbedSettings, device: str) -> tuple[Job, Mapping[str, Any]]:
    """Make the job of a worker, which computes parts of any input."""
    model = EmbeddingModel.named(settings.model, choose_placement(device, settings.dtype))
    return _Embedding("", "", model, settings), _decisive(settings, model)


@dataclass(frozen=True, eq=False)
class EmbeddedSequences:
    """Vectors of some records, and why others have none."""

    rows: NDArray[np.int64]  # (n,) which of the records, ascending
    vectors: NDArray[np.float32]  # (n, width)
    failures: tuple[Failure, ...]  # `number` is the record's place, from 0
    counts: Mapping[str, int]
    replaced: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 2), np.int64))  # record, letters


def embed_sequences(
    encoder: Encoder, records: Sequence[Record], settings: EmbedSettings, on_residues: Advance = lambda _: None
) -> EmbeddedSequences:
    """Embed records that fit in memory together."""
    tokens = encoder.tokenise([record.sequence for record in records], settings.max_residues)

    def told(rows: NDArray[np.int64]) -> None:
        on_residues(int(tokens.residues[rows].sum()))

    embedded = embed_tokens(encoder, tokens.ragged, settings.max_tokens, told)
    failed = dict(embedded.failures)
    failed |= {row: ("NoID", "its header has no ID") for row, record in enumerate(records) if not record.id}
    rows = np.setdiff1d(np.arange(len(records)), np.fromiter(failed, np.int64, len(failed)))
    failures = tuple(
        Failure(row, records[row].id or f"record {records[row].number}", *reason)
        for row, reason in sorted(failed.items())
    )
    counts = {
        "read": len(records),
        "written": len(rows),
        "failed": len(failed),
        "truncated": int(tokens.truncated[rows].sum()),
        "residues": int(tokens.residues[rows].sum()),
    }
    changed = rows[tokens.replaced[rows] > 0]
    replaced = np.stack((changed, tokens.replaced[changed]), axis=1)
    return EmbeddedSequences(rows, embedded.vectors[rows], failures, counts, replaced)


@dataclass(eq=False)
class _Embedding:
    """The job behind `embed`, of one input."""

    label: str
    result: str
    model: EmbeddingModel
    settings: EmbedSettings

    def check(self, label: str, sample: Sequence[Record]) -> list[str]:
        if not sample:
            raise InputError(f"{shown(label)}: holds no sequences")
        needed = self.model.architecture.molecule
        advice = {
            Molecule.PROTEIN: "a protein model reads A, C, G and T as amino acids; for DNA use --model dnabert-s",
            Molecule.DNA: "for proteins use --model fastesm2-650",
        }
        return require_molecule(label, sample, needed, advice[needed])

    def planner(self) -> Planner:
        identity = self.model.identity
        size = part_of_records(self.model.placement, 2 * parameters(identity.name), self.settings.part_records)
        return Planner(lambda _: 1, size)

    def content(self, record: Record) -> tuple[bytes, bytes]:
        return content(record)

    def letters(self, record: Record) -> int:
        return min(letters(record), self.settings.max_residues)

    def id_of(self, record: Record) -> str:
        return record.id

    def resolve(self) -> dict[str, ModelIdentity]:
        return {self.model.architecture.molecule.value: self.model.encoder.identity}

    def compute(self, given: PartInput, advance: Advance) -> ComputedPart:
        """Embed the records of a part."""
        told = 0

        def tell(residues: int) -> None:
            nonlocal told
            residues = min(residues, given.part.letters - told)
            told += residues
            advance(residues)

        require_catalogue_width(self.model.identity, self.model.encoder.width)
        found = embed_sequences(self.model.encoder, given.records, self.settings, tell)
        advance(given.part.letters - told)
        arrays: Arrays = {"rows": found.rows.astype(np.int32), "vectors": found.vectors, "replaced": found.replaced}
        return ComputedPart(arrays, found.failures, found.counts)

    def collect(self, parts: Iterable[tuple[PartInput, ComputedPart]], results: Results) -> dict[str, Any]:
        """Write the feature file; vectors pass through a temporary file, not through memory."""
        encoder = self.model.encoder
        ids: list[str] = []
        replaced: list[tuple[int, str, int]] = []
        first_failure, read, truncated = "", 0, 0
        with tempfile.TemporaryFile(dir=results.scratch) as spool:
            for given, computed in parts:
                arrays, read = computed.arrays, read + len(given.records)
                truncated += (computed.counts or {}).get("truncated", 0)
                ids += [given.records[row].id for row in arrays["rows"].tolist()]
                spool.write(arrays["vectors"].tobytes())
                for row, count in arrays["replaced"].tolist():
                    replaced.append((given.part.first_record + row + 1, given.records[row].id, count))
                if computed.failures and not first_failure:
                    failure = computed.failures[0]
                    number = given.part.first_record + failure.number + 1
                    first_failure = f"the first (record {number}, {failure.id}): {failure.message}"
            if not ids:
                raise InputError(
                    f"{shown(self.label)}: none of its {read} sequences could be embedded; {shown(first_failure)}"
                )
            if truncated > HEAVY_TRUNCATION * len(ids):
                logger.warning(
                    "%s: %s of %s sequences (%.0f %%) are longer than %s letters; the rest is not used. Raise "
                    "--max-residues to use more", self.label, f"{truncated:,}", f"{len(ids):,}",
                    100 * truncated / len(ids), f"{self.settings.max_residues:,}",
                )  # fmt: skip
            spool.flush()
            vectors = np.memmap(spool, np.float32, "r", shape=(len(ids), encoder.width))
            FORMATS[encoder.architecture.layout].write(results.open(self.result), ids, vectors)
        return {"device": encoder.placement.describe(), "replaced_residues": [list(row) for row in replaced]}
