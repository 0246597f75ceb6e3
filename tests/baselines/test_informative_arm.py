"""Baselines of the informative arm: reward, by hand, and choices."""

from functools import cache

import pytest
import torch

from metarl.baselines.informative_arm import (
    Guesser,
    Informed,
    Oracle,
    make_baselines,
)
from metarl.envs.informative_arm import InformativeArm, InformativeArmParams

NUM_ENVS = 4000
INFORMATIVE = 10


@pytest.fixture(scope="module")
def played(play):
    task = InformativeArm(NUM_ENVS)
    return {name: play(task, one) for name, one in make_baselines(task).items()}


def total_reward(rows):
    """Reward of each episode."""
    return rows["row reward"].double().sum(0)


def near(rewards, expected):
    """Whether their mean is within 4 standard errors of what is expected."""
    error = float(rewards.std()) / len(rewards) ** 0.5
    return abs(float(rewards.mean()) - expected) < 4 * error + 1e-9


def test_the_baselines_have_the_expected_rewards(played):
    # Random: 11 arms with equal probability; the mean clue is .55.
    assert near(total_reward(played["random"]), 5 * (5 + 9 + 0.55) / 11)
    # Guesser: the target is known by trial t with a probability of t / 10.
    assert near(
        total_reward(played["guesser"]), sum(1 + 4 * t / 10 for t in range(1, 6))
    )
    # Informed: a clue, then the target four times.
    assert near(total_reward(played["informed"]), 0.55 + 4 * 5)
    assert torch.equal(
        total_reward(played["oracle"]), torch.full((NUM_ENVS,), 25.0).double()
    )
    for rows in played.values():
        assert rows["row valid"].all()
        assert not rows["value"].any()


@cache
def best(left, candidates, *, asks):
    """Largest expected reward of the remaining trials, by dynamic programming."""
    if left == 0:
        return 0.0
    if candidates == 1:
        return 5.0 * left
    hit, miss = 5.0 * left, 1 + best(left - 1, candidates - 1, asks=asks)
    guess = hit / candidates + miss * (candidates - 1) / candidates
    return max(guess, 0.55 + 5.0 * (left - 1)) if asks else guess


def test_informed_is_optimal_and_guessing_the_best_without_the_informative_arm(played):
    assert best(5, 10, asks=True) == pytest.approx(20.55)
    assert best(5, 10, asks=False) == pytest.approx(11.0)
    assert near(total_reward(played["informed"]), best(5, 10, asks=True))
    assert near(total_reward(played["guesser"]), best(5, 10, asks=False))


def test_the_informed_takes_the_informative_arm_once_and_then_the_target(played):
    choice, target = played["informed"]["row choice"], played["informed"]["row target"]
    assert (choice[0] == INFORMATIVE).all()
    assert torch.equal(choice[1:], target[1:])


def test_the_guesser_tries_no_arm_twice_and_stays_with_the_target(played):
    rows = played["guesser"]
    choice, target = rows["row choice"], rows["row target"]
    assert (choice < INFORMATIVE).all()
    known = (choice == target).cummax(0).values
    assert torch.equal(choice[1:][known[:-1]], target[1:][known[:-1]])
    for trial in range(1, 5):
        before = (choice[:trial] == choice[trial]).any(0)
        assert not before[~known[trial - 1]].any()
    shares = torch.bincount(choice[0].long(), minlength=11).double() / NUM_ENVS
    assert bool(((shares[:INFORMATIVE] - 0.1).abs() < 4 * 0.3 / NUM_ENVS**0.5).all())


def test_the_random_chooser_takes_all_arms_equally_often(played):
    choice = played["random"]["row choice"].long().flatten()
    shares = torch.bincount(choice, minlength=11).double() / len(choice)
    error = (10 / 121 / len(choice)) ** 0.5
    assert bool(((shares - 1 / 11).abs() < 4 * error).all())


def test_policies_work_with_another_number_of_arms_and_other_rewards(play):
    params = InformativeArmParams(
        arm_count=4, trial_count=6, reward_target=9.0, reward_other=3.0
    )
    task = InformativeArm(200, params)
    informed = play(task, Informed(task))
    assert torch.equal(informed["row choice"][1:], informed["row target"][1:])
    guesser = play(task, Guesser(task))
    assert guesser["row correct"][2:].all()


def test_the_oracle_reads_the_task_passed_to_it(play):
    task, other = InformativeArm(50), InformativeArm(50)
    play(other, Oracle(other), seed=5)
    assert not play(task, Oracle(other))["row correct"].all()
    assert play(task, Oracle(task))["row correct"].all()
