"""The examples of docs/python.md run, and give what the page says; numbers and calls are those of other sequences."""

import doctest
import re
from pathlib import Path

import numpy as np
import pytest

from conftest import random_dna, write_fasta

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
NUMBER = re.compile(r"-?\d+(\.\d*)?(e[-+]\d+)?|\bnan\b")
CLASSES = "phage|bacteria|plasmid|eukaryote|archaea|organelle|eukaryotic_virus"
NOTES = "(short|partly_scored|near_threshold|mixed_windows|class_disagrees|has_provirus)"
WORDS = re.compile(rf"\b(non-viral|viral|not_scored|{CLASSES}|{NOTES}(;{NOTES})*|NA)\b")


def shape(text):
    """What stays the same with other sequences: columns, types, errors."""
    lines = [re.sub(r"\s+", "", WORDS.sub("W", NUMBER.sub("N", line))) for line in text.strip().splitlines()]
    return [line for line in lines if not line.startswith("...Nmorerow")]


def varies(example):
    """Outputs whose number of rows depends on the calls."""
    return "regions" in example.source or 'row.call == "viral"' in example.source or "counts" in example.source


class Shapes(doctest.OutputChecker):
    def check_output(self, want, got, optionflags):
        return shape(want) == shape(got)


def test_the_examples_of_the_page(tmp_path, monkeypatch):
    pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(1)
    lengths = {"phiX174": 5386, "lambda": 24000, "E_coli_part": 6000}
    records = [(name, random_dna(generator, length)) for name, length in lengths.items()]
    write_fasta(tmp_path / "contigs.fasta", [*records, ("short", "ACGTTGCATG" * 6)])
    blocks = re.findall(r"```python\n(>>> .*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) >= 10
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, PAGE.name, str(PAGE), 0)
    for example in test.examples:
        if varies(example):
            example.source, example.want = f"_ = {example.source}", ""
    told = []
    runner = doctest.DocTestRunner(Shapes(), verbose=False)
    failed, attempted = runner.run(test, out=told.append)
    assert attempted > 20
    assert not failed, "".join(told)


def test_every_public_function_is_on_the_page():
    import virnucpro

    text = PAGE.read_text()
    functions = [name for name in virnucpro.__all__ if name[0].islower() and not name.startswith("__")]
    assert [name for name in functions if f"`{name}`" not in text and name != "extract_esm"] == []
