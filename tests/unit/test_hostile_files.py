"""Files from anyone: refused in our own words, soon, and without taking more memory than they are large."""

import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from dna_layouts import write_dnabert_s
from hostile_files import HOSTILE, archive, merged, tensor, text, write_all
from published_layouts import write_prefixed
from virnucpro import StoreError, WeightsError, load_classifier
from virnucpro.features.beside import read_spec_beside
from virnucpro.features.merged import read_merged
from virnucpro.features.vectors import read_dna_features, read_protein_features
from virnucpro.models.checkpoints import open_checkpoint
from virnucpro.models.placement import choose_placement
from virnucpro.models.published import read_published_tensors

CPU = choose_placement("cpu", "fp32")


def test_no_hostile_pickle_takes_memory_or_time(tmp_path):
    """In a process of its own, whose largest size is told: 16 GB for nine bytes of pickle, before."""
    write_all(tmp_path)
    script = """
        import resource, sys, time
        from pathlib import Path
        from virnucpro import StoreError, WeightsError
        from virnucpro.features.merged import read_merged
        from virnucpro.features.vectors import read_dna_features, read_protein_features
        from virnucpro.models.published import read_published_tensors
        from virnucpro.models.weights import FileTensors
        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        before, started = peak(), time.perf_counter()
        weights = lambda path: FileTensors([path]).shapes()
        for path in sorted(Path(sys.argv[1]).iterdir()):
            for read in (read_merged, read_protein_features, read_dna_features, read_published_tensors, weights):
                try:
                    read(path)
                except (StoreError, WeightsError) as error:
                    told = str(error).replace(str(path), "")
                    assert "weights_only" not in told and "torch.load" not in told and len(told) < 600, told
                else:
                    print("read:", path.name, read.__name__)
        print("MB:", peak() - before, "seconds:", time.perf_counter() - started)
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    *accepted, last = done.stdout.splitlines()
    assert accepted == ["read: IDs that are numbers_merged.pt <lambda>"] or accepted == []
    assert float(last.split()[1]) < 200
    assert float(last.split()[3]) < 60


@pytest.mark.parametrize("read", [read_merged, read_protein_features, read_dna_features])
def test_code_in_a_feature_file_is_named_and_no_advice_is_quoted(tmp_path, read):
    with pytest.raises(
        StoreError, match=r"asks for posix.system, and files with code in them are not loaded"
    ) as caught:
        read(archive(tmp_path / "x.pt", HOSTILE["code"]))
    assert "trust" not in str(caught.value)


@pytest.mark.parametrize("read", [read_merged, read_protein_features, read_dna_features])
def test_what_is_no_file(tmp_path, read):
    with pytest.raises(StoreError, match="is not a file"):
        read(tmp_path)
    with pytest.raises(StoreError, match="No such file"):
        read(tmp_path / "absent.pt")


def test_a_good_archive_written_by_hand_is_read(tmp_path):
    """So that the refusals above are of what is wrong, not of how the files are made."""
    path = archive(tmp_path / "x_merged.pt", merged(tensor(16, (2, 8), (8, 1))))
    assert read_merged(path).table.vectors.shape == (2, 8)


def test_sizes_of_a_published_classifier_are_looked_at_first(tmp_path):
    with pytest.raises(WeightsError, match="holds a pickle of 1200010 bytes, more than the 1048576 allowed"):
        read_published_tensors(archive(tmp_path / "x.pth", b"\x80\x02" + text("x" * 1_200_000) + b"00."))
    archive(tmp_path / "y.pth", b"\x80\x02N.", bytes(65 << 20))
    with pytest.raises(WeightsError, match="more than the 67108864 that are read"):
        read_published_tensors(tmp_path / "y.pth")


def changed(path, change):
    with safe_open(path, framework="pt") as opened:
        header = json.loads(opened.metadata()["virnucpro_classifier"])
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    change(header, tensors)
    return header, tensors


@pytest.mark.parametrize("value", [-1.0, 0.0, -1e-8])
def test_a_variance_that_is_not_positive_is_refused(tmp_path, models, value):
    header, tensors = changed(models / "classifier.safetensors", lambda h, t: t["bn1.running_var"].fill_(value))
    save_file(tensors, tmp_path / "x.safetensors", {"virnucpro_classifier": json.dumps(header)})
    with pytest.raises(WeightsError, match=r"bn1.running_var holds variances that are not positive"):
        load_classifier(tmp_path / "x.safetensors")


@pytest.mark.parametrize(
    "change",
    [
        lambda h: h["widths"].update(hidden=1 << 40),
        lambda h: h["widths"].update(hidden=513),
        lambda h: h["widths"].update(hidden=-1),
        lambda h: h.update(widths=[]),
        lambda h: h.update(classes=5),
        lambda h: h.update(training=None),
        lambda h: h.update(calibration=[1]),
        lambda h: h["encoders"]["dna"].update(width=1 << 40),
        lambda h: h["encoders"]["dna"].update(width=True),
        lambda h: h["encoders"]["dna"].update(identity=[1]),
        lambda h: h["encoders"]["dna"]["identity"].update(molecule="rna"),
        lambda h: h["encoders"]["dna"]["identity"].update(architecture={"a": [[]]}),
        lambda h: h["encoders"].update(window_bp=1e400),
        lambda h: h["encoders"].update(windows_bp=[[], {}]),
        lambda h: h.update(training=json.loads("[" * 200 + "]" * 200)),
    ],
)
def test_headers_of_classifiers_that_say_nonsense(tmp_path, models, change):
    header, tensors = changed(models / "classifier.safetensors", lambda h, t: change(h))
    save_file(tensors, tmp_path / "x.safetensors", {"virnucpro_classifier": json.dumps(header)})
    with pytest.raises(WeightsError, match=r"x\.safetensors"):
        load_classifier(tmp_path / "x.safetensors")


@pytest.mark.parametrize("write", [write_prefixed, write_dnabert_s])
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"num_hidden_layers": 10**9}, "num_hidden_layers is 1000000000, not a whole number from 1 to 1000"),
        ({"num_hidden_layers": 999}, "999 layers, and the weights have"),
        ({"hidden_size": 2**40}, "hidden_size is 1099511627776"),
        ({"intermediate_size": 2**40}, "intermediate_size is 1099511627776"),
        ({"hidden_size": 65536, "num_attention_heads": 2, "intermediate_size": 65536}, "misshaped"),
        ({"layer_norm_eps": 1e300}, "layer_norm_eps"),
        ({"x": [[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]}, "nested deeper"),
        ({"x": "y" * (1 << 20)}, "more than 1048576 bytes"),
    ],
)
def test_configurations_beyond_any_model(tmp_path, write, changes, told):
    folder = tmp_path / "model"
    write(folder)
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match=told):
        open_checkpoint(folder).load(CPU)


@pytest.mark.parametrize("content", [b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000, b"1" * 10_000, b"\xff\xfe", b""])
def test_configurations_that_are_no_objects(tmp_path, content):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(WeightsError, match=r"config.json is not a configuration"):
        open_checkpoint(tmp_path)


def test_a_folder_for_a_configuration(tmp_path):
    (tmp_path / "config.json").mkdir()
    with pytest.raises(WeightsError, match=r"config.json cannot be read"):
        open_checkpoint(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t["model"]["vocab"].update(ACG=10**6),
        lambda t: t["post_processor"]["special_tokens"]["[CLS]"].update(ids=[10**6]),
        lambda t: t["model"].update(vocab={}),
        lambda t: t.update(model=None),
    ],
)
def test_tokenizers_whose_tokens_no_model_has(tmp_path, change):
    folder = tmp_path / "model"
    write_dnabert_s(folder)
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    change(tokenizer)
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(WeightsError, match="token"):
        open_checkpoint(folder)


@pytest.mark.parametrize(
    "content",
    [
        b"[]", b"{", b'{"spec": 5}', b'{"spec": {"dna": {"width": -1}}}', b'{"spec": {}}', b"[" * 100_000,
        b'{"results": 5}', b'{"results": [5]}', b'{"results": [{"path": "x_merged.pt", "size": 1}]}',
        b'{"spec": {"dna": {"width": 3, "identity": {"name": 5}}}}',
    ],
)  # fmt: skip
def test_manifests_beside_features_that_are_damaged(tmp_path, content):
    path = archive(tmp_path / "x_merged.pt", merged(tensor(16, (2, 8), (8, 1))))
    (tmp_path / "x_merged.pt.json").write_bytes(content)
    with pytest.raises(StoreError, match=r"x_merged\.pt"):
        read_spec_beside(path)


def test_weights_that_are_no_floating_point_numbers(tmp_path):
    folder = tmp_path / "model"
    write_prefixed(folder)
    with safe_open(folder / "model.safetensors", framework="pt") as opened:
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    name = next(name for name in tensors if name.endswith("word_embeddings.weight"))
    for kind in (torch.int32, torch.complex64):
        save_file(tensors | {name: tensors[name].to(kind)}, folder / "model.safetensors")
        with pytest.raises(WeightsError, match="instead of floating-point numbers"):
            open_checkpoint(folder).load(CPU)


def test_features_that_are_not_finite_are_not_scored(models):
    classifier = load_classifier(models / "classifier.safetensors")
    rows = np.zeros((3, classifier.spec.width), np.float32)
    rows[1, 5] = np.nan
    with pytest.raises(Exception, match="row 1 of the features"):
        classifier.score(rows)
