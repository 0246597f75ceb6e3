"""Labelled paragraphs of docstrings and notes, and remarks in them.

The docstring of a task and the notes of an experiment have labelled paragraphs. Each
begins a line, and its further lines are indented:

    Actions: left, right; both are always valid.
    Declared: the paper says that probabilities change slowly or quickly. Here that of
        the left arm is a Gaussian random walk.
"""

import inspect
import re
from typing import NamedTuple

LABEL = re.compile(r'^([A-Z][a-z]+(?: [a-z]+)?|info\["[a-z]+"\]): ')
"""Beginning of a labelled paragraph: one or two words, and a colon."""
REMARK = re.compile(
    r"\b(Departs|Declared): (.+?)(?=\s(?:Departs|Declared): |\n[A-Z][a-z]+: |\n\n|\Z)",
    re.DOTALL,
)
"""Remark on a difference from a source, within other text."""
REMARKS = ("Departs", "Declared")
"""Labels of remarks: a departure from a source, a choice that a source leaves open."""


class Paragraph(NamedTuple):
    """Paragraph of a text, on one line."""

    label: str
    """Label, such as Observation or Departs; empty if there is none."""
    text: str
    """Text without the label."""


def paragraphs(text: str | None) -> list[Paragraph]:
    """Return the paragraphs of a text, in order.

    Args:
        text: docstring, or notes of an experiment. A label begins a paragraph, and so
            does an empty line before the first label.
    """
    labelled: list[tuple[str, list[str]]] = [("", [])]
    for line in inspect.cleandoc(text or "").splitlines():
        match = LABEL.match(line)
        if match:
            labelled.append((match[1], [line[match.end() :]]))
        elif not line.strip() and not labelled[-1][0]:
            labelled.append(("", []))
        else:
            labelled[-1][1].append(line)
    flat = (Paragraph(label, _flat(lines)) for label, lines in labelled)
    return [paragraph for paragraph in flat if paragraph.text]


def sections(documented: type) -> dict[str, str]:
    """Return the labelled paragraphs of a class's own docstring.

    Args:
        documented: class of a task, as from `metarl.envs.registry.task_class`.

    Returns:
        Label -> text on one line, in the order of the docstring; empty if the class has
        no docstring of its own.
    """
    return {p.label: p.text for p in _own_paragraphs(documented) if p.label}


def introduction(documented: type) -> list[str]:
    """Return the paragraphs before the first label of a class's own docstring."""
    return [p.text for p in _own_paragraphs(documented) if not p.label]


def _own_paragraphs(documented: type) -> list[Paragraph]:
    return paragraphs(documented.__dict__.get("__doc__"))


def remarks(text: str | None) -> list[Paragraph]:
    """Return the remarks in a text, each up to the next label or end of paragraph."""
    matches = REMARK.findall(inspect.cleandoc(text or ""))
    return [Paragraph(label, _flat([remark])) for label, remark in matches]


def _flat(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())
