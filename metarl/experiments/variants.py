"""General variants: each removes or changes one component of the theory.

Wang et al. 2018: prediction errors of dopamine slowly train the weights of a recurrent
network. The result is a second learning algorithm, which is implemented in the activity
of the network and learns from the rewards of its own actions. Each general variant
removes or changes one component of this theory, and keeps the rest. Variants of a
single experiment are defined in its module.
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
            why="the reward is not an input: activity has no information about the "
            "outcome of a choice, so it cannot learn from it",
            network={"feedback": "none"},
        ),
        "no-action": Variant(
            why="the last action is not an input: a reward cannot be assigned to the "
            "choice that caused it",
            network={"action_input": False},
        ),
        "no-carry-over": Variant(
            why="memory, last action and last reward are reset at the start of every "
            "trial, in training and in the test: information from one trial cannot "
            "reach the next",
            training={"reset_memory": "trial"},
        ),
        "rpe-input": Variant(
            why="the policy receives the prediction error of a separate critic in "
            "place of the reward, as the networks of Wang et al. 2018, Simulation 6",
            network={"critic": "separate", "feedback": "rpe"},
        ),
        "readout-only": Variant(
            why="prediction errors train only the readout: the recurrent weights stay "
            "random, so they cannot become a learning algorithm",
            learning={"rule": "readout"},
        ),
        "rule-eprop": Variant(
            why="prediction errors are not propagated back through time: each synapse "
            "has its own eligibility trace",
            learning={"rule": "eprop"},
        ),
        "rule-eprop-random": Variant(
            why="as rule-eprop, but with random feedback weights: no synapse needs the "
            "weight of another",
            learning={"rule": "eprop-random"},
        ),
        "no-memory": Variant(
            why="no recurrence: the last action and its reward are the only "
            "information about the past",
            network={"core": "feedforward"},
        ),
        "core-rnn": Variant(
            why="recurrence without gates: nothing protects the memory from new inputs",
            network={"core": "rnn"},
        ),
        "core-gru": Variant(
            why="other gates: the theory needs recurrence, not an LSTM",
            network={"core": "gru"},
        ),
        "core-lstm": Variant(
            why="the core of the paper, for a run with another core",
            network={"core": "lstm"},
        ),
        "units-quarter": Variant(
            why="a quarter of the units: how small can the network be?",
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
    """Return general variants and the experiment's own, which override equal names."""
    return {**VARIANTS, **experiment(task).variants}


def variant_config(config: RunConfig[Any], variant: Variant) -> RunConfig[Any]:
    """Return the configuration of a variant: that of the run with its changes."""
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
    """Return the configuration of a variant by name.

    Raises:
        ValueError: the variant does not exist, or does not fit the networks of the run.
    """
    known = variants_of(config.task)
    check_choice("variant", name, known)
    variant = known[name]
    if variant is VARIANTS.get(name):
        _check_general(config, name)
    changed = variant_config(config, variant)
    if changed == config:
        raise ValueError(
            f"{name} changes nothing: the networks of the run already have its settings"
        )
    return changed


def _check_general(config: RunConfig[Any], name: str) -> None:
    variant = VARIANTS[name]
    if "feedback" in variant.network and config.network.feedback == "rpe":
        raise ValueError(
            f"{name} does not fit networks that have the prediction error, not the "
            "reward, as input of the policy; metarl train --variants trains a variant "
            "without this input"
        )
    from metarl.agents.learning.rules import RULES, PopulationRule

    rule = RULES[config.learning.rule]
    if variant.learning and isinstance(rule, PopulationRule):
        raise ValueError(
            f"{name} does not fit networks trained with {config.learning.rule}, which "
            "has its own learning rate and amount of training"
        )


def matching_test(config: RunConfig[Any], test: EvaluationConfig) -> EvaluationConfig:
    """Return the test with memory resets as in the configuration's training."""
    if config.training.reset_memory == "episode":
        return test
    # An untrained network is recorded only if memory is carried over.
    reset = config.training.reset_memory
    return replace(test, reset_memory=reset, record_untrained=False)
