"""Experiments: all components by name, and the published settings."""

import importlib
import subprocess
import sys
from dataclasses import fields, replace

import pytest
import toys
from toys import Lottery, LotteryParams

from metarl.core.interventions import parse
from metarl.envs.bandit import DEPENDENT
from metarl.envs.bandit import DISTRIBUTIONS as LAWS
from metarl.envs.registry import task_class
from metarl.experiments.bandit import CORRELATED, DISTRIBUTIONS
from metarl.experiments.risky_choice import STIMULATIONS
from metarl.experiments.spec import (
    Experiment,
    Variant,
    all_experiments,
    experiment,
    preset,
)
from metarl.runs.config import TEST, EvaluationConfig, change_params, in_words
from metarl.simulation.evaluation import check_test

PRESETS = ("fast", "paper", "smoke")

# Every experiment


@pytest.mark.parametrize(
    ("test", "words"),
    [
        ({"task": {"trials": 3}}, "a task's parameter must be one of trial_count"),
        ({"task": {"trial_count": 0}}, "trial_count must be at least 1, got 0"),
        (
            {"task": {"trial_count": "few"}},
            "trial_count must be a whole number, got 'few'",
        ),
        ({"task": {"fixation": "no"}}, "fixation must be True or False, got 'no'"),
        (
            {"task": {"fixation": False}},
            "settings must leave the number of inputs and actions as it was in "
            "training, got fixation=False",
        ),
        ({"interventions": "units set 0 of 48"}, "units must be below 48"),
        (
            {"interventions": "units set 0 when risky == 1"},
            "must use known names, got 'risky'",
        ),
        ({"interventions": "rpe set 0"}, "rpe must be the network's feedback"),
    ],
)
def test_a_test_that_the_networks_cannot_take_is_refused(test, words):
    if "interventions" in test:
        test = {"interventions": (parse(test["interventions"]),)}
    with pytest.raises(ValueError, match=words):
        check_test(preset("two-step"), EvaluationConfig(**test))


# A user's own


def test_a_task_alone_takes_the_plain_test():
    alone = experiment("toys:Lottery")
    assert alone.tests == {TEST: EvaluationConfig()}
    assert alone.variants == {}
    assert alone.test.episodes == 300
    assert experiment("two-step").test == alone.test
    assert alone.env is Lottery
    assert alone.load_analysis() is None
    assert alone.make_baselines(Lottery(1)) == {}


def test_an_experiment_of_a_users_module_is_found_by_its_name(monkeypatch):
    own = Experiment(env="toys:Lottery", presets=experiment("bandit").presets)
    monkeypatch.setattr(toys, "EXPERIMENT", own, raising=False)
    assert experiment("toys:EXPERIMENT") is own
    config = preset("toys:EXPERIMENT", "smoke")
    assert (config.task, config.task_params) == ("toys:EXPERIMENT", LotteryParams())
    assert task_class("toys:EXPERIMENT") is Lottery


def test_components_are_objects_or_their_names():
    presets = experiment("two-step").presets
    module = importlib.import_module("metarl.baselines.bandit")
    task = task_class("bandit")(1)
    named, given = (
        Experiment(env="metarl.envs.bandit:Bandit", presets=presets, baselines=each)
        for each in ("metarl.baselines.bandit", module)
    )
    assert list(named.make_baselines(task)) == list(given.make_baselines(task, 0.9))
    analysis = object()
    with_analysis = replace(named, analysis=analysis)
    assert with_analysis.load_analysis() is analysis


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tests": {"mine": EvaluationConfig()}}, "the main test must be one of mine"),
        (
            {"variants": {"x": Variant(why="a test", tests=("quiet",))}},
            "a test of a variant must be one of test, reversed; got 'quiet'",
        ),
        (
            {"baseline_tests": ("test", "quiet")},
            "a test of the baselines must be one of test, reversed; got 'quiet'",
        ),
    ],
)
def test_an_experiment_that_does_not_fit_together_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        replace(experiment("two-step"), **changes)


@pytest.mark.parametrize("room", ["baselines", "analysis"])
def test_a_module_that_does_not_exist_is_refused_before_anything_runs(
    room, monkeypatch
):
    for name in ("toyz", "toyz.inner"):
        own = Experiment(env=Lottery, presets={}, **{room: name})
        monkeypatch.setattr(toys, "EXPERIMENT", own, raising=False)
        words = f"{room} must be a module, or the name of one that can be imported"
        with pytest.raises(ValueError, match=rf"{words} .*, got '{name}'") as refused:
            experiment("toys:EXPERIMENT")
        assert ("; did you mean 'toys'?" in str(refused.value)) == (name == "toyz")
    monkeypatch.setattr(toys, "EXPERIMENT", replace(own, **{room: "toys"}))
    assert experiment("toys:EXPERIMENT")


def test_a_module_without_baselines_is_refused():
    own = Experiment(env=Lottery, presets={}, baselines="toys")
    with pytest.raises(ValueError, match="a function make_baselines, got 'toys'"):
        own.make_baselines(Lottery(1))


def test_a_source_is_a_sentence_or_nothing():
    own = Experiment(env=Lottery, presets={}, source="an example")
    assert own.source_line == "Source: an example."
    assert replace(own, source="").source_line == ""


def test_an_unknown_experiment_is_refused():
    with pytest.raises(ValueError, match="'twostep'; did you mean 'two-step'"):
        experiment("twostep")
    with pytest.raises(ValueError, match="'os:path' is no task"):
        experiment("os:path")


# What the papers did


@pytest.mark.parametrize(
    ("task", "episodes", "settings"),
    [
        ("matching", 500, {"held_out": True}),
        ("volatility", 400, {"schedule": "blocks"}),
        ("risky-choice", 1_333, {}),
        ("two-step", 300, {}),
        ("reversal", 500, {"largest_easing": 0.0}),
    ],
)
def test_the_main_test_has_the_published_episodes(task, episodes, settings):
    test = experiment(task).test
    assert (test.episodes, test.task) == (episodes, settings)


def test_values_are_inferred_over_1200_blocks_with_memory_carried_over_or_reset():
    asked = experiment("inferred-value")
    params = preset("inferred-value").task_params
    for test in asked.tests.values():
        assert test.episodes * params.block_count == 1_200
        assert test.record_episodes == test.episodes
    (reset,) = asked.tests["block-reset"].interventions
    assert (reset.target, reset.operation) == ("memory", "reset")
    assert reset.when.text == (
        f"event == 'fixation' and trial % {params.block_trials} == 0"
    )


def test_bandits_are_tested_on_every_law_whichever_they_were_trained_on():
    assert (*LAWS,) == DISTRIBUTIONS
    assert (*DEPENDENT,) == CORRELATED
    asked = experiment("bandit")
    assert list(asked.tests) == [TEST, *DISTRIBUTIONS]
    for name in DISTRIBUTIONS:
        test = asked.tests[name]
        assert test.task == {"distribution": name}
        assert test.shared_problems
    for name in CORRELATED:
        variant = asked.variants[name]
        assert variant.task == {"distribution": name}
        assert variant.tests == (TEST, *DISTRIBUTIONS)
    networks = {name: variant.network for name, variant in asked.variants.items()}
    assert networks["no-reward"] == {"feedback": "none"}
    assert networks["no-action"] == {"action_input": False}
    assert networks["no-memory"] == {"core": "feedforward"}


STIMULATED = {
    "risky-win": ("risky == 1 and won == 1", -4),
    "safe": ("risky == 0", -1),
    "risky-loss": ("risky == 1 and won == 0", 1),
}
"""Wang et al. 2018, Simulation 6: the event, and the error it is given."""


@pytest.mark.parametrize("name", STIMULATED)
def test_dopamine_is_blocked_and_dosed_as_published(name):
    tests = experiment("risky-choice").tests
    when, amount = STIMULATED[name]
    words = {title: in_words(test.interventions) for title, test in tests.items()}
    assert words[f"block-{name}"] == [f"rpe set {amount} when {when}"]
    assert words[f"block-{name}-free"] == [
        f"rpe set {amount} when {when} and forced == 0"
    ]
    assert tests[f"block-{name}"].episodes == 1_333
    doses = STIMULATIONS[name].doses
    assert amount in doses
    assert 0 in doses
    assert list(doses) == sorted(doses)
    for dose in doses:
        assert words[f"dose-{name}={dose:g}"] == [f"rpe set {dose:g} when {when}"]


def test_stimulated_networks_are_tested_like_the_others_but_for_that():
    tests = experiment("risky-choice").tests
    plain = tests[TEST]
    doses = sum(len(each.doses) for each in STIMULATIONS.values())
    assert len(tests) == 1 + 2 * 3 + doses
    for name, test in tests.items():
        unlike = {"episodes", "record_episodes", "interventions"}
        for field in fields(test):
            if field.name not in unlike:
                assert getattr(test, field.name) == getattr(plain, field.name)
        assert bool(test.interventions) == (name != TEST)


@pytest.mark.parametrize("task", ["harlow-line", "harlow"])
def test_learning_sets_are_tested_with_what_training_never_showed(task):
    asked = experiment(task)
    assert asked.test.episodes == 4_500
    for name, test in asked.tests.items():
        params = change_params(preset(task).task_params, test.task)
        assert params.held_out == (name != "held-in")
        assert params.new_distractor == float(name == "new-distractor")
        assert (params.trial_count, params.reversal_after) == (
            (12, 6) if name == "reversal" else (6, 0)
        )
        assert test.reset_memory == ("trial" if name == "trial-reset" else "episode")
    assert ("equalized" in asked.tests) == (task == "harlow")
    taken = set(asked.variants["replaced"].tests)
    assert {TEST, "new-distractor", "trial-reset"} <= taken


def test_snapshots_of_learning_sets_alone_are_tested_as_the_trained_networks_are():
    tested = {k: each for k, each in all_experiments().items() if each.snapshot_test}
    assert set(tested) == {"harlow-line", "harlow"}
    for task, each in tested.items():
        short, test = each.snapshot_test, each.test
        assert (short.episodes, short.record_episodes) == (300, 0)
        assert (short.task, short.reset_memory) == (test.task, "episode")
        check_test(preset(task), short)


def test_recorded_units_are_compared_with_those_of_an_untrained_network():
    """Decoding is never shown without what an untrained network would give."""
    for task in ("matching", "volatility", "inferred-value", "harlow-line", "harlow"):
        test = experiment(task).test
        assert test.record_episodes > 0
        assert test.record_untrained


def test_experiments_are_read_without_torch():
    code = (
        "import sys; from metarl.experiments.spec import all_experiments;"
        "all_experiments(); print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
