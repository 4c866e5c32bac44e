"""The common table of several samples: published like any result, between the old manifest and the new one."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from virnucpro import StoreError
from virnucpro.runs.manifest import Manifest
from virnucpro.runs.run import Outcome, State
from virnucpro.verbs.summary import _row, samples_of, write_summary


def test_without_its_results_there_is_no_manifest(tmp_path, monkeypatch):
    write_summary(tmp_path, [], overwrite=False, stale_after_s=60)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.json", "summary.tsv"]

    def full(self, target):
        raise OSError(28, f"no space for {self} as {target}")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StoreError, match="no space"):
        write_summary(tmp_path, [], overwrite=False, stale_after_s=60)
    assert not (tmp_path / "run.json").exists()


@pytest.mark.parametrize("samples", [3, ["gut"], [{"sample": "gut"}], [{"state": "written"}], {"sample": "gut"}])
def test_a_list_of_samples_that_was_damaged(tmp_path, samples):
    with pytest.raises(StoreError, match=r"run\.json is damaged.*remove it"):
        samples_of(tmp_path, Manifest((), {}, {}, details={"samples": samples}))


@pytest.mark.parametrize("details", [{"execution": 3}, {"execution": {"seconds": [1]}, "median_fdr": "a\tb"}])
def test_what_a_manifest_says_of_its_run_may_be_damaged(tmp_path, details):
    counts = {"records": 0, "bases": 0, "viral_bases": 0, "calls": {}, "statuses": {}, "ambiguous_records": 0}
    outcome = Outcome(None, State.FINISHED, Manifest((), {}, {}, counts=counts, details=details))
    assert _row("gut", outcome) == ["gut", "0", "0", "0", "0", "NA", "0", "NA", "NA", "NA"]


def test_a_kill_between_two_results_is_no_obstacle(tmp_path, monkeypatch):
    """One has its new name, the other one is old, and no manifest says whose they are."""
    run = SimpleNamespace(files_read=[])
    outcome = Outcome(run, State.REFUSED)

    def write(*names):
        write_summary(tmp_path, [(name, outcome) for name in names], overwrite=False, stale_after_s=60)

    write("a")

    def killed(self, target):
        raise KeyboardInterrupt(f"{self} does not become {target}")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            write("a", "b")
    assert not (tmp_path / "run.json").exists()
    write("a", "b")
    assert (tmp_path / "summary.tsv").read_text().count("\n") == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.json", "summary.tsv"]


def test_a_file_of_the_user_is_in_the_way(tmp_path):
    (tmp_path / "summary.tsv").write_text("mine")
    with pytest.raises(StoreError, match=r"summary\.tsv is in the way of a result; move it"):
        write_summary(tmp_path, [], overwrite=False, stale_after_s=60)
    assert (tmp_path / "summary.tsv").read_text() == "mine"
