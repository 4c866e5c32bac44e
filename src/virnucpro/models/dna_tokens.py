"""DNABERT-S's tokens: byte-pair pieces of DNA, by the published `tokenizer.json`.

Two things in the published file would spoil the tokens and are switched off here: it pads everything to 2,000 tokens,
and cuts what is longer. A third stands in `config.json` and is not used: its padding token 0 is [UNK].
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from virnucpro.errors import WeightsError

__all__ = ["SPECIAL_TOKENS", "TOKENIZER_FILE", "DnaTokenizer"]

TOKENIZER_FILE: Final = "tokenizer.json"
SPECIAL_TOKENS: Final = ("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]")
"""Tokens 0 to 4."""


class DnaTokenizer:
    """A tokenizer in the published format."""

    def __init__(self, content: str, where: str) -> None:
        self._content = content
        try:
            self._tokenizer = Tokenizer.from_str(content)
        except Exception as error:
            raise WeightsError(f"{where} is not a tokenizer: {error}; is it complete?") from error
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        found = tuple(self._tokenizer.id_to_token(number) for number in range(len(SPECIAL_TOKENS)))
        empty = self._tokenizer.encode("").tokens
        if found != SPECIAL_TOKENS or empty != ["[CLS]", "[SEP]"]:
            raise WeightsError(
                f"{where} is not DNABERT-S's: its first tokens are {found}, not {SPECIAL_TOKENS}, "
                f"or an empty sequence is {empty}, not ['[CLS]', '[SEP]']"
            )

    @classmethod
    def read(cls, path: Path) -> DnaTokenizer:
        """Read a file."""
        try:
            content = path.read_text("utf-8")
        except FileNotFoundError as error:
            raise WeightsError(f"{path.parent} has no {path.name}; copy it beside the weights") from error
        except (OSError, ValueError) as error:
            raise WeightsError(f"{path} cannot be read: {error}") from error
        return cls(content, str(path))

    @property
    def size(self) -> int:
        """Tokens there are."""
        return self._tokenizer.get_vocab_size()

    @cached_property
    def sha256(self) -> str:
        """Digest of the file's text."""
        return hashlib.sha256(self._content.encode()).hexdigest()

    def vocabulary(self) -> dict[str, int]:
        """Every token and its id."""
        return self._tokenizer.get_vocab()

    def encode(self, letters: str) -> NDArray[np.int64]:
        """Tokenise one sequence."""
        (encoded,) = self._tokenizer.encode_batch_fast([letters.upper()])  # does not keep which letters a token is of
        return np.array(encoded.ids, dtype=np.int64)
