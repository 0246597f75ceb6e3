"""Settings of `metarl evolve`: an ordinary run with evolution strategies as its rule.

Such a run is trained, stopped, resumed, tested and analysed like any other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any

from metarl.agents.config import A2CConfig, NetworkConfig, Schedule
from metarl.agents.learning.config import Distribution, Objective, PerturbationConfig
from metarl.core.fields import Range, check_fields
from metarl.envs.registry import task_class
from metarl.experiments.spec import preset
from metarl.runs.config import RunConfig, TrainingConfig, change_params

OPEN_EPISODE_STEPS = 300
"""Steps of an evaluation if episodes end at different times."""

Count = Annotated[
    int, Range(1, 10**9, why="so many evaluations take one core more than a month")
]
"""Number of generations, members or episodes; their product has a bound too."""


@dataclass(frozen=True, kw_only=True)
class EvolutionConfig:
    """Evolution of a population of weights."""

    objective: Objective = "fitness"
    """Objective: reward (fitness), or diversity of behaviour (variance or entropy of
    the shares of actions)."""
    distribution: Distribution = "paired"
    """Sampling of the members: independently (normal), or with mirror images
    (paired)."""
    generations: Count = 600
    """Number of steps of the population's mean, at least 1."""
    members: Count = 64
    """Number of networks of a generation, at least 2."""
    episodes: Count = 40
    """Episodes of each member in a generation, in parallel; equal for all members."""
    steps: Annotated[
        int | None, Range(1, 10**6, why="so long an evaluation takes an hour")
    ] = None
    """Steps of an evaluation; by default one episode, or 300 if episodes end at
    different times."""
    deviation: float = 0.1
    """Standard deviation of the members' weights around the mean, > 0."""
    rate: float = 0.03
    """Learning rate at the first generation, > 0; it decreases to 0."""
    network: NetworkConfig = field(
        default_factory=lambda: NetworkConfig(
            core="rnn", units=24, leak=0.3, input_gain=3.0
        )
    )
    """Settings of the recurrent network."""

    def configuration(
        self,
        task: str,
        changes: Mapping[str, Any] = MappingProxyType({}),
        *,
        subjects: int,
        seed: int,
    ) -> RunConfig[Any]:
        """Return the configuration of the run.

        Args:
            task: name in the registry, or "module:NAME" of your own.
            changes: parameters of the task that differ from its preset `fast`.
            subjects: number of independent populations.
            seed: root of all random streams.
        """
        check_fields(self)
        # The task of the preset, so that evolved and trained networks are comparable.
        params = change_params(preset(task).task_params, changes)
        episode = task_class(task)(1, params).episode_steps
        return RunConfig(
            task=task,
            preset="evolve",
            task_params=params,
            network=self.network,
            learning=A2CConfig(
                rule="es",
                learning_rate=Schedule(start=self.rate, end=0.0),
                discount=preset(task).learning.discount,
                perturbation=PerturbationConfig(
                    size=self.deviation,
                    members=self.members,
                    distribution=self.distribution,
                    objective=self.objective,
                ),
            ),
            training=TrainingConfig(
                num_envs=self.members * self.episodes,
                unroll_steps=self.steps or episode or OPEN_EPISODE_STEPS,
                updates=self.generations,
            ),
            subjects=subjects,
            seed=seed,
        )
