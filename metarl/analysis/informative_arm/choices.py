"""What is chosen where one arm tells which other pays best, from the trial table.

Arms and trials are numbered from 1 in every table made here. Regret is what the target
would have paid, less what was paid.

Source: Wang et al. 2016, arXiv 1611.05763, section 3.1.3.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarl.analysis.bridge import grid_of
from metarl.analysis.data import READ_COLUMNS, check_columns
from metarl.analysis.schema import Array, numbers
from metarl.analysis.trials import EpisodeGrid

COLUMNS = (*READ_COLUMNS, "target")
"""Columns that the analysis needs."""
TARGET_REWARD = 5.0
"""What the target arm pays."""
OTHER_REWARD = 1.0
"""What an ordinary arm pays that is not the target."""
ARM_COUNT = 11
"""Arms of the published task; the last one is informative."""
TRIAL_COUNT = 5
"""Trials of an episode of the published task."""
KINDS = ("informative arm", "target")
"""Choices that are counted."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Reward per episode that can be expected, in reward units."""

    random: float
    """Of one who takes any arm, all as often."""
    guesser: float
    """The most without ever asking: of one who tries no ordinary arm twice."""
    informed: float
    """Of one who asks first and then takes the target: the optimum as published."""


def bounds(arm_count: int = ARM_COUNT, trial_count: int = TRIAL_COUNT) -> Bounds:
    """What can be earned, worked out; no more trials than ordinary arms."""
    ordinary = arm_count - 1
    clue = (ordinary + 1) / (2 * ordinary)
    once = TARGET_REWARD + (ordinary - 1) * OTHER_REWARD + clue
    extra = TARGET_REWARD - OTHER_REWARD
    found = [min(1, trial / ordinary) for trial in range(1, trial_count + 1)]
    return Bounds(
        random=trial_count * once / arm_count,
        guesser=sum(OTHER_REWARD + extra * chance for chance in found),
        informed=clue + (trial_count - 1) * TARGET_REWARD,
    )


def choice_grid(trials: pd.DataFrame) -> EpisodeGrid:
    """The trial table by episode and trial: choice, target (from 0) and reward."""
    check_columns(list(trials.columns), COLUMNS, "the informative-arm trial table")
    names = ("choice", "target", "reward")
    return grid_of(trials, {name: numbers(trials, name) for name in names})


def choices_by_trial(grid: EpisodeGrid, arm_count: int) -> pd.DataFrame:
    """How often the informative arm and the target are chosen in each trial.

    Returns:
        One row a subject, trial and kind: subject, trial, kind, probability.
    """
    parts = []
    for subject, own in grid.iter_subjects():
        for kind, hits in zip(KINDS, _hits(own, arm_count), strict=True):
            shares = pd.DataFrame({"probability": np.nanmean(hits, axis=0)})
            shares.insert(0, "kind", kind)
            shares.insert(0, "trial", np.arange(1, len(shares) + 1))
            shares.insert(0, "subject", subject)
            parts.append(shares)
    return pd.concat(parts, ignore_index=True)


def _hits(grid: EpisodeGrid, arm_count: int) -> tuple[Array, Array]:
    """(E, T) each: informative arm, target chosen; 0, 1, or NaN without a choice."""
    choice, target = grid["choice"], grid["target"]
    missing = np.isnan(choice)
    asked = np.where(missing, np.nan, choice == arm_count - 1)
    return asked, np.where(missing, np.nan, choice == target)


def regret_by_trial(grid: EpisodeGrid) -> pd.DataFrame:
    """Regret summed over the trials so far, mean over episodes, in reward units.

    Returns:
        One row a subject and trial: subject, trial, regret.
    """
    parts = []
    for subject, own in grid.iter_subjects():
        regret = (TARGET_REWARD - own["reward"]).cumsum(axis=1).mean(axis=0)
        trial = np.arange(1, len(regret) + 1)
        columns = {"subject": subject, "trial": trial, "regret": regret}
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def choices_after_clue(grid: EpisodeGrid, arm_count: int) -> pd.DataFrame:
    """Which arm is chosen once the informative arm has been, for each target.

    Returns:
        One row a subject, target and arm: subject, target, arm, probability (of the
        arm among all choices of the episode after the first of the informative arm;
        NaN where there was none).
    """
    ordinary = arm_count - 1
    targets, arms = np.divmod(np.arange(ordinary * arm_count), arm_count)
    parts = []
    for subject, own in grid.iter_subjects():
        later = _after_clue(own, arm_count)
        choice, target = own["choice"][later], own["target"][later]
        cells = (target * arm_count + choice).astype(np.int64)
        counts = np.bincount(cells, minlength=ordinary * arm_count)
        counts = counts.reshape(ordinary, arm_count).astype(float)
        total = counts.sum(axis=1, keepdims=True)
        shares = np.divide(
            counts, total, out=np.full_like(counts, np.nan), where=total > 0
        )
        columns = {"subject": subject, "target": targets + 1, "arm": arms + 1}
        parts.append(pd.DataFrame(columns).assign(probability=shares.ravel()))
    return pd.concat(parts, ignore_index=True)


def _after_clue(grid: EpisodeGrid, arm_count: int) -> NDArray[np.bool_]:
    """(E, T) bool: choices made after the informative arm was first chosen."""
    asked = grid["choice"] == arm_count - 1
    before = np.zeros_like(asked)
    before[:, 1:] = np.logical_or.accumulate(asked, axis=1)[:, :-1]
    made: NDArray[np.bool_] = before & np.isfinite(grid["choice"])
    return made


def subject_choices(grid: EpisodeGrid, arm_count: int) -> pd.DataFrame:
    """What each subject did and earned.

    Returns:
        One row a subject: subject, reward_per_episode, informative_first (P(informative
        arm) in the first trial), target_later (P(target) in all others),
        target_after_clue (P(target) after the informative arm was chosen; NaN where it
        never was) and target_after_clue_least (the least over targets).
    """
    clues = choices_after_clue(grid, arm_count)
    hits = clues[clues["target"] == clues["arm"]].groupby("subject")["probability"]
    rows = []
    for subject, own in grid.iter_subjects():
        asked, hit = _hits(own, arm_count)
        told = _after_clue(own, arm_count)
        rows.append(
            {
                "subject": subject,
                "reward_per_episode": float(own["reward"].sum(axis=1).mean()),
                "informative_first": _mean(asked[:, 0]),
                "target_later": _mean(hit[:, 1:]),
                "target_after_clue": _mean(hit[told]),
            }
        )
    made = pd.DataFrame(rows)
    least = hits.agg(lambda shares: shares.min(skipna=False))
    return made.assign(target_after_clue_least=made["subject"].map(least))


def _mean(shares: Array) -> float:
    """Mean of those that are known; NaN where none is."""
    known = shares[np.isfinite(shares)]
    return float(known.mean()) if known.size else np.nan
