"""Whatever stands in a file that describes a model or features: it is read, or refused in words of this package."""

import copy
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

from dna_layouts import write_dnabert_s
from hostile_files import archive, merged, tensor
from published_layouts import write_prefixed
from virnucpro import StoreError, WeightsError, load_classifier
from virnucpro.errors import DimensionError
from virnucpro.features.beside import read_spec_beside
from virnucpro.models.checkpoints import open_checkpoint
from virnucpro.models.placement import choose_placement

CPU = choose_placement("cpu", "fp32")
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20)
    | st.sampled_from([0, 1, -1, 2**31, 2**40, 10**9, 10**6, 1e308, "", "../x", "\x1b[2J"])
)  # fmt: skip
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner))
FUZZ = settings(max_examples=150, deadline=2000, suppress_health_check=list(HealthCheck))


def places(content, at=()):
    """Give every place in a JSON value, as keys from the outside."""
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, inner in items:
        yield (*at, key)
        yield from places(inner, (*at, key))


def mutated(data, content):
    """Replace, or remove, what stands in one to three places."""
    content = copy.deepcopy(content)
    for _ in range(data.draw(st.integers(1, 3))):
        found = list(places(content))
        if not found:
            break
        *outer, last = data.draw(st.sampled_from(found))
        inside = content
        for key in outer:
            inside = inside[key]
        if isinstance(inside, dict) and data.draw(st.booleans()):
            del inside[last]
        else:
            inside[last] = data.draw(VALUES)
    return json.dumps(content)


def tried(read):
    try:
        read()
    except (WeightsError, StoreError, DimensionError) as error:
        assert len(str(error)) < 3000  # noqa: PT017 - most files are refused, and some are not


@pytest.fixture(scope="module")
def classifier_parts(models):
    with safe_open(models / "classifier.safetensors", framework="pt") as opened:
        header = json.loads(opened.metadata()["virnucpro_classifier"])
        return header, {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118


@FUZZ
@given(data=st.data())
def test_headers_of_classifiers(tmp_path, classifier_parts, data):
    header, tensors = classifier_parts
    header = header | {"calibration": {}, "training": {}}
    save_file(tensors, tmp_path / "x.safetensors", {"virnucpro_classifier": mutated(data, header)})
    tried(lambda: load_classifier(tmp_path / "x.safetensors"))


@pytest.mark.parametrize("write", [write_prefixed, write_dnabert_s])
@FUZZ
@given(data=st.data())
def test_configurations(tmp_path_factory, write, data):
    folder = tmp_path_factory.getbasetemp() / f"fuzz_{write.__name__}"
    if not folder.exists():
        write(folder)
        (folder / "config.json").rename(folder / "whole.json")
    whole = json.loads((folder / "whole.json").read_text())
    (folder / "config.json").write_text(mutated(data, whole))
    tried(lambda: open_checkpoint(folder).load(CPU))


@FUZZ
@given(data=st.data())
def test_tokenizers(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp() / "fuzz_tokenizers"
    if not folder.exists():
        write_dnabert_s(folder)
        (folder / "tokenizer.json").rename(folder / "whole.json")
    whole = json.loads((folder / "whole.json").read_text())
    (folder / "tokenizer.json").write_text(mutated(data, whole))
    tried(lambda: open_checkpoint(folder).tokenizer.encode("ACGTNACGT"))


@FUZZ
@given(data=st.data())
def test_manifests(tmp_path, data):
    identity = {"name": "m", "revision": None, "weights_sha256": "a" * 64, "architecture": {"x": 1}, "molecule": "dna"}
    spec = {"window_bp": 500, "dna": {"width": 8, "identity": identity}, "protein": None, "windows_bp": [100, 1000]}
    results = [{"path": "x_merged.pt", "size": 661, "sha256": "0" * 64}]
    path = archive(tmp_path / "x_merged.pt", merged(tensor(16, (2, 8), (8, 1))))
    content = mutated(data, {"format": 1, "results": results, "spec": spec, "counts": {}, "inputs": []})
    (tmp_path / "x_merged.pt.json").write_text(content)
    tried(lambda: read_spec_beside(path))


@FUZZ
@given(content=st.binary(max_size=400))
def test_bytes_instead_of_json(tmp_path, content):
    (tmp_path / "config.json").write_bytes(content)
    tried(lambda: open_checkpoint(tmp_path))
