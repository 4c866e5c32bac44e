"""One file after another, as the original VirNucPro's scripts ask for it."""

from dataclasses import replace

import pytest
import torch

from conftest import write_fasta
from virnucpro import StoreError, extract_DNABERT_S, extract_fast_esm, process_file_pro, process_file_seq
from virnucpro.models.catalog import DEFAULT_DNA_MODEL, DEFAULT_MODEL, catalogue_identity
from virnucpro.models.placement import choose_placement
from virnucpro.verbs import given_models

WIDTHS = {"fastesm2-650": 128, "dnabert-s": 96}


@pytest.fixture
def published(monkeypatch, protein_encoder, dna_encoder):
    """Random encoders with the names and revisions of the default models; what was read is listed."""
    encoders = {}
    for name, encoder in ((DEFAULT_MODEL, protein_encoder), (DEFAULT_DNA_MODEL, dna_encoder)):
        identity = replace(catalogue_identity(name), weights_sha256="f" * 64)
        encoders[name] = replace(encoder, identity=identity, placement=choose_placement())
    reads = []
    monkeypatch.setattr("virnucpro.verbs.embedding_model.find_checkpoint", lambda name: reads.append(name) or name)
    monkeypatch.setattr("virnucpro.models.encoders.encoder_of", lambda name, _: encoders[name])
    monkeypatch.setattr("virnucpro.features.vectors.catalogue_width", lambda identity: WIDTHS[identity.name])
    given_models.default_model.cache_clear()
    yield reads
    given_models.default_model.cache_clear()


@pytest.mark.parametrize(
    ("process", "suffix", "kind"),
    [(process_file_seq, "_DNABERT_S.pt", "nucleotide"), (process_file_pro, "_ESM.pt", "protein")],
)
def test_output_stands_beside_the_input_and_is_not_made_twice(tmp_path, published, process, suffix, kind):
    folder = tmp_path / "data" / f"x.fa.v1.identified_{kind}"  # cutting at the first '.fa' would leave the folder
    folder.mkdir(parents=True)
    fasta = write_fasta(folder / "output_1.fa", [("a", "ACGTAC"), ("b", "GGG")])
    target = process(str(fasta))
    assert target == folder / f"output_1{suffix}"
    assert len(torch.load(target, weights_only=True)["data"]) == 2
    assert len(published) == 1
    target.unlink()
    merged = tmp_path / "data" / "data_merge" / "x.fa.v1_merged" / "output_1_merged.pt"
    merged.parent.mkdir(parents=True)
    merged.write_bytes(b"")
    given_models.default_model.cache_clear()
    assert process(fasta) == target
    assert not target.exists()
    merged.rename(folder / "output_1_merged.pt")
    assert process(fasta) == target
    assert len(published) == 1
    assert process(fasta, overwrite=True).exists()


@pytest.mark.parametrize(
    ("process", "extract"), [(process_file_seq, extract_DNABERT_S), (process_file_pro, extract_fast_esm)]
)
def test_a_finished_file_needs_no_weights(tmp_path, published, process, extract):
    """Its manifest names a model of the catalogue, and its revision."""
    fasta = write_fasta(tmp_path / "output_1.fa", [("a", "ACGTAC"), ("b", "GGG")])
    target = process(fasta)
    written = target.stat()
    given_models.default_model.cache_clear()
    published.clear()
    assert process(fasta) == target
    assert extract(fasta, target)[0] == ["a", "b"]
    assert (published, target.stat().st_mtime_ns) == ([], written.st_mtime_ns)
    write_fasta(fasta, [("a", "ACGTAC")])
    with pytest.raises(StoreError, match="made from something else"):
        process(fasta)
    assert published == []
