"""Six sequences through the whole extraction, and everything that must hold for what comes out."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from virnucpro.embedding.records import Limits, embed_records
from virnucpro.errors import VirNucProError
from virnucpro.features.vectors import FORMATS
from virnucpro.models.encoders import Encoder
from virnucpro.records import Counts, EmbeddingTable, Molecule, Record
from virnucpro.verbs.embed import embed_file
from virnucpro.verbs.embed_plan import Job, make_jobs, plan_embedding

__all__ = ["Check", "self_test"]

LENGTHS = (20, 75, 150, 400, 1024, 1200)
MAX_RESIDUES = 1024
LIMITS = Limits(MAX_RESIDUES)
LETTERS = {Molecule.PROTEIN: "LAGVSERTIDPKQNFYMHWC", Molecule.DNA: "ACGT"}
OTHER_HALF = {Molecule.PROTEIN: ("DNA", 768), Molecule.DNA: ("protein", 1280)}
"""What a vector is merged with, and how wide that is."""

SAME = {torch.float32: 1e-4, torch.bfloat16: 0.05, torch.float16: 0.01}
"""Relative L2 distance allowed between a vector computed alone and in a batch: kernels differ by shape, in rounding."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold."""

    name: str  # what was checked
    passed: bool  # whether it holds
    found: str  # the figure


def self_test(encoder: Encoder) -> Iterator[Check]:
    """Run an extraction on six sequences of 20 to 1,200 residues, or nucleotides, and check the result."""
    molecule = encoder.identity.molecule
    sequences = _sequences(LETTERS[molecule])
    with tempfile.TemporaryDirectory(prefix="virnucpro-") as name:
        folder = Path(name)
        fasta = folder / "selftest.fasta"
        fasta.write_text("".join(f">{id_}\n{sequence}\n" for id_, sequence in sequences), "ascii")
        job = make_jobs([fasta], folder, molecule)[0]
        try:
            counts, path = _extract(encoder, job), job.target
        except VirNucProError as error:  # everything else is about what it would have given
            yield Check("extraction", passed=False, found=str(error))
            return
        written = path.read_bytes()
        table = FORMATS[molecule].read(path)
        keys = tuple(torch.load(path, weights_only=True))
        yield Check("keys of the file", keys == FORMATS[molecule].keys, ", ".join(keys))
        yield from _check_rows(encoder, table, counts)
        yield _check_batch_is_single(encoder, sequences, table)
        other, other_width = OTHER_HALF[molecule]
        merged = np.concatenate((np.zeros(other_width, np.float32), table.vectors[0]))
        yield Check(
            f"merges with a {other} vector", len(merged) == other_width + encoder.width, f"{len(merged)} numbers"
        )
        again = _extract(encoder, job)
        same = again == Counts() and path.read_bytes() == written
        yield Check("second run is skipped by its receipt", same, f"{again.read} sequences computed")


def _sequences(alphabet: str) -> list[tuple[str, str]]:
    generator = np.random.default_rng(0)
    letters = np.array(list(alphabet))
    return [(f"sequence_{length}", "".join(generator.choice(letters, length))) for length in LENGTHS]


def _extract(encoder: Encoder, job: Job) -> Counts:
    """Plan and embed as any run does; counts of what was computed."""
    plan = plan_embedding([job], encoder.identity, encoder.placement, LIMITS)
    return sum((embed_file(pending, encoder, LIMITS, lambda _: None).counts for pending in plan.pending), Counts())


def _check_rows(encoder: Encoder, table: EmbeddingTable, counts: Counts) -> Iterator[Check]:
    yield Check("dimension", table.width == encoder.width, f"{table.width} for {encoder.width}")
    yield Check("count", len(table) == len(LENGTHS), f"{len(table)} of {len(LENGTHS)}")
    finite = int(np.isfinite(table.vectors).all(axis=1).sum())
    yield Check("finite", finite == len(LENGTHS), f"{finite} of {len(LENGTHS)} vectors")
    truncated = sum(length > MAX_RESIDUES for length in LENGTHS)
    yield Check("truncation counted", counts.truncated == truncated, f"{counts.truncated} of {truncated}")


def _check_batch_is_single(encoder: Encoder, sequences: list[tuple[str, str]], table: EmbeddingTable) -> Check:
    """Compare each vector with the one its sequence gets alone; the longest is cut to `MAX_RESIDUES` by hand."""
    distances = [] if len(table) == len(sequences) else [math.inf]
    for (id_, sequence), vector in zip(sequences, table.vectors, strict=False):
        alone = embed_records(encoder, [Record(1, id_, sequence[:MAX_RESIDUES])], LIMITS).table.vectors
        apart = np.linalg.norm(alone - vector, axis=1) / np.linalg.norm(alone, axis=1)
        distances += apart.tolist() or [math.inf]
    allowed = SAME[encoder.placement.dtype]
    return Check("batch equals single", max(distances) <= allowed, f"{max(distances):.1e} apart, {allowed:.0e} allowed")
