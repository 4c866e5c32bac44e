"""Genomes in, merged features out: windows, frames, both encoders, one row per frame, part by part."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from virnucpro.errors import ConfigError, InputError
from virnucpro.models.contract import FeatureContract
from virnucpro.models.memory import return_free_memory
from virnucpro.pipeline.frame_encoders import ChosenEncoders
from virnucpro.pipeline.frame_features import FrameEncoders, embed_frames
from virnucpro.pipeline.framing import FramePart, frame_parts
from virnucpro.pipeline.part_files import (
    FrameSettings,
    begin_anew,
    combine_identities,
    part_provenance,
    refuse_parts,
)
from virnucpro.pipeline.sources import Source, identify_sources, read_sources
from virnucpro.records import Counts, Record
from virnucpro.sequences.fasta import sequence_stem
from virnucpro.store.failures import append_failures, replace_failures
from virnucpro.store.merged import LABELS, MERGED_SUFFIX, write_merged
from virnucpro.store.receipts import Provenance, Receipt, State, examine, failure_details, write_result

__all__ = ["FeatureJob", "FeatureReport", "feature_jobs", "make_features"]


@dataclass(frozen=True, eq=False)
class FeatureJob:
    """One input and what its features are made with.

    Attributes
    ----------
    source : Source
        Genomes.
    outdir : Path
        Folder of the parts.
    settings : FrameSettings
        Windows, genetic code, batches.
    label : int or None
        0 host, 1 viral; None for features without labels.
    contract : FeatureContract
        What a row is.
    provenance : Provenance
        Input, encoders, settings.
    """

    source: Source
    outdir: Path
    settings: FrameSettings
    label: int | None
    contract: FeatureContract
    provenance: Provenance

    def part_path(self, number: int) -> Path:
        """Name the file of a part's features.

        Parameters
        ----------
        number : int
            Number of the part, from 1.

        Returns
        -------
        Path
            Whether it exists or not.
        """
        return self.outdir / f"{self._stem}_part{number:04}{MERGED_SUFFIX}"

    def parts_there(self) -> set[Path]:
        """Find the parts of this input's name that are there, whatever run made them.

        Returns
        -------
        set of Path
            Merged features.
        """
        return set(self.outdir.glob(f"{glob.escape(self._stem)}_part{'[0-9]' * 4}*{MERGED_SUFFIX}"))

    @property
    def _stem(self) -> str:
        return sequence_stem(Path(self.source.path.name))


@dataclass(eq=False)
class FeatureReport:
    """What a run came to.

    Attributes
    ----------
    parts, computed_parts, unchecked_parts : int
        Parts in all, those computed in this run, those kept without a receipt.
    windows : dict of str to int
        Windows by outcome.
    counts : Counts
        Frames: read, written, failed.
    """

    parts: int = 0
    computed_parts: int = 0
    unchecked_parts: int = 0
    windows: Counter[str] = field(default_factory=Counter)
    counts: Counts = field(default_factory=Counts)


def feature_jobs(
    sources: Sequence[Source], outdir: Path, settings: FrameSettings, label: str | None, encoders: ChosenEncoders
) -> list[FeatureJob]:
    """Describe what is to be made of every input.

    Parameters
    ----------
    sources : sequence of Source
        Genomes.
    outdir : Path
        Folder of all parts.
    settings : FrameSettings
        Windows, genetic code, batches.
    label : str or None
        ``viral``, ``host``, or none.
    encoders : ChosenEncoders
        Both.

    Returns
    -------
    list of FeatureJob
        In the same order.

    Raises
    ------
    ConfigError
        If two inputs would give parts of one name.
    """
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
            None if label is None else LABELS[label],
            encoders.contract(settings.window_bp, settings.frames),
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
    """Make the merged features of one input; parts that are there, made from just this, are not made again.

    Parameters
    ----------
    job : FeatureJob
        What to do.
    encoders : callable
        Gives the encoders; called only when a part is to be computed.
    on_progress : callable
        Told the bases of every part that is done.
    report : FeatureReport
        Is added to.
    overwrite : bool, default: False
        Make every part anew.

    Raises
    ------
    InputError
        If the input cannot be read, or a record has no id.
    StoreError
        If a part was made from something else, or cannot be written.
    """
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
    details = {"contract": job.contract.to_dict(), "failures": failure_details(features.failures)}
    receipt = Receipt(provenance, counts, details)
    return write_result(
        job.part_path(part.number), lambda stream: write_merged(stream, features.table, job.label), receipt
    )
