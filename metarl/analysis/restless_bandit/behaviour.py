"""Regret of choices in the restless bandit, from the trial table.

Regret is the expected reward of the better arm of a trial minus that of the chosen arm,
whatever the outcome.

Source: Wang et al. 2016, arXiv 1611.05763, section 3.1.4.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from metarl.analysis.arms import check_arms, mean_columns
from metarl.analysis.measures import stack
from metarl.analysis.recordings import join_trials, steps_at
from metarl.analysis.schema import (
    BASE_SCHEMA,
    Array,
    Derived,
    between,
    codes,
    number,
    numbers,
    whole,
)
from metarl.analysis.statistics import column_means, known_mean
from metarl.analysis.trials import EpisodeGrid, episode_grid, trial_sequence
from metarl.core.files import Recording

VOLATILITIES = ("low", "high")
"""Kinds of episodes: in one of a kind, probabilities drift slowly or fast."""
SCHEMA = BASE_SCHEMA.extend(
    "restless-bandit",
    volatility=codes(*VOLATILITIES, meaning="how fast the probabilities drift"),
    probability_left=between(
        *(0, 1), meaning="reward probability of left; right has 1 minus it"
    ),
)
"""Columns of the networks' trial table."""
MEAN = "mean_"
"""Start of the columns of the arms' expected rewards; the arm's number follows."""


def _right(table: pd.DataFrame) -> "pd.Series[float]":
    return 1 - pd.Series(numbers(table, "probability_left"), table.index)


OWN_SCHEMA = BASE_SCHEMA.extend(
    "restless-bandit",
    check_arms(MEAN),
    derived={
        "mean_0": Derived(
            ("probability_left",),
            lambda t: pd.Series(numbers(t, "probability_left"), t.index),
            "the reward probability of left, where right has 1 minus it",
        ),
        "mean_1": Derived(("probability_left",), _right, "1 minus it"),
    },
    choice=whole(
        blank=True,
        least=0,
        meaning="chosen arm, counted from 0",
        example="2",
        options=True,
    ),
    reward=number(
        meaning="reward of the trial, of any size", unit="reward units", example="57"
    ),
    probability_left=between(
        *(0, 1),
        meaning="where two arms have p and 1 - p: reward probability of arm 0",
        blank=True,
        required=False,
    ),
    further=mean_columns(MEAN, "expected reward in this trial", "reward units"),
)
"""Columns of a table of animals or people; the drift need not be known."""
EXAMPLE_COLUMNS = (
    "subject",
    "episode",
    "volatility",
    "trial",
    "probability_left",
    "choice",
    "reward",
    "policy_left",
)
"""Columns of the table of examples."""


def read_episodes(trials: pd.DataFrame) -> EpisodeGrid:
    """Lay out a trial table that `SCHEMA` has checked, by episode and trial.

    Returns:
        Columns choice (0 left, 1 right), reward, probability_left; each episode has its
        volatility (low, high).
    """
    sequence = trial_sequence(trials, SCHEMA)
    columns = ("choice", "reward", "probability_left")
    return episode_grid(sequence, columns, by_episode=("volatility",))


def regrets(grid: EpisodeGrid) -> Array:
    """(E, T) regret of each trial, in reward units.

    A trial without a choice that counts has the mean of those of its episode that have
    one, so that episodes remain comparable; NaN without any, and where an episode has
    ended.
    """
    left, choice = grid["probability_left"], grid["choice"]
    chosen = np.where(choice == 0, left, 1 - left)
    cost = np.maximum(left, 1 - left) - chosen
    known = np.where(np.isfinite(choice), cost, np.nan)
    missed = np.isnan(known) & np.isfinite(left)
    return np.where(missed, column_means(known.T)[:, None], known)


def chance_regrets(grid: EpisodeGrid) -> Array:
    """(E, T) expected regret of a random choice, in reward units."""
    return np.abs(grid["probability_left"] - 0.5)


def regret_by_trial(grid: EpisodeGrid) -> pd.DataFrame:
    """Regret summed over the trials so far, mean over episodes.

    Returns:
        One row a subject and trial: subject, trial (from 1), regret (reward units).
    """
    frames = []
    for subject, own in grid.iter_subjects():
        regret = column_means(regrets(own).cumsum(axis=1))
        trial = np.arange(1, len(regret) + 1)
        columns = {"subject": subject, "trial": trial, "regret": regret}
        frames.append(pd.DataFrame(columns))
    return stack((({}, frame) for frame in frames), ("subject", "trial", "regret"))


def regret_by_volatility(grid: EpisodeGrid) -> pd.DataFrame:
    """Regret per episode, mean over quiet and over volatile ones.

    Returns:
        One row a subject and volatility (low, high): subject, volatility, regret
        (reward units; NaN where there is no such episode).
    """
    rows = []
    for subject, own in grid.iter_subjects():
        total = episode_regrets(own)
        for volatility in VOLATILITIES:
            part = total[(own.episodes["volatility"] == volatility).to_numpy()]
            rows.append((subject, volatility, known_mean(part)))
    return pd.DataFrame(rows, columns=["subject", "volatility", "regret"])


def episode_regrets(grid: EpisodeGrid) -> Array:
    """(E,) regret of each episode, in reward units; NaN without a choice."""
    regret = regrets(grid)
    known = np.isfinite(regret).any(axis=1)
    total: Array = np.where(np.isnan(regret), 0.0, regret).sum(axis=1)
    return np.where(known, total, np.nan)


def subject_regrets(grid: EpisodeGrid) -> pd.DataFrame:
    """Mean regret of each subject's episodes.

    Returns:
        One row a subject: subject, regret (per episode, reward units), chance_regret
        (of choosing at random in the same episodes) and regret_saved (share of
        the latter that was saved); episodes, those with a choice.
    """
    rows = []
    for subject, own in grid.iter_subjects():
        total = episode_regrets(own)
        random = np.nansum(chance_regrets(own), axis=1)
        regret, chance = known_mean(total), known_mean(random[np.isfinite(total)])
        saved = 1 - regret / chance if chance > 0 else np.nan
        rows.append((subject, regret, chance, saved, int(np.isfinite(total).sum())))
    columns = ["subject", "regret", "chance_regret", "regret_saved", "episodes"]
    return pd.DataFrame(rows, columns=columns)


def example_episodes(
    trials: pd.DataFrame, recordings: Mapping[int, Recording]
) -> pd.DataFrame:
    """A quiet and a volatile episode of one subject, trial by trial.

    Declared: the first of each kind, of the first subject that was recorded (of the
    first subject where none was).

    Returns:
        Columns EXAMPLE_COLUMNS; policy_left is the probability of choosing left, NaN
        without a recording.
    """
    subject = min(recordings, default=trials["subject"].min())
    own = trials[trials["subject"] == subject]
    if recordings:
        own = _with_policy(recordings[subject], own)
    else:
        own = own.assign(policy_left=np.nan)
    own = own.sort_values(["episode", "trial"])
    first = own[["volatility", "episode"]].drop_duplicates("volatility")
    shown = own.merge(first, on=["volatility", "episode"])
    return shown[list(EXAMPLE_COLUMNS)]


def _with_policy(recording: Recording, trials: pd.DataFrame) -> pd.DataFrame:
    """The recorded trials, with policy_left."""
    steps = steps_at(recording, "choice")
    policy = np.asarray(recording["policy"], float)[steps["row"], 0]
    return join_trials(steps.assign(policy_left=policy), trials)
