"""ESM-2's 33 tokens: one per character, through a table of 256 entries.

transformers' EsmTokenizer turns a run of unknown characters into one ``<unk>`` and reads ``<mask>`` out of plain text;
a table does neither, so residues and tokens always match one to one.

References
----------
.. [1] facebookresearch/esm, ``esm/data.py``, ``Alphabet.from_architecture("ESM-1b")``: the order of the tokens.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["CLS", "EOS", "MASK", "PAD", "UNK", "VOCABULARY", "encode_protein"]

VOCABULARY: Final = (
    "<cls>", "<pad>", "<eos>", "<unk>",
    *"LAGVSERTIDPKQNFYMHWCXBUZO.-",
    "<null_1>", "<mask>",
)  # fmt: skip
CLS, PAD, EOS, UNK = range(4)
MASK = VOCABULARY.index("<mask>")

_TOKEN_OF_BYTE = np.full(256, UNK, dtype=np.int64)
for _id, _token in enumerate(VOCABULARY):
    if len(_token) == 1:
        _TOKEN_OF_BYTE[ord(_token)] = _id


def encode_protein(residues: bytes) -> NDArray[np.int64]:
    """Tokenise one protein.

    Examples
    --------
    >>> encode_protein(b"LAGVS").tolist()
    [0, 4, 5, 6, 7, 8, 2]
    """
    tokens = np.empty(len(residues) + 2, dtype=np.int64)
    tokens[0], tokens[-1] = CLS, EOS
    tokens[1:-1] = _TOKEN_OF_BYTE[np.frombuffer(residues, dtype=np.uint8)]
    return tokens
