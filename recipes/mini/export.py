"""The files that ship: weights in float16 with their shape, calibration, and the facts that the card states."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from virnucpro.models.mini import CLASSES, Mini, load_mini, save_mini

__all__ = ["export", "sha256_of"]

FILES = ("model.safetensors", "config.json", "calibration.json")


def export(net: Mini, calibration: dict[str, Any], window_bp: int, facts: dict[str, Any], folder: Path) -> Mini:
    """Write the folder and read it back: what is returned has been through the file."""
    folder.mkdir(parents=True, exist_ok=True)
    save_mini(net, folder)
    config = {
        "model_type": "mini",
        "format_version": 2,
        **net.config.to_dict(),
        "classes": list(CLASSES),
        "viral_classes": list(CLASSES[:2]),
        "window_bp": window_bp,
        "min_bp": 100,
        **facts,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    (folder / "calibration.json").write_text(json.dumps(calibration, indent=1) + "\n")
    return load_mini(folder)


def sha256_of(folder: Path) -> str:
    """Digest of the files that decide a score."""
    digest = hashlib.sha256()
    for name in FILES:
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()
