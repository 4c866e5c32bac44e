"""From the name of a model to its weights on this machine: the catalog, the Hub's cache, or a path."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download, hf_hub_url
from huggingface_hub.errors import EntryNotFoundError, HTTPError, LocalEntryNotFoundError  # type: ignore[attr-defined]

from virnucpro.errors import WeightsError
from virnucpro.models.catalog import CATALOG, DEFAULT_MODEL, DEMO, CatalogEntry
from virnucpro.models.checkpoints import Checkpoint, open_checkpoint
from virnucpro.models.demo import demo_checkpoint
from virnucpro.models.weights import WEIGHT_FILE_NAMES, shard_files

__all__ = ["download_weights", "find_checkpoint", "find_downloaded"]


def find_checkpoint(model: str = DEFAULT_MODEL, download: bool = True) -> Checkpoint:
    """Find a model's weights; fetch them when they are published and not here yet.

    Parameters
    ----------
    model : str, default: "fastesm2-650"
        A name of the catalog, a folder in the published layout, or fair-esm's `.pt` file.
    download : bool, default: True
        Whether the network may be asked.

    Returns
    -------
    Checkpoint
        Ready to load.

    Raises
    ------
    WeightsError
        If they are not here and cannot be fetched: says what was looked for, where, and the two ways to get it.
    """
    if model == DEMO:
        return demo_checkpoint()
    entry = CATALOG.get(model)
    if entry is None:
        return open_checkpoint(Path(model).expanduser())
    folder = download_weights(entry) if download else find_downloaded(entry)
    if folder is None:
        raise _not_here(entry, "not asked for over the network")
    return open_checkpoint(folder, entry.name, entry.revision)


def find_downloaded(entry: CatalogEntry) -> Path | None:
    """Look for a published model in the Hub's cache, without the network.

    Parameters
    ----------
    entry : CatalogEntry
        The model.

    Returns
    -------
    Path or None
        Its folder; None when it is absent or not whole.
    """
    try:
        return _fetch(entry, local_files_only=True)
    except (EntryNotFoundError, WeightsError):
        return None


def download_weights(entry: CatalogEntry) -> Path:
    """Fetch a published model into the Hub's cache; what is there already is not fetched again.

    Parameters
    ----------
    entry : CatalogEntry
        The model.

    Returns
    -------
    Path
        Its folder.

    Raises
    ------
    WeightsError
        If it is not here and the network does not give it.
    """
    if (folder := find_downloaded(entry)) is not None:
        return folder
    try:
        # One question without retries: an offline machine gets its answer at once, not after half a minute.
        get_hf_file_metadata(hf_hub_url(entry.repository, "config.json", revision=entry.revision), timeout=10)
        return _fetch(entry, local_files_only=False)
    except (OSError, HTTPError) as error:
        raise _not_here(entry, _first_line(error)) from error


def _fetch(entry: CatalogEntry, local_files_only: bool) -> Path:
    """Bring configuration and weights, the best layout that is published; no other file, and no code."""

    def fetch(name: str) -> Path:
        path = hf_hub_download(entry.repository, name, revision=entry.revision, local_files_only=local_files_only)
        return Path(path)

    folder = fetch("config.json").parent
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
    return WeightsError(
        f"the weights of {entry.name} ({entry.repository}, revision {entry.revision[:7]}) are not on this machine\n"
        f"looked in {constants.HF_HUB_CACHE}, then asked {constants.ENDPOINT}: {reason}\n"
        f"either run 'virnucpro models download {entry.name}' where there is a network and copy that cache here, "
        "or give a folder with config.json and model.safetensors: --model FOLDER ('--model demo' needs no weights)"
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
