"""Regret of bandit choices, from the trial table alone.

The regret of a trial is the best arm's probability of reward minus that of the chosen
arm: the expected loss, whatever the outcome.

Source: Wang et al. 2016, arXiv:1611.05763, Fig. 2; Wang et al. 2018, Fig. 1.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarl.analysis.arms import check_arms, mean_columns
from metarl.analysis.data import ExperimentData
from metarl.analysis.measures import stack
from metarl.analysis.schema import BASE_SCHEMA, Array, Integers, between, whole
from metarl.analysis.statistics import mean

Floats = NDArray[np.float32]

PROBABILITY = "probability_"
"""Start of the columns of the arms' probabilities of reward; the arm's number
follows."""
SCHEMA = BASE_SCHEMA.extend(
    "bandit",
    choice=whole(blank=True, meaning="chosen arm, from 0"),
    probability_0=between(0, 1, meaning="first arm's probability of reward"),
    probability_1=between(0, 1, meaning="second arm's probability of reward"),
)
"""Columns of the networks' trial table; there may be more arms."""
OWN_SCHEMA = BASE_SCHEMA.extend(
    "bandit",
    check_arms(PROBABILITY),
    choice=whole(
        blank=True,
        least=0,
        meaning="chosen arm, counted from 0",
        example="2",
        options=True,
    ),
    further=mean_columns(PROBABILITY, "probability of reward"),
)
"""Columns of a table of animals or people; arms need not be described."""
BOUNDS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Bounds of the classes of problems, of a probability or of their difference."""
MIDDLES = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Middle of each class."""
SUBJECT_COLUMNS = (
    "subject",
    "episodes",
    "trials",
    "regret",
    "random_regret",
    "regret_saved",
    "suboptimal",
    "missed",
    "incomplete",
)
"""Columns of the table of `subject_regrets`."""
RASTERS = {"medium": "P(reward)\n.25, .75", "hard": "P(reward)\n.4, .6"}
"""Test -> its problems in words; those of the published raster."""
RASTER_GAPS = {
    "apart by\n> .5": (0.5, 1.0),
    "apart by\n.1 to .3": (0.1, 0.3),
}
"""Problems of the main test in words -> range of the difference between the best
arms."""
RASTER_ROWS = 40
"""Most episodes of a kind in the raster."""
EARLY, LATE = 20, 20
"""Trials at the start and at the end of an episode, in which switches are counted."""
SETTLED_RUN = 10
"""Trials with the same arm in a row, after which a network counts as settled."""
SETTLING_COLUMNS = ("subject", "early", "late", "settled")
"""Columns of the table of `settling`."""


@dataclass(frozen=True, kw_only=True)
class Problems:
    """One subject's whole episodes: E problems of T trials, with N arms each."""

    episode: Integers
    """(E,) number of the episode."""
    probabilities: Floats
    """(E, N) of reward, of each arm."""
    regret: Floats
    """(E, T) of each trial, in reward units, at least 0; the best arm's probability
    without a valid choice."""
    missed: NDArray[np.bool_]
    """(E, T) whether there was no valid choice."""
    incomplete: int
    """Further episodes, which lack a trial and are left out."""

    @property
    def best(self) -> Floats:
        """(E,) the best arm's probability of reward."""
        best: Floats = self.probabilities.max(axis=1, initial=0.0)
        return best

    @property
    def gap(self) -> Floats:
        """(E,) probability of the best arm minus that of the second best."""
        ordered = np.sort(self.probabilities, axis=1)
        gap: Floats = ordered[:, -1] - ordered[:, -2]
        return gap

    @property
    def random_regret(self) -> Array:
        """(E,) expected regret per episode of random choice."""
        mean = self.probabilities.mean(axis=1, dtype=float)
        cost: Array = self.regret.shape[1] * (self.best - mean)
        return cost

    @property
    def final(self) -> Array:
        """(E,) regret of the whole episode."""
        final: Array = self.regret.sum(axis=1, dtype=float)
        return final


Players = Mapping[int, Problems]
"""Subject -> its problems."""


def read_problems(trials: pd.DataFrame) -> dict[int, Problems]:
    """Problems of each subject of a checked trial table.

    Episodes that lack a trial are left out, and counted. The first and the last trial
    of an episode are those with the least and the greatest number of the table. One
    subject is laid out at a time, so that a table of many millions of trials is never
    copied as a whole.
    """
    if not len(trials):
        return {}
    numbers = range(int(trials["trial"].min()), int(trials["trial"].max()) + 1)
    return {subject: _problems(part, numbers) for subject, part in _by_subject(trials)}


def _by_subject(trials: pd.DataFrame) -> Iterator[tuple[int, pd.DataFrame]]:
    """Rows of each subject; a view where they are adjacent."""
    subject = trials["subject"].to_numpy()
    names = np.sort(trials["subject"].unique())
    starts = np.flatnonzero(subject[1:] != subject[:-1]) + 1
    if len(starts) >= len(names):
        for name in names:
            yield int(name), trials[subject == name]
        return
    for start, stop in itertools.pairwise([0, *starts, len(subject)]):
        yield int(subject[start]), trials.iloc[start:stop]


def _problems(part: pd.DataFrame, numbers: range) -> Problems:
    count, every = len(numbers), part
    part = _whole_episodes(part, numbers)
    names = [name for name in part if str(name).startswith(PROBABILITY)]
    names.sort(key=lambda name: int(str(name).removeprefix(PROBABILITY)))
    # A problem is the same in all trials of its episode.
    first = part.iloc[::count]
    probabilities = first[names].to_numpy(np.float32)
    missing = len(names)
    choice = part["choice"].to_numpy(np.float32, na_value=missing).astype(np.int8)
    choice[(part["valid"] != 1).to_numpy()] = missing
    # Without a choice, no reward is possible.
    possible = np.column_stack([probabilities, np.zeros(len(first), np.float32)])
    arms = choice.reshape(-1, count).astype(np.int64)
    best = probabilities.max(axis=1, initial=0.0)[:, None]
    return Problems(
        episode=first["episode"].to_numpy(np.int64),
        probabilities=probabilities,
        regret=best - np.take_along_axis(possible, arms, axis=1),
        missed=arms == missing,
        incomplete=len(every[["session", "episode"]].drop_duplicates()) - len(first),
    )


def _whole_episodes(part: pd.DataFrame, numbers: range) -> pd.DataFrame:
    """Rows by session, episode and trial, only of episodes with all their trials."""
    count = len(numbers)
    keys = [part[name].to_numpy(np.int64) for name in ("session", "episode", "trial")]
    place = keys[1] - keys[1].min(initial=0)
    place += keys[0] * (place.max(initial=0) + 1)
    place = place * count + keys[2] - numbers.start
    if (place[1:] <= place[:-1]).any():
        order = np.argsort(place, kind="stable")
        part, place = part.iloc[order], place[order]
    _, which, sizes = np.unique(place // count, return_inverse=True, return_counts=True)
    whole_episode = sizes[which] == count
    return part if whole_episode.all() else part[whole_episode]


def subject_regrets(players: Players) -> pd.DataFrame:
    """Mean regret per episode of each subject.

    Returns:
        One row a subject: subject; episodes; trials of an episode; regret (reward
        units); random_regret, that of random choice on the same problems; regret_saved,
        1 - regret / random_regret: 0 at chance, 1 without any regret; suboptimal,
        choices of an arm that is not the best, or of none; missed, the share of trials
        without a valid choice; incomplete, episodes left out as they lack a trial.
    """
    rows = [_mean_regrets(subject, problems) for subject, problems in players.items()]
    return pd.DataFrame(rows, columns=list(SUBJECT_COLUMNS))


def _mean_regrets(subject: int, problems: Problems) -> dict[str, float]:
    regret, random_regret = mean(problems.final), mean(problems.random_regret)
    wrong = (problems.regret > 0).sum(axis=1)
    return {
        "subject": subject,
        "episodes": len(problems.episode),
        "trials": problems.regret.shape[1],
        "regret": regret,
        "random_regret": random_regret,
        "regret_saved": 1 - regret / random_regret if random_regret > 0 else np.nan,
        "suboptimal": mean(wrong.astype(float)),
        "missed": mean(problems.missed.astype(float)),
        "incomplete": problems.incomplete,
    }


def regret_by_trial(players: Players) -> pd.DataFrame:
    """Regret up to each trial, and the share of choices that are not the best.

    Returns:
        One row a subject with whole episodes and trial: subject, trial (from 1), regret
        (up to it, mean over episodes, reward units), suboptimal (in [0, 1]).
    """
    frames = []
    for subject, problems in players.items():
        if not len(problems.episode):
            continue
        columns = {
            "trial": np.arange(1, problems.regret.shape[1] + 1),
            "regret": problems.regret.mean(axis=0, dtype=float).cumsum(),
            "suboptimal": (problems.regret > 0).mean(axis=0),
        }
        frames.append(({"subject": subject}, pd.DataFrame(columns)))
    return stack(frames, ("subject", "trial", "regret", "suboptimal"))


def settling(players: Players) -> pd.DataFrame:
    """When each subject stops switching between two arms.

    Args:
        players: subjects with problems of two arms of different probabilities.

    Returns:
        One row a subject: subject; early and late, shares of trials with another arm
        than on the trial before, in the first EARLY and the last LATE trials; settled,
        the first of SETTLED_RUN trials with the same arm (from 1; the trial after the
        last one where there is no such run), mean over episodes.
    """
    rows = []
    for subject, problems in players.items():
        best = problems.regret > 0
        same = (best[:, 1:] == best[:, :-1]) & ~problems.missed[:, 1:]
        if not same.size or same.shape[1] < SETTLED_RUN:
            continue
        early, late = (1 - same[:, part].mean() for part in _parts(same.shape[1]))
        rows.append((subject, early, late, mean(_first_of_run(same))))
    return pd.DataFrame(rows, columns=list(SETTLING_COLUMNS))


def _parts(count: int) -> tuple[slice, slice]:
    """Pairs of trials early and late in an episode."""
    return slice(0, min(EARLY - 1, count)), slice(max(count - LATE, 0), count)


def _first_of_run(same: NDArray[np.bool_]) -> Array:
    """(E,) first trial, from 1, of a run of SETTLED_RUN trials with the same arm."""
    runs = np.lib.stride_tricks.sliding_window_view(same, SETTLED_RUN - 1, axis=1)
    settled = np.asarray(runs.all(axis=2))
    first: Array = np.argmax(settled, axis=1) + 1.0
    return np.where(settled.any(axis=1), first, same.shape[1] + 2.0)


def regret_by_gap(players: Players) -> pd.DataFrame:
    """Regret per episode, by the difference between the two best arms.

    Returns:
        One row a subject and class of problems: subject, gap (one of MIDDLES), regret
        (reward units; NaN without a problem), episodes.
    """
    size = len(MIDDLES)
    frames = []
    for subject, problems in players.items():
        which = class_index(problems.gap)
        count = np.bincount(which, minlength=size)
        total = np.bincount(which, weights=problems.final, minlength=size)
        regret = np.full(size, np.nan)
        np.divide(total, count, out=regret, where=count > 0)
        columns = {"gap": MIDDLES, "regret": regret, "episodes": count}
        frames.append(({"subject": subject}, pd.DataFrame(columns)))
    return stack(frames, ("subject", "gap", "regret", "episodes"))


def class_index(values: Array | Floats) -> Integers:
    """(N,) class of each value in [0, 1], from 0; 1 is in the last class."""
    which: Integers = np.digitize(values, BOUNDS).astype(np.int64) - 1
    return which.clip(max=len(MIDDLES) - 1)


def rasters(data: ExperimentData, players: Players) -> pd.DataFrame:
    """Choices of some episodes of the first subject, the best arm or another.

    Args:
        data: with the tests of RASTERS, or the classes RASTER_GAPS of the main test are
            taken.
        players: the measured subjects in the main test.

    Returns:
        One row a problem, episode and trial: problem, row (sorted by suboptimal
        choices), trial (from 1), suboptimal.
    """
    frames = []
    if all(name in data.tests for name in RASTERS):
        for test, words in RASTERS.items():
            for problems in _first(data.tests[test]).values():
                frames.append(({"problem": words}, _raster(problems.regret)))
    else:
        for subject in sorted(players)[:1]:
            problems = players[subject]
            for words, (low, high) in RASTER_GAPS.items():
                within = (problems.gap >= low) & (problems.gap <= high)
                frames.append(({"problem": words}, _raster(problems.regret[within])))
    return stack(frames, ("problem", "row", "trial", "suboptimal"))


def _first(trials: pd.DataFrame) -> Players:
    """The first subject alone."""
    return read_problems(trials[trials["subject"] == trials["subject"].min()])


def _raster(regret: Floats) -> pd.DataFrame:
    wrong = regret[:RASTER_ROWS] > 0
    wrong = wrong[np.argsort(wrong.sum(axis=1), kind="stable")]
    rows, count = wrong.shape
    return pd.DataFrame(
        {
            "row": np.repeat(np.arange(rows), count),
            "trial": np.tile(np.arange(1, count + 1), rows),
            "suboptimal": wrong.ravel(),
        }
    )
