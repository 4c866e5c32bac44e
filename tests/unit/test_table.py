"""Tables of results: columns, rows, data frames, and what a notebook shows."""

import gzip

import numpy as np
import pytest

from virnucpro import ConfigError, StoreError, Table
from virnucpro.writers.reading import read_table

COLUMNS = {
    "record": np.array(["a", "NA", "<b>x</b>"]),
    "length": np.array([10, 20, 30]),
    "virus_score": np.array([0.5, np.nan, 0.123456789]),
    "best_class": np.array(["phage", "", "plasmid"]),
    "best_start": np.array([0, -1, 5]),
}


@pytest.fixture
def table():
    return Table(COLUMNS)


def test_columns_and_rows(table):
    assert table.columns == tuple(COLUMNS)
    assert len(table) == 3
    assert table["length"] is COLUMNS["length"]
    first, second, _ = table
    assert (first.record, first.best_start, type(first.length)) == ("a", 0, int)
    assert np.isnan(second.virus_score)
    with pytest.raises(KeyError, match="no column 'score'; there are record, length"):
        table["score"]
    with pytest.raises(ConfigError, match="different lengths"):
        Table({"a": np.arange(2), "b": np.arange(3)})


def test_a_data_frame_knows_what_is_missing(table):
    pandas = pytest.importorskip("pandas")
    frame = table.to_pandas()
    assert list(frame.columns) == list(COLUMNS)
    assert frame["record"].tolist() == ["a", "NA", "<b>x</b>"]
    assert frame["best_start"].tolist() == [0, pandas.NA, 5]
    assert frame["best_class"].isna().tolist() == frame["virus_score"].isna().tolist() == [False, True, False]
    assert frame["length"].dtype == np.int64


def test_without_pandas_it_says_what_to_install(table, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(ConfigError, match="to_pandas needs pandas: pip install pandas"):
        table.to_pandas()


def test_what_a_notebook_shows(table):
    assert repr(table).splitlines()[0].split() == list(COLUMNS)
    assert repr(table).splitlines()[2].split() == ["NA", "20", "NA", "NA", "NA"]
    html = table._repr_html_()
    assert "<td>&lt;b&gt;x&lt;/b&gt;</td>" in html
    assert "<b>" not in html
    long = Table({"record": np.array([f"r{i}" for i in range(1234)])})
    assert repr(long).endswith("r9\n... 1,224 more rows")
    assert long._repr_html_().count("<tr>") == 11


@pytest.mark.parametrize("packed", [False, True])
def test_tables_are_read_back(tmp_path, packed):
    text = "record\tlength\tvirus_score\tbest_class\tbest_start\nNA\t10\t0.500000\tNA\tNA\n7\t20\tNA\tphage\t3\n"
    name = "calls.tsv.gz" if packed else "calls.tsv"
    (tmp_path / name).write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    found = read_table(tmp_path, "calls")
    assert found["record"].tolist() == ["NA", "7"]
    assert found["length"].tolist() == [10, 20]
    assert found["virus_score"][0] == 0.5
    assert np.isnan(found["virus_score"][1])
    assert found["best_class"].tolist() == ["", "phage"]
    assert found["best_start"].tolist() == [-1, 3]
    assert read_table(tmp_path, "windows") is None


def test_parquet_is_read_as_text_is(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = {"record": ["a", "b"], "virus_score": [0.5, None], "best_start": [None, 3], "best_class": [None, "phage"]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "calls.parquet")
    found = read_table(tmp_path, "calls")
    assert found["best_start"].tolist() == [-1, 3]
    assert found["best_class"].tolist() == ["", "phage"]
    assert np.isnan(found["virus_score"][1])


@pytest.mark.parametrize("form", ["tsv", "parquet"])
def test_a_long_id_takes_no_more_than_its_letters(tmp_path, form):
    ids = ["a"] * 1000 + ["x" * 10_000]
    if form == "tsv":
        (tmp_path / "calls.tsv").write_text("record\n" + "".join(f"{id_}\n" for id_ in ids))
    else:
        pyarrow = pytest.importorskip("pyarrow")
        __import__("pyarrow.parquet").parquet.write_table(pyarrow.table({"record": ids}), tmp_path / "calls.parquet")
    found = read_table(tmp_path, "calls")
    assert found["record"].tolist() == ids
    assert found["record"].nbytes < 100_000


@pytest.mark.parametrize("text", ["record\tlength\na\n", "record\tlength\na\tx\n", "record\na\xff\n"])
def test_a_damaged_table_is_named(tmp_path, text):
    (tmp_path / "calls.tsv").write_bytes(text.encode("latin-1"))
    with pytest.raises(StoreError, match=r"calls\.tsv cannot be read"):
        read_table(tmp_path, "calls")
