import pytest

from refseq_server import HEADER, summary, summary_line
from virnucpro import InputError
from virnucpro.sequences.assemblies import best_of_each_species, read_assemblies, sample


def read(*lines):
    return list(read_assemblies(("\t".join(line) + "\n" if isinstance(line, list) else line for line in lines), "list"))


def test_assemblies_are_read_by_the_names_of_the_columns():
    (found,) = read_assemblies(summary([summary_line(7, organism="Some phage")]).splitlines(True), "list")
    assert (found.accession, found.organism, found.taxid) == ("GCF_000000007.1", "Some phage", 7)
    assert found.folder == "all/GCF/000/000/007/GCF_000000007.1_ASM7v1"
    assert found.stem == "GCF_000000007.1_ASM7v1"


def test_old_excluded_and_absent_assemblies_are_left_out():
    lines = [
        summary_line(1, version_status="replaced"),
        summary_line(2, excluded_from_refseq="contaminated"),
        summary_line(3, ftp_path="na"),
        summary_line(4),
    ]
    assert [one.taxid for one in read_assemblies(summary(lines).splitlines(True), "list")] == [4]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["GCF_1\tx\n"], "list:1: no line with the names of the columns"),
        (["## see\n", "#accession\tname\n"], "list:2: no column assembly_accession, "),
        ([HEADER, "GCF_000000001.1\tx\n"], "list:2: the line is damaged"),
        ([HEADER, summary_line(1, taxid="many")], "list:2: the line is damaged"),
        ([HEADER, summary_line(1, ftp_path="https://x/genomes/all/../../etc")], "is no folder of GCF_000000001.1"),
        (
            [HEADER, summary_line(1, ftp_path=f"https://x/genomes/all/GCF/000/000/001/GCF_000000001.1_{'a' * 151}")],
            "is no folder",
        ),
        ([HEADER, summary_line(1, ftp_path="https://x/genomes/all/GCF/000/000/002/GCF_000000002.1_y")], "is no folder"),
    ],
)
def test_a_damaged_list_is_an_error_with_its_line(lines, told):
    with pytest.raises(InputError, match=told.replace("(", r"\(")):
        list(read_assemblies(lines, "list"))


def test_the_best_assembly_of_a_species():
    lines = [
        summary_line(1, species_taxid="9", assembly_level="Contig", seq_rel_date="2025/01/01"),
        summary_line(2, species_taxid="8", assembly_level="Complete Genome", seq_rel_date="2001/01/01"),
        summary_line(3, species_taxid="8", assembly_level="Complete Genome", seq_rel_date="2011/01/01"),
        summary_line(4, species_taxid="8", assembly_level="Something new", seq_rel_date="2026/01/01"),
        summary_line(5, species_taxid="9", assembly_level="Contig", refseq_category="reference genome"),
    ]
    found = best_of_each_species(read_assemblies(summary(lines).splitlines(True), "list"))
    assert [one.taxid for one in found] == [5, 3]


def test_a_sample_is_the_same_each_time_and_in_order():
    found = list(read_assemblies(summary([summary_line(n) for n in range(1, 51)]).splitlines(True), "list"))
    drawn = sample(found, 10, 42)
    assert drawn == sample(found, 10, 42) != sample(found, 10, 43)
    assert len(set(drawn)) == 10
    assert sorted(drawn, key=lambda one: one.taxid) == drawn
    assert sample(found, 50, 42) == found
