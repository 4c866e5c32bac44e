"""`virnucpro embed` beside transformers' EsmModel, 650M shape, in one run: ``python -m benchmarks.embedding``.

Random weights, saved once in the published layout; protein lengths as in a proteome (lognormal, median 270, to 1,024).
Every measurement is a process of its own, repetitions alternate, medians are printed. The rival gets what helps it:
sequences sorted by length, the same token budget, sdpa, inference mode, a mask and a mean over residues; its reading
and writing are not counted, while those of `virnucpro embed` are. Loading the model is counted for neither.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

from virnucpro import get_batch_indices
from virnucpro.models.placement import DTYPES, choose_placement
from virnucpro.models.tokens import encode_protein
from virnucpro.sequences.fasta import read_records

SHAPE = {"num_hidden_layers": 33, "hidden_size": 1280, "num_attention_heads": 20, "intermediate_size": 5120}
FOLDER = Path(__file__).parent / ".cache"
RESULTS = Path(__file__).parent / "results"
MAX_TOKENS = 2048


def prepare(sequences: int, seed: int = 0) -> tuple[Path, Path]:
    """Write weights and proteins, once."""
    from transformers import EsmConfig, EsmModel

    model, fasta = FOLDER / "esm2_650m_random", FOLDER / f"proteins_{sequences}.faa"
    FOLDER.mkdir(exist_ok=True)
    if not (model / "model.safetensors").exists():
        torch.manual_seed(seed)
        config = EsmConfig(
            **SHAPE, vocab_size=33, pad_token_id=1, mask_token_id=32, position_embedding_type="rotary",
            emb_layer_norm_before=False, token_dropout=True, layer_norm_eps=1e-5,
        )  # fmt: skip
        EsmModel(config, add_pooling_layer=False).save_pretrained(model)
    generator = np.random.default_rng(seed)
    lengths = np.minimum(1024, np.exp(generator.normal(np.log(270), 0.6, sequences))).astype(int)
    letters = list("LAGVSERTIDPKQNFYMHWC")
    fasta.write_text("".join(f">p{i}\n{''.join(generator.choice(letters, n))}\n" for i, n in enumerate(lengths)))
    return model, fasta


def run_transformers(model: Path, fasta: Path, out: Path, dtype: str) -> None:
    """Embed with EsmModel, sorted and batched by the same plan; print seconds and save the vectors."""
    from transformers import EsmModel

    network = EsmModel.from_pretrained(model, dtype=DTYPES[dtype], attn_implementation="sdpa", add_pooling_layer=False)
    network.eval()
    tokens = [torch.from_numpy(encode_protein(record.sequence.encode())) for record in read_records(fasta)]
    vectors = torch.empty(len(tokens), SHAPE["hidden_size"])
    started = time.perf_counter()
    with torch.inference_mode():
        for batch in get_batch_indices([len(t) - 2 for t in tokens], MAX_TOKENS):
            ids = torch.nn.utils.rnn.pad_sequence([tokens[i] for i in batch], batch_first=True, padding_value=1)
            hidden = network(input_ids=ids, attention_mask=(ids != 1).long()).last_hidden_state
            for row, index in zip(hidden, batch, strict=True):
                vectors[index] = row[1 : len(tokens[index]) - 1].float().mean(0)
    seconds = time.perf_counter() - started
    torch.save(vectors, out)
    print(json.dumps({"seconds": seconds}))


def measured(command: list[str]) -> tuple[str, float]:
    """Run a process; give what it printed and its peak memory in GB."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed:\n{printed}")
    return printed, usage.ru_maxrss * 1024 / 1e9


def run_one(engine: str, dtype: str, model: Path, fasta: Path) -> tuple[float, float, torch.Tensor]:
    """Give seconds, peak memory in GB and the vectors."""
    if engine == "virnucpro":
        out = FOLDER / "out"
        printed, memory = measured(
            [sys.executable, "-m", "virnucpro", "embed", str(fasta), "-o", str(out), "--model", str(model),
             "--dtype", dtype, "--max-tokens", str(MAX_TOKENS), "--overwrite"]
        )  # fmt: skip
        found = re.search(r"residues in ([\d.]+) s", printed)
        assert found, printed
        vectors = torch.stack(torch.load(out / f"{fasta.stem}_ESM.pt", weights_only=True)["data"])
        return float(found[1]), memory, vectors
    out = FOLDER / "vectors.pt"
    printed, memory = measured(
        [sys.executable, "-m", "benchmarks.embedding", "--rival", dtype, str(model), str(fasta), str(out)]
    )
    return json.loads(printed.splitlines()[-1])["seconds"], memory, torch.load(out, weights_only=True)


def main() -> None:
    """Measure all engines in turn and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sequences", type=int, default=24)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--rival", nargs=4, metavar=("DTYPE", "MODEL", "FASTA", "OUT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.rival:
        dtype, model, fasta, out = arguments.rival
        run_transformers(Path(model), Path(fasta), Path(out), dtype)
        return
    model, fasta = prepare(arguments.sequences)
    residues = sum(len(record.sequence) for record in read_records(fasta))
    half = "bf16"
    engines = [("transformers", "fp32"), ("virnucpro", "fp32"), ("transformers", half), ("virnucpro", half)]
    seconds: dict[tuple[str, str], list[float]] = {engine: [] for engine in engines}
    memory, vectors = {}, {}
    for _ in range(arguments.repetitions):
        for engine in engines:
            took, memory[engine], vectors[engine] = run_one(*engine, model, fasta)
            seconds[engine].append(took)
    exact = vectors["transformers", "fp32"]
    print(f"{arguments.sequences} proteins, {residues:,} residues, {choose_placement('cpu').describe()}")
    print("| engine | number format | residues/s | peak memory | max_abs to fp32 | least cosine |")
    print("|---|---|---|---|---|---|")
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / "embedding.jsonl").open("a") as log:
        for engine in engines:
            rate = residues / statistics.median(seconds[engine])
            apart = (vectors[engine] - exact).abs().max()
            cosine = torch.cosine_similarity(vectors[engine], exact).min()
            print(f"| {' | '.join(engine)} | {rate:,.0f} | {memory[engine]:.2f} GB | {apart:.1e} | {cosine:.6f} |")
            row = {"engine": engine, "seconds": seconds[engine], "residues": residues, "memory_gb": memory[engine]}
            log.write(json.dumps(row | {"max_abs": float(apart), "cosine": float(cosine)}) + "\n")


if __name__ == "__main__":
    main()
