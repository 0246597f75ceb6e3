"""One rule on one problem: from a seed to plain facts.

Facts: problem, rule, rates and steps; what a network cost in forward-equivalents and
stored floats; points and losses, the learning curve, [rate][replica][point]; trace,
points and [rate][point], of each rate's first replica; epochs, [rate][replica], steps
until the loss first met the criterion, None where it never did; measures, name -> steps
-> [rate][replica]; and yardsticks, name -> number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from metarl.agents.learning.weight_perturbation import UPDATE_RULES, stored_numbers
from metarl.core.checks import check_at_least, check_choice
from metarl.core.parallel import Interrupted, Reporter
from metarl.core.seeding import stream_seed
from metarl.studies.optimizers.benchmark import BENCHMARK_PROBLEMS
from metarl.studies.optimizers.problems.learners import LEARNERS, Told
from metarl.studies.optimizers.problems.problem import Problem

LOST = 1000.0
"""Stands for any greater loss or error, and for one that is no number."""
CURVE_POINTS, TRACE_POINTS = 40, 150
"""Points kept of learning curves, evenly in the logarithm of steps, and of traces."""


@dataclass(frozen=True, kw_only=True)
class OptimizerRun:
    """One rule on one problem, at several learning rates."""

    problem: str
    """One of GROUNDS."""
    rule: str
    """One of LEARNERS."""
    rates: tuple[float, ...]
    """Initial learning rates."""
    steps: int
    """Updates."""
    replicas: int = 1
    """Networks a rate, each from its own first weights."""
    marks: tuple[int, ...] = ()
    """Steps, beside the last, after which measures are taken."""

    def __post_init__(self) -> None:
        """Refuse what there is not."""
        check_choice("problem", self.problem, BENCHMARK_PROBLEMS)
        check_choice("rule", self.rule, LEARNERS)
        for rate in self.rates:
            check_at_least("learning rate", rate, 0)

    def __call__(self, seed: int, reporter: Reporter) -> dict[str, Any]:
        """Learn, and tell how it went; the module says what.

        Raises:
            Interrupted: asked to stop.
        """
        torch.set_num_threads(1)
        ground = BENCHMARK_PROBLEMS[self.problem](seed, self.rule)
        rates = torch.tensor(self.rates, dtype=torch.float64)
        learner = LEARNERS[self.rule](
            ground.problem,
            rates.repeat_interleave(self.replicas),
            torch.Generator().manual_seed(stream_seed(seed, 0, "training")),
        )
        log = _Log(self, ground.criterion)
        measured: dict[str, dict[str, Any]] = {}
        for step in range(1, self.steps + 1):
            if reporter.should_stop():
                raise Interrupted
            log.hear(step, learner.step())
            if step in (*self.marks, self.steps):
                for name, values in ground.measures(learner.weights).items():
                    found = measured.setdefault(name, {})
                    found[str(step)] = self.by_rate([kept(value) for value in values])
            if step % 100 == 0:
                reporter.report(step / self.steps)
        return {
            **self._about(ground.problem),
            **log.facts(),
            "measures": measured,
            "baselines": dict(ground.baselines),
        }

    def _about(self, problem: Problem) -> dict[str, Any]:
        """What was done, and what it costs."""
        return {
            "problem": self.problem,
            "rule": self.rule,
            "rates": list(self.rates),
            "steps": self.steps,
            "forward-equivalents": self.steps * forwards_of_a_step(self.rule),
            "stored floats": stored_floats(self.rule, problem),
        }

    def by_rate(self, values: Sequence[Any]) -> list[list[Any]]:
        """One value a replica, as [rate][replica]."""
        n = self.replicas
        return [list(values[k : k + n]) for k in range(0, len(values), n)]


class _Log:
    """Keeps what the facts say of each step."""

    def __init__(self, contest: OptimizerRun, criterion: float) -> None:
        self.contest, self.criterion = contest, criterion
        curve = np.geomspace(1, contest.steps, CURVE_POINTS)
        self.points = sorted({round(point) for point in curve})
        trace = np.linspace(1, contest.steps, TRACE_POINTS)
        self.trace_points = sorted({round(point) for point in trace})
        self.losses: list[list[float]] = []
        self.traced: list[tuple[list[float], list[float]]] = []
        replicas = len(contest.rates) * contest.replicas
        self.epochs = torch.full((replicas,), -1)

    def hear(self, step: int, told: Told) -> None:
        """Note a step, counted from 1."""
        met = (told.losses < self.criterion) & (self.epochs < 0)
        # What is told is the loss before the step.
        self.epochs[met] = step - 1
        if step in self.points:
            self.losses.append([kept(loss) for loss in told.losses.tolist()])
        if step in self.trace_points:
            first = slice(None, None, self.contest.replicas)
            self.traced.append(
                (told.rates[first].tolist(), told.regrets[first].tolist())
            )

    def facts(self) -> dict[str, Any]:
        """Plain ones."""
        losses = [list(course) for course in zip(*self.losses, strict=True)]
        rates, regrets = (list(course) for course in zip(*self.traced, strict=True))
        epochs = [epoch if epoch >= 0 else None for epoch in self.epochs.tolist()]
        return {
            "points": self.points,
            "losses": self.contest.by_rate(losses),
            "trace": {
                "points": self.trace_points,
                "rates": _by_rate(rates),
                "regrets": _by_rate(regrets),
            },
            "epochs": self.contest.by_rate(epochs),
        }


def _by_rate(course: Sequence[Sequence[float]]) -> list[list[float | None]]:
    """[rate][point] of [point][rate]."""
    return [[known(x) for x in rate] for rate in zip(*course, strict=True)]


def kept(value: float) -> float:
    """A loss or an error as JSON has it: never above LOST."""
    return value if value < LOST else LOST


def known(value: float) -> float | None:
    """A signed number as JSON has it, within LOST; None if it is none."""
    return None if np.isnan(value) else float(np.clip(value, -LOST, LOST))


def forwards_of_a_step(rule: str) -> int:
    """Forward passes that a step costs; a backward pass counts as two."""
    return 3 if rule in ("sgd", "adam") else 2


def stored_floats(rule: str, problem: Problem) -> int:
    """Numbers that a step of one replica keeps, beside weights and batch.

    Perturbations count although they could be drawn anew from their seed; for node
    perturbation, of a sample each, the correlation of noise and inputs.
    """
    weights = problem.weight_count
    if rule in UPDATE_RULES:
        return stored_numbers(rule, weights)
    return {
        "np": problem.sample_count * weights,
        "sgd": weights + problem.activity_count,
        "adam": 3 * weights + problem.activity_count,
    }[rule]
