"""Codons as byte pairs, written as DNABERT-S's `tokenizer.json`.

A window is read from the first codon of its stretch on. Cut into pieces of three letters before pairs are joined, it
gives the DNA half codons as a gene has them; which codons a genome prefers carries further than longer words do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import product
from typing import Any

from virnucpro.models.dna_tokens import SPECIAL_TOKENS

__all__ = ["codon_tokenizer", "tokenizer_json"]

LETTERS = "ACGT"
_THREES = {"type": "Split", "pattern": {"Regex": ".{1,3}"}, "behavior": "Isolated", "invert": False}


def codon_tokenizer() -> str:
    """Write the tokenizer of the DNA half: letters, pairs and codons.

    Returns
    -------
    str
        Text of a `tokenizer.json`. What is left behind the last codon is a pair or a letter. A letter that is not A,
        C, G or T has no token (of ANA, AA is left), and codons go on behind its three letters: genomes to train on
        have hardly any, and a token that was never learned would outweigh all others where a window has some.
    """
    words = ["".join(word) for length in (1, 2, 3) for word in product(LETTERS, repeat=length)]
    # Which pair of a codon is joined first depends on the order of pairs: either must lead to the codon.
    merges = [[word[:at], word[at:]] for word in words for at in range(1, len(word))]
    vocabulary = {word: number for number, word in enumerate([*SPECIAL_TOKENS, *words])}
    return tokenizer_json(vocabulary, merges, _THREES)


def tokenizer_json(
    vocabulary: dict[str, int], merges: list[list[str]], words: Mapping[str, Any], unknown: str | None = None
) -> str:
    """Write a vocabulary and its merges in the published layout.

    Parameters
    ----------
    vocabulary : dict of str to int
        Tokens and their ids.
    merges : list of list of str
        Pairs, in order.
    words : mapping
        The `pre_tokenizer`: what a sequence is cut into before pairs are joined.
    unknown : str, optional
        Token of a letter that is in no other; by default it has none.

    Returns
    -------
    str
        JSON, the same for the same content.
    """
    special = {
        token: {"id": token, "ids": [SPECIAL_TOKENS.index(token)], "tokens": [token]} for token in SPECIAL_TOKENS
    }
    template = [
        {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
        {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
    ]
    added = [
        {"id": number, "content": token, "special": True}
        | dict.fromkeys(("normalized", "single_word", "lstrip", "rstrip"), False)
        for number, token in enumerate(SPECIAL_TOKENS)
    ]
    content = {
        "version": "1.0",
        "added_tokens": added,
        "pre_tokenizer": dict(words),
        "post_processor": {
            "type": "TemplateProcessing",
            "single": template,
            "pair": template,
            "special_tokens": special,
        },
        "model": {
            "type": "BPE",
            "unk_token": unknown,
            "vocab": dict(sorted(vocabulary.items(), key=lambda item: item[1])),
            "merges": merges,
        },
    }
    return json.dumps(content)
