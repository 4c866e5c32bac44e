"""Run an extraction as scripts do, and check everything that must hold for its result.

It calls only public functions, so it tests what users get: encoder, batches, files and skipping together.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import virnucpro
from virnucpro.errors import VirNucProError
from virnucpro.features.merged import read_merged
from virnucpro.features.vectors import FORMATS
from virnucpro.models.accelerated import AMPERE, kernels
from virnucpro.models.attention import choose_attention
from virnucpro.models.catalog import CATALOG, DEFAULT_DNA_MODEL, DEFAULT_MODEL, catalogue_width
from virnucpro.models.encoders import Encoder
from virnucpro.models.pack import Pack
from virnucpro.models.placement import Placement
from virnucpro.records import Molecule
from virnucpro.verbs.checks import Check

__all__ = ["attention_timing", "gpu_verdict", "self_test"]

LENGTHS: Final = (20, 75, 150, 400, 1024, 1200)
MAX_RESIDUES: Final = 1024
LETTERS: Final = {Molecule.PROTEIN: "LAGVSERTIDPKQNFYMHWC", Molecule.DNA: "ACGT"}
PUBLISHED: Final = {Molecule.DNA: CATALOG[DEFAULT_DNA_MODEL], Molecule.PROTEIN: CATALOG[DEFAULT_MODEL]}
"""Models whose vectors of 768 and 1280 numbers make merged rows of 2048."""

SAME: Final = {torch.float32: 1e-4, torch.bfloat16: 0.05, torch.float16: 0.01}
"""Allowed relative L2 distance between a vector computed alone and in a batch: kernels round differently by shape."""

MIN_GPU_GIB: Final = 6


def self_test(encoder: Encoder) -> Iterator[Check]:
    """Extract six sequences of 20 to 1,200 letters; check file, vectors, merging and resuming."""
    sequences = _sequences(LETTERS[encoder.identity.molecule])
    with tempfile.TemporaryDirectory(prefix="virnucpro-") as name:
        folder = Path(name)
        fasta, target = folder / "selftest.fasta", folder / f"selftest{encoder.suffix}"
        fasta.write_text("".join(f">{id_}\n{sequence}\n" for id_, sequence in sequences), "ascii")
        try:
            _extract(encoder, fasta, target)
        except VirNucProError as error:  # all other checks need the file
            yield Check("file", passed=False, found=str(error))
            return
        yield Check("file", target.is_file(), f"{target.name}, {target.stat().st_size:,} bytes")
        layout = FORMATS[encoder.architecture.layout]
        keys = tuple(torch.load(target, weights_only=True))
        yield Check("keys", keys == layout.keys, ", ".join(keys))
        table = layout.read(target)
        yield Check("count", len(table) == len(LENGTHS), f"{len(table)} of {len(LENGTHS)}")
        yield _check_width(encoder, table.width)
        yield from _check_numbers(table.vectors)
        yield _check_merged(encoder, target, table.ids)
        yield _check_resume(encoder, fasta, target)
        yield _check_batch_is_single(encoder, folder, sequences, table.vectors)


def _sequences(alphabet: str) -> list[tuple[str, str]]:
    generator = np.random.default_rng(0)
    letters = np.array(list(alphabet))
    return [(f"sequence_{length}", "".join(generator.choice(letters, length))) for length in LENGTHS]


def _extract(encoder: Encoder, fasta: Path, target: Path | None) -> tuple[list[str], list[Tensor]]:
    """Call the public extraction function."""
    if encoder.identity.molecule is Molecule.DNA:
        return virnucpro.extract_DNABERT_S(fasta, target, model_loaded=True, model=encoder)
    return virnucpro.extract_fast_esm(fasta, target, model=encoder, truncation_seq_length=MAX_RESIDUES)


def _check_width(encoder: Encoder, width: int) -> Check:
    expected = catalogue_width(encoder.identity)
    told = f"{width}, {expected} expected" if expected else f"{width}, {encoder.width} expected"
    return Check("catalogue width", width == (expected or encoder.width), told)


def _check_numbers(vectors: NDArray[np.float32]) -> Iterator[Check]:
    rows = len(vectors)
    yield Check("float32", vectors.dtype == np.float32, str(vectors.dtype))
    for name, bad in (("no NaN", np.isnan(vectors)), ("no Inf", np.isinf(vectors))):
        yield Check(name, not bad.any(), f"{int(bad.any(axis=1).sum())} of {rows} rows")
    zeros = int((~vectors.any(axis=1)).sum())
    yield Check("non-zero", zeros == 0, f"{zeros} of {rows} rows are zero")
    distinct = len(np.unique(vectors, axis=0))
    yield Check("distinct rows", distinct == rows, f"{distinct} of {rows}")


def _check_merged(encoder: Encoder, target: Path, ids: tuple[str, ...]) -> Check:
    """Merge with random vectors of the other molecule; the published pair gives 2048 numbers."""
    of_dna = encoder.identity.molecule is Molecule.DNA
    other = PUBLISHED[Molecule.PROTEIN if of_dna else Molecule.DNA]
    vectors = np.random.default_rng(1).normal(size=(len(ids), other.width)).astype(np.float32)
    beside, merged = target.with_name(f"other{other.architecture.suffix}"), target.with_name("selftest_merged.pt")
    with beside.open("wb") as stream:
        FORMATS[other.architecture.layout].write(stream, ids, vectors)
    try:
        virnucpro.merge_data(*((target, beside) if of_dna else (beside, target)), merged)
        width = read_merged(merged).table.width
    except VirNucProError as error:
        return Check("merge_data", passed=False, found=str(error))
    expected = encoder.width + other.width
    told = f"{width} numbers with {other.molecule.value} vectors, {expected} expected"
    return Check("merge_data", width == expected, told)


def _check_resume(encoder: Encoder, fasta: Path, target: Path) -> Check:
    """Extract again; a file that is written again would have another inode."""
    before = target.stat()
    try:
        _extract(encoder, fasta, target)
    except VirNucProError as error:
        return Check("resume", passed=False, found=str(error))
    after = target.stat()
    same = (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    return Check("resume", same, "the second run wrote nothing" if same else "the second run wrote the file again")


def _check_batch_is_single(
    encoder: Encoder, folder: Path, sequences: list[tuple[str, str]], vectors: NDArray[np.float32]
) -> Check:
    """Compare each vector with that of its sequence computed alone."""
    distances = [0.0 if len(vectors) == len(sequences) else np.inf]
    for (id_, sequence), vector in zip(sequences, vectors, strict=False):
        fasta = folder / "alone.fasta"
        fasta.write_text(f">{id_}\n{sequence}\n", "ascii")
        try:
            alone = _extract(encoder, fasta, None)[1][0].numpy()
        except VirNucProError:
            distances.append(np.inf)
            continue
        length = float(np.linalg.norm(alone))
        distances.append(float(np.linalg.norm(alone - vector)) / length if length else np.inf)
    allowed = SAME[encoder.placement.dtype]
    return Check(
        "batch equals single", max(distances) <= allowed, f"difference {max(distances):.1e}, allowed {allowed:.0e}"
    )


def attention_timing(placement: Placement, repeats: int = 5) -> str:
    """Time attention of the 650M shape on 16 proteins of 254 residues: the best of several runs."""
    attention = choose_attention(placement.device, placement.dtype)
    pack = Pack.of([np.zeros(256, np.int64)] * 16, placement.device)
    shape = (len(pack.tokens_N), 20, 64)
    query, key, value = (torch.randn(shape, device=placement.device, dtype=placement.dtype) for _ in range(3))
    seconds = []
    with torch.inference_mode():
        for _ in range(repeats + 1):  # the first one also compiles
            started = time.perf_counter()
            attention(query, key, value, pack)
            if placement.device.type == "cuda":
                torch.cuda.synchronize(placement.device)
            seconds.append(time.perf_counter() - started)
    best = min(seconds[1:])
    return f"{attention.__name__.replace('_', ' ')}, {best * 1000:.1f} ms for 4,096 tokens in 20 heads of 64"


def gpu_verdict(placement: Placement) -> str | None:
    """Assess the GPU; None without one."""
    if placement.device.type != "cuda":
        return None
    properties = torch.cuda.get_device_properties(placement.device)
    gib = properties.total_memory / 2**30
    if gib < MIN_GPU_GIB:
        return f"small: {gib:.1f} GiB; the 650M model fits, with small batches (--max-tokens 4096)"
    if (properties.major, properties.minor) < AMPERE:
        return f"usable: {gib:.1f} GiB, but no flash attention before compute capability 8.0; expect half the speed"
    with torch.inference_mode():
        own = "Triton" if kernels(placement.device) else "but Triton does not work here: install a C compiler"
    return f"well suited: {gib:.1f} GiB, flash attention in fp16 and bf16, {own}"
