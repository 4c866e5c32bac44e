"""Windows through an exported model, by the package's own stages: what users will get, not what training saw."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recipes.mini.export import CLASSIFIER
from recipes.mini.halves import HALVES, absent_columns
from virnucpro.embedding.records import Limits
from virnucpro.features.classifier import Classifier, load_classifier
from virnucpro.models.catalog import MINI, MINI_DNA, PACKAGED
from virnucpro.models.checkpoints import open_checkpoint
from virnucpro.models.encoders import encoder_of
from virnucpro.models.placement import choose_placement
from virnucpro.records import Record
from virnucpro.verbs.frame_features import FrameEncoders, embed_frames
from virnucpro.verbs.framing import frame_parts

__all__ = ["ExportedModel", "WindowLogits"]


@dataclass(frozen=True, eq=False)
class WindowLogits:
    """Windows of some sequences, those that have a row, with their mean logits.

    Attributes
    ----------
    sequences : numpy.ndarray, shape (windows,), int64
        Which sequence each is of, from 0; ascending.
    lengths_bp : numpy.ndarray, shape (windows,), int64
        Bases of each.
    logits : dict of str to numpy.ndarray, shape (windows,), float64
        By `HALVES`: with both halves, and with one alone.
    """

    sequences: NDArray[np.int64]
    lengths_bp: NDArray[np.int64]
    logits: dict[str, NDArray[np.float64]]


class ExportedModel:
    """A folder that `export` wrote, loaded.

    Parameters
    ----------
    folder : Path
        The folder.
    dtype : str, default: "auto"
        Number format of the encoders.
    """

    def __init__(self, folder: Path, dtype: str = "auto") -> None:
        placement = choose_placement(dtype=dtype)
        dna, protein = (
            encoder_of(open_checkpoint(folder / PACKAGED[name].folder, name), placement) for name in (MINI_DNA, MINI)
        )
        self.encoders = FrameEncoders(dna, protein)
        self.classifier: Classifier = load_classifier(folder / CLASSIFIER)

    def logits(self, sequences: list[bytes], window_bp: int) -> WindowLogits:
        """Compute logits of all windows.

        Parameters
        ----------
        sequences : list of bytes
            Nucleotides; of each at least one window has to be mostly known.
        window_bp : int
            Bases of a window.

        Returns
        -------
        WindowLogits
            Of all windows that have a row, sequence by sequence.
        """
        records = (Record(number, "", sequence.decode()) for number, sequence in enumerate(sequences))
        owners, lengths, found = [], [], []
        for part in frame_parts(records, window_bp, rule="longest"):
            features = embed_frames(part, self.encoders, Limits(window_bp), lambda _: None)
            windows = np.array([frame.window_row for frame in part.frames])[features.frame_rows]
            rows = np.stack([self._of_rows(features.table.vectors, half) for half in HALVES])
            counts = np.bincount(windows, minlength=len(part.windows))
            known = np.flatnonzero(counts)
            sums = np.stack([np.bincount(windows, one, len(part.windows)) for one in rows])
            found.append(sums[:, known] / counts[known])
            owners += [part.windows[row].record_number for row in known]
            lengths += [part.windows[row].end - part.windows[row].start for row in known]
        means = np.concatenate(found, axis=1)
        return WindowLogits(np.array(owners), np.array(lengths), dict(zip(HALVES, means, strict=True)))

    def _of_rows(self, vectors: NDArray[np.float32], half: str) -> NDArray[np.float64]:
        """Logits of rows, the other half put to zeros as in training."""
        widths = (part.width for part in self.classifier.spec.parts.values())
        kept = vectors.copy()
        kept[:, absent_columns(*widths)[half]] = 0
        return self.classifier.log_odds(kept)
