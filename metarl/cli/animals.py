"""metarl animals."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from metarl.cli.options import bad_input, parse
from metarl.envs.registry import NAMES


@dataclass(frozen=True, kw_only=True)
class AnimalsOptions:
    """Analyse trials of animals or people in the same way as trials of networks.

    A trial table has one row per trial. `metarl animals TASK --help` lists the columns
    of a task.
    """

    task: Annotated[str, tyro.conf.Positional]
    """Name of a task; `metarl tasks` lists them."""
    data: Path
    """A trial table (CSV or parquet), or published data of macaques (.mat) for two-step
    or reversal."""
    out: Path = Path("runs/animals")
    """Folder of the figure and the table."""


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


def main(words: list[str]) -> int:
    """Analyse trials of animals or people: metarl animals TASK --data FILE."""
    options = parse(AnimalsOptions, "animals", words, description=_description(words))
    from metarl.reports.figures import analyze_animals

    with bad_input():
        paths = analyze_animals(options.task, options.data, options.out)
    import pandas as pd

    table = pd.read_csv(paths["table"])
    print(table.round(3).to_string(index=False, na_rep=""))
    for name, path in paths.items():
        print(f"{name}: {path}")
    return 0
