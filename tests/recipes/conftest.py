"""Genomes that the tests of recipes make."""

import gzip

import numpy as np
import pytest

from recipes.mini.genomes import CLASSES


@pytest.fixture(scope="session")
def genomes_folder(tmp_path_factory):
    """Nine unrelated genomes of every class, and of each a near copy under another name."""
    folder, random = tmp_path_factory.mktemp("data"), np.random.default_rng(4)
    table = ["file\trecord_id\tlength\tlabel\ttaxon"]
    for kind in CLASSES:
        label = "virus" if kind in CLASSES[:2] else kind
        name = f"{kind.replace(' ', '_')}.fasta.gz"
        with gzip.open(folder / name, "wt") as file:
            for number in range(9):
                genome = random.choice(list("ACGT"), 3000)
                copy = np.where(random.random(3000) < 0.01, "A", genome)
                for version, letters in enumerate((genome, copy)):
                    record = f"{kind[:3]}{number}v{version}"
                    file.write(f">{record}\n{''.join(letters)}\n")
                    table.append(f"{name}\t{record}\t3000\t{label}\tG{kind[:2]}{number}{version} sp.")
    (folder / "RECORDS.tsv").write_text("\n".join(table) + "\n")
    return folder
