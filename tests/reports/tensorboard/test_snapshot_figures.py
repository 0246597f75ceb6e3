"""Snapshot figures: on episodes of the test, and without a change to the network."""

from dataclasses import replace

import numpy as np
import pytest

from metarl.agents.networks.actor_critic import weights_hash
from metarl.envs.registry import NAMES
from metarl.experiments.spec import preset
from metarl.reports.figures import analysis_of
from metarl.reports.tensorboard import snapshot_figures
from metarl.reports.tensorboard.snapshot_figures import (
    SnapshotEpisodes,
    preview_interval,
)
from metarl.runs.folder import SNAPSHOTS
from metarl.simulation.evaluation import run_episodes
from metarl.training.trainer import make_network


def episodes_of(config):
    return SnapshotEpisodes(config, 0, make_network(config, 0), progress=0.5)


@pytest.mark.parametrize("name", ["fast", "paper"])
@pytest.mark.parametrize("task", NAMES)
def test_previews_take_at_most_a_twentieth_of_the_training(task, name):
    config = preset(task, name)
    count = SNAPSHOTS // preview_interval(config)
    assert SNAPSHOTS % preview_interval(config) == 0
    training = config.training.steps * config.subjects * 1.2e-6
    assert count == 2 or 2 < count <= training / 20 / 0.4


def test_many_subjects_have_a_preview_at_every_snapshot_and_a_short_training_two():
    config = replace(preset("two-step", "fast"), subjects=64)
    assert preview_interval(config) == 1
    assert preview_interval(replace(config, subjects=1)) == SNAPSHOTS // 2


@pytest.mark.parametrize("task", NAMES)
def test_every_task_has_its_panel_with_labels(task, small):
    figures = dict(episodes_of(small(task)).figures())
    assert list(figures) == ["behaviour", "rpe_by_event", "units_pca"]
    axes = {name: figure.axes[0] for name, figure in figures.items()}
    assert all(ax.get_title(loc="left") and ax.has_data() for ax in axes.values())
    assert axes["rpe_by_event"].get_ylabel() == "RPE, mean and s.d. (reward units)"
    assert axes["rpe_by_event"].get_xlabel()
    assert "% of variance" in axes["units_pca"].get_xlabel()


def test_the_critics_inference_is_what_inferred_value_shows(small):
    """A panel of a trial table alone would show only which actions are valid."""
    tested = episodes_of(small("inferred-value", block_count=4, block_trials=3))
    ax = dict(tested.figures())["behaviour"].axes[0]
    assert ax.get_ylabel() == "RPE on arrival (reward units)"
    assert "no recording" not in [text.get_text() for text in ax.texts]


@pytest.mark.parametrize("task", [t for t in NAMES if t in analysis_of(t).criteria])
def test_the_statistic_of_the_learning_criterion_has_its_name(task, small):
    tested = episodes_of(small(task))
    name = analysis_of(task).criteria[task].learned.statistic
    subjects = tested.result.tables["subjects"]
    value = float(subjects[subjects["group"] == "measured"][name].iloc[0])
    assert tested.scalars() == pytest.approx(
        {"reward_per_trial": tested.trials["reward"].mean()}
        | ({name: value} if np.isfinite(value) else {})
    )


def test_the_discount_of_an_error_is_the_present_one(small):
    config = small()
    network = make_network(config, 0)
    early, late = (
        SnapshotEpisodes(config, 0, network, progress=progress)
        for progress in (0.0, 1.0)
    )
    discounts = [config.learning.discount.at(progress) for progress in (0.0, 1.0)]
    assert [early.discount, late.discount] == discounts
    value = early.recording["value"]
    np.testing.assert_array_equal(value, late.recording["value"])
    difference = (late.recording["rpe"] - early.recording["rpe"])[1]
    assert difference == pytest.approx(
        (discounts[1] - discounts[0]) * value[1], rel=1e-4
    )


def test_its_episodes_are_its_own_and_neither_trainings_nor_the_tests(small):
    config = small()
    tested = episodes_of(config)
    network = make_network(config, 0)
    for purpose in ("preview", "evaluation", "training"):
        trials, _ = run_episodes(
            config, 0, lambda task: network, snapshot_figures.EPISODES, purpose=purpose
        )
        assert trials.equals(tested.trials) == (purpose == "preview")


def test_a_preview_leaves_weights_and_renderer_unchanged(small, monkeypatch):
    config = small("harlow")
    network = make_network(config, 0)
    renderer, before = network.encoder.render_views, weights_hash(network)
    seen = []

    def run_episodes(config, subject, make_policy, *rest, **more):
        def watched(task):
            policy = make_policy(task)
            seen.append(policy.encoder.render_views == task.render_views != renderer)
            return policy

        return original(config, subject, watched, *rest, **more)

    original = snapshot_figures.run_episodes
    monkeypatch.setattr(snapshot_figures, "run_episodes", run_episodes)
    SnapshotEpisodes(config, 0, network, progress=0.5)
    assert seen == [True]
    assert network.encoder.render_views == renderer
    assert weights_hash(network) == before


def test_the_renderer_is_restored_after_a_failed_preview(small, monkeypatch):
    config = small("harlow")
    network = make_network(config, 0)
    renderer = network.encoder.render_views

    def fail(config, subject, make_policy, *rest, **more):
        network.encoder.render_views = None
        raise RuntimeError("in the middle")

    monkeypatch.setattr(snapshot_figures, "run_episodes", fail)
    with pytest.raises(RuntimeError, match="in the middle"):
        SnapshotEpisodes(config, 0, network, progress=0.5)
    assert network.encoder.render_views == renderer
