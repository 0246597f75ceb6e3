"""Agents in the bandit: inputs, common random numbers, and regret of known agents."""

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


def test_choices_and_rewards_are_inputs_at_the_next_trial():
    problem, weights = agents()
    episodes = problem.play(weights[None])
    assert episodes.inputs.shape == (2, 6, 12, 4)
    chosen = torch.nn.functional.one_hot(episodes.actions, 2).double()
    assert (episodes.inputs[:, :, 0] == 0).all()
    assert_close(episodes.inputs[:, :, 1:, 1:3], chosen[:, :, :-1])
    assert_close(episodes.inputs[:, :, 1:, 3], episodes.rewards[:, :, :-1].double())
    assert 0 < episodes.rewards.mean() < 1


def test_the_loss_is_minus_the_mean_reward():
    problem, weights = agents()
    losses = problem.losses(weights[None])
    episodes = problem.play(weights[None])
    assert_close(losses[0], -episodes.rewards.double().mean((1, 2)))


def test_weights_are_compared_on_common_random_numbers():
    problem, weights = agents()
    first, again = problem.losses(torch.stack([weights, weights]))
    assert torch.equal(first, again)
    problem.next_batch(2, torch.Generator().manual_seed(7))
    assert not torch.equal(problem.losses(weights[None])[0], first)


def test_random_numbers_are_kept_for_the_given_number_of_steps():
    generator = torch.Generator().manual_seed(1)
    problem = BanditAgent(PARAMS, held_steps=3)
    new = [problem.next_batch(2, generator) for _ in range(7)]
    assert new == [True, False, False, True, False, False, True]


def test_always_choosing_left_has_the_regret_of_random_choice():
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
    episodes = problem.play(weights[None])
    assert episodes.regrets.unique().tolist() == pytest.approx([0.0, 0.8])


def test_policy_gradient_is_the_gradient_of_log_probabilities():
    problem, weights = agents(tasks=3)
    weights = weights.requires_grad_()
    losses, objectives = problem.differentiable_losses(weights)
    with torch.no_grad():
        episodes = problem.play(weights[None])
    assert_close(losses, problem.losses(weights.detach()[None])[0])
    hidden, readout = problem.shape.split(weights)
    total = 0.0
    for task in range(3):
        units = torch.zeros(24, dtype=torch.float64)
        for t in range(12):
            inputs = episodes.inputs[0, task, t]
            row = torch.cat([inputs, torch.ones(1).double(), units])
            units = (hidden[0] @ row).tanh()
            log_policy = (readout[0, :, :-1] @ units + readout[0, :, -1]).log_softmax(0)
            later = 0.5 ** torch.arange(12 - t)
            returns = (episodes.rewards[0, :, t:] * later).sum(1)
            advantage = returns[task] - returns.mean()
            total = total - advantage * log_policy[episodes.actions[0, task, t]]
    assert_close(objectives[0], total / 36)


def test_noise_on_nodes_changes_losses_if_it_is_not_zero():
    problem, weights = agents(tasks=3)
    generator = torch.Generator().manual_seed(4)
    pair = problem.losses_under_noise(weights, 0.0, generator)
    assert torch.equal(pair.losses, pair.noisy)
    pair = problem.losses_under_noise(weights, 50.0, generator)
    assert not torch.equal(pair.losses, pair.noisy)
    assert_close(pair.losses.mean(1), problem.losses(weights[None])[0])
    sizes = [layer.noise.shape[-1] * layer.inputs.shape[-1] for layer in pair.layers]
    assert sum(sizes) == problem.weight_count
