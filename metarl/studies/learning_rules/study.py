"""Learning rules: must learning be backpropagation through time?

All rules that learn from single episodes train one network on one bandit for equally
many episodes; only the way in which prediction errors reach the weights differs.
Afterwards the networks are tested with frozen weights. The comparison is therefore of
the learning algorithms in the networks' activity, by the rule that shaped them.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd
import torch
from matplotlib.figure import Figure

from metarl.agents.config import A2CConfig, CoreName, Rule, constant
from metarl.agents.learning.rules import RULES
from metarl.analysis.effects import Effect
from metarl.core.parallel import Reporter
from metarl.core.seeding import stream_seed
from metarl.experiments.shared_presets import FAST
from metarl.runs.config import RunConfig, TrainingConfig
from metarl.simulation.rollout import Rollout
from metarl.studies.learning_rules.plots import draw_rules
from metarl.studies.shared_bandit import (
    RANDOM,
    THOMPSON,
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
from metarl.training.trainer import Trainer, make_network

CRITERIA = read_criteria("metarl.studies.learning_rules")

STEP_RULES: tuple[Rule, ...] = (
    "bptt",
    "bptt-random",
    "eprop",
    "eprop-random",
    "readout",
    "np",
)
"""Rules that learn from the prediction error of every step."""
LSTM_RULES: tuple[Rule, ...] = ("bptt", "eprop", "eprop-random")
"""Those of STEP_RULES that also train networks with an LSTM core."""
PERTURBED_UNITS = 24
"""Units of a perturbed network: fewer weights need fewer evaluations."""
PAIR_TRAINING = TrainingConfig(num_envs=80, unroll_steps=TRIALS, updates=3000)
"""Training by one pair of networks per update, with 40 episodes each."""
GENERATION_TRAINING = TrainingConfig(num_envs=2560, unroll_steps=TRIALS, updates=600)
"""Training by evolution strategies: 40 episodes for each of 64 members."""
PERTURBATION_RULES: Mapping[Rule, tuple[float, TrainingConfig]] = {
    "wp": (0.003, PAIR_TRAINING),
    "d0": (0.01, PAIR_TRAINING),
    "d1": (0.01, PAIR_TRAINING),
    "d2": (0.01, PAIR_TRAINING),
    "es": (0.03, GENERATION_TRAINING),
}
"""Rules that evaluate whole perturbed networks -> constant learning rate, training."""
COSINE_RULES = ("bptt-random", "eprop", "eprop-random", "np")
"""Rules that estimate the core's gradient, which is compared with the true one."""
STAGES = 4
"""Equal parts of training after which, and before which, gradients are compared."""
GRADIENT_ENVS = 512
"""Episodes from which a gradient is estimated where two are compared."""
PASSES: Mapping[str, int] = {
    "bptt": 3,
    "bptt-random": 3,
    "eprop": 2,
    "eprop-random": 2,
    "readout": 1,
    "np": 2,
    **dict.fromkeys(PERTURBATION_RULES, 1),
}
"""Work of one step of one episode, in forward passes: one to act; for learning, two to
go back through activity and weights, or one for the weights alone."""


def conditions(scale: Scale) -> Mapping[str, Condition]:
    """Every rule; with an LSTM core, the name begins with lstm-."""
    return {
        **{
            rule: partial(learn, rule, "rnn", scale.smoke)
            for rule in (*STEP_RULES, *PERTURBATION_RULES)
        },
        **{
            f"lstm-{rule}": partial(learn, rule, "lstm", scale.smoke)
            for rule in LSTM_RULES
        },
    }


def configure(seed: int, rule: Rule, core: CoreName) -> RunConfig[Any]:
    """Configuration of the shared bandit with a rule and a vanilla or LSTM core."""
    config = bandit_config(seed)
    if rule in PERTURBATION_RULES:
        rate, training = PERTURBATION_RULES[rule]
        return replace(
            config,
            network=replace(config.network, units=PERTURBED_UNITS),
            learning=A2CConfig(rule=rule, learning_rate=constant(rate)),
            training=training,
        )
    network = config.network if core == "rnn" else FAST.network
    learning = replace(config.learning, rule=rule)
    return replace(config, network=network, learning=learning)


def learn(
    rule: Rule, core: CoreName, smoke: bool, seed: int, reporter: Reporter
) -> SeedResults:
    """Train a network by a rule, compare gradients, and test it with frozen weights."""
    config = configure(seed, rule, core)
    config = with_updates(config, 4) if smoke else config
    trained = train_in_memory(config, reporter, points=40)
    test = frozen_test(config, trained.network, episodes=20 if smoke else 1000)
    return {
        "regret": test.regret,
        "accuracy": test.accuracy,
        "episodes": [row["steps"] / TRIALS for row in trained.curve],
        "regret_in_training": [training_regret(row) for row in trained.curve],
        "cosine": cosines(config, trained.stages) if rule in COSINE_RULES else [],
        "episodes_in_all": config.training.steps // TRIALS,
        "passes": config.training.steps * PASSES[rule],
        "stored": stored_floats(config),
    }


def cosines(
    config: RunConfig[Any], stages: list[dict[str, torch.Tensor]]
) -> list[float]:
    """Cosine between the rule's gradient in the core's weights and the true one.

    Both gradients are of the same episodes; under node perturbation the rule's episodes
    have noise of their own.

    Args:
        config: of the trained network.
        stages: weights at which the gradients are compared.
    """
    training = replace(config.training, num_envs=GRADIENT_ENVS)
    own = replace(config, training=training)
    exact = replace(own, learning=replace(config.learning, rule="bptt"))
    pairs = [(core_gradient(own, w), core_gradient(exact, w)) for w in stages]
    return [float(torch.cosine_similarity(a, b, dim=0)) for a, b in pairs]


def core_gradient(
    config: RunConfig[Any], weights: dict[str, torch.Tensor]
) -> torch.Tensor:
    """(N,) gradient in the core's N weights that a rule computes, at given weights.

    Random feedback is that of the network's training, because it follows from the
    configuration's seed; the episodes are not those of training.
    """
    trainer = Trainer(config, 0)
    trainer.network.load_state_dict(weights)
    generator = torch.Generator().manual_seed(stream_seed(config.seed, 0, "preview"))
    with torch.no_grad():
        trainer.rollout = Rollout(trainer.task, trainer.unroll, generator)
    trajectory = trainer.collect_unroll()
    targets = trainer.learner.targets(trajectory, 0.0)
    trainer.learner.compute_gradients(trainer.unroll, trajectory, targets, 0.0)
    core = trainer.network.get_parameter("core.weight")
    assert core.grad is not None
    return core.grad.flatten()


def stored_floats(config: RunConfig[Any]) -> int:
    """Numbers that a rule must store, besides the weights, until it updates them.

    Backpropagation through time stores the inputs and activity of every step; e-prop
    and node perturbation one trace per synapse and episode; learning of the readout one
    activity. Rules that evaluate whole networks store the directions of perturbation
    and their own state: evolution strategies one direction per pair and two running
    means.
    """
    rule, training = RULES[config.learning.rule], config.training
    return rule.stored_floats(
        make_network(config, 0),
        config.learning,
        steps=training.unroll_steps,
        num_envs=training.num_envs,
    )


SCORED_RULES: Mapping[str, str] = {
    "eprop": "e-prop",
    "eprop-random": "e-prop with random feedback",
    "readout": "learning of the readout alone",
}
"""Rules that are scored relative to backpropagation through time -> in words."""


def effects(results: Results) -> list[Effect]:
    """Regret of every rule; local rules relative to backpropagation through time."""
    reference = results.median("bptt", "regret")
    scored = [
        make_effect(
            f"regret of {words}, relative to backpropagation, rewards per episode",
            results.values(rule, "regret"),
            CRITERIA[rule].times(reference),
        )
        for rule, words in SCORED_RULES.items()
    ]
    thompson = make_effect(
        "regret of e-prop, rewards per episode; Thompson sampling's is 2.18",
        results.values("eprop", "regret"),
        CRITERIA["eprop, Thompson"],
        reference=THOMPSON,
        source="simulated: Thompson sampling on the same bandit",
    )
    unscored = [
        make_effect(
            f"regret of {condition}, rewards per episode",
            results.values(condition, "regret"),
            chance=RANDOM,
        )
        for condition in results.conditions
        if condition not in SCORED_RULES
    ]
    return [*scored, thompson, *unscored]


def tables(results: Results) -> Mapping[str, pd.DataFrame]:
    """Regret, episodes, work and stored numbers of each rule."""
    return {"rules": pd.DataFrame([_row(results, c) for c in results.conditions])}


def _row(results: Results, condition: str) -> dict[str, Any]:
    seeds = results.seeds[condition]
    last = [seed["cosine"][-1] for seed in seeds if seed["cosine"]]
    return {
        "rule": condition,
        **results.spread(condition, "regret"),
        "episodes": seeds[0]["episodes_in_all"],
        "forward_passes": seeds[0]["passes"],
        "stored_floats": seeds[0]["stored"],
        "seconds": results.median_seconds(condition),
        "cosine_at_end": pd.Series(last, dtype=float).mean(),
    }


def figures(results: Results) -> Mapping[str, Figure]:
    """Regret by rule, learning curves, and the gradients' cosines."""
    return {"rules": draw_rules(results, cosine_rules=COSINE_RULES, stages=STAGES)}


STUDY = Study(
    name="learning-rules",
    question="Must learning be backpropagation through time?",
    source="Bellec et al. 2020; Lillicrap et al. 2016; Miconi 2017",
    conditions=conditions,
    effects=effects,
    tables=tables,
    figures=figures,
    criteria=CRITERIA,
)
