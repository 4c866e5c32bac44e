"""`virnucpro embed` with a model that reads DNA: the same command, another file."""

import gzip

import numpy as np
import pytest
import torch

from conftest import random_dna, write_fasta
from dna_layouts import write_dnabert_s


@pytest.fixture
def random(models):
    return ("--model", models / "dna", "--dtype", "fp32")


@pytest.fixture
def windows():
    generator = np.random.default_rng(6)
    return [(f"w{i}", random_dna(generator, int(generator.integers(100, 500)))) for i in range(10)]


def test_fasta_and_fastq_in_features_out(virnucpro, tmp_path, windows, random):
    fasta = write_fasta(tmp_path / "windows.fna", windows)
    fastq = tmp_path / "reads.fastq.gz"
    fastq.write_bytes(gzip.compress(b"@r1 x\nACGTN\n+\nIIIII\n@r2\nacgt\n+\nIIII\n"))
    code, out, err = virnucpro("embed", fasta, fastq, "-o", tmp_path / "out", *random)
    assert (code, out) == (0, "")
    assert sorted(path.name for path in (tmp_path / "out").glob("*.pt*")) == [
        "reads_DNABERT_S.pt", "reads_DNABERT_S.pt.json", "windows_DNABERT_S.pt", "windows_DNABERT_S.pt.json",
    ]  # fmt: skip
    content = torch.load(tmp_path / "out" / "windows_DNABERT_S.pt", weights_only=True)
    assert content["nucleotide"] == [id_ for id_, _ in windows]
    assert torch.load(tmp_path / "out" / "reads_DNABERT_S.pt", weights_only=True)["nucleotide"] == ["r1", "r2"]
    assert "looks like nucleotides" not in err
    assert "12 read, 12 written" in err
    code, _, err = virnucpro("embed", fasta, fastq, "-o", tmp_path / "out", *random)
    assert code == 0
    assert "files: 0 written, 2 skipped" in err


def test_both_halves_of_one_input_stand_side_by_side(virnucpro, tmp_path, windows, random, models):
    fasta = write_fasta(tmp_path / "x.fa", windows)
    proteins = write_fasta(tmp_path / "x.faa", [("a", "MKVLAGSEKR")])
    assert virnucpro("embed", proteins, "-o", tmp_path, "--model", models / "protein", "--dtype", "fp32")[0] == 0
    assert virnucpro("embed", fasta, "-o", tmp_path, *random)[0] == 0
    assert (tmp_path / "x_ESM.pt").exists()
    assert (tmp_path / "x_DNABERT_S.pt").exists()


def test_failures_and_truncation_are_counted_the_same_way(virnucpro, tmp_path, random):
    fasta = write_fasta(tmp_path / "x.fa", [("a", "ACGT" * 20), ("b", ""), ("c", "ACG")])
    code, _, err = virnucpro("embed", fasta, "-o", tmp_path / "out", *random, "--max-residues", "50")
    assert code == 5
    assert "3 read, 2 written, 1 failed, 1 truncated" in err
    assert (
        "| b | EmptySequence | nothing is left of it after cleaning"
        in (tmp_path / "out" / "extraction_failures.log").read_text()
    )


def test_a_folder_says_itself_what_it_reads(virnucpro, tmp_path, windows):
    write_dnabert_s(tmp_path / "model")
    fasta = write_fasta(tmp_path / "x.fa", windows)
    code, *_ = virnucpro("embed", fasta, "-o", tmp_path / "out", "--model", tmp_path / "model", "--dtype", "fp32")
    assert code == 0
    content = torch.load(tmp_path / "out" / "x_DNABERT_S.pt", weights_only=True)
    assert {len(row["mean_representation"]) for row in content["data"]} == {96}
