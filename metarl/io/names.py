"""Names of subjects, sessions and episodes, and the numbers that stand for them."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
import pandas as pd

from metarl.analysis.schema import LARGEST, Integers

MISSING_WORDS = ("na", "nan", "none", "null", "n/a")
"""Names that programs write where a name is missing."""
DATE_FORMS = (
    *("%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y"),
    *("%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d-%m-%y", "%Y_%m_%d", "%d_%m_%Y"),
    *("%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d.%m.%Y %H:%M", "%Y/%m/%d %H:%M"),
    *("%b %d %Y", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%d%b%Y", "%b %d, %Y"),
    *("%B %d %Y", "%d %B %Y", "%B %d, %Y", "%d. %B %Y"),
)
"""Forms of dates that names of sessions may have, besides ISO 8601."""
LISTED = 8
"""Most names that a note lists."""


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Key that sorts names as people do: m2 before m10."""
    parts = re.split(r"(\d+)", name)
    return tuple((0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts if p)


def number_names(names: "pd.Series[str]") -> tuple[Integers, tuple[str, ...]]:
    """Numbers for names, in the names' order.

    Args:
        names: (N,) names.

    Returns:
        (N,) numbers, and the name of each number from 0.
    """
    codes, distinct = pd.factorize(names)
    return _placed(codes, [str(name) for name in distinct], natural_key)


def _placed(
    codes: Integers, names: Sequence[str], key: Callable[[str], Any]
) -> tuple[Integers, tuple[str, ...]]:
    """Codes of names as their places in an order, and the names in that order."""
    order = sorted(range(len(names)), key=lambda k: key(names[k]))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return place[codes], tuple(names[k] for k in order)


def number_sessions(
    names: "pd.Series[str]", subjects: "pd.Series[Any]"
) -> tuple[Integers, tuple[str, ...]]:
    """Numbers for sessions, in the order in which they were held.

    Whole numbers, each written in one way, are kept. Dates are in their order, other
    names with digits in that of people (s2 before s10), and words, as pre and post, in
    that of their rows.

    Args:
        names: (N,) names of sessions.
        subjects: (N,) subject of each.

    Returns:
        (N,) numbers, and the name of each number from 0; none where numbers are kept.
    """
    codes, distinct = pd.factorize(names)
    words = [str(name) for name in distinct]
    if (own := _whole_numbers(words)) is not None:
        return own[codes], ()
    orders: list[Callable[[str], Any]] = [day.__getitem__ for day in as_dates(words)]
    if not orders and any(re.search(r"\d", word) for word in words):
        orders = [natural_key]
    if not orders:
        orders = [words.index]
    # Of 03/04/2024 the rows tell whether the day or the month comes first.
    placed = [_placed(codes, words, key) for key in orders]
    fitting = [each for each in placed if not _out_of_order(each[0], subjects)]
    return (fitting or placed)[0]


def as_dates(names: Iterable[str]) -> list[dict[str, datetime]]:
    """Dates of names, for each form of a date that all names have."""
    words = list(names)
    found = []
    for form in ("", *DATE_FORMS):
        try:
            days = {
                word: datetime.strptime(word, form)
                if form
                else datetime.fromisoformat(word).replace(tzinfo=None)
                for word in words
            }
        except ValueError:
            continue
        found.append(days)
    return found


def session_notes(
    names: "pd.Series[str]", numbers: Integers, subjects: "pd.Series[Any]"
) -> list[str]:
    """A note if named sessions, or long numbers as 031224, are not in the rows' order.

    Args:
        names: (N,) names of sessions.
        numbers: (N,) their numbers.
        subjects: (N,) subject of each.
    """
    # Two sessions may have numbers that are no dates in any order.
    plain = names.str.fullmatch(r"-?\d{1,5}").all()
    late = [] if plain else _out_of_order(numbers, subjects)
    if not late:
        return []
    own = names.to_numpy()[np.unique(numbers, return_index=True)[1]]
    listed = ", ".join(own[:LISTED]) + (", ..." if len(own) > LISTED else "")
    return [
        f"sessions are taken in the order {listed}, but the rows of {late[0]}"
        + (f" and {len(late) - 1} more" if len(late) > 1 else "")
        + " have another; number them (1, 2, ...) if their order matters"
    ]


def _out_of_order(numbers: Integers, subjects: "pd.Series[Any]") -> list[str]:
    """Subjects with sessions whose first rows are not in the order of their numbers."""
    rows = pd.DataFrame({"subject": subjects.to_numpy(), "number": numbers})
    firsts = rows.drop_duplicates()
    rising = firsts.groupby("subject", sort=False)["number"].is_monotonic_increasing
    return [str(subject) for subject, rises in rising.items() if not rises]


def _whole_numbers(names: Iterable[str]) -> Integers | None:
    """Names as whole numbers; None if one is none, or two are the same number."""
    words = [str(name) for name in names]
    if not all(re.fullmatch(r"-?\d{1,15}", word) for word in words):
        return None
    numbers = np.array([int(word) for word in words], np.int64)
    small = bool((np.abs(numbers) <= LARGEST).all())
    return numbers if small and len(set(numbers.tolist())) == len(words) else None


def number_episodes(table: pd.DataFrame) -> Integers:
    """Numbers for episodes: their own, or else in the order of their first trials.

    That order is of each subject and session: the same problems may be met in another.

    Args:
        table: one row a trial: subject, session, episode.

    Returns:
        (N,) numbers.
    """
    codes, distinct = pd.factorize(table["episode"])
    own = _whole_numbers(distinct)
    if own is not None:
        return own[codes]
    cells = table[["subject", "session"]].assign(episode=codes)
    firsts = cells.drop_duplicates()
    place = firsts.groupby(["subject", "session"], sort=False).cumcount()
    placed = cells.merge(firsts.assign(place=place), how="left")
    return placed["place"].to_numpy(np.int64)


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
