"""How far half precision is from float32, on the device and from transformers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from benchmarks.contestants import OneByOne, Packed, Transformers
from benchmarks.gpu_report.scale import Scale
from benchmarks.race import parity
from benchmarks.table import FP32_DISTANCE, HALF_COSINE
from benchmarks.worker import SAMPLE, tokens_of
from benchmarks.workloads import write_sequences

Found = dict[str, Any]


def rows(scale: Scale) -> Iterator[dict[str, Any]]:
    """Compare all number formats of both shapes with float32."""
    tokens = tokens_of(scale.esm2_folder, write_sequences("mean350", scale.proteins, scale.folder))[: scale.compared]
    exact = vectors(Transformers, scale.esm2_folder, "fp32", scale.device, tokens)
    for name, engine in (("virnucpro", Packed), ("transformers", Transformers)):
        for dtype in ("fp32", "fp16", "bf16"):
            if (name, dtype) != ("transformers", "fp32"):
                found = vectors(engine, scale.esm2_folder, dtype, scale.device, tokens)
                yield compared("650M", name, dtype, "transformers, fp32", found, exact)
    texts = tokens_of(scale.dna_folder, write_sequences("dna500", scale.fragments, scale.folder))[: scale.compared]
    exact = vectors(OneByOne, scale.dna_folder, "fp32", "cpu", texts)
    for dtype in ("fp32", "fp16", "bf16"):
        found = vectors(Packed, scale.dna_folder, dtype, scale.device, texts)
        yield compared("DNABERT-S", "virnucpro", dtype, "virnucpro one by one on the CPU, fp32", found, exact)


def vectors(engine: type, model: Any, dtype: str, device: str, tokens: list[torch.Tensor]) -> Found:  # noqa: ANN401
    """Pooled vectors, and the last hidden states of some sequences."""
    contestant = engine(model, dtype, device, 16_384)
    return {"vectors": contestant.pooled(tokens), "states": contestant.states(tokens[:SAMPLE])}


def compared(shape: str, engine: str, dtype: str, beside: str, found: Found, exact: Found) -> dict[str, Any]:
    """One row."""
    row = {"shape": shape, "engine": engine, "dtype": dtype, "beside": beside} | parity(found, exact)
    near = row["max_abs"] <= FP32_DISTANCE if dtype == "fp32" else row["cosine"] >= HALF_COSINE
    return row | {"sound": bool(row["complete"] and near)}
