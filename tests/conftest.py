"""What many tests need: proteins, the demo encoder in float32, the command in this process."""

from pathlib import Path

import numpy as np
import pytest

from virnucpro.cli.main import run
from virnucpro.models.encoders import load_encoder


def random_dna(generator, length):
    return "".join(generator.choice(list("ACGT"), length))


def random_protein(generator, length):
    return "".join(generator.choice(list("LAGVSERTIDPKQNFYMHWC"), length))


@pytest.fixture(scope="session")
def demo():
    return load_encoder("demo", "cpu", "fp32")


@pytest.fixture(scope="session")
def demo_dna():
    return load_encoder("demo-dna", "cpu", "fp32")


@pytest.fixture
def proteins():
    """Thirty proteins of 5 to 300 residues."""
    generator = np.random.default_rng(3)
    return [(f"p{i}", random_protein(generator, int(generator.integers(5, 300)))) for i in range(30)]


@pytest.fixture
def fasta(tmp_path, proteins):
    return write_fasta(tmp_path / "proteins.faa", proteins)


def write_fasta(path: Path, records) -> Path:
    path.write_text("".join(f">{id_}\n{sequence}\n" for id_, sequence in records))
    return path


@pytest.fixture
def virnucpro(capfd):
    """Run the command in this process; gives exit code, stdout and stderr."""

    def command(*arguments):
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return command
