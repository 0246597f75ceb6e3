"""The blind cliff walk: how many updates until values are right, by what is replayed.

A row of n states; in each, the right move leads on and the wrong one ends the life.
Only the last right move is rewarded, so that of all 2^n lives one pays. The memory
holds the steps of all of them.

Source: Schaul et al. 2016, ICLR, Section 3.1 and Appendix B.1.
"""

from collections.abc import Iterator
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from metarl.core.checks import check_at_least, check_choice

Choice = Literal["uniform", "greedy", "oracle"]
"""By chance; the largest error of prediction; the largest fall of the error of all."""

STEP_SIZE = 0.25
"""Of an update."""
CLOSE = 1e-3
"""Mean squared error of the values at which they are right."""
START = 0.1
"""Standard deviation of the first values."""
AT_ONCE = 4096
"""Memories drawn by chance in one go."""


def memory_counts(states: int) -> NDArray[np.float64]:
    """(2 n,) how often each step is in memory: n right moves, then n wrong ones.

    Half of the lives that come to a state move right there: 2^(n+1) - 2 steps in all.
    """
    check_at_least("states", states, 1)
    return np.tile(2.0 ** np.arange(states - 1, -1, -1), 2)


def true_values(states: int) -> NDArray[np.float64]:
    """(2 n,) discounted reward of each move, at a discount of 1 - 1 / n."""
    ahead = np.arange(states - 1, -1, -1)
    return np.append((1 - 1 / states) ** ahead, np.zeros(states))


def updates_needed(states: int, choice: Choice, generator: np.random.Generator) -> int:
    """Updates of Q-learning, from small random values, until they are right.

    Departs: errors of prediction and the oracle's are those of the present values, as
    if all memories were looked at anew before each update. Copies of a step then do not
    differ, and one stands for all; published, a memory's error is that of its last
    replay, and each is replayed at least once.

    Args:
        states: n.
        choice: which memory is replayed next.
        generator: of the first values and of chance.
    """
    check_choice("choice", choice, get_args(Choice))
    values = START * generator.standard_normal(2 * states)
    if choice == "uniform":
        return _by_chance(states, values.tolist(), generator)
    truth, count = true_values(states), 0
    while np.mean((values - truth) ** 2) >= CLOSE:
        errors = _targets(values) - values
        worth = np.abs(errors)
        if choice == "oracle":
            off = values - truth
            worth = off**2 - (off + STEP_SIZE * errors) ** 2
        best = int(worth.argmax())
        values[best] += STEP_SIZE * errors[best]
        count += 1
    return count


def _targets(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2 n,) what each step predicts of its move's value."""
    states = len(values) // 2
    best = np.maximum(values[:states], values[states:])
    right = np.append((1 - 1 / states) * best[1:], 1.0)
    return np.append(right, np.zeros(states))


def _by_chance(states: int, values: list[float], generator: np.random.Generator) -> int:
    """Updates needed by drawing from memory; lists, as there may be very many."""
    truth = true_values(states).tolist()
    off = sum((value - true) ** 2 for value, true in zip(values, truth, strict=True))
    discount, enough = 1 - 1 / states, CLOSE * 2 * states
    draws, count = _draws(states, generator), 0
    while off >= enough:
        place = next(draws)
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


def _draws(states: int, generator: np.random.Generator) -> Iterator[int]:
    """Places of steps drawn from memory, for ever."""
    chances = memory_counts(states) / memory_counts(states).sum()
    while True:
        yield from generator.choice(2 * states, AT_ONCE, p=chances).tolist()
