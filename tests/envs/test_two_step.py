"""The two-step task against a scalar twin, against its numbers, and rule by rule."""

import math

import numpy as np
import pytest
import torch

from metarl.envs.two_step import WANG_2016, TwoStep, TwoStepParams
from metarl.experiments.spec import experiment

CENTRE, LEFT, RIGHT = range(3)
SCREENS = ("fixation", "first stage", "S1", "S2")


def episode_by_hand(params, start, noise, actions):
    """One subject's episode, in the experimenter's words: screens, rewards, rows."""
    high = 1 if start[0] < 0.5 else 0
    least, most = params.reversal_least, params.reversal_most
    before = least + int(start[1] * (most - least + 1)) if least else math.inf
    responses = iter(zip(actions, noise, strict=True))
    screens, rewards, rows = [], [], []
    for trial in range(params.trial_count):
        first, reversed_now = len(rewards), trial >= before
        if params.fixation:
            screens.append("fixation")
            action, _ = next(responses)
            rewards.append(0.0 if action == CENTRE else -1.0)
        screens.append("first stage")
        action, numbers = next(responses)
        choice = action - 1 if params.fixation else action
        right = 1 - high if reversed_now else high
        row = {"choice": choice, "high_state": high, "correct": int(choice == right)}
        if least:
            row["reversed"] = int(reversed_now)
        if choice in (0, 1):
            rewards.append(0.0)
            common = numbers[0] < params.probability_common
            usual = 1 - choice if reversed_now else choice
            second = usual if common else 1 - usual
            row |= {"transition": int(not common), "second_state": second}
            screens.append(f"S{second + 1}")
        else:
            rewards.append(-1.0)
            row |= dict.fromkeys(("choice", "transition", "second_state"), math.nan)
            screens.append("")
        _, numbers = next(responses)
        probability = params.probability_low
        if row["second_state"] == high:
            probability = params.probability_high
        paid = choice in (0, 1) and numbers[0] < probability
        rewards.append(1.0 if paid else 0.0)
        if numbers[1] < params.probability_switch:
            high = 1 - high
        row["reward"] = sum(rewards[first:])
        row["valid"] = int(min(rewards[first:]) >= 0)
        rows.append(row | {"forced": 0, "second_choice": math.nan})
    return screens, rewards, rows


@pytest.mark.parametrize(
    "params",
    [
        TwoStepParams(trial_count=60, probability_switch=0.2),
        TwoStepParams(trial_count=60, fixation=False),
        WANG_2016,
        TwoStepParams(trial_count=60, reversal_least=1, reversal_most=40),
        TwoStepParams(trial_count=30, reversal_least=20, reversal_most=50),
    ],
)
def test_the_task_agrees_with_a_scalar_twin(params, write_script, perform):
    num_envs = 20
    task = TwoStep(num_envs, params)
    script = write_script(task, task.episode_steps)
    course = perform(task, script)
    for env_index in range(num_envs):
        screens, rewards, rows = episode_by_hand(
            params,
            script.start[env_index].tolist(),
            script.noise[:, env_index].tolist(),
            script.actions[:, env_index].tolist(),
        )
        assert course["reward"][:, env_index].tolist() == rewards
        seen = torch.cat([course["first"], course["observation"][:-1]])[:, env_index]
        names = SCREENS if params.fixation else SCREENS[1:]
        assert seen.tolist() == [[float(n == s) for n in names] for s in screens]
        for name in rows[0]:
            expected = [float(row[name]) for row in rows]
            actual = course[f"row {name}"][:, env_index].numpy()
            np.testing.assert_array_equal(actual, expected, err_msg=name)
    ends = course["terminated"].all(1)
    assert ends.nonzero().flatten().tolist() == [task.episode_steps - 1]


def take(task, *actions, numbers=(0.0, 0.9)):
    """Reward and next screen of each action, given the same noise every time."""
    noise = torch.tensor([numbers])
    steps = [task.step(torch.tensor([action]), noise) for action in actions]
    return [(float(s.reward), s.observation[0].tolist()) for s in steps]


def row_of(task):
    return {name: float(values) for name, values in task.trial_row().items()}


FIXATION, FIRST, S1, S2 = torch.eye(4).tolist()
BLANK = [0.0] * 4


@pytest.fixture
def task():
    """One subject, S1 the high state."""
    task = TwoStep()
    task.reset(torch.full((1, 2), 0.5))
    return task


def test_a_valid_trial_is_rewarded_at_its_second_stage(task):
    for second_response in (CENTRE, LEFT, RIGHT):
        answers = take(task, CENTRE, LEFT, second_response)
        assert answers == [(0, FIRST), (0, S1), (1, FIXATION)]
        assert row_of(task)["valid"] == row_of(task)["correct"] == 1
        assert row_of(task)["reward"] == 1


def test_an_invalid_fixation_costs_one_and_the_trial_goes_on(task):
    assert take(task, RIGHT, LEFT, LEFT) == [(-1, FIRST), (0, S1), (1, FIXATION)]
    row = row_of(task)
    assert (row["reward"], row["valid"], row["choice"]) == (0, 0, 0)


def test_a_missing_choice_costs_one_with_a_blank_screen_and_no_reward(task):
    answers = take(task, CENTRE, CENTRE, LEFT)
    assert answers == [(0, FIRST), (-1, BLANK), (0, FIXATION)]
    row = row_of(task)
    assert (row["reward"], row["valid"], row["correct"]) == (-1, 0, 0)
    assert all(math.isnan(row[k]) for k in ("choice", "transition", "second_state"))
    assert row["high_state"] == 0


def test_two_invalid_responses_cost_two(task):
    take(task, LEFT, CENTRE, LEFT)
    assert row_of(task)["reward"] == -2


def test_left_leads_commonly_to_s1_and_right_to_s2(task):
    below, above = (0.79, 0.9), (0.81, 0.9)
    for action, numbers, screen, transition in [
        (LEFT, below, S1, 0),
        (LEFT, above, S2, 1),
        (RIGHT, below, S2, 0),
        (RIGHT, above, S1, 1),
    ]:
        take(task, CENTRE)
        assert take(task, action, numbers=numbers) == [(0, screen)]
        take(task, LEFT)
        assert row_of(task)["transition"] == transition
        assert row_of(task)["choice"] == float(action == RIGHT)


def test_high_and_low_swap_after_the_trial_not_within_it(task):
    take(task, CENTRE, LEFT, LEFT, numbers=(0.0, 0.02))
    assert row_of(task)["high_state"] == 0
    assert task.hidden()["high_state"].tolist() == [True]
    take(task, CENTRE, LEFT, LEFT, numbers=(0.0, 0.03))
    assert row_of(task)["high_state"] == 1
    assert task.hidden()["high_state"].tolist() == [True]


def test_the_defaults_are_those_of_the_paper():
    params = TwoStepParams()
    assert params.trial_count == 100
    assert params.probability_common == 0.8
    assert (params.probability_high, params.probability_low) == (0.9, 0.1)
    assert params.probability_switch == 0.025
    assert TwoStep().episode_steps == 300
    assert TwoStep().action_names == ("centre", "left", "right")
    assert TwoStep(params=WANG_2016).episode_steps == 20
    assert TwoStep(params=WANG_2016).observation_size == 3


def close(hits, probability):
    """Whether a share is within 4 standard errors of the declared probability."""
    n = hits.numel()
    error = math.sqrt(probability * (1 - probability) / n)
    assert n > 1000
    return abs(float(hits.double().mean()) - probability) < 4 * error


def trials(params, write_script, perform, num_envs=600):
    """Rows (trials, environments) of subjects who never break a rule."""
    task = TwoStep(num_envs, params)
    script = write_script(task, task.episode_steps, seed=11)
    steps = len(task.phase_events)
    at = torch.arange(task.episode_steps) % steps
    choices = script.actions % 2 + task.left
    actions = torch.where((at == 0).unsqueeze(1) & params.fixation, CENTRE, choices)
    course = perform(task, script._replace(actions=actions))
    return {k.removeprefix("row "): v for k, v in course.items() if k[:4] == "row "}


@pytest.mark.parametrize(
    "params", [TwoStepParams(), WANG_2016, TwoStepParams(fixation=False)]
)
def test_the_statistics_are_the_declared_ones(params, write_script, perform):
    rows = trials(params, write_script, perform)
    choice, second, high = rows["choice"], rows["second_state"], rows["high_state"]
    rewarded, rare = rows["reward"] == 1, rows["transition"] == 1
    assert rows["valid"].all()
    assert torch.equal(second, choice.logical_xor(rare).float())
    for side in (0, 1):
        assert close(~rare[choice == side], params.probability_common)
        assert close(second[choice == side] == side, params.probability_common)
    assert close(rewarded[second == high], params.probability_high)
    assert close(rewarded[second != high], params.probability_low)
    swapped = high[1:] != high[:-1]
    if params.probability_switch:
        assert close(swapped, params.probability_switch)
        assert close(swapped[rewarded[:-1]], params.probability_switch)
    else:
        assert not swapped.any()
    assert abs(float(high[0].mean()) - 0.5) < 4 * 0.5 / math.sqrt(high.shape[1])
    assert torch.equal(rows["correct"], (choice == high).float())


def test_successive_transitions_and_rewards_are_independent(write_script, perform):
    rows = trials(TwoStepParams(), write_script, perform)
    rare = rows["transition"] == 1
    assert close(rare[1:][rare[:-1]], 0.2)
    rewarded = rows["reward"] == 1
    assert close(rare[1:][rewarded[:-1]], 0.2)
    good = rows["second_state"] == rows["high_state"]
    assert close(rewarded[good & rare], 0.9)


def test_the_screen_shows_what_the_observation_says(task):
    assert [s.shape for s in task.scene()] == ["cross"]
    take(task, CENTRE)
    assert [(s.shape, s.x) for s in task.scene()] == [
        ("square", 0.25),
        ("square", 0.75),
    ]
    take(task, LEFT)
    assert [(s.shape, s.text) for s in task.scene()] == [("disc", "S1")]
    take(task, LEFT, CENTRE, CENTRE)
    assert task.scene() == []


def test_the_reversal_comes_after_every_declared_number_of_trials_alike():
    params = TwoStepParams(trial_count=9, reversal_least=3, reversal_most=6)
    task = TwoStep(4000, params)
    task.reset(torch.rand(4000, 2, generator=torch.Generator().manual_seed(1)))
    trials, counts = task.reversal_trial.unique(return_counts=True)
    assert trials.tolist() == [3, 4, 5, 6]
    assert ((counts - 1000).abs() < 4 * math.sqrt(4000 * 0.25 * 0.75)).all()
    task.reset(torch.full((4000, 2), 1 - 2.0**-24))
    assert task.reversal_trial.unique().tolist() == [6]


def test_the_reversal_takes_no_noise_that_is_used_without_it():
    noise = torch.rand(50, 2, generator=torch.Generator().manual_seed(2))
    high = []
    for params in (TwoStepParams(), TwoStepParams(reversal_least=2, reversal_most=9)):
        task = TwoStep(50, params)
        task.reset(noise)
        high.append(task.hidden()["high_state"])
    assert torch.equal(*high)


def test_hidden_says_whether_the_transitions_of_the_present_trial_are_reversed():
    params = TwoStepParams(trial_count=4, reversal_least=2, reversal_most=2)
    task = TwoStep(params=params)
    task.reset(torch.full((1, 2), 0.5))
    found = []
    for _ in range(4):
        take(task, CENTRE)
        found.append(bool(task.hidden()["reversed"]))
        take(task, LEFT, LEFT)
    assert found == [False, False, True, True]
    assert set(TwoStep().hidden()) == {"high_state"}


def test_a_state_of_a_version_without_reversals_can_be_continued(task):
    take(task, CENTRE, LEFT)
    state = task.state()
    old = {k: v for k, v in state.items() if "revers" not in k}
    assert len(old) == len(state) - 2
    other = TwoStep()
    other.load_state(old)
    assert take(other, CENTRE) == take(task, CENTRE)
    assert row_of(other)["second_state"] == row_of(task)["second_state"]


@pytest.mark.parametrize(
    ("least", "most", "words"),
    [
        (0, 5, "reversal_least must be at least 1 where reversal_most is not 0, got 0"),
        (5, 4, "reversal_most must be at least 5, got 4"),
    ],
)
def test_an_impossible_range_of_the_reversal_is_refused(least, most, words):
    with pytest.raises(ValueError, match=words):
        TwoStepParams(reversal_least=least, reversal_most=most)


def test_the_variant_of_the_experiment_is_the_task_of_2016():
    task = experiment("two-step").variants["wang-2016"].task
    assert TwoStepParams(**task) == WANG_2016
