"""From windows to what the network takes: tokens of strands and stretches, and which row has which."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from virnucpro.models.dna_tokens import DnaTokenizer
from virnucpro.models.tokens import encode_protein
from virnucpro.records import Record
from virnucpro.sequences.frames import Frame, FrameTable
from virnucpro.sequences.stretches import find_stretches
from virnucpro.verbs.frame_features import length_numbers

__all__ = ["NONE", "Batch", "rows_of"]

NONE = -1


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows of some windows.

    Attributes
    ----------
    strands, stretches : list of numpy.ndarray, each of shape (tokens,), int64
        Tokens of DNA and of proteins; ascending by length.
    strand_of_row, stretch_of_row : numpy.ndarray, shape (rows,), int64
        Which of them each row has; a row may have no stretch, and has `NONE`.
    lengths : numpy.ndarray, shape (rows, 2), float32
        The two length numbers of each row: log2(window bp / 500), and three times the residues over the window's bp.
    window_of_row : numpy.ndarray, shape (rows,), int64
        Ascending.
    windows : int
        How many there are.
    """

    strands: list[NDArray[np.int64]]
    stretches: list[NDArray[np.int64]]
    strand_of_row: NDArray[np.int64]
    stretch_of_row: NDArray[np.int64]
    lengths: NDArray[np.float32]
    window_of_row: NDArray[np.int64]
    windows: int


def rows_of(
    sequences: list[bytes],
    tokenizer: DnaTokenizer,
    training: np.random.Generator | None = None,
) -> Batch:
    """Make the rows of some windows, by the package's own rule.

    Parameters
    ----------
    sequences : list of bytes
        One window each.
    tokenizer : DnaTokenizer
        For the strands.
    training : numpy.random.Generator, optional
        For speed in training: one row of each window, by chance, and tokens cut at their ends to a few lengths.

    Returns
    -------
    Batch
        Windows that are mostly unknown letters have no row.
    """
    longest = max(len(sequence) for sequence in sequences)
    records = [Record(number, "", sequence.decode()) for number, sequence in enumerate(sequences, 1)]
    strands, stretches = _Pieces(training is not None), _Pieces(training is not None)
    rows = []
    for frame in _frames(find_stretches(records, longest), training):
        window = frame.window_row
        strand = strands.add((window, frame.nucleotides))
        stretch = stretches.add((window, frame.protein)) if frame.protein else NONE
        rows.append((strand, stretch, window, len(sequences[window]), len(frame.protein)))
    dna, dna_places = strands.sorted_tokens(tokenizer.encode)
    proteins, protein_places = stretches.sorted_tokens(lambda residues: encode_protein(residues.encode()))
    return Batch(
        dna,
        proteins,
        dna_places[[row[0] for row in rows]],
        protein_places[[row[1] for row in rows]],
        length_numbers(np.array([row[3] for row in rows]), np.array([row[4] for row in rows])),
        np.array([row[2] for row in rows], np.int64),
        len(sequences),
    )


def _frames(table: FrameTable, training: np.random.Generator | None) -> list[Frame]:
    frames = list(table)
    if training is None:
        return frames
    _, firsts, counts = np.unique(table.window_rows, return_index=True, return_counts=True)
    return [frames[row] for row in firsts + training.integers(counts)]


class _Pieces:
    """Different strands or stretches of a batch, each once."""

    def __init__(self, crop: bool) -> None:
        self.crop = crop
        self.numbers: dict[tuple[int, str], int] = {}

    def add(self, piece: tuple[int, str]) -> int:
        """Give the number of a piece."""
        return self.numbers.setdefault(piece, len(self.numbers))

    def sorted_tokens(
        self, encode: Callable[[str], NDArray[np.int64]]
    ) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
        """Tokens by length, and where each number is found among them; the last entry is for `NONE`."""
        tokens = [encode(letters) for _, letters in self.numbers]
        if self.crop:
            tokens = [_cropped(piece) for piece in tokens]
        order = np.argsort([len(piece) for piece in tokens], kind="stable")
        places = np.full(len(tokens) + 1, NONE, np.int64)
        places[order] = np.arange(len(tokens))
        return [tokens[place] for place in order], places


def _cropped(tokens: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cut to a multiple of a sixteenth to an eighth of the length, and keep the end token."""
    step = max(1 << (len(tokens).bit_length() - 4), 1)
    length = len(tokens) // step * step
    return tokens if length == len(tokens) else np.concatenate((tokens[: length - 1], tokens[-1:]))
