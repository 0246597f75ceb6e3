"""Each ablation changes one thing, and makes networks that every task can train."""

from dataclasses import asdict, replace

import pytest

from metarl.agents.config import NetworkConfig
from metarl.envs.registry import NAMES
from metarl.experiments.spec import preset
from metarl.experiments.tests import protocol
from metarl.experiments.variants import ABLATIONS, ablated, ablated_test
from metarl.runs.config import EvaluationConfig, from_plain, to_plain
from metarl.simulation.evaluation import check_test
from metarl.training.evolve import Evolving
from metarl.training.trainer import check_trainable

CHANGED = {
    "no-reward": {"network.feedback": "none"},
    "no-action": {"network.action_input": False},
    "no-carry-over": {"training.reset_memory": "trial"},
    "readout-only": {"learning.rule": "readout"},
    "rule-eprop": {"learning.rule": "eprop"},
    "rule-eprop-random": {"learning.rule": "eprop-random"},
    "core-feedforward": {"network.core": "feedforward"},
    "core-rnn": {"network.core": "rnn"},
    "core-gru": {"network.core": "gru"},
    "units-quarter": {"network.units": 12},
    "units-half": {"network.units": 24},
    "units-double": {"network.units": 96},
}
"""Ablation -> what it changes in the two-step task's fast preset."""

TWO_CORES = {
    "no-reward": "whose policy is told the prediction error and not the reward",
    "rule-eprop-random": "the two cores would need feedback of their own",
}
"""Ablation -> why it does not fit networks with a critic of their own."""


def flat(plain, prefix=""):
    found = {}
    for name, value in plain.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found


@pytest.mark.parametrize("name", CHANGED)
def test_an_ablation_changes_its_one_field_and_no_other(name):
    config = preset("two-step", "fast")
    before, after = flat(asdict(config)), flat(asdict(ablated(config, name)))
    found = {k: v for k, v in after.items() if before[k] != v}
    assert found == CHANGED[name]


def test_every_ablation_is_tried_here():
    assert set(ABLATIONS) == {*CHANGED, "core-lstm"}
    assert all(ablation.why for ablation in ABLATIONS.values())


@pytest.mark.parametrize("task", NAMES)
def test_every_ablation_fits_every_task_or_says_why_not(task):
    config = preset(task, "smoke")
    refused = {}
    for name in ABLATIONS:
        try:
            changed = ablated(config, name)
            check_trainable(changed)
        except ValueError as error:
            refused[name] = str(error)
            continue
        assert from_plain(to_plain(changed)) == changed
        check_test(changed, ablated_test(changed, protocol(task).test))
    told = {"core-lstm": "core-lstm changes nothing: the run's networks are so already"}
    assert refused.pop("core-lstm") == told["core-lstm"]
    assert list(refused) == (list(TWO_CORES) if task == "risky-choice" else [])
    for name, why in refused.items():
        assert TWO_CORES[name] in why


def test_the_papers_core_is_the_ablation_of_another():
    config = preset("two-step", "smoke")
    other = replace(config, network=replace(config.network, core="gru"))
    assert ablated(other, "core-lstm") == config
    with pytest.raises(ValueError, match="core-gru changes nothing"):
        ablated(other, "core-gru")


def test_another_rule_has_no_use_for_evolutions_rate():
    config = Evolving().configuration("two-step", subjects=1, seed=1)
    for name in ("rule-eprop", "readout-only"):
        with pytest.raises(ValueError, match=f"{name} does not fit networks that lea"):
            ablated(config, name)


def test_a_network_of_one_unit_cannot_be_halved():
    config = replace(preset("two-step", "smoke"), network=NetworkConfig(units=1))
    with pytest.raises(ValueError, match="units-half changes nothing"):
        ablated(config, "units-half")


def test_an_ablation_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="ablation must be one of no-reward, no-act"):
        ablated(preset("two-step", "smoke"), "no-soul")


def test_a_network_without_carry_over_is_tested_without():
    config = preset("two-step", "smoke")
    test = EvaluationConfig(episodes=7, record_untrained=True, greedy=True)
    assert ablated_test(config, test) == test
    reset = ablated_test(ablated(config, "no-carry-over"), test)
    assert reset == EvaluationConfig(episodes=7, reset_memory="trial", greedy=True)
