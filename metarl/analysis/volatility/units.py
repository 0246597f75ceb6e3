"""What units say of volatility: how well it is decoded, and how many code it.

Units are read when the magnitudes are on the screen, before the choice. Activity that
goes on from trial to trial goes with anything else that does, in an untrained network
too. So nothing is said of trained units without the same number of an untrained
network that was fed the same inputs and, for coding, without the same number for the
label of another episode. In test episodes another episode's label is the same or its
mirror image, and no null: it is counted on the training schedule alone.

Source: Wang et al. 2018, Nat Neurosci 21:860, Simulation 2; the nulls are ours.
Declared: decoding by ridge regression, as units may repeat each other; five folds.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from metarl.analysis.data import check_columns
from metarl.analysis.decoding import episode_folds, predict_held_out
from metarl.analysis.schema import Array, Flags
from metarl.analysis.volatility.observer import observe
from metarl.analysis.volatility.trials import ORDERS, TrialGrid, trial_grid
from metarl.core.checks import MetaRLError
from metarl.core.files import Recording

FOLDS = 5
"""Parts of the episodes; each is predicted from the others."""
RIDGE = 1e-3
"""Penalty of the decoder, as a share of each unit's variance."""
LEVEL = 0.05
"""Chance of a false alarm among all units of an episode (Bonferroni)."""
UNITS = {"trained": "units", "untrained": "units_untrained"}
"""Name of a set of units -> array of the recording."""
SCHEDULES = ("test", "generator")
"""The paper's test episodes, and episodes of the training schedule."""
RECORDED = ("episode", "trial", "event", "event_names", "units")
"""Arrays that a recording must have."""
DECODING_COLUMNS = ("condition", "subject", "units", "r", "episodes")
"""Columns of the table of decoding: r, held out, with the observer's estimate."""
CODING_COLUMNS = ("condition", "subject", "units", "label", "fraction", "episodes")
"""Columns of the table of coding: fraction of units, mean over episodes."""
TRACE_COLUMNS = ("subject", "order", "trial", "estimate", "decoded")
"""Columns of the decoded traces: means over test episodes of one order."""


def unit_tables(
    recordings: Mapping[int, Recording], trials: pd.DataFrame, condition: str
) -> dict[str, pd.DataFrame]:
    """Decoding and coding of volatility by the units of every subject.

    Args:
        recordings: subject -> its step recording.
        trials: trial table of the same evaluation.
        condition: name of the test: "test" or "generator".

    Returns:
        decoding, coding and decoded (traces), with the columns named above; empty
        where nothing was recorded.
    """
    decoding, coding, decoded = [], [], [pd.DataFrame(columns=list(TRACE_COLUMNS))]
    for subject, recording in recordings.items():
        units, grid = recorded_units(recording, trials[trials["subject"] == subject])
        estimate = observe(grid.winner).volatility
        count = len(estimate)
        for name, activity in units.items():
            predicted = decode(activity, estimate)
            r = correlation(predicted, estimate)
            decoding.append((condition, subject, name, r, count))
            for label, fraction in coding_fractions(activity, grid, condition).items():
                coding.append((condition, subject, name, label, fraction, count))
            if name == "trained":
                decoded += _traces(subject, grid, estimate, predicted)
    return {
        "decoding": pd.DataFrame(decoding, columns=list(DECODING_COLUMNS)),
        "coding": pd.DataFrame(coding, columns=list(CODING_COLUMNS)),
        "decoded": pd.concat(decoded[1:] or decoded, ignore_index=True),
    }


def recorded_units(
    recording: Recording, trials: pd.DataFrame
) -> tuple[dict[str, Array], TrialGrid]:
    """Units of the recorded trials, and what happened in them.

    Args:
        recording: step recording of one subject, whole episodes.
        trials: that subject's trial table.

    Returns:
        Name of the units -> (E, T, H), for those recorded, and the grid of the same
        episodes, in the same order.
    """
    check_columns(list(recording), RECORDED, "the step recording")
    names = [str(name) for name in recording["event_names"]]
    rows = np.flatnonzero(recording["event"] == names.index("choice"))
    episode, trial = (np.asarray(recording[k])[rows] for k in ("episode", "trial"))
    rows = rows[np.lexsort([trial, episode])]
    grid = trial_grid(trials[trials["episode"].isin(np.unique(episode))])
    shape = grid.choice.shape
    if len(rows) != shape[0] * shape[1] or np.isnan(grid.choice).any():
        raise MetaRLError(
            "a recording must hold whole episodes of its trial table, got "
            f"{len(rows)} steps for {shape[0]} episodes of {shape[1]} trials"
        )
    return {
        name: np.asarray(recording[array], float)[rows].reshape(*shape, -1)
        for name, array in UNITS.items()
        if array in recording
    }, grid


def decode(units: Array, target: Array) -> Array:
    """(E, T) the target, predicted from units by a regression on other episodes.

    Args:
        units: (E, T, H).
        target: (E, T).

    Returns:
        Predictions; NaN where there are not two episodes to a fold.
    """
    if len(target) < 2 * FOLDS:
        return np.full(target.shape, np.nan)
    fold = episode_folds(np.arange(len(target)), FOLDS)
    how = {"relative": True, "standardise": False}
    return predict_held_out(units, target, fold, penalty=RIDGE, **how)


def correlation(one: Array, other: Array) -> float:
    """Pearson's r over all places; NaN where either does not vary."""
    spreads = [values - values.mean() for values in (one.ravel(), other.ravel())]
    scale = float(np.sqrt((spreads[0] @ spreads[0]) * (spreads[1] @ spreads[1])))
    return float(spreads[0] @ spreads[1]) / scale if scale > 0 else float("nan")


def coding_fractions(units: Array, grid: TrialGrid, condition: str) -> dict[str, float]:
    """Fraction of units that code volatility, mean over episodes, by label.

    Args:
        units: (E, T, H).
        grid: what happened in these episodes.
        condition: name of the test; the label "other episode" is no null in "test".

    Returns:
        "own" and, where it is a null, "other episode" -> fraction in [0, 1].
    """
    paid = np.where(grid.choice == grid.winner, 1.0, 0.0) * np.where(
        grid.choice == 0, grid.magnitude_left, grid.magnitude_right
    )
    before = np.pad(paid[:, :-1], ((0, 0), (1, 0)))
    covariates = [before, grid.choice, grid.probability_left]
    labels = {"own": grid.volatility}
    if condition != "test":
        labels["other episode"] = np.roll(grid.volatility, 1, axis=0)
    return {
        name: _mean(coding(units, label, covariates).mean(axis=1), varies(label))
        for name, label in labels.items()
    }


def varies(label: Array) -> Flags:
    """(E,) whether a label takes more than one value in the episode."""
    changes: Flags = np.ptp(label, axis=1) > 0
    return changes


def _mean(values: Array, which: Flags) -> float:
    return float(values[which].mean()) if which.any() else float("nan")


def coding(units: Array, label: Array, covariates: list[Array]) -> NDArray[np.bool_]:
    """(E, H) whether a unit follows a label beyond the covariates, in each episode.

    Least squares of every unit on an intercept, the label and the covariates; the
    label's weight must differ from 0, two-sided, at LEVEL over the number of units.

    Args:
        units: (E, T, H).
        label: (E, T).
        covariates: (E, T) each.
    """
    design = np.stack([np.ones_like(label), label, *covariates], axis=2)
    turned = design.swapaxes(1, 2)
    # A covariate may repeat another (one action all along); the label must not.
    inverse = np.linalg.pinv(turned @ design, rcond=1e-10, hermitian=True)
    weights = inverse @ (turned @ units)
    left = ((units - design @ weights) ** 2).sum(axis=1)
    freedom = design.shape[1] - design.shape[2]
    error = np.sqrt(left / freedom * inverse[:, 1, 1, None])
    limit = stats.t.isf(LEVEL / units.shape[2] / 2, freedom)
    found: NDArray[np.bool_] = np.abs(weights[:, 1]) > np.maximum(limit * error, 1e-12)
    return found


def _traces(
    subject: int, grid: TrialGrid, estimate: Array, predicted: Array
) -> list[pd.DataFrame]:
    return [
        pd.DataFrame(
            {
                "subject": subject,
                "order": order,
                "trial": np.arange(estimate.shape[1]),
                "estimate": estimate[grid.order == order].mean(axis=0),
                "decoded": predicted[grid.order == order].mean(axis=0),
            }
        )
        for order in ORDERS
        if (grid.order == order).any()
    ]
