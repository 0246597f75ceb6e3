"""What bandit choices cost, subject by subject, from the trial table alone.

The regret of a trial is how much better the best arm's chance of reward is than that of
the arm chosen: what the choice costs on average, whatever the luck.

Source: Wang et al. 2016, arXiv:1611.05763, Fig. 2; Wang et al. 2018, Fig. 1.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarl.analysis.data import READ_COLUMNS, check_columns

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

CHANCE = "probability_"
"""Columns of the arms' chances of reward start so; the arm's number follows."""
GAPS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Bounds of the classes of problems, by how much better the best arm is."""
SUBJECT_COLUMNS = (
    "subject",
    "episodes",
    "trials",
    "regret",
    "random_regret",
    "regret_saved",
    "suboptimal",
)
"""Columns of the table of `subject_regrets`."""


@dataclass(frozen=True, kw_only=True)
class Problems:
    """One subject's whole episodes: E problems of T trials, with N arms each."""

    episode: Integers
    """(E,) number of the episode."""
    chances: Floats
    """(E, N) of reward, of each arm."""
    regret: Floats
    """(E, T) of each trial, in reward units, at least 0."""

    @property
    def best(self) -> Floats:
        """(E,) the best arm's chance of reward."""
        best: Floats = self.chances.max(axis=1, initial=0.0)
        return best

    @property
    def gap(self) -> Floats:
        """(E,) how much better the best arm is than the second best."""
        ordered = np.sort(self.chances, axis=1)
        gap: Floats = ordered[:, -1] - ordered[:, -2]
        return gap

    @property
    def random_regret(self) -> Array:
        """(E,) what choosing at random costs in an episode, on average."""
        mean = self.chances.mean(axis=1, dtype=float)
        cost: Array = self.regret.shape[1] * (self.best - mean)
        return cost

    @property
    def final(self) -> Array:
        """(E,) regret of the whole episode."""
        final: Array = self.regret.sum(axis=1, dtype=float)
        return final


def problems_by_subject(trials: pd.DataFrame) -> Iterator[tuple[int, Problems]]:
    """Each subject's problems in turn; episodes that lack a trial are left out.

    One subject is laid out at a time, so that a table of many millions of trials is
    never copied as a whole.

    Args:
        trials: trial table with a column of each arm's chance of reward.
    """
    needed = (*READ_COLUMNS, f"{CHANCE}0", f"{CHANCE}1")
    check_columns(list(trials.columns), needed, "the bandit trial table")
    count = int(trials["trial"].max()) + 1 if len(trials) else 0
    for subject, part in _by_subject(trials):
        yield subject, _problems(part, count)


def _by_subject(trials: pd.DataFrame) -> Iterator[tuple[int, pd.DataFrame]]:
    """Each subject's rows; a view where they stand together."""
    subject = trials["subject"].to_numpy()
    names = np.sort(trials["subject"].unique())
    starts = np.flatnonzero(subject[1:] != subject[:-1]) + 1
    if len(starts) >= len(names):
        for name in names:
            yield int(name), trials[subject == name]
        return
    for start, stop in itertools.pairwise([0, *starts, len(subject)]):
        yield int(subject[start]), trials.iloc[start:stop]


def _problems(part: pd.DataFrame, count: int) -> Problems:
    part = _whole_episodes(part, count)
    names = [name for name in part if str(name).startswith(CHANCE)]
    names.sort(key=lambda name: int(str(name).removeprefix(CHANCE)))
    # A problem is the same in all trials of its episode.
    first = part.iloc[::count]
    chances = first[names].to_numpy(np.float32)
    missing = len(names)
    choice = part["choice"].to_numpy(np.float32, na_value=missing).astype(np.int8)
    # Where no arm was chosen nothing could be won.
    paid = np.column_stack([chances, np.zeros(len(chances), np.float32)])
    arms = choice.reshape(-1, count).astype(np.int64)
    regret = chances.max(axis=1, initial=0.0)[:, None] - np.take_along_axis(
        paid, arms, axis=1
    )
    return Problems(
        episode=first["episode"].to_numpy(np.int64), chances=chances, regret=regret
    )


def _whole_episodes(part: pd.DataFrame, count: int) -> pd.DataFrame:
    """Rows by session, episode and trial, only of episodes with all their trials."""
    keys = [part[name].to_numpy(np.int64) for name in ("session", "episode", "trial")]
    place = keys[1] - keys[1].min(initial=0)
    place += keys[0] * (place.max(initial=0) + 1)
    place = place * count + keys[2]
    if (place[1:] <= place[:-1]).any():
        order = np.argsort(place, kind="stable")
        part, place = part.iloc[order], place[order]
    _, which, sizes = np.unique(place // count, return_inverse=True, return_counts=True)
    whole = sizes[which] == count
    return part if whole.all() else part[whole]


def subject_regrets(subject: int, problems: Problems) -> dict[str, float]:
    """One subject's row: what its choices cost in an episode, on average.

    Returns:
        subject; episodes; trials of an episode; regret (reward units);
        random_regret, what choosing at random costs on the same problems;
        regret_saved, 1 - regret / random_regret: 0 at chance, 1 without any regret;
        suboptimal, pulls of an arm that is not the best.
    """
    regret, chance = _mean(problems.final), _mean(problems.random_regret)
    wrong = (problems.regret > 0).sum(axis=1)
    return {
        "subject": subject,
        "episodes": len(problems.episode),
        "trials": problems.regret.shape[1],
        "regret": regret,
        "random_regret": chance,
        "regret_saved": 1 - regret / chance if chance > 0 else np.nan,
        "suboptimal": _mean(wrong.astype(float)),
    }


def _mean(values: Array) -> float:
    return float(values.mean()) if len(values) else np.nan


def regret_by_trial(problems: Problems) -> pd.DataFrame:
    """Regret up to each trial, and chance of a pull that is not the best.

    Returns:
        One row a trial: trial (from 1), regret (up to it, reward units), suboptimal
        (in [0, 1]).
    """
    count = problems.regret.shape[1]
    if not len(problems.episode):
        return pd.DataFrame(columns=["trial", "regret", "suboptimal"], dtype=float)
    return pd.DataFrame(
        {
            "trial": np.arange(1, count + 1),
            "regret": problems.regret.mean(axis=0, dtype=float).cumsum(),
            "suboptimal": (problems.regret > 0).mean(axis=0),
        }
    )


def regret_by_gap(problems: Problems) -> pd.DataFrame:
    """Regret of an episode by how much better the best arm is.

    Returns:
        One row for each class of GAPS: gap (its middle), regret (reward units; NaN
        without a problem), episodes.
    """
    bounds = np.array(GAPS)
    which = np.clip(np.digitize(problems.gap, bounds) - 1, 0, len(bounds) - 2)
    count = np.bincount(which, minlength=len(bounds) - 1)
    total = np.bincount(which, weights=problems.final, minlength=len(bounds) - 1)
    middle = ((bounds[1:] + bounds[:-1]) / 2).round(3)
    regret = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    return pd.DataFrame({"gap": middle, "regret": regret, "episodes": count})
