"""Reversal behaviour from the trial table alone, of a network, a monkey or a person.

A block is one episode: one pair of options, and any number of reversals. A trial counts
if it is valid and free and has a choice. One block gives one number of each measure,
from the trials that count. Every reversal is analysed on its own, with the trials from
the reversal before it (or the block's start) up to the next one (or its end); a block's
number is then the mean over its reversals. A subject's number is the mean over its
blocks, and n is then the number of subjects. `curves` and `behaviour_summary` take
blocks as the unit instead, as the monkeys' published numbers do: their n is the number
of blocks of all subjects (in the curves around a reversal, of reversals).

Source: Costa et al. 2016, Neuron 92:505.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import pandas as pd
from scipy import special

from metarl.analysis.measures import ALL_SUBJECTS, subject_rewards, with_all_subjects
from metarl.analysis.schema import (
    BASE_SCHEMA,
    KEYS,
    WITH_CHOICE,
    Array,
    Derived,
    Flags,
    Integers,
    RowError,
    between,
    codes,
    numbers,
)
from metarl.analysis.statistics import (
    NO_BOUNDS,
    NOT_NEGATIVE,
    PROBABILITY,
    Bounds,
    known_standard_error,
)
from metarl.analysis.trials import EPISODE_KEYS, TrialSequence, trial_sequence

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
BOUNDS: Mapping[str, Bounds] = MappingProxyType(
    {
        **dict.fromkeys(MEASURES, PROBABILITY),
        "first_new_better": NOT_NEGATIVE,
        "switch_delay": NO_BOUNDS,
    }
)
"""Measure of a block -> its least and greatest value."""
LATE = (10, 20)
"""First place, and end, of the late trials after a start or reversal, for learning."""
ACQUISITION_TRIALS = 25
"""Trials of the curve from a block's start."""
REVERSAL_TRIALS = (-10, 25)
"""First and last trial of the curve around the reversal, which is 0."""
LEAST_PROBABILITY = 1e-3
"""Distance from 0 and 1 that a probability in the likelihood of a switch keeps.

The monkeys' reference rows were computed with this value, and with the same order of
the two probabilities.
"""


def check_blocks(columns: pd.DataFrame) -> None:
    """Raise RowError unless a block has one schedule."""
    keys = list(EPISODE_KEYS)
    ordered = columns.sort_values([*keys, "trial"])
    before = ordered.shift()
    same = (ordered[keys] == before[keys]).all(axis=1)
    schedule, earlier = ordered["schedule"], before["schedule"]
    unequal = (schedule != earlier) & ~(schedule.isna() & earlier.isna())
    mixed = same & unequal
    if mixed.any():
        first = ordered.index[int(np.argmax(mixed))]
        raise RowError(
            "a block must have one schedule",
            "another at",
            {key: columns.loc[first, key] for key in KEYS},
            int(np.flatnonzero(columns.index == first)[0]),
            "begin an episode of a new number there",
        )


def better_of(table: pd.DataFrame) -> "pd.Series[float]":
    """Better option of every trial, from both options' probabilities."""
    left, right = (numbers(table, f"probability_{side}") for side in ("left", "right"))
    better = np.where(right > left, 1.0, 0.0)
    return pd.Series(np.where(left == right, np.nan, better), table.index)


def never_reversed(columns: pd.DataFrame) -> dict[float, str]:
    """The first subject of those without any reversal, with the number of others."""
    keys = list(EPISODE_KEYS)
    kinds = columns.groupby(keys)["better"].nunique()
    most = kinds.groupby("subject").max()
    without = most.index[most < 2]
    if not len(without):
        return {}
    others = f", nor in {len(without) - 1} more" if len(without) > 1 else ""
    words = f"better is the same in all trials of a block: there is no reversal{others}"
    return {float(str(without[0])): words}


_PROBABILITY = between(0, 1, blank=True, required=False, own=True)
SCHEMA = BASE_SCHEMA.extend(
    "reversal",
    check_blocks,
    derived={
        "better": Derived(
            ("probability_left", "probability_right"),
            better_of,
            "the option with the higher probability",
        )
    },
    warnings=[never_reversed],
    reward=codes(
        *(0, 1),
        names=("unrewarded", "rewarded"),
        when=WITH_CHOICE,
        meaning="reward of the choice",
        example="1",
    ),
    better=replace(
        codes(
            *(0, 1),
            names=("left", "right"),
            meaning="option with the higher probability of reward; it may change any "
            "number of times",
        ),
        advice="leave out the blocks in which no option is better",
        how="if the file has the trial of the swap, or whether a choice was correct, "
        "add the column first, as the page of own data shows",
    ),
    schedule=replace(
        between(
            *(50, 100),
            unit="percent",
            meaning="the better option's probability of reward",
            example="80",
            blank=True,
        ),
        required=False,
    ),
    probability_left=replace(
        _PROBABILITY, meaning="probability of reward of left", example="0.8"
    ),
    probability_right=replace(
        _PROBABILITY, meaning="probability of reward of right", example="0.2"
    ),
)
"""Columns of the trial table."""
NOT_KNOWN = 0.0
"""Schedule of a block if the table does not give it."""


@dataclass(frozen=True, kw_only=True)
class Blocks:
    """N trials in order, of E blocks."""

    trials: TrialSequence
    """The trials; one counts where it is usable."""
    since: Array
    """(N,) trials since the block's first reversal, negative before it; NaN in a block
    without one."""

    @property
    def table(self) -> pd.DataFrame:
        """(E, 4) subject, session, episode, schedule (NOT_KNOWN where it is blank)."""
        schedule = self.trials["schedule"][self.trials.starts]
        schedule = np.where(np.isnan(schedule), NOT_KNOWN, schedule)
        return self.trials.episodes.assign(schedule=schedule)

    @property
    def right(self) -> Flags:
        """(N,) whether the choice was right; False without a choice."""
        return np.equal(self.trials["choice"], 1)

    @property
    def better(self) -> Flags:
        """(N,) whether right was the better option."""
        return np.equal(self.trials["better"], 1)

    @property
    def won(self) -> Flags:
        """(N,) whether the choice was rewarded."""
        return np.equal(self.trials["reward"], 1)

    @property
    def correct(self) -> Flags:
        """(N,) whether the better option was chosen, where the trial counts."""
        return np.equal(self.right, self.better)

    @property
    def acquiring(self) -> Flags:
        """(N,) trials that count and come before the reversal."""
        return self.trials.usable & ~(self.since >= 0)


def read_blocks(trials: pd.DataFrame) -> Blocks:
    """Sort the trials and find each block's reversal.

    The reversal is where `better` changes, so that trials of any origin are read alike.

    Args:
        trials: trial table that `SCHEMA` has checked, in any order.
    """
    sequence = trial_sequence(trials, SCHEMA)
    return Blocks(trials=sequence, since=_since_reversal(sequence))


def _since_reversal(trials: TrialSequence) -> Array:
    """(N,) trials since the first on which the other option is better."""
    starts, block = trials.starts, trials.episode_index
    if not len(starts):
        return np.empty(0)
    swapped = trials["better"] != trials["better"][starts][block]
    first = np.minimum.reduceat(np.where(swapped, trials.trial, np.inf), starts)
    start: Array = np.where(np.isinf(first), np.nan, first)
    return trials.trial.astype(float) - start[block]


@dataclass(frozen=True, kw_only=True)
class Reversals:
    """Every reversal as a block of its own, R of them."""

    blocks: Blocks
    """(R,) each with the trials since the reversal before it, and up to the next."""
    block: Integers
    """(R,) number of the block that it is of, from 0."""

    def mean(self, values: Array, count: int) -> Array:
        """(E,) mean of (R,) values over each block's reversals; NaN without one."""
        known = np.isfinite(values)
        total = np.bincount(self.block[known], values[known], count)
        number = np.bincount(self.block[known], minlength=count)
        means: Array = np.full(count, np.nan)
        np.divide(total, number, out=means, where=number > 0)
        return means


def reversals_of(blocks: Blocks) -> Reversals:
    """Every reversal of the blocks on its own; the trials between two are of both."""
    trials = blocks.trials
    swaps = trials["better"][1:] != trials["better"][:-1]
    swaps &= np.diff(trials.episode_index) == 0
    first = np.flatnonzero(swaps) + 1
    block = trials.episode_index[first]
    ends = np.append(trials.starts[1:], len(trials.keys))[block]
    before = trials.starts[block].copy()
    if len(first) > 1:
        again = np.flatnonzero(block[1:] == block[:-1])
        before[again + 1] = first[again]
        ends[again] = first[again + 1]
    lengths = ends - before
    number = np.repeat(np.arange(len(first)), lengths)
    rows = np.arange(len(number)) - np.repeat(lengths.cumsum() - lengths, lengths)
    rows += before[number]
    keys = trials.keys[rows].copy()
    # Numbers of their own, as two reversals of one block may share their trials.
    keys[:, 2] = number
    own = replace(
        trials,
        keys=keys,
        columns={name: values[rows] for name, values in trials.columns.items()},
        usable=trials.usable[rows],
    )
    return Reversals(blocks=Blocks(trials=own, since=_since_reversal(own)), block=block)


def schedule_name(percent: float) -> str:
    """A schedule by both options' probabilities of reward in percent: 80/20."""
    if percent == NOT_KNOWN:
        return "all blocks"
    return f"{percent:g}/{100 - percent:g}"


def block_measures(blocks: Blocks) -> pd.DataFrame:
    """Every measure of every block.

    Returns:
        One row a block: subject, session, episode, schedule, and the `MEASURES`. NaN
        where a block has no such trial, pair or reversal.
    """
    counts, follows = blocks.trials.usable, blocks.trials.follows
    won, late = np.append(False, blocks.won[:-1]), np.arange(*LATE)
    stayed = np.append(False, blocks.right[1:] == blocks.right[:-1])
    first_late = blocks.acquiring & np.isin(blocks.trials.place, late)
    reversals = reversals_of(blocks)
    each, count = reversals.blocks, len(blocks.trials.starts)
    at_reversal = _share(each, each.correct, each.trials.usable & (each.since == 0))
    late_reversal = _share(
        each, each.correct, each.trials.usable & np.isin(each.since, late)
    )
    return blocks.table.assign(
        p_better=_share(blocks, blocks.correct, counts),
        stay_after_win=_share(blocks, stayed, follows & won),
        shift_after_loss=_share(blocks, ~stayed, follows & ~won),
        at_reversal=reversals.mean(at_reversal, count),
        late_acquisition=_share(blocks, blocks.correct, first_late),
        late_reversal=reversals.mean(late_reversal, count),
        first_new_better=reversals.mean(_first_new_better(each), count),
        switch_delay=reversals.mean(_switch_delays(each), count),
    )


def _share(blocks: Blocks, values: Flags, among: Flags) -> Array:
    """(E,) share of `values` among the chosen trials of each block."""
    index, count = blocks.trials.episode_index, len(blocks.trials.starts)
    held = np.bincount(index, weights=values & among, minlength=count)
    total = np.bincount(index, weights=among, minlength=count)
    share: Array = np.full(count, np.nan)
    np.divide(held, total, out=share, where=total > 0)
    return share


def _first_new_better(blocks: Blocks) -> Array:
    """(E,) trials from the reversal to the first choice of the new better option.

    Where it is never chosen, all trials after the reversal: the least it can be.
    """
    starts, since = blocks.trials.starts, blocks.since
    if not len(starts):
        return np.empty(0)
    after = blocks.trials.usable & (since >= 0)
    taken = np.where(after & blocks.correct, since, np.inf)
    never = np.maximum.reduceat(since, starts) + 1
    first = np.minimum(np.minimum.reduceat(taken, starts), never)
    index = blocks.trials.episode_index[after]
    known = np.bincount(index, minlength=len(first)) > 0
    return np.where(known, first, np.nan)


def _switch_delays(blocks: Blocks) -> Array:
    """(E,) trials from the reversal to where the choices most likely switched.

    The option that is better at first is chosen with one probability up to the switch
    and with another, not higher, from it on. The delay is that of the first trial after
    the most likely switch, the earliest of equals; where the choices can only have
    risen, of the second.
    """
    index = blocks.trials.episode_index[blocks.trials.usable]
    count = np.bincount(index, minlength=len(blocks.trials.starts))
    delays = np.full(len(count), np.nan)
    chosen, since = _rows(blocks, count)
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


def _rows(blocks: Blocks, count: Integers) -> tuple[Array, Array]:
    """(E, M) choices of the option that was better at first, and their times.

    M is the most trials of a block that count; 0 and NaN fill up the others.
    """
    trials, usable = blocks.trials, blocks.trials.usable
    chosen = np.zeros((len(count), max(int(count.max(initial=0)), 1)))
    since = np.full_like(chosen, np.nan)
    row = trials.episode_index[usable]
    column = np.arange(len(row)) - (np.cumsum(count) - count)[row]
    first = blocks.better[trials.starts][trials.episode_index]
    chosen[row, column] = (blocks.right == first)[usable]
    since[row, column] = blocks.since[usable]
    return chosen, since


def _log_likelihood(hits: Array, count: Integers) -> Array:
    """Log likelihood of hits among trials, at their share as the probability."""
    share = np.clip(hits / count, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    misses = count - hits
    fit = special.xlogy(hits, share) + special.xlogy(misses, 1 - share)
    return np.asarray(fit, float)


def subject_measures(blocks: Blocks) -> pd.DataFrame:
    """Each subject's mean over all its blocks, and its earnings.

    Returns:
        One row a subject: subject, trials, reward_per_100 (reward units per 100 trials,
        penalties included), invalid_fraction, blocks, and the `MEASURES`.
    """
    measures = _over_blocks(block_measures(blocks), ["subject"])
    return subject_rewards(blocks.trials).merge(measures, on="subject")


def schedule_measures(blocks: Blocks) -> pd.DataFrame:
    """Each subject's mean over its blocks of one schedule.

    Returns:
        One row for each subject, schedule and measure: blocks, and value in the unit
        of `MEASURES`.
    """
    keys = ["subject", "schedule"]
    wide = _over_blocks(block_measures(blocks), keys)
    return wide.melt([*keys, "blocks"], list(MEASURES), "measure", "value")


def _over_blocks(measures: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Means over blocks; a block without a measure is left out of its mean."""
    cells = measures.groupby(by, sort=True)
    means = cells[list(MEASURES)].mean()
    means.insert(0, "blocks", cells.size())
    return means.reset_index()


def curves(blocks: Blocks, by: Sequence[str] = ("subject",)) -> pd.DataFrame:
    """P(choose the option that is better now), trial by trial.

    Args:
        blocks: the trials.
        by: columns that name a unit besides the schedule: subjects, or none.

    Returns:
        One row for each unit, schedule, alignment and trial: from 1 at a block's start
        and up to its reversal at most, or from 0 at the reversal; probability, its
        standard error over blocks, and blocks, their number (of reversals, from 0).
    """
    each = reversals_of(blocks).blocks
    start, swap = blocks.trials.place + 1, each.since
    ends = {
        "acquisition": (blocks, start, blocks.acquiring, (1, ACQUISITION_TRIALS)),
        "reversal": (each, swap, each.trials.usable, REVERSAL_TRIALS),
    }
    frames = []
    for alignment, (aligned, trial, counts, (first, last)) in ends.items():
        shown = counts & (trial >= first) & (trial <= last)
        index = aligned.trials.episode_index[shown]
        part = aligned.table.iloc[index].reset_index(drop=True)
        correct = aligned.correct[shown].astype(float)
        frames.append(
            part.assign(alignment=alignment, trial=trial[shown], correct=correct)
        )
    keys = [*by, "schedule", "alignment", "trial"]
    cells = pd.concat(frames, ignore_index=True).groupby(keys, sort=True)["correct"]
    table = cells.agg(probability="mean", error="sem", blocks="count").reset_index()
    return table.astype({"trial": np.int64})


def behaviour_summary(blocks: Blocks, labels: Mapping[int, str]) -> pd.DataFrame:
    """Every measure and curve over blocks, in the form of the monkeys' reference rows.

    Args:
        blocks: the trials.
        labels: subject -> its name.

    Returns:
        One row for each label (all subjects together, then each), quantity and
        schedule: value, its standard error over blocks (error), median, n, the number
        of blocks that have the quantity (of reversals, around one), and over
        ("blocks"); last, all together over subjects, each with its own mean, as in the
        figure. The curves, of all subjects together, also have alignment and trial,
        which are blank elsewhere.
    """
    measures = block_measures(blocks)
    named = measures["subject"].map(dict(labels))
    everyone = measures.assign(label=ALL_SUBJECTS)
    long = pd.concat([everyone, measures.assign(label=named)]).melt(
        ["label", "schedule"], list(MEASURES), "quantity", "value"
    )
    keys = ["label", "quantity", "schedule"]
    cells = long.groupby(keys, sort=False)["value"]
    table = cells.agg(
        value="mean", error=known_standard_error, median="median", n="count"
    ).reset_index()
    shown = curves(blocks, by=()).rename(
        columns={"probability": "value", "blocks": "n"}
    )
    shown = shown.assign(label=ALL_SUBJECTS, quantity="p_better")
    each = table[table["label"] != ALL_SUBJECTS]
    subjects = with_all_subjects(each, keys[1:]).head(each.groupby(keys[1:]).ngroups)
    over_blocks = pd.concat([table, shown], ignore_index=True).assign(over="blocks")
    parts = [over_blocks, subjects, _curves_over_subjects(blocks)]
    summary = pd.concat(parts, ignore_index=True)
    summary["schedule"] = summary["schedule"].replace(NOT_KNOWN, np.nan)
    order = ["alignment", "trial", "value", "error", "median", "n", "over"]
    return summary[[*keys, *order]].astype({"trial": "Int64", "n": "Int64"})


def _curves_over_subjects(blocks: Blocks) -> pd.DataFrame:
    """Rows of `behaviour_summary`: the curves over subjects, as in the figure."""
    own = curves(blocks).rename(columns={"probability": "value"})
    own = own.drop(columns=["error", "blocks"]).assign(
        label=ALL_SUBJECTS, quantity="p_better"
    )
    keys = ("quantity", "schedule", "alignment", "trial")
    return with_all_subjects(own, keys).head(len(own[list(keys)].drop_duplicates()))
