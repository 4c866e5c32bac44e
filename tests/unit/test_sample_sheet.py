"""Sample sheets, and samples named by their files."""

from pathlib import Path

import pytest

from virnucpro.errors import ConfigError, InputError
from virnucpro.verbs.sample_sheet import read_sheet
from virnucpro.verbs.samples import Sample, files_below, require_files, samples_of_files


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a_1.fq", "a_2.fq", "b_1.fq", "b_2.fq", "c.fa", "d.fa"):
        Path(name).write_text("")
    return tmp_path


def sheet(text):
    path = Path("sheet.csv")
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_sheet(path)


def test_samples_of_a_sheet(folder):
    del folder
    found = sheet("sample,fastq_1,fastq_2,fasta\na,a_1.fq,a_2.fq,\nb,b_1.fq,,\nc,,,c.fa\n")
    assert found == [
        Sample("a", (Path("a_1.fq"), Path("a_2.fq")), True), Sample("b", (Path("b_1.fq"),)),
        Sample("c", (Path("c.fa"),)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffsample,fasta\r\nc,c.fa\r\n\r\n",
        "sample\tfasta\tgroup\nc\tc.fa\t1\n",
        ' sample , fasta \n"c", c.fa',
        "fasta,sample,fastq_1\nc.fa,c,\n",
    ],
)
def test_sheets_as_programs_write_them(folder, text):
    del folder
    assert sheet(text) == [Sample("c", (Path("c.fa"),))]


def test_rows_of_one_sample_are_its_lanes(folder):
    del folder
    found = sheet("sample,fastq_1,fastq_2\nx,a_1.fq,a_2.fq\ny,c.fa,\nx,b_1.fq,b_2.fq\n")
    assert [(one.name, [str(file) for file in one.files]) for one in found] == [
        ("x", ["a_1.fq", "a_2.fq", "b_1.fq", "b_2.fq"]), ("y", ["c.fa"]),
    ]  # fmt: skip


ROWS = """sample,fastq_1,fastq_2,fasta
,a_1.fq,a_2.fq,
../x,b_1.fq,b_2.fq,
c,,,nowhere.fa
d,,a_2.fq,
e,c.fa,,d.fa
f,,,
g,a_1.fq,a_1.fq,
C,,,c.fa,more
h,d.fa,,
h,b_1.fq,b_2.fq,
run.json,,,.
"""


def test_all_problems_are_told_at_once_with_their_lines(folder):
    del folder
    with pytest.raises(InputError) as caught:
        sheet(ROWS)
    told = str(caught.value).splitlines()
    for line, words in (
        (2, "no name in column 'sample'"),
        (3, "the name '../x' may hold letters, digits and _ . + - only"),
        (4, "nowhere.fa: no such file (paths are relative to the current folder)"),
        (5, "fastq_2 without fastq_1"),
        (5, "a_2.fq: is in line 2 already"),
        (6, "both reads and fasta"),
        (7, "no file in fastq_1 or fasta"),
        (8, "fastq_1 and fastq_2 are the same file"),
        (9, "more cells than the header has columns"),
        (9, "the name 'C' differs from that of line 4 only in upper and lower case"),
        (11, "sample 'h' has pairs and single files, see line 10"),
        (12, "the name 'run.json' is that of a result"),
        (12, ".: a folder, not a file"),
    ):
        assert any(one.startswith(f"sheet.csv:{line}: {words}") for one in told), (line, words, told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "sheet.csv:1: no column 'sample'"),
        ("name,file\n", "sheet.csv:1: neither a column 'fastq_1' nor 'fasta'"),
        ("sample,sample,fasta\n", "column 'sample' appears twice"),
        ("sample,fasta\n", "sheet.csv: names no sample"),
        (b"sample,fasta\n\xff,c.fa\n", "not UTF-8"),
        (b"sample,fasta\nc\0,c.fa\n", "NUL"),
        (f"sample,fasta\n{'x' * 200_000},c.fa\n", "sheet.csv:2: not a table: field larger than"),
        (
            'sample,fasta,note\nc,c.fa,"5 inch\nd,d.fa,x\n',
            "sheet.csv:2: not a table: unexpected end of data; is a quot",
        ),
    ],
)
def test_what_is_no_sheet_is_told(folder, text, told):
    del folder
    with pytest.raises(InputError, match=told):
        sheet(text)


def test_columns_that_are_not_used_are_told(folder, caplog):
    del folder
    sheet("sample,fasta,fastq1\nc,c.fa,a_1.fq\n")
    assert "columns that are not used: fastq1" in caplog.text


@pytest.mark.parametrize(
    ("names", "paired", "wanted"),
    [
        (["x.v2.fna.gz", "y.gbk"], False, ["x.v2", "y"]),
        (["gut_R1_001.fastq.gz", "gut_R2_001.fastq.gz"], True, ["gut"]),
        (["a_1.fq", "a_2.fq", "b.1.fq", "b.2.fq"], True, ["a", "b"]),
        (["mates 1.fq", "two.fq"], True, ["mates_1"]),
        (["../..fa", "-x.fa", "病毒.fa"], False, ["sample", "x", "_"]),
        (["1.fq", "2.fq"], True, ["1"]),
    ],
)
def test_names_of_files_make_names_of_samples(names, paired, wanted):
    assert [sample.name for sample in samples_of_files([Path(name) for name in names], paired)] == wanted


def test_files_of_one_name_are_refused():
    with pytest.raises(
        ConfigError, match=r"a/x\.fa: sample 'x'\nb/X\.fq\.gz: sample 'X'\nsamples need different names"
    ):
        samples_of_files([Path("a/x.fa"), Path("b/X.fq.gz"), Path("y.fa")])


def test_mates_come_in_twos():
    with pytest.raises(ConfigError, match="two files for each sample, first and second mates; got 3"):
        samples_of_files([Path("a"), Path("b"), Path("c")], paired=True)


def test_a_folder_is_told_how_to_give(folder):
    for name in ("x.fna.gz", "y.fna.gz", "z.fq", "notes.txt"):
        (folder / "sub" / "below").mkdir(parents=True, exist_ok=True)
        (folder / "sub" / "below" / name).write_text("")
        (folder / "sub" / name).write_text("")
    with pytest.raises(InputError, match=r"sub: a folder; give the files in it, such as sub/\*\.fna\.gz, or add"):
        require_files([Path("c.fa"), Path("sub")])
    (folder / "sub" / "loop").symlink_to(folder)
    found = [str(path) for path in files_below([Path("c.fa"), Path("sub")], Path("out"))]
    assert found == ["c.fa", *(f"sub/{at}{name}" for at in ("below/", "") for name in ("x.fna.gz", "y.fna.gz", "z.fq"))]
    (folder / "none").mkdir()
    with pytest.raises(InputError, match=r"none: contains no FASTA, FASTQ or GenBank files \(.fna.gz, .fq, ...\)$"):
        list(files_below([Path("none")], Path("out")))


@pytest.mark.parametrize("at", [".", "gut"])
def test_files_that_are_left_out_without_a_manifest_are_named(tmp_path, caplog, at):
    """Nobody knows whether the user or an interrupted run made them."""
    folder = tmp_path / at
    (folder / ".virnucpro").mkdir(parents=True)
    for name in ("reads.fq", "viral.fasta", "not_scored_1.fastq.gz"):
        (folder / name).write_text("")
    assert list(files_below([tmp_path], tmp_path)) == [folder / "reads.fq"]
    assert caplog.messages == [
        f"ignored 2 files that an interrupted run may have written: {folder / 'not_scored_1.fastq.gz'}, "
        f"{folder / 'viral.fasta'}; rename any that are input files"
    ]
    (folder / "reads.fq").unlink()
    with pytest.raises(InputError, match=r"FASTQ or GenBank files \(.*\) other than results of earlier runs"):
        list(files_below([tmp_path], tmp_path))


def test_a_name_that_is_too_long_is_no_folder():
    path = Path("x" * 300)
    require_files([path])
    assert list(files_below([path], Path("out"))) == [path]


@pytest.mark.parametrize("name", ["../escaped", "", "a/b", ".hidden", "Run.json", "summary.tsv", "x" * 101])
def test_a_sample_never_leaves_the_output_folder(name):
    with pytest.raises(ConfigError, match="name"):
        Sample(name, (Path("c.fa"),))


def test_a_sample_of_pairs_has_both_files_of_each():
    with pytest.raises(ConfigError, match="paired and has 1 files"):
        Sample("a", (Path("a_1.fq"),), paired=True)


def test_a_file_with_the_name_of_a_result_makes_a_sample_of_another_name():
    names = [
        one.name for one in samples_of_files([Path("run.json.fa"), Path("b/Summary.TSV.fq.gz"), Path("report.fa")])
    ]
    assert names == ["sample_run.json", "sample_Summary.TSV", "report"]
