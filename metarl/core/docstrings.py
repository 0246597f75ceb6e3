"""Texts as data: labelled paragraphs of docstrings and notes, and remarks in them.

A task's docstring and an experiment's notes have labelled paragraphs, each of which
begins a line and is indented where it goes on:

    Actions: left, right; both are always valid.
    Declared: the paper says that chances change slowly or quickly. Here left's chance
        is a Gaussian walk.
"""

import inspect
import re
from typing import NamedTuple

LABEL = re.compile(r'^([A-Z][a-z]+(?: [a-z]+)?|info\["[a-z]+"\]): ')
"""Beginning of a labelled paragraph: one word or two, and a colon."""
REMARK = re.compile(
    r"\b(Departs|Declared): (.+?)(?=\s(?:Departs|Declared): |\n[A-Z][a-z]+: |\n\n|\Z)",
    re.DOTALL,
)
"""A remark on how we follow a source, amid other text."""
REMARKS = ("Departs", "Declared")
"""Labels of remarks: where we leave a source, where we settle what it leaves open."""


class Paragraph(NamedTuple):
    """A paragraph of a text, on one line."""

    label: str
    """Its label, such as Observation or Departs; empty where it has none."""
    text: str
    """The paragraph without its label."""


def paragraphs(text: str | None) -> list[Paragraph]:
    """The paragraphs of a text, in their order.

    Args:
        text: a docstring or an experiment's notes. A label begins a paragraph, and so
            does an empty line before the first label.
    """
    parts: list[tuple[str, list[str]]] = [("", [])]
    for line in inspect.cleandoc(text or "").splitlines():
        found = LABEL.match(line)
        if found:
            parts.append((found[1], [line[found.end() :]]))
        elif not line.strip() and not parts[-1][0]:
            parts.append(("", []))
        else:
            parts[-1][1].append(line)
    flat = (Paragraph(label, _flat(lines)) for label, lines in parts)
    return [paragraph for paragraph in flat if paragraph.text]


def sections(documented: type) -> dict[str, str]:
    """The labelled paragraphs of a class's own docstring.

    Args:
        documented: a task's class, as `metarl.envs.registry.task_class` gives it.

    Returns:
        Label -> text on one line, in the order written; empty where the class has no
        docstring of its own.
    """
    return {p.label: p.text for p in _own_paragraphs(documented) if p.label}


def introduction(documented: type) -> list[str]:
    """The paragraphs before the first label of a class's own docstring."""
    return [p.text for p in _own_paragraphs(documented) if not p.label]


def _own_paragraphs(documented: type) -> list[Paragraph]:
    return paragraphs(documented.__dict__.get("__doc__"))


def remarks(text: str | None) -> list[Paragraph]:
    """The remarks amid a text, each up to the next label or the paragraph's end."""
    found = REMARK.findall(inspect.cleandoc(text or ""))
    return [Paragraph(label, _flat([remark])) for label, remark in found]


def _flat(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())
