"""Decoding from units: one cross-validated ridge regression, and principal components.

A decoder is never tried on an episode that it was fitted to. With x the units, centred
on the episodes of the fit (and divided by their spread, if standardised), and y the
target,

    w = argmin |y - mean(y) - x w|^2 + sum over units of penalty_i w_i^2

where the penalty is one number, or a share of each unit's own sum of squares.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from metarl.analysis.schema import Array, Flags, Integers


def episode_folds(episodes: ArrayLike, folds: int) -> Integers:
    """(N,) fold of each row: episodes, in order, are assigned to folds in turn.

    Args:
        episodes: (N,) episode of each row.
        folds: number of folds.
    """
    return np.unique(episodes, return_inverse=True)[1].astype(np.int64) % folds


class Scaling(NamedTuple):
    """Centre and spread of units, of the rows that a decoder is fitted to."""

    centre: Array
    """(H,) mean."""
    spread: Array
    """(H,) standard deviation; 1 for a unit that does not vary, or if not asked for."""

    def of(self, units: Array) -> Array:
        """(..., H) units, centred and divided by their spread."""
        return (units - self.centre) / self.spread


def scaling(rows: Array, *, standardise: bool = True) -> Scaling:
    """Centre and, if asked for, spread of (N, H) units."""
    spread = rows.std(axis=0) if standardise else np.ones(rows.shape[1])
    return Scaling(rows.mean(axis=0), np.where(spread > 0, spread, 1.0))


def predict_held_out(
    units: Array,
    target: Array,
    fold: Integers,
    *,
    penalty: float,
    relative: bool = False,
    standardise: bool = True,
) -> Array:
    """Targets of each fold, from a ridge regression on the others.

    Args:
        units: (E, ..., H) activity.
        target: (E, ...) quantity to be decoded.
        fold: (E,) fold of each row, from 0.
        penalty: of the squared weights.
        relative: whether the penalty is a share of each unit's sum of squares.
        standardise: whether each unit is divided by its spread.

    Returns:
        (E, ...) predictions.
    """
    predicted = np.empty(target.shape)
    for part in range(int(fold.max(initial=-1)) + 1):
        others, held = fold != part, fold == part
        rows, middle = units[others].reshape(-1, units.shape[-1]), target[others].mean()
        scaled = scaling(rows, standardise=standardise)
        aim = target[others].ravel() - middle
        weights = _ridge(scaled.of(rows), aim, penalty, relative=relative)
        predicted[held] = scaled.of(units[held]) @ weights + middle
    return predicted


def _ridge(rows: Array, aim: Array, penalty: float, *, relative: bool) -> Array:
    """(H,) weights of a ridge regression on centred rows and aims."""
    gram, goal = rows.T @ rows, rows.T @ aim
    if not relative:
        penalties = penalty * np.eye(len(gram))
        return np.linalg.solve(gram + penalties, goal).astype(np.float64)
    # A unit that does not vary has no penalty of its own and leaves the equations
    # singular: of all solutions, that of least weights.
    penalties = np.diag(penalty * np.diag(gram) + np.finfo(float).tiny)
    least = np.linalg.lstsq(gram + penalties, goal, rcond=None)[0]
    return least.astype(np.float64)


def held_out_r2(target: Array, predicted: Array, fold: Integers) -> float:
    """Share of a target's variance that held-out predictions explain.

        r2 = 1 - sum (target - predicted)^2 / sum (target - mean of the other folds)^2

    Args:
        target: (E,) true values.
        predicted: (E,) of `predict_held_out`.
        fold: (E,) fold of each row.

    Returns:
        At most 1; about 0 where nothing is decoded, below where a fit misleads.
    """
    spread = np.empty(len(target))
    for part in range(int(fold.max(initial=-1)) + 1):
        held = fold == part
        spread[held] = target[held] - target[~held].mean()
    errors = target - predicted
    return float(1 - errors @ errors / (spread @ spread))


def predict_by_best_penalty(
    units: Array, targets: Array, fold: Integers, penalties: ArrayLike
) -> Array:
    """Several targets of each fold, with the penalty that does best in the others.

    Units are standardised, and a penalty is a share of their variance. The penalty of a
    fold is the one with the least squared error over all other folds.

    Args:
        units: (N, H) activity.
        targets: (N, K) quantities to be decoded.
        fold: (N,) fold of each row, from 0.
        penalties: to choose from.

    Returns:
        (N, K) predictions.
    """
    candidates = np.asarray(penalties, float)
    count = int(fold.max(initial=-1)) + 1
    predicted = np.empty((len(candidates), *targets.shape))
    errors = np.empty((len(candidates), count, targets.shape[1]))
    for part in range(count):
        others, held = fold != part, fold == part
        predicted[:, held] = _ridge_path(
            units[others], targets[others], units[held], candidates
        )
        errors[:, part] = ((predicted[:, held] - targets[held]) ** 2).sum(1)
    elsewhere = errors.sum(1, keepdims=True) - errors
    best = elsewhere.argmin(0)[fold]
    chosen: Array = np.take_along_axis(predicted, best[None], 0)[0]
    return chosen


def _ridge_path(units: Array, aim: Array, new: Array, penalties: Array) -> Array:
    """(P, N, K) predictions for new units (N, H), by each penalty.

    On the principal axes of the units a penalty divides each weight by itself, so that
    all penalties cost one decomposition.
    """
    scaled, middle = scaling(units), aim.mean(0)
    rows = scaled.of(units)
    variances, axes = np.linalg.eigh(rows.T @ rows / len(rows))
    goal = axes.T @ (rows.T @ (aim - middle) / len(rows))
    shrunk = goal / (variances[:, None] + penalties[:, None, None])
    predictions: Array = scaled.of(new) @ axes @ shrunk + middle
    return predictions


class Moments(NamedTuple):
    """Moments of units over some rows, from which a read-out is fitted."""

    size: int
    """Number of rows."""
    mean: Array
    """(H,) mean of each unit."""
    product: Array
    """(H, H) mean product of two units; 0 without a row."""


def classify_held_out(
    units: Array, label: Flags, fitted: Flags, fold: Integers, *, penalty: float
) -> Array:
    """Read-outs of a label in each fold, by a ridge regression on the others.

    The regression is on a label of -1 and 1, both labels with equal weight, however
    often each occurs.

    Args:
        units: (N, H) activity.
        label: (N,) label to be read out.
        fitted: (N,) rows that a read-out may be fitted to.
        fold: (N,) fold of each row, from 0.
        penalty: of the squared weights, as a share of each unit's variance.

    Returns:
        (N,) above 0 where the label is read out as true; NaN where the other folds do
        not have both labels.
    """
    readout = np.full(len(units), np.nan)
    if not len(units):
        return readout
    count = int(fold.max()) + 1
    rows = units - units.mean(axis=0)
    # Each fold's moments are taken once and pooled, instead of a fit from all rows.
    cells = [
        [_moments(rows[fitted & (fold == part) & (label == kind)]) for kind in (0, 1)]
        for part in range(count)
    ]
    for part in range(count):
        others = [cell for other, cell in enumerate(cells) if other != part]
        without, having = (_pooled([cell[kind] for cell in others]) for kind in (0, 1))
        if without.size and having.size:
            weights, offset = _readout(without, having, penalty)
            readout[fold == part] = rows[fold == part] @ weights + offset
    return readout


def _moments(rows: Array) -> Moments:
    count = max(len(rows), 1)
    return Moments(len(rows), rows.sum(axis=0) / count, rows.T @ rows / count)


def _pooled(moments: Sequence[Moments]) -> Moments:
    """Moments of the rows of several parts together."""
    size = sum(each.size for each in moments)
    means = [each.mean * each.size for each in moments]
    products = [each.product * each.size for each in moments]
    count = max(size, 1)
    return Moments(
        size, np.sum(means, axis=0) / count, np.sum(products, axis=0) / count
    )


def _readout(without: Moments, having: Moments, penalty: float) -> tuple[Array, float]:
    """Weights (H,) and offset of the regression, both labels weighing the same."""
    centre = (without.mean + having.mean) / 2
    spread = (without.product + having.product) / 2 - np.outer(centre, centre)
    own = np.diag(spread)
    # A constant unit carries no information; any penalty keeps its weight at 0.
    penalties = np.where(own > np.finfo(float).tiny, penalty * own, 1.0)
    aim = (having.mean - without.mean) / 2
    weights = np.linalg.solve(spread + np.diag(penalties), aim)
    return weights, -float(centre @ weights)


class Components(NamedTuple):
    """Principal components of units."""

    scores: Array
    """(N, count) in units of activity; 0 where the units vary in fewer directions."""
    shares: Array
    """(count,) share of the variance that each explains, in [0, 1]."""


Signs = Callable[[Array], Array]
"""(H, C) axes -> (C,) sign of each, which the components themselves leave open."""


def largest_positive(axes: Array) -> Array:
    """(C,) signs that make the largest weight of each axis positive."""
    largest = np.abs(axes).argmax(axis=0)
    signs: Array = np.sign(axes[largest, np.arange(axes.shape[1])])
    return signs


def cubes_positive(axes: Array) -> Array:
    """(C,) signs that make the sum of the cubed weights of each axis positive.

    As weights change little from one snapshot to the next, so does this sum, and a
    figure does not flip.
    """
    return np.where((axes**3).sum(axis=0) < 0, -1.0, 1.0)


def as_computed(axes: Array) -> Array:
    """(C,) signs that leave the axes as they are."""
    return np.ones(axes.shape[1])


def principal_components(
    units: Array, count: int = 2, signs: Signs = largest_positive
) -> Components:
    """The first principal components of (N, H) units.

    Args:
        units: (N, H) activity.
        count: number of components.
        signs: rule for the sign of each.
    """
    centred = np.asarray(units, float)
    centred = centred - centred.mean(axis=0)
    # Of the (H, H) products, which have the same axes and take a tenth of the time.
    variances, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :count]
    axes = axes * signs(axes)
    rank = axes.shape[1]
    scores, shares = np.zeros((len(centred), count)), np.zeros(count)
    scores[:, :rank] = centred @ axes
    if variances.sum() > 0:
        shares[:rank] = variances[::-1][:rank] / variances.sum()
    return Components(scores, shares)
