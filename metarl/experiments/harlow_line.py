"""Harlow's learning sets with objects on a line: Wang et al. 2018, Simulation 5."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from metarl.agents.config import A2CConfig, NetworkConfig, Schedule, constant
from metarl.experiments.shared_presets import PAPER, SMOKE
from metarl.experiments.spec import Experiment, Preset, Variant
from metarl.experiments.variants import VARIANTS as GENERAL
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
"""Published settings of the experiment from pixels, except for the encoder."""

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
"""Objects not used in training, the same two in all trials of a problem."""
CHANGING: Mapping[str, Any] = {"held_out": True, "new_distractor": 1.0}
"""The same, with a new unrewarded object on each trial: the control of the paper."""
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
    "interchange": replace(SHORT, episodes=2_000, task=SAME, probe="interchange"),
}
"""Tests on problems with new objects, and of the memory that solves them."""
SNAPSHOT_TEST = replace(SHORT, episodes=300)
VARIANTS: Mapping[str, Variant] = {
    "replaced": Variant(
        why="trained with a new unrewarded object on each trial",
        task={"new_distractor": 1.0},
        scale_updates=5 / 3,
        tests=(TEST, "new-distractor", "trial-reset", "reversal", "interchange"),
    ),
}

NOTES = """
Departs: 32 environments in place of 32 threads, and 3.2 million steps, where the
    paper has 100,000 episodes per thread.
Declared: the encoder.
Training: `fast` is as published except for network size, learning rate, entropy weight
    and their annealing, and gradient clipping. With smaller steps, or less entropy
    early, some networks use the information of an unrewarded trial in only half of the
    problems (.87 in the second trial), or never choose an object.
Test: 4,500 second trials.
Test: in `interchange`, at the first fixation of trial 2, a problem is given the memory
    of another problem, its donor: the hidden state of the LSTM, its cell, or both. The
    choices that follow show which part carries the memory of trial 1, and what it is
    of. If the donor had the same two pictures with opposite reward, a memory of the
    pictures or of their order takes the donor's rewarded picture (1; 0 if the part
    carries nothing). If it had other pictures, a memory of the order by a feature
    follows the donor's order (1), a memory of pictures does not (.5). A memory of the
    side, a latch, takes the side of the donor's reward in both cases (1; else .5). The
    feature is the axis that fits the choices in the other half of the problems; without
    an axis, the share of choices that turn with the donor's reward is 1 for an order, 0
    for pictures. A memory of one feature of the rewarded picture, with which others are
    compared by likeness, agrees with an order in .71 and turns in .42. With its own
    memory a problem also shows the rewarded picture with a new one, or a new one with
    the unrewarded picture: a memory of both pictures is right in all cases (1), one of
    an order in .67, and one of the rewarded picture alone guesses in the second case
    (.5).
Declared: both donors of a problem meet it with the same random numbers; the axis is
    among the numbers of an object's code, or the mean colours of pictures.
Declared: numbers of episodes, which the paper does not give.
"""
"""Notes of both experiments on learning sets."""

EXPERIMENT = Experiment(
    env="metarl.envs.harlow:HarlowLine",
    baselines="metarl.baselines.harlow",
    analysis="metarl.analysis.harlow",
    summary="two new objects per problem, one of them rewarded: codes on a line",
    question="After many problems, does one trial suffice to solve a new one?",
    source="Wang et al. 2018, Simulation 5; Harlow 1949, Psychol Rev 56:51",
    presets={"paper": PUBLISHED, "fast": FAST_LINE, "smoke": SMOKE},
    tests=TESTS,
    snapshot_test=SNAPSHOT_TEST,
    variants={
        **VARIANTS,
        "rpe-input": GENERAL["rpe-input"],
        "stacked": Variant(
            why="two LSTMs, the second above the first, as in Wang et al. 2016",
            network={"core": "stacked-lstm"},
        ),
    },
    notes=NOTES,
)
