"""Workers, nodes and drivers die, disks fill up: nothing is lost, nothing is twice, the failure log is right."""

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from counted_job import begun, counted_run, whole
from virnucpro import Distribution, StoreError, WorkerError
from virnucpro.runs.engine import execute
from virnucpro.runs.run import State

LINES = 20


def require_whole(run, lines=LINES):
    """Results and failure log are those of an undisturbed run; nothing stray is left."""
    assert (run.outdir / "out.txt").read_text() == whole(lines)
    log = (run.outdir / "extraction_failures.log").read_text().splitlines()
    failed = [n + 1 for n in range(lines) if n % 7 == 3]
    assert [line.split(" | ")[2:4] for line in log] == [[f"r{number}", "Refused"] for number in failed]
    assert sorted(path.name for path in run.outdir.iterdir()) == ["extraction_failures.log", "out.txt", "run.json"]


def pids(run):
    return [int(path.name.split("_")[1]) for path in run.job.told.notes.glob("pid_*")]


def in_background(action):
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    return thread


def wait_for(condition, seconds=300):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_undisturbed_run_begins_every_part_once(on_ray, tmp_path):
    run = counted_run(tmp_path, LINES)
    (outcome,) = execute([run], distribution=on_ray(2))
    assert begun(run) == dict.fromkeys(range(1, LINES + 1), 1)
    assert (outcome.state, outcome.parts, outcome.computed_parts) == (State.WRITTEN, LINES, LINES)
    require_whole(run)


@pytest.mark.parametrize("kills", [3, pytest.param(30, marks=pytest.mark.slow)])
def test_workers_killed_at_random_moments(on_ray, tmp_path, caplog, kills):
    lines = 4 * LINES
    run = counted_run(tmp_path, lines, seconds=0.2)
    killed, moments, over = [], random.Random(kills), threading.Event()

    def kill():
        while len(killed) < kills and not over.wait(moments.uniform(0, 0.4)):
            alive = [pid for pid in pids(run) if pid not in killed]
            if alive:
                victim = moments.choice(alive)
                killed.append(victim)
                os.kill(victim, signal.SIGKILL)

    killer = in_background(kill)
    (outcome,) = execute([run], distribution=on_ray(2, attempts=kills + 1))
    over.set()
    killer.join()
    assert len(killed) == kills
    assert outcome.computed_parts == lines
    again = sum(begun(run).values()) - lines
    assert again <= kills
    assert caplog.text.count(" died over part ") >= again
    require_whole(run, lines)


def test_a_node_is_removed_and_another_added(cluster, on_ray, tmp_path):
    run = counted_run(tmp_path, LINES, seconds=0.3)
    node = cluster.add_node(num_cpus=1, resources={"late": 1})
    added = []

    def change():
        wait_for(lambda: len(begun(run)) >= 4)
        cluster.remove_node(node)
        added.append(cluster.add_node(num_cpus=1))

    thread = in_background(change)
    try:
        (outcome,) = execute([run], distribution=on_ray(7))  # more than fit: the last ones wait for a node
    finally:
        thread.join()
        for one in added:
            cluster.remove_node(one)
    assert outcome.computed_parts == LINES
    require_whole(run)


SCRIPT = """
import sys
from pathlib import Path
from counted_job import counted_run
from virnucpro import Distribution
from virnucpro.runs.engine import execute
folder, address, seconds = sys.argv[1:]
run = counted_run(Path(folder), 20, seconds=float(seconds))
how = Distribution(runner="ray", ray_address=address, workers=2, stale_after_s=60)
print(execute([run], distribution=how)[0].state.name)
"""


def driver(cluster, folder, seconds=0.3):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, str(folder), cluster.address, str(seconds)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_driver_is_killed_and_started_again(cluster, on_ray, tmp_path):
    run = counted_run(tmp_path, LINES, seconds=0.3)
    with driver(cluster, tmp_path) as first:
        wait_for(lambda: len(list(run.scratch.glob("parts/*/*.npz"))) >= 5)
        first.kill()
    saved = len(list(run.scratch.glob("parts/*/*.npz")))
    (outcome,) = execute([run], distribution=on_ray(2))
    assert outcome.computed_parts <= LINES - saved
    assert sum(begun(run).values()) <= LINES + 4  # what was at work, and what a worker had begun meanwhile
    require_whole(run)


def test_two_drivers_share_one_folder(cluster, tmp_path):
    run = counted_run(tmp_path, LINES, seconds=0.3)
    drivers = [driver(cluster, tmp_path) for _ in range(2)]
    told = [one.communicate(timeout=500) for one in drivers]
    assert [one.returncode for one in drivers] == [0, 0], told
    assert sorted(out.split()[-1] for out, _ in told) == ["FINISHED", "WRITTEN"], told
    assert begun(run) == dict.fromkeys(range(1, LINES + 1), 1)
    require_whole(run)


def test_a_full_disk_on_one_node(on_ray, tmp_path, caplog):
    run = counted_run(tmp_path, LINES, full_disk=True)
    (outcome,) = execute([run], distribution=on_ray(2))
    assert outcome.computed_parts == LINES
    assert "cannot write" in caplog.text
    assert "1 workers are left" in caplog.text
    assert sum(begun(run).values()) == LINES + 1
    require_whole(run)


def test_a_full_disk_everywhere_is_an_error_that_names_the_worker(on_ray, tmp_path):
    run = counted_run(tmp_path, LINES, full_disk=True)
    with pytest.raises(StoreError, match=r":\d+: cannot write"):
        execute([run], distribution=on_ray(1))


def test_a_slow_worker_does_less_and_nothing_twice(on_ray, tmp_path):
    """It is at its first part until the other one has begun the last."""
    run = counted_run(tmp_path, LINES, slow_until=LINES)
    execute([run], distribution=on_ray(2))
    assert begun(run) == dict.fromkeys(range(1, LINES + 1), 1)
    shares = [len(list(run.job.told.notes.glob(f"part_*_{pid}_*"))) for pid in pids(run)]
    assert sorted(shares) == [1, LINES - 1]
    require_whole(run)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_poisoned_part(on_ray, tmp_path, workers):
    """It is told, with worker and reason, and has a line in the failure log; all others are computed and saved."""
    run = counted_run(tmp_path, LINES, worker={"deadly": 3})
    with pytest.raises(WorkerError, match="part 3, record 3: 3 workers died over it"):
        execute([run], distribution=on_ray(workers))
    assert begun(run) == dict.fromkeys(range(1, LINES + 1), 1) | {3: 3}
    assert not run.manifest_path.exists()
    (line,) = (run.outdir / "extraction_failures.log").read_text().splitlines()
    _, file, name, kind, message = line.split(" | ")
    assert (file, name, kind) == (run.inputs[0].label, "-", "WorkerError")
    assert re.fullmatch(r"part 3, record 3: 3 workers died over it; the last one, \S+:\d+: .*actor.*", message)
    healthy = counted_run(tmp_path, LINES)
    assert execute([healthy], distribution=Distribution())[0].computed_parts == 1
    require_whole(healthy)


def test_a_poisoned_part_costs_other_inputs_nothing(on_ray, tmp_path):
    runs = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        runs.append(counted_run(tmp_path / name, LINES, worker={"deadly": LINES + 1}))
    first, second = runs
    first.inputs[0].path.write_text(first.inputs[0].path.read_text() + "one more\n")  # which only it has
    with pytest.raises(WorkerError, match=f"part {LINES + 1}, "):
        execute([replace(first, rebuild=second.rebuild), second], distribution=on_ray(2))
    assert not first.manifest_path.exists()
    require_whole(second)


def test_a_bug_is_raised_with_its_part(on_ray, tmp_path):
    run = counted_run(tmp_path, LINES, worker={"wrong": 3})
    with pytest.raises(ZeroDivisionError, match="a bug") as caught:
        execute([run], distribution=on_ray(2))
    assert "part 3" in caught.value.__notes__[0]
    assert begun(run)[3] == 1


def test_a_worker_with_other_weights_is_refused_before_it_computes(on_ray, tmp_path):
    run = counted_run(tmp_path, LINES, worker={"digest": "e"})
    with pytest.raises(WorkerError, match=r":\d+: has other weights"):
        execute([run], distribution=on_ray(2))
    assert begun(run) == {}


def test_without_a_shared_folder_workers_write_nothing(on_ray, tmp_path):
    run = counted_run(tmp_path, LINES, full_disk=True)  # which they do not notice
    (outcome,) = execute([run], distribution=on_ray(2, shared_folder=False))
    assert outcome.computed_parts == LINES
    require_whole(run)


def test_workers_are_gone_before_the_results_are_collected(on_ray, tmp_path, monkeypatch):
    run = counted_run(tmp_path, LINES, seconds=0.1)
    collect, told = run.job.collect, []

    def collecting(parts, results):
        wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids(run)), seconds=30)
        told.append(pids(run))
        return collect(parts, results)

    monkeypatch.setattr(run.job, "collect", collecting)
    execute([run], distribution=on_ray(2))
    assert len(told[0]) == 2
    require_whole(run)


def test_small_runs_are_computed_at_the_same_time(on_ray, tmp_path):
    folders = [tmp_path / str(number) for number in range(4)]
    runs = []
    for folder in folders:
        folder.mkdir()
        runs.append(counted_run(folder, 1, slow_until=4))  # of one worker, until the others are begun
    for run in runs[1:]:
        assert run.rebuild is not runs[0].rebuild
    with ThreadPoolExecutor(1) as pool:
        outcomes = pool.submit(execute, runs, distribution=on_ray(2)).result()
    assert [outcome.state for outcome in outcomes] == [State.WRITTEN] * 4
    assert len(list(runs[0].job.told.notes.glob("pid_*"))) == 2
