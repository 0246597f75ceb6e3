"""The bandit, network, training and frozen test that studies of agents share.

The bandit has two arms with reward probabilities p and 1 - p; p is drawn for each
episode of 50 trials. The regret of random choice is 12.5 rewards per episode, that of
Thompson sampling 2.18. The task is short enough to be learned in seconds by any rule.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from metarl.agents.config import NetworkConfig, constant
from metarl.agents.networks.actor_critic import Network, weights_hash
from metarl.core.checks import MetaRLError
from metarl.core.interventions import Intervention
from metarl.core.parallel import Reporter
from metarl.envs.bandit import BanditParams
from metarl.experiments.shared_presets import FAST
from metarl.runs.config import EvaluationConfig, RunConfig, TrainingConfig
from metarl.simulation.evaluation import run_episodes
from metarl.training.loop import Point, interval_ended, stop_if_asked
from metarl.training.trainer import make_trainer

THOMPSON, RANDOM = 2.18, 12.5
"""Regret of Thompson sampling and of random choice, in rewards per episode."""
TRIALS = 50
"""Trials of an episode."""


def bandit_config(seed: int, *, updates: int = 1000) -> RunConfig[BanditParams]:
    """Configuration of the shared bandit and its recurrent network.

    Args:
        seed: root of the random streams of network and task.
        updates: of 64 episodes each.
    """
    return RunConfig(
        task="bandit",
        preset="neighbours",
        task_params=BanditParams(
            trial_count=TRIALS, distribution="correlated", trial_input=False
        ),
        network=NetworkConfig(core="rnn", leak=0.3, input_gain=3.0),
        learning=replace(FAST.learning, discount=constant(0.5)),
        training=TrainingConfig(num_envs=64, unroll_steps=TRIALS, updates=updates),
        subjects=1,
        seed=seed,
    )


def with_updates(config: RunConfig[Any], updates: int) -> RunConfig[Any]:
    """The configuration with another number of updates."""
    return replace(config, training=replace(config.training, updates=updates))


@dataclass(frozen=True)
class TrainedNetwork:
    """A trained network and the course of its training."""

    network: Network
    curve: list[Point]
    """Points of the learning curve, as in a run's metrics."""
    stages: list[dict[str, Tensor]]
    """Weights before training and after each of equal parts of it."""


def train_in_memory(
    config: RunConfig[Any], reporter: Reporter, *, points: int = 40, stages: int = 4
) -> TrainedNetwork:
    """Train the one subject of a configuration without writing any file.

    Args:
        config: of the run.
        reporter: receives the progress; asked whether to stop.
        points: of the learning curve, at most one per update; a multiple of `stages`.
        stages: equal parts of training after which the weights are copied.

    Raises:
        Interrupted: the reporter asked to stop.
    """
    torch.set_num_threads(1)
    trainer, total = make_trainer(config, 0), config.training.updates
    curve, weights = [], [copy_weights(trainer.network)]
    every, stop = Fraction(1, points), partial(stop_if_asked, reporter)
    for point in trainer.run(every=every, before_update=stop):
        curve.append(point)
        reporter.report(trainer.progress)
        if interval_ended(trainer.updates, total, Fraction(1, stages)):
            weights.append(copy_weights(trainer.network))
    return TrainedNetwork(trainer.network, curve, weights)


def copy_weights(network: Network) -> dict[str, Tensor]:
    """A copy of all weights, by name."""
    return {name: value.clone() for name, value in network.state_dict().items()}


@dataclass(frozen=True)
class FrozenTest:
    """Choices of a frozen network between two arms."""

    regret: float
    """Mean over episodes of the expected reward lost relative to the better arm."""
    accuracy: list[float]
    """Share of choices of the better arm, trial by trial."""

    @property
    def adaptation(self) -> float:
        """Learning within an episode: accuracy in the last 10 trials minus first 2."""
        early, late = self.accuracy[:2], self.accuracy[-10:]
        return sum(late) / len(late) - sum(early) / len(early)


def frozen_test(
    config: RunConfig[Any],
    network: Network,
    *,
    episodes: int = 1000,
    interventions: tuple[Intervention, ...] = (),
) -> FrozenTest:
    """Test a network with frozen weights; arguments as of `frozen_trials`."""
    trials = frozen_trials(
        config, network, episodes=episodes, interventions=interventions
    )
    accuracy = trials.groupby("trial")["correct"].mean()
    regret = float(trials["regret"].sum()) / episodes
    return FrozenTest(regret, [float(share) for share in accuracy])


def frozen_trials(
    config: RunConfig[Any],
    network: Network,
    *,
    episodes: int,
    interventions: tuple[Intervention, ...] = (),
) -> pd.DataFrame:
    """Trials of a frozen network on new episodes of a bandit.

    Args:
        config: the task and its seed.
        network: to test.
        episodes: number of episodes.
        interventions: changes of the network's signals during the test.

    Returns:
        The trial table, with the regret of each trial: expected reward lost.

    Raises:
        MetaRLError: the weights changed.
    """
    before = weights_hash(network)
    test = EvaluationConfig(
        episodes=episodes, record_episodes=0, interventions=interventions
    )
    trials, _ = run_episodes(config, 0, lambda task: network, test)
    if weights_hash(network) != before:
        raise MetaRLError("the weights changed in a test with frozen weights")
    probabilities = trials[["probability_0", "probability_1"]].to_numpy()
    chosen = probabilities[np.arange(len(trials)), trials["choice"].to_numpy(int)]
    return trials.assign(regret=probabilities.max(1) - chosen)


def training_regret(row: Mapping[str, float]) -> float:
    """Regret in rewards per episode at a point of the learning curve.

    The better arm is rewarded in 3/4 of the trials, on average over episodes.
    """
    return 0.75 * TRIALS - row["rollout/return"]
