"""The 650M shape: tokens per second beside transformers, over budgets of tokens, and from file to file."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks.contestants import Packed, Transformers
from benchmarks.gpu_report.paired import Timing, race
from benchmarks.gpu_report.scale import Scale
from benchmarks.race import work
from benchmarks.worker import tokens_of
from benchmarks.workloads import write_sequences
from virnucpro.models.placement import DTYPES
from virnucpro.runs.engine import execute
from virnucpro.sequences.reading import SequenceFile
from virnucpro.verbs.embed import embed_run
from virnucpro.verbs.embed_settings import EmbedSettings
from virnucpro.verbs.embedding_model import EmbeddingModel
from virnucpro.writers.vectors import vector_files

HALVES = ("fp16", "bf16")


def rows(scale: Scale) -> Iterator[dict[str, Any]]:
    """Measure the encoder and `embed` in turn, then the encoder and transformers, then budgets of tokens."""
    fasta = write_sequences("mean350", scale.proteins, scale.folder)
    tokens = tokens_of(scale.esm2_folder, fasta)
    own = {dtype: Packed(scale.esm2_folder, dtype, scale.device, scale.max_tokens) for dtype in HALVES}
    runs = {f"virnucpro, {dtype}": partial(one.pooled, tokens) for dtype, one in own.items()}
    runs["virnucpro embed, fp16"] = partial(embed_file, own["fp16"], fasta, scale.folder / "embedded")
    timings = yield from raced(runs, tokens, scale)
    ratio = timings["virnucpro embed, fp16"].times_as_fast_as(timings["virnucpro, fp16"])
    yield {"ratio": "virnucpro embed over virnucpro, fp16", "value": asdict(ratio)}
    some = tokens[::2]
    yield from budgets(own["fp16"], some, scale, work(map(len, some), False, scale.esm2))
    own["fp16"].max_tokens = scale.max_tokens
    yield from beside_transformers(own, tokens[::3], scale)


def beside_transformers(own: dict[str, Packed], tokens: list[torch.Tensor], scale: Scale) -> Iterator[dict[str, Any]]:
    """The encoder and transformers in turn, on fewer sequences of the same lengths."""
    runs = {f"virnucpro, a third, {dtype}": partial(one.pooled, tokens) for dtype, one in own.items()}
    for dtype in HALVES:
        rival = Transformers(scale.esm2_folder, dtype, scale.device, scale.max_tokens)
        runs[f"transformers sdpa sorted, a third, {dtype}"] = partial(rival.pooled, tokens)
    timings = yield from raced(runs, tokens, scale)
    for dtype in HALVES:
        ratio = timings[f"virnucpro, a third, {dtype}"].times_as_fast_as(
            timings[f"transformers sdpa sorted, a third, {dtype}"]
        )
        yield {"ratio": f"virnucpro over transformers sdpa sorted, {dtype}", "value": asdict(ratio)}


def raced(
    runs: dict[str, Callable[[], object]], tokens: list[torch.Tensor], scale: Scale
) -> Generator[dict[str, Any], None, dict[str, Timing]]:
    """Warm up and time all in turn; give a row for each, then the timings."""
    for run in runs.values():
        run()
    timings = race(runs, {name: DTYPES[name.rpartition(" ")[2]] for name in runs}, scale, scale.repetitions)
    lengths = [len(one) for one in tokens]
    for name, timing in timings.items():
        yield row(name, scale.max_tokens, timing, lengths, work(lengths, False, scale.esm2))
    return timings


def embed_file(contestant: Packed, fasta: Path, outdir: Path) -> None:
    """`virnucpro embed` with a model that is loaded: everything from a FASTA file to a finished feature file."""
    shutil.rmtree(outdir, ignore_errors=True)
    model = EmbeddingModel.loaded(contestant.encoder)
    settings = EmbedSettings(max_tokens=contestant.max_tokens)
    files = vector_files(fasta.stem, model.architecture.suffix, "pt")
    execute([embed_run(SequenceFile(fasta, str(fasta)), outdir, files, model, settings)], strict=True)


def budgets(contestant: Packed, tokens: list[torch.Tensor], scale: Scale, flop: float) -> Iterator[dict[str, Any]]:
    """The same sequences with other budgets of tokens, in turn."""

    def run(budget: int) -> None:
        contestant.max_tokens = budget
        contestant.pooled(tokens)

    runs = {str(budget): partial(run, budget) for budget in scale.budgets}
    for budget in scale.budgets:
        contestant.max_tokens = budget
        contestant.pooled(tokens[: max(len(tokens) // 4, 2)])
    dtypes = dict.fromkeys(runs, contestant.encoder.placement.dtype)
    for budget, timing in race(runs, dtypes, scale, scale.budget_repetitions).items():
        yield row(f"budget, {contestant.encoder.placement.dtype_name}", int(budget), timing, [*map(len, tokens)], flop)


def row(name: str, max_tokens: int, timing: Timing, lengths: list[int], flop: float) -> dict[str, Any]:
    """One contestant's figures."""
    return {
        "contestant": name, "max_tokens": max_tokens, "sequences": len(lengths), "tokens": sum(lengths),
        "seconds": timing.seconds, "tokens_per_s": asdict(timing.rate(sum(lengths))),
        "mfu": asdict(timing.share(flop)), "peak_flops": median(timing.peaks),
    }  # fmt: skip
