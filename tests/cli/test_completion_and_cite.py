"""Small commands: what a shell asks, and what a reference list needs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from virnucpro import __version__


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_ask_this_command(virnucpro, shell):
    code, out, err = virnucpro("completion", shell)
    assert (code, err) == (0, "")
    assert f"_VIRNUCPRO_COMPLETE={shell}_complete" in out


def test_what_the_script_asks_for_is_answered():
    asked = {"_VIRNUCPRO_COMPLETE": "bash_complete", "COMP_WORDS": "virnucpro pre", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "virnucpro"], env=os.environ | asked, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["plain,predict", "plain,prepare"]


def test_a_shell_that_is_not_known(virnucpro):
    assert virnucpro("completion", "tcsh")[0] == 2


def test_how_to_cite(virnucpro):
    code, out, _ = virnucpro("cite")
    assert code == 0
    assert out.startswith("The VirNucPro developers. VirNucPro: ")
    assert f"Version {__version__}, MIT license." in out
    assert "doi" not in out.lower()
    cited = (Path(__file__).parents[2] / "CITATION.cff").read_text()
    assert all(fact in out and fact in cited for fact in ("Briefings in Bioinformatics", "bbaf224", "2025"))
    code, out, _ = virnucpro("cite", "--bibtex")
    assert code == 0
    assert out.startswith("@software{virnucpro,\n  author = {{The VirNucPro developers}},\n")
    assert f"  version = {{{__version__}}}" in out
    assert out.count("{") == out.count("}")
