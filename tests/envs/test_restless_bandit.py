"""The restless bandit against a scalar twin, its numbers, and rule by rule."""

import math
from statistics import NormalDist

import numpy as np
import pytest
import torch

from metarl.envs.restless_bandit import RestlessBandit, RestlessBanditParams

WILD = RestlessBanditParams(trial_count=30, deviation_low=0.0, deviation_high=1.0)


def episode_by_hand(params, start, noise, actions):
    """Screens, rewards and rows of one subject, as the docstring tells the task."""
    left, volatile = start[0], start[1] < 0.5
    deviation = params.deviation_high if volatile else params.deviation_low
    screens, rewards, rows = [], [], []
    for trial, (action, (draw, step)) in enumerate(zip(actions, noise, strict=True)):
        screens.append([trial / params.trial_count])
        probabilities = [left, 1 - left]
        rewards.append(float(draw < probabilities[action]))
        row = {"choice": action, "reward": rewards[-1], "valid": 1, "forced": 0}
        row |= {
            "correct": int(probabilities[action] >= 0.5),
            "volatility": int(volatile),
        }
        rows.append(row | {"probability_left": left})
        left += deviation * NormalDist().inv_cdf(max(step, 2.0**-25))
        while not 0 <= left <= 1:
            left = -left if left < 0 else 2 - left
    return screens, rewards, rows


@pytest.mark.parametrize("params", [RestlessBanditParams(), WILD])
def test_the_task_agrees_with_a_scalar_twin(params, write_script, perform):
    num_envs = 20
    task = RestlessBandit(num_envs, params)
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
        np.testing.assert_allclose(seen, screens, rtol=1e-6)
        for name in rows[0]:
            expected = [float(row[name]) for row in rows]
            actual = course[f"row {name}"][:, env_index].numpy()
            np.testing.assert_allclose(actual, expected, atol=1e-4, err_msg=name)
    ends = course["terminated"].all(1)
    assert ends.nonzero().flatten().tolist() == [params.trial_count - 1]


def test_the_defaults_are_those_declared():
    params = RestlessBanditParams()
    assert params.trial_count == 100
    assert (params.deviation_low, params.deviation_high) == (0.02, 0.2)
    assert RestlessBandit().episode_steps == 100


def close(hits, probability):
    """Whether a share is within 4 standard errors of the declared probability."""
    n = hits.numel()
    assert n > 1000
    error = math.sqrt(probability * (1 - probability) / n)
    return abs(float(hits.double().mean()) - probability) < 4 * error


@pytest.fixture(scope="module")
def rows(write_script, perform):
    """Rows (trials, environments) of random choosers."""
    task = RestlessBandit(2000)
    course = perform(task, write_script(task, task.episode_steps, seed=11))
    return {k.removeprefix("row "): v for k, v in course.items() if k[:4] == "row "}


def test_rewards_follow_the_probability_of_the_arm_chosen(rows):
    left, right = rows["probability_left"], rows["choice"] == 1
    probability = torch.where(right, 1 - left, left)
    surplus = (rows["reward"] - probability).double()
    spread = math.sqrt(float((probability * (1 - probability)).double().sum()))
    assert abs(float(surplus.sum())) < 4 * spread
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        part = (probability >= low) & (probability < low + 0.2)
        mean = float(probability[part].double().mean())
        assert close(rows["reward"][part], mean)


def test_half_of_the_episodes_are_volatile_and_stay_so(rows):
    volatile = rows["volatility"] == 1
    assert close(volatile[0], 0.5)
    assert torch.equal(volatile, volatile[0].expand_as(volatile))


@pytest.mark.parametrize(("kind", "deviation"), [(0, 0.02), (1, 0.2)])
def test_the_probability_drifts_by_the_declared_deviation(rows, kind, deviation):
    left = rows["probability_left"].double()
    before = left[:-1]
    # Far from the bounds a step is not reflected, or less than once in 3,000.
    inside = (rows["volatility"][:-1] == kind) & (
        (before - 0.5).abs() < 0.5 - 2.4 * 0.2
    )
    steps = (left[1:] - before)[inside]
    n = steps.numel()
    assert n > 2000
    assert abs(float(steps.mean())) < 4 * deviation / math.sqrt(n)
    unreflected = 0.985 if kind else 1.0
    error = deviation / math.sqrt(2 * n)
    assert float(steps.std()) < deviation + 4 * error
    assert float(steps.std()) > unreflected * deviation - 4 * error


def test_a_reflected_walk_stays_uniform(rows):
    for trial in (0, 99):
        left = rows["probability_left"][trial]
        for bound in (0.1, 0.25, 0.5, 0.75, 0.9):
            assert close(left < bound, bound)
    assert float(rows["probability_left"].min()) >= 0
    assert float(rows["probability_left"].max()) <= 1


def take(task, action, reward=0.0, drift=0.5):
    return task.step(torch.tensor([action]), torch.tensor([[reward, drift]]))


def start(**options):
    task = RestlessBandit()
    task.reset(torch.full((1, 2), 0.5), options=options)
    return task


def row_of(task):
    return {name: float(values) for name, values in task.trial_row().items()}


def test_both_arms_share_the_same_random_number():
    for draw, left_pays, right_pays in ((0.25, 1, 1), (0.5, 1, 0), (0.8, 0, 0)):
        for action, pays in ((0, left_pays), (1, right_pays)):
            task = start(probability_left=0.7, volatility=0)
            assert float(take(task, action, draw).reward) == pays


def test_the_probability_drifts_after_the_trial_not_within_it():
    task = start(probability_left=0.7, volatility=1)
    above = NormalDist().cdf(1.0)
    take(task, 0, 0.69, above)
    assert row_of(task)["probability_left"] == pytest.approx(0.7)
    assert row_of(task)["reward"] == 1
    assert float(task.hidden()["probability_left"]) == pytest.approx(0.9, abs=1e-5)
    take(task, 0, 0.5, above)
    assert float(task.hidden()["probability_left"]) == pytest.approx(0.9, abs=1e-5)
    assert row_of(task)["probability_left"] == pytest.approx(0.9, abs=1e-5)


def test_low_volatility_drifts_with_the_lower_deviation():
    task = start(probability_left=0.7, volatility=0)
    take(task, 0, drift=NormalDist().cdf(-2.0))
    assert float(task.hidden()["probability_left"]) == pytest.approx(0.66, abs=1e-5)


def test_the_better_arm_is_correct_and_either_if_they_are_equal():
    for left, action, correct in (
        (0.7, 0, 1),
        (0.7, 1, 0),
        (0.2, 1, 1),
        (0.2, 0, 0),
        (0.5, 0, 1),
        (0.5, 1, 1),
    ):
        task = start(probability_left=left)
        take(task, action)
        assert row_of(task)["correct"] == correct
        assert row_of(task)["choice"] == action


def test_noise_of_zero_leaves_the_probability_finite():
    task = start(probability_left=0.5, volatility=1)
    take(task, 0, drift=0.0)
    assert 0 <= float(task.hidden()["probability_left"]) <= 1


def test_the_noise_of_the_reset_is_not_changed_by_the_walk():
    noise = torch.full((1, 2), 0.25)
    task = RestlessBandit()
    task.reset(noise, options={"probability_left": 0.9})
    take(task, 0, drift=0.9)
    assert noise.tolist() == [[0.25, 0.25]]


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("probability_left", 1.2, r"in \[0, 1\], got 1.2"),
        ("volatility", 0.5, "one of 0, 1; got 0.5"),
    ],
)
def test_options_out_of_range_are_refused(name, value, rule):
    with pytest.raises(ValueError, match=f"{name} must be {rule}"):
        start(**{name: value})


def test_the_screen_shows_the_two_arms():
    shown = [(s.shape, s.x, s.text) for s in start().scene()]
    assert shown == [("square", 0.25, "left"), ("square", 0.75, "right")]
