"""What `metarl evolve` asks for: an ordinary run whose rule is evolution strategies.

Such a run is trained, stopped, gone on with, tested and analysed as any other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from metarl.agents.config import A2CConfig, NetworkConfig, Schedule
from metarl.agents.learning.config import Distribution, Objective, PerturbationConfig
from metarl.core.checks import check_at_least
from metarl.envs.registry import task_class
from metarl.experiments.spec import preset
from metarl.runs.config import RunConfig, TrainingConfig, change_params

OPEN_LIFE = 300
"""Steps of a life where episodes end at different times."""


@dataclass(frozen=True, kw_only=True)
class Evolving:
    """How a population of weights is evolved."""

    objective: Objective = "fitness"
    """What is evolved: members that earn much (fitness), or that do different things
    (variance or entropy of behaviour, the shares of their actions)."""
    distribution: Distribution = "paired"
    """Whether members are drawn independently (normal) or with mirror images
    (paired)."""
    generations: int = 600
    """Steps of the population's mean, at least 1."""
    members: int = 64
    """Networks of a generation, at least 2."""
    episodes: int = 40
    """Lives of each member in a generation, side by side; the same for all members."""
    life_steps: int | None = None
    """Steps of a life; by default one episode, or 300 where episodes end at different
    times."""
    deviation: float = 0.1
    """Deviation of members' weights around the mean, > 0."""
    rate: float = 0.03
    """Step of a weight at the first generation, about, > 0; it falls to 0."""
    network: NetworkConfig = field(
        default_factory=lambda: NetworkConfig(
            core="rnn", units=24, leak=0.3, input_gain=3.0
        )
    )
    """The recurrent network."""

    def configuration(
        self,
        task: str,
        changes: Mapping[str, Any] = MappingProxyType({}),
        *,
        subjects: int,
        seed: int,
    ) -> RunConfig[Any]:
        """The run.

        Args:
            task: name in the registry, or "module:NAME" of your own.
            changes: parameters of the task that are not those of its preset `fast`.
            subjects: populations, each evolved on its own.
            seed: root of all random streams.
        """
        check_at_least("episodes", self.episodes, 1)
        if self.life_steps is not None:
            check_at_least("life_steps", self.life_steps, 1)
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
                unroll_steps=self.life_steps or episode or OPEN_LIFE,
                updates=self.generations,
            ),
            subjects=subjects,
            seed=seed,
        )
