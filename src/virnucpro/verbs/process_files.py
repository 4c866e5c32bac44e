"""One file of frames in, one feature file beside it out: what VirNucPro's feature scripts map over their files.

References
----------
``features_extract.py`` of https://github.com/Li-Jing-1997/VirNucPro
"""

from __future__ import annotations

import os
from pathlib import Path

from virnucpro.features.merged import MERGED_SUFFIX
from virnucpro.features.vectors import DNA_SUFFIX, PROTEIN_SUFFIX
from virnucpro.sequences.reading import sequence_stem
from virnucpro.verbs.extract import extract_DNABERT_S, extract_fast_esm

__all__ = ["process_file_pro", "process_file_seq"]


def process_file_seq(file: str | os.PathLike[str]) -> Path:
    """Embed the nucleotides of one file with DNABERT-S, unless that is done.

    Parameters
    ----------
    file : path
        ``FOLDER/output_1.fa`` gives ``FOLDER/output_1_DNABERT_S.pt``.

    Returns
    -------
    Path
        The feature file; not made when the merged file made from it is there: beside it, or where VirNucPro's scripts
        put it, ``data/data_merge/X_merged`` for ``data/X.identified_nucleotide``.

    Raises
    ------
    StoreError
        If the feature file is there and was made from something else.
    """
    target = _beside(file, DNA_SUFFIX)
    if not _is_merged(target, DNA_SUFFIX, ".identified_nucleotide"):
        extract_DNABERT_S(file, target)
    return target


def process_file_pro(file: str | os.PathLike[str]) -> Path:
    """Embed the proteins of one file with FastESM2_650, unless that is done.

    Parameters
    ----------
    file : path
        ``FOLDER/output_1.fa`` gives ``FOLDER/output_1_ESM.pt``.

    Returns
    -------
    Path
        The feature file; not made when the merged file made from it is there: beside it, or where VirNucPro's scripts
        put it, ``data/data_merge/X_merged`` for ``data/X.identified_protein``.

    Raises
    ------
    StoreError
        If the feature file is there and was made from something else.
    """
    target = _beside(file, PROTEIN_SUFFIX)
    if not _is_merged(target, PROTEIN_SUFFIX, ".identified_protein"):
        extract_fast_esm(file, target)
    return target


def _beside(file: str | os.PathLike[str], suffix: str) -> Path:
    path = Path(file)
    return path.with_name(sequence_stem(path) + suffix)


def _is_merged(target: Path, suffix: str, folder_suffix: str) -> bool:
    """Whether the merged file made from a feature file is there."""
    name = target.name.removesuffix(suffix) + MERGED_SUFFIX
    candidates = [target.with_name(name)]
    if target.parent.name.endswith(folder_suffix):
        merged_folder = target.parent.name.removesuffix(folder_suffix) + "_merged"
        candidates.append(target.parent.parent / "data_merge" / merged_folder / name)
    return any(candidate.is_file() for candidate in candidates)
