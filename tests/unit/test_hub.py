"""Published weights by name: from a hub, from its cache, and neither.

The hub is a small web server in this process that answers as a hub does, so the real client downloads from it.
"""

import hashlib
import http.server
import json
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import constants

import virnucpro
from dna_layouts import write_dnabert_s
from published_layouts import write_bin, write_prefixed, write_sharded
from virnucpro import WeightsError
from virnucpro.models.catalog import CATALOG
from virnucpro.models.hub import download_weights, find_checkpoint, find_downloaded
from virnucpro.models.placement import choose_placement

ENTRY = CATALOG["esm2-8m"]


class Hub(http.server.BaseHTTPRequestHandler):
    """Serves one folder as one entry of the catalog; writes down what it was asked for."""

    folder: Path
    asked: list[str]
    begun: list[int]  # first bytes that were asked for
    entry = ENTRY

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer(with_body=False)

    def do_GET(self):
        self.answer(with_body=True)

    def answer(self, with_body):
        names = [path.name for path in self.folder.iterdir()]
        listed = {
            f"/api/models/{self.entry.repository}/revision/{self.entry.revision}": {
                "id": self.entry.repository,
                "siblings": [{"rfilename": name} for name in names],
            },
            f"/api/models/{self.entry.repository}/tree/{self.entry.revision}": [
                {"type": "file", "path": name, "size": (self.folder / name).stat().st_size, "oid": "0" * 40}
                for name in names
            ],
        }
        if (found := listed.get(self.path.partition("?")[0])) is not None:
            self.send(json.dumps(found).encode(), with_body)
            return
        prefix = f"/{self.entry.repository}/resolve/{self.entry.revision}/"
        name = self.path.removeprefix(prefix)
        self.asked.append(name)
        path = self.folder / name
        if not self.path.startswith(prefix) or not path.exists():
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.send_header("X-Repo-Commit", self.entry.revision)
            self.end_headers()
            return
        self.send(path.read_bytes(), with_body)

    def send(self, content, with_body):
        begin = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").partition("-")[0])
        self.begun.append(begin)
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        self.send_header("X-Repo-Commit", self.entry.revision)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        if with_body:
            self.wfile.write(content[begin:])


@pytest.fixture
def hub(tmp_path, monkeypatch):
    (tmp_path / "published").mkdir()
    monkeypatch.setitem(CATALOG, ENTRY.name, replace(ENTRY, width=64))  # of the small weights that the tests publish
    monkeypatch.setitem(CATALOG, "dnabert-s", replace(CATALOG["dnabert-s"], width=96))
    (tmp_path / "published" / "modeling_esm.py").write_text("raise SystemExit('remote code')")
    handler = type("ThisHub", (Hub,), {"folder": tmp_path / "published", "asked": [], "begun": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    yield handler
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("write", [write_prefixed, write_sharded, write_bin])
def test_weights_are_fetched_once_and_found_again_without_a_network(hub, write, monkeypatch):
    write(hub.folder)
    assert find_downloaded(ENTRY) is None
    checkpoint = find_checkpoint(ENTRY.name)
    assert checkpoint.load(choose_placement("cpu", "fp32")).config.width == 64
    assert checkpoint.identity.revision == ENTRY.revision
    assert "modeling_esm.py" not in hub.asked
    hub.asked.clear()
    again = find_checkpoint(ENTRY.name)
    assert again.identity == checkpoint.identity
    assert hub.asked == []
    assert find_downloaded(ENTRY) is not None


def test_an_interrupted_download_continues_within_the_file(hub, capfd):
    """A process that was stopped left 5,000 bytes; the next one asks for the rest."""
    write_prefixed(hub.folder)
    content = (hub.folder / "model.safetensors").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    blobs = Path(constants.HF_HUB_CACHE) / f"models--{ENTRY.repository.replace('/', '--')}" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f".{digest}.partial").write_bytes(content[:5000])
    assert find_checkpoint(ENTRY.name).identity.weights_sha256 == digest
    assert [begin for begin in hub.begun if begin] == [5000]
    assert "model.safetensors" in capfd.readouterr().err  # the bar has the name of the file


def test_the_digest_of_a_downloaded_file_is_that_of_its_content(hub):
    write_prefixed(hub.folder)
    content = (hub.folder / "model.safetensors").read_bytes()
    assert find_checkpoint(ENTRY.name).identity.weights_sha256 == hashlib.sha256(content).hexdigest()


def test_weights_of_another_width_than_the_catalogue_says(hub, monkeypatch):
    write_prefixed(hub.folder)
    monkeypatch.setitem(CATALOG, ENTRY.name, ENTRY)
    with pytest.raises(WeightsError, match="should give 320 numbers per vector, and the weights found give 64"):
        find_checkpoint(ENTRY.name)


def test_a_download_without_all_shards_is_not_taken_for_whole(hub):
    write_sharded(hub.folder)
    shard = next(hub.folder.glob("model-00003-of-*.safetensors"))
    shard.rename(shard.with_suffix(".away"))
    with pytest.raises(WeightsError, match="not on this machine"):
        download_weights(ENTRY)
    assert find_downloaded(ENTRY) is None


def test_the_tokenizer_is_fetched_with_dna_weights(hub, tmp_path, monkeypatch):
    hub.entry = CATALOG["dnabert-s"]
    write_dnabert_s(hub.folder)
    (hub.folder / "tokenizer.json").rename(hub.folder / "away.json")
    with pytest.raises(WeightsError, match=r"config\.json, tokenizer\.json and pytorch_model\.bin"):
        find_checkpoint("dnabert-s")
    (hub.folder / "away.json").rename(hub.folder / "tokenizer.json")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "other"))  # a commit's files never change on a hub
    checkpoint = find_checkpoint("dnabert-s")
    assert checkpoint.load(choose_placement("cpu", "fp32")).config.width == 96
    assert checkpoint.identity.name == "dnabert-s"
    assert find_downloaded(hub.entry) is not None


def embed_in_a_process(folder, settings):
    (folder / "x.faa").write_text(">a\nMKV\n")
    command = [sys.executable, "-m", "virnucpro", "embed", "x.faa", "-o", "out"]
    package = str(Path(virnucpro.__file__).parents[1])  # what is tested here, and not what is installed
    environment = {"HF_HOME": str(folder / "home"), "PATH": "", "PYTHONPATH": package, **settings}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("address", ["http://[::1", "http://127.0.0.1:99999999"])
def test_a_hub_whose_address_is_none_is_an_error_of_three_lines(tmp_path, address):
    done = embed_in_a_process(tmp_path, {"HF_ENDPOINT": address})
    assert done.returncode == 4
    assert len(done.stderr.splitlines()) == 3
    assert "HF_ENDPOINT" in done.stderr


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("http://a\nb", r"'http://a\nb': "),
        ("http://a\x01b", r"'http://a\x01b': "),
        ("http://a\udcffb", r"'http://a\udcffb': "),
        ("http://☃", "http://☃: "),
    ],
)
def test_letters_that_no_address_has_are_shown(tmp_path, address, told):
    done = embed_in_a_process(tmp_path, {"HF_ENDPOINT": address})
    lines = done.stderr.splitlines()
    assert done.returncode == 4
    assert len(lines) == 3
    assert f"then asked {told}HF_ENDPOINT, which names the hub, is not an address: Invalid " in lines[1]


@pytest.mark.parametrize(
    "settings",
    [
        {"HF_ENDPOINT": "http://127.0.0.1:9"},
        {"HF_ENDPOINT": "http://127.0.0.1:9", "ALL_PROXY": "socks5h://127.0.0.1:9"},
        {"HF_ENDPOINT": "http://127.0.0.1:9", "ALL_PROXY": "nonsense://x"},
    ],
)
def test_no_network_and_no_weights_is_an_error_of_three_lines(tmp_path, settings):
    """In a process of its own, as a user meets it: what was looked for, where, and the two ways to get it."""
    done = embed_in_a_process(tmp_path, settings)
    lines = done.stderr.splitlines()
    assert done.returncode == 4
    assert len(lines) == 3
    assert "fastesm2-650 (Synthyra/FastESM2_650, revision 373bed1)" in lines[0]
    assert str(tmp_path / "home" / "hub") in lines[1]
    assert settings["HF_ENDPOINT"] in lines[1]
    assert "virnucpro models download fastesm2-650" in lines[2]
    assert "in place of the name" in lines[2]
    assert not list((tmp_path / "out").glob("*.pt"))


def test_every_revision_is_a_commit():
    assert all(len(entry.revision) == 40 and int(entry.revision, 16) for entry in CATALOG.values())
    assert len({entry.revision for entry in CATALOG.values()}) == len(CATALOG)
