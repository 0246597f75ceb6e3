"""What a subject expects of the old and of the new cue, around a reversal.

The response to a cue is the prediction error on its arrival: what it is worth more
than fixation was. Three numbers sum it up, each positive where the value is right:

- before: old minus new cue on trial 1, when nothing tells of the reversal yet.
- experienced: new minus old cue on trial 2, of a cue that was seen on trial 1.
- inferred: the same of a cue that was not, so that the other one told its value.

Source: Wang et al. 2018, Nat Neurosci 21:860, Fig. 4b, after Bromberg-Martin et al.
2010, J Neurophysiol 104:1068.
Declared: trials with an invalid response, and trials after one, are left out, as their
outcome tells nothing.
"""

import numpy as np
import pandas as pd

from metarl.analysis.inferred_value.trials import BEFORE, EVENTS
from metarl.analysis.schema import Array

WHEN = ("before", "experienced", "inferred")
"""The three comparisons, in the order of the paper's panels."""
KINDS = ("old", "new")
"""The cue that was rewarded before the reversal, and the one rewarded after it."""
SHOWN_EVENTS = EVENTS[:3]
"""Steps whose prediction errors the paper's panels show: before, at, after the cue."""
PLACES = range(BEFORE, 4)
"""Trials around a reversal that the course of the value is followed through."""
RESPONSE_COLUMNS = ("when", "cue", "event", "rpe", "trials")
"""Columns of the table of responses."""
VALUE_COLUMNS = ("place", "event", "cue", "value", "trials")
"""Columns of the table of values."""
COUNTS_BELOW = 0.5
"""Carry-over below which a subject counts trials: half way between those who count
(0) and those who do not (1)."""


def ideal_difference(
    discount: float, probability_switch: float = 0.5, block_trials: int = 5
) -> float:
    """What each of the three numbers is for an observer that infers and counts not.

        (1 - 2 probability_switch / block_trials) discount^2

    It knows for certain which cue was rewarded on the trial before, and that the cues
    swap before any trial with the same small chance; the reward is two steps away.
    """
    return (1 - 2 * probability_switch / block_trials) * discount**2


def compared(table: pd.DataFrame) -> dict[str, "pd.Series[bool]"]:
    """Which trials of `recorded_trials` each comparison is made on."""
    valid = table["valid"] == 1
    second = valid & table["after_valid"] & (table["place"] == 2)
    return {
        "before": valid & (table["place"] == 1),
        "experienced": second & table["seen"],
        "inferred": second & ~table["seen"],
    }


def cue_responses(table: pd.DataFrame) -> pd.DataFrame:
    """Mean prediction error around the cue, for each comparison and cue.

    Args:
        table: `recorded_trials` of one subject.

    Returns:
        One row for each comparison, cue and step: rpe on arrival at the step, in
        reward units (NaN without a trial), and the number of trials.
    """
    rows = []
    for when, chosen in compared(table).items():
        for kind in KINDS:
            part = table[chosen & (table["new"] == (kind == "new"))]
            for event in SHOWN_EVENTS:
                mean = _mean(part[f"rpe_{event}"].to_numpy(float))
                rows.append((when, kind, event, mean, len(part)))
    return pd.DataFrame(rows, columns=list(RESPONSE_COLUMNS))


def _mean(values: Array) -> float:
    return float(values.mean()) if len(values) else float("nan")


def differences(responses: pd.DataFrame) -> dict[str, float]:
    """The three numbers, in reward units, and what follows from them.

    Args:
        responses: `cue_responses` of one subject.

    Returns:
        before, experienced, inferred; ratio of inferred to experienced; carry_over,
        before as a share of the mean of the other two: 1 for a subject that takes any
        trial for a possible reversal, 0 for one that counts the trials of a block;
        counts, 1 where it is below COUNTS_BELOW, else 0.
    """
    at_cue = responses[responses["event"] == "cue"]
    rpe = at_cue.set_index(["when", "cue"])["rpe"]
    before = float(rpe["before", "old"] - rpe["before", "new"])
    experienced, inferred = (
        float(rpe[when, "new"] - rpe[when, "old"]) for when in WHEN[1:]
    )
    after = (experienced + inferred) / 2
    known = np.isfinite(before + after)
    counts = float(after > 0 and before < COUNTS_BELOW * after)
    return {
        "before": before,
        "experienced": experienced,
        "inferred": inferred,
        "ratio": inferred / experienced if experienced else float("nan"),
        "carry_over": before / after if after else float("nan"),
        "counts": counts if known else float("nan"),
    }


def value_course(table: pd.DataFrame) -> pd.DataFrame:
    """Mean value at every step of the trials around a reversal, for each cue.

    Args:
        table: `recorded_trials` of one subject.

    Returns:
        One row for each place, step and cue of the trial: value in reward units (NaN
        without a trial), and the number of trials.
    """
    usable = (table["valid"] == 1) & ((table["place"] <= 1) | table["after_valid"])
    rows = []
    for place in PLACES:
        here = table[usable & (table["place"] == place)]
        for event in EVENTS:
            for kind in KINDS:
                part = here.loc[here["new"] == (kind == "new"), f"value_{event}"]
                rows.append((place, event, kind, _mean(part.to_numpy()), len(part)))
    return pd.DataFrame(rows, columns=list(VALUE_COLUMNS))


def valid_shares(trials: pd.DataFrame) -> pd.DataFrame:
    """Share of valid trials by place in the block.

    Args:
        trials: `placed_trials` of any number of subjects.

    Returns:
        One row for each subject and trial of a block: block_trial from 1, valid in
        [0, 1], and trials.
    """
    cells = trials.groupby(["subject", "block_trial"])["valid"]
    table = cells.agg(["mean", "size"]).reset_index()
    table["block_trial"] += 1
    return table.rename(columns={"mean": "valid", "size": "trials"})
