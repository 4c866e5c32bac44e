"""The published tokenizer's traps, on one in the same layout; golden vectors where the oracle folder is given."""

import json
import os
from pathlib import Path

import pytest

from dna_layouts import SPECIAL, VOCABULARY, published_tokenizer
from random_models import letters_tokenizer
from virnucpro import WeightsError
from virnucpro.models.dna_tokens import DnaTokenizer
from virnucpro.sequences.nucleotides import clean_dna

ORACLES = os.environ.get("VIRNUCPRO_ORACLES")
UNK, CLS, SEP = 0, 1, 2

GOLDEN = {
    "": [1, 2],
    "ACGTNACGTNACGTN": [1, 5, 6, 1049, 0, 5, 6, 1049, 0, 5, 6, 1049, 0, 2],
    "ACGT ACGT": [1, 5, 6, 1049, 5, 6, 1049, 2],
    "ACGTAGCATCGGATCTATCTATCGACACTTGGTTATCGATCTACGAGCATCTCGTTAGC":
        [1, 5, 194, 32, 757, 1239, 2092, 294, 24, 359, 88, 93, 32, 75, 77, 19, 2],
}  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    published_tokenizer().save(str(path))
    return DnaTokenizer.read(path)


def test_the_layout_has_the_traps():
    """As published: 2,000 tokens whatever the sequence, and no more."""
    trap = published_tokenizer()
    assert len(trap.encode("ACGT").ids) == len(trap.encode("N" * 3000).ids) == 2000


@pytest.mark.parametrize("length", [0, 1, 5, 500, 3000])
def test_neither_padded_nor_cut(tokenizer, length):
    assert tokenizer.encode("N" * length).tolist() == [CLS, *[UNK] * length, SEP]


def test_pieces_are_joined(tokenizer):
    sequence = "ACGTAGCATCGGATCTATCTATCGACACTTGGTTATCGATCTACG"
    tokens = tokenizer.encode(sequence)
    names = {number: token for token, number in tokenizer.vocabulary().items()}
    assert "".join(names[token] for token in tokens[1:-1]) == sequence
    assert len(tokens) - 2 < 0.6 * len(sequence)
    assert tokenizer.size == VOCABULARY


def test_lower_case_is_upper_case(tokenizer):
    assert tokenizer.encode("acgtnACGT").tolist() == tokenizer.encode("ACGTNACGT").tolist()


def test_u_and_other_codes_are_unknown_one_by_one(tokenizer):
    tokens = tokenizer.encode("URYK").tolist()
    assert tokens == [CLS, UNK, UNK, UNK, UNK, SEP]


def test_no_text_becomes_a_special_token(tokenizer):
    """Given as it stands, the library reads [MASK] out of plain text."""
    assert 4 in tokenizer.encode("ACG[MASK]T")
    tokens = tokenizer.encode(clean_dna("ACG[MASK]T").letters)[1:-1]
    assert not {1, 2, 3, 4} & set(tokens.tolist())


@pytest.mark.parametrize(
    ("written", "letters", "unknown"),
    [
        ("acgt", "ACGT", 0),
        ("AC GT\tA\r\n", "ACGTA", 0),
        ("ACGU", "ACGU", 1),
        ("A-C.G*1é", "ANCNGNNN", 5),
        (" \t", "", 0),
    ],
)
def test_cleaning(written, letters, unknown):
    clean = clean_dna(written)
    assert (clean.letters, clean.unknown) == (letters, unknown)


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda content: "{", "is not a tokenizer"),
        (lambda content: content.replace('"[CLS]"', '"<cls>"'), "not DNABERT-S's"),
        (lambda content: json.dumps(json.loads(content) | {"post_processor": None}), "an empty sequence is"),
    ],
)
def test_other_tokenizers_are_refused(tmp_path, edit, told):
    path = tmp_path / "tokenizer.json"
    path.write_text(edit(published_tokenizer().to_str()))
    with pytest.raises(WeightsError, match=told):
        DnaTokenizer.read(path)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(WeightsError, match=r"has no tokenizer\.json"):
        DnaTokenizer.read(tmp_path / "tokenizer.json")
    (tmp_path / "tokenizer.json").write_bytes(b"\xff\xfe")
    with pytest.raises(WeightsError, match="cannot be read"):
        DnaTokenizer.read(tmp_path / "tokenizer.json")


def test_a_tokenizer_of_pieces_joins_up_to_three_letters():
    tokenizer = letters_tokenizer()
    assert tokenizer.size == len(SPECIAL) + 4 + 16 + 64
    names = {number: token for token, number in tokenizer.vocabulary().items()}
    tokens = [names[token] for token in tokenizer.encode("ACGTACGTAN")]
    assert "".join(tokens) == "[CLS]ACGTACGTA[UNK][SEP]"
    assert max(len(token) for token in tokens[1:-2]) == 3
    assert tokenizer.sha256 == letters_tokenizer().sha256


@pytest.fixture(scope="module")
def published():
    if not ORACLES:
        pytest.skip("VIRNUCPRO_ORACLES names no folder with the published tokenizer")
    return DnaTokenizer.read(Path(ORACLES) / "dnabert-s" / "tokenizer.json")


@pytest.mark.parametrize("sequence", GOLDEN)
def test_golden_vectors(published, sequence):
    assert published.encode(sequence).tolist() == GOLDEN[sequence]
    assert published.encode(sequence.lower()).tolist() == GOLDEN[sequence]


def test_500_n_are_502_tokens(published):
    assert len(published.encode("N" * 500)) == 502


def test_cleaning_changes_no_token(published):
    """What cleaning makes N is one [UNK] as well when it is left as it stands."""
    for sequence in ("ACGT-ACGT", "AC..GT", "ACG*1T", "ACGé"):
        assert published.encode(clean_dna(sequence).letters).tolist() == published.encode(sequence).tolist()
