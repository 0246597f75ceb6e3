"""The strings and comments of a module's source, each with the name it is about."""

import ast
import inspect
import re
from collections.abc import Iterator
from types import ModuleType

COMMENT = re.compile(r"((?:^[ ]*#.*\n)+)^[ ]*(.*)$", re.MULTILINE)
"""Lines of comment, and the line of code that they are about."""

Holder = ast.Module | ast.ClassDef | ast.FunctionDef


def strings(module: ModuleType) -> Iterator[tuple[str, str]]:
    """Every docstring, and every string under a value or a field, by dotted name."""
    yield from _strings(ast.parse(inspect.getsource(module)), "")


def _strings(holder: Holder, prefix: str) -> Iterator[tuple[str, str]]:
    about = prefix.rstrip(".")
    for statement in holder.body:
        match statement:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield about, text
            case ast.Assign(targets=[ast.Name(id=name)]):
                about = prefix + name
            case ast.AnnAssign(target=ast.Name(id=name)):
                about = prefix + name
            case ast.ClassDef() | ast.FunctionDef():
                yield from _strings(statement, f"{prefix}{statement.name}.")


def comments(module: ModuleType) -> Iterator[tuple[str, str]]:
    """Every comment that has lines of its own, with the line of code below it."""
    for lines, below in COMMENT.findall(inspect.getsource(module)):
        words = (line.strip().removeprefix("#").strip() for line in lines.splitlines())
        yield below, " ".join(words)


def field_docstrings(kind: type) -> dict[str, str]:
    """What each field of a dataclass is, its parents' included."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__[:-1]):
        module = inspect.getmodule(base)
        if module is None:
            continue
        prefix = f"{base.__name__}."
        for name, text in strings(module):
            if name.startswith(prefix) and name.count(".") == 1:
                found[name.removeprefix(prefix)] = " ".join(text.split())
    return found


def names_in_entry(module: ModuleType, mapping: str, key: str) -> set[str]:
    """Names that one entry of a module's literal mapping is made from."""
    for statement in ast.parse(inspect.getsource(module)).body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Call() as call):
                if name == mapping:
                    return _names(call.args[0], key)
    return set()


def _names(literal: ast.expr, key: str) -> set[str]:
    if not isinstance(literal, ast.Dict):
        return set()
    return {
        node.id
        for name, value in zip(literal.keys, literal.values, strict=True)
        if isinstance(name, ast.Constant) and name.value == key
        for node in ast.walk(value)
        if isinstance(node, ast.Name)
    }
