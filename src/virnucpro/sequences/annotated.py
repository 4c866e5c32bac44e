"""Which open frames the annotation confirms: the rows that classifiers are trained on.

References
----------
``make_train_dataset_300.py`` and ``make_train_dataset_500.py`` of https://github.com/Li-Jing-1997/VirNucPro
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from virnucpro.sequences.genetic_codes import STOP
from virnucpro.sequences.orfs import Rows

__all__ = ["annotated_rows"]


def annotated_rows(rows: Rows, translations: Sequence[str]) -> NDArray[np.int64]:
    """Rows of one record whose window has no ambiguous letter and whose protein is part of an annotated translation.

    Examples
    --------
    >>> from virnucpro.sequences.nucleotides import clean_sequences
    >>> from virnucpro.sequences.orfs import find_rows
    >>> from virnucpro.sequences.windows import cut_windows, plan_windows
    >>> rows = find_rows(cut_windows(clean_sequences(["ATGAAATTT"]), plan_windows([9], 500)), "open")
    >>> rows.take(annotated_rows(rows, ["MKFY"])).proteins()
    ['MKF']
    """
    # joined by stops, which no row contains, so that no match crosses two translations
    annotated = STOP.join(dict.fromkeys(translations))
    is_certain = (rows.table.ambiguous == 0)[rows.window_rows].tolist()
    found = [sure and protein in annotated for sure, protein in zip(is_certain, rows.proteins(), strict=True)]
    return np.flatnonzero(np.array(found, np.bool_))
