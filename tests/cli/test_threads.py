"""The command says how threads wait, before torch is there, unless its user did."""

import os
import sys

import pytest

from virnucpro.__main__ import main


@pytest.mark.parametrize(("said", "expected"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_wait_asleep(monkeypatch, said, expected):
    monkeypatch.setattr(sys, "argv", ["virnucpro", "--version"])
    monkeypatch.setenv("OMP_WAIT_POLICY", said or "")
    if said is None:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    with pytest.raises(SystemExit):
        main()
    assert os.environ["OMP_WAIT_POLICY"] == expected
