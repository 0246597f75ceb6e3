"""metarl animals."""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from metarl.cli.options import bad_input, parse
from metarl.core.checks import MetaRLError
from metarl.envs.registry import NAMES

if TYPE_CHECKING:
    from metarl.io.column_map import ColumnMap

REPEATED = ("--column", "--code", "--value", "--where")
"""Options that may be given again, or with several values."""
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
    """A file with all of these, as columns.toml beside an earlier result."""
    guess: bool = False
    """Propose a map and say why; nothing is analysed."""
    who: str = "animals"
    """Kind of the subjects, as people or mice, for the legends."""


def _description(words: list[str]) -> str | None:
    """Return the columns of a task's table if its help is asked for, else None."""
    task = next((word for word in words if word in NAMES), None)
    if task is None or not {"-h", "--help"} & set(words):
        return None
    from metarl.experiments.spec import experiment

    described = experiment(task).load_analysis().schema.describe()
    columns = [
        f"- {row.column} ({row.presence}): {row.meaning}; {row.values}"
        for row in described.itertuples()
    ]
    return "\n".join(
        [f"Columns of a trial table of {task}, one row per trial:", *columns]
    )


def _one_by_one(words: list[str]) -> list[str]:
    """Words in which an option that may come again stands before each of its values."""
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
    from metarl.io.column_map import ColumnMap, merge_maps, parse_map, read_map

    told = parse_map(
        columns=options.column,
        codes=options.code,
        values=options.value,
        where=options.where,
        names=options.names,
        skip_rows=options.skip_rows,
    )
    return merge_maps(read_map(options.map) if options.map else ColumnMap(), told)


def _command(options: AnimalsOptions, column_map: "ColumnMap") -> str:
    """The command that gives the same result, quoted for a shell."""
    files = [str(path) for path in options.data]
    words = ["metarl", "animals", options.task, "--data", *files]
    words += column_map.words()
    words += ["--who", options.who] if options.who != "animals" else []
    return shlex.join([*words, "--out", str(options.out)])


def _guess(options: AnimalsOptions) -> int:
    """Print a proposed map, why, and the command that applies it."""
    from metarl.io.column_map import merge_maps
    from metarl.io.guess import guess_map
    from metarl.reports.figures import own_data_analysis

    given = _column_map(options)
    schema = own_data_analysis(options.task).schema
    guess = guess_map(options.data, schema, given)
    print("\n".join(guess.reasons or ["all columns have metarl's names and codes"]))
    if guess.missing:
        raise MetaRLError(
            f"no column is like {', '.join(guess.missing)}; name it with --column, or "
            "give --value where it is the same in every trial"
        )
    print("\nAdd what is not clear, check each line, then analyse by:\n")
    print(_command(options, merge_maps(given, guess.column_map)))
    return 0


def _analyse(options: AnimalsOptions) -> int:
    from metarl.core.files import write_text
    from metarl.reports.figures import analyze_animals, read_trials

    column_map = _column_map(options)
    data = read_trials(options.task, options.data, column_map)
    title = f"{options.task}: {', '.join(path.name for path in options.data[:3])}"
    paths = analyze_animals(
        options.task, data, options.out, title=title, who=options.who
    )
    if text := column_map.to_toml():
        paths["columns"] = options.out / "columns.toml"
        write_text(paths["columns"], f"# {_command(options, column_map)}\n\n{text}")
    print(data.counts())
    for note in data.notes:
        print(f"metarl: note: {note}", file=sys.stderr)
    import pandas as pd

    table = pd.read_csv(paths["table"])
    print(table.round(3).to_string(index=False, na_rep=""))
    for name, path in paths.items():
        print(f"{name}: {path}")
    return 0
