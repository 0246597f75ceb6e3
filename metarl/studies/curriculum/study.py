"""A developmental curriculum: do parts, learned first, make a whole easier?

The whole is the two-step task: find out from rewards which second state is the good
one, and from transitions which choice leads there. Each part is the same task with one
of the two made certain: with certain transitions only rewards are uncertain, with
certain rewards only transitions are. A network that first meets one part, then the
other, then the whole, is set beside one that meets the whole at once, one that meets a
single part for as long, and one that for as long meets rewards which nothing foretells.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from metarl.agents.config import constant
from metarl.analysis.effects import Effect
from metarl.core.parallel import Interrupted, Reporter
from metarl.core.seeding import stream_seed
from metarl.envs.two_step import TwoStepParams
from metarl.experiments.presets import FAST
from metarl.runs.config import RunConfig, TrainingConfig
from metarl.studies.curriculum.plots import draw_curriculum
from metarl.studies.spec import Condition, Facts, Results, Scale, criteria
from metarl.training.trainer import Trainer, due, make_network

PART_UPDATES = 100
"""Updates of each of two parts."""
WHOLE_UPDATES = 600
"""Updates of the whole task, at most."""
EVERY = 10
"""Updates between two points of a learning curve."""
WINDOW = 3
"""Points that a rate of reward is averaged over."""
CRITERION = 0.65
"""Rewards a trial; chance earns .5, a planner .705."""

WHOLE = TwoStepParams(fixation=False)
REWARDS = replace(WHOLE, probability_common=1.0)
"""Only rewards are uncertain."""
TRANSITIONS = replace(WHOLE, probability_high=1.0, probability_low=0.0)
"""Only transitions are uncertain."""
UNFORETOLD = replace(WHOLE, probability_high=0.5, probability_low=0.5)
"""Rewards that no choice changes."""

CURRICULA: Mapping[str, tuple[TwoStepParams, ...]] = {
    "whole": (),
    "parts": (REWARDS, TRANSITIONS),
    "rewards-only": (REWARDS, REWARDS),
    "transitions-only": (TRANSITIONS, TRANSITIONS),
    "unforetold": (UNFORETOLD, UNFORETOLD),
}
"""Condition -> what is met before the whole task."""


def conditions(scale: Scale) -> Mapping[str, Condition]:
    """Every curriculum."""
    return {name: partial(learn, name, scale.smoke) for name in CURRICULA}


def configured(seed: int, params: TwoStepParams, updates: int) -> RunConfig[Any]:
    """One lesson: the task with these parameters, at constant rates."""
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


def learn(name: str, smoke: bool, seed: int, reporter: Reporter) -> Facts:
    """Meet the parts in turn, then the whole, with the same weights throughout."""
    part, whole = (EVERY, 4 * EVERY) if smoke else (PART_UPDATES, WHOLE_UPDATES)
    lessons = [*((params, part) for params in CURRICULA[name]), (WHOLE, whole)]
    weights = make_network(configured(seed, WHOLE, whole), 0).state_dict()
    rates: list[float] = []
    for number, (params, updates) in enumerate(lessons):
        # The whole, last, has the same world whatever was met before.
        place = (number + 1) % len(lessons)
        own = stream_seed(seed, 0, "training", place)
        trainer = Trainer(configured(own, params, updates), 0)
        trainer.network.load_state_dict(weights)
        rates = lesson(trainer, reporter.part(number, len(lessons)))
        weights = trainer.network.state_dict()
    before = part * len(CURRICULA[name])
    reached = first_reached(rates)
    return {
        "updates": [EVERY * (k + 1) for k in range(len(rates))],
        "rewards": rates,
        "reached": reached,
        "reached_in_all": before + reached,
        "pretraining": before,
        "rewards_at_end": float(np.mean(rates[-WINDOW:])),
    }


def lesson(trainer: Trainer, reporter: Reporter) -> list[float]:
    """Train to the lesson's end; rewards a trial, point by point.

    Raises:
        Interrupted: asked to stop.
    """
    torch.set_num_threads(1)
    total, rates = trainer.config.training.updates, []
    while trainer.updates < total:
        if reporter.should_stop():
            raise Interrupted
        trainer.update()
        if due(trainer.updates, total, total // EVERY):
            # A trial has two steps.
            rates.append(2 * trainer.row()["rollout/reward_rate"])
            reporter.report(trainer.progress)
    return rates


def first_reached(rates: Sequence[float]) -> int:
    """Updates until the mean of `WINDOW` points reaches the criterion.

    Where it never does, one point more than there are: the least that it can be.
    """
    means = np.convolve(rates, np.ones(WINDOW) / WINDOW, mode="valid")
    there = np.flatnonzero(means >= CRITERION)
    return EVERY * (int(there[0]) + WINDOW if len(there) else len(rates) + 1)


def effects(results: Results) -> list[Effect]:
    """Updates to the criterion beside those of the other curricula."""
    rules = criteria("curriculum")
    whole, unforetold, *singles = (
        float(results.values(name, "reached").median())
        for name in ("whole", "unforetold", "rewards-only", "transitions-only")
    )
    single = min(singles)
    found = [
        Effect(
            label="updates to 65 rewards per 100 trials, after both parts (of those "
            "without), their own not counted",
            values=results.values("parts", "reached"),
            summary="median",
            criterion=rules["parts"].times(whole),
        ),
        Effect(
            label="updates to 65 rewards per 100 trials, after both parts (of those "
            "without), their own counted",
            values=results.values("parts", "reached_in_all"),
            summary="median",
            criterion=rules["parts, all counted"].times(whole),
        ),
        Effect(
            label="updates to 65 rewards per 100 trials, after both parts (of those "
            "after rewards which nothing foretells)",
            values=results.values("parts", "reached"),
            summary="median",
            criterion=rules["parts, beside unforetold"].times(unforetold),
        ),
        Effect(
            label="updates to 65 rewards per 100 trials, after both parts, divided by "
            "those after the better single part; below 1, it is composition that helps",
            values=results.values("parts", "reached") / single,
            summary="median",
            reference=1.0,
        ),
    ]
    return found + [
        Effect(
            label=f"updates to 65 rewards per 100 trials, {name}",
            values=results.values(name, "reached"),
            summary="median",
        )
        for name in CURRICULA
        if name != "parts"
    ]


def tables(results: Results) -> Mapping[str, pd.DataFrame]:
    """Curriculum by updates to the criterion."""
    rows = [
        {
            "curriculum": name,
            "reached": results.values(name, "reached").median(),
            "fewest": results.values(name, "reached").min(),
            "most": results.values(name, "reached").max(),
            "with_pretraining": results.values(name, "reached_in_all").median(),
            "rewards_per_100": 100 * results.values(name, "rewards_at_end").median(),
            "seconds": pd.Series(results.seconds[name]).median(),
        }
        for name in results.facts
    ]
    return {"curriculum": pd.DataFrame(rows)}


def figures(results: Results) -> Mapping[str, Figure]:
    """Learning curves of the whole task, and updates to the criterion."""
    return {"curriculum": draw_curriculum(results, CRITERION)}
