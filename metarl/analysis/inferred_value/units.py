"""Decoding from units: the rewarded cue, and the count of trials.

The last inputs echo in the units of any recurrent network, and here the last outcome is
all that can be known: its echo reveals the rewarded cue. So every number of trained
units is compared with that of an untrained network with the same inputs.

Source: Wang et al. 2018, Nat Neurosci 21:860, Fig. 4c (principal components); the
read-outs and the null are ours.
Declared: read-outs are linear, by ridge regression on a label of -1 and 1 with both
labels of equal weight, and are for episodes that they were not fitted to.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarl.analysis.decoding import (
    as_computed,
    classify_held_out,
    episode_folds,
    principal_components,
)
from metarl.analysis.inferred_value.behaviour import BEFORE
from metarl.analysis.inferred_value.responses import EVENTS
from metarl.analysis.schema import Array, Flags

FOLDS = 5
"""Parts of the episodes; each is read out by a fit on the others."""
RIDGE = 1e-3
"""Penalty of the read-out, as a share of each unit's variance."""
SETTLED = 2
"""Trial of a block, from 0, from which on the read-out is fitted: its third."""
POINTS = 40
"""Trials drawn as points, of each cluster."""
READOUT_COLUMNS = ("units", "place", "event", "share", "trials")
"""Columns of the table of read-outs."""
COUNTING_COLUMNS = ("units", "accuracy", "trials")
"""Columns of the table of the read-out of a block's first trial."""
STATE_COLUMNS = ("event", "first", "second", "rewarded_cue", "reversal")
"""Columns of the table of states."""


def held_out(units: Array, label: Flags, fitted: Flags, episodes: Array) -> Array:
    """(N,) linear read-out of each row: above 0 where the label is read out as true.

    Args:
        units: (N, H).
        label: (N,) label to be read out.
        fitted: (N,) rows that a read-out may be fitted to.
        episodes: (N,) the episode of each row; no row is read out by a fit on others
            of its own.

    Returns:
        NaN where the other episodes do not have both labels.
    """
    fold = episode_folds(episodes, FOLDS)
    return classify_held_out(units, label, fitted, fold, penalty=RIDGE)


def latent_readout(
    units: Mapping[str, Array],
    table: pd.DataFrame,
    events: Sequence[str] = tuple(EVENTS),
) -> pd.DataFrame:
    """Share of trials in which the new cue is read out, around a reversal.

    Each step has a read-out of its own, fitted on the third and later trials of the
    blocks of other episodes, when it is known which cue is rewarded.

    Args:
        units: `units_of` one subject's recording.
        table: its `recorded_trials`.
        events: steps that are read out.

    Returns:
        One row for each set of units, place and step: share in [0, 1], and trials.
    """
    usable = (table["valid"] == 1) & (table["after_valid"] | (table["place"] <= 1))
    settled = (usable & (table["block_trial"] >= SETTLED)).to_numpy()
    cue = (table["rewarded_cue"] == "B").to_numpy()
    new = cue ^ (table["place"] == BEFORE).to_numpy()
    episodes = table["episode"].to_numpy(float)
    rows = []
    for name, activity in units.items():
        for event in events:
            here = activity[table[f"row_{event}"].to_numpy()]
            readout = held_out(here, cue, settled, episodes)
            correct = np.where(np.isnan(readout), np.nan, (readout > 0) == new)
            for place in np.unique(table.loc[usable, "place"].dropna()):
                shown = correct[usable & (table["place"] == place)]
                rows.append((name, int(place), event, shown.mean(), len(shown)))
    return pd.DataFrame(rows, columns=list(READOUT_COLUMNS))


def component_readout(units: Mapping[str, Array], table: pd.DataFrame) -> pd.DataFrame:
    """`latent_readout` at fixation, from the first principal component alone.

    Args:
        units: `units_of` one subject's recording.
        table: its `recorded_trials`.
    """
    rows = table["row_fixation"].to_numpy()
    first = {}
    for name, activity in units.items():
        first[name] = np.zeros((len(activity), 1))
        first[name][rows] = principal_components(activity[rows], 1).scores
    return latent_readout(first, table, ("fixation",))


def counting_readout(units: Mapping[str, Array], table: pd.DataFrame) -> pd.DataFrame:
    """Accuracy of a read-out of a block's first trial from its others, at fixation.

    Only blocks without a reversal, where no event distinguishes the trials: after a
    surprise, the surprise itself could be read out of a network that counts nothing.

    Args:
        units: `units_of` one subject's recording.
        table: its `recorded_trials`.

    Returns:
        One row for each set of units: accuracy, the mean of the shares of first and of
        other trials that are read out right, 0.5 by chance; and trials.
    """
    quiet = table[(table["switched"] == 0) & (table["valid"] == 1)]
    first = (quiet["block_trial"] == 0).to_numpy()
    everywhere = np.ones(len(quiet), dtype=bool)
    rows = []
    for name, activity in units.items():
        here = activity[quiet["row_fixation"].to_numpy()]
        readout = held_out(here, first, everywhere, quiet["episode"].to_numpy(float))
        correct = np.where(np.isnan(readout), np.nan, (readout > 0) == first)
        both = first.any() and not first.all()
        shares = (
            (correct[first].mean(), correct[~first].mean()) if both else (np.nan,) * 2
        )
        rows.append((name, float(np.mean(shares)), len(quiet)))
    return pd.DataFrame(rows, columns=list(COUNTING_COLUMNS))


def unit_states(activity: Array, table: pd.DataFrame) -> pd.DataFrame:
    """The two principal components of the units at each step, of some trials.

    Args:
        activity: (R, H) units of every recorded step of one subject.
        table: its `recorded_trials`.

    Returns:
        One row a point: event, first and second component (each scaled to at most 1,
        pointing to where B is rewarded), rewarded_cue, and reversal: whether it is the
        first trial of a reversal; the others are trials when the rewarded cue was
        known.
    """
    valid = table["valid"] == 1
    reversal = valid & (table["place"] == 1)
    known = valid & table["after_valid"] & (table["block_trial"] >= SETTLED)
    frames = []
    for event in EVENTS:
        points = _components(activity[table[f"row_{event}"].to_numpy()])
        points = points * _towards(points, table["rewarded_cue"] == "B")
        for kind, chosen in ((True, reversal), (False, known)):
            for cue in ("A", "B"):
                trials = table.index[chosen & (table["rewarded_cue"] == cue)]
                rows = _thinned(trials.to_numpy())
                part = {"event": event, "first": points[rows, 0]}
                part |= {"second": points[rows, 1], "rewarded_cue": cue}
                frames.append(pd.DataFrame(part | {"reversal": kind}))
    return pd.concat(frames, ignore_index=True)[list(STATE_COLUMNS)]


def _components(units: Array) -> Array:
    """(N, 2) principal components, each scaled to at most 1; 0 where there is none."""
    points = principal_components(units, signs=as_computed).scores
    largest = np.abs(points).max(axis=0)
    scaled: Array = points / np.where(largest > 0, largest, 1.0)
    return scaled


def _towards(points: Array, condition: "pd.Series[bool]") -> Array:
    """(2,) signs that make a component larger, on average, under the condition."""
    flags = condition.to_numpy()
    if flags.all() or not flags.any():
        return np.ones(points.shape[1])
    apart = points[flags].mean(axis=0) - points[~flags].mean(axis=0)
    return np.where(apart < 0, -1.0, 1.0)


def _thinned(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """At most POINTS of the rows, evenly."""
    return rows[:: max(1, -(-len(rows) // POINTS))]
