"""What units code at fixation, before a choice, and what they would code untrained.

For every unit, the partial Spearman correlation of its activity at the fixation cue of
trial t with

    last action        choice of t - 1, right or left
    last reward        whether t - 1 paid
    action x reward    the product of both, each coded +1 and -1
    left value         chance with which left would pay now, as baited
    upcoming action    choice of t

All are replaced by their ranks; then each of the first four is correlated with the
activity with the three others regressed out of both, and the upcoming action with all
four regressed out. Only the left value is used, as the two arms' values nearly mirror
each other.

A network is fed its last action and reward, and remembers a little of its inputs even
untrained. So the same statistics are taken of an untrained network of the same subject
that was fed the very same inputs: only what the trained one has more was learned. And
activity and values both drift through an episode, so all labels are also given by the
same trials of another episode: a unit counts as coding a variable only if its
correlation is larger than any unit's with any of SHIFTS such wrong labellings, which
holds the chance of a single false unit at 5 %. So that right and wrong labels are of
the same trials, only those count that every recorded episode has.

Source: Wang et al. 2018, Nat Neurosci 21:860, Fig. 2e; Tsutsui et al. 2016, Nat Commun
7:12554.
Declared: the paper's four formulas are not in its text; the ones above are ours, and so
are both nulls.
"""

import numpy as np
import pandas as pd
from scipy import stats

from metarl.analysis.data import check_columns
from metarl.analysis.schema import Array, Integers
from metarl.core.checks import MetaRLError
from metarl.core.files import Recording

VARIABLES = (
    "last action",
    "last reward",
    "action x reward",
    "left value",
    "upcoming action",
)
"""What a unit may code."""
CONTROLS = ((1, 2, 3), (0, 2, 3), (0, 1, 3), (0, 1, 2), (0, 1, 2, 3))
"""Variable -> those regressed out of it, by their places."""
HISTORY = "history"
"""Any of the first three variables."""
SHIFTS = 19
"""Wrong labellings; being the largest of 20 has a chance of 5 %."""
LEAST_LEFT = 1e-9
"""Share of a variable's variance that its controls must leave."""
NETWORKS = {"trained": "units", "untrained": "units_untrained"}
"""Network -> the recording's array of its activity (rows, units)."""
RECORDING_ARRAYS = ("episode", "trial", "event", "event_names", "units")
"""Arrays of a step recording that are read here."""
UNIT_COLUMNS = ("network", "unit", "variable", "r", "wrong_episode", "coded")
"""Columns of `unit_table`."""
CODING_COLUMNS = ("network", "variable", "strength", "wrong_episode", "fraction")
"""Columns of `coding_table`."""


def unit_table(recording: Recording, trials: pd.DataFrame) -> pd.DataFrame:
    """The partial correlations of every unit of one subject.

    Args:
        recording: step recording of the subject.
        trials: its rows of `matching_trials.prepare`.

    Returns:
        One row for each network (trained, and untrained where it was recorded), unit
        and variable: r, wrong_episode (mean |r| with the labels of other episodes),
        coded (1, 0, NaN with too few episodes to tell). NaN where a variable does not
        vary.
    """
    check_columns(list(recording), RECORDING_ARRAYS, "the step recording")
    rows, num_envs, places, labels = _labelled(recording, trials)
    pairs = _pairs(num_envs, places)
    ranked = _ranks(labels)
    parts = [pd.DataFrame(columns=list(UNIT_COLUMNS))]
    for network, name in NETWORKS.items():
        if name not in recording or not np.shape(recording[name])[1]:
            continue
        activity = _ranks(np.asarray(recording[name], float)[rows])
        found = partial_correlations(activity, ranked)
        wrong = np.abs(
            [partial_correlations(activity[a], ranked[b]) for a, b in pairs]
        ).reshape(len(pairs), *found.shape)
        parts.append(_long(network, found, wrong))
    return pd.concat(parts[1:] or parts, ignore_index=True)


def _labelled(
    recording: Recording, trials: pd.DataFrame
) -> tuple[Integers, Integers, Integers, Array]:
    """Fixation rows with complete labels: row, episode, trial and (N, V) labels.

    Only trials that every recorded episode has.
    """
    names = [str(name) for name in recording["event_names"]]
    if "fixation" not in names:
        raise MetaRLError(
            "the step recording has no event fixation; its events are "
            + ", ".join(names)
        )
    at = np.flatnonzero(np.asarray(recording["event"]) == names.index("fixation"))
    keys = ["episode", "trial"]
    shown = pd.DataFrame({key: np.asarray(recording[key])[at] for key in keys})
    side, paid = trials["side"].to_numpy(), trials["paid"].to_numpy()
    known = trials[["episode", "trial", "usable", "history"]].assign(
        last_action=np.roll(side, 1),
        last_reward=2 * np.roll(paid, 1) - 1,
        left_value=trials["chance_left"],
        upcoming=side,
    )
    found = shown.merge(known, how="left", on=keys)
    if len(found) != len(shown) or found["usable"].isna().any():
        raise MetaRLError(
            "the step recording and the trial table must be of the same evaluation and "
            "of one subject and session: each recorded trial must have one row"
        )
    complete = found["usable"] & (found["history"] >= 1) & found["left_value"].notna()
    shortest = shown.groupby("episode")["trial"].max().min()
    kept = (complete & (found["trial"] <= shortest)).to_numpy(dtype=bool)
    part = found[kept]
    action, reward = part["last_action"], part["last_reward"]
    labels = np.column_stack(
        [action, reward, action * reward, part["left_value"], part["upcoming"]]
    ).astype(np.float64)
    num_envs, places = (part[key].to_numpy(np.int64) for key in keys)
    return at[kept], num_envs, places, labels


def _ranks(values: Array) -> Array:
    """(N, K) ranks within each column."""
    ranks: Array = stats.rankdata(values, axis=0) if len(values) else values
    return ranks


def _pairs(num_envs: Integers, places: Integers) -> list[tuple[Integers, Integers]]:
    """For each shift, rows of activity and the rows of another episode's labels.

    Episodes are shifted in a circle; a trial that is not known in both is left out.
    """
    episodes, env_index = np.unique(num_envs, return_inverse=True)
    grid = np.full((len(episodes), places.max(initial=0) + 1), -1)
    grid[env_index, places] = np.arange(len(num_envs))
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


def _long(network: str, found: Array, wrong: Array) -> pd.DataFrame:
    """`unit_table` of one network, from (V, H) and (shifts, V, H) correlations."""
    units = found.shape[1]
    missing = np.isnan(found)
    if len(wrong) < SHIFTS:
        coded = np.full(found.shape, np.nan)
    else:
        highest = wrong.max(axis=(0, 2), keepdims=True)[0]
        coded = np.where(missing, np.nan, np.abs(found) > highest)
    mean_wrong = wrong.mean(axis=0) if len(wrong) else np.full(found.shape, np.nan)
    return pd.DataFrame(
        {
            "network": network,
            "unit": np.tile(np.arange(units), len(VARIABLES)),
            "variable": np.repeat(VARIABLES, units),
            "r": found.ravel(),
            "wrong_episode": mean_wrong.ravel(),
            "coded": coded.ravel(),
        }
    )


def coding_table(units: pd.DataFrame) -> pd.DataFrame:
    """How strongly, and how widely, the units of one subject code each variable.

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
