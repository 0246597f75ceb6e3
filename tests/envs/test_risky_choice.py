"""Risky choice against a scalar twin, against its numbers, and rule by rule."""

import math

import numpy as np
import pytest
import torch

from metarl.envs.risky_choice import RiskyChoice, RiskyChoiceParams

CENTRE, LEFT, RIGHT = range(3)
SCREENS = ("fixation", "free choice", "forced left", "forced right")
FIXATION, FREE, FORCED_LEFT, FORCED_RIGHT = torch.eye(4).tolist()
WIN, LOSE = (0.0, 0.0), (0.99, 0.99)
FREE_ONLY = RiskyChoiceParams(forced_pairs=0)


def episode_by_hand(params, start, noise, actions):
    """One subject's episode, in the experimenter's words: screens, rewards, rows."""
    probability = params.probability_high if start[0] < 0.5 else params.probability_low
    risky_side = 1 if start[1] < params.probability_right else 0
    worth = {risky_side: probability * params.reward_risky}
    worth[1 - risky_side] = params.reward_safe
    responses = iter(zip(actions, noise, strict=True))
    screens, rewards, rows, to_pull = [], [], [], []
    for trial in range(2 * params.forced_pairs + params.free_trials):
        forced = trial < 2 * params.forced_pairs
        screens.append("fixation")
        action, numbers = next(responses)
        rewards.append(0.0 if action == CENTRE else -1.0)
        if forced and not to_pull:
            to_pull = [1, 0] if numbers[0] < 0.5 else [0, 1]
        allowed = [to_pull.pop(0)] if forced else [0, 1]
        screens.append(f"forced {'right' if allowed[0] else 'left'}")
        if not forced:
            screens[-1] = "free choice"
        action, numbers = next(responses)
        choice = action - 1
        row = {"probability_risky": probability, "risky_side": risky_side, "won": 0}
        row |= {"forced": int(forced), "valid": int(rewards[-1] == 0)}
        if choice in allowed:
            row |= {"choice": choice, "risky": int(choice == risky_side)}
            row["correct"] = int(worth[choice] == max(worth.values()))
            row["won"] = int(choice == risky_side and numbers[0] < probability)
            pay = params.reward_risky * row["won"]
            rewards.append(pay if choice == risky_side else params.reward_safe)
        else:
            row |= {"choice": math.nan, "risky": math.nan, "correct": 0, "valid": 0}
            rewards.append(-1.0)
        rows.append(row | {"reward": sum(rewards[-2:])})
    return screens, rewards, rows


@pytest.mark.parametrize(
    "params",
    [
        RiskyChoiceParams(),
        RiskyChoiceParams(forced_pairs=12, free_trials=3, probability_right=0.9),
        RiskyChoiceParams(forced_pairs=0, reward_safe=2, probability_high=0.75),
        # Both arms are worth the same in half of the episodes.
        RiskyChoiceParams(reward_safe=2, reward_risky=4),
    ],
)
def test_the_task_agrees_with_a_scalar_twin(params, write_script, perform):
    num_envs = 20
    task = RiskyChoice(num_envs, params)
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
        assert seen.tolist() == [[float(n == s) for n in SCREENS] for s in screens]
        for name in rows[0]:
            expected = [float(row[name]) for row in rows]
            actual = course[f"row {name}"][:, env_index].numpy()
            np.testing.assert_array_equal(actual, expected, err_msg=name)
    ends = course["terminated"].all(1)
    assert ends.nonzero().flatten().tolist() == [task.episode_steps - 1]


def take(task, *actions, numbers=WIN):
    """Reward and next screen of each action, given the same noise every time."""
    noise = torch.tensor([numbers])
    steps = [task.step(torch.tensor([action]), noise) for action in actions]
    return [(float(s.reward), s.observation[0].tolist()) for s in steps]


def row_of(task):
    return {name: float(values) for name, values in task.trial_row().items()}


@pytest.fixture
def task():
    """One subject at its first free trial; the risky arm is on the right."""
    task = RiskyChoice(params=FREE_ONLY)
    task.reset(torch.zeros(1, 2), options={"risky_side": 1})
    return task


@pytest.fixture
def forced():
    """One subject at its first forced trial; the risky arm is on the right."""
    task = RiskyChoice()
    task.reset(torch.zeros(1, 2), options={"risky_side": 1})
    return task


def test_the_safe_arm_always_has_a_reward_of_one(task):
    for numbers in (WIN, LOSE):
        assert take(task, CENTRE, LEFT, numbers=numbers) == [(0, FREE), (1, FIXATION)]
        row = row_of(task)
        assert (row["choice"], row["risky"], row["won"], row["reward"]) == (0, 0, 0, 1)


def test_the_risky_arm_has_a_reward_of_four_or_nothing(task):
    assert take(task, CENTRE, RIGHT, numbers=WIN) == [(0, FREE), (4, FIXATION)]
    row = row_of(task)
    assert (row["choice"], row["risky"], row["won"], row["reward"]) == (1, 1, 1, 4)
    assert take(task, CENTRE, RIGHT, numbers=LOSE) == [(0, FREE), (0, FIXATION)]
    row = row_of(task)
    assert (row["risky"], row["won"], row["reward"], row["valid"]) == (1, 0, 0, 1)


@pytest.mark.parametrize("probability", [0.125, 0.5])
def test_the_risky_arm_is_rewarded_if_the_noise_is_below_its_probability(
    task, probability
):
    for number, paid in ((probability - 0.001, 4), (probability, 0)):
        task.reset(
            torch.zeros(1, 2),
            options={"probability_risky": probability, "risky_side": 1},
        )
        take(task, CENTRE)
        assert take(task, RIGHT, numbers=(number, 0))[0][0] == paid


def test_the_better_arm_is_correct(task):
    for probability, better in (
        (0.5, RIGHT),
        (0.125, LEFT),
        (0.26, RIGHT),
        (0.24, LEFT),
    ):
        task.reset(
            torch.zeros(1, 2),
            options={"probability_risky": probability, "risky_side": 1},
        )
        for action in (LEFT, RIGHT):
            take(task, CENTRE, action)
            assert row_of(task)["correct"] == float(action == better)


def test_either_arm_is_correct_if_both_have_the_same_value(task):
    task.reset(torch.zeros(1, 2), options={"probability_risky": 0.25, "risky_side": 1})
    for action in (LEFT, RIGHT):
        take(task, CENTRE, action)
        assert row_of(task)["correct"] == 1


def test_an_invalid_fixation_costs_one_and_the_trial_goes_on(task):
    assert take(task, RIGHT, RIGHT) == [(-1, FREE), (4, FIXATION)]
    row = row_of(task)
    assert (row["reward"], row["valid"], row["choice"], row["won"]) == (3, 0, 1, 1)


def test_a_missing_choice_costs_one_and_has_no_reward(task):
    assert take(task, CENTRE, CENTRE) == [(0, FREE), (-1, FIXATION)]
    row = row_of(task)
    assert (row["reward"], row["valid"], row["correct"], row["won"]) == (-1, 0, 0, 0)
    assert math.isnan(row["choice"])
    assert math.isnan(row["risky"])


def test_in_a_forced_trial_only_the_side_on_the_screen_is_valid(forced):
    # With this noise the right arm, here the risky one, comes first in a pair.
    assert take(forced, CENTRE, RIGHT) == [(0, FORCED_RIGHT), (4, FIXATION)]
    row = row_of(forced)
    assert (row["forced"], row["risky"], row["won"], row["valid"]) == (1, 1, 1, 1)
    assert take(forced, CENTRE, RIGHT) == [(0, FORCED_LEFT), (-1, FIXATION)]
    row = row_of(forced)
    assert (row["reward"], row["valid"], row["won"], row["correct"]) == (-1, 0, 0, 0)
    assert math.isnan(row["choice"])
    assert math.isnan(row["risky"])


def test_two_invalid_responses_cost_two(forced):
    take(forced, LEFT, LEFT)
    assert row_of(forced)["reward"] == -2


def test_the_order_of_a_pair_is_drawn_at_its_first_fixation(forced):
    screens = []
    for numbers in ((0.49, 0.9), (0.9, 0.9), (0.51, 0.1), (0.1, 0.1)):
        screens.append(take(forced, CENTRE, numbers=numbers)[0][1])
        take(forced, LEFT)
    assert screens == [FORCED_RIGHT, FORCED_LEFT, FORCED_LEFT, FORCED_RIGHT]


def test_the_outcome_is_independent_of_earlier_choices():
    """Choices draw no noise: after one different choice all else is the same."""
    params = RiskyChoiceParams(forced_pairs=1, free_trials=4)
    noise = torch.rand(12, 1, 2, generator=torch.Generator().manual_seed(2))
    paid = []
    for first in (LEFT, RIGHT):
        task = RiskyChoice(1, params)
        task.reset(torch.zeros(1, 2), options={"risky_side": 1})
        actions = [CENTRE, RIGHT, CENTRE, LEFT, CENTRE, first] + [CENTRE, RIGHT] * 3
        rewards = [
            float(task.step(torch.tensor([action]), now).reward)
            for action, now in zip(actions, noise, strict=True)
        ]
        paid.append(rewards[6:])
    assert paid[0] == paid[1]


def test_the_defaults_are_those_of_the_paper():
    params = RiskyChoiceParams()
    assert (params.forced_pairs, params.free_trials) == (5, 20)
    assert (params.reward_safe, params.reward_risky) == (1, 4)
    assert (params.probability_low, params.probability_high) == (0.125, 0.5)
    assert params.probability_right == 0.5
    assert RiskyChoice().trial_count == 30
    assert RiskyChoice().episode_steps == 60
    assert RiskyChoice().action_names == ("centre", "left", "right")


def test_rewards_beyond_the_declared_range_are_refused():
    with pytest.raises(ValueError, match=r"reward_risky must be in \[0, 4.0\], got 5"):
        RiskyChoiceParams(reward_risky=5)


def test_a_side_is_left_or_right(task):
    with pytest.raises(ValueError, match="risky_side must be one of 0, 1; got 2"):
        task.reset(torch.zeros(1, 2), options={"risky_side": 2})


def close(hits, probability):
    """Whether a share is within 4 standard errors of the declared probability."""
    n = hits.numel()
    error = math.sqrt(probability * (1 - probability) / n)
    assert n > 1000
    return abs(float(hits.double().mean()) - probability) < 4 * error


@pytest.fixture(scope="module")
def rows(write_script, perform):
    """Rows (trials, environments) of subjects with valid random choices."""
    task = RiskyChoice(3000)
    script = write_script(task, task.episode_steps, seed=11)
    # The sides of forced trials are read from the screen of a first, random course.
    idle = perform(task, script)
    shown = torch.cat([idle["first"], idle["observation"][:-1]]).argmax(2)
    free = script.actions % 2 + LEFT
    actions = torch.where(shown == 0, CENTRE, torch.where(shown == 1, free, shown - 1))
    course = perform(task, script._replace(actions=actions))
    return {k.removeprefix("row "): v for k, v in course.items() if k[:4] == "row "}


def test_the_statistics_are_the_declared_ones(rows):
    probability, side = rows["probability_risky"], rows["risky_side"]
    assert rows["valid"].all()
    assert torch.equal(probability, probability[:1].expand(30, -1))
    assert torch.equal(side, side[:1].expand(30, -1))
    assert close(probability[0] == 0.5, 0.5)
    assert set(probability.unique().tolist()) == {0.125, 0.5}
    assert close(side[0] == 1, 0.5)
    assert close(side[0][probability[0] == 0.5] == 1, 0.5)
    risky = rows["risky"] == 1
    for value in (0.125, 0.5):
        here = probability == value
        assert close(rows["won"][risky & here] == 1, value)
        assert (rows["reward"][risky & here & (rows["won"] == 1)] == 4).all()
    assert (rows["reward"][~risky] == 1).all()
    assert not rows["won"][~risky].any()
    assert torch.equal(rows["correct"], (risky == (probability == 0.5)).float())


def test_forced_trials_come_in_pairs_and_first(rows):
    forced = rows["forced"]
    assert (forced[:10] == 1).all()
    assert (forced[10:] == 0).all()
    pairs = rows["choice"][:10].reshape(5, 2, -1)
    assert (pairs.sum(1) == 1).all()
    assert (rows["risky"][:10].sum(0) == 5).all()
    first = pairs[:, 0]
    for pair in first:
        assert close(pair == 1, 0.5)
    for one in range(4):
        assert close(first[one] == first[one + 1], 0.5)
    assert close(first == rows["risky_side"][:5], 0.5)


def test_successive_wins_are_independent(rows):
    high = rows["probability_risky"] == 0.5
    risky, won = rows["risky"] == 1, rows["won"] == 1
    after_win = risky[1:] & risky[:-1] & won[:-1] & high[1:]
    assert close(won[1:][after_win], 0.5)


def test_the_screen_shows_what_the_observation_says(forced, task):
    assert [s.shape for s in task.scene()] == ["cross"]
    take(task, CENTRE)
    assert [(s.shape, s.x) for s in task.scene()] == [
        ("square", 0.25),
        ("square", 0.75),
    ]
    take(forced, CENTRE)
    assert [(s.shape, s.x) for s in forced.scene()] == [("square", 0.75)]
    take(forced, RIGHT, CENTRE)
    assert [(s.shape, s.x) for s in forced.scene()] == [("square", 0.25)]
