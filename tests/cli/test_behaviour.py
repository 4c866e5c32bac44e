"""One engine under every verb: the same behaviour in every column of this table of behaviours and verbs."""

import os
import shlex
import shutil
import signal
import subprocess
import sys

import pytest

from verb_inputs import VERBS, contents, verb_of


@pytest.fixture(params=VERBS)
def verb(request, tmp_path, models):
    return verb_of(request.param, tmp_path, models)


def test_a_result_without_a_manifest_is_kept_with_a_warning(virnucpro, verb, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / verb.result).write_text("mine")
    code, _, err = virnucpro(*verb.command(out))
    assert code == 0
    assert "has no manifest: kept" in err
    assert (out / verb.result).read_text() == "mine"
    assert not (out / verb.manifest).exists()


def test_finished_results_are_skipped_without_a_model(virnucpro, verb, tmp_path, monkeypatch):
    out = tmp_path / "out"
    assert virnucpro(*verb.command(out))[0] == 0
    before = contents(out)

    def never(*_):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("virnucpro.models.encoders.encoder_of", never)
    code, _, err = virnucpro(*verb.command(out))
    assert code == 0
    assert "skipped" in err
    assert contents(out) == before


def test_a_changed_input_is_a_conflict_that_is_named(virnucpro, verb, tmp_path):
    out = tmp_path / "out"
    assert virnucpro(*verb.command(out))[0] == 0
    before = contents(out)
    verb.input.write_text(verb.input.read_text() + "\n")
    code, _, err = virnucpro(*verb.command(out))
    assert code == 4
    assert "made from something else" in err
    assert "--overwrite" in err
    assert contents(out) == before
    assert virnucpro(*verb.command(out, "--overwrite"))[0] == 0


def test_an_input_that_changes_during_the_run_stops_it(virnucpro, verb, tmp_path, monkeypatch):
    from virnucpro.runs.parts import PartStore

    save, saved = PartStore.save, []

    def save_and_change(self, number, computed):
        save(self, number, computed)
        if not saved:
            text = verb.input.read_text()
            verb.input.write_text(text.replace("A", "C"))
        saved.append(number)

    monkeypatch.setattr(PartStore, "save", save_and_change)
    code, _, err = virnucpro(*verb.command(tmp_path / "out"))
    assert code == 3
    assert "changed" in err
    assert not (tmp_path / "out" / verb.result).exists()
    assert not (tmp_path / "out" / verb.manifest).exists()


def test_an_unwritable_folder_is_noticed_before_any_work(virnucpro, verb, tmp_path, monkeypatch):
    monkeypatch.setattr("virnucpro.runs.engine.examine", lambda *_: pytest.fail("an input was read"))
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        code, _, err = virnucpro(*verb.command(folder))
        assert code == 4
        assert str(tmp_path / "file") in err


def test_conflicting_settings_are_named(virnucpro, verb, tmp_path):
    out = tmp_path / "out"
    assert virnucpro(*verb.command(out))[0] == 0
    other = {"embed": ["--max-residues", "50"]}.get(verb.name, ["--window", "250"])
    if verb.name == "predict":
        other = ["--translation-table", "4"]
    code, _, err = virnucpro(*verb.command(out, *other))
    assert code == 4
    assert "then" in err
    assert "now" in err


def test_standard_input(verb, tmp_path):
    command = [sys.executable, "-m", "virnucpro", *verb.command(tmp_path / "out", source="-")]
    with verb.input.open("rb") as stream:
        done = subprocess.run(command, stdin=stream, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    name = verb.result.replace("x_", "stdin_")
    assert (tmp_path / "out" / name).exists()


def test_an_output_that_is_the_input_is_refused(virnucpro, verb, tmp_path):
    taken = tmp_path / verb.result
    shutil.copy(verb.input, taken)
    before = taken.read_bytes()
    code, _, err = virnucpro(*verb.command(tmp_path, source=taken))
    if verb.name == "embed":  # x_ESM.pt as an input gives x_ESM.pt_ESM.pt, which it is not
        taken = tmp_path / "linked"
        taken.symlink_to(verb.input)
        (tmp_path / "x_ESM.pt").unlink(missing_ok=True)
        os.link(verb.input, tmp_path / "x_ESM.pt")
        code, _, err = virnucpro(*verb.command(tmp_path))
        taken, before = verb.input, verb.input.read_bytes()
    if verb.name in ("prepare", "features"):
        stem = {"prepare": "x_prepare.tsv", "features": "x_part0001_merged.pt"}[verb.name]
        (tmp_path / stem).unlink(missing_ok=True)
        os.link(verb.input, tmp_path / stem)
        code, _, err = virnucpro(*verb.command(tmp_path))
        taken, before = verb.input, verb.input.read_bytes()
    assert code == 2, err
    assert taken.read_bytes() == before


def test_progress_lines_where_there_is_no_terminal(virnucpro, verb, tmp_path, monkeypatch):
    monkeypatch.setattr("virnucpro.cli.console.SECONDS_BETWEEN_LINES", 0)
    code, _, err = virnucpro(*verb.command(tmp_path / "out"))
    assert code == 0
    assert " % | " in err
    assert "ETA" in err


def test_a_log_of_the_command_in_the_output_folder(virnucpro, verb, tmp_path):
    command = verb.command(tmp_path / "out", "-q")
    assert virnucpro(*command)[0] == 0
    log = (tmp_path / "out" / "virnucpro.log").read_text()
    assert f"command: {shlex.join(['virnucpro', *map(str, command)])}\n" in log
    assert "results saved" in log


def test_a_refused_input_is_in_the_failure_log_once_until_it_is_replaced(virnucpro, verb, tmp_path):
    out, log, good = tmp_path / "out", tmp_path / "out" / "extraction_failures.log", verb.input.read_bytes()
    verb.input.write_bytes(b"BAM\1" + bytes(100))
    for _ in range(2):
        code, _, err = virnucpro(*verb.command(out))
        assert code == 3
        assert "looks like BAM" in err
        (line,) = log.read_text().splitlines()
        assert line.split(" | ")[1:4] == [str(verb.input), "-", "InputError"]
    verb.input.write_bytes(good)
    assert virnucpro(*verb.command(out))[0] == 0
    assert not log.exists()


SIGNALLED = """
import os, sys
from virnucpro.cli.main import main
from virnucpro.runs.parts import PartStore

number, save = int(sys.argv.pop(1)), PartStore.save

def save_and_signal(self, *given):
    save(self, *given)
    os.kill(os.getpid(), number)

PartStore.save = save_and_signal
main()
"""


@pytest.mark.parametrize(
    ("number", "code", "logged"),
    [(signal.SIGINT, 130, "interrupted (Ctrl-C)"), (signal.SIGTERM, 143, "terminated (SIGTERM)")],
)
def test_signals_say_what_is_saved(verb, tmp_path, number, code, logged):
    command = [sys.executable, "-c", SIGNALLED, str(int(number)), *verb.command(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert "interrupted: 1 of " in done.stderr
    assert "parts are saved" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "out").glob("**/*.partial"))
    assert not (tmp_path / "out" / verb.manifest).exists()
    *_, last = (tmp_path / "out" / "virnucpro.log").read_text().splitlines()
    assert last.endswith(f" WARNING {logged}")
