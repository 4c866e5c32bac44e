"""What `virnucpro predict` and `virnucpro features` make of what an earlier run left."""

import numpy as np
import pytest
import torch

from conftest import random_dna, write_fasta
from virnucpro.models.esm2_checkpoints import ProteinEncoder

OPEN = "GCC"
"""A codon that is a stop on neither strand and in no frame."""


@pytest.fixture(params=["predict", "features"])
def verb(request, models):
    encoders = ("--dna-model", models / "dna", "--protein-model", models / "protein", "--window", "300")
    options = ("--classifier", models / "classifier.safetensors") if request.param == "predict" else encoders
    return (request.param, *options, "--dtype", "fp32")


@pytest.fixture
def too_long(monkeypatch):
    """Lengths in tokens of proteins that do not fit in memory, as long as they are in this set."""
    embed, lengths = ProteinEncoder.embed, {30 + 2, 60 + 2}

    def tight(self, tokens, exact=False):
        if any(len(sequence) in lengths for sequence in tokens):
            raise torch.OutOfMemoryError("no room")
        return embed(self, tokens, exact)

    monkeypatch.setattr(ProteinEncoder, "embed", tight)
    return lengths


def parts(folder):
    return {path.name for pattern in ("parts/scores_*.npz*", "*_part*") for path in folder.glob(pattern)}


def logged(folder):
    log = folder / "extraction_failures.log"
    return [line.split(" | ")[2] for line in log.read_text().splitlines()] if log.exists() else []


def test_what_did_not_fit_in_memory_is_tried_again(virnucpro, tmp_path, too_long, verb):
    records = [(f"r{bases}", OPEN * (bases // 3)) for bases in (90, 180, 270)]
    fasta = write_fasta(tmp_path / "x.fna", records)
    assert virnucpro(*verb, fasta, "-o", tmp_path / "out")[0] == 5
    assert {name.partition("_")[0] for name in logged(tmp_path / "out")} == {"r90", "r180"}
    too_long.remove(60 + 2)
    code, _, err = virnucpro(*verb, fasta, "-o", tmp_path / "out")
    assert code == 5
    assert "parts: 1 computed, 0 skipped" in err
    once = logged(tmp_path / "out")
    assert {name.partition("_")[0] for name in once} == {"r90"}
    assert len(once) == len(set(once))
    too_long.clear()
    assert virnucpro(*verb, fasta, "-o", tmp_path / "out")[0] == 0
    assert logged(tmp_path / "out") == []
    assert "parts: 0 computed, 1 skipped" in virnucpro(*verb, fasta, "-o", tmp_path / "out")[2]


def test_what_fails_again_stays_in_the_log_beside_a_record_of_the_same_id(
    virnucpro, tmp_path, monkeypatch, too_long, verb
):
    monkeypatch.setattr("virnucpro.verbs.framing.frame_parts.__defaults__", (1, 6))
    fasta = write_fasta(tmp_path / "x.fna", [("r", OPEN * 30), ("r", OPEN * 60)])
    assert virnucpro(*verb, fasta, "-o", tmp_path / "out")[0] == 5
    both = logged(tmp_path / "out")
    too_long.remove(60 + 2)
    assert virnucpro(*verb, fasta, "-o", tmp_path / "out")[0] == 5
    first = logged(tmp_path / "out")
    assert first
    assert len(both) == 2 * len(first)
    too_long.clear()
    assert virnucpro(*verb, fasta, "-o", tmp_path / "out")[0] == 0
    assert logged(tmp_path / "out") == []


def test_parts_with_other_rows_are_not_taken_for_this_run_s(virnucpro, tmp_path, monkeypatch, verb):
    """As of a version that had other windows, rows or ends of parts: what is left of it does not fit beside the rest."""
    fasta = write_fasta(tmp_path / "x.fna", [("a", OPEN * 100), ("b", OPEN * 100), ("c", OPEN * 100)])
    monkeypatch.setattr("virnucpro.verbs.framing.frame_parts.__defaults__", (1, 6))
    assert virnucpro(*verb, fasta, "-o", tmp_path / "out")[0] == 0
    monkeypatch.setattr("virnucpro.verbs.framing.frame_parts.__defaults__", (1, 12))
    code, _, err = virnucpro(*verb, fasta, "-o", tmp_path / "out")
    assert code == 4
    assert "rows sha256" in err
    assert virnucpro(*verb, fasta, "-o", tmp_path / "out", "--overwrite")[0] == 0


def test_a_record_without_an_id_is_called_but_gives_no_features(virnucpro, tmp_path, verb):
    fasta = tmp_path / "x.fna"
    fasta.write_text(f">a\n{OPEN * 50}\n>\n{OPEN * 50}\n")
    code, _, err = virnucpro(*verb, fasta, "-o", tmp_path / "out")
    assert code == (0 if verb[0] == "predict" else 3)
    assert ("record 2 has no id" in err) == (verb[0] == "features")


def test_overwriting_begins_the_failure_log_anew(virnucpro, tmp_path, monkeypatch, verb):
    def never(*_):
        raise torch.OutOfMemoryError("no room")

    fasta = write_fasta(tmp_path / "x.fna", [("r", OPEN * 50)])
    with monkeypatch.context() as patch:
        patch.setattr(ProteinEncoder, "embed", never)
        assert virnucpro(*verb, fasta, "-o", tmp_path / "out")[0] == 5
    assert logged(tmp_path / "out")
    fasta = write_fasta(tmp_path / "x.fna", [("s", OPEN * 50)])
    assert virnucpro(*verb, fasta, "-o", tmp_path / "out", "--overwrite")[0] == 0
    assert logged(tmp_path / "out") == []


def test_no_part_of_an_earlier_run_stays_among_those_of_this_one(virnucpro, tmp_path, monkeypatch, verb):
    out, rows = tmp_path / "out", (1, 2)  # genetic code, and rows of a part
    monkeypatch.setattr("virnucpro.verbs.framing.frame_parts.__defaults__", rows)
    random = np.random.default_rng(4)
    fasta = write_fasta(tmp_path / "x.fna", [("a", OPEN * 900), ("b", random_dna(random, 500))])
    assert virnucpro(*verb, fasta, "-o", out)[0] == 0
    many = parts(out)
    assert len(many) > 4
    fasta = write_fasta(tmp_path / "x.fna", [("c", "")])
    code, _, err = virnucpro(*verb, fasta, "-o", out)
    assert code == 4
    assert "is no part of this run" in err
    assert parts(out) == many
    fasta = write_fasta(tmp_path / "x.fna", [("d", OPEN * 110)])
    assert virnucpro(*verb, fasta, "-o", out, "--overwrite")[0] == 0
    assert 0 < len(parts(out)) < len(many)
