"""Paths that are no readable files are told in words, before and while they are read."""

import os
import socket

import pytest

from virnucpro import InputError
from virnucpro.sequences.genbank import GenBankFile
from virnucpro.sequences.input_files import input_problem
from virnucpro.sequences.reading import SequenceFile


def folder(path):
    path.mkdir()


def loop(path):
    path.symlink_to(path.name)


def listen(path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path)[-100:] if len(str(path)) < 100 else path.name)


@pytest.mark.parametrize("kind", [SequenceFile, GenBankFile])
@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.symlink_to("absent"), "no such file"),
        (folder, "a folder, not a file"),
        (loop, "a symbolic link that leads back to itself"),
        (os.mkfifo, "a pipe or device, which can be read only once; give '-'"),
        (lambda path: path.symlink_to("/dev/zero"), "a pipe or device"),
        (listen, "a socket, not a file"),
    ],
)
def test_what_is_no_file(tmp_path, monkeypatch, kind, make, told):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "x.fa")
    with pytest.raises(InputError, match=rf"x\.fa: {told}"):
        list(kind(tmp_path / "x.fa"))
    assert input_problem(tmp_path / "x.fa").startswith(told)


def test_names_that_no_file_has(tmp_path):
    assert input_problem(tmp_path / ("x" * 300)) == "the name is too long for a file"
    assert input_problem(tmp_path / "x\0.fa").startswith("not a file name")
    (tmp_path / "file").write_bytes(b"")
    assert input_problem(tmp_path / "file" / "x.fa") == "cannot be opened: Not a directory"
    assert input_problem(tmp_path / "file") == ""


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path):
    (tmp_path / "x.fa").touch(0)
    assert input_problem(tmp_path / "x.fa") == "no permission to read it"


def test_no_file_is_left_open(tmp_path):
    (tmp_path / "x.fa").write_bytes(b">a\nA\n>b\nA\n")
    before = len(os.listdir("/dev/fd"))
    file = SequenceFile(tmp_path / "x.fa")
    list(file)
    passed = iter(file)
    next(passed)
    passed.close()
    input_problem(tmp_path), input_problem(tmp_path / "x.fa")
    assert len(os.listdir("/dev/fd")) == before


def test_names_are_shown_without_their_control_characters(tmp_path):
    with pytest.raises(InputError) as caught:
        list(SequenceFile(tmp_path / "a\x1b[2J\n\u202e.fa"))
    assert str(caught.value).endswith("a\\x1b[2J\\n\\u202e.fa: no such file")
