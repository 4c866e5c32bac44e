"""Show what a feature file holds: `python examples/show_features.py vectors/x_ESM.pt`.

Protein models store one tensor per sequence, DNA models one dictionary with a list of numbers; this script reads both.
"""

import sys

import torch

ids, rows = torch.load(sys.argv[1], weights_only=True).values()

print(f"{'id':<41}{'numbers':>8}   first three")
for id_, row in zip(ids, rows, strict=True):
    vector = row["mean_representation"] if isinstance(row, dict) else row.tolist()
    print(f"{id_:<41}{len(vector):>8}   {'  '.join(f'{value:8.4f}' for value in vector[:3])}")
