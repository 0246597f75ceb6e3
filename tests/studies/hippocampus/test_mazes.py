"""Mazes: moves, walls, memorable moves, and laps in turn."""

import numpy as np
import pytest

from metarl.studies.hippocampus.mazes import open_maze, two_tracks

UP, DOWN, RIGHT, LEFT = range(4)


def test_moves_lead_along_a_track_only():
    maze = two_tracks(3)
    assert maze.following[0].tolist() == [0, 0, 1, 0]
    assert maze.following[1].tolist() == [1, 1, 2, 0]
    assert maze.following[3].tolist() == [3, 3, 4, 3]


def test_moves_into_walls_and_from_goals_are_not_memorable():
    maze = two_tracks(3)
    moves = [(int(state), int(move)) for state, move in np.argwhere(maze.memorable)]
    assert moves == [
        (0, RIGHT),
        (1, RIGHT),
        (1, LEFT),
        (4, RIGHT),
        (4, LEFT),
        (5, LEFT),
    ]


def test_tracks_are_run_in_turn_in_opposite_directions():
    maze = two_tracks()
    assert [maze.lap(k) for k in range(3)] == [(0, 9), (19, 10), (0, 9)]
    assert maze.cells[[0, 9, 19, 10]].tolist() == [[0, 0], [0, 9], [2, 9], [2, 0]]


def test_the_open_maze_has_walls():
    maze = open_maze()
    assert len(maze.cells) == 6 * 9 - 7
    start, goal = maze.lap(4)
    assert maze.cells[[start, goal]].tolist() == [[2, 0], [0, 8]]
    by_cell = {tuple(cell): k for k, cell in enumerate(maze.cells.tolist())}
    next_to_wall = by_cell[2, 1]
    assert maze.following[next_to_wall, RIGHT] == next_to_wall
    assert maze.following[next_to_wall, UP] == by_cell[1, 1]


def test_a_track_of_one_cell_is_refused():
    with pytest.raises(ValueError, match="length must be at least 2, got 1"):
        two_tracks(1)
