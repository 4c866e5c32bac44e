"""`predict` in a notebook: the calls of files, without any file."""

import tempfile

import dnaio
import numpy as np
import pytest
from Bio.Seq import Seq
from Bio.SeqRecord import SeqRecord

import virnucpro as vn
from conftest import random_dna, write_fasta
from tolerances import INVARIANCE_FP32
from virnucpro.errors import shown

DIGITS = 1e-6
"""Tables have six digits."""


@pytest.fixture(scope="module")
def contigs():
    generator = np.random.default_rng(2)
    contigs = {f"c{length}": random_dna(generator, length) for length in (120, 900, 7000, 20000)}
    return contigs | {"short": "ACGT", "masked": "N" * 500}


@pytest.fixture(scope="module")
def calls(contigs):
    return vn.predict(contigs, model="mini", device="cpu")


@pytest.mark.parametrize(("form", "digits"), [("tsv", DIGITS), ("parquet", 0)])
def test_memory_and_files_say_the_same(tmp_path, contigs, form, digits):
    pandas = pytest.importorskip("pandas")
    contigs = contigs | {"NA": "ACG", '=1"': "N" * 500}
    calls = vn.predict(contigs, device="cpu", class_scores=True)
    fasta = write_fasta(tmp_path / f"{calls['sample'][0]}.fna", contigs.items())
    options = {"table_format": form, "single_windows": True, "class_scores": True, "device": "cpu"}
    in_files = vn.predict(fasta, tmp_path / "out", **options)
    read = vn.read_calls(tmp_path / "out")
    for found in (in_files, read):
        for table, other in ((calls, found), (calls.windows, found.windows), (calls.regions, found.regions)):
            assert table.columns == other.columns
            assert [table[name].dtype for name in table.columns] == [other[name].dtype for name in table.columns]
            pandas.testing.assert_frame_equal(table.to_pandas(), other.to_pandas(), rtol=0, atol=digits)
    assert in_files.counts["records"] == calls.counts["records"] == len(calls) == len(contigs)


def test_calls_are_columns_in_input_order(contigs, calls):
    assert calls["record"].tolist() == list(contigs)
    assert calls["length"].tolist() == [len(text) for text in contigs.values()]
    assert calls["status"].tolist() == ["scored"] * 4 + ["too_short", "ambiguous"]
    assert calls["best_start"][-1] == -1
    assert [row.record for row in calls if row.call == "not_scored"] == ["short", "masked"]
    assert repr(calls).startswith("6 records: ")
    assert "<p>6 records: " in calls._repr_html_()
    assert calls.to_pandas().shape == (6, len(calls.columns))
    (sample,) = calls.samples
    told = repr(calls).splitlines()[0]
    assert repr(sample) == f"<sample 'sequences': written, in memory, {told}>"
    assert len(repr(sample.outcome.run)) < 5000
    assert calls.outdir is None
    assert "cpu" in calls.device


def test_windows_cover_their_record(contigs, calls):
    windows = calls.windows
    for name, sequence in contigs.items():
        own = windows["record"] == name
        assert own.sum() == calls["n_windows"][calls["record"] == name][0]
        if own.any():
            assert windows["window_start"][own].min() == 0
            assert windows["window_end"][own].max() == len(sequence)
            assert windows["window"][own].tolist() == list(range(1, own.sum() + 1))
    assert np.isnan(windows["virus_score"][windows["status"] != "scored"]).all()
    best = calls["best_start"][2]
    own = windows["record"] == "c7000"
    assert windows["virus_score"][own & (windows["window_start"] == best)] == windows["virus_score"][own].max()


def test_regions_lie_in_records_that_are_viral(calls):
    relaxed = vn.predict({"x": random_dna(np.random.default_rng(1), 4000)}, min_score=0.0, device="cpu")
    assert relaxed["call"].tolist() == ["viral"]
    (region,) = relaxed.regions
    assert (region.record, region.region_start, region.region_end, region.kind) == ("x", 0, 4000, "virus")
    assert len(calls.regions) == (calls["call"] == "viral").sum()


def test_every_kind_of_input_gives_the_same_scores(tmp_path, contigs, calls):
    first, *_, last = contigs.items()
    kinds = [
        [first[1], SeqRecord(Seq(last[1]), last[0])],
        [dnaio.SequenceRecord(*first), last],
        [str(write_fasta(tmp_path / "x.fna", [first, last]))],
    ]
    for given in kinds:
        found = vn.predict(given, device="cpu")
        expected = calls["virus_score"][[0, -1]]
        assert np.allclose(found["virus_score"], expected, rtol=0, atol=INVARIANCE_FP32, equal_nan=True)


def test_several_files_are_one_table(tmp_path, contigs, calls):
    first, *_, last = contigs.items()
    files = [write_fasta(tmp_path / f"{name}.fna", [(name, text)]) for name, text in (first, last)]
    for found in (vn.predict(files, device="cpu"), vn.predict(files, tmp_path / "out", device="cpu")):
        assert found["sample"].tolist() == found["record"].tolist() == [first[0], last[0]]
        assert found["call"].tolist() == calls["call"][[0, -1]].tolist()
        assert [sample.name for sample in found.samples] == [first[0], last[0]]
        where = tmp_path / "out" / last[0] if found.outdir else "in memory"
        told = "1 record: 0 viral, 0 non-viral, 1 not_scored"
        assert repr(found.samples[1]) == f"<sample {last[0]!r}: written, {shown(str(where))}, {told}>"
    assert vn.read_calls(tmp_path / "out")["record"].tolist() == [first[0], last[0]]
    bad = tmp_path / "bad.fna"
    bad.write_text("LOCUS?\n")
    with pytest.raises(vn.InputError, match=r"bad\.fna"):
        vn.predict([files[0], bad], device="cpu")
    refused = vn.predict([files[0], bad], tmp_path / "with_bad", device="cpu").samples[1]
    assert repr(refused) == f"<sample 'bad': refused, {shown(str(tmp_path / 'with_bad' / 'bad'))}>"


def test_one_setting_by_name(contigs):
    found = vn.predict("ACGTTGCA" * 8, min_length_bp=50, device="cpu", class_scores=True)
    assert found["status"].tolist() == ["scored"]
    assert np.isclose(sum(found[name][0] for name in found.columns if name.startswith("score_")), 1, atol=1e-5)
    settings = vn.PredictSettings(min_length_bp=50, device="cpu")
    assert vn.predict("ACGTTGCA" * 8, settings=settings, min_length_bp=70)["status"].tolist() == ["too_short"]
    with pytest.raises(TypeError, match="unknown setting 'min_lenght_bp'; did you mean min_length_bp"):
        vn.predict("ACGT", min_lenght_bp=50)


def test_nothing_is_left_behind(tmp_path, monkeypatch, contigs):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    said = []
    vn.predict(contigs, device="cpu", progress=lambda state: said.append((state.done, state.total)))
    assert not list(tmp_path.iterdir())
    assert said[-1][0] == said[-1][1] == sum(map(len, contigs.values())) - len(contigs["short"])
    with pytest.raises(vn.InputError, match="looks like proteins"):
        vn.predict("MKVLAAGITEPQFHWYLLKKEEFIPQ" * 10, device="cpu")
    assert not list(tmp_path.iterdir())


def test_memory_with_a_folder_can_be_resumed(tmp_path, contigs):
    first = vn.predict(contigs, tmp_path, device="cpu")
    assert first.samples[0].outcome.computed_parts > 0
    again = vn.predict(dict(contigs), tmp_path, device="cpu")
    assert again.samples[0].outcome.computed_parts == 0
    assert again["call"].tolist() == first["call"].tolist()
    with pytest.raises(vn.StoreError, match="sequences in memory"):
        vn.predict(contigs | {"short": "ACGA"}, tmp_path, device="cpu")


def test_a_folder_without_calls(tmp_path):
    with pytest.raises(vn.StoreError, match="holds no table of calls"):
        vn.read_calls(tmp_path)


def test_samples_of_earlier_runs_are_left_out(tmp_path):
    files = [write_fasta(tmp_path / f"{name}.fna", [(name, "ACGTTGCA" * 40)]) for name in "abc"]
    vn.predict(files[:2], tmp_path / "out", device="cpu", outputs=("calls",))
    vn.predict(files[1:], tmp_path / "out", device="cpu", outputs=("calls",))
    assert vn.read_calls(tmp_path / "out")["record"].tolist() == ["b", "c"]


def test_a_table_that_no_run_wrote_is_not_read(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "calls.tsv").write_text("sample\trecord\tcall\tvirus_score\nold\told\tviral\t1\n")
    vn.predict({"new": "ACGTTGCA" * 40}, tmp_path, device="cpu", outputs=("calls",), table_format="parquet")
    assert vn.read_calls(tmp_path)["record"].tolist() == ["new"]


def test_a_sample_may_be_called_na(tmp_path):
    sample = vn.Sample("NA", (write_fasta(tmp_path / "x.fna", [("a", "ACGTTGCA" * 40)]),))
    assert vn.predict([sample], tmp_path / "out", device="cpu")["sample"].tolist() == ["NA"]


@pytest.mark.parametrize("text", ["", "sample\trecord\na\tx\n"])
def test_a_table_without_its_columns(tmp_path, text):
    (tmp_path / "calls.tsv").write_text(text)
    with pytest.raises(vn.StoreError, match=r"its calls have no column (record, )?call, virus_score"):
        vn.read_calls(tmp_path)


def test_an_input_without_records(tmp_path):
    found = vn.predict(write_fasta(tmp_path / "x.fna", []), device="cpu")
    assert len(found) == len(found.windows) == len(found.regions) == 0
    assert repr(found).startswith("0 records")


def test_the_packaged_classifier_has_a_name():
    assert vn.load_classifier("mini").name == "mini"
    assert "phage" in vn.load_classifier("mini").classes


def test_formats_of_figures_are_checked_before_anything_is_read(tmp_path):
    with pytest.raises(vn.ConfigError, match="figure format 'gif' is not known; choose from png, svg, pdf"):
        vn.predict(tmp_path / "no such file.fna", tmp_path / "out", figures=["png", "gif"])
    assert list(tmp_path.iterdir()) == []
