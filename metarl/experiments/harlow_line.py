"""Harlow's learning sets with objects on a line: Wang et al. 2018, Simulation 5."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from metarl.agents.config import A2CConfig, NetworkConfig, Schedule, constant
from metarl.experiments.shared_presets import PAPER, SMOKE
from metarl.experiments.spec import Experiment, Preset, Variant
from metarl.runs.config import TEST, EvaluationConfig, TrainingConfig

PUBLISHED = Preset(
    network=NetworkConfig(units=256, learned_initial_state=False, features=256),
    learning=replace(
        PAPER.learning,
        learning_rate=constant(7.5e-4),
        discount=constant(0.91),
        value_weight=0.4,
        entropy_weight=constant(0.001),
    ),
    training=TrainingConfig(num_envs=32, unroll_steps=100, updates=1_000),
)
"""The published settings of the experiment from pixels, but for the encoder."""

FAST_LINE = Preset(
    network=NetworkConfig(
        units=64,
        learned_initial_state=False,
        forget_bias=1.0,
        head_deviation=0.03,
        group_fan_in=True,
    ),
    learning=A2CConfig(
        learning_rate=Schedule(start=6e-3, end=0.0),
        discount=constant(0.91),
        value_weight=0.4,
        entropy_weight=Schedule(start=0.05, end=0.002, fraction=0.6),
        gradient_clip=1.0,
    ),
    training=TrainingConfig(num_envs=128, unroll_steps=30, updates=1300),
)

SAME: Mapping[str, Any] = {"held_out": True, "new_distractor": 0.0}
"""Objects that training never showed, the same two in all trials of a problem."""
CHANGING: Mapping[str, Any] = {"held_out": True, "new_distractor": 1.0}
"""The same, with a new unrewarded object on each trial: the paper's control."""
MAIN = EvaluationConfig(
    episodes=4_500, record_episodes=300, task=SAME, record_untrained=True
)
SHORT = replace(MAIN, episodes=1_000, record_episodes=0, record_untrained=False)

TESTS: Mapping[str, EvaluationConfig] = {
    TEST: MAIN,
    "new-distractor": replace(MAIN, task=CHANGING),
    "trial-reset": replace(SHORT, reset_memory="trial"),
    "reversal": replace(SHORT, task={**SAME, "trial_count": 12, "reversal_after": 6}),
    "held-in": replace(SHORT, task={"held_out": False, "new_distractor": 0.0}),
}
"""Frozen problems with new objects: how they are solved, and by which memory."""
SNAPSHOT_TEST = replace(SHORT, episodes=300)
VARIANTS: Mapping[str, Variant] = {
    "replaced": Variant(
        why="trained with a new unrewarded object on each trial",
        task={"new_distractor": 1.0},
        scale_updates=5 / 3,
        tests=(TEST, "new-distractor", "trial-reset", "reversal"),
    )
}

NOTES = """
Departs: 32 environments for 32 threads, and an end after 3.2 million steps, where the
    paper has 100,000 episodes a thread.
Declared: the encoder.
Training: `fast` is as published but for its size, its rates and their annealing, and
    clipping. With smaller steps, or less entropy early, some networks stay where what a
    loss tells is used in half of the problems only (.87 in the second trial), or where
    they never dare to choose.
Test: 4,500 second trials.
Declared: numbers of episodes, the paper gives none.
"""
"""Notes of both experiments on learning sets."""

EXPERIMENT = Experiment(
    env="metarl.envs.harlow:HarlowLine",
    baselines="metarl.baselines.learning_set",
    analysis="metarl.analysis.harlow",
    summary="two new objects a problem, one of which pays: codes on a line",
    question="After many problems, is a new one solved by what a single trial tells?",
    source="Wang et al. 2018, Simulation 5; Harlow 1949, Psychol Rev 56:51",
    presets={"paper": PUBLISHED, "fast": FAST_LINE, "smoke": SMOKE},
    tests=TESTS,
    snapshot_test=SNAPSHOT_TEST,
    variants=VARIANTS,
    notes=NOTES,
)
