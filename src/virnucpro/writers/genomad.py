"""geNomad's summary of viruses, for pipelines and scripts that read its results.

References
----------
https://portal.nersc.gov/genomad/quickstart.html#the-outputs
"""

from __future__ import annotations

from typing import Final

import numpy as np

from virnucpro.runs.results import Results
from virnucpro.scoring.calls import VIRAL
from virnucpro.writers.cells import ABSENT, cell
from virnucpro.writers.proviruses import proviruses
from virnucpro.writers.writer import CalledRecords, SampleFacts, Writer

__all__ = ["GENOMAD_COLUMNS", "GenomadLayout"]

GENOMAD_COLUMNS: Final = (
    "seq_name", "length", "topology", "coordinates", "n_genes", "genetic_code", "virus_score", "fdr", "n_hallmarks",
    "marker_enrichment", "taxonomy",
)  # fmt: skip


class GenomadLayout(Writer):
    """Viral records and proviruses; what VirNucPro does not look for (genes, markers, taxonomy) is ``NA``."""

    def __init__(self, results: Results, facts: SampleFacts) -> None:
        super().__init__(results, facts)
        self._table, self._fasta = (results.open(name) for name in self.files(facts))
        self._table.write(("\t".join(GENOMAD_COLUMNS) + "\n").encode())

    @classmethod
    def files(cls, facts: SampleFacts) -> list[str]:
        """Name table and sequences, in their folder."""
        stem = f"{facts.sample}_summary/{facts.sample}_virus"
        return [f"{stem}_summary.tsv", f"{stem}.fna"]

    def write(self, called: CalledRecords) -> None:
        """Write viral records, then proviruses, of these records."""
        calls, regions = called.calls, called.regions
        rows, sequences = [], []
        for row in np.flatnonzero(calls.call == VIRAL).tolist():
            record = called.records[row]
            rows.append(_row(called.names[row], int(calls.lengths_bp[row]), calls.score[row], calls.fdr[row]))
            sequences.append(f">{record.header}\n{record.sequence}\n")
        for one in proviruses(called):
            start, end = int(regions.starts[one.region]) + 1, int(regions.ends[one.region])
            found = "Provirus", f"{start}-{end}"
            rows.append(_row(cell(one.name), len(one.letters), regions.score[one.region], np.nan, *found))
            sequences.append(f">{one.name}{one.description}\n{one.letters}\n")
        self._table.write("".join(rows).encode())
        self._fasta.write("".join(sequences).encode("utf-8", "surrogateescape"))


def _row(
    name: str, length: int, score: float, fdr: float, topology: str = ABSENT, coordinates: str = ABSENT
) -> str:  # fmt: skip
    rate = ABSENT if fdr != fdr else f"{fdr:.4f}"
    cells = (name, length, topology, coordinates, ABSENT, ABSENT, f"{score:.4f}", rate, ABSENT, ABSENT, ABSENT)
    return "\t".join(map(str, cells)) + "\n"
