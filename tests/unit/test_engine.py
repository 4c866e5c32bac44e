"""The engine: each part computed once and kept, results published together, the manifest last."""

import hashlib
import json
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from small_runs import Lines, Upper, again, interrupted_at, out, small_run
from virnucpro import InputError, StoreError
from virnucpro.errors import ConfigError
from virnucpro.records import Failure, ModelIdentity
from virnucpro.runs.engine import execute
from virnucpro.runs.manifest import read_manifest
from virnucpro.runs.run import State
from virnucpro.sequences.pairs import pair_of_files


@pytest.fixture
def run(tmp_path):
    return small_run(tmp_path)


def test_results_and_a_manifest_that_says_what_they_are_made_from(run):
    seen = []
    (outcome,) = execute([run], progress=lambda state: seen.append((state.done, state.total)))
    assert out(run) == "A\nB\nC\nD\nE\n"
    assert outcome.state is State.WRITTEN
    assert (outcome.parts, outcome.computed_parts) == (3, 3)
    manifest = read_manifest(run.outdir / "run.json")
    assert manifest.counts == {"lines": 5, "all": 1}
    assert manifest.inputs[0].sha256 == hashlib.sha256(b"a\nb\nc\nd\ne\n").hexdigest()
    assert manifest.results[0].sha256 == hashlib.sha256(b"A\nB\nC\nD\nE\n").hexdigest()
    assert manifest.models["model"].weights_sha256 == "f" * 64
    assert seen == [(2, 5), (4, 5), (5, 5)]
    assert [path.name for path in run.outdir.iterdir()].count(".virnucpro") == 0


def test_a_finished_run_is_skipped_without_a_model(run):
    execute([run])
    second = again(run)
    (outcome,) = execute([second])
    assert outcome.state is State.FINISHED
    assert outcome.manifest.counts["lines"] == 5
    assert (second.job.computed, second.job.resolved) == ([], 0)


def test_an_interrupted_run_goes_on_from_its_saved_parts(run, caplog):
    run.job.on_part = interrupted_at(3)
    with pytest.raises(KeyboardInterrupt):
        execute([run])
    assert "2 of 3 parts are saved" in caplog.text
    assert not (run.outdir / "out.txt").exists()
    second = again(run)
    (outcome,) = execute([second])
    assert second.job.computed == [3]
    assert (outcome.parts, outcome.computed_parts) == (3, 1)
    assert out(run) == "A\nB\nC\nD\nE\n"


def test_a_resumed_run_follows_the_plan_that_was_written_first(run):
    run.job.on_part = interrupted_at(3)
    with pytest.raises(KeyboardInterrupt):
        execute([run])
    second = again(run, job=Upper(units=1))
    execute([second])
    assert second.job.computed == [3]


def test_a_damaged_part_is_computed_again(run, caplog):
    run.job.on_part = interrupted_at(3)
    with pytest.raises(KeyboardInterrupt):
        execute([run])
    (part,) = run.scratch.glob("parts/*/part_0000001.npz")
    content = bytearray(part.read_bytes())
    content[content.index(b"A\nB\n")] ^= 1
    part.write_bytes(content)
    second = again(run)
    execute([second])
    assert second.job.computed == [3, 1]
    assert "part 1" in caplog.text
    assert out(run) == "A\nB\nC\nD\nE\n"


def test_an_input_that_changes_during_the_run_stops_it_before_any_result(run):
    def change(number):
        if number == 2:
            run.inputs[0].path.write_text("a\nb\nc\nX\nY\n")

    run.job.on_part = change
    with pytest.raises(InputError, match="changed"):
        execute([run])
    assert not (run.outdir / "out.txt").exists()
    assert not (run.outdir / "run.json").exists()


def test_an_input_that_changes_between_two_runs_is_computed_from_its_new_bytes(run):
    run.job.on_part = interrupted_at(3)
    with pytest.raises(KeyboardInterrupt):
        execute([run])
    run.inputs[0].path.write_text("v\nw\nx\ny\nz\n")
    second = again(run)
    execute([second])
    assert second.job.computed == [1, 2, 3]
    assert out(run) == "V\nW\nX\nY\nZ\n"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"settings": {"k": 2}}, "k: 1 then, 2 now"),
        ({"models": {"model": ModelIdentity("m", "2", "")}}, "model model: m"),
        ({"models": {"model": ModelIdentity("other", None, "e" * 64)}}, "other"),
    ],
)
def test_results_of_something_else_are_never_replaced_unasked(run, change, told):
    execute([run])
    with pytest.raises(StoreError, match=told):
        execute([again(run, **change)])
    assert out(run) == "A\nB\nC\nD\nE\n"
    (outcome,) = execute([again(run, **change)], overwrite=True)
    assert outcome.computed_parts == 3


def test_all_conflicts_are_named_at_once(run, tmp_path):
    other = replace(run, name="two", manifest="two.json", results=["two.txt"], job=Upper(result="two.txt"))
    execute([run, other])
    with pytest.raises(StoreError) as caught:
        execute([again(run, settings={"k": 2}), again(other, settings={"k": 3})])
    assert "run.json" in str(caught.value)
    assert "two.json" in str(caught.value)


def test_output_settings_make_new_results_from_the_same_parts(run):
    kept = replace(run, keep_parts=True)
    execute([kept])
    second = again(kept, output_settings={"level": "relaxed"})
    (outcome,) = execute([second])
    assert outcome.computed_parts == 0
    assert second.job.computed == []
    assert read_manifest(run.outdir / "run.json").output_settings == {"level": "relaxed"}


def test_a_run_that_fails_while_it_collects_leaves_the_earlier_results_and_no_wrong_manifest(run):
    kept = replace(run, keep_parts=True)
    execute([kept])
    second = again(kept, output_settings={"level": "relaxed"})
    second.job.collect = lambda parts, results: results.open("out.txt").write(b"half") and 1 / 0
    with pytest.raises(ZeroDivisionError):
        execute([second])
    assert out(run) == "A\nB\nC\nD\nE\n"
    assert read_manifest(run.outdir / "run.json").output_settings == {}
    assert list((run.scratch / "unfinished").iterdir()) == []


def test_a_result_without_a_manifest_is_kept_with_a_warning(run, caplog):
    run.outdir.mkdir()
    (run.outdir / "out.txt").write_text("mine")
    (outcome,) = execute([run])
    assert outcome.state is State.KEPT
    assert out(run) == "mine"
    assert "has no manifest: kept" in caplog.text
    execute([again(run)], overwrite=True)
    assert out(run) == "A\nB\nC\nD\nE\n"


def test_a_result_that_was_changed_is_an_error_and_one_that_is_gone_is_made_again(run):
    execute([run])
    (run.outdir / "out.txt").write_text("other")
    with pytest.raises(StoreError, match="has changed since it was written"):
        execute([again(run)])
    (run.outdir / "out.txt").unlink()
    (outcome,) = execute([again(run)])
    assert outcome.state is State.WRITTEN


def test_a_damaged_manifest_is_an_error_that_says_what_to_do(run):
    execute([run])
    (run.outdir / "run.json").write_text('{"format": 2, "inputs": 3}')
    with pytest.raises(StoreError, match="--overwrite"):
        execute([again(run)])


def test_an_input_that_cannot_be_read_costs_the_others_nothing(run, tmp_path):
    bad = tmp_path / "bad.txt"
    bad.write_text("a\nbad\n")
    broken = replace(run, name="bad", inputs=[Lines(bad)], manifest="bad.json", results=["bad.out"], job=Upper())
    outcomes = execute([broken, run])
    assert [outcome.state for outcome in outcomes] == [State.REFUSED, State.WRITTEN]
    log = (run.outdir / "extraction_failures.log").read_text()
    assert log.count("\n") == 1
    assert "bad line" in log


def test_failures_stand_in_the_log_once_with_their_number_in_their_file(run, tmp_path):
    two = tmp_path / "two.txt"
    two.write_text("x\nfail 1\ny\nfail 2\n")
    both = replace(run, inputs=[*run.inputs, Lines(two)])
    (outcome,) = execute([both])
    assert [(file, failure.number, failure.id) for file, failure in outcome.manifest.failures] == [
        (str(two), 2, "r2"), (str(two), 4, "r4"),
    ]  # fmt: skip
    execute([again(both)])
    log = (run.outdir / "extraction_failures.log").read_text().splitlines()
    assert [line.split(" | ")[1:4] for line in log] == [[str(two), "r2", "Refused"], [str(two), "r4", "Refused"]]


def test_outputs_are_checked_before_any_work(run, tmp_path):
    as_input = replace(run, results=["in.txt"], outdir=tmp_path)
    with pytest.raises(ConfigError, match=r"in\.txt"):
        execute([as_input])
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        execute([replace(run, outdir=tmp_path / "file")])
    with pytest.raises(StoreError, match="File name too long; choose a shorter name"):
        execute([replace(run, results=["x" * 300])])
    assert run.inputs[0].passes == 0
    assert run.job.computed == []


@pytest.mark.parametrize("name", ["out.txt", "run.json"])
def test_results_that_cannot_be_read_are_named(run, unreadable, name):
    execute([run])
    unreadable(run.outdir / name)
    with pytest.raises(StoreError, match=f"cannot read .*{name}: Permission denied"):
        execute([again(run)])


@pytest.mark.parametrize("damaged", ['"sha256": "', '"key": "', '"letters": ', "[", "{"])
def test_a_damaged_plan_is_made_again_and_the_saved_parts_are_kept(run, damaged):
    run.job.on_part = interrupted_at(3)
    with pytest.raises(KeyboardInterrupt):
        execute([run])
    plan = next((run.outdir / ".virnucpro").rglob("plan.json"))
    before, found, after = plan.read_text().rpartition(damaged)
    plan.write_text(before + found + ("1" if after[0] == "2" else "2") + after[1:])
    second = again(run)
    (outcome,) = execute([second])
    assert (outcome.state, second.job.computed) == (State.WRITTEN, [3])
    assert out(run) == "A\nB\nC\nD\nE\n"


@pytest.mark.parametrize("content", [b"[]", b"3", b"", b"{}"])
def test_what_is_no_plan_is_replaced(run, content):
    run.job.on_part = interrupted_at(2)
    with pytest.raises(KeyboardInterrupt):
        execute([run])
    next((run.outdir / ".virnucpro").rglob("plan.json")).write_bytes(content)
    assert execute([again(run)])[0].state is State.WRITTEN


def test_many_workers_in_one_folder(run):
    """Scripts give the files of one folder to the processes of a pool: each run's end must not disturb another's start."""

    def finish(number):
        name = f"out{number}.txt"
        job = Upper(result=name)
        return execute([again(run, name=name, manifest=f"{name}.json", results=[name], job=job)])[0].state

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(finish, range(100))) == {State.WRITTEN}
    assert len(list(run.outdir.iterdir())) == 2 * 100


def test_a_neighbour_that_ends_while_a_run_begins(run, monkeypatch):
    make, removed = os.mkdir, []

    def make_and_lose(path, *mode):
        make(path, *mode)
        if Path(path).name == ".virnucpro" and not removed:
            removed.append(path)
            Path(path).rmdir()

    monkeypatch.setattr("os.mkdir", make_and_lose)
    assert execute([run])[0].state is State.WRITTEN
    assert removed


def test_scratch_folders_are_never_followed_through_links(run, tmp_path):
    run.outdir.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (run.outdir / ".virnucpro").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="link"):
        execute([run])
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("name", ["parts", "unfinished", "claims"])
def test_nor_is_anything_in_them(run, tmp_path, name):
    run.scratch.mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (run.scratch / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match=f"{name} is a link"):
        execute([run])
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_the_output_folder_itself_may_be_a_link(run, tmp_path):
    (tmp_path / "disk").mkdir()
    run.outdir.symlink_to(tmp_path / "disk")
    assert execute([run])[0].state is State.WRITTEN
    assert out(run) == "A\nB\nC\nD\nE\n"


@pytest.mark.parametrize("counts", [{}, {"all": {"viral": 1}}])
def test_a_manifest_without_the_counts_that_it_must_have_is_damaged(run, counts):
    run = replace(run, counted={"all": int})
    execute([run])
    content = json.loads(run.manifest_path.read_text())
    run.manifest_path.write_text(json.dumps(content | {"counts": counts}))
    with pytest.raises(StoreError, match=r"run\.json is damaged: it has no count of all; remove it"):
        execute([again(run)])
    assert execute([again(run)], overwrite=True)[0].state is State.WRITTEN


def test_results_that_a_later_run_has_not_are_deleted_only_if_the_manifest_lists_them(run):
    class Two(Upper):
        def collect(self, parts, results):
            results.open("page_2.png").write(b"2")
            return super().collect(parts, results)

    execute([replace(run, job=Two())])
    (run.outdir / "page_3.png").write_bytes(b"mine")
    manifest = json.loads((run.outdir / "run.json").read_text())
    assert {one["path"] for one in manifest["results"]} == {"out.txt", "page_2.png"}
    execute([again(run, output_settings={"pages": 0})])
    assert not (run.outdir / "page_2.png").exists()
    assert (run.outdir / "page_3.png").read_bytes() == b"mine"


def test_a_listed_result_that_the_user_has_replaced_is_not_deleted(run):
    class Two(Upper):
        def collect(self, parts, results):
            results.open("page_2.png").write(b"2")
            return super().collect(parts, results)

    execute([replace(run, job=Two())])
    (run.outdir / "page_2.png").write_bytes(b"mine")
    execute([again(run, job=Upper())], overwrite=True)
    assert (run.outdir / "page_2.png").read_bytes() == b"mine"


def test_warnings_of_the_first_records_are_logged(run, caplog):
    run.inputs[0].path.write_text("Xa\n")
    with caplog.at_level(logging.WARNING):
        execute([run])
    assert "begins with X" in caplog.text


def test_duplicate_ids_are_told_with_their_share(run, caplog, monkeypatch):
    run.job.id_of = lambda record: record.sequence[0]
    run.inputs[0].path.write_text("a\nb\na\na\nc\n")
    execute([run])
    (told,) = (one.message for one in caplog.records if one.levelname == "WARNING")
    assert "in.txt: 2 of 5 records (40 %) have the ID of an earlier one" in told
    caplog.clear()
    monkeypatch.setattr("virnucpro.runs.examine.COMPARED_IDS", 2)
    execute([again(run)], overwrite=True)
    assert "ID" not in caplog.text


def test_ids_are_compared_over_all_inputs_of_a_run(run, tmp_path, caplog):
    (tmp_path / "two.txt").write_text("x\n")
    both = replace(run, inputs=[*run.inputs, Lines(tmp_path / "two.txt")])
    execute([both])  # r1 is in both
    assert "1 of 6 records (17 %)" in caplog.text


def test_what_did_not_fit_in_memory_is_computed_again_and_nothing_else(run):
    class Small(Upper):
        def compute(self, given, advance):
            computed = super().compute(given, advance)
            failed = (Failure(0, "r3", "OutOfMemory", "no room"),) if given.part.number == 2 else ()
            return replace(computed, failures=failed)

    (outcome,) = execute([replace(run, job=Small())])
    assert outcome.manifest.may_succeed_elsewhere
    second = again(run, job=Upper())
    (outcome,) = execute([second])
    assert second.job.computed == [2]
    assert outcome.state is State.WRITTEN
    assert not outcome.manifest.failures
    third = again(run, job=Upper())
    assert execute([third])[0].state is State.FINISHED


@pytest.mark.parametrize("name", ["out.txt", "run.json"])
def test_a_folder_in_a_result_s_place_is_told_before_any_work(run, name):
    (run.outdir / name).mkdir(parents=True)
    with pytest.raises(StoreError, match="a folder has this name"):
        execute([run])
    assert run.inputs[0].passes == 0


def test_files_that_a_run_reads_besides_its_inputs_are_never_overwritten(run, tmp_path):
    other = tmp_path / "other.txt"
    other.write_text("mine")
    run.outdir.mkdir()
    (run.outdir / "out.txt").hardlink_to(other)
    with pytest.raises(ConfigError, match="would be overwritten"):
        execute([replace(run, also_read=[other])], overwrite=True)
    assert other.read_text() == "mine"


def test_a_result_that_is_not_known_beforehand_is_no_input_either(run):
    """Found out when results are published: none of them gets its name."""
    run.outdir.mkdir()
    (run.outdir / "page.txt").hardlink_to(run.inputs[0].path)
    before = run.inputs[0].path.read_text()

    class Paged(Upper):
        def collect(self, parts, results):
            details = super().collect(parts, results)
            results.open("page.txt").write(b"2")
            return details

    with pytest.raises(ConfigError, match="would be overwritten"):
        execute([replace(run, job=Paged())])
    assert run.inputs[0].path.read_text() == before
    assert not (run.outdir / "out.txt").exists()


def test_killed_between_two_names_a_run_is_unfinished_and_made_whole(run, monkeypatch):
    from pathlib import Path

    class Two(Upper):
        def collect(self, parts, results):
            results.open("first.txt").write(b"1")
            return super().collect(parts, results)

    kept = replace(run, keep_parts=True, job=Two())
    execute([kept])
    rename = Path.replace

    def killed(path, target):
        if Path(target).name == "out.txt":
            raise KeyboardInterrupt
        return rename(path, target)

    second = again(kept, settings={"k": 2}, job=Two())
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            execute([second], overwrite=True)
    assert not (run.outdir / "run.json").exists()
    (outcome,) = execute([again(second, job=Two())])
    assert outcome.state is State.WRITTEN
    assert outcome.computed_parts == 0
    assert read_manifest(run.outdir / "run.json").settings == {"k": 2}


def test_a_file_under_a_name_that_only_the_end_of_a_run_tells_is_not_replaced_unasked(run):
    late = replace(run, results=["first.txt"])  # out.txt is not known beforehand
    run.outdir.mkdir()
    (run.outdir / "out.txt").write_text("mine")
    with pytest.raises(StoreError, match=r"out\.txt is in the way of a result"):
        execute([late])
    assert (run.outdir / "out.txt").read_text() == "mine"
    assert not run.manifest_path.exists()
    (run.outdir / "out.txt").unlink()
    (outcome,) = execute([again(late)])
    assert (outcome.state, outcome.computed_parts) == (State.WRITTEN, 0)


def test_strict_raises_what_is_otherwise_logged(run, caplog):
    run.inputs[0].path.write_text("a\nbad\n")
    (outcome,) = execute([run])
    assert (outcome.state, len(caplog.records)) == (State.REFUSED, 1)
    caplog.clear()
    with pytest.raises(InputError, match=r"in\.txt:2: bad line"):
        execute([again(run)], strict=True)
    assert not caplog.records


def test_failures_of_mates_are_logged_under_the_file_of_each(run, tmp_path):
    texts = {"one": "a\nb\n", "x_1": "a\nfail b\nc\n", "x_2": "a\nb\nfail c\n", "last": "a\nfail\n"}
    for name, text in texts.items():
        (tmp_path / f"{name}.txt").write_text(text)
    one, first, second, last = (Lines(tmp_path / f"{name}.txt") for name in texts)
    (outcome,) = execute([replace(run, inputs=[one, *pair_of_files(first, second), last])])
    found = [(Path(label).stem, failure.number) for label, failure in outcome.failures]
    assert found == [("x_1", 2), ("x_2", 3), ("last", 2)]
    log = (run.outdir / "extraction_failures.log").read_text().splitlines()
    assert [Path(line.split(" | ")[1]).stem for line in log] == ["x_1", "x_2", "last"]
