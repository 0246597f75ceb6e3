"""Animals that run laps, learn from each step, and replay at the start and the goal."""

from dataclasses import dataclass

import numpy as np

from metarl.core.checks import check_at_least
from metarl.core.parallel import Interrupted, Reporter
from metarl.studies.hippocampus.mazes import Maze, States
from metarl.studies.hippocampus.replay import (
    DISCOUNT,
    Access,
    Array,
    Knowledge,
    ReplayEvent,
    initial_knowledge,
    policy,
    replay,
)

MODEL_RATE = 0.9
"""Learning rate of the transition model."""
REWARD_NOISE = 0.1
"""Standard deviation of the reward, which is never negative."""


@dataclass(frozen=True, kw_only=True)
class Laps:
    """Steps, rewards and replay of A animals in L laps."""

    steps: States
    """(A, L) steps from start to goal."""
    magnitudes: Array
    """(A, L) mean of the reward at each lap's goal."""
    at_start: tuple[ReplayEvent, ...]
    """Event at each lap's start, by lap; none in the first."""
    after_reward: tuple[ReplayEvent, ...]
    """Event at each lap's goal, by lap."""


def run_laps(
    maze: Maze,
    access: Access,
    *,
    generator: np.random.Generator,
    animals: int = 40,
    laps: int = 50,
    magnitudes: tuple[float, ...] = (1.0,),
    reporter: Reporter | None = None,
) -> Laps:
    """Simulate animals, all of which are in the same lap at a time.

    As published, an event belongs to the step on which the animal leaves the start or
    reaches the goal: the step is learned first, and need is computed from the state in
    which it started.

    Args:
        maze: of all animals.
        access: how they replay.
        generator: of all random numbers.
        animals: A, independent of each other, at least 1.
        laps: L, of each, at least 1.
        magnitudes: rewards, equally likely on each lap.
        reporter: receives the progress; asked whether to stop.

    Raises:
        Interrupted: the reporter asked to stop.

    Source: Mattar & Daw 2018, Nat Neurosci 21:1609, Methods and published code.
    """
    check_at_least("animals", animals, 1)
    check_at_least("laps", laps, 1)
    means = generator.choice(magnitudes, (animals, laps))
    rewards = means + REWARD_NOISE * generator.standard_normal(means.shape)
    knowledge = initial_knowledge(maze, animals)
    group = _Animals(maze, access, knowledge=knowledge, generator=generator)
    steps = np.zeros_like(means, np.intp)
    at_start, after_reward = [], []
    for lap in range(laps):
        if reporter and reporter.should_stop():
            raise Interrupted
        steps[:, lap], start, goal = group.lap(lap, np.maximum(rewards[:, lap], 0))
        at_start.append(start)
        after_reward.append(goal)
        if reporter:
            reporter.report((lap + 1) / laps)
    return Laps(
        steps=steps,
        magnitudes=means,
        at_start=tuple(at_start),
        after_reward=tuple(after_reward),
    )


@dataclass(frozen=True)
class _Animals:
    """A batch of animals in a maze."""

    maze: Maze
    access: Access
    knowledge: Knowledge
    generator: np.random.Generator

    def lap(
        self, number: int, rewards: Array
    ) -> tuple[States, ReplayEvent, ReplayEvent]:
        """Run one lap: (A,) steps, and the events at its start and at its goal."""
        start, goal = self.maze.lap(number)
        here = np.full(len(rewards), start)
        left, steps = here.copy(), np.zeros_like(here)
        event, running = self._no_event(), here != goal
        while running.any():
            animals = np.flatnonzero(running)
            left[animals] = here[animals]
            here[animals] = self._step(animals, here[animals], goal, rewards)
            steps[animals] += 1
            if number > 0 and steps.max() == 1:
                event = self._replay(left)
            running = here != goal
        after = self._replay(left)
        self._learn_model(np.arange(len(here)), here, self.maze.lap(number + 1)[0])
        return steps, event, after

    def _no_event(self) -> ReplayEvent:
        """An event without replay in any animal."""
        nothing = np.full((len(self.knowledge.values), self.access.backups), -1)
        return ReplayEvent(nothing, nothing)

    def _replay(self, here: States) -> ReplayEvent:
        """An event in every animal that expects a reward anywhere."""
        if self.access.rule == "none":
            return self._no_event()
        # Where all values are 0, no backup changes any.
        expects = np.asarray(self.knowledge.values.any(axis=(1, 2)))
        event = replay(
            self.knowledge,
            self.maze,
            here,
            access=self.access,
            generator=self.generator,
        )
        return ReplayEvent(*(np.where(expects[:, None], each, -1) for each in event))

    def _step(self, animals: States, here: States, goal: int, rewards: Array) -> States:
        """Move and learn from one step of some animals; their next states."""
        thresholds = policy(self.knowledge.values[animals, here]).cumsum(axis=1)
        uniform = self.generator.random((len(animals), 1))
        moves = np.minimum((uniform > thresholds).sum(axis=1), 3)
        there: States = self.maze.following[here, moves]
        reward = np.where(there == goal, rewards[animals], 0.0)
        ahead = self.knowledge.values[animals, there].max(axis=1)
        self.knowledge.values[animals, here, moves] = reward + DISCOUNT * ahead
        self.knowledge.rewards[animals, here, moves] = reward
        self._learn_model(animals, here, there)
        return there

    def _learn_model(self, animals: States, here: States, there: States | int) -> None:
        """Move the transition model towards an observed transition."""
        self.knowledge.transitions[animals, here] *= 1 - MODEL_RATE
        self.knowledge.transitions[animals, here, there] += MODEL_RATE
