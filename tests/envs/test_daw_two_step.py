"""Daw's two-step task against a scalar twin, against its numbers, and rule by rule."""

import math

import numpy as np
import pytest
import torch
from scipy.special import ndtri

from metarl.envs.daw_two_step import PROBABILITIES, DawTwoStep, DawTwoStepParams

CENTRE, LEFT, RIGHT = range(3)
SCREENS = ("fixation", "first stage", "S1", "S2")


def episode_by_hand(params, start, noise, actions):
    """One subject's episode, in the experimenter's words: screens, rewards, rows."""
    easing = params.largest_easing * start[4]
    least = params.probability_least * (1 - easing)
    most = 1 - (1 - params.probability_most) * (1 - easing)
    likely = 1 - (1 - params.probability_common) * (1 - easing)
    probabilities = [least + (most - least) * u for u in start[:4]]
    responses = iter(zip(actions, noise, strict=True))
    screens, rewards, rows = [], [], []
    for _ in range(params.trial_count):
        first = len(rewards)
        if params.fixation:
            screens.append("fixation")
            action, _ = next(responses)
            rewards.append(0.0 if action == CENTRE else -1.0)
        screens.append("first stage")
        action, numbers = next(responses)
        choice = action - 1 if params.fixation else action
        high = int(max(probabilities[2:]) > max(probabilities[:2]))
        row = dict(zip(PROBABILITIES, probabilities, strict=True))
        row |= {"choice": choice, "high_state": high, "correct": int(choice == high)}
        missing = ("choice", "transition", "second_state", "second_choice")
        if choice in (0, 1):
            rewards.append(0.0)
            common = numbers[0] < likely
            second = choice if common else 1 - choice
            row |= {"transition": int(not common), "second_state": second}
            screens.append(f"S{second + 1}")
            action, numbers = next(responses)
            side = action - 1 if params.fixation else action
            if side in (0, 1):
                won = numbers[0] < probabilities[2 * second + side]
                rewards.append(1.0 if won else 0.0)
                row["second_choice"] = side
            else:
                rewards.append(-1.0)
                row["second_choice"] = math.nan
        else:
            rewards += [-1.0, 0.0]
            row |= dict.fromkeys(missing, math.nan)
            screens.append("")
            action, numbers = next(responses)
        moved = [
            p + params.drift_deviation * ndtri(u)
            for p, u in zip(probabilities, numbers[1:], strict=True)
        ]
        moved = [2 * least - p if p < least else p for p in moved]
        probabilities = [2 * most - p if p > most else p for p in moved]
        row["reward"] = sum(rewards[first:])
        row["valid"] = int(min(rewards[first:]) >= 0)
        rows.append(row | {"forced": 0})
    return screens, rewards, rows


@pytest.mark.parametrize(
    "params",
    [
        DawTwoStepParams(),
        DawTwoStepParams(fixation=False, drift_deviation=0.1),
        DawTwoStepParams(
            probability_common=0.9, probability_least=0.0, probability_most=1.0
        ),
        DawTwoStepParams(largest_easing=0.8, drift_deviation=0.1),
    ],
)
def test_the_task_agrees_with_a_scalar_twin(params, write_script, perform):
    num_envs = 7
    task = DawTwoStep(num_envs, params)
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
            rounding = 2e-5 if name in PROBABILITIES else 0.0
            np.testing.assert_allclose(
                actual, expected, rtol=0, atol=rounding, err_msg=name
            )
    ends = course["terminated"].all(1)
    assert ends.nonzero().flatten().tolist() == [task.episode_steps - 1]


def take(task, *actions, numbers=(0.0, 0.5, 0.5, 0.5, 0.5)):
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
    """One subject; S1's right option is the best."""
    task = DawTwoStep()
    probabilities = dict(zip(PROBABILITIES, (0.3, 0.7, 0.4, 0.6), strict=True))
    task.reset(torch.zeros(1, 5), options=probabilities)
    return task


def test_the_second_choice_is_rewarded_with_the_probability_of_its_option(task):
    for first, second, probability in [
        (LEFT, LEFT, 0.3),
        (LEFT, RIGHT, 0.7),
        (RIGHT, LEFT, 0.4),
        (RIGHT, RIGHT, 0.6),
    ]:
        for number, reward in ((probability - 0.01, 1), (probability + 0.01, 0)):
            screen = S1 if first == LEFT else S2
            assert take(task, CENTRE, first) == [(0, FIRST), (0, screen)]
            numbers = (number, 0.5, 0.5, 0.5, 0.5)
            assert take(task, second, numbers=numbers) == [(reward, FIXATION)]
            row = row_of(task)
            assert row["reward"] == reward
            assert row["second_choice"] == float(second == RIGHT)
            assert row["correct"] == float(first == LEFT)
            assert row["high_state"] == 0


def test_a_missing_second_choice_costs_one_and_has_no_reward(task):
    answers = take(task, CENTRE, LEFT, CENTRE)
    assert answers == [(0, FIRST), (0, S1), (-1, FIXATION)]
    row = row_of(task)
    assert (row["reward"], row["valid"], row["choice"]) == (-1, 0, 0)
    assert row["second_state"] == 0
    assert math.isnan(row["second_choice"])


@pytest.mark.parametrize("last", [CENTRE, LEFT, RIGHT])
def test_after_a_missing_first_choice_any_action_is_valid(task, last):
    answers = take(task, CENTRE, CENTRE, last)
    assert answers == [(0, FIRST), (-1, BLANK), (0, FIXATION)]
    row = row_of(task)
    assert (row["reward"], row["valid"], row["correct"]) == (-1, 0, 0)
    for name in ("choice", "transition", "second_state", "second_choice"):
        assert math.isnan(row[name])


def test_every_invalid_response_costs_one(task):
    assert take(task, LEFT, LEFT, CENTRE) == [(-1, FIRST), (0, S1), (-1, FIXATION)]
    assert row_of(task)["reward"] == -2


def test_probabilities_drift_after_the_trial_not_within_it(task):
    take(task, CENTRE, LEFT)
    one_deviation = float(torch.special.ndtr(torch.tensor(1.0)))
    take(task, LEFT, numbers=(0.0, one_deviation, 0.5, 1 - one_deviation, 0.5))
    row = row_of(task)
    assert [row[name] for name in PROBABILITIES] == pytest.approx([0.3, 0.7, 0.4, 0.6])
    now = [float(task.hidden()[name]) for name in PROBABILITIES]
    assert now == pytest.approx([0.325, 0.7, 0.375, 0.6], abs=1e-6)


def test_noise_of_zero_moves_a_probability_by_a_finite_step(task):
    take(task, CENTRE, LEFT, LEFT, numbers=(0.0,) * 5)
    now = [float(task.hidden()[name]) for name in PROBABILITIES]
    # The smallest number there is stands 5.4 deviations low; .3 is reflected.
    assert now == pytest.approx([0.336, 0.564, 0.264, 0.464], abs=2e-3)


def test_the_defaults_are_those_of_the_source():
    params = DawTwoStepParams()
    assert (params.trial_count, params.probability_common) == (201, 0.7)
    assert params.drift_deviation == 0.025
    assert (params.probability_least, params.probability_most) == (0.25, 0.75)
    assert params.largest_easing == 0
    assert DawTwoStep().episode_steps == 603


def test_an_episode_is_eased_to_certain_transitions_and_wide_bounds(
    write_script, perform
):
    task = DawTwoStep(4000, DawTwoStepParams(largest_easing=1.0, trial_count=1))
    script = write_script(task, 3, seed=5)
    actions = torch.where(torch.arange(3)[:, None] == 0, CENTRE, script.actions % 2 + 1)
    course = perform(task, script._replace(actions=actions))
    easing = script.start[:, 4]
    rare = course["row transition"].flatten()
    for low in (0.0, 0.5, 0.9):
        near = (easing >= low) & (easing < low + 0.1)
        expected = float((0.3 * (1 - easing[near])).mean())
        error = math.sqrt(expected * (1 - expected) / int(near.sum()))
        assert abs(float(rare[near].mean()) - expected) < 4 * error
    chances = torch.stack([course[f"row {name}"].flatten() for name in PROBABILITIES])
    assert (chances >= 0.25 * (1 - easing) - 1e-6).all()
    assert (chances <= 0.75 + 0.25 * easing + 1e-6).all()
    wide = chances[:, easing > 0.9]
    assert wide.min() < 0.06
    assert wide.max() > 0.94


def test_bounds_in_the_wrong_order_are_refused():
    with pytest.raises(ValueError, match=r"probability_most must be in \[0.6, 1\]"):
        DawTwoStepParams(probability_least=0.6, probability_most=0.5)
    DawTwoStepParams(probability_least=0.5, probability_most=0.5)


def test_a_transition_called_common_is_at_least_as_likely_as_the_other():
    with pytest.raises(ValueError, match=r"probability_common must be in \[0.5, 1\]"):
        DawTwoStepParams(probability_common=0.4)


def close(hits, probability):
    """Whether a share is within 4 standard errors of the declared probability."""
    n = hits.numel()
    error = math.sqrt(probability * (1 - probability) / n)
    assert n > 1000
    return abs(float(hits.double().mean()) - probability) < 4 * error


@pytest.fixture(scope="module")
def rows(write_script, perform):
    """Rows (trials, environments) of subjects who never break a rule."""
    task = DawTwoStep(300)
    script = write_script(task, task.episode_steps, seed=11)
    at = torch.arange(task.episode_steps) % 3
    actions = torch.where((at == 0).unsqueeze(1), CENTRE, script.actions % 2 + 1)
    course = perform(task, script._replace(actions=actions))
    return {k.removeprefix("row "): v for k, v in course.items() if k[:4] == "row "}


def test_transitions_and_rewards_have_their_probabilities(rows):
    assert rows["valid"].all()
    for side in (0, 1):
        there = rows["choice"] == side
        assert close(rows["second_state"][there] == side, 0.7)
        assert close(rows["transition"][there] == 0, 0.7)
    option = (2 * rows["second_state"] + rows["second_choice"]).long().unsqueeze(0)
    probabilities = torch.stack([rows[name] for name in PROBABILITIES])
    probability = probabilities.gather(0, option).squeeze(0).double()
    surprise = (rows["reward"].double() - probability).mean()
    error = (probability * (1 - probability)).mean().sqrt() / math.sqrt(
        probability.numel()
    )
    assert abs(surprise) < 4 * error
    for low in (0.3, 0.5, 0.65):
        near = (probability > low) & (probability < low + 0.05)
        assert close(rows["reward"][near], float(probability[near].mean()))


def test_every_probability_drifts_by_its_own_gaussian_walk(rows):
    probabilities = torch.stack([rows[name] for name in PROBABILITIES]).double()
    moves = probabilities[:, 1:] - probabilities[:, :-1]
    # Five deviations from a bound, no step is reflected.
    free = (probabilities[:, :-1] > 0.375) & (probabilities[:, :-1] < 0.625)
    for walk, inside in zip(moves, free, strict=True):
        steps = walk[inside]
        n = len(steps)
        assert abs(steps.mean()) < 4 * 0.025 / math.sqrt(n)
        assert abs(steps.std() - 0.025) < 4 * 0.025 / math.sqrt(2 * n)
        kurtosis = ((steps / 0.025) ** 4).mean()
        assert abs(kurtosis - 3) < 4 * math.sqrt(96 / n)
    for one in range(4):
        for other in range(one):
            both = free[one] & free[other]
            pair = torch.stack([moves[one][both], moves[other][both]])
            assert abs(torch.corrcoef(pair)[0, 1]) < 4 / math.sqrt(int(both.sum()))


def test_probabilities_start_uniformly_and_stay_between_the_bounds(rows):
    probabilities = torch.stack([rows[name] for name in PROBABILITIES]).double()
    assert probabilities.min() >= 0.25
    assert probabilities.max() <= 0.75
    for place in (0, 200):
        shares = (probabilities[:, place].flatten() - 0.25) / 0.5
        n = shares.numel()
        assert abs(shares.mean() - 0.5) < 4 * math.sqrt(1 / 12 / n)
        assert abs((shares < 0.1).double().mean() - 0.1) < 4 * math.sqrt(0.09 / n)
        assert abs((shares > 0.9).double().mean() - 0.1) < 4 * math.sqrt(0.09 / n)


@pytest.mark.parametrize(("bound", "inwards"), [(0.25, 1), (0.75, -1)])
def test_a_bound_reflects_the_walk_and_does_not_hold_it(bound, inwards):
    task = DawTwoStep(4000)
    task.reset(torch.zeros(4000, 5), options=dict.fromkeys(PROBABILITIES, bound))
    generator = torch.Generator().manual_seed(2)
    for _ in range(3):
        noise = torch.rand(4000, 5, generator=generator)
        task.step(torch.ones(4000, dtype=torch.int64), noise)
    now = torch.stack([task.hidden()[name] for name in PROBABILITIES]).double()
    moved = (now - bound) * inwards
    assert moved.min() >= 0
    half_normal = 0.025 * math.sqrt(2 / math.pi)
    deviation = 0.025 * math.sqrt(1 - 2 / math.pi)
    assert abs(moved.mean() - half_normal) < 4 * deviation / math.sqrt(moved.numel())


def test_the_high_state_is_the_one_with_the_best_option(rows):
    s1 = torch.maximum(rows[PROBABILITIES[0]], rows[PROBABILITIES[1]])
    s2 = torch.maximum(rows[PROBABILITIES[2]], rows[PROBABILITIES[3]])
    assert torch.equal(rows["high_state"], (s2 > s1).float())
    assert torch.equal(rows["correct"], (rows["choice"] == rows["high_state"]).float())


def test_the_screen_shows_the_second_stages_options(task):
    take(task, CENTRE, RIGHT)
    symbols = [(s.shape, s.x, s.text) for s in task.scene()]
    assert symbols == [("square", 0.25, "S2"), ("square", 0.75, "S2")]
