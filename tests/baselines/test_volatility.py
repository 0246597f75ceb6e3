"""Baselines of the volatility task: what they earn, and what they compute."""

import math

import pytest
import torch

from metarl.analysis.volatility.observer import observe
from metarl.baselines import volatility as strategy_module
from metarl.baselines.volatility import (
    BayesGreedy,
    Chooser,
    LargerMagnitude,
    Oracle,
    RescorlaWagner,
    RescorlaWagnerParams,
    make_baselines,
)
from metarl.core.policy import join_inputs
from metarl.envs import volatility as task_module
from metarl.envs.volatility import Volatility, VolatilityParams

BLOCKS = VolatilityParams(schedule="blocks")


def test_the_baselines_earn_what_was_worked_out(play):
    task = Volatility(600, BLOCKS)
    played = {k: play(task, s) for k, s in make_baselines(task).items()}
    earned = {k: float(p["row reward"].double().mean()) for k, p in played.items()}
    for name, expected in (
        ("random", 0.250),
        ("larger-magnitude", 0.298),
        ("oracle", 0.388),
    ):
        assert earned[name] == pytest.approx(expected, abs=0.003), name
    assert earned["larger-magnitude"] + 0.03 < earned["rescorla-wagner"]
    assert earned["rescorla-wagner"] < earned["bayes-greedy"] < earned["oracle"]
    assert played["oracle"]["row correct"].all()
    larger = played["larger-magnitude"]
    more = larger["row magnitude_right"] - larger["row magnitude_left"]
    clear = more.abs() > 1e-5
    assert torch.equal((larger["row choice"] == 1)[clear], (more > 0)[clear])
    assert float(played["random"]["row correct"].mean()) == pytest.approx(0.5, abs=0.01)


def test_the_observer_knows_the_training_schedule_as_the_task_has_it():
    for name in ("PROBABILITY_SWAP", "LOG_CHANGE"):
        assert getattr(strategy_module, name) == getattr(task_module, name)
    stable, volatile = (
        strategy_module.PROBABILITY_STABLE,
        strategy_module.PROBABILITY_VOLATILE,
    )
    probabilities = (1 - stable, stable, 1 - volatile, volatile)
    assert task_module.CHANCES["training"] == probabilities


@pytest.mark.parametrize("schedule", ["training", "blocks"])
def test_the_observers_probabilities_are_those_of_the_analysis(schedule, play):
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


def taught(strategy, *trials, magnitudes=(0.5, 0.5)):
    """The decision after trials of (action, reward)."""
    memory = strategy.initial_memory(1)
    shown = torch.tensor([magnitudes])
    output = strategy.act(join_inputs(shown, torch.zeros(1, 2), torch.zeros(1)), memory)
    for action, reward in trials:
        inputs = join_inputs(shown, torch.eye(2)[[action]], torch.tensor([reward]))
        output = strategy.act(inputs, output.memory)
    return output


def test_both_arms_outcomes_are_read_from_one():
    params = RescorlaWagnerParams(learning_rate=0.4)
    for strategy in (RescorlaWagner(Volatility(), params), BayesGreedy(Volatility())):
        left_won = taught(strategy, (0, 0.5)).memory[0]
        also_left = taught(strategy, (1, 0.0)).memory[0]
        right_won = taught(strategy, (0, 0.0)).memory[0]
        torch.testing.assert_close(left_won, also_left)
        assert not torch.allclose(left_won, right_won)


def test_rescorla_wagner_moves_by_its_rate_and_chooses_by_its_temperature():
    params = RescorlaWagnerParams(learning_rate=0.4, inverse_temperature=5.0)
    output = taught(
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


def test_nothing_is_learned_before_the_first_trial():
    for kind in (BayesGreedy, RescorlaWagner):
        strategy = kind(Volatility())
        start = strategy.initial_memory(1)[0]
        torch.testing.assert_close(taught(strategy).memory[0], start)


def test_the_one_who_goes_by_magnitude_ignores_outcomes():
    strategy = LargerMagnitude(Volatility())
    for trials in ((), ((0, 0.5),) * 5, ((1, 0.4),) * 5):
        output = taught(strategy, *trials, magnitudes=(0.4, 0.41))
        assert output.logits.softmax(1)[0].tolist() == [0, 1]
    even = Chooser(Volatility())
    probabilities = taught(even, magnitudes=(0.1, 0.9)).logits.softmax(1)[0]
    assert probabilities.tolist() == [0.5, 0.5]


def test_the_oracle_follows_the_task_it_was_given(play):
    task, other = Volatility(20, BLOCKS), Volatility(20, BLOCKS)
    play(other, Oracle(other), seed=5)
    assert not play(task, Oracle(other))["row correct"].all()
    assert play(task, Oracle(task))["row correct"].all()


@pytest.mark.parametrize(
    ("field", "value"),
    [("learning_rate", 1.1), ("initial_chance", -0.1), ("inverse_temperature", -1.0)],
)
def test_params_out_of_range_are_refused(field, value):
    with pytest.raises(ValueError, match=f"{field} must be"):
        RescorlaWagnerParams(**{field: value})


def test_a_discount_out_of_range_is_refused():
    with pytest.raises(ValueError, match="discount must be"):
        make_baselines(Volatility(), discount=2.0)
