"""Promises of every learning rule: its words, its checks, an update, its state."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import torch

from metarl.agents.config import A2CConfig, NetworkConfig, Rule, constant
from metarl.agents.learning.config import CostsConfig, PerturbationConfig, ReplayConfig
from metarl.agents.learning.rules import RULES, PopulationRule
from metarl.envs.bandit import BanditParams
from metarl.runs.config import RunConfig, TrainingConfig
from metarl.training.trainer import check_trainable, make_trainer

every_rule = pytest.mark.parametrize("rule", RULES)
AREAS = CostsConfig(pfc=("reward",))
REPLAY = ReplayConfig(mode="uniform")
SEPARATE = NetworkConfig(core="rnn", units=4, critic="separate")
TRIALS = 4


def configuration(rule, *, network=None, **learning):
    """A bandit of few trials, with whole episodes as unrolls."""
    settings = A2CConfig(
        rule=rule,
        learning_rate=constant(0.01),
        # Large, so that the members do not choose alike.
        perturbation=PerturbationConfig(size=1.0, members=8),
        **learning,
    )
    params = BanditParams(trial_count=TRIALS)
    return RunConfig(
        task="bandit",
        preset="smoke",
        task_params=params,
        network=network or NetworkConfig(core="rnn", units=4),
        learning=settings,
        training=TrainingConfig(num_envs=32, unroll_steps=TRIALS, updates=6),
    )


def weights_of(trainer):
    return {k: v.clone() for k, v in trainer.network.state_dict().items()}


def bytes_of(value):
    """A state in plain values: tensors as bytes."""
    if isinstance(value, torch.Tensor):
        return value.detach().numpy().tobytes()
    if isinstance(value, dict):
        return {k: bytes_of(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [bytes_of(v) for v in value]
    return value


def test_the_table_has_every_rule():
    assert tuple(RULES) == get_args(Rule)


@every_rule
def test_a_rule_has_a_name_a_summary_and_a_source(rule):
    assert RULES[rule].name == rule
    assert RULES[rule].summary.endswith(".")
    assert RULES[rule].source


@every_rule
def test_a_check_builds_no_network(rule, monkeypatch):
    def refuse(*_arguments, **_more):
        raise AssertionError("a network was built")

    monkeypatch.setattr(torch.nn.Module, "__init__", refuse)
    RULES[rule].check(configuration(rule))
    check_trainable(configuration(rule))


def misfits(rule):
    """Configurations that do not fit the rule, by what does not fit."""
    kind = RULES[rule]
    found = {"replay of area costs": configuration(rule, costs=AREAS, replay=REPLAY)}
    if not kind.supports_replay:
        found["replay"] = configuration(rule, replay=REPLAY)
    network = None if not kind.trains_core_by_error else SEPARATE
    found["area costs"] = configuration(rule, network=network, costs=AREAS)
    if isinstance(kind, PopulationRule):
        config = configuration(rule)
        training = config.training
        uneven = replace(training, num_envs=kind.members(config.learning) + 1)
        reset = replace(training, reset_memory="trial")
        found["critic"] = configuration(rule, network=SEPARATE)
        found["num_envs"] = replace(config, training=uneven)
        found["reset_memory"] = replace(config, training=reset)
    return found


@pytest.mark.parametrize(
    ("rule", "what"), [(rule, what) for rule in RULES for what in misfits(rule)]
)
def test_check_and_trainer_refuse_what_does_not_fit(rule, what):
    config = misfits(rule)[what]
    for refuse in (RULES[rule].check, lambda config: make_trainer(config, 0)):
        with pytest.raises(ValueError, match=r" must .* got "):
            refuse(config)


@every_rule
def test_an_update_changes_the_weights_that_the_rule_trains(rule):
    trainer = make_trainer(configuration(rule), 0)
    before = weights_of(trainer)
    for _ in range(2):
        trainer.update()
    changed = {k for k, v in weights_of(trainer).items() if not v.equal(before[k])}
    core = any(name.startswith("core") for name in changed)
    assert any("heads" in name for name in changed)
    assert core == (rule != "readout")
    assert all(v.isfinite().all() for v in weights_of(trainer).values())


@every_rule
def test_a_rule_continues_from_its_state_to_the_same_bytes(rule):
    config = configuration(rule)
    one, other = make_trainer(config, 0), make_trainer(config, 0)
    for _ in range(3):
        one.update()
    # Copied, as a checkpoint is: a state may share memory with its trainer.
    other.load_state(deepcopy(one.state()), Path("state"))
    assert bytes_of(other.state()) == bytes_of(one.state())
    for _ in range(3):
        one.update()
        other.update()
    assert bytes_of(other.state()) == bytes_of(one.state())
