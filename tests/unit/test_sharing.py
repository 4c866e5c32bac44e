"""Many processes at one run: each part is computed once, and the results are those of one process."""

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from small_runs import Lines, Upper, again, interrupted_at, out, small_run
from virnucpro import Distribution, StoreError
from virnucpro.errors import ConfigError, DeviceError, WorkerError
from virnucpro.runs.claims import Claims
from virnucpro.runs.engine import execute
from virnucpro.runs.execution import Execution
from virnucpro.runs.executor import LocalExecutor
from virnucpro.runs.manifest import read_manifest
from virnucpro.runs.parts import ComputedPart, PartStore
from virnucpro.runs.run import State
from virnucpro.sequences.nucleotide_file import NucleotideFile
from virnucpro.sequences.pairs import pair_of_files

WHOLE = "A\nB\nC\nD\nE\n"
SOON = Distribution(stale_after_s=0.6)


def shard(number, count):
    return Distribution(shard=(number, count))


@pytest.fixture
def run(tmp_path):
    return small_run(tmp_path)


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3))))
def test_shards_in_any_order(run, order):
    single = again(run, job=Upper(units=1))
    computed = []
    for number in order:
        one = again(single, job=Upper(units=1))
        (outcome,) = execute([one], distribution=shard(number, 3))
        computed.append(one.job.computed)
        last = number == order[-1]
        assert outcome.state is (State.WRITTEN if last else State.INCOMPLETE)
        assert run.manifest_path.exists() == last
    assert sorted(itertools.chain(*computed)) == [1, 2, 3, 4, 5]
    assert all(part % 3 == number % 3 for number, parts in zip(order, computed, strict=True) for part in parts)
    assert out(run) == WHOLE
    assert sorted(path.name for path in run.outdir.iterdir()) == ["out.txt", "run.json"]


def test_the_command_without_a_shard_computes_the_rest(run):
    execute([again(run, job=Upper(units=1))], distribution=shard(2, 3))
    rest = again(run, job=Upper(units=1))
    (outcome,) = execute([rest])
    assert rest.job.computed == [1, 3, 4]
    assert (outcome.state, outcome.parts, outcome.computed_parts) == (State.WRITTEN, 5, 3)
    assert out(run) == WHOLE


def test_a_shard_that_is_there_already_computes_nothing(run):
    execute([run], distribution=shard(1, 2))
    second = again(run)
    (outcome,) = execute([second], distribution=shard(1, 2))
    assert (outcome.state, second.job.computed, outcome.absent_parts) == (State.INCOMPLETE, [], 1)
    execute([again(run)], distribution=shard(2, 2))
    third = again(run)
    assert execute([third], distribution=shard(1, 2))[0].state is State.FINISHED
    assert third.job.resolved == 0


def test_runs_of_one_part_are_shared_out_as_well(run, tmp_path):
    paths = [tmp_path / f"in{number}.txt" for number in range(4)]
    for path in paths:
        path.write_text("a\n")

    def runs():
        names = [f"out{number}.txt" for number in range(4)]
        return [
            replace(
                run, name=name, inputs=[Lines(path)], manifest=f"{name}.json", results=[name], job=Upper(result=name)
            )
            for name, path in zip(names, paths, strict=True)
        ]

    outcomes = execute(runs(), distribution=shard(1, 2))
    assert [outcome.state for outcome in outcomes].count(State.WRITTEN) == 2
    assert [outcome.state for outcome in outcomes].count(State.INCOMPLETE) == 2
    second = runs()
    execute(second, distribution=shard(2, 2))
    assert sum(len(one.job.computed) for one in second) == 2
    assert len(list(tmp_path.glob("o/out*.txt"))) == 4


def test_what_another_shard_finished_meanwhile_is_no_longer_missing(run, tmp_path):
    """The first run is left to shard 1, which ends before shard 2 has the results of the second run."""

    def runs():
        both = [replace(again(run, job=Upper(units=10)), outdir=tmp_path / name) for name in ("o", "p")]
        (tmp_path / "other.txt").write_text("x\n")
        return [both[0], replace(both[1], inputs=[Lines(tmp_path / "other.txt")])]

    mine, states = runs(), {}
    mine[1].job.on_part = lambda _: states.update(first=execute(runs(), distribution=shard(1, 2)))
    states["second"] = execute(mine, distribution=shard(2, 2))
    assert [one.state for one in states["first"]] == [State.WRITTEN, State.INCOMPLETE]
    assert [one.state for one in states["second"]] == [State.FINISHED, State.WRITTEN]
    assert states["second"][0].manifest.counts["lines"] == 5


def test_progress_of_a_shard_counts_its_share(run):
    seen = []
    execute([run], distribution=shard(2, 3), progress=lambda state: seen.append((state.done, state.total)))
    assert seen == [(2, 2)]


@pytest.mark.parametrize(
    ("how", "overwrite", "told"),
    [
        (shard(3, 2), False, "3/2"),
        (shard(1, 2), True, "exclude each other"),
        (Distribution(runner="elsewhere"), False, "unknown runner"),
        (Distribution(workers=2), False, "--workers needs Ray; add --runner ray"),
        (Distribution(ray_address="auto"), False, "--ray-address needs Ray; add --runner ray"),
        (Distribution(gpus_per_worker=0.0), False, "--gpus-per-worker needs Ray; add --runner ray"),
        (Distribution(shared_folder=False), False, "--no-shared-folder needs Ray; add --runner ray"),
        (Distribution(runner="ray", ray_address="ray://head:10001"), False, "Ray Client is not supported"),
        (Distribution(runner="ray", devices=("cuda:0", "cpu")), False, "Ray takes cpu, cuda, or"),
        (Distribution(stale_after_s=0), False, "positive"),
    ],
)
def test_what_cannot_work_is_refused_before_any_input_is_read(run, how, overwrite, told):
    with pytest.raises(ConfigError, match=told):
        execute([run], distribution=how, overwrite=overwrite)
    assert run.inputs[0].passes == 0


def test_each_of_several_devices_must_be_there(run, monkeypatch):
    monkeypatch.setattr("virnucpro.runs.distribution.find_spec", lambda name: name)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    with pytest.raises(DeviceError, match="no device 'cuda:1'"):
        execute([run], distribution=Distribution(runner="ray", devices=("cuda:0", "cuda:1")))
    assert run.inputs[0].passes == 0


def test_a_shard_with_other_settings_discards_nothing(run):
    execute([run], distribution=shard(1, 2))
    other = again(run, settings={"k": 2})
    with pytest.raises(StoreError, match="2 saved parts from other inputs, models or settings, and --shard does not"):
        execute([other], distribution=shard(2, 2))
    execute([again(run)], distribution=shard(2, 2))
    assert out(run) == WHOLE


@pytest.mark.parametrize("keep", [False, True])
def test_two_runners_share_the_work(run, keep):
    """Each waits for the other in its first part, so both are at it."""
    run.inputs[0].path.write_text("".join(f"{number}\n" for number in range(20)))
    both = threading.Barrier(2)
    jobs = []

    def go(_):
        first = itertools.count()
        job = Upper(units=1)
        job.on_part = lambda _: both.wait(30) if next(first) == 0 else time.sleep(0.005)
        jobs.append(job)
        return execute([again(run, job=job, keep_parts=keep)], distribution=SOON)[0]

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(go, range(2)))
    assert sorted(itertools.chain(*(job.computed for job in jobs))) == list(range(1, 21))
    assert sorted(outcome.state.name for outcome in outcomes) == ["FINISHED", "WRITTEN"]
    assert out(run) == "".join(f"{number}\n" for number in range(20))
    assert (run.outdir / ".virnucpro").exists() == keep


def test_runs_of_other_settings_do_not_meet_in_one_folder(run):
    run.scratch.mkdir(parents=True)
    with Claims(run.scratch / "claims", 60) as claims:
        claims.take("process_x", "something else")
        with pytest.raises(StoreError, match=r"another process \(.*:\d+\)"):
            execute([run])
    assert run.job.computed == []
    assert execute([again(run)])[0].state is State.WRITTEN


def test_nobody_computes_afresh_what_another_is_at(run):
    met = []

    def second(number):
        if number == 1:
            with pytest.raises(StoreError, match="another process"):
                execute([again(run)], overwrite=True)
            met.append(number)

    run.job.on_part = second
    execute([run])
    assert met == [1]
    assert out(run) == WHOLE


def test_runs_that_show_the_numbers_otherwise_do_not_meet_either(run):
    met = []
    other = again(run, output_settings={"level": "relaxed"}, keep_parts=True)

    def second(number):
        if number == 1:
            with pytest.raises(StoreError, match="another process"):
                execute([other])
            met.append(number)

    run.job.on_part = second
    execute([replace(run, output_settings={"level": "default"}, keep_parts=True)])
    assert met == [1]
    (outcome,) = execute([other])
    assert (outcome.state, outcome.computed_parts, outcome.parts) == (State.WRITTEN, 0, 3)
    assert read_manifest(run.manifest_path).output_settings == {"level": "relaxed"}


def test_the_parts_of_a_machine_that_is_gone_are_taken_over(run, caplog):
    with caplog.at_level("INFO"):
        run.scratch.mkdir(parents=True)
        with Claims(run.scratch / "claims", 60) as claims:
            claims.take("part_0000002")
            (path,) = (run.scratch / "claims").iterdir()
            content = path.read_text()
        (run.scratch / "claims").mkdir()
        path.write_text(content.replace(f'"{claims._me.host}"', '"gone"'))
        (outcome,) = execute([run], distribution=SOON)
    assert run.job.computed == [1, 3, 2]
    assert "waiting for 1 part of gone:" in caplog.text
    assert outcome.state is State.WRITTEN
    assert out(run) == WHOLE
    assert not run.scratch.exists()


def test_the_plan_of_the_first_is_everybody_s(run):
    execute([run], distribution=shard(1, 2))
    other = again(run, job=Upper(units=1))  # another machine would cut it otherwise
    (outcome,) = execute([other])
    assert other.job.computed == [2]
    assert outcome.parts == 3


def test_a_plan_that_is_there_needs_no_reading(run):
    execute([run], distribution=shard(1, 2))
    assert run.inputs[0].passes == 2  # to plan, and to compute
    second = again(run)
    execute([second], distribution=shard(2, 2))
    assert second.inputs[0].passes == 2  # to compute, and to collect
    run.inputs[0].path.write_text("a\nb\n")
    third = again(run)
    execute([third], overwrite=True)
    assert third.inputs[0].passes == 3


def test_an_interrupted_shard_holds_nothing(run):
    run.job.on_part = interrupted_at(3)
    with pytest.raises(KeyboardInterrupt):
        execute([run], distribution=shard(1, 2))
    assert not (run.scratch / "claims").exists()
    second = again(run)
    assert execute([second], distribution=shard(1, 2))[0].state is State.INCOMPLETE
    assert second.job.computed == [3]


def test_what_did_not_fit_in_memory_elsewhere_is_tried_once(run):
    from virnucpro.records import Failure

    class Small(Upper):
        def compute(self, given, advance):
            failed = (Failure(0, "r3", "OutOfMemory", "no room"),) if given.part.number == 2 else ()
            return replace(super().compute(given, advance), failures=failed)

    execute([replace(run, job=Small())], distribution=shard(2, 2))
    other = again(run, job=Small())
    (outcome,) = execute([other])
    assert other.job.computed == [1, 2, 3]
    assert outcome.state is State.WRITTEN
    assert [failure.id for _, failure in read_manifest(run.manifest_path).failures] == ["r3"]


def test_without_ray_it_is_said_what_to_install_before_any_input_is_read(run, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"pip install 'virnucpro\[ray\]'"):
        execute([run], distribution=Distribution(runner="ray"))
    assert run.inputs[0].passes == 0


@pytest.mark.parametrize(
    ("given", "runner", "device", "devices"),
    [
        ({}, "local", "auto", ()),
        ({"devices": "cpu"}, "local", "cpu", ("cpu",)),
        ({"devices": "cuda:0,cuda:1"}, "ray", "cuda:0", ("cuda:0", "cuda:1")),
        ({"ray_address": "auto"}, "ray", "auto", ()),
        ({"runner": "ray", "workers": 4}, "ray", "auto", ()),
    ],
)
def test_options_of_the_command_line(given, runner, device, devices, monkeypatch):
    from virnucpro.cli.options import take_distribution

    monkeypatch.setattr("virnucpro.runs.distribution.find_spec", lambda name: name)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    nothing = {"shard": None, "runner": None, "ray_address": None, "workers": None, "gpus_per_worker": None}
    chosen = {"devices": "auto", "shared_folder": True, "dtype": "fp32"} | nothing | given
    how = take_distribution(chosen, threads=8)
    assert (how.runner, how.devices, how.cpus_per_worker) == (runner, devices, 8)
    assert chosen == {"device": device, "dtype": "fp32"}
    how.check(overwrite=False)


def test_a_shard_does_not_open_the_parts_of_others(run, monkeypatch):
    execute([again(run, job=Upper(units=1))], distribution=shard(1, 3))
    opened, about = [], PartStore.about
    monkeypatch.setattr(PartStore, "about", lambda store, number: opened.append(number) or about(store, number))
    (outcome,) = execute([again(run, job=Upper(units=1))], distribution=shard(2, 3))
    assert outcome.absent_parts == 1
    assert set(opened) == {2, 5}


class Losing(LocalExecutor):
    """Workers die over the second part of the first run."""

    def __init__(self, run):
        self.run = run

    def completed(self, tasks):
        for task in tasks:
            if task.run is self.run and task.given and task.given.part.number == 2:
                task.lost("3 workers died over it")
                yield task
            else:
                yield from super().completed(iter([task]))


def losing(monkeypatch, run):
    monkeypatch.setattr("virnucpro.runs.engine.open_executor", lambda how: nullcontext(Losing(run)))


def test_a_part_that_is_lost_is_told_and_costs_nothing_else(run, tmp_path, monkeypatch):
    (tmp_path / "other.txt").write_text("x\n")
    other = replace(again(run), outdir=tmp_path / "p", inputs=[Lines(tmp_path / "other.txt")])
    with monkeypatch.context() as patched:
        losing(patched, run)
        with pytest.raises(
            WorkerError, match=r"in.txt: part 2, records 3 to 4: 3 workers died over it; all other parts"
        ):
            execute([run, other])
    assert out(other) == "X\n"
    assert not run.manifest_path.exists()
    log = run.outdir / "extraction_failures.log"
    assert log.read_text().strip().split(" | ")[1:] == [
        run.inputs[0].label, "-", "WorkerError", "part 2, records 3 to 4: 3 workers died over it"
    ]  # fmt: skip
    later = again(run)
    execute([later])
    assert later.job.computed == [2]
    assert out(run) == WHOLE
    assert not log.exists()


def told_of_lost(run, monkeypatch):
    losing(monkeypatch, run)
    with pytest.raises(WorkerError) as caught:
        execute([run])
    log = (run.outdir / "extraction_failures.log").read_text().splitlines()
    told = [line.split(" | ")[1::3] for line in log]
    assert [line.partition("; all other parts")[0] for line in str(caught.value).splitlines()] == [
        f"{label}: {message}" for label, message in told
    ]
    return [(Path(label).name, message.removesuffix(": 3 workers died over it")) for label, message in told]


def test_records_of_a_lost_part_are_numbered_within_every_input_that_it_touches(run, tmp_path, monkeypatch):
    for name, lines in (("one.txt", "a\nb\nc\n"), ("none.txt", ""), ("two.txt", "d\ne\nf\n")):
        (tmp_path / name).write_text(lines)
    inputs = [Lines(tmp_path / name) for name in ("one.txt", "none.txt", "two.txt")]
    across = replace(run, inputs=inputs, outdir=tmp_path / "p")
    assert told_of_lost(across, monkeypatch) == [
        ("one.txt", "part 2, record 3"), ("two.txt", "part 2, record 1")
    ]  # fmt: skip
    later = replace(run, inputs=inputs, outdir=tmp_path / "q", job=Upper(units=3))
    assert told_of_lost(later, monkeypatch) == [("two.txt", "part 2, records 1 to 3")]


def test_those_of_mates_are_numbered_in_both_files(run, tmp_path, monkeypatch):
    pairs = [f"@p{number}\nACGT\n+\nIIII\n" for number in range(5)]
    for name in ("r_1.fq", "r_2.fq"):
        (tmp_path / name).write_text("".join(pairs))
    mates = pair_of_files(*(NucleotideFile(tmp_path / name) for name in ("r_1.fq", "r_2.fq")))
    even = replace(run, inputs=mates, outdir=tmp_path / "p", job=Upper(units=4))
    assert told_of_lost(even, monkeypatch) == [
        ("r_1.fq", "part 2, records 3 to 4"), ("r_2.fq", "part 2, records 3 to 4")
    ]  # fmt: skip
    odd = replace(run, inputs=mates, outdir=tmp_path / "q", job=Upper(units=3))
    assert told_of_lost(odd, monkeypatch) == [("r_2.fq", "part 2, records 2 to 3"), ("r_1.fq", "part 2, record 3")]


def test_a_part_that_another_process_computes_is_not_lost(run, monkeypatch):
    losing(monkeypatch, run)
    stores, made = [], Execution._store
    monkeypatch.setattr(Execution, "_store", lambda one, key: stores.append(made(one, key)) or stores[-1])
    text = np.frombuffer(b"C\nD\n", np.uint8)
    run.job.on_part = lambda number: number == 3 and stores[-1].save(2, ComputedPart({"text": text}, (), {"lines": 2}))
    assert execute([run])[0].state is State.WRITTEN
    assert out(run) == WHOLE
    assert not (run.outdir / "extraction_failures.log").exists()
