"""metarl animals."""

import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from metarl.cli.options import bad_input, parse
from metarl.core.checks import MetaRLError
from metarl.envs.registry import NAMES

if TYPE_CHECKING:
    import pandas as pd

    from metarl.analysis.schema import TrialSchema
    from metarl.io.column_map import ColumnMap
    from metarl.io.guess import Guess
    from metarl.reports.own_data import TrialAnalysis

REPEATED = ("--column", "--code", "--value", "--where")
"""Options that may be repeated, or take several values."""
SHOWN_ROWS = 40
"""Most rows of the table that are printed."""
ALONG = ("trial", "place", "problem")
"""Columns that name a point of a curve; curves are only written, not printed."""
MOST_LABELS = 12
"""Subjects above which only the rows of all together are shown."""
LISTED = 12
"""Most columns that a line lists."""
Repeated = Annotated[tuple[str, ...], tyro.conf.UseAppendAction]


@dataclass(frozen=True, kw_only=True)
class AnimalsOptions:
    """Analyse trials of animals or people in the same way as trials of networks.

    A trial table has one row per trial. `metarl animals TASK --help` lists the columns
    of a task. Columns of other names or codes are mapped, as --column choice=response
    --code "choice: L=0 R=1 -1=missing"; --guess proposes a map.
    """

    task: Annotated[str, tyro.conf.Positional]
    """Name of a task; `metarl tasks` lists them."""
    data: tuple[Path, ...]
    """Files or folders of trials: .csv, .tsv, .txt, .parquet, .json, .npz, .mat, .nwb,
    an ALF folder, or a published release (.mat) for two-step, reversal or matching."""
    out: Path = Path("runs/animals")
    """Folder of the figure and the tables."""
    column: Repeated = ()
    """metarl's column and yours, as choice=response; in place of yours, @file is the
    file's name, @row the number of the row in its episode, and @changes:COLUMN begins
    an episode wherever that column changes."""
    code: Repeated = ()
    """Meaning of your codes of a column, as "choice: L=0 R=1 -1=missing"."""
    value: Repeated = ()
    """One value for a column in every row, as schedule=80."""
    where: Repeated = ()
    """Rows that are trials, by a column of yours, as "phase: choice"."""
    names: str = ""
    """Names of the columns of a file without a header, with commas between them."""
    skip_rows: int = 0
    """Rows above the header, or above the first trial."""
    map: Path | None = None
    """A file with all of these, and with --unit, --rt-unit, --who and --group, such as
    columns.toml of an earlier result."""
    guess: bool = False
    """Propose a map and say why; nothing is analysed."""
    who: str = ""
    """Kind of the subjects, as people or mice, for legends and effects; that of a
    published release, else animals."""
    covariates: str = ""
    """Columns that are the same in all trials of a subject, as age,score, for
    subjects.csv."""
    subjects_file: Path | None = None
    """A table with one row a subject, by its own name: further covariates."""
    group: str = ""
    """A covariate that names groups, to be compared and drawn in different colours."""
    by: str = ""
    """Covariates of numbers, as age,score: their correlations with the measures."""
    beside: Path | None = None
    """An evaluated run of the same task, whose networks are drawn in the figure."""
    unit: str = ""
    """Unit of the rewards, in the plural, as points or cents. Rewards may then be any
    numbers, losses too; where a task's rewards are 0 and 1, more than 0 is a reward."""
    rt_unit: Literal["", "s", "ms"] = ""
    """Unit of the reaction times in the column rt."""


def _description(words: list[str]) -> str | None:
    """Return the columns of a task's table if its help is asked for, else None."""
    task = next((word for word in words if word in NAMES), None)
    if task is None or not {"-h", "--help"} & set(words):
        return None
    from metarl.reports.figures import own_data_analysis

    described = own_data_analysis(task).schema.describe()
    columns = [
        f"- {row['column']} ({row['presence']}): {row['meaning']}; {row['values']}"
        + (f"; for example {row['example']}" if row["example"] else "")
        for row in described.to_dict("records")
    ]
    return "\n".join(
        [f"Columns of a trial table of {task}, one row per trial:", *columns]
    )


def _one_by_one(words: list[str]) -> list[str]:
    """Words in which an option that may be repeated comes before each of its values."""
    found: list[str] = []
    option = ""
    for word in words:
        if word.startswith("--"):
            option = word if word in REPEATED else ""
        elif option and found[-1] != option:
            found.append(option)
        found.append(word)
    return found


def main(words: list[str]) -> int:
    """Analyse trials of animals or people: metarl animals TASK --data FILE."""
    options = parse(
        AnimalsOptions, "animals", _one_by_one(words), description=_description(words)
    )
    with bad_input():
        return _guess(options) if options.guess else _analyse(options)


def _column_map(options: AnimalsOptions) -> "ColumnMap":
    """The map of the options, on top of that of a file."""
    from metarl.io.column_map import (
        OPTIONS,
        ColumnMap,
        merge_maps,
        parse_map,
        read_map,
    )

    given = parse_map(
        columns=options.column,
        codes=options.code,
        values=options.value,
        where=options.where,
        names=options.names,
        skip_rows=options.skip_rows,
    )
    own = {name: value for name in OPTIONS if (value := getattr(options, name))}
    given = replace(given, further=own)
    return merge_maps(read_map(options.map) if options.map else ColumnMap(), given)


def _with_options(options: AnimalsOptions, column_map: "ColumnMap") -> AnimalsOptions:
    """The options, with those of a map's file."""
    given: dict[str, Any] = dict(column_map.further)
    return replace(options, **given)


def _command(options: AnimalsOptions, column_map: "ColumnMap") -> str:
    """The command that gives the same result, quoted for a shell."""
    files = [str(path) for path in options.data]
    words = ["metarl", "animals", options.task, "--data", *files]
    words += column_map.words()
    names = ("who", "unit", "rt_unit", "covariates", "subjects_file", "group", "by")
    for name in (*names, "beside"):
        if value := getattr(options, name):
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join([*words, "--out", str(options.out)])


def _guess(options: AnimalsOptions) -> int:
    """Print a proposed map, why, and the command that applies it."""
    from metarl.io.column_map import merge_maps
    from metarl.io.guess import guess_map
    from metarl.reports.figures import own_data_analysis

    given = _column_map(options)
    options = _with_options(options, given)
    schema = own_data_analysis(options.task).schema
    wanted = schema.in_unit(options.unit) if options.unit else schema
    guess = guess_map(options.data, wanted, given)
    print("\n".join(guess.reasons or ["all columns have metarl's names and codes"]))
    for line in _left_over(options, guess):
        print(line)
    command = _command(options, merge_maps(given, guess.column_map))
    if guess.missing:
        print(f"\nSo far:\n\n{command}")
        raise MetaRLError(_nothing_like(guess, schema))
    print(f"\nCheck each line, then run:\n\n{command}")
    return 0


def _left_over(options: AnimalsOptions, guess: "Guess") -> "Iterator[str]":
    """What is not guessed, and columns that nothing is taken from."""
    asked = []
    if "rt" in guess.columns and not options.rt_unit:
        asked.append("--rt-unit (s or ms)")
    asked += [] if options.who else ["--who (people, mice)"]
    asked += [] if options.unit else ["--unit (points, cents), if rewards are amounts"]
    if asked:
        yield f"Not guessed: {', '.join(asked)}."
    if guess.unused:
        listed = ", ".join(guess.unused[:LISTED])
        more = f" and {len(guess.unused) - LISTED} more"
        yield f"Not used: {listed}{more * (len(guess.unused) > LISTED)}."


def _nothing_like(guess: "Guess", schema: "TrialSchema") -> str:
    """Sentence about columns that no column of the file is like."""
    listed = ", ".join(guess.unused[:LISTED]) or "none"
    missing = ", ".join(guess.missing)
    how = [
        f"; {name} is {how}" for name in guess.missing if (how := _how(schema, name))
    ]
    return (
        f"no column is like {missing} (not used: {listed}); name it with --column, or "
        f"give --value where it is the same in every trial{''.join(how)}"
    )


def _how(schema: "TrialSchema", name: str) -> str:
    """What a column is, and how to add it to a file that has none like it."""
    column = schema.columns[name]
    return f"the {column.meaning}; {column.how}" if column.how else ""


def _names(listed: str) -> list[str]:
    """Names with commas between them."""
    return [name.strip() for name in listed.split(",") if name.strip()]


def _analyse(options: AnimalsOptions) -> int:
    from metarl.core.files import write_text
    from metarl.reports.figures import read_trials
    from metarl.reports.own_data import analyze_trials

    column_map = _column_map(options)
    options = _with_options(options, column_map)
    data = read_trials(
        options.task,
        options.data,
        column_map,
        reward_unit=options.unit,
        rt_unit=options.rt_unit,
    )
    analysed = analyze_trials(
        options.task,
        data,
        title=f"{options.task}: {', '.join(path.name for path in options.data[:3])}",
        who=options.who,
        covariates=_names(options.covariates),
        subjects_file=options.subjects_file,
        group=options.group,
        by=_names(options.by),
        beside=options.beside,
    )
    paths = analysed.save(options.out)
    if text := column_map.to_toml():
        paths["columns"] = options.out / "columns.toml"
        write_text(paths["columns"], f"# {_command(options, column_map)}\n\n{text}")
    print(data.counts())
    for note in analysed.notes:
        print(f"metarl: note: {note}", file=sys.stderr)
    for table in _shown(analysed):
        print(table.head(SHOWN_ROWS).round(3).to_string(index=False, na_rep=""))
        if len(table) > SHOWN_ROWS:
            print(f"... ({len(table)} rows)")
    for name, path in paths.items():
        print(f"{name}: {path}")
    return 0


def _shown(analysed: "TrialAnalysis") -> "Iterator[pd.DataFrame]":
    """Tables for the screen: main comparisons, then numbers that are no curves.

    Of many subjects, only the rows of all together and of groups.
    """
    for name in ("groups", "correlations"):
        if name in analysed.tables:
            table = analysed.tables[name]
            yield table[table["main"]].drop(columns="main")
    behaviour = analysed.tables["behaviour"]
    points = [name for name in ALONG if name in behaviour]
    behaviour = behaviour[behaviour[points].isna().all(axis="columns")]
    if "label" in behaviour and behaviour["label"].nunique() > MOST_LABELS:
        together = _together(behaviour)
        behaviour = together if len(together) else behaviour.head(MOST_LABELS)
    yield behaviour.dropna(axis="columns", how="all")


def _together(behaviour: "pd.DataFrame") -> "pd.DataFrame":
    """The rows of several subjects together."""
    from metarl.analysis.measures import ALL_SUBJECTS

    everyone = behaviour["label"] == ALL_SUBJECTS
    over = behaviour["over"] == "subjects" if "over" in behaviour else everyone
    return behaviour[over if over.any() else everyone]
