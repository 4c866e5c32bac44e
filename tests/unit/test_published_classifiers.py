"""Published classifiers are read without running anything in them (defect 6: VirNucPro unpickles them)."""

import contextlib
import pickle
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from published_modules import ORIGINAL
from tolerances import SCORE_FP32
from virnucpro import ConfigError, WeightsError, load_classifier
from virnucpro.features.published import import_classifier
from virnucpro.models.published import read_published_tensors

WRITE_ALL = """
model = made(3328)
torch.save(model, folder + "/new.pth")
torch.save(model, folder + "/old.pth", _use_new_zipfile_serialization=False)
rows = torch.randn(40, 3328)
model.eval()
with torch.no_grad():
    torch.save({"rows": rows, "scores": torch.softmax(model(rows), 1)}, folder + "/scores.pt")
torch.save(made(2048), folder + "/narrow.pth")
torch.save(made(3328, 8), folder + "/small.pth")
torch.save(model.state_dict(), folder + "/state.pth")
torch.save(nn.Linear(3, 2), folder + "/linear.pth")
class Evil:
    def __init__(self, call): self.call = call
    def __reduce__(self): return self.call
mark = folder + "/it_ran"
for name, call in {
    "system": (os.system, ("touch " + mark,)),
    "eval": (eval, (f"open({mark!r}, 'w')",)),
    "getattr": (getattr, ("x", "upper")),
    "open": (open, (mark, "w")),
}.items():
    model.note = Evil(call)
    torch.save(model, f"{folder}/{name}_new.pth")
    torch.save(model, f"{folder}/{name}_old.pth", _use_new_zipfile_serialization=False)
model.note = nn.Softmax(1)
torch.save(model, folder + "/softmax.pth")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    script = ORIGINAL + textwrap.dedent(WRITE_ALL)
    subprocess.run([sys.executable, "-c", script, str(folder)], check=True)
    return folder


def test_scores_are_torch_s_own(folder):
    expected = torch.load(folder / "scores.pt", weights_only=True)
    classifier = import_classifier(folder / "new.pth", 500)
    scores = classifier.score(expected["rows"].numpy())
    assert np.abs(scores - expected["scores"].numpy()).max() <= SCORE_FP32
    spec = classifier.spec
    assert (spec.window_bp, spec.width) == (500, 3328)
    assert {part: (use.name, use.width) for part, use in spec.parts.items()} == {
        "dna": ("dnabert-s", 768),
        "protein": ("esm2-3b", 2560),
    }
    assert classifier.training["imported_from"] == "new.pth"


@pytest.mark.parametrize("layout", ["new", "old"])
@pytest.mark.parametrize(
    ("attack", "name"), [("system", "posix.system"), ("eval", "eval"), ("getattr", "getattr"), ("open", "io.open")]
)
def test_nothing_is_run_and_what_was_asked_for_is_named(folder, layout, attack, name):
    told = rf"is no published .*: it asks for \S*{name}, .*nothing" if layout == "new" else "is not a zip archive"
    with pytest.raises(WeightsError, match=rf"{attack}_{layout}\.pth {told}"):
        read_published_tensors(folder / f"{attack}_{layout}.pth")
    assert not (folder / "it_ran").exists()


def test_the_attack_would_work_on_torch_itself(folder, tmp_path):
    """What this reader protects from: so that the test above guards something."""
    copy = tmp_path / "system.pth"
    copy.write_bytes((folder / "system_new.pth").read_bytes())
    script = ORIGINAL + f"torch.load({str(copy)!r}, weights_only=False)"
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)
    assert (folder / "it_ran").exists()
    (folder / "it_ran").unlink()


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("softmax.pth", "asks for torch.nn.modules.activation.Softmax"),
        ("state.pth", "holds a OrderedDict, not a whole MLPClassifier"),
        ("linear.pth", "holds a Linear, not a whole MLPClassifier"),
        ("small.pth", "hidden layer of shape .8, 3328. instead of 512"),
    ],
)
def test_other_modules_are_refused(folder, file, told):
    with pytest.raises(WeightsError, match=told):
        read_published_tensors(folder / file)


def test_a_width_that_was_never_published(folder):
    with pytest.raises(ConfigError, match="takes 2048 numbers; published classifiers take 768 of DNABERT-S and 2560"):
        import_classifier(folder / "narrow.pth", 500)


def test_a_module_cannot_be_loaded_as_a_classifier(folder):
    with pytest.raises(WeightsError, match="import-classifier"):
        load_classifier(folder / "new.pth")


@pytest.mark.parametrize("layout", ["new", "old"])
def test_a_damaged_file_is_an_error_that_names_it(folder, tmp_path, layout):
    whole = (folder / f"{layout}.pth").read_bytes()
    generator = np.random.default_rng(0)
    head = whole.index(b"MLPClassifier") + 3000
    for length in (0, 1, 100, 2000, len(whole) // 2, len(whole) - 1):
        (tmp_path / "x.pth").write_bytes(whole[:length])
        with pytest.raises(WeightsError, match=r"x\.pth"):
            read_published_tensors(tmp_path / "x.pth")
    for _ in range(60):  # in the pickle program itself: refused, or as good as whole, and never another error
        changed = bytearray(whole)
        changed[int(generator.integers(0, head))] = int(generator.integers(0, 256))
        (tmp_path / "x.pth").write_bytes(changed)
        with contextlib.suppress(WeightsError):
            read_published_tensors(tmp_path / "x.pth")


def program_in_zip(path, program):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", program)
        archive.writestr("archive/version", "3\n")
    return path


@pytest.mark.parametrize(
    ("program", "told"),
    [
        (b"\x80\x04\x8c\x05posix\x8c\x06system\x93.", "cannot be read as plain tensors"),  # STACK_GLOBAL
        (b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.__init__\x93.", "cannot be read as plain tensors"),
        (b"c__main__\nMLPClassifier.__init__\n.", "asks for __main__.MLPClassifier.__init__"),
        (pickle.dumps(b"x"), "cannot be read as plain tensors"),
        (b"Vkey\nQ.", "cannot be read as plain tensors"),
        (b"c__main__\nMLPClassifier\n)\x81.", "no published classifier"),
        (b"].", "holds a list"),
    ],
)
def test_hand_written_programs(tmp_path, program, told):
    with pytest.raises(WeightsError, match=told):
        read_published_tensors(program_in_zip(tmp_path / "x.pth", program))


def test_files_that_are_something_else(tmp_path):
    with pytest.raises(WeightsError, match="cannot be read"):
        read_published_tensors(tmp_path / "absent.pth")
    with zipfile.ZipFile(tmp_path / "x.pth", "w") as archive:
        archive.writestr("archive/other", b"")
    with pytest.raises(WeightsError, match="holds 0 pickles"):
        read_published_tensors(tmp_path / "x.pth")
    (tmp_path / "y.pth").write_bytes(pickle.dumps(1) * 3)
    with pytest.raises(WeightsError, match=r"y\.pth"):
        read_published_tensors(Path(tmp_path / "y.pth"))
