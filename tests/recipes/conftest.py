"""Genomes that the tests of recipes make."""

import gzip

import numpy as np
import pytest
import torch

from recipes.mini.data import CLASSES, load_records
from virnucpro.models.mini import Mini, MiniConfig


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """As the recipe trains."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def records(tmp_path_factory, cache):
    """Forty unrelated genomes of every class, and of each a near copy under another name."""
    folder, random = tmp_path_factory.mktemp("data"), np.random.default_rng(4)
    table = ["file\trecord_id\tlength\tlabel\ttaxon"]
    for kind in CLASSES:
        label = "virus" if kind in CLASSES[:2] else kind
        name = f"{kind}.fasta.gz"
        with gzip.open(folder / name, "wt") as file:
            for number in range(40):
                genome = random.choice(list("ACGT"), 3000)
                copy = np.where(random.random(3000) < 0.01, "A", genome)
                for version, letters in enumerate((genome, copy)):
                    record = f"{kind[:3]}{number}v{version}"
                    file.write(f">{record}\n{''.join(letters)}\n")
                    table.append(f"{name}\t{record}\t3000\t{label}\tphage" if kind == "phage" else
                                 f"{name}\t{record}\t3000\t{label}\t")  # fmt: skip
    (folder / "RECORDS.tsv").write_text("\n".join(table) + "\n")
    return load_records(folder, cache)


@pytest.fixture(scope="session")
def config():
    return MiniConfig(motifs=64, motif_codons=6, pair_width=16, word_width=16, hidden=16, features=16)


@pytest.fixture
def net(config):
    torch.manual_seed(3)
    return Mini(config)


@pytest.fixture
def windows():
    """Codes of six windows of several lengths with unknown bases, padded."""
    random = np.random.default_rng(1)
    lengths = np.array([500, 100, 333, 250, 499, 124])
    codes = random.integers(0, 4, (6, 500), dtype=np.uint8)
    codes[0, 100:110] = codes[3, 40] = 4
    codes[np.arange(500) >= lengths[:, None]] = 4
    return torch.from_numpy(codes), torch.from_numpy(lengths)
