"""Replay of memories in the order of their value: need times gain.

    value of a backup = need(state) gain(state, move)
    need   = [(I - discount T)^-1] [current state, state]   awake: visits to come
           = stationary distribution of T                   asleep
    gain   = sum over moves (new policy - old policy) new values

In an event, the backup with the largest value is done next, again and again. A backup
of n steps continues the last one by the greedy move from its end; its gain is the sum
over its steps, its need that of its last state. Among equal values the shortest backup
is chosen, then one at random. All arrays are batched: one row per animal.

Source: Mattar & Daw 2018, Nat Neurosci 21:1609, and their published code.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from metarl.core.checks import check_at_least, check_choice
from metarl.studies.hippocampus.mazes import Maze, States

Array = NDArray[np.float64]
Rule = Literal["prioritised", "gain", "need", "random", "none"]
"""Rule of replay: need x gain, one of the two alone, random, or no replay."""

DISCOUNT = 0.9
"""Discount per step."""
INVERSE_TEMPERATURE = 5.0
"""Inverse temperature of the softmax policy, in acting as in the gain."""
LEAST_GAIN = 1e-10
"""Least gain of a step, so that need decides where no value changes."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """How memories are accessed in replay."""

    rule: Rule = "prioritised"
    """Which memory is replayed next."""
    backups: int = 20
    """Backups of one event, at least 1."""
    asleep: bool = False
    """Whether the need is that of sleep."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_choice("rule", self.rule, get_args(Rule))
        check_at_least("backups", self.backups, 1)


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """Knowledge that A animals have of a maze of S states; updated in place."""

    values: Array
    """(A, S, 4) action values, all 0 at first."""
    transitions: Array
    """(A, S, S) probability of the next state, at first under random moves."""
    rewards: Array
    """(A, S, 4) last reward of each move."""


def initial_knowledge(maze: Maze, animals: int) -> Knowledge:
    """Knowledge of animals that explored the maze without any reward."""
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
    """(..., 4) probability of each move: softmax of the action values."""
    weights = np.exp(INVERSE_TEMPERATURE * (values - values.max(-1, keepdims=True)))
    return np.asarray(weights / weights.sum(-1, keepdims=True))


def gain(values: Array, changed: Array) -> Array:
    """(...) reward per visit that a change of the policy in a state adds.

    Args:
        values: (..., 4) action values before the backup.
        changed: (..., 4) action values after it.
    """
    return np.asarray(((policy(changed) - policy(values)) * changed).sum(-1))


def need(transitions: Array, here: States, *, asleep: bool = False) -> Array:
    """(A, S) discounted number of future visits to each state, or its share asleep.

    Args:
        transitions: (A, S, S) probability of the next state.
        here: (A,) current state of each animal, of which need asleep is independent.
        asleep: whether to return the stationary distribution, which sums to 1.
    """
    count = transitions.shape[-1]
    onward = transitions.swapaxes(1, 2)
    if not asleep:
        now = np.eye(count)[here]
        visits = np.linalg.solve(np.eye(count) - DISCOUNT * onward, now[:, :, None])
        return visits[:, :, 0].astype(np.float64)
    # Equations of the stationary distribution p: T' p = p, and the sum of p is 1.
    rows = np.concatenate([onward - np.eye(count), np.ones((len(here), 1, count))], 1)
    total = np.zeros((len(here), count + 1, 1))
    total[:, -1] = 1
    square = rows.swapaxes(1, 2)
    distribution = np.linalg.solve(square @ rows, square @ total)
    return distribution[:, :, 0].astype(np.float64)


class ReplayEvent(NamedTuple):
    """Backups of A animals in one event, in order; -1 for an animal without replay."""

    states: States
    """(A, N) state in which each backup's last step starts."""
    moves: States
    """(A, N) move of that step."""


def replay(
    knowledge: Knowledge,
    maze: Maze,
    here: States,
    *,
    access: Access,
    generator: np.random.Generator,
) -> ReplayEvent:
    """Replay in every animal, which changes the action values that it knows.

    Args:
        knowledge: of A animals; updated in place.
        maze: of all animals.
        here: (A,) current state of each animal.
        access: how memories are accessed.
        generator: breaks ties.
    """
    event = _Event(knowledge, maze, here, access=access, generator=generator)
    backups = [event.backup() for _ in range(access.backups)]
    states, moves = (np.stack(each, axis=1) for each in zip(*backups, strict=True))
    return ReplayEvent(states, moves)


class _Event:
    """One event: the steps of the last backup, and how it can be extended.

    `states`, `moves` and `rewards` hold each animal's last backup, of `length` steps;
    `visited` marks the states that it passed.
    """

    def __init__(
        self,
        knowledge: Knowledge,
        maze: Maze,
        here: States,
        *,
        access: Access,
        generator: np.random.Generator,
    ) -> None:
        count, room = len(here), access.backups
        self.knowledge, self.maze = knowledge, maze
        self.rule, self.generator = access.rule, generator
        self.need = np.ones(knowledge.values.shape[:2])
        if access.rule in ("prioritised", "need"):
            self.need = need(knowledge.transitions, here, asleep=access.asleep)
        self.animals = np.arange(count)
        self.states = np.zeros((count, room), np.intp)
        self.moves = np.zeros((count, room), np.intp)
        self.rewards = np.zeros((count, room))
        self.length = np.zeros(count, np.intp)
        self.visited = np.zeros(knowledge.values.shape[:2], bool)

    def backup(self) -> tuple[States, States]:
        """Do the best backup in every animal; (A,) state and move of its last step."""
        targets = self._targets()
        value = np.where(self.maze.memorable, self._value(targets), -np.inf)
        flat = value.reshape(len(value), -1)
        states, moves = np.divmod(self._best(flat), 4)
        self._append_greedy_step()
        long_targets, long_value = self._extension()
        extended = long_value > flat.max(axis=1)
        last = (self.animals, self.length)
        states = np.where(extended, self.states[last], states)
        moves = np.where(extended, self.moves[last], moves)
        short = self.animals[~extended]
        at = (short, states[short], moves[short])
        self.knowledge.values[at] = targets[at]
        long, step = np.nonzero(extended[:, None] & self._steps())
        at = (long, self.states[long, step], self.moves[long, step])
        self.knowledge.values[at] = long_targets[long, step]
        self._remember(short, states, moves)
        return states, moves

    def _targets(self) -> Array:
        """(A, S, 4) action value after a backup of one step."""
        best = self.knowledge.values.max(axis=2)
        ahead = best[:, self.maze.following]
        return np.asarray(self.knowledge.rewards + DISCOUNT * ahead)

    def _value(self, targets: Array) -> Array:
        """(A, S, 4) value of each backup of one step: need times gain."""
        return self.need[:, :, None] * self._gains(
            self.knowledge.values[:, :, None, :],
            targets[:, :, :, None],
            np.eye(4, dtype=bool),
        )

    def _gains(self, values: Array, targets: Array, which: NDArray[np.bool_]) -> Array:
        """Gain of setting `which` value of each state to its target, or the least gain.

        Under the rules without gain, 1 for every step.
        """
        if self.rule in ("need", "random"):
            return np.ones(np.broadcast_shapes(values.shape, which.shape)[:-1])
        changed = np.where(which, targets, values)
        return np.maximum(gain(values, changed), LEAST_GAIN)

    def _best(self, values: Array) -> States:
        """(A,) place of the largest value, at random among equals."""
        equal = values == values.max(axis=-1, keepdims=True)
        priority = equal * self.generator.random(values.shape)
        return np.asarray(priority.argmax(axis=-1))

    def _append_greedy_step(self) -> None:
        """Append the greedy step from the end of the last backup to its steps."""
        last = (self.animals, np.maximum(self.length - 1, 0))
        end = self.maze.following[self.states[last], self.moves[last]]
        move = self._best(self.knowledge.values[self.animals, end])
        place = (self.animals, self.length)
        self.states[place], self.moves[place] = end, move
        self.rewards[place] = self.knowledge.rewards[self.animals, end, move]

    def _steps(self) -> NDArray[np.bool_]:
        """(A, N) which places hold steps of the extended backup."""
        return np.arange(self.states.shape[1]) <= self.length[:, None]

    def _extension(self) -> tuple[Array, Array]:
        """(A, N) targets of the extended backup's steps, and (A,) its value.

        The value is -inf where the backup cannot be extended: in a loop, at a wall,
        from a goal, and under the random rule.
        """
        last = (self.animals, self.length)
        end, move = self.states[last], self.moves[last]
        after = self.maze.following[end, move]
        ahead = self.length[:, None] - np.arange(self.states.shape[1])
        powers = DISCOUNT ** ahead.astype(float)
        # The discounted reward from each step to the last is a cumulative sum from the
        # end, if every reward is first divided by its power of the discount.
        weighted = np.where(self._steps(), self.rewards, 0) / powers
        to_come = np.cumsum(weighted[:, ::-1], axis=1)[:, ::-1] * powers
        best = self.knowledge.values[self.animals, after].max(axis=1)
        targets = to_come + DISCOUNT * powers * best[:, None]
        rows = self.knowledge.values[self.animals[:, None], self.states]
        which = self.moves[:, :, None] == np.arange(4)
        gains = self._gains(rows, targets[:, :, None], which)
        value = self.need[self.animals, end] * np.where(self._steps(), gains, 0).sum(1)
        new = ~self.visited[self.animals, after] & self.maze.memorable[end, move]
        possible = new & (self.length > 0) & (self.rule != "random")
        return targets, np.where(possible, value, -np.inf)

    def _remember(self, short: States, states: States, moves: States) -> None:
        """Record the steps of this backup.

        Args:
            short: animals with a backup of one step; the others' is one step longer.
            states: (A,) of the backup's last step.
            moves: (A,) of the backup's last step.
        """
        self.length += 1
        self.length[short] = 1
        first = (short, 0)
        self.states[first], self.moves[first] = states[short], moves[short]
        self.rewards[first] = self.knowledge.rewards[short, states[short], moves[short]]
        self.visited[short] = False
        self.visited[self.animals, states] = True
        self.visited[self.animals, self.maze.following[states, moves]] = True
