"""A `run.json` that was edited by hand gives an error of ours or the right results, never a traceback."""

import contextlib
import json
import random
import shutil

import pytest

import virnucpro as vn
from conftest import write_fasta
from virnucpro.verbs.verify import verify

VALUES = (None, 3, -1, "x", "x" * 300, [], {}, [1], {"a": 1}, True, 1.5, "../../etc", "a\x00b", float("nan"), 10**30)
OPTIONS = {"device": "cpu", "outputs": ("calls", "report", "viral")}
MANIFESTS = ("several/run.json", "several/a/run.json", "one/run.json")


def places(content, at=()):
    """Paths of all values of a JSON document."""
    children = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in children:
        yield (*at, key)
        yield from places(value, (*at, key))


def damage(content, generator):
    *above, last = generator.choice(list(places(content)))
    for key in above:
        content = content[key]
    if generator.random() < 0.3:
        del content[last]
    else:
        content[last] = generator.choice(VALUES)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    files = [write_fasta(folder / f"{name}.fna", [(name, "ACGTAGCATGCTTGACA" * 40), ("t", "ACG")]) for name in "ab"]
    vn.predict(files, folder / "out" / "several", **OPTIONS)
    vn.predict(files[0], folder / "out" / "one", **OPTIONS)
    return files, folder / "out"


@pytest.mark.parametrize("seed", range(230, 290))
def test_whatever_is_damaged(tmp_path, runs, seed):
    files, whole = runs
    out, generator = tmp_path / "out", random.Random(seed)
    shutil.copytree(whole, out)
    manifest = out / generator.choice(MANIFESTS)
    content = json.loads(manifest.read_text())
    damage(content, generator)
    manifest.write_text(json.dumps(content))
    for use in (
        lambda: list(verify(out)),
        lambda: [len(vn.read_calls(folder)) for folder in out.iterdir()],
        lambda: vn.predict(files, out / "several", **OPTIONS).counts,
        lambda: vn.predict(files[0], out / "one", **OPTIONS).counts,
    ):
        with contextlib.suppress(vn.VirNucProError):
            use()
