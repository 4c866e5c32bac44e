"""The job behind `predict`: windows are scored part by part, records are called and written in one pass."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from virnucpro.errors import ConfigError
from virnucpro.features.classifier import Classifier, load_classifier
from virnucpro.models.classifier import CLASSES
from virnucpro.models.placement import choose_placement
from virnucpro.records import ModelIdentity, Molecule, Record
from virnucpro.runs.parts import Arrays, ComputedPart
from virnucpro.runs.plan import Planner
from virnucpro.runs.results import Results
from virnucpro.runs.run import Advance, PartInput, Source
from virnucpro.scoring.call_warnings import warn_of
from virnucpro.scoring.calls import call_records
from virnucpro.scoring.prior import MIN_RECORDS, ScoreHistogram
from virnucpro.scoring.regions import Regions, find_regions
from virnucpro.scoring.rule import DEFAULT_PRIOR, CallRule, choose_rule
from virnucpro.sequences.pairs import pair_name
from virnucpro.verbs.encoders import ChosenEncoders
from virnucpro.verbs.inputs import require_molecule
from virnucpro.verbs.joined_pairs import joined_pairs
from virnucpro.verbs.part_size import part_of_windows
from virnucpro.verbs.samples import Sample
from virnucpro.verbs.whole_records import whole_records
from virnucpro.verbs.window_rows import WindowSettings, ambiguous_letters, content, embed_rows, letters
from virnucpro.writers.drawing import require_formats
from virnucpro.writers.outputs import (
    DEFAULT_OUTPUTS,
    FIGURE_FORMATS,
    OUTPUTS,
    TABLE_FORMATS,
    choose_outputs,
    writers_of,
)
from virnucpro.writers.tables import require_format
from virnucpro.writers.tally import Tally
from virnucpro.writers.writer import CalledRecords, SampleFacts

if TYPE_CHECKING:
    from virnucpro.verbs.predict_settings import PredictSettings
    from virnucpro.writers.table import Table

__all__ = ["Calling"]

Parts = Iterable[tuple[PartInput, ComputedPart]]

logger = logging.getLogger("virnucpro.predict")


@dataclass(eq=False)
class Calling:
    """Calls the records of one sample; encoders are shared by all samples."""

    settings: PredictSettings
    classifier: Classifier
    chosen: ChosenEncoders
    windowing: WindowSettings
    facts: SampleFacts
    sources: Sequence[Source] = ()  # of the sample
    unchecked: list[str] = field(default_factory=list)  # what of the encoders could not be compared

    @classmethod
    def of(cls, settings: PredictSettings) -> Calling:
        """Check everything that can be wrong before any input is read."""
        classifier = load_classifier(settings.classifier)
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
        job = cls(settings, classifier, chosen, windowing, _facts(settings, classifier, chosen, windowing))
        require_format(settings.table_format)
        require_formats(settings.figures)
        job.outputs()
        job.require(chosen.identities)
        return job

    def of_sample(
        self, sample: Sample, sources: Sequence[Source], command: str | None, in_memory: bool = False
    ) -> Calling:
        """Make the job of a sample, whose files were opened as sources."""
        tables: dict[str, Table] | None = {} if in_memory else None
        rule = replace(self.facts.rule, paired=sample.paired)
        facts = replace(self.facts, sample=sample.name, paired=sample.paired, rule=rule, command=command, tables=tables)
        return replace(self, facts=facts, sources=sources, unchecked=[])

    def outputs(self) -> list[str]:
        """Name the outputs of this sample."""
        wanted = DEFAULT_OUTPUTS if self.settings.outputs is None else self.settings.outputs
        return [output.name for output in choose_outputs(wanted, self.facts)]

    def files(self) -> list[str]:
        """Name the files that this sample may have."""
        writers = writers_of(self.outputs())
        return [name for writer in writers for name in writer.files(self.facts)]

    def all_files(self) -> list[str]:
        """Name the files that this sample would have with every output in every format."""
        writers = writers_of([output.name for output in OUTPUTS])
        of_formats = [
            replace(self.facts, table_format=form, figures=FIGURE_FORMATS, tables=None) for form in TABLE_FORMATS
        ]
        return list(dict.fromkeys(name for facts in of_formats for each in writers for name in each.files(facts)))

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
        facts = self.facts
        prior = {"prior": "auto"} if self.settings.prior == "auto" else {}
        return facts.rule.describe() | prior | {
            "sample": facts.sample,
            "paired": facts.paired,
            "outputs": self.outputs(),
            "table_format": facts.table_format,
            "class_scores": facts.class_scores,
            "single_windows": facts.single_windows,
            "figures": list(facts.figures),
        }  # fmt: skip

    def check(self, label: str, sample: Sequence[Record]) -> list[str]:
        return require_molecule(label, sample, Molecule.DNA, "'virnucpro embed' reads proteins")

    def planner(self) -> Planner:
        settings, placement = self.settings, self.chosen.placement
        return self.windowing.planner(
            part_of_windows(placement, self.chosen.flop_per_token(), self.windowing.window_bp, settings.part_windows)
        )

    def content(self, record: Record) -> tuple[bytes, ...]:
        qualities = () if record.qualities is None else (record.qualities.encode(),)
        return (*content(record), *qualities)

    def letters(self, record: Record) -> int:
        return letters(record)

    def id_of(self, record: Record) -> str:
        """IDs of two mates are alike."""
        return f"{pair_name(record.id)}/{2 - record.number % 2}" if self.facts.paired else record.id

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

    def collect(self, parts: Parts, results: Results) -> dict[str, Any]:
        """Write every result in one pass; an estimate of the prior needs another pass before it."""
        rule, tally = self.facts.rule, Tally(len(self.facts.classes))
        if self.settings.prior == "auto":
            rule = replace(rule, prior=self._estimated_prior(parts))
        self._warn_if_scores_do_not_matter(rule)
        facts = replace(self.facts, rule=rule, inputs=tuple(source.identity for source in self.sources))
        writers = [writer(results, facts) for writer in writers_of(self.outputs())]
        for called in self._called(parts, rule):
            tally.add(called)
            for writer in writers:
                writer.write(called)
        for writer in writers:
            writer.complete(tally)
        return {
            "command": facts.command,
            "counts": tally.counts(with_regions=facts.has_regions),
            "median_fdr": tally.median_fdr,
            "device": facts.device,
            "prior": rule.prior,
            "thresholds": rule.thresholds(),
            "classifier": self.classifier.training,
            "not_checked": self.unchecked,
        }

    def _called(self, parts: Parts, rule: CallRule) -> Iterator[CalledRecords]:
        """Call all records, in file order."""
        for records, mates, scored in self._rows(parts):
            windows = rule.window_scores(scored)
            lengths_bp, ambiguous = (_of_pairs(count, records, mates) for count in (letters, ambiguous_letters))
            calls = call_records(lengths_bp, scored, windows, rule)
            regions = find_regions(calls, scored, windows, rule) if self.facts.has_regions else Regions.none()
            warnings = warn_of(calls, scored, windows, regions, self.facts.viral_classes, ambiguous)
            yield CalledRecords(records, calls, scored, windows, regions, warnings, mates)

    def _rows(self, parts: Parts) -> Iterator[tuple[list[Record], list[Record], Any]]:
        """Records, or pairs, with all of their windows."""
        records = whole_records(parts, self.windowing)
        if self.facts.paired:
            yield from joined_pairs(records)
        else:
            yield from ((found, [], scored) for found, scored in records)

    def _estimated_prior(self, parts: Parts) -> float:
        """Estimate the viral share of the input; of few records, the usual one."""
        usual, histogram = self.facts.rule.prior, ScoreHistogram()
        for called in self._called(parts, self.facts.rule):
            histogram.add(called.calls.score)
        if histogram.records < MIN_RECORDS:
            logger.warning(
                "--prior auto needs at least %d scored records and found %d; using %s",
                MIN_RECORDS, histogram.records, usual,
            )  # fmt: skip
            return usual
        return histogram.viral_share()

    def _warn_if_scores_do_not_matter(self, rule: CallRule) -> None:
        """Warn where the prior makes the calls."""
        if call := rule.call_whatever_the_score():
            option = "--min-score" if rule.max_fdr is None else "--max-fdr"
            some = "every scored record, at least of some lengths," if call == "viral" else "every record"
            logger.warning(
                "%s: at a viral share of %.8g%s, %s calls %s %s whatever its score; do not rely on these calls: give "
                "another --prior, or drop %s",
                ", ".join(source.label for source in self.sources), rule.prior,
                " (--prior auto)" if self.settings.prior == "auto" else "", option, some, call, option,
            )  # fmt: skip


def _of_pairs(count: Callable[[Record], int], records: Sequence[Record], mates: Sequence[Record]) -> NDArray[np.int64]:
    """Count something of each record, or of both mates of each pair."""
    found = np.array([count(record) for record in records], np.int64)
    return found + np.array([count(record) for record in mates], np.int64) if mates else found


def _facts(
    settings: PredictSettings, classifier: Classifier, chosen: ChosenEncoders, windowing: WindowSettings
) -> SampleFacts:
    """What holds for every sample."""
    prior = DEFAULT_PRIOR if settings.prior == "auto" else settings.prior
    rule = choose_rule(classifier.calibration, prior, settings.min_score, settings.level, settings.max_fdr)
    has_classes = len(classifier.classes) > len(CLASSES)
    return SampleFacts(
        sample="",
        rule=rule,
        classes=classifier.classes if has_classes else (),
        viral_classes=classifier.is_viral if has_classes else (),
        table_format=settings.table_format,
        class_scores=settings.class_scores,
        single_windows=settings.single_windows,
        figures=tuple(settings.figures),
        classifier=classifier.name,
        device=chosen.placement.describe(),
        window_bp=windowing.window_bp,
        min_length_bp=windowing.min_length_bp,
    )
