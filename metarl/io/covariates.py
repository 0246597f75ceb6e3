"""Traits of subjects, as age or group, from the trial table or a file of their own."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from metarl.analysis.data import READ_COLUMNS
from metarl.analysis.schema import shown
from metarl.core.checks import MetaRLError
from metarl.io.cells import are_flags, as_numbers, as_words
from metarl.io.files import list_files, read_file
from metarl.io.source import BLANKS, ReadingOptions, SourceTable
from metarl.io.synonyms import best_match
from metarl.io.trials import TrialData

LISTED = 6
"""Most names that a message lists."""
MOST = 1e100
"""Largest number of a trait: the square of a larger one may be infinite."""
NINES = re.compile("9+")
"""A number that often stands for a missing value."""
LONG = 3
"""Nines from which a number is likely no measurement, even of one subject alone."""
MOST_CODES = 2
"""Most negative numbers that are taken for codes; more are likely measurements."""
LED_BY_ZERO = r"[+-]?0\d.*"
"""A word, as 01, that is more than the number it may be read as."""


@dataclass(frozen=True, kw_only=True)
class Covariates:
    """Traits of every subject."""

    table: pd.DataFrame
    """One row a subject, by its number; a column a trait: numbers with NaN, or words
    with NaN."""
    notes: tuple[str, ...] = ()
    """What the user should know, as which subjects have no row."""
    written: pd.DataFrame = field(default_factory=pd.DataFrame)
    """The traits as names of groups: numbers that a zero leads, as they are written."""

    def numbers(self, name: str) -> "pd.Series[float]":
        """A trait as numbers.

        Raises:
            MetaRLError: it holds words.
        """
        values = self.table[name]
        if pd.api.types.is_numeric_dtype(values):
            huge = values.abs() > MOST
            if huge.any():
                raise MetaRLError(
                    f"--by {name} must name a column of finite numbers, got "
                    f"{shown(values[huge].iloc[0])}; correct it, or leave it blank"
                )
            return values.astype(float)
        word = values.dropna().iloc[0] if values.notna().any() else "only blanks"
        raise MetaRLError(
            f"--by {name} must name a column of numbers, got {word!r}; compare groups "
            f"with --group {name}"
        )

    def words(self, name: str, most: int) -> "pd.Series[str]":
        """A trait as names of at least two groups, and at most so many.

        Raises:
            MetaRLError: there are fewer or more.
        """
        own = self.written if name in self.written else self.table
        cells = as_words(own[name]).astype(object)
        names = cells.where(cells != "").rename(name)
        found = sorted(names.dropna().unique())
        if len(found) < 2:
            got = f"only {found[0]!r}" if found else "only blanks"
            raise MetaRLError(f"--group {name} must have two groups or more, got {got}")
        if len(found) > most:
            hint = f"; did you mean --by {name}?"
            numeric = pd.api.types.is_numeric_dtype(self.table[name])
            raise MetaRLError(
                f"--group {name} must have at most {most} groups, got {len(found)}"
                + (hint if numeric else "; join some of them")
            )
        return names


def likely_codes(values: "pd.Series[float]") -> list[float]:
    """Numbers that may stand for a missing value, as -999, 999 or -1, in order.

    They are one or two negative numbers where no other is negative, and a number of
    nines that is more than twice any other; each is repeated, or has three nines.

    Args:
        values: one number a subject, or NaN.
    """
    counts = values.dropna().value_counts()
    rows = zip(counts.index.tolist(), counts.tolist(), strict=True)
    codes = {value for value, count in rows if _is_code(value, count)}
    low = [value for value in counts.index if value < 0]
    if len(low) > MOST_CODES or not codes.issuperset(low):
        return []
    *others, most = sorted(value for value in counts.index if value >= 0) or [0.0]
    nines = most in codes and bool(NINES.fullmatch(shown(most)))
    high = [most] if nines and others and most > 2 * others[-1] else []
    return sorted([*low, *high]) if counts.size > len(low) else []


def _is_code(value: float, count: int) -> bool:
    """Whether a number of some subjects may be a code rather than a measurement."""
    long = len(shown(abs(value))) >= LONG
    return count > 1 or (long and bool(NINES.fullmatch(shown(abs(value)))))


def read_covariates(
    data: TrialData, names: Sequence[str] = (), subjects_file: Path | str | None = None
) -> Covariates:
    """Traits of subjects, from the user's further columns or from a second file.

    Blank cells are ignored: a trait may be given in only one trial of a subject.

    Args:
        data: the trials, with the user's further columns.
        names: columns to read; none: all of the second file.
        subjects_file: a table with one row a subject, by the subject's own name.

    Returns:
        The traits; those of the trial table first.

    Raises:
        MetaRLError: a column is in neither, changes within a subject, or the file has
            no column of the subjects' names, or has one of them twice.
    """
    second = None if subjects_file is None else _read_second(Path(subjects_file), data)
    there = [] if second is None else list(map(str, second.table))
    wanted = list(dict.fromkeys(names)) or there
    _check_own(wanted)
    known = [*map(str, data.trials), *there]
    columns, written = {}, {}
    for name in wanted:
        if name in there and second is not None:
            columns[name], written[name] = second.table[name], second.written[name]
        elif name in data.trials:
            columns[name], written[name] = _constant(data, name)
        else:
            close = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {close[0]}?" if close else _columns_words(data, there)
            raise MetaRLError(
                f"there is no column {name} in the table"
                + (f" or in {Path(subjects_file).name}" if subjects_file else "")
                + f"; {hint}"
            )
    index = pd.RangeIndex(len(data.names), name="subject")
    notes = [] if second is None else list(second.notes)
    notes += [
        f"column {name} is in the table and in {Path(str(subjects_file)).name}: that "
        "of the second is taken"
        for name in wanted
        if name in there and name in data.trials
    ]
    return Covariates(
        table=pd.DataFrame(columns, index=index),
        notes=tuple(notes),
        written=pd.DataFrame(written, index=index),
    )


def _columns_words(data: TrialData, there: Sequence[str]) -> str:
    """Advice to name a column, with those that may be meant: not the task's own."""
    further = [str(k) for k in data.trials if str(k) not in READ_COLUMNS]
    names = list(dict.fromkeys([*further, *there]))
    if not names:
        return "the table has no further columns"
    more = ", ..." if len(names) > LISTED else ""
    return f"name one of {', '.join(names[:LISTED])}{more}"


RESERVED = ("subject", "name", "sessions")
"""Columns of metarl's in the table of subjects."""


def _check_own(names: Sequence[str]) -> None:
    """Raise MetaRLError if a trait has the name of a column of the results."""
    for name in names:
        if name in RESERVED:
            raise MetaRLError(
                f"a covariate must not be called {name}, as a column of subjects.csv "
                "is; rename the column"
            )


def _constant(data: TrialData, name: str) -> "tuple[pd.Series[Any], pd.Series[Any]]":
    """A column of the trial table that is the same in all trials of a subject.

    Returns:
        The trait, and as it is written.
    """
    cells = data.trials[name]
    own = as_words(cells)
    if are_flags(cells):
        cells = as_words(cells)
    cells, _ = as_numbers(cells, name, "the trial table")
    words = as_words(cells)
    filled = cells[~words.isin(BLANKS).to_numpy()]
    subjects = data.trials["subject"].loc[filled.index]
    first = filled.groupby(subjects).first()
    differs = (words.loc[filled.index] != as_words(subjects.map(first))).to_numpy()
    if differs.any():
        row = int(filled.index.tolist()[int(differs.argmax())])
        subject = int(data.trials["subject"].loc[row])
        raise MetaRLError(
            f"column {name} must be the same in all trials of a subject, got "
            f"{_cell(cells.loc[row])} after {_cell(first[subject])} of "
            f"{data.names[subject]} in {data.place(row)}; leave it out, or give one "
            "row a subject with --subjects-file"
        )
    everyone = range(len(data.names))
    trait = _typed(first.reindex(everyone))
    spelled = own.loc[filled.index].groupby(subjects)
    if (spelled.nunique() > 1).any():
        # In one subject 01 and 1 are the same, so they are in two.
        return trait, as_words(trait)
    return trait, _as_written(spelled.first().reindex(everyone), trait)


def _as_written(words: "pd.Series[Any]", trait: "pd.Series[Any]") -> "pd.Series[str]":
    """A trait as words: as it is written where a zero leads, so that 01 is not 1."""
    led = words.fillna("").astype(str).str.fullmatch(LED_BY_ZERO)
    return words.where(led, as_words(trait))


def _cell(value: object) -> str:
    return repr(value) if isinstance(value, str) else shown(value)


def _typed(cells: "pd.Series[Any]") -> "pd.Series[Any]":
    """Cells as floats where all are numbers, else as words; NaN for a blank."""
    words = as_words(cells).astype(object)
    known = words.where(~words.isin(BLANKS))
    numeric = pd.to_numeric(known, errors="coerce")
    if (numeric.notna() == known.notna()).all():
        return numeric.astype(float)
    return known


def _read_second(path: Path, data: TrialData) -> Covariates:
    """Traits from a table with one row a subject."""
    file, *others = list_files([path])
    if others:
        raise MetaRLError(
            f"--subjects-file must be one file, got the folder {str(path)!r} with "
            f"{len(others) + 1}; join them"
        )
    source = read_file(file, ReadingOptions(), set)
    column = _name_column(source, data)
    own = as_words(source.table[column])
    twice = own.duplicated() & (own != "")
    if twice.any():
        row = own.index.tolist()[int(twice.to_numpy().argmax())]
        raise MetaRLError(
            f"{source.name} must have one row a subject, got {own[row]!r} again in row "
            f"{row}; keep one of them"
        )
    numbers = {name: number for number, name in enumerate(data.names)}
    rows = source.table.drop(columns=column).set_axis(own.map(numbers), axis="index")
    missing = [name for name in data.names if name not in set(own)]
    unknown = [name for name in own if name and name not in numbers]
    notes = [_listed(missing, f"no row in {source.name}, so their traits are blank")]
    notes += [_listed(unknown, f"a row in {source.name} but no trial")]
    traits = rows[rows.index.notna()].reindex(range(len(data.names)))
    index = pd.RangeIndex(len(data.names), name="subject")
    typed = {
        str(name): _typed(as_numbers(traits[name], str(name), source.name)[0])
        for name in traits
    }
    written = {k: _as_written(as_words(traits[k]), typed[str(k)]) for k in traits}
    return Covariates(
        table=pd.DataFrame(typed, index=index),
        notes=tuple(note for note in notes if note),
        written=pd.DataFrame(written, index=index),
    )


def _listed(names: Sequence[str], words: str) -> str:
    """A note on some subjects; "" for none."""
    if not names:
        return ""
    more = ", ..." if len(names) > LISTED else ""
    have = "has" if len(names) == 1 else "have"
    noun = "subject" if len(names) == 1 else "subjects"
    listed = ", ".join(names[:LISTED])
    return f"{len(names)} {noun} ({listed}{more}) {have} {words}"


def _name_column(source: SourceTable, data: TrialData) -> str:
    """The column of a table with the subjects' own names."""
    names, own = list(map(str, source.table)), set(data.names)
    holding = [k for k in names if set(as_words(source.table[k])) & own]
    for likely in (data.subject_column, best_match("subject", names)):
        if likely in holding:
            return str(likely)
    if len(holding) == 1:
        return str(holding[0])
    listed = ", ".join(map(str, names))
    some = ", ".join(data.names[:3])
    raise MetaRLError(
        f"{source.name} must have a column {data.subject_column} with the subjects' "
        f"names, as {some}, got columns {listed}"
        + (f"; {' and '.join(map(str, holding))} all hold some" if holding else "")
    )
