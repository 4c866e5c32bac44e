"""Six proteins through the whole extraction, and everything that must hold for what comes out."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from virnucpro.embedding.records import Limits
from virnucpro.models.encoders import Encoder
from virnucpro.pipeline.embed import Job, embed_file, plan_embedding
from virnucpro.records import Counts

__all__ = ["Check", "self_test"]

LENGTHS = (20, 75, 150, 400, 1024, 1200)
MAX_RESIDUES = 1024
DNA_WIDTH = 768
COMMON_RESIDUES = "LAGVSERTIDPKQNFYMHWC"

SAME = {torch.float32: 1e-4, torch.bfloat16: 0.05, torch.float16: 0.01}
"""Relative L2 distance allowed between a vector computed alone and in a batch: kernels differ by shape, in rounding."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold.

    Attributes
    ----------
    name : str
        What was checked.
    passed : bool
        Whether it holds.
    found : str
        The figure.
    """

    name: str
    passed: bool
    found: str


def self_test(encoder: Encoder) -> Iterator[Check]:
    """Run an extraction on six proteins of 20 to 1,200 residues and check the result.

    Parameters
    ----------
    encoder : Encoder
        The model.

    Yields
    ------
    Check
        Dimension, keys, count, finiteness, truncation, batch against single, merging, and a second run.
    """
    proteins = _proteins()
    with tempfile.TemporaryDirectory(prefix="virnucpro-") as name:
        folder = Path(name)
        fasta = folder / "selftest.faa"
        fasta.write_text("".join(f">{id_}\n{sequence}\n" for id_, sequence in proteins), "ascii")
        path = folder / "selftest_ESM.pt"
        counts = _extract(encoder, Job(fasta, path, fasta.name))
        written = path.read_bytes()
        content = torch.load(path, weights_only=True)
        yield from _check_file(encoder, content, counts)
        yield _check_batch_is_single(encoder, proteins, content["data"])
        merged = torch.cat((torch.zeros(DNA_WIDTH), content["data"][0]))
        yield Check("merges with a DNA vector", merged.shape == (DNA_WIDTH + encoder.width,), f"{len(merged)} numbers")
        again = _extract(encoder, Job(fasta, path, fasta.name))
        same = again == Counts() and path.read_bytes() == written
        yield Check("second run is skipped by its receipt", same, f"{again.read} sequences computed")


def _proteins() -> list[tuple[str, str]]:
    generator = np.random.default_rng(0)
    letters = np.array(list(COMMON_RESIDUES))
    return [(f"protein_{length}", "".join(generator.choice(letters, length))) for length in LENGTHS]


def _extract(encoder: Encoder, job: Job) -> Counts:
    """Plan and embed as any run does; counts of what was computed."""
    limits = Limits(MAX_RESIDUES, max_tokens=2048)
    plan = plan_embedding([job], encoder.identity, encoder.placement, limits)
    return sum((embed_file(pending, encoder, limits, lambda _: None).counts for pending in plan.pending), Counts())


def _check_file(encoder: Encoder, content: dict[str, list[torch.Tensor]], counts: Counts) -> Iterator[Check]:
    keys, vectors = sorted(content), content["data"]
    widths = sorted({tuple(vector.shape) for vector in vectors})
    yield Check("keys of the file", keys == ["data", "proteins"], ", ".join(keys))
    yield Check("dimension", widths == [(encoder.width,)], f"{widths} for {encoder.width}")
    yield Check("count", len(vectors) == len(content["proteins"]) == len(LENGTHS), f"{len(vectors)} of {len(LENGTHS)}")
    finite = sum(bool(vector.isfinite().all()) for vector in vectors)
    yield Check("finite", finite == len(LENGTHS), f"{finite} of {len(LENGTHS)} vectors")
    truncated = sum(length > MAX_RESIDUES for length in LENGTHS)
    yield Check("truncation counted", counts.truncated == truncated, f"{counts.truncated} of {truncated}")


def _check_batch_is_single(encoder: Encoder, proteins: list[tuple[str, str]], vectors: list[torch.Tensor]) -> Check:
    """Compare each vector with the one its protein gets alone; the longest is cut to `MAX_RESIDUES` by hand."""
    distances = [] if len(vectors) == len(proteins) else [math.inf]
    for (_, sequence), vector in zip(proteins, vectors, strict=False):
        tokens = encoder.prepare(sequence[:MAX_RESIDUES], MAX_RESIDUES).tokens
        alone = torch.from_numpy(encoder.embed([tokens])[0])
        distances.append(float((alone - vector).norm() / alone.norm()))
    allowed = SAME[encoder.placement.dtype]
    return Check("batch equals single", max(distances) <= allowed, f"{max(distances):.1e} apart, {allowed:.0e} allowed")
