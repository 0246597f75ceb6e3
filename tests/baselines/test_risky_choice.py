"""Baselines of risky choice: rewards, risks, computations."""

from functools import cache

import pytest
import torch

from metarl.baselines.risky_choice import (
    BayesGreedy,
    BayesOptimal,
    Oracle,
    WinStay,
    exploration_gains,
    make_baselines,
    win_probabilities,
)
from metarl.core.policy import join_inputs
from metarl.envs.risky_choice import RiskyChoice, RiskyChoiceParams

NAMES = ["random", "win-stay", "bayes-greedy", "oracle", "bayes-optimal"]
NUM_ENVS = 4000


@pytest.fixture(scope="module")
def played(play):
    task = RiskyChoice(NUM_ENVS)
    policies = make_baselines(task)
    return {name: play(task, policy) for name, policy in policies.items()}


def free(one, column, probability=None):
    """Mean of a column over free trials, at one or both risky probabilities."""
    here = one["row forced"] == 0
    if probability is not None:
        here &= one["row probability_risky"] == probability
    return float(one[f"row {column}"][here].double().mean())


def test_all_baselines_respond_validly(played):
    assert list(played) == NAMES
    for name, one in played.items():
        assert one["row valid"].all(), name


def test_the_random_chooser_risks_and_is_rewarded_at_chance_level(played):
    one = played["random"]
    for probability in (0.125, 0.5):
        assert free(one, "risky", probability) == pytest.approx(0.5, abs=0.015)
        reward = (1 + 4 * probability) / 2
        assert free(one, "reward", probability) == pytest.approx(reward, abs=0.04)


def test_the_oracle_takes_the_better_arm(played):
    one = played["oracle"]
    assert one["row correct"][one["row forced"] == 0].all()
    assert free(one, "reward", 0.125) == 1
    assert free(one, "reward", 0.5) == pytest.approx(2, abs=0.04)


@cache
def best_by_hand(trials, wins, losses):
    """Largest expected reward of free trials, by recursion over wins and losses."""
    if trials == 0:
        return 0.0
    high = 0.5 ** (wins + losses)
    low = 0.125**wins * 0.875**losses
    win = (0.5 * high + 0.125 * low) / (high + low)
    safe = 1 + best_by_hand(trials - 1, wins, losses)
    won = 4 + best_by_hand(trials - 1, wins + 1, losses)
    lost = best_by_hand(trials - 1, wins, losses + 1)
    return max(safe, win * won + (1 - win) * lost)


def expected_by_hand(trials=20, pulls=5):
    """The same before the forced trials: the mean over their outcomes."""
    total = 0.0
    for outcomes in range(2**pulls):
        wins = outcomes.bit_count()
        losses = pulls - wins
        probability = 0.5 * 0.5**pulls + 0.5 * 0.125**wins * 0.875**losses
        total += probability * best_by_hand(trials, wins, losses)
    return total


def test_the_optimal_chooser_has_the_reward_of_the_recursion(played):
    promised = expected_by_hand() / 20
    assert 1.42 < promised < 1.44
    reward = free(played["bayes-optimal"], "reward")
    assert reward == pytest.approx(promised, abs=0.02)


def test_baselines_have_the_expected_order_of_reward(played):
    reward = [free(played[name], "reward") for name in NAMES]
    habit, probability, greedy, oracle, optimal = (reward[k] for k in (1, 0, 2, 3, 4))
    assert habit < probability < greedy < optimal < oracle
    assert greedy + 0.03 < optimal


def test_a_habit_hardly_depends_on_the_probability(played):
    one = played["win-stay"]
    assert free(one, "risky", 0.5) < 0.05
    # On the safe arm it never loses, so it stays there to the end.
    free_rows = one["row risky"][10:]
    left_safe = (free_rows[:-1] == 0) & (free_rows[1:] == 1)
    assert not left_safe.any()
    left_won = (one["row won"][10:-1] == 1) & (free_rows[1:] == 0)
    assert not left_won.any()
    left_lost = (free_rows[:-1] == 1) & (one["row won"][10:-1] == 0)
    assert (free_rows[1:][left_lost] == 0).all()


def test_the_greedy_chooser_follows_bayes_rule(play):
    task = RiskyChoice(60)
    one = play(task, BayesGreedy(task))
    for env_index in range(60):
        odds = 1.0
        for trial in range(30):
            high = odds / (1 + odds)
            risky_worth = 4 * (0.125 + 0.375 * high)
            value = float(one["value"][2 * trial + 1, env_index])
            risky = int(one["row risky"][trial, env_index])
            if trial >= 10:
                assert risky == int(risky_worth > 1)
                assert value == pytest.approx(max(risky_worth, 1), abs=1e-5)
            elif trial >= 2:
                assert value == pytest.approx(risky_worth if risky else 1, abs=1e-5)
            if risky:
                won = one["row won"][trial, env_index] == 1
                odds *= 0.5 / 0.125 if won else 0.5 / 0.875
        assert not one["value"][::2].any()


def test_before_any_outcome_both_arms_are_equally_likely_to_be_risky(play):
    task = RiskyChoice(5)
    one = play(task, BayesGreedy(task))
    # (1 + 4 (.125 + .5) / 2) / 2, whichever side is forced.
    assert one["value"][1].tolist() == pytest.approx([1.125] * 5)


def test_the_more_frequent_side_of_the_risky_arm_is_known(play):
    task = RiskyChoice(40, RiskyChoiceParams(probability_right=0.9))
    one = play(task, BayesGreedy(task))
    # The risky arm is worth 1.25, the safe one 1.
    for side, worth in ((0, 1.025), (1, 1.225)):
        first = one["value"][1][one["row choice"][0] == side]
        assert first.tolist() == pytest.approx([worth] * len(first))
        assert len(first) > 0


def test_the_optimal_chooser_pulls_where_the_recursion_does(play):
    task = RiskyChoice(300)
    one = play(task, BayesOptimal(task))
    for env_index in range(300):
        wins = losses = 0
        for trial in range(30):
            if trial >= 10:
                left = 30 - trial - 1
                high, low = 0.5 ** (wins + losses), 0.125**wins * 0.875**losses
                win = (0.5 * high + 0.125 * low) / (high + low)
                pull = win * (4 + best_by_hand(left, wins + 1, losses))
                pull += (1 - win) * best_by_hand(left, wins, losses + 1)
                better = pull > 1 + best_by_hand(left, wins, losses)
                assert int(one["row risky"][trial, env_index]) == int(better)
            if one["row risky"][trial, env_index] == 1:
                won = bool(one["row won"][trial, env_index])
                wins, losses = wins + won, losses + (not won)


def test_the_plans_gain_is_that_of_the_recursion():
    gains = exploration_gains(RiskyChoiceParams())
    assert gains.shape == (20, 26, 26)
    for done, wins, losses in ((0, 0, 5), (0, 1, 4), (7, 3, 4), (19, 2, 3)):
        left = 20 - done
        high, low = 0.5 ** (wins + losses), 0.125**wins * 0.875**losses
        win = (0.5 * high + 0.125 * low) / (high + low)
        pull = win * (4 + best_by_hand(left - 1, wins + 1, losses))
        pull += (1 - win) * best_by_hand(left - 1, wins, losses + 1)
        safe = 1 + best_by_hand(left - 1, wins, losses)
        assert float(gains[done, wins, losses]) == pytest.approx(pull - safe, abs=1e-5)
    # One win in five is worth exploring early, and not on the last trial.
    assert gains[0, 1, 4] > 0 > gains[19, 1, 4]


def test_the_probability_of_a_win_by_hand():
    probabilities = win_probabilities(3, 0.125, 0.5)
    assert float(probabilities[0, 0]) == pytest.approx(0.3125)
    assert float(probabilities[1, 0]) == pytest.approx(
        (0.25 + 0.015625) / (0.5 + 0.125)
    )
    assert float(probabilities[0, 2]) == pytest.approx(
        (0.125 + 0.875**2 * 0.125) / (0.25 + 0.875**2)
    )


def test_certain_probabilities_leave_the_plan_and_the_beliefs_finite(play):
    params = RiskyChoiceParams(probability_low=0.0, probability_high=1.0)
    assert torch.isfinite(exploration_gains(params)).all()
    task = RiskyChoice(50, params)
    for policy in (BayesGreedy(task), BayesOptimal(task)):
        one = play(task, policy)
        assert torch.isfinite(one["value"]).all()
        assert one["row correct"][10:].all()


def test_rewards_that_are_not_round_numbers_are_recognised(play):
    params = RiskyChoiceParams(reward_safe=0.3, reward_risky=1.3)
    task = RiskyChoice(200, params)
    one = play(task, BayesOptimal(task))
    assert free(one, "risky", 0.5) > 0.8
    assert free(one, "risky", 0.125) < 0.3


@pytest.mark.parametrize(
    "params",
    [
        RiskyChoiceParams(forced_pairs=0),
        RiskyChoiceParams(reward_safe=0),
        RiskyChoiceParams(reward_safe=2, reward_risky=2),
    ],
)
def test_there_is_no_plan_if_rewards_do_not_distinguish_the_arms(params, play):
    task = RiskyChoice(20, params)
    policies = make_baselines(task)
    assert list(policies) == NAMES[:-1]
    for policy in policies.values():
        assert play(task, policy)["row valid"].all()


def test_the_oracle_reads_the_task_passed_to_it(play):
    task, other = RiskyChoice(50), RiskyChoice(50)
    play(other, Oracle(other), seed=5)
    assert not play(task, Oracle(other))["row correct"][10:].all()
    assert play(task, Oracle(task))["row correct"][10:].all()


def step_through(policy, task, actions, numbers):
    """The memory after given actions, whatever the policy prefers."""
    memory = policy.initial_memory(1)
    observation, acted, reward = task.observation(), torch.zeros(1, 3), 0.0
    for action, number in zip(actions, numbers, strict=True):
        inputs = join_inputs(observation, acted, torch.tensor([reward]))
        memory = policy.act(inputs, memory).memory
        step = task.step(torch.tensor([action]), torch.full((1, 2), number))
        observation, reward = step.observation, float(step.reward)
        acted = torch.eye(3)[[action]]
    inputs = join_inputs(observation, acted, torch.tensor([reward]))
    return policy.act(inputs, memory).memory


def test_nothing_is_learned_from_an_invalid_response():
    task = RiskyChoice(1)
    for policy in (BayesGreedy(task), BayesOptimal(task), WinStay(task)):
        start = policy.initial_memory(1)[1:]
        # The right side is forced; the left and the centre are taken.
        for wrong in ([0, 1], [0, 0], [2, 0]):
            task.reset(torch.zeros(1, 2))
            after = step_through(policy, task, wrong, [0.0, 0.0])[1:]
            assert all(torch.equal(a, b) for a, b in zip(after, start, strict=True))


def test_the_belief_after_a_win_and_a_loss_by_hand():
    task = RiskyChoice(1)
    policy = BayesGreedy(task)
    for number, high in ((0.0, 0.5 / 0.625), (0.6, 0.5 / 1.375)):
        task.reset(torch.zeros(1, 2), options={"risky_side": 1})
        belief = step_through(policy, task, [0, 2], [0.0, number])[1][0]
        assert belief.tolist() == pytest.approx([0, 0, 1 - high, high])


def test_the_safe_reward_reveals_the_sides_and_nothing_else():
    task = RiskyChoice(1)
    task.reset(torch.zeros(1, 2), options={"risky_side": 0})
    belief = step_through(BayesGreedy(task), task, [0, 2], [0.0, 0.0])[1][0]
    assert belief.tolist() == pytest.approx([0.5, 0.5, 0, 0])


def test_a_discount_out_of_range_is_refused():
    with pytest.raises(ValueError, match="discount must be"):
        make_baselines(RiskyChoice(), 1.5)
