"""DNA and protein features of the same ORFs, joined row by row: `merge_data`, under the name that scripts call."""

from __future__ import annotations

import hashlib
import logging
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from virnucpro.errors import ConfigError, DimensionError, InputError
from virnucpro.features.merged import LABELS, read_receipt, write_merged
from virnucpro.features.spec import DNA_WIDTH, EncoderUse, FeatureSpec
from virnucpro.features.vectors import read_dna_features, read_protein_features
from virnucpro.records import Counts, EmbeddingTable, Failure, ModelIdentity
from virnucpro.runs.failures import replace_failures
from virnucpro.runs.manifests import InputIdentity, Provenance, Receipt, State, examine, identify_input, write_result

__all__ = ["join_tables", "merge_data"]

IDS_IN_MESSAGE = 10

logger = logging.getLogger(__name__)

PathLike = str | os.PathLike[str]


def merge_data(
    DNABERT_S_data: PathLike,  # noqa: N803 - the names that scripts use
    ESM_data: PathLike,  # noqa: N803
    merged_file: PathLike,
    data_type: str | None = None,
) -> None:
    """Merge the DNA and protein features of the same ORFs.

    IDs that only one file has are left out and named in the failure log beside the result. An existing result that was
    made from these files is kept.

    Parameters
    ----------
    DNABERT_S_data, ESM_data : path
        ``*_DNABERT_S.pt`` and ``*_ESM.pt``, written by this package or by the original VirNucPro.
    merged_file : path
        Result, ``{'ids', 'data', 'labels'}``: rows in the order of the DNA file, DNA before protein.
    data_type : {None, "host", "viral"}
        Label of all rows. None, for prediction, writes no labels.

    Raises
    ------
    ConfigError
        If `data_type` is something else.
    InputError
        If an ID occurs twice in one file, or the files have no ID in common.
    DimensionError
        If vectors are not as wide as their encoder makes them.
    StoreError
        If a file cannot be read or written, or the result was made from something else.

    Examples
    --------
    >>> from virnucpro import merge_data
    >>> merge_data("x_DNABERT_S.pt", "x_ESM.pt", "x_merged.pt", "viral")  # doctest: +SKIP
    """
    if data_type is not None and data_type not in LABELS:
        raise ConfigError(f"{data_type=} must be None, {', '.join(map(repr, LABELS))}")
    dna_file, protein_file, result = Path(DNABERT_S_data), Path(ESM_data), Path(merged_file)
    made_by = _MadeBy.read(dna_file, protein_file)
    provenance = _provenance(dna_file, protein_file, data_type, made_by)
    if _is_finished(result, provenance):
        return
    dna, protein = read_dna_features(dna_file), read_protein_features(protein_file)
    spec = made_by.spec(dna, protein)
    merged, dna_only, protein_only = join_tables(dna, protein, str(dna_file), str(protein_file))
    replace_failures(result.parent, str(dna_file), _left_out(dna, dna_only, "NoProteinVector", protein_file))
    replace_failures(result.parent, str(protein_file), _left_out(protein, protein_only, "NoDNAVector", dna_file))
    if not len(merged):
        raise InputError(f"{dna_file} and {protein_file} have no ID in common")
    dropped = len(dna_only) + len(protein_only)
    counts = Counts(read=len(merged) + dropped, written=len(merged), failed=dropped)
    _write(
        result,
        merged,
        LABELS[data_type] if data_type else None,
        Receipt(provenance, counts, {"spec": spec.to_dict()}),
    )


def join_tables(
    dna: EmbeddingTable, protein: EmbeddingTable, dna_name: str = "DNA features", protein_name: str = "protein features"
) -> tuple[EmbeddingTable, list[int], list[int]]:
    """Put the vectors of each ID side by side; also give the rows that only the first and only the second table has."""
    _require_unique(dna.ids, dna_name)
    _require_unique(protein.ids, protein_name)
    row_in_protein = {id_: row for row, id_ in enumerate(protein.ids)}
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
        more = f" and {len(repeated) - IDS_IN_MESSAGE} more" if len(repeated) > IDS_IN_MESSAGE else ""
        raise InputError(
            f"{name}: repeated IDs {', '.join(repeated[:IDS_IN_MESSAGE])}{more}, so it is not known which vector "
            "belongs to which ORF; give each record its own ID and extract again"
        )


def _left_out(table: EmbeddingTable, rows: list[int], error_type: str, other: Path) -> list[Failure]:
    return [Failure(row + 1, table.ids[row], error_type, f"{other} has no such ID; left out") for row in rows]


@dataclass(frozen=True)
class _MadeBy:
    """Which encoders made the two files, and of which windows, as far as their manifests say."""

    dna: ModelIdentity | None
    protein: ModelIdentity | None
    window_bp: int | None

    @classmethod
    def read(cls, dna_file: Path, protein_file: Path) -> _MadeBy:
        manifests = [read_receipt(file) for file in (dna_file, protein_file)]
        settings = [manifest.provenance.settings for manifest in manifests if manifest]
        windows = {int(known["window_bp"]) for known in settings if known.get("window_bp") is not None}
        if len(windows) > 1:
            raise ConfigError(f"DNA and protein features are of windows of different lengths: {sorted(windows)} bp")
        dna, protein = (manifest.provenance.model if manifest else None for manifest in manifests)
        return cls(dna, protein, next(iter(windows), None))

    def spec(self, dna: EmbeddingTable, protein: EmbeddingTable) -> FeatureSpec:
        """State what merged rows will be; refuses a width that the encoder does not make."""
        dna_use = _encoder_use("DNA", dna.width, self.dna, DNA_WIDTH)
        return FeatureSpec(self.window_bp, dna_use, _encoder_use("protein", protein.width, self.protein, None))


def _encoder_use(kind: str, width: int, identity: ModelIdentity | None, expected: int | None) -> EncoderUse:
    if identity:
        expected = identity.architecture.get("width")
    if expected is not None and width != expected:
        name = identity.name if identity else "DNABERT-S"
        raise DimensionError(f"{kind} vectors are {width} wide, and those of {name} are {expected}; extract again")
    return EncoderUse(width, identity)


def _provenance(dna_file: Path, protein_file: Path, data_type: str | None, made_by: _MadeBy) -> Provenance:
    """Two inputs and two models as one of each: the digest of their digests, in this order."""
    files = [identify_input(dna_file), identify_input(protein_file)]
    source = InputIdentity(
        " + ".join(file.path for file in files), sum(file.size for file in files), _digest(f.sha256 for f in files)
    )
    models = (made_by.dna, made_by.protein)
    known = [model.weights_sha256 for model in models if model]
    names = " + ".join(model.name if model else "unknown" for model in models)
    identity = ModelIdentity(names, None, _digest(known) if known else "")
    return Provenance(source, identity, {"labels": data_type, "window_bp": made_by.window_bp})


def _is_finished(result: Path, provenance: Provenance) -> bool:
    """Whether the result exists and may be kept; StoreError where it was made from something else."""
    state, _ = examine(result, provenance)
    if state is State.UNCHECKED:
        logger.warning("%s has no manifest: kept without a check; remove it to recompute it", result)
    return state is not State.ABSENT


def _write(result: Path, merged: EmbeddingTable, label: int | None, manifest: Receipt) -> None:
    write_result(result, lambda stream: write_merged(stream, merged, label), manifest)


def _digest(digests: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()
