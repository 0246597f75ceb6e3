"""Temporally delayed linear modelling: do states follow each other in an order, when?

For each lag, a regression of every state's activity on all states' activity one lag
before gives weights; a second one explains those weights by the order asked about:

    X(t + lag) = X(t) W(lag) + constant
    W(lag)     = forward T + backward T' + self I + constant

What counts is forward minus backward. It is judged beside the same of shuffled labels:
beyond the largest of theirs over all lags, it is no accident.

Source: Liu et al. 2021, eLife 10:e66917; used in Liu, Dolan, Kurth-Nelson & Behrens
2019, Cell 178:640.
"""

import numpy as np
from numpy.typing import NDArray

from metarl.core.checks import check_at_least

Array = NDArray[np.float64]

LAGS = 60
"""Lags looked at, in samples, from 1."""
SHUFFLES = 29
"""Shuffled labels that the threshold is the largest of: by chance 1 in 30 is beyond."""


def lagged_weights(activity: Array, lags: int = LAGS) -> Array:
    """(L, S, S) weight of each state (row) on each state (column) a lag later.

    Args:
        activity: (T, S) evidence for every state at every sample.
        lags: L, of 1 to L samples.
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
    """(S, S) what each weight adds to forward minus backward, by least squares.

    Args:
        transitions: (S, S) the order asked about: 1 where a state follows, else 0.
    """
    count = len(transitions)
    parts = (transitions, transitions.T, np.eye(count), np.ones((count, count)))
    design = np.stack([part.ravel() for part in parts], axis=1)
    forward, backward = np.linalg.pinv(design)[:2]
    return np.asarray(forward - backward).reshape(count, count)


def sequenceness(weights: Array, transitions: Array) -> Array:
    """(L,) forward minus backward at each lag, in weights of the first regression.

    Args:
        weights: (L, S, S) of `lagged_weights`.
        transitions: (S, S) the order asked about.
    """
    found: Array = np.einsum("lij,ij->l", weights, order_contrast(transitions))
    return found


def shuffled_labels(states: int, generator: np.random.Generator) -> NDArray[np.intp]:
    """(29, S) orders of labels, none of them their own."""
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
    found: Array = np.einsum("lij,nij->nl", weights, contrasts)
    return found


def threshold(shuffled: Array) -> float:
    """The largest sequenceness of shuffled labels, either way, over lags.

    Args:
        shuffled: (N, L) of `shuffled_sequenceness`, or its mean over subjects.
    """
    return float(np.abs(shuffled).max())


def peak(found: Array) -> float:
    """The sequenceness that is furthest from 0, with its sign.

    Args:
        found: (L,) by lag.
    """
    return float(found[np.abs(found).argmax()])
