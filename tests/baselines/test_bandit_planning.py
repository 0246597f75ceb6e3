"""Looking ahead in a bandit, against plain recursions over single states."""

from functools import cache
from itertools import product

import pytest
import torch

from metarl.baselines.bandit_planning import gittins_indices, optimal_plan

TRIALS = 6


def mean(wins, losses):
    return (wins + 1) / (wins + losses + 2)


@cache
def worth(left, state):
    """Most that `left` trials can earn, and of each arm, from (w, l, w, l)."""
    if left == 0:
        return 0.0, (0.0, 0.0)
    arms = []
    for arm in (0, 1):
        probability = mean(*state[2 * arm : 2 * arm + 2])
        won, lost = list(state), list(state)
        won[2 * arm] += 1
        lost[2 * arm + 1] += 1
        earned = probability * (1 + worth(left - 1, tuple(won))[0])
        arms.append(earned + (1 - probability) * worth(left - 1, tuple(lost))[0])
    return max(arms), tuple(arms)


def test_the_plan_is_that_of_a_recursion_over_single_states():
    plan = optimal_plan(TRIALS)
    assert plan.reward == pytest.approx(worth(TRIALS, (0, 0, 0, 0))[0])
    states = [s for s in product(range(TRIALS), repeat=4) if sum(s) < TRIALS]
    assert len(states) == 210 - 84
    wins = torch.tensor([[s[0], s[2]] for s in states])
    pulls = wins + torch.tensor([[s[1], s[3]] for s in states])
    found = plan.choice(wins, pulls).tolist()
    seen = set()
    for state, choice in zip(states, found, strict=True):
        left, right = worth(TRIALS - sum(state), state)[1]
        expected = 2 if abs(left - right) < 1e-9 else int(right > left)
        assert choice == expected, state
        seen.add(choice)
    assert seen == {0, 1, 2}


def test_the_optimum_of_a_hundred_trials_is_the_published_one():
    assert 100 * 2 / 3 - optimal_plan(100).reward == pytest.approx(1.75, abs=0.005)


def test_one_trial_is_worth_a_half():
    assert optimal_plan(1).reward == 0.5


def gain(left, wins, losses, sure):
    """What the arm is worth above a sure reward that one may fall back on for good."""
    return max(ahead(left, wins, losses, sure), 0.0) if left else 0.0


def ahead(left, wins, losses, sure):
    probability = mean(wins, losses)
    won = gain(left - 1, wins + 1, losses, sure)
    lost = gain(left - 1, wins, losses + 1, sure)
    return probability - sure + probability * won + (1 - probability) * lost


def index_by_bisection(left, wins, losses):
    low, high = 0.0, 1.0
    for _ in range(20):
        middle = (low + high) / 2
        if ahead(left, wins, losses, middle) > 0:
            low = middle
        else:
            high = middle
    return low


def test_gittins_indices_are_those_of_a_search_over_sure_rewards():
    indices = gittins_indices(TRIALS)
    assert indices.shape == (TRIALS + 1, TRIALS, TRIALS)
    for left in range(1, TRIALS + 1):
        for wins, losses in product(range(TRIALS - left + 1), repeat=2):
            if wins + losses + left <= TRIALS:
                found = float(indices[left, wins, losses])
                expected = index_by_bisection(left, wins, losses)
                assert found == pytest.approx(expected, abs=2e-3)


def test_an_index_starts_at_the_mean_and_grows_with_the_trials_left():
    indices = gittins_indices(20)
    assert float(indices[1, 3, 1]) == pytest.approx(4 / 6, abs=1e-6)
    # With two left, of an arm never pulled: 1/2 - x + (2/3 - x) / 2 = 0.
    assert float(indices[2, 0, 0]) == pytest.approx(5 / 9, abs=1e-3)
    assert bool((indices[1:, 0, 0].diff() > 0).all())
