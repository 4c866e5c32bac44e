"""The commands of docs/tutorial.md run one after the other; here on small genomes and small models."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from conftest import write_fasta
from genbank_files import cds, record, write_genbank
from virnucpro.cli.exit_codes import ExitCode

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
CODONS = {
    "phages": {"A": "GCA", "K": "AAA", "L": "TTA", "G": "GGT"},
    "bacteria": {"A": "GCC", "K": "AAG", "L": "CTG", "G": "GGC"},
}


def genomes(name, count):
    """Genomes of one long gene each, whose codons tell the class."""
    generator = np.random.default_rng(len(name))
    made = []
    for number in range(count):
        protein = "M" + "".join(generator.choice(list("AKLG"), 499))
        letters = "".join({"M": "ATG"}.get(residue) or CODONS[name][residue] for residue in protein) + "TAA"
        made.append((f"{name}{number}", letters, cds(f"1..{len(letters)}", protein)))
    return made


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in CODONS:
        write_genbank(tmp_path / f"{name}.gbff", *(record(*genome) for genome in genomes(name, 24)))
    write_fasta(tmp_path / "contigs.fasta", [(id_, letters) for id_, letters, _ in genomes("phages", 2)])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def commands():
    text = PAGE.read_text()
    return [shlex.split(line) for block in re.findall(r"```\n(.*?)```", text, re.DOTALL) for line in block.splitlines()
            if line.startswith("virnucpro ")]  # fmt: skip


def test_the_tutorial_runs(virnucpro, folder, models):
    large = {"dnabert-s": str(models / "dna"), "fastesm2-650": str(models / "protein")}
    verbs = []
    for _, *command in commands():
        code, out, err = virnucpro(*[large.get(word, word) for word in command])
        allowed = {ExitCode.DONE} | ({ExitCode.DIFFERENT} if command[0] == "compare" else set())
        assert code in allowed, (command, err)
        verbs.append(command[0])
        if command[0] == "verify":
            assert "FAIL" not in out
    assert list(dict.fromkeys(verbs)) == [
        "prepare",
        "embed",
        "merge",
        "train",
        "evaluate",
        "predict",
        "verify",
        "compare",
    ]
    assert len((folder / "calls" / "calls.tsv").read_text().splitlines()) == 3
    assert (folder / "large" / "phages_merged.pt").exists()
