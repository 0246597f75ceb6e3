"""How often the better option is chosen, at either stage of the human two-step task."""

import numpy as np
import pandas as pd

from metarl.analysis.trials import TrialSequence
from metarl.analysis.two_step.second_stage import (
    COLUMNS,
    OPTIONS,
    second_stage,
)

FIRST, SECOND = "first_best", "second_best"
"""Measures: first choice of the state with the best option; better option there."""


def better_options(trials: TrialSequence) -> pd.DataFrame:
    """Share of choices of the better option, of tables that say which it was.

    Returns:
        One row a subject and measure: subject, measure, value in [0, 1] and n, its
        trials.
    """
    chances = np.stack([trials[f"probability_{option}"] for option in OPTIONS], axis=1)
    best = chances.reshape(-1, 2, 2).max(axis=2)
    known = trials.usable & np.isfinite(best).all(axis=1) & (best[:, 0] != best[:, 1])
    better = np.equal(trials["choice"], 1) == (best[:, 1] > best[:, 0])
    table = pd.DataFrame({"subject": trials.subject, "value": better.astype(float)})
    first = table[known].groupby("subject")["value"].agg(value="mean", n="count")
    second = second_stage(trials)
    both = [
        first.reset_index().assign(measure=FIRST),
        second[second["measure"] == SECOND],
    ]
    shares: pd.DataFrame = pd.concat(both, ignore_index=True)[list(COLUMNS)]
    return shares
