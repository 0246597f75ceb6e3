"""Types of nested settings and of arguments, checked against their annotations."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest

from metarl.core.fields import Range, check_fields, checked


@dataclass(frozen=True, kw_only=True)
class Inner:
    """Settings of a part."""

    rate: float = 0.1


@dataclass(frozen=True, kw_only=True)
class Outer:
    """Settings with a field of every kind."""

    inner: Inner = field(default_factory=Inner)
    count: Annotated[int, Range(1, 9, why="there are ten")] = 1
    most: Annotated[int | None, Range(1, 9)] = None
    clip: float | None = None
    words: tuple[Literal["a", "b"], ...] = ()
    changes: Mapping[str, int] = field(default_factory=dict)
    anything: Any = None

    def __post_init__(self):
        check_fields(self)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("inner", {"rate": 0.1}, "inner must be of type Inner, got"),
        ("inner", None, "inner must be of type Inner, got None"),
        ("count", 10, "count must be at most 9, got 10: there are ten"),
        ("count", 2.0, "count must be a whole number, got 2.0"),
        ("most", True, "most must be a whole number, got True"),
        ("most", 0, r"most must be in \[1, 9\], got 0"),
        ("clip", "x", "clip must be a number, got 'x'"),
        ("clip", float("nan"), "clip must be a finite number, got nan"),
        ("words", ["a"], "words must be a tuple, got"),
        ("words", "a", "words must be a tuple, got 'a'"),
        ("words", ("a", "c"), "each of words must be one of a, b; got 'c'"),
        ("changes", [("a", 1)], "changes must be a mapping of names, got"),
        ("changes", {1: 1}, "a name in changes must be text, got 1"),
        ("changes", {"a": 1.5}, r"changes\['a'\] must be a whole number, got 1.5"),
    ],
)
def test_a_field_of_the_wrong_type_is_named(field, value, words):
    with pytest.raises(ValueError, match=words):
        Outer(**{field: value})


def test_right_fields_pass_and_numbers_of_numpy_become_plain():
    settings = Outer(
        count=np.int64(3),
        most=9,
        clip=np.float64(0.5),
        words=("a",),
        changes={"a": 1},
        anything=object(),
    )
    assert type(settings.count) is int
    assert type(settings.clip) is float


@checked
def call(path: str | Path, inner: Inner | None = None, *, show: bool = True) -> Path:
    """Return the path."""
    return Path(path) if show else Path()


def test_arguments_are_checked_by_name():
    assert call("a") == call(Path("a"), None, show=True) == Path("a")
    assert call.__doc__ == "Return the path."
    for given, words in {
        ("path", 3): "path must be text, got 3",
        ("inner", "x"): "inner must be of type Inner, got 'x'",
        ("show", 1): "show must be True or False, got 1",
    }.items():
        with pytest.raises(ValueError, match=words):
            call(**{"path": "a", given[0]: given[1]})
    with pytest.raises(TypeError, match="missing a required argument: 'path'"):
        call()
