"""Agents at the bandit: what they see, the same luck for all, known players' regret."""

import pytest
import torch
from torch.testing import assert_close

from metarl.envs.bandit import BanditParams
from metarl.studies.optimizers.problems.bandit import BanditAgent

PARAMS = BanditParams(trial_count=12, distribution="correlated", trial_input=False)


def agents(tasks=6, seed=1, count=2, params=PARAMS, **more):
    problem = BanditAgent(params, tasks=tasks, **more)
    problem.next_batch(count, torch.Generator().manual_seed(seed))
    return problem, problem.initial_weights(count, torch.Generator().manual_seed(2))


def test_choices_and_rewards_are_seen_at_the_next_trial():
    problem, weights = agents()
    course = problem.play(weights[None])
    assert course.inputs.shape == (2, 6, 12, 4)
    chosen = torch.nn.functional.one_hot(course.actions, 2).double()
    assert (course.inputs[:, :, 0] == 0).all()
    assert_close(course.inputs[:, :, 1:, 1:3], chosen[:, :, :-1])
    assert_close(course.inputs[:, :, 1:, 3], course.rewards[:, :, :-1].double())
    assert 0 < course.rewards.mean() < 1


def test_the_loss_is_minus_the_mean_reward():
    problem, weights = agents()
    losses = problem.losses(weights[None])
    course = problem.play(weights[None])
    assert_close(losses[0], -course.rewards.double().mean((1, 2)))


def test_weights_that_are_compared_have_the_same_luck():
    problem, weights = agents()
    first, again = problem.losses(torch.stack([weights, weights]))
    assert torch.equal(first, again)
    problem.next_batch(2, torch.Generator().manual_seed(7))
    assert not torch.equal(problem.losses(weights[None])[0], first)


def test_luck_is_kept_for_as_many_steps_as_asked():
    generator = torch.Generator().manual_seed(1)
    problem = BanditAgent(PARAMS, held_steps=3)
    new = [problem.next_batch(2, generator) for _ in range(7)]
    assert new == [True, False, False, True, False, False, True]


def test_who_always_goes_left_loses_what_a_guesser_loses():
    params = BanditParams(trial_count=50, distribution="correlated", trial_input=False)
    problem, weights = agents(params=params, tasks=4000, count=1)
    _, readout = problem.shape.split(weights)
    readout.zero_()
    readout[:, 0, -1] = 1000.0
    # |2 p - 1| is on average 1/2; half of it is lost, on 50 trials.
    regret = problem.regret(weights, torch.Generator().manual_seed(3))
    assert regret.item() == pytest.approx(12.5, abs=0.8)
    assert (problem.play(weights[None]).actions == 0).all()


def test_a_trial_loses_the_gap_between_the_arms_or_nothing():
    easy = BanditParams(trial_count=12, distribution="easy", trial_input=False)
    problem, weights = agents(params=easy, tasks=50)
    course = problem.play(weights[None])
    assert course.regrets.unique().tolist() == pytest.approx([0.0, 0.8])


def test_policy_gradient_is_the_gradient_of_log_chances():
    problem, weights = agents(tasks=3)
    weights = weights.requires_grad_()
    losses, graded = problem.differentiable_losses(weights)
    with torch.no_grad():
        course = problem.play(weights[None])
    assert_close(losses, problem.losses(weights.detach()[None])[0])
    hidden, readout = problem.shape.split(weights)
    total = 0.0
    for task in range(3):
        units = torch.zeros(24, dtype=torch.float64)
        for t in range(12):
            told = course.inputs[0, task, t]
            row = torch.cat([told, torch.ones(1).double(), units])
            units = (hidden[0] @ row).tanh()
            chances = (readout[0, :, :-1] @ units + readout[0, :, -1]).log_softmax(0)
            later = 0.5 ** torch.arange(12 - t)
            ahead = (course.rewards[0, :, t:] * later).sum(1)
            gain = ahead[task] - ahead.mean()
            total = total - gain * chances[course.actions[0, task, t]]
    assert_close(graded[0], total / 36)


def test_noise_on_nodes_is_felt_as_it_is_told():
    problem, weights = agents(tasks=3)
    generator = torch.Generator().manual_seed(4)
    found = problem.losses_under_noise(weights, 0.0, generator)
    assert torch.equal(found.losses, found.noisy)
    found = problem.losses_under_noise(weights, 50.0, generator)
    assert not torch.equal(found.losses, found.noisy)
    assert_close(found.losses.mean(1), problem.losses(weights[None])[0])
    sizes = [layer.noise.shape[-1] * layer.inputs.shape[-1] for layer in found.layers]
    assert sum(sizes) == problem.weight_count
