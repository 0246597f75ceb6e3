"""Learning rates from choices: Rescorla-Wagner by maximum likelihood.

The estimate p of the chance that left wins, and the choice between magnitudes l and r:

    p += rate * (left won - p)          log odds(left) = b (p l - (1 - p) r)

Both arms' outcomes are known, as one wins. All episodes of one kind are pooled. The
likelihood counts in a stretch of trials only, but earlier trials still drive p, from
one half at the episode's start. The rate and b are free in every stretch.

Source: Wang et al. 2018, Nat Neurosci 21:860, Simulation 2; Behrens et al. 2007, Nat
Neurosci 10:1214.
Declared: the maximum is sought on a grid, even in both logarithms, and refined by the
parabola through the best point and its neighbours. The paper does not say how it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from metarl.analysis.learners import (
    grid_peak,
    softmax_log_likelihoods,
    value_traces,
)
from metarl.analysis.schema import Array, Flags
from metarl.analysis.volatility.trials import TrialGrid, trial_grid
from metarl.core.checks import MetaRLError

RATES = np.geomspace(0.01, 1.0, 31)
"""Learning rates of the grid."""
TEMPERATURES = np.geomspace(0.5, 64.0, 15)
"""Inverse temperatures b of the grid, per unit of reward."""
WINDOW = 10
"""Trials of the sliding window."""
SETTLING_SHARE = 0.1
"""First part of an episode's every stretch of one volatility that is left out, as a
share of the episode: 20 of the paper's 200 trials, while the rate still changes."""
BLOCKS = {
    ("low-first", 0): "Stable 1",
    ("low-first", 1): "Volatile 1",
    ("high-first", 1): "Volatile 2",
    ("high-first", 0): "Stable 2",
}
"""Order of the episode and volatility -> the published name of the block."""
RATE_COLUMNS = ("subject", "order", "block", "volatile", "rate", "temperature")
"""Columns of the table of `block_rates`."""
TRACE_COLUMNS = ("subject", "order", "trial", "rate")
"""Columns of the table of `rate_traces`."""


@dataclass(frozen=True, kw_only=True)
class Likelihood:
    """How well every learning rate and temperature explain a subject's choices."""

    subject: int
    """Whose choices."""
    order: str
    """In test episodes of which order."""
    values: Array
    """(A, B, T) log likelihood by rate, temperature and trial, over all episodes."""
    settled: tuple[Flags, Flags]
    """(T,) each: the trials that count as stable, and as volatile."""


def likelihoods(trials: pd.DataFrame) -> list[Likelihood]:
    """One for each subject and order of the test episodes in a trial table."""
    return [order_likelihood(part) for part in trial_grid(trials).by_order()]


def order_likelihood(grid: TrialGrid) -> Likelihood:
    """That of one subject's test episodes of one order."""
    return Likelihood(
        subject=int(grid.subject[0]),
        order=str(grid.order[0]),
        values=log_likelihoods(grid),
        settled=settled_trials(grid),
    )


def block_rates(fits: Sequence[Likelihood]) -> pd.DataFrame:
    """Learning rate in the stable and in the volatile part of test episodes.

    Returns:
        One row for each subject, order and volatility that occurs: block, volatile (0,
        1), rate (in [0, 1]; NaN where choices do not follow the estimate at all) and
        temperature (b, per unit of reward).
    """
    rows = []
    for fit in fits:
        for volatile, where in enumerate(fit.settled):
            if where.any():
                rate, temperature = best_fit(fit.values @ where)
                block = BLOCKS[fit.order, volatile]
                found = (block, volatile, float(rate), float(temperature))
                rows.append((fit.subject, fit.order, *found))
    return pd.DataFrame(rows, columns=list(RATE_COLUMNS))


def rate_traces(fits: Sequence[Likelihood]) -> pd.DataFrame:
    """Learning rate in a window that slides through the episode, trial by trial.

    Returns:
        One row for each subject, order and window: trial (the window's middle) and
        rate, as in `block_rates`.
    """
    parts = [pd.DataFrame(columns=list(TRACE_COLUMNS))]
    for fit in fits:
        total = np.pad(fit.values.cumsum(axis=2), ((0, 0), (0, 0), (1, 0)))
        rates = best_fit(total[:, :, WINDOW:] - total[:, :, :-WINDOW])[0]
        middles = np.arange(len(rates)) + (WINDOW - 1) / 2
        known = {"subject": fit.subject, "order": fit.order}
        parts.append(pd.DataFrame(known | {"trial": middles, "rate": rates}))
    return pd.concat(parts[1:] or parts, ignore_index=True)


def rate_differences(rates: pd.DataFrame) -> pd.DataFrame:
    """Volatile minus stable learning rate, one row a subject and order.

    Args:
        rates: table of `block_rates`, with any further columns to group by.

    Returns:
        Those columns, order and difference; NaN where a rate is.
    """
    given = [c for c in rates.columns if c not in RATE_COLUMNS[2:]]
    wide = rates.set_index([*given, "volatile"])["rate"].unstack("volatile")
    wide = wide.reindex(columns=[0, 1])
    return (wide[1] - wide[0]).rename("difference").reset_index()


def settled_trials(grid: TrialGrid) -> tuple[Flags, Flags]:
    """(T,) flags of the stable and of the volatile trials, without those of settling.

    MetaRLError unless all episodes are stable and volatile at the same trials.
    """
    with np.errstate(invalid="ignore"):
        volatility = np.nanmax(grid.volatility, axis=0, initial=-1.0)
        same = np.isnan(grid.volatility) | (grid.volatility == volatility)
    if not same.all():
        raise MetaRLError(
            "episodes of one order must be stable and volatile at the same trials, "
            f"got subject {grid.subject[0]} whose {grid.order[0]} episodes differ"
        )
    place = np.arange(len(volatility))
    changed = np.append(True, volatility[1:] != volatility[:-1])
    since = place - np.maximum.accumulate(np.where(changed, place, 0))
    settled = since >= int(SETTLING_SHARE * len(volatility))
    return settled & (volatility == 0), settled & (volatility == 1)


def log_likelihoods(grid: TrialGrid) -> Array:
    """(A, B, T) log likelihood of the choices, summed over episodes.

    For each learning rate, inverse temperature and trial.
    """
    left, right = grid.magnitude_left, grid.magnitude_right
    sign = np.where(grid.choice == 0, 1.0, -1.0)
    # p l - (1 - p) r = p (l + r) - r, in favour of the arm that was taken.
    slope, offset = (sign * (left + right)), (sign * right)
    worth = value_traces(grid.winner, RATES) * slope.astype(np.float32)
    worth -= offset.astype(np.float32)
    # An arm worth nothing more than the other: this trial adds the same to every fit.
    worth[:, ~np.isfinite(grid.choice + left + right)] = 0
    return softmax_log_likelihoods(worth, TEMPERATURES)


def best_fit(likelihood: Array) -> tuple[Array, Array]:
    """Rate and inverse temperature of the highest likelihood.

    Args:
        likelihood: (A, B, ...) over RATES and TEMPERATURES.

    Returns:
        (...) each. The rate is NaN where the lowest temperature fits best: the choices
        then follow no estimate, and any rate is as good.
    """
    temperature, height = grid_peak(likelihood.swapaxes(0, 1), np.log(TEMPERATURES))
    rate, _ = grid_peak(height, np.log(RATES))
    nearest = np.abs(np.log(RATES).reshape(-1, *[1] * rate.ndim) - rate).argmin(0)
    chosen = np.take_along_axis(temperature, nearest[None], axis=0)[0]
    lost = chosen <= np.log(TEMPERATURES[0])
    return np.where(lost, np.nan, np.exp(rate)), np.exp(chosen)
