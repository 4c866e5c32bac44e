"""Find the weights of a model by name: in the package, the Hub's cache, on the Hub, or at a path.

The Hub's client is imported only when a published model is needed, because wrong settings can make the import fail.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

from virnucpro.errors import DownloadError, WeightsError
from virnucpro.fetching import Checksum, Fetcher
from virnucpro.models.catalog import CATALOG, DEFAULT_MODEL, MINI, PACKAGED, CatalogEntry
from virnucpro.models.checkpoints import AnyCheckpoint, open_checkpoint
from virnucpro.models.packaged import open_packaged
from virnucpro.models.registry import Architecture
from virnucpro.models.weights import WEIGHT_FILE_NAMES, weight_files
from virnucpro.records import Molecule

__all__ = [
    "cache_folder",
    "download_weights",
    "find_architecture",
    "find_checkpoint",
    "find_downloaded",
    "find_molecule",
]

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHARD = re.compile(r"(?:model|pytorch_model)-\d{5}-of-\d{5}\.(?:safetensors|bin)")


def find_checkpoint(model: str = DEFAULT_MODEL) -> AnyCheckpoint:
    """Find a model's weights; download published ones that are not here yet."""
    if model in PACKAGED:
        return open_packaged(model)
    entry = CATALOG.get(model)
    if entry is None:
        return open_checkpoint(Path(model).expanduser())
    checkpoint = open_checkpoint(download_weights(entry), entry.name, entry.revision)
    if checkpoint.width != entry.width:
        raise WeightsError(
            f"{entry.name} should give {entry.width} numbers per vector, and the weights found give "
            f"{checkpoint.width}; remove {entry.repository} from {cache_folder()} and download it again"
        )
    return checkpoint


def find_architecture(model: str) -> Architecture:
    """Architecture of a model, without downloading its weights."""
    entry = CATALOG.get(model) or PACKAGED.get(model)
    return entry.architecture if entry else open_checkpoint(Path(model).expanduser()).architecture


def find_molecule(model: str) -> Molecule:
    """Molecule that a model reads, without downloading its weights."""
    return find_architecture(model).molecule


def cache_folder() -> Path:
    """Folder in which the Hub's client keeps downloads."""
    return Path(_client().constants.HF_HUB_CACHE)


def find_downloaded(entry: CatalogEntry) -> Path | None:
    """Find a complete published model in the Hub's cache, without the network."""
    try:
        found = _client().snapshot_download(
            entry.repository, revision=entry.revision, local_files_only=True, allow_patterns=_described_by(entry)
        )
        weight_files(folder := Path(found))
    except (WeightsError, OSError):  # the client raises OSErrors for missing files
        return None
    return folder if all((folder / name).exists() for name in _described_by(entry)) else None


def download_weights(entry: CatalogEntry) -> Path:
    """Download a published model into the Hub's cache; files that are there are not downloaded again."""
    if (folder := find_downloaded(entry)) is not None:
        return folder
    client = _client()
    from httpx2 import HTTPError, InvalidURL

    try:
        # One request without retries, so that an offline machine fails at once and not after half a minute.
        info = client.HfApi().model_info(entry.repository, revision=entry.revision, timeout=10)
        published = {sibling.rfilename for sibling in info.siblings or ()}
        wanted = _wanted(entry, published)
        _fetch_large_files(entry, wanted, client)
        client.snapshot_download(entry.repository, revision=entry.revision, allow_patterns=wanted)
    except InvalidURL as error:
        raise _not_here(entry, f"HF_ENDPOINT, which names the hub, is not an address: {_first_line(error)}") from error
    except (OSError, HTTPError, DownloadError, ImportError, ValueError) as error:
        # the last two: invalid proxies and addresses
        raise _not_here(entry, _first_line(error)) from error
    folder = find_downloaded(entry)
    if folder is None:
        raise _not_here(entry, "it does not hold all of the model's files")
    return folder


def _fetch_large_files(entry: CatalogEntry, wanted: list[str], client: ModuleType) -> None:
    """Put what a hub knows the SHA-256 of into its client's cache; the client itself cannot continue a file.

    The client finds such files by their digest, and links them into the model's folder.
    """
    from huggingface_hub.errors import EntryNotFoundError

    blobs = cache_folder() / f"models--{entry.repository.replace('/', '--')}" / "blobs"
    for name in wanted:
        url = client.hf_hub_url(entry.repository, name, revision=entry.revision)
        try:
            found = client.get_hf_file_metadata(url, timeout=10)
        except EntryNotFoundError:
            continue
        if found.size is None or not _SHA256.fullmatch(found.etag or ""):
            continue
        with (
            client.utils.tqdm(total=found.size, desc=name, unit="B", unit_scale=True) as bar,
            Fetcher(headers=client.utils.build_hf_headers(), received=bar.update) as fetcher,
        ):
            fetcher.fetch(url, blobs / found.etag, Checksum("sha256", found.etag))


def _wanted(entry: CatalogEntry, published: set[str]) -> list[str]:
    """Choose the files to download: configuration, tokenizer and weights in the best published layout; never code."""
    wanted = _described_by(entry)
    for name in WEIGHT_FILE_NAMES:
        if name in published:
            shards = [one for one in published if _SHARD.fullmatch(one) and one.endswith(_weight_suffix(name))]
            return [*wanted, name, *(shards if name.endswith(".json") else ())]
    raise OSError(f"no weights of {entry.repository} under any of {', '.join(WEIGHT_FILE_NAMES)}")


def _described_by(entry: CatalogEntry) -> list[str]:
    """Name the files that a model needs besides its weights."""
    return ["config.json", *entry.architecture.extra_files]


def _weight_suffix(name: str) -> str:
    return ".safetensors" if "safetensors" in name else ".bin"


def _client() -> ModuleType:
    """Import the Hub's client, which parses HF_ENDPOINT during the import."""
    try:
        import huggingface_hub
        from huggingface_hub import HfApi, constants, snapshot_download  # noqa: F401 - loaded here, or not at all
    except ValueError as error:
        raise WeightsError(
            f"the client of the model hub does not start: {error}\n"
            "HF_ENDPOINT, which names the hub, is not an address\n"
            f"unset it, or give an address such as https://huggingface.co; {MINI} needs no hub"
        ) from error
    return huggingface_hub


def _not_here(entry: CatalogEntry, reason: str) -> WeightsError:
    constants = _client().constants
    hub = constants.ENDPOINT
    of_dna = entry.molecule is Molecule.DNA
    weights = "pytorch_model.bin" if of_dna else "model.safetensors"
    *first, last = ("config.json", *entry.architecture.extra_files, weights)
    return WeightsError(
        f"the weights of {entry.name} ({entry.repository}, revision {entry.revision[:7]}) are not on this machine\n"
        f"looked in {constants.HF_HUB_CACHE}, then asked {hub if hub.isprintable() else repr(hub)}: {reason}\n"
        f"either run 'virnucpro models download {entry.name}' where there is a network and copy that cache here, "
        f"or give, in place of the name {entry.name}, the path of a folder with {', '.join(first)} and {last} "
        f"('virnucpro predict' with its default classifier needs no download: {MINI} is part of the package)"
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
