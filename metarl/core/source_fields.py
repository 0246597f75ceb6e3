"""Fields of a dataclass with their docstrings, read from the source of its module.

Nothing is imported, so that the help of a task does not wait for torch.
"""

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple


class SourceField(NamedTuple):
    """Field of a dataclass, as it stands in the source."""

    name: str
    """Its name."""
    annotation: str
    """Its annotation."""
    default: str
    """Its default; empty: it has none."""
    text: str
    """Its docstring on one line."""


@cache
def source_fields(module: str, name: str) -> tuple[SourceField, ...]:
    """Fields of a dataclass, those of its parents first; a later one replaces another.

    Args:
        module: name of its module.
        name: name of the class.
    """
    tree = _tree(module)
    found = _class(tree, name)
    if found is None:
        origin = _origin(tree, name)
        return source_fields(origin, name) if origin else ()
    fields: dict[str, SourceField] = {}
    for base in found.bases:
        fields |= {each.name: each for each in source_fields(module, _name_of(base))}
    fields |= {each.name: each for each in _own_fields(found)}
    return tuple(fields.values())


def parameters_of(module: str, task: str) -> tuple[SourceField, ...]:
    """Fields of the parameters of a task, by the module and name of its class."""
    tree = _tree(module)
    found = _class(tree, task)
    if found is None:
        origin = _origin(tree, task)
        return parameters_of(origin, task) if origin else ()
    for each in found.body:
        if isinstance(each, ast.Assign) and _name_of(each.targets[0]) == "params_type":
            return source_fields(module, _name_of(each.value))
    return ()


@cache
def _tree(module: str) -> ast.Module:
    """Syntax of a module; that of an empty one if it has no source."""
    found = find_spec(module)
    source = found.origin if found and found.origin else ""
    readable = source.endswith(".py")
    return ast.parse(Path(source).read_text(encoding="utf-8") if readable else "")


def _class(tree: ast.Module, name: str) -> ast.ClassDef | None:
    classes = (each for each in tree.body if isinstance(each, ast.ClassDef))
    return next((each for each in classes if each.name == name), None)


def _origin(tree: ast.Module, name: str) -> str:
    """Module from which a module imports a name; empty if it does not."""
    imports = (each for each in ast.walk(tree) if isinstance(each, ast.ImportFrom))
    for each in imports:
        if any((k.asname or k.name) == name for k in each.names):
            return each.module or ""
    return ""


def _name_of(node: ast.AST) -> str:
    """Name in an expression as NAME or NAME[...]; empty for others."""
    if isinstance(node, ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _own_fields(found: ast.ClassDef) -> Iterator[SourceField]:
    """Fields of a class itself; a docstring stands below its field."""
    after = [*found.body[1:], ast.Pass()]
    for each, following in zip(found.body, after, strict=True):
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            default = ast.unparse(each.value) if each.value else ""
            text = _docstring(following)
            yield SourceField(
                each.target.id, ast.unparse(each.annotation), default, text
            )


def _docstring(node: ast.AST) -> str:
    value = node.value if isinstance(node, ast.Expr) else None
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return " ".join(inspect.cleandoc(value.value).split())
    return ""
