"""The recipe of `mini` on genomes that the test makes: splits without relatives, runs that repeat and go on."""

import gzip

import numpy as np
import pytest
import torch

from recipes.mini.__main__ import main
from recipes.mini.genomes import CLASSES, read_genomes
from recipes.mini.split import find_groups, shared_kmers, split_genomes
from recipes.mini.training import Trainer, read_checkpoint
from recipes.mini.windows import TRAINING_SHARES, Sampler

TINY = (
    "--windows", "8", "--width", "32", "--protein-layers", "1", "--dna-layers", "1", "--vocabulary", "64",
    "--watch-windows", "6", "--warmup", "2", "--threads", "1",
)  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
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


def same(left, right):
    """Whether two nested structures hold equal tensors."""
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return torch.equal(left, right) if isinstance(left, torch.Tensor) else left == right


def run(data, out, steps):
    words = ["--data", str(data), "--out", str(out), "--seed", "3", "--steps", str(steps), "--pretrain-steps", "2"]
    main([*words, *TINY])


def test_relatives_lie_on_one_side_of_the_split(data):
    genomes = read_genomes(data)
    groups, split = find_groups(genomes), split_genomes(genomes, 0)
    assert len(genomes) == 18 * len(CLASSES)
    assert (groups[::2] == groups[1::2]).all()
    assert (split.sides[::2] == split.sides[1::2]).all()
    assert set(split.sides.tolist()) == {0, 1, 2}
    assert max(shared_kmers(genomes, split).values()) == 0


def test_what_is_drawn_follows_from_the_key_alone(data):
    genomes = read_genomes(data)
    sampler = Sampler(genomes, split_genomes(genomes, 0), 0, TRAINING_SHARES)
    lengths = np.array([100, 300, 500])
    first = sampler.draw((1, 2), lengths, errors=True)
    sampler.draw((1, 3), lengths, errors=True)
    assert sampler.draw((1, 2), lengths, errors=True).sequences == first.sequences
    assert sampler.draw((1, 3), lengths, errors=True).sequences != first.sequences


def test_equal_seeds_give_equal_weights(data, tmp_path):
    run(data, tmp_path / "a", 6)
    run(data, tmp_path / "b", 6)
    assert same(read_checkpoint(tmp_path / "a"), read_checkpoint(tmp_path / "b"))


def test_a_run_that_was_stopped_goes_on_as_if_nothing_had_been(data, tmp_path, monkeypatch):
    run(data, tmp_path / "whole", 6)
    to_the_end = Trainer.run
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "run", lambda trainer, until: to_the_end(trainer, min(until, 5)))
        run(data, tmp_path / "stopped", 6)
    assert read_checkpoint(tmp_path / "stopped")["step"] == 5
    run(data, tmp_path / "stopped", 6)
    assert same(read_checkpoint(tmp_path / "whole"), read_checkpoint(tmp_path / "stopped"))
    with pytest.raises(SystemExit, match="holds a run of"):
        run(data, tmp_path / "stopped", 7)
