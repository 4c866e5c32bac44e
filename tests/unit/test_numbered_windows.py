"""Windows by chunks: bounded, whatever a record's length, and the same windows whatever the chunk."""

import numpy as np
import pytest

from virnucpro.records import Record
from virnucpro.sequences.frame_rules import FINDER_OF_RULE
from virnucpro.sequences.numbered_windows import number_by_chunks, number_windows
from virnucpro.sequences.windows import Outcome


@pytest.fixture(scope="module")
def records():
    generator = np.random.default_rng(8)
    drawn = ["".join(generator.choice(list("ACGTN"), bp)) for bp in (50, 20_000, 0, 3000, 70, 70)]
    drawn[1] = drawn[1][:9000] + "N" * 2000 + drawn[1][11_000:]
    return [Record(number, f"r{number}", sequence) for number, sequence in enumerate(drawn, 1)]


def test_a_long_record_is_numbered_in_chunks(records):
    chunks = list(number_by_chunks(iter(records), 300, 1, 1000))
    assert max(len(chunk.codons.nucleotides) for chunk in chunks) < 1000 + 300
    whole = number_windows(records, 300)
    assert np.concatenate([chunk.plan.numbers for chunk in chunks]).tolist() == whole.plan.numbers.tolist()
    assert np.concatenate([chunk.ambiguous for chunk in chunks]).tolist() == whole.ambiguous.tolist()


@pytest.mark.parametrize("rule", FINDER_OF_RULE)
def test_windows_and_rows_do_not_depend_on_the_chunks(records, rule):
    def windows_and_rows(chunks):
        tables = [FINDER_OF_RULE[rule](found) for found in chunks]
        frames = [(f.record_number, f.id, f.nucleotides, f.protein) for table in tables for f in table]
        return [window for table in tables for window in table.windows], frames

    whole = windows_and_rows([number_windows(records, 300)])
    assert {Outcome.AMBIGUOUS, Outcome.FRAMES} <= {window.outcome for window in whole[0]}
    for chunk_bases in (1, 777, 10**6):
        assert windows_and_rows(number_by_chunks(records, 300, 1, chunk_bases)) == whole
