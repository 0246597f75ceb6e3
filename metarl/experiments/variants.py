"""What the theory says a network needs, and the networks that lack it.

Wang et al. 2018: dopamine's prediction errors train the weights of a recurrent network,
slowly; what comes out is a second learning algorithm, which lives in the network's
activity and learns from the rewards of its own actions. Each ablation takes one part of
that sentence away from a run's networks, and leaves the rest as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from metarl.core.checks import check_choice
from metarl.runs.config import EvaluationConfig, RunConfig


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """One thing that is changed, and nothing else."""

    why: str
    """What it asks, in the words of the theory."""
    network: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the network's configuration that differ."""
    learning: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the learning rule's that differ."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the training's that differ."""
    units: float = 1.0
    """Times as many units, above 0; rounded, and at least one."""


ABLATIONS: Mapping[str, Ablation] = MappingProxyType(
    {
        "no-reward": Ablation(
            why="the reward is no input: activity is not told what a choice earned, "
            "so it has nothing to learn from",
            network={"feedback": "none"},
        ),
        "no-action": Ablation(
            why="the last action is no input: a reward does not say which choice "
            "it was for",
            network={"action_input": False},
        ),
        "no-carry-over": Ablation(
            why="memory, last action and last reward are cleared at every trial's "
            "beginning, in training and in the test: what a trial teaches cannot reach "
            "the next",
            training={"reset_memory": "trial"},
        ),
        "readout-only": Ablation(
            why="prediction errors train only the readout: the recurrent weights stay "
            "random, so no learning algorithm is shaped in them",
            learning={"rule": "readout"},
        ),
        "rule-eprop": Ablation(
            why="prediction errors do not go back through time: each synapse has a "
            "trace of its own",
            learning={"rule": "eprop"},
        ),
        "rule-eprop-random": Ablation(
            why="nor do they come back through the weights that read: no synapse "
            "knows another's weight",
            learning={"rule": "eprop-random"},
        ),
        "core-feedforward": Ablation(
            why="no recurrence: the last action and its reward are all the past "
            "there is",
            network={"core": "feedforward"},
        ),
        "core-rnn": Ablation(
            why="recurrence without gates: nothing protects what is held from "
            "what comes",
            network={"core": "rnn"},
        ),
        "core-gru": Ablation(
            why="other gates: the theory asks for recurrence, not for an LSTM",
            network={"core": "gru"},
        ),
        "core-lstm": Ablation(
            why="the paper's core, for a run that has another",
            network={"core": "lstm"},
        ),
        "units-quarter": Ablation(
            why="a quarter of the units: how small may the network be?", units=1 / 4
        ),
        "units-half": Ablation(why="half of the units", units=1 / 2),
        "units-double": Ablation(
            why="twice the units: does a larger network learn otherwise?", units=2
        ),
    }
)
"""Ablations by name."""


def ablated(config: RunConfig[Any], name: str) -> RunConfig[Any]:
    """A run's configuration with one ablation, else the same.

    Raises:
        ValueError: there is no such ablation, or it does not fit these networks.
    """
    check_choice("ablation", name, ABLATIONS)
    ablation = ABLATIONS[name]
    if "feedback" in ablation.network and config.network.feedback == "rpe":
        raise ValueError(
            f"{name} does not fit networks whose policy is told the prediction error "
            "and not the reward; a control population without it is trained by "
            "metarl train --controls"
        )
    from metarl.agents.learning.rules import RULES, PopulationRule

    rule = RULES[config.learning.rule]
    if ablation.learning and isinstance(rule, PopulationRule):
        raise ValueError(
            f"{name} does not fit networks that learned by {config.learning.rule}, "
            "whose learning rate and amount of training are no other rule's"
        )
    units = max(1, round(config.network.units * ablation.units))
    changed = replace(
        config,
        network=replace(config.network, **{"units": units, **ablation.network}),
        learning=replace(config.learning, **ablation.learning),
        training=replace(config.training, **ablation.training),
    )
    if changed == config:
        raise ValueError(f"{name} changes nothing: the run's networks are so already")
    return changed


def ablated_test(config: RunConfig[Any], test: EvaluationConfig) -> EvaluationConfig:
    """The test as a network takes it whose memory was reset at every trial, or not."""
    if config.training.reset_memory == "episode":
        return test
    # An untrained network is recorded only where memory is carried over.
    reset = config.training.reset_memory
    return replace(test, reset_memory=reset, record_untrained=False)
