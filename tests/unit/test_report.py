"""What a report gathers: counts in bins, and no more records than it shows, whatever the input's size."""

import io
import json
import re

import numpy as np
import pytest
from matplotlib.figure import Figure

from called_records import facts_of, written
from report_records import CLASSES, records_in_numbers
from virnucpro.errors import StoreError
from virnucpro.records import FileIdentity
from virnucpro.scoring.rule import CallRule
from virnucpro.writers.drawing import CALL_COLOURS, wilson_interval
from virnucpro.writers.multiqc import MultiQC
from virnucpro.writers.report import SampleReport, combine_reports
from virnucpro.writers.report.facts import ReportFacts, settings_in_words
from virnucpro.writers.report.figures import _draw_lengths, draw_figures, figure_names
from virnucpro.writers.report.page import write_report
from virnucpro.writers.report.sample import ReportLimits, SampleSummary
from virnucpro.writers.report.top_rows import TopRows
from virnucpro.writers.tally import LENGTH_EDGES_BP, SCORE_BINS, Tally
from virnucpro.writers.tracks import MAX_POINTS, TopTracks

HOSTILE = (
    "</script><img/src=x/onerror=alert(1)>", "<!--<script>", "&lt;b&gt;", "\x1b[2J", "\u202egnp", "\u2028", "\udc80",
    "'\"`${alert(1)}", "{{data}}", "__proto__", "=1+1", "",
)  # fmt: skip


def report_of(*called, limits=None, **facts):
    facts = {"sample": "sample", "classes": CLASSES, "inputs": (FileIdentity("x.fna", 10, "ab"),)} | facts
    report, tally = SampleSummary(facts_of(**facts), limits), Tally(len(CLASSES))
    for one in called:
        report.write(one)
        tally.add(one)
    return report.data(tally)


def page_of(*samples, facts=None):
    stream = io.BytesIO()
    write_report(stream, [one.to_json() for one in samples], (facts or ReportFacts()).to_json())
    return stream.getvalue().decode()


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[1])


def test_counts_stand_in_their_bins():
    called = records_in_numbers("abcde", [150, 199, 200, 2_000_000, 50], [0.9, 0.1, 1.0, 0.5, np.nan])
    tally = report_of(called).tally
    last = len(LENGTH_EDGES_BP) - 1
    assert tally.records[:, 0].tolist() == [1, 1, 1]
    assert tally.records[0, 1] == tally.records[1, last] == 1
    assert tally.bases.sum(axis=1).tolist() == [350, 2_000_199, 50]
    assert [np.argwhere(rows).tolist() for rows in tally.scores] == [
        [[0, 45], [1, SCORE_BINS - 1]],
        [[0, 5], [last, 25]],
    ]
    assert np.nanmin(tally.thresholds) == np.nanmax(tally.thresholds) == 0.8
    assert tally.class_records.tolist() == [[2, 0, 0], [0, 0, 2]]
    assert tally.statuses == {"scored": 4, "too_short": 1}


def test_records_in_one_go_or_one_by_one_give_the_same():
    generator = np.random.default_rng(1)
    scores = np.where(generator.random(60) < 0.1, np.nan, generator.random(60).round(1))
    ids, lengths = [f"r{i}" for i in range(60)], generator.integers(50, 9000, 60)
    whole = report_of(records_in_numbers(ids, lengths, scores), limits=ReportLimits(5, 5, 5))
    single = [records_in_numbers([ids[i]], [lengths[i]], [scores[i]]) for i in range(60)]
    parts = report_of(*single, limits=ReportLimits(5, 5, 5))
    first, second = whole.to_json(), parts.to_json()
    for tracks in (first.pop("tracks"), second.pop("tracks")):  # their windows are random
        assert tracks["total"] == np.sum((lengths > 1000) & ~np.isnan(scores))
    assert first == second
    assert [track.record for track in whole.tracks] == [track.record for track in parts.tracks]


def test_the_rows_with_the_highest_scores_are_kept():
    generator = np.random.default_rng(2)
    score, length = generator.integers(0, 20, 5000) / 20, generator.integers(1, 50, 5000)
    rows = TopRows(100, ["number"])
    for part in np.split(np.arange(5000), range(37, 5000, 37)):
        kept = part[rows.wanted(score[part])]
        rows.add(score[kept], length[kept], kept)
        assert rows._rows <= 200 + 37
    assert rows.seen == 5000
    assert rows.columns()["number"].tolist() == np.lexsort((np.arange(5000), -length, -score))[:100].tolist()


def test_no_more_is_kept_than_shown():
    limits = ReportLimits(records=50, proviruses=3, tracks=4)
    report = SampleSummary(facts_of(classes=CLASSES), limits)
    for number in range(20):
        lengths = np.full(100, 3000 + number)
        report.write(records_in_numbers([f"{number}_{i}" for i in range(100)], lengths, np.full(100, 0.95)))
        report.write(records_in_numbers("abcd", [9000] * 4, [0.1] * 4, [(row, 1000, 5000 + row) for row in range(4)]))
        assert len(report._tracks._kept) <= 4
        assert report._viral._rows <= 200
    data = report.data(Tally())
    assert (data.viral_records, len(data.viral["record"])) == (2000, 50)
    assert (data.n_proviruses, len(data.proviruses["record"])) == (80, 3)
    assert data.provirus_bp == 20 * (4 * 4000 + 6)
    assert (data.records_with_tracks, len(data.tracks)) == (2080, 4)
    assert set(data.viral["length"].tolist()) == {3019}  # of equal scores, the longest


def test_tracks_of_called_records_come_first_and_long_ones_are_averaged():
    tracks = TopTracks(3)
    tracks.add(records_in_numbers("abcd", [900_000, 5000, 20_000, 3000], [0.1, 0.9, 0.1, 0.9], [(2, 4000, 9000)]))
    found = tracks.tracks()
    assert [track.record for track in found] == ["c", "b", "d"]
    assert found[0].regions == [(4000, 9000, "provirus", 0.9)]
    tracks = TopTracks(1)
    tracks.add(records_in_numbers("a", [1_300_500], [0.9]))
    (track,) = tracks.tracks()
    assert (track.windows, len(track.scores)) == (1301, 434)
    assert len(track.scores) <= MAX_POINTS
    assert track.middles_bp[0] == 1500  # of windows around 500, 1,500 and 2,500
    assert track.is_viral.mean() > 0.9


def test_the_median_fdr_is_close():
    tally = Tally(0)
    called = records_in_numbers([str(i) for i in range(101)], [1000] * 101, [0.9] * 101)
    called.calls.fdr[:] = np.geomspace(1e-6, 0.5, 101)
    tally.add(called)
    assert tally.median_fdr == pytest.approx(np.median(called.calls.fdr), rel=0.02)
    assert Tally(0).median_fdr is None


def test_an_fdr_of_zero_stays_zero():
    tally, called = Tally(), records_in_numbers("a", [1000], [0.9])
    called.calls.fdr[:] = 0
    tally.add(called)
    assert tally.median_fdr == 0


def test_all_files_say_one_median_fdr(tmp_path):
    called = records_in_numbers("a", [1000], [0.9])
    called.calls.fdr[:] = 2e-6
    report = written(tmp_path / "a", SampleReport, facts_of(), called)["report.html"].decode()
    stats = json.loads(written(tmp_path / "b", MultiQC, facts_of(), called)["virnucpro_mqc.json"])
    tally = Tally()
    tally.add(called)
    assert data_of(report)["samples"][0]["median_fdr"] == stats["data"]["gut"]["median_fdr"] == tally.median_fdr
    assert tally.median_fdr == pytest.approx(2e-6, rel=0.02)


def test_a_record_without_classes_counts_for_none_of_them():
    called = records_in_numbers("ab", [1000, 1000], [0.9, 0.9])
    called.calls.classes[1] = np.nan
    found = report_of(called)
    assert found.tally.class_records.tolist() == [[1, 0, 0], [0, 0, 0]]
    assert found.viral["class"].tolist() == [0, -1]


def test_many_samples_share_the_limits_of_a_page():
    assert ReportLimits.of(1) == ReportLimits()
    assert ReportLimits.of(4).records == ReportLimits().records // 4
    assert ReportLimits.of(10**6).tracks == 1


def test_a_page_is_whole_small_and_asks_for_nothing():
    page = page_of(report_of())
    assert len(page) < 2_000_000
    assert "{{" not in page.split("<script")[0]
    outside = re.sub(r"<script.*?</script>", "", page, flags=re.S)
    assert not re.search(r"(src|href)=[\"'](?!data:,|#)", outside)
    assert "default-src 'none'" in page
    assert "unsafe-eval" not in page
    assert "'unsafe-inline'" not in page.split("style-src")[0]


def test_hostile_text_stays_in_its_data():
    ids = [*HOSTILE, "x" * 1_000_000]
    called = records_in_numbers(ids, [3000] * len(ids), [0.9] * len(ids))
    called = report_of(called)
    page = page_of(called, facts=ReportFacts(command="</script>" + "\u2029" + "y" * 100_000))
    assert page.count("</script>") == 3
    block = page.split('id="data">')[1].split("</script>")[0]
    assert not set("<>&\u2028\u2029") & set(block)
    assert block.isascii()
    assert len(block) < 30_000
    names = data_of(page)["samples"][0]["viral"]["record"]
    assert names[0] == HOSTILE[0]
    assert names[3:7] == ["\\x1b[2J", "\\u202egnp", "", "\\x80"]  # U+2028 ends an ID
    assert len(names[-1]) == 200


def test_numbers_that_do_not_exist_are_null():
    called = records_in_numbers("ab", [1000, 1000], [0.9, 0.1])
    called.calls.fdr[:] = np.nan
    called.calls.threshold[:] = np.nan
    found = data_of(page_of(report_of(called)))["samples"][0]
    assert found["viral"]["fdr"] == [None]
    assert found["median_fdr"] is None
    assert set(found["thresholds"][0]) == {None}


def test_no_tracks_of_pairs():
    called = records_in_numbers("ab", [5000, 5000], [0.9, 0.1])
    assert len(report_of(called).tracks) == 2
    assert report_of(called, paired=True).tracks == []


def test_reports_of_samples_are_combined_within_the_limits_of_one(tmp_path, monkeypatch):
    monkeypatch.setattr(ReportLimits, "of", lambda samples: ReportLimits(20 // samples, 20 // samples, 20 // samples))
    pages = []
    for name, score in (("a", 0.9), ("b", 0.95)):
        called = records_in_numbers([f"{name}{i}" for i in range(15)], [3000] * 15, [score] * 15)
        files = written(
            tmp_path / name,
            SampleReport,
            facts_of(sample=name, classes=CLASSES, command="</script>", min_length_bp=len(pages)),
            called,
        )
        assert set(files) == {"report.html"}
        pages.append(tmp_path / name / "report.html")
    stream = io.BytesIO()
    combine_reports(stream, pages)
    page = stream.getvalue().decode()
    found = data_of(page)
    assert [(one["name"], one["viral"]["total"], len(one["viral"]["record"])) for one in found["samples"]] == [
        ("a", 15, 10), ("b", 15, 10),
    ]  # fmt: skip
    assert ["Command", "</script>"] in found["facts"]
    assert "Minimum length" not in dict(found["facts"])  # the samples differ in it
    assert page.count("</script>") == 3
    pages[0].write_text("something else")
    with pytest.raises(StoreError, match="not the report of a sample any more; add --overwrite"):
        combine_reports(stream, pages)


def test_no_count_of_proviruses_where_none_were_looked_for():
    called = records_in_numbers("ab", [5000, 5000], [0.9, 0.1])
    assert report_of(called).to_json()["proviruses"]["total"] == 0
    assert report_of(called, paired=True).to_json()["proviruses"]["total"] is None
    assert report_of(called, rule=CallRule(min_score=0.7)).to_json()["proviruses"]["total"] is None


def test_calls_have_one_colour_in_every_file(tmp_path):
    called = records_in_numbers("ab", [5000, 50], [0.9, np.nan])
    colours = {call: colour.lower() for call, colour in CALL_COLOURS.items()}
    bars = json.loads(written(tmp_path, MultiQC, facts_of(), called)["virnucpro_calls_mqc.json"])["categories"]
    assert {call: bar["color"].lower() for call, bar in bars.items()} == colours
    style = page_of(report_of(called)).split("<style>")[1].split("</style>")[0].lower()
    (figure,) = [svg for name, svg in draw_figures(report_of(called), ("svg",)) if name == "calls_by_length.svg"]
    for call, colour in colours.items():
        assert style.count(colour) == 1
        assert f"--light-{call.replace('_', '-')}: {colour};" in style
        assert colour in figure.decode().lower()


def test_settings_in_words():
    assert settings_in_words(CallRule(min_score=0.7), 500, 100)[0] == (
        "Threshold", "virus score of at least 0.7, whatever the length",
    )  # fmt: skip


def test_figures_in_all_formats_are_the_same_each_time():
    ids = ["$x^2$ \\frac", "b", "c", "d"]
    data = report_of(records_in_numbers(ids, [5000, 12_000, 900, 50], [0.9, 0.2, 0.85, np.nan], [(1, 2000, 7000)]))
    drawn, again = dict(draw_figures(data, ("png", "svg", "pdf"))), dict(draw_figures(data, ("svg",)))
    assert again.items() <= drawn.items()
    assert set(drawn) <= set(figure_names(("png", "svg", "pdf")))
    stems = ("calls_by_length", "score_histogram", "classes", "tracks")
    assert set(drawn) == {f"{stem}.{kind}" for stem in stems for kind in ("png", "svg", "pdf")}
    assert int.from_bytes(drawn["tracks.png"][16:20], "big") == 2400  # 8 inches at 300 dpi
    assert b"n = 2" in drawn["score_histogram.svg"]
    assert b"95 % confidence bands" in drawn["calls_by_length.svg"]
    assert list(draw_figures(data, ())) == []
    assert list(draw_figures(report_of(), ("png",))) == []


def test_intervals_of_shares():
    low, high = wilson_interval(np.array([0.0, 0.5, 1.0]), np.array([10, 10, 10]))
    assert low == pytest.approx([0, 0.2366, 0.7225], abs=1e-4)  # by R's prop.test without correction
    assert high == pytest.approx([0.2775, 0.7634, 1], abs=1e-4)


def test_figures_say_pairs_and_draw_no_interval_of_one():
    pairs = report_of(records_in_numbers("abc", [150, 300, 300], [0.9, 0.9, 0.1]), paired=True)
    figure = Figure()
    _draw_lengths(figure, pairs)
    counts, shares = figure.axes
    assert (counts.get_ylabel(), shares.get_ylabel()) == ("Pairs", "Viral share of scored pairs")
    (bars,) = shares.containers
    lower, upper = bars.lines[1]
    assert lower.get_ydata()[0] == upper.get_ydata()[0] == 1.0
    assert lower.get_ydata()[1] < 0.5 < upper.get_ydata()[1]
