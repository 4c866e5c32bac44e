"""Genomes, split and masked, cached in the folder of a run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from recipes.mini.genomes import CLASSES, Genomes, read_genomes
from recipes.mini.split import SIDES, Split, mask_shared, shared_kmers, split_genomes

__all__ = ["SPLIT_SEED", "prepare_data"]

SPLIT_SEED = 0
"""The same for every run, so that runs can be compared."""

MASKED, SPLIT, FACTS = "masked.npy", "split.tsv", "data.json"


def prepare_data(data: Path, out: Path) -> tuple[Genomes, Split]:
    """Read, split and mask a folder of genomes, or take what an earlier run of the same data left.

    Parameters
    ----------
    data : Path
        Folder of genomes.
    out : Path
        Folder of the run.

    Returns
    -------
    tuple of Genomes and Split
        The genomes with what sides share masked, and the sides.
    """
    genomes = read_genomes(data)
    digest = genomes.sha256
    facts = json.loads((out / FACTS).read_text()) if (out / FACTS).exists() else {}
    if facts and facts["sha256"] != digest:
        raise SystemExit(
            f"{out} holds a run on other data ({facts['sha256'][:12]}, not {digest[:12]}); name another --out"
        )
    if facts:
        rows = [line.split("\t") for line in (out / SPLIT).read_text().splitlines()[1:]]
        split = Split(np.array([int(row[2]) for row in rows]), np.array([SIDES.index(row[3]) for row in rows]))
        return replace(genomes, bases=np.load(out / MASKED, mmap_mode="r")), split
    split = split_genomes(genomes, SPLIT_SEED)
    facts = {
        "sha256": digest,
        "before": shared_kmers(genomes, split),
        "masked": mask_shared(genomes, split),
        "after": shared_kmers(genomes, split),
        "sides": _table(genomes, split),
    }
    np.save(out / MASKED, genomes.bases)
    _write_split(genomes, split, out / SPLIT)
    (out / FACTS).write_text(json.dumps(facts, indent=1))
    return genomes, split


def _write_split(genomes: Genomes, split: Split, path: Path) -> None:
    rows = ["record\tclass\tgroup\tside\tlength"]
    columns = zip(genomes.ids, genomes.classes, split.groups, split.sides, genomes.lengths, strict=True)
    rows += [
        f"{name}\t{CLASSES[kind]}\t{group}\t{SIDES[side]}\t{length}" for name, kind, group, side, length in columns
    ]
    path.write_text("\n".join(rows) + "\n")


def _table(genomes: Genomes, split: Split) -> dict[str, dict[str, list[int]]]:
    """Records, groups and bases of every class on every side."""
    table: dict[str, dict[str, list[int]]] = {}
    for kind, name in enumerate(CLASSES):
        table[name] = {}
        for side, word in enumerate(SIDES):
            here = (genomes.classes == kind) & (split.sides == side)
            groups = len(set(split.groups[here].tolist()))
            table[name][word] = [int(here.sum()), groups, int(genomes.lengths[here].sum())]
    return table
