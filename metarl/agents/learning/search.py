"""Search without a derivative: evaluate perturbed weights, move by their returns.

wp, d0, d1 and d2 evaluate two networks at each update, one on either side of the
present weights; metarl/agents/learning/weight_perturbation.py gives their equations.
Their loss is the greatest possible return of an evaluation less the actual return.

es evaluates a generation and moves its mean towards members with more reward, or
towards more diverse behaviour; metarl/agents/evolution gives the expectations.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from metarl.agents.evolution import DISTRIBUTIONS, OBJECTIVES
from metarl.agents.evolution.ascent import Ascent
from metarl.agents.learning.config import PerturbationConfig
from metarl.agents.learning.weight_perturbation import (
    Perturbation,
    RuleState,
    evaluate_perturbation,
    initial_state,
    reset_expectation,
    update_rule,
)


@runtime_checkable  # for the shape checks that the tests switch on
class MemberReturns(Protocol):
    """Results of an evaluation of P networks."""

    @property
    def returns(self) -> Tensor:
        """(P,) reward of the evaluation, in reward units."""
        ...

    def action_shares(self, action_count: int) -> Tensor:
        """(P, A) part of the steps at which each action was taken."""
        ...


EvaluateMembers = Callable[[Tensor], MemberReturns]
"""Given (P, F) weights of P members, evaluates them."""


@runtime_checkable
class WeightSearch(Protocol):
    """Update of weights from evaluations of perturbed weights."""

    same_episodes: int
    """Consecutive updates on the same episodes."""

    @property
    def weights(self) -> Tensor:
        """(F,) present weights, float64."""
        ...

    def step(
        self, evaluate: EvaluateMembers, rate: float, seed: int, *, new_episodes: bool
    ) -> dict[str, Tensor]:
        """Evaluate perturbed weights and move; return scalars to log.

        Args:
            evaluate: evaluates weights.
            rate: learning rate, by the schedule.
            seed: seed of the perturbations.
            new_episodes: whether the episodes differ from those of the last step.
        """
        ...

    def state(self) -> dict[str, Any]:
        """Resumable state: tensors and plain values."""
        ...

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore a `state`."""
        ...


class PerturbationSearch:
    """One perturbation at each step, evaluated as a pair: wp, d0, d1, d2."""

    def __init__(
        self,
        weights: Tensor,
        rule: str,
        *,
        size: float,
        rate: float,
        same_episodes: int,
        greatest_return: float,
    ) -> None:
        """Start from (F,) weights.

        Args:
            weights: (F,) initial weights.
            rule: wp, d0, d1 or d2.
            size: standard deviation of the perturbation of each weight.
            rate: initial learning rate, > 0.
            same_episodes: consecutive updates on the same episodes.
            greatest_return: upper bound of the reward of one evaluation.
        """
        self.perturbation = Perturbation(size, pair=True)
        self.rule, self.same_episodes = update_rule(rule), same_episodes
        self.greatest_return, self.initial_rate = greatest_return, rate
        # Double precision: D2 compares losses that differ by little. The leading
        # dimension is the one replica of the rules' (S, N) weights.
        self.replica = weights.double()[None]
        rates = self.replica.new_full((1,), rate)
        self.rule_state = initial_state(self.replica, rates)

    @property
    def weights(self) -> Tensor:
        """(F,) present weights."""
        return self.replica[0]

    def step(
        self, evaluate: EvaluateMembers, rate: float, seed: int, *, new_episodes: bool
    ) -> dict[str, Tensor]:
        """Evaluate one pair, and move."""

        def losses_of(compared: Tensor) -> Tensor:
            returns = evaluate(compared[:, 0]).returns.double()
            return self.greatest_return - returns[:, None]

        rule_state = replace(self.rule_state, scale=rate / self.initial_rate)
        if new_episodes:
            # The loss before the last step was of other episodes.
            rule_state = reset_expectation(rule_state)
        generator = torch.Generator().manual_seed(seed)
        comparison = evaluate_perturbation(
            losses_of, self.replica, generator, self.perturbation
        )
        self.replica, self.rule_state = self.rule(rule_state, self.replica, comparison)
        return {
            "optimizer/loss": comparison.losses[0],
            "optimizer/regret_rpe_size": comparison.regrets[0].abs(),
            "optimizer/rate": self.rule_state.scale * self.rule_state.rates[0],
        }

    def state(self) -> dict[str, Any]:
        """Weights, rates and the state of the rule."""
        return {"weights": self.replica, "rule_state": dict(vars(self.rule_state))}

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore a `state`."""
        self.replica = state["weights"]
        self.rule_state = RuleState(**state["rule_state"])


class EvolutionSearch:
    """One generation at each step: es, for fitness, variance or entropy."""

    same_episodes = 1

    def __init__(
        self, weights: Tensor, settings: PerturbationConfig, action_count: int
    ) -> None:
        """Start from (F,) weights; behaviour is the shares of the actions."""
        self.settings, self.action_count = settings, action_count
        self.mean = weights.double().numpy()
        self.ascent = Ascent.start(len(self.mean))

    @property
    def weights(self) -> Tensor:
        """(F,) mean of the population."""
        return torch.from_numpy(self.mean)

    def step(
        self, evaluate: EvaluateMembers, rate: float, seed: int, *, new_episodes: bool
    ) -> dict[str, Tensor]:
        """Evaluate a generation, and move its mean."""
        settings = self.settings
        population = DISTRIBUTIONS[settings.distribution](self.mean, settings.size)
        sample = population.sample(settings.members, np.random.default_rng(seed))
        results = evaluate(torch.from_numpy(sample))
        # The shares of all actions sum to 1, so the last one is redundant.
        behaviours = results.action_shares(self.action_count)[:, :-1]
        fitness = settings.objective == "fitness"
        selected = results.returns if fitness else behaviours
        estimate = OBJECTIVES[settings.objective](
            selected.double().numpy(), sample, population
        )
        self.mean, self.ascent = self.ascent.step(self.mean, estimate.gradient, rate)
        return {
            "evolution/fitness_deviation": results.returns.std(correction=0),
            "evolution/behaviour_deviation": behaviours.std(0, correction=0).mean(),
            "evolution/gradient_norm": torch.tensor(np.linalg.norm(estimate.gradient)),
        }

    def state(self) -> dict[str, Any]:
        """The mean, and the running means of the ascent."""
        ascent = self.ascent
        moments = [torch.from_numpy(each) for each in (ascent.slopes, ascent.squares)]
        return {"mean": self.weights, "moments": moments, "steps": ascent.steps}

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore a `state`."""
        self.mean = state["mean"].numpy()
        slopes, squares = (each.numpy() for each in state["moments"])
        self.ascent = Ascent(slopes, squares, state["steps"])
