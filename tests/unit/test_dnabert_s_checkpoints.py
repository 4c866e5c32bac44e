"""Strict loading of DNABERT-S: what is missing, extra, misshaped or of another kind is named."""

import json

import pytest
import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel

from dna_layouts import gte_model, published_dna_state, published_tokenizer, write_dnabert_s
from published_layouts import published_state
from virnucpro import WeightsError, load_encoder
from virnucpro.models.checkpoints import open_checkpoint
from virnucpro.models.dnabert_s_checkpoints import DnaEncoder
from virnucpro.models.placement import choose_placement

CPU = choose_placement("cpu", "fp32")
QUERY = "encoder.layer.1.attention.self.Wqkv.weight"


@pytest.fixture
def folder(tmp_path):
    write_dnabert_s(tmp_path / "model")
    return tmp_path / "model"


def edit_tensors(folder, edit):
    state = torch.load(folder / "pytorch_model.bin", weights_only=True)
    edit(state)
    torch.save(state, folder / "pytorch_model.bin")


def edit_config(folder, **changes):
    path = folder / "config.json"
    values = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in values.items() if value != "absent"}))


def test_a_folder_gives_a_dna_encoder(folder):
    encoder = load_encoder(str(folder), "cpu", "fp32")
    assert isinstance(encoder, DnaEncoder)
    assert encoder.width == 96
    assert encoder.identity.molecule == "dna"
    assert encoder.identity.architecture["model"] == "DNABERT-S"
    assert encoder.identity.architecture["tokenizer_sha256"] == encoder.tokenizer.sha256


@pytest.mark.parametrize("layout", ["safetensors", "DNABERT-2"])
def test_other_layouts_give_the_same_weights(folder, tmp_path, layout):
    expected = open_checkpoint(folder).load(CPU)
    state = torch.load(folder / "pytorch_model.bin", weights_only=True)
    other = write_folder = tmp_path / "other"
    if layout == "safetensors":
        write_dnabert_s(write_folder)
        (other / "pytorch_model.bin").unlink()
        save_file(state, other / "model.safetensors")
    else:
        prefixed = {f"bert.{name}": tensor for name, tensor in state.items() if not name.startswith("pooler")}
        prefixed["cls.predictions.decoder.weight"] = torch.ones(3, 3)
        write_dnabert_s(write_folder, state=prefixed)
    found = open_checkpoint(other).load(CPU)
    assert all(torch.equal(a, b) for a, b in zip(expected.parameters(), found.parameters(), strict=True))
    assert not any(parameter.requires_grad for parameter in found.parameters())
    assert not any(tensor.is_meta for tensor in (*found.parameters(), *found.buffers()))


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda t: t.pop(QUERY), r"missing: layers\.1\.query_key_value\.weight"),
        (lambda t: t.pop("encoder.layer.2.mlp.wo.bias"), r"missing: layers\.2\.contract\.bias"),
        (lambda t: t.pop("embeddings.token_type_embeddings.weight"), r"missing: token_type\.weight"),
        (
            lambda t: t.update({"encoder.layer.0.extra.weight": torch.ones(2)}),
            r"not part of DNABERT-S: .*extra\.weight",
        ),
        (
            lambda t: t.update({"encoder.layer.0.mlp.gated_layers.bias": torch.ones(320)}),
            r"not part.*gated_layers\.bias",
        ),
        (
            lambda t: t.update({QUERY: torch.ones(96, 96)}),
            r"misshaped: .*Wqkv\.weight \(96, 96\) instead of \(288, 96\)",
        ),
    ],
)
def test_tensors_that_do_not_fit(folder, edit, told):
    edit_tensors(folder, edit)
    with pytest.raises(WeightsError, match=told):
        open_checkpoint(folder).load(CPU)


def test_a_stock_bert_is_refused_by_name(folder):
    """What transformers without remote code makes, and would save, of this very folder."""
    shape = {"hidden_size": 96, "num_hidden_layers": 3, "num_attention_heads": 12, "intermediate_size": 160}
    bert = BertModel(BertConfig(**shape, vocab_size=300))
    torch.save(published_state(bert), folder / "pytorch_model.bin")
    with pytest.raises(WeightsError, match="it is a stock BERT"):
        open_checkpoint(folder).load(CPU)
    edit_config(folder, alibi_starting_size="absent")
    with pytest.raises(WeightsError, match=r"a stock BERT: model_type is 'bert', and it lacks alibi_starting_size"):
        open_checkpoint(folder)


def test_a_dnabert_2_that_is_not_whole_is_refused_by_name(folder):
    state = published_dna_state(gte_model(), "bert.")
    del state[f"bert.{QUERY}"]
    write_dnabert_s(folder, state=state)
    with pytest.raises(
        WeightsError, match=r"it is a DNABERT-2 .*not whole: missing: layers\.1\.query_key_value\.weight"
    ):
        open_checkpoint(folder).load(CPU)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"layer_norm_eps": "absent", "type_vocab_size": "absent"}, "lacks type_vocab_size, layer_norm_eps"),
        ({"hidden_act": "gelu_new"}, "hidden_act is 'gelu_new', not 'gelu'"),
        ({"vocab_size": 4096}, "vocab_size is 4096 in the configuration, 300 in the tokenizer"),
        ({"num_attention_heads": 7}, "hidden_size 96 is no multiple of 7 heads"),
        ({"num_attention_heads": 0}, "num_attention_heads is 0, not a whole number from 1 to"),
        ({"hidden_size": "96", "layer_norm_eps": None}, "hidden_size is '96'.*layer_norm_eps is None"),
        ({"vocab_size": None}, "vocab_size is None"),
        ({"num_hidden_layers": 4}, r"missing: layers\.3"),
        ({"intermediate_size": 161}, "misshaped"),
    ],
)
def test_configurations_that_are_not_of_this_model(folder, changes, told):
    edit_config(folder, **changes)
    with pytest.raises(WeightsError, match=told):
        open_checkpoint(folder).load(CPU)


def test_a_folder_without_its_tokenizer(folder):
    (folder / "tokenizer.json").unlink()
    with pytest.raises(WeightsError, match=r"has no tokenizer\.json; copy it"):
        open_checkpoint(folder)


def test_another_tokenizer_is_another_model(folder):
    """Two results are of one model only when their tokens are made alike."""
    before = open_checkpoint(folder).identity
    tokenizer = published_tokenizer()
    tokenizer.no_padding()
    tokenizer.save(str(folder / "tokenizer.json"))
    after = open_checkpoint(folder).identity
    assert before.weights_sha256 == after.weights_sha256
    assert before.architecture != after.architecture
