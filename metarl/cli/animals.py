"""metarl animals."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from metarl.cli.options import bad_input, parse


@dataclass(frozen=True, kw_only=True)
class AnimalsOptions:
    """Analyse trials of animals or people in the same way as trials of networks.

    A trial table has one row per trial: subject, trial (increasing within a session),
    choice (0 left, 1 right) and reward; optional columns are session, episode, and
    valid and forced (0, 1). two-step also needs transition (common, rare), and allows
    an intermediate reward of 0.5; reversal needs better (0, 1) and schedule (percent);
    risky-choice needs risky (0, 1) and probability_risky.
    """

    task: Annotated[str, tyro.conf.Positional]
    """Name of a task; `metarl tasks` lists them."""
    data: Path
    """A trial table (CSV or parquet), or published data of macaques (.mat) for two-step
    or reversal."""
    out: Path = Path("runs/animals")
    """Folder of the figure and the table."""


def main(words: list[str]) -> int:
    """Analyse trials of animals or people: metarl animals TASK --data FILE."""
    options = parse(AnimalsOptions, "animals", words)
    from metarl.reports.figures import analyze_animals

    with bad_input():
        paths = analyze_animals(options.task, options.data, options.out)
    import pandas as pd

    table = pd.read_csv(paths["table"])
    print(table.round(3).to_string(index=False, na_rep=""))
    for name, path in paths.items():
        print(f"{name}: {path}")
    return 0
