"""Learners: every rule of optimization as a batch of replicas that takes steps."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from metarl.agents.learning.weight_perturbation import (
    UPDATE_RULES,
    evaluate_perturbation,
    initial_state,
    node_perturbation,
    reset_expectation,
)
from metarl.studies.optimizers.problems.problem import Problem


class LearningStep(NamedTuple):
    """Record of one step of all replicas."""

    losses: Tensor
    """(S,) losses before the step."""
    rates: Tensor
    """(S,) learning rates of the step."""
    regrets: Tensor
    """(S,) the optimizer's regret RPE; NaN for a rule without one."""


class Learner(Protocol):
    """S replicas that learn."""

    @property
    def weights(self) -> Tensor:
        """(S, N) current weights."""
        ...

    def step(self) -> LearningStep:
        """Update the weights once."""
        ...


class WeightPerturber:
    """Weight perturbation: WP, D0, D1 or D2."""

    def __init__(
        self, name: str, problem: Problem, rates: Tensor, generator: torch.Generator
    ) -> None:
        """Start with (S,) rates, one per replica."""
        self.problem, self.rule, self.generator = problem, UPDATE_RULES[name], generator
        self.weights = problem.initial_weights(len(rates), generator)
        self.rule_state = initial_state(self.weights, rates)

    @torch.no_grad()
    def step(self) -> LearningStep:
        """Perturb the weights, compare the losses, update."""
        if self.problem.next_batch(len(self.weights), self.generator):
            # Losses of different batches cannot be compared.
            self.rule_state = reset_expectation(self.rule_state)
        comparison = evaluate_perturbation(
            self.problem.losses, self.weights, self.generator, self.problem.perturbation
        )
        moved, self.rule_state = self.rule(self.rule_state, self.weights, comparison)
        self.weights = moved
        return LearningStep(
            comparison.losses, self.rule_state.rates, comparison.regrets
        )


class NodePerturber:
    """Node perturbation, one-sided."""

    def __init__(
        self, problem: Problem, rates: Tensor, generator: torch.Generator
    ) -> None:
        """Start with (S,) rates, one per replica."""
        self.problem, self.rates, self.generator = problem, rates, generator
        self.weights = problem.initial_weights(len(rates), generator)

    @torch.no_grad()
    def step(self) -> LearningStep:
        """Add noise to the nodes, compare the losses, update."""
        size = self.problem.perturbation.size
        self.problem.next_batch(len(self.weights), self.generator)
        pair = self.problem.losses_under_noise(self.weights, size, self.generator)
        regrets = (pair.losses - pair.noisy) / size
        changes = [
            node_perturbation(self.rates, regrets, *layer).flatten(1)
            for layer in pair.layers
        ]
        self.weights = self.weights + torch.cat(changes, dim=1)
        return LearningStep(pair.losses.mean(1), self.rates, regrets.mean(1))


class Backpropagation:
    """Gradient descent by backpropagation, with an optimizer of torch."""

    def __init__(
        self,
        kind: Callable[..., torch.optim.Optimizer],
        problem: Problem,
        rates: Tensor,
        generator: torch.Generator,
    ) -> None:
        """Start with (S,) rates, one per replica."""
        self.problem, self.rates, self.generator = problem, rates, generator
        # An optimizer of torch has one rate per group of parameters.
        _, counts = rates.unique_consecutive(return_counts=True)
        rows = problem.initial_weights(len(rates), generator).split(counts.tolist())
        self.rows = [each.clone().requires_grad_() for each in rows]
        first = [float(each[0]) for each in rates.split(counts.tolist())]
        groups = zip(self.rows, first, strict=True)
        self.optimizer = kind([{"params": [each], "lr": rate} for each, rate in groups])

    @property
    def weights(self) -> Tensor:
        """(S, N) current weights."""
        return torch.cat(self.rows).detach()

    def step(self) -> LearningStep:
        """Compute the gradient and descend it."""
        self.problem.next_batch(len(self.rates), self.generator)
        weights = torch.cat(self.rows)
        losses, objectives = self.problem.differentiable_losses(weights)
        self.optimizer.zero_grad()
        objectives.sum().backward()
        self.optimizer.step()
        return LearningStep(losses, self.rates, torch.full_like(losses, torch.nan))


LEARNERS: Mapping[str, Callable[[Problem, Tensor, torch.Generator], Learner]] = (
    MappingProxyType(
        {
            **{name: partial(WeightPerturber, name) for name in UPDATE_RULES},
            "np": NodePerturber,
            "sgd": partial(Backpropagation, torch.optim.SGD),
            "adam": partial(Backpropagation, torch.optim.Adam),
        }
    )
)
"""Rule -> constructor of a learner, given a problem, (S,) rates and a generator."""
