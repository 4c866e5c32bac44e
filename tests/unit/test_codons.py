"""Chunks of windows: bounded, whatever a record's length, and the same windows whatever the chunk."""

import numpy as np
import pytest

from virnucpro.records import Record
from virnucpro.sequences.codons import number_windows, numbered_chunks
from virnucpro.sequences.frame_rules import FINDER_OF_RULE


@pytest.fixture(scope="module")
def records():
    generator = np.random.default_rng(8)
    lengths = [50, 20_000, 0, 3000, 70, 70]
    return [Record(n, f"r{n}", "".join(generator.choice(list("ACGTN"), bp))) for n, bp in enumerate(lengths, 1)]


def test_a_long_record_is_numbered_in_pieces(records):
    chunks = list(numbered_chunks(iter(records), 300, 1, 1000))
    assert max(len(chunk.codons.nucleotides) for chunk in chunks) < 1000 + 300
    assert sum(len(chunk.plan) for chunk in chunks) == len(number_windows(records, 300).plan)


@pytest.mark.parametrize("rule", FINDER_OF_RULE)
def test_rows_do_not_depend_on_the_pieces(records, rule):
    def frames(found):
        return [(f.record_number, f.id, f.nucleotides, f.protein) for f in FINDER_OF_RULE[rule](found)]

    whole = frames(number_windows(records, 300))
    for chunk_bases in (1, 777, 10**6):
        assert [row for found in numbered_chunks(records, 300, 1, chunk_bases) for row in frames(found)] == whole
