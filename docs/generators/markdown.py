"""Markdown from facts: tables, lists of terms, and text that stays as written."""

import re
from collections.abc import Iterable, Mapping, Sequence

SPECIAL = re.compile(r"(`[^`]*`)|([*<\[\]])")
"""Code, which is left alone, or a character that Markdown would take as its own."""


def plain(text: str) -> str:
    """A docstring's words, of which only code in backticks is special."""
    return SPECIAL.sub(lambda found: found[1] or f"\\{found[2]}", text)


def code(value: object) -> str:
    """A value as code."""
    return f"`{value}`"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; empty text where there are no rows."""
    body = [_row(row) for row in rows]
    if not body:
        return ""
    return "\n".join([_row(header), _row(["---"] * len(header)), *body])


def _row(cells: Sequence[str]) -> str:
    shown = (cell.replace("|", "\\|").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(shown)} |"


def terms(meanings: Mapping[str, str]) -> str:
    """Terms, each with its meaning below."""
    return "\n\n".join(f"{plain(term)}\n: {plain(m)}" for term, m in meanings.items())


def page(*parts: str) -> str:
    """Parts of a page, an empty one left out."""
    return "\n\n".join(part for part in parts if part) + "\n"


def section(title: str, *parts: str, level: int = 2) -> str:
    """A heading and what stands under it; nothing where there is nothing."""
    there = [part for part in parts if part]
    return "\n\n".join([f"{'#' * level} {title}", *there]) if there else ""
