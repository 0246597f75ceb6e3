"""The columns of a trial table: codes, units and meaning of each, and their one check.

An experiment extends `BASE_SCHEMA` by its own columns. The same object refuses a wrong
table, reads a column as numbers, and describes the columns to people.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from metarl.analysis.data import check_columns
from metarl.core.checks import MetaRLError

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Integers = NDArray[np.int64]
Words = NDArray[np.object_]
Columns = Mapping[str, Array | Words]
"""Column -> (N,) its values: floats with NaN for a blank, or words."""

Warn = Callable[[pd.DataFrame], Mapping[float, str]]
"""Columns of a checked table -> subject -> a sentence, of subjects with a likely
mistake."""

NAMED = ("subject", "session", "episode")
"""Columns whose cells may be names, in a user's table."""
KEYS = ("subject", "session", "episode", "trial")
"""Columns that together name one trial."""
BLANK = "a blank"
"""A cell without a value, in words."""
FEW_CHOICES = 20
"""Number of choices below which it is no surprise that all are of one option."""
LARGEST = 2.0**53
"""Largest whole number that a float holds with all its digits."""
MOST_WRITTEN = 1e25
"""Number from which on messages do not write every digit."""
ROWS_AT_ONCE = 1_000_000
"""Rows that are read at once to be checked."""


class TrialTableError(MetaRLError):
    """A rule of a trial table that a row breaks.

    The message names columns and subjects as in the table. The readers of a user's file
    call `sentence` for the same message in the file's own words.
    """

    def __init__(self, row: int) -> None:
        """Keep the row, counted from 0 in the table that was checked."""
        self.row = row
        super().__init__(self.sentence(f"row {row + 1}"))

    def sentence(self, place: str, **own: str) -> str:
        """The error in one sentence.

        Args:
            place: the row in words, as "row 12".
            own: `column` and `value`, or `trial`, in the words of a user's file.
        """
        raise NotImplementedError


class CellError(TrialTableError):
    """A cell that is not coded as its column says."""

    def __init__(
        self, column: str, rule: str, value: object, row: int, advice: str = ""
    ) -> None:
        """Keep the column, the rule for it in words, the value and the way out."""
        self.column, self.rule, self.value, self.advice = column, rule, value, advice
        super().__init__(row)

    def sentence(self, place: str, **own: str) -> str:
        """The error: column, rule, value, place and way out."""
        column, value = own.get("column", self.column), own.get("value")
        got = value if value is not None else shown(self.value)
        advice = f"; {self.advice}" if self.advice else ""
        return f"column {column} must be {self.rule}, got {got} in {place}{advice}"


class RowError(TrialTableError):
    """A trial that does not fit the others."""

    def __init__(
        self, rule: str, got: str, keys: Mapping[str, float], row: int, advice: str
    ) -> None:
        """Keep the rule, what was found instead, the trial's keys and the way out."""
        self.rule, self.got, self.keys, self.advice = rule, got, keys, advice
        super().__init__(row)

    def sentence(self, place: str, **own: str) -> str:
        """The error: rule, the trial that breaks it, place and way out."""
        named = ", ".join(f"{key} {shown(value)}" for key, value in self.keys.items())
        trial = own.get("trial", named)
        return f"{self.rule}, got {self.got} {trial} in {place}; {self.advice}"


def shown(value: object) -> str:
    """A cell as people write it: 2 rather than 2.0, blank rather than nan, 'a word'."""
    if isinstance(value, str):
        return repr(value) if value else BLANK
    if isinstance(value, bool | np.bool_):
        return str(value)
    if value is None or value is pd.NA or value is pd.NaT:
        return BLANK
    try:
        number = float(str(value))
    except ValueError:
        return repr(str(value))
    if np.isnan(number):
        return BLANK
    whole = abs(number) < MOST_WRITTEN and number == np.floor(number)
    return str(int(number)) if whole else f"{number!r}"


@dataclass(frozen=True)
class Condition:
    """Trials that a rule is for."""

    words: str
    """In words, as "on a valid trial with a choice"."""
    holds: Callable[[Columns], Flags]
    """Columns of the table -> (N,) flags."""


WITH_CHOICE = Condition(
    "on a valid trial with a choice",
    lambda columns: np.equal(columns["valid"], 1) & ~is_blank(columns["choice"]),
)
"""Trials with a response that the task allows, so that an outcome followed."""
WITHOUT_CHOICE = Condition("without a choice", lambda c: is_blank(c["choice"]))
"""Trials in which nothing was chosen."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a trial table."""

    rule: str = ""
    """Rule for a value, in words; "" where any number or a blank is allowed."""
    allowed: Callable[[Array | Words, Columns], Flags] | None = None
    """(N,) values and all columns -> (N,) whether each is allowed; None: all are."""
    meaning: str = ""
    """Meaning of the column, for people."""
    unit: str = ""
    """Unit of its numbers."""
    words: bool = False
    """Whether it holds words rather than numbers."""
    required: bool = True
    """Whether the analysis needs it."""
    default: float | None = None
    """Value where a user's table leaves the column out; None: it must not."""
    advice: str = ""
    """The way out of a wrong value, appended to the message."""
    names: Mapping[float | str, str] = field(default_factory=dict)
    """Code -> its name in words, "" where it has none; for a column of a few codes."""
    example: str = ""
    """Cell of the example row; "": its default, its first code, or a blank."""
    own: bool = False
    """Whether only tables of animals or people have it, not those of networks."""
    by_name: bool = False
    """Whether a file may have the names of its codes in place of the codes."""
    options: bool = False
    """Whether its numbers are options, which are counted from 0."""
    how: str = ""
    """How to add the column to a file that has none like it."""

    @property
    def shown_example(self) -> str:
        """Cell of the example row."""
        first = next(iter(self.names), "")
        usual = first if self.default is None else f"{self.default:g}"
        return self.example or (str(usual) if self.required else "")


def codes(
    *values: float | str,
    names: Sequence[str] = (),
    blank: bool | Condition = False,
    when: Condition | None = None,
    meaning: str = "",
    required: bool = True,
    example: str = "",
    own: bool = False,
) -> Column:
    """A column of a few codes, numbers or words.

    Args:
        values: allowed values.
        names: meaning of each code, shown after it.
        blank: whether a cell may be blank, or the trials in which it may.
        when: trials that the rule is for; in the others anything is allowed.
        meaning: meaning of the column, for people.
        required: whether the analysis needs the column.
        example: cell of the example row; the first code where "".
        own: whether only tables of animals or people have it.
    """

    def allowed(cells: Array | Words, columns: Columns) -> Flags:
        fits: Flags = np.isin(cells, list(values))
        if isinstance(blank, Condition):
            fits |= is_blank(cells) & blank.holds(columns)
        elif blank:
            fits |= is_blank(cells)
        return fits if when is None else fits | ~when.holds(columns)

    named = zip(values, names, strict=True) if names else ()
    shown = [f"{code} ({name})" for code, name in named] or [str(v) for v in values]
    rule = _listed([*shown, "blank"] if blank is True else shown)
    if isinstance(blank, Condition):
        rule += f", and blank only {blank.words}"
    return Column(
        rule=rule if when is None else f"{rule} {when.words}",
        allowed=allowed,
        meaning=meaning,
        words=any(isinstance(value, str) for value in values),
        required=required,
        names=dict(zip(values, names or [""] * len(values), strict=True)),
        example=example,
        own=own,
    )


def between(  # noqa: PLR0913 as many as a column has
    low: float,
    high: float,
    *,
    meaning: str = "",
    unit: str = "",
    blank: bool = False,
    required: bool = True,
    advice: str = "",
    example: str = "",
    own: bool = False,
) -> Column:
    """A column of numbers from `low` to `high`, both included.

    Args:
        low: least value.
        high: greatest value.
        meaning: meaning of the column, for people and in the message.
        unit: unit of the numbers.
        blank: whether a cell may be blank.
        required: whether the analysis needs the column.
        advice: the way out of a wrong value.
        example: cell of the example row.
        own: whether only tables of animals or people have it.
    """

    def allowed(cells: Array | Words, columns: Columns) -> Flags:
        values = np.asarray(cells, float)
        fits: Flags = (values >= low) & (values <= high) & ~np.isinf(values)
        return fits | np.isnan(values) if blank else fits

    top = f"{high:g}" if np.isfinite(high) else "any"
    rule = f"in [{low:g}, {high:g}]" if np.isfinite(high) else f"at least {low:g}"
    if meaning:
        quantity = f"{meaning} in {unit}" if unit else meaning
        rule = f"{quantity}, {low:g} to {top}"
    return Column(
        rule=f"{rule}, or blank" if blank else rule,
        allowed=allowed,
        meaning=meaning,
        unit=unit,
        required=required,
        advice=advice,
        example=example,
        own=own,
    )


def where_counted(column: Column) -> Column:
    """The column, with any value in trials that are not valid or have no choice."""

    def allowed(cells: Array | Words, columns: Columns) -> Flags:
        fits = np.ones(len(cells), bool)
        if column.allowed is not None:
            fits = column.allowed(cells, columns)
        return fits | ~WITH_CHOICE.holds(columns)

    rule = f"{column.rule}, {WITH_CHOICE.words}"
    return replace(column, rule=rule, allowed=allowed)


def whole(  # noqa: PLR0913 as many as a column has
    *,
    meaning: str = "",
    unit: str = "",
    default: float | None = None,
    blank: bool = False,
    least: float = -LARGEST,
    required: bool = True,
    example: str = "",
    own: bool = False,
    options: bool = False,
) -> Column:
    """A column of whole numbers from `least` on; blank only if `blank`.

    With `options` they are numbers of options, counted from 0.
    """

    def allowed(cells: Array | Words, columns: Columns) -> Flags:
        values = np.asarray(cells, float)
        fits: Flags = (values == np.floor(values)) & (np.abs(values) <= LARGEST)
        fits &= values >= least
        return fits | np.isnan(values) if blank else fits

    rule = "whole numbers" if least == -LARGEST else f"whole numbers from {least:g} on"
    return Column(
        rule=f"{rule} or blank" if blank else rule,
        allowed=allowed,
        meaning=meaning,
        unit=unit,
        default=default,
        required=required,
        example=example,
        own=own,
        options=options,
    )


def number(
    *,
    meaning: str = "",
    unit: str = "",
    required: bool = True,
    example: str = "",
    own: bool = False,
) -> Column:
    """A column of any finite numbers, or blanks."""
    return Column(
        allowed=lambda cells, columns: ~np.isinf(np.asarray(cells, float)),
        rule="finite numbers or blanks",
        meaning=meaning,
        unit=unit,
        required=required,
        example=example,
        own=own,
    )


def _listed(words: Sequence[str]) -> str:
    """Words as a list: "a, b or c"."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


@dataclass(frozen=True)
class Derived:
    """A column that follows from others."""

    needs: tuple[str, ...]
    """Columns that it follows from."""
    compute: Callable[[pd.DataFrame], "pd.Series[Any]"]
    """The table -> the column."""
    words: str
    """How, in words for people."""


def one_option(columns: pd.DataFrame) -> dict[float, str]:
    """Subjects that chose the same option in every one of 20 trials or more."""
    made = columns[columns["choice"].notna() & (columns["forced"] == 0)]
    choices = made.groupby("subject")["choice"].agg(["size", "min", "max"])
    same = choices[
        (choices["size"] >= FEW_CHOICES) & (choices["min"] == choices["max"])
    ]
    return {
        float(str(subject)): f"all {row['size']:.0f} choices are {shown(row['min'])}; "
        "is the column coded as described?"
        for subject, row in same.to_dict("index").items()
    }


@dataclass(frozen=True, kw_only=True)
class TrialSchema:
    """Columns of the trial table of one experiment, and their check."""

    name: str = ""
    """Name of the experiment, as messages give it."""
    blocks: bool = False
    """Whether an episode of a user's table is a block of constant probabilities."""
    columns: Mapping[str, Column]
    """Column -> its codes, in the order of messages and documents."""
    checks: tuple[Callable[[pd.DataFrame], None], ...] = ()
    """Rules across rows: each takes the columns as a table, in the rows' own order, and
    raises RowError."""
    derived: Mapping[str, Derived] = field(default_factory=dict)
    """Column -> how it follows from others where a user's table leaves it out."""
    warnings: tuple[Warn, ...] = (one_option,)
    """What is allowed but likely a mistake: each takes the columns as a table and
    returns subject -> a sentence, of the subjects that it concerns."""

    def extend(
        self,
        name: str,
        *checks: Callable[[pd.DataFrame], None],
        derived: Mapping[str, Derived] = MappingProxyType({}),
        warnings: Sequence[Warn] = (),
        blocks: bool = False,
        further: Mapping[str, Column] = MappingProxyType({}),
        **columns: Column,
    ) -> "TrialSchema":
        """The schema of an experiment, with further columns, rules and warnings."""
        return TrialSchema(
            name=name,
            blocks=blocks,
            columns=MappingProxyType({**self.columns, **columns, **further}),
            checks=(*self.checks, *checks),
            derived=MappingProxyType({**self.derived, **derived}),
            warnings=(*self.warnings, *warnings),
        )

    @property
    def required(self) -> tuple[str, ...]:
        """Columns that a table must have."""
        return tuple(name for name, column in self.columns.items() if column.required)

    @property
    def defaults(self) -> dict[str, float]:
        """Columns that a user's table may leave out -> their values then."""
        listed = {name: column.default for name, column in self.columns.items()}
        return {name: value for name, value in listed.items() if value is not None}

    @property
    def needed(self) -> tuple[str, ...]:
        """Columns that a user's table must have, or that must follow from others."""
        return tuple(name for name in self.required if name not in self.defaults)

    def follows(self, name: str, present: Collection[str]) -> bool:
        """Whether a column follows from those that a table has, in one step or more."""
        known = {*present, *self.defaults}
        # Two columns may each follow from the other, so that a search might not end.
        for _ in self.derived:
            known |= {k for k, rule in self.derived.items() if known >= {*rule.needs}}
        return name in known

    def complete(self, table: pd.DataFrame) -> pd.DataFrame:
        """A user's table with the columns that have a default or follow from others."""
        absent = {k: v for k, v in self.defaults.items() if k not in table}
        table = table.assign(**absent)
        for name, rule in self.derived.items():
            if name not in table and all(need in table for need in rule.needs):
                table = table.assign(**{name: rule.compute(table)})
        return table

    def warn(self, table: pd.DataFrame) -> dict[int, list[str]]:
        """Subject -> sentences about what is likely a mistake in a checked table."""
        found: dict[int, list[str]] = {}
        numeric = pd.DataFrame(self.read(table))
        for warning in self.warnings:
            for subject, sentence in warning(numeric).items():
                found.setdefault(int(subject), []).append(sentence)
        return found

    def check(self, table: pd.DataFrame) -> None:
        """Raise MetaRLError, in one sentence, unless a table is coded as documented."""
        # In pieces, so that a table of many millions of rows is not copied as a whole.
        for first in range(0, max(len(table), 1), ROWS_AT_ONCE):
            self._check_rows(table.iloc[first : first + ROWS_AT_ONCE], first)
        check_once(table)
        if self.checks:
            numeric = pd.DataFrame(self.read(table))
            for check in self.checks:
                check(numeric)

    def _check_rows(self, table: pd.DataFrame, first: int) -> None:
        """Check the codes of adjacent rows, given the number of the first, from 0."""
        try:
            columns = self.read(table)
        except CellError as error:
            row = first + error.row
            raise CellError(
                error.column, error.rule, error.value, row, error.advice
            ) from None
        for name, values in columns.items():
            column = self.columns[name]
            if column.allowed is not None and name in table:
                fits = column.allowed(values, columns)
                check_codes(values, fits, name, column.rule, column.advice, first)

    def read(self, table: pd.DataFrame) -> dict[str, Array | Words]:
        """Column -> (N,) its values, in the rows' order.

        Numbers are floats, a blank NaN; a column that is not required and not there is
        all NaN.

        Raises:
            MetaRLError: a required column is missing, or numbers are words.
        """
        source = f"the {self.name} trial table" if self.name else "the trial table"
        check_columns(list(table.columns), self.required, source)
        return {
            name: self._values(table, name, column)
            for name, column in self.columns.items()
        }

    def _values(self, table: pd.DataFrame, name: str, column: Column) -> Array | Words:
        if name not in table:
            return np.full(len(table), np.nan, object if column.words else float)
        if column.words:
            return table[name].to_numpy(dtype=object, na_value=np.nan)
        return numbers(table, name, column.rule)

    def describe(self) -> pd.DataFrame:
        """Return every column for people, in words, one row each.

        Returns:
            column, values (its codes or range), unit, meaning, presence (whether a
            user's table needs the column, or the value if it is left out) and
            example, its cell in the example row.
        """
        rows = [
            {
                "column": name,
                "values": "a name or number" if name in NAMED else _values(column),
                "unit": column.unit,
                "meaning": column.meaning,
                "presence": self._presence(name),
                "example": column.shown_example,
            }
            for name, column in self.columns.items()
        ]
        return pd.DataFrame(rows)

    def _presence(self, name: str) -> str:
        column, rule = self.columns[name], self.derived.get(name)
        if column.default is not None:
            known = not np.isnan(column.default)
            return f"{column.default:g} if left out" if known else "optional"
        usual = "needed" if column.required else "optional"
        return usual if rule is None else f"{usual}, or {' and '.join(rule.needs)}"

    def example(self) -> pd.DataFrame:
        """A table of one row that the schema allows, with words as a file has them."""
        cells = {name: column.shown_example for name, column in self.columns.items()}
        return pd.DataFrame([{k: v for k, v in cells.items() if v}])

    def in_unit(self, unit: str) -> "TrialSchema":
        """The schema for rewards in a unit of the user's: any number is allowed.

        Where rewards are coded, a trial counts as rewarded if it gave more than 0.
        """
        reward = self.columns["reward"]
        own = number(meaning=reward.meaning, unit=unit, example=reward.example)
        return replace(self, columns=MappingProxyType({**self.columns, "reward": own}))

    @property
    def coded_reward(self) -> bool:
        """Whether rewards are codes, rather than any number."""
        return bool(self.columns["reward"].names)


def _values(column: Column) -> str:
    """A column's rule, without its meaning where the rule begins with it."""
    rule = column.rule or "words"
    quantity = f"{column.meaning} in {column.unit}" if column.unit else column.meaning
    return rule.removeprefix(f"{quantity}, ")


BASE_SCHEMA = TrialSchema(
    columns=MappingProxyType(
        {
            "subject": whole(
                meaning="name of the animal or person, or number of the network",
                example="7",
            ),
            "session": whole(meaning="name or number of the session", default=0),
            "episode": whole(meaning="number of the episode or block", default=0),
            "trial": whole(
                meaning="number of the trial, up by 1 from each trial to the next",
                example="12",
            ),
            "choice": codes(
                *(0, 1), names=("left", "right"), blank=True, meaning="chosen option"
            ),
            "reward": number(
                meaning="reward of the trial", unit="reward units", example="1"
            ),
            "valid": replace(
                codes(
                    0, 1, meaning="whether the response was one that the task allows"
                ),
                default=1,
            ),
            "forced": replace(
                codes(0, 1, meaning="whether only one choice was offered"), default=0
            ),
            "rt": replace(
                where_counted(between(0, np.inf, blank=True, required=False, own=True)),
                meaning="reaction time of the choice, in the unit of --rt-unit",
                example="0.62",
            ),
        }
    )
)
"""Columns that the analysis of every experiment reads."""


def numbers(table: pd.DataFrame, column: str, rule: str = "") -> Array:
    """A column as floats, blank as NaN; CellError with the rule if it holds words."""
    cells = table[column]
    try:
        values: Array = pd.to_numeric(cells).to_numpy(float, na_value=np.nan)
    except (ValueError, TypeError):
        numeric = pd.to_numeric(cells, errors="coerce")
        row = int(np.argmax((numeric.isna() & cells.notna()).to_numpy()))
        word = str(cells.iloc[row])
        raise CellError(column, rule or "numbers or blanks", word, row) from None
    return values


def is_blank(values: Array | Words) -> Flags:
    """(N,) whether a cell is blank: NaN, or no word."""
    if values.dtype == object:
        empty: Flags = np.asarray(pd.isna(values)) | (values == "")
        return empty
    missing: Flags = np.isnan(values.astype(float))
    return missing


def check_codes(
    values: ArrayLike,
    allowed: Flags,
    column: str,
    rule: str,
    advice: str = "",
    first: int = 0,
) -> None:
    """Raise MetaRLError, naming the first that is not, unless all are allowed.

    Args:
        values: (N,) the column.
        allowed: (N,) whether each is allowed.
        column: its name.
        rule: rule for the values, in words.
        advice: the way out, in words.
        first: number of the first row, from 0.
    """
    if not allowed.all():
        row = int(np.argmin(allowed))
        raise CellError(column, rule, np.asarray(values)[row], first + row, advice)


def check_whole(trials: pd.DataFrame, columns: Sequence[str] = KEYS) -> None:
    """Raise MetaRLError unless these columns hold whole numbers."""
    for column in columns:
        values = numbers(trials, column)
        check_codes(values, values == np.floor(values), column, "whole numbers")


def check_once(trials: pd.DataFrame, keys: Sequence[str] = KEYS) -> None:
    """Raise MetaRLError if two rows have the same keys."""
    if _increase([trials[key].to_numpy() for key in keys]):
        return
    repeated = trials.duplicated(list(keys)).to_numpy()
    if repeated.any():
        row = int(np.argmax(repeated))
        raise RowError(
            "each trial must have one row",
            "a second row of",
            {key: trials[key].iloc[row] for key in keys},
            row,
            "number trials within subject, session and episode",
        )


def _increase(keys: Sequence[NDArray[np.generic]]) -> bool:
    """Whether each row's keys are greater than those of the row before.

    They are in nearly every table, and this check takes a tenth of the time of the
    search for equal rows.
    """
    if any(key.dtype.kind not in "iuf" for key in keys):
        return False
    equal = np.ones(max(len(keys[0]) - 1, 0), bool)
    greater = ~equal
    for key in keys:
        after, before = key[1:].astype(float), key[:-1].astype(float)
        greater |= equal & (after > before)
        equal &= after == before
    return bool(greater.all())
