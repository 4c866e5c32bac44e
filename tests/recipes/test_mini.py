"""The recipe of `mini` on genomes that the test makes: splits without relatives, runs that repeat and go on."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from recipes.mini.__main__ import main
from recipes.mini.card import digest_of
from recipes.mini.data import prepare_data
from recipes.mini.genomes import CLASSES, read_genomes
from recipes.mini.split import Split, find_groups, mask_shared, shared_kmers, split_genomes
from recipes.mini.tokenizer import codon_tokenizer
from recipes.mini.training import Trainer, read_checkpoint
from recipes.mini.windows import TRAINING_SHARES, Sampler
from virnucpro.models.dna_tokens import DnaTokenizer
from virnucpro.sequences.nucleotides import reverse_complement

EVERY_CODON = ["".join(letters) for letters in product("ACGT", repeat=3)]

TINY = (
    "--windows", "8", "--width", "32", "--protein-layers", "1", "--dna-layers", "1",
    "--watch-windows", "6", "--warmup", "2", "--threads", "1", "--sequences", "2", "--draws", "2",
)  # fmt: skip


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


def test_relatives_lie_on_one_side_of_the_split(genomes_folder):
    genomes = read_genomes(genomes_folder)
    groups, split = find_groups(genomes), split_genomes(genomes, 0)
    assert len(genomes) == 18 * len(CLASSES)
    assert (groups[::2] == groups[1::2]).all()
    assert (split.sides[::2] == split.sides[1::2]).all()
    assert set(split.sides.tolist()) == {0, 1, 2}
    assert max(shared_kmers(genomes, split).values()) == 0


@pytest.mark.parametrize(
    ("letters", "tokens"),
    [
        ("ATGAAATTT", ["ATG", "AAA", "TTT"]),
        ("ATGAAATA", ["ATG", "AAA", "TA"]),
        ("ATGAAAT", ["ATG", "AAA", "T"]),
        ("ATGANATTT", ["ATG", "AA", "TTT"]),
        ("ATGNNATTT", ["ATG", "A", "TTT"]),
        ("NNNCCCRYC", ["CCC", "C"]),
        ("".join(EVERY_CODON), EVERY_CODON),
    ],
)
def test_the_dna_half_reads_codons(letters, tokens):
    tokenizer = DnaTokenizer(codon_tokenizer(), "codons")
    names = {number: token for token, number in tokenizer.vocabulary().items()}
    assert [names[number] for number in tokenizer.encode(letters)] == ["[CLS]", *tokens, "[SEP]"]
    assert tokenizer.size == 5 + 4 + 16 + 64


def test_what_is_drawn_follows_from_the_key_alone(genomes_folder):
    genomes = read_genomes(genomes_folder)
    sampler = Sampler(genomes, split_genomes(genomes, 0), 0, TRAINING_SHARES)
    lengths = np.array([100, 300, 500])
    first = sampler.draw((1, 2), lengths, errors=True)
    sampler.draw((1, 3), lengths, errors=True)
    assert sampler.draw((1, 2), lengths, errors=True).sequences == first.sequences
    assert sampler.draw((1, 3), lengths, errors=True).sequences != first.sequences


def test_some_windows_to_train_on_have_unknown_letters_and_never_too_many(genomes_folder):
    genomes = read_genomes(genomes_folder)
    sampler = Sampler(genomes, split_genomes(genomes, 0), 0, TRAINING_SHARES)
    drawn = sampler.draw((1,), np.full(2000, 300), errors=True).sequences
    unknown = np.array([window.count(b"N") for window in drawn])
    runs = np.array([b"N" * 10 in window for window in drawn])
    assert 0.03 < runs.mean() < 0.055  # a twentieth, but for short ones
    assert 0.03 < ((unknown > 0) & ~runs).mean() < 0.06
    assert unknown.max() < 150
    assert not any(b"N" in window for window in sampler.draw((1,), np.full(500, 300), errors=False).sequences)


def test_equal_seeds_give_equal_weights(genomes_folder, tmp_path):
    run(genomes_folder, tmp_path / "a", 6)
    run(genomes_folder, tmp_path / "b", 6)
    assert same(read_checkpoint(tmp_path / "a"), read_checkpoint(tmp_path / "b"))
    assert digest_of(tmp_path / "a" / "mini") == digest_of(tmp_path / "b" / "mini")


def test_a_run_that_was_stopped_goes_on_as_if_nothing_had_been(genomes_folder, tmp_path, monkeypatch):
    run(genomes_folder, tmp_path / "whole", 6)
    to_the_end = Trainer.run
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "run", lambda trainer, until: to_the_end(trainer, min(until, 5)))
        run(genomes_folder, tmp_path / "stopped", 6)
    assert read_checkpoint(tmp_path / "stopped")["step"] == 5
    run(genomes_folder, tmp_path / "stopped", 6)
    assert same(read_checkpoint(tmp_path / "whole"), read_checkpoint(tmp_path / "stopped"))
    with pytest.raises(SystemExit, match="holds a run of"):
        run(genomes_folder, tmp_path / "stopped", 7)


def test_where_letters_are_unknown_another_record_is_cut_and_named(genomes_folder):
    genomes = read_genomes(genomes_folder)
    phages = np.flatnonzero(genomes.classes == 0)
    bases = np.concatenate(
        [
            np.full(n, ord("N"), np.uint8) if r in phages[1:] else genomes.sequence(r)
            for r, n in enumerate(genomes.lengths)
        ]
    )
    masked = replace(genomes, bases=bases)
    split = Split(np.arange(len(genomes)), np.zeros(len(genomes), np.int64))
    sampler = Sampler(masked, split, 0, {"phage": 1.0})
    drawn = sampler.draw((1,), np.full(40, 200), errors=False)
    for record, sequence in zip(drawn.records, drawn.sequences, strict=True):
        whole = masked.sequence(record).tobytes()
        assert sequence in whole or reverse_complement(sequence) in whole
    clean = [record for record, sequence in zip(drawn.records, drawn.sequences, strict=True) if b"N" not in sequence]
    assert set(clean) == {phages[0]}
    assert len(clean) > 5


def test_what_unrelated_genomes_share_is_masked(genomes_folder):
    genomes = read_genomes(genomes_folder)
    split = split_genomes(genomes, 0)
    bases, piece = genomes.bases.copy(), genomes.sequence(0)[500:600]
    for record in (np.flatnonzero(split.sides == side)[-1] for side in range(3)):
        bases[genomes.starts[record] + 50 : genomes.starts[record] + 150] = piece
    planted = replace(genomes, bases=bases)
    assert min(shared_kmers(planted, split).values()) > 0
    mask_shared(planted, split)
    assert max(shared_kmers(planted, split).values()) == 0


def test_a_run_s_folder_is_for_one_folder_of_data(genomes_folder, tmp_path):
    prepare_data(genomes_folder, tmp_path)
    (tmp_path / "data.json").write_text('{"sha256": "of other data"}')
    with pytest.raises(SystemExit, match="on other data"):
        prepare_data(genomes_folder, tmp_path)
