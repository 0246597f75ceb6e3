"""Baselines of the reversal task: rewards, computations, inputs."""

import itertools

import pytest
import torch

from metarl.baselines.reversal import (
    BayesGreedy,
    Oracle,
    RescorlaWagner,
    RescorlaWagnerParams,
    WinStayLoseShift,
    make_baselines,
)
from metarl.core.policy import join_inputs
from metarl.envs.reversal import Reversal, ReversalParams

NAMES = (
    "random",
    "win-stay-lose-shift",
    "rescorla-wagner",
    "bayes-greedy",
    "oracle",
)
NUM_ENVS = 800
BARE = ReversalParams(fixation=False)
PICTURES = ReversalParams(pictures=True)
BARE_PICTURES = ReversalParams(pictures=True, fixation=False)


def share(played, percent, name="correct"):
    return float(played[f"row {name}"][played["row schedule"] == percent].mean())


@pytest.mark.parametrize("params", [ReversalParams(), BARE, PICTURES, BARE_PICTURES])
def test_the_baselines_have_the_expected_accuracy(params, play):
    task = Reversal(NUM_ENVS, params)
    played = {k: play(task, s) for k, s in make_baselines(task).items()}
    assert tuple(played) == NAMES
    for name in NAMES:
        assert played[name]["row valid"].all(), name
    for percent in (80, 70):
        assert share(played["random"], percent) == pytest.approx(0.5, abs=0.012)
        assert share(played["oracle"], percent) == 1
        order = [share(played[name], percent) for name in NAMES]
        assert order == sorted(order)
    # One who stays after a win and shifts after a loss is a chain of two states, right
    # as often as p / (p + 1 - p) = p once it has settled.
    wsls = played["win-stay-lose-shift"]
    assert share(wsls, 80) == pytest.approx(0.79, abs=0.012)
    assert share(wsls, 70) == pytest.approx(0.695, abs=0.012)
    assert share(played["bayes-greedy"], 80) == pytest.approx(0.95, abs=0.01)
    assert share(played["bayes-greedy"], 70) == pytest.approx(0.915, abs=0.012)
    assert share(played["oracle"], 80, "reward") == pytest.approx(0.8, abs=0.01)


def test_win_stay_lose_shift_stays_after_wins_and_shifts_after_losses_only(play):
    task = Reversal(100)
    played = play(task, WinStayLoseShift(task))
    choice, won = played["row choice"], played["row reward"] > 0
    assert torch.equal(choice[1:] == choice[:-1], won[:-1])
    assert float(choice[0].mean()) == pytest.approx(0.5, abs=0.2)


def expected_by_bayes(params, choices, rewards):
    """Reward probability of right on each trial, summed over all courses by hand."""
    courses = list(
        itertools.product(
            (0, 1),
            params.percents,
            range(params.reversal_least, params.reversal_most + 1),
        )
    )
    weights, expected = [1.0] * len(courses), []
    for trial, (choice, reward) in enumerate(zip(choices, rewards, strict=True)):
        pays = []
        for first, percent, before in courses:
            better = first if trial < before else 1 - first
            pays.append((percent if better == 1 else 100 - percent) / 100)
        total = sum(weights)
        expected.append(sum(w * p for w, p in zip(weights, pays, strict=True)) / total)
        likely = [p if (choice == 1) == (reward == 1) else 1 - p for p in pays]
        weights = [w * p for w, p in zip(weights, likely, strict=True)]
    return expected


@pytest.mark.parametrize(
    "params",
    [
        ReversalParams(),
        ReversalParams(schedule="70/30", fixation=False),
        ReversalParams(trial_count=15, reversal_least=4, reversal_most=9),
    ],
)
def test_the_beliefs_are_bayes_rule(params, play):
    task = Reversal(12, params)
    played = play(task, BayesGreedy(task, discount=0.5))
    steps = len(task.phase_events)
    at_choice = played["value"][steps - 1 :: steps]
    for env_index in range(12):
        choices = played["row choice"][:, env_index].tolist()
        rewards = played["row reward"][:, env_index].tolist()
        right = expected_by_bayes(params, choices, rewards)
        best = [max(p, 1 - p) for p in right]
        assert at_choice[:, env_index].tolist() == pytest.approx(best, abs=1e-5)
        for choice, p in zip(choices, right, strict=True):
            assert abs(p - 0.5) < 1e-4 or choice == float(p > 0.5)
    if params.fixation:
        assert torch.allclose(played["value"][::2], 0.5 * at_choice)


def test_both_choices_of_a_trial_are_equally_informative():
    """A win of one option is as informative as a loss of the other."""
    task = Reversal(4)
    planner = BayesGreedy(task)
    took = torch.tensor([[1, 0], [0, 1], [1, 0], [0, 1]], dtype=torch.bool)
    won = torch.tensor([True, False, False, True])
    memory = planner.initial_beliefs(4)
    memory = planner.learn_outcome(took & False, won, task.always, memory)
    _, belief = planner.learn_outcome(took, won, task.always, memory)
    assert torch.allclose(belief[0], belief[1])
    assert torch.allclose(belief[2], belief[3])
    assert not torch.allclose(belief[0], belief[2])


def test_rescorla_wagner_learns_from_its_errors_by_hand(play):
    params = RescorlaWagnerParams(learning_rate=0.25, inverse_temperature=3.0)
    task = Reversal(20)
    played = play(task, RescorlaWagner(task, params))
    logits = played["logits"][1::2, :, 1:]
    for env_index in range(20):
        values = [0.5, 0.5]
        for trial in range(80):
            now = logits[trial, env_index].tolist()
            assert now == pytest.approx([3 * v for v in values], abs=1e-5)
            choice = int(played["row choice"][trial, env_index])
            reward = float(played["row reward"][trial, env_index])
            values[choice] += 0.25 * (reward - values[choice])


def test_the_oracle_reads_the_task_passed_to_it(play):
    task, other = Reversal(20), Reversal(20)
    play(other, Oracle(other), seed=5)
    assert not play(task, Oracle(other))["row correct"].all()
    played = play(task, Oracle(task))
    assert played["row correct"].all()
    worth = played["value"][1::2]
    assert torch.allclose(worth, played["row schedule"] / 100)
    assert torch.allclose(played["value"][::2], 0.9 * worth)


@pytest.mark.parametrize("params", [ReversalParams(), BARE])
def test_random_choice_is_uniform_over_the_valid_actions(params, play):
    task = Reversal(10, params)
    probabilities = play(task, make_baselines(task)["random"])["logits"].softmax(2)
    steps = len(task.phase_events)
    first = [0.0, 0.5, 0.5] if params.fixation else [0.5, 0.5]
    assert torch.equal(
        probabilities[steps - 1 :: steps], torch.tensor(first).expand(80, 10, -1)
    )
    if params.fixation:
        assert torch.equal(
            probabilities[::2], torch.tensor([1.0, 0, 0]).expand(80, 10, -1)
        )


def test_nothing_is_learned_from_a_missing_choice_or_a_response_at_fixation():
    task = Reversal(1)
    for kind in (WinStayLoseShift, RescorlaWagner, BayesGreedy):
        policy = kind(task)
        before = policy.initial_memory(1)
        memory = before
        observation = task.reset(torch.zeros(1, 3))
        acted, reward = torch.zeros(1, 3), 0.0
        # Right at the fixation, then no choice, twice; then a proper fixation.
        for action in (2, 0, 2, 0, 0):
            inputs = join_inputs(observation, acted, torch.tensor([reward]))
            memory = policy.act(inputs, memory).memory
            step = task.step(torch.tensor([action]), torch.zeros(1, 3))
            observation, reward = step.observation, float(step.reward)
            acted = torch.eye(3)[[action]]
        assert torch.allclose(memory[-1], before[-1])
        if kind is BayesGreedy:
            assert memory[1].tolist() == [[2]]


@pytest.mark.parametrize(
    ("field", "value"), [("learning_rate", 1.1), ("inverse_temperature", -1.0)]
)
def test_params_out_of_range_are_refused(field, value):
    with pytest.raises(ValueError, match=f"{field} must be"):
        RescorlaWagnerParams(**{field: value})
    with pytest.raises(ValueError, match="discount must be"):
        BayesGreedy(Reversal(), discount=1.5)
