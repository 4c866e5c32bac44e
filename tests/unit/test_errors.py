"""Text from files, made safe to show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virnucpro import DeviceError
from virnucpro.errors import shown, starting_threads


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain text, ä µ 漢", "plain text, ä µ 漢"),
        ("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        ("a\tb\nc\rd", "a\\tb\\nc\\rd"),
        ("\x9b31m\x85", "\\x9b31m\\x85"),  # C1
        ("fasta\u202egpj.exe\u2066\u200f\ufeff", "fasta\\u202egpj.exe\\u2066\\u200f\\ufeff"),
        ("a\u2028b\u2029c", "a\\u2028b\\u2029c"),
        ("x\udcff.fa\ud800", "x\\xff.fa\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("", ""),
        ("a" * 200, "a" * 200),
        ("a" * 201, "a" * 197 + "..."),
        ("\0" * 100, "\\x00" * 49 + "\\..."),
    ],
)
def test_shown(text, safe):
    assert shown(text) == safe
    safe.encode()


@given(st.text(st.characters(), max_size=300), st.integers(3, 50))
def test_whatever_is_shown_prints_on_one_line_of_bearable_length(text, limit):
    safe = shown(text, limit)
    assert len(safe) <= limit
    assert safe.isprintable()
    safe.encode()


def test_only_a_thread_that_cannot_start_is_explained():
    with pytest.raises(DeviceError, match="does not let virnucpro start another thread"), starting_threads():
        raise RuntimeError("can't start new thread")
    with pytest.raises(RuntimeError, match="shape mismatch"), starting_threads():
        raise RuntimeError("shape mismatch")
