"""`virnucpro predict` of several samples, of pairs, and with other outputs, by a packaged model of random weights."""

import errno
import gzip
import json
import os
import shlex
from functools import partial

import numpy as np
import pytest

from conftest import random_dna, write_fasta
from genbank_files import cds, record, write_genbank
from mini_layout import write_mini
from virnucpro.sequences.reading import SequenceFile


@pytest.fixture(scope="session")
def packaged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_mini(folder / "mini")
    return folder


@pytest.fixture(autouse=True)
def mini(packaged, monkeypatch):
    for module in ("virnucpro.models.packaged", "virnucpro.features.classifier"):
        monkeypatch.setattr(f"{module}.PACKAGED_FOLDER", packaged)


def table(path):
    header, *lines = path.read_text().splitlines()
    return [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]


def write_fastq(path, records):
    text = "".join(f"@{name}\n{letters}\n+\n{'I' * len(letters)}\n" for name, letters in records)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def names_in(folder):
    return {
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and ".virnucpro" not in str(path)
    }


@pytest.fixture
def contigs(tmp_path):
    generator = np.random.default_rng(3)
    records = [(f"c{i}", random_dna(generator, 2500)) for i in range(4)]
    return write_fasta(tmp_path / "contigs.fna", [*records, ("tiny", "ACG")])


@pytest.fixture
def mates(tmp_path):
    generator = np.random.default_rng(4)
    return [
        write_fastq(tmp_path / f"gut_R{mate}.fq.gz", [(f"r{i}/{mate}", random_dna(generator, 150)) for i in range(9)])
        for mate in (1, 2)
    ]


def test_several_inputs_are_several_samples(virnucpro, tmp_path, contigs, mates):
    out = tmp_path / "out"
    code, _, err = virnucpro("predict", contigs, mates[0], "-o", out)
    assert code == 0, err
    assert "14 records in 2 samples: " in err
    rows = table(out / "summary.tsv")
    assert list(rows[0]) == [
        "sample", "records", "bases", "viral_records", "viral_bases", "percent_viral", "not_scored", "median_fdr",
        "seconds", "peak_mb",
    ]  # fmt: skip
    assert [(row["sample"], row["records"], row["bases"], row["not_scored"]) for row in rows] == [
        ("contigs", "5", "10003", "1"), ("gut_R1", "9", "1350", "0"),
    ]  # fmt: skip
    for row in rows:
        calls = table(out / row["sample"] / "calls.tsv")
        viral = [call for call in calls if call["call"] == "viral"]
        assert {call["sample"] for call in calls} == {row["sample"]}
        assert int(row["viral_records"]) == len(viral)
        assert int(row["viral_bases"]) == sum(int(call["length"]) for call in viral)
        assert float(row["peak_mb"]) > 0
    manifest = json.loads((out / "run.json").read_text())
    assert [one["path"] for one in manifest["results"]] == ["summary.tsv", "report.html"]
    assert [one["sample"] for one in manifest["samples"]] == ["contigs", "gut_R1"]


def test_a_sample_does_not_depend_on_others(virnucpro, tmp_path, contigs, mates):
    both, alone = (contigs, mates[0], "-o", tmp_path / "both"), (contigs, "-o", tmp_path / "alone")
    for inputs in (both, alone):
        virnucpro("predict", *inputs)
    assert names_in(tmp_path / "alone") - {"virnucpro.log"} == names_in(tmp_path / "both" / "contigs")
    for name in names_in(tmp_path / "both" / "contigs") - {"run.json"}:
        # the report shows the command
        first = (tmp_path / "both" / "contigs" / name).read_bytes().replace(shlex.join(map(str, both)).encode(), b"")
        assert first == (tmp_path / "alone" / name).read_bytes().replace(shlex.join(map(str, alone)).encode(), b"")


def test_a_second_run_skips_all_samples(virnucpro, tmp_path, contigs, mates, monkeypatch):
    out = tmp_path / "out"
    virnucpro("predict", contigs, mates[0], "-o", out)
    before = {name: (out / name).read_bytes() for name in names_in(out) - {"virnucpro.log", "run.json"}}
    monkeypatch.setattr("virnucpro.models.encoders.encoder_of", None)
    code, _, err = virnucpro("predict", contigs, mates[0], "-o", out)
    assert (code, "already finished, skipped" in err) == (0, True)
    assert before == {name: (out / name).read_bytes() for name in before}


def test_a_sample_that_cannot_be_read_costs_no_other(virnucpro, tmp_path, contigs):
    bad = tmp_path / "bad.fq"
    bad.write_text("@r\nACGT\n+\nIII\n")
    code, _, err = virnucpro("predict", bad, contigs, "-o", tmp_path / "out")
    assert code == 3
    assert f"{bad}:4" in err
    rows = table(tmp_path / "out" / "summary.tsv")
    assert [(row["sample"], row["records"]) for row in rows] == [("bad", "NA"), ("contigs", "5")]
    assert len(table(tmp_path / "out" / "contigs" / "calls.tsv")) == 5
    assert not (tmp_path / "out" / "bad" / "calls.tsv").exists()


def test_the_table_of_a_user_is_not_replaced_by_the_summary(virnucpro, tmp_path, contigs, mates):
    out = tmp_path / "out"
    out.mkdir()
    (out / "summary.tsv").write_text("mine")
    code, _, err = virnucpro("predict", contigs, mates[0], "-o", out)
    assert code == 4
    assert "summary.tsv is in the way of a result" in err
    assert (out / "summary.tsv").read_text() == "mine"
    assert virnucpro("predict", contigs, mates[0], "-o", out, "--overwrite")[0] == 0
    assert len(table(out / "summary.tsv")) == 2


def test_a_folder_of_one_sample_does_not_become_one_of_several(virnucpro, tmp_path, contigs, mates):
    virnucpro("predict", contigs, "-o", tmp_path / "out")
    code, _, err = virnucpro("predict", contigs, mates[0], "-o", tmp_path / "out")
    assert code == 4
    assert "holds the results of a single sample; use another folder" in err


def test_pairs_are_called_together(virnucpro, tmp_path, mates):
    out = tmp_path / "out"
    virnucpro("predict", "--paired", *mates, "-o", out, "--only", "calls")
    middle = sorted(float(row["virus_score"]) for row in table(out / "calls.tsv"))[4]
    code, _, err = virnucpro("predict", "--paired", *mates, "-o", out, "--min-score", middle, "--split")
    assert "9 pairs: " in err
    assert code == 0, err
    assert "have the ID of an earlier one" not in err
    rows = table(out / "calls.tsv")
    assert [(row["sample"], row["record"], row["length"], row["n_windows"]) for row in rows] == [
        ("gut", f"r{i}", "300", "2") for i in range(9)
    ]
    assert {row["call"] for row in rows} == {"viral", "non-viral"}
    for call in ("viral", "non-viral"):
        wanted = [row["record"] for row in rows if row["call"] == call]
        for mate in (1, 2):
            path = out / f"{call.replace('-', '_')}_{mate}.fastq.gz"
            assert [record.id for record in SequenceFile(path)] == [f"{name}/{mate}" for name in wanted]
    manifest = json.loads((out / "run.json").read_text())
    assert [one["path"] for one in manifest["inputs"]] == [str(path) for path in mates]
    assert not {"regions.tsv", "windows.tsv.gz", "tracks.png", "viral.fasta"} & names_in(out)


def test_pairs_have_more_evidence_than_their_mates(virnucpro, tmp_path, mates):
    from virnucpro.features.classifier import load_classifier
    from virnucpro.scoring.calibration import Calibration
    from virnucpro.scoring.rule import MATES_FACTOR

    virnucpro("predict", "--paired", *mates, "-o", tmp_path / "pairs")
    (part,) = (tmp_path / "pairs").glob(".virnucpro/**/part_*.npz")
    log_odds = np.load(part)["log_odds"]
    calibration = Calibration.from_dict(load_classifier("mini").calibration)
    lengths_bp = np.full(9, 300)
    means = calibration.window_log_odds(log_odds, np.full(18, 150)).reshape(9, 2).mean(axis=1)
    z = calibration.record_log_odds(MATES_FACTOR * means, np.full(9, 2), lengths_bp)
    margins = z - calibration.threshold("default", lengths_bp)
    found = [float(row["margin"]) for row in table(tmp_path / "pairs" / "calls.tsv")]
    assert np.allclose(found, margins, atol=1e-5)


def test_parts_between_mates_change_nothing(virnucpro, tmp_path, mates):
    for name, more in (("whole", ()), ("parts", ("--part-windows", "3"))):
        assert virnucpro("predict", "--paired", *mates, "-o", tmp_path / name, *more)[0] == 0
    assert len(list((tmp_path / "parts" / ".virnucpro").glob("**/*.npz"))) == 6
    tables = [table(tmp_path / name / "calls.tsv") for name in ("whole", "parts")]
    for row, other in zip(*tables, strict=True):
        for name in ("virus_score", "threshold", "margin", "fdr"):
            assert abs(float(row.pop(name)) - float(other.pop(name))) <= 1e-5  # sums of floats in another order
        assert row == other


def test_broken_pairs_stop_before_any_work(virnucpro, tmp_path, mates, monkeypatch):
    monkeypatch.setattr("virnucpro.models.encoders.encoder_of", None)
    short = write_fastq(tmp_path / "short_R2.fq", [(f"r{i}/2", "ACGT" * 30) for i in range(5)])
    code, _, err = virnucpro("predict", "--paired", mates[0], short, "-o", tmp_path / "out")
    assert code == 3
    assert f"{short} ends after record 5, but {mates[0]} goes on with 'r5/1'" in err


def test_a_mate_that_changes_stops_the_run(virnucpro, tmp_path, mates, monkeypatch):
    from virnucpro.runs.parts import PartStore

    save = PartStore.save

    def save_and_change(self, number, computed):
        save(self, number, computed)
        with gzip.open(mates[1], "rt") as stream:
            text = stream.read()
        mates[1].write_bytes(gzip.compress(text.replace("IIII", "####").encode()))

    monkeypatch.setattr(PartStore, "save", save_and_change)
    code, _, err = virnucpro("predict", "--paired", *mates, "-o", tmp_path / "out")
    assert code == 3
    assert "changed while it was read" in err
    assert not (tmp_path / "out" / "calls.tsv").exists()


def test_samples_of_a_sheet(virnucpro, tmp_path, contigs, mates):
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(f"sample,fastq_1,fastq_2,fasta\ngut,{mates[0]},{mates[1]},\nassembly,,,{contigs}\n")
    code, _, err = virnucpro("predict", "--samples", sheet, "-o", tmp_path / "out", "--only", "calls,viral")
    assert code == 0, err
    assert names_in(tmp_path / "out") == {
        "summary.tsv", "run.json", "virnucpro.log", "gut/calls.tsv", "gut/run.json", "gut/viral_1.fastq.gz",
        "gut/viral_2.fastq.gz", "assembly/calls.tsv", "assembly/run.json", "assembly/viral.fasta",
    }  # fmt: skip
    assert [row["records"] for row in table(tmp_path / "out" / "summary.tsv")] == ["9", "5"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "give INPUTs, or a sheet of them with --samples; not both"),
        (("x.fa", "--samples", "sheet.csv"), "not both"),
        (("--samples", "sheet.csv", "--paired"), "leave out --paired and --recursive"),
        (("x.fa", "--only", "calls,csv"), "'csv' is not an output; choose from calls, viral, windows"),
        (("x.fa", "--only", "calls", "--no-calls"), "no output is left; choose at least one"),
        (("a.fa", "b.fa", "c.fa", "--paired"), "--paired needs two files for each sample"),
    ],
)
def test_what_excludes_each_other_is_told(virnucpro, tmp_path, arguments, told):
    code, _, err = virnucpro("predict", *arguments, "-o", tmp_path / "out")
    assert code == 2
    assert told in err


def test_outputs_are_left_out_and_come_back(virnucpro, tmp_path, contigs):
    out = tmp_path / "out"
    run = ("predict", contigs, "-o", out)
    assert virnucpro(*run, "--only", "krona", "--genomad-layout")[0] == 0
    few = {"krona.tsv", "contigs_summary/contigs_virus_summary.tsv", "contigs_summary/contigs_virus.fna"}
    assert names_in(out) == {*few, "run.json", "virnucpro.log"}
    code, _, err = virnucpro(*run, "--no-krona", "--no-windows")
    assert (code, "0 parts computed" in err) == (0, True)
    assert not few & names_in(out)
    assert not (out / "contigs_summary").exists()
    assert {"calls.tsv", "viral.fasta", "regions.gff3", "virnucpro_mqc.json"} <= names_in(out)
    assert "windows.tsv.gz" not in names_in(out)


def test_tables_as_parquet(virnucpro, tmp_path, contigs):
    from pyarrow import parquet

    out = tmp_path / "out"
    assert virnucpro("predict", contigs, "-o", out, "--format", "parquet")[0] == 0
    assert {"calls.parquet", "windows.parquet", "regions.parquet"} <= names_in(out)
    assert not {"calls.tsv", "windows.tsv.gz", "regions.tsv"} & names_in(out)
    assert parquet.read_table(out / "calls.parquet").column("record").to_pylist() == ["c0", "c1", "c2", "c3", "tiny"]
    assert virnucpro("predict", contigs, "-o", out)[0] == 0
    assert "calls.parquet" not in names_in(out)


def test_genbank_is_an_input(virnucpro, tmp_path, contigs):
    sequences = [record.sequence for record in SequenceFile(contigs)][:2]
    path = write_genbank(
        tmp_path / "x.gbk", *(record(f"G{i}", text, cds("1..9", "MKL")) for i, text in enumerate(sequences))
    )
    fasta = write_fasta(tmp_path / "y.fna", [(f"G{i}.1", text) for i, text in enumerate(sequences)])
    for source, name in ((path, "x"), (fasta, "y")):
        code, _, err = virnucpro("predict", source, "-o", tmp_path / name, "--only", "calls")
        assert code == 0, err
    found, wanted = (table(tmp_path / name / "calls.tsv") for name in "xy")
    assert [row | {"sample": "", "record": ""} for row in found] == [
        row | {"sample": "", "record": ""} for row in wanted
    ]
    assert all(row["record"].startswith("G") for row in found)
    path.write_text(path.read_text()[:-60])
    code, _, err = virnucpro("predict", path, "-o", tmp_path / "cut")
    assert code == 3
    assert "x.gbk, record 2 (G1" in err


def test_folders_are_told_how_to_give_or_taken_with_recursive(virnucpro, tmp_path, contigs):
    folder = tmp_path / "many" / "below"
    folder.mkdir(parents=True)
    (folder / "one.fna").write_bytes(contigs.read_bytes())
    code, _, err = virnucpro("predict", tmp_path / "many" / "below", "-o", tmp_path / "out")
    assert code == 3
    assert f"{folder}: a folder; give the files in it, such as {folder}/*.fna, or add --recursive" in err
    assert virnucpro("predict", tmp_path / "many", "--recursive", "-o", tmp_path / "out", "--only", "calls")[0] == 0
    assert len(table(tmp_path / "out" / "one" / "calls.tsv")) == 5


@pytest.mark.parametrize("which", [(), ("--recursive",)])
def test_a_folder_that_cannot_be_read_is_named(virnucpro, tmp_path, contigs, monkeypatch, which):
    locked = contigs.parent / "locked"
    locked.mkdir()

    def unless_locked(system, folder):
        if os.fspath(folder) == str(locked):  # root may read everything
            raise PermissionError(errno.EACCES, "Permission denied", folder)
        return system(folder)

    monkeypatch.setattr(os, "listdir", partial(unless_locked, os.listdir))
    monkeypatch.setattr(os, "scandir", partial(unless_locked, os.scandir))
    code, _, err = virnucpro("predict", contigs.parent if which else locked, *which, "-o", tmp_path / "out")
    assert code == 3
    assert f"{locked}: the folder cannot be read: Permission denied" in err
    assert not (tmp_path / "out" / "run.json").exists()


@pytest.mark.parametrize("killed", [False, True])
def test_a_folder_may_be_input_and_output(virnucpro, tmp_path, contigs, killed):
    command = ("predict", tmp_path, "--recursive", "-o", tmp_path, "--min-score", "0", "--split", "--genomad-layout")
    assert virnucpro(*command)[0] == 0
    assert (tmp_path / "contigs" / "viral.fasta").stat().st_size
    if killed:  # between its results and its manifest
        (tmp_path / "contigs" / "run.json").unlink()
    code, _, err = virnucpro(*command)
    assert code == 0, err
    assert ("already finished, skipped" in err) is not killed
    assert ("that an interrupted run may have written" in err) is killed
    assert [row["sample"] for row in table(tmp_path / "summary.tsv")] == ["contigs"]
    contigs.unlink()
    code, _, err = virnucpro(*command)
    assert code == 3
    assert "contains no FASTA, FASTQ or GenBank files (.fna.gz, .fq, ...) other than results of earlier runs" in err


def test_the_folder_of_a_sample_is_no_link(virnucpro, tmp_path, contigs):
    (tmp_path / "disk").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").symlink_to("disk")  # which the user named
    (tmp_path / "disk" / "contigs").symlink_to(tmp_path / "elsewhere")
    command = ("predict", contigs, write_fasta(tmp_path / "b.fna", [("b", "ACG")]), "-o", tmp_path / "out")
    code, _, err = virnucpro(*command)
    assert code == 4
    assert "out/contigs is a link, and results would be written through it; remove it" in err
    assert list((tmp_path / "elsewhere").iterdir()) == []
    (tmp_path / "disk" / "contigs").unlink()
    assert virnucpro(*command)[0] == 0
    assert (tmp_path / "disk" / "contigs" / "calls.tsv").exists()


def test_a_common_report_goes_with_those_of_the_samples(virnucpro, tmp_path, contigs):
    other = write_fasta(tmp_path / "other.fna", [("tiny", "ACG")])
    command = ("predict", contigs, other, "-o", tmp_path / "out")
    assert virnucpro(*command, "--only", "calls,report")[0] == 0
    assert (tmp_path / "out" / "report.html").exists()
    assert virnucpro(*command, "--only", "calls")[0] == 0
    assert {"summary.tsv", "run.json"} <= names_in(tmp_path / "out")
    assert not [name for name in names_in(tmp_path / "out") if name.endswith("report.html")]


def test_what_a_run_of_several_samples_says_at_its_end(virnucpro, tmp_path, contigs):
    bad, one = tmp_path / "bad.fna", write_fasta(tmp_path / "one.fna", [("a", "ACGTTGCA" * 40)])
    bad.write_text("no sequence\n")
    code, _, err = virnucpro("predict", contigs, bad, "-o", tmp_path / "out")
    assert code == 3
    assert "5 records in 1 of 2 samples: " in err
    assert err.splitlines()[-1] == f"open {tmp_path / 'out' / 'report.html'} in a browser"
    code, _, err = virnucpro("predict", one, "-o", tmp_path / "single", "--no-report")
    assert code == 0
    assert "1 record: " in err
    assert err.splitlines()[-1].startswith("1 part computed, 0 skipped, on ")
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "calls.tsv").write_text("mine")
    code, _, err = virnucpro("predict", one, "-o", tmp_path / "kept")
    assert (code, len(err.splitlines())) == (0, 1)
    assert f"calls.tsv has no manifest: kept as it is, unchecked, and nothing is computed for {one}" in err


def test_the_manifest_says_how_the_run_went(virnucpro, tmp_path, contigs):
    virnucpro("predict", contigs, "-o", tmp_path / "out")
    content = json.loads((tmp_path / "out" / "run.json").read_text())
    assert set(content["execution"]) == {"started", "seconds", "peak_mb"}
    assert set(content["execution"]["seconds"]) == {"plan", "compute", "collect"}
    assert content["execution"]["peak_mb"] > 0
    assert content["thresholds"]["scored_bp"] == [150, 1500, 10000]
    assert len(content["thresholds"]["virus_score"]) == 3
    assert content["command"] == f"virnucpro predict {contigs} -o {tmp_path / 'out'}"
    assert set(content["versions"]) == {"python", "numpy", "torch"}
