"""``virnucpro embed``: sequence files in, feature files out."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from virnucpro.cli.options import device_option, dtype_option, threads_option, use_threads
from virnucpro.cli.talk import ResidueProgress, Talk
from virnucpro.errors import ConfigError, InputError

if TYPE_CHECKING:
    from virnucpro.embedding.records import Limits
    from virnucpro.models.encoders import Encoder
    from virnucpro.pipeline.embed import EmbeddingPlan, Job, Report
    from virnucpro.store.receipts import Receipt

BAD_INPUT, SOME_FAILED = 3, 5
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


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...", type=click.Path(path_type=Path))
@click.option("-o", "--outdir", required=True, type=click.Path(file_okay=False, path_type=Path), help="Result folder.")
@click.option(
    "--model", default="fastesm2-650", show_default=True, metavar="NAME|PATH",
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
def embed(
    inputs: Sequence[Path], outdir: Path, model: str, device: str, dtype: str,
    max_residues: int, max_tokens: int | None, threads: int | None, overwrite: bool, quiet: bool,
) -> int:  # fmt: skip
    """Turn sequences into vectors: x.faa or x.fasta.gz gives OUTDIR/x_ESM.pt and, beside it, a receipt.

    INPUT is protein FASTA, or, for --model dnabert-s, DNA in FASTA or FASTQ, which gives OUTDIR/x_DNABERT_S.pt;
    plain or compressed with gz, bz2, xz or zst. "-" reads it from standard input and gives OUTDIR/stdin_ESM.pt.
    Started again after an interruption, the same command does what is left.
    """
    # torch is imported here, not above: --help must be quick
    from virnucpro.embedding.records import Limits
    from virnucpro.models.encoders import encoder_of
    from virnucpro.models.hub import find_checkpoint, find_molecule
    from virnucpro.models.placement import choose_placement
    from virnucpro.pipeline.embed import default_max_tokens, make_jobs, plan_embedding

    talk = Talk(quiet)
    use_threads(threads)
    with spooled_stdin(inputs) as (sources, spool):
        jobs = make_jobs(sources, outdir, find_molecule(model))
        jobs = [replace(job, label="-") if job.source == spool else job for job in jobs]
        placement = choose_placement(device, dtype)
        limits = Limits(max_residues, max_tokens or default_max_tokens(placement))
        checkpoint = find_checkpoint(model)
        if checkpoint.untrained:
            talk.warn(f"model '{checkpoint.name}' is untrained: its vectors mean nothing; it is for trying things out")
        plan = plan_embedding(jobs, checkpoint.identity, placement, limits, overwrite)
        talk.say(f"model {checkpoint.name} on {placement.describe()}, batches of {limits.max_tokens:,} tokens")
        encoder = encoder_of(checkpoint, placement) if plan.pending else None
        report = _carry_out_aloud(plan, encoder, limits, talk)
    talk.say(_sum_up(report))
    if report.refused_files:
        return BAD_INPUT
    return SOME_FAILED if report.counts.failed or report.skipped.failed else 0


@contextmanager
def spooled_stdin(inputs: Sequence[Path]) -> Iterator[tuple[list[Path], Path | None]]:
    """Put standard input, where "-" asks for it, into a file: it is read twice, to plan and to embed."""
    if inputs.count(Path("-")) == 0:
        yield list(inputs), None
        return
    if inputs.count(Path("-")) > 1:
        raise ConfigError("standard input ('-') can be read only once")
    with tempfile.TemporaryDirectory(prefix="virnucpro-") as folder:
        spool = Path(folder) / "stdin"
        with spool.open("wb") as stream:
            shutil.copyfileobj(sys.stdin.buffer, stream)
        yield [spool if path == Path("-") else path for path in inputs], spool


def _carry_out_aloud(plan: EmbeddingPlan, encoder: Encoder | None, limits: Limits, talk: Talk) -> Report:
    from virnucpro.pipeline.embed import carry_out

    for job in plan.unchecked:
        talk.warn(f"{job.target} has no receipt: kept, could not be checked; --overwrite makes it anew")
    with ResidueProgress(sum(pending.residues for pending in plan.pending), talk) as progress:
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
        from virnucpro.store.failures import FAILURE_LOG

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
