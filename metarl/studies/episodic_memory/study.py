"""Episodic memory: is a problem that comes back known at once from its context?

Sessions of short two-armed problems, each with a context; contexts come back, with the
same better arm. An episodic LSTM is reminded of what its cell held when the context was
last met. Beside it learn two LSTMs without a store: one that is cleared at each
problem, as the episodic one is, and one that keeps its activity through the session.
After training, with all weights frozen, the episodic LSTM is tested twice: with its
reinstatement gate, and with the gate silenced.
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
from metarl.experiments.presets import FAST
from metarl.runs.config import RunConfig, TrainingConfig
from metarl.studies.episodic_memory.plots import draw_memory
from metarl.studies.shared_bandit import frozen_trials, shortened, train_here
from metarl.studies.spec import Condition, Facts, Results, Scale, criteria

TASK = ContextualBanditParams()
"""Four contexts, three problems of five trials with each."""
PLAIN = NetworkConfig(units=32, input_gain=3.0, forget_bias=1.0)
EPISODIC = replace(PLAIN, core="episodic", context_size=TASK.code_bits)
NETWORKS: Mapping[str, NetworkConfig] = {
    "lstm": replace(EPISODIC, reinstatement=False),
    "lstm-carry-over": PLAIN,
    "episodic": EPISODIC,
}
"""Condition -> its network. The cleared LSTM is the episodic one without its gate's
effect, in training too, so that nothing else differs."""
SILENCED = "episodic, gate silenced"
"""How the second test of the episodic networks is called."""
UPDATES = 300
"""Of 64 sessions each."""
LONGEST_GAP = 6
"""Problems since a context was last met from which on they are counted together."""


def conditions(scale: Scale) -> Mapping[str, Condition]:
    """The episodic LSTM, and the two without a store."""
    return {name: partial(learn, name, scale.smoke) for name in NETWORKS}


def configured(seed: int, condition: str) -> RunConfig[ContextualBanditParams]:
    """A condition's network, in sessions of which an unroll is one."""
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


def learn(condition: str, smoke: bool, seed: int, reporter: Reporter) -> Facts:
    """Train a network, then test it frozen; an episodic one without its gate too."""
    config = configured(seed, condition)
    config = shortened(config, 4) if smoke else config
    network = train_here(config, reporter).network
    sessions = 100 if smoke else 1000
    facts = told(frozen_trials(config, network, episodes=sessions))
    if condition == "episodic":
        silence(network)
        silenced = told(frozen_trials(config, network, episodes=sessions))
        facts["silenced"] = silenced
    return facts


def silence(network: Network) -> None:
    """Silence the reinstatement gate; no weight is changed."""
    core = network.get_submodule("core")
    assert isinstance(core, EpisodicLSTM)
    core.reinstates = False


def told(trials: pd.DataFrame) -> Facts:
    """What a test's trials come to, with regret in expected rewards a trial."""
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
    """The results, the silenced gate's as those of one more condition."""
    episodic = results.facts["episodic"]
    return Results(
        facts={**results.facts, SILENCED: [facts["silenced"] for facts in episodic]},
        seconds={**results.seconds, SILENCED: [0.0] * len(episodic)},
    )


def effects(results: Results) -> list[Effect]:
    """What a store must give, that the gate gives it, and that all learned."""
    rules, results = criteria("episodic-memory"), with_silenced(results)
    regret = {name: results.values(name, "first_regret") for name in results.facts}
    judged = [
        Effect(
            label="first-trial regret on a recurring context, episodic LSTM, of "
            f"{words}, rewards",
            values=regret["episodic"],
            summary="median",
            criterion=rules[rule].times(float(regret[control].median())),
        )
        for rule, control, words in (
            ("first trial", "lstm", "the cleared LSTM's"),
            ("first trial, carried over", "lstm-carry-over", "the carrying LSTM's"),
        )
    ]
    gain = regret["lstm"] - regret["episodic"]
    lost = (regret[SILENCED] - regret["episodic"]) / gain.where(gain > 0)
    judged.append(
        Effect(
            label="part of the store's gain that goes when its gate is silenced",
            values=lost,
            summary="median",
            criterion=rules["gain lost"],
        )
    )
    return [
        *judged,
        *(
            Effect(
                label=f"correct on a new problem's last trial, {condition}",
                values=results.values(condition, "last_accuracy_new"),
                summary="lowest",
                criterion=rules["learned"],
                chance=0.5,
            )
            for condition in results.facts
        ),
        *(
            Effect(
                label=f"correct on a recurring context's first trial, {condition}",
                values=results.values(condition, "first_accuracy"),
                summary="median",
                chance=0.5,
            )
            for condition in results.facts
        ),
    ]


def tables(results: Results) -> Mapping[str, pd.DataFrame]:
    """Each network's and test's regret and accuracy, medians over seeds."""
    results = with_silenced(results)
    rows = [
        {
            "network": condition,
            "first_regret_new": results.values(condition, "first_regret_new").median(),
            "first_regret_recurring": results.values(
                condition, "first_regret"
            ).median(),
            "first_accuracy_recurring": results.values(
                condition, "first_accuracy"
            ).median(),
            "last_accuracy_new": results.values(
                condition, "last_accuracy_new"
            ).median(),
            "seconds": pd.Series(results.seconds[condition]).median(),
        }
        for condition in results.facts
    ]
    return {"memory": pd.DataFrame(rows)}


def figures(results: Results) -> Mapping[str, Figure]:
    """Regret within problems, new and recurring; first trials by what was before."""
    chance = TASK.better_probability - 0.5
    return {"memory": draw_memory(with_silenced(results), chance_regret=chance)}
