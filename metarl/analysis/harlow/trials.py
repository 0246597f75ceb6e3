"""How often the thing that pays is selected, trial by trial of a problem.

Trials are numbered from 1 in every table made here. Declared: accuracy is over the
trials with a selection. Those without one are counted apart: the step cap ended them,
or ended the problem before they began.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from metarl.analysis.data import READ_COLUMNS, check_columns
from metarl.analysis.schema import Array, check_codes, check_once, check_whole, numbers

COLUMNS = (*READ_COLUMNS, "correct")
"""Columns that the analysis needs."""
CEILING = 0.967
"""Accuracy in the second trial at which a network counts as having reached the ceiling:
that of the paper's 14 best networks (Wang et al. 2018, Fig. 6c)."""
LATER = (2, 6)
"""First and last trial in which a learner can know what pays."""


def check_trials(trials: pd.DataFrame) -> None:
    """Raise MetaRLError unless the trial table can be analysed."""
    check_columns(list(trials.columns), COLUMNS, "the learning-set trial table")
    check_whole(trials)
    check_once(trials)
    correct = numbers(trials, "correct")
    allowed = np.isin(correct, (0, 1)) | np.isnan(correct)
    check_codes(correct, allowed, "correct", "0, 1 or blank")


def accuracy_by_trial(trials: pd.DataFrame) -> pd.DataFrame:
    """Share of selections that were correct.

    Returns:
        One row a subject and trial: subject, trial, accuracy (NaN without a selection),
        selections.
    """
    made = pd.DataFrame(
        {
            "subject": trials["subject"].to_numpy(),
            "trial": trials["trial"].to_numpy() + 1,
            "correct": numbers(trials, "correct"),
        }
    )
    found = made.groupby(["subject", "trial"])["correct"].agg(["mean", "count"])
    columns = {"mean": "accuracy", "count": "selections"}
    return found.rename(columns=columns).reset_index()


def subject_accuracy(trials: pd.DataFrame) -> pd.DataFrame:
    """What each subject did.

    Returns:
        One row a subject: subject, first_trial, second_trial, later_trials (accuracy in
        trial 1, in trial 2, in trials 2 to 6), second_trials (selections behind the
        second), missing (share of the trials due without a selection; every problem is
        due as many as the table's longest has), steps (decisions a trial; NaN where the
        table has none), reward_per_episode, ceiling (1 where the second trial is at
        `CEILING`, else 0).
    """
    table = trials.assign(correct=numbers(trials, "correct"))
    due = int(trials["trial"].max()) + 1
    rows = []
    for subject, own in table.groupby("subject"):
        trial = own["trial"].to_numpy() + 1
        correct = own["correct"].to_numpy()
        later = (trial >= LATER[0]) & (trial <= LATER[1])
        second = _mean(correct[trial == LATER[0]])
        episodes = own.groupby(["session", "episode"])["reward"].sum()
        rows.append(
            {
                "subject": subject,
                "first_trial": _mean(correct[trial == 1]),
                "second_trial": second,
                "later_trials": _mean(correct[later]),
                "second_trials": float(np.isfinite(correct[trial == LATER[0]]).sum()),
                "missing": 1 - np.isfinite(correct).sum() / (due * len(episodes)),
                "steps": float(own["steps"].mean()) if "steps" in own else np.nan,
                "reward_per_episode": float(episodes.mean()),
                "ceiling": float(second >= CEILING),
            }
        )
    return pd.DataFrame(rows)


def _mean(values: Array) -> float:
    """Mean of those that are known; NaN where none is."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else np.nan


def by_test(
    tests: Mapping[tuple[str, str], pd.DataFrame],
) -> dict[str, pd.DataFrame]:
    """Accuracy of several groups in several tests.

    Args:
        tests: (group, test) -> trial table.

    Returns:
        accuracy (`accuracy_by_trial`) and subjects (`subject_accuracy`), each with the
        columns group and test first.
    """
    made: dict[str, list[pd.DataFrame]] = {"accuracy": [], "subjects": []}
    for (group, test), trials in tests.items():
        check_trials(trials)
        parts = (accuracy_by_trial(trials), subject_accuracy(trials))
        for name, part in zip(made, parts, strict=True):
            part.insert(0, "test", test)
            part.insert(0, "group", group)
            made[name].append(part)
    return {k: pd.concat(parts, ignore_index=True) for k, parts in made.items()}


def ceiling_table(subjects: pd.DataFrame) -> pd.DataFrame:
    """How many subjects are at the ceiling, in one row.

    Returns:
        reached, n; share, with low and high, its exact 95 % interval.
    """
    reached, count = int(subjects["ceiling"].sum()), len(subjects)
    low, high = stats.binomtest(reached, count).proportion_ci()
    row = (reached, count, reached / count, low, high)
    columns = ["reached", "n", "share", "low", "high"]
    return pd.DataFrame([row], columns=columns)
