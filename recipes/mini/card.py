"""The card beside the weights, from a run's report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from recipes.mini.calibration import HOST_MIX, LEVELS
from recipes.mini.curve import curve_table
from recipes.mini.data import CLASSES, Records
from recipes.mini.evolution import MAX_AMINO, MAX_SILENT
from recipes.mini.export import FILES, sha256_of
from recipes.mini.report import calls_table, figures_table
from recipes.mini.split import SIDES, UNUSED, Split
from recipes.mini.windows import CLASS_SHARES, GENE_SHARE, TILE_BP, TRAP_SHARE

__all__ = ["write_card"]


def write_card(folder: Path, report: dict[str, Any], records: Records, split: Split, command: str) -> None:
    """Write ``MODEL_CARD.md``."""
    parts = [
        _head(folder, report, records, command),
        _data(report, records, split),
        _quality(report),
        report.get("notes", ""),
    ]
    (folder / "MODEL_CARD.md").write_text("\n\n".join(part.strip() for part in parts if part.strip()) + "\n")


def _head(folder: Path, report: dict[str, Any], records: Records, command: str) -> str:
    sizes = "\n".join(f"- {name}: {(folder / name).stat().st_size:,} bytes" for name in FILES)
    return f"""# mini

A small network that reads DNA directly and tells phages, viruses of eukaryotes, bacteria, archaea, plasmids, organelles
and eukaryotes apart. It comes with VirNucPro and needs no download and no accelerator.

A window is read on both strands and in all six frames, in blocks of 32 codons of one frame. Each block is described by
the best match of each of 256 motifs of 8 codons, and by the mean embeddings of its codon pairs and of its words of four
amino acids; two layers look across frames and along each frame; the mean of all blocks, the best frame and the
strongest block make 256 features, and a linear layer makes 7 classes of them. The score of being viral is the sum of
the first two. A sequence and its reverse complement have exactly the same score.

It takes windows of 100 to 3,000 bp; longer records are cut into windows of about 3,000 bp and have the mean of their
log odds.

## Made by

- command: `{command}`
- windows: {report["windows"]:,} in all, of which {report["split_windows"]:,} make the network whose figures are below
- data: {len(records):,} records, {len(records.codes):,} bases, sha256 {records.digest}
- files: sha256 of the files below, in this order, {sha256_of(folder)}

{sizes}

The weights that ship were trained on all records. The figures are those of the same training on the training side
alone, and the calibration was fitted with that network: the shipped one has seen more, and should be no worse."""


def _data(report: dict[str, Any], records: Records, split: Split) -> str:
    heads = ("unused", *SIDES)
    lines = [f"| class | {' | '.join(heads)} |", "| " + "--- | " * (len(heads) + 1)]
    for kind, name in enumerate(CLASSES):
        for genes in (False, True):
            cells = []
            for side in (UNUSED, *range(len(SIDES))):
                rows = (records.classes == kind) & (records.genes == genes) & (split.sides == side)
                groups = len(np.unique((split.groups if side < 3 else split.genomes)[rows]))
                cells.append(f"{rows.sum():,} / {groups:,} / {records.lengths[rows].sum() / 1e6:.1f}")
            if (records.classes[records.genes == genes] == kind).any():
                lines.append(f"| {name.replace('_', ' ')}, {'genes' if genes else 'genomes'} | {' | '.join(cells)} |")
    names = [name.replace("_", " ") for name in CLASSES]
    shares = ", ".join(f"{name} {share:.0%}" for name, share in zip(names, CLASS_SHARES, strict=True))
    return f"""## Data and splits

Records / groups or genomes / million bases. *Family* sides: groups of relatives (by name of family, genus or genome,
or by shared 25-mers) of which nothing is in training; records related to them otherwise are unused, and a window with
any sampled 25-mer of the training side is left out. *Record* sides: genomes of groups whose other genomes are in
training; windows of which more than half of the 25-mers are in training are left out. Genes of viruses have no family
name, so a family side may hold a distant relative of a gene in training.

{chr(10).join(lines)}

Windows of 100 to 3,000 bp, as many bases of every length, cut at random places: {shares}. Within a class
{GENE_SHARE:.0%} of the windows come from genes (neighbouring genes of one genome joined), the others from genomes;
groups weigh as the root of their bases. Half of the windows are replaced by made-up relatives: in the frame with the
longest ORF, up to {MAX_AMINO:.0%} of the codons are replaced by codons of other amino acids, drawn by BLOSUM62, and up
to {MAX_SILENT:.0%} by codons of the same one. Half have up to 2 % wrong bases, 6 % some unknown ones; 4 % are shuffled
windows and repeats, which count as not viral. While the rate falls, the label counts half; the other half is the mean
prediction of other networks (teachers) that were trained on the training side.

Genomes of hosts hold proviruses under the label of the host. Two networks, each trained without half of the hosts,
scored the other half in tiles of {TILE_BP:,} bp: {report["hidden_bp"] / 1e6:.1f} million bases in runs of high tiles
are left out of training, and the {report["traps"]:,} other high tiles, such as ribosomal operons, give
{TRAP_SHARE:.0%} of the windows of prokaryotes.

What is thin: herpes-, pox- and adenoviruses, giant viruses and RNA phages as whole genomes, Microviridae, Inoviridae;
among hosts fungi, protists, animals other than vertebrates, and archaea."""


def _quality(report: dict[str, Any]) -> str:
    mix = ", ".join(f"{share:.0%} {name}" for name, share in HOST_MIX.items())
    levels = ", ".join(f"{name} {mixed:.1%} ({capped:.0%})" for name, (mixed, capped) in LEVELS.items())
    return f"""## How good it is

AUROC of windows cut from genomes, 95 % intervals by drawing genomes (family side: groups of relatives) again.
Baselines: a perceptron on counts of canonical 5-mers, and on codons of the frame with fewest stop codons, trained on
windows of the same sampler.

### Family split: nothing related in training

{figures_table(report["figures"], "family-test")}

### Record split: relatives known, sequence new

{figures_table(report["figures"], "record-test")}

### The same, windows of genes alone (family split)

{figures_table(report["figures"], "family-test", genes=True)}

### Learning curve

AUROC of phages against prokaryotes and of eukaryotic viruses against eukaryotes and bacteria, on windows of the
network's own training records and on the validation sides, after a training that ends after so many windows. The last
row is the network of the tables above.

{curve_table(report["curve"])}

## Calls

Share of sequences that are called viral, windows of genomes; for hosts these are false positives. Thresholds were
fitted on the family-validation side for false positives over mixed hosts ({mix}), and at most so many of bacteria and
of eukaryotes, each alone: {levels}. ECE: expected calibration error when half of all sequences are viral.

### Family split

{calls_table(report["calls"], "family-test")}

### Record split

{calls_table(report["calls"], "record-test")}"""
