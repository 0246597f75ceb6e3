"""V-trace by hand, its limits, and CLEAR's cloning."""

import math

import pytest
import torch
from torch.testing import assert_close

from metarl.agents.learning.vtrace import cloning_losses, importance_ratios, vtrace
from metarl.agents.returns import advantages, reward_prediction_error

REWARDS = torch.tensor([[1.0], [0.0], [2.0]])
VALUES = torch.tensor([[0.5], [1.0], [-1.0], [4.0]])
DISCOUNTS = torch.full((3, 1), 0.5)
RPES = reward_prediction_error(REWARDS, VALUES, DISCOUNTS)
RATIOS = torch.tensor([[2.0], [0.5], [0.25]])


def column(*numbers):
    return torch.tensor(numbers).unsqueeze(1)


def test_v_trace_by_hand():
    assert_close(RPES, column(1.0, -1.5, 5.0))
    actual = vtrace(RPES, RATIOS, DISCOUNTS)
    assert_close(actual.rpes, column(1.0, -0.75, 1.25))
    # The last: .25 of 5. Before it: -.75 and .25 of that. The first: 1 and half.
    assert_close(actual.corrections, column(0.78125, -0.4375, 1.25))
    assert_close(actual.advantages, column(0.78125, -0.4375, 1.25))


def test_errors_and_traces_have_bounds_of_their_own():
    actual = vtrace(RPES, RATIOS, DISCOUNTS, largest_ratio=3.0, largest_trace=0.4)
    assert_close(actual.rpes, column(2.0, -0.75, 1.25))
    # A trace of .4 at most, a discount of .5: a fifth of what comes later.
    assert_close(actual.corrections, column(1.9, -0.5, 1.25))
    # Twice 1 - .25, half of -1.5 + .625, a fourth of 5.
    assert_close(actual.advantages, column(1.5, -0.4375, 1.25))


@pytest.mark.parametrize("decay", [1.0, 0.7])
def test_on_policy_it_is_the_n_step_advantage(decay):
    generator_of = torch.Generator().manual_seed(1)
    rpes = torch.randn(6, 4, generator=generator_of)
    discounts = torch.full((6, 4), 0.9)
    discounts[2, 1] = 0
    actual = vtrace(rpes, torch.ones(6, 4), discounts, trace_decay=decay)
    expected = advantages(rpes, discounts, decay)
    assert_close(actual.corrections, expected)
    assert_close(actual.advantages, expected)


def test_actions_without_probability_now_have_no_effect():
    actual = vtrace(RPES, torch.zeros(3, 1), DISCOUNTS)
    for part in actual[:3]:
        assert_close(part, torch.zeros(3, 1))


def test_on_policy_a_normalized_advantage_is_the_usual_one():
    generator_of = torch.Generator().manual_seed(1)
    rpes = torch.randn(6, 4, generator=generator_of)
    actual = vtrace(rpes, torch.ones(6, 4), torch.full((6, 4), 0.9))
    plain = actual.advantages
    expected = (plain - plain.mean()) / plain.std(correction=0)
    assert_close(actual.standardized_advantages(), expected)


def test_equal_advantages_of_all_actions_do_not_change_the_policy():
    """Centred without weights, it would teach to do what the old policy did."""
    ratios = torch.tensor([[0.2, 1.0, 3.0]])
    actual = vtrace(torch.full((1, 3), 5.0), ratios, torch.zeros(1, 3))
    assert_close(actual.standardized_advantages(), torch.zeros(1, 3), atol=1e-3, rtol=0)
    assert_close(actual.weights, torch.tensor([[0.2, 1.0, 1.0]]))


def test_ratios_are_of_the_actions_taken():
    present = torch.tensor([[[0.0, math.log(3.0)]]])
    acted = torch.tensor([[[0.0, 0.0]]])
    right, left = torch.tensor([[1]]), torch.tensor([[0]])
    assert_close(importance_ratios(present, acted, right), torch.tensor([[1.5]]))
    assert_close(importance_ratios(present, acted, left), torch.tensor([[0.5]]))


def test_cloning_by_hand():
    present = torch.tensor([[[0.0, math.log(3.0)]]])
    acted = torch.zeros(1, 1, 2)
    policy, value = cloning_losses(
        present, torch.tensor([[2.0]]), acted, torch.tensor([[0.5]])
    )
    # of (1/2, 1/2) from (1/4, 3/4)
    expected = 0.5 * math.log(2.0) + 0.5 * math.log(2.0 / 3.0)
    assert float(policy) == pytest.approx(expected)
    assert float(value) == pytest.approx(2.25)


def test_cloning_does_not_affect_an_unchanged_network():
    logits = torch.randn(3, 2, 4, generator=torch.Generator().manual_seed(1))
    values = logits[..., 0]
    policy, value = cloning_losses(logits + 5.0, values, logits, values)
    assert float(policy) == pytest.approx(0, abs=1e-6)
    assert float(value) == 0
