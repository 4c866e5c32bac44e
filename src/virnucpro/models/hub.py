"""From the name of a model to its weights on this machine: the catalog, the Hub's cache, or a path."""

from __future__ import annotations

from pathlib import Path

from httpx2 import InvalidURL

from virnucpro.errors import WeightsError

try:  # the client takes HF_ENDPOINT apart when it is imported
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.errors import (  # type: ignore[attr-defined]
        EntryNotFoundError,
        HTTPError,
        LocalEntryNotFoundError,
    )
except ValueError as error:
    raise WeightsError(
        f"the client of the model hub does not start: {error}\n"
        "HF_ENDPOINT, which names the hub, is not an address\n"
        "unset it, or give an address such as https://huggingface.co"
    ) from error

from virnucpro.models.catalog import CATALOG, DEFAULT_MODEL, MINI, MINI_DNA, PACKAGED, CatalogEntry
from virnucpro.models.checkpoints import AnyCheckpoint, open_checkpoint
from virnucpro.models.dna_tokens import TOKENIZER_FILE
from virnucpro.models.packaged import open_packaged
from virnucpro.models.weights import WEIGHT_FILE_NAMES, shard_files
from virnucpro.records import Molecule

__all__ = ["download_weights", "find_checkpoint", "find_downloaded", "find_molecule"]


def find_checkpoint(model: str = DEFAULT_MODEL) -> AnyCheckpoint:
    """Find a model's weights; fetch them when they are published and not here yet."""
    if model in PACKAGED:
        return open_packaged(model)
    entry = CATALOG.get(model)
    if entry is None:
        return open_checkpoint(Path(model).expanduser())
    return open_checkpoint(download_weights(entry), entry.name, entry.revision)


def find_molecule(model: str) -> Molecule:
    """Say what a model reads, before its weights are fetched."""
    entry = CATALOG.get(model) or PACKAGED.get(model)
    return entry.molecule if entry else open_checkpoint(Path(model).expanduser()).molecule


def find_downloaded(entry: CatalogEntry) -> Path | None:
    """Look for a published model in the Hub's cache, without the network."""
    try:
        return _fetch(entry, local_files_only=True)
    except (EntryNotFoundError, WeightsError):
        return None


def download_weights(entry: CatalogEntry) -> Path:
    """Fetch a published model into the Hub's cache; what is there already is not fetched again."""
    if (folder := find_downloaded(entry)) is not None:
        return folder
    try:
        # One question without retries: an offline machine gets its answer at once, not after half a minute.
        get_hf_file_metadata(hf_hub_url(entry.repository, "config.json", revision=entry.revision), timeout=10)
        return _fetch(entry, local_files_only=False)
    except InvalidURL as error:
        raise _not_here(entry, f"HF_ENDPOINT, which names the hub, is not an address: {_first_line(error)}") from error
    except (
        OSError,
        HTTPError,
        ImportError,
        ValueError,
    ) as error:  # the last two of proxies and addresses that are none
        raise _not_here(entry, _first_line(error)) from error


def _fetch(entry: CatalogEntry, local_files_only: bool) -> Path:
    """Bring configuration, tokenizer and weights, the best layout that is published; no other file, and no code."""

    def fetch(name: str) -> Path:
        path = hf_hub_download(entry.repository, name, revision=entry.revision, local_files_only=local_files_only)
        return Path(path)

    folder = fetch("config.json").parent
    if entry.molecule is Molecule.DNA:
        fetch(TOKENIZER_FILE)
    for name in WEIGHT_FILE_NAMES:
        try:
            path = fetch(name)
        except LocalEntryNotFoundError:
            if not local_files_only:
                raise
            continue
        except EntryNotFoundError:
            continue
        for shard in shard_files(path):
            fetch(shard.name)
        return folder
    raise LocalEntryNotFoundError(f"no weights of {entry.repository} under any of {', '.join(WEIGHT_FILE_NAMES)}")


def _not_here(entry: CatalogEntry, reason: str) -> WeightsError:
    dna, hub = entry.molecule is Molecule.DNA, constants.ENDPOINT
    files = f"config.json, {TOKENIZER_FILE} and pytorch_model.bin" if dna else "config.json and model.safetensors"
    return WeightsError(
        f"the weights of {entry.name} ({entry.repository}, revision {entry.revision[:7]}) are not on this machine\n"
        f"looked in {constants.HF_HUB_CACHE}, then asked {hub if hub.isprintable() else repr(hub)}: {reason}\n"
        f"either run 'virnucpro models download {entry.name}' where there is a network and copy that cache here, "
        f"or give a folder with {files}: --model FOLDER ('--model {MINI_DNA if dna else MINI}' comes with the package)"
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
