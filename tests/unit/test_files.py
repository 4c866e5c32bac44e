"""Files are whole or absent, and nothing of anybody else's is touched."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from virnucpro import ConfigError, StoreError
from virnucpro.runs.files import (
    file_sha256,
    is_taken,
    remove_leftovers,
    require_distinct,
    require_writable,
    whole_file,
)

RANDOM = "0123456789abcdef"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def write(path, content=b"new", **options):
    with whole_file(path, **options) as stream:
        stream.write(content)


def test_a_file_appears_when_it_is_whole(tmp_path):
    with whole_file(tmp_path / "new" / "x") as stream:
        stream.write(b"new")
        (temporary,) = names(tmp_path / "new")
        assert temporary.startswith(".x.")
        assert temporary.endswith(".partial")
        assert Path(stream.name).name == temporary
    assert (tmp_path / "new" / "x").read_bytes() == b"new"
    assert names(tmp_path / "new") == ["x"]


def test_what_a_file_may_be_read_by_is_up_to_the_user(tmp_path):
    before = os.umask(0o027)
    try:
        write(tmp_path / "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o640


@pytest.mark.parametrize("error", [TypeError, KeyboardInterrupt, SystemExit])
def test_a_file_that_fails_half_way_leaves_nothing(tmp_path, error):
    (tmp_path / "x").write_bytes(b"old")

    def half():
        yield b"half"
        raise error

    with pytest.raises(error), whole_file(tmp_path / "x") as stream:
        stream.writelines(half())
    assert (tmp_path / "x").read_bytes() == b"old"
    assert names(tmp_path) == ["x"]


def test_a_scratch_folder_holds_what_is_not_finished(tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with whole_file(tmp_path / "x", scratch=scratch) as stream:
        stream.write(b"new")
        assert names(tmp_path) == ["scratch"]
        assert len(names(scratch)) == 1
    assert names(tmp_path) == ["scratch", "x"]
    assert names(scratch) == []


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_a_result_that_is_a_link_is_replaced_and_its_target_untouched(tmp_path, link):
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    link(tmp_path / "x", victim)
    write(tmp_path / "x")
    assert victim.read_bytes() == b"precious"
    assert (tmp_path / "x").read_bytes() == b"new"
    assert not (tmp_path / "x").is_symlink()
    assert victim.stat().st_nlink == 1


def test_a_link_to_nowhere_is_replaced_too(tmp_path):
    (tmp_path / "x").symlink_to(tmp_path / "absent")
    write(tmp_path / "x")
    assert names(tmp_path) == ["x"]


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_a_link_under_a_temporary_name_is_never_written_through(tmp_path, monkeypatch, link):
    """Even by somebody who foresees the name; one who foresees an older scheme is not met at all."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    link(tmp_path / ".x.partial", victim)
    write(tmp_path / "x")
    monkeypatch.setattr("secrets.token_hex", lambda _: RANDOM)
    link(tmp_path / f".y.{RANDOM}.partial", victim)
    with pytest.raises(StoreError, match="cannot write"):
        write(tmp_path / "y")
    assert victim.read_bytes() == b"precious"
    assert names(tmp_path) == [".x.partial", f".y.{RANDOM}.partial", "victim", "x"]


def test_temporary_names_cannot_be_foreseen(tmp_path):
    seen = set()
    for _ in range(20):
        with whole_file(tmp_path / "x") as stream:
            seen.add(stream.name)
    assert len(seen) == 20


@pytest.mark.parametrize("name", ["x" * 255, "µ" * 127, os.fsdecode(b"\xff\xfe" * 120), "\u202e\n.tsv"])
def test_names_of_all_kinds(tmp_path, name):
    write(tmp_path / name)
    assert names(tmp_path) == [name]


def test_the_locale_decides_nothing(tmp_path):
    script = """
import os, sys
from pathlib import Path
from virnucpro import StoreError
from virnucpro.runs.files import require_writable, whole_file
folder = Path(sys.argv[1])
for name in (b"x\\xff", "\\u00b5".encode()):
    with whole_file(folder / os.fsdecode(name)) as stream:
        stream.write(b"new")
try:
    require_writable(folder / os.fsdecode(b"x\\xff") / "y")
except StoreError as error:
    print(error)
"""
    for number, setting in enumerate(({}, {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})):
        folder = tmp_path / str(number)
        folder.mkdir()
        run = [sys.executable, "-c", script, folder]
        environment = os.environ | {"LC_ALL": "C"} | setting
        done = subprocess.run(run, capture_output=True, text=True, check=True, env=environment)
        assert "x\\xff is a file, not a folder; choose another output folder" in done.stdout
        assert sorted(os.listdir(os.fsencode(folder))) == [b"x\xff", b"\xc2\xb5"]


def test_a_file_system_that_takes_no_more_bytes(tmp_path):
    """A real failing write inside torch's archive writer: the process may write 64 KiB to a file and no more."""
    script = f"""
import resource, sys, torch
from pathlib import Path
from virnucpro import StoreError
from virnucpro.runs.files import whole_file
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
try:
    with whole_file(Path({str(tmp_path / "x_ESM.pt")!r})) as stream:
        torch.save({{"data": list(torch.zeros(1000, 100).unbind(0))}}, stream)
except StoreError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "x_ESM.pt: File too large; the file system or a limit" in done.stdout
    assert names(tmp_path) == []


def write_as_torch_fails():
    try:
        with open("/dev/full", "wb", buffering=0) as full:
            full.write(b"x")
    except OSError:
        raise RuntimeError("[enforce fail at inline_container.cc:672]")  # noqa: B904


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_failed_write_that_torch_reports_in_its_own_words(tmp_path):
    with pytest.raises(StoreError, match="No space left on device; free some space"), whole_file(tmp_path / "x"):
        write_as_torch_fails()
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "No space left on device; free some space"),
        (errno.EDQUOT, "larger quota"),
        (errno.EROFS, "choose another folder"),
        (errno.EACCES, "a folder that you may write to"),
        (errno.EIO, "check the folder"),
    ],
)
def test_what_the_system_refuses_is_told_with_what_to_do(tmp_path, monkeypatch, number, advice):
    def refuse(*_arguments, **_options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StoreError, match=rf"cannot write .*x: .*{advice}.*; finished files are kept"):
        write(tmp_path / "x")
    assert names(tmp_path) == []


def test_folders_that_cannot_be_written_are_told_before_any_work(tmp_path):
    require_writable(tmp_path / "new" / "deep")
    assert names(tmp_path / "new" / "deep") == []
    (tmp_path / "file").write_bytes(b"mine")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("absent/folder")
    for name in ("file", "file/out", "loop", "loop/out", "dangling", "x" * 300):
        with pytest.raises(StoreError, match=r"cannot write .*; choose"):
            require_writable(tmp_path / name)
        with pytest.raises(StoreError, match=r"cannot write .*; choose"):
            write(tmp_path / name / "x")
    assert (tmp_path / "file").read_bytes() == b"mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_folder_without_permission(tmp_path):
    (tmp_path / "x").mkdir(0o500)
    with pytest.raises(StoreError, match="Permission denied; choose a folder that you may write to"):
        require_writable(tmp_path / "x")


def test_a_folder_under_the_name_of_a_result(tmp_path):
    (tmp_path / "x").mkdir()
    with pytest.raises(StoreError, match=r"x: a folder has this name; move that folder away"):
        write(tmp_path / "x")
    assert names(tmp_path) == ["x"]


def test_a_name_is_taken_free_or_impossible(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("nowhere")
    assert [is_taken(tmp_path / name) for name in ("file", "link", "free", "free/below")] == [True, True, False, False]
    with pytest.raises(StoreError, match="a folder has this name; move that folder away"):
        is_taken(tmp_path)
    with pytest.raises(StoreError, match="File name too long; choose a shorter name"):
        is_taken(tmp_path / ("x" * 300))


def test_a_file_that_cannot_be_read_has_no_digest(tmp_path, unreadable):
    write(tmp_path / "x")
    unreadable(tmp_path / "x")
    with pytest.raises(StoreError, match=r"cannot read .*x: Permission denied; make it readable"):
        file_sha256(tmp_path / "x")
    with pytest.raises(StoreError, match="No such file or directory; check the path"):
        file_sha256(tmp_path / "absent")


def test_an_output_is_no_input_by_any_name(tmp_path, monkeypatch):
    source = tmp_path / "s" / "viral.fasta"
    source.parent.mkdir()
    source.write_bytes(b">a\nA\n")
    (tmp_path / "folder").symlink_to("s")
    (tmp_path / "other").hardlink_to(source)
    (tmp_path / "link").symlink_to(source)
    monkeypatch.chdir(source.parent)
    for output in (
        source,
        Path("viral.fasta"),
        tmp_path / "folder" / "viral.fasta",
        tmp_path / "other",
        tmp_path / "link",
    ):
        with pytest.raises(ConfigError, match="would be overwritten; choose another output folder"):
            require_distinct([tmp_path / "absent", source], [tmp_path / "calls.tsv", output])
        with pytest.raises(ConfigError, match="would be overwritten"):
            require_distinct([output], [source])
    require_distinct([source], [tmp_path / "viral.fasta", tmp_path / "s" / "calls.tsv"])


def test_no_result_is_written_twice_and_all_problems_are_told(tmp_path):
    (tmp_path / "a.fa").touch()
    (tmp_path / "link").symlink_to(".")
    outputs = [tmp_path / "a.fa", tmp_path / "x_ESM.pt", tmp_path / "link" / "x_ESM.pt"]
    with pytest.raises(ConfigError) as caught:
        require_distinct([tmp_path / "a.fa"], outputs)
    first, second = str(caught.value).splitlines()
    assert first.endswith("a.fa would be overwritten; choose another output folder")
    assert second.endswith("x_ESM.pt would be written twice")


def leftover(folder, name, number=0):
    return folder / f".{name}.{RANDOM[number:]}{RANDOM[:number]}.partial"


def test_only_own_leftovers_are_removed(tmp_path):
    own = leftover(tmp_path, "x.tsv")
    own.write_bytes(b"half")
    kept = [
        tmp_path / "x.tsv",
        tmp_path / ".x.tsv.partial",
        tmp_path / f".x.{RANDOM}.part",
        tmp_path / f"x.{RANDOM}.partial",
        tmp_path / f".x.{RANDOM.upper()}.partial",
        leftover(tmp_path, "twin", 1),
        tmp_path / "twin",
    ]
    for path in kept[:-1]:
        path.write_bytes(b"mine")
    kept[-1].hardlink_to(kept[-2])
    leftover(tmp_path, "link", 2).symlink_to(kept[0])
    leftover(tmp_path, "folder", 3).mkdir()
    os.mkfifo(leftover(tmp_path, "pipe", 4))
    before = names(tmp_path)
    remove_leftovers(tmp_path)
    assert names(tmp_path) == sorted(set(before) - {own.name})
    remove_leftovers(tmp_path / "absent")


def test_what_somebody_writes_is_no_leftover(tmp_path):
    script = "import sys; from pathlib import Path; from virnucpro.runs.files import remove_leftovers; remove_leftovers(Path(sys.argv[1]))"
    with whole_file(tmp_path / "x") as stream:
        subprocess.run([sys.executable, "-c", script, tmp_path], check=True)
        stream.write(b"new")
    assert (tmp_path / "x").read_bytes() == b"new"


def test_a_killed_run_leaves_what_the_next_one_removes(tmp_path):
    script = """
import os, signal, sys
from pathlib import Path
from virnucpro.runs.files import whole_file
with whole_file(Path(sys.argv[1])) as stream:
    stream.write(b"half")
    stream.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", script, tmp_path / "x"], check=False)
    assert len(names(tmp_path)) == 1
    remove_leftovers(tmp_path)
    assert names(tmp_path) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_another_users_file_is_no_leftover(tmp_path):
    path = leftover(tmp_path, "x")
    path.write_bytes(b"theirs")
    os.chown(path, 12345, -1)
    remove_leftovers(tmp_path)
    assert path.exists()


def test_a_file_where_the_folder_should_be(tmp_path):
    file, link = tmp_path / "contigs.fasta", tmp_path / "link"
    file.write_text(">a")
    link.symlink_to(tmp_path / "absent")
    advice = "not a folder; choose another output folder"
    for given, told in (
        (file, f"cannot write to {file}: it is a file, {advice}"),
        (file / "out", f"cannot write to {file / 'out'}: {file} is a file, {advice}"),
        (link, f"cannot write to {link}: it is a link to something that does not exist, {advice}"),
    ):
        with pytest.raises(StoreError) as refused:
            require_writable(given)
        assert str(refused.value) == told
    with pytest.raises(StoreError, match=r"cannot write to .*x: .*contigs\.fasta is a file"):
        write(file / "x")
