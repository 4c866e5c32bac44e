"""Strict loading: what is missing, extra, misshaped or of another kind is named, and nothing is ever guessed."""

import argparse
import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertModel

from published_layouts import TINY, transformers_model, write_bin, write_fair_esm, write_prefixed
from virnucpro import ConfigError, DeviceError, WeightsError
from virnucpro.models import matching
from virnucpro.models.checkpoints import open_checkpoint, open_model_in_memory
from virnucpro.models.placement import choose_placement

CPU = choose_placement("cpu", "fp32")


@pytest.fixture
def folder(tmp_path):
    write_prefixed(tmp_path / "model")
    return tmp_path / "model"


def edit_tensors(folder, edit):
    path = folder / "model.safetensors"
    tensors = load_file(path)
    edit(tensors)
    save_file(tensors, path)


def edit_config(folder, **changes):
    path = folder / "config.json"
    values = json.loads(path.read_text())
    values = {key: value for key, value in (values | changes).items() if value != "absent"}
    path.write_text(json.dumps(values))


QUERY = "esm.encoder.layer.1.attention.self.query.weight"


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda t: t.pop(QUERY), r"missing: layers\.1\.query_key_value\.weight"),
        (lambda t: t.pop("esm.encoder.layer.2.output.dense.bias"), r"missing: layers\.2\.contract\.bias"),
        (lambda t: t.pop("esm.embeddings.word_embeddings.weight"), r"missing: embedding\.weight"),
        (lambda t: t.update({"esm.encoder.layer.0.extra.weight": torch.ones(2)}), r"not part.*layer\.0\.extra\.weight"),
        (lambda t: t.update({"esm.encoder.layer.7.output.dense.bias": torch.ones(64)}), r"not part.*layer\.7"),
        (
            lambda t: t.update({QUERY: torch.ones(64, 32)}),
            r"misshaped: .*query\.weight \(64, 32\) instead",
        ),
        (
            lambda t: t.update({"esm.encoder.layer.1.attention.self.rotary_embeddings.inv_freq": torch.ones(8)}),
            "two different tensors for inverse_frequencies",
        ),
    ],
)
def test_tensors_that_do_not_fit(folder, edit, told):
    edit_tensors(folder, edit)
    with pytest.raises(WeightsError, match=told):
        open_checkpoint(folder).load(CPU)


def test_a_checkpoint_without_frequencies_gets_computed_ones(folder):
    def drop(tensors):
        for name in [name for name in tensors if name.endswith("inv_freq")]:
            del tensors[name]

    edit_tensors(folder, drop)
    encoder = open_checkpoint(folder).load(CPU)
    assert torch.allclose(encoder.inverse_frequencies, 10000.0 ** (-torch.arange(0, 16, 2) / 16))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"layer_norm_eps": "absent", "token_dropout": "absent"}, "lacks token_dropout, layer_norm_eps"),
        ({"position_embedding_type": "absolute"}, "position_embedding_type is 'absolute', not 'rotary'"),
        ({"emb_layer_norm_before": True}, "emb_layer_norm_before is True"),
        ({"model_type": "bert"}, "model_type is 'bert'"),
        ({"vocab_size": 4096}, "vocab_size is 4096, not 33"),
        ({"num_hidden_layers": 4}, "missing: layers.3"),
        ({"hidden_size": 128}, "misshaped"),
        ({"num_attention_heads": 0}, "num_attention_heads is 0, not a whole number from 1 to"),
        ({"num_attention_heads": True}, "num_attention_heads is True, not a whole number from 1 to"),
        ({"hidden_size": "64"}, "hidden_size is '64', not a whole number from 1 to"),
        ({"hidden_size": None}, "hidden_size is None, not a whole number from 1 to"),
        ({"num_hidden_layers": 3.0}, "num_hidden_layers is 3.0, not a whole number from 1 to"),
        ({"token_dropout": None}, "token_dropout is None, not true or false"),
        ({"layer_norm_eps": None}, "layer_norm_eps is None, not a positive number"),
        ({"layer_norm_eps": float("nan")}, "NaN, which is no number of JSON"),
        ({"rope_theta": "x"}, "rope_theta is 'x', not a positive number"),
        ({"num_attention_heads": 7}, "hidden_size 64 is no multiple of 7 heads"),
        ({"num_attention_heads": 64}, "heads of width 1 have no halves"),
        (
            {"model_type": "bart", "layer_norm_eps": "absent", "hidden_size": "64", "vocab_size": [33]},
            r"model_type is 'bart'; known are esm or fast_esm \(ESM-2\), bert \(DNABERT-S\)",
        ),
    ],
)
def test_configurations_that_are_not_of_this_model(folder, changes, told):
    edit_config(folder, **changes)
    with pytest.raises(WeightsError, match=told):
        open_checkpoint(folder).load(CPU)


def test_a_configuration_that_is_not_json(folder):
    config = folder / "config.json"
    config.write_text(config.read_text().replace(",", "", 1))
    with pytest.raises(WeightsError, match=r"config\.json is not a configuration in valid JSON"):
        open_checkpoint(folder)


def test_what_a_folder_lacks_is_named(folder):
    (folder / "model.safetensors").rename(folder / "other.safetensors")
    with pytest.raises(WeightsError, match=r"holds no weights: looked for model\.safetensors"):
        open_checkpoint(folder)
    (folder / "config.json").unlink()
    with pytest.raises(WeightsError, match=r"has no config\.json"):
        open_checkpoint(folder)


def test_a_missing_shard_is_named(folder):
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(WeightsError, match="model-00001-of-00002"):
        open_checkpoint(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_a_file_that_was_cut_off(tmp_path, name):
    (write_prefixed if name == "model.safetensors" else write_bin)(tmp_path / "model")
    path = tmp_path / "model" / name
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(WeightsError, match=f"{name} cannot be read"):
        open_checkpoint(tmp_path / "model").load(CPU)


class Payload:
    """What a hostile file would hold: unpickling it would run a command."""

    def __reduce__(self):
        return print, ("executed",)


@pytest.mark.parametrize("layout", ["bin", "pt"])
def test_code_in_a_file_is_not_run(tmp_path, capsys, layout):
    if layout == "bin":
        write_bin(tmp_path / "model")
        path, target = tmp_path / "model", tmp_path / "model" / "pytorch_model.bin"
        torch.save({"w": torch.ones(1), "x": Payload()}, target)
    else:
        path = target = tmp_path / "m.pt"
        torch.save({"cfg": {"model": Payload()}, "model": {}}, target)
    with pytest.raises(WeightsError, match=r"asks for print.*not loaded"):
        open_checkpoint(path).load(CPU)
    assert "executed" not in capsys.readouterr().out


def test_a_pt_file_that_is_not_fair_esms(tmp_path):
    torch.save({"model": {}}, tmp_path / "m.pt")
    with pytest.raises(WeightsError, match="not fair-esm's ESM-2"):
        open_checkpoint(tmp_path / "m.pt")
    torch.save({"cfg": {"model": argparse.Namespace(arch="x")}, "model": {}}, tmp_path / "n.pt")
    with pytest.raises(WeightsError, match="encoder_layers"):
        open_checkpoint(tmp_path / "n.pt")


def test_paths_that_are_no_model(tmp_path):
    for absent in ("absent", "x" * 300):
        with pytest.raises(ConfigError, match="neither a known name nor a folder"):
            open_checkpoint(tmp_path / absent)
    (tmp_path / "model.bin").write_bytes(b"x")
    with pytest.raises(WeightsError, match="give the folder"):
        open_checkpoint(tmp_path / "model.bin")


def test_weights_that_cannot_be_read(folder, unreadable):
    unreadable(folder / "model.safetensors")
    for read in (lambda checkpoint: checkpoint.identity, lambda checkpoint: checkpoint.load(CPU)):
        with pytest.raises(WeightsError, match=r"model\.safetensors cannot be read: Permission denied$"):
            read(open_checkpoint(folder))


def test_models_in_memory_of_another_kind():
    bert = BertModel(BertConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64))
    with pytest.raises(WeightsError, match="BertModel"):
        open_model_in_memory(bert)
    with pytest.raises(WeightsError, match="Linear"):
        open_model_in_memory(torch.nn.Linear(2, 2))


def test_digest_follows_the_weights_not_the_name(tmp_path):
    write_fair_esm(tmp_path / "a.pt")
    (tmp_path / "b.pt").write_bytes((tmp_path / "a.pt").read_bytes())
    first, second = (open_checkpoint(tmp_path / name).identity for name in ("a.pt", "b.pt"))
    assert first.weights_sha256 == second.weights_sha256
    model = transformers_model(TINY)
    before = open_model_in_memory(model).identity.weights_sha256
    with torch.no_grad():
        model.encoder.layer[0].output.dense.bias[0] += 1e-3
    assert open_model_in_memory(model).identity.weights_sha256 != before


def test_every_published_tensor_is_read_once_into_its_place(folder):
    """Rows of the fused query-key-value parameter are the three published parameters, in that order."""
    tensors = load_file(folder / "model.safetensors")
    encoder = open_checkpoint(folder).load(CPU)
    parts = [tensors[QUERY.replace("query", part)] for part in ("query", "key", "value")]
    assert torch.equal(encoder.layers[1].query_key_value.weight, torch.cat(parts))
    assert torch.equal(encoder.layers[1].feed_forward_norm.weight, tensors["esm.encoder.layer.1.LayerNorm.weight"])
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    assert not any(tensor.is_meta for tensor in (*encoder.parameters(), *encoder.buffers()))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"encoder_layers": "3"}, "encoder_layers is '3', not a whole number from 1 to"),
        ({"encoder_attention_heads": 0}, "encoder_attention_heads is 0"),
        ({"encoder_embed_dim": None, "token_dropout": "yes"}, "encoder_embed_dim is None.*token_dropout is 'yes'"),
        ({"encoder_attention_heads": 7}, "encoder_embed_dim 64 is no multiple of 7 heads"),
    ],
)
def test_shapes_of_fair_esm_that_are_none(tmp_path, changes, told):
    write_fair_esm(tmp_path / "m.pt")
    with torch.serialization.safe_globals([argparse.Namespace]):
        content = torch.load(tmp_path / "m.pt", weights_only=True)
    vars(content["cfg"]["model"]).update(changes)
    torch.save(content, tmp_path / "m.pt")
    with pytest.raises(WeightsError, match=told):
        open_checkpoint(tmp_path / "m.pt")


def test_a_weight_that_float16_cannot_hold_is_named(folder):
    edit_tensors(folder, lambda tensors: tensors["esm.encoder.layer.2.output.dense.bias"].__setitem__(5, 7e4))
    with pytest.raises(WeightsError, match=r"layer\.2\.output\.dense\.bias .*fp16.*bf16 or fp32"):
        open_checkpoint(folder).load(choose_placement("cpu", "fp16"))
    assert open_checkpoint(folder).load(choose_placement("cpu", "bf16")).layers[2].contract.bias.isfinite().all()


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GB"),
        torch.AcceleratorError("CUDA error: out of memory"),
        MemoryError(),
    ],
)
def test_memory_that_runs_out_while_loading(folder, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(matching, "_materialise", fail)
    with pytest.raises(DeviceError, match=r"does not fit in the memory of cpu in fp32.*smaller model"):
        open_checkpoint(folder).load(CPU)


def test_weights_saved_before_torch_1_6(tmp_path):
    write_bin(tmp_path / "model")
    expected = open_checkpoint(tmp_path / "model").load(CPU)
    path = tmp_path / "model" / "pytorch_model.bin"
    torch.save(torch.load(path, weights_only=True), path, _use_new_zipfile_serialization=False)
    found = open_checkpoint(tmp_path / "model").load(CPU)
    assert all(torch.equal(a, b) for a, b in zip(expected.parameters(), found.parameters(), strict=True))
