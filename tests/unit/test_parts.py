"""Saved parts: complete or absent."""

import os
from pathlib import Path

import numpy as np
import pytest

from virnucpro.runs.parts import ComputedPart, PartStore


@pytest.fixture
def store(tmp_path):
    (tmp_path / "scratch").mkdir()
    return PartStore(tmp_path / "parts", "key", tmp_path / "scratch")


def saved(store, *numbers):
    for number in numbers:
        store.save(number, ComputedPart({"numbers": np.array([number])}))


def test_the_content_is_on_disk_before_the_name_is(store, monkeypatch):
    """One flush: a name that a power failure takes away is a part to compute again."""
    told, sync, rename = [], os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: told.append("flushed") or sync(descriptor))
    monkeypatch.setattr(Path, "replace", lambda path, new: told.append("named") or rename(path, new))
    saved(store, 1)
    assert told == ["flushed", "named"]


def test_names_are_found_in_all_folders(store):
    assert store.named() == set()
    numbers = [1, 999, 1000, 2500, 12_345_678]
    saved(store, *numbers)
    (store.folder / "0000" / "part_mine.npz").touch()
    assert store.named() == set(numbers)


def test_a_damaged_file_is_absent(store):
    saved(store, 1)
    content = store.path(1).read_bytes()
    assert store.load(1).arrays["numbers"].tolist() == [1]
    for damaged in (b"", content[:-30], bytes(len(content)), content.replace(b"\1" + bytes(7), b"\2" + bytes(7))):
        store.path(1).write_bytes(damaged)
        assert store.load(1) is None
