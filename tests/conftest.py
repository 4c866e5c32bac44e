"""What many tests need: proteins, random encoders in float32 and in folders, the command in this process."""

import errno
from pathlib import Path

import numpy as np
import pytest

from random_models import dna_checkpoint, protein_checkpoint, write_models
from virnucpro.cli.main import run
from virnucpro.models.encoders import encoder_of
from virnucpro.models.placement import choose_placement


def random_dna(generator, length):
    return "".join(generator.choice(list("ACGT"), length))


def random_protein(generator, length):
    return "".join(generator.choice(list("LAGVSERTIDPKQNFYMHWC"), length))


@pytest.fixture(scope="session")
def protein_encoder():
    return encoder_of(protein_checkpoint(), choose_placement("cpu", "fp32"))


@pytest.fixture(scope="session")
def dna_encoder():
    return encoder_of(dna_checkpoint(), choose_placement("cpu", "fp32"))


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """A folder with `protein`, `dna` and `classifier.safetensors`, for `--model` and `--classifier`."""
    return write_models(tmp_path_factory.mktemp("random") / "models")


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
def unreadable(monkeypatch):
    """Take the permission to read a file, from root too."""
    locked, opened = set(), Path.open

    def open_unless_locked(path, *arguments, **options):
        if path in locked:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", open_unless_locked)
    return locked.add


@pytest.fixture
def virnucpro(capfd):
    """Run the command in this process; gives exit code, stdout and stderr."""

    def command(*arguments):
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return command
