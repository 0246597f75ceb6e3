"""How often the risky arm is chosen, from the trial table of a network or an animal.

Only free trials with a choice count. A percentage is of one subject, at one chance of
the large reward.

Source: Stopper et al. 2014, Neuron 84:177; Wang et al. 2018, Nat Neurosci 21:860.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from metarl.analysis.data import READ_COLUMNS, check_columns
from metarl.analysis.schema import check_codes, numbers

COLUMNS = (*READ_COLUMNS, "risky", "probability_risky")
"""Columns that the behavioural analysis needs."""
DIGITS = 6
"""Decimals of a chance that are read; the table may hold it in single precision."""


def check_risky_choice(trials: pd.DataFrame) -> None:
    """Raise MetaRLError, in one sentence, unless the table is coded as documented."""
    check_columns(list(trials.columns), COLUMNS, "the risky-choice trial table")
    risky, forced = numbers(trials, "risky"), numbers(trials, "forced")
    coded = np.isnan(risky) | np.isin(risky, (0, 1))
    check_codes(risky, coded, "risky", "0, 1 or blank")
    check_codes(forced, np.isin(forced, (0, 1)), "forced", "0 or 1")
    chance = numbers(trials, "probability_risky")
    within = (chance >= 0) & (chance <= 1)
    check_codes(chance, within, "probability_risky", "in [0, 1]")


def free_trials(trials: pd.DataFrame) -> pd.DataFrame:
    """The free trials.

    Returns:
        One row a trial: subject, place (number of the free trial in its episode, from
        1), probability (of the large reward) and risky (0, 1, or NaN without a choice).
    """
    check_risky_choice(trials)
    free = numbers(trials, "forced") == 0
    number = numbers(trials, "trial")[free]
    first = number.min(initial=np.inf)
    return pd.DataFrame(
        {
            "subject": trials["subject"].to_numpy()[free],
            "place": (number - first + 1).astype(np.int64),
            "probability": numbers(trials, "probability_risky")[free].round(DIGITS),
            "risky": numbers(trials, "risky")[free],
        }
    )


def percent_risky(trials: pd.DataFrame) -> pd.DataFrame:
    """Percentage of free choices that are of the risky arm.

    Returns:
        One row for each subject and probability: percent in [0, 100], NaN without a
        free choice, and trials, the number of choices.
    """
    return _percent(trials, ["subject", "probability"])


def percent_by_trial(trials: pd.DataFrame) -> pd.DataFrame:
    """The same for each free trial of an episode.

    Returns:
        One row for each subject, probability and place (from 1): percent, trials.
    """
    return _percent(trials, ["subject", "probability", "place"])


def _percent(trials: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    free = free_trials(trials)
    risky = free.groupby(list(by))["risky"]
    counted = pd.DataFrame({"percent": 100 * risky.mean(), "trials": risky.count()})
    # A subject that never met a cell has its row, too, without a number.
    levels = [np.sort(free[name].unique()) for name in by]
    cells = pd.MultiIndex.from_product(levels, names=list(by))
    table = counted.reindex(cells).reset_index()
    table["trials"] = table["trials"].fillna(0).astype(np.int64)
    return table


def subject_table(trials: pd.DataFrame, high: float, low: float) -> pd.DataFrame:
    """What each subject risks and earns in free trials.

    Args:
        trials: trial table.
        high: the greater chance of the large reward.
        low: the lesser.

    Returns:
        One row a subject: percent_high, percent_low (of free choices, risky), and
        risk_sensitivity, their difference, in percentage points; reward_per_trial
        (free trials, penalties included) and invalid_fraction (of all trials).
    """
    subjects = pd.Index(np.sort(trials["subject"].unique()), name="subject")
    cells = percent_risky(trials).pivot_table(
        index="subject", columns="probability", values="percent", observed=True
    )
    cells = cells.reindex(index=subjects, columns=list({high, low}))
    free = trials[numbers(trials, "forced") == 0]
    earned = free.groupby("subject")["reward"].mean().astype(float)
    valid = trials.groupby("subject")["valid"].mean().astype(float)
    return pd.DataFrame(
        {
            "percent_high": cells[high],
            "percent_low": cells[low],
            "risk_sensitivity": cells[high] - cells[low],
            "reward_per_trial": earned.reindex(subjects),
            "invalid_fraction": 1 - valid.reindex(subjects),
        }
    ).reset_index()
