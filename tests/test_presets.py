"""The presets: `paper` is literal, `smoke` small, and every task has all of them."""

import pytest
from toys import LotteryParams

from metarl.agents.settings import constant
from metarl.catalog import TASKS, task_class
from metarl.config import RunConfig
from metarl.presets import PRESETS, RECIPES, preset


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", PRESETS)
def test_every_task_has_every_preset_with_its_own_parameters(task, name):
    config = preset(task, name)
    assert isinstance(config, RunConfig)
    assert (config.task, config.preset) == (task, name)
    assert config.task_params == task_class(task).params_type()
    assert (config.subjects, config.seed) == (8, 1)


def test_no_task_has_a_preset_more_or_less():
    assert {
        task: tuple(sorted(recipes)) for task, recipes in RECIPES.items()
    } == dict.fromkeys(TASKS, PRESETS)


def test_the_papers_preset_is_what_was_published():
    """Wang et al. 2018, Simulation 4 and supplementary table."""
    paper = preset("two-step", "paper")
    network, learning, training = paper.network, paper.learning, paper.training
    assert (network.core, network.units) == ("lstm", 48)
    assert learning.optimizer == "rmsprop"
    assert learning.learning_rate == constant(7e-4)
    assert learning.discount == constant(0.9)
    assert learning.value_weight == 0.05
    assert learning.entropy_weight == constant(0.05)
    assert learning.trace_decay == 1.0
    assert learning.gradient_clip is None
    assert not learning.normalize_advantages
    # One stream; an update an episode of 100 trials of 3 steps; 10,000 episodes.
    episode = task_class("two-step")(1, paper.task_params).episode_steps
    assert (training.lanes, training.unroll_steps) == (1, episode) == (1, 300)
    assert training.updates == 10_000


def test_the_papers_task_is_what_was_published():
    params = preset("two-step", "paper").task_params
    assert params.trial_count == 100
    assert params.probability_common == 0.8
    assert (params.probability_high, params.probability_low) == (0.9, 0.1)
    assert params.probability_switch == 0.025


def test_the_fast_preset_trains_the_same_network_on_the_same_task():
    fast, paper = preset("two-step", "fast"), preset("two-step", "paper")
    assert fast.task_params == paper.task_params
    assert (fast.network.core, fast.network.units) == ("lstm", 48)
    # The RPE is compared at the published discount.
    assert fast.learning.discount.at(1.0) == 0.9


@pytest.mark.parametrize("task", TASKS)
def test_the_smoke_preset_is_over_in_seconds(task):
    assert preset(task, "smoke").training.steps < 10_000


def test_a_users_own_task_borrows_the_two_step_tasks_recipes():
    config = preset("toys:Lottery", "smoke")
    assert config.task_params == LotteryParams()
    assert config.training == preset("two-step", "smoke").training


def test_unknown_presets_and_tasks_are_refused():
    words = "preset must be one of fast, paper, smoke; got 'slow'"
    with pytest.raises(ValueError, match=words):
        preset("two-step", "slow")
    with pytest.raises(ValueError, match="unknown task 'two-steps'"):
        preset("two-steps")
