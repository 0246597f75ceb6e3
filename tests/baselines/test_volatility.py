"""Baselines of the volatility task: rewards and computations."""

import math

import numpy as np
import pytest
import torch

from metarl.analysis.volatility.observer import observe
from metarl.baselines.volatility import (
    BayesGreedy,
    LargerMagnitude,
    Oracle,
    RescorlaWagner,
    RescorlaWagnerParams,
    VolatilityBaseline,
    make_baselines,
)
from metarl.core.policy import join_inputs
from metarl.envs.volatility import Volatility, VolatilityParams

BLOCKS = VolatilityParams(schedule="blocks")


def test_the_baselines_have_the_expected_rewards(play):
    task = Volatility(600, BLOCKS)
    played = {k: play(task, s) for k, s in make_baselines(task).items()}
    reward = {k: float(p["row reward"].double().mean()) for k, p in played.items()}
    for name, expected in (
        ("random", 0.250),
        ("larger-magnitude", 0.298),
        ("oracle", 0.388),
    ):
        assert reward[name] == pytest.approx(expected, abs=0.003), name
    assert reward["larger-magnitude"] + 0.03 < reward["rescorla-wagner"]
    assert reward["rescorla-wagner"] < reward["bayes-greedy"] < reward["oracle"]
    assert played["oracle"]["row correct"].all()
    larger = played["larger-magnitude"]
    more = larger["row magnitude_right"] - larger["row magnitude_left"]
    clear = more.abs() > 1e-5
    assert torch.equal((larger["row choice"] == 1)[clear], (more > 0)[clear])
    assert float(played["random"]["row correct"].mean()) == pytest.approx(0.5, abs=0.01)


def test_the_observer_uses_the_parameters_of_the_task(play):
    params = VolatilityParams(
        probability_stable=0.6,
        probability_volatile=0.9,
        probability_swap=0.5,
        log_change_least=-1.5,
        log_change_most=-0.5,
    )
    task = Volatility(1, params)
    belief = BayesGreedy(task).initial_memory(1)
    left_won = torch.tensor([True])
    after = BayesGreedy(task).learn_winner(left_won, left_won, belief)[0]
    joint = after.reshape(2, 2, -1).double()
    # A win of left: .6 stable and .9 volatile if left is better, and the rest if not.
    # All four were equally likely, and left wins with a probability of a half.
    stable, volatile = np.array([0.4, 0.6]) / 2, np.array([0.1, 0.9]) / 2
    volatile = 0.5 * volatile + 0.5 * volatile[::-1]
    points = np.exp(-1.5 + (np.arange(10) + 0.5) / 10)
    for place, change in enumerate(points):
        mixed = np.array([stable, volatile]) / 10
        mixed = (1 - change) * mixed + change * mixed[::-1]
        assert joint[:, :, place].numpy() == pytest.approx(mixed, abs=1e-6)


@pytest.mark.parametrize("schedule", ["training", "blocks"])
def test_the_observer_agrees_with_that_of_the_analysis(schedule, play):
    task = Volatility(30, VolatilityParams(schedule=schedule))
    planner = BayesGreedy(task)
    played = play(task, planner)
    probability = observe(played["row winner"].T.double().numpy()).probability_left
    left, right = played["row magnitude_left"].T, played["row magnitude_right"].T
    probability = torch.from_numpy(probability)
    best = torch.maximum(probability * left, (1 - probability) * right)
    torch.testing.assert_close(played["value"].T.double(), best, atol=1e-4, rtol=0)
    clear = (probability * left - (1 - probability) * right).abs() > 1e-4
    takes_left = probability * left > (1 - probability) * right
    assert torch.equal((played["row choice"].T == 0)[clear], takes_left[clear])


def output_after(policy, *trials, magnitudes=(0.5, 0.5)):
    """The decision after trials of (action, reward)."""
    memory = policy.initial_memory(1)
    shown = torch.tensor([magnitudes])
    output = policy.act(join_inputs(shown, torch.zeros(1, 2), torch.zeros(1)), memory)
    for action, reward in trials:
        inputs = join_inputs(shown, torch.eye(2)[[action]], torch.tensor([reward]))
        output = policy.act(inputs, output.memory)
    return output


def test_the_outcome_of_one_arm_reveals_that_of_the_other():
    params = RescorlaWagnerParams(learning_rate=0.4)
    for policy in (RescorlaWagner(Volatility(), params), BayesGreedy(Volatility())):
        left_won = output_after(policy, (0, 0.5)).memory[0]
        also_left = output_after(policy, (1, 0.0)).memory[0]
        right_won = output_after(policy, (0, 0.0)).memory[0]
        torch.testing.assert_close(left_won, also_left)
        assert not torch.allclose(left_won, right_won)


def test_rescorla_wagner_moves_by_its_rate_and_chooses_by_its_temperature():
    params = RescorlaWagnerParams(learning_rate=0.4, inverse_temperature=5.0)
    output = output_after(
        RescorlaWagner(Volatility(), params),
        (0, 0.5),
        (1, 0.0),
        (1, 0.5),
        magnitudes=(0.8, 0.3),
    )
    probability = 0.5
    for won in (1, 1, 0):
        probability += 0.4 * (won - probability)
    assert output.memory[0].item() == pytest.approx(probability)
    worth = [probability * 0.8, (1 - probability) * 0.3]
    left = 1 / (1 + math.exp(-5 * (worth[0] - worth[1])))
    assert output.logits.softmax(1)[0].tolist() == pytest.approx([left, 1 - left])
    value = left * worth[0] + (1 - left) * worth[1]
    assert output.value.item() == pytest.approx(value)


def test_nothing_is_lreward_before_the_first_trial():
    for kind in (BayesGreedy, RescorlaWagner):
        policy = kind(Volatility())
        start = policy.initial_memory(1)[0]
        torch.testing.assert_close(output_after(policy).memory[0], start)


def test_larger_magnitude_ignores_outcomes():
    policy = LargerMagnitude(Volatility())
    for trials in ((), ((0, 0.5),) * 5, ((1, 0.4),) * 5):
        output = output_after(policy, *trials, magnitudes=(0.4, 0.41))
        assert output.logits.softmax(1)[0].tolist() == [0, 1]
    even = VolatilityBaseline(Volatility())
    probabilities = output_after(even, magnitudes=(0.1, 0.9)).logits.softmax(1)[0]
    assert probabilities.tolist() == [0.5, 0.5]


def test_the_oracle_reads_the_task_passed_to_it(play):
    task, other = Volatility(20, BLOCKS), Volatility(20, BLOCKS)
    play(other, Oracle(other), seed=5)
    assert not play(task, Oracle(other))["row correct"].all()
    assert play(task, Oracle(task))["row correct"].all()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("learning_rate", 1.1),
        ("initial_probability", -0.1),
        ("inverse_temperature", -1.0),
    ],
)
def test_params_out_of_range_are_refused(field, value):
    with pytest.raises(ValueError, match=f"{field} must be"):
        RescorlaWagnerParams(**{field: value})


def test_a_discount_out_of_range_is_refused():
    with pytest.raises(ValueError, match="discount must be"):
        make_baselines(Volatility(), discount=2.0)
