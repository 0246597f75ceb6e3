"""Learning rules: does it have to be backpropagation through time?

One network, one bandit, as many episodes for every rule that learns from single
episodes; what differs is how prediction errors reach the weights. Frozen weights are
tested afterwards, as everywhere: what is compared is the learning algorithm that lives
in the network's activity, by the rule that has shaped it.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd
import torch
from matplotlib.figure import Figure

from metarl.agents.config import A2CConfig, CoreName, Rule, constant
from metarl.agents.learning.weight_perturbation import stored
from metarl.agents.networks.batched import TrainableWeights, check_batchable
from metarl.analysis.effects import Effect
from metarl.core.parallel import Reporter
from metarl.core.seeding import stream_seed
from metarl.experiments.presets import FAST
from metarl.runs.config import RunConfig, TrainingConfig
from metarl.simulation.rollout import Rollout
from metarl.studies.learning_rules.plots import draw_rules
from metarl.studies.shared_bandit import (
    RANDOM,
    THOMPSON,
    TRIALS,
    bandit_config,
    frozen_test,
    regret_of,
    shortened,
    train_here,
)
from metarl.studies.spec import Condition, Facts, Results, Scale, criteria
from metarl.training.trainer import Trainer, make_network

RULES: tuple[Rule, ...] = (
    "bptt",
    "bptt-random",
    "eprop",
    "eprop-random",
    "readout",
    "np",
)
"""Rules that learn from errors told at every step."""
GATED: tuple[Rule, ...] = ("bptt", "eprop", "eprop-random")
"""Of these, the rules that an LSTM's networks learn by too."""
TRIED: Mapping[Rule, float] = {
    "wp": 0.003,
    "d0": 0.01,
    "d1": 0.01,
    "d2": 0.01,
    "es": 0.03,
}
"""Rules that try out whole networks -> their constant learning rate."""
TRIED_UNITS = 24
"""Units of a network that is tried out: the fewer weights, the fewer trials."""
PAIRS = TrainingConfig(num_envs=80, unroll_steps=TRIALS, updates=3000)
"""Amount of training by a pair an update: 40 episodes each."""
GENERATIONS = TrainingConfig(num_envs=2560, unroll_steps=TRIALS, updates=600)
"""Amount of training by evolution strategies: 40 episodes for each of 64 members."""
ALIGNED = ("bptt-random", "eprop", "eprop-random", "np")
"""Rules whose estimate of the core's gradient is set beside the true one."""
STAGES = 4
"""Parts of training after which the gradients are compared, and before the first."""
PROBE_ENVS = 512
"""Episodes that a gradient is estimated from where two are compared."""
PASSES: Mapping[str, int] = {
    "bptt": 3,
    "bptt-random": 3,
    "eprop": 2,
    "eprop-random": 2,
    "readout": 1,
    "np": 2,
    **dict.fromkeys(TRIED, 1),
}
"""Work of one step of one episode, in forward passes: one to act; for learning, two to
go back through activity and weights, or one for the weights alone."""


def conditions(scale: Scale) -> Mapping[str, Condition]:
    """Every rule; those of an LSTM by the name of its core."""
    found: dict[str, Condition] = {}
    for rule in RULES:
        found[rule] = partial(learn, rule, "rnn", scale.smoke)
    for rule in TRIED:
        found[rule] = partial(learn, rule, "rnn", scale.smoke)
    for rule in GATED:
        found[f"lstm-{rule}"] = partial(learn, rule, "lstm", scale.smoke)
    return found


def configured(seed: int, rule: Rule, core: CoreName) -> RunConfig[Any]:
    """The shared bandit, learned by a rule in a network with a vanilla core or LSTM."""
    config = bandit_config(seed)
    if rule in TRIED:
        return replace(
            config,
            network=replace(config.network, units=TRIED_UNITS),
            learning=A2CConfig(rule=rule, learning_rate=constant(TRIED[rule])),
            training=GENERATIONS if rule == "es" else PAIRS,
        )
    network = config.network if core == "rnn" else FAST.network
    learning = replace(config.learning, rule=rule)
    return replace(config, network=network, learning=learning)


def learn(
    rule: Rule, core: CoreName, smoke: bool, seed: int, reporter: Reporter
) -> Facts:
    """Train a network by a rule, compare gradients on the way, test it frozen."""
    config = configured(seed, rule, core)
    config = shortened(config, 4) if smoke else config
    trained = train_here(config, reporter, points=40)
    tested = frozen_test(config, trained.network, episodes=20 if smoke else 1000)
    return {
        "regret": tested.regret,
        "accuracy": tested.accuracy,
        "episodes": [row["steps"] / TRIALS for row in trained.curve],
        "regret_in_training": [regret_of(row) for row in trained.curve],
        "cosine": cosines(config, trained.stages) if rule in ALIGNED else [],
        "episodes_in_all": config.training.steps // TRIALS,
        "passes": config.training.steps * PASSES[rule],
        "stored": stored_floats(config),
    }


def cosines(
    config: RunConfig[Any], stages: list[dict[str, torch.Tensor]]
) -> list[float]:
    """Cosine between the rule's gradient in the core's weights and the true one.

    Both see the same episodes, or under node perturbation episodes with other noise.
    """
    training = replace(config.training, num_envs=PROBE_ENVS)
    probe = replace(config, training=training)
    exact = replace(probe, learning=replace(config.learning, rule="bptt"))
    pairs = [(gradient(probe, w), gradient(exact, w)) for w in stages]
    return [float(torch.cosine_similarity(a, b, dim=0)) for a, b in pairs]


def gradient(config: RunConfig[Any], weights: dict[str, torch.Tensor]) -> torch.Tensor:
    """The gradient in the core's weights that a rule finds, at given weights.

    Random feedback is the one that the network was trained with, as it comes of the
    configuration's seed; the episodes are others.
    """
    trainer = Trainer(config, 0)
    trainer.network.load_state_dict(weights)
    fresh = torch.Generator().manual_seed(stream_seed(config.seed, 0, "preview"))
    with torch.no_grad():
        trainer.rollout = Rollout(trainer.task, trainer.unroll, fresh)
    trajectory = trainer.trajectory()
    lesson = trainer.learner.lesson(trajectory, 0.0)
    trainer.learner.compute_gradients(trainer.unroll, trajectory, lesson, 0.0)
    core = trainer.network.get_parameter("core.weight")
    assert core.grad is not None
    return core.grad.flatten()


def stored_floats(config: RunConfig[Any]) -> int:
    """Numbers that a rule must keep beside the weights until it has learned.

    Backpropagation through time keeps every step's inputs and activity; e-prop and node
    perturbation a trace for each synapse in each episode; readers one activity; rules
    that try out networks the directions in which they tried, and what else they carry:
    evolution strategies a direction for each pair, and two running means.
    """
    network = make_network(config, 0)
    if config.learning.rule in TRIED:
        count = len(TrainableWeights(check_batchable(network, config.learning.rule)))
        if config.learning.rule != "es":
            return stored(config.learning.rule, count)
        return count * (config.learning.perturbation.members // 2 + 2)
    num_envs, steps = config.training.num_envs, config.training.unroll_steps
    weights = network.get_parameter("core.weight")
    rows, width = weights.shape[0] + 1, weights.shape[1]
    units = config.network.units
    if config.learning.rule.startswith("bptt"):
        return num_envs * steps * (rows + width + units)
    if config.learning.rule == "readout":
        return num_envs * units
    return num_envs * rows * width


def effects(results: Results) -> list[Effect]:
    """What must be seen of each rule, beside backpropagation through time."""
    rules = criteria("learning-rules")
    least = float(results.values("bptt", "regret").median())
    judged = [
        ("eprop", "e-prop, of backpropagation's"),
        ("eprop-random", "e-prop with random feedback, of backpropagation's"),
        ("readout", "readout only, of backpropagation's"),
    ]
    found = [
        Effect(
            label=f"regret by {words}, rewards an episode",
            values=results.values(rule, "regret"),
            summary="median",
            criterion=rules[rule].times(least),
            needs_learning=False,
        )
        for rule, words in judged
    ]
    found.append(
        Effect(
            label="regret by e-prop, rewards an episode; Thompson sampling's 2.18",
            values=results.values("eprop", "regret"),
            summary="median",
            criterion=rules["eprop, Thompson"],
            reference=THOMPSON,
            source="simulated: Thompson sampling on the same bandit",
        )
    )
    return found + [
        Effect(
            label=f"regret by {condition}, rewards an episode",
            values=results.values(condition, "regret"),
            summary="median",
            chance=RANDOM,
        )
        for condition in results.facts
        if condition not in dict(judged)
    ]


def tables(results: Results) -> Mapping[str, pd.DataFrame]:
    """Rule by regret, episodes, work and what it must keep."""
    return {"rules": pd.DataFrame([_row(results, c) for c in results.facts])}


def _row(results: Results, condition: str) -> dict[str, Any]:
    facts = results.facts[condition]
    regrets = results.values(condition, "regret")
    last = [each["cosine"][-1] for each in facts if each["cosine"]]
    return {
        "rule": condition,
        "regret": regrets.median(),
        "lowest": regrets.min(),
        "highest": regrets.max(),
        "episodes": facts[0]["episodes_in_all"],
        "forward_passes": facts[0]["passes"],
        "stored_floats": facts[0]["stored"],
        "seconds": pd.Series(results.seconds[condition]).median(),
        "cosine_at_end": pd.Series(last, dtype=float).mean(),
    }


def figures(results: Results) -> Mapping[str, Figure]:
    """Regret by rule, learning curves, and the gradients' cosines."""
    return {"rules": draw_rules(results, aligned=ALIGNED, stages=STAGES)}
