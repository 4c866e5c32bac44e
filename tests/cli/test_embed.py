"""`virnucpro embed` as a user meets it: exit codes, messages, files."""

import errno
import gzip
import io
import json
import os
import sys

import pytest
import torch

from conftest import write_fasta
from tolerances import INVARIANCE_FP32
from virnucpro.models.esm2_checkpoints import ProteinEncoder


@pytest.fixture
def random(models):
    return ("--model", models / "protein", "--dtype", "fp32")


def load(path):
    return torch.load(path, weights_only=True)


def names(folder):
    """Results, without the log of the command."""
    return sorted(path.name for path in folder.iterdir() if path.name != "virnucpro.log") if folder.exists() else []


def test_files_in_features_out(virnucpro, tmp_path, fasta, proteins, random):
    packed = tmp_path / "more.fasta.gz"
    packed.write_bytes(gzip.compress(b">x\nMKV*\n"))
    code, out, err = virnucpro("embed", fasta, packed, "-o", tmp_path / "out", *random)
    assert (code, out) == (0, "")
    assert names(tmp_path / "out") == ["more_ESM.pt", "more_ESM.pt.json", "proteins_ESM.pt", "proteins_ESM.pt.json"]
    assert load(tmp_path / "out" / "proteins_ESM.pt")["proteins"] == [id_ for id_, _ in proteins]
    assert "sequences: 31 read, 31 written, 0 failed, 0 truncated" in err
    assert "files: 2 written, 0 skipped, 0 refused" in err
    manifest = json.loads((tmp_path / "out" / "proteins_ESM.pt.json").read_text())
    assert manifest["device"].startswith("cpu (")
    assert manifest["models"]["protein"]["name"] == str(random[1])


def test_a_second_run_skips_what_is_finished(virnucpro, tmp_path, fasta, monkeypatch, random):
    virnucpro("embed", fasta, "-o", tmp_path / "out", *random)
    monkeypatch.setattr("virnucpro.models.encoders.encoder_of", None)  # no model is read for nothing
    code, _, err = virnucpro("embed", fasta, "-o", tmp_path / "out", *random)
    assert code == 0
    assert "30 read" in err
    assert "files: 0 written, 1 skipped" in err


def test_other_settings_stop_before_any_work_and_overwrite_goes_on(virnucpro, tmp_path, fasta, random):
    other = write_fasta(tmp_path / "other.faa", [("a", "MKV")])
    virnucpro("embed", fasta, "-o", tmp_path / "out", *random)
    arguments = ("embed", other, fasta, "-o", tmp_path / "out", *random, "--max-residues", "9")
    code, _, err = virnucpro(*arguments)
    assert code == 4
    assert "max_residues: 1024 then, 9 now" in err
    assert "--overwrite" in err
    assert "other_ESM.pt" not in names(tmp_path / "out")
    code, _, err = virnucpro(*arguments, "--overwrite")
    assert code == 0
    assert "files: 2 written" in err


def test_usage_errors_come_before_any_work(virnucpro, tmp_path, fasta, random):
    (tmp_path / "b").mkdir()
    twin = write_fasta(tmp_path / "b" / "proteins.fasta", [("a", "M")])
    code, _, err = virnucpro("embed", fasta, twin, "-o", tmp_path / "o", *random)
    assert code == 2
    assert f"{fasta} and {twin} would both give {tmp_path / 'o' / 'proteins_ESM.pt'}" in err
    code, _, err = virnucpro("embed", fasta, fasta, "-o", tmp_path / "o", *random)
    assert code == 2
    assert f"{fasta}: given twice" in err
    assert names(tmp_path / "o") == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "Missing argument 'INPUT...'"),
        (("x.faa",), "Missing option '-o'"),
        (("x.faa", "-o", "out", "--max-tokens", "0"), "neither 'auto' nor a positive number"),
        (("x.faa", "-o", "out", "--max-tokens", "many"), "neither 'auto' nor a positive number"),
        (("x.faa", "-o", "out", "--max-residues", "0"), "max-residues"),
        (("x.faa", "-o", "out", "--dtype", "fp8"), "fp8"),
        (("-", "-", "-o", "out"), "read only once"),
    ],
)
def test_wrong_arguments(virnucpro, tmp_path, monkeypatch, arguments, told):
    monkeypatch.chdir(tmp_path)
    code, _, err = virnucpro("embed", *arguments)
    assert code == 2
    assert told in err


def test_one_bad_file_does_not_cost_the_others(virnucpro, tmp_path, fasta, random):
    bad = tmp_path / "bad.faa"
    bad.write_text("LOCUS\n")
    empty = write_fasta(tmp_path / "empty.faa", [])
    dna = write_fasta(tmp_path / "x.fna", [("a", "ACGT" * 30)])
    folder, absent = tmp_path / "folder.faa", tmp_path / "absent.faa"
    folder.mkdir()
    refused = (bad, empty, dna, folder, absent)
    code, _, err = virnucpro("embed", fasta, *refused, "-o", tmp_path / "out", *random)
    assert code == 3
    assert "bad.faa: looks like GenBank, not FASTA or FASTQ; 'virnucpro prepare'" in err
    assert "empty.faa: holds no sequences" in err
    assert "x.fna: looks like nucleotides, not proteins" in err
    assert f"{folder}: a folder, not a file" in err
    assert f"{absent}: no such file" in err
    assert "files: 1 written, 0 skipped, 5 refused" in err
    log = (tmp_path / "out" / "extraction_failures.log").read_text().splitlines()
    assert [line.split(" | ")[1:4] for line in log] == [[str(path), "-", "InputError"] for path in refused]
    assert "proteins_ESM.pt" in names(tmp_path / "out")


def test_failed_sequences_are_told_and_logged(virnucpro, tmp_path, random):
    fasta = write_fasta(tmp_path / "x.faa", [("a", "MKV"), ("b", "*"), ("c", "MJ")])
    code, _, err = virnucpro("embed", fasta, "-o", tmp_path / "out", *random)
    assert code == 5
    assert f"warning: 1 failed, see {tmp_path / 'out' / 'extraction_failures.log'}" in err
    assert "3 read, 2 written, 1 failed, 0 truncated" in err
    assert " | b | EmptySequence | " in (tmp_path / "out" / "extraction_failures.log").read_text()
    code, *_ = virnucpro("embed", fasta, "-o", tmp_path / "out", *random)
    assert code == 5  # skipped now, but b still has no vector


def test_standard_input(virnucpro, tmp_path, monkeypatch, random):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b">a\nMKV\n>b\nMM\n")))
    code, *_ = virnucpro("embed", "-", "-o", tmp_path / "out", *random)
    assert code == 0
    assert load(tmp_path / "out" / "stdin_ESM.pt")["proteins"] == ["a", "b"]
    assert '"path": "-"' in (tmp_path / "out" / "stdin_ESM.pt.json").read_text()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"junk\n")))
    code, _, err = virnucpro("embed", "-", "-o", tmp_path / "other", *random)
    assert code == 3
    assert "error: -:1: neither FASTA nor FASTQ" in err


def test_standard_input_is_named_so_beside_a_file_of_its_name(virnucpro, tmp_path, monkeypatch, random):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b">a\nMKV\n")))
    twin = write_fasta(tmp_path / "stdin.faa", [("a", "M")])
    code, _, err = virnucpro("embed", "-", twin, "-o", tmp_path / "out", *random)
    assert code == 2
    assert f"error: - and {twin} would both give" in err


def test_no_room_for_standard_input(virnucpro, tmp_path, monkeypatch, random):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("shutil.copyfileobj", full)
    code, _, err = virnucpro("embed", "-", "-o", tmp_path / "out", *random)
    assert code == 4
    assert "cannot copy standard input to a temporary file: No space left on device" in err


@pytest.mark.parametrize(("wrong", "expected"), [(("--device", "abacus"), 4), (("--model", "esm3"), 2)])
def test_standard_input_is_not_drained_in_vain(virnucpro, tmp_path, monkeypatch, wrong, expected, random):
    stdin = io.BytesIO(b">a\nMKV\n")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stdin))
    code, *_ = virnucpro("embed", "-", "-o", tmp_path / "out", *random, *wrong)
    assert code == expected
    assert stdin.tell() == 0


def test_a_pipe_is_refused_with_advice(virnucpro, tmp_path, random):
    os.mkfifo(tmp_path / "x.faa")
    code, _, err = virnucpro("embed", tmp_path / "x.faa", "-o", tmp_path / "out", *random)
    assert code == 3
    assert "x.faa: a pipe or device, which can be read only once; give '-' and pipe the data into it" in err


def test_what_did_not_fit_is_tried_again(virnucpro, tmp_path, monkeypatch, random):
    fasta = write_fasta(tmp_path / "x.faa", [("short", "MKV"), ("long", "MKV" * 50)])
    embed = ProteinEncoder.embed

    def small(self, tokens, exact=False):
        if max(map(len, tokens)) > 100:
            raise torch.OutOfMemoryError
        return embed(self, tokens, exact)

    monkeypatch.setattr(ProteinEncoder, "embed", small)
    code, *_ = virnucpro("embed", fasta, "-o", tmp_path / "out", *random)
    assert code == 5
    manifest = json.loads((tmp_path / "out" / "x_ESM.pt.json").read_text())
    ((*failure, message),) = manifest["failures"]
    assert failure == [str(fasta), 2, "long", "OutOfMemory"]
    assert "does not fit in memory" in message
    monkeypatch.undo()
    code, *_ = virnucpro("embed", fasta, "-o", tmp_path / "out", *random)
    assert code == 0
    assert names(tmp_path / "out") == ["x_ESM.pt", "x_ESM.pt.json"]
    assert load(tmp_path / "out" / "x_ESM.pt")["proteins"] == ["short", "long"]


def test_overwriting_repeats_no_line_of_the_log(virnucpro, tmp_path, random):
    fasta = write_fasta(tmp_path / "x.faa", [("a", "MKV"), ("b", "*")])
    bad = write_fasta(tmp_path / "y.faa", [("c", "*")])
    for _ in range(2):
        virnucpro("embed", fasta, bad, "-o", tmp_path / "out", *random, "--overwrite")
        log = (tmp_path / "out" / "extraction_failures.log").read_text().splitlines()
        assert [line.split(" | ")[2] for line in log] == ["b", "c", "-"]


def test_inputs_are_read_before_weights_are_asked_for(virnucpro, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "virnucpro.verbs.embedding_model.find_checkpoint", lambda _: pytest.fail("weights were asked for")
    )
    code, *_ = virnucpro("embed", write_fasta(tmp_path / "x.faa", []), "-o", tmp_path / "out")
    assert code == 3


def test_one_sequence_that_fails_costs_only_itself(virnucpro, tmp_path, monkeypatch, fasta, proteins, random):
    """Whatever goes wrong in a batch: those beside it in the batch have the vectors that they have without it."""
    embed = ProteinEncoder.embed
    lengths = [len(sequence) for _, sequence in proteins]
    guilty = next(length for length in lengths if lengths.count(length) == 1)
    id_ = f"p{lengths.index(guilty)}"

    def failing(self, tokens, exact=False):
        if guilty + 2 in tokens.lengths:
            raise RuntimeError("index out of range\nin a kernel")
        return embed(self, tokens, exact)

    virnucpro("embed", fasta, "-o", tmp_path / "whole", *random)
    monkeypatch.setattr(ProteinEncoder, "embed", failing)
    code, _, err = virnucpro("embed", fasta, "-o", tmp_path / "out", *random)
    assert code == 5
    assert "30 read, 29 written, 1 failed, 0 truncated" in err
    log = (tmp_path / "out" / "extraction_failures.log").read_text().splitlines()
    assert [line.split(" | ")[2:] for line in log] == [[id_, "BatchError", "RuntimeError: index out of range"]]
    whole, found = (load(tmp_path / folder / "proteins_ESM.pt") for folder in ("whole", "out"))
    expected = dict(zip(whole["proteins"], whole["data"], strict=True))
    del expected[id_]
    assert found["proteins"] == list(expected)
    for vector, other in zip(found["data"], expected.values(), strict=True):
        assert (vector - other).abs().max() <= INVARIANCE_FP32


def test_an_error_that_no_sequence_causes_stops_the_run(virnucpro, tmp_path, monkeypatch, fasta, random):
    def broken(self, tokens, exact=False):
        raise RuntimeError("device lost")

    monkeypatch.setattr(ProteinEncoder, "embed", broken)
    with pytest.raises(RuntimeError, match="device lost"):
        virnucpro("embed", fasta, "-o", tmp_path / "out", *random)
    assert names(tmp_path / "out") == [".virnucpro"]


def test_nucleotides_are_refused_and_their_model_is_named(virnucpro, tmp_path, random):
    fasta = write_fasta(tmp_path / "x.fna", [("a", "ACGT" * 30)])
    proteins = write_fasta(tmp_path / "y.faa", [("a", "MKV")])
    code, _, err = virnucpro("embed", fasta, proteins, "-o", tmp_path / "out", *random)
    assert code == 3
    assert "x.fna: looks like nucleotides, not proteins" in err
    assert "--model dnabert-s" in err
    assert "y_ESM.pt" in names(tmp_path / "out")
    assert "x_ESM.pt" not in names(tmp_path / "out")


def test_peptides_of_few_residues_are_warned_of(virnucpro, tmp_path, random):
    fasta = write_fasta(tmp_path / "x.faa", [("silk", "GAGAGA" * 20)])
    code, _, err = virnucpro("embed", fasta, "-o", tmp_path / "out", *random, "-q")
    assert code == 0
    assert "warning: " in err
    assert "x.faa: looks like nucleotides, not proteins" in err


def test_heavy_truncation_is_warned_of_with_its_share(virnucpro, tmp_path, fasta, random):
    options = ("embed", fasta, "-o", tmp_path / "out", *random, "-q", "--overwrite", "--max-residues")
    _, _, err = virnucpro(*options, "50")
    manifest = json.loads((tmp_path / "out" / "proteins_ESM.pt.json").read_text())
    share = manifest["counts"]["truncated"] / manifest["counts"]["written"]
    assert 0.1 < share < 1
    assert f"({100 * share:.0f} %) are longer than 50 letters" in err
    assert "warning: " in err
    _, _, err = virnucpro(*options, "295")
    assert "longer than" not in err


def test_quiet_says_only_what_must_not_be_missed(virnucpro, tmp_path, fasta, random):
    code, out, err = virnucpro("embed", fasta, "-o", tmp_path / "out", *random, "--quiet")
    assert (code, out) == (0, "")
    assert err == ""


def test_a_milestone_every_hundred_files(virnucpro, tmp_path, monkeypatch, random):
    monkeypatch.setattr("virnucpro.runs.engine.RUNS_BETWEEN_MESSAGES", 2)
    files = [write_fasta(tmp_path / f"{letter}.faa", [("a", "MKV")]) for letter in "vwxyz"]
    _, _, err = virnucpro("embed", *files, "-o", tmp_path / "out", *random, "-v")
    assert "2 of 5 inputs finished" in err
    assert "4 of 5 inputs finished" in err
    assert "z.faa: 1 of 1 parts computed, results saved: 1 read, 1 written" in err


def test_progress_bar_on_a_terminal(virnucpro, tmp_path, fasta, monkeypatch, random):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    _, _, err = virnucpro("embed", fasta, "-o", tmp_path / "out", *random, "--max-tokens", "500")
    assert "100 % | 3.7 of 3.7 kaa | " in err


def test_interruption(virnucpro, tmp_path, fasta, monkeypatch, random):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(ProteinEncoder, "embed", interrupt)
    code, _, err = virnucpro("embed", fasta, "-o", tmp_path / "out", *random)
    assert code == 130
    assert "0 of 1 parts are saved; run the same command to continue" in err
    assert names(tmp_path / "out") == [".virnucpro"]


def test_a_device_that_is_not_there(virnucpro, tmp_path, fasta, random):
    for device in ("cuda:99", "abacus"):
        code, _, err = virnucpro("embed", fasta, "-o", tmp_path / "out", *random, "--device", device)
        assert code == 4
        assert device in err
        assert "cpu" in err


def test_help_imports_no_torch(virnucpro):
    import subprocess

    script = "import sys; from virnucpro.cli.main import run; run(['--help']); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False, capture_output=True).returncode == 0


def test_version(virnucpro):
    code, out, _ = virnucpro("-V")
    assert code == 0
    assert out.startswith("virnucpro 0.")
