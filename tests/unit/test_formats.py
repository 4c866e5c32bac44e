"""What is no FASTA is told by name, with the command or tool that reads it."""

import bz2
import gzip
import io
import tarfile
import zipfile

import numpy as np
import pytest
import torch

from virnucpro import InputError
from virnucpro.sequences.genbank import GenBankFile
from virnucpro.sequences.reading import SequenceFile


def in_zip(content):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("x.fa", content)
    return stream.getvalue()


def in_tar(content):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        member = tarfile.TarInfo("x.fa")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def saved(save, value):
    stream = io.BytesIO()
    save(value, stream)
    return stream.getvalue()


FASTA = b">a\nACGT\n"
SAM_LINE = b"r1\t0\tchr1\t100\t60\t4M\t*\t0\t0\tACGT\tIIII\n"
FORMATS = [
    (b"LOCUS       AB1  4 bp DNA\n", "GenBank", "'virnucpro prepare' reads GenBank"),
    (b"GBVRL1.SEQ  Genetic Sequence Data Bank\n\nLOCUS       AB1  4 bp\n", "GenBank", "'virnucpro prepare'"),
    (b"ID   AB1; SV 1; linear\n", "EMBL", "SeqIO"),
    (b"BAM\x01\0\0\0\0", "BAM", "'samtools fasta'"),
    (gzip.compress(b"BAM\x01\0\0\0\0", mtime=0), "BAM", "'samtools fasta'"),
    (b"CRAM\x03\0", "CRAM", "'samtools fasta'"),
    (b"@HD\tVN:1.6\n@SQ\tSN:chr1\tLN:9\n" + SAM_LINE, "SAM", "'samtools fasta'"),
    (SAM_LINE, "SAM", "'samtools fasta'"),
    (b"##fileformat=VCFv4.2\n#CHROM\tPOS\n", "VCF", "holds no sequences"),
    (gzip.compress(b"BCF\x02\x02", mtime=0), "BCF", "holds no sequences"),
    (b"##gff-version 3\nchr1\t.\tgene\t1\t9\t.\t+\t.\tID=a\n", "GFF", "holds no sequences"),
    (b"# of a tool\nchr1\tx\tgene\t1\t9\t0.5\t-\t.\tID=a\n", "GFF", "holds no sequences"),
    (b"chr1\t0\t100\n", "BED", "holds no sequences"),
    (b"track name=x\nchr1\t0\t100\n", "BED", "holds no sequences"),
    (b"id\tlength\nx\t4\n", "a table", "begins with '>'"),
    (in_zip(FASTA), "a zip archive", "unpack"),
    (in_tar(FASTA), "a tar archive", "unpack"),
    (gzip.compress(in_tar(FASTA), mtime=0), "a tar archive", "unpack"),
    (gzip.compress(gzip.compress(FASTA, mtime=0), mtime=0), "gzip inside another compression", "compressed twice"),
    (gzip.compress(bz2.compress(FASTA), mtime=0), "bzip2 inside another compression", "compressed twice"),
    (b"\x89HDF\r\n\x1a\n\0\0", "HDF5", "call bases first"),
    (b"\x43\x27\x41\x1a\0\0\0\0", "2bit", "'twoBitToFa'"),
    (b"NCBI.sra\x05", "SRA", "'fasterq-dump'"),
    (b"<!DOCTYPE html>\n<html>", "a web page", "download"),
    (b"\n<HTML><head>", "a web page", "download"),
    (b'<?xml version="1.0"?>\n', "XML", "FASTA"),
    (b'{"sequence": "ACGT"}', "JSON", "FASTA"),
    (">a\nACGT\n".encode("utf-16"), "UTF-16 text", "UTF-8"),
    (saved(torch.save, {"data": [torch.zeros(3)]}), r"a PyTorch file \(.pt\)", "made from"),
    (saved(lambda value, stream: np.save(stream, value), np.zeros(3)), "a NumPy array", "sequences"),
    (b"# STOCKHOLM 1.0\n", "a Stockholm alignment", "SeqIO"),
    (b"CLUSTAL W\n\n", "a Clustal alignment", "SeqIO"),
    (b"ACGTACGTACGTACGT\nACGT\n", "letters without a header", "begins with '>'"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "kind", "advice"), FORMATS)
def test_what_is_no_fasta_is_told_by_name(tmp_path, content, kind, advice):
    (tmp_path / "x.fa").write_bytes(content)
    with pytest.raises(InputError, match=rf"x\.fa: looks like {kind}.*, not FASTA or FASTQ; .*{advice}"):
        list(SequenceFile(tmp_path / "x.fa"))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (FASTA, "FASTA"),
        (b"@a\nA\n+\nI\n", "FASTQ"),
        (gzip.compress(FASTA, mtime=0), "FASTA"),
        *[(c, k) for c, k, _ in FORMATS[2:]],
    ],
)
def test_what_is_no_genbank_is_told_by_name(tmp_path, content, kind):
    (tmp_path / "x.gb").write_bytes(content)
    with pytest.raises(InputError, match=rf"x\.gb: looks like {kind}.*, not GenBank; "):
        list(GenBankFile(tmp_path / "x.gb"))


def test_fasta_given_as_genbank_is_sent_to_the_commands_that_read_it(tmp_path):
    (tmp_path / "x.gb").write_bytes(FASTA)
    with pytest.raises(InputError, match="'virnucpro predict', 'features' and 'embed' read it"):
        list(GenBankFile(tmp_path / "x.gb"))


@pytest.mark.parametrize(
    "content",
    [
        b">chr1\t0\t100\nACGT\n",
        b">##gff-version\nA\n",
        b">LOCUS \nLOCUS \n",
        b"@SQ x\nA\n+\nI\n",
        b">id\tlength\nMKV\n",
    ],
)
def test_odd_headers_are_headers(tmp_path, content):
    (tmp_path / "x.fa").write_bytes(content)
    assert len(list(SequenceFile(tmp_path / "x.fa"))) == 1
