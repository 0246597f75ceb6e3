"""Continual learning: does replay preserve a task while a second one is learned?

The tasks are two bandits of the same size, distinguished by their observation: in the
first the better arm is the same throughout an episode, in the second it changes sides
at every trial. A network learns the first, then the second alone. Replay draws from a
sample of all episodes of both.
"""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from metarl.agents.config import Schedule, constant
from metarl.agents.learning.config import ReplayConfig
from metarl.analysis.effects import Effect
from metarl.core.parallel import Reporter
from metarl.runs.config import RunConfig
from metarl.studies.continual_learning.plots import draw_continual
from metarl.studies.shared_bandit import (
    RANDOM,
    TRIALS,
    bandit_config,
    frozen_test,
    with_updates,
)
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
from metarl.training.trainer import Trainer

CRITERIA = read_criteria("metarl.studies.continual_learning")

SECOND_TASK = "metarl.envs.alternating_bandit:AlternatingBandit"
REPLAYS: Mapping[str, ReplayConfig] = {
    "none": ReplayConfig(),
    "uniform": ReplayConfig(mode="uniform", ratio=1, buffer="reservoir"),
    "clear": ReplayConfig(mode="clear", ratio=1, buffer="reservoir"),
}
"""Condition -> replay: one episode per new one, out of all episodes so far."""
UPDATES = 300
"""Updates on each task, of 64 episodes."""
STAGES = 5
"""Equal parts of each task's training after which both tasks are tested."""


def conditions(scale: Scale) -> Mapping[str, Condition]:
    """No replay, replay, and replay with cloning."""
    return {name: partial(learn, name, scale.smoke) for name in REPLAYS}


def configure(seed: int, name: str) -> tuple[RunConfig[Any], RunConfig[Any]]:
    """Configurations of both tasks, with rates that fall within each task."""
    config = bandit_config(seed, updates=UPDATES)
    learning = replace(
        config.learning,
        learning_rate=Schedule(start=3e-3, end=5e-4),
        entropy_weight=constant(0.05),
        replay=REPLAYS[name],
    )
    # Without the leak, with which a side that changes at every trial is hard to retain.
    network = replace(config.network, leak=1.0)
    first = replace(config, learning=learning, network=network)
    return first, replace(first, task=SECOND_TASK)


def learn(name: str, smoke: bool, seed: int, reporter: Reporter) -> SeedResults:
    """Train a network on the first task, then on the second; test it on both."""
    tasks = [
        with_updates(config, STAGES) if smoke else config
        for config in configure(seed, name)
    ]
    test = partial(regrets_on_both, tasks, episodes=20 if smoke else 300)
    trainer = Trainer(tasks[0], 0)
    regrets = [test(trainer)]
    for number, config in enumerate(tasks):
        if number:
            trainer = next_trainer(trainer, config)
        part = reporter.part(number, len(tasks))
        stop = partial(stop_if_asked, part)
        for _ in trainer.run(every=Fraction(1, STAGES), before_update=stop):
            regrets.append(test(trainer))
            part.report(trainer.progress)
    first, second = (list(column) for column in zip(*regrets, strict=True))
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


def regrets_on_both(
    tasks: list[RunConfig[Any]], trainer: Trainer, *, episodes: int
) -> tuple[float, float]:
    """Regret of the current weights, frozen, on each of the two tasks."""
    first, second = (
        frozen_test(config, trainer.network, episodes=episodes).regret
        for config in tasks
    )
    return first, second


def next_trainer(before: Trainer, config: RunConfig[Any]) -> Trainer:
    """A trainer of another task that continues with the first one's state.

    Network, optimizer and stored episodes are taken over. The random streams are those
    of another subject, so that the second task's differ from the first's.

    Args:
        before: trainer of the first task.
        config: of the second task.
    """
    after = Trainer(config, 1)
    after.network.load_state_dict(before.network.state_dict())
    after.learner.load_state(before.learner.state())
    if after.replayer and before.replayer:
        after.replayer.load_state(before.replayer.state())
    return after


def effects(results: Results) -> list[Effect]:
    """Forgetting of the first task, and regret on the second."""
    lost = results.median("none", "forgetting")
    forgetting = {
        "none": CRITERIA["interference"],
        "clear": CRITERIA["forgetting"].times(lost),
    }
    return [
        make_effect(
            f"forgetting of the first task, {name} replay, rewards per episode",
            results.values(name, "forgetting"),
            forgetting.get(name),
        )
        for name in results.conditions
    ] + [
        make_effect(
            f"regret on the second task, {name} replay, rewards per episode",
            results.values(name, "learned_second"),
            CRITERIA["second"] if name == "clear" else None,
            chance=RANDOM,
        )
        for name in results.conditions
    ]


def tables(results: Results) -> Mapping[str, pd.DataFrame]:
    """Regret on both tasks, before and after the second, by replay."""
    rows = [_row(results, name) for name in results.conditions]
    return {"continual": pd.DataFrame(rows)}


def _row(results: Results, name: str) -> dict[str, Any]:
    columns = ("learned_first", "kept_first", "forgetting", "learned_second")
    return {
        "replay": name,
        **{column: results.median(name, column) for column in columns},
        "most_forgotten": results.values(name, "forgetting").max(),
        "seconds": results.median_seconds(name),
    }


def figures(results: Results) -> Mapping[str, Figure]:
    """Regret on both tasks over training, and forgetting of the first."""
    return {"continual": draw_continual(results)}


STUDY = Study(
    name="continual-learning",
    question="Does replay preserve a task while a second one is learned?",
    source="Rolnick et al. 2019",
    conditions=conditions,
    effects=effects,
    tables=tables,
    figures=figures,
    criteria=CRITERIA,
)
