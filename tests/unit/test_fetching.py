"""Files from a web server on this machine, which breaks off, damages and refuses."""

import hashlib
import os
import threading

import pytest

from file_server import file_server
from virnucpro import DownloadError, StoreError
from virnucpro.fetching import Checksum, Fetcher, InterruptedTransferError

CONTENT = bytes(range(256)) * 2000
MD5 = Checksum("md5", hashlib.md5(CONTENT).hexdigest())


@pytest.fixture
def server():
    with file_server({"/x.gz": CONTENT, "/small.txt": b"words\n"}) as running:
        yield running


@pytest.fixture
def fetcher():
    with Fetcher(retries=3, retry_wait_s=0) as made:
        yield made


def partial(path):
    return path.with_name(f".{path.name}.partial")


def test_a_file_arrives_whole_and_is_not_fetched_again(server, fetcher, tmp_path):
    for _ in range(2):
        fetcher.fetch(f"{server.url}/x.gz", tmp_path / "x.gz", MD5)
    assert (tmp_path / "x.gz").read_bytes() == CONTENT
    assert server.asked["/x.gz"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["x.gz"]


def test_a_transfer_that_breaks_off_continues_where_it_was(server, fetcher, tmp_path):
    server.plans["/x.gz"] = ["cut", "busy", "cut"]
    fetcher.fetch(f"{server.url}/x.gz", tmp_path / "x.gz", MD5)
    assert (tmp_path / "x.gz").read_bytes() == CONTENT
    starts = [int(asked[6:-1]) if asked else 0 for _, asked in server.ranges]
    assert starts[0] == 0
    assert 0 < starts[1] == starts[2] < starts[3] < len(CONTENT)


def test_what_another_process_left_is_continued(server, fetcher, tmp_path):
    partial(tmp_path / "x.gz").write_bytes(CONTENT[:1000])
    fetcher.fetch(f"{server.url}/x.gz", tmp_path / "x.gz", MD5)
    assert (tmp_path / "x.gz").read_bytes() == CONTENT
    assert server.ranges == [("/x.gz", "bytes=1000-")]


@pytest.mark.parametrize("left", [b"of an older release", CONTENT + b"and more"])
def test_what_does_not_belong_to_the_file_is_fetched_again(server, fetcher, tmp_path, left):
    partial(tmp_path / "x.gz").write_bytes(left)
    fetcher.fetch(f"{server.url}/x.gz", tmp_path / "x.gz", MD5)
    assert (tmp_path / "x.gz").read_bytes() == CONTENT


def test_all_bytes_had_arrived(server, fetcher, tmp_path):
    partial(tmp_path / "x.gz").write_bytes(CONTENT)
    fetcher.fetch(f"{server.url}/x.gz", tmp_path / "x.gz", MD5)
    assert (tmp_path / "x.gz").read_bytes() == CONTENT
    assert server.asked["/x.gz"] == 1


def test_a_server_that_cannot_continue_sends_the_whole_file(server, fetcher, tmp_path):
    server.continues = False
    server.plans["/x.gz"] = ["cut"]
    fetcher.fetch(f"{server.url}/x.gz", tmp_path / "x.gz", MD5)
    assert (tmp_path / "x.gz").read_bytes() == CONTENT


def test_a_file_without_a_checksum_begins_again(server, fetcher, tmp_path):
    partial(tmp_path / "small.txt").write_bytes(b"wo")
    fetcher.fetch(f"{server.url}/small.txt", tmp_path / "small.txt")
    assert (tmp_path / "small.txt").read_bytes() == b"words\n"
    assert server.ranges == [("/small.txt", None)]


def test_a_wrong_checksum_leaves_no_file(server, fetcher, tmp_path):
    server.plans["/x.gz"] = ["damaged"]
    with pytest.raises(DownloadError, match="the md5 checksum is not"):
        fetcher.fetch(f"{server.url}/x.gz", tmp_path / "x.gz", MD5)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_is_named_and_not_asked_for_again(server, fetcher, tmp_path):
    with pytest.raises(DownloadError, match=r"y\.gz: the server answers 404 Not Found"):
        fetcher.fetch(f"{server.url}/y.gz", tmp_path / "y.gz", MD5)
    assert server.asked["/y.gz"] == 1


def test_a_server_that_stays_busy(server, fetcher, tmp_path):
    server.plans["/x.gz"] = ["busy"] * 9
    with pytest.raises(DownloadError, match="503 Service Unavailable; run the same command again"):
        fetcher.fetch(f"{server.url}/x.gz", tmp_path / "x.gz", MD5)
    assert server.asked["/x.gz"] == 4


def test_no_server(fetcher, tmp_path):
    with pytest.raises(DownloadError, match=r"http://127\.0\.0\.1:9/x"):
        fetcher.fetch("http://127.0.0.1:9/x", tmp_path / "x", MD5)


@pytest.mark.parametrize("url", ["http://[::1", "nonsense://x", "http://a\x01b/x"])
def test_what_is_no_address(fetcher, tmp_path, url):
    with pytest.raises(DownloadError):
        fetcher.fetch(url, tmp_path / "x", MD5)


def test_a_file_of_the_user_is_not_replaced(server, fetcher, tmp_path):
    (tmp_path / "x.gz").write_bytes(b"mine")
    with pytest.raises(DownloadError, match="move it away"):
        fetcher.fetch(f"{server.url}/x.gz", tmp_path / "x.gz", MD5)
    assert (tmp_path / "x.gz").read_bytes() == b"mine"


def test_no_link_is_followed(server, fetcher, tmp_path):
    (tmp_path / "mine").write_bytes(b"mine")
    path = tmp_path / "x.gz"
    partial(path).symlink_to(tmp_path / "mine")
    with pytest.raises(OSError, match="symbolic links"):
        fetcher.fetch(f"{server.url}/x.gz", path, MD5)
    partial(path).unlink()
    os.link(tmp_path / "mine", partial(path))
    with pytest.raises(StoreError, match="another name"):
        fetcher.fetch(f"{server.url}/x.gz", path, MD5)
    assert (tmp_path / "mine").read_bytes() == b"mine"


def test_two_at_the_same_file(server, tmp_path):
    halfway = threading.Event()
    server.plans["/x.gz"] = [halfway]
    url, path = f"{server.url}/x.gz", tmp_path / "x.gz"
    with Fetcher(retry_wait_s=0) as first, Fetcher(retry_wait_s=0) as second:
        thread = threading.Thread(target=first.fetch, args=(url, path, MD5))
        thread.start()
        while not server.asked["/x.gz"]:
            pass
        with pytest.raises(StoreError, match="another process is downloading"):
            second.fetch(url, path, MD5)
        halfway.set()
        thread.join()
    assert path.read_bytes() == CONTENT


def test_an_interrupted_transfer_keeps_what_has_arrived(server, tmp_path):
    stop = threading.Event()
    with (
        Fetcher(stop=stop, received=lambda _: stop.set()) as fetcher,
        pytest.raises(InterruptedTransferError),
    ):
        fetcher.fetch(f"{server.url}/x.gz", tmp_path / "x.gz", MD5)
    assert 0 < partial(tmp_path / "x.gz").stat().st_size < len(CONTENT)
    assert not (tmp_path / "x.gz").exists()


def test_a_text_that_is_too_long(server, fetcher):
    assert fetcher.text(f"{server.url}/small.txt", 100) == "words\n"
    with pytest.raises(DownloadError, match="larger than 100 bytes"):
        fetcher.text(f"{server.url}/x.gz", 100)


def test_a_proxy_that_is_none(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "nonsense://x")
    with pytest.raises(DownloadError, match="proxy"), Fetcher():
        pass
