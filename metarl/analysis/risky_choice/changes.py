"""Effects of a changed prediction error on risky choice, paired within subjects.

Three outcomes can be changed: a win of the risky arm, the safe arm's reward, a loss of
the risky arm. A condition is named by the outcome, and by when it is changed:

    block-OUTCOME        on all trials, by the amount of the paper
    block-OUTCOME-free   on free trials alone
    dose-OUTCOME=AMOUNT  on all trials, by that amount

The actor receives the amount instead of the prediction error. With it

    rpe[t - 1] = reward[t - 1] + discount * value[t] - value[t - 1]

is replaced on step t, the one after the outcome. All conditions have the same
probabilities as the control, so that changes are paired.

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

from metarl.analysis.measures import rows_at, stack
from metarl.analysis.references import read_reference
from metarl.analysis.risky_choice.behaviour import percent_risky, read_trials
from metarl.analysis.schema import is_blank
from metarl.analysis.trials import TrialSequence

CONTROL = "control"
"""Name of the condition in which nothing is changed."""
ALL_TRIALS, FREE_TRIALS = "all trials", "free trials"
"""When an outcome is changed."""


class Stimulation(NamedTuple):
    """Change of the prediction error of one outcome."""

    label: str
    """The outcome in words, for figures."""
    amount: float
    """Prediction error that the actor receives, in reward units."""


STIMULATIONS: Mapping[str, Stimulation] = {
    "risky-win": Stimulation("risky win", -4.0),
    "safe": Stimulation("safe reward", -1.0),
    "risky-loss": Stimulation("risky loss", 1.0),
}
"""Outcome -> its change. Amounts: Wang et al. 2018, Methods."""
BLOCK = re.compile(r"block-(?P<outcome>risky-win|safe|risky-loss)(?P<free>-free)?")
DOSE = re.compile(
    r"dose-(?P<outcome>risky-win|safe|risky-loss)=(?P<amount>[-+]?\d+(\.\d+)?)"
)


class Change(NamedTuple):
    """The change in one condition."""

    outcome: str
    """Outcome, one of STIMULATIONS."""
    amount: float
    """Prediction error that the actor receives there, in reward units."""
    span: str
    """On which trials: ALL_TRIALS or FREE_TRIALS."""
    as_published: bool
    """Whether it is one of the paper's changes rather than one of a series of doses."""


def change_of(condition: str) -> Change | None:
    """The change of a condition, from its name; None where nothing is changed."""
    if match := BLOCK.fullmatch(condition):
        outcome, span = match["outcome"], FREE_TRIALS if match["free"] else ALL_TRIALS
        return Change(outcome, STIMULATIONS[outcome].amount, span, as_published=True)
    if match := DOSE.fullmatch(condition):
        amount = float(match["amount"])
        return Change(match["outcome"], amount, ALL_TRIALS, as_published=False)
    return None


def trials_by_condition(
    trials: TrialSequence, tests: Mapping[str, pd.DataFrame]
) -> dict[str, TrialSequence]:
    """Trials of the measured subjects by condition, the control first.

    Args:
        trials: the main test, or all trials of animals, with their condition.
        tests: further test, named by its condition -> trial table.
    """
    words = trials.words("condition")
    named = np.where(is_blank(words), CONTROL, words)
    names = [CONTROL, *(name for name in pd.unique(named) if name != CONTROL)]
    conditions = {str(name): trials.where(named == name) for name in names}
    return conditions | {name: read_trials(table) for name, table in tests.items()}


def percents(conditions: Mapping[str, TrialSequence]) -> pd.DataFrame:
    """`percent_risky` of every condition, with the condition as the first column."""
    return stack(
        ({"condition": name}, percent_risky(trials))
        for name, trials in conditions.items()
    )


def changes(risky: pd.DataFrame) -> pd.DataFrame:
    """Change of risky choice from each subject's own control, where published.

    Args:
        risky: table of `percents`, of the measured subjects.

    Returns:
        One row for each outcome, span, subject and probability: percent risky in
        control and stimulated, and change, in percentage points.
    """
    keys = ["subject", "probability"]
    table = rows_at(_changed(risky), as_published=True)
    control = rows_at(risky, condition=CONTROL).set_index(keys)["percent"]
    table = table.join(control.rename("control"), on=keys)
    table = table.rename(columns={"percent": "stimulated"}).reset_index(drop=True)
    table["change"] = table["stimulated"] - table["control"]
    return table[["outcome", "span", *keys, "control", "stimulated", "change"]]


def doses(risky: pd.DataFrame) -> pd.DataFrame:
    """Risky choice by the prediction error that an outcome is given, on all trials.

    Args:
        risky: table of `percents`, of the measured subjects.

    Returns:
        One row for each outcome, amount, subject and probability: percent.
    """
    keys = ["outcome", "amount", "subject", "probability"]
    table = rows_at(_changed(risky), span=ALL_TRIALS)[[*keys, "percent"]]
    # The paper's own amount may also stand in the series of doses.
    table = table.drop_duplicates(keys)
    return table.sort_values(["outcome", "amount"], kind="stable", ignore_index=True)


def _changed(risky: pd.DataFrame) -> pd.DataFrame:
    """The rows of conditions that change an outcome, with the fields of `Change`."""
    by_name = {name: change_of(str(name)) for name in risky["condition"].unique()}
    known = {name: change for name, change in by_name.items() if change is not None}
    rows = risky[risky["condition"].isin(list(known))]
    columns = {
        field: [getattr(known[name], field) for name in rows["condition"]]
        for field in Change._fields
    }
    return rows.assign(**columns)


def reference_rats() -> pd.DataFrame:
    """Directions of rats' changes under the corresponding stimulations.

    Returns:
        One row an outcome, in the format of `metarl.analysis.references`: value is 1
        for more risky choice, -1 for less. Only the direction was published in numbers
        that can be read.
    """
    table = read_reference("metarl.analysis.risky_choice", "directions")
    return rows_at(table, measure="change").reset_index(drop=True)
