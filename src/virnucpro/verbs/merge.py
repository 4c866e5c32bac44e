"""DNA and protein features of the same ORFs, joined row by row: `merge_data`, under the name that scripts call."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from virnucpro.errors import ConfigError, DimensionError, InputError
from virnucpro.features.merged import LABELS, write_merged
from virnucpro.features.spec import DNA_WIDTH, EncoderUse, FeatureSpec
from virnucpro.features.vectors import read_dna_features, read_protein_features
from virnucpro.records import EmbeddingTable, Failure, ModelIdentity
from virnucpro.runs.failures import replace_failures
from virnucpro.runs.manifest import Manifest, read_manifest
from virnucpro.runs.single import identify, is_finished, write_single

__all__ = ["join_tables", "merge_data"]

IDS_IN_MESSAGE = 10
LABEL_OF = {None: None, "host": LABELS["non-viral"], "viral": LABELS["viral"]}
"""By the words of scripts."""

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
    if data_type not in LABEL_OF:
        raise ConfigError(f"{data_type=} must be None, 'host' or 'viral'")
    dna_file, protein_file, result = Path(DNABERT_S_data), Path(ESM_data), Path(merged_file)
    made_by = _MadeBy.read(dna_file, protein_file)
    manifest = made_by.manifest(dna_file, protein_file, data_type)
    if is_finished(result, manifest):
        return
    dna, protein = read_dna_features(dna_file), read_protein_features(protein_file)
    spec = made_by.spec(dna, protein)
    merged, dna_only, protein_only = join_tables(dna, protein, str(dna_file), str(protein_file))
    failures = {
        dna_file: _left_out(dna, dna_only, "NoProteinVector", protein_file),
        protein_file: _left_out(protein, protein_only, "NoDNAVector", dna_file),
    }
    for file, own in failures.items():
        replace_failures(result.parent, str(file), own)
    if not len(merged):
        raise InputError(f"{dna_file} and {protein_file} have no ID in common")
    dropped = len(dna_only) + len(protein_only)
    manifest = replace(
        manifest,
        counts={"read": len(merged) + dropped, "written": len(merged), "failed": dropped},
        failures=tuple((str(file), failure) for file, own in failures.items() for failure in own),
        details={"spec": spec.to_dict()},
    )
    write_single(result, manifest, lambda stream: write_merged(stream, merged.ids, merged.vectors, LABEL_OF[data_type]))


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
            "belongs to which ORF; give each record its own ID and embed again"
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
        manifests = [read_manifest(file.with_name(file.name + ".json")) for file in (dna_file, protein_file)]
        windows = {int(known.settings["window_bp"]) for known in manifests if known and "window_bp" in known.settings}
        if len(windows) > 1:
            raise ConfigError(f"DNA and protein features are of windows of different lengths: {sorted(windows)} bp")
        dna, protein = (
            known.models.get(role) if known else None for role, known in zip(("dna", "protein"), manifests, strict=True)
        )
        return cls(dna, protein, next(iter(windows), None))

    def manifest(self, dna_file: Path, protein_file: Path, data_type: str | None) -> Manifest:
        """Say what the merged file is made from."""
        models = {role: model for role, model in (("dna", self.dna), ("protein", self.protein)) if model}
        settings = {"labels": data_type, "window_bp": self.window_bp}
        return Manifest((identify(dna_file), identify(protein_file)), models, settings)

    def spec(self, dna: EmbeddingTable, protein: EmbeddingTable) -> FeatureSpec:
        """State what merged rows will be; refuses a width that the encoder does not make."""
        dna_use = _encoder_use("DNA", dna.width, self.dna, DNA_WIDTH)
        return FeatureSpec(self.window_bp, dna_use, _encoder_use("protein", protein.width, self.protein, None))


def _encoder_use(kind: str, width: int, identity: ModelIdentity | None, expected: int | None) -> EncoderUse:
    if identity:
        expected = identity.architecture.get("width")
    if expected is not None and width != expected:
        name = identity.name if identity else "DNABERT-S"
        raise DimensionError(f"{kind} vectors are {width} wide, and those of {name} are {expected}; embed again")
    return EncoderUse(width, identity)
