"""Loading the 650M model in half precision takes little more than its half-precision weights."""

import subprocess
import sys

import pytest

from published_layouts import FULL_650M, write_bin, write_prefixed

SCRIPT = """
import sys
from pathlib import Path
from virnucpro.models.checkpoints import open_checkpoint
from virnucpro.models.encoders import encoder_of
from virnucpro.models.placement import choose_placement

def peak():
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))

checkpoint = open_checkpoint(Path(sys.argv[1]))
before = peak()
encoder = encoder_of(checkpoint, choose_placement("cpu", "bf16"))
print(2 * checkpoint.parameters, peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads peak memory from /proc")
@pytest.mark.parametrize("write", [write_prefixed, write_bin])
def test_peak_memory_of_loading(tmp_path, write):
    write(tmp_path / "model", FULL_650M)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "model")], capture_output=True, text=True, check=True
    )
    weights, peak = map(int, done.stdout.split())
    print(f"{write.__name__}: weights {weights / 1e9:.2f} GB, peak {peak / 1e9:.2f} GB, ratio {peak / weights:.2f}")
    assert peak <= 1.32 * weights
