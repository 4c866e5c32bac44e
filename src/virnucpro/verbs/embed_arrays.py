"""``embed`` in memory: sequences in, an array out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from virnucpro.errors import ConfigError, InputError, shown
from virnucpro.models.catalog import DEFAULT_MODEL
from virnucpro.models.placement import choose_placement
from virnucpro.models.readout import Readout
from virnucpro.records import Failure, Molecule, Record
from virnucpro.runs.progress import Progress, ProgressCallback
from virnucpro.sequences.in_memory import SequencesInMemory
from virnucpro.sequences.reading import SequenceFile
from virnucpro.verbs.embed_records import (
    EmbeddedRecords,
    embed_records,
    logger,
    require_suitable,
    warn_of_truncation,
)
from virnucpro.verbs.embed_settings import EmbedSettings
from virnucpro.verbs.embedding_model import EmbeddingModel
from virnucpro.verbs.inputs import Sequences, open_sequences
from virnucpro.verbs.settings import with_options
from virnucpro.verbs.window_rows import letters

if TYPE_CHECKING:
    from virnucpro.models.encoders import Encoder
    from virnucpro.runs.run import Advance

__all__ = ["embed", "embed_chunks"]

RECORDS_AT_A_TIME = 10_000
FAILURES_IN_MESSAGE = 10
SAMPLE_RECORDS = 100

Vectors = NDArray[np.float32]


@overload
def embed(
    sequences: Sequences, model: str | Encoder = ..., settings: EmbedSettings | None = ..., *,
    per_residue: Literal[False] = ..., on_failure: Literal["raise", "nan"] = ...,
    progress: ProgressCallback | None = ..., **options: Any,  # noqa: ANN401
) -> Vectors: ...  # fmt: skip


@overload
def embed(
    sequences: Sequences, model: str | Encoder = ..., settings: EmbedSettings | None = ..., *,
    per_residue: Literal[True], on_failure: Literal["raise", "nan"] = ...,
    progress: ProgressCallback | None = ..., **options: Any,  # noqa: ANN401
) -> list[Vectors]: ...  # fmt: skip


def embed(
    sequences: Sequences,
    model: str | Encoder = DEFAULT_MODEL,
    settings: EmbedSettings | None = None,
    *,
    per_residue: bool = False,
    on_failure: Literal["raise", "nan"] = "raise",
    progress: ProgressCallback | None = None,
    **options: Any,
) -> Vectors | list[Vectors]:
    """Turn sequences into an array: one row per sequence, in the order given.

    Parameters
    ----------
    sequences : sequences or paths
        Text, a list of texts, a dict from names to texts, pairs of name and text, or records of dnaio, Biopython or
        scikit-bio. Or paths of FASTA or FASTQ files. Text that is not just letters, or that names an existing file, is
        a path.
    model : str or Encoder, default: "fastesm2-650"
        Name, folder or file of an encoder, or one from `load_encoder`, which is not loaded again at every call.
    settings : EmbedSettings, optional
        Layers, pooling, length limit, batch budget, device.
    per_residue : bool, default: False
        Give a vector for every residue, like ``pool="none"``; for DNABERT-S, for every token, ``[CLS]`` and ``[SEP]``
        included.
    on_failure : {"raise", "nan"}, default: "raise"
        What becomes of a sequence that has no vector, such as an empty one: an error that names it, or a row of NaN
        (no rows, with `per_residue`) and a warning in the log.
    progress : callable, optional
        Called with a `Progress` after every batch.
    **options
        Single settings by name, such as ``layers=[-2, -1]`` or ``pool="max"``; see `EmbedSettings`.

    Returns
    -------
    numpy.ndarray, shape (n, width times layers), float32
        With several layers, their vectors lie side by side. With `per_residue`, a list of n arrays of shape
        (residues, width times layers).

    Raises
    ------
    InputError
        If a file is bad, sequences are of the kind that the model does not read, or one of them has no vector.
    ConfigError
        If settings do not suit the model.
    WeightsError
        If weights are missing or damaged.

    See Also
    --------
    embed_files : Writes files, and continues after an interruption.

    Examples
    --------
    >>> from virnucpro import embed
    >>> embed(["ACGTTGCA", "GGATCC"], model="mini", device="cpu").shape
    (2, 256)
    """
    if on_failure not in ("raise", "nan"):
        raise ConfigError(f"on_failure is {on_failure!r:.100}; choose raise or nan")
    settings = with_options(settings or EmbedSettings(), options)
    readout = Readout.of(settings.layers, settings.pool, per_residue)
    named = model if isinstance(model, str) else settings.model
    settings = replace(settings, model=named, pool=readout.pool)
    sources = open_sequences(sequences)
    if isinstance(model, str):
        settings.check()
        chosen = EmbeddingModel.named(model, choose_placement(settings.device, settings.dtype))
    else:
        chosen = EmbeddingModel.loaded(model)
    encoder = chosen.reader(readout)
    found = [
        block
        for source in sources
        for block in _blocks(source, encoder, settings, on_failure, _teller(source, encoder, settings, progress))
    ]
    if readout.pool != "none":
        return np.concatenate([vectors for vectors, _ in found])
    return [own for vectors, counts in found for own in np.split(vectors, np.cumsum(counts)[:-1])]


def embed_chunks(
    source: SequenceFile | SequencesInMemory,
    encoder: Encoder,
    settings: EmbedSettings,
    advance: Advance = lambda _: None,
) -> Iterator[tuple[list[Record], EmbeddedRecords]]:
    """Embed the records of an input, some at a time."""
    records = iter(source)
    while chunk := list(islice(records, RECORDS_AT_A_TIME)):
        yield chunk, embed_records(encoder, chunk, settings, advance)


def _blocks(
    source: SequenceFile | SequencesInMemory,
    encoder: Encoder,
    settings: EmbedSettings,
    on_failure: Literal["raise", "nan"],
    advance: Advance,
) -> Iterator[tuple[Vectors, NDArray[np.int64]]]:
    """Give the vectors of an input, and how many each of its records has."""
    for warning in require_suitable(source.label, list(islice(source, SAMPLE_RECORDS)), encoder.architecture):
        logger.warning("%s", warning)
    read = truncated = 0
    for chunk, found in embed_chunks(source, encoder, settings, advance):
        read, truncated = read + len(chunk), truncated + found.counts["truncated"]
        if found.failures:
            told = _told(source.label, chunk, found.failures)
            if on_failure == "raise":
                raise InputError(f"{told}\nfix or leave them out, or add on_failure='nan' for rows of NaN")
            logger.warning("%s", told)
        yield _with_gaps(found, len(chunk), settings.pool == "none")
    if not read:
        raise InputError(f"{source.label}: holds no sequences")
    warn_of_truncation(source.label, truncated, read, settings.max_residues, "max_residues")


def _with_gaps(found: EmbeddedRecords, records: int, per_residue: bool) -> tuple[Vectors, NDArray[np.int64]]:
    """Leave a row of NaN for every record without a vector; where residues have them, none."""
    counts = np.full(records, 0 if per_residue else 1)
    counts[found.rows] = found.vector_counts
    if per_residue or len(found.rows) == records:
        return found.vectors, counts
    vectors = np.full((records, found.vectors.shape[1]), np.nan, np.float32)
    vectors[found.rows] = found.vectors
    return vectors, counts


def _told(label: str, chunk: Sequence[Record], failures: Sequence[Failure]) -> str:
    """Name the sequences that have no vector, and why."""
    lines = [
        f"{label}, record {chunk[failure.number].number} ({shown(failure.id)}): {failure.message}"
        for failure in failures[:FAILURES_IN_MESSAGE]
    ]
    more = len(failures) - len(lines)
    has = "sequence has" if len(failures) == 1 else "sequences have"
    return "\n".join([f"{len(failures)} {has} no vector", *lines, *([f"and {more} more"] if more else [])])


def _teller(
    source: SequenceFile | SequencesInMemory,
    encoder: Encoder,
    settings: EmbedSettings,
    progress: ProgressCallback | None,
) -> Advance:
    """Tell whoever asked how many letters are done; a file is read once more for their number."""
    if progress is None:
        return lambda _: None
    unit = "aa" if encoder.architecture.molecule is Molecule.PROTEIN else "b"
    state = Progress(unit, total=sum(min(letters(record), settings.max_residues) for record in source))

    def advance(residues: int) -> None:
        state.done += residues
        progress(state)

    return advance
