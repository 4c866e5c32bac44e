"""The model card: what the model is, what made it, how good it is, and what is known of the data it was made from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from recipes.mini.genomes import CLASSES, VIRAL_CLASSES
from recipes.mini.windows import TRAINING_SHARES

__all__ = ["CARD", "auroc_table", "digest_of", "figures_table", "write_card"]

CARD = "MODEL_CARD.md"
LEAD_OVER = ("5-mers", "codons")

HOST_SHARES = {name: share for name, share in TRAINING_SHARES.items() if name in CLASSES[VIRAL_CLASSES:]}

_TEXT = """# mini

A small model that comes with VirNucPro: an ESM-2 of {protein_layers} layers over stretches without stop codons and a
DNABERT-S of {dna_layers} layers over the codons of the window, read in the frame of the stretch, {width} numbers
wide each, and a perceptron that joins them.
It takes windows of 100 to 1,000 bp, {window_bp} where nothing else is said.

It is for a first look, without network, accelerator or other people's weights: {parameters} million parameters, where
FastESM2_650 and DNABERT-S have 767 million. With those and labelled sequences, train a classifier of your own.

## Made by

- command: `{command}`
- commit: {commit}
- seed: {seed}; {pretrain_steps:,} masked-language steps and {steps:,} steps on labels, {windows} windows each
- data: {records:,} records, sha256 of ids, names of relatives, classes and bases {data}
- weights: sha256 of the files below, in this order, {weights}

{files}

## What it was trained on, and what it was not

Records of a class and side: records, groups of relatives, bases. Groups share no name of a family, genus or genome
where the source tells one, and no 25-mer lies on two sides. For most plant viruses it tells only the species: one genus
(potyviruses, tobamoviruses, ...) may have species on all sides, and figures of eukaryotic viruses are of new species
rather than of new families. Before such places were masked, this share of them did:
{before}; after: {after}.

{sides}

A third of the viral bases are mycobacteriophages, then plant viruses, baculo- and iridoviruses. Microviridae,
Inoviridae, RNA phages, giant viruses and viruses of archaea are nearly absent, and so are most archaea and eukaryotes
among the hosts. Bacterial genomes keep their prophages, labelled as bacteria.

## How good it is

On the test side. Sequences without errors, as many of each class, weighted as in training: half viral.
Brackets: 95 % of {draws} draws of genomes, relatives together; a class of one group (the table above) widens none.
The halves are the same perceptron's, with zeros in place of the other half, the two length numbers kept; untrained is
the same architecture with its first weights. Codons (in the frame of the longest stretch) and canonical 5-mers are
counts under a perceptron of the same kind, on the same split and {windows_seen:,}
windows of the same sampler. AUROC, and by how much `mini` leads 5-mers and codons:

{auroc}

The rest; recall is at a share of false positives. The calibration error is over ten bins.

{figures}

Calls by level: share of sequences that are called viral, which for hosts is the share of false positives. Thresholds
were fitted on the validation side, so that of {held}, each by itself, no more than {targets} are called there at the
three levels; of archaea there is one group on a side. Of eukaryotes there is one group, too, and its thresholds do not
carry over to others: see the rates below. `fdr` is for hosts mixed as in training: {shares}.

{levels}
"""


def write_card(folder: Path, report: Mapping[str, Any], command: str, commit: str) -> None:
    """Write the card into a folder that `export` wrote.

    Parameters
    ----------
    folder : Path
        With the weights.
    report : mapping
        Of the run.
    command, commit : str
        What made the weights.
    """
    data, plan = report["data"], report["plan"]
    files = _weights(folder)
    text = _TEXT.format(
        **{key: report["shape"][key] for key in ("protein_layers", "dna_layers", "width")},
        **{key: plan[key] for key in ("seed", "pretrain_steps", "steps", "windows")},
        window_bp=report["window_bp"],
        parameters=f"{report['parameters'] / 1e6:.1f}",
        command=command,
        commit=commit,
        records=sum(side[0] for kind in data["sides"].values() for side in kind.values()),
        data=data["sha256"],
        weights=digest_of(folder),
        files="\n".join(f"- {file.relative_to(folder)}: {file.stat().st_size:,} bytes" for file in files),
        before=", ".join(f"{share:.2%} ({pair})" for pair, share in data["before"].items()),
        after=", ".join(f"{share:.2%}" for share in data["after"].values()),
        sides=_sides_table(data["sides"]),
        held=", ".join(report["held"]),
        targets=", ".join(f"{share:.0%}" for share in report["max_false_positives"].values()),
        shares=", ".join(f"{2 * share:.0%} {name}" for name, share in HOST_SHARES.items()),
        draws=report["draws"],
        windows_seen=report["baseline_windows"],
        auroc=auroc_table(report["test"]),
        figures=figures_table(report["test"]),
        levels=_levels_table(report["test"]),
    )
    (folder / CARD).write_text(text)


def digest_of(folder: Path) -> str:
    """Compute one digest of all weights and settings of a folder.

    Parameters
    ----------
    folder : Path
        From `export`.

    Returns
    -------
    str
        sha256 of the files' contents, in the order of their names, the card left out.
    """
    digest = hashlib.sha256()
    for file in _weights(folder):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def auroc_table(test: Mapping[str, Any]) -> str:
    """Lay out the AUROC of every model.

    Parameters
    ----------
    test : mapping
        By length: groups, and in each the models' figures.

    Returns
    -------
    str
        A Markdown table.
    """
    models = _models(test)
    rows = (
        [length, group, *_intervals(of, models, "auroc"), *_intervals(of, LEAD_OVER, "lead")]
        for length, found in test.items()
        for group, of in found["groups"].items()
    )
    return _table(["bp", "compared", *models, *(f"lead over {name}" for name in LEAD_OVER)], rows)


def figures_table(test: Mapping[str, Any]) -> str:
    """Lay out the other figures: of `mini` for every group, of the others for all.

    Parameters
    ----------
    test : mapping
        As for `auroc_table`.

    Returns
    -------
    str
        A Markdown table.
    """
    head = ["bp", "compared", "model", "AUPRC", "recall at 1 %", "recall at 5 %", "calibration error"]
    return _table(head, _figure_rows(test))


def _figure_rows(test: Mapping[str, Any]) -> Iterator[list[str]]:
    models = _models(test)
    for length, found in test.items():
        for group, of in found["groups"].items():
            for name in models if group == "all" else models[:1]:
                numbers = [_interval(of[name][key]) for key in ("auprc", "recall_at_1", "recall_at_5")]
                error = of[name].get("calibration_error")
                yield [length, group, name, *numbers, "" if error is None else f"{error:.3f}"]


def _models(test: Mapping[str, Any]) -> list[str]:
    """Names of the models: `mini` first."""
    groups = next(iter(test.values()))["groups"]
    return [name for name, facts in groups["all"].items() if isinstance(facts, dict)]


def _levels_table(test: Mapping[str, Any]) -> str:
    classes = list(next(iter(test.values()))["levels"]["default"])
    rows = (
        [length, level, *(f"{shares[name]:.1%}" if name in shares else "" for name in classes)]
        for length, found in test.items()
        for level, shares in found["levels"].items()
    )
    return _table(["bp", "level", *classes], rows)


def _sides_table(sides: Mapping[str, Mapping[str, list[int]]]) -> str:
    head = ["class", *next(iter(sides.values()))]
    rows = ([kind, *(" / ".join(f"{n:,}" for n in numbers) for numbers in of.values())] for kind, of in sides.items())
    return _table(head, rows)


def _intervals(of: Mapping[str, Any], models: Iterable[str], figure: str) -> list[str]:
    return [_interval(of[name][figure]) for name in models]


def _interval(numbers: list[float]) -> str:
    value, low, high = numbers
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def _table(head: list[str], rows: Iterator[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _weights(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file() and file.name != CARD)
