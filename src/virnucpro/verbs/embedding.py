"""The job behind `embed_files`: records are embedded part by part, and their vectors are written in one pass."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from virnucpro.errors import InputError, shown
from virnucpro.models.catalog import catalogue_width
from virnucpro.models.hub import find_checkpoint
from virnucpro.records import ModelIdentity, Record
from virnucpro.runs.parts import Arrays, ComputedPart
from virnucpro.runs.plan import Planner
from virnucpro.runs.results import Results
from virnucpro.runs.run import Advance, PartInput
from virnucpro.verbs.embed_records import embed_records, require_suitable, warn_of_truncation
from virnucpro.verbs.embed_settings import EmbedSettings
from virnucpro.verbs.embedding_model import EmbeddingModel
from virnucpro.verbs.encoders import parameters
from virnucpro.verbs.part_size import part_of_records
from virnucpro.verbs.window_rows import content, letters
from virnucpro.writers.vectors import SavedVectors, write_vectors

__all__ = ["Embedding"]


@dataclass(eq=False)
class Embedding:
    """Embeds one input."""

    label: str
    files: Sequence[str]
    model: EmbeddingModel
    settings: EmbedSettings

    def check(self, label: str, sample: Sequence[Record]) -> list[str]:
        if not sample:
            raise InputError(f"{shown(label)}: holds no sequences")
        return require_suitable(label, sample, self.model.architecture)

    def planner(self) -> Planner:
        identity = self.model.identity
        width = catalogue_width(identity) or find_checkpoint(identity.name).width if self.per_residue else 0
        bytes_per_letter = max(4 * width * len(self.settings.layers), 1)
        flop_per_token = 2 * parameters(identity.name)
        size = part_of_records(self.model.placement, flop_per_token, self.settings.part_records, bytes_per_letter)
        return Planner(lambda _: 1, size)

    def content(self, record: Record) -> tuple[bytes, bytes]:
        return content(record)

    def letters(self, record: Record) -> int:
        return min(letters(record), self.settings.max_residues)

    def id_of(self, record: Record) -> str:
        return record.id

    def resolve(self) -> dict[str, ModelIdentity]:
        return {self.model.architecture.molecule.value: self.model.encoder.identity}

    def compute(self, given: PartInput, advance: Advance) -> ComputedPart:
        """Embed the records of a part."""
        told = 0

        def tell(residues: int) -> None:
            nonlocal told
            residues = min(residues, given.part.letters - told)
            told += residues
            advance(residues)

        found = embed_records(self.model.reader(self.settings.readout), given.records, self.settings, tell)
        advance(given.part.letters - told)
        arrays: Arrays = {
            "rows": found.rows.astype(np.int32), "vectors": found.vectors, "vector_counts": found.vector_counts,
            "replaced": found.replaced,
        }  # fmt: skip
        return ComputedPart(arrays, found.failures, found.counts)

    @property
    def per_residue(self) -> bool:
        """Whether every residue has a vector."""
        return self.settings.pool == "none"

    def collect(self, parts: Iterable[tuple[PartInput, ComputedPart]], results: Results) -> dict[str, Any]:
        """Write the feature file; vectors pass through a temporary file, not through memory."""
        encoder = self.model.reader(self.settings.readout)
        ids: list[str] = []
        vector_counts: list[NDArray[np.int64]] = []
        replaced: list[tuple[int, str, int]] = []
        first_failure, read, truncated = "", 0, 0
        with tempfile.TemporaryFile(dir=results.scratch) as spool:
            for given, computed in parts:
                arrays, read = computed.arrays, read + len(given.records)
                truncated += (computed.counts or {}).get("truncated", 0)
                ids += [given.records[row].id for row in arrays["rows"].tolist()]
                vector_counts.append(arrays["vector_counts"])
                spool.write(arrays["vectors"].tobytes())
                for row, count in arrays["replaced"].tolist():
                    replaced.append((given.part.first_record + row + 1, given.records[row].id, count))
                if computed.failures and not first_failure:
                    failure = computed.failures[0]
                    number = given.part.first_record + failure.number + 1
                    first_failure = f"the first (record {number}, {failure.id}): {failure.message}"
            if not ids:
                raise InputError(
                    f"{shown(self.label)}: none of its {read} sequences could be embedded; {shown(first_failure)}"
                )
            warn_of_truncation(self.label, truncated, len(ids), self.settings.max_residues, "--max-residues")
            spool.flush()
            counts = np.concatenate(vector_counts)
            vectors = np.memmap(spool, np.float32, "r", shape=(int(counts.sum()), encoder.width))
            layout = encoder.architecture.layout
            saved = SavedVectors(layout, ids, vectors, counts if self.per_residue else None)
            write_vectors(results, self.files, self.settings.format, saved)
        return {"device": encoder.placement.describe(), "replaced_residues": [list(row) for row in replaced]}
