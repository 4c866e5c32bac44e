"""``virnucpro embed``: sequence files in, feature files out."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from virnucpro.cli.exit_codes import ExitCode
from virnucpro.cli.options import device_option, dtype_option, threads_option, use_threads
from virnucpro.cli.talk import ResidueProgress, Talk
from virnucpro.errors import ConfigError, InputError, StoreError
from virnucpro.models.catalog import DEFAULT_MODEL

if TYPE_CHECKING:
    from virnucpro.embedding.records import Limits
    from virnucpro.models.encoders import Encoder
    from virnucpro.models.placement import Placement
    from virnucpro.runs.manifests import Receipt
    from virnucpro.verbs.embed_plan import EmbeddingPlan, Job
    from virnucpro.verbs.embed_run import Report

FILES_BETWEEN_MILESTONES = 100


class TokenBudget(click.ParamType[int | None]):
    """``auto`` or a positive number."""

    name = "auto|N"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        if value == "auto":
            return None
        if not value.isdecimal() or int(value) == 0:
            self.fail(f"{value!r} is neither 'auto' nor a positive number", param, ctx)
        return int(value)


@dataclass(frozen=True)
class Choices:
    """What the user chose, as click gives it."""

    inputs: Sequence[Path]
    outdir: Path
    model: str
    max_residues: int
    max_tokens: int | None
    overwrite: bool


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...", type=click.Path(path_type=Path))
@click.option("-o", "--outdir", required=True, type=click.Path(file_okay=False, path_type=Path), help="Result folder.")
@click.option(
    "--model", default=DEFAULT_MODEL, show_default=True, metavar="NAME|PATH",
    help="A name that 'virnucpro models' lists, a folder with config.json and weights, or fair-esm's .pt file. "
    "dnabert-s reads DNA, all others proteins.",
)  # fmt: skip
@device_option
@dtype_option
@click.option(
    "--max-residues", type=click.IntRange(min=1), default=1024, show_default=True,
    help="Residues of a protein, or letters of a DNA sequence, that are used, from the first.",
)  # fmt: skip
@click.option(
    "--max-tokens", type=TokenBudget(), default="auto", show_default=True,
    help="Tokens of one batch: residues, or pieces of DNA, plus two per sequence.",
)  # fmt: skip
@threads_option
@click.option("--overwrite", is_flag=True, help="Make every result anew, whatever is there.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but warnings and errors.")
def embed(device: str, dtype: str, threads: int | None, quiet: bool, **chosen: object) -> int:
    """Turn sequences into vectors: x.faa or x.fasta.gz gives OUTDIR/x_ESM.pt and, beside it, a receipt.

    INPUT is protein FASTA, or, for --model dnabert-s, DNA in FASTA or FASTQ, which gives OUTDIR/x_DNABERT_S.pt;
    plain or compressed with gz, bz2, xz or zst. "-" reads it from standard input and gives OUTDIR/stdin_ESM.pt.
    Started again after an interruption, the same command does what is left.
    """
    # torch is imported here, not above: --help must be quick
    from virnucpro.embedding.records import Limits
    from virnucpro.models.hub import find_molecule
    from virnucpro.models.placement import choose_placement
    from virnucpro.verbs.embed_plan import make_jobs

    choices, talk = Choices(**chosen), Talk(quiet)  # type: ignore[arg-type]
    use_threads(threads)
    placement = choose_placement(device, dtype)
    limits = Limits(choices.max_residues, choices.max_tokens)
    molecule = find_molecule(choices.model)
    with spooled_stdin(choices.inputs) as (sources, spool):
        jobs = make_jobs(sources, choices.outdir, molecule, spool)
        plan, encoder = _prepare(choices, jobs, placement, limits, talk)
        report = _carry_out_aloud(plan, encoder, limits, talk)
    talk.say(_sum_up(report))
    if report.refused_files:
        return ExitCode.BAD_INPUT
    return ExitCode.SOME_FAILED if report.counts.failed or report.skipped.failed else ExitCode.DONE


def _prepare(
    choices: Choices, jobs: Sequence[Job], placement: Placement, limits: Limits, talk: Talk
) -> tuple[EmbeddingPlan, Encoder | None]:
    """Check everything that can be wrong before any work: inputs, then weights, then results, then the folder."""
    from virnucpro.models.encoders import encoder_of
    from virnucpro.models.hub import find_checkpoint
    from virnucpro.runs.files import require_writable
    from virnucpro.verbs.embed_plan import compare_with_results, look_at_inputs

    inputs = look_at_inputs(jobs, limits, choices.overwrite)
    checkpoint = find_checkpoint(choices.model)
    plan = compare_with_results(inputs, checkpoint.identity, placement, limits, choices.overwrite)
    if plan.pending or plan.refused:
        require_writable(choices.outdir)
    for doubt in plan.doubts():
        talk.warn(doubt)
    encoder = encoder_of(checkpoint, placement) if plan.pending else None
    budget = limits.max_tokens or (encoder.batch_tokens if encoder else 0)
    talk.say(f"model {checkpoint.name} on {placement.describe()}, batches of {budget:,} tokens")
    return plan, encoder


@contextmanager
def spooled_stdin(inputs: Sequence[Path]) -> Iterator[tuple[list[Path], Path | None]]:
    """Put standard input, where "-" asks for it, into a file: it is read twice, to plan and to embed."""
    if inputs.count(Path("-")) == 0:
        yield list(inputs), None
        return
    if inputs.count(Path("-")) > 1:
        raise ConfigError("standard input ('-') can be read only once")
    with ExitStack() as stack:
        try:
            spool = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="virnucpro-"))) / "stdin"
            with spool.open("wb") as stream:
                shutil.copyfileobj(sys.stdin.buffer, stream)
        except OSError as error:
            raise StoreError(
                f"cannot set standard input aside in a temporary file: {error.strerror or error}; free some space, or "
                "name a folder that has it in TMPDIR"
            ) from error
        yield [spool if path == Path("-") else path for path in inputs], spool


def _carry_out_aloud(plan: EmbeddingPlan, encoder: Encoder | None, limits: Limits, talk: Talk) -> Report:
    from virnucpro.verbs.embed_run import carry_out

    for job in plan.unchecked:
        talk.warn(f"{job.target} has no receipt: kept, could not be checked; --overwrite makes it anew")
    with ResidueProgress(sum(pending.survey.residues for pending in plan.pending), talk) as progress:
        return carry_out(plan, encoder, limits, Aloud(talk, progress, len(plan.pending)))


@dataclass
class Aloud:
    """Passes on what happens while a plan is carried out."""

    talk: Talk
    progress: ResidueProgress
    pending_files: int
    written_files: int = 0

    def advanced(self, residues: int) -> None:
        """Move the bar."""
        self.progress.advance(residues)

    def file_written(self, job: Job, receipt: Receipt) -> None:
        """Tell of failures, and of every hundredth file."""
        from virnucpro.runs.failures import FAILURE_LOG

        self.written_files += 1
        counts = receipt.counts
        if counts.failed:
            log = job.target.parent / FAILURE_LOG
            self.talk.warn(f"{job.label}: {counts.failed} of {counts.read} sequences failed, see {log}")
        if self.written_files % FILES_BETWEEN_MILESTONES == 0:
            self.talk.say(
                f"{self.written_files:,} of {self.pending_files:,} files written, {self.progress.done:,} residues"
            )

    def file_refused(self, _job: Job, error: InputError) -> None:
        """Tell of it at once; the run goes on."""
        self.talk.error(str(error))


def _sum_up(report: Report) -> str:
    """One line of counts that add up, and the rate."""
    counts = report.counts
    return (
        f"sequences: {counts.read:,} read, {counts.written:,} written, {counts.truncated:,} truncated, "
        f"{counts.failed:,} failed, {report.skipped.read:,} skipped; "
        f"files: {report.written_files:,} written, {report.skipped_files:,} skipped, {report.refused_files:,} refused; "
        f"{counts.residues:,} residues in {report.seconds:.1f} s, {report.residues_per_second:,.0f} residues/s"
    )
