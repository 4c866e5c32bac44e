"""Read a feature file and print what is in it: `python examples/show_features.py OUTDIR/x_ESM.pt`."""

import sys

import torch

features = torch.load(sys.argv[1], weights_only=True)

print(f"{'id':<16}{'numbers':>8}   first three")
for protein, vector in zip(features["proteins"], features["data"], strict=True):
    print(f"{protein:<16}{len(vector):>8}   {'  '.join(f'{value:8.4f}' for value in vector[:3].tolist())}")
