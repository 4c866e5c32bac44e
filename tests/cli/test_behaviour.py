"""One engine under every verb: the same behaviour in every column of this table of behaviours and verbs."""

import os
import shutil
import signal
import subprocess
import sys
import time

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
    if verb.name == "features":
        pytest.skip("features are named after their file")
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
    assert virnucpro(*verb.command(tmp_path / "out", "-q"))[0] == 0
    log = (tmp_path / "out" / "virnucpro.log").read_text()
    assert "command:" in log
    assert "results saved" in log


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_say_what_is_saved(verb, tmp_path, number, code):
    if verb.name == "prepare":
        pytest.skip("it is over before a signal comes")
    command = [sys.executable, "-m", "virnucpro", *verb.command(tmp_path / "out")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        started = time.monotonic()
        while not list(tmp_path.glob("out/.virnucpro/*/parts/*/*.npz")) and time.monotonic() - started < 60:
            time.sleep(0.005)
            if process.poll() is not None:
                break
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    if process.returncode == 0:
        pytest.skip("it was faster than the signal")
    assert process.returncode == code, err
    assert "parts are saved" in err
    assert "Traceback" not in err
    assert not list((tmp_path / "out").glob("**/*.partial"))
    assert not (tmp_path / "out" / verb.manifest).exists()
