"""Episodic memory: is a recurring problem recalled at once from its context?

Sessions consist of short two-armed problems, each with a context; contexts recur, with
the same better arm. An episodic LSTM reinstates the cell state that it stored when the
context last occurred. It is compared with two LSTMs without a store: one that is reset
at each problem, as the episodic one is, and one that keeps its activity throughout the
session. After training, with all weights frozen, the episodic LSTM is tested twice:
with its reinstatement gate, and with the gate silenced.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from metarl.agents.config import NetworkConfig, constant
from metarl.agents.networks.actor_critic import Network
from metarl.agents.networks.cores import EpisodicLSTM
from metarl.analysis.effects import Effect
from metarl.core.parallel import Reporter
from metarl.envs.contextual_bandit import ContextualBanditParams
from metarl.experiments.shared_presets import FAST
from metarl.runs.config import RunConfig, TrainingConfig
from metarl.studies.episodic_memory.plots import draw_memory
from metarl.studies.shared_bandit import frozen_trials, train_in_memory, with_updates
from metarl.studies.spec import (
    Condition,
    Results,
    Scale,
    SeedResults,
    Study,
    make_effect,
    read_criteria,
)

CRITERIA = read_criteria("metarl.studies.episodic_memory")

TASK = ContextualBanditParams()
"""Four contexts, three problems of five trials with each."""
PLAIN = NetworkConfig(units=32, input_gain=3.0, forget_bias=1.0)
EPISODIC = replace(PLAIN, core="episodic", context_size=TASK.code_bits)
NETWORKS: Mapping[str, NetworkConfig] = {
    "lstm": replace(EPISODIC, reinstatement=False),
    "lstm-carry-over": PLAIN,
    "episodic": EPISODIC,
}
"""Condition -> its network. The LSTM that is reset is the episodic one without the
effect of its gate, in training too, so that nothing else differs."""
SILENCED = "episodic, gate silenced"
"""Name of the second test of the episodic networks."""
UPDATES = 300
"""Updates, of 64 sessions each."""
LONGEST_GAP = 6
"""Gap between problems with one context from which on gaps are counted together."""


def conditions(scale: Scale) -> Mapping[str, Condition]:
    """The episodic LSTM, and the two without a store."""
    return {name: partial(learn, name, scale.smoke) for name in NETWORKS}


def configure(seed: int, condition: str) -> RunConfig[ContextualBanditParams]:
    """Configuration of a condition; each unroll is one session."""
    steps = TASK.problem_count * TASK.problem_trials
    return RunConfig(
        task="metarl.envs.contextual_bandit:ContextualBandit",
        preset="neighbours",
        task_params=TASK,
        network=NETWORKS[condition],
        learning=replace(FAST.learning, discount=constant(0.5)),
        training=TrainingConfig(num_envs=64, unroll_steps=steps, updates=UPDATES),
        subjects=1,
        seed=seed,
    )


def learn(condition: str, smoke: bool, seed: int, reporter: Reporter) -> SeedResults:
    """Train a network, then test it frozen; an episodic one without its gate too."""
    config = configure(seed, condition)
    config = with_updates(config, 4) if smoke else config
    network = train_in_memory(config, reporter).network
    test = partial(frozen_trials, config, network, episodes=100 if smoke else 1000)
    results = summarise(test())
    if condition == "episodic":
        silence_gate(network)
        results["silenced"] = summarise(test())
    return results


def silence_gate(network: Network) -> None:
    """Silence the reinstatement gate without changing any weight."""
    core = network.get_submodule("core")
    assert isinstance(core, EpisodicLSTM)
    core.reinstates = False


def summarise(trials: pd.DataFrame) -> SeedResults:
    """Regret and accuracy by context, in the trials of one test.

    Args:
        trials: with the regret of each trial, in rewards.

    Returns:
        Of the first trial of a problem: regret with new and with recurring contexts,
        accuracy with recurring ones, accuracy by occurrence of the context and by
        problems since its last one; accuracy in the last trial of new problems; and
        regret by trial of new and of recurring problems.
    """
    first = trials[trials["problem_trial"] == 0]
    new = trials["occurrence"] == 0
    gaps = first["gap"].clip(upper=LONGEST_GAP)
    last = trials["problem_trial"] == trials["problem_trial"].max()
    return {
        "first_regret_new": float(first.loc[new, "regret"].mean()),
        "first_regret": float(first.loc[~new, "regret"].mean()),
        "first_accuracy": float(first.loc[~new, "correct"].mean()),
        "last_accuracy_new": float(trials.loc[new & last, "correct"].mean()),
        "regret_new": _means(trials[new], "problem_trial", "regret"),
        "regret_recurring": _means(trials[~new], "problem_trial", "regret"),
        "first_by_occurrence": _means(first, first["occurrence"], "correct"),
        "first_by_gap": _means(first, gaps, "correct"),
    }


def _means(
    trials: pd.DataFrame, by: "str | pd.Series[Any]", column: str
) -> list[float]:
    """A column's mean in each group, in order."""
    return [float(mean) for mean in trials.groupby(by)[column].mean()]


def with_silenced(results: Results) -> Results:
    """The results, with those of the silenced gate as one more condition."""
    episodic = results.seeds["episodic"]
    return Results(
        seeds={**results.seeds, SILENCED: [seed["silenced"] for seed in episodic]},
        seconds={**results.seconds, SILENCED: [0.0] * len(episodic)},
    )


def effects(results: Results) -> list[Effect]:
    """Benefit of the store, its dependence on the gate, and learning in all tests."""
    results = with_silenced(results)
    return [
        *_store_effects(results),
        *(
            make_effect(
                f"correct on a new problem's last trial, {condition}",
                results.values(condition, "last_accuracy_new"),
                CRITERIA["learned"],
                chance=0.5,
            )
            for condition in results.conditions
        ),
        *(
            make_effect(
                f"correct on a recurring context's first trial, {condition}",
                results.values(condition, "first_accuracy"),
                chance=0.5,
            )
            for condition in results.conditions
        ),
    ]


def _store_effects(results: Results) -> list[Effect]:
    """First-trial regret relative to both controls, and its dependence on the gate."""
    regret = {c: results.values(c, "first_regret") for c in results.conditions}
    first_trial = "first-trial regret on a recurring context, episodic LSTM"
    gain = regret["lstm"] - regret["episodic"]
    lost = (regret[SILENCED] - regret["episodic"]) / gain.where(gain > 0)
    return [
        make_effect(
            f"{first_trial}, relative to the reset LSTM, rewards",
            regret["episodic"],
            CRITERIA["first trial"].times(float(regret["lstm"].median())),
        ),
        make_effect(
            f"{first_trial}, relative to the LSTM that is not reset, rewards",
            regret["episodic"],
            CRITERIA["first trial, carried over"].times(
                float(regret["lstm-carry-over"].median())
            ),
        ),
        make_effect(
            "share of the store's gain that is lost when its gate is silenced",
            lost,
            CRITERIA["gain lost"],
        ),
    ]


def tables(results: Results) -> Mapping[str, pd.DataFrame]:
    """Regret and accuracy of each network and test, medians over seeds."""
    results = with_silenced(results)
    return {"memory": pd.DataFrame([_row(results, c) for c in results.conditions])}


def _row(results: Results, condition: str) -> dict[str, Any]:
    columns = {
        "first_regret_new": "first_regret_new",
        "first_regret_recurring": "first_regret",
        "first_accuracy_recurring": "first_accuracy",
        "last_accuracy_new": "last_accuracy_new",
    }
    return {
        "network": condition,
        **{column: results.median(condition, name) for column, name in columns.items()},
        "seconds": results.median_seconds(condition),
    }


def figures(results: Results) -> Mapping[str, Figure]:
    """Regret within problems, new and recurring, and accuracy of first trials."""
    chance = TASK.better_probability - 0.5
    return {"memory": draw_memory(with_silenced(results), chance_regret=chance)}


STUDY = Study(
    name="episodic-memory",
    question="Is a recurring problem recalled at once from its context?",
    source="Ritter et al. 2018, ICML",
    conditions=conditions,
    effects=effects,
    tables=tables,
    figures=figures,
    criteria=CRITERIA,
)
