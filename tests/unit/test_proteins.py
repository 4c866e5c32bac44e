import esm
import pytest
from hypothesis import given
from hypothesis import strategies as st

from virnucpro.models.tokens import UNK, VOCABULARY, encode_protein
from virnucpro.sequences.proteins import CleanProtein, clean_protein

ALPHABET = esm.Alphabet.from_architecture("ESM-1b")


def test_vocabulary_is_fair_esms():
    assert list(VOCABULARY) == ALPHABET.all_toks


def test_tokens_are_fair_esms():
    sequence = "MKTLLAGVSERTIDPKQNFYMHWCXBUZO.-"
    _, _, expected = ALPHABET.get_batch_converter()([("p", sequence)])
    assert encode_protein(sequence.encode()).tolist() == expected[0].tolist()


def test_published_tokens():
    assert encode_protein(b"LAGVS").tolist() == [0, 4, 5, 6, 7, 8, 2]


@pytest.mark.parametrize(
    ("written", "residues", "replaced"),
    [
        ("mkv", b"MKV", 0),
        ("MKV*", b"MKV", 0),
        (" M K\tV\r\n*", b"MKV", 0),
        ("MJ*V", b"MXXV", 2),
        ("MXxV", b"MXXV", 0),
        ("M-K.V", b"M-K.V", 0),
        ("UBZO", b"UBZO", 0),
        ("M\N{GREEK SMALL LETTER ALPHA}1", b"MXX", 2),
        ("<mask>", b"XMASKX", 2),
        ("*", b"", 0),
        ("", b"", 0),
    ],
)
def test_cleaning(written, residues, replaced):
    assert clean_protein(written) == CleanProtein(residues, replaced)


@given(st.text(max_size=60))
def test_one_token_per_character_whatever_is_written(text):
    clean = clean_protein(text)
    tokens = encode_protein(clean.residues)
    assert len(tokens) == len(clean.residues) + 2
    assert UNK not in tokens
    assert 0 <= clean.replaced <= len(clean.residues)
    assert clean_protein(clean.residues.decode()) == CleanProtein(clean.residues, 0)
