"""Distant relatives of a window: codons are replaced as evolution does, in the frame with the longest ORF.

A network that sees every gene only as it stands in the data learns it by heart. One that also sees how the gene could
look in a relative has to learn what stays.
"""

from __future__ import annotations

import numpy as np
from Bio.Align import substitution_matrices
from Bio.Data.CodonTable import unambiguous_dna_by_name
from numpy.typing import NDArray

__all__ = ["evolve"]

EVOLVED_SHARE = 0.5
"""Share of windows that are replaced by a relative."""
MAX_AMINO, MAX_SILENT = 0.3, 0.5
"""At most so many codons of a window code for another amino acid, or are written differently."""
SHARPNESS = 0.65
"""Amino acids follow 2 to the power of this times their BLOSUM62 score: 0.5 is the matrix as it was made."""
BASE_COST = 0.5
"""Factor for each base in which two codons differ."""


def _amino_acids() -> str:
    codons = [first + second + third for first in "ACGT" for second in "ACGT" for third in "ACGT"]
    table = unambiguous_dna_by_name["Standard"].forward_table
    return "".join(table.get(codon, "*") for codon in codons)


def _replacements() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cumulative chances that codons are replaced by others: of other amino acids, and of the same. Stops stay."""
    letters = _amino_acids()
    matrix = substitution_matrices.load("BLOSUM62")
    amino, silent = np.eye(64), np.eye(64)
    for codon in (codon for codon in range(64) if letters[codon] != "*"):
        for other in (other for other in range(64) if letters[other] != "*"):
            bases = sum((codon >> shift & 3) != (other >> shift & 3) for shift in (0, 2, 4))
            same = letters[codon] == letters[other]
            score = matrix[letters[codon]][letters[other]]
            amino[codon, other] = 0.0 if same else 2 ** (SHARPNESS * score) * BASE_COST**bases
            silent[codon, other] = float(same and bases > 0)
        silent[codon, codon] = float(not silent[codon].any())
    amino, silent = (table / table.sum(1, keepdims=True) for table in (amino, silent))
    return amino.cumsum(1).astype(np.float32), silent.cumsum(1).astype(np.float32)


AMINO, SILENT = _replacements()
ENDS = np.array([*(letter == "*" for letter in _amino_acids()), True])
"""Codons that end a reading frame; 64 stands for an unknown one."""


def evolve(rng: np.random.Generator, codes: NDArray[np.uint8], lengths: NDArray[np.int64]) -> None:
    """Replace some windows, shape (windows, bases), by relatives."""
    rows = np.flatnonzero(rng.random(len(codes)) < EVOLVED_SHARE)
    strands = (codes[rows], _mirrored(codes[rows], lengths[rows]))
    frames = [(strand, frame) for strand in (0, 1) for frame in range(3)]
    longest = [_longest_open(_codons(strands[strand], lengths[rows], frame)) for strand, frame in frames]
    best = np.argmax(longest, axis=0)
    rates = rng.random((2, len(rows))) * np.array([[MAX_AMINO], [MAX_SILENT]])
    for number, (strand, frame) in enumerate(frames):
        mine = np.flatnonzero(best == number)
        windows, own_lengths = strands[strand][mine], lengths[rows[mine]]
        _replace(rng, windows, own_lengths, frame, rates[:, mine])
        codes[rows[mine]] = _mirrored(windows, own_lengths) if strand else windows


def _replace(
    rng: np.random.Generator,
    windows: NDArray[np.uint8],
    lengths: NDArray[np.int64],
    frame: int,
    rates: NDArray[np.float64],
) -> None:
    codons = _codons(windows, lengths, frame)
    drawn = rng.random(codons.shape)
    known = codons < 64
    other = known & (drawn < rates[0][:, None])
    silent = known & ~other & (drawn > 1 - rates[1][:, None])
    for chosen, table in ((other, AMINO), (silent, SILENT)):
        row, place = np.nonzero(chosen)
        new = (table[codons[row, place]] < rng.random((len(row), 1), dtype=np.float32)).sum(1).clip(max=63)
        for base, shift in enumerate((4, 2, 0)):
            windows[row, frame + 3 * place + base] = new >> shift & 3


def _codons(codes: NDArray[np.uint8], lengths: NDArray[np.int64], frame: int) -> NDArray[np.int64]:
    """Codons of one frame; 64 where a base is unknown and behind the end."""
    count = (codes.shape[1] - frame) // 3
    bases = codes[:, frame : frame + 3 * count].reshape(len(codes), count, 3).astype(np.int64)
    known = (bases < 4).all(2) & (frame + 3 * np.arange(count) + 3 <= lengths[:, None])
    return np.where(known, bases @ (16, 4, 1), 64)


def _longest_open(codons: NDArray[np.int64]) -> NDArray[np.int64]:
    """Codons of the longest run without an end."""
    place = np.arange(codons.shape[1])
    last_end = np.maximum.accumulate(np.where(ENDS[codons], place, -1), axis=1)
    return np.asarray((place - last_end).max(axis=1, initial=0))


def _mirrored(codes: NDArray[np.uint8], lengths: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Reverse complements; unknown bases behind their ends."""
    place = lengths[:, None] - 1 - np.arange(codes.shape[1])
    mirrored = np.take_along_axis(codes, place.clip(min=0), 1)
    return np.where((place >= 0) & (mirrored < 4), 3 - mirrored, 4).astype(np.uint8)
