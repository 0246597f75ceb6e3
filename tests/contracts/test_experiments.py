"""Promises of every experiment: its four rooms, presets, tests and variants."""

import importlib
import re
from dataclasses import fields, replace

import pytest

from metarl.analysis.analysis import Analysis
from metarl.core.docstrings import paragraphs
from metarl.envs.registry import NAMES, load, task_class
from metarl.envs.task import Task
from metarl.experiments.spec import all_experiments, experiment, preset
from metarl.experiments.variants import variant_config
from metarl.runs.config import TEST, RunConfig, change_params, from_plain, to_plain
from metarl.simulation.evaluation import check_test
from metarl.training.trainer import check_trainable, make_network

PRESETS = {"fast", "paper", "smoke"}
"""Presets that every experiment has."""
every_name = pytest.mark.parametrize("name", NAMES)
every_preset = pytest.mark.parametrize(
    ("name", "title"),
    [
        (name, title)
        for name in (*NAMES, "toys:Lottery")
        for title in experiment(name).presets
    ],
)
every_variant = pytest.mark.parametrize(
    ("name", "title"),
    [(name, title) for name in NAMES for title in experiment(name).variants],
)

# Rooms


def test_every_name_of_the_registry_is_an_experiment_in_its_order():
    assert list(all_experiments()) == list(NAMES)
    questions = {asked.question for asked in all_experiments().values()}
    assert len(questions) == len(NAMES)


@every_name
def test_every_name_has_its_four_rooms(name):
    """A task of a family shares the rooms of its family, as harlow-line does."""
    asked, kind = experiment(name), task_class(name)
    rooms = {name.replace("-", "_"), name.partition("-")[0]}
    assert (
        importlib.import_module(
            f"metarl.experiments.{name.replace('-', '_')}"
        ).EXPERIMENT
        is asked
    )
    assert issubclass(kind, Task)
    assert load(asked.env) is kind
    assert rooms & set(kind.__module__.split("."))
    assert asked.baselines.removeprefix("metarl.baselines.") in rooms
    assert next(iter(asked.make_baselines(kind(1)))) == "random"


@every_name
def test_every_name_leads_to_its_analysis(name):
    asked = experiment(name)
    analysis = asked.load_analysis()
    assert isinstance(analysis, Analysis)
    assert analysis is importlib.import_module(asked.analysis).ANALYSIS
    assert analysis is experiment(name).load_analysis()


@every_name
def test_an_experiment_says_what_is_asked_and_where_it_comes_from(name):
    asked = experiment(name)
    assert asked.summary
    assert asked.question.endswith("?")
    assert re.search(r"\b(19|20)\d\d\b", asked.source)
    labels = {paragraph.label for paragraph in paragraphs(asked.notes)}
    known = {"Training", "Test", "Expected", "Presets", "Departs", "Declared"}
    assert labels <= known
    assert labels


@every_name
def test_published_parameters_are_parameters_of_the_task(name):
    """With the values of the main test of the preset `paper`, where it is scored."""
    analysis, asked = experiment(name).load_analysis(), experiment(name)
    params = change_params(preset(name, "paper").task_params, asked.test.task)
    if name in analysis.criteria:
        assert analysis.published.items() <= vars(params).items()


# Presets


@every_name
def test_every_experiment_has_the_three_presets(name):
    assert set(experiment(name).presets) >= PRESETS
    assert preset(name, "smoke").training.steps < 10_000


@every_preset
def test_every_preset_builds_a_configuration_that_can_be_trained(name, title):
    config = preset(name, title)
    assert isinstance(config, RunConfig)
    assert (config.task, config.preset) == (name, title)
    settings = experiment(name).presets[title].task
    assert config.task_params == task_class(name).params_type(**settings)
    assert (config.subjects, config.seed) == (8, 1)
    check_trainable(config)
    assert from_plain(to_plain(config)) == config


# Tests


@pytest.mark.parametrize("name", [*NAMES, "toys:Lottery"])
def test_the_main_test_comes_first_and_names_are_plain(name):
    asked = experiment(name)
    names = [*asked.tests, *asked.variants]
    assert names[0] == TEST
    assert asked.test is asked.tests[TEST]
    assert all(re.fullmatch(r"[a-z0-9.=-]+", each) for each in names)


@every_name
def test_the_main_test_is_of_the_network_as_it_was_trained(name):
    test = experiment(name).test
    assert test.interventions == ()
    assert test.reset_memory == "episode"
    assert not test.greedy


@every_preset
def test_every_test_can_be_taken_by_the_networks_of_every_preset(name, title):
    config = preset(name, title)
    for words, test in experiment(name).tests.items():
        check_test(config, test)
        changed = change_params(config.task_params, test.task)
        for field in fields(changed):
            same = getattr(changed, field.name) == getattr(
                config.task_params, field.name
            )
            assert same or field.name in test.task, words


# Variants


@every_variant
def test_every_variant_differs_as_it_says_and_in_nothing_else(name, title):
    config, variant = preset(name, "smoke"), experiment(name).variants[title]
    changed = variant_config(config, variant)
    check_trainable(changed)
    for field, value in variant.network.items():
        assert getattr(changed.network, field) == value
        assert getattr(config.network, field) != value
    back = {field: getattr(config.network, field) for field in variant.network}
    assert replace(changed.network, **back) == config.network
    before = {field: getattr(config.task_params, field) for field in variant.task}
    assert replace(changed.task_params, **before) == config.task_params
    updates = round(config.training.updates * variant.scale_updates)
    assert replace(config.training, updates=updates) == changed.training
    differing = ("network", "task_params", "training")
    same = replace(changed, **{part: getattr(config, part) for part in differing})
    assert same == config
    assert changed != config
    assert variant.why


@every_variant
def test_every_variant_can_take_its_tests(name, title):
    variant, tests = experiment(name).variants[title], experiment(name).tests
    config = variant_config(preset(name, "smoke"), variant)
    assert TEST in variant.tests
    assert set(variant.tests) <= set(tests)
    own = make_network(config, 0)
    for test in variant.tests:
        check_test(config, tests[test])
        params = change_params(config.task_params, tests[test].task)
        fitting = make_network(replace(config, task_params=params), 0)
        assert (own.input_size, own.action_count) == (
            fitting.input_size,
            fitting.action_count,
        )
