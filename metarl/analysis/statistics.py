"""Regressions and intervals, as plain functions of arrays."""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from metarl.core.checks import check_at_least

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


class Bounds(NamedTuple):
    """Least and greatest value that a measure can have, whatever the data."""

    low: float = -np.inf
    """Least value; minus infinity where there is none."""
    high: float = np.inf
    """Greatest value; infinity where there is none, or where neither is known."""

    def minus(self, level: float) -> "Bounds":
        """Bounds of the measure minus a number."""
        return Bounds(self.low - level, self.high - level)

    def mirrored(self) -> "Bounds":
        """Bounds of the measure with the opposite sign."""
        return Bounds(-self.high, -self.low)


NO_BOUNDS = Bounds()
"""Of a measure that can have any value."""
NOT_NEGATIVE = Bounds(low=0)
"""Of a cost, a duration or a count."""
PROBABILITY = Bounds(0, 1)
"""Of a probability, a share or an r2."""
DIFFERENCE = CORRELATION = Bounds(-1, 1)
"""Of a difference of two probabilities, and of a correlation."""
HELD_OUT_R2 = Bounds(high=1)
"""Of an r2 of held-out data, which is below 0 where the mean predicts better."""
INTERACTION = Bounds(-2, 2)
"""Of a difference of two differences of probabilities."""
PERCENT = Bounds(0, 100)
"""Of a share in percent."""
POINTS = Bounds(-100, 100)
"""Of a difference of two shares in percent."""
ROUNDING = 1e-6
"""Tolerance beyond a bound, for the rounding of values in single precision."""


class Interval(NamedTuple):
    """A mean over subjects with its confidence interval."""

    mean: float
    low: float
    high: float
    n: int
    """Subjects that have the number; never trials."""


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


def fit_logits(
    design: ArrayLike, successes: ArrayLike, counts: ArrayLike, *, ridge: float
) -> Array:
    """Weights of many logistic regressions of one design, as `fit_logit` gives them.

    Args:
        design: (N, K) predictors.
        successes: (B, N) numbers of successes.
        counts: (N,) numbers of observations.
        ridge: penalty on the squared weights, above 0.

    Returns:
        (B, K) log odds per unit of each predictor.
    """
    rows, won = np.asarray(design, float), np.asarray(successes, float)
    total, penalty = np.asarray(counts, float), ridge * np.eye(rows.shape[1])
    weights = np.zeros((len(won), rows.shape[1]))
    for _ in range(STEP_LIMIT):
        probability = special.expit(weights @ rows.T)
        gradient = (won - total * probability) @ rows - ridge * weights
        spread = total * probability * (1 - probability)
        hessian = np.einsum("bn,nj,nk->bjk", spread, rows, rows) + penalty
        step = np.linalg.solve(hessian, gradient[..., None])[..., 0]
        # A longer step may overshoot where probabilities are near 0 or 1.
        weights += step.clip(-2, 2)
    return weights


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


def column_means(values: Array) -> Array:
    """(T,) mean of the known values of each column of (E, T); NaN without any."""
    known = np.isfinite(values)
    if known.all() and len(values):
        means: Array = values.mean(axis=0)
        return means
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    shares: Array = np.full(count.shape, np.nan)
    np.divide(total, count, out=shares, where=count > 0)
    return shares


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
    values: ArrayLike, bounds: Bounds = NO_BOUNDS, *, confidence: float = 0.95
) -> Interval:
    """Mean over the subjects that have the number, with a confidence interval.

    The interval holds every mean M, within the bounds a and b, for which

        (mean - M)^2 <= t^2 v(M) / v(mean) s^2 / n,    v(M) = (M - a) (b - M)

    with t the quantile of Student's t and s the subjects' standard deviation. Without
    bounds v is constant, and this is the t interval. With them it is the score
    interval, like Wilson's for a proportion, with an estimated variance that shrinks
    towards the bounds as v does; it cannot reach past them. If there are two bounds and
    all subjects are at the same one, their spread gives no information, and the
    interval is the exact one (Clopper and Pearson) of n successes or failures.

    Args:
        values: (S,) one number a subject; NaN for one that has none, which is left out
            and not counted in n.
        bounds: of the measure.
        confidence: probability that the interval holds the mean, in (0, 1).

    Returns:
        Mean, low, high and n; low and high are NaN for fewer than two subjects.

    Raises:
        ValueError: a value is beyond the bounds.

    Source: Wilson 1927, J Am Stat Assoc 22:209; McCullagh & Nelder 1989, chapter 9.
    """
    sample = np.asarray(values, float)
    sample = sample[~np.isnan(sample)]
    count = len(sample)
    _check_bounds(sample, bounds)
    centre = float(sample.mean()) if count else float("nan")
    if count < 2:
        return Interval(centre, float("nan"), float("nan"), count)
    level = float(sample[0])
    if np.isfinite(bounds).all() and level in bounds and (sample == level).all():
        return Interval(level, *_exact_ends(level, bounds, confidence, count), count)
    reach = _t_quantile(confidence, count) * standard_error(sample)
    return Interval(centre, *_score_ends(centre, reach, bounds), count)


def _check_bounds(sample: Array, bounds: Bounds) -> None:
    low, high = bounds[0] - ROUNDING, bounds[1] + ROUNDING
    beyond = sample[(sample < low) | (sample > high)]
    if len(beyond):
        raise ValueError(
            f"values must be in [{bounds.low:g}, {bounds.high:g}], got {beyond[0]:g}"
        )


def _exact_ends(
    level: float, bounds: Bounds, confidence: float, count: int
) -> tuple[float, float]:
    """Ends of the interval where all of several subjects are at one bound."""
    away = (bounds.high - bounds.low) * (1 - (0.5 - confidence / 2) ** (1 / count))
    low, high = (level, level + away) if level == bounds.low else (level - away, level)
    return float(low), float(high)


def _score_ends(centre: float, reach: float, bounds: Bounds) -> tuple[float, float]:
    """Ends of the interval of a mean; `reach` is half the width of its t interval."""
    if np.isinf(bounds.low):
        if np.isinf(bounds.high):
            return centre - reach, centre + reach
        low, high = _score_ends(-centre, reach, bounds.mirrored())
        return -high, -low
    # With d = M - a, k = reach^2 / v(mean) and w = 1 / (b - a), the ends solve
    # (1 + k w) d^2 - (2 (mean - a) + k) d + (mean - a)^2 = 0.
    above, narrow = max(centre - bounds.low, 0.0), 1 / (bounds.high - bounds.low)
    variance = above * (1 - narrow * above)
    if reach == 0 or variance <= 0:
        return centre, centre
    spread = reach**2 / variance
    first, middle = 1 + spread * narrow, above + spread / 2
    root = np.sqrt(reach**2 + spread**2 / 4)
    ends = bounds.low + (middle - root) / first, bounds.low + (middle + root) / first
    low, high = np.clip(ends, *bounds)
    return float(low), float(high)


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
        values: (S,) one number a subject; NaN for one that has none, which is left out.
        confidence: probability that the interval holds the median, in (0, 1).

    Returns:
        Median, low and high; low and high are NaN where even the lowest and the highest
        value are too narrow: for fewer than six subjects at .95.
    """
    sample = np.asarray(values, float)
    ordered = np.sort(sample[~np.isnan(sample)])
    if len(ordered) == 0:
        return float("nan"), float("nan"), float("nan")
    median = float(np.median(ordered))
    rank = int(stats.binom.ppf(0.5 - confidence / 2, len(ordered), 0.5))
    if rank == 0:
        return median, float("nan"), float("nan")
    return median, float(ordered[rank - 1]), float(ordered[-rank])


def holm(p: ArrayLike) -> Array:
    """Holm's corrected p of several tests, in their order.

    Args:
        p: (N,) p of each, in [0, 1]; NaN where there was no test, which stays NaN and
            does not count as one.

    Source: Holm 1979, Scand J Stat 6:65.
    """
    own = np.asarray(p, float)
    corrected = np.full_like(own, np.nan)
    order = np.argsort(own, kind="stable")[: np.count_nonzero(~np.isnan(own))]
    steps = own[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected
