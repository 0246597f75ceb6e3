"""Values and prediction errors of the old and the new cue, around a reversal.

The response to a cue is the prediction error on its arrival: its value minus that of
fixation. Three numbers sum it up, each positive where the value is right:

- before: old minus new cue on trial 1, when nothing indicates the reversal yet.
- experienced: new minus old cue on trial 2, of a cue that was seen on trial 1.
- inferred: the same of a cue that was not, so that its value follows from the other's.

Source: Wang et al. 2018, Nat Neurosci 21:860, Fig. 4b, after Bromberg-Martin et al.
2010, J Neurophysiol 104:1068.
Declared: trials with an invalid response, and trials after one, are left out, as their
outcome carries no information.
"""

import numpy as np
import pandas as pd

from metarl.analysis.inferred_value.behaviour import BEFORE
from metarl.analysis.recordings import STEP_ARRAYS, join_trials, steps_at
from metarl.analysis.statistics import mean
from metarl.core.checks import MetaRLError
from metarl.core.files import Recording

EVENTS = ("fixation", "cue", "go", "outcome")
"""Steps of a trial."""
STEP_NUMBERS = ("value", "rpe")
"""Arrays of a recording that are read at every step."""
RECORDED = (*STEP_ARRAYS, *STEP_NUMBERS)
"""Arrays that a recording must have."""
WHEN = ("before", "experienced", "inferred")
"""The three comparisons, in the order of the paper's panels."""
KINDS = ("old", "new")
"""The cue that was rewarded before the reversal, and the one rewarded after it."""
SHOWN_EVENTS = EVENTS[:3]
"""Steps shown in the paper's panels: before, at and after the cue."""
PLACES = range(BEFORE, 4)
"""Trials around a reversal that the course of the value is followed through."""
RESPONSE_COLUMNS = ("when", "cue", "event", "rpe", "trials")
"""Columns of the table of responses."""
VALUE_COLUMNS = ("place", "event", "cue", "value", "trials")
"""Columns of the table of values."""
COUNTS_BELOW = 0.5
"""Carry-over below which a subject counts trials: half way between counting (0) and not
counting (1)."""


def ideal_difference(
    discount: float, probability_switch: float, block_trials: int
) -> float:
    """The three numbers of an observer that infers and does not count trials.

        (1 - 2 probability_switch / block_trials) discount^2

    It knows for certain which cue was rewarded on the trial before, and that the cues
    swap before any trial with the same small probability; the reward is two steps away.
    """
    return (1 - 2 * probability_switch / block_trials) * discount**2


def recorded_trials(recording: Recording, trials: pd.DataFrame) -> pd.DataFrame:
    """The recorded trials, with the recording's rows of their steps.

    Args:
        recording: step recording of one subject, whole trials.
        trials: table of `read_trials` of that subject, of the same evaluation.

    Returns:
        The recorded ones of the trials, and for each event its row in the recording
        (row_EVENT), the value there (value_EVENT, reward units) and the prediction
        error on arrival there (rpe_EVENT; NaN at an episode's start).

    Raises:
        MetaRLError: an array, an event, a step or a trial is missing.
    """
    keys = ["episode", "trial"]
    steps = {event: steps_at(recording, event, STEP_NUMBERS) for event in EVENTS}
    table = steps[EVENTS[0]][keys]
    if any(not table.equals(step[keys]) for step in steps.values()):
        raise MetaRLError(
            "the step recording must hold whole trials of "
            f"{', '.join(EVENTS)}, got some without a step"
        )
    for event, step in steps.items():
        numbers = step.drop(columns=keys).astype(dict.fromkeys(STEP_NUMBERS, float))
        table = table.join(numbers.add_suffix(f"_{event}"))
    return join_trials(table, trials)


def compared(table: pd.DataFrame) -> dict[str, "pd.Series[bool]"]:
    """The trials of `recorded_trials` that each comparison is made on."""
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
                rpe = mean(part[f"rpe_{event}"].to_numpy(float))
                rows.append((when, kind, event, rpe, len(part)))
    return pd.DataFrame(rows, columns=list(RESPONSE_COLUMNS))


def differences(responses: pd.DataFrame) -> dict[str, float]:
    """The three numbers, in reward units, and their ratios.

    Args:
        responses: `cue_responses` of one subject.

    Returns:
        before, experienced, inferred; ratio of inferred to experienced; carry_over,
        before as a share of the mean of the other two: 1 for a subject that expects a
        reversal at any trial, 0 for one that counts the trials of a block;
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
                rows.append((place, event, kind, mean(part.to_numpy()), len(part)))
    return pd.DataFrame(rows, columns=list(VALUE_COLUMNS))
