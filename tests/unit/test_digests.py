"""Digests of weights: computed once, and never believed of a file that may have changed since."""

import errno
import hashlib
import json
import os
import time

import pytest

from virnucpro.models import digests
from virnucpro.models.digests import LARGE_BYTES, cache_folder, weights_sha256
from virnucpro.models.weights import FileTensors


@pytest.fixture
def computed(monkeypatch, tmp_path):
    """The files that were read for their digest."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    read, compute = [], digests._computed
    monkeypatch.setattr(digests, "_computed", lambda blob: [read.append(blob.name), compute(blob)][1])
    return read


@pytest.fixture
def weights(tmp_path):
    return written(tmp_path / "model.safetensors", b"weights")


def written(path, start, size=LARGE_BYTES, age=100):
    """A large file, mostly of nothing, that was written some seconds ago."""
    with path.open("wb") as stream:
        stream.write(start)
        stream.truncate(size)
    moment = time.time() - age
    os.utime(path, (moment, moment))
    return path


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def entry():
    (found,) = cache_folder().iterdir()
    return found


def test_a_digest_is_computed_once(weights, computed):
    assert [FileTensors([weights]).sha256 for _ in range(3)] == [sha256(weights)] * 3
    assert computed == [weights.name]


def change_content(weights):
    """In place, and with the same time of change."""
    stat = weights.stat()
    with weights.open("r+b") as stream:
        stream.write(b"WEIGHTS")
    os.utime(weights, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def change_size(weights):
    stat = weights.stat()
    os.truncate(weights, stat.st_size + 1)
    os.utime(weights, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def change_file(weights):
    """Another file in its place, of the same size and time."""
    stat = weights.stat()
    other = written(weights.with_name("other"), b"others!")
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(weights)


def change_time(weights):
    os.utime(weights, (1, 1))


@pytest.mark.parametrize("change", [change_content, change_size, change_file, change_time])
def test_a_file_that_differs_is_read_again(weights, computed, change):
    weights_sha256(weights)
    change(weights)
    assert weights_sha256(weights) == sha256(weights)
    assert weights_sha256(weights) == sha256(weights)
    assert len(computed) == 2


@pytest.mark.parametrize("key", ["path", "size", "mtime_ns", "ctime_ns", "inode"])
def test_an_entry_that_differs_is_recomputed(weights, computed, key):
    weights_sha256(weights)
    kept = json.loads(entry().read_text())
    for changed in ({**kept, "sha256": "0" * 64, key: "7"}, {k: v for k, v in kept.items() if k != key}):
        entry().write_text(json.dumps(changed))
        assert weights_sha256(weights) == sha256(weights)
    assert len(computed) == 3
    assert json.loads(entry().read_text()) == kept


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b'{"sha256": 5}'])
def test_a_damaged_entry_is_recomputed(weights, computed, content):
    expected = weights_sha256(weights)
    whole = entry().read_bytes()
    entry().write_bytes(content)
    assert weights_sha256(weights) == expected
    assert entry().read_bytes() == whole


@pytest.mark.parametrize("value", ["", "A" * 64, "0" * 63, "0" * 64 + "\n", None, 0])
def test_an_entry_whose_digest_is_none_is_recomputed(weights, computed, value):
    expected = weights_sha256(weights)
    entry().write_text(json.dumps(json.loads(entry().read_text()) | {"sha256": value}))
    assert weights_sha256(weights) == expected


def test_a_file_that_was_just_written_is_not_kept(tmp_path, computed):
    weights = written(tmp_path / "model.safetensors", b"weights", age=-3600)  # however slow this machine is
    assert weights_sha256(weights) == weights_sha256(weights) == sha256(weights)
    assert not cache_folder().exists()


def test_a_file_that_changes_meanwhile_is_not_kept(weights, computed, monkeypatch):
    compute = digests._computed
    monkeypatch.setattr(digests, "_computed", lambda blob: [compute(blob), change_time(blob)][0])
    weights_sha256(weights)
    assert not cache_folder().exists()


def test_small_files_are_not_kept(tmp_path, computed):
    assert weights_sha256(written(tmp_path / "small", b"x", 1000)) == sha256(tmp_path / "small")
    assert not cache_folder().exists()


def test_a_folder_that_cannot_be_written_costs_time_only(weights, computed, tmp_path):
    (tmp_path / "cache").write_text("a file")
    assert weights_sha256(weights) == weights_sha256(weights) == sha256(weights)


@pytest.mark.parametrize(("where", "what"), [(digests.json, "dump"), (digests.Path, "replace")])
def test_a_full_disk_leaves_no_partial_entry(weights, computed, monkeypatch, where, what):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(where, what, fail)
    assert weights_sha256(weights) == sha256(weights)
    assert list(cache_folder().iterdir()) == []


def test_links_share_an_entry(weights, computed, tmp_path):
    (tmp_path / "link").symlink_to(weights)
    assert weights_sha256(tmp_path / "link") == weights_sha256(weights)
    assert len(computed) == 1


@pytest.mark.parametrize(("folder", "name", "is_name"), [
    ("blobs", "ab" * 32, True), ("blobs", "ab" * 20, False), ("blobs", "AB" * 32, False), ("files", "ab" * 32, False),
])  # fmt: skip
def test_a_blob_of_the_hub_is_named_by_its_digest(tmp_path, computed, folder, name, is_name):
    """Small files there have names of 40 letters, which are digests of another kind."""
    (tmp_path / folder).mkdir()
    blob = written(tmp_path / folder / name, b"x", 1000)
    (tmp_path / "model.safetensors").symlink_to(blob)
    assert weights_sha256(tmp_path / "model.safetensors") == (name if is_name else sha256(blob))
    assert len(computed) == (not is_name)


@pytest.mark.parametrize("given", ["", "relative"])
def test_without_a_folder_of_the_user_s_choice(monkeypatch, tmp_path, given):
    monkeypatch.setenv("XDG_CACHE_HOME", given)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "virnucpro" / "digests"


def test_without_a_home_nothing_is_kept(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as for a user without an entry
    assert cache_folder() is None
