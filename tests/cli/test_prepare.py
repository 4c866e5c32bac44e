"""`virnucpro prepare` as a user meets it: exit codes, messages, files."""

import gzip
import io
import json
import random
import subprocess
import sys

import pytest

from conftest import write_fasta
from genbank_files import cds, locus, origin, record, write_genbank
from virnucpro.sequences.reading import SequenceFile

GENE = "ATGAAAGTTCTTGCTGGTTCTGAAAAACGT"  # MKVLAGSEKR
PROTEIN = "MKVLAGSEKR"
COLUMNS = ["name", "length_bp", "n_cds", "n_translations", "n_windows", "n_open_frames", "n_kept", "status"]
WINDOW = ("--window", "30")


def good(name, copies=2, **more):
    return record(name, GENE * copies, cds(f"1..{30 * copies}", PROTEIN * copies), **more)


def names(folder):
    """All files of a folder but the log of commands."""
    return sorted(path.name for path in folder.iterdir() if path.name != "virnucpro.log") if folder.exists() else []


def table(path):
    header, *rows = (line.split("\t") for line in path.read_text().splitlines())
    assert header == COLUMNS
    return rows


def statuses(path):
    return [(row[0], row[-1]) for row in table(path)]


def fasta_rows(path):
    return [(row.header, row.sequence) for row in SequenceFile(path)]


def test_genbank_in_training_orfs_out(virnucpro, tmp_path):
    source = write_genbank(tmp_path / "x.gbff", good("AB1"), good("AB2", 1))
    code, out, err = virnucpro("prepare", source, "-o", tmp_path / "out", *WINDOW)
    assert (code, out) == (0, "")
    results = ["x_nucleotide.fa", "x_prepare.json", "x_prepare.tsv", "x_protein.faa"]
    assert names(tmp_path / "out") == results
    ids = ["AB1.1_chunk_1F1", "AB1.1_chunk_2F1", "AB2.1_chunk_1F1"]
    assert fasta_rows(tmp_path / "out" / "x_protein.faa") == [(id_, PROTEIN) for id_ in ids]
    assert fasta_rows(tmp_path / "out" / "x_nucleotide.fa") == [(id_, GENE) for id_ in ids]
    rows = table(tmp_path / "out" / "x_prepare.tsv")
    assert [row[:5] + row[6:] for row in rows] == [
        ["AB1.1", "60", "1", "1", "2", "2", "ok"],
        ["AB2.1", "30", "1", "1", "1", "1", "ok"],
    ]
    frames = sum(int(row[5]) for row in rows)
    assert f"records: 2 read, 2 written, 0 failed, 3 windows, {frames} open frames, 3 orfs kept" in err
    assert "files: 1 written, 0 skipped, 0 refused" in err
    manifest = json.loads((tmp_path / "out" / "x_prepare.json").read_text())
    assert [one["path"] for one in manifest["results"]] == ["x_prepare.tsv", "x_nucleotide.fa", "x_protein.faa"]


def test_the_embed_command_takes_what_comes_out(virnucpro, tmp_path, models):
    source = write_genbank(tmp_path / "x.gb", good("AB1"))
    virnucpro("prepare", source, "-o", tmp_path, *WINDOW)
    code, *_ = virnucpro("embed", tmp_path / "x_protein.faa", "-o", tmp_path, "--model", models / "protein")
    assert code == 0


@pytest.mark.parametrize("edit", [lambda text: text.replace("\n", "\r\n"), lambda text: text + "\n\n"])
def test_compressed_and_with_other_line_ends_it_is_the_same(virnucpro, tmp_path, edit):
    text = good("AB1") + good("AB2")
    write_genbank(tmp_path / "plain.gb", text)
    (tmp_path / "packed.gb.gz").write_bytes(gzip.compress(edit(text).encode()))
    virnucpro("prepare", tmp_path / "plain.gb", tmp_path / "packed.gb.gz", "-o", tmp_path, *WINDOW)
    for ending in ("_nucleotide.fa", "_protein.faa", "_prepare.tsv"):
        assert (tmp_path / f"plain{ending}").read_bytes() == (tmp_path / f"packed{ending}").read_bytes()


BAD = {
    "no translations": record("AB2", GENE, cds("1..30", None, "/pseudo")),
    "no sequence": record("AB2", GENE, cds("1..30", PROTEIN), content="CONTIG      join(A1:1..30)\n"),
    "malformed: Expected sequence length 60": good("AB2", content=origin(GENE)),
    "malformed: no end marker": good("AB2", end=""),
    "a protein, not nucleotides": locus("AB2", 5, "aa", "       ") + origin("MKVLA") + "//\n",
}


@pytest.mark.parametrize("status", BAD)
def test_a_bad_record_is_told_and_counted_and_costs_no_other(virnucpro, tmp_path, status):
    source = write_genbank(tmp_path / "x.gb", good("AB1"), BAD[status], good("AB3"))
    code, _, err = virnucpro("prepare", source, "-o", tmp_path / "out", *WINDOW)
    assert code == 5
    rows = statuses(tmp_path / "out" / "x_prepare.tsv")
    assert (rows[0], rows[2]) == (("AB1.1", "ok"), ("AB3.1", "ok"))
    assert rows[1][1].startswith(status)
    assert f"warning: {source}: AB2" in err
    assert status in err
    assert "records: 3 read, 2 written, 1 failed" in err
    assert f"1 failed, see {tmp_path / 'out' / 'extraction_failures.log'}" in err
    (line,) = (tmp_path / "out" / "extraction_failures.log").read_text().splitlines()
    assert line.split(" | ")[1:] == [str(source), rows[1][0], "NotUsed", rows[1][1]]
    assert len(fasta_rows(tmp_path / "out" / "x_protein.faa")) == 4
    code, _, err = virnucpro("prepare", source, "-o", tmp_path / "out", *WINDOW)
    assert code == 5  # skipped now, but that record is still not usable
    assert "files: 0 written, 1 skipped" in err
    assert len((tmp_path / "out" / "extraction_failures.log").read_text().splitlines()) == 1


def test_only_the_first_bad_records_are_named(virnucpro, tmp_path):
    source = write_genbank(tmp_path / "x.gb", *(record(f"AB{i}", GENE) for i in range(20)))
    _, _, err = virnucpro("prepare", source, "-o", tmp_path)
    assert [f"AB{i}.1: no translations" in err for i in range(20)] == [True] * 5 + [False] * 15
    assert "20 failed, see " in err
    assert len((tmp_path / "extraction_failures.log").read_text().splitlines()) == 20


def test_an_input_that_is_no_file_does_not_cost_the_others(virnucpro, tmp_path):
    source = write_genbank(tmp_path / "x.gb", good("AB1"))
    code, _, err = virnucpro("prepare", tmp_path / "absent.gb", tmp_path, source, "-o", tmp_path / "out", *WINDOW)
    assert code == 3
    assert "absent.gb: no such file" in err
    assert f"{tmp_path}: a folder" in err
    assert "files: 1 written, 0 skipped, 2 refused" in err


def test_one_bad_file_does_not_cost_the_others(virnucpro, tmp_path):
    source = write_genbank(tmp_path / "x.gb", good("AB1"))
    other = write_genbank(tmp_path / "y.gb", good("AB1"), record("AB2", GENE))
    cut = tmp_path / "cut.gb.gz"
    cut.write_bytes(gzip.compress((good("AB1") * 500).encode())[:-20])
    fasta = write_fasta(tmp_path / "fasta.fa", [("a", GENE)])
    code, _, err = virnucpro("prepare", cut, other, source, fasta, "-o", tmp_path / "out", *WINDOW)
    assert code == 3
    assert "records: 3 read, 2 written, 1 failed" in err
    assert "4 orfs kept" in err
    assert "cut.gb.gz, after record " in err
    assert "fasta.fa: looks like FASTA, not GenBank" in err
    assert "files: 2 written, 0 skipped, 2 refused" in err
    results = [name for name in names(tmp_path / "out") if not name.startswith(("x_", "y_"))]
    assert results == ["extraction_failures.log"]
    log = (tmp_path / "out" / "extraction_failures.log").read_text().splitlines()
    assert [line.split(" | ")[2:4] for line in log] == [["-", "InputError"], ["-", "InputError"], ["AB2.1", "NotUsed"]]


def test_sequences_from_fasta(virnucpro, tmp_path):
    contig = "CONTIG      join(A1:1..30)\n"
    source = write_genbank(
        tmp_path / "x.gb", good("AB1", content=contig), good("AB2", content=contig), good("AB3"), good("AB4", end="")
    )
    fasta = write_fasta(
        tmp_path / "other.fna",
        [
            ("AB4.1", GENE),
            ("AB9.1 not annotated", GENE),
            ("AB2.1 later", GENE),
            ("AB1.1", "A" + GENE * 2),
            ("AB2", "A"),
        ],
    )
    code, _, err = virnucpro("prepare", source, "--fasta", fasta, "-o", tmp_path / "out", "--window", "61")
    assert code == 5
    assert statuses(tmp_path / "out" / "x_prepare.tsv") == [
        ("AB1.1", "ok"),
        ("AB2.1", "ok"),
        ("AB3.1", "not in the FASTA file"),
        ("AB4.1", "malformed: no end marker (//), the record is cut off"),
        ("AB9.1", "no GenBank record"),
        ("AB2", "no GenBank record"),
    ]
    assert [row[1] for row in table(tmp_path / "out" / "x_prepare.tsv")] == ["61", "30", "0", "30", "30", "1"]
    assert fasta_rows(tmp_path / "out" / "x_protein.faa") == [
        ("AB1.1_chunk_1F2", PROTEIN * 2),
        ("AB2.1_chunk_1F1", PROTEIN),
    ]
    assert "4 failed" in err


def test_a_fasta_file_for_each_genbank_file_or_none(virnucpro, tmp_path):
    first, second = (write_genbank(tmp_path / name, good("AB1")) for name in ("x.gb", "y.gb"))
    fasta = write_fasta(tmp_path / "x.fna", [("AB1.1", GENE)])
    code, _, err = virnucpro("prepare", first, second, "--fasta", fasta, "-o", tmp_path / "out")
    assert code == 2
    assert "2 GenBank and 1 FASTA files" in err
    junk = write_fasta(tmp_path / "y.fna", [])
    junk.write_text("junk\n")
    code, _, err = virnucpro("prepare", first, second, "--fasta", junk, "--fasta", fasta, "-o", tmp_path / "out")
    assert code == 3
    assert "y.fna:1: neither FASTA nor FASTQ" in err
    assert "y_prepare.tsv" in names(tmp_path / "out")
    assert "x_prepare.tsv" not in names(tmp_path / "out")


def test_records_of_one_name_stay_two(virnucpro, tmp_path):
    source = write_genbank(tmp_path / "x.gb", good("AB1"), good("AB1", 1))
    fasta = write_fasta(tmp_path / "x.fna", [("AB1.1", GENE * 2), ("AB1.1", GENE)])
    for extra in ((), ("--fasta", fasta, "--overwrite")):
        code, *_ = virnucpro("prepare", source, "-o", tmp_path, *WINDOW, *extra)
        assert code == 0
        assert [row[:2] for row in table(tmp_path / "x_prepare.tsv")] == [["AB1.1", "60"], ["AB1.1", "30"]]
        assert len(fasta_rows(tmp_path / "x_protein.faa")) == 3


@pytest.mark.parametrize("name", ["x_nucleotide.fa", "x_protein.faa", "x_prepare.tsv", "x_prepare.json"])
def test_the_fasta_file_of_the_sequences_is_never_overwritten(virnucpro, tmp_path, name):
    source = write_genbank(tmp_path / "x.gb", good("AB1"))
    fasta = write_fasta(tmp_path / "own.fna", [("AB1.1", GENE * 2)])
    before = fasta.read_bytes()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).hardlink_to(fasta)
    for given in (fasta, tmp_path / "out" / name):
        code, _, err = virnucpro("prepare", source, "--fasta", given, "-o", tmp_path / "out", *WINDOW, "--overwrite")
        assert code == 2
        assert "would be overwritten" in err
        assert fasta.read_bytes() == before


def test_a_second_run_skips_what_is_finished(virnucpro, tmp_path, monkeypatch):
    source = write_genbank(tmp_path / "x.gb", good("AB1"))
    virnucpro("prepare", source, "-o", tmp_path / "out", *WINDOW)
    monkeypatch.setattr("virnucpro.verbs.prepare.find_rows", None)  # nothing is done
    code, _, err = virnucpro("prepare", source, "-o", tmp_path / "out", *WINDOW)
    assert code == 0
    assert "1 read" in err
    assert "files: 0 written, 1 skipped" in err


def test_what_is_missing_of_three_is_made_again(virnucpro, tmp_path):
    source = write_genbank(tmp_path / "x.gb", good("AB1"))
    virnucpro("prepare", source, "-o", tmp_path / "out", *WINDOW)
    for name in ("x_nucleotide.fa", "x_protein.faa", "x_prepare.tsv"):
        content = (tmp_path / "out" / name).read_bytes()
        (tmp_path / "out" / name).unlink()
        code, _, err = virnucpro("prepare", source, "-o", tmp_path / "out", *WINDOW)
        assert (code, "files: 1 written" in err) == (0, True)
        assert (tmp_path / "out" / name).read_bytes() == content


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda source, fasta, outdir: ("--window", "31"), "window_bp: 30 then, 31 now"),
        (lambda source, fasta, outdir: (*WINDOW, "--translation-table", "4"), "translation_table: 1 then, 4 now"),
        (lambda source, fasta, outdir: (*WINDOW, "--fasta", fasta), "fasta: None then, "),
        (lambda source, fasta, outdir: write_genbank(source, good("AB2")) and WINDOW, "input "),
        (
            lambda source, fasta, outdir: (outdir / "x_protein.faa").write_text("") or WINDOW,
            "x_protein.faa has changed since it was written",
        ),
    ],
)
def test_other_settings_stop_before_any_work_and_overwrite_goes_on(virnucpro, tmp_path, change, told):
    source, outdir = write_genbank(tmp_path / "x.gb", good("AB1")), tmp_path / "out"
    fasta = write_fasta(tmp_path / "x.fna", [("AB1.1", GENE * 2)])
    other = write_genbank(tmp_path / "a.gb", good("AB1"))
    virnucpro("prepare", source, "-o", outdir, *WINDOW)
    more = change(source, fasta, outdir)
    others = (other, *(("--fasta", fasta) if "--fasta" in more else ()))
    code, _, err = virnucpro("prepare", *others, source, "-o", outdir, *more)
    assert code == 4
    assert told in err
    assert "--overwrite" in err
    assert "a_prepare.tsv" not in names(outdir)
    code, *_ = virnucpro("prepare", *others, source, "-o", outdir, *more, "--overwrite")
    assert code in (0, 5)


def test_results_without_a_manifest_are_kept(virnucpro, tmp_path):
    source = write_genbank(tmp_path / "x.gb", good("AB1"))
    virnucpro("prepare", source, "-o", tmp_path / "out", *WINDOW)
    (tmp_path / "out" / "x_prepare.json").unlink()
    code, _, err = virnucpro("prepare", source, "-o", tmp_path / "out", *WINDOW)
    assert code == 0
    assert "x_prepare.tsv has no manifest: kept as it is, unchecked" in err


def test_sequences_of_the_user_are_in_the_way_and_not_a_finished_run(virnucpro, tmp_path):
    source = write_genbank(tmp_path / "x.gb", good("AB1"))
    mine = write_fasta(tmp_path / "x_protein.faa", [("mine", PROTEIN)])
    before = mine.read_bytes()
    code, _, err = virnucpro("prepare", source, "-o", tmp_path, *WINDOW)
    assert code == 4
    assert f"{mine} is in the way of a result; move it, or add --overwrite" in err
    assert mine.read_bytes() == before


KILLED = """
import json, os, sys
from pathlib import Path
from virnucpro.cli.main import run

source, fresh, outdir = map(Path, sys.argv[1:])
prepare = ["prepare", str(source), "--overwrite", "--quiet", "-o"]

def killed_at(last):
    pid = os.fork()
    if pid == 0:
        steps = 0
        def step(event, arguments):
            nonlocal steps
            if event in ("open", "os.rename", "os.remove") and str(outdir) in str(arguments[0]):
                steps += 1
                if steps > last:
                    os.kill(os.getpid(), 9)
        sys.addaudithook(step)
        os._exit(run([*prepare, str(outdir), "--window", "30"]))
    return os.waitpid(pid, 0)[1] == 9

step = 0
for window in ("30", "40"):
    run([*prepare, str(fresh / window), "--window", window])
run([*prepare, str(outdir), "--window", "40"])
while killed_at(step):
    step += 1
    manifest = outdir / "x_prepare.json"
    window = json.loads(manifest.read_text())["settings"]["window_bp"] if manifest.exists() else 30
    if not manifest.exists():
        run(["prepare", str(source), "--quiet", "-o", str(outdir), "--window", "30"])
    for name in ("x_nucleotide.fa", "x_protein.faa", "x_prepare.tsv"):
        assert (outdir / name).read_bytes() == (fresh / str(window) / name).read_bytes(), (step, name)
    run([*prepare, str(outdir), "--window", "40"])
print(step)
"""


def test_killed_at_any_step_a_manifest_vouches_for_nothing_wrong(tmp_path):
    source = write_genbank(tmp_path / "x.gb", good("AB1"), good("AB2", 3))
    arguments = [sys.executable, "-c", KILLED, source, tmp_path / "fresh", tmp_path / "out"]
    done = subprocess.run(arguments, check=False, capture_output=True, text=True)
    assert done.stderr == ""
    assert int(done.stdout) > 8  # steps at which it was killed


def test_the_translation_table(virnucpro, tmp_path):
    gene = "ATGTGAAAAGTTCTTGCT"
    source = write_genbank(tmp_path / "x.gb", record("AB1", gene, cds("1..18", "MWKVLA", "/transl_table=4")))
    _, _, err = virnucpro("prepare", source, "-o", tmp_path / "one", "--window", "18")
    told = "x.gb: contains CDS with translation table 4, but was read with table 1; set --translation-table"
    assert f"warning: {source.parent}/{told}" in err
    assert fasta_rows(tmp_path / "one" / "x_protein.faa") == []
    _, _, err = virnucpro("prepare", source, "-o", tmp_path / "four", "--window", "18", "--translation-table", "4")
    assert "translation table" not in err
    assert fasta_rows(tmp_path / "four" / "x_protein.faa") == [("AB1.1_chunk_1F1", "MWKVLA")]
    eleven = write_genbank(tmp_path / "y.gb", record("AB1", GENE, cds("1..30", PROTEIN, "/transl_table=11")))
    _, _, err = virnucpro("prepare", eleven, "-o", tmp_path / "one")
    assert "translation table" not in err  # another one for starts only


def test_usage_errors_come_before_any_work_and_all_at_once(virnucpro, tmp_path):
    (tmp_path / "b").mkdir()
    first, twin = (write_genbank(folder / "x.gb", good("AB1")) for folder in (tmp_path, tmp_path / "b"))
    code, _, err = virnucpro("prepare", first, first, twin, twin, "-o", tmp_path / "o")
    assert code == 2
    assert f"{first}: given twice" in err
    assert f"{twin}: given twice" in err
    code, _, err = virnucpro("prepare", first, twin, "-o", tmp_path / "o")
    assert code == 2
    assert f"{tmp_path / 'o' / 'x_prepare'}" in err
    assert f"{first} and {twin} would both give" in err
    code, _, err = virnucpro("prepare", first, "-o", tmp_path / "o", "--translation-table", "7")
    assert code == 2
    assert "no translation table 7" in err
    assert names(tmp_path / "o") == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "Missing argument 'INPUT...'"),
        (("x.gb",), "Missing option '-o'"),
        (("x.gb", "-o", "out", "--window", "0"), "--window"),
        (("x.gb", "-o", "out", "--translation-table", "34"), "no translation table 34"),
        (("x.gb", "-o", "out", "--translation-table", "x"), "--translation-table"),
        (("-", "-", "-o", "out"), "read only once"),
    ],
)
def test_wrong_arguments(virnucpro, arguments, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = virnucpro("prepare", *arguments)
    assert code == 2
    assert told in err


def test_standard_input(virnucpro, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(good("AB1").encode())))
    code, _, err = virnucpro("prepare", "-", "-o", tmp_path, *WINDOW)
    assert code == 0
    assert "records: 1 read, 1 written" in err
    assert statuses(tmp_path / "stdin_prepare.tsv") == [("AB1.1", "ok")]


def test_quiet_says_only_what_must_not_be_missed(virnucpro, tmp_path):
    source = write_genbank(tmp_path / "x.gb", good("AB1"))
    assert virnucpro("prepare", source, "-o", tmp_path, "--quiet") == (0, "", "")


def test_progress_lines(virnucpro, tmp_path, monkeypatch):
    monkeypatch.setattr("virnucpro.cli.console.SECONDS_BETWEEN_LINES", 0)
    source = write_genbank(tmp_path / "x.gb", good("AB1"), good("AB2"))
    _, _, err = virnucpro("prepare", source, "-o", tmp_path)
    assert "100 % | 120.0 of 120.0 b" in err


def test_a_disk_that_takes_nothing(virnucpro, tmp_path):
    source = write_genbank(tmp_path / "x.gb", good("AB1"))
    fasta = write_fasta(tmp_path / "x.fna", [("AB1.1", GENE)])
    (tmp_path / "out").write_text("a file where the folder should be")
    for more in ((), ("--fasta", fasta)):
        code, _, err = virnucpro("prepare", source, "-o", tmp_path / "out" / "deeper", *more)
        assert code == 4
        assert "error: cannot write" in err


PEAK = """
import sys
from pathlib import Path
from virnucpro.cli.main import run

run(sys.argv[1:])
print(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc for the peak")
def test_memory_does_not_grow_with_the_number_of_records(tmp_path):
    """Four times the records, of which one part is held at a time."""
    genome = "".join(random.Random(1).choices("ACGT", k=50_000))
    peaks = []
    for copies in (80, 320):
        source = write_genbank(tmp_path / f"{copies}.gb", *[record("AB1", genome, cds("1..9", "MKV"))] * copies)
        arguments = [sys.executable, "-c", PEAK, "prepare", source, "-o", tmp_path]
        done = subprocess.run(arguments, check=True, capture_output=True, text=True)
        peaks.append(int(done.stdout) * 1024)
    assert peaks[1] - peaks[0] < 2_000_000  # 240 more records are 12 million bases, and 12 bytes for each


def test_help_imports_neither_torch_nor_biopython():
    script = (
        "import sys; from virnucpro.cli.main import run; run(['prepare', '--help'])\n"
        "sys.exit('torch' in sys.modules or 'Bio' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False, capture_output=True).returncode == 0
