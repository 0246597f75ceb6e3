"""Small extension of Sphinx: generates pages from the code when the site is built."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from generators.claims import claims_page
from generators.columns import data_pages
from generators.commands import Help, commands_page
from generators.departures import departures_page
from generators.experiments import criteria_page, experiment_pages
from generators.layout import show_docstring
from generators.reference import reference_pages
from generators.results import scorecard_page

GENERATED = "generated"
"""Folder of generated pages, ignored by git."""


def all_pages() -> dict[str, str]:
    """Return all generated pages: path below `generated` -> Markdown."""
    return {
        "claims": claims_page(),
        "commands": commands_page(),
        "criteria": criteria_page(),
        "departures": departures_page(),
        "scorecard": scorecard_page(),
        **_below("data", data_pages()),
        **_below("experiments", experiment_pages()),
        **_below("reference", reference_pages()),
    }


def _below(folder: str, pages: Mapping[str, str]) -> dict[str, str]:
    return {f"{folder}/{name}": text for name, text in pages.items()}


def write_pages(folder: Path) -> None:
    """Write pages that changed, and remove other Markdown files."""
    pages = {folder / f"{name}.md": text for name, text in all_pages().items()}
    for path, text in pages.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in set(folder.rglob("*.md")) - set(pages):
        path.unlink()


def setup(app: Sphinx) -> Mapping[str, Any]:
    """Register the extension with Sphinx."""
    app.add_directive("help", Help)
    app.connect("builder-inited", lambda app: write_pages(app.srcdir / GENERATED))
    app.connect("autodoc-process-docstring", show_docstring)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
