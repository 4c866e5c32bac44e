"""`virnucpro predict`: regions.tsv, .bed, .gff3 and .fasta, by a packaged model of random weights.

Its calibration is made to tell two repeats apart, so that one is host and the other virus.
"""

import json
from collections import Counter

import numpy as np
import pytest

from calibration_by_hand import CALIBRATION
from mini_layout import write_mini
from virnucpro.sequences.reading import SequenceFile

FILES = ("regions.tsv", "regions.bed", "regions.fasta", "regions.gff3")
HOST, VIRUS = "GCC" * 5000, "TAA" * 5000


def use(monkeypatch, folder):
    for module in ("virnucpro.models.packaged", "virnucpro.features.classifier"):
        monkeypatch.setattr(f"{module}.PACKAGED_FOLDER", folder)


@pytest.fixture(scope="session")
def told_apart(tmp_path_factory):
    """A model whose calibrated log-odds are about -5 for one repeat, and 5 for the other."""
    from virnucpro.verbs.predict import predict

    folder = tmp_path_factory.mktemp("data")
    write_mini(folder / "first" / "mini")
    fasta = folder / "two.fna"
    fasta.write_text(f">host\n{HOST}\n>virus\n{VIRUS}\n")
    with pytest.MonkeyPatch.context() as patch:
        use(patch, folder / "first")
        predict(fasta, folder / "out")
    (part,) = folder.glob("out/.virnucpro/**/part_*.npz")
    log_odds = np.load(part)["log_odds"]
    host, virus = log_odds[:15].mean(), log_odds[15:].mean()
    if abs(virus - host) < 1e-3:
        pytest.fail("the random model gives both repeats the same score")
    # slopes are positive: of the two repeats, the one with the higher score is the virus
    low, high = sorted((host, virus))
    slope = 10 / (high - low)
    window = {"lengths": [1000.0], "slope": [slope], "intercept": [-slope * (low + high) / 2]}
    write_mini(folder / "second" / "mini", calibration=CALIBRATION | {"window": window})
    return folder / "second", *((HOST, VIRUS) if host < virus else (VIRUS, HOST))


@pytest.fixture
def genomes(tmp_path, told_apart, monkeypatch):
    folder, host, virus = told_apart
    use(monkeypatch, folder)
    path = tmp_path / "genomes.fna"
    lysogen = host * 2 + virus[:12_000] + host
    wrapped = "\n".join(lysogen[i : i + 70] for i in range(0, len(lysogen), 70))
    path.write_text(
        f">phage  one of them\n{virus.lower()}\n>lysogen strain 1; {'x' * 9}\n{wrapped}\n>host\n{host}\n>short\nACGT\n"
        f">phage\n{virus[:900]}\n>\x1b[2J\u202e=1+1\t|cut\n{lysogen}\n>ns\n{'N' * 9000}\n>\n{lysogen}\n"
    )
    return path


def table(path):
    header, *lines = path.read_text().splitlines()
    return [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]


def test_regions_of_genomes(virnucpro, tmp_path, genomes):
    code, _, err = virnucpro("predict", genomes, "-o", tmp_path / "out")
    assert code == 0, err
    assert "3 proviruses in non-viral records" in err
    rows = table(tmp_path / "out" / "regions.tsv")
    assert list(rows[0]) == [
        "sample", "record", "region_start", "region_end", "length", "n_windows", "virus_score", "background_score",
        "kind", "best_class",
    ]  # fmt: skip
    assert [(row["record"], row["kind"]) for row in rows] == [
        ("phage", "virus"), ("lysogen", "provirus"), ("phage", "virus"), ("\\x1b[2J\\u202e=1+1", "provirus"),
        ("", "provirus"),
    ]  # fmt: skip
    for row in rows:
        start, end = int(row["region_start"]), int(row["region_end"])
        assert int(row["length"]) == end - start
        assert float(row["virus_score"]) > 0.5
        assert row["best_class"] != "NA"
        if row["kind"] == "virus":
            assert (start, row["background_score"]) == (0, "NA")
        else:
            assert abs(start - 30_000) <= 1000
            assert abs(end - 42_000) <= 1000
            assert abs(int(row["n_windows"]) - 12) <= 1
            assert float(row["background_score"]) < 0.1


def test_files_agree_with_each_other_and_with_the_manifest(virnucpro, tmp_path, genomes):
    assert virnucpro("predict", genomes, "-o", tmp_path / "out")[0] == 0
    rows = table(tmp_path / "out" / "regions.tsv")
    manifest = json.loads((tmp_path / "out" / "run.json").read_text())
    assert Counter(row["kind"] for row in rows) == manifest["counts"]["regions"] == {"virus": 2, "provirus": 3}
    assert manifest["counts"]["calls"]["viral"] == 2
    assert "regions" in manifest["output_settings"]["outputs"]
    assert set(FILES) <= {result["path"] for result in manifest["results"]}
    bed = [line.split("\t") for line in (tmp_path / "out" / "regions.bed").read_text().splitlines()]
    assert bed == [
        [
            row["record"] or ".",
            row["region_start"],
            row["region_end"],
            row["kind"],
            f"{1000 * float(row['virus_score']):.0f}",
        ]
        for row in rows
    ]
    features = [
        line.split("\t") for line in (tmp_path / "out" / "regions.gff3").read_text().splitlines() if line[0] != "#"
    ]
    assert [(int(feature[3]) - 1, int(feature[4]), feature[2]) for feature in features] == [
        (int(row["region_start"]), int(row["region_end"]), "viral_sequence") for row in rows
    ]
    assert [dict(pair.split("=") for pair in feature[8].split(";"))["kind"] for feature in features] == [
        row["kind"] for row in rows
    ]
    calls = {row["record"]: row["warnings"].split(";") for row in table(tmp_path / "out" / "calls.tsv")}
    assert {record for record, words in calls.items() if "has_provirus" in words} == {
        row["record"] for row in rows if row["kind"] == "provirus"
    }
    records = {record.number: record for record in SequenceFile(genomes)}
    found = list(SequenceFile(tmp_path / "out" / "regions.fasta"))
    proviruses = [row for row in rows if row["kind"] == "provirus"]
    headers = [
        ("lysogen", f" strain 1; {'x' * 9}", 2), ("\x1b[2J\u202e=1+1", " |cut", 6), ("", "", 8),
    ]  # fmt: skip
    for record, row, (id_, rest, number) in zip(found, proviruses, headers, strict=True):
        start, end = int(row["region_start"]), int(row["region_end"])
        assert record.header == f"{id_}|provirus_{start + 1}_{end}{rest}"
        assert record.sequence == records[number].sequence[start:end]


def test_parts_and_order_do_not_change_regions(virnucpro, tmp_path, genomes):
    virnucpro("predict", genomes, "-o", tmp_path / "whole")
    code, _, err = virnucpro("predict", genomes, "-o", tmp_path / "parts", "--part-windows", "7")
    assert code == 0, err
    for name in FILES:
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()


def test_without_regions(virnucpro, tmp_path, genomes):
    virnucpro("predict", genomes, "-o", tmp_path / "out")
    assert all((tmp_path / "out" / name).exists() for name in FILES)
    code, _, err = virnucpro("predict", genomes, "-o", tmp_path / "out", "--no-regions")
    assert code == 0
    assert "0 parts computed" in err
    assert not any((tmp_path / "out" / name).exists() for name in FILES)
    manifest = json.loads((tmp_path / "out" / "run.json").read_text())
    assert "regions" not in manifest["output_settings"]["outputs"]
    assert manifest["counts"]["regions"] == {"virus": 2, "provirus": 3}


def test_a_classifier_without_calibration_finds_none(virnucpro, tmp_path, genomes, models):
    options = ("--classifier", models / "classifier.safetensors", "--dna-model", models / "dna")
    code, _, err = virnucpro(
        "predict", genomes, "-o", tmp_path / "out", *options, "--protein-model", models / "protein"
    )
    assert code == 0, err
    assert not any((tmp_path / "out" / name).exists() for name in FILES)
    manifest = json.loads((tmp_path / "out" / "run.json").read_text())
    assert "regions" not in manifest["output_settings"]["outputs"]
    assert "regions" not in manifest["counts"]


def test_without_records_the_tables_are_empty(virnucpro, tmp_path, genomes):
    genomes.write_text("")
    assert virnucpro("predict", genomes, "-o", tmp_path / "out")[0] == 0
    assert len((tmp_path / "out" / "regions.tsv").read_text().splitlines()) == 1
    assert [(tmp_path / "out" / name).read_bytes() for name in FILES[1:]] == [b"", b"", b"##gff-version 3\n"]
