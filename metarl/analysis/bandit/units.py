"""What the units of a bandit player tell: where activity goes, and what it encodes.

An untrained network of the same size, fed the very same inputs, is the null: its units
tell of past rewards too, without having learned anything.

Source: Wang et al. 2018, Nat Neurosci 21:860, Fig. 1e-f.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarl.analysis.bandit.problems import Array, Integers, Problems
from metarl.analysis.decoding import (
    episode_folds,
    held_out_r2,
    predict_held_out,
    principal_components,
)
from metarl.core.files import Recording

CLASSES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Bounds of the classes of problems that trajectories are averaged over, by the chance
of reward of the left arm."""
COMPONENTS = 2
"""Principal components that are drawn."""
FOLDS = 10
"""Parts of the episodes; each is told from a fit to the others."""
RIDGE = 1.0
"""Penalty of the decoder on standardised units, in episodes."""
LEAST_EPISODES = 2 * FOLDS
"""Fewer episodes are not decoded."""
CODING_COLUMNS = (
    "subject",
    "episodes",
    "r2",
    "r2_untrained",
    "r2_gain",
    "variance",
    "variance_untrained",
)
"""Columns of the table of `coding`."""


class Activity(NamedTuple):
    """Units in E episodes of T trials."""

    left: Array
    """(E,) chance of reward of the left arm."""
    units: Array
    """(E, T, H) while choosing."""
    untrained: Array | None
    """(E, T, H) of the untrained network; None where it was not recorded."""


def activity(recording: Recording, problems: Problems) -> Activity | None:
    """The recorded episodes that the trial table knows; None where there are none.

    Args:
        recording: step recording of one subject.
        problems: of the same subject and test.
    """
    if "units" not in recording:
        return None
    acted = np.asarray(recording["action"]) >= 0
    episode = np.asarray(recording["episode"], np.int64)[acted]
    count = problems.regret.shape[1]
    whole = _whole(episode, count)
    known = np.isin(episode, problems.episode) & whole
    if not known.any() or recording["units"].shape[1] < COMPONENTS:
        return None
    names = episode[known][::count]
    place = np.searchsorted(problems.episode, names)
    untrained = None
    if "units_untrained" in recording:
        untrained = _shaped(recording["units_untrained"][acted][known], count)
    units = _shaped(recording["units"][acted][known], count)
    left = problems.chances[place, 0].astype(float)
    return Activity(left, units, untrained)


def _whole(episode: Integers, count: int) -> NDArray[np.bool_]:
    """(R,) whether a row's episode has as many rows as an episode has trials."""
    _, which, sizes = np.unique(episode, return_inverse=True, return_counts=True)
    whole: NDArray[np.bool_] = sizes[which] == count
    return whole


def _shaped(units: NDArray[np.generic], count: int) -> Array:
    return np.asarray(units, float).reshape(-1, count, units.shape[1])


class Paths(NamedTuple):
    """Principal components of the units over all trials."""

    scores: Array
    """(E, T, COMPONENTS) in units of activity."""
    variance: float
    """Share of the variance that they hold together, in [0, 1]."""
    shares: tuple[float, ...]
    """Share that each holds."""


def components(units: Array) -> Paths:
    """Principal components of (E, T, H) units; the sign makes the largest weight +."""
    found = principal_components(units.reshape(-1, units.shape[2]), COMPONENTS)
    scores = found.scores.reshape(*units.shape[:2], -1)
    return Paths(scores, float(found.shares.sum()), tuple(found.shares.tolist()))


def trajectories(found: Activity) -> pd.DataFrame:
    """Mean path of the units over an episode, by class of problem.

    Returns:
        One row for each class that occurs and each trial: left (middle of the class),
        trial (from 1), pc1, pc2 (units of activity), share1, share2 (of the variance),
        episodes.
    """
    made = components(found.units)
    bounds = np.array(CLASSES)
    which = np.clip(np.digitize(found.left, bounds) - 1, 0, len(bounds) - 2)
    parts = []
    for index in np.unique(which):
        mean = made.scores[which == index].mean(axis=0)
        parts.append(
            pd.DataFrame(
                {
                    "left": round(float(bounds[index : index + 2].mean()), 3),
                    "trial": np.arange(1, len(mean) + 1),
                    "pc1": mean[:, 0],
                    "pc2": mean[:, 1],
                    "share1": made.shares[0],
                    "share2": made.shares[1],
                    "episodes": int((which == index).sum()),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def final_states(found: Activity) -> pd.DataFrame:
    """Where the units are at each episode's last trial: left, pc1, pc2."""
    last = components(found.units).scores[:, -1]
    return pd.DataFrame({"left": found.left, "pc1": last[:, 0], "pc2": last[:, 1]})


def coding(subject: int, found: Activity) -> dict[str, float]:
    """How well the units tell the left arm's chance of reward, at the last trial.

    Returns:
        subject; episodes; r2, of a linear decoder tried on episodes it was not fitted
        to; r2_untrained, the same of the untrained network; r2_gain, their difference;
        variance, that the first components hold, and variance_untrained. NaN where not
        recorded, or from too few episodes.
    """
    null = found.untrained
    r2 = decoded_r2(found.units[:, -1], found.left)
    r2_untrained = np.nan if null is None else decoded_r2(null[:, -1], found.left)
    return {
        "subject": subject,
        "episodes": len(found.left),
        "r2": r2,
        "r2_untrained": r2_untrained,
        "r2_gain": r2 - r2_untrained,
        "variance": components(found.units).variance,
        "variance_untrained": np.nan if null is None else components(null).variance,
    }


def decoded_r2(units: Array, value: Array) -> float:
    """Share of a value's variance told by units, on episodes left out of the fit.

        r2 = 1 - sum (value - told)^2 / sum (value - mean of the fitted episodes)^2

    Args:
        units: (E, H) activity.
        value: (E,) what is to be told.

    Returns:
        At most 1; about 0 where nothing is told, below where a fit misleads.
    """
    if len(value) < LEAST_EPISODES or np.ptp(value) == 0:
        return float("nan")
    fold = episode_folds(np.arange(len(value)), FOLDS)
    told = predict_held_out(units, value, fold, penalty=RIDGE)
    return held_out_r2(value, told, fold)
