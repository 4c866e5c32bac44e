"""``merge``: DNA and protein features of the same ORFs, joined row by row; `merge_data` is its name in scripts."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from virnucpro.errors import ConfigError, DimensionError, InputError
from virnucpro.features.merged import LABELS, write_merged
from virnucpro.features.spec import DNA_WIDTH, EncoderUse, FeatureSpec
from virnucpro.features.vectors import read_dna_features, read_protein_features
from virnucpro.models.readout import DEFAULT_READOUT
from virnucpro.records import EmbeddingTable, Failure, ModelIdentity
from virnucpro.runs.failures import replace_failures
from virnucpro.runs.files import require_distinct
from virnucpro.runs.manifest import Manifest, read_manifest
from virnucpro.runs.single import identify, is_finished, write_single

__all__ = ["join_tables", "merge_data", "merge_features"]

IDS_IN_MESSAGE = 10
OF_SCRIPTS = {"host": "non-viral"}

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
    data_type : {None, "viral", "non-viral", "host"}
        Label of all rows; "host" is the original's word for non-viral. None, for prediction, writes no labels.

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
    if data_type not in (None, *LABELS, *OF_SCRIPTS):
        raise ConfigError(f"{data_type=} must be None, 'viral', 'non-viral' or 'host'")
    label = None if data_type is None else OF_SCRIPTS.get(data_type, data_type)
    merge_features(Path(DNABERT_S_data), Path(ESM_data), Path(merged_file), label)


def merge_features(
    dna_file: Path, protein_file: Path | None, result: Path, label: str | None, overwrite: bool = False
) -> Manifest | None:
    """Merge two files, or take the DNA file alone; gives the manifest, or None when the result was there already."""
    files = [dna_file] if protein_file is None else [dna_file, protein_file]
    require_distinct(files, [result])
    made_by = _MadeBy.read(files)
    manifest = made_by.manifest(files, label)
    if not overwrite and is_finished(result, manifest):
        return None
    dna = read_dna_features(dna_file)
    protein = None if protein_file is None else read_protein_features(protein_file)
    spec = made_by.spec(dna, protein)
    failures: dict[Path, list[Failure]] = {file: [] for file in files}
    if protein is None or protein_file is None:
        _require_unique(dna.ids, str(dna_file))
        merged = dna
    else:
        merged, dna_only, protein_only = join_tables(dna, protein, str(dna_file), str(protein_file))
        failures[dna_file] = _left_out(dna, dna_only, "NoProteinVector", protein_file)
        failures[protein_file] = _left_out(protein, protein_only, "NoDNAVector", dna_file)
    for file, own in failures.items():
        replace_failures(result.parent, str(file), own)
    if not len(merged):
        raise InputError(f"{' and '.join(map(str, files))} have no ID in common")
    dropped = sum(map(len, failures.values()))
    manifest = replace(
        manifest,
        counts={"read": len(merged) + dropped, "written": len(merged), "failed": dropped},
        failures=tuple((str(file), failure) for file, own in failures.items() for failure in own),
        details={"spec": spec.to_dict()},
    )
    number = None if label is None else LABELS[label]
    write_single(result, manifest, lambda stream: write_merged(stream, merged.ids, merged.vectors, number))
    return manifest


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
    def read(cls, files: Sequence[Path]) -> _MadeBy:
        manifests = [read_manifest(file.with_name(file.name + ".json")) for file in files]
        for file, known in zip(files, manifests, strict=True):
            if known:
                _require_usual(file, known)
        windows = {int(known.settings["window_bp"]) for known in manifests if known and "window_bp" in known.settings}
        if len(windows) > 1:
            raise ConfigError(f"DNA and protein features are of windows of different lengths: {sorted(windows)} bp")
        dna, protein = (
            known.models.get(role) if known else None
            for role, known in zip(("dna", "protein"), [*manifests, None][:2], strict=True)
        )
        return cls(dna, protein, next(iter(windows), None))

    def manifest(self, files: Sequence[Path], label: str | None) -> Manifest:
        """Say what the merged file is made from."""
        models = {role: model for role, model in (("dna", self.dna), ("protein", self.protein)) if model}
        settings = {"labels": label, "window_bp": self.window_bp}
        return Manifest(tuple(identify(file) for file in files), models, settings)

    def spec(self, dna: EmbeddingTable, protein: EmbeddingTable | None) -> FeatureSpec:
        """State what merged rows will be; refuses a width that the encoder does not make."""
        dna_use = _encoder_use("DNA", dna.width, self.dna, DNA_WIDTH)
        protein_use = None if protein is None else _encoder_use("protein", protein.width, self.protein, None)
        return FeatureSpec(self.window_bp, dna_use, protein_use)


def _require_usual(file: Path, known: Manifest) -> None:
    """Refuse vectors of other layers or pools: a classifier would take them for those that `predict` makes."""
    usual = {"layers": list(DEFAULT_READOUT.layers), "pool": DEFAULT_READOUT.pool}
    for name, value in usual.items():
        if (found := known.settings.get(name, value)) != value:
            raise ConfigError(
                f"{file}: was embedded with {name} {found}, and classifiers take {name} {value}; embed it again "
                f"without --{name}"
            )


def _encoder_use(kind: str, width: int, identity: ModelIdentity | None, expected: int | None) -> EncoderUse:
    if identity:
        expected = identity.architecture.get("width")
    if expected is not None and width != expected:
        name = identity.name if identity else "DNABERT-S"
        raise DimensionError(f"{kind} vectors are {width} wide, and those of {name} are {expected}; embed again")
    return EncoderUse(width, identity)
