"""``virnucpro cite``: how to name this software in a publication."""

from __future__ import annotations

from importlib import metadata

import click

from virnucpro import __version__
from virnucpro.cli.exit_codes import ExitCode

__all__ = ["cite"]

WORKS = (
    "Works that it builds on, to cite where you used them:",
    "  The original VirNucPro: Briefings in Bioinformatics (2025), bbaf224.",
    "  FastESM2_650, ESM-2: Lin et al. (2023), Evolutionary-scale prediction of atomic-level protein structure with a "
    "language model.",
    "  DNABERT-S: Zhou et al. (2024), DNABERT-S: pioneering species differentiation with species-aware DNA embeddings.",
)


@click.command()
@click.option("--bibtex", is_flag=True, help="Print a BibTeX entry instead.")
def cite(bibtex: bool) -> int:
    """Print how to cite this version of VirNucPro.

    \b
    Examples:
      virnucpro cite
      virnucpro cite --bibtex
      virnucpro cite --bibtex >> references.bib
    """
    facts = metadata.metadata("virnucpro")
    authors, title = facts["Author"] or "The VirNucPro developers", f"VirNucPro: {facts['Summary']}"
    links = [one.partition(", ") for one in facts.get_all("Project-URL") or ()]
    url = next((link for name, _, link in links if name.lower() in ("repository", "source", "homepage")), "")
    if bibtex:
        fields = {"author": f"{{{authors}}}", "title": f"{{{title}}}", "version": __version__, "url": url}
        lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
        click.echo("@software{virnucpro,\n" + ",\n".join(lines) + "\n}")
        return ExitCode.DONE
    licensed = f"{facts['License-Expression']} license"
    click.echo(f"{authors}. {title}. Version {__version__}, {licensed}." + (f" {url}" if url else ""))
    click.echo("\n" + "\n".join(WORKS))
    return ExitCode.DONE
