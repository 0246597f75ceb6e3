"""Prediction errors and advantages: by hand, by law, and against plain returns."""

import pytest
import torch
from torch.testing import assert_close

from metarl.agents.returns import (
    advantages,
    prediction_errors_on_arrival,
    reward_prediction_error,
)


def column(*numbers):
    return torch.tensor(numbers, dtype=torch.float64).unsqueeze(1)


@pytest.fixture
def course():
    """rewards (T, B), values (T + 1, B), discounts with ends here and there."""
    generator = torch.Generator().manual_seed(5)
    rewards = torch.randn(12, 4, generator=generator, dtype=torch.float64)
    values = torch.randn(13, 4, generator=generator, dtype=torch.float64)
    ends = torch.rand(12, 4, generator=generator) < 0.2
    assert ends.any()
    return rewards, values, torch.where(ends, 0.0, 0.9).double()


def test_prediction_errors_by_hand():
    rpes = reward_prediction_error(
        column(0, 1, -1), column(0.5, 0.25, 2.0, 4.0), column(0.5, 0.5, 0.0)
    )
    # 0 + .5 * .25 - .5;  1 + .5 * 2 - .25;  -1 - 2: the episode ended.
    assert rpes.squeeze(1).tolist() == [-0.375, 1.75, -3.0]


def test_at_discount_one_the_errors_sum_to_the_return_minus_the_first_value(course):
    rewards, values, _ = course
    discounts = torch.ones_like(rewards)
    discounts[-1] = 0
    rpes = reward_prediction_error(rewards, values, discounts)
    assert_close(rpes.sum(0), rewards.sum(0) - values[0])


def test_prediction_errors_vanish_where_values_are_the_returns(course):
    rewards, _, discounts = course
    values = torch.zeros(13, 4, dtype=torch.float64)
    for t in reversed(range(12)):
        values[t] = rewards[t] + discounts[t] * values[t + 1]
    rpes = reward_prediction_error(rewards, values, discounts)
    assert_close(rpes, torch.zeros_like(rpes))


def test_prediction_errors_keep_the_critics_gradient():
    values = column(0.0, 0.0).requires_grad_()
    reward_prediction_error(column(1.0), values, column(0.9)).sum().backward()
    assert values.grad.squeeze(1).tolist() == [-1.0, 0.9]


def n_step_returns(rewards, values, discounts):
    """Each step's return, summed forwards to the episode's or the unroll's end."""
    returns = torch.zeros_like(rewards)
    steps, num_envs = rewards.shape
    for env_index in range(num_envs):
        for first in range(steps):
            weight = 1.0
            for t in range(first, steps):
                returns[first, env_index] += weight * rewards[t, env_index]
                weight *= float(discounts[t, env_index])
            returns[first, env_index] += weight * values[-1, env_index]
    return returns


def test_advantages_are_n_step_returns_minus_values_cut_at_episode_ends(course):
    rewards, values, discounts = course
    rpes = reward_prediction_error(rewards, values, discounts)
    expected = n_step_returns(rewards, values, discounts) - values[:-1]
    assert_close(advantages(rpes, discounts), expected)


def test_what_follows_an_episodes_end_changes_no_advantage_before_it(course):
    rewards, values, discounts = course
    discounts[5] = 0
    before = advantages(reward_prediction_error(rewards, values, discounts), discounts)
    rewards[6:] += 100
    values[6:] -= 50
    after = advantages(reward_prediction_error(rewards, values, discounts), discounts)
    assert_close(after[:6], before[:6], rtol=0, atol=0)
    assert not torch.allclose(after[6:], before[6:])


def test_without_trace_an_advantage_is_the_prediction_error(course):
    rewards, values, discounts = course
    rpes = reward_prediction_error(rewards, values, discounts)
    assert_close(advantages(rpes, discounts, 0.0), rpes, rtol=0, atol=0)


def test_a_trace_weighs_later_errors_by_hand():
    discounts = column(0.5, 0.5, 0.5)
    weighed = advantages(column(1.0, 2.0, 4.0), discounts, trace_decay=0.5)
    # 4;  2 + .25 * 4;  1 + .25 * 3
    assert weighed.squeeze(1).tolist() == [1.75, 3.0, 4.0]


def test_advantages_leave_the_errors_alone(course):
    rewards, values, discounts = course
    rpes = reward_prediction_error(rewards, values, discounts)
    stored = rpes.clone()
    advantages(rpes, discounts)
    assert torch.equal(rpes, stored)


def test_an_error_stands_on_the_step_that_reveals_it():
    arrived = prediction_errors_on_arrival(column(1.0, 2.0)).squeeze(1)
    assert arrived[0].isnan()
    assert arrived[1:].tolist() == [1.0, 2.0]


def test_a_silent_broadcast_is_refused():
    with pytest.raises(Exception, match="batch"):
        reward_prediction_error(torch.zeros(3, 4), torch.zeros(4, 1), torch.zeros(3, 4))
