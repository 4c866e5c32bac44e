"""``predict``: reads and contigs in, a call for every one of them out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from virnucpro.errors import ConfigError
from virnucpro.models.catalog import MINI
from virnucpro.runs.engine import execute
from virnucpro.runs.progress import ProgressCallback
from virnucpro.runs.run import Outcome, Run
from virnucpro.scoring.calibration import Level
from virnucpro.verbs.calling import Calling
from virnucpro.verbs.inputs import PathLike, require_once
from virnucpro.verbs.samples import Sample, require_files, samples_of_files
from virnucpro.verbs.summary import require_folder_of_samples, write_summary
from virnucpro.writers.writer import TableFormat

__all__ = ["PredictSettings", "Prediction", "SampleCalls", "predict"]

MANIFEST = "run.json"


@dataclass(frozen=True, slots=True)
class PredictSettings:
    """Settings of `predict`.

    Attributes
    ----------
    classifier : str
        "mini", the packaged classifier, or the file of one.
    dna_model, protein_model : str or None
        Encoders by name, folder or Hugging Face ID; None takes those that the classifier was trained with.
    window_bp : int or None
        Window length in bases; None takes that of the classifier.
    translation_table : int
        NCBI translation table of the ORFs.
    min_length_bp : int
        Shorter sequences are not scored.
    min_score : float or None
        Call a sequence viral from this score on, whatever its length.
    level : {"conservative", "default", "relaxed"}
        Which calibrated thresholds decide.
    max_fdr : float or None
        Call as many sequences viral as keep the estimated false discovery rate at or below this.
    prior : float, "auto" or None
        Expected share of viral sequences; "auto" estimates it from the scores of the input.
    figures : sequence of {"png", "svg", "pdf"}
        Formats in which the figures of the report are also written.
    outputs : collection of str or None
        Which results to write, such as ("calls", "viral"); None takes the default ones.
    table_format : {"tsv", "parquet"}
        Format of the tables of calls, windows and regions; Parquet needs pyarrow.
    class_scores : bool
        A column of probabilities for every class, where the classifier has classes.
    single_windows : bool
        Also list windows of records that have just one.
    device : str
        "auto", "cpu", "cuda", "cuda:1", "mps", ...
    dtype : {"auto", "fp32", "bf16", "fp16"}
        Precision of the encoders.
    max_tokens : int or None
        Tokens per batch of an encoder; None chooses by device memory.
    part_windows : int or None
        Windows per part, the unit of resumption; None chooses by the speed of the device.
    """

    classifier: str = MINI
    dna_model: str | None = None
    protein_model: str | None = None
    window_bp: int | None = None
    translation_table: int = 1
    min_length_bp: int = 100
    min_score: float | None = None
    level: Level = "default"
    max_fdr: float | None = None
    prior: float | Literal["auto"] | None = None
    figures: Sequence[str] = ()
    outputs: Collection[str] | None = None
    table_format: TableFormat = "tsv"
    class_scores: bool = False
    single_windows: bool = False
    device: str = "auto"
    dtype: str = "auto"
    max_tokens: int | None = None
    part_windows: int | None = None

    def check(self) -> None:
        """Refuse what cannot work, before any input is read."""
        Calling.of(self)


@dataclass(frozen=True, eq=False)
class SampleCalls:
    """What `predict` did with one sample.

    Attributes
    ----------
    name : str
        Name of the sample.
    outdir : Path
        Folder with its results.
    outcome : Outcome
        What was computed or skipped, and the manifest.
    """

    name: str
    outdir: Path
    outcome: Outcome

    @property
    def counts(self) -> Mapping[str, Any]:
        """Records by call and status, bases, rows; empty when nothing was written."""
        return self.outcome.manifest.counts if self.outcome.manifest else {}


@dataclass(frozen=True, eq=False)
class Prediction:
    """What `predict` did.

    Attributes
    ----------
    samples : tuple of SampleCalls
        One for each sample, in order.
    outdir : Path
        Folder with all results.
    device : str
        Device and number format.
    """

    samples: tuple[SampleCalls, ...]
    outdir: Path
    device: str

    @property
    def counts(self) -> Mapping[str, Any]:
        """Records by call and status, bases, rows, of all samples together; empty when nothing was written."""
        total: dict[str, Any] = {}
        for sample in self.samples:
            for name, count in sample.counts.items():
                if isinstance(count, Mapping):
                    total[name] = dict(Counter(total.get(name, {})) + Counter(count))
                else:
                    total[name] = total.get(name, 0) + count
        return total


def predict(
    inputs: PathLike | Sequence[PathLike] | Sequence[Sample],
    outdir: PathLike,
    settings: PredictSettings | None = None,
    *,
    paired: bool = False,
    overwrite: bool = False,
    progress: ProgressCallback | None = None,
    stdin: Path | None = None,
    command: str | None = None,
) -> Prediction:
    """Call every record of FASTA, FASTQ or GenBank files viral or non-viral.

    Started again after an interruption, it continues from what is saved; finished results are kept.

    Parameters
    ----------
    inputs : path, sequence of path or sequence of Sample
        Reads or contigs, plain or compressed with gz, bz2, xz or zst. Each of several files is a sample of its own.
    outdir : path
        Folder for ``calls.tsv`` (one row per record, in input order), ``viral.fasta``, tables of windows and regions,
        ``report.html`` and ``run.json``, which is written last. Several samples, or those given as `Sample`, have a
        folder each in it, with ``summary.tsv`` and a common ``report.html`` beside them.
    settings : PredictSettings, optional
        Classifier, encoders, windows, thresholds, outputs, device. By default the packaged ``mini``.
    paired : bool, default: False
        Whether paths are first and second mates in turn; mates are called together.
    overwrite : bool, default: False
        Recompute everything, ignoring existing results.
    progress : callable, optional
        Called with a `Progress` after every batch.
    stdin : path, optional
        The input that messages call "-".
    command : str, optional
        The command line, for ``run.json``.

    Returns
    -------
    Prediction
        Counts, and what was computed or skipped.

    Raises
    ------
    InputError
        If an input cannot be read, mates do not match, or an input changes while it is read. One of several samples
        costs no other its results.
    ConfigError
        If settings exclude each other or do not suit the classifier.
    WeightsError
        If weights are missing or damaged.
    StoreError
        If the folder holds results of something else, or cannot be written.

    Examples
    --------
    >>> from virnucpro import predict
    >>> done = predict("contigs.fasta", "calls")  # doctest: +SKIP
    >>> done.counts["calls"]  # doctest: +SKIP
    {'viral': 12, 'non-viral': 88, 'not_scored': 0}
    """
    settings = settings or PredictSettings()
    job = Calling.of(settings)
    given, apart = _samples(inputs, paired, stdin)
    require_once([file for sample in given for file in sample.files])
    if apart:
        require_folder_of_samples(Path(outdir))
    folders = [Path(outdir) / sample.name if apart else Path(outdir) for sample in given]
    runs = [
        _run(job.of_sample(sample, sample.open(stdin), command), folder)
        for sample, folder in zip(given, folders, strict=True)
    ]
    outcomes = execute(runs, overwrite=overwrite, strict=not apart, progress=progress)
    samples = tuple(map(SampleCalls, (sample.name for sample in given), folders, outcomes))
    if apart:
        write_summary(Path(outdir), [(one.name, one.outcome) for one in samples], overwrite)
    return Prediction(samples, Path(outdir), job.chosen.placement.describe())


def _samples(
    inputs: PathLike | Sequence[PathLike] | Sequence[Sample], paired: bool, stdin: Path | None
) -> tuple[list[Sample], bool]:
    """Make a sample of every file or pair of files, if they are none; and say whether each has a folder of its own."""
    several = [inputs] if isinstance(inputs, (str, Path)) or not isinstance(inputs, Sequence) else list(inputs)
    samples = [one for one in several if isinstance(one, Sample)]
    if samples:
        if len(samples) < len(several) or paired:
            raise ConfigError("samples say themselves which files they have; give no paths beside them, nor `paired`")
        return samples, True
    files = [Path(one) for one in several if not isinstance(one, Sample)]
    require_files(files)
    made = samples_of_files(files, paired, stdin)
    return made, len(made) > 1


def _run(job: Calling, outdir: Path) -> Run:
    """Make the run of one sample."""
    settings = job.settings
    return Run(
        "calls", job.sources, outdir, MANIFEST, job.files(), job.models(job.chosen.identities), job.described(), job,
        output_settings=job.shown(),
        keep_parts=True,
        also_read=[] if settings.classifier == MINI else [Path(settings.classifier)],
    )  # fmt: skip
