"""What studies of agents share: a bandit, a network, its training and its frozen test.

The bandit has two arms whose chances of reward add up to 1, drawn anew for each episode
of 50 trials; a random chooser's regret is 12.5 rewards an episode, Thompson sampling's
2.18. Short and plain, it is learned in seconds, by whatever rule.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from metarl.agents.config import NetworkConfig, constant
from metarl.agents.networks.actor_critic import Network, weights_hash
from metarl.core.checks import MetaRLError
from metarl.core.interventions import Intervention
from metarl.core.parallel import Interrupted, Reporter
from metarl.envs.bandit import BanditParams
from metarl.experiments.recipes import FAST
from metarl.runs.config import EvaluationConfig, RunConfig, TrainingConfig
from metarl.simulation.evaluation import run_episodes
from metarl.training.trainer import due, make_trainer

THOMPSON, RANDOM = 2.18, 12.5
"""Regret of Thompson sampling and of choosing at random, in rewards an episode."""
TRIALS = 50
"""Trials of an episode."""


def bandit_config(seed: int, *, updates: int = 1000) -> RunConfig[BanditParams]:
    """The bandit and the recurrent network that the studies share.

    Args:
        seed: root of the network's and its world's streams.
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


@dataclass(frozen=True)
class Trained:
    """A network after its training, and how training went."""

    network: Network
    curve: list[dict[str, float]]
    """Points of the learning curve, as in a run's metrics."""
    stages: list[dict[str, Tensor]]
    """Weights before training, and after each of equal parts of it."""


def train_here(
    config: RunConfig[Any], reporter: Reporter, *, points: int = 40, stages: int = 4
) -> Trained:
    """Train the one subject of a configuration, in memory.

    Args:
        config: what is trained.
        reporter: is told the progress and asked whether to stop.
        points: of the learning curve, at most one an update.
        stages: equal parts of training after which the weights are kept.

    Raises:
        Interrupted: asked to stop.
    """
    torch.set_num_threads(1)
    trainer, total = make_trainer(config, 0), config.training.updates
    curve, kept = [], [weights_of(trainer.network)]
    while trainer.updates < total:
        if reporter.should_stop():
            raise Interrupted
        trainer.update()
        if due(trainer.updates, total, points):
            curve.append(trainer.row())
            reporter.report(trainer.progress)
        if due(trainer.updates, total, stages):
            kept.append(weights_of(trainer.network))
    return Trained(trainer.network, curve, kept)


def weights_of(network: Network) -> dict[str, Tensor]:
    """A copy of all weights."""
    return {name: value.clone() for name, value in network.state_dict().items()}


@dataclass(frozen=True)
class Tested:
    """A frozen network's choices among two arms."""

    regret: float
    """Mean expected reward lost an episode, beside the better arm."""
    accuracy: list[float]
    """Share of better choices, trial by trial."""

    @property
    def adaptation(self) -> float:
        """What is learned within an episode: the last 10 trials less the first 2."""
        early, late = self.accuracy[:2], self.accuracy[-10:]
        return sum(late) / len(late) - sum(early) / len(early)


def frozen_test(
    config: RunConfig[Any],
    network: Network,
    *,
    episodes: int = 1000,
    interventions: tuple[Intervention, ...] = (),
) -> Tested:
    """Test a network on fresh bandits of the configuration, all weights frozen.

    Args:
        config: the world, and its seed.
        network: is tested.
        episodes: how many.
        interventions: changes of the network's signals.

    Raises:
        MetaRLError: the weights changed.
    """
    trials = frozen_trials(
        config, network, episodes=episodes, interventions=interventions
    )
    accuracy = trials.groupby("trial")["correct"].mean()
    regret = float(trials["regret"].sum()) / episodes
    return Tested(regret, [float(share) for share in accuracy])


def frozen_trials(
    config: RunConfig[Any],
    network: Network,
    *,
    episodes: int,
    interventions: tuple[Intervention, ...] = (),
) -> pd.DataFrame:
    """Trials of a frozen network, with the regret of each: expected reward lost.

    Args:
        config: the world, and its seed.
        network: is tested.
        episodes: how many.
        interventions: changes of the network's signals.

    Raises:
        MetaRLError: the weights changed.
    """
    before = weights_hash(network)
    test = EvaluationConfig(
        episodes=episodes, record_episodes=0, interventions=interventions
    )
    trials, _ = run_episodes(config, 0, lambda task: network, test)
    if weights_hash(network) != before:
        raise MetaRLError("the weights changed in a frozen test")
    chances = trials[["probability_0", "probability_1"]].to_numpy()
    chosen = chances[np.arange(len(trials)), trials["choice"].to_numpy(int)]
    return trials.assign(regret=chances.max(1) - chosen)


def regret_of(row: Mapping[str, float]) -> float:
    """Regret in training, from a point of the learning curve, in rewards an episode.

    The better arm pays in 3/4 of the trials, on average over episodes.
    """
    return 0.75 * TRIALS - row["rollout/return"]


def shortened(config: RunConfig[Any], updates: int) -> RunConfig[Any]:
    """The same, trained for so many updates only."""
    return replace(config, training=replace(config.training, updates=updates))
