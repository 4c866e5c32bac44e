"""Byte pairs of DNA, learned on the training side and written as DNABERT-S's `tokenizer.json`."""

from __future__ import annotations

import json

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from virnucpro.models.dna_tokens import SPECIAL_TOKENS, DnaTokenizer

__all__ = ["LONGEST_TOKEN", "learn_tokenizer", "tokenizer_json"]

LONGEST_TOKEN = 8
"""Letters; longer ones would be repeats that one genome has."""


def learn_tokenizer(sequences: list[bytes], tokens: int) -> str:
    """Learn byte pairs.

    Parameters
    ----------
    sequences : list of bytes
        Windows of the training side.
    tokens : int
        Tokens there will be, special ones included.

    Returns
    -------
    str
        Text of a `tokenizer.json`.
    """
    tokenizer = Tokenizer(models.BPE(unk_token=SPECIAL_TOKENS[0]))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(
        vocab_size=tokens,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=list("ACGT"),
        limit_alphabet=4,
        max_token_length=LONGEST_TOKEN,
        show_progress=False,
    )
    tokenizer.train_from_iterator((sequence.replace(b"N", b" ").decode() for sequence in sequences), trainer)
    learned = json.loads(tokenizer.to_str())["model"]
    text = tokenizer_json(learned["vocab"], learned["merges"])
    DnaTokenizer(text, "mini")  # refuses what the package could not read
    return text


def tokenizer_json(vocabulary: dict[str, int], merges: list[list[str]]) -> str:
    """Write a vocabulary and its merges in the published layout.

    Parameters
    ----------
    vocabulary : dict of str to int
        Tokens and their ids.
    merges : list of list of str
        Pairs, in order.

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
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": template,
            "pair": template,
            "special_tokens": special,
        },
        "model": {
            "type": "BPE",
            "unk_token": SPECIAL_TOKENS[0],
            "vocab": dict(sorted(vocabulary.items(), key=lambda item: item[1])),
            "merges": merges,
        },
    }
    return json.dumps(content)
