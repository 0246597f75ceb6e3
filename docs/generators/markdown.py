"""Markdown: tables, lists of terms, and text without markup."""

import re
from collections.abc import Iterable, Mapping, Sequence

SPECIAL = re.compile(r"(`[^`]*`)|([*<\[\]])")
"""Code, which stays unchanged, or a character with a meaning in Markdown."""


def plain(text: str) -> str:
    """Escape text except code in backticks."""
    return SPECIAL.sub(lambda match: match[1] or f"\\{match[2]}", text)


def code(value: object) -> str:
    """Return a value as code."""
    return f"`{value}`"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; empty text if there are no rows."""
    body = [_row(row) for row in rows]
    if not body:
        return ""
    return "\n".join([_row(header), _row(["---"] * len(header)), *body])


def _row(cells: Sequence[str]) -> str:
    shown = (cell.replace("|", "\\|").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(shown)} |"


def terms(meanings: Mapping[str, str]) -> str:
    """Return a list of terms with their meanings."""
    return "\n\n".join(f"{plain(term)}\n: {plain(m)}" for term, m in meanings.items())


def page(*blocks: str) -> str:
    """Join the blocks of a page, without empty ones."""
    return "\n\n".join(block for block in blocks if block) + "\n"


def section(title: str, *blocks: str, level: int = 2) -> str:
    """Return a heading and the blocks below it; empty if all blocks are."""
    shown = [block for block in blocks if block]
    return "\n\n".join([f"{'#' * level} {title}", *shown]) if shown else ""
