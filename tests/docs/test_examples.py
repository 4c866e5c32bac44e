"""The scripts of `make demo` show what they are there to show."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("is_dna", [False, True])
def test_a_vector_is_shown_by_its_norm_and_its_largest_numbers(tmp_path, is_dna):
    vector = torch.zeros(256) - 1e-6
    vector[5], vector[200] = 3.0, -4.0
    rows = {"proteins": ["a"], "data": [vector]}
    if is_dna:
        rows = {"nucleotide": ["a"], "data": [{"label": "a", "mean_representation": vector.tolist()}]}
    torch.save(rows, tmp_path / "x.pt")
    run = [sys.executable, EXAMPLES / "show_features.py", tmp_path / "x.pt"]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1].split() == ["a", "256", "5.000", "-4.000", "3.000", "-1.000e-06"]
