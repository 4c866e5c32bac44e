"""`verify` finds what changed, `compare` finds what differs."""

import errno
import os
import shutil

import pytest

from conftest import random_dna, write_fasta
from verb_inputs import VERBS, verb_of


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """An input, a finished run and one that calls more records viral."""
    import numpy as np

    from virnucpro import predict

    folder = tmp_path_factory.mktemp("runs")
    generator = np.random.default_rng(5)
    records = [(f"r{i}", random_dna(generator, 400 + 100 * i)) for i in range(6)] + [("r1", "ACG")]
    fasta = write_fasta(folder / "x.fna", records)
    for name, score in (("a", 0.5), ("b", 0.0)):
        predict(fasta, folder / name, device="cpu", min_score=score)
    return folder


@pytest.fixture
def copied(runs, tmp_path):
    shutil.copytree(runs, tmp_path / "runs")
    return tmp_path / "runs"


@pytest.mark.parametrize("name", [verb for verb in VERBS if verb != "predict"])
def test_runs_of_every_verb_pass(virnucpro, tmp_path, models, name):
    verb = verb_of(name, tmp_path, models)
    assert virnucpro(*verb.command(tmp_path / "out"))[0] == 0
    code, out, _ = virnucpro("verify", tmp_path / "out")
    assert code == 0, out
    assert len(out.splitlines()) == 3
    assert f"PASS  {verb.manifest}: inputs: 1 unchanged" in out
    (tmp_path / "out" / verb.result).unlink()
    code, out, _ = virnucpro("verify", tmp_path / "out")
    assert code == 4
    assert f"FAIL  {verb.manifest}: results: {verb.result} missing" in out


def test_a_prediction_passes_with_its_counts(virnucpro, runs):
    code, out, _ = virnucpro("verify", runs / "a")
    assert code == 0, out
    assert "PASS  run.json: counts: 7 records accounted for, 0 failed" in out
    assert "FAIL" not in out
    assert "PASS  a/run.json: results" in virnucpro("verify", runs)[1]  # folders of several samples


def test_every_change_is_found(virnucpro, copied):
    folder, manifest = copied / "a", copied / "a" / "run.json"
    calls, content = (folder / "calls.tsv").read_text(), manifest.read_text()

    def failing():
        code, out, _ = virnucpro("verify", folder)
        assert code == (4 if "FAIL" in out else 0)
        return [line.removeprefix("FAIL  ") for line in out.splitlines() if line.startswith("FAIL")]

    (folder / "calls.tsv").write_text(calls.replace("not_scored", "viral", 1))
    assert failing() == ["run.json: results: calls.tsv changed"]
    (folder / "calls.tsv").write_text(calls)
    assert failing() == []
    manifest.write_text(content.replace('"records": 7', '"records": 8'))
    assert failing() == ["run.json: counts: 8 records, and 7 calls; 8 records, and 7 statuses"]
    manifest.write_text(content.replace('"records": 7,', ""))
    assert failing() == ["run.json: counts: no count of records; 0 records, and 7 calls; 0 records, and 7 statuses"]
    manifest.write_text(content.replace('"records": 7', '"samples": 1,\n  "records": 8'))
    assert "run.json: counts: 8 records, and 7 calls; 8 records, and 7 statuses" in failing()
    manifest.write_text(content[:-20])
    assert "run.json is damaged" in failing()[0]
    manifest.unlink()
    assert failing() == ["calls: unfinished; run the same command to continue"]


def test_files_that_cannot_be_read_fail(virnucpro, copied, unreadable):
    unreadable(copied / "a" / "calls.tsv")
    code, told, _ = virnucpro("verify", copied)
    assert (code, "FAIL  a/run.json: results: calls.tsv cannot be read\n" in told) == (4, True)
    unreadable(copied / "a" / "run.json")
    code, told, _ = virnucpro("verify", copied)
    assert code == 4
    assert f"FAIL  a/run.json: cannot read {copied}/a/run.json: Permission denied; make it readable" in told
    assert "PASS  b/run.json: results" in told


def test_a_folder_that_cannot_be_read_fails(virnucpro, copied, monkeypatch):
    scan = os.scandir

    def unless_locked(folder):
        if os.fspath(folder) == str(copied / "b"):  # root may read everything
            raise PermissionError(errno.EACCES, "Permission denied", folder)
        return scan(folder)

    monkeypatch.setattr(os, "scandir", unless_locked)
    code, told, _ = virnucpro("verify", copied)
    assert code == 4
    assert f"FAIL  {copied}/b: the folder cannot be read: Permission denied\n" in told
    assert "PASS  a/run.json: results" in told


def test_a_sample_that_was_refused_is_named(virnucpro, tmp_path):
    bad, good = tmp_path / "bad.fna", write_fasta(tmp_path / "good.fna", [("a", "ACGTTGCA" * 40)])
    bad.write_text("no sequence\n")
    out = tmp_path / "out"
    assert virnucpro("predict", bad, good, "-o", out, "--device", "cpu")[0] == 3
    code, told, _ = virnucpro("verify", out)
    assert code == 4
    assert "PASS  run.json: samples: 1 sample with results, 1 refused\n" in told
    assert "2 samples" not in told
    (failed,) = (line for line in told.splitlines() if line.startswith("FAIL"))
    assert failed.startswith("FAIL  run.json: sample bad: refused, so it has no results; extraction_failures.log")
    assert "bad.fna" in (out / "bad" / "extraction_failures.log").read_text()
    content = (out / "run.json").read_text()
    (out / "run.json").write_text(content.replace('"state": "refused"', '"state": 3'))
    code, told, _ = virnucpro("verify", out)
    assert code == 4
    assert "FAIL  run.json: samples: " in told


def test_a_sample_that_is_gone_is_named(virnucpro, tmp_path):
    files = [write_fasta(tmp_path / f"{name}.fna", [("a", "ACGTTGCA" * 40)]) for name in ("big", "cut", "good")]
    out = tmp_path / "out"
    assert virnucpro("predict", *files, "-o", out, "--device", "cpu")[0] == 0
    code, told, _ = virnucpro("verify", out)
    assert (code, "PASS  run.json: samples: 3 samples with results, 0 refused\n" in told) == (0, True)

    def failing():
        code, told, _ = virnucpro("verify", out)
        assert code == 4
        return [line.removeprefix("FAIL  run.json: sample") for line in told.splitlines() if line.startswith("FAIL")]

    without = "no run.json, so its results are missing, unfinished or unchecked; run the same command again"
    shutil.rmtree(out / "big")
    missing, big = failing()
    assert missing == "s: 2 samples with results, 0 refused, 1 missing"
    assert big.startswith(f" big: {without}")
    (out / "cut" / "run.json").unlink()
    assert any(line.startswith(f" cut: {without}") for line in failing())
    (out / "cut" / "run.json").write_text("{}")
    assert any(line.startswith(" cut: ") and "is damaged" in line for line in failing())
    (out / "good").rename(tmp_path / "moved")
    (out / "good").symlink_to(tmp_path / "moved")
    assert " good: its folder is a link" in " ".join(failing())
    content = (out / "run.json").read_text()
    (out / "run.json").write_text(content.replace('"sample": "cut"', '"sample": "../out/cut"'))
    assert any("its list of samples is invalid" in line for line in failing())


def test_an_input_that_changed_since(virnucpro, tmp_path, models, unreadable):
    verb = verb_of("prepare", tmp_path, models)
    virnucpro(*verb.command(tmp_path / "out"))
    content = verb.input.read_text()
    verb.input.write_text(content + "\n")
    code, out, _ = virnucpro("verify", tmp_path / "out")
    assert code == 4
    assert f"FAIL  x_prepare.json: inputs: {verb.input} changed since" in out
    verb.input.write_text(content)
    unreadable(verb.input)
    code, out, _ = virnucpro("verify", tmp_path / "out")
    assert (code, f"FAIL  x_prepare.json: inputs: {verb.input} cannot be read" in out) == (4, True)
    verb.input.unlink()
    code, out, _ = virnucpro("verify", tmp_path / "out")
    assert code == 0
    assert "1 not found, so not checked" in out


def test_folders_without_a_run(virnucpro, tmp_path):
    for absent in ("absent", "x" * 300):
        code, _, err = virnucpro("verify", tmp_path / absent)
        assert (code, err.count("\n"), "no such folder" in err) == (2, 1, True)
    code, _, err = virnucpro("verify", tmp_path)
    assert code == 3
    assert "holds no run.json" in err


def test_equal_calls(virnucpro, runs):
    code, out, err = virnucpro("compare", runs / "a", runs / "a")
    assert code == 0
    assert out.count("\n") == 1
    assert "7 records in both: 7 with the same call, 0 changed" in err
    assert virnucpro("compare", "-q", runs / "a", runs / "a") == (0, "", "")


def test_changed_calls_are_listed(virnucpro, runs):
    from virnucpro import read_calls

    first = read_calls(runs / "a")
    code, out, err = virnucpro("compare", runs / "a", runs / "b")
    header, *rows = [line.split("\t") for line in out.splitlines()]
    assert code == 6
    assert header[:4] == ["record", "length", "call_a", "call_b"]
    expected = [record for record, call in zip(first["record"], first["call"], strict=True) if call == "non-viral"]
    assert [row[0] for row in rows] == expected
    assert {tuple(row[2:4]) for row in rows} == {("non-viral", "viral")}
    assert "different min_score: 0.5 in A, 0.0 in B" in err
    assert virnucpro("compare", "-q", runs / "a", runs / "b") == (6, "", "")


def test_records_that_one_run_has_not(virnucpro, copied):
    table = copied / "b" / "calls.tsv"
    header, *rows = (copied / "a" / "calls.tsv").read_text().splitlines()
    table.write_text("\n".join([header, *rows[1:-1], rows[-1].replace("r1", "r9")]) + "\n")
    code, out, err = virnucpro("compare", copied / "a", copied / "b")
    assert code == 6
    _, *found = [line.split("\t") for line in out.splitlines()]
    assert [(row[0], row[2], row[3]) for row in found if row[2] != row[3]] == [
        ("r0", "non-viral", "NA"), ("r1", "not_scored", "NA"), ("r9", "NA", "not_scored"),
    ]  # fmt: skip
    assert f"only in {copied / 'a'}: 2 records" in err
    assert f"only in {copied / 'b'}: 1 record" in err


def test_text_of_results_cannot_reach_the_terminal(virnucpro, copied):
    for name in ("calls.tsv", "run.json"):
        path = copied / "b" / name
        path.write_text(
            path.read_text().replace("non-viral", "\x1b[2J").replace('"min_score": 0.0', r'"min_score": "\u001b[2J"')
        )
    _, out, err = virnucpro("compare", copied / "a", copied / "b")
    assert "\x1b" not in out + err
    assert r"min_score: 0.5 in A, \x1b[2J in B" in err


def test_a_folder_without_calls(virnucpro, tmp_path, runs):
    code, _, err = virnucpro("compare", runs / "a", tmp_path)
    assert code == 4
    assert "holds no table of calls" in err


@pytest.fixture(scope="module")
def sampled(runs):
    """The run of `runs`, by itself and as one of two samples, and those with another threshold."""
    from virnucpro import Sample, predict

    other = write_fasta(runs / "y.fna", [("r1", "ACGTTGCA" * 40)])
    predict([Sample("x", (runs / "x.fna",))], runs / "one", device="cpu", min_score=0.5)
    for name, score in (("two", 0.5), ("two_low", 0.0)):
        predict([runs / "x.fna", other], runs / name, device="cpu", min_score=score)
    return runs


@pytest.mark.parametrize("name", ["one", "one/x", "two/x"])
def test_a_sample_equals_a_run_of_its_own(virnucpro, sampled, name):
    code, out, err = virnucpro("compare", sampled / name, sampled / "a")
    assert code == 0
    assert out.count("\n") == 1
    assert "7 records in both: 7 with the same call, 0 changed" in err
    assert "different" not in err


@pytest.mark.parametrize("name", ["a", "one", "two/y"])
def test_several_samples_and_one_are_not_compared(virnucpro, sampled, name):
    folder = sampled / "two" / ("y" if name == "two/y" else "x")
    for order in (1, -1):
        code, out, err = virnucpro("compare", *(sampled / "two", sampled / name)[::order])
        assert (code, out) == (2, "")
        assert f"{sampled / 'two'} holds the calls of 2 samples (x, y), and {sampled / name} those of one" in err
        assert err.rstrip().endswith(
            f"compare the folder of one sample: virnucpro compare {' '.join(map(str, (folder, sampled / name)[::order]))}"
        )


def test_no_sample_of_the_same_name(virnucpro, sampled, tmp_path):
    from virnucpro import predict

    predict(write_fasta(tmp_path / "z.fna", [("r1", "ACGTTGCA" * 40)]), tmp_path / "z", device="cpu")
    code, _, err = virnucpro("compare", sampled / "two", tmp_path / "z")
    assert code == 2
    assert f"one sample, such as: virnucpro compare {sampled / 'two' / 'x'} {tmp_path / 'z'}" in err


def test_settings_of_several_samples_are_told_once(virnucpro, sampled):
    code, _, err = virnucpro("compare", sampled / "two", sampled / "two_low")
    assert code == 6
    assert [line for line in err.splitlines() if "different" in line] == ["different min_score: 0.5 in A, 0.0 in B"]
