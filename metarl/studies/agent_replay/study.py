"""Replay in the agent: do replayed episodes make it learn from fewer new ones?

One network learns one bandit. Between new episodes it replays stored ones, four times
as many, in one of several ways. All conditions have equally many new episodes; weights
are tested frozen at several stages of training and at its end.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from metarl.agents.config import Schedule
from metarl.agents.learning.config import ReplayConfig
from metarl.analysis.effects import Effect
from metarl.core.checks import MetaRLError
from metarl.core.parallel import Reporter
from metarl.runs.config import RunConfig
from metarl.studies.agent_replay.plots import draw_replay
from metarl.studies.shared_bandit import (
    RANDOM,
    TRIALS,
    bandit_config,
    frozen_test,
    train_in_memory,
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

CRITERIA = read_criteria("metarl.studies.agent_replay")

REPLAYS: Mapping[str, ReplayConfig] = {
    "none": ReplayConfig(),
    "none-slow": ReplayConfig(),
    "naive": ReplayConfig(mode="naive"),
    "uniform": ReplayConfig(mode="uniform"),
    "uniform-400": ReplayConfig(mode="uniform", episodes=400),
    "prioritised": ReplayConfig(mode="prioritised"),
}
"""Condition -> replay: four replayed episodes per new one, out of 4,000 or 400."""
RATE, OWN_RATES = 4e-3, {"none": 7e-3}
"""Initial learning rate, and that of conditions which learn better at another one:
without replay there is one update where there are five with it."""
NUM_ENVS, UPDATES = 16, 750
"""Episodes per update, and updates: 12,000 new episodes."""
STAGES = 8
"""Equal parts of training after which the frozen weights are tested."""


def conditions(scale: Scale) -> Mapping[str, Condition]:
    """Every kind of replay."""
    return {name: partial(learn, name, scale.smoke) for name in REPLAYS}


def configure(seed: int, name: str) -> RunConfig[Any]:
    """Configuration of the shared bandit, few episodes per update, with replay."""
    config = bandit_config(seed, updates=UPDATES)
    rate = Schedule(start=OWN_RATES.get(name, RATE), end=0.0)
    learning = replace(config.learning, learning_rate=rate, replay=REPLAYS[name])
    training = replace(config.training, num_envs=NUM_ENVS)
    return replace(config, learning=learning, training=training)


def learn(name: str, smoke: bool, seed: int, reporter: Reporter) -> SeedResults:
    """Train a network, and test its frozen weights at every stage."""
    config = configure(seed, name)
    config = with_updates(config, STAGES) if smoke else config
    episodes = config.training.steps // TRIALS
    results: SeedResults = {
        "episodes": [episodes * k // STAGES for k in range(1, STAGES + 1)],
        "updates": config.training.updates * (1 + _replays(config)),
    }
    try:
        trained = train_in_memory(config, reporter, stages=STAGES)
    except MetaRLError:
        # A network with weights that are not finite counts as random choice throughout.
        return results | _summarise([RANDOM] * STAGES) | {"diverged": 1}
    regrets = []
    for weights in trained.stages[1:]:
        trained.network.load_state_dict(weights)
        test = frozen_test(config, trained.network, episodes=20 if smoke else 400)
        regrets.append(test.regret)
    return results | _summarise(regrets) | {"diverged": 0}


def _replays(config: RunConfig[Any]) -> int:
    """Replayed updates per new one."""
    replay = config.learning.replay
    return 0 if replay.mode == "none" else replay.ratio


def _summarise(regrets: list[float]) -> SeedResults:
    """Regret at all stages, after a quarter of the episodes, and at the end."""
    quarter = regrets[STAGES // 4 - 1]
    return {"regrets": regrets, "quarter": quarter, "regret": regrets[-1]}


def effects(results: Results) -> list[Effect]:
    """Regret with corrected and with uncorrected replay, relative to none."""
    regrets = [
        make_effect(
            f"regret with {condition} replay {when}, rewards per episode",
            results.values(condition, name),
            CRITERIA[rule].times(results.median("none", name))
            if condition == "uniform"
            else None,
            chance=RANDOM,
        )
        for name, rule, when in (
            ("quarter", "quarter", "after a quarter of the episodes"),
            ("regret", "end", "at the end"),
        )
        for condition in results.conditions
    ]
    failed = make_effect(
        "naive replay: share of seeds with twice the regret without replay",
        failed_seeds(results, "naive"),
        CRITERIA["naive"],
    )
    return [*regrets, failed]


def failed_seeds(results: Results, condition: str) -> "pd.Series[float]":
    """1 for each seed that diverged or has twice the median regret without replay."""
    limit = 2 * results.median("none", "regret")
    failed = results.values(condition, "regret") >= limit
    return (failed | (results.values(condition, "diverged") > 0)).astype(float)


def tables(results: Results) -> Mapping[str, pd.DataFrame]:
    """Regret, updates and time by kind of replay."""
    return {
        "replay": pd.DataFrame([_row(results, name) for name in results.conditions])
    }


def _row(results: Results, name: str) -> dict[str, Any]:
    first = results.seeds[name][0]
    return {
        "replay": name,
        "regret_at_quarter": results.median(name, "quarter"),
        **results.spread(name, "regret"),
        "share_ruined": failed_seeds(results, name).mean(),
        "episodes": first["episodes"][-1],
        "updates": first["updates"],
        "seconds": results.median_seconds(name),
    }


def figures(results: Results) -> Mapping[str, Figure]:
    """Regret against new episodes, and at the end."""
    return {"replay": draw_replay(results)}


STUDY = Study(
    name="agent-replay",
    question="Do replayed episodes make an agent learn from fewer new ones?",
    source="Espeholt et al. 2018; Schaul et al. 2016; Kurth-Nelson & Dabney",
    conditions=conditions,
    effects=effects,
    tables=tables,
    figures=figures,
    criteria=CRITERIA,
)
