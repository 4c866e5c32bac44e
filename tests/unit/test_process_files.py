import pytest
import torch

from conftest import write_fasta
from virnucpro import process_file_pro, process_file_seq
from virnucpro.verbs import process_files


@pytest.fixture
def stand_ins(monkeypatch, protein_encoder, dna_encoder):
    """The default models need published weights; random ones stand in their place."""
    calls = []
    real_protein, real_dna = process_files.extract_fast_esm, process_files.extract_DNABERT_S

    def protein(file, out):
        calls.append(str(file))
        return real_protein(file, out, model=protein_encoder)

    def nucleotide(file, out):
        calls.append(str(file))
        return real_dna(file, out, model=dna_encoder, model_loaded=True)

    monkeypatch.setattr(process_files, "extract_fast_esm", protein)
    monkeypatch.setattr(process_files, "extract_DNABERT_S", nucleotide)
    return calls


@pytest.mark.parametrize(
    ("process", "suffix", "kind"),
    [(process_file_seq, "_DNABERT_S.pt", "nucleotide"), (process_file_pro, "_ESM.pt", "protein")],
)
def test_output_stands_beside_the_input_and_is_not_made_twice(tmp_path, stand_ins, process, suffix, kind):
    folder = tmp_path / "data" / f"x.fa.v1.identified_{kind}"  # cutting at the first '.fa' would leave the folder
    folder.mkdir(parents=True)
    fasta = write_fasta(folder / "output_1.fa", [("a", "ACGTAC"), ("b", "GGG")])
    target = process(str(fasta))
    assert target == folder / f"output_1{suffix}"
    assert len(torch.load(target, weights_only=True)["data"]) == 2
    target.unlink()
    merged = tmp_path / "data" / "data_merge" / "x.fa.v1_merged" / "output_1_merged.pt"
    merged.parent.mkdir(parents=True)
    merged.write_bytes(b"")
    stand_ins.clear()
    assert process(fasta) == target
    assert not target.exists()
    assert stand_ins == []
    merged.rename(folder / "output_1_merged.pt")
    assert process(fasta) == target
    assert stand_ins == []
