"""What a run does not need is not imported."""

import subprocess
import sys
from importlib.metadata import version

import pytest

SCRIPT = """
import sys
from virnucpro.cli.main import run
code = run(["embed", sys.argv[1], "-o", sys.argv[2], "--model", sys.argv[3], "--device", "cpu", "--dtype", "bf16", "-q"])
sys.exit(code or int(not {"torch._dynamo", "sympy"}.isdisjoint(sys.modules)))
"""


@pytest.mark.skipif(version("torch") < "2.13", reason="older releases of torch were seen to bring their compiler in")
@pytest.mark.parametrize("model", ["protein", "dna", "mini"])
def test_torch_s_compiler_stays_out(tmp_path, models, model):
    """It comes in when numbers are drawn, or counted off, on the device "meta", and takes a second."""
    (tmp_path / "x.fa").write_text(">x\nACGTACGTACGTACGTTTGACA\n")
    arguments = [str(tmp_path / "x.fa"), str(tmp_path / "out"), model if model == "mini" else str(models / model)]
    done = subprocess.run([sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
