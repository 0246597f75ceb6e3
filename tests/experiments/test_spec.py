"""Protocols: every test and control fits its task, and says what the paper did."""

import re
import subprocess
import sys
from dataclasses import fields, replace

import pytest

from metarl.core.interventions import parse
from metarl.envs.bandit import DEPENDENT
from metarl.envs.bandit import DISTRIBUTIONS as LAWS
from metarl.envs.registry import NAMES
from metarl.experiments.presets import PRESETS, preset
from metarl.experiments.tests import (
    DISTRIBUTIONS,
    DOSES,
    PROTOCOLS,
    TIED,
    Control,
    Protocol,
    chosen_conditions,
    control_config,
    protocol,
)
from metarl.runs.config import TEST, EvaluationConfig, with_settings
from metarl.simulation.evaluation import check_test
from metarl.training.trainer import make_network

CONTROLS = [(task, name) for task in NAMES for name in protocol(task).controls]


def test_every_protocol_is_of_a_task_in_the_catalogue():
    assert set(PROTOCOLS) <= set(NAMES)


@pytest.mark.parametrize("task", [*NAMES, "toys:Lottery"])
@pytest.mark.parametrize("name", PRESETS)
def test_every_test_can_be_taken_by_the_networks_of_every_preset(task, name):
    config = preset(task, name)
    for condition, test in protocol(task).conditions.items():
        check_test(config, test)
        changed = with_settings(config.task_params, test.settings)
        told = [setting.partition("=")[0] for setting in test.settings]
        for field in fields(changed):
            same = getattr(changed, field.name) == getattr(
                config.task_params, field.name
            )
            assert same or field.name in told, condition


@pytest.mark.parametrize(
    ("test", "words"),
    [
        ({"settings": ("trials=3",)}, "a setting must be NAME=VALUE with a name of"),
        ({"settings": ("trial_count",)}, "got 'trial_count'"),
        ({"settings": ("trial_count=0",)}, "trial_count must be at least 1, got 0"),
        (
            {"settings": ("trial_count=few",)},
            "trial_count must be of type int, got 'few'",
        ),
        ({"settings": ("fixation=no",)}, "fixation must be of type bool, got 'no'"),
        (
            {"settings": ("fixation=False",)},
            "settings must leave the number of inputs and actions as it was in "
            "training, got fixation=False",
        ),
        ({"interventions": ("units set 0 of 48",)}, "units must be below 48"),
        ({"interventions": ("units set 0 when risky == 1",)}, "'risky' is unknown"),
        ({"interventions": ("rpe set 0",)}, "rpe can be manipulated where it is the"),
    ],
)
def test_a_test_that_the_networks_cannot_take_is_refused(test, words):
    with pytest.raises(ValueError, match=words):
        check_test(preset("two-step"), EvaluationConfig(**test))


@pytest.mark.parametrize("task", [*NAMES, "toys:Lottery"])
def test_the_main_test_comes_first_and_names_are_plain(task):
    methods = protocol(task)
    names = [*methods.conditions, *methods.controls]
    assert names[0] == TEST
    assert methods.test is methods.conditions[TEST]
    assert all(re.fullmatch(r"[a-z0-9.=-]+", name) for name in names)


@pytest.mark.parametrize("task", NAMES)
def test_the_main_test_is_of_the_network_as_it_was_trained(task):
    test = protocol(task).test
    assert test.interventions == ()
    assert test.reset_memory == "episode"
    assert not test.greedy


@pytest.mark.parametrize(("task", "name"), CONTROLS)
def test_every_control_differs_as_it_says_and_in_nothing_else(task, name):
    config, control = preset(task, "smoke"), protocol(task).controls[name]
    changed = control_config(config, control)
    for field, value in control.network.items():
        assert getattr(changed.network, field) == value
        assert getattr(config.network, field) != value
    back = {name: getattr(config.network, name) for name in control.network}
    assert replace(changed.network, **back) == config.network
    told = [setting.partition("=")[0] for setting in control.settings]
    before = {name: getattr(config.task_params, name) for name in told}
    assert replace(changed.task_params, **before) == config.task_params
    longer = round(config.training.updates * control.longer)
    assert replace(config.training, updates=longer) == changed.training
    parts = ("network", "task_params", "training")
    same = replace(changed, **{part: getattr(config, part) for part in parts})
    assert same == config
    assert changed != config
    assert control.why


@pytest.mark.parametrize(("task", "name"), CONTROLS)
def test_every_control_can_take_its_tests(task, name):
    control, tests = protocol(task).controls[name], protocol(task).conditions
    config = control_config(preset(task, "smoke"), control)
    assert TEST in control.conditions
    assert set(control.conditions) <= set(tests)
    for condition in control.conditions:
        check_test(config, tests[condition])
    own, plain = make_network(config, 0), make_network(preset(task, "smoke"), 0)
    assert (own.input_size, own.action_count) == (plain.input_size, plain.action_count)


def test_a_task_without_a_protocol_takes_the_plain_test():
    for task in ("two-step", "toys:Lottery"):
        assert protocol(task) == Protocol()
    assert dict(protocol("two-step").conditions) == {TEST: EvaluationConfig()}
    assert (protocol("two-step").test.episodes, protocol("two-step").controls) == (
        300,
        {},
    )


def test_tests_are_chosen_by_name():
    every = chosen_conditions("volatility", None)
    assert list(every) == list(protocol("volatility").conditions)
    chosen = chosen_conditions("volatility", ("generator",))
    assert chosen == {"generator": every["generator"]}
    with pytest.raises(
        ValueError, match="condition must be one of test, generator; got 'quiet'"
    ):
        chosen_conditions("volatility", ("generator", "quiet"))


def test_a_control_takes_the_main_test_unless_it_is_told_otherwise():
    assert Control(why="nothing differs").conditions == (TEST,)
    config = preset("bandit")
    assert control_config(config, Control(why="nothing differs")) == config


# What the papers did


@pytest.mark.parametrize(
    ("task", "episodes", "settings"),
    [
        ("matching", 500, ("held_out=True",)),
        ("volatility", 400, ("schedule=blocks",)),
        ("risky-choice", 1_333, ()),
        ("two-step", 300, ()),
        ("reversal", 500, ()),
    ],
)
def test_the_main_test_has_the_published_episodes(task, episodes, settings):
    test = protocol(task).test
    assert (test.episodes, test.settings) == (episodes, settings)


def test_values_are_inferred_over_1200_blocks_whose_memory_goes_on_or_is_cleared():
    methods = protocol("inferred-value")
    params = preset("inferred-value").task_params
    for test in methods.conditions.values():
        assert test.episodes * params.block_count == 1_200
        assert test.record_episodes == test.episodes
    (text,) = methods.conditions["block-reset"].interventions
    reset = parse(text)
    assert (reset.target, reset.operation) == ("memory", "reset")
    assert reset.when.text == (
        f"event == 'fixation' and trial % {params.block_trials} == 0"
    )


def test_bandits_are_tested_on_every_law_whichever_they_were_trained_on():
    assert (*LAWS,) == DISTRIBUTIONS
    assert (*DEPENDENT,) == TIED
    methods = protocol("bandit")
    assert list(methods.conditions) == [TEST, *DISTRIBUTIONS]
    for name in DISTRIBUTIONS:
        test = methods.conditions[name]
        assert test.settings == (f"distribution={name}",)
        assert test.shared_problems
    for name in TIED:
        control = methods.controls[name]
        assert control.settings == (f"distribution={name}",)
        assert control.conditions == (TEST, *DISTRIBUTIONS)
    ablations = {name: methods.controls[name].network for name in methods.controls}
    assert ablations["no-reward"] == {"feedback": "none"}
    assert ablations["no-action"] == {"action_input": False}
    assert ablations["no-memory"] == {"core": "feedforward"}


STIMULATED = {
    "risky-win": ("risky == 1 and won == 1", -4),
    "safe": ("risky == 0", -1),
    "risky-loss": ("risky == 1 and won == 0", 1),
}
"""Wang et al. 2018, Simulation 6: the event, and the error it is given."""


@pytest.mark.parametrize("name", STIMULATED)
def test_dopamine_is_blocked_and_dosed_as_published(name):
    conditions = protocol("risky-choice").conditions
    when, amount = STIMULATED[name]
    assert conditions[f"block-{name}"].interventions == (
        f"rpe set {amount} when {when}",
    )
    assert conditions[f"block-{name}-free"].interventions == (
        f"rpe set {amount} when {when} and forced == 0",
    )
    assert conditions[f"block-{name}"].episodes == 1_333
    assert amount in DOSES[name]
    assert 0 in DOSES[name]
    assert list(DOSES[name]) == sorted(DOSES[name])
    for dose in DOSES[name]:
        text = f"rpe set {dose:g} when {when}"
        assert conditions[f"dose-{name}={dose:g}"].interventions == (text,)


def test_stimulated_networks_are_tested_like_the_others_but_for_that():
    conditions = protocol("risky-choice").conditions
    plain = conditions[TEST]
    assert len(conditions) == 1 + 2 * 3 + sum(map(len, DOSES.values()))
    for name, test in conditions.items():
        unlike = {"episodes", "record_episodes", "interventions"}
        for field in fields(test):
            if field.name not in unlike:
                assert getattr(test, field.name) == getattr(plain, field.name)
        assert bool(test.interventions) == (name != TEST)


@pytest.mark.parametrize("task", ["harlow-line", "harlow"])
def test_learning_sets_are_tested_with_what_training_never_showed(task):
    methods = protocol(task)
    assert methods.test.episodes == 4_500
    for name, test in methods.conditions.items():
        params = with_settings(preset(task).task_params, test.settings)
        assert params.held_out == (name != "held-in")
        assert params.new_distractor == float(name == "new-distractor")
        assert (params.trial_count, params.reversal_after) == (
            (12, 6) if name == "reversal" else (6, 0)
        )
        assert test.reset_memory == ("trial" if name == "trial-reset" else "episode")
    assert ("equalized" in methods.conditions) == (task == "harlow")
    taken = set(methods.controls["replaced"].conditions)
    assert {TEST, "new-distractor", "trial-reset"} <= taken


def test_snapshots_of_learning_sets_alone_are_tested_as_the_trained_networks_are():
    staged = {task for task in NAMES if protocol(task).stages}
    assert staged == {"harlow-line", "harlow"}
    for task in staged:
        stages, test = protocol(task).stages, protocol(task).test
        assert (stages.episodes, stages.record_episodes) == (300, 0)
        assert (stages.settings, stages.reset_memory) == (test.settings, "episode")
        check_test(preset(task), stages)


def test_units_are_read_beside_an_untrained_networks_wherever_they_are_recorded():
    """Decoding is never shown without what an untrained network would give."""
    for task in ("matching", "volatility", "inferred-value", "harlow-line", "harlow"):
        test = protocol(task).test
        assert test.record_episodes > 0
        assert test.record_untrained


def test_protocols_are_read_without_torch():
    code = "import sys, metarl.experiments.tests; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
