"""Checks of a dataclass of parameters, read from the annotations of its fields.

    trial_count: Annotated[int, Range(1, 10_000, why="an animal's session is shorter")]

The type is checked too: a whole number is not a fraction, a truth value or a word.
"""

import dataclasses
import math
import typing
from dataclasses import dataclass
from functools import cache
from numbers import Integral, Real
from typing import Annotated, Any, Literal

from metarl.core.checks import check_at_least, check_between, check_choice


@dataclass(frozen=True)
class Range:
    """Smallest and largest value of a number."""

    low: float
    """Smallest value."""
    high: float
    """Largest value."""
    why: str = ""
    """Reason of the largest value, where it is not the meaning of the number."""


Probability = Annotated[float, Range(0, 1)]
"""A number in [0, 1]."""


def check_fields(params: Any) -> None:
    """Check every field of a dataclass against its annotation.

    Numbers of numpy are replaced by the same plain numbers. Fields of other types than
    whole numbers, numbers, truth values, text and literals are left alone.

    Args:
        params: instance of a dataclass; a `Range` of a parent's field holds for a
            subclass that only changes the default.

    Raises:
        ValueError: a field has the wrong type, or is out of its range.
    """
    cls: Any = type(params)
    for name, (kind, limits) in _annotations(cls).items():
        before = getattr(params, name)
        value = check_type(name, before, kind)
        if value is not before:
            object.__setattr__(params, name, value)
        if limits is not None:
            check_range(name, value, limits)


def check_type(name: str, value: Any, kind: Any) -> Any:
    """Return the value as a plain one; raise ValueError if it is of another type."""
    if typing.get_origin(kind) is Literal:
        check_choice(name, value, typing.get_args(kind))
    if kind is int:
        return check_whole(name, value)
    if kind is float:
        return _number(name, value)
    if kind in WORDS and not isinstance(value, kind):
        raise ValueError(f"{name} must be {WORDS[kind]}, got {value!r}")
    return value


WORDS: dict[type, str] = {bool: "True or False", str: "text"}
"""Type that is checked as it is -> its name in messages."""


def check_whole(name: str, value: Any, limits: Range | None = None) -> int:
    """Return a whole number as a plain one; raise ValueError if it is none."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ValueError(f"{name} must be a whole number, got {value!r}")
    if limits is not None:
        check_range(name, int(value), limits)
    return int(value)


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ValueError(f"{name} must be a number, got {value!r}")
    if isinstance(value, Integral):
        return int(value)
    if not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, got {value!r}")
    return float(value)


def check_range(name: str, value: float, limits: Range) -> None:
    """Raise ValueError, with the reason of the bound, if a value is out of range."""
    if not limits.why:
        check_between(name, value, limits.low, limits.high)
    check_at_least(name, value, limits.low)
    if value > limits.high:
        raise ValueError(
            f"{name} must be at most {limits.high:,}, got {value!r}: {limits.why}"
        )


@cache
def _annotations(kind: type) -> dict[str, tuple[Any, Range | None]]:
    """Field -> its type, and its range or None."""
    ranges: dict[str, Range] = {}
    for base in reversed(kind.__mro__[:-1]):
        for name, hint in typing.get_type_hints(base, include_extras=True).items():
            for each in getattr(hint, "__metadata__", ()):
                if isinstance(each, Range):
                    ranges[name] = each
    types = typing.get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]
    return {name: (types[name], ranges.get(name)) for name in names}
