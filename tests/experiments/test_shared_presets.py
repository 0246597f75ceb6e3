"""The presets: `paper` is literal, `smoke` small, and every task has all of them."""

from dataclasses import replace

import pytest
from toys import LotteryParams

from metarl.agents.config import Schedule, constant
from metarl.envs.registry import NAMES, task_class
from metarl.experiments.spec import experiment, preset

PRESETS = ("fast", "paper", "smoke")
"""Presets that every experiment has."""


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
    assert (training.num_envs, training.unroll_steps) == (1, episode) == (1, 300)
    assert training.updates == 10_000


def test_the_papers_task_is_what_was_published():
    params = preset("two-step", "paper").task_params
    assert params.trial_count == 100
    assert params.probability_common == 0.8
    assert (params.probability_high, params.probability_low) == (0.9, 0.1)
    assert params.probability_switch == 0.025


ANNEALED = Schedule(start=1.0, end=0.0)
PUBLISHED = {
    "matching": (7e-4, 0.75, constant(0.05), 3_000_000),
    "volatility": (5e-5, 0.1, ANNEALED, 40_000 * 200),
    "inferred-value": (7e-4, 0.9, constant(0.05), 2_000_000),
    "two-step": (7e-4, 0.9, constant(0.05), 10_000 * 300),
    # 66,667 episodes of 60 steps, 20 steps more than published.
    "risky-choice": (7e-4, 0.9, constant(0.05), 4_000_020),
}
"""Wang et al. 2018: learning rate, discount, entropy's weight and steps of training."""
PRECURSOR = {
    "bandit": (1e-3, 0.8, ANNEALED, 20_000 * 100),
    "informative-arm": (1e-3, 0.8, ANNEALED, 200_000 * 5),
    "restless-bandit": (1e-3, 0.8, ANNEALED, 20_000 * 100),
}
"""The same of Wang et al. 2016; the last two tasks' episodes are ours."""
BORROWED = {
    "daw-two-step": (7e-4, 0.9, constant(0.05), 10_000 * 603),
    "reversal": (7e-4, 0.9, constant(0.05), 20_000 * 160),
}
"""No network was published: the two-step task's settings."""
PAPERS = PUBLISHED | PRECURSOR | BORROWED
LEARNING_SETS = ("harlow-line", "harlow")
"""32 threads in the paper: settings of their own."""


@pytest.mark.parametrize("task", PAPERS)
def test_the_papers_preset_of_each_task_is_literal(task):
    rate, discount, entropy, steps = PAPERS[task]
    paper = preset(task, "paper")
    learning = paper.learning
    assert learning.learning_rate == constant(rate)
    assert learning.discount == constant(discount)
    assert learning.entropy_weight == entropy
    assert learning.value_weight == 0.05
    assert learning.optimizer == "rmsprop"
    assert learning.trace_decay == 1.0
    assert learning.gradient_clip is None
    assert not learning.normalize_advantages
    assert paper.training.num_envs == 1
    assert paper.training.steps == steps
    assert paper.training.interventions == ()


def test_every_papers_preset_is_tested():
    assert set(NAMES) == {*PAPERS, *LEARNING_SETS}


@pytest.mark.parametrize("task", LEARNING_SETS)
def test_the_papers_preset_of_learning_sets_is_literal_but_for_its_environments_and_end(
    task,
):
    """Wang et al. 2018, Simulation 5."""
    paper = preset(task, "paper")
    network, learning, training = paper.network, paper.learning, paper.training
    assert (network.core, network.units) == ("lstm", 256)
    assert not network.learned_initial_state
    assert network.encoder == ("stack" if task == "harlow" else "none")
    assert learning.learning_rate == constant(7.5e-4)
    assert learning.discount == constant(0.91)
    assert learning.value_weight == 0.4
    assert learning.entropy_weight == constant(0.001)
    assert learning.gradient_clip is None
    assert not learning.normalize_advantages
    assert (training.num_envs, training.unroll_steps) == (32, 100)
    assert training.steps == 3_200_000


def test_the_papers_pictures_and_turns_span_what_was_published():
    params = preset("harlow", "paper").task_params
    assert (params.width, params.height, params.picture_size) == (84, 84, 34)
    degrees = 65 / params.width
    assert params.turn_pixels * degrees == pytest.approx(4.4, abs=0.3)
    # A decision is four steps: hold 4, 12 to a picture at least, pause 10, cap 3,600.
    assert (params.hold, params.select_turns, params.step_cap) == (1, 3, 900)
    assert params.pause == round(10 / 4 + 0.01)
    # Within 3.5 degrees there is the cross alone; within 7 degrees of a picture, the
    # first place is the third turn.
    assert params.turn_pixels * degrees > 3.5
    short_of = (params.picture_turns - params.select_turns) * params.turn_pixels
    assert short_of * degrees <= 7 < (short_of + params.turn_pixels) * degrees
    assert params.ring == round(360 / 4.4)
    assert params.trial_count == 6


def test_every_harlow_preset_sees_the_same_angle():
    for name in experiment("harlow").presets:
        params = preset("harlow", name).task_params
        degrees = 65 / params.width
        assert params.picture_size * degrees == pytest.approx(26, abs=0.5)
        distance = params.picture_turns * params.turn_pixels * degrees
        assert distance == pytest.approx(19, abs=0.6)
        assert params.ring * params.turn_pixels * degrees == pytest.approx(360, abs=25)


@pytest.mark.parametrize("task", PAPERS)
def test_the_papers_network_is_48_units_two_times_where_the_critic_is_separate(task):
    network = preset(task, "paper").network
    assert (network.core, network.units) == ("lstm", 48)
    assert network.learned_initial_state
    assert network.action_input
    separate = task == "risky-choice"
    assert network.critic == ("separate" if separate else "shared")
    assert network.feedback == ("rpe" if separate else "reward")


UNROLLS = {"matching": 200, "inferred-value": 200}
"""Steps between updates where they are not an episode's."""


@pytest.mark.parametrize("task", PAPERS)
def test_an_update_of_the_papers_preset_is_an_episode_where_nothing_else_is_said(task):
    paper = preset(task, "paper")
    episode = task_class(task)(1, paper.task_params).episode_steps
    assert paper.training.unroll_steps == UNROLLS.get(task, episode)


def test_the_papers_unroll_holds_the_longest_episode_of_baited_arms():
    params = preset("matching", "paper").task_params
    assert (params.trial_least, params.trial_most) == (50, 100)
    assert UNROLLS["matching"] == 2 * params.trial_most


def test_the_papers_tasks_are_what_was_published():
    volatility = preset("volatility", "paper").task_params
    assert (volatility.trial_count, volatility.schedule) == (200, "training")
    inferred = preset("inferred-value", "paper").task_params
    assert (inferred.block_trials, inferred.probability_switch) == (5, 0.5)
    risky = preset("risky-choice", "paper").task_params
    assert (risky.forced_pairs, risky.free_trials) == (5, 20)
    assert (risky.reward_safe, risky.reward_risky) == (1, 4)
    assert (risky.probability_low, risky.probability_high) == (0.125, 0.5)
    assert risky.probability_right == 0.5
    bandit = preset("bandit", "paper").task_params
    assert (bandit.arm_count, bandit.trial_count) == (2, 100)
    assert bandit.distribution == "independent"
    informative = preset("informative-arm", "paper").task_params
    assert (informative.arm_count, informative.trial_count) == (11, 5)
    assert preset("restless-bandit", "paper").task_params.trial_count == 100
    assert not preset("matching", "paper").task_params.held_out
    reversal = preset("reversal", "paper").task_params
    assert reversal.trial_count == 80


@pytest.mark.parametrize("task", PAPERS)
def test_the_fast_preset_trains_the_same_network_on_the_same_task(task):
    fast, paper = preset(task, "fast"), preset(task, "paper")
    trained = fast.task_params
    if task == "daw-two-step":
        # Training is eased; the test is not.
        trained = replace(trained, **experiment(task).test.task)
    assert trained == paper.task_params
    names = ("core", "units", "critic", "feedback", "action_input")
    for name in names:
        assert getattr(fast.network, name) == getattr(paper.network, name)
    if task in PUBLISHED:
        # Prediction errors are compared at the published discount.
        assert fast.learning.discount.at(1.0) == paper.learning.discount.at(1.0)


def test_a_users_own_task_has_the_two_step_tasks_presets():
    config = preset("toys:Lottery", "smoke")
    assert config.task_params == LotteryParams()
    assert config.training == preset("two-step", "smoke").training


def test_unknown_presets_and_tasks_are_refused():
    words = "preset must be one of fast, paper, paper-tf, smoke; got 'slow'"
    with pytest.raises(ValueError, match=words):
        preset("two-step", "slow")
    with pytest.raises(ValueError, match="unknown task 'two-steps'"):
        preset("two-steps")
