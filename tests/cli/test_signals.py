"""Ctrl-C and SIGTERM at odd moments: no traceback, and never a second wait."""

import os
import signal
import sys

import pytest

from virnucpro.__main__ import main
from virnucpro.cli import main as command


class InterruptedImport:
    def find_spec(self, name, *_):
        if name == "virnucpro.cli.main":
            raise KeyboardInterrupt


def test_ctrl_c_during_imports_is_no_traceback(monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    monkeypatch.delitem(sys.modules, "virnucpro.cli.main")
    monkeypatch.setattr(sys, "meta_path", [InterruptedImport(), *sys.meta_path])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 130


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_at_once(monkeypatch, second):
    ended = []
    monkeypatch.setattr(os, "_exit", ended.append)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with pytest.raises(KeyboardInterrupt):
            command._on_signal(signal.SIGINT, None)
        os.kill(os.getpid(), second)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert ended == [128 + second]
