"""Settings of a verb from what a caller gives: an object, single settings by name, or both."""

from __future__ import annotations

import difflib
from dataclasses import fields, replace
from typing import Any, TypeVar

__all__ = ["with_options"]

Settings = TypeVar("Settings", bound=Any)


def with_options(settings: Settings, options: dict[str, Any]) -> Settings:
    """Replace single settings; TypeError, as for any unknown argument, names the nearest one."""
    known = [field.name for field in fields(settings)]
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            advice = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(known)}"
            raise TypeError(f"unknown setting {name!r}{advice}")
    return replace(settings, **options)
