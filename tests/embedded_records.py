"""Records to a table of vectors by way of tokens, for tests of what happens to single sequences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from virnucpro.embedding.embed import embed_tokens
from virnucpro.models.encoders import Encoder
from virnucpro.records import Counts, EmbeddingTable, Failure, Record

__all__ = ["Embedded", "Limits", "embed_records"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a sequence is used, and how much goes through the model at once."""

    max_residues: int = 1024  # residues of a protein that are used, from the first
    max_tokens: int | None = None  # budget of one batch; None for what suits the encoder and its device


@dataclass(frozen=True, eq=False)
class Embedded:
    """What became of some records."""

    table: EmbeddingTable  # rows in the order of the records
    failures: tuple[Failure, ...]  # one for every record without a row
    counts: Counts  # the same in numbers
    replaced: tuple[tuple[int, str, int], ...]  # record number, ID, characters without a token, where there are any


def embed_records(
    encoder: Encoder, records: Sequence[Record], limits: Limits, on_progress: Callable[[int], None] = lambda _: None
) -> Embedded:
    """Embed records that fit in memory together."""
    named = [record for record in records if record.id]
    failures = [Failure(r.number, f"record {r.number}", "NoId", "its header has no id") for r in records if not r.id]
    tokens = encoder.tokenise([record.sequence for record in named], limits.max_residues)
    found = embed_tokens(
        encoder, tokens.ragged, limits.max_tokens, lambda rows: on_progress(int(tokens.residues[rows].sum()))
    )
    failures += [Failure(named[row].number, named[row].id, *reason) for row, reason in found.failures.items()]
    done = np.array([row for row in range(len(named)) if row not in found.failures], np.int64)
    return Embedded(
        EmbeddingTable(tuple(named[row].id for row in done), found.vectors[done]),
        tuple(sorted(failures, key=lambda failure: failure.number)),
        Counts(
            read=len(records),
            written=len(done),
            truncated=int(tokens.truncated[done].sum()),
            failed=len(failures),
            residues=int(tokens.residues[done].sum()),
        ),
        tuple((named[row].number, named[row].id, int(tokens.replaced[row])) for row in done if tokens.replaced[row]),
    )
