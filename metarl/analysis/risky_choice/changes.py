"""What changing the prediction error does to risky choice, paired over subjects.

Three outcomes can be changed: a win of the risky arm, the safe arm's reward, a loss of
the risky arm. A condition is named by the outcome, and by when it is changed:

    block-OUTCOME        on all trials, by the amount of the paper
    block-OUTCOME-free   on free trials alone
    dose-OUTCOME=AMOUNT  on all trials, by that amount

The amount is what the actor is told instead of the prediction error. With it

    rpe[t - 1] = reward[t - 1] + discount * value[t] - value[t - 1]

is replaced on step t, the one after the outcome. All conditions meet the same chances
as the control, so a subject's change is its own.

Source: Wang et al. 2018, Nat Neurosci 21:860, Simulation 6, Fig. 7; the animals'
stimulations are those of Stopper et al. 2014, Neuron 84:177.
Declared: the paper does not say at which step the change is made, nor whether the
forced trials are changed too; we do both, and test other amounts.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from metarl.analysis.bridge import packaged
from metarl.analysis.measures import summarise
from metarl.analysis.risky_choice.trials import percent_risky

CONTROL = "control"
"""Name of the condition in which nothing is changed."""
ALL_TRIALS, FREE_TRIALS = "all trials", "free trials"
"""When an outcome is changed."""


class Stimulation(NamedTuple):
    """One outcome whose prediction error is changed."""

    label: str
    """In words, for figures."""
    amount: float
    """Prediction error that the actor is told, in reward units."""
    sign: int
    """Which way risky choice should go: 1 more, -1 less."""
    animals: str
    """Begins the condition's name among the published rows."""


STIMULATIONS: Mapping[str, Stimulation] = {
    "risky-win": Stimulation(
        "risky win", -4.0, -1, "dopamine suppressed (LHb stimulation) at large"
    ),
    "safe": Stimulation(
        "safe reward", -1.0, 1, "dopamine suppressed (LHb stimulation) at small"
    ),
    "risky-loss": Stimulation(
        "risky loss", 1.0, 1, "dopamine triggered (VTA stimulation)"
    ),
}
"""Outcome -> how it is changed. Amounts: Wang et al. 2018, Methods."""
BLOCK = re.compile(r"block-(?P<kind>risky-win|safe|risky-loss)(?P<free>-free)?")
DOSE = re.compile(
    r"dose-(?P<kind>risky-win|safe|risky-loss)=(?P<amount>[-+]?\d+(\.\d+)?)"
)

CHANGE_COLUMNS = (
    "kind",
    "span",
    "subject",
    "probability",
    "control",
    "stimulated",
    "change",
)
"""Columns of `changes`."""
DOSE_COLUMNS = ("kind", "amount", "subject", "probability", "percent")
"""Columns of `doses`."""


def percents(conditions: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """`percent_risky` of every condition, with the condition as the first column."""
    parts = []
    for name, trials in conditions.items():
        part = percent_risky(trials)
        part.insert(0, "condition", name)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def changes(risky: pd.DataFrame) -> pd.DataFrame:
    """Change of risky choice from each subject's own control.

    Args:
        risky: table of `percents`, of the measured subjects.

    Returns:
        One row for each outcome (kind), span, subject and probability: percent risky in
        control and stimulated, and change, in percentage points.
    """
    keys = ["subject", "probability"]
    control = risky[risky["condition"] == CONTROL].set_index(keys)["percent"]
    parts = [pd.DataFrame(columns=list(CHANGE_COLUMNS))]
    for name, part in risky.groupby("condition", sort=False):
        if found := BLOCK.fullmatch(str(name)):
            table = part.join(control.rename("control"), on=keys)
            table = table.rename(columns={"percent": "stimulated"}).assign(
                kind=found["kind"], span=FREE_TRIALS if found["free"] else ALL_TRIALS
            )
            table["change"] = table["stimulated"] - table["control"]
            parts.append(table[list(CHANGE_COLUMNS)])
    return pd.concat(parts[1:] or parts, ignore_index=True)


def summarise_changes(changed: pd.DataFrame) -> pd.DataFrame:
    """Mean change over subjects, its 95 % interval and two-sided paired t test.

    Returns:
        One row for each kind, span and probability: mean, low, high (percentage
        points), n (subjects) and p.
    """
    by = ["kind", "span", "probability"]
    table = summarise(changed, "change", by)
    groups = changed.groupby(by, sort=False)["change"]
    return table.assign(p=[_paired_p(part.to_numpy(float)) for _, part in groups])


def _paired_p(change: "np.ndarray") -> float:
    """Two-sided; NaN for fewer than two subjects or where all changed alike."""
    if len(change) < 2 or np.ptp(change) == 0:
        return float("nan")
    return float(stats.ttest_1samp(change, 0.0).pvalue)


def doses(risky: pd.DataFrame) -> pd.DataFrame:
    """Risky choice by the prediction error that an outcome is given, on all trials.

    Args:
        risky: table of `percents`, of the measured subjects.

    Returns:
        One row for each outcome (kind), amount, subject and probability: percent.
    """
    parts = [pd.DataFrame(columns=list(DOSE_COLUMNS))]
    for name, part in risky.groupby("condition", sort=False):
        if (dose := kind_and_amount(str(name))) is not None:
            given = part.assign(kind=dose[0], amount=dose[1])
            parts.append(given[list(DOSE_COLUMNS)])
    table = pd.concat(parts[1:] or parts, ignore_index=True)
    # The paper's own amount may also stand in the series of doses.
    table = table.drop_duplicates(["kind", "amount", "subject", "probability"])
    return table.sort_values(["kind", "amount"], kind="stable", ignore_index=True)


def kind_and_amount(condition: str) -> tuple[str, float] | None:
    """Which outcome a condition changes on all trials, and to what; None if none."""
    if found := DOSE.fullmatch(condition):
        return found["kind"], float(found["amount"])
    found = BLOCK.fullmatch(condition)
    if found is None or found["free"]:
        return None
    return found["kind"], STIMULATIONS[found["kind"]].amount


def reference_rats() -> pd.DataFrame:
    """Which way rats went, under the stimulations that the changes stand for.

    Returns:
        One row an outcome: kind, sign (1 more risky choice, -1 less), n (rats), study,
        source_location. Only the direction was published in numbers that can be read.
    """
    rows = packaged("sim6_risky_stimulation.csv")
    parts = [
        rows[rows["condition"].str.startswith(stimulation.animals)].assign(kind=kind)
        for kind, stimulation in STIMULATIONS.items()
    ]
    table = pd.concat(parts, ignore_index=True).rename(columns={"value": "sign"})
    table = table.astype({"sign": int, "n": int})
    return table[["kind", "sign", "n", "study", "source_location"]]
