"""What a report says of the run that made it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import virnucpro
from virnucpro.errors import shown
from virnucpro.scoring.rule import CallRule
from virnucpro.writers.writer import SampleFacts

__all__ = ["ReportFacts", "facts_of_run", "settings_in_words"]


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """What was run, the same for all samples."""

    command: str = ""  # as it was typed
    classifier: str = ""
    device: str = ""  # and number format
    settings: Sequence[tuple[str, str]] = ()  # what decided the calls, name and value

    def to_json(self) -> dict[str, Any]:
        """Say it in JSON, without control characters."""
        named = [
            ("Command", self.command),
            ("Version", f"VirNucPro {virnucpro.__version__}"),
            ("Classifier", self.classifier),
            ("Device", self.device),
            *self.settings,
        ]
        return {"facts": [[name, shown(value, 4000)] for name, value in named if value]}


def facts_of_run(facts: SampleFacts) -> ReportFacts:
    """Say what was run for one sample."""
    settings = settings_in_words(facts.rule, facts.window_bp, facts.min_length_bp)
    return ReportFacts(facts.command or "", facts.classifier, facts.device, settings)


def settings_in_words(rule: CallRule, window_bp: int, min_length_bp: int) -> list[tuple[str, str]]:
    """Say what decided the calls."""
    found = rule.describe()
    if "max_fdr" in found:
        threshold = f"estimated FDR of at most {found['max_fdr']:g}"
    elif "min_score" in found:
        threshold = f"virus score of at least {found['min_score']:g}, whatever the length"
    else:
        threshold = f"by length, {found['level']} level"
    prior = [("Expected viral share", f"{found['prior']:.4g}")] if "prior" in found else []
    return [("Threshold", threshold), *prior, ("Windows", f"{window_bp:,} bp"),
            ("Minimum length", f"{min_length_bp:,} bp")]  # fmt: skip
