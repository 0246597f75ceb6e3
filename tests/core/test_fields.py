"""Fields of a dataclass, checked against their annotations."""

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pytest

from metarl.core.fields import Probability, Range, check_fields, check_whole


@dataclass(frozen=True, kw_only=True)
class Settings:
    count: Annotated[int, Range(1, 1_000, why="more do not fit")] = 5
    share: Probability = 0.5
    free: float = 1.0
    flag: bool = True
    word: str = ""
    mode: Literal["a", "b"] = "a"
    other: Any = None

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, kw_only=True)
class More(Settings):
    count: int = 7
    share: Annotated[float, Range(0.5, 1)] = 0.5


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("count", 5.5, "count must be a whole number, got 5.5"),
        ("count", 5.0, "count must be a whole number, got 5.0"),
        ("count", True, "count must be a whole number, got True"),
        ("count", np.True_, "count must be a whole number, got "),
        ("count", "5", "count must be a whole number, got '5'"),
        ("count", None, "count must be a whole number, got None"),
        ("count", math.nan, "count must be a whole number, got nan"),
        ("count", 0, "count must be at least 1, got 0"),
        ("count", 1_001, "count must be at most 1,000, got 1001: more do not fit"),
        ("count", 10**400, "count must be at most 1,000, got 1000"),
        ("share", "half", "share must be a number, got 'half'"),
        ("share", True, "share must be a number, got True"),
        ("share", math.nan, "share must be a finite number, got nan"),
        ("share", 1.5, "share must be in [0, 1], got 1.5"),
        ("share", 10**400, "share must be in [0, 1], got 1000"),
        ("free", math.inf, "free must be a finite number, got inf"),
        ("free", np.float32("nan"), "free must be a finite number, got np.float32"),
        ("flag", 1, "flag must be True or False, got 1"),
        ("flag", "no", "flag must be True or False, got 'no'"),
        ("word", 3, "word must be text, got 3"),
        ("mode", "c", "mode must be one of a, b; got 'c'"),
    ],
)
@pytest.mark.parametrize("kind", [Settings, More])
def test_a_value_of_another_type_or_range_is_refused(kind, field, value, words):
    if kind is More:
        words = words.replace("[0, 1]", "[0.5, 1]")
    with pytest.raises(ValueError, match="must be") as refusal:
        kind(**{field: value})
    assert str(refusal.value).startswith(words)


def test_a_subclass_that_changes_a_default_keeps_the_range_or_gives_its_own():
    assert More().count == 7
    assert Settings(share=0.1).share == 0.1
    with pytest.raises(ValueError, match=r"share must be in \[0.5, 1\], got 0.1"):
        More(share=0.1)


def test_numbers_of_numpy_become_plain_and_whole_ones_stay_whole():
    got = Settings(count=np.int64(7), share=np.float32(0.25), free=2, flag=False)
    assert [type(v) for v in (got.count, got.share, got.free)] == [int, float, int]
    assert got == Settings(count=7, share=0.25, free=2.0, flag=False)
    assert Settings(other=object()).other is not None


def test_a_whole_number_alone_is_checked_too():
    assert check_whole("n", np.uint8(3), Range(1, 3, why="three")) == 3
    with pytest.raises(ValueError, match=r"^n must be at most 3, got 4: three$"):
        check_whole("n", 4, Range(1, 3, why="three"))
