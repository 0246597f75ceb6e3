"""Reversal behaviour from the trial table alone, of a network, a monkey or a person.

One block gives one number of each measure, from the trials that count. A subject's
number is the mean over its blocks, and n is then the number of subjects. `curves` and
`behaviour_summary` take blocks as the unit instead, as the monkeys' published numbers
do: their n is the number of blocks, whoever did them.

Source: Costa et al. 2016, Neuron 92:505.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd
from scipy import special

from metarl.analysis.columns import Array, Flags, Integers
from metarl.analysis.measures import subject_labels
from metarl.analysis.reversal.trials import BlockTrials, block_trials
from metarl.analysis.statistics import standard_error
from metarl.analysis.two_step.behaviour import subject_rewards

MEASURES: Mapping[str, str] = MappingProxyType(
    {
        "p_better": "P(choose better)",
        "stay_after_win": "P(stay | win)",
        "shift_after_loss": "P(shift | no reward)",
        "at_reversal": "P(choose better), reversal trial",
        "late_acquisition": "P(choose better), trials 11-20",
        "late_reversal": "P(choose better), trials 11-20 after the reversal",
        "first_new_better": "trials after the reversal before the new better choice",
        "switch_delay": "most likely switch minus reversal (trials)",
    }
)
"""Measure of a block -> in words, with its unit."""
LATE = (10, 20)
"""Places, from the first on and up to the last, where a rise shows if there is one."""
ACQUISITION_TRIALS = 25
"""Trials of the curve from a block's start."""
REVERSAL_TRIALS = (-10, 25)
"""First and last trial of the curve around the reversal, which is 0."""
ALIGNMENTS = ("acquisition", "reversal")
"""What a curve counts its trials from."""
LEAST_CHANCE = 1e-3
"""A chance in the likelihood of a switch is kept so far from 0 and 1.

This, like the order of the two chances, is how the monkeys' reference rows were made.
"""


def schedule_name(percent: float) -> str:
    """A schedule by both options' chances of reward in percent: 80/20."""
    return f"{percent:g}/{100 - percent:g}"


def block_measures(trials: pd.DataFrame) -> pd.DataFrame:
    """Every measure of every block.

    Args:
        trials: trial table.

    Returns:
        One row a block: subject, session, episode, schedule, and the `MEASURES`. NaN
        where a block has no such trial, pair or reversal.
    """
    data = block_trials(trials)
    won, late = np.append(False, data.won[:-1]), np.arange(*LATE)
    stayed = np.append(False, data.right[1:] == data.right[:-1])
    return data.blocks.assign(
        p_better=_mean(data, data.correct, data.counts),
        stay_after_win=_mean(data, stayed, data.follows & won),
        shift_after_loss=_mean(data, ~stayed, data.follows & ~won),
        at_reversal=_mean(data, data.correct, data.counts & (data.since == 0)),
        late_acquisition=_mean(
            data, data.correct, acquiring(data) & np.isin(data.place, late)
        ),
        late_reversal=_mean(
            data, data.correct, data.counts & np.isin(data.since, late)
        ),
        first_new_better=_first_new_better(data),
        switch_delay=_switch_delays(data),
    )


def acquiring(data: BlockTrials) -> Flags:
    """(N,) the trials that count and come before the reversal."""
    before: Flags = data.counts & ~(data.since >= 0)
    return before


def _mean(data: BlockTrials, values: Flags, among: Flags) -> Array:
    """(E,) share of `values` among the chosen trials of each block."""
    blocks = len(data.blocks)
    held = np.bincount(data.block, weights=values & among, minlength=blocks)
    total = np.bincount(data.block, weights=among, minlength=blocks)
    share: Array = np.full(blocks, np.nan)
    np.divide(held, total, out=share, where=total > 0)
    return share


def _first_new_better(data: BlockTrials) -> Array:
    """(E,) trials from the reversal to the first choice of what is now better.

    Where it is never chosen, all trials after the reversal: the least it can be.
    """
    if not len(data.starts):
        return np.empty(0)
    after = data.counts & (data.since >= 0)
    taken = np.where(after & data.correct, data.since, np.inf)
    never = np.maximum.reduceat(data.since, data.starts) + 1
    first = np.minimum(np.minimum.reduceat(taken, data.starts), never)
    told = np.bincount(data.block[after], minlength=len(first)) > 0
    return np.where(told, first, np.nan)


def _switch_delays(data: BlockTrials) -> Array:
    """(E,) trials from the reversal to where the choices most likely switched.

    The option that is better at first is chosen with one chance up to the switch and
    with another, not higher, from it on. The delay is that of the first trial after
    the most likely switch, the earliest of equals; where the choices can only have
    risen, of the second.
    """
    delays = np.full(len(data.blocks), np.nan)
    count = np.bincount(data.block[data.counts], minlength=len(delays))
    chosen, since = _rows(data, count)
    total = chosen.sum(axis=1, keepdims=True)
    before = chosen.cumsum(axis=1)[:, :-1]
    split = np.arange(1, chosen.shape[1])
    possible = count[:, None] > split
    rest = np.where(possible, count[:, None] - split, 1)
    after = np.where(possible, total - before, 0.0)
    fit = _log_likelihood(before, split) + _log_likelihood(after, rest)
    falls = before / split >= after / rest
    fit = np.where(possible & falls, fit, -np.inf)
    known = np.flatnonzero(count >= 2)
    if len(known):
        delays[known] = since[known, 1 + fit[known].argmax(axis=1)]
    return delays


def _rows(data: BlockTrials, count: Integers) -> tuple[Array, Array]:
    """(E, M) whether the trials that count went to what was better at first, and when.

    M is the most such trials of a block; 0 and NaN fill up the others.
    """
    chosen = np.zeros((len(count), max(int(count.max(initial=0)), 1)))
    since = np.full_like(chosen, np.nan)
    row = data.block[data.counts]
    column = np.arange(len(row)) - (np.cumsum(count) - count)[row]
    first = data.better[data.starts][data.block]
    chosen[row, column] = (data.right == first)[data.counts]
    since[row, column] = data.since[data.counts]
    return chosen, since


def _log_likelihood(hits: Array, count: Integers) -> Array:
    """Of so many hits, at their own share as the chance."""
    chance = np.clip(hits / count, LEAST_CHANCE, 1 - LEAST_CHANCE)
    misses = count - hits
    fit = special.xlogy(hits, chance) + special.xlogy(misses, 1 - chance)
    return np.asarray(fit, float)


def subject_measures(trials: pd.DataFrame) -> pd.DataFrame:
    """Each subject's mean over all its blocks, and what it earned.

    Returns:
        One row a subject: subject, trials, reward_per_100 (reward units per 100 trials,
        penalties included), invalid_fraction, blocks, and the `MEASURES`.
    """
    measures = _over_blocks(block_measures(trials), ["subject"])
    return subject_rewards(trials).merge(measures, on="subject")


def schedule_measures(trials: pd.DataFrame) -> pd.DataFrame:
    """Each subject's mean over its blocks of one schedule.

    Returns:
        One row for each subject, schedule and measure: blocks, and value in the unit
        of `MEASURES`.
    """
    keys = ["subject", "schedule"]
    wide = _over_blocks(block_measures(trials), keys)
    return wide.melt([*keys, "blocks"], list(MEASURES), "measure", "value")


def _over_blocks(measures: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Means over blocks; a block without a measure is left out of its mean."""
    by_group = measures.groupby(by, sort=True)
    means = by_group[list(MEASURES)].mean()
    means.insert(0, "blocks", by_group.size())
    return means.reset_index()


def curves(trials: pd.DataFrame, by: Sequence[str] = ("subject",)) -> pd.DataFrame:
    """P(choose the option that is better now), trial by trial.

    Args:
        trials: trial table.
        by: what is told apart besides the schedule: subjects, or nothing.

    Returns:
        One row for each unit, schedule, alignment and trial: from 1 at a block's start
        and up to its reversal at most, or from 0 at the reversal; probability, its
        standard error over blocks, and blocks, their number.
    """
    data = block_trials(trials)
    low, high = REVERSAL_TRIALS
    ends = {
        "acquisition": (data.place + 1, acquiring(data), (1, ACQUISITION_TRIALS)),
        "reversal": (data.since, data.counts, (low, high)),
    }
    parts = []
    for alignment, (trial, counts, (first, last)) in ends.items():
        shown = counts & (trial >= first) & (trial <= last)
        part = data.blocks.iloc[data.block[shown]].reset_index(drop=True)
        correct = data.correct[shown].astype(float)
        parts.append(
            part.assign(alignment=alignment, trial=trial[shown], correct=correct)
        )
    keys = [*by, "schedule", "alignment", "trial"]
    by_group = pd.concat(parts, ignore_index=True).groupby(keys, sort=True)["correct"]
    table = by_group.agg(probability="mean", error="sem", blocks="count").reset_index()
    return table.astype({"trial": np.int64})


def behaviour_summary(trials: pd.DataFrame) -> pd.DataFrame:
    """Every measure and curve over blocks, as the monkeys' reference rows give them.

    Returns:
        One row for each label (all subjects together, and each where there are
        several), quantity and schedule: value, its standard error over blocks (error),
        median, n, the number of blocks that have the quantity, and over ("blocks").
        The curves, of all subjects together, also have alignment and trial, which are
        blank elsewhere.
    """
    blocks = block_measures(trials)
    labels = blocks["subject"].map(subject_labels(trials))
    everyone = blocks.assign(label="all subjects")
    several = labels.nunique() > 1
    parts = [everyone, blocks.assign(label=labels)] if several else [everyone]
    long = pd.concat(parts).melt(
        ["label", "schedule"], list(MEASURES), "quantity", "value"
    )
    keys = ["label", "quantity", "schedule"]
    by_group = long.groupby(keys, sort=False)["value"]
    measures = by_group.agg(
        value="mean", error=_known_error, median="median", n="count"
    ).reset_index()
    shown = curves(trials, by=()).rename(
        columns={"probability": "value", "blocks": "n"}
    )
    shown = shown.assign(label="all subjects", quantity="p_better")
    summary = pd.concat([measures, shown], ignore_index=True).assign(over="blocks")
    order = ["alignment", "trial", "value", "error", "median", "n", "over"]
    return summary[[*keys, *order]].astype({"trial": "Int64"})


def _known_error(values: "pd.Series[float]") -> float:
    return standard_error(values.dropna())
