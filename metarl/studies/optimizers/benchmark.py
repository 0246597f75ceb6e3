"""What optimizers are compared on: problems, and measures of their solutions."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from metarl.core.seeding import stream_seed
from metarl.studies.optimizers.problems.bandit import BanditAgent
from metarl.studies.optimizers.problems.chaos import (
    SYSTEMS,
    linear_autoregression,
    persistence,
    series,
)
from metarl.studies.optimizers.problems.forecast import Forecast
from metarl.studies.optimizers.problems.problem import Problem
from metarl.studies.optimizers.problems.xor import CRITERION, Xor
from metarl.studies.shared_bandit import bandit_config

HELD_STEPS = 10
"""Steps for which D2 keeps a batch of bandits: it compares loss after loss."""
TEST_TASKS = 1000
"""Bandits that a trained agent is tested on."""

Measures = dict[str, list[float]]
"""Name -> one number a replica."""


class BenchmarkProblem:
    """A problem, and what its solutions are measured by."""

    problem: Problem
    baselines: Mapping[str, float] = MappingProxyType({})
    criterion: float = 0.0
    """Loss below which the problem counts as learned; 0: no loss does."""

    def measures(self, weights: Tensor) -> Measures:
        """What (S, N) weights come to, by name."""
        return {}


class XorBenchmark(BenchmarkProblem):
    """Exclusive or."""

    criterion = CRITERION

    def __init__(self, units: int, seed: int, rule: str) -> None:
        """With so many hidden units."""
        self.problem = Xor(units)


class ForecastBenchmark(BenchmarkProblem):
    """A chaotic series, of which each seed has its own."""

    def __init__(self, system: str, seed: int, rule: str) -> None:
        """Of a system by name."""
        self.system = SYSTEMS[system]
        data = series(
            self.system, np.random.default_rng(stream_seed(seed, 0, "problems"))
        )
        self.problem: Forecast = Forecast(data)
        self.baselines = {
            "persistence": persistence(data),
            "linear autoregression": linear_autoregression(data),
        }

    def measures(self, weights: Tensor) -> Measures:
        """Test error and closed-loop valid time."""
        return {
            "NRMSE": self.problem.test_errors(weights),
            "valid time": self.problem.valid_times(weights, self.system),
        }


class BanditBenchmark(BenchmarkProblem):
    """The bandit that the studies share."""

    def __init__(self, seed: int, rule: str) -> None:
        """Its tasks are kept for some steps where the rule is D2."""
        held = HELD_STEPS if rule == "d2" else 1
        params = bandit_config(seed).task_params
        self.problem = BanditAgent(params, held_steps=held)
        self.test = BanditAgent(params, tasks=TEST_TASKS)
        own = stream_seed(seed, 0, "evaluation")
        self.generator = torch.Generator().manual_seed(own)

    def measures(self, weights: Tensor) -> Measures:
        """Regret with frozen weights, in rewards an episode."""
        return {"regret": self.test.regret(weights, self.generator).tolist()}


BENCHMARK_PROBLEMS: Mapping[str, Callable[[int, str], BenchmarkProblem]] = (
    MappingProxyType(
        {
            "xor": partial(XorBenchmark, 4),
            "xor-2-2-1": partial(XorBenchmark, 2),
            "lorenz": partial(ForecastBenchmark, "lorenz"),
            "rossler": partial(ForecastBenchmark, "rossler"),
            "bandit": BanditBenchmark,
        }
    )
)
"""Problem -> what makes it, given a seed and a rule."""
