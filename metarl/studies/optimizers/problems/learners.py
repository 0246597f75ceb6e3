"""Every rule in one shape: a learner takes a step, and tells what it was like."""

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


class Told(NamedTuple):
    """What a step of all replicas was like."""

    losses: Tensor
    """(S,) before the step."""
    rates: Tensor
    """(S,) learning rates of the step."""
    regrets: Tensor
    """(S,) the optimizer's regret RPE; NaN where the rule has none."""


class Learner(Protocol):
    """Replicas that learn."""

    @property
    def weights(self) -> Tensor:
        """(S, N) as they are now."""
        ...

    def step(self) -> Told:
        """Take a step."""
        ...


class WeightPerturber:
    """WP, D0, D1 or D2."""

    def __init__(
        self, name: str, problem: Problem, rates: Tensor, generator: torch.Generator
    ) -> None:
        """Begin with (S,) rates, a replica each."""
        self.problem, self.rule, self.generator = problem, UPDATE_RULES[name], generator
        self.weights = problem.first(len(rates), generator)
        self.rule_state = initial_state(self.weights, rates)

    @torch.no_grad()
    def step(self) -> Told:
        """Perturb, compare, move."""
        if self.problem.renew(len(self.weights), self.generator):
            self.rule_state = reset_expectation(self.rule_state)
        comparison = evaluate_perturbation(
            self.problem.losses, self.weights, self.generator, self.problem.perturbation
        )
        moved, self.rule_state = self.rule(self.rule_state, self.weights, comparison)
        self.weights = moved
        return Told(comparison.losses, self.rule_state.rates, comparison.regrets)


class NodePerturber:
    """NP, one-sided."""

    def __init__(
        self, problem: Problem, rates: Tensor, generator: torch.Generator
    ) -> None:
        """Begin with (S,) rates, a replica each."""
        self.problem, self.rates, self.generator = problem, rates, generator
        self.weights = problem.first(len(rates), generator)

    @torch.no_grad()
    def step(self) -> Told:
        """Add noise to the nodes, compare, move."""
        size = self.problem.perturbation.size
        self.problem.renew(len(self.weights), self.generator)
        found = self.problem.under_noise(self.weights, size, self.generator)
        regrets = (found.losses - found.noisy) / size
        changes = [
            node_perturbation(self.rates, regrets, *layer).flatten(1)
            for layer in found.layers
        ]
        self.weights = self.weights + torch.cat(changes, dim=1)
        return Told(found.losses.mean(1), self.rates, regrets.mean(1))


class Descender:
    """Down the gradient that backpropagation finds, by an optimizer of torch."""

    def __init__(
        self,
        kind: Callable[..., torch.optim.Optimizer],
        problem: Problem,
        rates: Tensor,
        generator: torch.Generator,
    ) -> None:
        """Begin with (S,) rates, a replica each."""
        self.problem, self.rates, self.generator = problem, rates, generator
        _, counts = rates.unique_consecutive(return_counts=True)
        rows = problem.first(len(rates), generator).split(counts.tolist())
        self.rows = [each.clone().requires_grad_() for each in rows]
        first = [float(each[0]) for each in rates.split(counts.tolist())]
        groups = zip(self.rows, first, strict=True)
        self.optimizer = kind([{"params": [each], "lr": rate} for each, rate in groups])

    @property
    def weights(self) -> Tensor:
        """(S, N)."""
        return torch.cat(self.rows).detach()

    def step(self) -> Told:
        """Find the gradient and follow it."""
        self.problem.renew(len(self.rates), self.generator)
        losses, graded = self.problem.with_gradient(torch.cat(self.rows))
        self.optimizer.zero_grad()
        graded.sum().backward()
        self.optimizer.step()
        return Told(losses, self.rates, torch.full_like(losses, torch.nan))


Make = Callable[[Problem, Tensor, torch.Generator], Learner]

LEARNERS: Mapping[str, Make] = MappingProxyType(
    {
        **{name: partial(WeightPerturber, name) for name in UPDATE_RULES},
        "np": NodePerturber,
        "sgd": partial(Descender, torch.optim.SGD),
        "adam": partial(Descender, torch.optim.Adam),
    }
)
"""Rule -> what makes a learner of a problem, (S,) rates and a generator."""
