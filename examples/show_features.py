"""Show what a feature file holds: `python examples/show_features.py vectors/x_ESM.pt`.

Protein models store one tensor per sequence, DNA models one dictionary with a list of numbers; this script reads both.
"""

import sys

import torch

ids, rows = torch.load(sys.argv[1], weights_only=True).values()

print(f"{'id':<41}{'numbers':>8}{'norm':>10}   largest three")
for id_, row in zip(ids, rows, strict=True):
    vector = torch.tensor(row["mean_representation"]) if isinstance(row, dict) else row
    largest = vector[vector.abs().argsort(descending=True)[:3]].tolist()
    print(f"{id_:<41}{len(vector):>8}{vector.norm():>#10.4g}   {' '.join(f'{value:#10.4g}' for value in largest)}")
