"""A configuration survives JSON, and refuses what is wrong with it by name."""

import json
from dataclasses import replace

import pytest

from metarl.agents.config import A2CConfig, NetworkConfig, Schedule
from metarl.core.checks import MetaRLError
from metarl.core.interventions import parse
from metarl.envs.registry import NAMES
from metarl.experiments.spec import preset
from metarl.runs.config import (
    EvaluationConfig,
    RunConfig,
    TrainingConfig,
    change_params,
    from_plain,
    identity,
    parse_settings,
    to_plain,
)


@pytest.mark.parametrize("task", [*NAMES, "toys:Lottery"])
@pytest.mark.parametrize("name", ["fast", "paper", "smoke"])
def test_a_configuration_comes_back_from_json_the_same(task, name):
    config = preset(task, name)
    again = from_plain(json.loads(json.dumps(to_plain(config))))
    assert again == config
    assert type(again.task_params) is type(config.task_params)
    assert type(again.learning.discount) is Schedule


def test_every_setting_comes_back_changed_as_it_was():
    config = replace(
        preset("two-step", "smoke"),
        network=NetworkConfig(
            core="gru",
            units=3,
            critic="separate",
            feedback="rpe",
            action_input=False,
            learned_initial_state=False,
            input_gain=2.0,
            forget_bias=0.5,
            head_deviation=0.01,
        ),
        learning=A2CConfig(
            learning_rate=Schedule(start=0.1, end=0.2, fraction=0.3),
            discount=Schedule(start=0.4, end=0.5, fraction=0.6),
            trace_decay=0.7,
            value_weight=0.8,
            entropy_weight=Schedule(start=0.9, end=1.0, fraction=0.11),
            optimizer="adam",
            decay=0.12,
            epsilon=0.13,
            gradient_clip=0.14,
            normalize_advantages=True,
            rule="readout",
        ),
        training=TrainingConfig(
            num_envs=2,
            unroll_steps=3,
            updates=4,
            interventions=(parse("rpe add 1"),),
            reset_memory="trial",
        ),
        subjects=5,
        seed=6,
    )
    config = replace(
        config,
        task_params=replace(config.task_params, trial_count=7, fixation=False),
    )
    assert from_plain(json.loads(json.dumps(to_plain(config)))) == config


def changed(path, value):
    """A plain configuration with one entry changed: path is "learning.decay"."""
    plain = to_plain(preset("two-step", "smoke"))
    *parents, name = path.split(".")
    place = plain
    for parent in parents:
        place = place[parent]
    place[name] = value
    return plain


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("learning.momentum", 1, "A2CConfig has no field momentum"),
        ("learning.discount.slope", 1, "Schedule has no field slope"),
        ("task_params.arms", 2, "TwoStepParams has no field arms"),
        ("gpu", 1, "RunConfig has no field gpu"),
        ("task", "three-step", "unknown task 'three-step'; did you mean 'two-step'"),
        ("task", "nowhere:Task", "'nowhere:Task' cannot be imported"),
        ("task_params.probability_high", 1.5, r"must be in \[0, 1\], got 1.5"),
        ("learning", 3, "does not fit this version of metarl: "),
        ("subjects", "many", "does not fit this version of metarl: "),
        ("subjects", 0, "subjects must be at least 1, got 0"),
    ],
)
def test_what_does_not_fit_is_said_in_one_sentence(path, value, words):
    with pytest.raises(MetaRLError, match=words) as caught:
        from_plain(changed(path, value))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", ["task", "task_params", "preset"])
def test_a_missing_field_is_named(missing):
    plain = to_plain(preset("two-step", "smoke"))
    del plain[missing]
    with pytest.raises(
        MetaRLError, match=f"does not fit this version of metarl: .*{missing}"
    ):
        from_plain(plain)


def test_memory_is_reset_each_episode_or_trial_while_a_network_learns():
    with pytest.raises(MetaRLError, match="reset_memory must be one of episode, trial"):
        from_plain(changed("training.reset_memory", "never"))


@pytest.mark.parametrize("plain", [[], None, "text", 3])
def test_what_is_no_configuration_at_all_is_refused(plain):
    with pytest.raises(MetaRLError, match="does not fit this version"):
        from_plain(plain)


@pytest.mark.parametrize("name", ["num_envs", "unroll_steps", "updates"])
def test_training_of_nothing_is_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        TrainingConfig(**{name: 0})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"episodes": 0}, "episodes must be at least 1, got 0"),
        ({"record_episodes": -1}, "record_episodes must be at least 0, got -1"),
        ({"reset_memory": "always"}, "must be one of episode, trial, never; got 'alw"),
    ],
)
def test_an_evaluation_of_nothing_is_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        EvaluationConfig(**settings)


def test_a_run_without_a_seed_or_subjects_is_refused():
    smoke = preset("two-step", "smoke")
    with pytest.raises(ValueError, match="seed must be at least 0, got -1"):
        replace(smoke, seed=-1)
    with pytest.raises(ValueError, match="subjects must be at least 1, got 0"):
        replace(smoke, subjects=0)


def test_advantages_of_a_single_step_cannot_be_normalized():
    smoke = preset("two-step", "smoke")
    one = TrainingConfig(num_envs=1, unroll_steps=1)
    words = (
        "num_envs . unroll_steps, to normalize advantages, must be at least 2, got 1"
    )
    with pytest.raises(ValueError, match=words):
        replace(smoke, training=one, learning=A2CConfig(normalize_advantages=True))
    assert replace(smoke, training=one, learning=A2CConfig()).training == one


def test_steps_count_every_environment():
    assert TrainingConfig(num_envs=3, unroll_steps=5, updates=7).steps == 105


def test_defaults_are_the_papers_single_stream():
    config = RunConfig(task="two-step", preset="paper", task_params=None)
    assert (config.training.num_envs, config.training.updates) == (1, 10_000)


# Parameters that differ in a test


@pytest.mark.parametrize(
    ("setting", "field", "value"),
    [
        ("trial_count=7", "trial_count", 7),
        ("probability_high=.75", "probability_high", 0.75),
        ("probability_high=1", "probability_high", 1),
        ("fixation=False", "fixation", False),
    ],
)
def test_a_tasks_parameters_are_changed_by_name(setting, field, value):
    params = preset("two-step").task_params
    assert parse_settings([setting]) == {field: value}
    changed = change_params(params, {field: value})
    assert changed == replace(params, **{field: value})
    assert params == preset("two-step").task_params


def test_a_word_needs_no_quotes_and_the_last_setting_holds():
    assert parse_settings(["schedule=blocks"]) == {"schedule": "blocks"}
    assert parse_settings(["schedule='blocks'"]) == {"schedule": "blocks"}
    both = parse_settings(["trial_count=3", "schedule=blocks", "trial_count=4"])
    assert both == {"trial_count": 4, "schedule": "blocks"}
    assert parse_settings([]) == {}
    params = preset("volatility").task_params
    assert change_params(params, {}) == params


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        (
            "trials=7",
            "the name of a task's parameter must be one of trial_count, schedule, .*; "
            "got 'trials'",
        ),
        ("trial_count", "a setting must be NAME=VALUE, got 'trial_count'"),
        ("=3", "a setting must be NAME=VALUE, got '=3'"),
        ("trial_count=", "trial_count must be a whole number, got ''"),
        ("trial_count=2.5", "trial_count must be a whole number, got 2.5"),
        ("trial_count=True", "trial_count must be a whole number, got True"),
        ("trial_count=0", "trial_count must be at least 1, got 0"),
        ("schedule=weekly", "schedule must be one of training, constant, blocks; got"),
    ],
)
def test_a_wrong_setting_gets_one_sentence(setting, words):
    with pytest.raises(ValueError, match=f"^{words}"):
        change_params(preset("volatility").task_params, parse_settings([setting]))


@pytest.mark.parametrize(
    "task",
    [
        {},
        {"held_out": True, "new_distractor": 0.0, "trial_count": 12},
        {"schedule": "blocks"},
        {"schedule": "2"},
        {"probability": 1e-9, "pictures": "a folder/with = signs"},
    ],
)
def test_a_test_is_written_in_words_and_read_back(task):
    test = EvaluationConfig(
        episodes=7,
        task=task,
        greedy=True,
        interventions=(parse("units set 0 of 1-3 when trial > 2"),),
    )
    plain = json.loads(json.dumps(test.to_plain()))
    assert EvaluationConfig.from_plain(plain) == test
    further = {**plain, "task": "two-step", "seed": 3}
    assert EvaluationConfig.from_plain(further) == test


def test_a_test_is_written_as_on_the_command_line():
    test = EvaluationConfig(
        task={"held_out": True, "schedule": "blocks"},
        interventions=(parse("memory reset when trial == 50"),),
    )
    plain = test.to_plain()
    assert plain["settings"] == ["held_out=True", "schedule=blocks"]
    assert plain["interventions"] == ["memory reset when trial == 50"]
    assert "task" not in plain
    assert list(plain) == [
        "episodes",
        "record_episodes",
        "reset_memory",
        "greedy",
        "settings",
        "interventions",
        "shared_problems",
        "record_untrained",
        "probe",
    ]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "teaching must not be changed in a test"),
        (
            {"record_untrained": True, "reset_memory": "never"},
            "record_untrained needs memory that is reset each episode and no "
            "interventions, got 'never'",
        ),
        (
            {"record_untrained": True},
            r"no interventions, got 'episode' and \['units set 0'\]",
        ),
    ],
)
def test_a_test_that_cannot_be_is_refused(settings, words):
    text = "units set 0" if settings else "teaching set 0"
    done = () if "reset_memory" in settings else (parse(text),)
    with pytest.raises(ValueError, match=words):
        EvaluationConfig(**settings, interventions=done)


def test_a_probe_of_the_memory_has_no_interventions():
    with pytest.raises(ValueError, match=r"probe interchange, got \['units set 0'\]"):
        EvaluationConfig(probe="interchange", interventions=(parse("units set 0"),))


def test_training_refuses_what_cannot_be_done_while_a_network_learns():
    with pytest.raises(ValueError, match="an intervention in training must set"):
        TrainingConfig(interventions=(parse("units set 0"),))
    sentences = ("teaching scale 0.5 when paid > 0", "memory reset")
    config = replace(
        preset("two-step", "smoke"),
        training=TrainingConfig(interventions=tuple(map(parse, sentences))),
    )
    plain = json.loads(json.dumps(to_plain(config)))
    assert plain["training"]["interventions"] == list(sentences)
    assert from_plain(plain) == config


def test_an_intervention_that_cannot_be_read_is_said_in_one_sentence():
    with pytest.raises(MetaRLError, match="the operation on rpe must be one of"):
        from_plain(changed("training.interventions", ["rpe sit 0"]))


@pytest.mark.parametrize("text", ["[" * 9000, "{[]: 1}", "-" * 9000 + "1", "1\0"])
def test_a_setting_that_is_no_value_is_a_word(text):
    assert parse_settings([f"name={text}"]) == {"name": text}


@pytest.mark.parametrize(
    ("part", "changes", "words"),
    [
        ("", {"subjects": True}, "subjects must be a whole number, got True"),
        (
            "",
            {"subjects": 10**9},
            "subjects must be at most 1,000, got 1000000000: the",
        ),
        ("", {"seed": 2**63}, "seed must be at most 9,223,372,036,854,775,807, got"),
        ("", {"network": None}, "network must be of type NetworkConfig, got None"),
        ("network", {"units": 10**6}, "units must be at most 10,000, got 1000000: the"),
        ("training", {"updates": 1e20}, "updates must be a whole number, got 1e"),
        ("training", {"updates": 10**20}, "updates must be at most 1,000,000,000, got"),
        ("training", {"num_envs": 2**21}, "num_envs must be at most 1,048,576, got"),
        ("training", {"unroll_steps": 10**7}, "unroll_steps must be at most 1,000,000"),
        (
            "training",
            {"updates": 10**9, "num_envs": 10**5},
            r"num_envs \* unroll_steps \* updates must be at most 1,000,000,000,000",
        ),
        (
            "training",
            {"updates": 1, "num_envs": 10**6, "unroll_steps": 10**4},
            r"num_envs \* unroll_steps \* units must be at most 1,000,000,000, got .*: "
            "the activity of an unroll is in memory, some 32 GB",
        ),
        (
            "training",
            {"interventions": None},
            "interventions must be a tuple, got None",
        ),
    ],
)
def test_a_setting_of_a_wrong_type_or_size_is_refused(part, changes, words, small):
    config = small()
    named = getattr(config, part) if part else config

    def change():
        changed = replace(named, **changes)
        return replace(config, **{part: changed}) if part else changed

    with pytest.raises(ValueError, match=words):
        change()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"episodes": 2.5}, "episodes must be a whole number, got 2.5"),
        ({"episodes": 10**7}, "episodes must be at most 1,000,000, got 10000000: the"),
        ({"record_episodes": 10**5}, "record_episodes must be at most 10,000, got"),
        ({"greedy": "no"}, "greedy must be True or False, got 'no'"),
        ({"reset_memory": True}, "reset_memory must be one of episode, trial, never"),
        ({"task": [("trial_count", 3)]}, "task must be a mapping of names, got"),
        ({"interventions": "rpe set 0"}, "interventions must be a tuple, got 'rpe set"),
    ],
)
def test_a_test_with_a_field_of_a_wrong_type_or_size_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        EvaluationConfig(**changes)


def test_an_identity_names_what_the_weights_depend_on(small):
    config = small()
    one = identity(config, 1)
    assert (one["task"], one["seed"], one["subject"]) == ("two-step", 1, 1)
    assert identity(replace(config, subjects=7, preset="own"), 1) == one
    changed = [
        small(trial_count=7),
        replace(config, network=replace(config.network, units=6)),
        replace(config, training=replace(config.training, updates=41)),
        replace(config, learning=replace(config.learning, decay=0.5)),
        replace(
            config,
            training=replace(config.training, interventions=(parse("rpe set 0"),)),
        ),
    ]
    hashes = {identity(each, 1)["configuration"] for each in [config, *changed]}
    assert len(hashes) == 6
    again = from_plain(json.loads(json.dumps(to_plain(config))))
    assert identity(again, 1) == one
