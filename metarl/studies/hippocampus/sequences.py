"""Forward and reverse sequences among the states that an event replayed."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from metarl.studies.hippocampus.mazes import Maze, States
from metarl.studies.hippocampus.replay import Replayed

LEAST_CELLS = 5
"""States of the shortest sequence."""
SHUFFLES = 500
"""Orders drawn to test a sequence."""
TAIL = 0.025
"""Share of shuffled orders beyond either threshold."""


def directions(maze: Maze, states: States, moves: States) -> NDArray[np.int8]:
    """Whether each pair of successive backups follows the maze.

    Args:
        maze: where they are.
        states: (..., N) state that each backup leaves.
        moves: (..., N) its move.

    Returns:
        (..., N - 1): 1 forward, where a move leads to the next state; -1 reverse, where
        the next move leads back to the state; 0 neither.
    """
    ends = maze.following[states, moves]
    forward = ends[..., :-1] == states[..., 1:]
    reverse = ends[..., 1:] == states[..., :-1]
    return np.where(reverse, -1, np.where(forward, 1, 0)).astype(np.int8)


@dataclass(frozen=True)
class SequenceTest:
    """Finds sequences of at least five states that are no accident of order.

    A run of pairs in one direction is a sequence if its score, the share of forward
    pairs minus that of reverse ones, lies beyond the 2.5 % or 97.5 % point of the
    scores of shuffled orders of the same backups.

    Source: Mattar & Daw 2018, Nat Neurosci 21:1609, Methods.
    """

    maze: Maze
    generator: np.random.Generator
    _known: dict[bytes, bool] = field(default_factory=dict)
    _orders: dict[int, States] = field(default_factory=dict)

    def count(self, event: Replayed) -> tuple[States, States]:
        """(A,) forward and (A,) reverse sequences that each animal replayed."""
        found = np.zeros((2, len(event.states)), np.intp)
        every = directions(self.maze, event.states, event.moves)
        for animal in np.flatnonzero(event.states[:, 0] >= 0):
            pairs = every[animal]
            for first, last in runs(pairs):
                part = slice(first, last + 1)
                backups = event.states[animal, part], event.moves[animal, part]
                if self.significant(*backups):
                    found[int(pairs[first] < 0), animal] += 1
        return found[0], found[1]

    def significant(self, states: States, moves: States) -> bool:
        """Whether the order of backups is no accident; the answer is remembered."""
        key = np.stack([states, moves]).tobytes()
        if key not in self._known:
            orders = self._orders_of(len(states))
            shuffled = directions(self.maze, states[orders], moves[orders]).mean(axis=1)
            low, high = np.quantile(shuffled, [TAIL, 1 - TAIL])
            score = directions(self.maze, states, moves).mean()
            self._known[key] = bool(score < low or score > high)
        return self._known[key]

    def _orders_of(self, length: int) -> States:
        """(500, length) shuffled orders, drawn when first asked for."""
        if length not in self._orders:
            places = np.tile(np.arange(length), (SHUFFLES, 1))
            self._orders[length] = self.generator.permuted(places, axis=1)
        return self._orders[length]


def runs(pairs: NDArray[np.int8]) -> list[tuple[int, int]]:
    """First and last backup of each run of at least five states in one direction.

    Args:
        pairs: (N - 1,) of `directions`.
    """
    edges = np.flatnonzero(np.diff(pairs, prepend=0, append=0))
    return [
        (int(first), int(last))
        for first, last in pairwise(edges)
        if pairs[first] != 0 and last - first + 1 >= LEAST_CELLS
    ]
