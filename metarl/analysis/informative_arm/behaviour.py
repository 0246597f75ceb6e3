"""Choices and regret in the informative-arm task, from the trial table.

Arms and trials are numbered from 1 in every table here.

Source: Wang et al. 2016, arXiv 1611.05763, section 3.1.3.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from metarl.analysis.measures import stack
from metarl.analysis.schema import (
    BASE_SCHEMA,
    Array,
    Derived,
    Flags,
    number,
    numbers,
    whole,
)
from metarl.analysis.statistics import column_means, known_mean
from metarl.analysis.trials import EpisodeGrid, episode_grid, trial_sequence

KINDS = ("informative arm", "target")
"""Choices that are counted."""
SCHEMA = BASE_SCHEMA.extend(
    "informative-arm",
    choice=whole(blank=True, meaning="arm, from 0; the last one is informative"),
    target=whole(meaning="arm with the largest reward, from 0"),
)
"""Columns of the networks' trial table."""


def informative_of(table: pd.DataFrame) -> "pd.Series[float]":
    """The informative arm if no column names it: the highest number of the table."""
    columns = [k for k in ("choice", "target") if k in table]
    highest = max(float(np.nanmax(numbers(table, k), initial=0)) for k in columns)
    return pd.Series(highest, table.index)


OWN_SCHEMA = BASE_SCHEMA.extend(
    "informative-arm",
    derived={
        "informative": Derived(
            ("choice",), informative_of, "the highest number of the table"
        )
    },
    choice=whole(
        blank=True,
        least=0,
        meaning="chosen arm, counted from 0",
        example="3",
        options=True,
    ),
    reward=number(
        meaning="reward of the trial, of any size", unit="reward units", example="5"
    ),
    informative=whole(
        least=0,
        meaning="number of the informative arm",
        example="10",
        own=True,
        options=True,
    ),
    target=whole(
        least=0,
        blank=True,
        required=False,
        meaning="arm with the largest expected reward",
        example="3",
        options=True,
    ),
)
"""Columns of a table of animals or people; the target need not be known."""


@dataclass(frozen=True, kw_only=True)
class Design:
    """Numbers of the task, and the expected rewards that follow from them.

    The defaults are the published numbers. The bounds, in reward units, hold for no
    more trials than there are ordinary arms.
    """

    arm_count: int = 11
    """Number of arms; the last one is informative."""
    trial_count: int = 5
    """Trials per episode."""
    reward_target: float = 5.0
    """Reward of the target arm, in reward units."""
    reward_other: float = 1.0
    """Reward of any other ordinary arm, in reward units."""

    @classmethod
    def read(cls, parameters: Mapping[str, object]) -> "Design":
        """The numbers of a task with these parameters; the published ones otherwise."""
        names = [field.name for field in fields(cls)]
        known: dict[str, Any] = {k: parameters[k] for k in names if k in parameters}
        return cls(**known)

    @property
    def ordinary_count(self) -> int:
        """Number of arms that are not informative."""
        return self.arm_count - 1

    @property
    def clue(self) -> float:
        """Expected reward of the informative arm."""
        share = (self.ordinary_count + 1) / (2 * self.ordinary_count)
        return self.reward_other * share

    @property
    def random(self) -> float:
        """Expected reward of random choice."""
        others = (self.ordinary_count - 1) * self.reward_other
        each_once = self.reward_target + others + self.clue
        return self.trial_count * each_once / self.arm_count

    @property
    def guesser(self) -> float:
        """Largest expected reward without the informative arm.

        No ordinary arm is tried twice until the target is found.
        """
        extra = self.reward_target - self.reward_other
        trials = range(1, self.trial_count + 1)
        probabilities = [min(1, trial / self.ordinary_count) for trial in trials]
        return sum(
            self.reward_other + extra * probability for probability in probabilities
        )

    @property
    def informed(self) -> float:
        """Expected reward of the informative arm first, then the target.

        The optimum in the published task.
        """
        return self.clue + (self.trial_count - 1) * self.reward_target


def read_choices(trials: pd.DataFrame) -> EpisodeGrid:
    """A checked trial table by episode and trial: choice, target (from 0), reward."""
    sequence = trial_sequence(trials, SCHEMA)
    return episode_grid(sequence, ("choice", "target", "reward"))


def choices_by_trial(grid: EpisodeGrid, design: Design) -> pd.DataFrame:
    """How often the informative arm and the target are chosen in each trial.

    Returns:
        One row a subject, kind and trial: subject, kind, trial, probability.
    """
    return stack(
        (
            {"subject": subject, "kind": kind},
            _by_trial("probability", column_means(hits)),
        )
        for subject, own in grid.iter_subjects()
        for kind, hits in zip(KINDS, _hits(own, design), strict=True)
    )


def _by_trial(name: str, values: Array) -> pd.DataFrame:
    """(T,) values, one row a trial."""
    return pd.DataFrame({"trial": np.arange(1, len(values) + 1), name: values})


def _hits(grid: EpisodeGrid, design: Design) -> tuple[Array, Array]:
    """(E, T) each: informative arm, target chosen; 0, 1, or NaN without a choice."""
    choice, target = grid["choice"], grid["target"]
    missing = np.isnan(choice)
    informative = np.where(missing, np.nan, choice == design.ordinary_count)
    return informative, np.where(missing, np.nan, choice == target)


def regret_by_trial(grid: EpisodeGrid, design: Design) -> pd.DataFrame:
    """Regret, the target's reward minus the reward, summed over the trials so far.

    A trial without a reward in the table has the mean regret of its episode.

    Returns:
        One row a subject and trial: subject, trial, regret (mean over episodes, in
        reward units).
    """
    frames = []
    for subject, own in grid.iter_subjects():
        regret = column_means((design.reward_target - _rewards(own)).cumsum(axis=1))
        frames.append(({"subject": subject}, _by_trial("regret", regret)))
    return stack(frames)


def _rewards(grid: EpisodeGrid) -> Array:
    """(E, T) rewards; the mean of its episode where a trial has none."""
    reward = grid["reward"]
    return np.where(np.isnan(reward), column_means(reward.T)[:, None], reward)


def choices_after_clue(grid: EpisodeGrid, design: Design) -> pd.DataFrame:
    """Arms chosen after the informative arm, for each target.

    Returns:
        One row a subject, target and arm: subject, target, arm, probability (of the
        arm among all choices of the episode after the first of the informative arm;
        NaN where there was none).
    """
    shape = design.ordinary_count, design.arm_count
    targets, arms = np.divmod(np.arange(shape[0] * shape[1]), design.arm_count)
    cells = pd.DataFrame({"target": targets + 1, "arm": arms + 1})
    return stack(
        ({"subject": subject}, cells.assign(probability=_shares(own, design).ravel()))
        for subject, own in grid.iter_subjects()
    )


def _shares(grid: EpisodeGrid, design: Design) -> Array:
    """(targets, arms) share of each arm in the choices after the clue."""
    shape = design.ordinary_count, design.arm_count
    later = _after_clue(grid, design)
    choice, target = grid["choice"][later], grid["target"][later]
    cells = (target * design.arm_count + choice).astype(np.int64)
    counts = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
    total = counts.sum(axis=1, keepdims=True)
    shares = np.full(shape, np.nan)
    np.divide(counts, total, out=shares, where=total > 0)
    return shares


def _after_clue(grid: EpisodeGrid, design: Design) -> Flags:
    """(E, T) bool: choices made after the informative arm was first chosen."""
    informative = grid["choice"] == design.ordinary_count
    before = np.zeros_like(informative)
    before[:, 1:] = np.logical_or.accumulate(informative, axis=1)[:, :-1]
    later: Flags = before & np.isfinite(grid["choice"])
    return later


def subject_choices(grid: EpisodeGrid, design: Design) -> pd.DataFrame:
    """Rewards and choices of each subject.

    Returns:
        One row a subject: subject, reward_per_episode, informative_first (P(informative
        arm) in the first trial), target_later (P(target) in all others),
        target_after_clue (P(target) after the informative arm was chosen; NaN where it
        never was), target_after_clue_least (the least over targets that occurred after
        one) and choices (that count, in all trials).
    """
    rows = []
    for subject, own in grid.iter_subjects():
        informative, hit = _hits(own, design)
        on_target = _shares(own, design).diagonal()
        rows.append(
            {
                "subject": subject,
                "reward_per_episode": known_mean(_rewards(own).sum(axis=1)),
                "informative_first": known_mean(informative[:, 0]),
                "target_later": known_mean(hit[:, 1:]),
                "target_after_clue": known_mean(hit[_after_clue(own, design)]),
                "target_after_clue_least": np.nanmin(on_target)
                if np.isfinite(on_target).any()
                else np.nan,
                "choices": int(np.isfinite(own["choice"]).sum()),
            }
        )
    return pd.DataFrame(rows)
