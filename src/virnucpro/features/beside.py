"""Read what the manifest of a feature file says about its rows."""

from __future__ import annotations

from pathlib import Path

from virnucpro.errors import ConfigError, StoreError
from virnucpro.features.spec import FeatureSpec
from virnucpro.models.json_text import read_object

__all__ = ["manifest_beside", "read_spec_beside"]

MAX_MANIFEST_BYTES = 1 << 28
"""A manifest lists the failures of its run, one line each."""


def manifest_beside(path: Path) -> Path:
    """Path of the manifest of a feature file: ``NAME.json`` next to it."""
    return path.with_name(path.name + ".json")


def read_spec_beside(path: Path) -> FeatureSpec | None:
    """Read the feature spec from the manifest of a file; None if there is no manifest or it has no spec."""
    manifest = manifest_beside(path)
    try:
        content = read_object(manifest, MAX_MANIFEST_BYTES)
        told = [one["size"] for one in content.get("results") or () if Path(one["path"]).name == path.name]
        if told and told[0] != (size := path.stat().st_size):
            raise StoreError(f"{path} has {size} bytes, its manifest says {told[0]!r:.40}; recompute it")
        spec = content.get("spec")
        return None if spec is None else FeatureSpec.from_dict(spec)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{manifest} cannot be read: {error.strerror or error}") from error
    except (ValueError, TypeError, KeyError, ConfigError) as error:
        advice = f"recompute {path.name}, or remove its manifest"
        raise StoreError(f"{manifest} is no manifest: {error!s:.300}; {advice}") from error
