"""Second-stage choices of the human two-step task, from tables that have them.

A pair is a trial and the one before it, both of which count and have a second-stage
choice, in the same second-stage state.

Source: Daw et al. 2011, Neuron 69:1204.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.analysis import Context
from metarl.analysis.measures import Tables
from metarl.analysis.plotting import (
    Points,
    bars_with_subjects,
    chance_line,
    empty_panel,
    legend_below,
)
from metarl.analysis.schema import (
    WITH_CHOICE,
    Array,
    Column,
    Flags,
    between,
    codes,
)
from metarl.analysis.trials import TrialSequence

MEASURES: Mapping[str, str] = MappingProxyType(
    {
        "second_stay_rewarded": "same option,\nrewarded",
        "second_stay_unrewarded": "same option,\nunrewarded",
        "second_best": "better\noption",
    }
)
"""Measure -> its name on an axis."""
COLUMNS = ("subject", "measure", "value", "n")
"""Columns of the table of `second_stage`."""
OPTIONS = ("s1_left", "s1_right", "s2_left", "s2_right")
"""Options of the two second-stage states."""


def option_columns() -> dict[str, Column]:
    """Columns of second-stage choices and of the options' drifting probabilities."""
    chosen = codes(
        *(0, 1),
        names=("left", "right"),
        blank=True,
        when=WITH_CHOICE,
        required=False,
        own=True,
        meaning="option chosen at the second stage",
        example="1",
    )
    examples = ("0.62", "0.35", "0.41", "0.7")
    chances = {
        f"probability_{option}": between(
            *(0, 1),
            meaning=f"reward probability of {_words(option)} in this trial",
            blank=True,
            required=False,
            own=True,
            example=example,
        )
        for option, example in zip(OPTIONS, examples, strict=True)
    }
    return {"second_choice": chosen, **chances}


def _words(option: str) -> str:
    state, side = option.split("_")
    return f"{side} in second-stage state {int(state[1:]) - 1}"


def second_stage(trials: TrialSequence) -> pd.DataFrame:
    """Staying and choosing well at the second stage.

    Returns:
        One row a subject and measure: COLUMNS; value in [0, 1] and n, its pairs or
        trials. No row of a subject without second-stage choices.
    """
    choice, state = trials["second_choice"], trials["second_state"]
    known = trials.usable & np.isfinite(choice + state)
    pairs = trials.follows & known
    pairs[1:] &= known[:-1] & (state[1:] == state[:-1])
    later = np.flatnonzero(pairs)
    stay = (choice[later] == choice[later - 1]).astype(float)
    rewarded = trials["reward"][later - 1]
    subject = trials.subject[later]
    best, which = _best(trials, known)
    tables = [
        (subject[rewarded == 1], stay[rewarded == 1]),
        (subject[rewarded == 0], stay[rewarded == 0]),
        (trials.subject[which], best),
    ]
    frames = [
        pd.DataFrame({"subject": own, "measure": name, "value": values})
        for name, (own, values) in zip(MEASURES, tables, strict=True)
    ]
    long = pd.concat(frames, ignore_index=True).astype({"value": float})
    cells = long.groupby(["subject", "measure"], sort=False)["value"]
    table = cells.agg(value="mean", n="count").reset_index()
    return table.reindex(columns=list(COLUMNS))


def _best(trials: TrialSequence, known: Flags) -> tuple[Array, Flags]:
    """Whether the better option was chosen, and the trials in which this is known."""
    chances = np.stack([trials[f"probability_{option}"] for option in OPTIONS], axis=1)
    rows = np.arange(len(chances))
    first = np.where(np.equal(trials["second_state"], 1), 2, 0)
    left, right = chances[rows, first], chances[rows, first + 1]
    which = known & np.isfinite(left + right) & (left != right)
    best = np.equal(trials["second_choice"], 1) == (right > left)
    return best[which].astype(float), which


def plot_second_stage(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Choices at the second stage, a bar a measure and a dot a subject."""
    present = set(tables["second_stage"]["measure"])
    if not present:
        none = "no second-stage choices"
        return ax if context.slots > 1 else empty_panel(ax, none)
    shown = [name for name in MEASURES if name in present]
    points = Points(("measure",), shown)
    places = bars_with_subjects(ax, tables, context, "second_stage", "value", points)
    chance_line(ax)
    ax.set_xticks(places, [MEASURES[name] for name in shown])
    ax.set(ylabel="P(choice at the second stage)", ylim=(0, 1.02))
    ax.set_xlabel("Last time in this state, and the options' probabilities")
    return legend_below(ax)
