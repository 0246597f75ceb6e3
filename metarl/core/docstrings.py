"""What docstrings say, by label: a fact stands in code, and every page reads it there.

A task's docstring has labelled paragraphs, each of which begins a line and is indented
where it goes on:

    Actions: left, right; both are always valid.
    Declared: the paper says that chances change slowly or quickly. Here left's chance
        is a Gaussian walk.
"""

import ast
import inspect
import itertools
import re
from types import ModuleType

LABEL = re.compile(r'^([A-Z][a-z]+(?: [a-z]+)?|info\["[a-z]+"\]): ')
"""How a labelled paragraph begins: with one word or two, and a colon."""
REMARK = re.compile(
    r"\b(Departs|Declared): (.+?)(?=\s(?:Departs|Declared): |\n[A-Z][a-z]+: |\n\n|\Z)",
    re.DOTALL,
)
"""Where we leave the paper, or settle what it leaves open, amid other text."""


def sections(documented: type) -> dict[str, str]:
    """The labelled paragraphs of a class's own docstring, each on one line.

    Args:
        documented: a task's class, as `metarl.envs.registry.task_class` gives it.

    Returns:
        Label, such as Observation or Departs -> text, in the order written; empty
        where the class has no docstring of its own.
    """
    return {label: _flat(lines) for label, lines in _parts(documented).items() if label}


def introduction(documented: type) -> list[str]:
    """The paragraphs before the first label, each on one line."""
    text = "\n".join(_parts(documented).get("", []))
    return [_flat([part]) for part in text.split("\n\n") if part.strip()]


def _parts(documented: type) -> dict[str, list[str]]:
    """Label -> lines; what comes before the first label has an empty one."""
    parts: dict[str, list[str]] = {}
    label = ""
    for line in inspect.cleandoc(documented.__dict__.get("__doc__") or "").splitlines():
        found = LABEL.match(line)
        label = found[1] if found else label
        parts.setdefault(label, []).append(line[found.end() :] if found else line)
    return parts


def remarks(text: str | None) -> list[tuple[str, str]]:
    """What any docstring declares, and where it says that it departs from a paper.

    Args:
        text: a docstring, of a module for one.

    Returns:
        (Departs or Declared, text up to the next label or the paragraph's end).
    """
    found = REMARK.findall(inspect.cleandoc(text or ""))
    return [(label, _flat([remark])) for label, remark in found]


def value_docstring(module: ModuleType, value: object) -> str:
    """The string that stands under a module's value, as `NAME = ...` has one.

    Args:
        module: where the value is defined.
        value: the very object that a name of the module is bound to.

    Returns:
        The text on one line; empty where the value has no name there, or no string.
    """
    names = {name for name, held in vars(module).items() if held is value}
    body = ast.parse(inspect.getsource(module)).body
    for statement, under in itertools.pairwise(body):
        if names & _assigned(statement):
            return _flat([_string(under)])
    return ""


def _assigned(statement: ast.stmt) -> set[str]:
    """Names that a statement binds."""
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
        case ast.Assign(targets=targets):
            return {target.id for target in targets if isinstance(target, ast.Name)}
    return set()


def _string(statement: ast.stmt) -> str:
    """What a statement says that is nothing but a string."""
    match statement:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return text
    return ""


def _flat(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())
