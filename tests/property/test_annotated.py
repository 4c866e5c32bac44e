"""Rows that annotation confirms, beside the rule written down in plain Python."""

from hypothesis import given
from hypothesis import strategies as st

from found_rows import find
from virnucpro.sequences.annotated import annotated_rows

AMINO_ACIDS = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
CODONS = {a + b + c: AMINO_ACIDS[16 * i + 4 * j + k] for i, a in enumerate("TCAG") for j, b in enumerate("TCAG") for k, c in enumerate("TCAG")}  # fmt: skip
COMPLEMENT = {"A": "T", "C": "G", "G": "C", "T": "A"}


def reverse(dna):
    return "".join(COMPLEMENT.get(base, "N") for base in reversed(dna))


def translate(dna):
    return "".join(CODONS.get(dna[i : i + 3], "X") for i in range(0, len(dna) - 2, 3))


def windows(n, w):
    k = -(-n // w)
    surplus = k * w - n
    low = surplus // k
    need = surplus - low * (k - 1)
    steps = ([low + 1] * need + [low] * (k - 1 - need) + [0])[:k]
    starts = [j * w - sum(steps[:j]) for j in range(k)]
    return [(start, min(start + w, n)) for start in starts]


def expected(genome, translations, w):
    """Every frame of every window, by the three conditions."""
    kept = []
    for j, (start, end) in enumerate(windows(len(genome), w), start=1):
        window = genome[start:end]
        if len(window) < 6 or set(window) - set("ACGT"):
            continue
        for strand, side in ((window, "F"), (reverse(window), "R")):
            for offset in range(3):
                protein = translate(strand[offset:])
                if "*" not in protein and any(protein in translation for translation in translations):
                    dna = strand[offset : offset + 1 + 3 * len(protein)]
                    kept.append((0, j, f"{side}{offset + 1}", dna, protein))
    return kept


@st.composite
def genomes(draw):
    """A genome, and translations cut from its own open frames, some of them changed."""
    letters = draw(st.sampled_from(["ACGT", "ACGG", "ACGTACGTACGTACGTN"]))  # few stops, many, some ambiguous
    genome = draw(st.text(letters, min_size=1, max_size=160))
    translations = []
    for strand in (genome, reverse(genome)):
        for offset in range(3):
            translations += [protein for protein in translate(strand[offset:]).split("*") if protein]
    chosen = draw(st.lists(st.sampled_from(translations), max_size=4)) if translations else []
    return genome, [protein[draw(st.integers(0, 3)) :] for protein in chosen], draw(st.integers(6, 60))


@given(genomes())
def test_the_kept_rows_are_those_of_the_rule(case):
    genome, translations, w = case
    found = find([genome], w)
    found.rows = found.rows.take(annotated_rows(found.rows, translations))
    assert found.tuples() == expected(genome, translations, w)
    assert len(found.rows.status) == len(windows(len(genome), w))
