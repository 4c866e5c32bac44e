"""When a record is called viral: above a minimum score, or above a calibrated threshold for its length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from virnucpro.errors import ConfigError
from virnucpro.scoring.calibration import Calibration, Level, prior_logit
from virnucpro.scoring.windows import ScoredWindows, WindowScores, best_of_rows, mean_of_rows, probability

__all__ = ["DEFAULT_PRIOR", "CallRule", "Verdicts", "choose_rule"]

DEFAULT_MIN_SCORE = 0.5
DEFAULT_PRIOR = 0.5
MATES_FACTOR = 1.5
"""Two mates say more than one window: so many times the mean of both.

Of hosts, no more pairs pass the thresholds then than contiguous sequences do if the mates lie apart, and at most twice
as many if they are equal (`recipes.mini.pairs`).
"""


@dataclass(frozen=True, eq=False)
class Verdicts:
    """Calls of records by a rule; all of shape (n,)."""

    score: NDArray[np.float64]  # probability of viral, 0 to 1
    threshold: NDArray[np.float64]  # the score from which a record of this length is called viral
    # score minus threshold, in log-odds, or as scores without a calibration; viral from 0 on
    margin: NDArray[np.float64]
    fdr: NDArray[np.float64]  # share of false calls among records with this score or higher; NaN without a calibration


@dataclass(frozen=True, slots=True)
class CallRule:
    """How scores become calls; a call never depends on other records."""

    calibration: Calibration | None = None
    prior: float = DEFAULT_PRIOR  # viral share of the input that scores and rates assume
    level: Level = "default"
    min_score: float | None = None  # instead of a level
    max_fdr: float | None = None  # instead of a level
    paired: bool = False  # whether records are pairs of reads

    def window_scores(self, scored: ScoredWindows) -> WindowScores:
        """Score every window that has a row."""
        score, log_odds = np.full((2, len(scored)), np.nan)
        is_viral = np.zeros(len(scored), np.bool_)
        if self.calibration is None:
            windows, non_viral, viral = best_of_rows(scored)
            score[windows] = viral / (viral + non_viral)
            is_viral[windows] = viral >= non_viral
            return WindowScores(score, log_odds, is_viral)
        windows, means = mean_of_rows(scored)
        lengths_bp = (scored.windows.ends - scored.windows.starts)[windows]
        log_odds[windows] = self.calibration.window_log_odds(means, lengths_bp)
        score[windows] = probability(log_odds[windows] + prior_logit(self.prior))
        is_viral[windows] = self.judge(log_odds[windows], np.ones_like(windows), lengths_bp).margin >= 0
        return WindowScores(score, log_odds, is_viral)

    def judge(self, means: NDArray[np.float64], windows: NDArray[np.int64], scored_bp: NDArray[np.int64]) -> Verdicts:
        """Judge records by the mean of their windows (log-odds, or scores), their number, and the bases they cover."""
        if self.calibration is None:
            threshold = np.full(len(means), DEFAULT_MIN_SCORE if self.min_score is None else self.min_score)
            return Verdicts(means, threshold, means - threshold, np.full(len(means), np.nan))
        if self.paired:  # a window of each mate
            means = np.where(windows == 2, MATES_FACTOR * means, means)
        z = self.calibration.record_log_odds(means, windows, scored_bp)
        shift = prior_logit(self.prior)
        limit = self._limits(self.calibration, scored_bp)
        fdr = self.calibration.fdr(z, scored_bp, self.prior)
        return Verdicts(probability(z + shift), probability(limit + shift), z - limit, fdr)

    def _limits(self, calibration: Calibration, scored_bp: NDArray[np.int64]) -> NDArray[np.float64]:
        """Minimum log-odds, before any prior, to call records of these lengths viral."""
        if self.max_fdr is not None:
            return calibration.threshold_of_fdr(self.max_fdr, scored_bp, self.prior)
        if self.min_score is not None:
            return np.full(len(scored_bp), _log_odds(np.array([self.min_score]))[0] - prior_logit(self.prior))
        return calibration.threshold(self.level, scored_bp)

    def thresholds(self) -> dict[str, list[float]] | float:
        """Minimum score to call a record viral: by the bases that its windows cover, or one for all."""
        if self.calibration is None:
            return DEFAULT_MIN_SCORE if self.min_score is None else self.min_score
        lengths_bp = np.array(self.calibration.record.lengths, np.int64)
        scores = probability(self._limits(self.calibration, lengths_bp) + prior_logit(self.prior))
        return {"scored_bp": lengths_bp.tolist(), "virus_score": scores.round(6).tolist()}

    def call_whatever_the_score(self) -> str | None:
        """Give the call that records get whatever their score, because of the prior; None if scores decide.

        Viral already if this is so at one of the calibrated lengths, non-viral only if at all of them.
        """
        if self.calibration is None or (self.max_fdr is None and self.min_score is None):
            return None
        if self.min_score in (0, 1) or self.max_fdr == 1:  # the user wants it so
            return None
        limits = self._limits(self.calibration, np.array(self.calibration.record.lengths, np.int64))
        lowest, highest = self.calibration.operating.z[0], self.calibration.operating.z[-1]
        return "viral" if (limits <= lowest).any() else "non-viral" if (limits > highest).all() else None

    def describe(self) -> dict[str, Any]:
        """Describe the rule for the manifest."""
        if self.calibration is None:
            return {"min_score": DEFAULT_MIN_SCORE if self.min_score is None else self.min_score}
        if self.max_fdr is not None:
            return {"prior": self.prior, "max_fdr": self.max_fdr}
        return {"prior": self.prior} | (
            {"level": self.level} if self.min_score is None else {"min_score": self.min_score}
        )


def _log_odds(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        found: NDArray[np.float64] = np.log(scores) - np.log1p(-scores)
    return found


def choose_rule(
    calibration: Mapping[str, Any] | None,
    prior: float | None = None,
    min_score: float | None = None,
    level: Level = "default",
    max_fdr: float | None = None,
) -> CallRule:
    """Make the rule that the user chose; ConfigError if it needs a calibration and the classifier has none."""
    ways = {"--min-score": min_score is not None, "--max-fdr": max_fdr is not None, f"--{level}": level != "default"}
    chosen = [option for option, given in ways.items() if given]
    if len(chosen) > 1:
        raise ConfigError(f"{' and '.join(chosen)} exclude each other; give one")
    prior_logit(DEFAULT_PRIOR if prior is None else prior)  # raises if it is not a share
    for option, value in (("--min-score", min_score), ("--max-fdr", max_fdr)):
        if value is not None and not 0 <= value <= 1:
            raise ConfigError(f"{option} is {value}; give a number from 0 to 1")
    needing = [option for option in chosen if option != "--min-score"] + (["--prior"] if prior is not None else [])
    if calibration is None and needing:
        raise ConfigError(f"{' and '.join(needing)}: this classifier is not calibrated; use --min-score")
    made = None if calibration is None else Calibration.from_dict(calibration)
    return CallRule(made, DEFAULT_PRIOR if prior is None else prior, level, min_score, max_fdr)
