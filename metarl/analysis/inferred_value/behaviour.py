"""Trials of the inferred-value task, placed around reversals.

A reversal is a block that starts with a change of the rewarded cue. The old cue is the
one that was rewarded before it, the new cue the one that is rewarded from it on.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from metarl.analysis.schema import BASE_SCHEMA, KEYS, Derived, codes, whole
from metarl.analysis.trials import EPISODE_KEYS, trial_sequence


def _blocks(table: pd.DataFrame) -> pd.DataFrame:
    """Blocks of a user's table: a new one wherever the rewarded cue changes.

    Returns:
        block, from 0, block_trial, from 0 by trial numbers where there are any, and
        switched, blank in an episode's first block.
    """
    keys = [key for key in KEYS if key in table]
    ordered = table.sort_values(keys, kind="stable")
    by = [ordered[key] for key in EPISODE_KEYS]
    cue = ordered["rewarded_cue"]
    changed = (cue != cue.groupby(by).shift()) & (cue.groupby(by).cumcount() > 0)
    block = changed.groupby(by).cumsum().astype(int)
    inside = block.groupby([*by, block])
    trial = inside.cumcount()
    if "trial" in ordered:
        number = pd.to_numeric(ordered["trial"], errors="coerce")
        trial = number - number.groupby([*by, block]).transform("min")
    switched = pd.Series(np.where(block > 0, 1.0, np.nan), ordered.index)
    found = {"block": block, "block_trial": trial, "switched": switched}
    return pd.DataFrame(found).reindex(table.index)


def _derived(name: str, words: str) -> Derived:
    return Derived(("rewarded_cue",), lambda table: _blocks(table)[name], words)


SCHEMA = BASE_SCHEMA.extend(
    "inferred-value",
    derived={
        "block": _derived("block", "a new one where rewarded_cue changes"),
        "block_trial": _derived("block_trial", "counted from there"),
        "switched": _derived("switched", "1 but in an episode's first block"),
    },
    choice=codes(
        *(0, 1),
        names=("left", "right"),
        blank=True,
        meaning="response; blank where there was none",
    ),
    forced=replace(
        BASE_SCHEMA.columns["forced"],
        meaning="not read: all responses are instructed by the cue",
    ),
    cue=codes("A", "B", meaning="cue that was shown"),
    rewarded_cue=codes("A", "B", meaning="cue that was rewarded"),
    block=whole(meaning="number of the block in its episode", example="3"),
    block_trial=whole(meaning="number of the trial in its block, from 0", example="1"),
    switched=codes(
        *(0, 1),
        blank=True,
        meaning="whether the rewarded cue changed at the block's start",
        example="1",
    ),
)
"""Columns of the trial table."""
BEFORE = 0
"""Place of the last trial before a reversal; the trials after it are 1, 2, ..."""


def read_trials(trials: pd.DataFrame) -> pd.DataFrame:
    """Every trial with its place around a reversal.

    Args:
        trials: trial table that `SCHEMA` has checked, in any order.

    Returns:
        Sorted by subject, session, episode and trial: these, reward, valid,
        block_trial, switched, cue, rewarded_cue, and

        - after_valid: whether the trial before it, in the same episode, was valid.
        - place: BEFORE, or 1, 2, ... in the block of a reversal; NaN elsewhere.
        - new: whether its cue is the new one; False elsewhere.
        - seen: whether the trial before it, in the same episode, had the same cue.

        The trial before has the number one below.
    """
    sequence = trial_sequence(trials, SCHEMA)
    table = sequence.key_table()
    for name in ("reward", "valid", "block_trial", "switched"):
        table[name] = sequence[name]
    for name in ("cue", "rewarded_cue"):
        table[name] = sequence.words(name)
    adjacent = pd.Series(sequence.next_in_episode)
    switched = table["switched"] == 1
    starts_next = (switched & adjacent).shift(-1, fill_value=False)
    last = np.where(starts_next, BEFORE, np.nan)
    place = np.where(switched, table["block_trial"] + 1, last)
    same = table["cue"] == table["rewarded_cue"]
    return table.assign(
        after_valid=adjacent & (table["valid"].shift(1) == 1),
        place=place,
        new=np.where(place == BEFORE, ~same, same) & ~np.isnan(place),
        seen=adjacent & (table["cue"].shift(1) == table["cue"]),
    )


def subject_shares(trials: pd.DataFrame) -> pd.DataFrame:
    """One row a subject: valid_share, in [0, 1], and reward_per_trial.

    Args:
        trials: table of `read_trials`.
    """
    means = trials.groupby("subject")[["valid", "reward"]].mean().reset_index()
    return means.rename(columns={"valid": "valid_share", "reward": "reward_per_trial"})


def valid_shares(trials: pd.DataFrame) -> pd.DataFrame:
    """Share of valid trials by place in the block.

    Args:
        trials: table of `read_trials`.

    Returns:
        One row for each subject and trial of a block: block_trial from 1, valid in
        [0, 1], and trials.
    """
    cells = trials.groupby(["subject", "block_trial"])["valid"]
    table = cells.agg(["mean", "size"]).reset_index()
    table["block_trial"] += 1
    return table.rename(columns={"mean": "valid", "size": "trials"})
