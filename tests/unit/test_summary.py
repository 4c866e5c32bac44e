"""The common table of several samples: published like any result, between the old manifest and the new one."""

from pathlib import Path

import pytest

from virnucpro import StoreError
from virnucpro.verbs.summary import write_summary


def test_without_its_results_there_is_no_manifest(tmp_path, monkeypatch):
    write_summary(tmp_path, [], overwrite=False, stale_after_s=60)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.json", "summary.tsv"]

    def full(self, target):
        raise OSError(28, f"no space for {self} as {target}")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StoreError, match="no space"):
        write_summary(tmp_path, [], overwrite=False, stale_after_s=60)
    assert [path.name for path in tmp_path.iterdir()] == ["summary.tsv"]
