"""Snakemake wrapper for ``virnucpro predict``."""

__author__ = "The VirNucPro developers"
__license__ = "MIT"

from pathlib import Path

from snakemake.shell import shell

folders = {Path(path).parent for path in snakemake.output}
if len(folders) != 1:
    raise ValueError(
        f"the outputs of this rule must lie in one folder, and lie in {', '.join(map(str, sorted(folders)))}"
    )
outdir = folders.pop()

classifier = snakemake.input.get("classifier", "")
sequences = [path for path in snakemake.input if path != classifier]
model = ["--classifier", classifier] if classifier else []
extra = snakemake.params.get("extra", "")
log = snakemake.log_fmt_shell(stdout=True, stderr=True)

shell(
    "virnucpro predict {sequences:q} --outdir {outdir:q} --threads {snakemake.threads} {model:q} {extra} --quiet {log}"
)
