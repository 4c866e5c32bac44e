"""Names that relatives share: families of viruses, genera of cells, genomes of which a file holds pieces.

They are for splitting alone: two records that share a name never lie on two sides. A pattern that takes in too much
costs a little variety on the smaller sides, one that takes in too little is caught by shared 25-mers.
"""

from __future__ import annotations

import re

__all__ = ["genome_names"]

_FAMILY = re.compile(r"\b([A-Z][a-z]+viridae)\b")
_MORPHOLOGICAL = {"Myoviridae", "Siphoviridae", "Podoviridae"}
"""Shapes of tails, no relation; abolished in 2022."""

_FAMILY_OF_FILE = {
    "baculoviruses": "Baculoviridae",
    "iridoviridae": "Iridoviridae",
    "spounavirus": "Herelleviridae",
    "aav.": "Parvoviridae",
    "hbv.": "Hepadnaviridae",
    "hcv.": "Flaviviridae",
}

_FAMILY_OF_WORD = (
    (r"adeno-?associated|parvovirus|bocavirus|\bAAV|\bB19\b", "Parvoviridae"),
    (r"papilloma|\bHPV", "Papillomaviridae"),
    (r"polyomavirus|\bSV40|\bMCV\b|\bBKV\b|\bJCV?\b", "Polyomaviridae"),
    (r"adenovirus|mastadeno|\bAdV", "Adenoviridae"),
    (r"herpes|cytomegalo|\bHHV|\bEBV\b|\bKSHV\b|\bHCMV\b|\bCMV\b|varicella", "Herpesviridae"),
    (r"norovirus|calicivir|sapovirus|NC_001959|NC_039897|AB541310|KC409270", "Caliciviridae"),
    (r"influenza|\bFlu-|isavirus|thogoto|/flu/|flu-a", "Orthomyxoviridae"),
    (r"dengue|\bzika|flavivir|west nile|yellow fever|hepacivirus|pegivirus|pestivirus|\bHCV|hepatitis C|\bGBV",
     "Flaviviridae"),
    (r"hepatitis B|\bHBV|nackedna|hepadna", "Hepadnaviridae"),
    (r"lentivir|\bHTLV|\bHIV|immunodeficiency|leuk[ae]mia virus|sarcoma virus|retrovir|\bHERV", "Retroviridae"),
    (r"respiratory syncytial|\bRSV|metapneumo|\bHMPV|pneumovirus", "Pneumoviridae"),
    (r"parainfluenza|\bHPIV|paramyxo|measles|mumps|nipah|hendra|avulavir|rubulavir", "Paramyxoviridae"),
    (r"coronavirus|\bSARS|\bMERS|betacoronavir|seasonal-cov|OC43|229E|NL63|HKU1", "Coronaviridae"),
    (r"rhinovirus|enterovirus|polio|coxsackie|echovirus|parecho|salivirus|cosavirus|cardiovirus|hepatovirus|"
     r"hepatitis A|kobuvirus|aichi|picornavir|/hav/|husavirus|posavirus", "Picornaviridae"),
    (r"torque teno|gyrovirus|anellovir|\bTTV", "Anelloviridae"),
    (r"circovir|cyclovir|circular virus", "Circoviridae"),
    (r"gemy|genomovir", "Genomoviridae"),
    (r"smacovir|huchismaco|porprismaco", "Smacoviridae"),
    (r"ebola|marburg|filovir|sudan virus|bundibugyo|bdbv", "Filoviridae"),
    (r"rabies|lyssavir|rhabdo|vesiculo|tibrovir|bas-congo|ekpoma|emaravir.*rhabdo", "Rhabdoviridae"),
    (r"oropouche|bunyamwera|orthobunya|jamestown|la crosse|yale-jcv", "Peribunyaviridae"),
    (r"hantavir|\bANDV|andes virus|sin nombre", "Hantaviridae"),
    (r"lassa|arenavir|mammarena|junin|machupo", "Arenaviridae"),
    (r"astrovirus", "Astroviridae"),
    (r"hepatitis E|\bHEV", "Hepeviridae"),
    (r"rotavirus|reovir|orbivir|lebombo|bluetongue|fijivir|phytoreo|oryzavir|wound tumou?r|rice dwarf|"
     r"rice ragged|rice gall dwarf|coltivir|sedoreo", "Reoviridae"),
    (r"chikungunya|alphavir|sindbis|venezuelan equine|mayaro|ross river", "Togaviridae"),
    (r"pox|vaccinia|variola|molluscum|orf virus", "Poxviridae"),
    (r"leaf curl|begomo|gemini|golden .*mosaic|yellow mosaic|mastrevir|streak virus|curtovir|curly top|yellow vein|"
     r"cassava mosaic|mottle leaf|betasatellite|alphasatellite", "Geminiviridae"),
    (r"bunchy top|nanovir|necrotic yellow.*dna|foliar decay|faba bean necrotic", "Nanoviridae"),
    (r"tospovir|spotted wilt|ringspot.*tospo|silver mottle|necrotic spot virus segment [SML]", "Tospoviridae"),
    (r"badnavir|caulimo|pararetro|bacilliform|vein clearing|soymovir|cavemovir|tungrovir", "Caulimoviridae"),
    (r"emaravir|fimovir", "Fimoviridae"),
    (r"endornavir", "Endornaviridae"),
    (r"potyvir|\by virus|potato virus y", "Potyviridae"),
    (r"partitivir|cryptic virus", "Partitiviridae"),
    (r"cucumovir|ilarvir|bromovir|alfamovir|cucumber mosaic|prune dwarf|necrotic ringspot", "Bromoviridae"),
    (r"closterovir|crinivir|ampelovir|leafroll-associated|leafroll associated", "Closteroviridae"),
    (r"luteovir|polerovir|enamovir|yellow dwarf virus", "Luteoviridae"),
    (r"nepovir|comovir|fabavir|sadwavir|cheravir|torradovir", "Secoviridae"),
    (r"cytorhabdo|nucleorhabdo|varicosavir|dichorha", "Rhabdoviridae"),
    (r"tobamovir|tobacco mosaic", "Virgaviridae"),
)  # fmt: skip
_WORDS = tuple((re.compile(pattern, re.IGNORECASE), family) for pattern, family in _FAMILY_OF_WORD)

_CLUSTER = re.compile(r"Cluster ([A-Z]+)\d*")
_PIECE = re.compile(r"(?:\.\d+)?(?:_f\d+_caudo|_frag\d+|_caudo.*)$|\.\d+$|[/:]\S*$")
_ACCESSION = re.compile(r"[A-Z]{1,6}_?\d{5,}")
_GENOME = re.compile(r"GCF_\d+|taxid\d+|peat MAG \S+|GTDB-Tk tests, genome_\d+|GVMAG\S+")
_BINOMIAL = re.compile(r"(?:Candidatus |\[)?(?!Candidatus)([A-Z][a-z]{2,})\]? (?!archaeon|bacterium|\(CheckM)")
_SHOTGUN = re.compile(r"\b(?:NZ_)?([A-Z]{4}\d{2})\d{6,}")


def genome_names(kind: str, file: str, record_id: str, taxon: str) -> tuple[str, ...]:
    """Find the names that a record shares with its relatives.

    Parameters
    ----------
    kind : str
        Its class.
    file, record_id, taxon : str
        As ``RECORDS.tsv`` gives them.

    Returns
    -------
    tuple of str
        Such as ``("genome NC_028788", "family Herelleviridae")``.
    """
    if "metaphlan2" in file:
        return (_gene_name(record_id),)
    stem = _PIECE.sub("", record_id.split("|")[-2] if record_id.endswith("|") else record_id)
    names = [f"genome {stem}" if _ACCESSION.fullmatch(stem) else f"genome {file}:{stem}"]
    if shotgun := _SHOTGUN.search(record_id):
        names.append(f"assembly {shotgun[1]}")
    if told := _GENOME.search(taxon):
        names.append(f"genome {told[0]}")
    if kind in ("bacteria", "archaea"):
        if binomial := _BINOMIAL.match(taxon):
            names.append(f"genus {binomial[1]}")
    elif kind in ("eukaryote", "organelle", "plasmid"):
        names.extend(_cellular_names(kind, file, taxon))
    else:
        names.extend(_viral_names(kind, file, record_id, taxon))
    return tuple(names)


def _gene_name(record_id: str) -> str:
    """Genes of the MetaPhlAn 2 package: ``mpa|GENOME|...``; replicons of a genome have neighbouring accessions."""
    key = record_id.split("|")[1]
    replicon = re.fullmatch(r"NC_0*(\d+)", key)
    return f"replicons {int(replicon[1]) // 8}" if replicon else f"genes {key}"


def _viral_names(kind: str, file: str, record_id: str, taxon: str) -> list[str]:
    families = set(_FAMILY.findall(taxon)) - _MORPHOLOGICAL
    families |= {family for word, family in _FAMILY_OF_FILE.items() if word in file.lower()}
    if kind == "phage":
        cluster = _CLUSTER.search(taxon)
        return [f"family {family}" for family in families] + ([f"cluster {cluster[1]}"] if cluster else [])
    told = f"{record_id} {taxon}".replace("_", " ")
    if not families:
        families = {family for pattern, family in _WORDS if pattern.search(told)}
    names = [f"family {family}" for family in families]
    if "virtool" in file:
        names.append(f"species {taxon.split(' |')[0].strip().lower()}")
    return names


def _cellular_names(kind: str, file: str, taxon: str) -> list[str]:
    """Eukaryotes by species where the source tells it; organelles by genus."""
    told = f"{file} {taxon}"
    if kind == "organelle":
        binomial = re.search(r"\b([A-Z][a-z]{3,}) [a-z]{3,}", taxon.replace("_", " ").replace("mitochondrion", ""))
        return [f"organelle genus {binomial[1]}"] if binomial else []
    if kind == "plasmid":
        return []
    for pattern, name in (
        (r"yeast|cerevisiae", "yeast"),
        (r"arabidopsis|athaliana", "arabidopsis"),
        (r"zebrafish|danio", "zebrafish"),
        (r"elegans", "worm"),
        (r"melanogaster|drosophila|\bfly\b", "fly"),
        (r"oushujun", "rice"),
        (r"rRNA", "ribosomal"),
        (r"plasmodium", "plasmodium"),
        (r"companion", "kinetoplastids"),
        (r"human|LPA|HLA|homo sapiens|vertebrates_cgp.*(mm10|mouse|hg|rheMac|chr)|pggb", "mammals"),
    ):
        if re.search(pattern, told, re.IGNORECASE):
            return [f"species {name}"]
    return [f"source {file}"]
