"""Parse JSON from untrusted files, with limits on size and depth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["MAX_JSON_BYTES", "parse_object", "read_object"]

MAX_JSON_BYTES = 1 << 20
"""The longest published config.json has 2 kB; this leaves room."""

MAX_DEPTH = 20


def read_object(path: Path, max_bytes: int = MAX_JSON_BYTES) -> dict[str, Any]:
    """Read a file that holds one JSON object; ValueError says what is wrong with it."""
    with path.open("rb") as stream:
        text = stream.read(max_bytes + 1)
    if len(text) > max_bytes:
        raise ValueError(f"more than {max_bytes} bytes")
    return parse_object(text)


def parse_object(text: str | bytes) -> dict[str, Any]:
    """Parse one JSON object; ValueError says what is wrong with it."""
    try:
        found = json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels") from None
    if not isinstance(found, dict):
        raise ValueError(f"a {type(found).__name__} instead of an object")
    level: list[Any] = [found]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _contents(outer)]
        if not level:
            return found
    raise ValueError(f"nested deeper than {MAX_DEPTH} levels")


def _contents(value: Any) -> list[Any]:  # noqa: ANN401
    """Objects and arrays directly inside another."""
    inside = value.values() if isinstance(value, dict) else value
    return [inner for inner in inside if isinstance(inner, (dict, list))]


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name}, which is no number of JSON")
