"""Claims: one owner at a time, whoever dies; nothing but files is needed."""

import errno
import json
import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace

import pytest

from virnucpro import DeviceError
from virnucpro.runs.claims import Claims


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "claims"


def elsewhere(folder, name, **changes):
    """A claim as a process of another machine holds it."""
    with Claims(folder, 60) as claims:
        owner = replace(claims._me, host="other", **changes)
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.0"
    path.write_text(json.dumps(asdict(owner)))
    return path


def test_of_many_who_try_one_succeeds(folder):
    with ThreadPoolExecutor(8) as pool:
        members = [Claims(folder, 60) for _ in range(8)]
        for member in members:
            member.__enter__()
        for number in range(50):
            assert sum(pool.map(lambda member: member.take(f"part_{number}"), members)) == 1  # noqa: B023
        for member in members:
            member.__exit__(None, None, None)
    assert not folder.exists()


def test_an_error_says_what_to_do_where_no_thread_can_be_started(folder, monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", cannot_start)
    with pytest.raises(DeviceError, match=r"raise the limit on processes and threads \(ulimit -u"), Claims(folder, 60):
        pytest.fail("nothing keeps the claims alive")


def cannot_start(_thread):
    raise RuntimeError("can't start new thread")


def test_released_it_is_free(folder):
    with Claims(folder, 60) as one, Claims(folder, 60) as two:
        assert one.take("part_1")
        assert not two.take("part_1")
        assert [*two.others("part_")] == ["part_1"]
        assert not one.others("part_")
        one.release("part_1")
        assert two.take("part_1")


def test_of_a_process_that_is_gone_it_is_taken_over_at_once(folder):
    script = f"from virnucpro.runs.claims import Claims; from pathlib import Path; import os, signal\n\
with Claims(Path({str(folder)!r}), 60) as claims:\n    claims.take('part_1')\n    os.kill(os.getpid(), signal.SIGKILL)"
    subprocess.run([sys.executable, "-c", script], check=False)
    (left,) = folder.iterdir()
    with Claims(folder, 60) as claims:
        assert not claims.others("part_")
        assert claims.take("part_1")
        assert not left.exists()


def test_of_a_process_that_had_this_pid_it_is_taken_over_at_once(folder):
    """A container that is started again has the PID that it had."""
    path = elsewhere(folder, "part_1", process="f" * 16)
    path.write_text(path.read_text().replace('"other"', json.dumps(socket.gethostname())))
    with Claims(folder, 60) as claims:
        assert claims.take("part_1")


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"host": 1}', b"[" * 100_000])
def test_elsewhere_it_is_stale_when_nobody_touches_it(folder, content):
    path = elsewhere(folder, "part_1")
    if content is not None:
        path.write_bytes(content)
    with Claims(folder, 0.3) as claims:
        assert not claims.take("part_1")
        time.sleep(0.2)
        os.utime(path)  # a sign of life
        assert not claims.take("part_1")
        time.sleep(0.2)
        assert not claims.take("part_1")
        time.sleep(0.2)
        assert claims.take("part_1")
        assert [one.name for one in folder.iterdir()] == ["part_1.1"]


def test_held_claims_show_signs_of_life(folder):
    with Claims(folder, 0.2) as claims:
        claims.take("part_1")
        (path,) = folder.iterdir()
        before = path.stat().st_mtime_ns
        deadline = time.monotonic() + 10
        while path.stat().st_mtime_ns == before and time.monotonic() < deadline:
            time.sleep(0.02)
        assert path.stat().st_mtime_ns > before


def test_the_clocks_of_machines_may_differ(folder):
    path = elsewhere(folder, "part_1")
    os.utime(path, (0, 0))
    with Claims(folder, 60) as claims:
        assert not claims.take("part_1")


def test_who_was_taken_for_dead_takes_nothing_away(folder):
    """A process that was stopped for a while comes back: the claim is another's now, and stays."""
    with Claims(folder, 60) as slow:
        slow.take("part_1")
        (folder / "part_1.1").write_text("")  # taken over
        slow.release("part_1")
        assert [one.name for one in folder.iterdir()] == ["part_1.1"]


def test_a_claim_that_has_its_name_but_is_of_another_stays(folder):
    """Taken over and released meanwhile, then taken by a third process."""
    with Claims(folder, 60) as slow:
        slow.take("part_1")
        (folder / "part_1.0").unlink()
        third = elsewhere(folder, "part_1")
        slow.release("part_1")
        assert third.exists()


def test_a_claim_that_cannot_be_written_is_nobody_s(folder, monkeypatch):
    def full(content):
        raise OSError(errno.ENOSPC, "No space left on device")

    with Claims(folder, 60) as one, Claims(folder, 60) as two:
        with monkeypatch.context() as patched:
            patched.setattr(json, "dumps", full)
            with pytest.raises(OSError, match="No space"):
                one.take("part_1")
        assert two.take("part_1")


def test_a_link_prepared_under_the_name_of_a_claim_is_not_followed(folder, tmp_path):
    folder.mkdir()
    (folder / "part_1.0").symlink_to(tmp_path / "elsewhere")
    with Claims(folder, 60) as claims:
        assert claims.take("part_1")
    assert not (tmp_path / "elsewhere").exists()


def test_of_two_who_look_at_the_same_time_one_succeeds(folder, monkeypatch):
    with Claims(folder, 60) as one, Claims(folder, 60) as two:
        assert one.take("part_1")
        look, looks = Claims._generations, []

        def too_early(self, name):
            looks.append(name)
            return [] if len(looks) == 1 else look(self, name)

        monkeypatch.setattr(Claims, "_generations", too_early)
        assert not two.take("part_1")
        assert len(looks) == 2


def test_a_process_that_has_ended_is_gone_even_if_its_parent_has_not_asked(tmp_path):
    script = f"from virnucpro.runs.claims import Claims; from pathlib import Path\n\
Claims(Path({str(tmp_path)!r}), 60).take('part')"
    child = subprocess.Popen([sys.executable, "-c", script])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it stays a zombie
    try:
        with Claims(tmp_path, 60) as claims:
            assert claims.take("part")
    finally:
        child.wait()
