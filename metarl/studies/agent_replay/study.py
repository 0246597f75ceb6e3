"""Replay in the agent: does living through episodes again teach sooner?

One network and one bandit; between fresh episodes the network lives through kept ones,
four times as many, in one way or another. All see equally many fresh episodes, and
frozen weights are tested on the way and at the end.
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
    shortened,
    train_here,
)
from metarl.studies.spec import Condition, Facts, Results, Scale, criteria

WAYS: Mapping[str, ReplayConfig] = {
    "none": ReplayConfig(),
    "none-slow": ReplayConfig(),
    "naive": ReplayConfig(mode="naive"),
    "uniform": ReplayConfig(mode="uniform"),
    "uniform-400": ReplayConfig(mode="uniform", episodes=400),
    "prioritised": ReplayConfig(mode="prioritised"),
}
"""Condition -> how episodes are replayed: four times each, out of 4,000 or 400."""
RATE, OWN_RATES = 4e-3, {"none": 7e-3}
"""First learning rate, and that of who learns better at another: without replay there
is one update where there are five with it."""
NUM_ENVS, UPDATES = 16, 750
"""Episodes of an update, and updates: 12,000 fresh episodes."""
STAGES = 8
"""Parts of training after which the frozen weights are tested."""


def conditions(scale: Scale) -> Mapping[str, Condition]:
    """Every way to replay."""
    return {name: partial(learn, name, scale.smoke) for name in WAYS}


def configured(seed: int, way: str) -> RunConfig[Any]:
    """The shared bandit, few lanes at a time, with a way to replay."""
    config = bandit_config(seed, updates=UPDATES)
    rate = Schedule(start=OWN_RATES.get(way, RATE), end=0.0)
    learning = replace(config.learning, learning_rate=rate, replay=WAYS[way])
    training = replace(config.training, num_envs=NUM_ENVS)
    return replace(config, learning=learning, training=training)


def learn(way: str, smoke: bool, seed: int, reporter: Reporter) -> Facts:
    """Train a network, and test its frozen weights at every stage."""
    config = configured(seed, way)
    config = shortened(config, STAGES) if smoke else config
    episodes = config.training.steps // TRIALS
    found: Facts = {
        "episodes": [episodes * k // STAGES for k in range(1, STAGES + 1)],
        "updates": config.training.updates * (1 + _replays(config)),
    }
    try:
        trained = train_here(config, reporter, stages=STAGES)
    except MetaRLError:
        # What has become no number counts as choosing at random, at every stage.
        return found | _summed([RANDOM] * STAGES) | {"diverged": 1}
    regrets = []
    for weights in trained.stages[1:]:
        trained.network.load_state_dict(weights)
        tested = frozen_test(config, trained.network, episodes=20 if smoke else 400)
        regrets.append(tested.regret)
    return found | _summed(regrets) | {"diverged": 0}


def _replays(config: RunConfig[Any]) -> int:
    replay = config.learning.replay
    return 0 if replay.mode == "none" else replay.ratio


def _summed(regrets: list[float]) -> Facts:
    """Regret at all stages, after a quarter of the episodes, and at the end."""
    quarter = regrets[STAGES // 4 - 1]
    return {"regrets": regrets, "quarter": quarter, "regret": regrets[-1]}


def effects(results: Results) -> list[Effect]:
    """What must be seen of corrected and of naive replay."""
    rules = criteria("agent-replay")
    found = []
    for fact, when in (("quarter", "after a quarter of the episodes"), ("regret", "")):
        alone = float(results.values("none", fact).median())
        rule = rules["quarter" if fact == "quarter" else "end"]
        for way in results.facts:
            judged = way == "uniform"
            words = when or "at the end"
            found.append(
                Effect(
                    label=f"regret with {way} replay {words}, rewards an episode",
                    values=results.values(way, fact),
                    summary="median",
                    criterion=rule.times(alone) if judged else None,
                    needs_learning=False,
                    chance=RANDOM,
                )
            )
    found.append(
        Effect(
            label="naive replay: share of seeds with twice the regret without replay",
            values=ruined(results, "naive"),
            criterion=rules["naive"],
            needs_learning=False,
        )
    )
    return found


def ruined(results: Results, way: str) -> "pd.Series[float]":
    """1 for each seed that diverged or has twice the median regret without replay."""
    alone = float(results.values("none", "regret").median())
    lost = results.values(way, "regret") >= 2 * alone
    return (lost | (results.values(way, "diverged") > 0)).astype(float)


def tables(results: Results) -> Mapping[str, pd.DataFrame]:
    """Way to replay by regret, updates and time."""
    return {"replay": pd.DataFrame([_row(results, way) for way in results.facts])}


def _row(results: Results, way: str) -> dict[str, Any]:
    regrets = results.values(way, "regret")
    return {
        "replay": way,
        "regret_at_quarter": results.values(way, "quarter").median(),
        "regret": regrets.median(),
        "lowest": regrets.min(),
        "highest": regrets.max(),
        "share_ruined": ruined(results, way).mean(),
        "episodes": results.facts[way][0]["episodes"][-1],
        "updates": results.facts[way][0]["updates"],
        "seconds": pd.Series(results.seconds[way]).median(),
    }


def figures(results: Results) -> Mapping[str, Figure]:
    """Regret against fresh episodes, and at the end."""
    return {"replay": draw_replay(results)}
