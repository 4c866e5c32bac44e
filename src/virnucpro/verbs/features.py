"""Genomes in, merged features out: windows, frames, both encoders, one row per frame, part by part."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from virnucpro.errors import ConfigError, InputError
from virnucpro.features.merged import LABELS, MERGED_SUFFIX, write_merged
from virnucpro.features.spec import FeatureSpec
from virnucpro.models.memory import return_free_memory
from virnucpro.records import Counts, Record
from virnucpro.runs.failures import append_failures, replace_failures
from virnucpro.runs.manifests import Provenance, Receipt, State, examine, failure_details, write_result
from virnucpro.sequences.fasta import sequence_stem
from virnucpro.verbs.frame_encoders import ChosenEncoders
from virnucpro.verbs.frame_features import FrameEncoders, embed_frames
from virnucpro.verbs.framing import FramePart, frame_parts
from virnucpro.verbs.part_files import (
    FrameSettings,
    begin_anew,
    combine_identities,
    part_provenance,
    refuse_parts,
)
from virnucpro.verbs.sources import Source, identify_sources, read_sources

__all__ = ["FeatureJob", "FeatureReport", "feature_jobs", "make_features"]


@dataclass(frozen=True, eq=False)
class FeatureJob:
    """One input and what its features are made with."""

    source: Source  # genomes
    outdir: Path  # folder of the parts
    settings: FrameSettings  # windows, genetic code, batches
    label: int | None  # 0 host, 1 viral; None for features without labels
    spec: FeatureSpec  # what a row is
    provenance: Provenance  # input, encoders, settings

    def part_path(self, number: int) -> Path:
        """Name the file of a part's features."""
        return self.outdir / f"{self._stem}_part{number:04}{MERGED_SUFFIX}"

    def parts_there(self) -> set[Path]:
        """Find the parts of this input's name that are there, whatever run made them."""
        return set(self.outdir.glob(f"{glob.escape(self._stem)}_part{'[0-9]' * 4}*{MERGED_SUFFIX}"))

    @property
    def _stem(self) -> str:
        return sequence_stem(Path(self.source.path.name))


@dataclass(eq=False)
class FeatureReport:
    """What a run came to."""

    parts: int = 0  # parts in all, those computed in this run, those kept without a receipt
    computed_parts: int = 0  # parts in all, those computed in this run, those kept without a receipt
    unchecked_parts: int = 0  # parts in all, those computed in this run, those kept without a receipt
    windows: Counter[str] = field(default_factory=Counter)  # windows by outcome
    counts: Counts = field(default_factory=Counts)  # frames: read, written, failed


def feature_jobs(
    sources: Sequence[Source], outdir: Path, settings: FrameSettings, label: str | None, encoders: ChosenEncoders
) -> list[FeatureJob]:
    """Describe what is to be made of every input."""
    stems: dict[str, str] = {}
    for source in sources:
        stem = sequence_stem(Path(source.path.name))
        if stem in stems:
            raise ConfigError(
                f"{stems[stem]} and {source.label} would both give {outdir / stem}_part0001{MERGED_SUFFIX}"
            )
        stems[stem] = source.label
    model = combine_identities(encoders.identities)
    decisive = settings.decisive() | {"label": label}
    return [
        FeatureJob(
            source,
            outdir,
            settings,
            None if label is None else LABELS["non-viral" if label == "host" else label],
            encoders.spec(settings.window_bp, settings.frames),
            Provenance(identify_sources([source]), model, decisive),
        )
        for source in sources
    ]


def make_features(
    job: FeatureJob,
    encoders: Callable[[], FrameEncoders],
    on_progress: Callable[[int], None],
    report: FeatureReport,
    overwrite: bool = False,
) -> None:
    """Make the merged features of one input; parts that are there, made from just this, are not made again."""
    if overwrite:
        begin_anew(job.parts_there(), job.outdir, job.source.label)
    records = _with_ids(read_sources([job.source]), job.source.label)
    settings, own, computed = job.settings, set[Path](), 0
    receipts: list[Receipt | None] = []
    for part in frame_parts(records, settings.window_bp, settings.genetic_code, rule=settings.frames):
        report.windows.update(window.outcome.word for window in part.windows)
        on_progress(part.bases)
        if not part.frames:
            continue
        path, wanted = job.part_path(part.number), part_provenance(job.provenance, part)
        own.add(path)
        state, receipt = (State.ABSENT, None) if overwrite else examine(path, wanted)
        if state is State.ABSENT:
            receipt = _write_part(job, part, encoders())
            computed += 1
        report.parts += 1
        report.unchecked_parts += state is State.UNCHECKED
        report.counts += receipt.counts if receipt else Counts()
        receipts.append(receipt)
        del part  # or it would be held while the next one is made
        return_free_memory()
    refuse_parts(job.parts_there() - own)
    report.computed_parts += computed
    known = [receipt.failures for receipt in receipts if receipt]
    if computed and len(known) == len(receipts):  # in file order, and each once, whatever was tried before
        replace_failures(job.outdir, job.source.label, chain.from_iterable(known))


def _with_ids(records: Iterable[Record], file: str) -> Iterator[Record]:
    """Pass records on; rows of one without an id could not be told from those of others when a classifier learns."""
    for record in records:
        if not record.id:
            raise InputError(f"{file}: record {record.number} has no id, which its features would be known by; name it")
        yield record


def _write_part(job: FeatureJob, part: FramePart, encoders: FrameEncoders) -> Receipt:
    """Embed one part and write its file; failures go to the log first."""
    features = embed_frames(part, encoders, job.settings.limits, lambda _: None)
    append_failures(job.outdir, job.source.label, features.failures)
    counts = Counts(len(part.frames), len(features.table), failed=len(features.failures))
    provenance = part_provenance(job.provenance, part)
    details = {"spec": job.spec.to_dict(), "failures": failure_details(features.failures)}
    receipt = Receipt(provenance, counts, details)
    table = features.table
    return write_result(
        job.part_path(part.number), lambda stream: write_merged(stream, table.ids, table.vectors, job.label), receipt
    )
