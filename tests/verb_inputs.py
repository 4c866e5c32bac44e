"""Every verb that is a run, with a small input of many parts, for tests of what all of them have in common."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from conftest import random_dna, random_protein, write_fasta
from genbank_files import cds, record, write_genbank

VERBS = ("predict", "features", "embed", "prepare")


@dataclass
class Verb:
    """A verb with an input that suits it."""

    name: str
    options: list[str]
    input: Path
    result: str
    manifest: str

    def command(self, outdir, *more, source=None):
        return [self.name, str(source or self.input), "-o", str(outdir), *self.options, *map(str, more)]


def dna_records(count=60, seed=1):
    generator = np.random.default_rng(seed)
    return [(f"r{i}", random_dna(generator, int(generator.integers(120, 1500)))) for i in range(count)]


def verb_of(name, folder, models):
    """Write an input into a folder; `models` is the fixture of that name."""
    dna, protein = ["--dna-model", str(models / "dna")], ["--protein-model", str(models / "protein")]
    small = ["--dtype", "fp32", "-t", "1"]
    if name == "predict":
        path = write_fasta(folder / "x.fna", dna_records())
        classifier = ["--classifier", str(models / "classifier.safetensors")]
        options = [*classifier, *dna, *protein, *small, "--part-windows", "20"]
        return Verb(name, options, path, "calls.tsv", "run.json")
    if name == "features":
        path = write_fasta(folder / "x.fna", dna_records())
        options = [*dna, *protein, *small, "--window", "300", "--part-windows", "20"]
        return Verb(name, options, path, "x_part0001_merged.pt", "x_features.json")
    if name == "embed":
        generator = np.random.default_rng(1)
        path = write_fasta(folder / "x.faa", [(f"p{i}", random_protein(generator, 90)) for i in range(60)])
        options = ["--model", str(models / "protein"), *small, "--part-records", "10"]
        return Verb(name, options, path, "x_ESM.pt", "x_ESM.pt.json")
    gene = "ATG" + "GCC" * 99 + "TAA"
    records = [record(f"G{i}", gene * 3, cds("1..303", "M" + "A" * 99)) for i in range(60)]
    path = write_genbank(folder / "x.gbff", *records)
    return Verb(name, ["--window", "60"], path, "x_prepare.tsv", "x_prepare.json")


def contents(folder):
    """Every file and its bytes, nothing stray left out; of logs, what does not say when, and of reports, what does not say how."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.name == "virnucpro.log" or (path.name == ".virnucpro" and list(folder.glob("run.json"))):
            continue  # parts are kept for results of other output settings
        content = path.read_bytes()
        if path.name == "extraction_failures.log":
            found[path.name] = [line.split(b" | ", 1)[1] for line in content.splitlines()]
        elif path.name == "report.html":
            found[path.name] = re.sub(rb'"Command","[^"]*"', b"", content)
        else:
            found[path.name] = without_times(content) if path.suffix == ".json" else content
    return found


def without_times(manifest):
    """A manifest without what differs from run to run of the same command."""
    content = json.loads(manifest)
    if "results" in content:  # a manifest; the report shows the command
        content["results"] = [one for one in content["results"] if one["path"] != "report.html"]
    return {name: value for name, value in content.items() if name not in ("execution", "command")}
