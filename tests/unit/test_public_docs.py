"""Docstrings of the public API are complete; numpydoc's validation says what is missing."""

import dataclasses
import inspect

import pytest
from numpydoc.docscrape import ClassDoc
from numpydoc.validate import validate

import virnucpro

# Where the text begins is ruff's affair; examples, see-alsos and long summaries stand where they help.
OPTIONAL = {"ES01", "EX01", "SA01", "YD01", "GL01", "GL02", "GL03", "SS05", "SS06"}
NAMES = [name for name in virnucpro.__all__ if not name.startswith("__")]


@pytest.mark.parametrize("name", NAMES)
def test_docstrings_are_complete(name):
    thing = getattr(virnucpro, name)
    missing = [error for error in validate(f"virnucpro.{name}")["errors"] if error[0] not in OPTIONAL]
    if dataclasses.is_dataclass(thing):  # their fields are attributes, not parameters
        missing = [error for error in missing if error[0] != "PR01"]
        described = {part for item in ClassDoc(thing)["Attributes"] for part in item.name.split(", ")}
        assert described == {field.name for field in dataclasses.fields(thing)}
    assert not missing
    if inspect.isfunction(thing):
        assert inspect.signature(thing).return_annotation is not inspect.Signature.empty
