"""Problems on which optimizers are compared, and measures of their solutions."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from metarl.core.seeding import stream_seed
from metarl.studies.optimizers.problems.bandit import BanditAgent
from metarl.studies.optimizers.problems.forecast import (
    SYSTEMS,
    Forecast,
    linear_autoregression,
    persistence,
    simulate,
)
from metarl.studies.optimizers.problems.problem import Problem
from metarl.studies.optimizers.problems.supervised import XOR_CRITERION, Xor
from metarl.studies.shared_bandit import bandit_config

HELD_STEPS = 10
"""Steps for which D2 keeps a batch of bandits: it compares successive losses."""
TEST_TASKS = 1000
"""Bandits on which a trained agent is tested."""


class BenchmarkProblem:
    """A problem, and measures of its solutions."""

    problem: Problem
    baselines: Mapping[str, float] = MappingProxyType({})
    """Test error of forecasts without a network, by name."""
    criterion: float = 0.0
    """Loss below which the problem counts as learned; 0: none."""

    def measures(self, weights: Tensor) -> dict[str, list[float]]:
        """Measures of (S, N) weights: name -> one number per replica."""
        return {}


class XorBenchmark(BenchmarkProblem):
    """Exclusive or, with the loss as the only measure."""

    criterion = XOR_CRITERION

    def __init__(self, units: int, seed: int, rule: str) -> None:
        """Set the number of hidden units; seed and rule do not matter."""
        self.problem = Xor(units)


class ForecastBenchmark(BenchmarkProblem):
    """A chaotic series, different for each seed."""

    def __init__(self, system: str, seed: int, rule: str) -> None:
        """Simulate a system of SYSTEMS; the rule does not matter."""
        self.system = SYSTEMS[system]
        generator = np.random.default_rng(stream_seed(seed, 0, "problems"))
        series = simulate(self.system, generator)
        self.problem: Forecast = Forecast(series)
        self.baselines = {
            "persistence": persistence(series),
            "linear autoregression": linear_autoregression(series),
        }

    def measures(self, weights: Tensor) -> dict[str, list[float]]:
        """Test error and closed-loop valid time."""
        return {
            "NRMSE": self.problem.test_errors(weights),
            "valid time": self.problem.valid_times(weights, self.system),
        }


class BanditBenchmark(BenchmarkProblem):
    """The bandit that studies share."""

    def __init__(self, seed: int, rule: str) -> None:
        """Set tasks for training, kept for several steps under D2, and for the test."""
        held = HELD_STEPS if rule == "d2" else 1
        params = bandit_config(seed).task_params
        self.problem = BanditAgent(params, held_steps=held)
        self.test = BanditAgent(params, tasks=TEST_TASKS)
        test_seed = stream_seed(seed, 0, "evaluation")
        self.generator = torch.Generator().manual_seed(test_seed)

    def measures(self, weights: Tensor) -> dict[str, list[float]]:
        """Regret with frozen weights, in rewards per episode."""
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
"""Problem -> its constructor, given a seed and a rule."""
