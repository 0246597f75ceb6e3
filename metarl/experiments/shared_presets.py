"""Presets that experiments share or adapt.

`paper` follows the publication: its hyper-parameters, one environment, its number of
episodes. `fast` reaches the published behaviour soonest on two cores. `smoke` only
shows that everything runs.
"""

from dataclasses import replace
from typing import Any

from metarl.agents.config import A2CConfig, NetworkConfig, Schedule
from metarl.experiments.spec import Preset
from metarl.runs.config import TrainingConfig

ANNEALED = Schedule(start=1.0, end=0.0)
"""Entropy weight of the bandits in Wang et al. 2016."""

PAPER = Preset(
    network=NetworkConfig(),
    learning=A2CConfig(),
    training=TrainingConfig(num_envs=1, unroll_steps=300, updates=10_000),
)
"""Wang et al. 2018, Simulation 4: one update per episode, 10,000 episodes."""

PAPER_TF = Preset(
    network=NetworkConfig(),
    learning=A2CConfig(
        optimizer="rmsprop-tf", decay=0.9, epsilon=1e-10, reduction="sum"
    ),
    training=PAPER.training,
)
"""PAPER with the defaults of TensorFlow 1, and the loss as a sum: what the paper leaves
open, as a program of its time would have it."""

FAST = Preset(
    network=NetworkConfig(input_gain=3.0, forget_bias=1.0),
    learning=A2CConfig(
        learning_rate=Schedule(start=7e-3, end=0.0),
        discount=Schedule(start=0.5, end=0.9, fraction=0.5),
        value_weight=0.5,
        entropy_weight=Schedule(start=0.05, end=0.0),
        gradient_clip=1.0,
        normalize_advantages=True,
    ),
    training=TrainingConfig(num_envs=256, unroll_steps=20, updates=600),
)
"""Many environments and short unrolls; learning rate and entropy weight fall to 0."""

SMOKE = Preset(
    network=NetworkConfig(units=8, input_gain=3.0),
    learning=FAST.learning,
    training=TrainingConfig(num_envs=8, unroll_steps=30, updates=20),
)
"""Takes seconds; nothing is learned."""


def paper(
    unroll_steps: int,
    updates: int,
    *,
    network: NetworkConfig = PAPER.network,
    **learning: Any,
) -> Preset:
    """Return a published preset: PAPER with the arguments changed."""
    return Preset(
        network=network,
        learning=replace(PAPER.learning, **learning),
        training=TrainingConfig(num_envs=1, unroll_steps=unroll_steps, updates=updates),
    )


def fast(
    num_envs: int,
    unroll_steps: int,
    updates: int,
    *,
    rate: float,
    network: NetworkConfig = FAST.network,
    **learning: Any,
) -> Preset:
    """Return a fast preset: FAST with the arguments changed; the rate falls to 0."""
    rates = Schedule(start=rate, end=0.0)
    return Preset(
        network=network,
        learning=replace(FAST.learning, learning_rate=rates, **learning),
        training=TrainingConfig(
            num_envs=num_envs, unroll_steps=unroll_steps, updates=updates
        ),
    )
