"""Conversion of plain-text docstrings to reStructuredText with the same layout."""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from sphinx.application import Sphinx
from sphinx.ext.napoleon import Config, GoogleDocstring

GOOGLE = re.compile(r"^(Args|Returns|Raises|Yields):$")
"""Heading that napoleon recognises."""
LABEL = re.compile(r"^([A-Z][a-z]+(?: [a-z]+)?|\w+(?:\[\"\w+\"\])?): ")
"""Beginning of a labelled paragraph: Observation, Declared, info["trial"], patch."""
COLUMNS = re.compile(r"\S {2,}\S")
"""Line in columns."""


NAPOLEON = Config(napoleon_use_rtype=False)
"""Layout of headings in Google style."""


def show_docstring(
    app: Sphinx, what: str, name: str, about: object, options: object, lines: list[str]
) -> None:
    """Convert the lines of a docstring to reStructuredText with the same layout."""
    shown = as_written(lines)
    if what == "class" and isinstance(about, type):
        shown = [*shown, *extended(about)]
    # The docstring of a value is prose; napoleon would read words before a colon as its
    # type.
    if what not in ("attribute", "data", "property"):
        shown = GoogleDocstring(
            shown, NAPOLEON, app, what, name, about, options
        ).lines()
    lines[:] = shown


def extended(kind: type) -> list[str]:
    """Return a field that names the base classes in this package."""
    bases = [base for base in kind.__bases__ if base.__module__.startswith("metarl.")]
    names = [f":py:class:`~{base.__module__}.{base.__qualname__}`" for base in bases]
    return ["", f":Extends: {', '.join(names)}"] if names else []


def as_written(lines: Iterable[str]) -> list[str]:
    """Return the lines of a docstring with marked formulas, columns and labels."""
    shown: list[str] = []
    google = False
    for blank, group in groupby(lines, lambda line: not line.strip()):
        paragraph = list(group)
        google = google or bool(GOOGLE.match(paragraph[0]))
        if blank:
            shown += paragraph
        elif google and not LABEL.match(paragraph[0]):
            shown += map(escaped, paragraph)
        else:
            shown += shaped(paragraph)
    return shown


def shaped(paragraph: list[str]) -> list[str]:
    """Convert a paragraph: formulas and columns as literals, labels as fields."""
    if all(line.startswith(" ") for line in paragraph):
        return ["::", "", *paragraph]
    if any(COLUMNS.search(line) for line in paragraph):
        return ["::", "", *(f"    {line}" for line in paragraph)]
    return list(_with_fields(paragraph))


def _with_fields(paragraph: list[str]) -> Iterator[str]:
    within = False
    for number, line in enumerate(paragraph):
        label = LABEL.match(line)
        below = paragraph[number + 1 : number + 2]
        starts = number == 0 or within or any(text.startswith(" ") for text in below)
        if label and starts:
            if number and not within:
                yield ""
            yield f":{label[1]}: {escaped(line[label.end() :])}"
            within = True
        else:
            yield f"    {escaped(line.strip())}" if within else escaped(line)


def escaped(line: str) -> str:
    """Escape the bars in a line of prose."""
    return line.replace("|", "\\|")
