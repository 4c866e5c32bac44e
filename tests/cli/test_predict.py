"""`virnucpro predict` and `virnucpro features` as a user meets them."""

import gzip
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress

import numpy as np
import pytest
import torch

from conftest import write_fasta
from random_models import DNA_WIDTH, PROTEIN_WIDTH
from virnucpro.sequences.reading import SequenceFile

TABLES = ("calls.tsv", "viral.fasta", "prediction_results.txt", "prediction_results_highestscore.csv")


@pytest.fixture
def scorer(models):
    return ("--classifier", models / "classifier.safetensors", "--dtype", "fp32")


@pytest.fixture
def encoders(models):
    return ("--dna-model", models / "dna", "--protein-model", models / "protein", "--dtype", "fp32")


def genome(generator, length):
    return "".join(generator.choice(list("ACGT"), int(length)))


def coding(generator, codons):
    """A sequence without a stop in its first frame."""
    sense = [a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT" if a + b + c not in ("TAA", "TAG", "TGA")]
    return "".join(generator.choice(sense, codons))


@pytest.fixture
def contigs(tmp_path):
    generator = np.random.default_rng(6)
    records = [
        ("long", coding(generator, 700)),
        ("same", coding(generator, 60)),
        ("same", genome(generator, 800)),
        ("ns", "N" * 600),
        ("tiny", "ACG"),
        ("stops", "TAATTAGTTAACTAATTAGTTAAC" * 10),
        ("lower", coding(generator, 90).lower()),
        ("none", ""),
    ]
    return write_fasta(tmp_path / "contigs.fna", records)


def rows(path):
    header, *lines = path.read_text().splitlines()
    return [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]


def scores(path):
    return np.array([[float(row["score1"]), float(row["score2"])] for row in rows(path)])


def test_every_record_gets_a_row_in_input_order(virnucpro, tmp_path, contigs, scorer, models):
    code, out, err = virnucpro("predict", contigs, "-o", tmp_path / "out", *scorer)
    assert (code, out) == (0, "")
    calls = rows(tmp_path / "out" / "calls.tsv")
    assert [row["name"] for row in calls] == ["long", "same", "same", "ns", "tiny", "stops", "lower", "none"]
    status = {row["name"]: row["status"] for row in calls}
    assert (status["long"], status["ns"], status["tiny"], status["none"]) == (
        "scored",
        "ambiguous",
        "too_short",
        "empty",
    )
    assert status["stops"] == "no_open_frame"
    assert [row["length"] for row in calls][:2] == ["2100", "180"]
    assert all(
        (row["virus_score"] == "NA") == (row["call"] == "uncalled") == (row["best_window"] == "NA") for row in calls
    )
    assert all(int(row["n_scored"]) <= int(row["n_windows"]) for row in calls)
    assert "warning" not in err
    assert "8 records" in err
    content = json.loads((tmp_path / "out" / "run.json").read_text())
    assert content["counts"]["records"] == 8
    assert sum(content["counts"]["windows"].values()) == sum(int(row["n_windows"]) for row in calls)
    assert content["encoders"]["dna"]["identity"]["name"] == str(models / "dna")
    assert (tmp_path / "out" / "tracks.png").read_bytes().startswith(b"\x89PNG")


def test_virnucpro_s_own_tables(virnucpro, tmp_path, contigs, scorer):
    virnucpro("predict", contigs, "-o", tmp_path / "out", *scorer)
    frames = rows(tmp_path / "out" / "prediction_results.txt")
    assert list(frames[0]) == ["Sequence_ID", "Prediction", "score1", "score2"]
    assert all(
        row["Prediction"] == ("virus" if float(row["score2"]) >= float(row["score1"]) else "others") for row in frames
    )
    windows = rows(tmp_path / "out" / "prediction_results_highestscore.csv")
    assert list(windows[0]) == ["Modified_ID", "Is_Virus"]
    best = {}
    for row in frames:
        other, virus = best.get(row["Sequence_ID"][:-2], (0, 0))
        best[row["Sequence_ID"][:-2]] = (max(other, float(row["score1"])), max(virus, float(row["score2"])))
    unique = [row for row in windows if not row["Modified_ID"].startswith("same")]
    assert all(row["Is_Virus"] == str(best[row["Modified_ID"]][1] >= best[row["Modified_ID"]][0]) for row in unique)


def test_records_that_are_called_are_written_untouched(virnucpro, tmp_path, contigs, scorer):
    virnucpro("predict", contigs, "-o", tmp_path / "out", *scorer, "--min-score", "0")
    calls = rows(tmp_path / "out" / "calls.tsv")
    scored = [record for record, row in zip(SequenceFile(contigs), calls, strict=True) if row["status"] == "scored"]
    written = list(SequenceFile(tmp_path / "out" / "viral.fasta"))
    assert [(r.header, r.sequence) for r in written] == [(r.header, r.sequence) for r in scored]
    assert written[-1].sequence.islower()
    virnucpro("predict", contigs, "-o", tmp_path / "out", *scorer, "--min-score", "1")
    assert (tmp_path / "out" / "viral.fasta").read_bytes() == b""


def test_a_second_run_computes_nothing_and_gives_the_same(virnucpro, tmp_path, contigs, monkeypatch, scorer):
    virnucpro("predict", contigs, "-o", tmp_path / "out", *scorer)
    before = {name: (tmp_path / "out" / name).read_bytes() for name in (*TABLES, "run.json", "tracks.png")}
    monkeypatch.setattr("virnucpro.verbs.frame_encoders.encoder_of", None)
    code, _, err = virnucpro("predict", contigs, "-o", tmp_path / "out", *scorer)
    assert code == 0
    assert "parts: 0 computed, 1 skipped" in err
    assert before == {name: (tmp_path / "out" / name).read_bytes() for name in before}


def test_another_input_or_code_is_not_taken_for_the_old_one(virnucpro, tmp_path, contigs, scorer):
    virnucpro("predict", contigs, "-o", tmp_path / "out", *scorer)
    code, _, err = virnucpro("predict", contigs, "-o", tmp_path / "out", *scorer, "--genetic-code", "4")
    assert code == 4
    assert "genetic_code: 1 then, 4 now" in err
    code, *_ = virnucpro("predict", contigs, "-o", tmp_path / "out", *scorer, "--genetic-code", "4", "--overwrite")
    assert code == 0


def test_a_call_does_not_depend_on_company_order_or_parts(virnucpro, tmp_path, contigs, monkeypatch, scorer):
    virnucpro("predict", contigs, "-o", tmp_path / "whole", *scorer)
    whole = rows(tmp_path / "whole" / "calls.tsv")
    monkeypatch.setattr("virnucpro.verbs.framing.PART_ROWS", 3)
    monkeypatch.setattr("virnucpro.verbs.framing.frame_parts.__defaults__", (1, 3))
    records = [(r.header, r.sequence) for r in SequenceFile(contigs)]
    turned = write_fasta(tmp_path / "turned.fna", records[::-1])
    virnucpro("predict", turned, "-o", tmp_path / "turned", *scorer)
    assert len(list((tmp_path / "turned" / "parts").glob("*.npz"))) > 2
    for row, other in zip(whole, rows(tmp_path / "turned" / "calls.tsv")[::-1], strict=True):
        assert {**row, "virus_score": 0} == {**other, "virus_score": 0}
        if row["virus_score"] != "NA":
            assert abs(float(row["virus_score"]) - float(other["virus_score"])) <= 2e-6  # six decimals are written


def test_several_inputs_are_one_run(virnucpro, tmp_path, contigs, scorer):
    reads = tmp_path / "reads.fastq.gz"
    reads.write_bytes(gzip.compress(b"@r1\nACGTACGTACGT\n+\nIIIIIIIIIIII\n@r2\nAC\n+\nII\n"))
    code, *_ = virnucpro("predict", reads, contigs, "-o", tmp_path / "out", *scorer)
    assert code == 0
    assert [row["name"] for row in rows(tmp_path / "out" / "calls.tsv")][:3] == ["r1", "r2", "long"]


def test_standard_input(virnucpro, tmp_path, monkeypatch, scorer):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b">a\n" + b"ATG" * 50 + b"\n")))
    code, *_ = virnucpro("predict", "-", "-o", tmp_path / "out", *scorer)
    assert code == 0
    assert rows(tmp_path / "out" / "calls.tsv")[0]["status"] == "scored"


def test_bad_input_is_named_before_any_work(virnucpro, tmp_path, contigs, scorer):
    bad = tmp_path / "bad.fq"
    bad.write_bytes(b"@r1\nACGT\n+\nIII\n")
    code, _, err = virnucpro("predict", contigs, bad, "-o", tmp_path / "out", *scorer)
    assert code == 3
    assert f"{bad}:4" in err
    assert not (tmp_path / "out").exists()
    code, _, err = virnucpro("predict", tmp_path / "absent", contigs, contigs, "-o", tmp_path / "out", *scorer)
    assert code == 2
    assert "absent: no such file" in err
    assert "given twice" in err


def test_a_classifier_of_other_features_is_refused_before_any_work(virnucpro, tmp_path, contigs, scorer, models):
    code, _, err = virnucpro("predict", contigs, "-o", tmp_path / "out", *scorer, "--window", "300")
    assert code == 2
    assert "window" in err
    code, _, err = virnucpro("predict", contigs, "-o", tmp_path / "out", *scorer, "--dna-model", models / "protein")
    assert code == 2
    assert "/protein reads protein" in err
    assert not (tmp_path / "out").exists()


def test_a_frame_that_an_encoder_cannot_embed_shifts_nobody_else(virnucpro, tmp_path, contigs, monkeypatch, scorer):
    """One protein never fits in memory: its frame has no score, every other frame keeps its own."""
    from virnucpro.models.esm2_checkpoints import ProteinEncoder

    virnucpro("predict", contigs, "-o", tmp_path / "whole", *scorer)
    embed = ProteinEncoder.embed

    def tight(self, tokens, exact=False):
        if any(len(sequence) == 60 + 2 for sequence in tokens):
            raise torch.OutOfMemoryError("no room")
        return embed(self, tokens, exact)

    monkeypatch.setattr(ProteinEncoder, "embed", tight)
    code, _, err = virnucpro("predict", contigs, "-o", tmp_path / "out", *scorer)
    assert code == 5
    assert "failed" in err
    whole = {row["Sequence_ID"]: row for row in rows(tmp_path / "whole" / "prediction_results.txt")}
    found = {row["Sequence_ID"]: row for row in rows(tmp_path / "out" / "prediction_results.txt")}
    missing = set(whole) - set(found)
    assert missing
    assert missing == {
        line.split(" | ")[2] for line in (tmp_path / "out" / "extraction_failures.log").read_text().splitlines()
    }
    for id_, row in found.items():
        assert abs(float(row["score2"]) - float(whole[id_]["score2"])) <= 1e-5


PROTEINS = [("p", "MKLEQFPWHI" * 9), ("q", "MKLEQFPWHI" * 5), ("peptide", "MK")]


@pytest.mark.parametrize(("records", "told"), [([], "no record"), (PROTEINS, "reads nucleotides")])
def test_an_input_that_cannot_have_a_call_is_warned_of(virnucpro, tmp_path, scorer, records, told):
    fasta = write_fasta(tmp_path / "x.fna", records)
    code, _, err = virnucpro("predict", fasta, "-o", tmp_path / "out", *scorer)
    assert code == 0
    assert told in err
    assert len(rows(tmp_path / "out" / "calls.tsv")) == len(records)


@pytest.mark.parametrize("name", ["c$_{$x", "病毒"])
def test_a_name_is_drawn_as_it_is(virnucpro, tmp_path, scorer, name):
    fasta = write_fasta(tmp_path / "x.fna", [(name, coding(np.random.default_rng(1), 400))])
    code, _, err = virnucpro("predict", fasta, "-o", tmp_path / "out", *scorer)
    assert code == 0, err
    assert "arning" not in err
    assert (tmp_path / "out" / "tracks.png").exists()


def test_features_train_predict(virnucpro, tmp_path, monkeypatch, encoders):
    """Two kinds of genome that differ in codon usage, through every verb."""
    generator = np.random.default_rng(9)

    def of_kind(letters, count):
        return [
            (
                f"{letters}{i}",
                "".join(generator.choice(["GCC", "AAG", "CTG"] if letters == "v" else ["GCT", "AAA", "TTA"], 300)),
            )
            for i in range(count)
        ]

    viral = write_fasta(tmp_path / "viral.fna", of_kind("v", 8))
    host = write_fasta(tmp_path / "host.fna", of_kind("h", 8))
    for fasta, label in ((viral, "viral"), (host, "host")):
        code, _, err = virnucpro(
            "features", fasta, "-o", tmp_path / label, "--label", label, *encoders, "--window", "300"
        )
        assert code == 0, err
    part = torch.load(tmp_path / "viral" / "viral_part0001_merged.pt", weights_only=True)
    assert part["data"].shape == (len(part["ids"]), DNA_WIDTH + PROTEIN_WIDTH)
    assert part["labels"] == [1]
    code, _, err = virnucpro(
        "features", viral, "-o", tmp_path / "viral", "--label", "viral", *encoders, "--window", "300"
    )
    assert "parts: 0 computed, 1 skipped" in err
    code, _, err = virnucpro(
        "features", viral, "-o", tmp_path / "viral", "--label", "host", *encoders, "--window", "300"
    )
    assert code == 4
    assert "label: viral then, host now" in err
    model = tmp_path / "model.safetensors"
    arguments = ("--viral", tmp_path / "viral", "--host", tmp_path / "host")
    code, _, err = virnucpro("train", *arguments, "-o", model, "--epochs", "30", "--learning-rate", "0.05", "-q")
    assert code == 0, err
    code, _, err = virnucpro("predict", viral, host, "-o", tmp_path / "out", "--classifier", model, "--dtype", "fp32")
    assert code == 0, err
    called = {row["name"][0]: row["call"] for row in rows(tmp_path / "out" / "calls.tsv")}
    assert called == {"v": "virus", "h": "others"}


def test_two_inputs_of_one_stem_are_refused(virnucpro, tmp_path, encoders):
    (tmp_path / "b").mkdir()
    first, second = (write_fasta(folder / "x.fna", [("a", "ATG" * 50)]) for folder in (tmp_path, tmp_path / "b"))
    code, _, err = virnucpro("features", first, second, "-o", tmp_path / "o", *encoders)
    assert code == 2
    assert "would both give" in err


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_and_restarted(tmp_path, kills, scorer):
    """Killed at random moments: the tables of an undisturbed run, byte for byte."""
    generator = np.random.default_rng(3)
    contigs = write_fasta(tmp_path / "x.fna", [(f"c{i}", coding(generator, 900)) for i in range(60)])
    script = (
        "import sys; from virnucpro.verbs import framing; framing.frame_parts.__defaults__ = (1, 40)\n"
        "from virnucpro.cli.main import run; sys.exit(run(sys.argv[1:]))"
    )

    def command(outdir):
        return [sys.executable, "-c", script, "predict", str(contigs), "-o", str(outdir), *scorer, "-q", "-t", "1"]

    def tables(outdir):
        names = (*TABLES, "run.json", "tracks.png")
        return {name: (outdir / name).read_bytes() for name in names} | {
            path.name: path.read_bytes() for path in sorted((outdir / "parts").iterdir())
        }

    started = time.monotonic()
    subprocess.run(command(tmp_path / "whole"), check=True)
    duration = time.monotonic() - started
    whole, killed = tables(tmp_path / "whole"), tmp_path / "killed"
    moments, count, completed = random.Random(kills), 0, 0
    while count < kills:
        run, started = subprocess.Popen(command(killed)), time.monotonic()
        with suppress(subprocess.TimeoutExpired):
            run.wait(moments.uniform(0.3, 1.0) * duration)
        run.send_signal(signal.SIGKILL)
        if run.wait() == -signal.SIGKILL:
            count += 1
        else:
            completed += 1
            duration = time.monotonic() - started  # the machine may have less to do than at first
            assert tables(killed) == whole
            shutil.rmtree(killed)
    subprocess.run(command(killed), check=True)
    print(f"{count} kills, {completed + 1} completed runs, {duration:.1f} s undisturbed")
    assert tables(killed) == whole
    assert not list(killed.rglob(".*partial"))


@pytest.mark.parametrize("verb", ["embed", "features", "predict", "prepare"])
def test_a_pipe_is_refused_and_its_way_in_is_named(virnucpro, tmp_path, verb, scorer, encoders, models):
    pipe = tmp_path / "reads.fa"
    os.mkfifo(pipe)
    models = {"embed": ("--model", models / "protein"), "features": encoders, "predict": scorer, "prepare": ()}[verb]
    code, _, err = virnucpro(verb, pipe, "-o", tmp_path / "out", *models)
    assert code == 2
    assert "reads.fa: a pipe or device, which can be read only once; pipe it into '-'" in err
    assert "Traceback" not in err


def test_standard_input_is_read_where_a_pipe_is_not(contigs, tmp_path, scorer):
    command = [sys.executable, "-m", "virnucpro", "predict", "-", "-o", tmp_path / "out", *scorer]
    done = subprocess.run(command, input=contigs.read_bytes(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "calls.tsv").exists()
