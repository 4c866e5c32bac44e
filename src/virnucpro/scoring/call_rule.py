"""What makes a virus of a record: a least score, or a calibrated classifier's threshold for the record's length."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from virnucpro.errors import ConfigError
from virnucpro.scoring.calibration import Calibration, Level, prior_logit
from virnucpro.scoring.scores import CalibratedWindow, ScoredWindow, share

__all__ = ["CallRule", "Verdict", "choose_rule"]

USUAL_MIN_SCORE = 0.5
USUAL_PRIOR = 0.5


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says of a record."""

    virus_score: float  # 0 to 1
    is_virus: bool  # the call
    # estimated share of false ones among all that would be called from this score on; None without a calibration
    fdr: float | None = None


@dataclass(frozen=True, slots=True)
class CallRule:
    """How records are called; the same for every record, whatever stands beside it."""

    calibration: Calibration | None = None  # the classifier's; None for scores as they are
    prior: float = USUAL_PRIOR  # share of viral input that scores and rates are for
    level: Level = "default"  # which thresholds a calibrated classifier calls by
    min_score: float | None = None  # least score of a virus, in place of a level

    def calibrated(self, windows: Iterable[ScoredWindow]) -> list[ScoredWindow]:
        """Give windows the scores that the calibration makes of their rows."""
        if self.calibration is None:
            return list(windows)
        return [self._calibrated(window, self.calibration) for window in windows]

    def verdict(self, scored: Sequence[ScoredWindow], scored_bp: int) -> Verdict:
        """Judge a record."""
        if self.calibration is None:
            score = sum(window.virus_score for window in scored) / len(scored)
            return Verdict(score, score >= (USUAL_MIN_SCORE if self.min_score is None else self.min_score))
        evidence = [window.evidence for window in scored if isinstance(window, CalibratedWindow)]
        z = self.calibration.record_logit(evidence, scored_bp)
        fdr = self.calibration.fdr(z, scored_bp, self.prior)
        return Verdict(self._score(z), self._calls(z, scored_bp, self.calibration), fdr)

    def _score(self, z: float) -> float:
        return share(z + prior_logit(self.prior))

    def _calls(self, z: float, length_bp: int, calibration: Calibration) -> bool:
        if self.min_score is not None:
            return self._score(z) >= self.min_score
        return z >= calibration.threshold(self.level, length_bp)

    def _calibrated(self, window: ScoredWindow, calibration: Calibration) -> ScoredWindow:
        """Give a window its evidence, and the call of a record that is just this window."""
        if window.log_odds is None:
            return window
        length = window.end - window.start
        evidence = float(calibration.window_logits(window.log_odds, length))
        called = self._calls(calibration.record_logit([evidence], length), length, calibration)
        return CalibratedWindow(
            window.record_number, window.number, window.start, window.end, window.outcome, window.frames,
            window.log_odds, evidence, prior_logit(self.prior), called,
        )  # fmt: skip

    def describe(self) -> dict[str, Any]:
        """Say what calls were made by."""
        if self.calibration is None:
            return {"min_score": USUAL_MIN_SCORE if self.min_score is None else self.min_score}
        chosen = {"level": self.level} if self.min_score is None else {"min_score": self.min_score}
        return {"prior": self.prior, **chosen}


def choose_rule(
    calibration: Mapping[str, Any] | None,
    prior: float | None = None,
    min_score: float | None = None,
    conservative: bool = False,
    relaxed: bool = False,
) -> CallRule:
    """Make the rule of what a user chose, or refuse it."""
    ways = {"--min-score": min_score is not None, "--conservative": conservative, "--relaxed": relaxed}
    chosen = [option for option, given in ways.items() if given]
    if len(chosen) > 1:
        raise ConfigError(f"{' and '.join(chosen)} exclude each other; give one")
    prior_logit(USUAL_PRIOR if prior is None else prior)  # refuses what is no share
    needing = [option for option in chosen if option != "--min-score"] + (["--prior"] if prior is not None else [])
    if calibration is None and needing:
        raise ConfigError(f"{' and '.join(needing)}: this classifier is not calibrated; choose by --min-score")
    level: Level = "conservative" if conservative else "relaxed" if relaxed else "default"
    made = None if calibration is None else Calibration.from_dict(calibration)
    return CallRule(made, USUAL_PRIOR if prior is None else prior, level, min_score)
