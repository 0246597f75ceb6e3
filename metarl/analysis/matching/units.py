"""Unit coding at fixation, before a choice, of trained and of untrained networks.

For every unit, the partial Spearman correlation of its activity at the fixation cue of
trial t with

    last action        choice of t - 1, right or left
    last reward        whether t - 1 was rewarded
    action x reward    the product of both, each coded +1 and -1
    left value         probability that left would be rewarded now, as baited
    upcoming action    choice of t

All are replaced by their ranks; then each of the first four is correlated with the
activity with the three others regressed out of both, and the upcoming action with all
four regressed out. Only the left value is used, as the values of the two options nearly
mirror each other.

The last action and reward are inputs of a network, and even an untrained network keeps
some of its inputs. So the same statistics are taken of an untrained network of the same
subject with the same inputs: only the excess of the trained network was learned.
And activity and values both drift through an episode, so all labels are also taken from
the same trials of another episode: a unit counts as coding a variable only if its
correlation is larger than that of any unit with any of SHIFTS such wrong labellings,
which limits the probability of a single false unit to 5 %. So that right and wrong
labels are of the same trials, only trials that every recorded episode has count.

Source: Wang et al. 2018, Nat Neurosci 21:860, Fig. 2e; Tsutsui et al. 2016, Nat Commun
7:12554.
Declared: the four formulas of the paper are not in its text; the ones above are ours,
and so are both nulls.
"""

import numpy as np
import pandas as pd
from scipy import stats

from metarl.analysis.data import check_columns
from metarl.analysis.recordings import join_trials, steps_at, units_of
from metarl.analysis.schema import Array, Integers
from metarl.core.files import Recording

VARIABLES = (
    "last action",
    "last reward",
    "action x reward",
    "left value",
    "upcoming action",
)
"""Variables that a unit may code."""
CONTROLS = ((1, 2, 3), (0, 2, 3), (0, 1, 3), (0, 1, 2), (0, 1, 2, 3))
"""Variable -> those regressed out of it, by their positions."""
HISTORY = "history"
"""Any of the first three variables."""
SHIFTS = 19
"""Wrong labellings; being the largest of 20 has a probability of 5 %."""
LEAST_LEFT = 1e-9
"""Share of a variable's variance that its controls must leave."""
UNIT_COLUMNS = ("network", "unit", "variable", "r", "wrong_episode", "coded")
"""Columns of `unit_table`."""
CODING_COLUMNS = ("network", "variable", "strength", "wrong_episode", "fraction")
"""Columns of `coding_table`."""


def unit_table(recording: Recording, trials: pd.DataFrame) -> pd.DataFrame:
    """The partial correlations of every unit of one subject.

    Args:
        recording: step recording of the subject.
        trials: its rows of `read_trials`.

    Returns:
        One row for each network (trained, and untrained where it was recorded), unit
        and variable: r, wrong_episode (mean |r| with the labels of other episodes),
        coded (1, 0, NaN with too few episodes to tell). NaN where a variable does not
        vary.
    """
    check_columns(list(recording), ["units"], "the step recording")
    steps = _labelled(recording, trials)
    rows, labels = steps["row"].to_numpy(np.int64), _ranks(_labels(steps))
    pairs = _pairs(steps)
    frames = []
    for network, units in units_of(recording).items():
        activity = _ranks(units[rows])
        correlations = partial_correlations(activity, labels)
        wrong = np.abs(
            [partial_correlations(activity[a], labels[b]) for a, b in pairs]
        ).reshape(len(pairs), *correlations.shape)
        frames.append(_long(network, correlations, wrong))
    empty = pd.DataFrame(columns=list(UNIT_COLUMNS))
    return pd.concat(frames or [empty], ignore_index=True)


def _labelled(recording: Recording, trials: pd.DataFrame) -> pd.DataFrame:
    """Fixation steps with complete labels, of trials that every episode has.

    Returns:
        One row a step: row (of the recording), episode, trial, side and rewarded (of
        the trial and, as last_side and last_rewarded, of the one before), chance_left.
    """
    known = trials.assign(
        last_side=np.roll(trials["side"], 1),
        last_rewarded=np.roll(trials["rewarded"], 1),
    )
    steps = join_trials(steps_at(recording, "fixation"), known)
    complete = steps["usable"] & (steps["history"] >= 1) & steps["chance_left"].notna()
    shortest = steps.groupby("episode")["trial"].max().min()
    selected: pd.DataFrame = steps[complete & (steps["trial"] <= shortest)]
    return selected


def _labels(steps: pd.DataFrame) -> Array:
    """(N, V) VARIABLES of each step."""
    action, reward = steps["last_side"], 2 * steps["last_rewarded"] - 1
    columns = [action, reward, action * reward, steps["chance_left"], steps["side"]]
    return np.column_stack(columns).astype(np.float64)


def _ranks(values: Array) -> Array:
    """(N, K) ranks within each column."""
    ranks: Array = stats.rankdata(values, axis=0) if len(values) else values
    return ranks


def _pairs(steps: pd.DataFrame) -> list[tuple[Integers, Integers]]:
    """For each shift, rows of activity and the rows of the labels of another episode.

    Episodes are shifted cyclically; a trial that is not known in both is left out.
    """
    places = steps["trial"].to_numpy(np.int64)
    episodes, index = np.unique(steps["episode"], return_inverse=True)
    grid = np.full((len(episodes), places.max(initial=0) + 1), -1)
    grid[index, places] = np.arange(len(steps))
    pairs = []
    for shift in range(1, min(SHIFTS, len(episodes) - 1) + 1):
        other = np.roll(grid, -shift, axis=0)
        both = (grid >= 0) & (other >= 0)
        pairs.append((grid[both], other[both]))
    return pairs


def partial_correlations(activity: Array, labels: Array) -> Array:
    """Correlation of every unit with every variable, its controls regressed out.

    Args:
        activity: (N, H) ranks of the units' activity.
        labels: (N, V) ranks of the variables.

    Returns:
        (V, H) in [-1, 1]; 0 for a unit that does not vary, NaN for a variable of which
        its controls leave nothing.
    """
    if len(labels) <= len(VARIABLES):
        return np.full((labels.shape[1], activity.shape[1]), np.nan)
    variables = _standardised(labels)
    inner = variables.T @ variables / len(labels)
    spread = activity.std(axis=0)
    outer = variables.T @ activity / len(labels) / np.where(spread > 0, spread, 1.0)
    rows = [
        _partial(inner, outer, place, list(controls))
        for place, controls in enumerate(CONTROLS)
    ]
    return np.array(rows)


def _standardised(values: Array) -> Array:
    spread = values.std(axis=0)
    scaled: Array = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return scaled


def _partial(inner: Array, outer: Array, place: int, controls: list[int]) -> Array:
    """(H,) one variable's partial correlations, from the plain ones."""
    among = np.linalg.pinv(inner[np.ix_(controls, controls)], hermitian=True)
    by_controls = inner[place, controls] @ among
    left_of_variable = inner[place, place] - by_controls @ inner[controls, place]
    if left_of_variable < LEAST_LEFT:
        return np.full(outer.shape[1], np.nan)
    shared = outer[place] - by_controls @ outer[controls]
    explained = (outer[controls] * (among @ outer[controls])).sum(axis=0)
    left_of_unit = np.maximum(1 - explained, LEAST_LEFT)
    partial: Array = shared / np.sqrt(left_of_variable * left_of_unit)
    return partial


def _long(network: str, correlations: Array, wrong: Array) -> pd.DataFrame:
    """`unit_table` of one network, from (V, H) and (shifts, V, H) correlations."""
    units = correlations.shape[1]
    missing = np.isnan(correlations)
    if len(wrong) < SHIFTS:
        coded = np.full(correlations.shape, np.nan)
    else:
        highest = wrong.max(axis=(0, 2), keepdims=True)[0]
        coded = np.where(missing, np.nan, np.abs(correlations) > highest)
    mean_wrong = (
        wrong.mean(axis=0) if len(wrong) else np.full(correlations.shape, np.nan)
    )
    return pd.DataFrame(
        {
            "network": network,
            "unit": np.tile(np.arange(units), len(VARIABLES)),
            "variable": np.repeat(VARIABLES, units),
            "r": correlations.ravel(),
            "wrong_episode": mean_wrong.ravel(),
            "coded": coded.ravel(),
        }
    )


def coding_table(units: pd.DataFrame) -> pd.DataFrame:
    """Strength and extent of the coding of each variable by the units of one subject.

    Args:
        units: table of `unit_table`.

    Returns:
        One row for each network and variable, and for HISTORY (any of the first three):
        strength (mean |r| over units; NaN for history), wrong_episode (the same with
        the labels of other episodes), fraction (of units that code it).
    """
    if units.empty:
        return pd.DataFrame(columns=list(CODING_COLUMNS))
    sizes = units.assign(strength=units["r"].abs())
    means = {"strength": "mean", "wrong_episode": "mean", "coded": "mean"}
    keys = ["network", "variable"]
    table = sizes.groupby(keys, sort=False).agg(means).reset_index()
    recent = units[units["variable"].isin(VARIABLES[:3])]
    any_of = recent.groupby(["network", "unit"])["coded"].max()
    history = any_of.groupby("network").mean().reset_index()
    table = pd.concat([table, history.assign(variable=HISTORY)], ignore_index=True)
    return table.rename(columns={"coded": "fraction"})[list(CODING_COLUMNS)]
