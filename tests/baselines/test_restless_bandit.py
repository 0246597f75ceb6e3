"""Baselines of the restless bandit: their rules by hand, and their regret."""

import math
from statistics import NormalDist

import numpy as np
import pytest
import torch

from metarl.baselines.restless_bandit import (
    BayesGreedy,
    Oracle,
    RescorlaWagner,
    RescorlaWagnerParams,
    Thompson,
    ThompsonParams,
    UpperConfidence,
    make_baselines,
    reflected_drift,
)
from metarl.envs.restless_bandit import RestlessBandit, RestlessBanditParams

NUM_ENVS = 2000


@pytest.fixture(scope="module")
def played(play):
    task = RestlessBandit(NUM_ENVS)
    return {name: play(task, one) for name, one in make_baselines(task).items()}


def regrets(rows):
    """What each episode cost in expectation, given the true probabilities."""
    left = rows["row probability_left"].double()
    chosen = torch.where(rows["row choice"] == 0, left, 1 - left)
    return (torch.maximum(left, 1 - left) - chosen).sum(0)


def test_the_regrets_agree_with_those_of_a_separate_simulation(played):
    # 6,000 episodes, simulated in numpy with other random numbers.
    known = {
        "ucb": 8.27,
        "thompson": 10.87,
        "rescorla-wagner": 8.40,
        "bayes-greedy": 6.55,
    }
    for name, expected in known.items():
        cost = regrets(played[name])
        error = float(cost.std()) / math.sqrt(NUM_ENVS)
        assert abs(float(cost.mean()) - expected) < 5 * error, name
    assert float(regrets(played["oracle"]).max()) == 0
    for rows in played.values():
        assert rows["row valid"].all()
        assert not rows["value"].any()


def test_random_choice_costs_half_the_difference_between_the_arms(played):
    left = played["random"]["row probability_left"].double()
    expected = (left - 0.5).abs().sum(0)
    surplus = regrets(played["random"]) - expected
    error = float(surplus.std()) / math.sqrt(NUM_ENVS)
    assert abs(float(surplus.mean())) < 4 * error
    assert float(expected.mean()) == pytest.approx(25, abs=0.5)


def test_knowledge_of_volatility_reduces_regret_at_low_and_high_volatility(play):
    """The planner has more regret than one that knows the volatility."""
    costs = {}
    for kind, low, high in (("both", 0.02, 0.2), ("low", 0.02, 0.02)):
        task = RestlessBandit(NUM_ENVS)
        planner = BayesGreedy(
            RestlessBandit(
                params=RestlessBanditParams(deviation_low=low, deviation_high=high)
            )
        )
        rows = play(task, planner)
        volatile = rows["row volatility"][0] == 1
        cost = regrets(rows)
        costs[kind] = float(cost[~volatile].mean()), float(cost[volatile].mean())
    assert costs["low"][0] < costs["both"][0]
    assert costs["low"][1] > costs["both"][1] + 1


def outcomes(rows):
    """Choices and rewards of each environment, as lists."""
    choice, reward = rows["row choice"].long(), rows["row reward"]
    return zip(choice.T.tolist(), reward.T.tolist(), strict=True)


def left_chances(rows):
    """(B, trials) probability of taking left, by the logits."""
    return rows["logits"].double().softmax(2)[:, :, 0].T


def test_ucb_takes_the_higher_bound_and_untried_arms_first(play):
    for width in (1.0, 0.3):
        task = RestlessBandit(30)
        rows = play(task, UpperConfidence(task, width))
        shown = left_chances(rows)
        for env_index, (choices, rewards) in enumerate(outcomes(rows)):
            assert set(choices[:2]) == {0, 1}
            assert float(shown[env_index, 0]) == 0.5
            for trial in range(2, 100):
                bounds = []
                for arm in (0, 1):
                    paid = [
                        r
                        for c, r in zip(choices[:trial], rewards[:trial], strict=True)
                        if c == arm
                    ]
                    bonus = math.sqrt(width * math.log(trial) / len(paid))
                    bounds.append(sum(paid) / len(paid) + bonus)
                if abs(bounds[0] - bounds[1]) > 1e-5:
                    assert choices[trial] == int(bounds[1] > bounds[0])
                else:
                    assert float(shown[env_index, trial]) in (0, 0.5, 1)


def test_thompson_is_a_kalman_filter_that_matches_its_belief(play):
    task, params = RestlessBandit(30), ThompsonParams(deviation=0.1)
    rows = play(task, Thompson(task, params))
    shown = left_chances(rows)
    for env_index, (choices, rewards) in enumerate(outcomes(rows)):
        means, precisions = [0.5, 0.5], [12.0, 12.0]
        for trial, (choice, reward) in enumerate(zip(choices, rewards, strict=True)):
            spread = math.sqrt(1 / precisions[0] + 1 / precisions[1])
            expected = NormalDist().cdf((means[0] - means[1]) / spread)
            assert float(shown[env_index, trial]) == pytest.approx(expected, abs=1e-4)
            # Bayes for a normal mean: precisions add, and weigh what they stand for.
            before = precisions[choice]
            precisions[choice] = before + 6
            total = before * means[choice] + 6 * reward
            means[choice] = total / precisions[choice]
            precisions = [1 / (1 / precision + 0.01) for precision in precisions]


def test_rescorla_wagner_moves_only_the_chosen_value(play):
    task = RestlessBandit(30)
    params = RescorlaWagnerParams(learning_rate=0.3, inverse_temperature=5.0)
    rows = play(task, RescorlaWagner(task, params))
    shown = left_chances(rows)
    for env_index, (choices, rewards) in enumerate(outcomes(rows)):
        values = [0.5, 0.5]
        for trial, (choice, reward) in enumerate(zip(choices, rewards, strict=True)):
            expected = 1 / (1 + math.exp(-5 * (values[0] - values[1])))
            assert float(shown[env_index, trial]) == pytest.approx(expected, abs=1e-5)
            values[choice] += 0.3 * (reward - values[choice])


def test_the_defaults_are_those_of_the_paper_if_it_states_them():
    task = RestlessBandit()
    policies = make_baselines(task)
    assert policies["ucb"].width == 1
    assert policies["rescorla-wagner"].params.learning_rate == 0.5


def particles(choices, rewards, generator, count=40_000):
    """Chances of left and volatilities, drawn from the exact belief: one per trial."""
    left = generator.random(count)
    deviation = np.where(generator.random(count) < 0.5, 0.2, 0.02)
    for choice, reward in zip(choices, rewards, strict=True):
        yield left.mean()
        paid = np.where(choice == 0, left, 1 - left)
        weights = paid if reward else 1 - paid
        resampled = generator.choice(count, count, p=weights / weights.sum())
        deviation = deviation[resampled]
        moved = np.abs(left[resampled] + deviation * generator.standard_normal(count))
        left = 1 - np.abs(1 - moved)


def test_the_planners_belief_is_that_of_a_particle_filter(play):
    task = RestlessBandit(3)
    planner = BayesGreedy(task)
    rows = play(task, planner)
    generator = np.random.default_rng(3)
    choices, rewards = rows["row choice"].long(), rows["row reward"]
    memory = planner.initial_memory(3)
    chosen, reward = torch.zeros(3, 2), torch.zeros(3)
    expected = [
        list(
            particles(
                choices[:, env_index].tolist(),
                rewards[:, env_index].tolist(),
                generator,
            )
        )
        for env_index in range(3)
    ]
    for trial in range(100):
        inputs = torch.cat([torch.zeros(3, 1), chosen, reward.unsqueeze(1)], dim=1)
        memory = planner.act(inputs, memory).memory
        belief = memory[0].unflatten(1, (2, -1))
        assert torch.allclose(belief.sum((1, 2)), torch.ones(3), atol=1e-5)
        left = (belief.sum(1) @ planner.middles).tolist()
        assert left == pytest.approx([one[trial] for one in expected], abs=0.02)
        chosen, reward = torch.eye(2)[choices[trial]], rewards[trial]


def test_the_planner_distinguishes_low_from_high_volatility(play):
    task = RestlessBandit(500)
    planner = BayesGreedy(task)
    seen = {}

    class Watched:
        initial_memory = staticmethod(planner.initial_memory)

        @staticmethod
        def act(inputs, memory):
            output = planner.act(inputs, memory)
            seen["belief"] = output.memory[0]
            return output

    rows = play(task, Watched())
    high = seen["belief"].unflatten(1, (2, -1))[:, 1].sum(1)
    volatile = rows["row volatility"][0] == 1
    assert float(high[volatile].mean()) > float(high[~volatile].mean()) + 0.4


def test_a_reflected_drift_keeps_the_uniform_belief_and_its_deviation():
    for deviation in (0.0, 0.02, 0.2, 1.0):
        drift = reflected_drift(deviation).double()
        assert torch.allclose(drift.sum(1), torch.ones(100).double(), atol=1e-6)
        assert torch.allclose(drift.sum(0), torch.ones(100).double(), atol=1e-3)
        assert bool((drift >= 0).all())
    assert torch.equal(reflected_drift(0.0), torch.eye(100))
    places = (torch.arange(100) + 0.5).double() / 100
    middle = reflected_drift(0.02).double()[50]
    spread = float((middle * (places - places[50]) ** 2).sum().sqrt())
    # A bin's own width adds a little.
    assert spread == pytest.approx(math.hypot(0.02, 0.01 / math.sqrt(12)), rel=1e-3)


def test_the_oracle_reads_the_task_passed_to_it(play):
    task, other = RestlessBandit(50), RestlessBandit(50)
    play(other, Oracle(other), seed=5)
    assert not play(task, Oracle(other))["row correct"].all()
    assert play(task, Oracle(task))["row correct"].all()


@pytest.mark.parametrize(
    ("params", "field", "value"),
    [
        (RescorlaWagnerParams, "learning_rate", 1.1),
        (RescorlaWagnerParams, "inverse_temperature", -1.0),
        (ThompsonParams, "deviation", -0.1),
        (ThompsonParams, "outcome_variance", 0.0),
        (ThompsonParams, "initial_variance", 2.0),
    ],
)
def test_params_out_of_range_are_refused(params, field, value):
    with pytest.raises(ValueError, match=f"{field} must be"):
        params(**{field: value})


def test_a_negative_width_is_refused():
    with pytest.raises(ValueError, match="width must be at least 0"):
        UpperConfidence(RestlessBandit(), -1.0)
