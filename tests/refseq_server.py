"""A small RefSeq in memory: the list, folders, genomes and checksums, under the paths that NCBI has."""

import gzip
import hashlib

COLUMNS = [
    "assembly_accession", "bioproject", "refseq_category", "taxid", "species_taxid", "organism_name", "version_status",
    "assembly_level", "seq_rel_date", "asm_name", "ftp_path", "excluded_from_refseq",
]  # fmt: skip
HEADER = "#" + "\t".join(COLUMNS) + "\n"


def summary_line(number, organism=None, **others):
    accession = f"GCF_{number:09}.1"
    folder = f"https://ftp.ncbi.nlm.nih.gov/genomes/all/GCF/000/000/{number:03}/{accession}_ASM{number}v1"
    cells = {
        "assembly_accession": accession, "bioproject": "PRJNA1", "refseq_category": "na", "taxid": str(number),
        "species_taxid": str(number), "organism_name": organism or f"Phage {number}", "version_status": "latest",
        "assembly_level": "Complete Genome", "seq_rel_date": "2020/01/01", "asm_name": f"ASM{number}v1",
        "ftp_path": folder, "excluded_from_refseq": "na", **others,
    }  # fmt: skip
    return "\t".join(cells[column] for column in COLUMNS) + "\n"


def summary(lines):
    return "##  See README_assembly_summary.txt\n" + HEADER + "".join(lines)


def genome_path(number, ending="fna"):
    stem = f"GCF_{number:09}.1_ASM{number}v1"
    return f"/genomes/all/GCF/000/000/{number:03}/{stem}/{stem}_genomic.{ending}.gz"


def refseq_files(numbers, group="viral"):
    """What the server holds, by path."""
    files = {f"/genomes/refseq/{group}/assembly_summary.txt": summary(map(summary_line, numbers)).encode()}
    for number in numbers:
        sums = []
        for ending in ("fna", "gbff"):
            path = genome_path(number, ending)
            files[path] = gzip.compress(f">NC_{number} phage\n{'ACGT' * 500}\n".encode(), mtime=0)
            sums.append(f"{hashlib.md5(files[path]).hexdigest()}  ./{path.rpartition('/')[2]}\n")
        files[path.rpartition("/")[0] + "/md5checksums.txt"] = "".join(sums).encode()
    return files
