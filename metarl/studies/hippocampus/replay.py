"""Events of replay: backup after backup, always the one that is worth most.

A backup of n steps goes on with the greedy move from where the last one ended; its gain
is the sum over its steps, its need that of its last state. Among equals the shortest is
taken, then chance decides.

Source: Mattar & Daw 2018, Nat Neurosci 21:1609, and their published code.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metarl.studies.hippocampus.mazes import Maze, States
from metarl.studies.hippocampus.memories import (
    DISCOUNT,
    LEAST_GAIN,
    Access,
    Array,
    Knowledge,
    gain,
    need,
)


class Replayed(NamedTuple):
    """What A animals replayed in one event, in order; -1 for one that did not."""

    states: States
    """(A, N) state that each backup's last step leaves."""
    moves: States
    """(A, N) move of that step."""


def replay(
    known: Knowledge,
    maze: Maze,
    here: States,
    *,
    access: Access,
    generator: np.random.Generator,
) -> Replayed:
    """Replay in every animal, which changes the action values it knows.

    Args:
        known: of A animals.
        maze: where they are.
        here: (A,) the state each animal is in.
        access: how memories are accessed.
        generator: breaks ties.
    """
    event = _Event(known, maze, here, access=access, generator=generator)
    told = [event.backup() for _ in range(access.backups)]
    states, moves = (np.stack(each, axis=1) for each in zip(*told, strict=True))
    return Replayed(states, moves)


class _Event:
    """One event: the steps that the last backup went along, and how to go on."""

    def __init__(
        self,
        known: Knowledge,
        maze: Maze,
        here: States,
        *,
        access: Access,
        generator: np.random.Generator,
    ) -> None:
        count, room = len(here), access.backups
        self.known, self.maze = known, maze
        self.rule, self.generator = access.rule, generator
        self.need = np.ones(known.values.shape[:2])
        if access.rule in ("prioritised", "need"):
            self.need = need(known.transitions, here, asleep=access.asleep)
        self.animals = np.arange(count)
        self.states = np.zeros((count, room), np.intp)
        self.moves = np.zeros((count, room), np.intp)
        self.rewards = np.zeros((count, room))
        self.length = np.zeros(count, np.intp)
        self.seen = np.zeros(known.values.shape[:2], bool)

    def backup(self) -> tuple[States, States]:
        """Do the best backup in every animal; where its last step was."""
        targets = self._targets()
        worth = np.where(self.maze.memorable, self._worth(targets), -np.inf)
        flat = worth.reshape(len(worth), -1)
        states, moves = np.divmod(self._best(flat), 4)
        self._lengthen()
        longer, further = self._further()
        go_on = further > flat.max(axis=1)
        states = np.where(go_on, self.states[self.animals, self.length], states)
        moves = np.where(go_on, self.moves[self.animals, self.length], moves)
        one = self.animals[~go_on]
        at = (one, states[one], moves[one])
        self.known.values[at] = targets[at]
        many, step = np.nonzero(go_on[:, None] & self._steps())
        at = (many, self.states[many, step], self.moves[many, step])
        self.known.values[at] = longer[many, step]
        self._remember(one, states, moves)
        return states, moves

    def _targets(self) -> Array:
        """(A, S, 4) what a backup of one step makes of each action value."""
        best = self.known.values.max(axis=2)
        return np.asarray(self.known.rewards + DISCOUNT * best[:, self.maze.following])

    def _worth(self, targets: Array) -> Array:
        """(A, S, 4) what each backup of one step is worth."""
        return self.need[:, :, None] * self._gains(
            self.known.values[:, :, None, :],
            targets[:, :, :, None],
            np.eye(4, dtype=bool),
        )

    def _gains(self, values: Array, targets: Array, which: NDArray[np.bool_]) -> Array:
        """Gains of changing `which` value of each state to its target, at least."""
        if self.rule in ("need", "random"):
            return np.ones(np.broadcast_shapes(values.shape, which.shape)[:-1])
        changed = np.where(which, targets, values)
        return np.maximum(gain(values, changed), LEAST_GAIN)

    def _best(self, worth: Array) -> States:
        """(A,) the place of the largest number; chance decides among equals."""
        equal = worth == worth.max(axis=-1, keepdims=True)
        drawn = equal * self.generator.random(worth.shape)
        return np.asarray(drawn.argmax(axis=-1))

    def _lengthen(self) -> None:
        """Put the greedy step from where the last backup ended behind its steps."""
        last = np.maximum(self.length - 1, 0)
        end = self.maze.following[
            self.states[self.animals, last], self.moves[self.animals, last]
        ]
        move = self._best(self.known.values[self.animals, end])
        place = (self.animals, self.length)
        self.states[place], self.moves[place] = end, move
        self.rewards[place] = self.known.rewards[self.animals, end, move]

    def _steps(self) -> NDArray[np.bool_]:
        """(A, N) which places hold steps of the lengthened backup."""
        return np.arange(self.states.shape[1]) <= self.length[:, None]

    def _further(self) -> tuple[Array, Array]:
        """(A, N) targets of the lengthened backup's steps, and (A,) what it is worth.

        It is worth nothing where there is none: in a loop, at a wall, from a goal, and
        under the rule of chance.
        """
        end, move = (
            each[self.animals, self.length] for each in (self.states, self.moves)
        )
        after = self.maze.following[end, move]
        ahead = self.length[:, None] - np.arange(self.states.shape[1])
        powers = DISCOUNT ** ahead.astype(float)
        # Discounted to the last step, summed from there, and brought back.
        weighted = np.where(self._steps(), self.rewards, 0) / powers
        to_come = np.cumsum(weighted[:, ::-1], axis=1)[:, ::-1] * powers
        best = self.known.values[self.animals, after].max(axis=1)
        targets = to_come + DISCOUNT * powers * best[:, None]
        rows = self.known.values[self.animals[:, None], self.states]
        which = self.moves[:, :, None] == np.arange(4)
        gains = self._gains(rows, targets[:, :, None], which)
        worth = self.need[self.animals, end] * np.where(self._steps(), gains, 0).sum(1)
        fresh = ~self.seen[self.animals, after] & self.maze.memorable[end, move]
        possible = fresh & (self.length > 0) & (self.rule != "random")
        return targets, np.where(possible, worth, -np.inf)

    def _remember(self, one: States, states: States, moves: States) -> None:
        """Begin anew where the backup was of one step; else it is one step longer."""
        self.length += 1
        self.length[one] = 1
        self.states[one, 0], self.moves[one, 0] = states[one], moves[one]
        self.rewards[one, 0] = self.known.rewards[one, states[one], moves[one]]
        self.seen[one] = False
        self.seen[self.animals, states] = True
        self.seen[self.animals, self.maze.following[states, moves]] = True
