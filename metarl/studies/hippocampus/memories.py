"""What a memory is worth replaying: the need of its state times the gain of its backup.

    value of a backup = need(state) gain(state, move)
    need   = [(I - discount T)^-1] [here, state]          awake: visits still to come
           = stationary distribution of T                 asleep
    gain   = sum over moves (new policy - old policy) new values

All arrays are batched: one row an animal.

Source: Mattar & Daw 2018, Nat Neurosci 21:1609, and their published settings.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from metarl.core.checks import check_at_least, check_choice
from metarl.studies.hippocampus.mazes import Maze, States

Array = NDArray[np.float64]
Rule = Literal["prioritised", "gain", "need", "random", "none"]
"""What decides: need x gain, one of the two alone, chance, or nothing: no replay."""

DISCOUNT = 0.9
"""Per step."""
INVERSE_TEMPERATURE = 5.0
"""Of the softmax policy, in acting as in the gain."""
LEAST_GAIN = 1e-10
"""Gain that every step has at least, so that need decides where nothing changes."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """How memories are accessed."""

    rule: Rule = "prioritised"
    """What decides."""
    backups: int = 20
    """Backups of one event."""
    asleep: bool = False
    """Whether the need is that of sleep."""

    def __post_init__(self) -> None:
        """Refuse an unknown rule, and events without a backup."""
        check_choice("rule", self.rule, get_args(Rule))
        check_at_least("backups", self.backups, 1)


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """What A animals know of a maze of S states; changed in place as they learn."""

    values: Array
    """(A, S, 4) action values, all 0 at first."""
    transitions: Array
    """(A, S, S) chance of the next state, at first that of moving at random."""
    rewards: Array
    """(A, S, 4) reward that last followed each move."""


def newcomers(maze: Maze, animals: int) -> Knowledge:
    """Animals that have looked at the maze, where no reward was yet."""
    count = len(maze.cells)
    model = np.eye(count)[maze.following].mean(axis=1)
    for number, (_, goal) in enumerate(maze.laps):
        model[goal] = np.eye(count)[maze.lap(number + 1)[0]]
    return Knowledge(
        values=np.zeros((animals, count, 4)),
        transitions=np.tile(model, (animals, 1, 1)),
        rewards=np.zeros((animals, count, 4)),
    )


def policy(values: Array) -> Array:
    """(..., 4) chance of each move: softmax of the action values."""
    weights = np.exp(INVERSE_TEMPERATURE * (values - values.max(-1, keepdims=True)))
    return np.asarray(weights / weights.sum(-1, keepdims=True))


def gain(values: Array, changed: Array) -> Array:
    """(...) reward that a change of policy in a state is worth, per visit.

    Args:
        values: (..., 4) action values before the backup.
        changed: (..., 4) after it.
    """
    return np.asarray(((policy(changed) - policy(values)) * changed).sum(-1))


def need(transitions: Array, here: States, *, asleep: bool = False) -> Array:
    """(A, S) how often each state will be visited, discounted, or in the long run.

    Args:
        transitions: (A, S, S) chance of the next state.
        here: (A,) where each animal is, which asleep does not matter.
        asleep: whether to tell the stationary distribution, which sums to 1.
    """
    count = transitions.shape[-1]
    onward = transitions.swapaxes(1, 2)
    if not asleep:
        now = np.eye(count)[here]
        visits = np.linalg.solve(np.eye(count) - DISCOUNT * onward, now[:, :, None])
        return visits[:, :, 0].astype(np.float64)
    # Rows that hold together: T' p = p, and the sum of p is 1.
    rows = np.concatenate([onward - np.eye(count), np.ones((len(here), 1, count))], 1)
    total = np.zeros((len(here), count + 1, 1))
    total[:, -1] = 1
    square = rows.swapaxes(1, 2)
    chances = np.linalg.solve(square @ rows, square @ total)
    return chances[:, :, 0].astype(np.float64)
