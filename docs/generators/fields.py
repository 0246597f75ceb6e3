"""Docstrings of the fields of a dataclass, read from its source code."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from itertools import pairwise


def field_docstrings(kind: type) -> dict[str, str]:
    """Return field -> docstring on one line, with the fields of parent classes."""
    return {
        name: " ".join(text.split())
        for base in reversed(kind.__mro__[:-1])
        for name, text in _strings_under_fields(base)
    }


def _strings_under_fields(kind: type) -> Iterator[tuple[str, str]]:
    (defined,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(defined, ast.ClassDef)
    for field, below in pairwise(defined.body):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield name, text
