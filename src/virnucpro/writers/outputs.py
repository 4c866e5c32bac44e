"""The results of `predict` in one table, from which options, the manifest and the documentation follow."""

from __future__ import annotations

import importlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

from virnucpro.errors import ConfigError

if TYPE_CHECKING:
    from virnucpro.writers.writer import SampleFacts, Writer

__all__ = [
    "DEFAULT_OUTPUTS", "FIGURE_FORMATS", "OUTPUTS", "TABLE_FORMATS", "Output", "TableFormat", "choose_outputs",
    "writers_of",
]  # fmt: skip

TableFormat = Literal["tsv", "parquet"]
TABLE_FORMATS: Final[tuple[TableFormat, ...]] = get_args(TableFormat)
FIGURE_FORMATS: Final = ("png", "svg", "pdf")


@dataclass(frozen=True, slots=True)
class Output:
    """One kind of result: a row of the table."""

    name: str  # as options have it: --only NAME, and --no-NAME or --NAME
    about: str  # what it is, for help and documentation
    writers: tuple[str, ...]  # module and class; imported when they are used
    default: bool = True
    of_pairs: bool = True  # whether pairs of reads have it
    calibrated: bool = False  # whether it needs a calibrated classifier

    def suits(self, facts: SampleFacts) -> bool:
        """Whether there can be such a result."""
        return (self.of_pairs or not facts.paired) and (not self.calibrated or facts.rule.calibration is not None)

    def classes(self) -> list[type[Writer]]:
        """Import its writers."""
        found = []
        for writer in self.writers:
            module, _, name = writer.partition(":")
            found.append(getattr(importlib.import_module(f"virnucpro.writers.{module}"), name))
        return found


OUTPUTS: Final = (
    Output("calls", "calls.tsv, a row for every record", ("calls:CallsTable",)),
    Output("viral", "viral.fasta, and for FASTQ viral.fastq.gz", ("sequences:ViralSequences",)),
    Output(
        "windows",
        "windows.tsv.gz and windows.bedgraph",
        ("windows:WindowsTable", "windows:WindowsBedGraph"),
        of_pairs=False,
    ),
    Output(
        "regions",
        "regions.tsv, .bed, .gff3 and .fasta",
        ("regions:RegionsTable", "bed:RegionsBed", "gff:RegionsGff", "proviruses:ProvirusFasta"),
        of_pairs=False,
        calibrated=True,
    ),
    Output("report", "report.html, and the figures that --figures asks for", ("report:SampleReport",)),
    Output("multiqc", "virnucpro_mqc.json and two more for MultiQC", ("multiqc:MultiQC",)),
    Output("krona", "krona.tsv for Krona's ktImportText", ("krona:KronaText",)),
    Output(
        "split", "non-viral and unscored records, in the same formats", ("sequences:SplitSequences",), default=False
    ),
    Output("genomad-layout", "SAMPLE_summary/ as geNomad writes it", ("genomad:GenomadLayout",), default=False),
    Output("legacy-output", "the two result files of the original VirNucPro", ("legacy:LegacyTables",), default=False),
)
"""In the order in which they are written; the first that is chosen says that a run is finished."""

DEFAULT_OUTPUTS: Final = tuple(output.name for output in OUTPUTS if output.default)


def choose_outputs(names: Collection[str], facts: SampleFacts) -> list[Output]:
    """Find outputs by name; those that a sample cannot have are left out, unless no other is left."""
    known = {output.name for output in OUTPUTS}
    if unknown := [name for name in names if name not in known]:
        raise ConfigError(f"no output is called {', '.join(unknown)}; choose from {', '.join(sorted(known))}")
    chosen = [output for output in OUTPUTS if output.name in names]
    if not chosen:
        raise ConfigError("no output is left; choose at least one")
    suiting = [output for output in chosen if output.suits(facts)]
    if not suiting:
        raise ConfigError(
            f"nothing to write: {', '.join(output.name for output in chosen)} is not for "
            + ("pairs of reads" if facts.paired else "a classifier without calibration")
        )
    return suiting


def writers_of(names: Collection[str]) -> list[type[Writer]]:
    """All writers of some outputs, in order."""
    return [writer for output in OUTPUTS if output.name in names for writer in output.classes()]
