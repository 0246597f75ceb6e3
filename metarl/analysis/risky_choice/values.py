"""Choices of the risky arm by the difference of the arms' expected rewards.

    difference = p * reward_risky + (1 - p) * reward_risky_else - reward_safe

Only of tables of animals or people in which the amounts differ from trial to trial.
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.analysis import Context
from metarl.analysis.measures import Tables
from metarl.analysis.plotting import chance_line, curve_with_subjects
from metarl.analysis.schema import Array
from metarl.analysis.statistics import fit_logit
from metarl.analysis.trials import TrialSequence

RIDGE = 1e-3
"""Penalty of the logistic regression, on standardised differences."""
MOST_BINS = 8
"""Most points of the curve."""
COLUMNS = ("subject", "slope", "risk_premium", "trials")
"""Columns of the table of `value_weights`."""


def value_differences(trials: TrialSequence) -> Array:
    """(N,) expected reward of the risky arm minus the safe one's; NaN if not known."""
    chance = trials["probability_risky"]
    other = np.nan_to_num(trials["reward_risky_else"])
    risky = chance * trials["reward_risky"] + (1 - chance) * other
    return risky - trials["reward_safe"]


def _known(trials: TrialSequence) -> pd.DataFrame:
    """Trials that count, of which the amounts are known: subject, difference, risky."""
    difference, risky = value_differences(trials), trials["risky"]
    known = trials.usable & np.isfinite(difference) & np.isfinite(risky)
    table = {"subject": trials.subject, "difference": difference, "risky": risky}
    return pd.DataFrame(table)[known]


def percent_by_value(trials: TrialSequence) -> pd.DataFrame:
    """Percentage of risky choices by the difference of expected rewards.

    Returns:
        One row a subject and difference (of bins with equal numbers of trials, their
        mean, where there are more than MOST_BINS): percent and trials.
    """
    table = _known(trials)
    if table["difference"].nunique() > MOST_BINS:
        bins = pd.qcut(table["difference"], MOST_BINS, duplicates="drop")
        middle = table.groupby(bins, observed=True)["difference"].transform("mean")
        table = table.assign(difference=middle)
    cells = table.groupby(["subject", "difference"])["risky"]
    shares = cells.agg(percent="mean", trials="count").reset_index()
    return shares.assign(percent=100 * shares["percent"])


def value_weights(trials: TrialSequence) -> pd.DataFrame:
    """Logistic regression of risky choices on the difference of expected rewards.

    Returns:
        One row a subject with known amounts: COLUMNS; slope (log odds per reward unit)
        and risk_premium (reward units: by how much the risky arm's expected reward must
        exceed the safe one's for equal choice; NaN unless the slope is above 0).
    """
    rows = []
    for subject, own in _known(trials).groupby("subject"):
        values = own["difference"].to_numpy(float)
        spread = float(values.std())
        if spread == 0:
            continue
        design = np.column_stack([np.ones(len(own)), values / spread])
        risky = own["risky"].to_numpy(float)
        fit = fit_logit(design, risky, np.ones(len(own)), ridge=RIDGE)
        bias, weight = fit.weights if fit.converged else (np.nan, np.nan)
        slope = weight / spread
        premium = -bias / slope if slope > 0 else np.nan
        rows.append((subject, slope, premium, len(own)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def plot_by_value(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Risky choices by the difference of expected rewards."""
    chance_line(ax, 50)
    ax.axvline(0, color="0.6", lw=1, ls=":")
    ax.set(ylabel="Risky choices (% of free)", ylim=(-2, 102))
    curve_with_subjects(ax, tables, context, "by_value", "percent", "difference")
    ax.set_xlabel(f"Expected reward, risky minus safe ({context.reward_unit})")
    return ax
