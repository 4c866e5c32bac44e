"""Mates of pairs: two files read in step, and their windows joined."""

import gzip

import numpy as np
import pytest

from scored_rows import scored_windows
from virnucpro.errors import InputError
from virnucpro.records import Record
from virnucpro.scoring.windows import ScoredWindows
from virnucpro.sequences.nucleotide_file import NucleotideFile
from virnucpro.sequences.pairs import pair_of_files
from virnucpro.verbs.joined_pairs import joined_pairs


def fastq(path, *names):
    content = "".join(f"@{name}\nACGT{'A' * number}\n+\nIIII{'#' * number}\n" for number, name in enumerate(names))
    path.write_bytes(gzip.compress(content.encode()) if path.suffix == ".gz" else content.encode())
    return NucleotideFile(path)


def mates_of(tmp_path, first, second):
    return pair_of_files(fastq(tmp_path / "x_1.fq", *first), fastq(tmp_path / "x_2.fq.gz", *second))


def test_mates_come_in_turn_with_their_qualities(tmp_path):
    first, second = mates_of(tmp_path, ["a/1 one", "b", "c 1:N:0"], ["a/2", "b", "c 2:N:0"])
    records = list(first)
    assert [(record.number, record.header) for record in records] == [
        (1, "a/1 one"), (2, "a/2"), (3, "b"), (4, "b"), (5, "c 1:N:0"), (6, "c 2:N:0"),
    ]  # fmt: skip
    assert [record.qualities for record in records[4:]] == ["IIII##"] * 2
    assert list(second) == []


def test_both_files_are_digested_in_one_pass(tmp_path):
    first, second = mates_of(tmp_path, "ab", "ab")
    list(first)
    for mates in (first, second):
        assert mates.identity.sha256 == NucleotideFile(mates.path).digest().sha256
        assert mates.identity.size == mates.path.stat().st_size
    assert list(first) == list(first)


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (["a", "b"], ["a", "c"], r"x_1\.fq and .*x_2\.fq\.gz: record 2 is 'b' in the first file and 'c' in the second"),
        (["a", "b"], ["b", "a"], "record 1 is 'a' in the first"),
        (["read1", "read2"], ["read2", "read3"], "record 1 is 'read1' in the first"),
        (["a", "b"], ["a"], r"x_2\.fq\.gz ends after record 1, but .*x_1\.fq goes on with 'b'"),
        (["a"], ["a", "b"], r"x_1\.fq ends after record 1, but .*x_2\.fq\.gz goes on with 'b'"),
        ([], ["a"], r"x_1\.fq ends after record 0"),
        (["a/1"], ["a/1"], "record 1 is 'a/1' in both, so both files hold the same mates"),
    ],
)
def test_broken_pairs_are_errors_that_name_file_and_record(tmp_path, first, second, told):
    with pytest.raises(InputError, match=told):
        list(mates_of(tmp_path, first, second)[0])


def test_a_mate_without_letters_is_a_mate(tmp_path):
    for name in ("x_1.fa", "x_2.fa"):
        (tmp_path / name).write_text(">a\n\n>b\nACGT\n")
    files = (NucleotideFile(tmp_path / name) for name in ("x_1.fa", "x_2.fa"))
    assert [record.sequence for record in pair_of_files(*files)[0]] == ["", "", "ACGT", "ACGT"]


def blocks_of(sizes):
    """Mates of 10, 20, 30, ... bases with one window each, but none where there is no letter, in blocks of sizes."""
    records = [Record(n, f"r{(n + 1) // 2}", "A" * (10 * n if n != 3 else 0)) for n in range(1, 9)]
    at = 0
    for size in sizes:
        own = records[at : at + size]
        rows = [(row, 0, len(one.sequence), (0.1 * one.number,)) for row, one in enumerate(own) if one.sequence]
        yield own, scored_windows(*rows) if rows else scored_windows((0, 0, 1, ())).records(0, 0)
        at += size


@pytest.mark.parametrize("sizes", [(8,), (1,) * 8, (3, 0, 4, 1), (2, 6), (5, 3)])
def test_windows_of_mates_become_those_of_a_pair_whatever_the_blocks(sizes):
    firsts, seconds, found = [], [], None
    for first, second, scored in joined_pairs(blocks_of(sizes)):
        moved = scored.moved(len(firsts))
        found = moved if found is None else ScoredWindows.join(found, moved)
        firsts += first
        seconds += second
    assert [record.number for record in firsts] == [1, 3, 5, 7]
    assert [record.number for record in seconds] == [2, 4, 6, 8]
    windows = found.windows
    assert windows.record_rows.tolist() == [0, 0, 1, 2, 2, 3, 3]
    assert windows.starts.tolist() == [0, 10, 0, 0, 50, 0, 70]
    assert windows.ends.tolist() == [10, 30, 40, 50, 110, 70, 150]
    assert windows.numbers.tolist() == [1, 2, 1, 1, 2, 1, 2]
    assert np.allclose(found.scores[:, 1], [0.1, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8])
