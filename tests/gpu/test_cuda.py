"""What only a CUDA device does: flash attention over a pack, half precision, memory that really runs out."""

import numpy as np
import pytest
import torch

from conftest import random_protein, write_fasta
from random_models import VOCABULARY, dna_checkpoint, protein_checkpoint
from tolerances import FLASH_FP16, HALF_COSINE, PARITY_FP32
from virnucpro import extract_fast_esm
from virnucpro.embedding.embed import embed_tokens
from virnucpro.models import accelerated
from virnucpro.models.attention import grouped_attention, varlen_attention
from virnucpro.models.encoders import load_encoder
from virnucpro.models.pack import Pack
from virnucpro.models.placement import choose_placement
from virnucpro.models.tokens import encode_protein
from virnucpro.sequences.ragged import Ragged

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine"),
]

LENGTHS = (1024, 700, 257, 40, 40, 3, 1)
needs_ampere = pytest.mark.skipif(
    torch.cuda.is_available() and torch.cuda.get_device_capability() < (8, 0), reason="flash attention needs Ampere"
)


def tokens():
    generator = np.random.default_rng(1)
    return [encode_protein(random_protein(generator, length).encode()) for length in LENGTHS]


def encoder(device, dtype):
    """128 wide with heads of 32: what the flash kernel takes."""
    return protein_checkpoint().encoder(choose_placement(device, dtype))


def test_float32_is_the_cpu_s():
    difference = encoder("cuda", "fp32").embed(Ragged.of(tokens())) - encoder("cpu", "fp32").embed(Ragged.of(tokens()))
    assert np.abs(difference).max() <= PARITY_FP32


@needs_ampere
def test_half_precision_takes_flash_attention():
    assert encoder("cuda", "fp16").model.attention is varlen_attention
    assert encoder("cuda", "bf16").model.attention is varlen_attention
    assert encoder("cuda", "fp32").model.attention is grouped_attention
    assert choose_placement("auto", "auto").dtype == torch.float16


@needs_ampere
@pytest.mark.usefixtures("with_and_without_kernels")
@pytest.mark.parametrize("dtype", ["fp16", "bf16"])
def test_flash_attention_per_residue(dtype):
    exact, half = encoder("cpu", "fp32").model, encoder("cuda", dtype).model
    with torch.inference_mode():
        expected = exact(Pack.of(tokens()))
        found = half(Pack.of(tokens(), "cuda")).float().cpu()
    assert torch.cosine_similarity(expected, found).min() >= HALF_COSINE


@needs_ampere
def test_flash_attention_is_grouped_attention():
    generator = torch.Generator("cuda").manual_seed(0)
    pack = Pack.of(tokens(), "cuda")
    shape = (3, len(pack.tokens_N), 4, 16)
    query, key, value = torch.randn(shape, generator=generator, device="cuda", dtype=torch.float16)
    difference = varlen_attention(query, key, value, pack) - grouped_attention(query, key, value, pack)
    assert difference.abs().max() <= FLASH_FP16


@pytest.fixture(params=["kernels", "no kernels"])
def with_and_without_kernels(request, monkeypatch):
    """Triton's kernels, and what takes over where they do not run."""
    if request.param == "no kernels":
        monkeypatch.setattr(accelerated, "_tried", lambda index: None)


@pytest.mark.usefixtures("with_and_without_kernels")
@pytest.mark.parametrize("dtype", ["fp32", "fp16", "bf16"])
def test_alibi_attention_is_the_cpu_s(dtype):
    generator = np.random.default_rng(1)
    sequences = [np.array([1, *generator.integers(0, VOCABULARY, length), 2]) for length in LENGTHS]
    exact, found = (
        dna_checkpoint().encoder(choose_placement(*where)).model for where in (("cpu", "fp32"), ("cuda", dtype))
    )
    with torch.inference_mode():
        expected, states = exact(Pack.of(sequences)), found(Pack.of(sequences, "cuda")).float().cpu()
    if dtype == "fp32":
        assert (expected - states).abs().max() <= PARITY_FP32
    assert torch.cosine_similarity(expected, states).min() >= HALF_COSINE


def test_mini_matches_several_strands_at_once(monkeypatch):
    generator = np.random.default_rng(3)
    rows = Ragged.of([generator.integers(0, 5, length).astype(np.uint8) for length in (24, 100, 150, 333, 3000)])
    expected = load_encoder("mini", "cpu").embed(rows)
    found = load_encoder("mini", "cuda")
    assert np.abs(found.embed(rows) - expected).max() <= PARITY_FP32
    monkeypatch.setattr("virnucpro.models.mini.SCORES_AT_ONCE", 1 << 20)
    assert np.abs(found.embed(rows) - expected).max() <= PARITY_FP32


def test_batches_in_turns_are_those_one_at_a_time(monkeypatch):
    generator = np.random.default_rng(4)
    rows = Ragged.of([encode_protein(random_protein(generator, 10 + n % 300).encode()) for n in range(600)])
    found = encoder("cuda", "fp32")
    in_turns = embed_tokens(found, rows, max_tokens=2000).vectors
    monkeypatch.setattr("virnucpro.embedding.batches.IN_FLIGHT", 1)
    assert np.abs(in_turns - embed_tokens(found, rows, max_tokens=2000).vectors).max() <= PARITY_FP32


def test_memory_that_really_runs_out(tmp_path):
    """Room for the weights and some hundred tokens: batches are halved, and every vector is right."""
    generator = np.random.default_rng(2)
    proteins = [(f"p{i}", random_protein(generator, int(generator.integers(20, 400)))) for i in range(400)]
    fasta = write_fasta(tmp_path / "x.faa", proteins)
    expected_ids, expected = extract_fast_esm(fasta, model=encoder("cpu", "fp32"))
    tight = encoder("cuda", "fp32")
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 32 * 2**20) / total)
    try:
        ids, found = extract_fast_esm(fasta, model=tight, toks_per_batch=200_000)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert ids == expected_ids
    assert (torch.stack(found) - torch.stack(expected)).abs().max() <= PARITY_FP32
