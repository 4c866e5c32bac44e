"""Where the seconds of `virnucpro prepare` go: ``python -m benchmarks.annotated FILE`` with one large record."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from virnucpro.sequences.genbank import read_genbank
from virnucpro.sequences.genetic_codes import STOP
from virnucpro.sequences.nucleotides import clean_sequences
from virnucpro.sequences.orfs import find_rows
from virnucpro.sequences.windows import cut_windows, plan_windows

ROUNDS = 3


def main() -> None:
    """Print the best of some rounds for every stage, the search in two ways."""
    best: dict[str, float] = {}

    def lap(stage: str, since: float) -> float:
        now = time.perf_counter()
        best[stage] = min(now - since, best.get(stage, now))
        return now

    for _ in range(ROUNDS):
        clock = time.perf_counter()
        found = next(read_genbank(Path(sys.argv[1])))
        clock = lap("read", clock)
        letters = clean_sequences([found.sequence])
        proteins = find_rows(cut_windows(letters, plan_windows(letters.lengths, 500)), "open").proteins()
        clock = lap("windows and ORFs", clock)
        text = STOP.join(dict.fromkeys(found.translations))
        kept = [protein in text for protein in proteins]
        clock = lap("search in one text", clock)
        again = [any(protein in translation for translation in found.translations) for protein in proteins]
        lap("search one by one", clock)
        assert kept == again
    print(f"{found.id}: {len(found.sequence):,} bases, {len(found.translations):,} translations")
    print(f"{len(proteins):,} open frames, {sum(kept):,} kept")
    for stage, seconds in best.items():
        print(f"{stage:<20}{seconds:7.3f} s")


if __name__ == "__main__":
    main()
