"""Volatility in units: its decoding, and fractions of units that code it.

Units are read while the magnitudes are shown, before the choice. Activity that lasts
from trial to trial correlates with anything else that does, in an untrained network
too. So every number of trained units is stated with the same number of an untrained
network with the same inputs and, for coding, that for the label of
another episode. In test episodes the label of another episode is the same or its mirror
image, and no null: it is counted on the training schedule alone.

Source: Wang et al. 2018, Nat Neurosci 21:860, Simulation 2; the nulls are ours.
Declared: decoding by ridge regression, as units may repeat each other; five folds.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from metarl.analysis.data import check_columns
from metarl.analysis.decoding import episode_folds, predict_held_out
from metarl.analysis.measures import stack
from metarl.analysis.recordings import steps_at, units_of
from metarl.analysis.schema import Array, Flags
from metarl.analysis.trials import EpisodeGrid
from metarl.analysis.volatility.behaviour import by_order
from metarl.analysis.volatility.observer import Schedule, observe
from metarl.core.checks import MetaRLError
from metarl.core.files import Recording

FOLDS = 5
"""Parts of the episodes; each is predicted from the others."""
RIDGE = 1e-3
"""Penalty of the decoder, as a share of each unit's variance."""
LEVEL = 0.05
"""Probability of a false alarm among all units of an episode (Bonferroni)."""
LEVELS = (LEVEL, 0.01, 0.001)
"""Thresholds of p at which units are counted."""
TESTS = ("test", "generator")
"""The paper's test episodes, and episodes of the training schedule."""
DECODING_COLUMNS = ("test", "subject", "units", "r", "episodes")
"""Columns of the table of decoding: r, held out, with the observer's estimate."""
CODING_COLUMNS = ("test", "subject", "units", "label", "fraction", "episodes")
"""Columns of the table of coding: fraction of units, mean over episodes."""
THRESHOLD_COLUMNS = ("test", "subject", "units", "label", "level", "fraction")
"""Columns of the same by the threshold of p, one of LEVELS."""
TRACE_COLUMNS = ("subject", "order", "trial", "estimate", "decoded")
"""Columns of the decoded traces: means over test episodes of one order."""


def unit_tables(
    recordings: Mapping[int, Recording],
    grid: EpisodeGrid,
    test: str,
    schedule: Schedule | None = None,
) -> dict[str, pd.DataFrame]:
    """Decoding and coding of volatility by the units of every subject.

    Args:
        recordings: subject -> its step recording.
        grid: trials of the same evaluation.
        test: its name, "test" or "generator".
        schedule: the training schedule; the published one where None.

    Returns:
        decoding, coding, thresholds and decoded (traces), with the columns named above;
        empty where nothing was recorded.
    """
    decoding, coded, levels, traces = [], [], [], []
    for subject, recording in recordings.items():
        own = grid.where(grid.subject == subject)
        units, episodes = recorded_units(recording, own)
        estimate = observe(episodes["winner"], schedule).volatility
        episodes, count = episodes.assign(estimate=estimate), len(estimate)
        for name, activity in units.items():
            predicted = decode(activity, estimate)
            r = correlation(predicted, estimate)
            decoding.append((test, subject, name, r, count))
            fractions = coding_fractions(activity, episodes, test)
            for (label, level), fraction in fractions.items():
                levels.append((test, subject, name, label, level, fraction))
                if level == LEVEL:
                    coded.append((test, subject, name, label, fraction, count))
            if name == "trained":
                traces.append(_traces(episodes.assign(decoded=predicted)))
    return {
        "decoding": pd.DataFrame(decoding, columns=list(DECODING_COLUMNS)),
        "coding": pd.DataFrame(coded, columns=list(CODING_COLUMNS)),
        "thresholds": pd.DataFrame(levels, columns=list(THRESHOLD_COLUMNS)),
        "decoded": stack((({}, table) for table in traces), TRACE_COLUMNS),
    }


def recorded_units(
    recording: Recording, grid: EpisodeGrid
) -> tuple[dict[str, Array], EpisodeGrid]:
    """Units of the recorded episodes, and their trials.

    Args:
        recording: step recording of one subject, whole episodes.
        grid: trials of that subject.

    Returns:
        Network (trained, untrained) -> (E, T, H), of those that were recorded, and the
        grid of the same episodes, in the same order.

    Raises:
        MetaRLError: the recording lacks an array, or stops within an episode.
    """
    check_columns(list(recording), ["units"], "the step recording")
    steps = steps_at(recording, "choice").sort_values(["episode", "trial"])
    episodes = grid.where(np.isin(grid.episodes["episode"], steps["episode"]))
    shape = episodes["choice"].shape
    if len(steps) != shape[0] * shape[1] or np.isnan(episodes["choice"]).any():
        raise MetaRLError(
            "a recording must hold whole episodes of its trial table, got "
            f"{len(steps)} steps for {shape[0]} episodes of {shape[1]} trials"
        )
    rows = steps["row"].to_numpy()
    units = {
        name: activity[rows].reshape(*shape, -1)
        for name, activity in units_of(recording).items()
    }
    return units, episodes


def decode(units: Array, target: Array) -> Array:
    """(E, T) predictions of a target from units, by a regression on other episodes.

    Args:
        units: (E, T, H).
        target: (E, T).

    Returns:
        Predictions; NaN where there are not two episodes to a fold.
    """
    if len(target) < 2 * FOLDS:
        return np.full(target.shape, np.nan)
    fold = episode_folds(np.arange(len(target)), FOLDS)
    options = {"relative": True, "standardise": False}
    return predict_held_out(units, target, fold, penalty=RIDGE, **options)


def correlation(one: Array, other: Array) -> float:
    """Pearson's r over all places; NaN where either does not vary."""
    spreads = [values - values.mean() for values in (one.ravel(), other.ravel())]
    scale = float(np.sqrt((spreads[0] @ spreads[0]) * (spreads[1] @ spreads[1])))
    return float(spreads[0] @ spreads[1]) / scale if scale > 0 else float("nan")


def coding_fractions(
    units: Array, grid: EpisodeGrid, test: str
) -> dict[tuple[str, float], float]:
    """Fraction of units that code volatility, mean over episodes, by label and level.

    Args:
        units: (E, T, H).
        grid: trials of these episodes.
        test: its name; the label "other episode" is no null in "test".

    Returns:
        "own" and, where it is a null, "other episode", and one of LEVELS -> fraction
        in [0, 1].
    """
    choice = grid["choice"]
    reward = np.where(choice == grid["winner"], 1.0, 0.0) * np.where(
        choice == 0, grid["magnitude_left"], grid["magnitude_right"]
    )
    before = np.pad(reward[:, :-1], ((0, 0), (1, 0)))
    covariates = [before, choice, grid["probability_left"]]
    labels = {"own": grid["volatility"]}
    if test != "test":
        labels["other episode"] = np.roll(grid["volatility"], 1, axis=0)
    return {
        (name, level): _mean(coded.mean(axis=1), varies(label))
        for name, label in labels.items()
        for level, coded in zip(LEVELS, coding(units, label, covariates), strict=True)
    }


def varies(label: Array) -> Flags:
    """(E,) whether a label takes more than one value in the episode."""
    changes: Flags = np.ptp(label, axis=1) > 0
    return changes


def _mean(values: Array, which: Flags) -> float:
    return float(values[which].mean()) if which.any() else float("nan")


def coding(
    units: Array,
    label: Array,
    covariates: Sequence[Array],
    levels: Sequence[float] = LEVELS,
) -> Flags:
    """(L, E, H) whether a unit follows a label beyond the covariates, in each episode.

    Least squares of every unit on an intercept, the label and the covariates; the
    label's weight must differ from 0, two-sided, at a level over the number of units.

    Args:
        units: (E, T, H).
        label: (E, T).
        covariates: (E, T) each.
        levels: (L,) probabilities of a false alarm among all units of an episode.
    """
    design = np.stack([np.ones_like(label), label, *covariates], axis=2)
    transposed = design.swapaxes(1, 2)
    # A covariate may repeat another (the same action throughout), the label must not.
    inverse = np.linalg.pinv(transposed @ design, rcond=1e-10, hermitian=True)
    weights = inverse @ (transposed @ units)
    residual = ((units - design @ weights) ** 2).sum(axis=1)
    freedom = design.shape[1] - design.shape[2]
    error = np.sqrt(residual / freedom * inverse[:, 1, 1, None])
    limits = stats.t.isf(np.array(levels) / units.shape[2] / 2, freedom)
    least = np.maximum(limits[:, None, None] * error, 1e-12)
    coded: Flags = np.abs(weights[:, 1]) > least
    return coded


def _traces(grid: EpisodeGrid) -> pd.DataFrame:
    """Estimate and decoded volatility along the episode, of each order."""
    frames = []
    for part in by_order(grid):
        means = {name: part[name].mean(axis=0) for name in ("estimate", "decoded")}
        table = pd.DataFrame({"trial": np.arange(len(means["estimate"]))} | means)
        order = str(part.episodes["order"].iloc[0])
        frames.append(({"subject": int(part.subject[0]), "order": order}, table))
    return stack(frames, TRACE_COLUMNS)
