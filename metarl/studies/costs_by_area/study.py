"""Costs by area: must one cost train the whole network, or may each area have its own?

Marblestone, Wayne & Kording 2016 state three hypotheses: the brain optimises costs;
costs differ by area and over development; and optimisation uses an architecture that
existed before it. The conditions compare networks that learn and that do not, costs by
area and by time, and networks with and without a recurrent area.
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
from metarl.core.interventions import Intervention
from metarl.core.parallel import Reporter
from metarl.runs.config import RunConfig
from metarl.studies.costs_by_area.plots import draw_areas
from metarl.studies.shared_bandit import (
    RANDOM,
    TRIALS,
    bandit_config,
    frozen_test,
    train_in_memory,
    training_regret,
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

CRITERIA = read_criteria("metarl.studies.costs_by_area")

PREDICTION_ONLY = 200
"""Updates of prediction alone, out of 1,000, where development has two parts."""
LESION = (Intervention(target="units", operation="scale", amount=0),)
"""Intervention that silences the prefrontal area, for itself and for its readouts."""
HYPOTHESES: Mapping[str, str] = {
    "one-cost": "1: one cost for both areas",
    "split": "2: the PFC predicts rewards, the BG is reinforced",
    "split-local": "2: the same, the PFC by local traces",
    "both": "2: both costs in the PFC",
    "prediction-first": "2: prediction first, then both",
    "frozen": "1 and 3: the PFC keeps its random initial weights",
    "no-recurrence": "3: no recurrent area",
}
"""Condition -> number of its hypothesis, and what the condition is."""
SCORED = ("split", "both", "frozen")
"""Conditions that are scored relative to one cost."""


def conditions(scale: Scale) -> Mapping[str, Condition]:
    """Every way of training two areas."""
    return {name: partial(learn, name, scale.smoke) for name in HYPOTHESES}


def configure(seed: int, name: str) -> RunConfig[Any]:
    """Configuration of the shared bandit with the costs of a condition."""
    config = bandit_config(seed)
    if name == "frozen":
        return with_costs(config, rule="readout")
    if name == "no-recurrence":
        core = replace(config.network, core="feedforward", leak=1.0)
        return replace(config, network=core)
    if name in ("split", "split-local"):
        rule: Rule = "eprop" if name == "split-local" else "bptt"
        return with_costs(config, "reward", rule=rule)
    if name == "both":
        return with_costs(config, "reward", "rl")
    if name == "prediction-first":
        times = (f"reward:0-{PREDICTION_ONLY}", f"rl:{PREDICTION_ONLY}-")
        return with_costs(config, "reward", "rl", schedule=times)
    return config


def with_costs(
    config: RunConfig[Any],
    *pfc: PrefrontalCost,
    rule: Rule = "bptt",
    schedule: tuple[str, ...] = (),
) -> RunConfig[Any]:
    """The configuration with other costs in the PFC, or another rule."""
    costs = CostsConfig(pfc=pfc or ("rl",), schedule=schedule)
    if "reward" in costs.pfc:
        # The shared bandit's rewards are 0 or 1.
        costs = replace(costs, likelihood="bernoulli")
    return replace(config, learning=replace(config.learning, rule=rule, costs=costs))


def learn(name: str, smoke: bool, seed: int, reporter: Reporter) -> SeedResults:
    """Train a network and test it with frozen weights, intact and lesioned."""
    config = configure(seed, name)
    config = with_updates(config, 4) if smoke else config
    trained = train_in_memory(config, reporter)
    test = partial(frozen_test, config, trained.network, episodes=20 if smoke else 1000)
    intact, lesioned = test(), test(interventions=LESION)
    return {
        "regret": intact.regret,
        "accuracy": intact.accuracy,
        "regret_lesioned": lesioned.regret,
        "accuracy_lesioned": lesioned.accuracy,
        "adaptation": intact.adaptation,
        "episodes": [row["steps"] / TRIALS for row in trained.curve],
        "regret_in_training": [training_regret(row) for row in trained.curve],
    }


def effects(results: Results) -> list[Effect]:
    """Predictions of the three hypotheses, relative to one cost for both areas."""
    one_cost = results.median("one-cost", "regret")
    scored = [
        make_effect(
            f"regret, {HYPOTHESES[name]}, relative to one cost, rewards per episode",
            results.values(name, "regret"),
            CRITERIA[name].times(one_cost),
        )
        for name in SCORED
    ]
    unscored = [
        make_effect(
            f"regret, {words}, rewards per episode",
            results.values(name, "regret"),
            chance=RANDOM,
        )
        for name, words in HYPOTHESES.items()
        if name not in SCORED
    ]
    lesion = make_effect(
        "regret, one cost, PFC silenced during the test, rewards per episode",
        results.values("one-cost", "regret_lesioned"),
        CRITERIA["lesioned"],
        chance=RANDOM,
    )
    adaptation = make_effect(
        "adaptation, one cost, all weights frozen: P(better arm), last 10 trials minus "
        "first 2",
        results.values("one-cost", "adaptation"),
        CRITERIA["adaptation"],
        chance=0.0,
    )
    return [*scored, *unscored, lesion, adaptation]


def tables(results: Results) -> Mapping[str, pd.DataFrame]:
    """Regret and adaptation by condition and hypothesis."""
    return {"areas": pd.DataFrame([_row(results, name) for name in results.conditions])}


def _row(results: Results, name: str) -> dict[str, Any]:
    return {
        "condition": name,
        "hypothesis": HYPOTHESES[name],
        **results.spread(name, "regret"),
        "lesioned": results.median(name, "regret_lesioned"),
        "adaptation": results.median(name, "adaptation"),
        "seconds": results.median_seconds(name),
    }


def figures(results: Results) -> Mapping[str, Figure]:
    """Regret by condition, learning curves, and adaptation intact and lesioned."""
    return {"areas": draw_areas(results)}


STUDY = Study(
    name="costs-by-area",
    question="Must one cost train the whole network, or may each area have its own?",
    source="Marblestone, Wayne & Kording 2016",
    conditions=conditions,
    effects=effects,
    tables=tables,
    figures=figures,
    criteria=CRITERIA,
)
