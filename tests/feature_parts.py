"""Merged parts as tests need them: genomes that differ in class, and from each other, with manifests that say so."""

import json

import numpy as np
import torch

from virnucpro.features.merged import write_merged
from virnucpro.features.spec import EncoderUse, FeatureSpec
from virnucpro.records import FileIdentity, ModelIdentity
from virnucpro.runs.manifest import Manifest

LABELS = {"host": 0, "non-viral": 0, "viral": 1}
DNA = EncoderUse(6, ModelIdentity("dna-model", None, "d" * 64, {"width": 6}))
PROTEIN = EncoderUse(10, ModelIdentity("protein-model", "rev", "e" * 64, {"width": 10, "token_dropout": True}))
SPEC = FeatureSpec(500, DNA, PROTEIN)


def write_part(path, ids, vectors, label, spec=SPEC, window_bp=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        write_merged(stream, ids, np.asarray(vectors, np.float32), label, window_bp)
    manifest = {"format": 1, "results": [{"path": path.name, "size": path.stat().st_size, "sha256": "0" * 64}]}
    content = manifest | ({"spec": spec.to_dict()} if spec else {})
    path.with_name(path.name + ".json").write_text(json.dumps(content))
    return path


def make_genomes(folder, name, seed=0, records=8, rows=24, shift=1.0, spread=1.0, spec=SPEC):
    """Write two parts; rows scatter around a centre of their own record, records around that of their class."""
    generator = np.random.default_rng([seed, LABELS[name]])
    ids, vectors = [], []
    for record in range(records):
        centre = generator.normal(size=spec.width) * spread + shift * (2 * LABELS[name] - 1)
        for row in range(rows):
            ids.append(f"{name}{record}_chunk_{row // 3 + 1}{('F1', 'F2', 'R3')[row % 3]}")
            vectors.append(centre + 0.5 * generator.normal(size=spec.width))
    middle = len(ids) // 2
    write_part(folder / "output_2_merged.pt", ids[:middle], vectors[:middle], LABELS[name], spec)
    write_part(folder / "output_10_merged.pt", ids[middle:], vectors[middle:], LABELS[name], spec)
    return folder


def write_dna(path, rows):
    """Write the file that VirNucPro's DNA extraction writes."""
    data = [{"label": id_, "mean_representation": [float(x) for x in vector]} for id_, vector in rows]
    torch.save({"nucleotide": [id_ for id_, _ in rows], "data": data}, path)
    return path


def write_proteins(path, rows):
    data = [torch.tensor(vector, dtype=torch.float32) for _, vector in rows]
    torch.save({"proteins": [id_ for id_, _ in rows], "data": data}, path)
    return path


def write_extraction_manifest(result, identity, **settings):
    """Put a manifest beside a feature file, as an extraction does."""
    written = FileIdentity(result.name, result.stat().st_size, "0" * 64)
    models = {identity.molecule.value: identity}
    manifest = Manifest((FileIdentity("x", 1, "0" * 64),), models, settings, results=(written,))
    result.with_name(result.name + ".json").write_bytes(manifest.to_json())


def read_json_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]
