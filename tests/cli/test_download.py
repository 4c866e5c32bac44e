import pytest

from file_server import file_server
from refseq_server import genome_path, refseq_files


@pytest.fixture
def server():
    with file_server(refseq_files(range(1, 4))) as running:
        yield running


def arguments(server, out, *others):
    return ("download", "refseq", "--group", "viral", "-o", out, "--base-url", f"{server.url}/genomes", *others)


def test_a_group_is_downloaded(virnucpro, server, tmp_path):
    code, out, err = virnucpro(*arguments(server, tmp_path / "out"))
    assert (code, out) == (0, "")
    assert "3 assemblies, 3 files complete" in err
    assert len(list((tmp_path / "out").glob("*.fna.gz"))) == 3
    assert virnucpro(*arguments(server, tmp_path / "out"))[0] == 0


def test_files_that_did_not_come_are_named(virnucpro, server, tmp_path):
    del server.files[genome_path(2)]
    code, _, err = virnucpro(*arguments(server, tmp_path / "out"))
    assert code == 5
    assert "warning: GCF_000000002.1: http" in err
    assert "1 file could not be downloaded, see" in err


def test_a_list_only(virnucpro, server, tmp_path):
    code, _, err = virnucpro(*arguments(server, tmp_path / "out", "--list-only", "--max-assemblies", "2"))
    assert code == 0
    assert "2 assemblies; list in" in err
    assert not list((tmp_path / "out").glob("*.gz"))


def test_no_network_is_exit_code_4(virnucpro, tmp_path):
    command = ("download", "refseq", "--group", "viral", "-o", tmp_path, "--base-url", "http://127.0.0.1:9")
    code, _, err = virnucpro(*command, "--retries", "0")
    assert code == 4
    assert err.startswith("error: http://127.0.0.1:9/refseq/viral/assembly_summary.txt: ")
