"""Perturbation rules: by hand, by their laws, and without a gradient."""

from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from metarl.agents.learning.weight_perturbation import (
    LEAST_RATE,
    PACE,
    PAIR,
    UPDATE_RULES,
    Comparison,
    Perturbation,
    dopamine_compared,
    dopamine_raw,
    dopamine_scaled,
    evaluate_perturbation,
    initial_state,
    node_perturbation,
    stored_numbers,
    update_rule,
    weight_perturbation,
)


def numbers(*values):
    return torch.tensor(values, dtype=torch.float64)


WEIGHTS = numbers(1.0, 2.0).reshape(1, 2)


def comparison(loss, regret):
    return Comparison(numbers(loss), numbers(regret), numbers(1.0, -3.0).reshape(1, 2))


def bowl(weights):
    """Half the squared distance from 0."""
    return weights.square().sum(-1) / 2


def test_a_comparison_has_the_perturbed_and_the_actual_loss():
    seen = []
    generator = torch.Generator().manual_seed(1)

    def losses_of(pair):
        seen.append(pair)
        return bowl(pair)

    perturbation = evaluate_perturbation(
        losses_of, WEIGHTS, generator, Perturbation(0.5, pair=False)
    )
    own, other = seen[0]
    assert_close(own, WEIGHTS)
    assert_close(other, WEIGHTS + 0.5 * perturbation.directions)
    assert_close(perturbation.losses, numbers(2.5))
    assert_close(perturbation.regrets, (2.5 - bowl(other)) / 0.5)


def test_a_pair_has_no_bias_from_curvature():
    generator = torch.Generator().manual_seed(1)
    perturbation = evaluate_perturbation(bowl, WEIGHTS, generator, PAIR)
    slope = (WEIGHTS * perturbation.directions).sum(1)
    assert_close(perturbation.regrets, -slope)


def test_weight_perturbation_by_hand():
    moved, rule_state = weight_perturbation(
        initial_state(WEIGHTS, numbers(0.1)), WEIGHTS, comparison(5.0, 2.0)
    )
    assert_close(moved, numbers(1.2, 1.4).reshape(1, 2))
    assert rule_state.steps == 1


def test_on_average_weight_perturbation_goes_down_the_gradient():
    many = WEIGHTS.repeat(40_000, 1)
    perturbation = evaluate_perturbation(
        bowl, many, torch.Generator().manual_seed(2), Perturbation(1e-5, False)
    )
    rule_state = initial_state(many, torch.full((40_000,), 0.1, dtype=torch.float64))
    moved, _ = weight_perturbation(rule_state, many, perturbation)
    # Each entry of rho xi has a standard deviation of about 3.
    assert_close((moved - many).mean(0), -0.1 * WEIGHTS[0], atol=6e-3, rtol=0)


def test_the_raw_rate_follows_the_size_of_the_regret_by_hand():
    rule_state = initial_state(WEIGHTS, numbers(0.5))
    moved, rule_state = dopamine_raw(rule_state, WEIGHTS, comparison(5.0, -3.0))
    rate = 0.99 * 0.5 + 0.01 * 0.5 * 3
    assert_close(rule_state.rates, numbers(rate))
    assert_close(moved, WEIGHTS - 3 * rate * numbers(1.0, -3.0))
    _, rule_state = dopamine_raw(rule_state, moved, comparison(5.0, 0.0))
    assert_close(rule_state.rates, numbers(0.99 * rate))


def test_the_scaled_regret_by_hand():
    rule_state = initial_state(WEIGHTS, numbers(0.1))
    moved, rule_state = dopamine_scaled(rule_state, WEIGHTS, comparison(5.0, 40.0))
    assert_close(moved, WEIGHTS + 0.1 * numbers(1.0, -3.0))
    moved, _ = dopamine_scaled(rule_state, WEIGHTS, comparison(5.0, -20.0))
    v = (0.99 * 0.01 * 1600 + 0.01 * 400) / (1 - 0.99**2)
    assert_close(moved, WEIGHTS - 0.1 * 20 / v**0.5 * numbers(1.0, -3.0))


def test_the_scaled_regret_does_not_depend_on_the_unit_of_loss():
    ends = []
    for unit in (1.0, 1000.0):
        weights, rule_state = WEIGHTS, initial_state(WEIGHTS, numbers(0.1))
        for regret in (3.0, -1.0, 0.5):
            perturbation = comparison(0.0, unit * regret)
            weights, rule_state = dopamine_scaled(rule_state, weights, perturbation)
        ends.append(weights)
    assert_close(*ends)


@pytest.mark.parametrize(
    ("fall", "share"), [(0.4, 1.0), (0.2, 0.5), (0.1, 0.25), (-0.1, -0.25), (9, 1.0)]
)
def test_the_compared_rate_by_hand(fall, share):
    rule_state = initial_state(WEIGHTS, numbers(0.1))
    moved, rule_state = dopamine_compared(rule_state, WEIGHTS, comparison(5.0, 2.0))
    assert_close(rule_state.expected, numbers(0.4))  # .1 * 2^2
    assert_close(rule_state.rates, numbers(0.1))
    moved, rule_state = dopamine_compared(
        rule_state, moved, comparison(5.0 - fall, 1.0)
    )
    rate = 0.1 * torch.exp(numbers(PACE * (share - 0.5)))
    assert_close(rule_state.rates, rate)
    assert_close(moved, numbers(1.2, 1.4) + rate * numbers(1.0, -3.0).reshape(1, 2))


@pytest.mark.parametrize("loss", [7.6, torch.inf, torch.nan])
def test_a_step_that_did_harm_is_taken_back_and_the_rate_halved(loss):
    rule_state = initial_state(WEIGHTS, numbers(0.1))
    moved, rule_state = dopamine_compared(rule_state, WEIGHTS, comparison(5.0, 2.0))
    back, rule_state = dopamine_compared(rule_state, moved, comparison(loss, 30.0))
    assert_close(back, WEIGHTS)
    assert_close(rule_state.rates, numbers(0.05))
    again, rule_state = dopamine_compared(rule_state, back, comparison(5.0, 2.0))
    assert_close(rule_state.rates, numbers(0.05))
    assert_close(again, WEIGHTS + 0.1 * numbers(1.0, -3.0))


def test_a_negative_loss_that_falls_is_no_harm():
    rule_state = initial_state(WEIGHTS, numbers(0.1))
    moved, rule_state = dopamine_compared(rule_state, WEIGHTS, comparison(-5.0, 2.0))
    _, better = dopamine_compared(rule_state, moved, comparison(-5.4, 1.0))
    assert_close(better.rates, 0.1 * torch.exp(numbers(PACE / 2)))
    back, _ = dopamine_compared(rule_state, moved, comparison(-2.4, 1.0))
    assert_close(back, WEIGHTS)


def test_the_best_step_along_a_direction_leaves_the_compared_rate_unchanged():
    # On a bowl the best rate along xi is 1 / xi' xi, here 1/10.
    rule_state = initial_state(WEIGHTS, numbers(0.1))
    slope = (WEIGHTS * numbers(1.0, -3.0)).sum()
    perturbation = comparison(bowl(WEIGHTS), -slope)
    moved, rule_state = dopamine_compared(rule_state, WEIGHTS, perturbation)
    _, rule_state = dopamine_compared(rule_state, moved, comparison(bowl(moved), 1.0))
    assert_close(rule_state.rates, numbers(0.1))


def test_a_step_is_compared_with_the_prediction_for_its_scaled_size():
    rule_state = replace(initial_state(WEIGHTS, numbers(0.1)), scale=0.5)
    moved, rule_state = dopamine_compared(rule_state, WEIGHTS, comparison(5.0, 2.0))
    assert_close(moved, WEIGHTS + 0.05 * 2 * numbers(1.0, -3.0))
    assert_close(rule_state.expected, numbers(0.05 * 4))


def test_each_rule_stores_so_many_numbers():
    assert [stored_numbers(name, 10) for name in UPDATE_RULES] == [10, 11, 12, 23]


def test_the_compared_rate_stays_within_bounds():
    rule_state = replace(
        initial_state(WEIGHTS, numbers(LEAST_RATE)), expected=numbers(1.0)
    )
    rule_state = replace(rule_state, losses=numbers(5.0))
    _, rule_state = dopamine_compared(rule_state, WEIGHTS, comparison(9.0, 1.0))
    assert rule_state.rates == LEAST_RATE


@pytest.mark.parametrize("name", UPDATE_RULES)
def test_replicas_do_not_affect_one_another(name):
    generator = torch.Generator().manual_seed(3)
    weights = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    rates = numbers(0.01, 0.1, 1.0)
    perturbation = [evaluate_perturbation(bowl, weights, generator) for _ in range(4)]

    def learned(rows):
        here, rule_state = weights[rows], initial_state(weights[rows], rates[rows])
        for one in perturbation:
            part = Comparison(one.losses[rows], one.regrets[rows], one.directions[rows])
            here, rule_state = UPDATE_RULES[name](rule_state, here, part)
        return here

    alone = torch.cat([learned([k]) for k in range(3)])
    assert_close(learned([0, 1, 2]), alone)


@pytest.mark.parametrize(("name", "rate"), [("wp", 0.1), ("d1", 0.05), ("d2", 0.01)])
def test_each_rule_finds_the_bottom_of_a_bowl(name, rate):
    generator = torch.Generator().manual_seed(4)
    weights = WEIGHTS.clone()
    rule_state = initial_state(weights, numbers(rate))
    for _ in range(400):
        weights, rule_state = update_rule(name)(
            rule_state, weights, evaluate_perturbation(bowl, weights, generator)
        )
    assert bowl(weights) < 0.01


def test_node_perturbation_by_hand():
    change = node_perturbation(
        numbers(0.5),
        regrets=numbers(2.0, -1.0).reshape(1, 2),
        noise=numbers(1.0, 3.0, 2.0, 0.0).reshape(1, 2, 1, 2),
        inputs=numbers(1.0, 10.0, 4.0, 0.0).reshape(1, 2, 1, 2),
    )
    # Sample 1: 2 (1, 3) x (1, 10); sample 2: -1 (2, 0) x (4, 0); mean, times .5.
    expected = numbers(2 - 8, 20, 6, 60).reshape(1, 2, 2) / 4
    assert_close(change, expected)


def test_node_perturbation_sums_the_times_of_a_sample():
    noise = numbers(1.0, 3.0, 2.0, 0.0).reshape(1, 1, 2, 2)
    inputs = numbers(1.0, 10.0, 4.0, 0.0).reshape(1, 1, 2, 2)
    regrets = numbers(2.0).reshape(1, 1)
    change = node_perturbation(numbers(0.5), regrets, noise, inputs)
    # (1, 3) x (1, 10) + (2, 0) x (4, 0), times 2 * .5.
    assert_close(change, numbers(9.0, 10.0, 3.0, 30.0).reshape(1, 2, 2))


def test_an_unknown_rule_is_refused():
    with pytest.raises(ValueError, match="rule must be one of wp, d0, d1, d2; got 'x'"):
        update_rule("x")
