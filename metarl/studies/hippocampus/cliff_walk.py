"""The blind cliff walk: updates until values are correct, by what is replayed.

A row of n states; in each, the right move leads to the next and the wrong one ends the
episode. Only the last right move is rewarded, so that one of all 2^n episodes is
rewarded. The memory holds the steps of all of them.

Source: Schaul et al. 2016, ICLR, Section 3.1 and Appendix B.1.
"""

from collections.abc import Iterator
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from metarl.core.checks import check_at_least, check_choice

Choice = Literal["uniform", "greedy", "oracle"]
"""At random; the largest prediction error; the largest decrease of the total error."""

STEP_SIZE = 0.25
"""Learning rate of an update."""
CLOSE = 1e-3
"""Mean squared error below which the values are correct."""
START = 0.1
"""Standard deviation of the initial values."""
BATCH = 4096
"""Memories that are sampled at a time."""


def memory_counts(states: int) -> NDArray[np.float64]:
    """(2 n,) number of copies of each step in memory: n right moves, then n wrong ones.

    Half of the episodes that reach a state move right there: 2^(n+1) - 2 steps in all.
    """
    check_at_least("states", states, 1)
    return np.tile(2.0 ** np.arange(states - 1, -1, -1), 2)


def true_values(states: int) -> NDArray[np.float64]:
    """(2 n,) discounted reward of each move, at a discount of 1 - 1 / n."""
    ahead = np.arange(states - 1, -1, -1)
    return np.append((1 - 1 / states) ** ahead, np.zeros(states))


def updates_needed(states: int, choice: Choice, generator: np.random.Generator) -> int:
    """Updates of Q-learning, from small random values, until the values are correct.

    Departs: prediction errors, and the oracle's, are those of the current values, as if
    all memories were evaluated before each update. Copies of a step then do not differ,
    and one represents all; published, a memory's error is that of its last replay, and
    each is replayed at least once.

    Args:
        states: n, at least 1.
        choice: which memory is replayed next.
        generator: of the initial values and of random choice.
    """
    check_choice("choice", choice, get_args(Choice))
    values = START * generator.standard_normal(2 * states)
    if choice == "uniform":
        return _uniform_updates(states, values.tolist(), generator)
    truth, count = true_values(states), 0
    while np.mean((values - truth) ** 2) >= CLOSE:
        errors = _targets(values) - values
        priority = np.abs(errors)
        if choice == "oracle":
            off = values - truth
            priority = off**2 - (off + STEP_SIZE * errors) ** 2
        best = int(priority.argmax())
        values[best] += STEP_SIZE * errors[best]
        count += 1
    return count


def _targets(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2 n,) target of each step's move."""
    states = len(values) // 2
    best = np.maximum(values[:states], values[states:])
    right = np.append((1 - 1 / states) * best[1:], 1.0)
    return np.append(right, np.zeros(states))


def _uniform_updates(
    states: int, values: list[float], generator: np.random.Generator
) -> int:
    """Updates needed if memories are sampled uniformly."""
    # The updates can be millions, each of one value: lists are faster than arrays, and
    # the error of all values is updated instead of computed.
    truth = true_values(states).tolist()
    off = sum((value - true) ** 2 for value, true in zip(values, truth, strict=True))
    discount, enough = 1 - 1 / states, CLOSE * 2 * states
    samples, count = _samples(states, generator), 0
    while off >= enough:
        place = next(samples)
        target = 0.0
        if place == states - 1:
            target = 1.0
        elif place < states:
            target = discount * max(values[place + 1], values[states + place + 1])
        off -= (values[place] - truth[place]) ** 2
        values[place] += STEP_SIZE * (target - values[place])
        off += (values[place] - truth[place]) ** 2
        count += 1
    return count


def _samples(states: int, generator: np.random.Generator) -> Iterator[int]:
    """Places of steps sampled from memory, without end."""
    probabilities = memory_counts(states) / memory_counts(states).sum()
    while True:
        yield from generator.choice(2 * states, BATCH, p=probabilities).tolist()
