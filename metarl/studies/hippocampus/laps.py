"""Animals run laps, learn from each step, and replay at the start and at the goal."""

from dataclasses import dataclass

import numpy as np

from metarl.core.checks import check_at_least
from metarl.core.parallel import Interrupted, Reporter
from metarl.studies.hippocampus.mazes import Maze, States
from metarl.studies.hippocampus.memories import (
    DISCOUNT,
    Access,
    Array,
    Knowledge,
    newcomers,
    policy,
)
from metarl.studies.hippocampus.replay import Replayed, replay

MODEL_RATE = 0.9
"""How far a transition that is seen moves the model."""
REWARD_NOISE = 0.1
"""Standard deviation of the reward, which is never negative."""


@dataclass(frozen=True, kw_only=True)
class Running:
    """What A animals did and replayed in L laps."""

    steps: States
    """(A, L) steps from start to goal."""
    magnitudes: Array
    """(A, L) mean of the reward at each lap's goal."""
    at_start: tuple[Replayed, ...]
    """Event at each lap's start, by lap; none in the first."""
    after_reward: tuple[Replayed, ...]
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
) -> Running:
    """Let animals run, all in the same lap at a time.

    As published, an event belongs to the step on which the animal leaves the start or
    reaches the goal: the step is learned first, and need is counted from the state that
    it left.

    Args:
        maze: where they run.
        access: how they replay.
        generator: of all chance.
        animals: independent ones, A.
        laps: of each, L.
        magnitudes: rewards, equally likely on each lap.
        reporter: whom to tell the progress.

    Raises:
        Interrupted: asked to stop.

    Source: Mattar & Daw 2018, Nat Neurosci 21:1609, Methods and published code.
    """
    check_at_least("animals", animals, 1)
    check_at_least("laps", laps, 1)
    offered = generator.choice(magnitudes, (animals, laps))
    noisy = offered + REWARD_NOISE * generator.standard_normal(offered.shape)
    known = newcomers(maze, animals)
    runners = _Runners(maze, access, known=known, generator=generator)
    steps, at_start, after = np.zeros_like(offered, np.intp), [], []
    for lap in range(laps):
        if reporter and reporter.should_stop():
            raise Interrupted
        steps[:, lap], before, behind = runners.lap(lap, np.maximum(noisy[:, lap], 0))
        at_start.append(before)
        after.append(behind)
        if reporter:
            reporter.report((lap + 1) / laps)
    return Running(
        steps=steps,
        magnitudes=offered,
        at_start=tuple(at_start),
        after_reward=tuple(after),
    )


@dataclass(frozen=True)
class _Runners:
    """A batch of animals in a maze."""

    maze: Maze
    access: Access
    known: Knowledge
    generator: np.random.Generator

    def lap(self, number: int, rewards: Array) -> tuple[States, Replayed, Replayed]:
        """Steps of one lap, and its two events."""
        start, goal = self.maze.lap(number)
        here = np.full(len(rewards), start)
        left, steps = here.copy(), np.zeros_like(here)
        event, running = self._no_event(), here != goal
        while running.any():
            who = np.flatnonzero(running)
            left[who] = here[who]
            here[who] = self._step(who, here[who], goal, rewards)
            steps[who] += 1
            if number > 0 and steps.max() == 1:
                event = self._replay(left)
            running = here != goal
        after = self._replay(left)
        self._learn_model(np.arange(len(here)), here, self.maze.lap(number + 1)[0])
        return steps, event, after

    def _no_event(self) -> Replayed:
        """Nothing replayed, in any animal."""
        nothing = np.full((len(self.known.values), self.access.backups), -1)
        return Replayed(nothing, nothing)

    def _replay(self, here: States) -> Replayed:
        """An event, in every animal that expects a reward anywhere."""
        if self.access.rule == "none":
            return self._no_event()
        # Where all values are 0, no backup changes any.
        expects = np.asarray(self.known.values.any(axis=(1, 2)))
        event = replay(
            self.known, self.maze, here, access=self.access, generator=self.generator
        )
        return Replayed(*(np.where(expects[:, None], each, -1) for each in event))

    def _step(self, who: States, here: States, goal: int, rewards: Array) -> States:
        """One step of some animals, learned: the state it leads to."""
        chances = policy(self.known.values[who, here]).cumsum(axis=1)
        drawn = self.generator.random((len(who), 1))
        moves = np.minimum((drawn > chances).sum(axis=1), 3)
        there: States = self.maze.following[here, moves]
        reward = np.where(there == goal, rewards[who], 0.0)
        ahead = self.known.values[who, there].max(axis=1)
        self.known.values[who, here, moves] = reward + DISCOUNT * ahead
        self.known.rewards[who, here, moves] = reward
        self._learn_model(who, here, there)
        return there

    def _learn_model(self, who: States, here: States, there: States | int) -> None:
        """Move the model towards what was seen."""
        self.known.transitions[who, here] *= 1 - MODEL_RATE
        self.known.transitions[who, here, there] += MODEL_RATE
