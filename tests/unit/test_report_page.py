"""The report in Chromium: what it shows, sorts and finds; no error, no request, and hostile IDs as text."""

import numpy as np
import pytest

from browser import find_browser, open_browser
from called_records import facts_of
from report_records import CLASSES, records_in_numbers
from virnucpro.records import FileIdentity
from virnucpro.writers.report.facts import ReportFacts
from virnucpro.writers.report.page import combine_reports, write_report
from virnucpro.writers.report.sample import ReportLimits, SampleSummary
from virnucpro.writers.tally import Tally

pytestmark = pytest.mark.skipif(find_browser() is None, reason="needs Chromium")

HOSTILE = (
    "</script><img/src=x/onerror=alert(1)>", "<b>bold</b>", "\x1b[2J", "\u202egnp", "=1+1", "__proto__",
    "'\"`${alert(1)}", "\u0627\u0644\u0641\u064a\u0631\u0648\u0633", "x" * 1_000_000, "",
)  # fmt: skip
CELLS = "(place, n) => [...document.querySelectorAll(`#${place} tbody tr`)].map((row) => row.children[n].textContent)"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with open_browser(tmp_path_factory.mktemp("profile")) as page:
        yield page


def sample(name, seed=0, tracks=2):
    generator = np.random.default_rng(seed)
    ids = [*HOSTILE, *(f"contig_{i}" for i in range(60))]
    lengths = generator.integers(2000, 20_000, len(ids))
    scores = np.concatenate((generator.uniform(0.8, 1, 50), generator.uniform(0, 0.7, 18), [np.nan, 0.1]))
    facts = facts_of(sample=name, classes=CLASSES, inputs=(FileIdentity("</script><i>x.fna", 10, "ab"),))
    called = records_in_numbers(ids, lengths, scores, [(69, 500, 1500)])
    return data_of(facts, called, limits=ReportLimits(tracks=tracks))


def data_of(facts, *called, limits=None):
    report, tally = SampleSummary(facts, limits), Tally(len(facts.classes))
    for one in called:
        report.write(one)
        tally.add(one)
    return report.data(tally)


def show(page, tmp_path, *samples, **view):
    path = tmp_path / "report.html"
    with path.open("wb") as stream:
        facts = ReportFacts(command="virnucpro predict '</script><b>'")
        write_report(stream, [one.to_json() for one in samples], facts.to_json())
    page.open(path, **view)
    return path


def cells(page, place, column):
    return page.run(f"({CELLS})('{place}', {column})")


def in_order(page, path):
    """Nothing went wrong, and nothing but the file was asked for."""
    assert page.problems == []
    assert page.requests == [path.as_uri()]
    assert page.run("document.documentElement.scrollWidth <= innerWidth")


def test_one_sample(page, tmp_path):
    path = show(page, tmp_path, sample("one", tracks=12))
    assert page.run("document.title") == "one: VirNucPro report"
    assert page.run("byId('cards').textContent").startswith("Records70")
    shown = [link.strip() for link in page.run("byId('sections').innerText").split("\n")]
    assert " ".join(shown).split() == [
        "Lengths",
        "Scores",
        "Classes",
        "Viral",
        "records",
        "Proviruses",
        "Tracks",
        "Run",
    ]
    assert page.run("document.querySelectorAll('.chart svg').length") == 3 + 10
    assert page.run("[...document.querySelectorAll('.chart')].filter((c) => c.isConnected && c.offsetParent)"
                    ".every((c) => c.getAttribute('aria-label'))")  # fmt: skip
    page.run("byId('tracks-more').click()")
    assert page.run("document.querySelectorAll('.track svg').length") == 12
    assert page.run("byId('tracks-note').textContent").endswith(
        "Shown are 12 of 69 records with at least two scored windows."
    )
    in_order(page, path)


def test_hostile_ids_are_text(page, tmp_path):
    path = show(page, tmp_path, sample("</script><i>one"))
    page.run("document.querySelector('#viral-table select').value = 100")
    page.run("document.querySelector('#viral-table select').dispatchEvent(new Event('change'))")
    names = cells(page, "viral", 0)
    assert {*HOSTILE[:2], "\\x1b[2J", "\\u202egnp", "\\x3d1+1", "__proto__", HOSTILE[7], "(no ID)"} <= set(names)
    assert max(map(len, names)) == 200
    assert page.run("document.querySelectorAll('img, b:not(.card b), i, iframe').length") == 0
    assert "</script><b>" in page.run("byId('facts').textContent")
    assert page.run("cell('=1+1') + cell('@x') + cell('a,\"b') + cell(null) + cell(-1)") == '\'=1+1\'@x"a,""b"NA-1'
    in_order(page, path)


def test_warnings_of_a_record_are_in_its_row(page, tmp_path):
    path = show(page, tmp_path, sample("one"))
    page.run("document.querySelector('#viral-table select').value = 100")
    page.run("document.querySelector('#viral-table select').dispatchEvent(new Event('change'))")
    heads = page.run("[...document.querySelectorAll('#viral th')].map((head) => head.textContent)")
    found = dict(zip(cells(page, "viral", 0), cells(page, "viral", heads.index("Warnings")), strict=True))
    assert {name: words for name, words in found.items() if words} == {HOSTILE[0]: "near threshold, mixed windows"}
    in_order(page, path)


def test_refused_samples_are_named(page, tmp_path):
    pages = []
    for number in (0, 1):
        pages.append(tmp_path / f"{number}.html")
        with pages[-1].open("wb") as stream:
            write_report(stream, [sample(f"s{number}").to_json()], ReportFacts().to_json())
    path = tmp_path / "report.html"
    for refused, told in ((("<b>x",), "1 sample refused, without results: <b>x."), ((), "")):
        with path.open("wb") as stream:
            combine_reports(stream, pages, refused)
        page.open(path)
        assert page.run("byId('refused').innerText").startswith(told)
        assert page.run("byId('refused').hidden") is not bool(refused)
        in_order(page, path)


def test_tables_sort_search_and_turn_pages_by_keyboard(page, tmp_path):
    path = show(page, tmp_path, sample("one"))
    scores = cells(page, "viral", 3)
    assert len(scores) == 25
    assert scores == sorted(scores, key=float, reverse=True)
    page.run("document.querySelectorAll('#viral th button')[1].focus()")
    for kind in ("rawKeyDown", "char", "keyUp"):
        page.send("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", text="\r", windowsVirtualKeyCode=13)
    lengths = [int(text.replace(",", "")) for text in cells(page, "viral", 1)]
    assert lengths == sorted(lengths, reverse=True)
    assert page.run("document.querySelectorAll('#viral th')[1].getAttribute('aria-sort')") == "descending"
    page.run("document.querySelectorAll('#viral th button')[1].click()")
    lengths = [int(text.replace(",", "")) for text in cells(page, "viral", 1)]
    assert lengths == sorted(lengths)
    page.run("document.querySelectorAll('#viral .pages button')[1].click()")
    assert page.run("document.querySelector('#viral .pages span').textContent") == "26\u201350 of 50"
    page.run(
        "const field = document.querySelector('#viral input'); field.value = 'CONTIG_3'; field.dispatchEvent(new Event('input'))"
    )
    assert sorted(cells(page, "viral", 0)) == ["contig_3", *(f"contig_3{i}" for i in range(10))]
    in_order(page, path)


def test_samples_are_compared_and_chosen(page, tmp_path):
    path = show(page, tmp_path, sample("a", 1), sample("b", 2), dark=True, width=700)
    assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 28)"
    assert cells(page, "compare", 0) == ["a", "b"]
    assert set(cells(page, "viral", 0)) == {"a", "b"}
    page.run("const list = byId('sample'); list.value = 1; list.dispatchEvent(new Event('change'))")
    assert page.run("byId('compare').hidden")
    assert page.run("byId('cards').textContent").startswith("Records70")
    page.run("byId('theme').click()")
    assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(246, 247, 249)"
    in_order(page, path)


def test_proviruses_are_counted_where_they_were_looked_for(page, tmp_path):
    facts = facts_of(sample="pairs", classes=CLASSES, paired=True)
    pairs = data_of(facts, records_in_numbers("ab", [3000] * 2, [0.9, 0.1]))
    show(page, tmp_path, pairs)
    assert "Proviruses" not in page.run("byId('cards').textContent")
    path = show(page, tmp_path, pairs, sample("contigs"))
    assert "Proviruses1" in page.run("byId('cards').textContent")
    assert cells(page, "compare", 7) == ["NA", "1"]
    in_order(page, path)


def test_the_viral_share_is_of_all_records(page, tmp_path):
    data = data_of(facts_of(classes=CLASSES), records_in_numbers("abcd", [3000] * 4, [0.9, 0.1, np.nan, np.nan]))
    path = show(page, tmp_path, data, data)
    assert "Viral records225.0" in page.run("byId('cards').textContent").replace("\u00a0", "")
    assert cells(page, "compare", 4) == ["25.0\u00a0%"] * 2
    in_order(page, path)


def test_pairs_are_called_pairs_and_one_has_no_interval(page, tmp_path):
    facts = facts_of(sample="pairs", classes=CLASSES, paired=True)
    pair = data_of(facts, records_in_numbers("a", [3000], [0.9]))
    shown = "byId('main').innerText.replaceAll('\u00a0', ' ')"
    for samples in ((pair,), (pair, pair)):
        path = show(page, tmp_path, *samples)
        told = page.run("byId('cards').textContent").replace("\u00a0", " ")
        assert f"Pairs{len(samples)}" in told
        assert f"Viral pairs{len(samples)}100 % of all" in told
        assert ("\u2013" in told) is (len(samples) > 1)
        assert page.run("byId('sections').innerText").startswith("Samples" if len(samples) > 1 else "Lengths")
        assert "record" not in page.run(shown).lower()
        in_order(page, path)
    path = show(page, tmp_path, pair, sample("contigs"))
    assert "Records and pairs71" in page.run("byId('cards').textContent")
    in_order(page, path)


def test_ambiguous_records_are_counted(page, tmp_path):
    called = records_in_numbers("ab", [3000] * 2, [0.9, 0.1])
    called.warnings[:] = ["ambiguous_letters;short", None]
    path = show(page, tmp_path, data_of(facts_of(classes=CLASSES), called))
    assert page.run("byId('ambiguous').textContent").startswith("1 record with so many letters other than A, C, G")
    path = show(page, tmp_path, sample("one"))
    assert page.run("byId('ambiguous').textContent") == ""
    in_order(page, path)


def test_downloads_hold_what_is_shown(page, tmp_path):
    path = show(page, tmp_path, sample("one"))
    page.run(
        "globalThis.saved = []; globalThis.keep = save; save = (name, blob) => blob.text().then((t) => saved.push([name, t]))"
    )
    page.run("document.querySelectorAll('.controls .end').forEach((button) => button.click())")
    saved = dict(page.run("new Promise((done) => setTimeout(() => done(saved), 100))"))
    assert set(saved) == {
        "calls_by_length.csv", "score_histogram.csv", "classes.csv", "viral_records.csv", "proviruses.csv", "inputs.csv",
    }  # fmt: skip
    assert len(saved["viral_records.csv"].splitlines()) == 51
    assert saved["score_histogram.csv"].splitlines()[0] == "score from,score to,viral,non-viral"
    in_order(page, path)


@pytest.mark.parametrize(
    "called", [None, records_in_numbers("abc", [3000] * 3, [0.1, 0.2, np.nan])], ids=["empty", "no viral"]
)
def test_nothing_to_show(page, tmp_path, called):
    path = show(page, tmp_path, data_of(facts_of(classes=CLASSES), *([called] if called else [])))
    assert cells(page, "viral", 0) == ["None."]
    assert ("holds no records" in page.run("byId('not-scored').textContent")) is (called is None)
    in_order(page, path)


def test_the_policy_lets_no_other_script_run(page, tmp_path):
    show(page, tmp_path, sample("one"))
    page.run("globalThis.ran = 0; document.body.append(element('script', {}, 'ran = 1'))")
    page.run("document.body.append(element('img', {src: 'https://example.org/x.png'}))")
    assert page.run("new Promise((done) => setTimeout(() => done(ran), 100))") == 0
    assert [problem["text"].split(" ")[0] for problem in page.problems] == ["Executing", "Loading"]
    assert all("violates" in problem["text"] for problem in page.problems)


def test_charts_fit_on_paper_and_come_back(page, tmp_path):
    """Paper is narrower than the window: nothing of a chart may be cut off, and the screen has its own size again."""
    path = show(page, tmp_path, sample("one"))
    drawn = "[...document.querySelectorAll('.chart svg')].filter((svg) => svg.checkVisibility())"
    wide = page.run(f"{drawn}.map((svg) => svg.getBoundingClientRect().width)")
    page.send("Emulation.setEmulatedMedia", media="print")
    page.send("Emulation.setDeviceMetricsOverride", width=700, height=1000, deviceScaleFactor=1, mobile=False)
    page.run("dispatchEvent(new Event('beforeprint'))")
    assert page.run(f"{drawn}.every((svg) => svg.getAttribute('viewBox')?.startsWith('0 0 720 '))")
    assert page.run(f"{drawn}.every((svg) => svg.getBoundingClientRect().right <= 700)")
    page.send("Emulation.setEmulatedMedia", media="")
    page.send("Emulation.setDeviceMetricsOverride", width=1400, height=1000, deviceScaleFactor=1, mobile=False)
    page.run("dispatchEvent(new Event('afterprint'))")
    assert page.run(f"{drawn}.every((svg) => !svg.hasAttribute('viewBox'))")
    assert page.run(f"{drawn}.map((svg) => svg.getBoundingClientRect().width)") == pytest.approx(wide, abs=20)
    in_order(page, path)


def test_a_bar_tells_its_numbers(page, tmp_path):
    path = show(page, tmp_path, sample("one"))
    page.run("byId('lengths-chart').scrollIntoView({block: 'center'})")
    box = page.run("(({x, y, width, height}) => [x + width / 2, y + height / 2])"
                   "(byId('lengths-chart').getBoundingClientRect())")  # fmt: skip
    for step in (0, 1):
        page.send("Input.dispatchMouseEvent", type="mouseMoved", x=box[0] + step, y=box[1])
    told = page.run("new Promise((done) => setTimeout(() => done(byId('lengths-chart').innerText), 500))")
    assert "viral share of scored records: " in told
    in_order(page, path)
