"""Forward and reverse sequences among replayed states, and their counts over laps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metarl.studies.hippocampus.laps import Laps
from metarl.studies.hippocampus.mazes import Maze, States
from metarl.studies.hippocampus.replay import ReplayEvent

LEAST_CELLS = 5
"""States of the shortest sequence."""
SHUFFLES = 500
"""Shuffled orders that a sequence is tested against."""
TAIL = 0.025
"""Share of shuffled orders beyond either threshold."""
KINDS = tuple(
    f"{direction}_{place}"
    for place in ("at_start", "after_reward")
    for direction in ("forward", "reverse")
)
"""Directions and places of the sequences that are counted."""


def directions(maze: Maze, states: States, moves: States) -> NDArray[np.int8]:
    """Direction of each pair of successive backups in the maze.

    Args:
        maze: of the states.
        states: (..., N) state in which each backup starts.
        moves: (..., N) its move.

    Returns:
        (..., N - 1): 1 forward, where a move leads to the next state; -1 reverse, where
        the next move leads back to the state; 0 neither.
    """
    ends = maze.following[states, moves]
    forward = ends[..., :-1] == states[..., 1:]
    reverse = ends[..., 1:] == states[..., :-1]
    return np.where(reverse, -1, np.where(forward, 1, 0)).astype(np.int8)


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


@dataclass(frozen=True)
class SequenceTest:
    """Test for sequences of at least five states in one direction.

    A run of pairs in one direction is a sequence if its score, the share of forward
    pairs minus that of reverse ones, lies beyond the 2.5 % or 97.5 % quantile of the
    scores of shuffled orders of the same backups.

    Source: Mattar & Daw 2018, Nat Neurosci 21:1609, Methods.
    """

    maze: Maze
    generator: np.random.Generator
    # Events repeat the same few runs, so that each is tested once.
    _known: dict[bytes, bool] = field(default_factory=dict)
    _orders: dict[int, States] = field(default_factory=dict)

    def count(self, event: ReplayEvent) -> tuple[States, States]:
        """(A,) forward and (A,) reverse sequences of each animal in an event."""
        counts = np.zeros((2, len(event.states)), np.intp)
        pairs = directions(self.maze, event.states, event.moves)
        for animal in np.flatnonzero(event.states[:, 0] >= 0):
            for first, last in runs(pairs[animal]):
                part = slice(first, last + 1)
                backups = event.states[animal, part], event.moves[animal, part]
                if self.significant(*backups):
                    counts[int(pairs[animal, first] < 0), animal] += 1
        return counts[0], counts[1]

    def significant(self, states: States, moves: States) -> bool:
        """Whether the order of backups differs from shuffled ones."""
        key = np.stack([states, moves]).tobytes()
        if key not in self._known:
            orders = self._orders_of(len(states))
            shuffled = directions(self.maze, states[orders], moves[orders]).mean(axis=1)
            low, high = np.quantile(shuffled, [TAIL, 1 - TAIL])
            score = directions(self.maze, states, moves).mean()
            self._known[key] = bool(score < low or score > high)
        return self._known[key]

    def _orders_of(self, length: int) -> States:
        """(500, length) shuffled orders, generated on first use."""
        if length not in self._orders:
            places = np.tile(np.arange(length), (SHUFFLES, 1))
            self._orders[length] = self.generator.permuted(places, axis=1)
        return self._orders[length]


def count_sequences(laps: Laps, test: SequenceTest) -> dict[str, States]:
    """Kind of sequence -> (L, A) number of sequences in each lap and animal."""
    counts: dict[str, States] = {}
    for place in ("at_start", "after_reward"):
        events: Sequence[ReplayEvent] = getattr(laps, place)
        forward, reverse = np.swapaxes([test.count(event) for event in events], 0, 1)
        counts |= {f"forward_{place}": forward, f"reverse_{place}": reverse}
    return counts


def rate_after(counts: States, laps: Laps, magnitude: float, kind: str) -> float:
    """Sequences per lap after a reward of one magnitude; NaN without such a reward.

    Args:
        counts: (L, A) sequences of one kind.
        laps: in which they were counted.
        magnitude: mean of the last reward.
        kind: of KINDS; at the start the last reward is that of the lap before.
    """
    rewarded = np.equal(laps.magnitudes.T, magnitude)
    if kind.endswith("at_start"):
        counts, rewarded = counts[1:], rewarded[:-1]
    return float(counts[rewarded].mean()) if rewarded.any() else float("nan")


def example_lap(maze: Maze, laps: Laps, counts: Mapping[str, States]) -> dict[str, Any]:
    """The first lap with a forward sequence at its start and a reverse one at its goal.

    If there is none, the last lap of the first animal.

    Args:
        maze: of the laps.
        laps: of all animals.
        counts: of `count_sequences`.

    Returns:
        The lap, its reward, and for the event in each place the replayed states and
        the states to which their moves lead.
    """
    both = (counts["forward_at_start"] > 0) & (counts["reverse_after_reward"] > 0)
    numbers, animals = np.nonzero(both)
    lap, animal = (numbers[0], animals[0]) if len(numbers) else (len(both) - 1, 0)
    example: dict[str, Any] = {
        "lap": int(lap),
        "reward": float(laps.magnitudes[animal, lap]),
    }
    for place in ("at_start", "after_reward"):
        event = getattr(laps, place)[lap]
        states, moves = event.states[animal], event.moves[animal]
        example[place] = states.tolist()
        example[f"{place}_next"] = maze.following[states, moves].tolist()
    return example
