"""`virnucpro predict` and `virnucpro features` as a user meets them."""

import errno
import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from conftest import write_fasta
from random_models import DNA_WIDTH, PROTEIN_WIDTH
from verb_inputs import without_times
from virnucpro.sequences.reading import SequenceFile

LEGACY = ("prediction_results.txt", "prediction_results_highestscore.csv")
RESULTS = ("calls.tsv", "viral.fasta", *LEGACY, "report.html")


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


def contents(folder, names=(*RESULTS, "run.json")):
    found = {name: (folder / name).read_bytes() for name in names}
    return {name: without_times(content) if name == "run.json" else content for name, content in found.items()}


def test_every_record_gets_a_row_in_input_order(virnucpro, tmp_path, contigs, scorer, models):
    code, out, err = virnucpro("predict", contigs, "-o", tmp_path / "out", *scorer)
    assert (code, out) == (0, "")
    calls = rows(tmp_path / "out" / "calls.tsv")
    assert [row["record"] for row in calls] == ["long", "same", "same", "ns", "tiny", "stops", "lower", "none"]
    status = {row["record"]: row["status"] for row in calls}
    assert (status["long"], status["ns"], status["tiny"], status["none"]) == (
        "scored",
        "ambiguous",
        "too_short",
        "empty",
    )
    assert status["stops"] == "no_open_frame"
    assert [row["length"] for row in calls][:2] == ["2100", "180"]
    assert all(
        (row["virus_score"] == "NA") == (row["call"] == "not_scored") == (row["best_start"] == "NA") for row in calls
    )
    assert all(
        row["virus_score"] == "NA" or 0 <= int(row["best_start"]) < int(row["best_end"]) <= int(row["length"])
        for row in calls
    )
    assert all(int(row["n_scored"]) <= int(row["n_windows"]) for row in calls)
    assert "8 records: " in err
    assert err.count("warning: ") == 2  # one ID twice, and a record of N
    assert "1 of 8 records (12 %) have the ID of an earlier one" in err
    content = json.loads((tmp_path / "out" / "run.json").read_text())
    assert content["counts"]["records"] == 8
    assert sum(content["counts"]["calls"].values()) == sum(content["counts"]["statuses"].values()) == 8
    assert content["models"]["dna"]["name"] == str(models / "dna")
    assert (tmp_path / "out" / "report.html").read_bytes().startswith(b"<!DOCTYPE html>")


def test_the_original_s_two_tables_come_only_when_asked_for(virnucpro, tmp_path, contigs, scorer):
    virnucpro("predict", contigs, "-o", tmp_path / "out", *scorer)
    assert not any((tmp_path / "out" / name).exists() for name in LEGACY)
    code, _, err = virnucpro("predict", contigs, "-o", tmp_path / "out", *scorer, "--legacy-output")
    assert code == 0
    assert "0 parts computed" in err
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
    virnucpro("predict", contigs, "-o", tmp_path / "out", *scorer, "--legacy-output")
    before = contents(tmp_path / "out")
    monkeypatch.setattr("virnucpro.models.encoders.encoder_of", None)
    code, _, err = virnucpro("predict", contigs, "-o", tmp_path / "out", *scorer, "--legacy-output")
    assert code == 0
    assert "already finished, skipped" in err
    assert before == contents(tmp_path / "out")


def test_another_translation_table_is_not_taken_for_the_old_one(virnucpro, tmp_path, contigs, scorer):
    virnucpro("predict", contigs, "-o", tmp_path / "out", *scorer)
    code, _, err = virnucpro("predict", contigs, "-o", tmp_path / "out", *scorer, "--translation-table", "4")
    assert code == 4
    assert "translation_table: 1 then, 4 now" in err
    code, *_ = virnucpro("predict", contigs, "-o", tmp_path / "out", *scorer, "--translation-table", "4", "--overwrite")
    assert code == 0


def test_a_call_does_not_depend_on_company_order_or_parts(virnucpro, tmp_path, contigs, scorer):
    virnucpro("predict", contigs, "-o", tmp_path / "whole", *scorer)
    whole = rows(tmp_path / "whole" / "calls.tsv")
    records = [(r.header, r.sequence) for r in SequenceFile(contigs)]
    turned = write_fasta(tmp_path / "turned.fna", records[::-1])
    virnucpro("predict", turned, "-o", tmp_path / "turned", *scorer, "--part-windows", "3", "--max-tokens", "700")
    assert len(list((tmp_path / "turned" / ".virnucpro").glob("**/*.npz"))) > 2
    for row, other in zip(whole, rows(tmp_path / "turned" / "calls.tsv")[::-1], strict=True):
        assert (row.pop("sample"), other.pop("sample")) == ("contigs", "turned")
        for name in ("virus_score", "margin"):
            number, same = row.pop(name), other.pop(name)
            assert number == same or abs(float(number) - float(same)) <= 2e-6  # six decimals are written
        assert row == other


def test_standard_input(virnucpro, tmp_path, monkeypatch, scorer):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b">a\n" + b"ATG" * 50 + b"\n")))
    code, *_ = virnucpro("predict", "-", "-o", tmp_path / "out", *scorer)
    assert code == 0
    assert rows(tmp_path / "out" / "calls.tsv")[0]["status"] == "scored"


def test_bad_input_is_named_before_any_work(virnucpro, tmp_path, contigs, scorer, monkeypatch):
    monkeypatch.setattr("virnucpro.models.encoders.encoder_of", None)
    bad = tmp_path / "bad.fq"
    bad.write_bytes(b"@r1\nACGT\n+\nIII\n")
    code, _, err = virnucpro("predict", bad, "-o", tmp_path / "out", *scorer)
    assert code == 3
    assert f"{bad}:4" in err
    assert not (tmp_path / "out" / "calls.tsv").exists()
    code, _, err = virnucpro("predict", tmp_path / "absent", "-o", tmp_path / "out", *scorer)
    assert code == 3
    assert "absent: no such file" in err
    (tmp_path / "linked.fna").symlink_to(contigs)
    code, _, err = virnucpro("predict", contigs, tmp_path / "linked.fna", "-o", tmp_path / "out", *scorer)
    assert code == 2
    assert f"{contigs} and {tmp_path / 'linked.fna'}: given twice" in err


def test_a_classifier_of_other_features_is_refused_before_any_work(
    virnucpro, tmp_path, contigs, scorer, models, monkeypatch
):
    monkeypatch.setattr("virnucpro.runs.engine.examine", lambda *_: pytest.fail("an input was read"))
    code, _, err = virnucpro("predict", contigs, "-o", tmp_path / "out", *scorer, "--window", "300")
    assert code == 2
    assert "window" in err
    code, _, err = virnucpro("predict", contigs, "-o", tmp_path / "out", *scorer, "--dna-model", models / "protein")
    assert code == 2
    assert "/protein reads protein" in err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--dna-model", "esm-9"), "no model at esm-9: neither a known name nor a folder"),
        (("--protein-model", "nowhere/at/all"), "no model at nowhere/at/all"),
        (("--translation-table", "7"), "there is no translation table 7; choose one of NCBI's: 1, 2, 3"),
        (("--translation-table", "-1"), "there is no translation table -1"),
    ],
)
@pytest.mark.parametrize("verb", ["predict", "features"])
def test_a_model_or_table_that_is_none_is_refused_before_any_survey(
    virnucpro, tmp_path, contigs, scorer, encoders, verb, options, told, monkeypatch
):
    monkeypatch.setattr("virnucpro.runs.engine.examine", lambda *_: pytest.fail("an input was read"))
    given = {"predict": scorer, "features": encoders}[verb]
    code, _, err = virnucpro(verb, contigs, "-o", tmp_path / "out", *given, *options)
    assert code == 2
    assert told in err


def test_a_row_that_an_encoder_cannot_embed_shifts_nobody_else(virnucpro, tmp_path, contigs, monkeypatch, scorer):
    """One protein never fits in memory: its row has no score, every other row keeps its own."""
    from virnucpro.models.esm2_checkpoints import ProteinEncoder

    virnucpro("predict", contigs, "-o", tmp_path / "whole", *scorer, "--legacy-output")
    embed = ProteinEncoder.embed

    def tight(self, tokens, exact=False):
        if 60 + 2 in tokens.lengths:
            raise torch.OutOfMemoryError("no room")
        return embed(self, tokens, exact)

    monkeypatch.setattr(ProteinEncoder, "embed", tight)
    code, _, err = virnucpro("predict", contigs, "-o", tmp_path / "out", *scorer, "--legacy-output")
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
    monkeypatch.setattr(ProteinEncoder, "embed", embed)  # where there is room, the same command finishes it
    code, _, err = virnucpro("predict", contigs, "-o", tmp_path / "out", *scorer, "--legacy-output")
    assert code == 0
    assert contents(tmp_path / "out", LEGACY) == contents(tmp_path / "whole", LEGACY)
    assert not (tmp_path / "out" / "extraction_failures.log").exists()


PROTEINS = [("p", "MKLEQFPWHI" * 9), ("q", "MKLEQFPWHI" * 5), ("peptide", "MK")]


def test_an_input_without_records_is_warned_of(virnucpro, tmp_path, scorer):
    code, _, err = virnucpro("predict", write_fasta(tmp_path / "x.fna", []), "-o", tmp_path / "out", *scorer, "-q")
    assert code == 0
    assert "x.fna: the file is empty (0 bytes); check whether the previous step failed" in err
    assert "warning: the input holds no records" in err
    assert rows(tmp_path / "out" / "calls.tsv") == []


def test_files_without_records_among_others_are_named(virnucpro, tmp_path, scorer):
    blank, full = tmp_path / "blank.fna", write_fasta(tmp_path / "full.fna", [("a", "ACGTTGCA" * 40)])
    blank.write_text("\n\n")
    code, _, err = virnucpro("predict", blank, full, "-o", tmp_path / "out", *scorer, "-q")
    assert code == 0
    assert "blank.fna: holds no records; check whether" in err
    assert "full.fna" not in err
    mates = [write_fasta(tmp_path / f"x_{n}.fna", [("a", "ACGTTGCA" * 40)]) for n in (1, 2)]
    assert "holds no records" not in virnucpro("predict", "--paired", *mates, "-o", tmp_path / "pairs", *scorer)[2]


@pytest.mark.parametrize("verb", ["predict", "features"])
def test_proteins_are_refused_and_their_command_is_named(virnucpro, tmp_path, scorer, encoders, verb):
    given = {"predict": scorer, "features": encoders}[verb]
    code, _, err = virnucpro(verb, write_fasta(tmp_path / "x.faa", PROTEINS), "-o", tmp_path / "out", *given)
    assert code == 3
    assert "x.faa: looks like proteins, not nucleotides; 'virnucpro embed' reads proteins" in err
    assert "calls.tsv" not in os.listdir(tmp_path / "out")


def test_a_read_among_proteins_makes_it_a_warning(virnucpro, tmp_path, scorer):
    fasta = write_fasta(tmp_path / "x.fna", [*PROTEINS, ("read", "ACGTTGCA" * 10)])
    code, _, err = virnucpro("predict", fasta, "-o", tmp_path / "out", *scorer)
    assert code == 0
    assert "warning: " in err
    assert "looks like proteins" in err
    assert len(rows(tmp_path / "out" / "calls.tsv")) == 4


@pytest.mark.parametrize("name", ["c$_{$x", "病毒"])
def test_a_name_is_drawn_as_it_is(virnucpro, tmp_path, scorer, name):
    fasta = write_fasta(tmp_path / "x.fna", [(name, coding(np.random.default_rng(1), 400))])
    code, _, err = virnucpro("predict", fasta, "-o", tmp_path / "out", *scorer, "--figures", "svg")
    assert code == 0, err
    assert "arning" not in err
    assert rows(tmp_path / "out" / "calls.tsv")[0]["record"] == name
    assert (tmp_path / "out" / "tracks.svg").exists()


HOSTILE = "x\x1b[2J\x07\u202e" + "y" * 5000


def test_ids_reach_tables_and_terminal_without_escapes_and_cut(virnucpro, tmp_path, scorer):
    letters = coding(np.random.default_rng(1), 400)
    fasta = write_fasta(tmp_path / "x.fna", [(HOSTILE, letters), ("a\x0bb\x9bc", letters)])
    code, out, err = virnucpro("predict", fasta, "-o", tmp_path / "out", *scorer, "-v")
    assert code == 0, err
    calls = (tmp_path / "out" / "calls.tsv").read_bytes().decode()
    for text in (out, err, calls):
        assert not any(sign in text for sign in "\x1b\x07\u202e\x0b\x9b")
    first, *_ = rows(tmp_path / "out" / "calls.tsv")
    assert first["record"].startswith(r"x\x1b[2J\x07\u202eyyy")
    assert len(first["record"]) <= 1000
    written = list(SequenceFile(tmp_path / "out" / "viral.fasta"))
    assert all(record.sequence == letters for record in written)


def test_images_of_the_user_survive(virnucpro, tmp_path, contigs, scorer):
    """Only what the manifest lists is deleted, and only as long as it is what was written."""
    out = tmp_path / "out"
    out.mkdir()
    own = ("tracks_7.png", "tracks_mine.png", "tracks9.png")
    for name in own:
        (out / name).write_bytes(b"mine")
    for more in (("--figures", "png"), ("--figures", "png", "--min-score", "0.9"), (), ("--overwrite",)):
        assert virnucpro("predict", contigs, "-o", out, *scorer, *more)[0] == 0
        assert {(out / name).read_bytes() for name in own} == {b"mine"}
        assert (out / "tracks.png").exists() is ("png" in more)


def test_an_image_of_the_user_under_a_result_s_name_is_not_overwritten_unasked(virnucpro, tmp_path, contigs, scorer):
    out = tmp_path / "out"
    out.mkdir()
    (out / "tracks.png").write_bytes(b"mine")
    code, _, err = virnucpro("predict", contigs, "-o", out, *scorer, "--figures", "png")
    assert code == 4
    assert "tracks.png is in the way of a result; move it, or add --overwrite" in err
    assert (out / "tracks.png").read_bytes() == b"mine"
    assert not (out / "calls.tsv").exists()


@pytest.mark.parametrize("name", ["calls.tsv", "viral.fasta", "run.json", "report.html"])
def test_no_result_is_the_input_by_any_name(virnucpro, tmp_path, contigs, scorer, name):
    before = contigs.read_bytes()
    out = tmp_path / "out"
    out.mkdir()
    (out / name).hardlink_to(contigs)
    for source in (contigs, out / name):
        code, _, err = virnucpro("predict", source, "-o", out, *scorer, "--overwrite")
        assert code == 2, err
        assert "would be overwritten" in err
        assert contigs.read_bytes() == before
        assert sorted(path.name for path in out.iterdir() if path.is_file()) == sorted([name, "virnucpro.log"])


def test_nor_is_the_log_an_input_or_another_file(virnucpro, tmp_path, contigs, scorer):
    (tmp_path / "out").mkdir()
    before = contigs.read_bytes()
    (tmp_path / "out" / "virnucpro.log").hardlink_to(contigs)
    code, _, err = virnucpro("predict", contigs, "-o", tmp_path / "out", *scorer)
    assert code == 4
    assert "virnucpro.log is not a VirNucPro log; move it, or use another folder" in err
    assert contigs.read_bytes() == before


def test_results_of_another_run_beside_those_of_this_one_are_told(virnucpro, tmp_path, contigs, scorer):
    out = tmp_path / "out"
    virnucpro("predict", contigs, "-o", out, *scorer, "--only", "calls,windows")
    (out / "run.json").unlink()
    command = ("predict", contigs, "-o", out, *scorer, "--only", "viral", "--min-score", "0")
    for _ in range(2):
        code, _, err = virnucpro(*command)
        assert code == 0
        told = "results that this run did not write and did not check: calls.tsv, windows.tsv.gz, windows.bedgraph"
        assert f"warning: {out} also holds {told}; move or remove them" in err
    assert (out / "calls.tsv").exists()


def test_the_classifier_is_no_result_either(virnucpro, tmp_path, contigs, scorer, models):
    out = tmp_path / "out"
    out.mkdir()
    (out / "calls.tsv").hardlink_to(models / "classifier.safetensors")
    before = (out / "calls.tsv").read_bytes()
    code, _, err = virnucpro("predict", contigs, "-o", out, *scorer, "--overwrite")
    assert code == 2, err
    assert (out / "calls.tsv").read_bytes() == before


def test_a_run_that_fails_while_it_draws_leaves_results_and_manifest_of_one_run(
    virnucpro, tmp_path, contigs, scorer, monkeypatch
):
    out = tmp_path / "out"
    assert virnucpro("predict", contigs, "-o", out, *scorer)[0] == 0
    names = ("calls.tsv", "viral.fasta", "report.html", "run.json")
    before = contents(out, names)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("virnucpro.writers.report.writer.write_report", full)
        code, _, err = virnucpro("predict", contigs, "-o", out, *scorer, "--min-score", "0.99")
    assert code == 4
    assert "No space left on device" in err
    assert contents(out, names) == before
    assert not list(out.glob("**/*.partial"))
    assert virnucpro("predict", contigs, "-o", out, *scorer)[0] == 0
    assert contents(out, names) == before


def test_a_damaged_part_is_computed_again(virnucpro, tmp_path, contigs, scorer):
    out, more = tmp_path / "out", ("--part-windows", "3")
    assert virnucpro("predict", contigs, "-o", out, *scorer, *more)[0] == 0
    before = contents(out, ("calls.tsv", "viral.fasta", "report.html"))
    parts = sorted((out / ".virnucpro").glob("**/*.npz"))
    parts[0].write_bytes(parts[0].read_bytes()[:-100])
    parts[1].unlink()
    (out / "calls.tsv").unlink()
    code, _, err = virnucpro("predict", contigs, "-o", out, *scorer, *more)
    assert code == 0
    assert f"2 parts computed, {len(parts) - 2} skipped" in err
    assert contents(out, before) == before


def test_a_folder_in_a_result_s_place_is_told_before_any_work(virnucpro, tmp_path, contigs, scorer, monkeypatch):
    monkeypatch.setattr("virnucpro.runs.engine.examine", lambda *_: pytest.fail("an input was read"))
    (tmp_path / "out" / "viral.fasta").mkdir(parents=True)
    code, _, err = virnucpro("predict", contigs, "-o", tmp_path / "out", *scorer)
    assert code == 4
    assert "viral.fasta: a folder has this name; move that folder away" in err


def test_features_of_inputs_with_names_that_begin_alike(virnucpro, tmp_path, encoders):
    """The parts of one are never deleted for the other."""
    generator = np.random.default_rng(2)
    fastas = [
        write_fasta(tmp_path / name, [("g", coding(generator, 300))])
        for name in ("a.fna", "a_part0001.fna", "a_part0001_merged.fna")
    ]
    wanted = [f"{fasta.stem}_part0001_merged.pt" for fasta in fastas]
    for more in ((), ("--overwrite",), ("--overwrite",)):
        code, _, err = virnucpro("features", *fastas, "-o", tmp_path / "out", *encoders, *more)
        assert code == 0, err
        assert sorted(path.name for path in (tmp_path / "out").glob("*.pt")) == sorted(wanted)
        assert "3 written" in err
        fastas.reverse()
    assert "0 written, 3 skipped" in virnucpro("features", *fastas, "-o", tmp_path / "out", *encoders)[2]


def test_features_train_predict(virnucpro, tmp_path, encoders):
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
    other = write_fasta(tmp_path / "other.fna", of_kind("h", 8))
    for fasta, label in ((viral, "viral"), (other, "non-viral")):
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
    assert "0 written, 1 skipped" in err
    code, _, err = virnucpro(
        "features", viral, "-o", tmp_path / "viral", "--label", "non-viral", *encoders, "--window", "300"
    )
    assert code == 4
    assert "label: viral then, non-viral now" in err
    model = tmp_path / "model.safetensors"
    arguments = ("--viral", tmp_path / "viral", "--non-viral", tmp_path / "non-viral")
    code, _, err = virnucpro("train", *arguments, "-o", model, "--epochs", "30", "--learning-rate", "0.05", "-q")
    assert code == 0, err
    code, _, err = virnucpro("predict", viral, other, "-o", tmp_path / "out", "--classifier", model, "--dtype", "fp32")
    assert code == 0, err
    tables = [rows(tmp_path / "out" / fasta.stem / "calls.tsv") for fasta in (viral, other)]
    called = {row["record"][0]: row["call"] for table in tables for row in table}
    assert called == {"v": "viral", "h": "non-viral"}


def test_two_inputs_of_one_stem_are_refused(virnucpro, tmp_path, encoders):
    (tmp_path / "b").mkdir()
    first, second = (write_fasta(folder / "x.fna", [("a", "ATG" * 50)]) for folder in (tmp_path, tmp_path / "b"))
    code, _, err = virnucpro("features", first, second, "-o", tmp_path / "o", *encoders)
    assert code == 2
    assert f"{first} and {second} would both give" in err


@pytest.mark.parametrize("verb", ["embed", "features", "predict", "prepare"])
def test_a_pipe_is_refused_and_its_way_in_is_named(virnucpro, tmp_path, verb, scorer, encoders, models):
    pipe = tmp_path / "reads.fa"
    os.mkfifo(pipe)
    models = {"embed": ("--model", models / "protein"), "features": encoders, "predict": scorer, "prepare": ()}[verb]
    code, _, err = virnucpro(verb, pipe, "-o", tmp_path / "out", *models)
    assert code == 3
    assert "reads.fa: a pipe or device, which can be read only once; give '-' and pipe the data into it" in err
    assert "Traceback" not in err


def test_standard_input_is_read_where_a_pipe_is_not(contigs, tmp_path, scorer):
    command = [sys.executable, "-m", "virnucpro", "predict", "-", "-o", tmp_path / "out", *scorer]
    done = subprocess.run(command, input=contigs.read_bytes(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "calls.tsv").exists()
