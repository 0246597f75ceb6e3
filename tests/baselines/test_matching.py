"""Baselines of the matching task: rewards and choices."""

import numpy as np
import pytest
import torch

from metarl.baselines.matching import (
    LONGEST_RUN,
    GreedyBaited,
    best_run,
    make_baselines,
)
from metarl.core.policy import join_inputs
from metarl.envs.matching import Matching, MatchingParams

REWARDS = {
    "random": (0.368, 0.386),
    "alternation": (0.408, 0.425),
    "matching": (0.441, 0.417),
    "greedy-baited": (0.459, 0.437),
    "rich-then-poor": (0.460, 0.437),
}
"""Rewards per trial in simulated episodes of 80 trials, held-in and held-out."""
TRIALS = {"trial_least": 80, "trial_most": 80}


@pytest.fixture(scope="module")
def played(play):
    """Every baseline on the same 10,000 test episodes."""
    task = Matching(10_000, MatchingParams(held_out=True, **TRIALS))
    return {k: play(task, s) for k, s in make_baselines(task).items()}


def test_the_baselines_have_the_known_rewards_held_in_and_held_out(played):
    for name, (held_in, held_out) in REWARDS.items():
        rows = played[name]
        outside = rows["row held_out"][0] == 1
        for rewards, expected in (
            (rows["row reward"][:, ~outside], held_in),
            (rows["row reward"][:, outside], held_out),
        ):
            assert float(rewards.double().mean()) == pytest.approx(expected, abs=3e-3)


def test_every_response_of_every_baseline_is_valid(played):
    for rows in played.values():
        assert rows["row valid"].all()


def test_random_choice_is_uniform_over_the_valid_actions(play):
    task = Matching(5, MatchingParams(trial_least=10, trial_most=10))
    rows = play(task, make_baselines(task)["random"])
    probabilities = rows["logits"].softmax(2)
    fixation = rows["event"] == 0
    assert torch.equal(
        probabilities[fixation], torch.tensor([1.0, 0.0, 0.0]).expand(50, -1)
    )
    assert torch.equal(
        probabilities[~fixation], torch.tensor([0.0, 0.5, 0.5]).expand(50, -1)
    )


def test_alternation_starts_at_random_and_never_repeats(played):
    choice = played["alternation"]["row choice"]
    assert float(choice[0].mean()) == pytest.approx(0.5, abs=0.02)
    assert (choice[1:] != choice[:-1]).all()


def test_greedy_choice_is_always_correct(played):
    assert played["greedy-baited"]["row correct"].all()


def test_fixed_choice_has_the_odds_of_the_base_probabilities(played):
    rows = played["matching"]
    left = rows["row p0_left"].double()
    odds = left / (1 - left) * (0.5 + left) / (0.5 - left)
    expected = odds / (1 + odds)
    chose_left = rows["row choice"] == 0
    for low in np.arange(0, 0.5, 0.05):
        near = (left > low) & (left < low + 0.05)
        n = int(near.sum())
        error = 4 * 0.5 / np.sqrt(n)
        actual = float(chose_left[near].double().mean())
        assert actual == pytest.approx(float(expected[near].mean()), abs=error)


def fixed_rate(left, chance_left):
    """Long-run reward per trial of a constant probability of left, by summation."""
    total = 0.0
    for base, often in ((left, chance_left), (0.5 - left, 1 - chance_left)):
        waits = np.arange(1, 3000)
        likely = often * (1 - often) ** (waits - 1)
        total += often * float((likely * (1 - (1 - base) ** waits)).sum())
    return total


@pytest.mark.parametrize("left", [0.03, 0.15, 0.25, 0.32, 0.45])
def test_no_constant_probability_has_more_reward_than_matching(left):
    task = Matching()
    task.reset(torch.zeros(1, 2), options={"p0_left": left})
    policy = make_baselines(task)["matching"]
    chosen = policy.act(choice_inputs(), policy.initial_memory(1)).logits.softmax(1)
    best = float(chosen[0, 1])
    grid = np.linspace(0.01, 0.99, 99)
    rates = [fixed_rate(left, probability) for probability in grid]
    assert fixed_rate(left, best) >= max(rates) - 1e-9
    assert grid[int(np.argmax(rates))] == pytest.approx(best, abs=0.0051)


def choice_inputs(num_envs=1):
    """Inputs at the choice after a valid fixation."""
    screen = torch.tensor([[0.0, 1.0]]).expand(num_envs, -1)
    centre = torch.tensor([[1.0, 0.0, 0.0]]).expand(num_envs, -1)
    return join_inputs(screen, centre, torch.zeros(num_envs))


def run_rate(left, run):
    """Long-run rewards per trial of a cycle, trial by trial."""
    base = [max(left, 0.5 - left), min(left, 0.5 - left)]
    waited, total = [0, 0], 0.0
    cycle = [0] * run + [1]
    for lap in range(2):
        total = 0.0 if lap == 1 else total
        for arm in cycle:
            total += 1 - (1 - base[arm]) ** (waited[arm] + 1)
            waited = [n + 1 for n in waited]
            waited[arm] = 0
    return total / len(cycle)


@pytest.mark.parametrize("left", [0.02, 0.1, 0.17, 0.24, 0.33, 0.49])
def test_no_other_run_has_more_reward_than_the_best_run(left):
    rates = [run_rate(left, run) for run in range(1, LONGEST_RUN + 1)]
    actual = int(best_run(torch.tensor([[left, 0.5 - left]], dtype=torch.float64)))
    assert actual == 1 + int(np.argmax(rates))


def test_an_option_without_reward_is_taken_last():
    assert best_run(torch.tensor([[0.5, 0.0], [0.25, 0.25]])).tolist() == [100, 1]


def test_the_planner_repeats_its_cycle_with_the_rich_arm_first(play):
    task = Matching(30, MatchingParams(trial_least=40, trial_most=40))
    rows = play(task, make_baselines(task)["rich-then-poor"])
    runs = set()
    for left, choice in zip(
        rows["row p0_left"][0].tolist(), rows["row choice"].T.tolist(), strict=True
    ):
        run = int(best_run(torch.tensor([[left, 0.5 - left]])))
        rich, poor = (0.0, 1.0) if left > 0.25 else (1.0, 0.0)
        assert choice == (([rich] * run + [poor]) * 40)[:40]
        runs.add((rich, run))
    assert len(runs) > 8


def test_the_value_of_an_oracle_is_the_expected_reward_of_the_trial(play):
    task = Matching(50, MatchingParams(trial_least=10, trial_most=10))
    rows = play(task, GreedyBaited(task, discount=0.5))
    probabilities = torch.maximum(rows["row chance_left"], rows["row chance_right"])
    torch.testing.assert_close(rows["value"][1::2], probabilities)
    torch.testing.assert_close(rows["value"][::2], 0.5 * probabilities)
    rows = play(task, make_baselines(task)["random"])
    assert not rows["value"].any()


def test_the_oracles_read_the_task_passed_to_them(play):
    params = MatchingParams(trial_least=20, trial_most=20)
    task, other = Matching(20, params), Matching(20, params)
    play(other, GreedyBaited(other), seed=5)
    assert not play(task, GreedyBaited(other))["row correct"].all()
    assert play(task, GreedyBaited(task))["row correct"].all()


def test_only_a_response_at_the_choice_counts_as_a_choice():
    """Left instead of fixating is no choice; a missing choice leaves both waiting."""
    task = Matching()
    policy = make_baselines(task)["alternation"]
    fixation, choice = torch.eye(2)[[0]], torch.eye(2)[[1]]
    memory = policy.initial_memory(1)
    acts = [(fixation, None), (choice, 1), (fixation, 2), (choice, 1), (fixation, 0)]
    waits = [[0, 0], [0, 0], [1, 0], [1, 0], [2, 1]]
    for (screen, action), expected in zip(acts, waits, strict=True):
        acted = torch.zeros(1, 3)
        if action is not None:
            acted[0, action] = 1
        memory = policy.act(join_inputs(screen, acted, torch.zeros(1)), memory).memory
        assert memory[0].tolist() == [expected]


def test_a_discount_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"discount must be in \[0, 1\], got 2.0"):
        make_baselines(Matching(), discount=2.0)
