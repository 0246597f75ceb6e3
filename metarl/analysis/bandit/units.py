"""Units of bandit networks: their trajectories, and decoding from them.

An untrained network of the same size, given the same inputs, is the null: its units
depend on past rewards too, without having learned anything.

Source: Wang et al. 2018, Nat Neurosci 21:860, Fig. 1e-f.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from metarl.analysis.bandit.behaviour import (
    MIDDLES,
    Players,
    Problems,
    class_index,
    read_problems,
)
from metarl.analysis.data import ExperimentData
from metarl.analysis.decoding import (
    Components,
    episode_folds,
    held_out_r2,
    predict_held_out,
    principal_components,
)
from metarl.analysis.measures import stack
from metarl.analysis.recordings import steps_at, units_of
from metarl.analysis.schema import Array
from metarl.core.files import Recording

UNITS_TEST = "correlated"
"""Test with the recordings of units; the main test where it has none."""
COMPONENTS = 2
"""Principal components that are drawn."""
FOLDS = 10
"""Parts of the episodes; each is predicted from a fit to the others."""
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
    "path_r2",
    "path_r2_untrained",
    "final_r2",
    "final_r2_untrained",
)
"""Columns of the table of `coding`."""


def components(units: Array) -> Components:
    """Principal components of (E, T, H) units; scores are (E, T, COMPONENTS)."""
    result = principal_components(units.reshape(-1, units.shape[2]), COMPONENTS)
    return result._replace(scores=result.scores.reshape(*units.shape[:2], -1))


@dataclass(frozen=True)
class Activity:
    """Units in E episodes of T trials."""

    left: Array
    """(E,) left arm's probability of reward."""
    units: Array
    """(E, T, H) at the choice."""
    untrained: Array | None
    """(E, T, H) of the untrained network; None where it was not recorded."""

    @cached_property
    def paths(self) -> Components:
        """Principal components of the units."""
        return components(self.units)


def activity(recording: Recording, problems: Problems) -> Activity | None:
    """The recorded episodes that are in the trial table; None without any.

    Args:
        recording: step recording of one subject.
        problems: of the same subject and test.
    """
    units = units_of(recording)
    if "trained" not in units or units["trained"].shape[1] < COMPONENTS:
        return None
    count = problems.regret.shape[1]
    steps = steps_at(recording, "choice")
    whole = steps.groupby("episode")["row"].transform("size") == count
    steps = steps[whole & steps["episode"].isin(problems.episode)]
    if steps.empty:
        return None
    rows = steps["row"].to_numpy().reshape(-1, count)
    first = steps["episode"].to_numpy()[::count]
    place = np.searchsorted(problems.episode, first)
    return Activity(
        left=problems.probabilities[place, 0].astype(float),
        units=units["trained"][rows],
        untrained=units["untrained"][rows] if "untrained" in units else None,
    )


def unit_tables(data: ExperimentData, players: Players) -> dict[str, pd.DataFrame]:
    """Coding by units, and the paths of the first recorded subject.

    Args:
        data: with recordings of UNITS_TEST or of the main test, if any.
        players: the measured subjects in the main test.

    Returns:
        coding: one row a recorded subject. Of the first: trajectories, final_states.
    """
    recordings = data.test_recordings.get(UNITS_TEST)
    if recordings:
        players = read_problems(data.tests[UNITS_TEST])
    else:
        recordings = data.recordings
    rows, paths, states = [], [], []
    for subject in [subject for subject in players if subject in recordings]:
        recorded = activity(recordings[subject], players[subject])
        if recorded is None:
            continue
        rows.append(coding(subject, recorded))
        if len(rows) == 1:
            paths.append(({"subject": subject}, trajectories(recorded)))
            states.append(({"subject": subject}, final_states(recorded)))
    columns = ("subject", "left", "pc1", "pc2")
    return {
        "coding": pd.DataFrame(rows, columns=list(CODING_COLUMNS)),
        "trajectories": stack(paths, (*columns, "trial")),
        "final_states": stack(states, columns),
    }


def trajectories(recorded: Activity) -> pd.DataFrame:
    """Mean path of the units over an episode, by class of problem.

    Returns:
        One row for each class that occurs and each trial: left (middle of the class),
        trial (from 1), pc1, pc2 (units of activity), share1, share2 (of the variance),
        episodes.
    """
    which = class_index(recorded.left)
    frames = []
    for index in np.unique(which):
        mean = recorded.paths.scores[which == index].mean(axis=0)
        columns = {
            "trial": np.arange(1, len(mean) + 1),
            "pc1": mean[:, 0],
            "pc2": mean[:, 1],
            "share1": recorded.paths.shares[0],
            "share2": recorded.paths.shares[1],
            "episodes": int((which == index).sum()),
        }
        frames.append(({"left": MIDDLES[index]}, pd.DataFrame(columns)))
    return stack(frames)


def final_states(recorded: Activity) -> pd.DataFrame:
    """Where the units are at each episode's last trial: left, pc1, pc2."""
    last = recorded.paths.scores[:, -1]
    return pd.DataFrame({"left": recorded.left, "pc1": last[:, 0], "pc2": last[:, 1]})


def coding(subject: int, recorded: Activity) -> dict[str, float]:
    """How well the left arm's probability of reward is decoded at the last trial.

    Returns:
        subject; episodes; r2, of a linear decoder on held-out episodes; r2_untrained,
        the same of the untrained network; r2_gain, their difference; variance, the
        share that the first components hold together, and variance_untrained; path_r2
        and final_r2, as r2 but from the first components alone, mean over trials and at
        the last one, and the same of the untrained network. NaN where not recorded, or
        from too few episodes.
    """
    null = recorded.untrained
    paths = recorded.paths, None if null is None else components(null)
    (path, final), (path_null, final_null) = (
        _component_r2(each, recorded.left) for each in paths
    )
    r2 = decoded_r2(recorded.units[:, -1], recorded.left)
    r2_untrained = np.nan if null is None else decoded_r2(null[:, -1], recorded.left)
    return {
        "subject": subject,
        "episodes": len(recorded.left),
        "r2": r2,
        "r2_untrained": r2_untrained,
        "r2_gain": r2 - r2_untrained,
        "variance": _variance(paths[0]),
        "variance_untrained": _variance(paths[1]),
        "path_r2": path,
        "path_r2_untrained": path_null,
        "final_r2": final,
        "final_r2_untrained": final_null,
    }


def _variance(paths: Components | None) -> float:
    return float("nan") if paths is None else float(paths.shares.sum())


def _component_r2(paths: Components | None, left: Array) -> tuple[float, float]:
    """Mean of `decoded_r2` over trials, and at the last, from principal components."""
    if paths is None:
        return float("nan"), float("nan")
    by_trial = [decoded_r2(states, left) for states in paths.scores.swapaxes(0, 1)]
    return float(np.mean(by_trial)), by_trial[-1]


def decoded_r2(units: Array, value: Array) -> float:
    """Share of the variance of (E,) values decoded from (E, H) units, held out.

    At most 1; about 0 where nothing is decoded, below where a fit misleads; NaN from
    too few episodes, or equal values.
    """
    if len(value) < LEAST_EPISODES or np.ptp(value) == 0:
        return float("nan")
    fold = episode_folds(np.arange(len(value)), FOLDS)
    predicted = predict_held_out(units, value, fold, penalty=RIDGE)
    return held_out_r2(value, predicted, fold)
