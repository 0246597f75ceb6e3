"""How often the rewarded object is selected, trial by trial of a problem.

Trials are numbered from 1 in every table here: 1 is the least number of the trial
table. Declared: accuracy is over the trials that count, which are valid, free and have
a selection. The others are counted separately: in a network, the step cap ended them,
or ended the problem before they began.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import stats

from metarl.analysis.recordings import join_trials, steps_at
from metarl.analysis.schema import (
    BASE_SCHEMA,
    Array,
    Column,
    Derived,
    Integers,
    codes,
    is_blank,
    number,
)
from metarl.analysis.statistics import known_mean
from metarl.analysis.trials import TrialSequence, trial_sequence
from metarl.core.files import Recording

MAIN = "test"
"""Name of the main test."""
CEILING = 0.967
"""Accuracy in the second trial at which a network counts as having reached the ceiling:
that of the paper's 14 best networks (Wang et al. 2018, Fig. 6c)."""
LATER = (2, 6)
"""First and last trial in which a learner can know which object is rewarded."""


def correct_of(table: pd.DataFrame) -> "pd.Series[float]":
    """Whether the rewarded object was selected, from the two objects' names."""
    chosen, rewarded = table["object"], table["rewarded_object"]
    same = (chosen == rewarded).astype(float)
    return same.where(~is_blank(chosen.to_numpy(object)))


SCHEMA = BASE_SCHEMA.extend(
    "learning-set",
    derived={
        "correct": Derived(
            ("object", "rewarded_object"), correct_of, "1 where the two are the same"
        ),
        "choice": Derived(
            ("correct",), lambda table: table["correct"], "1 for the rewarded object"
        ),
    },
    episode=replace(
        BASE_SCHEMA.columns["episode"],
        meaning="number of the problem, in the order in which they were met",
        example="31",
    ),
    choice=codes(
        *(0, 1),
        names=("left", "right"),
        blank=True,
        meaning="selected side; no measure is of sides",
    ),
    reward=replace(
        BASE_SCHEMA.columns["reward"], default=np.nan, meaning="reward of the trial"
    ),
    object=Column(
        words=True,
        required=False,
        own=True,
        meaning="name of the selected object",
        example="cup",
    ),
    rewarded_object=Column(
        words=True,
        required=False,
        own=True,
        meaning="name of the rewarded object",
        example="cup",
    ),
    correct=codes(
        *(0, 1),
        blank=True,
        meaning="whether the rewarded object was selected",
        example="1",
    ),
    steps=number(meaning="decisions in the trial", required=False),
    target_left=codes(
        *(0, 1),
        blank=True,
        meaning="whether the rewarded object was on the left",
        required=False,
    ),
)
"""Columns of the trial table."""


def read_trials(trials: pd.DataFrame) -> TrialSequence:
    """Sort a trial table that `SCHEMA` has checked."""
    return trial_sequence(trials, SCHEMA, needs=("correct",))


def _counted(trials: TrialSequence) -> Array:
    """(N,) whether the selection was correct; NaN in a trial that does not count."""
    return np.where(trials.usable, trials["correct"], np.nan)


def _numbers(trials: TrialSequence, first: int) -> Integers:
    """(N,) numbers of the trials in their problems, from 1."""
    return trials.trial - first + 1


def accuracy_by_trial(trials: TrialSequence) -> pd.DataFrame:
    """Share of selections that were correct.

    Returns:
        One row a subject and trial: subject, trial, accuracy (NaN without a selection),
        selections.
    """
    table = pd.DataFrame(
        {
            "subject": trials.subject,
            "trial": _numbers(trials, int(trials.trial.min())),
            "correct": _counted(trials),
        }
    )
    shares = table.groupby(["subject", "trial"])["correct"].agg(["mean", "count"])
    columns = {"mean": "accuracy", "count": "selections"}
    return shares.rename(columns=columns).reset_index()


def subject_accuracy(trials: TrialSequence) -> pd.DataFrame:
    """Accuracy and effort of each subject.

    Returns:
        One row a subject: subject, first_trial, second_trial, later_trials (accuracy in
        trial 1, in trial 2, in trials 2 to 6), second_trials (selections behind the
        second), missing (share of the expected trials without a selection; every
        problem should have as many as the longest of the table), steps (decisions a
        trial; NaN where the table has none), reward_per_episode, ceiling (1 where the
        second trial is at `CEILING`, else 0).
    """
    first, last = int(trials.trial.min()), int(trials.trial.max())
    return pd.DataFrame(
        [
            {"subject": subject, **_accuracy(own, range(first, last + 1))}
            for subject, own in trials.iter_subjects()
        ]
    )


def _accuracy(trials: TrialSequence, due: range) -> dict[str, float]:
    """Numbers of one subject; `due` are the expected trial numbers of a problem."""
    correct, number = _counted(trials), _numbers(trials, due.start)
    second = correct[number == LATER[0]]
    accuracy = known_mean(second)
    selections = np.isfinite(correct).sum()
    rewards = pd.Series(trials["reward"]).groupby(trials.episode_index).sum()
    return {
        "first_trial": known_mean(correct[number == 1]),
        "second_trial": accuracy,
        "later_trials": known_mean(
            correct[(number >= LATER[0]) & (number <= LATER[1])]
        ),
        "second_trials": float(np.isfinite(second).sum()),
        "missing": 1 - selections / (len(due) * len(trials.starts)),
        "steps": known_mean(trials["steps"]),
        "reward_per_episode": float(rewards.mean()),
        "ceiling": float(accuracy >= CEILING),
    }


def ceiling_table(subjects: pd.DataFrame) -> pd.DataFrame:
    """Number of subjects at the ceiling, in one row.

    Returns:
        reached, n; share, with low and high, its exact 95 % interval.
    """
    reached, count = int(subjects["ceiling"].sum()), len(subjects)
    low, high = stats.binomtest(reached, count).proportion_ci()
    row = (reached, count, reached / count, low, high)
    columns = ["reached", "n", "share", "low", "high"]
    return pd.DataFrame([row], columns=columns)


def gaze_table(recording: Recording, trials: pd.DataFrame, most: int) -> pd.DataFrame:
    """Gaze from the appearance of the pictures on, in turns towards the rewarded one.

    Args:
        recording: step recording of one subject, whole episodes.
        trials: that subject's trial table, with target_left.
        most: problems to keep.

    Returns:
        subject, episode, trial (from 1), decision (0 when the pictures appear), gaze
        (turns from the cross, positive towards the target); each trial ends where a
        picture is selected.
    """
    steps = steps_at(recording, "choice", ("action",))
    steps = steps[steps["episode"].isin(np.unique(steps["episode"])[:most])]
    steps = join_trials(steps, trials, ("target_left",))
    towards = np.where(steps["target_left"] == 1, -1, 1)
    turn: pd.Series[float] = steps["action"].map({0: -1.0, 1: 1.0}).fillna(0.0)
    keys = [steps["episode"], steps["trial"]]
    after = pd.DataFrame(
        {
            "subject": trials["subject"].iloc[0],
            "episode": steps["episode"],
            "trial": steps["trial"] + 1,
            "decision": steps.groupby(keys).cumcount() + 1,
            "gaze": (turn * towards).groupby(keys).cumsum(),
        }
    )
    start = after.drop_duplicates(["episode", "trial"]).assign(decision=0, gaze=0.0)
    order = ["episode", "trial", "decision"]
    return pd.concat([start, after]).sort_values(order, ignore_index=True)
