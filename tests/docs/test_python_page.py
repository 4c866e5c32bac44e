"""The examples of docs/python.md run on the sequences that the page names, and print what it says."""

import doctest
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tolerances import PRINTED_ABS, PRINTED_REL

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "python.md"
NUMBER = re.compile(r"(-?\d+(?:\.\d*)?(?:e[-+]\d+)?|\bnan\b)")


def same(want, got):
    """Compare text without regard to white space, whole numbers exactly, and others within a tolerance."""
    wanted, found = NUMBER.split(want), NUMBER.split(got)
    if ["".join(text.split()) for text in wanted[::2]] != ["".join(text.split()) for text in found[::2]]:
        return False
    return all(map(_is_close, wanted[1::2], found[1::2]))


def _is_close(want, got):
    if want == got or (want.lstrip("-").isdigit() and got.lstrip("-").isdigit()):
        return want == got
    return math.isclose(float(want), float(got), rel_tol=PRINTED_REL, abs_tol=PRINTED_ABS)


class Outputs(doctest.OutputChecker):
    def check_output(self, want, got, optionflags):
        return same(want, got)


@pytest.fixture
def contigs(tmp_path, monkeypatch):
    """Make contigs.fasta with the commands of the page."""
    monkeypatch.chdir(tmp_path)
    (commands,) = re.findall(r"```\n(python examples/.*?)```", PAGE.read_text(), re.DOTALL)
    assert "> contigs.fasta" in commands
    script = commands.replace("python examples", f"{sys.executable} {ROOT}/examples")
    subprocess.run(["bash", "-euc", script], check=True)


@pytest.mark.usefixtures("contigs")
def test_the_examples_of_the_page():
    pytest.importorskip("pandas")
    blocks = re.findall(r"```python\n(>>> .*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) >= 10
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, PAGE.name, str(PAGE), 0)
    told = []
    failed, attempted = doctest.DocTestRunner(Outputs(), verbose=False).run(test, out=told.append)
    assert attempted > 20
    assert not failed, "".join(told)


@pytest.mark.parametrize(
    ("got", "is_same"),
    [
        ("ab 5386  0.9963 viral", True),
        ("ab 5386 0.996\nviral", True),
        ("ab 5386 1 viral", True),
        ("ab 5387 0.9963 viral", False),
        ("ab 5386 0.95 viral", False),
        ("ab 5386 nan viral", False),
        ("ab 5386 0.9963 non-viral", False),
        ("ab 5386 0.9963", False),
    ],
)
def test_what_counts_as_the_same(got, is_same):
    assert same("ab  5386  0.9963  viral", got) is is_same


def test_every_public_function_is_on_the_page():
    import virnucpro

    text = PAGE.read_text()
    functions = [name for name in virnucpro.__all__ if name[0].islower() and not name.startswith("__")]
    assert [name for name in functions if f"`{name}`" not in text and name != "extract_esm"] == []
