"""Sequences of all laps, counted by direction and place."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from metarl.studies.hippocampus.laps import Running
from metarl.studies.hippocampus.mazes import Maze, States
from metarl.studies.hippocampus.replay import Replayed
from metarl.studies.hippocampus.sequences import SequenceTest

KINDS = tuple(
    f"{direction}_{where}"
    for where in ("at_start", "after_reward")
    for direction in ("forward", "reverse")
)
"""Directions and places of sequences that are counted."""


def tally(running: Running, test: SequenceTest) -> dict[str, States]:
    """Kind of sequence -> (laps, animals) how many were replayed."""
    found: dict[str, States] = {}
    for where in ("at_start", "after_reward"):
        events: Sequence[Replayed] = getattr(running, where)
        forward, reverse = np.swapaxes([test.count(event) for event in events], 0, 1)
        found |= {f"forward_{where}": forward, f"reverse_{where}": reverse}
    return found


def rate_after(counts: States, running: Running, magnitude: float, kind: str) -> float:
    """Sequences a lap, where the last reward met was of a magnitude; NaN for none.

    Args:
        counts: (laps, animals) sequences.
        running: what the animals did.
        magnitude: mean reward.
        kind: at the start the last reward met is that of the lap before.
    """
    met = np.equal(running.magnitudes.T, magnitude)
    if kind.endswith("at_start"):
        counts, met = counts[1:], met[:-1]
    return float(counts[met].mean()) if met.any() else float("nan")


def example_lap(
    maze: Maze, running: Running, counts: Mapping[str, States]
) -> dict[str, Any]:
    """The first lap with a forward sequence at its start and a reverse one at its goal.

    Where there is none, the last lap of the first animal.

    Returns:
        The lap, its reward, and of its event in either place the states replayed and
        the states that each memory's move leads to.
    """
    both = (counts["forward_at_start"] > 0) & (counts["reverse_after_reward"] > 0)
    laps, animals = np.nonzero(both)
    lap, animal = (laps[0], animals[0]) if len(laps) else (len(both) - 1, 0)
    facts: dict[str, Any] = {
        "lap": int(lap),
        "reward": float(running.magnitudes[animal, lap]),
    }
    for where in ("at_start", "after_reward"):
        event = getattr(running, where)[lap]
        states, moves = event.states[animal], event.moves[animal]
        facts[where] = states.tolist()
        facts[f"{where}_next"] = maze.following[states, moves].tolist()
    return facts
