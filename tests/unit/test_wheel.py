"""What the build takes into a wheel: asked of hatchling itself, with weights in place."""

import shutil
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A wheel of this package, with stand-ins for its weights."""
    pytest.importorskip("hatch_fancy_pypi_readme")
    build = pytest.importorskip("hatchling.build")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "data"))
    data = tmp_path / "src" / "virnucpro" / "data" / "mini"
    (data / "dna").mkdir(parents=True)
    (data / "classifier.safetensors").write_bytes(b"x")
    (data / "dna" / "tokenizer.json").write_bytes(b"{}")
    (tmp_path / ".gitignore").write_text("*.safetensors\n")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dist").mkdir()
    path = tmp_path / "dist" / build.build_wheel(str(tmp_path / "dist"))
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_a_wheel_holds_the_package_s_weights_and_page(wheel):
    names = set(wheel.namelist())
    assert {f"virnucpro/data/mini/{name}" for name in ("classifier.safetensors", "dna/tokenizer.json")} <= names
    assert "virnucpro/cli/predict.py" in names
    page = ("page.html", "style.css", "report.js", "echarts.common.min.js", "ECHARTS_LICENSE", "ECHARTS_NOTICE")
    assert {f"virnucpro/writers/report/assets/{name}" for name in page} <= names


def test_an_index_page_has_no_links_to_files(wheel):
    (metadata,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    text = wheel.read(metadata).decode()
    assert "Description-Content-Type: text/markdown" in text
    assert "docs/predict.md explains every file" in text
    assert "](docs/" not in text
    assert "](src/" not in text
