"""Training genomes from a small RefSeq on this machine, complete and with all that goes wrong on the way."""

import hashlib
import subprocess
import threading

import pytest

from file_server import file_server
from refseq_server import genome_path, refseq_files, summary, summary_line
from virnucpro import ConfigError, DownloadError, DownloadSettings, StoreError, download_refseq

SUMMARY = "/genomes/refseq/viral/assembly_summary.txt"


@pytest.fixture
def server():
    with file_server(refseq_files(range(1, 6))) as running:
        yield running


def settings(server, **others):
    return DownloadSettings(base_url=f"{server.url}/genomes", retries=2, retry_wait_s=0, **others)


def genomes(folder):
    return sorted(path.name for path in folder.glob("GCF_*"))


def test_all_genomes_of_a_group_arrive_with_their_checksums(server, tmp_path):
    seen = []
    done = download_refseq(tmp_path, settings(server), progress=lambda state: seen.append(str(state)))
    assert (done.assemblies, done.files, done.failures) == (5, 5, ())
    assert len(genomes(tmp_path)) == 5
    assert seen[-1].startswith("100 % | 5 of 5 files | ")
    checked = subprocess.run(["md5sum", "-c", "md5checksums.txt"], cwd=tmp_path, capture_output=True, check=True)
    assert checked.stdout.count(b": OK") == 5
    listed = (tmp_path / "assemblies.tsv").read_text().splitlines()
    assert listed[0].split("\t")[:2] == ["accession", "organism"]
    assert listed[1].split("\t")[:2] == ["GCF_000000001.1", "Phage 1"]


def test_a_finished_download_asks_the_server_nothing(server, tmp_path):
    download_refseq(tmp_path, settings(server))
    server.asked.clear()
    assert download_refseq(tmp_path, settings(server)).files == 5
    assert not server.asked


def test_the_list_stays_the_same_until_it_is_made_again(server, tmp_path):
    download_refseq(tmp_path, settings(server), list_only=True)
    assert genomes(tmp_path) == []
    server.files[SUMMARY] = summary([summary_line(2)]).encode()
    assert download_refseq(tmp_path, settings(server)).assemblies == 5
    assert download_refseq(tmp_path, settings(server), overwrite=True).assemblies == 1


def test_both_formats(server, tmp_path):
    done = download_refseq(tmp_path, settings(server, formats=("fna", "gbff")))
    assert (done.assemblies, done.files) == (5, 10)
    assert len(list(tmp_path.glob("*.gbff.gz"))) == 5


def test_broken_transfers_are_continued(server, tmp_path):
    for number in range(1, 6):
        server.plans[genome_path(number)] = ["cut", "busy"]
    assert download_refseq(tmp_path, settings(server)).files == 5


def test_one_bad_file_costs_no_other_its_place(server, tmp_path):
    """A checksum that is wrong, a file that is gone, a list without the file; the next run brings what came back."""
    before = dict(server.files)
    server.files[genome_path(2)] = b"something else"
    del server.files[genome_path(3)]
    sums = genome_path(4).rpartition("/")[0] + "/md5checksums.txt"
    server.files[sums] = b"no checksum at all\n"
    done = download_refseq(tmp_path, settings(server))
    assert done.files == 2
    assert [(failure.id, failure.error_type) for failure in done.failures] == [
        (f"GCF_00000000{n}.1", "DownloadError") for n in (2, 3, 4)
    ]
    told = [failure.message for failure in done.failures]
    assert "checksum" in told[0]
    assert "404" in told[1]
    assert "does not list" in told[2]
    assert len((tmp_path / "extraction_failures.log").read_text().splitlines()) == 3
    server.files |= before
    assert download_refseq(tmp_path, settings(server)).files == 5
    assert not (tmp_path / "extraction_failures.log").exists()


def test_a_deleted_genome_comes_back_and_a_cut_line_of_checksums_is_no_checksum(server, tmp_path):
    download_refseq(tmp_path, settings(server))
    first, second = genomes(tmp_path)[:2]
    (tmp_path / first).unlink()
    sums = tmp_path / "md5checksums.txt"
    lines = [line for line in sums.read_text().splitlines() if second not in line]
    sums.write_text("\n".join(lines) + f"\n{hashlib.md5().hexdigest()}  {second[:-9]}"[:60])
    server.asked.clear()
    assert download_refseq(tmp_path, settings(server)).files == 5
    assert server.asked[genome_path(1)] == 1
    assert server.asked[genome_path(2)] == 0  # it is there, and its checksum is the published one
    subprocess.run(["md5sum", "-c", "--strict", "md5checksums.txt"], cwd=tmp_path, capture_output=True, check=True)


def test_a_list_of_other_settings_is_a_conflict_that_is_named(server, tmp_path):
    download_refseq(tmp_path, settings(server), list_only=True)
    with pytest.raises(StoreError, match=r"max_assemblies: None then, 2 now"):
        download_refseq(tmp_path, settings(server, max_assemblies=2))
    assert download_refseq(tmp_path, settings(server, max_assemblies=2), overwrite=True).files == 2


@pytest.mark.parametrize("what", ["changed", "missing", "no manifest"])
def test_a_list_that_is_not_as_it_was_made(server, tmp_path, what):
    download_refseq(tmp_path, settings(server), list_only=True)
    path = tmp_path / "assemblies.tsv"
    if what == "changed":
        path.write_text(path.read_text() + "\n")
    elif what == "missing":
        path.unlink()
    else:
        (tmp_path / "assemblies.tsv.json").unlink()
    with pytest.raises(StoreError, match="changed" if what != "no manifest" else "no manifest"):
        download_refseq(tmp_path, settings(server))


def test_no_more_files_at_a_time_than_connections(server, tmp_path):
    running, most, lock = set(), [], threading.Lock()
    serve = server.RequestHandlerClass.do_GET

    def counted(handler):
        with lock:
            running.add(id(handler))
            most.append(len(running))
        try:
            serve(handler)
        finally:
            with lock:
                running.discard(id(handler))

    server.RequestHandlerClass = type("Counted", (server.RequestHandlerClass,), {"do_GET": counted})
    assert download_refseq(tmp_path, settings(server), connections=2).files == 5
    assert max(most) <= 2


def test_a_stop_ends_all_threads_and_keeps_what_has_arrived(server, tmp_path):
    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download_refseq(tmp_path, settings(server), connections=1, progress=stop)
    assert 1 <= len(genomes(tmp_path)) < 5
    assert download_refseq(tmp_path, settings(server)).files == 5


def test_all_wrong_settings_are_told_at_once(tmp_path):
    wrong = DownloadSettings("virus", ("fasta",), "best", max_assemblies=0, base_url="ftp://x")
    with pytest.raises(ConfigError) as told:
        download_refseq(tmp_path, wrong)
    assert len(str(told.value).splitlines()) == 5
    with pytest.raises(ConfigError, match="17 connections"):
        download_refseq(tmp_path, connections=17)


def test_a_group_that_the_server_does_not_have(server, tmp_path):
    with pytest.raises(DownloadError, match=r"archaea/assembly_summary\.txt: the server answers 404"):
        download_refseq(tmp_path, settings(server, group="archaea"))
    assert not (tmp_path / "assemblies.tsv").exists()


@pytest.mark.parametrize("content", [b"", b"something else"])
def test_a_genome_that_was_changed_is_not_counted_as_complete(server, tmp_path, content):
    download_refseq(tmp_path, settings(server))
    changed = tmp_path / genomes(tmp_path)[1]
    changed.write_bytes(content)
    done = download_refseq(tmp_path, settings(server))
    assert (done.files, [failure.id for failure in done.failures]) == (4, ["GCF_000000002.1"])
    assert "move it away" in done.failures[0].message
    assert changed.read_bytes() == content
    changed.unlink()
    assert download_refseq(tmp_path, settings(server)).files == 5


@pytest.mark.parametrize("kind", ["link", "dangling", "hard link", "NCBI's", "text"])
def test_checksums_of_the_user_are_left_alone(server, tmp_path, kind):
    sums, other = tmp_path / "out" / "md5checksums.txt", tmp_path / "mine.txt"
    sums.parent.mkdir()
    content = {"NCBI's": f"{'0' * 32}  ./GCF_1_genomic.fna.gz\n", "text": "my notes"}.get(kind, "")
    other.write_text(content)
    if kind in ("link", "dangling"):
        sums.symlink_to(other)
        if kind == "dangling":
            other.unlink()
    elif kind == "hard link":
        sums.hardlink_to(other)
    else:
        other.rename(sums)
    with pytest.raises(StoreError, match="move it away"):
        download_refseq(sums.parent, settings(server))
    assert sums.is_symlink() == (kind in ("link", "dangling"))
    assert other.exists() == (kind in ("link", "hard link"))
    assert kind == "dangling" or sums.read_text() == content


def test_a_hidden_list_of_the_user_is_left_alone(server, tmp_path):
    mine = tmp_path / ".assembly_summary.txt"
    mine.write_text("mine")
    download_refseq(tmp_path, settings(server), list_only=True)
    assert mine.read_text() == "mine"
    assert not (tmp_path / ".virnucpro").exists()
