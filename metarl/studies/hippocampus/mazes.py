"""Grid mazes in which animals run laps from a start to a goal."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from metarl.core.checks import check_at_least

MOVES = ((-1, 0), (1, 0), (0, 1), (0, -1))
"""Row and column of a move up, down, right and left."""
States = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class Maze:
    """Open cells of a grid; a move into a wall does not change the state."""

    cells: States
    """(S, 2) row and column of every state."""
    laps: tuple[tuple[int, int], ...]
    """Start and goal of each lap; after the last, from the first again."""

    @cached_property
    def following(self) -> States:
        """(S, 4) state after each move."""
        states = {tuple(cell): state for state, cell in enumerate(self.cells.tolist())}
        return np.array(
            [
                [
                    states.get((row + down, column + right), state)
                    for down, right in MOVES
                ]
                for (row, column), state in states.items()
            ]
        )

    @cached_property
    def memorable(self) -> NDArray[np.bool_]:
        """(S, 4) whether a move changes the state and does not leave a goal."""
        changes = np.asarray(self.following != np.arange(len(self.cells))[:, None])
        changes[[goal for _, goal in self.laps]] = False
        return changes

    def lap(self, number: int) -> tuple[int, int]:
        """Start and goal of a lap, counted from 0."""
        return self.laps[number % len(self.laps)]


def two_tracks(length: int = 10) -> Maze:
    """Two straight tracks that are run in turn: the upper rightwards, the lower back.

    Args:
        length: cells of a track, at least 2.

    Source: Mattar & Daw 2018, Nat Neurosci 21:1609, Fig. 3: a grid of 3 x 10 cells with
    a wall in the middle row, so that the two directions of one track are two places.
    """
    check_at_least("length", length, 2)
    cells = np.array([(row, column) for row in (0, 2) for column in range(length)])
    return Maze(cells=cells, laps=((0, length - 1), (2 * length - 1, length)))


def open_maze() -> Maze:
    """The field of 6 x 9 cells with three walls (Sutton 1990; Mattar & Daw 2018)."""
    wall = {(1, 2), (2, 2), (3, 2), (0, 7), (1, 7), (2, 7), (4, 5)}
    cells = [cell for cell in np.ndindex(6, 9) if cell not in wall]
    return Maze(
        cells=np.array(cells), laps=((cells.index((2, 0)), cells.index((0, 8))),)
    )
