"""The two tables of the original VirNucPro, byte for byte, for scripts that read them.

Only control characters of IDs are escaped: a terminal would obey them.

References
----------
``prediction.py`` of https://github.com/Li-Jing-1997/VirNucPro
"""

from __future__ import annotations

from typing import ClassVar, Final

from virnucpro.runs.results import Results
from virnucpro.sequences.orfs import FRAME_NAMES
from virnucpro.writers.writer import CalledRecords, SampleFacts, Writer

__all__ = ["LegacyTables"]

CONTROL_CHARACTERS: Final = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}


class LegacyTables(Writer):
    """Scores of every row, and the call of every window; its own words: virus and others."""

    NAMES: ClassVar = ("prediction_results.txt", "prediction_results_highestscore.csv")

    def __init__(self, results: Results, facts: SampleFacts) -> None:
        super().__init__(results, facts)
        self._rows, self._windows = (results.open(name) for name in self.files(facts))
        self._rows.write(b"Sequence_ID\tPrediction\tscore1\tscore2\n")
        self._windows.write(b"Modified_ID\tIs_Virus\n")

    @classmethod
    def files(cls, facts: SampleFacts) -> list[str]:  # noqa: ARG003
        """Name both."""
        return list(cls.NAMES)

    def write(self, called: CalledRecords) -> None:
        """Write rows and windows that have scores."""
        scored = called.scored
        owners = scored.windows.record_rows.tolist()
        ids = [
            f"{called.records[owner].id.translate(CONTROL_CHARACTERS)}_chunk_{number}"
            for owner, number in zip(owners, scored.windows.numbers.tolist(), strict=True)
        ]
        names = [*FRAME_NAMES, *([""] * (256 - len(FRAME_NAMES)))]
        lines = [
            f"{ids[window]}{names[frame]}\t{'virus' if viral >= non_viral else 'others'}\t{non_viral!s}\t{viral!s}\n"
            for window, frame, (non_viral, viral) in zip(
                scored.row_windows.tolist(), scored.frames.tolist(), scored.scores, strict=True
            )
        ]
        self._rows.write("".join(lines).encode("utf-8", "surrogateescape"))
        lines = [
            f"{ids[window]}\t{bool(called.windows.is_viral[window])}\n"
            for window in called.windows.has_score.nonzero()[0].tolist()
        ]
        self._windows.write("".join(lines).encode("utf-8", "surrogateescape"))
