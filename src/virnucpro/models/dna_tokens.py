"""DNABERT-S's tokens: byte pairs of DNA, by the published `tokenizer.json`.

Two settings of the published file would distort the tokens and are switched off: padding and truncation to 2,000
tokens. The padding token 0 of `config.json` is not used either, because that token is [UNK].
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


MAX_BYTES = 16 << 20
"""The published file has 168 kB, this allows for more."""


class DnaTokenizer:
    """A tokenizer in the published format."""

    def __init__(self, content: str, where: str) -> None:
        self._content = content
        try:
            self._tokenizer = Tokenizer.from_str(content)
            self._tokenizer.no_padding()
            self._tokenizer.no_truncation()
            found = tuple(self._tokenizer.id_to_token(number) for number in range(len(SPECIAL_TOKENS)))
            empty = self._tokenizer.encode("")
            ids = set(self._tokenizer.get_vocab().values())
        except BaseException as error:
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":  # from Rust
                raise
            raise WeightsError(f"{where} is not a tokenizer: {error!s:.200}; is it complete?") from error
        if found != SPECIAL_TOKENS or empty.tokens != ["[CLS]", "[SEP]"] or empty.ids != [1, 2]:
            raise WeightsError(
                f"{where} is not DNABERT-S's: its first tokens are {found!r:.200}, not {SPECIAL_TOKENS}, "
                f"or an empty sequence is {empty.tokens!r:.200}, not ['[CLS]', '[SEP]']"
            )
        if ids != set(range(self.size)):
            raise WeightsError(f"{where} has {len(ids)} tokens, and their ids are not 0 to {len(ids) - 1}")

    @classmethod
    def read(cls, path: Path) -> DnaTokenizer:
        """Read a file."""
        try:
            if path.stat().st_size > MAX_BYTES:
                raise WeightsError(f"{path} has more than {MAX_BYTES} bytes, and is no tokenizer of DNA")
            content = path.read_text("utf-8")
        except FileNotFoundError as error:
            raise WeightsError(f"{path.parent} has no {path.name}; copy it beside the weights") from error
        except (OSError, ValueError) as error:
            raise WeightsError(f"{path} cannot be read: {error}") from error
        return cls(content, str(path))

    @property
    def size(self) -> int:
        """Number of tokens."""
        return self._tokenizer.get_vocab_size()

    @cached_property
    def sha256(self) -> str:
        """Digest of the file's text."""
        return hashlib.sha256(self._content.encode()).hexdigest()

    def vocabulary(self) -> dict[str, int]:
        """All tokens and their IDs."""
        return self._tokenizer.get_vocab()

    def encode(self, letters: str) -> NDArray[np.int64]:
        """Tokenise one sequence."""
        (encoded,) = self._tokenizer.encode_batch_fast([letters.upper()])  # does not record the letters of a token
        tokens = np.array(encoded.ids, dtype=np.int64)
        if tokens.max(initial=0) >= self.size:
            raise WeightsError(f"the tokenizer gives token {tokens.max()}, and knows {self.size}; it is damaged")
        return tokens
