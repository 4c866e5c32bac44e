import pytest
import torch

from conftest import write_fasta
from virnucpro import load_encoder, process_file_pro, process_file_seq
from virnucpro.pipeline import process_files


@pytest.fixture
def demo_models(monkeypatch, demo):
    """The default models need published weights; the demo ones stand in their place."""
    dna, calls = load_encoder("demo-dna", "cpu", "fp32"), []
    real_protein, real_dna = process_files.extract_fast_esm, process_files.extract_DNABERT_S

    def protein(file, out):
        calls.append(str(file))
        return real_protein(file, out, model=demo)

    def nucleotide(file, out):
        calls.append(str(file))
        return real_dna(file, out, model=dna, model_loaded=True)

    monkeypatch.setattr(process_files, "extract_fast_esm", protein)
    monkeypatch.setattr(process_files, "extract_DNABERT_S", nucleotide)
    return calls


@pytest.mark.parametrize(
    ("process", "suffix", "kind"),
    [(process_file_seq, "_DNABERT_S.pt", "nucleotide"), (process_file_pro, "_ESM.pt", "protein")],
)
def test_output_stands_beside_the_input_and_is_not_made_twice(tmp_path, demo_models, process, suffix, kind):
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
    demo_models.clear()
    assert process(fasta) == target
    assert not target.exists()
    assert demo_models == []
    merged.rename(folder / "output_1_merged.pt")
    assert process(fasta) == target
    assert demo_models == []
