"""Writers of `predict`: what each of them makes of a few called records."""

import gzip
import io
import json

import numpy as np
import pyarrow.parquet
import pytest

from called_records import called_records, facts_of, written
from virnucpro.errors import ConfigError, StoreError
from virnucpro.runs.results import Results
from virnucpro.writers.calls import CallsTable
from virnucpro.writers.genomad import GenomadLayout
from virnucpro.writers.gff import RegionsGff
from virnucpro.writers.krona import KronaText
from virnucpro.writers.legacy import LegacyTables
from virnucpro.writers.multiqc import MultiQC
from virnucpro.writers.outputs import DEFAULT_OUTPUTS, OUTPUTS, choose_outputs, writers_of
from virnucpro.writers.sequences import SplitSequences, ViralSequences
from virnucpro.writers.tally import Tally
from virnucpro.writers.windows import WindowsBedGraph, WindowsTable

HOSTILE = '=cmd|"\t/C\x1b[2J'
VIRAL, HOST = (0.99, 8.0), (0.01, -8.0)


def three(call=VIRAL):
    """A viral contig of two overlapping windows, a read of one window, and a record that is too short."""
    return called_records(
        [("c1 first", "A" * 1500), (HOSTILE, "C" * 600), ("", "AC")],
        (0, 0, 1000, (call,)), (0, 500, 1500, (call,)), (1, 0, 600, (HOST,)),
    )  # fmt: skip


def lysogen():
    """A provirus of five windows in a host."""
    windows = [(0, 1000 * n, 1000 * (n + 1), (VIRAL if 10 <= n < 15 else HOST,)) for n in range(30)]
    return called_records([("ly;s=1 strain, 7", "ACGTA" * 6000)], *windows)


def table(content):
    header, *rows = content.decode().splitlines()
    return [dict(zip(header.split("\t"), row.split("\t"), strict=True)) for row in rows]


def test_calls_as_text_and_as_parquet_are_the_same(tmp_path):
    facts = facts_of(class_scores=True)
    text = table(written(tmp_path, CallsTable, facts, three(), three())["calls.tsv"])
    packed = written(tmp_path, CallsTable, facts_of(table_format="parquet"), three(), three())["calls.parquet"]
    rows = pyarrow.parquet.read_table(io.BytesIO(packed)).to_pylist()
    assert len(text) == len(rows) == 6
    for cells, values in zip(text, rows, strict=True):
        assert list(cells) == list(values)
        for name, value in values.items():
            shown = "NA" if value is None else f"{value:.6f}" if isinstance(value, float) else str(value)
            assert cells[name] == shown
    assert [row["record"] for row in rows[:3]] == ["c1", r"\x3dcmd|\x22", ""]
    assert [row["warnings"] for row in rows[:3]] == [None, None, "short"]
    assert [row["best_start"] for row in rows[:3]] == [0, 0, None]


def test_the_original_s_tables_keep_ids_but_for_control_characters(tmp_path):
    called = called_records([('=a"\x1b[2J\x9b', "A" * 600)], (0, 0, 600, (VIRAL,)))
    for content in written(tmp_path, LegacyTables, facts_of(), called).values():
        assert rb'=a"\x1b[2J\x9b_chunk_1' in content.splitlines()[1]


def test_parquet_needs_its_library_and_says_so(tmp_path, monkeypatch):
    from virnucpro.writers import tables

    monkeypatch.setattr(tables.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install 'virnucpro\[tables\]'"):
        tables.require_format("parquet")


def test_parquet_is_written_in_groups_of_rows(tmp_path, monkeypatch):
    monkeypatch.setattr("virnucpro.writers.tables.ROW_GROUP", 5)
    packed = written(tmp_path, CallsTable, facts_of(table_format="parquet"), *[three()] * 4)["calls.parquet"]
    assert pyarrow.parquet.ParquetFile(io.BytesIO(packed)).metadata.num_row_groups == 2


@pytest.mark.parametrize(("single", "wanted"), [(False, ["c1", "c1"]), (True, ["c1", "c1", r"\x3dcmd|\x22"])])
def test_windows_of_records_with_just_one_are_listed_when_asked_for(tmp_path, single, wanted):
    content = written(tmp_path, WindowsTable, facts_of(single_windows=single), three())["windows.tsv.gz"]
    rows = table(gzip.decompress(content))
    assert [row["record"] for row in rows] == wanted
    assert [(row["window"], row["window_start"], row["window_end"]) for row in rows[:2]] == [
        ("1", "0", "1000"), ("2", "500", "1500"),
    ]  # fmt: skip
    assert {row["call"] for row in rows[:2]} == {"viral"}
    assert (
        content == written(tmp_path / "again", WindowsTable, facts_of(single_windows=single), three())["windows.tsv.gz"]
    )


def test_windows_of_a_bedgraph_do_not_overlap(tmp_path):
    facts = facts_of(sample='a"b', single_windows=True)
    head, *lines = written(tmp_path, WindowsBedGraph, facts, three())["windows.bedgraph"].decode().splitlines()
    assert head.startswith(r'track type=bedGraph name="a\x22b virus score"')
    assert [line.split("\t")[:3] for line in lines] == [
        ["c1", "0", "750"], ["c1", "750", "1500"], [r"\x3dcmd|\x22", "0", "600"],
    ]  # fmt: skip


def test_gff_counts_from_1_and_escapes_what_it_must(tmp_path):
    lines = written(tmp_path, RegionsGff, facts_of(), lysogen())["regions.gff3"].decode().splitlines()
    assert lines[:2] == ["##gff-version 3", "##sequence-region ly%3Bs%3D1 1 30000"]
    fields = lines[2].split("\t")
    assert (fields[0], *fields[2:5]) == ("ly%3Bs%3D1", "viral_sequence", "10001", "15000")
    attributes = dict(pair.split("=") for pair in fields[8].split(";"))
    assert (attributes["ID"], attributes["kind"], attributes["n_windows"]) == ("virus_1", "provirus", "5")


def test_the_layout_of_genomad(tmp_path):
    facts = facts_of()
    files = written(tmp_path, GenomadLayout, facts, three(), lysogen())
    rows = table(files["gut_summary/gut_virus_summary.tsv"])
    assert list(rows[0]) == [
        "seq_name", "length", "topology", "coordinates", "n_genes", "genetic_code", "virus_score", "fdr",
        "n_hallmarks", "marker_enrichment", "taxonomy",
    ]  # fmt: skip
    assert [(row["seq_name"], row["length"], row["topology"], row["coordinates"]) for row in rows] == [
        ("c1", "1500", "NA", "NA"), ("ly;s=1|provirus_10001_15000", "5000", "Provirus", "10001-15000"),
    ]  # fmt: skip
    assert {row[name] for row in rows for name in ("n_genes", "n_hallmarks", "taxonomy")} == {"NA"}
    fasta = files["gut_summary/gut_virus.fna"].decode().split("\n")
    assert fasta[::2] == [">c1 first", ">ly;s=1|provirus_10001_15000 strain, 7", ""]
    assert [len(line) for line in fasta[1::2]] == [1500, 5000]


def test_a_folder_of_results_that_is_a_link_is_not_written_through(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "gut_summary").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="is a link, and results would be written through it"):
        written(tmp_path, GenomadLayout, facts_of(), three())
    assert not list((tmp_path / "elsewhere").iterdir())


def test_sections_for_multiqc(tmp_path):
    files = {name: json.loads(text) for name, text in written(tmp_path, MultiQC, facts_of(), three(), three()).items()}
    assert [section["plot_type"] for section in files.values()] == ["generalstats", "bargraph", "linegraph"]
    stats, calls, scores = (section["data"]["gut"] for section in files.values())
    assert (stats["records"], stats["viral_records"], stats["percent_viral"]) == (6, 2, 33.33)
    assert calls == {"viral": 2, "non-viral": 2, "not_scored": 2}
    assert (len(scores), sum(scores.values()), scores["0.99"], scores["0.01"]) == (50, 100, 50, 50)


def test_krona_counts_calls(tmp_path):
    assert written(tmp_path, KronaText, facts_of(), three(), three(HOST))["krona.tsv"] == (
        b"3\tnon-viral\n2\tnot_scored\n1\tviral\n"
    )


READS = [("r1 x", "ACGT" * 150, "I" * 600), ("r2", "GGGG" * 150, "#" * 600), ("r3", "A", "I")]
WINDOWS = (0, 0, 600, (VIRAL,)), (1, 0, 600, (HOST,))


def test_reads_keep_their_qualities(tmp_path):
    called = called_records(READS, *WINDOWS)
    files = written(tmp_path, ViralSequences, facts_of(), called) | written(
        tmp_path, SplitSequences, facts_of(), called
    )
    assert files["viral.fasta"].decode() == f">r1 x\n{'ACGT' * 150}\n"
    assert gzip.decompress(files["viral.fastq.gz"]).decode() == f"@r1 x\n{'ACGT' * 150}\n+\n{'I' * 600}\n"
    assert gzip.decompress(files["not_scored.fastq.gz"]) == b"@r3\nA\n+\nI\n"
    assert set(files) == {
        f"{call}{kind}" for call in ("viral", "non_viral", "not_scored") for kind in (".fasta", ".fastq.gz")
    }


def test_contigs_have_no_file_of_qualities(tmp_path):
    assert set(written(tmp_path, ViralSequences, facts_of(), three())) == {"viral.fasta"}


def test_reads_have_a_file_of_qualities_even_when_none_is_viral(tmp_path):
    called = called_records(READS[1:], (0, 0, 600, (HOST,)))
    files = written(tmp_path, ViralSequences, facts_of(), called)
    assert gzip.decompress(files["viral.fastq.gz"]) == files["viral.fasta"] == b""


def test_mates_stand_at_the_same_place(tmp_path):
    mates = [("r1/2", "TTTT", "ABCD"), ("r2/2", "CCCC", "ABCD"), ("r3/2", "C", "A")]
    called = called_records(READS, *WINDOWS, mates=mates)
    files = written(tmp_path, ViralSequences, facts_of(paired=True), called, called)
    assert list(files) == ["viral_1.fastq.gz", "viral_2.fastq.gz"]
    first, second = (gzip.decompress(content).decode().splitlines()[::4] for content in files.values())
    assert (first, second) == (["@r1 x"] * 2, ["@r1/2"] * 2)
    without = called_records([read[:2] for read in READS], *WINDOWS, mates=[mate[:2] for mate in mates])
    assert list(written(tmp_path, ViralSequences, facts_of(paired=True), without)) == ["viral_1.fasta", "viral_2.fasta"]


def test_a_tally_adds_up():
    tally = Tally()
    for called in (three(), lysogen()):
        tally.add(called)
    counts = tally.counts(with_regions=True)
    assert counts == {
        "records": 4, "bases": 32_102, "viral_bases": 1500, "calls": {"viral": 1, "non-viral": 2, "not_scored": 1},
        "statuses": {"scored": 3, "too_short": 1}, "regions": {"virus": 1, "provirus": 1},
        "ambiguous_records": 0,
    }  # fmt: skip
    assert tally.scores.sum() == 3
    assert abs(tally.median_fdr - three().calls.fdr[0]) <= 1e-4
    assert Tally().median_fdr is None


def test_a_median_lies_in_the_middle():
    tally, called = Tally(), three()
    for fdr in (0.01, 0.02, 0.3):
        called.calls.fdr[0] = fdr
        tally.add(called)
    assert abs(tally.median_fdr - 0.02) <= 1e-4


def test_every_output_can_be_made_of_no_record(tmp_path):
    facts, names = facts_of(), [output.name for output in OUTPUTS]
    with Results(tmp_path / "scratch", tmp_path) as results:
        for writer in writers_of(names):
            writer(results, facts).complete(Tally())
        written = {one.path for one in results.close([], None)}
    assert {"calls.tsv", "viral.fasta", "regions.gff3", "windows.bedgraph", "virnucpro_mqc.json"} <= written


def test_outputs_are_chosen_by_name():
    assert [output.name for output in choose_outputs(("viral", "calls"), facts_of())] == ["calls", "viral"]
    assert set(DEFAULT_OUTPUTS).isdisjoint({"split", "genomad-layout", "legacy-output"})
    pairs = [output.name for output in choose_outputs(DEFAULT_OUTPUTS, facts_of(paired=True))]
    assert set(pairs).isdisjoint({"windows", "regions"})
    with pytest.raises(ConfigError, match="no output is called csv; choose from calls"):
        choose_outputs(("calls", "csv"), facts_of())
    with pytest.raises(ConfigError, match="regions is not for pairs of reads"):
        choose_outputs(("regions",), facts_of(paired=True))
    with pytest.raises(ConfigError, match="no output is left"):
        choose_outputs((), facts_of())


def test_classes_have_columns_when_asked_for(tmp_path):
    called = three()
    object.__setattr__(called.calls, "classes", np.array([[0.9, 0.1], [0.2, 0.8], [np.nan, np.nan]]))
    facts = facts_of(classes=("phage", "bacteria"), viral_classes=(True, False), class_scores=True)
    rows = table(written(tmp_path, CallsTable, facts, called)["calls.tsv"])
    assert [row["best_class"] for row in rows] == ["phage", "bacteria", "NA"]
    assert [row["score_bacteria"] for row in rows] == ["0.100000", "0.800000", "NA"]
