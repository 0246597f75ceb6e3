"""Checks of a dataclass of parameters, read from the annotations of its fields.

    trial_count: Annotated[int, Range(1, 10_000, why="an animal's session is shorter")]

The type is checked too: a whole number is not a fraction, a truth value or a word.
`checked` does the same for the arguments of a function.
"""

import dataclasses
import inspect
import math
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, wraps
from numbers import Integral, Real
from typing import Annotated, Any, Literal, ParamSpec, TypeVar

from metarl.core.checks import check_at_least, check_between, check_choice, in_words

Given = ParamSpec("Given")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Range:
    """Smallest and largest value of a number."""

    low: float
    """Smallest value."""
    high: float
    """Largest value."""
    why: str = ""
    """Reason for the largest value, unless it follows from the number's meaning."""


@dataclass(frozen=True)
class Applies:
    """Values of another field of the same object with which a field has an effect."""

    name: str
    """The other field."""
    values: tuple[object, ...]
    """Its values."""


Probability = Annotated[float, Range(0, 1)]
"""A number in [0, 1]."""


def check_fields(params: Any) -> None:
    """Check every field of a dataclass against its annotation.

    Numbers of numpy are replaced by the same plain numbers.

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
        if limits is not None and value is not None:
            check_range(name, value, limits)


def check_type(name: str, value: Any, kind: Any) -> Any:
    """Return the value as a plain one; raise ValueError if it is of another type.

    Args:
        name: name of the value, for the message.
        value: value of a field or an argument.
        kind: its annotation; Any and the like allow every value.
    """
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        check_choice(name, value, inner)
        return value
    if origin in (types.UnionType, typing.Union):
        return _one_of(name, value, inner)
    if kind is int:
        return check_whole(name, value)
    if kind is float:
        return _number(name, value)
    own = origin or kind
    typed = isinstance(own, type) and own is not Any
    # Bytes are a sequence for Python, but not one of names or paths.
    wrong = own is Sequence and isinstance(value, bytes)
    if typed and (wrong or not isinstance(value, own)):
        words = WORDS.get(own, f"of type {own.__name__}")
        raise ValueError(f"{name} must be {words}, got {in_words(value)}")
    if origin is tuple and inner[1:] == (...,):
        return tuple(check_type(f"each of {name}", each, inner[0]) for each in value)
    if origin is Mapping:
        for key in value:
            check_type(f"a name in {name}", key, inner[0])
            check_type(f"{name}[{key!r}]", value[key], inner[1])
    return value


def _one_of(name: str, value: Any, kinds: tuple[Any, ...]) -> Any:
    """Check a value with one of several types; the first one is named in a message."""
    if value is None and type(None) in kinds:
        return None
    errors = []
    for kind in kinds:
        try:
            return check_type(name, value, kind)
        except ValueError as error:
            errors.append(error)
    raise errors[0]


WORDS: dict[type, str] = {
    bool: "True or False",
    str: "text",
    tuple: "a tuple",
    Mapping: "a mapping of names",
}
"""Type that is checked as it is -> its name in messages."""


def check_whole(name: str, value: Any, limits: Range | None = None) -> int:
    """Return a whole number as a plain one; raise ValueError if it is none."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ValueError(f"{name} must be a whole number, got {in_words(value)}")
    if limits is not None:
        check_range(name, int(value), limits)
    return int(value)


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ValueError(f"{name} must be a number, got {in_words(value)}")
    if isinstance(value, Integral):
        return int(value)
    if not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, got {in_words(value)}")
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


def checked(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """Let a function check the types of its arguments against their annotations."""
    signature = inspect.signature(function)

    @wraps(function)
    def call(*arguments: Given.args, **named: Given.kwargs) -> Result:
        hints = typing.get_type_hints(function)
        bound = signature.bind(*arguments, **named)
        for name, value in bound.arguments.items():
            bound.arguments[name] = check_type(name, value, hints[name])
        return function(*bound.args, **bound.kwargs)

    return call
