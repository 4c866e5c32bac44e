import os
import subprocess
import sys

import pytest

from virnucpro.models.esm2_checkpoints import ProteinEncoder


def test_models_are_listed_with_what_is_here(virnucpro):
    for arguments in (("models",), ("models", "list")):
        code, out, _ = virnucpro(*arguments)
        assert code == 0
        rows = {line.split()[0]: line for line in out.splitlines()}
        assert "1280" in rows["fastesm2-650"]
        assert "Synthyra/FastESM2_650@373bed1 (default)" in rows["fastesm2-650"]
        assert "zhihan1996/DNABERT-S@00e47f9 (reads DNA)" in rows["dnabert-s"]
        assert "in the package" in rows["mini"]


def test_a_reader_that_has_seen_enough():
    """As `virnucpro models | head -0` does: the pipe is closed before anything is written."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "virnucpro", "models"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_an_unknown_model_is_not_downloaded(virnucpro):
    code, _, err = virnucpro("models", "download", "esm3")
    assert code == 2
    assert "unknown model 'esm3'" in err
    assert "fastesm2-650" in err


def test_a_download_without_a_network(virnucpro, monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    code, _, err = virnucpro("models", "download", "esm2-8m")
    assert code == 4
    assert "the weights of esm2-8m" in err


def test_doctor_shows_the_machine(virnucpro):
    code, out, _ = virnucpro("doctor")
    assert code == 0
    for word in ("virnucpro", "python", "torch", "runs on", "memory", "attention", "weights", "not run"):
        assert word in out


CHECKS = (
    "file",
    "keys",
    "count",
    "catalogue width",
    "float32",
    "no NaN",
    "no Inf",
    "non-zero",
    "distinct rows",
    "merge_data",
    "resume",
    "batch equals single",
)


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_doctor_proves_an_extraction(virnucpro, dtype, models):
    code, out, _ = virnucpro("doctor", "--model", models / "protein", "--dtype", dtype)
    assert code == 0
    assert [line.split("  ")[1].split(":")[0] for line in out.splitlines() if line.startswith("PASS")] == list(CHECKS)
    assert "FAIL" not in out


def test_doctor_proves_an_extraction_of_dna(virnucpro, models):
    code, out, _ = virnucpro("doctor", "--model", models / "dna", "--dtype", "fp32")
    assert code == 0
    assert out.count("PASS") == len(CHECKS)
    assert "nucleotide, data" in out
    assert "numbers with protein vectors" in out


def breaking(embed, how):
    def broken(self, tokens, exact=False):
        return how(embed(self, tokens, exact).copy(), tokens)

    return broken


def shifted_in_company(vectors, _tokens):
    vectors[:] += 0.3 * (len(vectors) > 1)
    return vectors


@pytest.mark.parametrize(
    ("how", "failing"),
    [
        (shifted_in_company, "batch equals single"),
        (lambda vectors, _: vectors[:, :-1], "file"),
        (lambda vectors, _: vectors * 0, "non-zero"),
        (lambda vectors, _: vectors * 0 + 1, "distinct rows"),
    ],
)
def test_doctor_fails_what_is_broken(virnucpro, monkeypatch, how, failing, models):
    monkeypatch.setattr(ProteinEncoder, "embed", breaking(ProteinEncoder.embed, how))
    code, out, _ = virnucpro("doctor", "--model", models / "protein", "--dtype", "fp32")
    assert code == 4
    assert f"FAIL  {failing}" in out
