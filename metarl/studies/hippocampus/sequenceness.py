"""Temporally delayed linear modelling: does activity follow an order, at which lag?

For each lag, a regression of every state's activity on the activity of all states one
lag before gives weights; a second one explains those weights by the tested order:

    X(t + lag) = X(t) W(lag) + constant
    W(lag)     = forward T + backward T' + self I + constant

Sequenceness is forward minus backward. It is compared with that of shuffled labels: it
is significant beyond their largest value over all lags.

Source: Liu et al. 2021, eLife 10:e66917; used in Liu, Dolan, Kurth-Nelson & Behrens
2019, Cell 178:640.
"""

import numpy as np
from numpy.typing import NDArray

from metarl.core.checks import check_at_least

Array = NDArray[np.float64]

LAGS = 60
"""Number of lags, in samples, from 1."""
SHUFFLES = 29
"""Shuffles; the largest of their values is the threshold, exceeded by 1 in 30."""


def lagged_weights(activity: Array, lags: int = LAGS) -> Array:
    """(L, S, S) weight of each state (row) on each state (column) one lag later.

    Args:
        activity: (T, S) evidence for every state at every sample.
        lags: L, for lags of 1 to L samples.
    """
    check_at_least("lags", lags, 1)
    constant = np.ones((len(activity), 1))
    before = np.hstack([activity, constant])
    weights = [
        np.linalg.lstsq(before[:-lag], activity[lag:], rcond=None)[0][:-1]
        for lag in range(1, lags + 1)
    ]
    return np.array(weights)


def order_contrast(transitions: Array) -> Array:
    """(S, S) contribution of each weight to forward minus backward, by least squares.

    Args:
        transitions: (S, S) the tested order: 1 where a state follows, else 0.
    """
    count = len(transitions)
    regressors = (transitions, transitions.T, np.eye(count), np.ones((count, count)))
    design = np.stack([regressor.ravel() for regressor in regressors], axis=1)
    forward, backward = np.linalg.pinv(design)[:2]
    return np.asarray(forward - backward).reshape(count, count)


def sequenceness(weights: Array, transitions: Array) -> Array:
    """(L,) forward minus backward at each lag, in weights of the first regression.

    Args:
        weights: (L, S, S) of `lagged_weights`.
        transitions: (S, S) the tested order.
    """
    by_lag: Array = np.einsum("lij,ij->l", weights, order_contrast(transitions))
    return by_lag


def shuffled_labels(states: int, generator: np.random.Generator) -> NDArray[np.intp]:
    """(29, S) permutations of labels, none of them the identity."""
    orders: list[NDArray[np.intp]] = []
    while len(orders) < SHUFFLES:
        order = generator.permutation(states)
        if (order != np.arange(states)).any():
            orders.append(order)
    return np.array(orders)


def shuffled_sequenceness(
    weights: Array, transitions: Array, labels: NDArray[np.intp]
) -> Array:
    """(N, L) sequenceness of the order under each of N shuffled labels."""
    contrast = order_contrast(transitions)
    contrasts = np.array([contrast[np.ix_(order, order)] for order in labels])
    by_lag: Array = np.einsum("lij,nij->nl", weights, contrasts)
    return by_lag


def threshold(shuffled: Array) -> float:
    """Largest absolute sequenceness of shuffled labels over lags.

    Args:
        shuffled: (N, L) of `shuffled_sequenceness`, or its mean over subjects.
    """
    return float(np.abs(shuffled).max())


def peak(by_lag: Array) -> float:
    """Sequenceness that is furthest from 0, with its sign.

    Args:
        by_lag: (L,) of `sequenceness`.
    """
    return float(by_lag[np.abs(by_lag).argmax()])
