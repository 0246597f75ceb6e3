"""metarl animals."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from metarl.cli.options import bad_input, parse


@dataclass(frozen=True, kw_only=True)
class AnimalsOptions:
    """The same behavioural analysis, on animals' or people's trials.

    A trial table has one row a trial: subject, trial (counting up within a session),
    choice (0 left, 1 right), reward; where there are any, session, episode, and valid
    and forced (0, 1). two-step also needs transition (common, rare), and takes a reward
    of 0.5 for a middle one; reversal needs better (0, 1) and schedule (percent);
    risky-choice needs risky (0, 1) and probability_risky.
    """

    task: Annotated[str, tyro.conf.Positional]
    """A task of `metarl tasks`."""
    data: Path
    """A trial table (CSV or parquet), or a macaque release (.mat) of two-step or
    reversal."""
    out: Path = Path("runs/animals")
    """Where the figure and the table go."""


def main(words: list[str]) -> int:
    """Analyse animals' trials as networks' are: metarl animals TASK --data FILE."""
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
