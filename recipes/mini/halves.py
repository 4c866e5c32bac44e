"""What a row may hold: both embeddings, or one and zeros in place of the other."""

from __future__ import annotations

__all__ = ["HALVES", "absent_columns"]

HALVES = ("both", "dna", "protein")


def absent_columns(dna_width: int, protein_width: int) -> dict[str, slice]:
    """Say which numbers of a row are zeros where it holds just one half; by `HALVES`."""
    dna, protein = slice(0, dna_width), slice(dna_width, dna_width + protein_width)
    return {"both": slice(0, 0), "dna": protein, "protein": dna}
