"""``predict``: reads and contigs in, a call for every one of them out."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from virnucpro.errors import ConfigError
from virnucpro.features.classifier import Classifier, load_classifier, packaged_classifier
from virnucpro.models.catalog import MINI
from virnucpro.models.classifier import CLASSES
from virnucpro.models.placement import choose_placement
from virnucpro.records import ModelIdentity, Molecule, Record
from virnucpro.runs.engine import execute
from virnucpro.runs.parts import Arrays, ComputedPart
from virnucpro.runs.plan import PartSize, Planner
from virnucpro.runs.progress import ProgressCallback
from virnucpro.runs.results import Results
from virnucpro.runs.run import Advance, Outcome, PartInput, Run
from virnucpro.scoring.calibration import Level
from virnucpro.scoring.calls import call_records
from virnucpro.scoring.prior import MIN_RECORDS, ScoreHistogram
from virnucpro.scoring.regions import Regions, find_regions
from virnucpro.scoring.rule import DEFAULT_PRIOR, CallRule, choose_rule
from virnucpro.sequences.reading import SequenceFile
from virnucpro.verbs.encoders import ChosenEncoders
from virnucpro.verbs.inputs import PathLike, open_inputs, require_molecule
from virnucpro.verbs.part_size import part_of_windows
from virnucpro.verbs.whole_records import whole_records
from virnucpro.verbs.window_rows import WindowSettings, content, embed_rows, letters
from virnucpro.writers.bed import RegionsBed
from virnucpro.writers.calls import CallsTable
from virnucpro.writers.fasta import ProvirusFasta, ViralFasta
from virnucpro.writers.legacy import LegacyTables
from virnucpro.writers.regions import RegionsTable
from virnucpro.writers.report import ReportFacts, SampleReport, settings_in_words, write_report
from virnucpro.writers.report.figures import draw_figures, figure_names
from virnucpro.writers.writer import CalledRecords, Writer

__all__ = ["PredictSettings", "Prediction", "predict"]

MANIFEST = "run.json"
REGION_FILES = ("regions.tsv", "regions.bed", "regions.fasta")
REPORT = "report.html"

logger = logging.getLogger("virnucpro.predict")


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
    regions : bool
        Write viral regions and proviruses, where the classifier is calibrated.
    class_scores : bool
        A column of probabilities for every class, where the classifier has classes.
    legacy_output : bool
        Also write VirNucPro's two result files.
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
    regions: bool = True
    class_scores: bool = False
    legacy_output: bool = False
    device: str = "auto"
    dtype: str = "auto"
    max_tokens: int | None = None
    part_windows: int | None = None

    def check(self) -> None:
        """Refuse what cannot work, before any input is read."""
        _Prediction.of(self)


@dataclass(frozen=True, eq=False)
class Prediction:
    """What `predict` did."""

    outcome: Outcome
    outdir: Path
    device: str  # and number format

    @property
    def counts(self) -> Mapping[str, Any]:
        """Records by call and status, windows by status, rows; empty when nothing was written."""
        return self.outcome.manifest.counts if self.outcome.manifest else {}


def predict(
    inputs: PathLike | Sequence[PathLike],
    outdir: PathLike,
    settings: PredictSettings | None = None,
    *,
    overwrite: bool = False,
    progress: ProgressCallback | None = None,
    stdin: Path | None = None,
    command: str = "",
) -> Prediction:
    """Call every record of FASTA or FASTQ files viral or non-viral.

    Started again after an interruption, it continues from what is saved; finished results are kept.

    Parameters
    ----------
    inputs : path or sequence of path
        Reads or contigs, plain or compressed with gz, bz2, xz or zst.
    outdir : path
        Folder for ``calls.tsv`` (one row per record, in input order), ``viral.fasta``, ``regions.tsv``,
        ``regions.bed``, ``regions.fasta``, ``report.html`` and ``run.json``, which is written last.
    settings : PredictSettings, optional
        Classifier, encoders, windows, thresholds, device. By default the packaged ``mini``.
    overwrite : bool, default: False
        Recompute everything, ignoring existing results.
    progress : callable, optional
        Called with a `Progress` after every batch.
    stdin : path, optional
        The input that messages call "-".
    command : str, optional
        The command line, for the report.

    Returns
    -------
    Prediction
        Counts, and what was computed or skipped.

    Raises
    ------
    InputError
        If an input cannot be read, or changes while it is read.
    ConfigError
        If settings exclude each other or do not suit the classifier.
    WeightsError
        If weights are missing or damaged.
    StoreError
        If the folder holds results of something else, or cannot be written.

    Examples
    --------
    >>> from virnucpro import predict
    >>> done = predict("contigs.fasta", "calls")  # doctest: +SKIP
    >>> done.counts["calls"]  # doctest: +SKIP
    {'viral': 12, 'non-viral': 88, 'not_scored': 0}
    """
    settings = settings or PredictSettings()
    paths = [inputs] if isinstance(inputs, (str, Path)) or not isinstance(inputs, Sequence) else inputs
    job = _Prediction.of(settings)
    sources = open_inputs(paths, SequenceFile, stdin)
    job.command, job.sources = command, sources
    results = ["calls.tsv", "viral.fasta", REPORT, *figure_names(settings.figures)]
    results += REGION_FILES if job.finds_regions else ()
    results += LegacyTables.NAMES if settings.legacy_output else ()
    run = Run(
        "calls", sources, Path(outdir), MANIFEST, results, job.models(job.chosen.identities), job.described(), job,
        output_settings=job.shown(),
        keep_parts=True,
        also_read=[] if settings.classifier == MINI else [Path(settings.classifier)],
    )  # fmt: skip
    (outcome,) = execute([run], overwrite=overwrite, strict=True, progress=progress)
    return Prediction(outcome, Path(outdir), job.chosen.placement.describe())


@dataclass(eq=False)
class _Prediction:
    """The job behind `predict`."""

    settings: PredictSettings
    classifier: Classifier
    rule: CallRule
    chosen: ChosenEncoders
    windowing: WindowSettings
    unchecked: list[str] = field(default_factory=list)  # what of the encoders could not be compared
    command: str = ""
    sources: Sequence[SequenceFile] = ()

    @classmethod
    def of(cls, settings: PredictSettings) -> _Prediction:
        """Check everything that can be wrong before any input is read."""
        classifier = packaged_classifier() if settings.classifier == MINI else load_classifier(settings.classifier)
        prior = DEFAULT_PRIOR if settings.prior == "auto" else settings.prior
        rule = choose_rule(classifier.calibration, prior, settings.min_score, settings.level, settings.max_fdr)
        spec = classifier.spec
        given = {"dna": settings.dna_model, "protein": settings.protein_model}
        for role in given:
            if given[role] and role not in spec.parts:
                raise ConfigError(f"{classifier.name} uses no {role} model; leave --{role}-model out")
        names = {role: given[role] or use.name for role, use in spec.parts.items()}
        chosen = ChosenEncoders(names, choose_placement(settings.device, settings.dtype))
        window_bp = settings.window_bp or spec.window_bp
        if window_bp is None:
            raise ConfigError(f"{classifier.name} does not record its window length; add --window")
        windowing = WindowSettings(
            window_bp, spec.rows, settings.translation_table, spec.layout, settings.min_length_bp
        )
        job = cls(settings, classifier, rule, chosen, windowing)
        job.require(chosen.identities)
        return job

    @property
    def finds_regions(self) -> bool:
        """Whether there are region files: without a calibration, windows say nothing of runs of them."""
        return self.settings.regions and self.rule.calibration is not None

    def require(self, identities: Mapping[str, ModelIdentity]) -> list[str]:
        """Refuse encoders that the classifier was not trained with; say what could not be compared."""
        found = self.chosen.spec(self.classifier.spec, identities)
        return self.classifier.require(replace(found, window_bp=self.windowing.window_bp))

    def models(self, identities: Mapping[str, ModelIdentity]) -> dict[str, ModelIdentity]:
        """Everything that scores depend on, by role."""
        return {**identities, "classifier": ModelIdentity(self.classifier.name, None, self.classifier.sha256)}

    def described(self) -> dict[str, Any]:
        """What changes the scores."""
        windowing = self.windowing
        return {
            "window_bp": windowing.window_bp,
            "rows": windowing.rows,
            "translation_table": windowing.translation_table,
            "min_length_bp": windowing.min_length_bp,
            "dtype": self.chosen.placement.dtype_name,
        }

    def shown(self) -> dict[str, Any]:
        """What changes only how results show the scores."""
        names = ("legacy_output", "class_scores")
        regions = {"regions": self.finds_regions}
        prior = {"prior": "auto"} if self.settings.prior == "auto" else {}
        return (
            self.rule.describe()
            | prior
            | regions
            | {name: getattr(self.settings, name) for name in names}
            | {"figures": list(self.settings.figures)}
        )

    def check(self, label: str, sample: Sequence[Record]) -> list[str]:
        return require_molecule(label, sample, Molecule.DNA, "'virnucpro embed' reads proteins")

    def planner(self) -> Planner:
        return self.windowing.planner(self._size())

    def _size(self) -> PartSize:
        return part_of_windows(
            self.chosen.placement, self.chosen.flop_per_token(), self.windowing.window_bp, self.settings.part_windows
        )

    def content(self, record: Record) -> tuple[bytes, bytes]:
        return content(record)

    def letters(self, record: Record) -> int:
        return letters(record)

    def id_of(self, record: Record) -> str:
        return record.id

    def resolve(self) -> dict[str, ModelIdentity]:
        identities = self.chosen.resolve()
        self.unchecked = self.require(identities)
        return self.models(identities)

    def compute(self, given: PartInput, advance: Advance) -> ComputedPart:
        """Score every row of the part's windows."""
        embedded = embed_rows(given, self.windowing, self.chosen, self.settings.max_tokens, advance)
        rows, kept = embedded.rows, embedded.kept
        scored = self.classifier.score_rows(embedded.vectors)
        arrays: Arrays = {
            "status": rows.status,
            "row_windows": rows.window_rows[kept].astype(np.int32),
            "frames": rows.frames[kept],
            "scores": scored.scores,
            "log_odds": scored.log_odds,
            "classes": scored.classes,
        }
        return ComputedPart(arrays, embedded.failures, {"rows": len(kept), "failed_rows": len(embedded.failures)})

    def collect(self, parts: Iterable[tuple[PartInput, ComputedPart]], results: Results) -> dict[str, Any]:
        """Write every table in one pass; an estimate of the prior needs another pass before it."""
        rule = replace(self.rule, prior=self._estimated_prior(parts)) if self.settings.prior == "auto" else self.rule
        calls: Counter[str] = Counter()
        statuses: Counter[str] = Counter()
        kinds: Counter[str] = Counter()
        report = self._report()
        with ExitStack() as stack:
            writers = [stack.enter_context(writer) for writer in (*self._writers(results), report)]
            for called in self._called(parts, rule):
                calls.update(called.calls.call.tolist())
                statuses.update(called.calls.status.tolist())
                kinds.update(called.regions.kind.tolist())
                for writer in writers:
                    writer.write(called)
        self._write_report(report, rule, results)
        counts = {"records": calls.total(), "calls": dict(calls), "statuses": dict(statuses)}
        return {
            "counts": counts | ({"regions": dict(kinds)} if self.finds_regions else {}),
            "device": self.chosen.placement.describe(),
            "prior": rule.prior,
            "classifier": self.classifier.training,
            "not_checked": self.unchecked,
        }

    def _called(self, parts: Iterable[tuple[PartInput, ComputedPart]], rule: CallRule) -> Iterator[CalledRecords]:
        """Call all records, in file order."""
        for records, scored in whole_records(parts, self.windowing):
            windows = rule.window_scores(scored)
            lengths_bp = np.array([letters(record) for record in records], np.int64)
            calls = call_records(lengths_bp, scored, windows, rule)
            regions = find_regions(calls, scored, windows, rule) if self.finds_regions else Regions.none()
            yield CalledRecords(records, calls, scored, windows, regions)

    def _estimated_prior(self, parts: Iterable[tuple[PartInput, ComputedPart]]) -> float:
        """Estimate the viral share of the input; of few records, the usual one."""
        histogram = ScoreHistogram()
        for called in self._called(parts, self.rule):
            histogram.add(called.calls.score)
        if histogram.records < MIN_RECORDS:
            logger.warning(
                "--prior auto needs at least %d scored records and found %d; using %s",
                MIN_RECORDS, histogram.records, self.rule.prior,
            )  # fmt: skip
            return self.rule.prior
        share = histogram.viral_share()
        logger.info("estimated viral share of the input: %.4f", share)
        return share

    def _writers(self, results: Results) -> list[Writer]:
        classes = self.classifier.classes if len(self.classifier.classes) > len(CLASSES) else ()
        writers: list[Writer] = [CallsTable(results, classes, self.settings.class_scores), ViralFasta(results)]
        if self.finds_regions:
            writers += [RegionsTable(results, classes), RegionsBed(results), ProvirusFasta(results)]
        if self.settings.legacy_output:
            writers.append(LegacyTables(results))
        return writers

    def _report(self) -> SampleReport:
        classes = self.classifier.classes
        return SampleReport(
            Path(self.sources[0].label).name if len(self.sources) == 1 else f"{len(self.sources)} inputs",
            classes if len(classes) > len(CLASSES) else (),
        )

    def _write_report(self, report: SampleReport, rule: CallRule, results: Results) -> None:
        settings = settings_in_words(rule, self.windowing.window_bp, self.windowing.min_length_bp)
        facts = ReportFacts(self.command, self.classifier.name, self.chosen.placement.describe(), settings)
        data = report.data([source.identity for source in self.sources])
        write_report(results.open(REPORT), [data], facts)
        for name, drawn in draw_figures(data, self.settings.figures):
            results.open(name).write(drawn)
