"""Memory that runs out and numbers that overflow: every sequence still gets its own right vector, or its reason."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from conftest import random_protein, write_fasta
from embedded_records import Limits, embed_records
from random_models import protein_checkpoint
from tolerances import INVARIANCE_FP32
from virnucpro import InputError, extract_fast_esm
from virnucpro.batching import plan_batches
from virnucpro.embedding.batches import run_batches
from virnucpro.models.esm2_checkpoints import ProteinEncoder
from virnucpro.models.placement import Placement, choose_placement
from virnucpro.records import Record


class Limited(ProteinEncoder):
    """An encoder on a device with room for so many tokens at once."""

    def embed(self, tokens, exact=False):
        self.__dict__.setdefault("sizes", []).append(len(tokens))
        if len(tokens.values) > self.room:
            raise self.error
        return super().embed(tokens, exact)


def limited(encoder, room, error=None):
    other = Limited(encoder.model, encoder.identity, encoder.placement)
    object.__setattr__(other, "room", room)
    object.__setattr__(other, "error", error or torch.OutOfMemoryError("CUDA out of memory"))
    return other


def as_records(proteins):
    return [Record(number, id_, sequence) for number, (id_, sequence) in enumerate(proteins, start=1)]


def vectors_of(embedded):
    return dict(zip(embedded.table.ids, embedded.table.vectors, strict=True))


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
        torch.AcceleratorError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_batches_are_halved_until_they_fit(protein_encoder, proteins, error):
    encoder = limited(protein_encoder, 310, error)
    found = embed_records(encoder, as_records(proteins), Limits(max_tokens=4096))
    expected = embed_records(protein_encoder, as_records(proteins), Limits(max_tokens=310))
    assert found.table.ids == tuple(id_ for id_, _ in proteins)
    assert np.abs(found.table.vectors - expected.table.vectors).max() <= INVARIANCE_FP32
    assert max(encoder.sizes) > 1  # some batches fitted after halving
    assert found.counts == expected.counts


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_a_thread_for_each_batch_changes_no_row(protein_encoder, proteins, two_threads):
    names = set()

    class Watched(ProteinEncoder):
        def embed(self, tokens, exact=False):
            names.add(threading.current_thread().name)
            assert torch.get_num_threads() == 1
            if len(tokens) > 1 and len(tokens.values) > 200:
                raise torch.OutOfMemoryError("no room")
            return super().embed(tokens, exact)

    records, told = as_records(proteins), []
    watched = Watched(protein_encoder.model, protein_encoder.identity, protein_encoder.placement)
    found = embed_records(watched, records, Limits(max_tokens=302), told.append)
    expected = embed_records(protein_encoder, records, Limits(max_tokens=10_000))
    assert names == {"batch_0", "batch_1"}
    assert found.table.ids == expected.table.ids
    assert np.abs(found.table.vectors - expected.table.vectors).max() <= INVARIANCE_FP32
    assert sum(told) == expected.counts.residues


def test_threads_of_batches_leave_those_of_others_as_they_are(protein_encoder, proteins, two_threads):
    tokens = protein_encoder.tokenise([sequence for _, sequence in proteins], 300).ragged
    plan = plan_batches(tokens.lengths, 302)
    with ThreadPoolExecutor(1) as early, ThreadPoolExecutor(1) as later:
        batches = run_batches(protein_encoder, tokens, plan, 302)
        next(batches)
        assert early.submit(torch.get_num_threads).result() == torch.get_num_threads() == 2
        batches.close()
        assert later.submit(torch.get_num_threads).result() == torch.get_num_threads() == 2


def test_what_does_not_fit_beside_others_is_tried_by_itself(protein_encoder, proteins, two_threads):
    class Crowded(ProteinEncoder):
        def embed(self, tokens, exact=False):
            if threading.current_thread().name.startswith("batch") and tokens.lengths.max() in (
                lengths[3],
                lengths[9],
            ):
                raise torch.OutOfMemoryError("no room beside others")
            return super().embed(tokens, exact)

    lengths = [len(sequence) + 2 for _, sequence in proteins]
    records = as_records(proteins)
    crowded = Crowded(protein_encoder.model, protein_encoder.identity, protein_encoder.placement)
    told = []
    found = embed_records(crowded, records, Limits(max_tokens=302), told.append)
    expected = embed_records(protein_encoder, records, Limits(max_tokens=302))
    assert found.failures == ()
    assert sum(told) == expected.counts.residues
    assert np.abs(found.table.vectors - expected.table.vectors).max() <= INVARIANCE_FP32


def test_batches_of_a_gpu_take_turns(protein_encoder, proteins):
    class Placed(ProteinEncoder):
        def embed(self, tokens, exact=False):
            names.add(threading.current_thread().name)
            return super().embed(tokens, exact)

    names: set[str] = set()
    placed = Placed(protein_encoder.model, protein_encoder.identity, Placement(torch.device("cuda"), torch.float32))
    before = torch.get_num_threads()
    alone = vectors_of(embed_records(protein_encoder, as_records(proteins), Limits(max_tokens=600)))
    in_turns = vectors_of(embed_records(placed, as_records(proteins), Limits(max_tokens=600)))
    assert names == {"batch_0", "batch_1"}
    assert torch.get_num_threads() == before
    assert list(in_turns) == list(alone)
    assert max(np.abs(in_turns[id_] - vector).max() for id_, vector in alone.items()) <= INVARIANCE_FP32


def test_what_is_over_the_budget_has_all_threads(protein_encoder, proteins, two_threads):
    threads = {}

    class Watched(ProteinEncoder):
        def embed(self, tokens, exact=False):
            threads[int(tokens.lengths.max())] = torch.get_num_threads()
            return super().embed(tokens, exact)

    watched = Watched(protein_encoder.model, protein_encoder.identity, protein_encoder.placement)
    embed_records(watched, as_records(proteins), Limits(max_tokens=200))
    assert {length > 200 for length in threads} == {True, False}
    assert all(number == (2 if length > 200 else 1) for length, number in threads.items())


def test_a_sequence_that_never_fits_costs_nobody_else_a_row(protein_encoder, proteins, tmp_path):
    generator = np.random.default_rng(5)
    records = [*proteins[:10], ("giant", random_protein(generator, 900)), *proteins[10:]]
    encoder = limited(protein_encoder, 400)
    ids, data = extract_fast_esm(write_fasta(tmp_path / "x.faa", records), tmp_path / "x_ESM.pt", model=encoder)
    alone = vectors_of(embed_records(protein_encoder, as_records(proteins), Limits()))
    assert ids == [id_ for id_, _ in proteins]
    assert (
        max(np.abs(vector.numpy() - alone[id_]).max() for id_, vector in zip(ids, data, strict=True)) <= INVARIANCE_FP32
    )
    line = (tmp_path / "extraction_failures.log").read_text()
    assert line.count("\n") == 1
    assert [field.strip() for field in line.split(" | ")][1:4] == [str(tmp_path / "x.faa"), "giant", "OutOfMemory"]


def test_when_nothing_fits_there_is_an_error_and_no_file(protein_encoder, fasta, tmp_path):
    with pytest.raises(InputError, match="none of its 30 sequences"):
        extract_fast_esm(fasta, tmp_path / "x_ESM.pt", model=limited(protein_encoder, 3))
    assert not (tmp_path / "x_ESM.pt").exists()
    assert (tmp_path / "extraction_failures.log").read_text().count("OutOfMemory") == 30


def test_a_bug_is_not_taken_for_lack_of_memory(protein_encoder, fasta):
    with pytest.raises(RuntimeError, match="shape"):
        extract_fast_esm(fasta, model=limited(protein_encoder, 3, RuntimeError("shape mismatch")))


class Overflowing(ProteinEncoder):
    """In half precision, sequences of one length overflow; in float32 too, when they are `hopeless`."""

    def embed(self, tokens, exact=False):
        self.__dict__.setdefault("exact", []).append(exact)
        vectors = super().embed(tokens, exact).copy()
        for row, sequence in zip(vectors, tokens, strict=True):
            if len(sequence) == self.bad + 2 and not (exact and not self.hopeless):
                row[5] = np.inf if exact else np.nan
        return vectors


def overflowing(encoder, bad, hopeless, placement=None):
    other = Overflowing(encoder.model, encoder.identity, placement or Placement(torch.device("cpu"), torch.float16))
    object.__setattr__(other, "bad", bad)
    object.__setattr__(other, "hopeless", hopeless)
    return other


def test_numbers_that_are_not_finite_are_computed_again_for_that_sequence_alone(protein_encoder, proteins):
    records = as_records(proteins)
    bad = len(proteins[4][1])
    expected = vectors_of(embed_records(protein_encoder, records, Limits()))
    found = vectors_of(embed_records(overflowing(protein_encoder, bad, hopeless=False), records, Limits()))
    assert list(found) == list(expected)
    for id_, sequence in proteins:
        if len(sequence) == bad:
            assert np.abs(found[id_] - expected[id_]).max() <= INVARIANCE_FP32
        else:
            assert (found[id_] == expected[id_]).all()  # neighbours keep the very numbers they had


def test_what_stays_not_finite_fails_with_its_id(protein_encoder, proteins):
    bad = len(proteins[4][1])
    found = embed_records(overflowing(protein_encoder, bad, hopeless=True), as_records(proteins), Limits())
    failed = [id_ for id_, sequence in proteins if len(sequence) == bad]
    assert [failure.id for failure in found.failures] == failed
    assert {failure.error_type for failure in found.failures} == {"NotFinite"}
    assert found.counts.read == found.counts.written + found.counts.failed == len(proteins)


def test_float32_is_not_computed_twice(protein_encoder, proteins):
    """The second pass would be the first one again."""
    encoder = overflowing(protein_encoder, len(proteins[4][1]), hopeless=True, placement=protein_encoder.placement)
    found = embed_records(encoder, as_records(proteins), Limits())
    assert {failure.error_type for failure in found.failures} == {"NotFinite"}
    assert not any(encoder.exact)


def test_real_overflow_of_half_precision_is_rescued():
    """Weights at which float16 really overflows: the last feed-forward layer adds 1e5."""
    checkpoint = protein_checkpoint()
    checkpoint.source._tensors["layers.3.contract.bias"] = torch.full((128,), 60000.0)
    checkpoint.source._tensors["layers.2.contract.bias"] = torch.full((128,), 60000.0)
    half = checkpoint.encoder(choose_placement("cpu", "fp16"))
    tokens = half.tokenise(["MKVLAA"], 1024).ragged
    assert not np.isfinite(half.embed(tokens)).all()
    embedded = embed_records(half, as_records([("p", "MKVLAA")]), Limits())
    assert embedded.counts.written == 1
    assert np.isfinite(embedded.table.vectors).all()


@pytest.mark.parametrize("sequence", ["M", "MKVLAA", "MKVLAAMKVLAAMKVLAA"])
def test_queries_that_overflow_are_rescued(sequence):
    """Their values do not, so that nothing but the scores tells."""
    checkpoint = protein_checkpoint()
    bias = checkpoint.source._tensors["layers.2.query_key_value.bias"]
    bias[: len(bias) // 3] = 60000.0  # turned by its position, one number of each pair is beyond 65,504
    half, exact = (checkpoint.encoder(choose_placement("cpu", dtype)) for dtype in ("fp16", "fp32"))
    found, expected = (embed_records(encoder, as_records([("p", sequence)]), Limits()) for encoder in (half, exact))
    assert np.abs(found.table.vectors - expected.table.vectors).max() <= 1e-2


def test_records_without_residues_or_id(protein_encoder):
    records = [Record(1, "a", "MK"), Record(2, "b", "*"), Record(3, "  ", "MK"), Record(4, "c", "")]
    found = embed_records(protein_encoder, records, Limits())
    assert found.table.ids == ("a",)
    assert [(f.number, f.id, f.error_type) for f in found.failures] == [
        (2, "b", "EmptySequence"),
        (3, "record 3", "NoId"),
        (4, "c", "EmptySequence"),
    ]
    assert (found.counts.read, found.counts.written, found.counts.failed) == (4, 1, 3)


def test_truncation_uses_the_first_residues_and_counts(protein_encoder, proteins):
    long = random_protein(np.random.default_rng(1), 150)
    found = embed_records(protein_encoder, as_records([("long", long), ("cut", long[:100])]), Limits(max_residues=100))
    assert np.abs(found.table.vectors[0] - found.table.vectors[1]).max() <= INVARIANCE_FP32
    assert found.counts.truncated == 1
    assert found.counts.residues == 200


def test_replaced_characters_are_counted_per_record(protein_encoder):
    found = embed_records(protein_encoder, as_records([("a", "MKV"), ("b", "M*JKV*"), ("a", "MJ")]), Limits())
    assert found.replaced == ((2, "b", 2), (3, "a", 1))


def test_replaced_characters_that_are_cut_off_are_not_counted(protein_encoder, dna_encoder):
    found = embed_records(protein_encoder, as_records([("a", "MJ K*VJJ*V"), ("b", "MKVLAJ")]), Limits(max_residues=5))
    assert found.replaced == ((1, "a", 2),)
    found = embed_records(dna_encoder, as_records([("a", "AC-GNNNN"), ("b", "ACGTANN")]), Limits(max_residues=5))
    assert found.replaced == ((1, "a", 2),)


def test_equal_sequences_are_embedded_once_and_all_have_rows(protein_encoder):
    encoder, told = limited(protein_encoder, 10_000), []
    records = as_records([("a", "MKVLAA"), ("b", "MKV"), ("c", "MKVLAA"), ("a", "mkvlaa*"), ("d", "")])
    found = embed_records(encoder, records, Limits(), told.append)
    assert sum(encoder.sizes) == 2
    assert found.table.ids == ("a", "b", "c", "a")
    first, second, third, fourth = found.table.vectors
    assert np.array_equal(first, third)
    assert np.array_equal(first, fourth)
    assert not np.array_equal(first, second)
    assert (found.counts.read, found.counts.written, found.counts.failed) == (5, 4, 1)
    assert sum(told) == found.counts.residues == 6 + 3 + 6 + 6
