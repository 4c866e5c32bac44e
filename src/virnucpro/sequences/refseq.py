"""What can be chosen from NCBI RefSeq; without NumPy, so that --help is quick."""

from __future__ import annotations

from typing import Final

__all__ = ["FORMATS", "GROUPS", "LEVELS", "MAX_CONNECTIONS", "NCBI_GENOMES"]

NCBI_GENOMES: Final = "https://ftp.ncbi.nlm.nih.gov/genomes"
MAX_CONNECTIONS: Final = 16
FORMATS: Final = ("fna", "gbff")
GROUPS: Final = (
    "viral", "bacteria", "archaea", "fungi", "protozoa", "plant", "invertebrate", "vertebrate_mammalian",
    "vertebrate_other",
)  # fmt: skip
LEVELS: Final = {
    "complete": "Complete Genome", "chromosome": "Chromosome", "scaffold": "Scaffold", "contig": "Contig",
}  # fmt: skip
