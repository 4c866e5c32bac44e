"""``regions.bed``: regions for genome browsers and for tools that cut or compare intervals."""

from __future__ import annotations

import numpy as np

from virnucpro.writers.streams import StreamWriter
from virnucpro.writers.writer import CalledRecords

__all__ = ["RegionsBed"]


class RegionsBed(StreamWriter):
    """Five columns without a header: record, start, end, kind, virus score times 1,000."""

    NAME = "regions.bed"

    def write(self, called: CalledRecords) -> None:
        """Write a line for each region."""
        regions = called.regions
        rows = zip(
            (called.names[row] or "." for row in regions.record_rows.tolist()), regions.starts.tolist(),
            regions.ends.tolist(), regions.kind.tolist(), np.rint(1000 * regions.score).astype(np.int64).tolist(),
            strict=True,
        )  # fmt: skip
        self.stream.write("".join("\t".join(map(str, row)) + "\n" for row in rows).encode())
