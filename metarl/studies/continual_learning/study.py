"""Continual learning: what does a second task do to the first, with replay and without?

Two bandits of one size, told apart by what is seen: in the first the better arm stays,
in the second it changes sides at every trial. A network learns the first, then the
second alone. Replay draws on a sample of all that it ever lived through.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from metarl.agents.config import Schedule, constant
from metarl.agents.learning.config import ReplayConfig
from metarl.analysis.effects import Effect
from metarl.core.parallel import Interrupted, Reporter
from metarl.runs.config import RunConfig
from metarl.studies.continual_learning.plots import draw_continual
from metarl.studies.shared_bandit import (
    RANDOM,
    TRIALS,
    bandit_config,
    frozen_test,
    shortened,
)
from metarl.studies.spec import Condition, Facts, Results, Scale, criteria
from metarl.training.trainer import Trainer, due

SECOND = "metarl.envs.alternating_bandit:AlternatingBandit"
"""The second task."""
WAYS: Mapping[str, ReplayConfig] = {
    "none": ReplayConfig(),
    "uniform": ReplayConfig(mode="uniform", ratio=1, buffer="reservoir"),
    "clear": ReplayConfig(mode="clear", ratio=1, buffer="reservoir"),
}
"""Condition -> how episodes are replayed: one for each fresh one, of all ever seen."""
UPDATES = 300
"""Updates in each task, of 64 episodes."""
STAGES = 5
"""Equal parts of each task's training after which frozen weights are tested on both."""


def conditions(scale: Scale) -> Mapping[str, Condition]:
    """No replay, replay, and replay with cloning."""
    return {name: partial(learn, name, scale.smoke) for name in WAYS}


def configured(seed: int, way: str) -> tuple[RunConfig[Any], RunConfig[Any]]:
    """The two tasks, learned alike: rates fall within a task, and rise at the next."""
    config = bandit_config(seed, updates=UPDATES)
    learning = replace(
        config.learning,
        learning_rate=Schedule(start=3e-3, end=5e-4),
        entropy_weight=constant(0.05),
        replay=WAYS[way],
    )
    # Without the leak, which makes a side that changes at every trial hard to hold.
    network = replace(config.network, leak=1.0)
    first = replace(config, learning=learning, network=network)
    return first, replace(first, task=SECOND)


def learn(way: str, smoke: bool, seed: int, reporter: Reporter) -> Facts:
    """Train a network on the first task, then on the second; test it on both."""
    tasks = [
        shortened(config, STAGES) if smoke else config
        for config in configured(seed, way)
    ]
    trainer = Trainer(tasks[0], 0)
    tests = [tested(tasks, trainer, smoke)]
    for place, config in enumerate(tasks):
        if place:
            trainer = hand_over(trainer, config)
        tests += trained(trainer, tasks, place / 2, smoke, reporter)
    first, second = (list(column) for column in zip(*tests, strict=True))
    episodes = tasks[0].training.steps // TRIALS
    return {
        "episodes": [episodes * k / STAGES for k in range(2 * STAGES + 1)],
        "first": first,
        "second": second,
        "learned_first": first[STAGES],
        "kept_first": first[-1],
        "learned_second": second[-1],
        "forgetting": first[-1] - first[STAGES],
    }


def trained(
    trainer: Trainer,
    tasks: list[RunConfig[Any]],
    part: float,
    smoke: bool,
    reporter: Reporter,
) -> list[tuple[float, float]]:
    """Train to the end; the regrets on both tasks after each stage.

    Args:
        trainer: of one task.
        tasks: both.
        part: of all training that was done before.
        smoke: whether to test on a few episodes only.
        reporter: is told the progress and asked whether to stop.

    Raises:
        Interrupted: asked to stop.
    """
    tests, total = [], trainer.config.training.updates
    while trainer.updates < total:
        if reporter.should_stop():
            raise Interrupted
        trainer.update()
        if due(trainer.updates, total, STAGES):
            tests.append(tested(tasks, trainer, smoke))
            reporter.report(part + trainer.progress / 2)
    return tests


def tested(
    tasks: list[RunConfig[Any]], trainer: Trainer, smoke: bool
) -> tuple[float, float]:
    """Regret of the present weights, frozen, on either task."""
    episodes = 20 if smoke else 300
    one, other = (
        frozen_test(config, trainer.network, episodes=episodes).regret
        for config in tasks
    )
    return one, other


def hand_over(before: Trainer, config: RunConfig[Any]) -> Trainer:
    """A trainer of another task, with the network, optimizer and episodes of the first.

    Its world is another subject's: the second task's luck is not the first's.
    """
    after = Trainer(config, 1)
    after.network.load_state_dict(before.network.state_dict())
    after.learner.load_state(before.learner.state())
    if after.replayer and before.replayer:
        after.replayer.load_state(before.replayer.state())
    return after


def effects(results: Results) -> list[Effect]:
    """What must be seen of forgetting, and of both tasks."""
    rules = criteria("continual-learning")
    lost = float(results.values("none", "forgetting").median())
    found = [
        Effect(
            label=f"forgetting of the first task, {way} replay, rewards an episode",
            values=results.values(way, "forgetting"),
            summary="median",
            criterion={
                "none": rules["interference"],
                "clear": rules["forgetting"].times(lost),
            }.get(way),
            needs_learning=False,
        )
        for way in results.facts
    ]
    return found + [
        Effect(
            label=f"regret on the second task, {way} replay, rewards an episode",
            values=results.values(way, "learned_second"),
            summary="median",
            criterion=rules["second"] if way == "clear" else None,
            needs_learning=False,
            chance=RANDOM,
        )
        for way in results.facts
    ]


def tables(results: Results) -> Mapping[str, pd.DataFrame]:
    """Replay by regret on both tasks, before and after the second."""
    columns = ("learned_first", "kept_first", "forgetting", "learned_second")
    rows = [
        {
            "replay": way,
            **{name: results.values(way, name).median() for name in columns},
            "most_forgotten": results.values(way, "forgetting").max(),
            "seconds": pd.Series(results.seconds[way]).median(),
        }
        for way in results.facts
    ]
    return {"continual": pd.DataFrame(rows)}


def figures(results: Results) -> Mapping[str, Figure]:
    """Regret on both tasks over training, and what was forgotten."""
    return {"continual": draw_continual(results)}
