"""Who computes what, where many processes on many machines share one scratch folder.

A claim is a file that names its owner. Its name ends in a generation: ``part_0000007.0``; a claim whose owner is gone
is taken over by creating the next generation, so that of several who try, one succeeds, and nobody deletes a claim of
somebody else by mistake. `O_EXCL` decides; locks of the file system are not needed, for many shared folders have none.

A process is alive while it touches its claims. Others watch for the change by their own clock, so clocks may differ.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from virnucpro.errors import shown, starting_threads

__all__ = ["Claims", "Owner"]

BEATS: Final = 4
"""Touches within the time after which a claim is stale."""
LOOKS: Final = 600
"""Looks at a claim that is waited for, within that time."""
LONGEST_CLAIM_BYTES: Final = 10_000
_PROCESS: Final = secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds a claim."""

    host: str
    pid: int
    pids: int  # where that PID counts: containers on one host have PIDs of their own
    process: str  # random, for a PID may be used again
    member: str  # random: one of these for every `Claims`
    purpose: str  # what its run computes; "" for the claim on a part

    def __str__(self) -> str:
        return shown(f"{self.host}:{self.pid}")


UNKNOWN: Final = Owner("another process", 0, 0, "", "", "")
"""Whose claim is not written yet."""


class Claims:
    """The claims of one process in one folder, kept alive until it leaves."""

    def __init__(self, folder: Path, stale_after_s: float) -> None:
        self._folder, self._stale_after_s = folder, stale_after_s
        self._me = Owner(socket.gethostname(), os.getpid(), _pid_namespace(), _PROCESS, secrets.token_hex(8), "")
        self._me_as_dict = asdict(self._me)
        self._held: dict[str, Path] = {}
        self._seen: dict[str, tuple[object, float]] = {}  # of others' claims: what they were, since when
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._heart = threading.Thread(target=self._beat, name="virnucpro-claims", daemon=True)

    def __enter__(self) -> Self:
        with starting_threads():
            self._heart.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for name in list(self._held):
            self.release(name)
        with contextlib.suppress(OSError):  # others are there, or it is gone
            self._folder.rmdir()
        self._heart.join()

    def take(self, name: str, purpose: str = "") -> bool:
        """Claim a name, unless somebody who is alive holds it."""
        while True:
            there = self._generations(name)
            if there and self._is_alive(there[-1]):
                return False
            generation = _generation(there[-1]) + 1 if there else 0
            path = self._folder / f"{name}.{generation}"
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
            except FileExistsError:  # somebody was faster
                continue
            except FileNotFoundError:  # the last one who left took the folder along
                self._folder.mkdir(parents=True, exist_ok=True)
                continue
            self._write(path, descriptor, purpose)
            with self._lock:
                self._held[name] = path
            for old in there:
                old.unlink(missing_ok=True)
            return True

    def release(self, name: str) -> None:
        """Give a claim back; one that was taken over meanwhile stays."""
        with self._lock:
            path = self._held.pop(name, None)
        if path is not None and (owner := _owner(path)) and owner.member == self._me.member:
            path.unlink(missing_ok=True)

    @contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Hold a claim, once nobody else does."""
        while not self.take(name):
            time.sleep(self._stale_after_s / LOOKS)
        try:
            yield
        finally:
            self.release(name)

    def others(self, prefix: str) -> dict[str, Owner]:
        """Claims of this kind that others hold who are alive, by name."""
        newest: dict[str, Path] = {}
        for path in sorted(self._listed(), key=_generation):
            newest[path.name.rpartition(".")[0]] = path
        found = {}
        for name, path in sorted(newest.items()):
            if name.startswith(prefix) and name not in self._held and self._is_alive(path):
                found[name] = _owner(path) or UNKNOWN
        return found

    def sweep(self) -> None:
        """Delete claims of processes that are gone; for who is alone in the folder."""
        for path in self._listed():
            if not self._is_alive(path):
                path.unlink(missing_ok=True)

    def is_here(self, owner: Owner) -> bool:
        """Whether an owner is a process of this machine, so that it is known whether it runs."""
        return (owner.host, owner.pids) == (self._me.host, self._me.pids)

    @property
    def member(self) -> str:
        """What tells this one from all others."""
        return self._me.member

    def _write(self, path: Path, descriptor: int, purpose: str) -> None:
        """Say whose claim it is; without that, nobody may delete it before it is stale."""
        try:
            with open(descriptor, "wb") as stream:
                stream.write(json.dumps({**self._me_as_dict, "purpose": purpose}).encode())
        except OSError:
            path.unlink(missing_ok=True)
            raise

    def _listed(self) -> Iterator[Path]:
        with contextlib.suppress(FileNotFoundError), os.scandir(self._folder) as entries:
            yield from [self._folder / entry.name for entry in entries if entry.name.rpartition(".")[2].isdecimal()]

    def _generations(self, name: str) -> list[Path]:
        """All claims on a name, the valid one last."""
        return sorted((path for path in self._listed() if path.name.rpartition(".")[0] == name), key=_generation)

    def _is_alive(self, path: Path) -> bool:
        """Whether the owner of a claim touches it, or was seen only now; one that ended on this machine is gone."""
        if path in self._held.values():
            return True
        try:
            with path.open("rb") as stream:  # opening asks the server; a bare stat may be a minute old
                modified = os.fstat(stream.fileno()).st_mtime_ns
                content = stream.read(LONGEST_CLAIM_BYTES)
        except OSError:
            return False
        owner = _parsed(content)
        if owner and self.is_here(owner) and not _runs(owner):
            return False
        now, state = time.monotonic(), (modified, content)
        before, since = self._seen.setdefault(path.name, (state, now))
        if before != state:
            self._seen[path.name] = state, now
            return True
        return now - since < self._stale_after_s

    def _beat(self) -> None:
        """Touch what is held."""
        while not self._stop.wait(self._stale_after_s / BEATS):
            with self._lock:
                held = list(self._held.values())
            for path in held:
                with contextlib.suppress(OSError):  # released just now, taken over, or the server is away
                    os.utime(path)


def _generation(path: Path) -> int:
    return int(path.name.rpartition(".")[2])


def _owner(path: Path) -> Owner | None:
    try:
        return _parsed(path.read_bytes())
    except OSError:
        return None


def _parsed(content: bytes) -> Owner | None:
    """Read an owner; None where a claim is not written yet, or is damaged."""
    try:
        return Owner(**json.loads(content))
    except (ValueError, TypeError, RecursionError):
        return None


def _runs(owner: Owner) -> bool:
    """Whether a process of this machine is there."""
    if owner.pid == os.getpid():
        return owner.process == _PROCESS
    try:
        os.kill(owner.pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError, TypeError):
        return True
    return not _is_zombie(owner.pid)


def _is_zombie(pid: int) -> bool:
    """Whether a process has ended and only waits for its parent; False where the system does not say."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in ("Z", "X")
    except (OSError, ValueError, IndexError):
        return False


def _pid_namespace() -> int:
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return 0
