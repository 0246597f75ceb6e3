"""Expected rewards of the baselines, compared with simulation and each other."""

import numpy as np
import pytest
from baited_choosers import baited_trials

from metarl.analysis.matching.optimum import (
    LONGEST_RUN,
    best_run,
    expected_rewards,
    matching_probabilities,
)


@pytest.mark.parametrize("kind", ["random", "matching"])
def test_expected_rewards_are_those_of_simulated_choosers(kind):
    trials = baited_trials(kind, episodes=3000)
    episodes = trials.groupby("episode")
    left, counts = episodes["p0_left"].first().to_numpy(), episodes.size().to_numpy()
    surplus = episodes["reward"].sum().to_numpy() - expected_rewards(left, counts)[kind]
    error = surplus.std() / np.sqrt(len(surplus))
    assert abs(surplus.mean()) < 4 * error
    assert error < 0.1
    for rich in (left < 0.1, left > 0.4, abs(left - 0.25) < 0.05):
        part = surplus[rich]
        assert abs(part.mean()) < 4 * part.std() / np.sqrt(len(part))


def cycle_by_hand(left, trials, run):
    """Rewards expected of so many rich choices and a poor one, again and again."""
    base = [max(left, 0.5 - left), min(left, 0.5 - left)]
    waited, total, since = [0, 0], 0.0, 0
    for _ in range(trials):
        arm = 1 if since == run else 0
        since = 0 if arm else since + 1
        total += 1 - (1 - base[arm]) ** (waited[arm] + 1)
        waited = [n + 1 for n in waited]
        waited[arm] = 0
    return total


@pytest.mark.parametrize("left", [0.03, 0.12, 0.24, 0.31, 0.47])
def test_the_best_cycle_is_found_and_summed_trial_by_trial(left):
    base = np.array([[left, 0.5 - left]])
    run = int(best_run(base)[0])
    for trials in (1, 7, 80):
        result = expected_rewards(np.array([left]), np.array([trials]))
        by_hand = cycle_by_hand(left, trials, run)
        assert result["rich_then_poor"].item() == pytest.approx(by_hand)
    # Over many trials no other run earns more, but for where the cycle is cut off.
    length = 20_000
    rates = [cycle_by_hand(left, length, k) / length for k in range(1, 60)]
    assert rates[run - 1] >= max(rates) - 1e-4


def test_matching_is_rewarded_equally_often_by_both_options():
    left = np.linspace(0.01, 0.49, 25)
    base = np.stack([left, 0.5 - left], axis=1)
    choice = matching_probabilities(base)
    share = base / (base + choice - base * choice)
    np.testing.assert_allclose(share[:, 0], share[:, 1])
    np.testing.assert_allclose(choice.sum(axis=1), 1)


def test_the_ends_of_the_range_are_numbers():
    result = expected_rewards(np.array([0.0, 0.25, 0.5]), np.array([10, 10, 10]))
    assert result.notna().all().all()
    assert result.iloc[0].to_list() == pytest.approx(result.iloc[2].to_list())
    # A worthless option: the other is rewarded in half of the trials.
    assert result["matching"][0] == pytest.approx(5.0)
    assert best_run(np.array([[0.0, 0.5]]))[0] == LONGEST_RUN
    # Equal arms: matching is random, and alternation best.
    assert result["matching"][1] == pytest.approx(result["random"][1])
    assert best_run(np.array([[0.25, 0.25]]))[0] == 1


def test_longer_episodes_are_summed_to_their_own_end():
    left = np.full(3, 0.4)
    result = expected_rewards(left, np.array([1, 2, 50]))
    alone = expected_rewards(left[:1], np.array([2]))
    assert result["random"][0] == pytest.approx(0.25)
    assert result.iloc[1].to_list() == pytest.approx(alone.iloc[0].to_list())


def test_an_unknown_base_probability_gives_no_number():
    result = expected_rewards(np.array([np.nan, 0.4]), np.array([10, 10]))
    assert result.iloc[0].isna().all()
    assert result.iloc[1].notna().all()


def test_an_option_that_always_pays_is_always_chosen():
    base = np.array([[1.0, 0.0], [0.4, 0.1], [0.0, 0.0]])
    result = matching_probabilities(base)
    np.testing.assert_allclose(result, [[1, 0], [6 / 7, 1 / 7], [0.5, 0.5]])
