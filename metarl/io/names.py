"""Names of subjects, sessions and episodes, and the numbers that stand for them."""

import re
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

import numpy as np
import pandas as pd

from metarl.analysis.schema import LARGEST, Integers

MISSING_WORDS = ("na", "nan", "none", "null", "n/a")
"""Names that programs write where a name is missing."""


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Key that sorts names as people do: m2 before m10."""
    parts = re.split(r"(\d+)", name)
    return tuple((0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts if p)


def number_names(
    names: "pd.Series[str]", *, keep_numbers: bool = False
) -> tuple[Integers, tuple[str, ...]]:
    """Numbers for names, in the names' order.

    Args:
        names: (N,) names.
        keep_numbers: whether names that are all whole numbers, each written in one way,
            keep their own numbers.

    Returns:
        (N,) numbers, and the name of each number from 0.
    """
    codes, distinct = pd.factorize(names)
    if keep_numbers and (own := _whole_numbers(distinct)) is not None:
        return own[codes], ()
    order = sorted(range(len(distinct)), key=lambda k: natural_key(str(distinct[k])))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return place[codes], tuple(str(distinct[k]) for k in order)


def _whole_numbers(names: Iterable[str]) -> Integers | None:
    """Names as whole numbers; None if one is none, or two are the same number."""
    words = [str(name) for name in names]
    if not all(re.fullmatch(r"-?\d{1,15}", word) for word in words):
        return None
    numbers = np.array([int(word) for word in words], np.int64)
    small = bool((np.abs(numbers) <= LARGEST).all())
    return numbers if small and len(set(numbers.tolist())) == len(words) else None


def number_episodes(names: "pd.Series[str]") -> Integers:
    """Numbers for episodes: their own, or else in the order of their first trials."""
    codes, distinct = pd.factorize(names)
    own = _whole_numbers(distinct)
    return codes.astype(np.int64) if own is None else own[codes]


def similar_names(names: Iterable[str]) -> list[str]:
    """Notes on subjects with names so similar that they may be the same one."""
    alike: dict[str, list[str]] = defaultdict(list)
    notes = []
    for name in names:
        alike[_reduced(name)].append(name)
        if name.lower() in MISSING_WORDS:
            notes.append(f"one subject is called {name!r}; was its name missing?")
    for group in alike.values():
        if len(group) > 1:
            listed = " and ".join(map(repr, group))
            notes.append(
                f"subjects {listed} are taken as {len(group)}; are they the same?"
            )
    return notes


def _reduced(name: str) -> str:
    """A name without case, blanks and leading zeros; a number without its spelling."""
    try:
        return str(Decimal(name).normalize())
    except InvalidOperation:
        return re.sub(r"(?<!\d)0+(?=\d)", "", re.sub(r"[\s_-]+", "", name.casefold()))
