"""A `run.json` that was edited by hand gives an error of ours or the right results, never a traceback.

Only a likely number of bases, rows or ambiguous records is believed, because the manifest holds nothing to compare it with.
"""

import json
import random
import shutil

import pytest

import virnucpro as vn
from conftest import write_fasta
from virnucpro.verbs.verify import verify

VALUES = (None, 3, -1, "x", "x" * 300, [], {}, [1], {"a": 1}, True, 1.5, "../../etc", "a\x00b", float("nan"), 10**30)
OPTIONS = {"device": "cpu", "outputs": ("calls", "report", "viral")}
BELIEVED = ("bases", "viral_bases", "rows", "ambiguous_records")
MANIFESTS = ("several/run.json", "several/a/run.json", "one/run.json")


def places(content, at=()):
    """Paths of all values of a JSON document."""
    children = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in children:
        yield (*at, key)
        yield from places(value, (*at, key))


def damage(content, generator):
    """Delete or replace one value; gives its name if it is a count that nothing else tells."""
    place = generator.choice(list(places(content)))
    *above, last = place
    for key in above:
        content = content[key]
    if generator.random() < 0.3:
        del content[last]
    else:
        content[last] = generator.choice(VALUES)
    return last if place[0] == "counts" and last in BELIEVED else None


def uses(files, out):
    """What may be done with the folder, by name: counts and rows that it gives."""

    def predicted(inputs, folder):
        found = vn.predict(inputs, folder, **OPTIONS)
        return dict(found.counts), rows(found)

    return {
        "verify": lambda: len(list(verify(out))) > 0,
        "read several": lambda: ({}, rows(vn.read_calls(out / "several"))),
        "read one": lambda: ({}, rows(vn.read_calls(out / "one"))),
        "predict several": lambda: predicted(files, out / "several"),
        "predict one": lambda: predicted(files[0], out / "one"),
    }


def rows(calls):
    return [[str(cell) for cell in row] for row in calls]  # NaN equals itself as text


def without(result, count):
    """Leave a count out of what a use gives."""
    return result if count is None or result is True else ({**result[0], count: None}, result[1])


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    files = [write_fasta(folder / f"{name}.fna", [(name, "ACGTAGCATGCTTGACA" * 40), ("t", "ACG")]) for name in "ab"]
    vn.predict(files, folder / "out" / "several", **OPTIONS)
    vn.predict(files[0], folder / "out" / "one", **OPTIONS)
    whole = folder / "out"
    return files, whole, {name: use() for name, use in uses(files, whole).items()}


@pytest.mark.parametrize("seed", range(60))
def test_whatever_is_damaged(tmp_path, runs, seed):
    files, whole, right = runs
    out, generator = tmp_path / "out", random.Random(seed)
    shutil.copytree(whole, out)
    manifest = out / generator.choice(MANIFESTS)
    content = json.loads(manifest.read_text())
    believed = damage(content, generator)
    manifest.write_text(json.dumps(content))
    for name, use in uses(files, out).items():
        try:
            found = use()
        except vn.VirNucProError:
            continue
        assert without(found, believed) == without(right[name], believed), name


@pytest.mark.parametrize(
    ("manifest", "change"),
    [
        ("several/run.json", lambda content: content["samples"].pop()),
        ("several/run.json", lambda content: content["samples"][0].update(sample="x")),
        ("several/run.json", lambda content: content["samples"][0].update(sample="b")),
        ("several/run.json", lambda content: content["samples"][0].update(state="x")),
        ("several/a/run.json", lambda content: content["results"].pop(0)),
        ("several/a/run.json", lambda content: content["counts"].update(records=3)),
        ("several/a/run.json", lambda content: content["counts"].update(bases=-1)),
        ("several/a/run.json", lambda content: content["counts"].update(viral_bases=684)),
        ("several/a/run.json", lambda content: content["counts"].update(failed_rows=3)),
        ("several/a/run.json", lambda content: content["counts"].update(ambiguous_records=3)),
        ("several/a/run.json", lambda content: content["counts"].update(rows={})),
        ("several/a/run.json", lambda content: content["counts"].pop("rows")),
        ("several/a/run.json", lambda content: content["counts"]["calls"].pop("not_scored")),
    ],
)
def test_what_contradicts_itself_is_an_error(tmp_path, runs, manifest, change):
    files, whole, _ = runs
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    content = json.loads((out / manifest).read_text())
    change(content)
    (out / manifest).write_text(json.dumps(content))
    used = "read several" if manifest == "several/run.json" else "predict several"
    with pytest.raises(vn.StoreError, match=r"damaged|holds no"):
        uses(files, out)[used]()
