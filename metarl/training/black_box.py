"""Training without a derivative: whole networks are tried out, and the weights moved.

wp, d0, d1, d2 try two networks at an update, one on either side of the weights as they
are; metarl/agents/learning/weight_perturbation.py holds their equations. Their loss
is what a member earned less than the most that its task could ever pay, in rewards a
life.

es tries a whole generation and moves towards those who did better, or who make the
generation differ more; metarl/agents/evolution holds its expectations.

All members of an update meet the same episodes. No critic is learned: values are 0, so
that the prediction error of such a network is its reward.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from metarl.agents.config import A2CConfig
from metarl.agents.evolution import DISTRIBUTIONS, OBJECTIVES
from metarl.agents.evolution.ascent import Ascent
from metarl.agents.learning.config import PerturbationConfig
from metarl.agents.learning.weight_perturbation import (
    Perturbation,
    RuleState,
    evaluate_perturbation,
    reset_expectation,
    rule,
    start,
)
from metarl.agents.networks.actor_critic import ActorCritic, Network
from metarl.agents.networks.batched import BatchedNetworks, check_batchable
from metarl.core.checks import MetaRLError
from metarl.core.seeding import stream_seed
from metarl.envs.registry import task_class
from metarl.envs.task import Task
from metarl.runs.checkpoint import load_weights
from metarl.runs.config import RunConfig, TrainingConfig
from metarl.simulation.population_rollout import PopulationReturns, evaluate_population
from metarl.training.metrics import MetricAverages

LiveOut = Callable[[Tensor], PopulationReturns]
"""Given (P, F) weights, what becomes of the P members that have them."""


class Search(Protocol):
    """What moves weights by trying some out."""

    members: int
    """Networks that an update tries."""
    same_episodes: int
    """Updates in a row that meet the same episodes."""

    @property
    def weights(self) -> Tensor:
        """(F,) as they are now."""
        ...

    def step(
        self, live_out: LiveOut, rate: float, seed: int, *, fresh: bool
    ) -> dict[str, Tensor]:
        """Try some weights out, and move; returns scalars to log.

        Args:
            live_out: tries weights out.
            rate: step size by the schedule.
            seed: of what is tried.
            fresh: whether the episodes are others than at the step before.
        """
        ...

    def state(self) -> dict[str, Any]:
        """Everything needed to go on: tensors and plain values."""
        ...

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        ...


class PairSearch:
    """One perturbation at a step, tried on either side: wp, d0, d1, d2."""

    members = 2

    def __init__(self, weights: Tensor, learning: A2CConfig, most: float) -> None:
        """Start from (F,) weights; `most` is what a life could earn."""
        settings = learning.perturbation
        self.perturbation, self.most = Perturbation(settings.size, pair=True), most
        self.same_episodes = settings.same_episodes if learning.rule == "d2" else 1
        self.rule = rule(learning.rule)
        self.place = weights.double()[None]
        self.first = learning.learning_rate.start
        self.rule_state = start(self.place, self.place.new_full((1,), self.first))

    @property
    def weights(self) -> Tensor:
        """(F,) as they are now."""
        return self.place[0]

    def step(
        self, live_out: LiveOut, rate: float, seed: int, *, fresh: bool
    ) -> dict[str, Tensor]:
        """Try one pair out, and move."""

        def losses_of(compared: Tensor) -> Tensor:
            return self.most - live_out(compared[:, 0]).earned.double()[:, None]

        rule_state = replace(self.rule_state, scale=rate / self.first)
        if fresh:
            rule_state = reset_expectation(rule_state)
        generator = torch.Generator().manual_seed(seed)
        trial = evaluate_perturbation(
            losses_of, self.place, generator, self.perturbation
        )
        self.place, self.rule_state = self.rule(rule_state, self.place, trial)
        return {
            "optimizer/loss": trial.losses[0],
            "optimizer/regret_rpe_size": trial.regrets[0].abs(),
            "optimizer/rate": self.rule_state.scale * self.rule_state.rates[0],
        }

    def state(self) -> dict[str, Any]:
        """Weights, rates and what the rule carries."""
        return {"place": self.place, "carried": dict(vars(self.rule_state))}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.place = state["place"]
        self.rule_state = RuleState(**state["carried"])


class Evolution:
    """A generation at a step: es, for fitness, variance or entropy."""

    same_episodes = 1

    def __init__(
        self, weights: Tensor, settings: PerturbationConfig, actions: int
    ) -> None:
        """Start from (F,) weights; behaviour is the shares of so many actions."""
        self.settings, self.members, self.actions = settings, settings.members, actions
        self.mean = weights.double().numpy()
        self.ascent = Ascent.start(len(self.mean))

    @property
    def weights(self) -> Tensor:
        """(F,) the population's mean."""
        return torch.from_numpy(self.mean)

    def step(
        self, live_out: LiveOut, rate: float, seed: int, *, fresh: bool
    ) -> dict[str, Tensor]:
        """Let a generation live, and move the mean."""
        settings = self.settings
        population = DISTRIBUTIONS[settings.distribution](self.mean, settings.size)
        sample = population.sample(self.members, np.random.default_rng(seed))
        life = live_out(torch.from_numpy(sample))
        # All shares add up to 1, so the last says nothing new.
        behaviours = life.shares(self.actions)[:, :-1]
        told = life.earned if settings.objective == "fitness" else behaviours
        found = OBJECTIVES[settings.objective](
            told.double().numpy(), sample, population
        )
        self.mean, self.ascent = self.ascent.step(self.mean, found.gradient, rate)
        return {
            "evolution/fitness_deviation": life.earned.std(correction=0),
            "evolution/behaviour_deviation": behaviours.std(0, correction=0).mean(),
            "evolution/gradient_norm": torch.tensor(np.linalg.norm(found.gradient)),
        }

    def state(self) -> dict[str, Any]:
        """The mean and the ascent."""
        ascent = self.ascent
        transitions = [
            torch.from_numpy(each) for each in (ascent.slopes, ascent.squares)
        ]
        return {"mean": self.weights, "moments": transitions, "steps": ascent.steps}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.mean = state["mean"].numpy()
        slopes, squares = (each.numpy() for each in state["moments"])
        self.ascent = Ascent(slopes, squares, state["steps"])


class DerivativeFreeTrainer:
    """One subject, trained without a derivative; in use like `training.Trainer`.

    Every update starts fresh episodes, and lives for as many steps as an unroll has.
    """

    def __init__(self, config: RunConfig[Any], subject: int, network: Network) -> None:
        """Start from a network's weights.

        Raises:
            ValueError: the rule does not fit the network, or the amounts not the task.
        """
        learning, training = config.learning, config.training
        self.config, self.subject, self.updates = config, subject, 0
        self.network = _without_critic(check_batchable(network, learning.rule))
        self.task = task_class(config.task)(training.num_envs, config.task_params)
        self.networks = BatchedNetworks(self.network)
        weights = self.networks.free.read(self.network.state_dict())
        self.search: Search
        if learning.rule == "es":
            settings = learning.perturbation
            self.search = Evolution(weights, settings, self.task.action_count)
        else:
            most = self.task.reward_range[1] * training.unroll_steps
            self.search = PairSearch(weights, learning, most)
        check_lives(config, self.task, self.search.members)
        self.averages = MetricAverages(training.num_envs)

    @property
    def progress(self) -> float:
        """Part of the training that is done, in [0, 1]."""
        return self.updates / self.config.training.updates

    @property
    def steps(self) -> int:
        """Environment steps done, in all lanes."""
        training = self.config.training
        return self.updates * training.num_envs * training.unroll_steps

    def update(self) -> None:
        """Try weights out, and move."""
        batch, seen = divmod(self.updates, self.search.same_episodes)
        scalars = self.search.step(
            lambda weights: self._live_out(weights, batch),
            self.config.learning.learning_rate.at(self.progress),
            self._seed("rule", self.updates),
            fresh=seen == 0,
        )
        self.averages.add_scalars(scalars)
        self.updates += 1
        self._tell_network()

    def _live_out(self, weights: Tensor, batch: int) -> PopulationReturns:
        self.networks.set_weights(weights)
        generator = torch.Generator().manual_seed(self._seed("training", batch))
        steps = self.config.training.unroll_steps
        life = evaluate_population(self.networks, self.task, steps, generator)
        # Every life starts anew; an episode that was cut off has no return.
        self.averages.running.zero_()
        self.averages.add_rewards(life.rewards, life.nonterminal)
        return life

    def _seed(self, purpose: Any, number: int) -> int:
        return stream_seed(self.config.seed, self.subject, purpose, number)

    def _tell_network(self) -> None:
        state = self.networks.free.state(self.search.weights)
        self.network.load_state_dict(state)

    def row(self) -> dict[str, float]:
        """A point of the learning curve: means since the last one, of what was tried.

        Raises:
            MetaRLError: the weights have gone where no number is.
        """
        if not bool(self.search.weights.isfinite().all()):
            raise MetaRLError(
                f"training diverged before step {self.steps}: a weight is no number; "
                "set a lower learning.learning_rate"
            )
        return {"update": self.updates, "steps": self.steps, **self.averages.read()}

    def state(self) -> dict[str, Any]:
        """Everything needed to go on to the same bytes."""
        return {
            "updates": self.updates,
            "network": self.network.state_dict(),
            "search": self.search.state(),
            "averages": self.averages.state(),
        }

    def load_state(self, state: dict[str, Any], path: Path) -> None:
        """Go on from a `state` that was read from `path`."""
        try:
            load_weights(self.network, state["network"], path)
            self.search.load_state(state["search"])
            self.averages.load_state(state["averages"])
            self.updates = state["updates"]
        except (KeyError, TypeError, ValueError) as error:
            raise MetaRLError(
                f"{path} does not fit this version of metarl ({error}); "
                "delete its folder to train this subject anew"
            ) from None


def _without_critic(network: ActorCritic) -> ActorCritic:
    """The network, its values 0."""
    with torch.no_grad():
        network.heads.weight[-1] = network.heads.bias[-1] = 0
    return network


def check_lives(config: RunConfig[Any], task: Task[Any], members: int) -> None:
    """Raise ValueError unless every member has whole episodes, and as many lanes."""
    learning, training = config.learning, config.training
    if training.num_envs % members:
        raise ValueError(
            f"num_envs must be a multiple of {members} where the rule is "
            f"{learning.rule}, got {training.num_envs!r}: all networks that are tried "
            "have as many"
        )
    if task.episode_steps and training.unroll_steps % task.episode_steps:
        raise ValueError(
            f"unroll_steps must be whole episodes of {task.episode_steps} steps where "
            f"the rule is {learning.rule}, got {training.unroll_steps!r}"
        )
    plain = TrainingConfig()
    for name in ("interventions", "reset_memory"):
        if getattr(training, name) != getattr(plain, name):
            raise ValueError(
                f"{name} must be {getattr(plain, name)!r} where the rule is "
                f"{learning.rule}, got {getattr(training, name)!r}"
            )
    if not learning.costs.plain:
        raise ValueError(
            f"costs must be plain where the rule is {learning.rule}: all it knows is "
            "the reward of a life"
        )
    rates = learning.learning_rate
    if rates.start <= 0:
        raise ValueError(
            f"learning_rate.start must be above 0 where the rule is {learning.rule}, "
            f"got {rates.start!r}: later rates are in proportion to it"
        )
