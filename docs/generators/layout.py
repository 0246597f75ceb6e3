"""Docstrings are plain text: what is needed for Sphinx to show them as they look."""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from sphinx.application import Sphinx
from sphinx.ext.napoleon import Config, GoogleDocstring

GOOGLE = re.compile(r"^(Args|Returns|Raises|Yields):$")
"""A heading that napoleon reads."""
LABEL = re.compile(r"^([A-Z][a-z]+(?: [a-z]+)?|\w+(?:\[\"\w+\"\])?): ")
"""How a labelled paragraph begins: Observation, Declared, info["trial"], patch."""
COLUMNS = re.compile(r"\S {2,}\S")
"""A line that is set in columns."""


NAPOLEON = Config(napoleon_use_rtype=False)
"""How Google's headings are shown."""


def show_docstring(
    app: Sphinx, what: str, name: str, about: object, options: object, lines: list[str]
) -> None:
    """Make a docstring's lines into reStructuredText that shows the same."""
    shown = as_written(lines)
    if what == "class" and isinstance(about, type):
        shown = [*shown, *extended(about)]
    # A value's docstring is prose: napoleon would take what is before a colon for its
    # type.
    if what not in ("attribute", "data", "property"):
        shown = GoogleDocstring(
            shown, NAPOLEON, app, what, name, about, options
        ).lines()
    lines[:] = shown


def extended(kind: type) -> list[str]:
    """A field that names the classes of this package that a class extends."""
    ours = [base for base in kind.__bases__ if base.__module__.startswith("metarl.")]
    names = [f":py:class:`~{base.__module__}.{base.__qualname__}`" for base in ours]
    return ["", f":Extends: {', '.join(names)}"] if names else []


def as_written(lines: Iterable[str]) -> list[str]:
    """The lines of a docstring, its formulas, columns and labels marked as such."""
    made: list[str] = []
    google = False
    for blank, group in groupby(lines, lambda line: not line.strip()):
        paragraph = list(group)
        google = google or bool(GOOGLE.match(paragraph[0]))
        if blank:
            made += paragraph
        elif google and not LABEL.match(paragraph[0]):
            made += map(escaped, paragraph)
        else:
            made += shaped(paragraph)
    return made


def shaped(paragraph: list[str]) -> list[str]:
    """A paragraph: a formula or columns as they stand, labels as a list of fields."""
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
    """A line of prose, in which a bar is a bar."""
    return line.replace("|", "\\|")
