"""Named settings for each task.

`paper` is literal: the published hyper-parameters, one stream of experience, the
published number of episodes. `fast` reaches the published behaviour soonest on two
cores. `smoke` only shows that everything runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from metarl.agents.settings import A2CConfig, NetworkConfig, Schedule
from metarl.catalog import task_class
from metarl.checks import check_choice
from metarl.config import RunConfig, TrainingConfig


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a preset fixes."""

    network: NetworkConfig
    learning: A2CConfig
    training: TrainingConfig


PAPER = Recipe(
    network=NetworkConfig(),
    learning=A2CConfig(),
    training=TrainingConfig(lanes=1, unroll_steps=300, updates=10_000),
)
"""Wang et al. 2018, Simulation 4: an update an episode, 10,000 episodes."""

DAW = replace(PAPER, training=TrainingConfig(lanes=1, unroll_steps=603, updates=10_000))
"""Declared: no network was published on this task; the two-step task's settings."""

FAST = Recipe(
    network=NetworkConfig(input_gain=3.0, forget_bias=1.0),
    learning=A2CConfig(
        learning_rate=Schedule(start=7e-3, end=0.0),
        discount=Schedule(start=0.5, end=0.9, fraction=0.5),
        value_weight=0.5,
        entropy_weight=Schedule(start=0.05, end=0.0),
        gradient_clip=1.0,
        normalize_advantages=True,
    ),
    training=TrainingConfig(lanes=256, unroll_steps=20, updates=600),
)
"""Many lanes and short unrolls; the rates anneal to zero."""

SMOKE = Recipe(
    network=NetworkConfig(units=8, input_gain=3.0),
    learning=FAST.learning,
    training=TrainingConfig(lanes=8, unroll_steps=30, updates=20),
)
"""Seconds; nothing is learned."""

RECIPES: Mapping[str, Mapping[str, Recipe]] = MappingProxyType(
    {
        "two-step": {"paper": PAPER, "fast": FAST, "smoke": SMOKE},
        "daw-two-step": {"paper": DAW, "fast": FAST, "smoke": SMOKE},
    }
)
"""Recipes by task and preset."""

PRESETS = ("fast", "paper", "smoke")
"""Names of the presets every task has."""


def preset(task: str, name: str = "fast") -> RunConfig[Any]:
    """The configuration of a task's preset.

    A task of your own, named "module:Class", borrows the two-step task's recipes.
    """
    params = task_class(task).params_type()
    check_choice("preset", name, PRESETS)
    recipe = RECIPES.get(task, RECIPES["two-step"])[name]
    return RunConfig(
        task=task,
        preset=name,
        task_params=params,
        network=recipe.network,
        learning=recipe.learning,
        training=recipe.training,
    )
