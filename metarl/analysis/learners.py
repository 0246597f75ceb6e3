"""Rescorla-Wagner learners along choices, for a grid of learning rates at once.

    value += rate * (outcome - value)

from 1/2 at an episode's start. Likelihoods are computed at every point of a grid of
parameters, so that no search can stop short of the best.
"""

import numpy as np
from numpy.typing import NDArray

from metarl.analysis.schema import Array

Floats = NDArray[np.float32]
"""Single precision: faster, and good to 1e-7 of a trial's likelihood."""


def value_traces(winner: Array, rates: Array) -> Floats:
    """Estimated probability that left wins, before each trial, with all outcomes seen.

    Args:
        winner: (E, T) 0 left, 1 right, NaN unknown, which leaves the estimate.
        rates: (A,) learning rates.

    Returns:
        (A, E, T) in [0, 1].
    """
    speed = rates[:, None].astype(np.float32)
    value = np.full((len(rates), len(winner)), 0.5, dtype=np.float32)
    traces = np.empty((*value.shape, winner.shape[1]), dtype=np.float32)
    for place, won in enumerate(winner.T):
        traces[:, :, place] = value
        error = (1 - won).astype(np.float32) - value
        value = value + speed * np.nan_to_num(error)
    return traces


def value_leads(choice: Array, reward: Array, rates: Array) -> Floats:
    """Value of the chosen arm minus the other's, with only its own outcome seen.

    Args:
        choice: (E, T) 0 left, 1 right, NaN missing.
        reward: (E, T) reward of the choice.
        rates: (A,) learning rates.

    Returns:
        (A, E, T) before each choice, in reward units, in [-1, 1]; NaN where the choice
        is missing.
    """
    speed = rates.astype(np.float32)[:, None]
    left = np.full((len(rates), len(choice)), 0.5, np.float32)
    right = left.copy()
    ahead = np.full((*left.shape, choice.shape[1]), np.nan, np.float32)
    for trial, (chosen, rewards) in enumerate(zip(choice.T, reward.T, strict=True)):
        took_left, took_right = chosen == 0, chosen == 1
        difference = left - right
        signs = np.where(took_left, 1, np.where(took_right, -1, np.nan))
        ahead[:, :, trial] = difference * signs.astype(np.float32)
        outcome = np.nan_to_num(rewards).astype(np.float32)
        left += speed * (outcome - left) * took_left
        right += speed * (outcome - right) * took_right
    return ahead


def softmax_log_likelihoods(worth: Floats, temperatures: Array) -> Array:
    """Log likelihood of the choices along the trials, summed over episodes.

        P(choice) = 1 / (1 + exp(-temperature * worth))

    Args:
        worth: (A, E, T) value of the chosen arm minus the other's; 0 where a trial
            does not count, which adds the same to every point of the grid.
        temperatures: (B,) inverse temperatures.

    Returns:
        (A, B, T).
    """
    likelihoods, fit = [], np.empty_like(worth)
    for temperature in temperatures:
        np.exp(np.multiply(worth, np.float32(-temperature), out=fit), out=fit)
        np.log1p(fit, out=fit)
        likelihoods.append(-fit.sum(axis=1, dtype=np.float64))
    return np.stack(likelihoods, axis=1)


def node_counts(leads: Floats, nodes: int) -> Floats:
    """Number of choices near each of several evenly spaced value differences.

    A choice between two nodes is shared out between them, so that a sum over nodes
    interpolates any function of the difference.

    Args:
        leads: (..., N) value differences in [-1, 1], NaN for no choice.
        nodes: points over the range.

    Returns:
        (..., nodes) numbers of choices.
    """
    shape = leads.shape[:-1]
    size = int(np.prod(shape))
    rows = np.arange(size).reshape(*shape, 1)
    known = np.isfinite(leads)
    place = (leads[known] + 1) / 2 * (nodes - 1)
    below = np.clip(place.astype(np.int64), 0, nodes - 2)
    share = place - below
    cell = np.broadcast_to(rows * nodes, leads.shape)[known] + below
    total = size * nodes
    counts = np.bincount(cell, 1 - share, total)
    counts += np.bincount(cell + 1, share, total)
    return counts.reshape(*shape, nodes).astype(np.float32)


def grid_peak(heights: Array, places: Array) -> tuple[Array, Array]:
    """Place and height of the maximum along the first axis, between grid points.

    The maximum is that of the parabola through the best point and its neighbours; at an
    end of the grid, the point itself.

    Args:
        heights: (P, ...) values.
        places: (P,) evenly spaced places along the first axis.

    Returns:
        (...) places and heights.
    """
    top = heights.argmax(axis=0)[None]
    middle = top.clip(1, len(places) - 2)
    low, centre, high = (
        np.take_along_axis(heights, middle + step, axis=0)[0] for step in (-1, 0, 1)
    )
    bend = low - 2 * centre + high
    shift = np.divide(low - high, 2 * bend, out=np.zeros_like(bend), where=bend < 0)
    inside = (top == middle)[0]
    step = places[1] - places[0]
    place = np.where(inside, places[middle[0]] + shift * step, places[top[0]])
    peak = centre - (low - high) * shift / 4
    height = np.where(inside, peak, heights.max(axis=0))
    return place, height
