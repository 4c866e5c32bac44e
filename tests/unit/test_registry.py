"""A third architecture: one small class, one entry, and everything else finds it."""

import json
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from virnucpro import WeightsError, load_encoder
from virnucpro.embedding.embed import embed_tokens
from virnucpro.models import registry
from virnucpro.models.catalog import CATALOG, catalogue_identity, catalogue_width
from virnucpro.models.checkpoints import open_checkpoint
from virnucpro.models.encoders import Tokens
from virnucpro.models.matching import Checkpoint
from virnucpro.models.placement import choose_placement
from virnucpro.models.registry import Architecture
from virnucpro.models.weights import FileTensors, weight_files
from virnucpro.records import ModelIdentity, Molecule, same_model
from virnucpro.sequences.ragged import Ragged

ENTRY = Architecture("Bases", "bases:BasesCheckpoint", ("bases",), Molecule.DNA, "_BASES.pt", "nucleotide")
CODES = np.full(256, 4, np.uint8)
CODES[list(b"ACGT")] = range(4)


class Bases(nn.Module):
    """A convolution over base codes; the pooling is inside."""

    def __init__(self, width):
        super().__init__()
        self.convolution = nn.Conv1d(5, width, 3, padding=1)

    def forward(self, codes):
        one_hot = nn.functional.one_hot(codes.long(), 5).T.to(self.convolution.weight.dtype)
        return self.convolution(one_hot).amax(1)


@dataclass(frozen=True, eq=False)
class BasesEncoder:
    model: Bases
    identity: ModelIdentity
    placement: object
    architecture: ClassVar = ENTRY
    suffix: ClassVar = ENTRY.suffix
    batch_tokens: ClassVar = 100

    @property
    def width(self):
        return self.model.convolution.out_channels

    def tokenise(self, sequences, max_residues):
        rows = [CODES[np.frombuffer(s.encode("ascii", "replace")[:max_residues], np.uint8)] for s in sequences]
        lengths = np.array([len(row) for row in rows])
        cut = np.array([len(s) > max_residues for s in sequences])
        return Tokens(Ragged.of(rows), lengths, cut, np.array([(row == 4).sum() for row in rows]))

    @torch.inference_mode()
    def embed(self, tokens, exact=False):
        assert tokens.values.dtype == np.uint8
        return torch.stack([self.model(torch.from_numpy(row.copy())) for row in tokens]).float().numpy()

    def vectors_of(self, tokens):
        return np.ones(len(tokens), np.int64)


@dataclass(frozen=True, eq=False, kw_only=True)
class BasesCheckpoint(Checkpoint):
    architecture: ClassVar = ENTRY
    width: int = 0
    layers: int = 1

    @classmethod
    def open(cls, folder, values, name, revision):
        return cls(FileTensors(weight_files(folder)), name, revision, width=values["hidden_size"])

    @classmethod
    def take_over(cls, model, values, tokenizer):
        raise WeightsError("no other library has it")

    def describe(self):
        return {"width": self.width}

    def build(self, placement):
        return Bases(self.width)

    def canonical_name(self, name):
        return name

    def encoder(self, placement):
        return BasesEncoder(self.load(placement), self.identity, placement)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "ARCHITECTURES", [*registry.ARCHITECTURES, ENTRY])
    monkeypatch.setattr(registry.importlib, "import_module", lambda _: type("Module", (), globals()))
    torch.manual_seed(0)
    save_file(Bases(8).state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bases", "hidden_size": 8}))
    return tmp_path


def test_one_entry_is_all_that_a_new_architecture_needs(folder):
    encoder = load_encoder(str(folder), "cpu", "fp32")
    tokens = encoder.tokenise(["ACGTN", "", "ACGTACGT", "ACGTN"], 8)
    found = embed_tokens(encoder, tokens.ragged)
    assert (encoder.suffix, encoder.identity.architecture["model"]) == ("_BASES.pt", "Bases")
    assert found.vectors.shape == (4, 8)
    assert list(found.failures) == [1]
    assert np.array_equal(found.vectors[0], found.vectors[3])
    assert np.abs(found.vectors[[0, 2, 3]]).min() > 0


def test_its_weights_are_checked_like_all_others(folder):
    (folder / "config.json").write_text(json.dumps({"model_type": "bases", "hidden_size": 9}))
    with pytest.raises(WeightsError, match="does not fit the Bases"):
        open_checkpoint(folder).load(choose_placement("cpu", "fp32"))


def test_a_model_type_that_nobody_knows(folder):
    (folder / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    with pytest.raises(WeightsError, match=r"model_type is 'gpt2'; known are esm or fast_esm .ESM-2., .*bases"):
        open_checkpoint(folder)


def test_every_entry_names_a_class_that_names_the_entry():
    for entry in registry.ARCHITECTURES:
        assert entry.checkpoint.architecture is entry


def test_models_are_compared_without_weights():
    known = catalogue_identity("fastesm2-650")
    read = ModelIdentity(known.name, known.revision, "a" * 64, {"width": 1280})
    assert same_model(known, read)
    assert not same_model(read, ModelIdentity(known.name, known.revision, "b" * 64))
    assert not same_model(known, ModelIdentity(known.name, "0" * 40, "a" * 64))
    assert not same_model(known, catalogue_identity("esm2-650m"))
    assert not same_model(ModelIdentity("x", None, ""), ModelIdentity("x", None, "a" * 64))
    assert same_model(read, ModelIdentity("renamed", None, "a" * 64))
    assert catalogue_identity("mini") is None is catalogue_identity("some/folder")
    assert catalogue_width(read) == 1280
    assert catalogue_width(ModelIdentity("fastesm2-650", None, "")) is None
    assert all(catalogue_identity(name).molecule is entry.molecule for name, entry in CATALOG.items())
