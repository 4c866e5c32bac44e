"""ESM-2's 33 tokens: one per character, through a table of 256 entries.

transformers' EsmTokenizer turns a run of unknown characters into one ``<unk>`` and reads ``<mask>`` out of plain text;
a table does neither, so residues and tokens always match one to one.

References
----------
.. [1] facebookresearch/esm, ``esm/data.py``, ``Alphabet.from_architecture("ESM-1b")``: the order of the tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from virnucpro.sequences.ragged import Ragged

__all__ = ["CLS", "EOS", "MASK", "PAD", "UNK", "VOCABULARY", "encode_protein", "encode_proteins"]

VOCABULARY: Final = (
    "<cls>", "<pad>", "<eos>", "<unk>",
    *"LAGVSERTIDPKQNFYMHWCXBUZO.-",
    "<null_1>", "<mask>",
)  # fmt: skip
CLS, PAD, EOS, UNK = range(4)
MASK = VOCABULARY.index("<mask>")

_BEGIN, _END = b"\0", b"\1"
"""Bytes that no protein contains; they stand for <cls> and <eos>."""

_TOKEN_OF_BYTE = np.full(256, UNK, dtype=np.uint8)
for _id, _token in enumerate(VOCABULARY):
    if len(_token) == 1:
        _TOKEN_OF_BYTE[ord(_token)] = _id
_TOKEN_OF_BYTE[ord(_BEGIN)], _TOKEN_OF_BYTE[ord(_END)] = CLS, EOS


def encode_proteins(proteins: Sequence[bytes]) -> Ragged:
    """Tokenise clean proteins as uint8; an empty protein gives an empty row.

    Examples
    --------
    >>> rows = encode_proteins([b"LAGVS", b"", b"MK"])
    >>> rows.values.tolist(), rows.lengths.tolist()
    ([0, 4, 5, 6, 7, 8, 2, 0, 20, 15, 2], [7, 0, 4])
    """
    text = b"".join(_BEGIN + residues + _END if residues else b"" for residues in proteins)
    lengths = np.array([len(residues) + 2 if residues else 0 for residues in proteins], np.int64)
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths)))
    return Ragged(_TOKEN_OF_BYTE[np.frombuffer(text, np.uint8)], offsets)


def encode_protein(residues: bytes) -> NDArray[np.int64]:
    """Tokenise one protein.

    Examples
    --------
    >>> encode_protein(b"LAGVS").tolist()
    [0, 4, 5, 6, 7, 8, 2]
    """
    return np.concatenate(([CLS], _TOKEN_OF_BYTE[np.frombuffer(residues, np.uint8)], [EOS])).astype(np.int64)
