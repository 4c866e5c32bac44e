"""What a run does not need is not imported."""

import subprocess
import sys
from importlib.metadata import version

import pytest

from virnucpro.__main__ import NEW_OBJECTS

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


PREDICT = """
import sys
from virnucpro.cli.main import run
code = run(["predict", sys.argv[1], "-o", sys.argv[2], "--device", "cpu", "-q"])
sys.exit(code or int(not {"Bio", "sklearn", "matplotlib", "huggingface_hub", "pyarrow"}.isdisjoint(sys.modules)))
"""


def test_libraries_that_fasta_does_not_need_stay_out(tmp_path):
    (tmp_path / "x.fa").write_text(">x\nACGTACGTACGTACGTTTGACA\n")
    arguments = [str(tmp_path / "x.fa"), str(tmp_path / "out")]
    done = subprocess.run([sys.executable, "-c", PREDICT, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


END = """
import atexit, gc, sys
atexit.register(lambda: print(gc.get_freeze_count() > 1000, gc.get_threshold()[0]))
from virnucpro.__main__ import main
sys.argv[1:] = ["--version"]
main()
"""


def test_what_lives_to_the_end_is_not_searched_for_garbage():
    """While torch is imported and while Python ends, that takes 0.3 s."""
    done = subprocess.run([sys.executable, "-c", END], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == f"True {NEW_OBJECTS}", done.stderr
