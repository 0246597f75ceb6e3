"""Costs by area: must one cost be sent end to end, or may each area have its own?

Marblestone, Wayne & Kording 2016 state three hypotheses: the brain optimises costs;
costs differ by area and over development; and optimisation runs in an architecture that
was there before. Each is a row or two of one table: who learns at all, who learns from
what and when, and what becomes of it without a recurrent area.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from metarl.agents.config import Rule
from metarl.agents.learning.config import CostsConfig, PrefrontalCost
from metarl.analysis.effects import Effect
from metarl.core.parallel import Reporter
from metarl.runs.config import RunConfig
from metarl.studies.costs_by_area.plots import draw_areas
from metarl.studies.shared_bandit import (
    RANDOM,
    TRIALS,
    bandit_config,
    frozen_test,
    regret_of,
    shortened,
    train_here,
)
from metarl.studies.spec import Condition, Facts, Results, Scale, criteria

PREDICTION_ONLY = 200
"""Updates of prediction alone, of 1,000, where development comes in two parts."""
LESION = ("units scale 0",)
"""What cuts the prefrontal area off: its activity reaches nobody, itself included."""
HYPOTHESES: Mapping[str, str] = {
    "one-cost": "1: one cost, from end to end",
    "split": "2: the PFC predicts rewards, the BG is reinforced",
    "split-local": "2: the same, the PFC by local traces",
    "both": "2: both costs in the PFC",
    "prediction-first": "2: prediction first, then both",
    "frozen": "1 and 3: the PFC stays as it was drawn",
    "no-recurrence": "3: no recurrent area",
}
"""Condition -> the hypothesis it is about, and what it is."""


def conditions(scale: Scale) -> Mapping[str, Condition]:
    """Every way of teaching two areas."""
    return {name: partial(learn, name, scale.smoke) for name in HYPOTHESES}


def configured(seed: int, name: str) -> RunConfig[Any]:
    """The shared bandit, learned by areas that are taught so."""
    config = bandit_config(seed)
    if name == "frozen":
        return taught(config, rule="readout")
    if name == "no-recurrence":
        core = replace(config.network, core="feedforward", leak=1.0)
        return replace(config, network=core)
    if name in ("split", "split-local"):
        rule: Rule = "eprop" if name == "split-local" else "bptt"
        return taught(config, "reward", rule=rule)
    if name == "both":
        return taught(config, "reward", "rl")
    if name == "prediction-first":
        times = (f"reward:0-{PREDICTION_ONLY}", f"rl:{PREDICTION_ONLY}-")
        return taught(config, "reward", "rl", schedule=times)
    return config


def taught(
    config: RunConfig[Any],
    *pfc: PrefrontalCost,
    rule: Rule = "bptt",
    schedule: tuple[str, ...] = (),
) -> RunConfig[Any]:
    """The same with other costs in the PFC, or another rule; it pays 0 or 1."""
    costs = CostsConfig(pfc=pfc or ("rl",), schedule=schedule)
    if "reward" in costs.pfc:
        costs = replace(costs, likelihood="bernoulli")
    return replace(config, learning=replace(config.learning, rule=rule, costs=costs))


def learn(name: str, smoke: bool, seed: int, reporter: Reporter) -> Facts:
    """Train, then test frozen: whole, and with the prefrontal area cut off."""
    config = configured(seed, name)
    config = shortened(config, 4) if smoke else config
    trained = train_here(config, reporter)
    episodes = 20 if smoke else 1000
    whole = frozen_test(config, trained.network, episodes=episodes)
    cut = frozen_test(config, trained.network, episodes=episodes, interventions=LESION)
    return {
        "regret": whole.regret,
        "accuracy": whole.accuracy,
        "regret_lesioned": cut.regret,
        "accuracy_lesioned": cut.accuracy,
        "adaptation": whole.adaptation,
        "episodes": [row["steps"] / TRIALS for row in trained.curve],
        "regret_in_training": [regret_of(row) for row in trained.curve],
    }


def effects(results: Results) -> list[Effect]:
    """What the three hypotheses say must be seen, beside one cost end to end."""
    rules = criteria("costs-by-area")
    one_cost = float(results.values("one-cost", "regret").median())
    found = [
        Effect(
            label=f"regret, {HYPOTHESES[name]} (of one cost's), rewards an episode",
            values=results.values(name, "regret"),
            summary="median",
            criterion=rules[name].times(one_cost),
            needs_learning=False,
        )
        for name in ("split", "both", "frozen")
    ]
    found += [
        Effect(
            label=f"regret, {words}, rewards an episode",
            values=results.values(name, "regret"),
            summary="median",
            chance=RANDOM,
        )
        for name, words in HYPOTHESES.items()
        if name not in ("split", "both", "frozen")
    ]
    return [
        *found,
        Effect(
            label="regret, one cost, PFC cut off from the BG, rewards an episode",
            values=results.values("one-cost", "regret_lesioned"),
            criterion=rules["lesioned"],
            chance=RANDOM,
            needs_learning=False,
        ),
        Effect(
            label="adaptation, one cost, all weights frozen: P(better arm), last 10 "
            "trials less first 2",
            values=results.values("one-cost", "adaptation"),
            criterion=rules["adaptation"],
            chance=0.0,
        ),
    ]


def tables(results: Results) -> Mapping[str, pd.DataFrame]:
    """The three hypotheses in one table."""
    return {"areas": pd.DataFrame([_row(results, name) for name in results.facts])}


def _row(results: Results, name: str) -> dict[str, Any]:
    regrets = results.values(name, "regret")
    return {
        "condition": name,
        "hypothesis": HYPOTHESES[name],
        "regret": regrets.median(),
        "lowest": regrets.min(),
        "highest": regrets.max(),
        "lesioned": results.values(name, "regret_lesioned").median(),
        "adaptation": results.values(name, "adaptation").median(),
        "seconds": pd.Series(results.seconds[name]).median(),
    }


def figures(results: Results) -> Mapping[str, Figure]:
    """Regret by condition, learning curves, and what a lesion leaves."""
    return {"areas": draw_areas(results)}
