"""Small data of any registered experiment: random choosers and untrained networks.

Nothing here names an experiment, so a new one is covered as soon as it is registered.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
from short import small

from metarl.analysis import ExperimentData
from metarl.analysis.analysis import Analysis
from metarl.envs.registry import NAMES
from metarl.experiments.spec import experiment, preset
from metarl.experiments.variants import variant_config
from metarl.runs.config import TEST, change_params
from metarl.simulation.evaluation import baseline_test, replay_recording, run_episodes
from metarl.training.trainer import make_network

ANALYSES = {
    name: analysis
    for name in NAMES
    if isinstance(analysis := experiment(name).load_analysis(), Analysis)
}
"""Experiment -> its analysis."""
SUBJECTS = 3
"""Networks of a population; two are too few for an interval."""
EPISODES = 4
"""Episodes of each test."""
UNTRAINED = 100
"""Number added to a subject's, for the network that stands for its untrained one."""


def small_config(name, seed=1):
    """The smoke preset with few units, in a world where random play ends trials."""
    config = replace(preset(name, "smoke"), subjects=SUBJECTS, seed=seed)
    return replace(
        config,
        task_params=change_params(config.task_params, small(name)),
        network=replace(config.network, units=6),
    )


def parameters_of(name):
    """All parameters of the main test, as published."""
    params = preset(name, "paper").task_params
    tested = vars(change_params(params, experiment(name).test.task))
    return tested | dict(ANALYSES[name].published)


@cache
def chance(name, *, episodes=EPISODES, subjects=SUBJECTS, seed=1):
    """Trial table of subjects that choose at random."""
    test = replace(experiment(name).test, episodes=episodes, record_episodes=0)
    tables = [
        _played(name, "random", test, subject, seed)[0] for subject in range(subjects)
    ]
    return pd.concat(tables, ignore_index=True)


def _played(name, baseline, test, subject=0, seed=1):
    """Trial table and recording of one baseline."""
    return run_episodes(
        small_config(name, seed),
        subject,
        lambda task: experiment(name).make_baselines(task)[baseline],
        baseline_test(test),
    )


def _networks(config, tests, subjects):
    """Untrained networks that take these tests: test -> (trial table, recordings)."""
    taken = {}
    for name, test in tests.items():
        found = [_network(config, test, subject) for subject in range(subjects)]
        trials = pd.concat([table for table, _ in found], ignore_index=True)
        recordings = {k: steps for k, (_, steps) in enumerate(found) if steps}
        taken[name] = trials, recordings
    return taken


def _network(config, test, subject):
    network = make_network(config, subject)
    recorded = min(test.record_episodes, EPISODES)
    short_test = replace(test, episodes=EPISODES, record_episodes=recorded)
    trials, steps = run_episodes(config, subject, lambda task: network, short_test)
    if test.record_untrained and steps:
        other = make_network(config, subject + UNTRAINED)
        steps = {**steps, "units_untrained": replay_recording(other, steps)}
    return trials, steps


def _population(name, config, tests, subjects=SUBJECTS, **more):
    """Data of untrained networks that took these tests; the first is the main one."""
    taken = _networks(config, tests, subjects)
    (trials, recordings), *_ = taken.values()
    further = dict(list(taken.items())[1:])
    return ExperimentData(
        trials=trials,
        recordings=recordings,
        discount=0.9,
        task=name,
        parameters=parameters_of(name),
        expected_subjects=subjects,
        tests={test: table for test, (table, _) in further.items()},
        test_recordings={test: steps for test, (_, steps) in further.items()},
        **more,
    )


@cache
def everything(name, seed=1):
    """All that an analysis may read, of networks that learned nothing."""
    asked, config = experiment(name), small_config(name, seed)
    return _population(
        name,
        config,
        asked.tests,
        **_baselines(name, seed),
        **_course(name, config),
        variants={
            title: _population(
                name,
                variant_config(config, variant),
                {test: asked.tests[test] for test in variant.tests},
                subjects=1,
            )
            for title, variant in asked.variants.items()
        },
    )


def _baselines(name, seed):
    asked = experiment(name)
    taken = {test: _all_baselines(name, test, seed) for test in asked.baseline_tests}
    played = taken.pop(TEST)
    return {
        "baselines": {k: table for k, (table, _) in played.items()},
        "baseline_recordings": {k: steps for k, (_, steps) in played.items()},
        "test_baselines": {
            test: {k: table for k, (table, _) in tables.items()}
            for test, tables in taken.items()
        },
    }


def _all_baselines(name, test, seed):
    """Trial table and recording of each baseline in a test."""
    asked, config = experiment(name), small_config(name, seed)
    full = asked.tests[test]
    short_test = replace(full, episodes=EPISODES, record_episodes=EPISODES)
    return {
        baseline: _played(name, baseline, short_test, number, seed)
        for number, baseline in enumerate(asked.make_baselines(_task(config, full)))
    }


def _task(config, test):
    from metarl.envs.registry import task_class

    params = change_params(config.task_params, test.task)
    return task_class(config.task)(1, params)


def _course(name, config):
    """Learning curves and snapshots, where the experiment tests every snapshot."""
    test = experiment(name).snapshot_test
    if test is None:
        return {}
    steps = 100.0 * np.arange(1, 101)
    rising = np.clip((steps - 3_000) / 3_000, 0, 1)
    columns = {"steps": steps, "rollout/episodes": steps / 10, "rollout/return": rising}
    stages = {done: _networks(config, {"": test}, SUBJECTS)[""][0] for done in (0, 1)}
    return {
        "curves": dict.fromkeys(range(SUBJECTS), pd.DataFrame(columns)),
        "stages": stages,
    }
