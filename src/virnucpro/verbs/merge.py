"""DNA and protein features of the same frames, joined row by row under the name that existing scripts call."""

from __future__ import annotations

import hashlib
import logging
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from virnucpro.errors import ConfigError, DimensionError, InputError
from virnucpro.features.merged import write_merged
from virnucpro.features.spec import DNA_WIDTH, EncoderUse, FeatureSpec
from virnucpro.features.vectors import read_dna_features, read_protein_features
from virnucpro.records import Counts, EmbeddingTable, Failure, ModelIdentity
from virnucpro.runs.failures import append_failures
from virnucpro.runs.manifests import (
    InputIdentity,
    Provenance,
    Receipt,
    State,
    examine,
    identify_input,
    read_receipt,
    write_result,
)

__all__ = ["join_tables", "merge_data"]

NAMED_AT_MOST = 10
"""Ids that a message names before it says how many more there are."""

logger = logging.getLogger(__name__)

PathLike = str | os.PathLike[str]


def merge_data(
    DNABERT_S_data: PathLike,  # noqa: N803 - the names that scripts use
    ESM_data: PathLike,  # noqa: N803
    merged_file: PathLike,
    data_type: str | None = None,
) -> None:
    """Merge the DNA and the protein features of the same frames.

    Ids that only one file has are left out, and named in the failure log beside the result. A result that was made
    from just these files is kept.

    Parameters
    ----------
    DNABERT_S_data, ESM_data : path
        ``*_DNABERT_S.pt`` and ``*_ESM.pt``, this package's or VirNucPro's own.
    merged_file : path
        Where ``{'ids', 'data', 'labels'}`` goes: rows in the order of the DNA file, DNA before protein.
    data_type : {None, "host", "viral"}
        What the rows are labelled; None, for prediction, writes no labels.

    Raises
    ------
    ConfigError
        If `data_type` is something else.
    InputError
        If an id stands twice in one file, or no id stands in both.
    DimensionError
        If vectors are not as wide as their encoder makes them.
    StoreError
        If a file cannot be read or written, or the result was made from something else.
    """
    if data_type not in (None, "host", "viral"):
        raise ConfigError(f"{data_type=} must be None, 'host' or 'viral'")
    dna_file, protein_file, result = Path(DNABERT_S_data), Path(ESM_data), Path(merged_file)
    provenance, encoders = _provenance(dna_file, protein_file, data_type)
    state, _ = examine(result, provenance)
    if state is State.FINISHED:
        return
    if state is State.UNCHECKED:
        logger.warning("%s has no receipt: kept, could not be checked; remove it to make it anew", result)
        return
    dna, protein = read_dna_features(dna_file), read_protein_features(protein_file)
    spec = encoders.spec(dna, protein)
    merged, dna_only, protein_only = join_tables(dna, protein, str(dna_file), str(protein_file))
    append_failures(result.parent, str(dna_file), _left_out(dna, dna_only, "NoProteinVector", protein_file))
    append_failures(result.parent, str(protein_file), _left_out(protein, protein_only, "NoDNAVector", dna_file))
    if not len(merged):
        raise InputError(f"{dna_file} and {protein_file} have no id in common")
    dropped = len(dna_only) + len(protein_only)
    counts = Counts(read=len(merged) + dropped, written=len(merged), failed=dropped)
    receipt = Receipt(provenance, counts, {"spec": spec.to_dict()})
    write_result(
        result,
        lambda stream: write_merged(stream, merged.ids, merged.vectors, {None: None, "host": 0, "viral": 1}[data_type]),
        receipt,
    )


def join_tables(
    dna: EmbeddingTable, protein: EmbeddingTable, dna_name: str = "DNA features", protein_name: str = "protein features"
) -> tuple[EmbeddingTable, list[int], list[int]]:
    """Put the vectors of one id side by side."""
    _require_unique(dna.ids, dna_name)
    _require_unique(protein.ids, protein_name)
    row_in_protein = {id_: row for row, id_ in enumerate(protein.ids)}  # one row each, as was just seen
    pairs = [(row, row_in_protein[id_]) for row, id_ in enumerate(dna.ids) if id_ in row_in_protein]
    rows = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    vectors = np.concatenate((dna.vectors[rows[:, 0]], protein.vectors[rows[:, 1]]), axis=1)
    merged = EmbeddingTable(tuple(dna.ids[row] for row, _ in pairs), vectors)
    in_dna = set(dna.ids)
    dna_only = [row for row, id_ in enumerate(dna.ids) if id_ not in row_in_protein]
    return merged, dna_only, [row for row, id_ in enumerate(protein.ids) if id_ not in in_dna]


def _require_unique(ids: tuple[str, ...], name: str) -> None:
    repeated = [id_ for id_, count in Counter(ids).items() if count > 1]
    if repeated:
        more = f" and {len(repeated) - NAMED_AT_MOST} more" if len(repeated) > NAMED_AT_MOST else ""
        raise InputError(
            f"{name}: {', '.join(repeated[:NAMED_AT_MOST])}{more} stand there more than once, so which vector belongs "
            "to which frame is not known; give records ids of their own and extract again"
        )


def _left_out(table: EmbeddingTable, rows: list[int], error_type: str, other: Path) -> list[Failure]:
    return [Failure(row + 1, table.ids[row], error_type, f"{other} has no such id; left out") for row in rows]


class _Encoders:
    """Who made the two files, as far as their receipts tell."""

    def __init__(self, dna: Receipt | None, protein: Receipt | None) -> None:
        self.dna = dna.provenance.model if dna else None
        self.protein = protein.provenance.model if protein else None
        told = [receipt.provenance.settings.get("window_bp") for receipt in (dna, protein) if receipt]
        windows = {int(window_bp) for window_bp in told if window_bp is not None}
        if len(windows) > 1:
            raise ConfigError(f"DNA and protein features are of windows of different lengths: {sorted(windows)} bp")
        self.window_bp: int | None = next(iter(windows), None)

    def spec(self, dna: EmbeddingTable, protein: EmbeddingTable) -> FeatureSpec:
        """State what merged rows will be; refuses a width that the encoder does not make."""
        dna_use = _use("DNA", dna.width, self.dna, None if self.dna else DNA_WIDTH)
        return FeatureSpec(self.window_bp, dna_use, _use("protein", protein.width, self.protein, None))


def _use(kind: str, width: int, identity: ModelIdentity | None, expected: int | None) -> EncoderUse:
    if identity:
        expected = identity.architecture.get("width")
    if expected is not None and width != expected:
        maker = identity.name if identity else "DNABERT-S"
        raise DimensionError(f"{kind} vectors are {width} wide, and those of {maker} are {expected}; extract again")
    return EncoderUse(width, identity)


def _provenance(dna_file: Path, protein_file: Path, data_type: str | None) -> tuple[Provenance, _Encoders]:
    """Two inputs and two models, told as one of each: their digests decide, in this order."""
    files = [identify_input(dna_file), identify_input(protein_file)]
    encoders = _Encoders(read_receipt(dna_file), read_receipt(protein_file))
    source = InputIdentity(
        " + ".join(file.path for file in files), sum(file.size for file in files), _digest(f.sha256 for f in files)
    )
    makers = [model for model in (encoders.dna, encoders.protein) if model]
    model = ModelIdentity(
        " + ".join(maker.name if maker else "unknown" for maker in (encoders.dna, encoders.protein)),
        None,
        _digest(maker.weights_sha256 for maker in makers) if makers else "",
    )
    settings = {"labels": data_type, "window_bp": encoders.window_bp}
    return Provenance(source, model, settings), encoders


def _digest(digests: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()
