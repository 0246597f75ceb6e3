"""A developmental curriculum: does learning the parts first make a whole task easier?

The whole is the two-step task: infer from rewards which second state is better, and
from transitions which choice leads there. Each part is the same task with one of the
two made certain: with certain transitions only rewards are uncertain, with certain
rewards only transitions are. Networks that learn one part, then the other, then the
whole, are compared with networks that learn the whole at once, with networks that first
learn a single part for equally long, and with networks that first receive rewards which
do not depend on their choices.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from metarl.agents.config import constant
from metarl.analysis.effects import Effect
from metarl.core.parallel import Reporter
from metarl.core.seeding import stream_seed
from metarl.envs.two_step import TwoStepParams
from metarl.experiments.shared_presets import FAST
from metarl.runs.config import RunConfig, TrainingConfig
from metarl.studies.curriculum.plots import draw_curriculum
from metarl.studies.spec import (
    Condition,
    Results,
    Scale,
    SeedResults,
    Study,
    make_effect,
    read_criteria,
)
from metarl.training.loop import stop_if_asked
from metarl.training.trainer import Trainer, make_network

CRITERIA = read_criteria("metarl.studies.curriculum")

PART_UPDATES = 100
"""Updates of each of two parts."""
WHOLE_UPDATES = 600
"""Updates of the whole task."""
POINT_UPDATES = 10
"""Updates between two points of a learning curve."""
WINDOW = 3
"""Points over which the reward rate is averaged."""
REWARD_CRITERION = 0.65
"""Rewards per trial; random choice obtains .5, a planner .705."""

WHOLE = TwoStepParams(fixation=False)
REWARDS = replace(WHOLE, probability_common=1.0)
"""Only rewards are uncertain."""
TRANSITIONS = replace(WHOLE, probability_high=1.0, probability_low=0.0)
"""Only transitions are uncertain."""
UNFORETOLD = replace(WHOLE, probability_high=0.5, probability_low=0.5)
"""Rewards do not depend on choices."""

CURRICULA: Mapping[str, tuple[TwoStepParams, ...]] = {
    "whole": (),
    "parts": (REWARDS, TRANSITIONS),
    "rewards-only": (REWARDS, REWARDS),
    "transitions-only": (TRANSITIONS, TRANSITIONS),
    "unforetold": (UNFORETOLD, UNFORETOLD),
}
"""Condition -> tasks that are learned before the whole task."""


def conditions(scale: Scale) -> Mapping[str, Condition]:
    """Every curriculum."""
    return {name: partial(learn, name, scale.smoke) for name in CURRICULA}


def configure(seed: int, params: TwoStepParams, updates: int) -> RunConfig[Any]:
    """Configuration of one stage: the task with these parameters, at constant rates."""
    return RunConfig(
        task="two-step",
        preset="neighbours",
        task_params=params,
        network=FAST.network,
        learning=replace(
            FAST.learning,
            learning_rate=constant(3e-3),
            discount=constant(0.9),
            entropy_weight=constant(0.05),
        ),
        training=TrainingConfig(num_envs=64, unroll_steps=20, updates=updates),
        subjects=1,
        seed=seed,
    )


def learn(name: str, smoke: bool, seed: int, reporter: Reporter) -> SeedResults:
    """Train on the parts in turn, then on the whole, with the same weights."""
    part, whole = (
        (POINT_UPDATES, 4 * POINT_UPDATES) if smoke else (PART_UPDATES, WHOLE_UPDATES)
    )
    stages = [*((params, part) for params in CURRICULA[name]), (WHOLE, whole)]
    weights = make_network(configure(seed, WHOLE, whole), 0).state_dict()
    rates: list[float] = []
    for number, (params, updates) in enumerate(stages):
        # The whole, last, has the same episodes whatever was learned before it.
        place = (number + 1) % len(stages)
        stage_seed = stream_seed(seed, 0, "training", place)
        trainer = Trainer(configure(stage_seed, params, updates), 0)
        trainer.network.load_state_dict(weights)
        rates = train_stage(trainer, reporter.part(number, len(stages)))
        weights = trainer.network.state_dict()
    before = part * len(CURRICULA[name])
    reached = updates_to_criterion(rates)
    return {
        "updates": [POINT_UPDATES * (k + 1) for k in range(len(rates))],
        "rewards": rates,
        "reached": reached,
        "reached_in_all": before + reached,
        "pretraining": before,
        "rewards_at_end": float(np.mean(rates[-WINDOW:])),
    }


def train_stage(trainer: Trainer, reporter: Reporter) -> list[float]:
    """Train to the end of a stage.

    Args:
        trainer: of the stage.
        reporter: receives the progress; asked whether to stop.

    Returns:
        Rewards per trial at each point of the learning curve.

    Raises:
        Interrupted: the reporter asked to stop.
    """
    torch.set_num_threads(1)
    rates, every = [], Fraction(1, trainer.config.training.updates // POINT_UPDATES)
    stop = partial(stop_if_asked, reporter)
    for point in trainer.run(every=every, before_update=stop):
        # A trial has two steps.
        rates.append(2 * point["rollout/reward_rate"])
        reporter.report(trainer.progress)
    return rates


def updates_to_criterion(rates: Sequence[float]) -> int:
    """Updates until the mean of `WINDOW` points reaches the criterion.

    If it never does, those of one point more than there are: the least possible number.

    Args:
        rates: rewards per trial, by point.
    """
    means = np.convolve(rates, np.ones(WINDOW) / WINDOW, mode="valid")
    places = np.flatnonzero(means >= REWARD_CRITERION)
    last = int(places[0]) + WINDOW if len(places) else len(rates) + 1
    return POINT_UPDATES * last


UPDATES = "updates to 65 rewards per 100 trials"


def effects(results: Results) -> list[Effect]:
    """Updates to the criterion, relative to the other curricula."""
    after_parts = results.values("parts", "reached")
    whole, unforetold, *singles = (
        results.median(name, "reached")
        for name in ("whole", "unforetold", "rewards-only", "transitions-only")
    )
    scored = [
        make_effect(
            f"{UPDATES}, after both parts, relative to none, parts not counted",
            after_parts,
            CRITERIA["parts"].times(whole),
        ),
        make_effect(
            f"{UPDATES}, after both parts, relative to none, parts counted",
            results.values("parts", "reached_in_all"),
            CRITERIA["parts, all counted"].times(whole),
        ),
        make_effect(
            f"{UPDATES}, after both parts, relative to unpredictable rewards first",
            after_parts,
            CRITERIA["parts, relative to unforetold"].times(unforetold),
        ),
    ]
    composition = make_effect(
        f"{UPDATES}, after both parts, as a ratio to those after the better single "
        "part; below 1, composition helps",
        after_parts / min(singles),
        reference=1.0,
    )
    unscored = [
        make_effect(f"{UPDATES}, {name}", results.values(name, "reached"))
        for name in CURRICULA
        if name != "parts"
    ]
    return [*scored, composition, *unscored]


def tables(results: Results) -> Mapping[str, pd.DataFrame]:
    """Updates to the criterion by curriculum."""
    rows = [_row(results, name) for name in results.conditions]
    return {"curriculum": pd.DataFrame(rows)}


def _row(results: Results, name: str) -> dict[str, Any]:
    reached = results.values(name, "reached")
    return {
        "curriculum": name,
        "reached": reached.median(),
        "fewest": reached.min(),
        "most": reached.max(),
        "with_pretraining": results.median(name, "reached_in_all"),
        "rewards_per_100": 100 * results.median(name, "rewards_at_end"),
        "seconds": results.median_seconds(name),
    }


def figures(results: Results) -> Mapping[str, Figure]:
    """Learning curves of the whole task, and updates to the criterion."""
    return {"curriculum": draw_curriculum(results, REWARD_CRITERION)}


STUDY = Study(
    name="curriculum",
    question="Does learning the parts first make a whole task easier?",
    source="Marblestone, Wayne & Kording 2016; Hocker et al. 2025",
    conditions=conditions,
    effects=effects,
    tables=tables,
    figures=figures,
    criteria=CRITERIA,
)
