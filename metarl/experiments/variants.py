"""General variants: networks that lack one part of the theory each.

Wang et al. 2018: dopamine's prediction errors train the weights of a recurrent network,
slowly; what comes out is a second learning algorithm, which lives in the network's
activity and learns from the rewards of its own actions. Each general variant takes one
part of that sentence away from a run's networks, and leaves the rest as it is. An
experiment's own variants stand in its file.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from metarl.core.checks import check_choice
from metarl.experiments.spec import Variant, experiment
from metarl.runs.config import EvaluationConfig, RunConfig, change_params

VARIANTS: Mapping[str, Variant] = MappingProxyType(
    {
        "no-reward": Variant(
            why="the reward is no input: activity holds no outcome of a choice, "
            "so it has nothing to learn from",
            network={"feedback": "none"},
        ),
        "no-action": Variant(
            why="the last action is no input: a reward does not say which choice "
            "it was for",
            network={"action_input": False},
        ),
        "no-carry-over": Variant(
            why="memory, last action and last reward are cleared at every trial's "
            "beginning, in training and in the test: what a trial teaches cannot reach "
            "the next",
            training={"reset_memory": "trial"},
        ),
        "readout-only": Variant(
            why="prediction errors train only the readout: the recurrent weights stay "
            "random, so no learning algorithm is shaped in them",
            learning={"rule": "readout"},
        ),
        "rule-eprop": Variant(
            why="prediction errors do not go back through time: each synapse has a "
            "trace of its own",
            learning={"rule": "eprop"},
        ),
        "rule-eprop-random": Variant(
            why="nor do they come back through the weights that read: no synapse "
            "knows another's weight",
            learning={"rule": "eprop-random"},
        ),
        "no-memory": Variant(
            why="no recurrence: the last action and its reward are all the past "
            "there is",
            network={"core": "feedforward"},
        ),
        "core-rnn": Variant(
            why="recurrence without gates: nothing protects what is held from "
            "what comes",
            network={"core": "rnn"},
        ),
        "core-gru": Variant(
            why="other gates: the theory asks for recurrence, not for an LSTM",
            network={"core": "gru"},
        ),
        "core-lstm": Variant(
            why="the paper's core, for a run that has another",
            network={"core": "lstm"},
        ),
        "units-quarter": Variant(
            why="a quarter of the units: how small may the network be?",
            scale_units=1 / 4,
        ),
        "units-half": Variant(why="half of the units", scale_units=1 / 2),
        "units-double": Variant(
            why="twice the units: does a larger network learn differently?",
            scale_units=2,
        ),
    }
)
"""General variants by name."""


def variants_of(task: str) -> Mapping[str, Variant]:
    """General variants and, by name before them, the experiment's own."""
    return {**VARIANTS, **experiment(task).variants}


def variant_config(config: RunConfig[Any], variant: Variant) -> RunConfig[Any]:
    """The configuration of a run's variant: the differences, all else the same."""
    network, training = config.network, config.training
    units = max(1, round(network.units * variant.scale_units))
    updates = round(training.updates * variant.scale_updates)
    return replace(
        config,
        task_params=change_params(config.task_params, variant.task),
        network=replace(network, **{"units": units, **variant.network}),
        learning=replace(config.learning, **variant.learning),
        training=replace(training, **{"updates": updates, **variant.training}),
    )


def fitting_config(config: RunConfig[Any], name: str) -> RunConfig[Any]:
    """The configuration of a variant by name.

    Raises:
        ValueError: there is no such variant, or it does not fit the run's networks.
    """
    there = variants_of(config.task)
    check_choice("variant", name, there)
    variant = there[name]
    if variant is VARIANTS.get(name):
        _check_general(config, name)
    changed = variant_config(config, variant)
    if changed == config:
        raise ValueError(f"{name} changes nothing: the run's networks are so already")
    return changed


def _check_general(config: RunConfig[Any], name: str) -> None:
    variant = VARIANTS[name]
    if "feedback" in variant.network and config.network.feedback == "rpe":
        raise ValueError(
            f"{name} does not fit networks with the prediction error and not the "
            "reward as the policy's input; metarl train --variants trains a variant "
            "without it"
        )
    from metarl.agents.learning.rules import RULES, PopulationRule

    rule = RULES[config.learning.rule]
    if variant.learning and isinstance(rule, PopulationRule):
        raise ValueError(
            f"{name} does not fit networks that learned by {config.learning.rule}, "
            "with a learning rate and an amount of training of its own"
        )


def matching_test(config: RunConfig[Any], test: EvaluationConfig) -> EvaluationConfig:
    """The test with its memory reset as in the training of the configuration."""
    if config.training.reset_memory == "episode":
        return test
    # An untrained network is recorded only where memory is carried over.
    reset = config.training.reset_memory
    return replace(test, reset_memory=reset, record_untrained=False)
