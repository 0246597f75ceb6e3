"""Formats of a figure: for the screen, for a journal's column, for a slide.

A figure is drawn at one size, at which marks and letters fit each other, and is scaled
as a whole when it is saved. So it looks the same at every width, and a letter of a
printed figure has the size that a journal asks for.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from metarl.core.checks import check_between, check_choice
from metarl.core.fields import check_fields

PANEL_SIZE = (5.4, 4.8)
"""Width and height of a panel as it is drawn, in inches; its ticks have 11.5 points."""
MILLIMETRES = 25.4
"""Of an inch."""
UNITS = {"mm": 1.0, "cm": 10.0, "in": MILLIMETRES}
"""Unit of a width -> its millimetres."""

StyleName = Literal["screen", "paper", "slide"]
FORMATS = "png", "pdf", "svg"
"""Kinds of file."""


@dataclass(frozen=True)
class Style:
    """Purpose of a figure."""

    width: float | None
    """Width in millimetres; None: as it is drawn."""
    panel: float
    """Least width of a panel, in millimetres, from which it can be read."""
    dpi: int
    """Dots per inch of a PNG."""


STYLES: Mapping[str, Style] = MappingProxyType(
    {
        "screen": Style(None, 5.4 * MILLIMETRES, 150),
        "paper": Style(183.0, 80.0, 300),
        "slide": Style(320.0, 155.0, 150),
    }
)
"""Name -> style. Letters of a panel that is 89 mm wide have 7 to 8 points, those of a
panel of 160 mm on a slide 13."""

MOST_COLUMNS = 3
"""Panels in a row on the screen."""
WIDTHS = (40.0, 1000.0)
"""Least and greatest width of a figure, in millimetres."""


@dataclass(frozen=True, kw_only=True)
class FigureFormat:
    """Size, panels and files of a figure."""

    style: StyleName = "screen"
    """Purpose: screen, paper (letters of 7 to 8 points), or slide."""
    width: float | None = None
    """Width in millimetres, 40 to 1000; None: that of the style, 183 for a paper."""
    panels: tuple[str, ...] = ()
    """Letters of the panels, in the order in which they are drawn; empty: all."""
    formats: tuple[str, ...] = ("png", "pdf")
    """Kinds of file, of FORMATS."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_fields(self)
        if self.width is not None:
            check_between("width (in mm)", self.width, *WIDTHS)
        if not self.formats:
            raise ValueError("format must be png, pdf or svg, got none")
        for kind in self.formats:
            check_choice("format", kind, FORMATS)

    def columns(self, count: int) -> int:
        """Panels in a row, of `count` panels."""
        style = STYLES[self.style]
        width = self.width or style.width
        fit = MOST_COLUMNS if width is None else int(width // style.panel)
        return max(1, min(fit, count))

    def scale(self, drawn: float) -> float:
        """Factor to the size of the file, from the width in inches as it is drawn."""
        width = self.width or STYLES[self.style].width
        return 1.0 if width is None else width / MILLIMETRES / drawn

    @property
    def stem(self) -> str:
        """Name of the files, without ending: figure, or figure_paper_89mm_ac."""
        width = "" if self.width is None else f"{self.width:g}mm"
        style = "" if self.style == "screen" else self.style
        return "_".join(filter(None, ["figure", style, width, "".join(self.panels)]))


def millimetres(text: str) -> float:
    """Width in millimetres from words, as 89mm, 8.9 cm or 89.

    Raises:
        ValueError: the words are no width.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(mm|cm|in)?\s*", text)
    if not found:
        raise ValueError(
            f"width must be a number, as 89mm, 8.9cm or 3.5in, got {text!r}"
        )
    return float(found[1]) * UNITS[found[2] or "mm"]


def listed(text: str) -> tuple[str, ...]:
    """Words between commas."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def letters(count: int) -> list[str]:
    """Letters of so many panels: a to z, then aa, ab, ..."""
    alphabet = "abcdefghijklmnopqrstuvwxyz"
    more = [first + second for first in alphabet for second in alphabet]
    return [*alphabet, *more][:count]


def choose(names: Sequence[str], titles: Sequence[str]) -> list[int]:
    """Places of the panels with these letters.

    Args:
        names: letters, in the order that is wanted; empty: all panels.
        titles: headings of all panels.

    Raises:
        ValueError: a letter is none of a panel; the message lists them.
    """
    known = letters(len(titles))
    for name in names:
        if name not in known:
            each = "; ".join(f"{k} {t}" for k, t in zip(known, titles, strict=True))
            raise ValueError(f"panel must be a letter of one, got {name!r}: {each}")
    return [known.index(name) for name in names] or [*range(len(titles))]
