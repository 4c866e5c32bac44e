"""Calls of `mini` on segments with N: ``python -m benchmarks.ambiguous VIRAL_FOLDER NON_VIRAL_FOLDER...``.

Takes segments of 3 kb without ambiguous letters from the middle of records, at most 12 per file. Of each share and kind
of N, scattered or one gap, prints how many segments are called viral, and how many are not scored.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from virnucpro import predict
from virnucpro.errors import InputError
from virnucpro.sequences.nucleotide_file import NucleotideFile

SEGMENT_BP = 3000
PER_FILE = 12
SHARES = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4)
Random = np.random.Generator


def segments(folder: Path) -> list[bytes]:
    """Segments of the files of a folder."""
    return [segment for file in sorted(folder.iterdir()) for segment in islice(_of_file(file), PER_FILE)]


def _of_file(file: Path) -> Iterator[bytes]:
    try:
        for record in NucleotideFile(file):
            begin = (len(record.sequence) - SEGMENT_BP) // 2
            segment = record.sequence[max(begin, 0) :][:SEGMENT_BP].upper().encode("ascii", "replace")
            if len(segment) == SEGMENT_BP and not segment.translate(None, b"ACGT"):
                yield segment
    except InputError as error:
        print(f"- {error}", file=sys.stderr)


def scattered(segment: bytes, share: float, random: Random) -> str:
    """Replace letters anywhere."""
    letters = np.frombuffer(segment, np.uint8).copy()
    letters[random.choice(len(letters), round(share * len(letters)), replace=False)] = ord("N")
    return letters.tobytes().decode()


def gap(segment: bytes, share: float, random: Random) -> str:
    """Replace a run of letters."""
    length = round(share * len(segment))
    begin = int(random.integers(len(segment) - length + 1))
    return (segment[:begin] + b"N" * length + segment[begin + length :]).decode()


def main() -> None:
    """Print a table of both kinds of N."""
    viral, non_viral = segments(Path(sys.argv[1])), [one for name in sys.argv[2:] for one in segments(Path(name))]
    print(f"{len(viral)} viral and {len(non_viral)} non-viral segments of {SEGMENT_BP:,} bp\n")
    names = ("N", "kind", "viral called viral", "not scored", "non-viral called viral", "not scored")
    print(f"| {' | '.join(names)} |\n{'|---' * len(names)}|")
    for share in SHARES:
        for mask in (scattered, gap):
            cells = [f"{share:.0%}", mask.__name__]
            for own in (viral, non_viral):
                random = np.random.default_rng(1)
                calls = predict([mask(segment, share, random) for segment in own], model="mini")["call"]
                cells += [f"{(calls == 'viral').sum()}", f"{(calls == 'not_scored').sum()}"]
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
