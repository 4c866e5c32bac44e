"""What ``--prior auto`` makes of known shares: ``python -m benchmarks.prior_auto VIRAL_FOLDER NON_VIRAL_FOLDER...``.

Mixes fragments that are cut at random places of the records of both kinds, every file as often as any other, runs
`predict` with `mini`, and prints the estimated share beside the true one.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from virnucpro.cli.main import run
from virnucpro.errors import InputError
from virnucpro.sequences.nucleotide_file import NucleotideFile

FRAGMENTS = 10_000
LENGTHS_BP, SHARES = (150, 1000), (0.02, 0.05, 0.1, 0.5)


def main(viral: Path, non_viral: list[Path]) -> None:
    """Print a table."""
    rng = np.random.default_rng(0)
    print("| bp | viral | --prior auto |\n|---|---|---|")
    for length in LENGTHS_BP:
        files = [records_of([viral], length), records_of(non_viral, length)]
        for share in SHARES:
            with tempfile.TemporaryDirectory() as folder:
                fasta, out = Path(folder) / "mixed.fa", Path(folder) / "out"
                wanted = int(FRAGMENTS * share)
                kinds = np.repeat([0, 1], [wanted, FRAGMENTS - wanted])
                fasta.write_text(
                    "".join(f">f{i}\n{cut(files[kind], length, rng)}\n" for i, kind in enumerate(kinds.tolist()))
                )
                if run(["predict", str(fasta), "-o", str(out), "-q", "--prior", "auto", "--only", "calls"]):
                    raise SystemExit("predict failed")
                print(
                    f"| {length:,} | {share:.0%} | {json.loads((out / 'run.json').read_text())['prior']:.2%} |",
                    flush=True,
                )


def records_of(folders: list[Path], length: int) -> list[list[str]]:
    """Records of each file that are long enough."""
    files = []
    for path in (path for folder in folders for path in sorted(folder.iterdir())):
        try:
            records = [record.sequence for record in NucleotideFile(path, path.name)]
        except InputError:
            continue
        files.append([sequence for sequence in records if len(sequence) >= length])
    return [records for records in files if records]


def cut(files: list[list[str]], length: int, rng: np.random.Generator) -> str:
    """Cut one fragment."""
    records = files[rng.integers(len(files))]
    sequence = records[rng.integers(len(records))]
    start = int(rng.integers(len(sequence) - length + 1))
    return sequence[start : start + length]


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(folder) for folder in sys.argv[2:]])
