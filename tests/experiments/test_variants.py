"""Each general variant changes one setting, and trains on every task."""

from dataclasses import asdict, replace

import pytest

from metarl.agents.config import NetworkConfig
from metarl.envs.registry import NAMES
from metarl.experiments.spec import Variant, experiment, preset
from metarl.experiments.variants import (
    VARIANTS,
    fitting_config,
    matching_test,
    variant_config,
    variants_of,
)
from metarl.runs.config import TEST, EvaluationConfig, from_plain, to_plain
from metarl.simulation.evaluation import check_test
from metarl.training.evolve import EvolutionConfig
from metarl.training.trainer import check_trainable

CHANGED = {
    "no-reward": {"network.feedback": "none"},
    "no-action": {"network.action_input": False},
    "no-carry-over": {"training.reset_memory": "trial"},
    "rpe-input": {"network.critic": "separate", "network.feedback": "rpe"},
    "readout-only": {"learning.rule": "readout"},
    "rule-eprop": {"learning.rule": "eprop"},
    "rule-eprop-random": {"learning.rule": "eprop-random"},
    "no-memory": {"network.core": "feedforward"},
    "core-rnn": {"network.core": "rnn"},
    "core-gru": {"network.core": "gru"},
    "units-quarter": {"network.units": 12},
    "units-half": {"network.units": 24},
    "units-double": {"network.units": 96},
}
"""Variant -> what it changes in the two-step task's fast preset."""

TWO_CORES = {
    "no-reward": "the prediction error, not the reward, as input of the policy",
    "rpe-input": "the prediction error, not the reward, as input of the policy",
    "rule-eprop-random": "the two cores would need feedback of their own",
}
"""Variant -> why it does not fit networks with a critic of their own."""
ENCODER = {"rpe-input": "critic must be shared where there is an encoder"}
"""Variant -> why it does not fit networks that see pictures."""
UNFIT = {"risky-choice": TWO_CORES, "harlow": ENCODER}
"""Task -> variants that do not fit its networks, and why."""


def flat(plain, prefix=""):
    flattened = {}
    for name, value in plain.items():
        if isinstance(value, dict):
            flattened |= flat(value, f"{prefix}{name}.")
        else:
            flattened[prefix + name] = value
    return flattened


@pytest.mark.parametrize("name", CHANGED)
def test_a_variant_changes_its_one_field_and_no_other(name):
    config = preset("two-step", "fast")
    before, after = flat(asdict(config)), flat(asdict(fitting_config(config, name)))
    flattened = {k: v for k, v in after.items() if before[k] != v}
    assert flattened == CHANGED[name]


def test_every_variant_is_tried_here():
    assert set(VARIANTS) == {*CHANGED, "core-lstm"}
    assert all(variant.why for variant in VARIANTS.values())


@pytest.mark.parametrize("task", NAMES)
def test_every_variant_fits_every_task_or_says_why_not(task):
    config = preset(task, "smoke")
    refused = {}
    for name in VARIANTS:
        try:
            changed = fitting_config(config, name)
            check_trainable(changed)
        except ValueError as error:
            refused[name] = str(error)
            continue
        assert from_plain(to_plain(changed)) == changed
        check_test(changed, matching_test(changed, experiment(task).test))
    reasons = {
        "core-lstm": "core-lstm changes nothing: the networks of the run already have "
        "its settings"
    }
    assert refused.pop("core-lstm") == reasons["core-lstm"]
    assert list(refused) == list(UNFIT.get(task, {}))
    for name, why in refused.items():
        assert UNFIT[task][name] in why


def test_the_papers_core_is_the_variant_of_another():
    config = preset("two-step", "smoke")
    other = replace(config, network=replace(config.network, core="gru"))
    assert fitting_config(other, "core-lstm") == config
    with pytest.raises(ValueError, match="core-gru changes nothing"):
        fitting_config(other, "core-gru")


def test_another_rule_has_no_use_for_evolutions_rate():
    config = EvolutionConfig().configuration("two-step", subjects=1, seed=1)
    for name in ("rule-eprop", "readout-only"):
        with pytest.raises(ValueError, match=f"{name} does not fit networks trained"):
            fitting_config(config, name)


def test_a_network_of_one_unit_cannot_be_halved():
    config = replace(preset("two-step", "smoke"), network=NetworkConfig(units=1))
    with pytest.raises(ValueError, match="units-half changes nothing"):
        fitting_config(config, "units-half")


def test_a_variant_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="variant must be one of no-reward, no-act"):
        fitting_config(preset("two-step", "smoke"), "no-soul")


def test_a_network_without_carry_over_is_tested_without():
    config = preset("two-step", "smoke")
    test = EvaluationConfig(episodes=7, record_untrained=True, greedy=True)
    assert matching_test(config, test) == test
    reset = matching_test(fitting_config(config, "no-carry-over"), test)
    assert reset == EvaluationConfig(episodes=7, reset_memory="trial", greedy=True)


# An experiment's own variants


def test_a_variant_takes_the_main_test_and_changes_nothing_by_default():
    plain = Variant(why="nothing differs")
    assert plain.tests == (TEST,)
    config = preset("bandit")
    assert variant_config(config, plain) == config


def test_every_part_of_a_variant_is_applied():
    config = preset("bandit", "smoke")
    variant = Variant(
        why="all differs",
        task={"trial_count": 7},
        network={"core": "gru"},
        learning={"rule": "readout"},
        training={"num_envs": 3},
        scale_units=1 / 3,
        scale_updates=1.5,
    )
    changed = variant_config(config, variant)
    assert changed.task_params.trial_count == 7
    assert (changed.network.core, changed.network.units) == ("gru", 3)
    assert changed.learning.rule == "readout"
    assert (changed.training.num_envs, changed.training.updates) == (3, 30)


def test_an_experiments_own_variants_come_before_the_general_ones():
    assert variants_of("daw-two-step") == VARIANTS
    bandit = variants_of("bandit")
    assert {"easy", "no-reward", "units-half"} <= set(bandit)
    for name in ("no-reward", "no-action", "no-memory"):
        assert bandit[name] is VARIANTS[name] is experiment("bandit").variants[name]


def test_an_own_variant_is_found_by_its_name():
    changed = fitting_config(preset("risky-choice", "smoke"), "no-rpe")
    assert changed.network.feedback == "none"
    with pytest.raises(ValueError, match="variant must be one of no-reward"):
        fitting_config(preset("bandit", "smoke"), "no-rpe")
