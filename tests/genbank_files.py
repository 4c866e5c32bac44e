"""GenBank files, written by hand: what NCBI writes, and what people do to it."""

from pathlib import Path

BASES_PER_LINE, BLOCK = 60, 10


def cds(location, translation=None, *more):
    """A CDS feature; `more` are qualifiers such as ``/pseudo``."""
    lines = [f"     CDS             {location}", *(f"                     {each}" for each in more)]
    if translation is not None:
        text = f'/translation="{translation}"'
        lines += [f"                     {text[i : i + 58]}" for i in range(0, len(text), 58)]
    return "\n".join(lines) + "\n"


def origin(sequence):
    lines = ["ORIGIN\n"]
    for start in range(0, len(sequence), BASES_PER_LINE):
        line = sequence[start : start + BASES_PER_LINE].lower()
        blocks = " ".join(line[i : i + BLOCK] for i in range(0, len(line), BLOCK))
        lines.append(f"{start + 1:>9} {blocks}\n")
    return "".join(lines)


def locus(name, length, unit="bp", molecule="DNA    "):
    return f"LOCUS       {name:<16} {length:>11} {unit}    {molecule} linear   VRL 01-JAN-2020\n"


def record(name, sequence, *features, version=True, content=None, end="//\n"):
    """One record; `content` stands in for its ORIGIN."""
    head = locus(name, len(sequence)) + f"DEFINITION  made for a test.\nACCESSION   {name}\n"
    head += f"VERSION     {name}.1\n" if version else ""
    table = f"FEATURES             Location/Qualifiers\n     source          1..{max(len(sequence), 1)}\n"
    return head + table + "".join(features) + (origin(sequence) if content is None else content) + end


def write_genbank(path: Path, *records) -> Path:
    path.write_text("".join(records))
    return path
