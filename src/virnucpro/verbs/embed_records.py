"""Records in memory to vectors, with the reasons why some have none."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from virnucpro.embedding.embed import embed_tokens
from virnucpro.models.registry import Architecture
from virnucpro.records import Failure, Molecule, Record
from virnucpro.runs.run import Advance
from virnucpro.verbs.embed_settings import EmbedSettings
from virnucpro.verbs.inputs import require_molecule

if TYPE_CHECKING:
    from virnucpro.models.encoders import Encoder

__all__ = ["EmbeddedRecords", "embed_records", "require_suitable", "warn_of_truncation"]

HEAVY_TRUNCATION = 0.1
"""Share of truncated sequences above which there is a warning."""

logger = logging.getLogger("virnucpro.embed")


@dataclass(frozen=True, eq=False)
class EmbeddedRecords:
    """Vectors of some records, and why others have none."""

    rows: NDArray[np.int64]  # (n,) which of the records, ascending
    vectors: NDArray[np.float32]  # (vectors of all of them, width)
    vector_counts: NDArray[np.int64]  # (n,) one each, unless every residue has its own
    failures: tuple[Failure, ...]  # `number` is the record's place, from 0
    counts: Mapping[str, int]
    replaced: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 2), np.int64))  # record, letters


def embed_records(
    encoder: Encoder, records: Sequence[Record], settings: EmbedSettings, on_residues: Advance = lambda _: None
) -> EmbeddedRecords:
    """Embed records that fit in memory together."""
    tokens = encoder.tokenise([record.sequence for record in records], settings.max_residues)

    def told(rows: NDArray[np.int64]) -> None:
        on_residues(int(tokens.residues[rows].sum()))

    embedded = embed_tokens(encoder, tokens.ragged, settings.max_tokens, told)
    failed = dict(embedded.failures)
    failed |= {row: ("NoID", "its header has no ID") for row, record in enumerate(records) if not record.id}
    rows = np.setdiff1d(np.arange(len(records)), np.fromiter(failed, np.int64, len(failed)))
    failures = tuple(
        Failure(row, records[row].id or f"record {records[row].number}", *reason)
        for row, reason in sorted(failed.items())
    )
    counts = {
        "read": len(records),
        "written": len(rows),
        "failed": len(failed),
        "truncated": int(tokens.truncated[rows].sum()),
        "residues": int(tokens.residues[rows].sum()),
    }
    changed = rows[tokens.replaced[rows] > 0]
    replaced = np.stack((changed, tokens.replaced[changed]), axis=1)
    vectors = embedded.vectors
    if failed:
        vectors = vectors[np.repeat(np.isin(np.arange(len(records)), rows), embedded.counts)]
    return EmbeddedRecords(rows, vectors, embedded.counts[rows], failures, counts, replaced)


def require_suitable(label: str, sample: Sequence[Record], architecture: Architecture) -> list[str]:
    """Refuse sequences of the kind that a model does not read; warn of those that may be."""
    advice = {
        Molecule.PROTEIN: "a protein model reads A, C, G and T as amino acids; for DNA use --model dnabert-s",
        Molecule.DNA: "for proteins use --model fastesm2-650",
    }
    return require_molecule(label, sample, architecture.molecule, advice[architecture.molecule])


def warn_of_truncation(label: str, truncated: int, sequences: int, max_residues: int, setting: str) -> None:
    """Warn when much of an input is not used; `setting` is what the caller knows `max_residues` as."""
    if truncated > HEAVY_TRUNCATION * sequences:
        logger.warning(
            "%s: %s of %s sequences (%.0f %%) are longer than %s letters; the rest is not used. Raise %s to use more",
            label, f"{truncated:,}", f"{sequences:,}", 100 * truncated / sequences, f"{max_residues:,}", setting,
        )  # fmt: skip
