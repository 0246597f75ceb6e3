"""Regressions and intervals, as plain functions of arrays."""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from metarl.core.checks import check_at_least, check_choice

Array = NDArray[np.float64]

STEP_LIMIT = 25
"""Newton steps before a logistic regression is called not converged.

With a finite best fit about ten are enough. Where the data are separated each step
adds about 1 to the weights without end, and past 35 or so the fitted probabilities
round to 1, so a larger limit would let rounding pass for convergence.
"""
HALVING_LIMIT = 30
"""Times that a Newton step which worsens the fit is halved."""


@dataclass(frozen=True, kw_only=True)
class LogitFit:
    """A fitted logistic regression."""

    weights: Array
    """(K,) log odds per unit of each predictor."""
    standard_errors: Array
    """(K,) from the inverse Hessian, penalty included; NaN if not converged."""
    converged: bool
    """False where no finite best fit was found: the data are separated, a predictor
    repeats another, or there are no data. The weights then mean nothing."""
    steps: int
    """Newton steps taken."""


class LinearFit(NamedTuple):
    """A least-squares fit with an intercept."""

    weights: Array
    """(K + 1,) intercept first, in units of the outcome per unit of the predictor."""
    r2: float
    """Share of the outcome's variance explained, in [0, 1]; NaN if it has none."""
    residuals: Array
    """(N,) outcome minus fit."""


class Interval(NamedTuple):
    """A mean over subjects with its confidence interval."""

    mean: float
    low: float
    high: float
    n: int
    """Observations: subjects, never trials."""


def fit_logit(
    design: ArrayLike,
    successes: ArrayLike,
    counts: ArrayLike | None = None,
    *,
    ridge: float = 0.0,
    tolerance: float = 1e-9,
) -> LogitFit:
    """Logistic regression by iteratively reweighted least squares (Newton).

    Maximises, over the weights w, with p = 1 / (1 + exp(-design w)),

        sum(successes log p + (counts - successes) log(1 - p)) - ridge / 2 |w|^2

    Separated data (a predictor that determines every outcome) have no finite best fit
    without a penalty: `converged` is then False. A small ridge makes the fit finite,
    at the price of weights shrunk towards 0; it is the same as a normal prior of
    variance 1 / ridge on every weight, the intercept's included.

    Args:
        design: (N, K) predictors; the intercept is a column of ones that you give.
        successes: (N,) outcomes 0/1, or numbers of successes where `counts` is given.
        counts: (N,) number of observations that share a row; ones if not given.
        ridge: penalty on the squared weights, at least 0, in observations.
        tolerance: largest last Newton step, in log odds per unit.

    Returns:
        The weights, and whether the fit converged.
    """
    check_at_least("ridge", ridge, 0)
    rows, won = np.asarray(design, float), np.asarray(successes, float)
    total = np.ones_like(won) if counts is None else np.asarray(counts, float)
    weights, steps, converged = np.zeros(rows.shape[1]), 0, False
    while steps < STEP_LIMIT and not converged and total.sum() > 0:
        probability = special.expit(rows @ weights)
        gradient = rows.T @ (won - total * probability) - ridge * weights
        try:
            hessian = _hessian(rows, total, probability, ridge)
            newton = np.linalg.solve(hessian, gradient).astype(np.float64)
        except np.linalg.LinAlgError:
            break
        step = _shortened(newton, weights, (rows, won, total, ridge))
        weights, steps = weights + step, steps + 1
        converged = bool(np.max(np.abs(newton), initial=0.0) < tolerance)
    errors = np.full(len(weights), np.nan)
    if converged:
        hessian = _hessian(rows, total, special.expit(rows @ weights), ridge)
        errors = np.sqrt(np.diag(np.linalg.inv(hessian)))
    return LogitFit(
        weights=weights, standard_errors=errors, converged=converged, steps=steps
    )


def _hessian(rows: Array, total: Array, probability: Array, ridge: float) -> Array:
    """(K, K) negative second derivative of the penalised log likelihood."""
    spread = total * probability * (1 - probability)
    hessian: Array = rows.T @ (rows * spread[:, None]) + ridge * np.eye(rows.shape[1])
    return hessian


def _penalised(weights: Array, data: tuple[Array, Array, Array, float]) -> float:
    """Penalised log likelihood that `fit_logit` maximises."""
    rows, won, total, ridge = data
    log_odds = rows @ weights
    fit = won @ log_odds - total @ np.logaddexp(0.0, log_odds)
    return float(fit - ridge / 2 * weights @ weights)


def _shortened(
    step: Array, weights: Array, data: tuple[Array, Array, Array, float]
) -> Array:
    """The step, halved until it no longer worsens the fit."""
    before = _penalised(weights, data)
    slack = 1e-9 * (1 + abs(before))
    for _ in range(HALVING_LIMIT):
        if _penalised(weights + step, data) >= before - slack:
            break
        step = step / 2
    return step


def fit_linear(outcome: ArrayLike, *predictors: ArrayLike) -> LinearFit:
    """Ordinary least squares of the outcome on an intercept and the predictors.

    Args:
        outcome: (N,) dependent variable.
        predictors: (N,) each.

    Returns:
        Weights (intercept first), r2 and residuals; all NaN if a value is not finite.
    """
    explained = np.asarray(outcome, float)
    columns = [np.ones_like(explained), *(np.asarray(p, float) for p in predictors)]
    design = np.column_stack(columns)
    if not (np.isfinite(design).all() and np.isfinite(explained).all()):
        nothing = np.full(design.shape[1], np.nan)
        return LinearFit(nothing, float("nan"), np.full_like(explained, np.nan))
    weights = np.linalg.lstsq(design, explained, rcond=None)[0]
    residuals = explained - design @ weights
    spread = explained - explained.sum() / max(len(explained), 1)
    total = float(spread @ spread)
    # Rounding may leave a residual larger than the outcome by a hair.
    r2 = max(0.0, 1 - float(residuals @ residuals) / total) if total > 0 else np.nan
    return LinearFit(weights, r2, residuals)


def mean(values: ArrayLike) -> float:
    """Mean of the values; NaN without any."""
    sample = np.asarray(values, float)
    return float(sample.mean()) if sample.size else float("nan")


def known_mean(values: ArrayLike) -> float:
    """Mean of the values that are known, not NaN; NaN without any."""
    sample = np.asarray(values, float)
    return mean(sample[np.isfinite(sample)])


def standard_error(values: ArrayLike) -> float:
    """Standard error of the mean, with n - 1; NaN for fewer than two values."""
    sample = np.asarray(values, float)
    if len(sample) < 2:
        return float("nan")
    return float(sample.std(ddof=1) / np.sqrt(len(sample)))


def known_standard_error(values: ArrayLike) -> float:
    """Standard error of the mean of the values that are known, not NaN."""
    sample = np.asarray(values, float)
    return standard_error(sample[np.isfinite(sample)])


def mean_interval(
    values: ArrayLike,
    *,
    method: str = "t",
    confidence: float = 0.95,
    resamples: int = 10_000,
    generator: np.random.Generator | None = None,
) -> Interval:
    """Mean over subjects with a confidence interval; n is the number of subjects.

    Args:
        values: (S,) one number a subject. A NaN among them makes the mean NaN: a
            subject without the measure is not left out silently.
        method: "t" (Student) or "bootstrap" (percentiles of resampled subjects).
        confidence: probability that the interval holds the mean, in (0, 1).
        resamples: bootstrap samples drawn.
        generator: source of the bootstrap's resamples, which needs one.

    Returns:
        Mean, low, high and n; low and high are NaN for fewer than two subjects.
    """
    check_choice("method", method, ("t", "bootstrap"))
    sample = np.asarray(values, float)
    centre = float(sample.mean()) if len(sample) else float("nan")
    if len(sample) < 2:
        return Interval(centre, float("nan"), float("nan"), len(sample))
    if method == "t":
        reach = _t_quantile(confidence, len(sample)) * standard_error(sample)
        return Interval(centre, centre - reach, centre + reach, len(sample))
    if generator is None:
        raise ValueError("generator must be given for a bootstrap, got None")
    means = generator.choice(sample, (resamples, len(sample))).mean(axis=1)
    low, high = np.quantile(means, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return Interval(centre, float(low), float(high), len(sample))


@cache
def _t_quantile(confidence: float, count: int) -> float:
    """Standard errors from a mean to its interval's end; called thousands of times.

    Args:
        confidence: probability that the interval holds the mean.
        count: observations.
    """
    return float(stats.t.ppf(0.5 + confidence / 2, count - 1))


def median_interval(
    values: ArrayLike, confidence: float = 0.95
) -> tuple[float, float, float]:
    """Median over subjects with a confidence interval that assumes no distribution.

    The interval ends at two of the sorted values: how many subjects lie below the true
    median is binomial with probability 1/2. Its coverage is at least the nominal one.

    Args:
        values: (S,) one number a subject; a NaN among them makes all three NaN.
        confidence: probability that the interval holds the median, in (0, 1).

    Returns:
        Median, low and high; low and high are NaN where even the lowest and the highest
        value are too narrow: for fewer than six subjects at .95.
    """
    ordered = np.sort(np.asarray(values, float))
    if len(ordered) == 0 or np.isnan(ordered[-1]):
        return float("nan"), float("nan"), float("nan")
    median = float(np.median(ordered))
    rank = int(stats.binom.ppf(0.5 - confidence / 2, len(ordered), 0.5))
    if rank == 0:
        return median, float("nan"), float("nan")
    return median, float(ordered[rank - 1]), float(ordered[-rank])
