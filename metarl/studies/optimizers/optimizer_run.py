"""One rule on one problem: from a seed to its results.

The results of a seed are: problem, rule, rates and steps; forward-equivalents and
stored floats, the costs of a network; points and losses, the learning curve,
[rate][replica][point]; trace, points and [rate][point] of each rate's first replica;
epochs, [rate][replica], steps until the loss first met the criterion, None if it never
did; measures, name -> steps -> [rate][replica]; and baselines, name -> number.
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
from metarl.studies.optimizers.learners import LEARNERS, LearningStep
from metarl.studies.optimizers.problems.problem import Problem
from metarl.studies.spec import SeedResults

LARGEST = 1000.0
"""Replaces any larger loss or error, and any that is not a number."""
CURVE_POINTS, TRACE_POINTS = 40, 150
"""Points of learning curves, evenly in the logarithm of steps, and of traces."""


@dataclass(frozen=True, kw_only=True)
class OptimizerRun:
    """One rule on one problem, at several learning rates."""

    problem: str
    """One of BENCHMARK_PROBLEMS."""
    rule: str
    """One of LEARNERS."""
    rates: tuple[float, ...]
    """Initial learning rates, at least 0."""
    steps: int
    """Number of updates."""
    replicas: int = 1
    """Networks per rate, each with its own initial weights."""
    marks: tuple[int, ...] = ()
    """Steps, in addition to the last, after which measures are taken."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_choice("problem", self.problem, BENCHMARK_PROBLEMS)
        check_choice("rule", self.rule, LEARNERS)
        for rate in self.rates:
            check_at_least("learning rate", rate, 0)

    def __call__(self, seed: int, reporter: Reporter) -> SeedResults:
        """Run all steps; the module's docstring describes the results.

        Args:
            seed: root of the random streams of problem and learner.
            reporter: receives the progress; asked whether to stop.

        Raises:
            Interrupted: the reporter asked to stop.
        """
        torch.set_num_threads(1)
        benchmark = BENCHMARK_PROBLEMS[self.problem](seed, self.rule)
        rates = torch.tensor(self.rates, dtype=torch.float64)
        learner = LEARNERS[self.rule](
            benchmark.problem,
            rates.repeat_interleave(self.replicas),
            torch.Generator().manual_seed(stream_seed(seed, 0, "training")),
        )
        log = _Log(self, benchmark.criterion)
        measures: dict[str, dict[str, Any]] = {}
        for step in range(1, self.steps + 1):
            if reporter.should_stop():
                raise Interrupted
            log.add(step, learner.step())
            if step in (*self.marks, self.steps):
                for name, values in benchmark.measures(learner.weights).items():
                    finite = [limit_loss(value) for value in values]
                    measures.setdefault(name, {})[str(step)] = self.by_rate(finite)
            if step % 100 == 0:
                reporter.report(step / self.steps)
        return {
            **self._costs(benchmark.problem),
            **log.results(),
            "measures": measures,
            "baselines": dict(benchmark.baselines),
        }

    def _costs(self, problem: Problem) -> SeedResults:
        """Settings of the run, and the costs of a network."""
        return {
            "problem": self.problem,
            "rule": self.rule,
            "rates": list(self.rates),
            "steps": self.steps,
            "forward-equivalents": self.steps * forwards_per_step(self.rule),
            "stored floats": stored_floats(self.rule, problem),
        }

    def by_rate(self, values: Sequence[Any]) -> list[list[Any]]:
        """One value per replica, as [rate][replica]."""
        n = self.replicas
        return [list(values[k : k + n]) for k in range(0, len(values), n)]


class _Log:
    """Records the learning curve, the traces and the epochs of a run."""

    def __init__(self, run: OptimizerRun, criterion: float) -> None:
        self.run, self.criterion = run, criterion
        curve = np.geomspace(1, run.steps, CURVE_POINTS)
        self.points = sorted({round(point) for point in curve})
        trace = np.linspace(1, run.steps, TRACE_POINTS)
        self.trace_points = sorted({round(point) for point in trace})
        self.losses: list[list[float]] = []
        self.traces: list[tuple[list[float], list[float]]] = []
        self.epochs = torch.full((len(run.rates) * run.replicas,), -1)

    def add(self, number: int, step: LearningStep) -> None:
        """Record a step, counted from 1."""
        met = (step.losses < self.criterion) & (self.epochs < 0)
        # The loss is that before the step.
        self.epochs[met] = number - 1
        if number in self.points:
            self.losses.append([limit_loss(loss) for loss in step.losses.tolist()])
        if number in self.trace_points:
            first = slice(None, None, self.run.replicas)
            self.traces.append(
                (step.rates[first].tolist(), step.regrets[first].tolist())
            )

    def results(self) -> SeedResults:
        """Learning curve, traces and epochs, as JSON has them."""
        losses = [list(curve) for curve in zip(*self.losses, strict=True)]
        rates, regrets = (list(trace) for trace in zip(*self.traces, strict=True))
        epochs = [epoch if epoch >= 0 else None for epoch in self.epochs.tolist()]
        return {
            "points": self.points,
            "losses": self.run.by_rate(losses),
            "trace": {
                "points": self.trace_points,
                "rates": _by_rate(rates),
                "regrets": _by_rate(regrets),
            },
            "epochs": self.run.by_rate(epochs),
        }


def _by_rate(trace: Sequence[Sequence[float]]) -> list[list[float | None]]:
    """[rate][point] from [point][rate]."""
    return [[finite_or_none(x) for x in rate] for rate in zip(*trace, strict=True)]


def limit_loss(value: float) -> float:
    """A loss or an error as JSON has it: never above LARGEST."""
    return value if value < LARGEST else LARGEST


def finite_or_none(value: float) -> float | None:
    """A signed number as JSON has it, within LARGEST; None for NaN."""
    return None if np.isnan(value) else float(np.clip(value, -LARGEST, LARGEST))


def forwards_per_step(rule: str) -> int:
    """Forward passes that one step costs; a backward pass counts as two."""
    return 3 if rule in ("sgd", "adam") else 2


def stored_floats(rule: str, problem: Problem) -> int:
    """Numbers that a step of one replica stores, in addition to weights and batch.

    Perturbations count although they could be drawn again from their seed; for node
    perturbation, the correlation of noise and inputs of each sample.
    """
    weights = problem.weight_count
    if rule in UPDATE_RULES:
        return stored_numbers(rule, weights)
    return {
        "np": problem.sample_count * weights,
        "sgd": weights + problem.activity_count,
        "adam": 3 * weights + problem.activity_count,
    }[rule]
