"""The documentation site: `make docs` builds it into site/, and a broken link is an error."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from virnucpro import __version__

ROOT = Path(__file__).parents[1]
PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "README.md": "index.md",
    "src/virnucpro/data/mini/MODEL_CARD.md": "quality.md",
}
"""Files elsewhere in the repository, and the pages of the site that show them."""

project = "VirNucPro"
author = "The VirNucPro developers"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click", "sphinx_copybutton"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 3
myst_enable_extensions = ["deflist"]
autodoc_typehints = "none"  # the docstrings name them
autodoc_member_order = "groupwise"
autodoc_class_signature = "mixed"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
smartquotes = False  # they turn --option into a dash
highlight_language = "none"
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"VirNucPro {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = html_show_sourcelink = html_show_copyright = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0f766e", "color-brand-content": "#0f766e"},
    "dark_css_variables": {"color-brand-primary": "#5eead4", "color-brand-content": "#5eead4"},
}

_LINK = re.compile(r"\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")
_STAR = re.compile(r"(?<!\*)\*(?!\*)")  # not those of **Required**
_FENCE = re.compile(r"^(```.*?^```)", re.MULTILINE | re.DOTALL)


def relink(app: Any, page: str, content: list[str]) -> None:
    """Turn links to other files of the repository into links to their pages, or into text where there is none."""
    place = next((source for source, shown in PAGES.items() if shown == f"{page}.md" and source != "README.md"), None)
    if place and (ROOT / place).is_file():
        content[0] = content[0].replace("<!-- content -->", (ROOT / place).read_text(encoding="utf-8"))
    folder = (ROOT / place if place else Path(app.srcdir) / f"{page}.md").parent
    segments = _FENCE.split(content[0])
    content[0] = "".join(one if one.startswith("```") else _relinked(one, folder, page) for one in segments)


def _relinked(text: str, folder: Path, page: str) -> str:
    def replace(found: re.Match[str]) -> str:
        shown, target, anchor = found[1], found[2], found[3] or ""
        path = (folder / target).resolve()
        if "://" in target or not path.is_relative_to(ROOT):
            return found[0]
        name = path.relative_to(ROOT).as_posix()
        to_docs = name.removeprefix("docs/") if name.startswith("docs/") else PAGES.get(name)
        if to_docs:
            return f"[{shown}]({'../' * page.count('/')}{to_docs}{anchor})"
        return shown if path.exists() else found[0]

    return _LINK.sub(replace, text)


def show_help(_app: Any, _context: Any, lines: list[str]) -> None:
    """Show examples as code, and the * of a help text as it is; reStructuredText takes it for emphasis."""
    shown, is_example = [], False
    for line in lines:
        is_example = line.startswith("| ") and (is_example or line == "| Examples:")
        if line == "| Examples:":
            shown += ["Examples::", ""]
        elif is_example:
            shown.append("    " + line[2:].strip())
        else:
            shown.append(_STAR.sub(r"\\*", line))
    lines[:] = shown


def setup(app: Any) -> None:
    """Join the build."""
    app.connect("source-read", relink)
    for event in ("description", "options"):
        app.connect(f"sphinx-click-process-{event}", show_help)
