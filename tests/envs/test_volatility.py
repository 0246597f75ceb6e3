"""The volatility task against a scalar twin, against its numbers, and rule by rule."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats

from metarl.envs.volatility import (
    SCHEDULES,
    Volatility,
    VolatilityParams,
    draw_magnitudes,
)

LEFT, RIGHT = range(2)
STABLE, VOLATILE = range(2)


UNUSUAL = {
    "trial_count": 50,
    "magnitude_shape": 2,
    "probability_stable": 0.6,
    "probability_volatile": 0.9,
    "probability_swap": 0.4,
    "log_change_least": -2.0,
    "log_change_most": -1.0,
    "probability_swap_constant": 0.3,
    "probability_blocks": 0.7,
    "block_count": 3,
    "spell_count": 9,
}


def median(numbers):
    return sorted(numbers)[len(numbers) // 2]


def next_state(params, state, trial, numbers):
    """(better, volatile) of the next trial, from the words of the schedule."""
    better, volatile, log_change = state
    if params.schedule == "constant":
        swap = numbers[1] < params.probability_swap_constant
        return (1 - better if swap else better), volatile
    if params.schedule == "blocks":
        both, count = (trial, trial + 1), params.trial_count
        eighths = [math.floor(params.spell_count * t / count) for t in both]
        halves = [math.floor(params.block_count * t / count) for t in both]
        if halves[0] != halves[1]:
            return (LEFT if numbers[1] < 0.5 else RIGHT), 1 - volatile
        swap = eighths[0] != eighths[1] and volatile == VOLATILE
        return (1 - better if swap else better), volatile
    swap = volatile == VOLATILE and numbers[1] < params.probability_swap
    change = numbers[2] < math.exp(log_change)
    return (1 - better if swap else better), (1 - volatile if change else volatile)


def episode_by_hand(params, start, noise, actions):
    """One subject's episode, in the experimenter's words: screens, rewards, rows."""
    blocks = params.schedule == "blocks"
    middle = 3 + 2 * params.magnitude_shape - 1
    better = LEFT if start[0] < 0.5 else RIGHT
    volatile = VOLATILE if start[1] < 0.5 else STABLE
    if params.schedule == "constant":
        volatile = STABLE
    order = volatile
    low, high = params.log_change_least, params.log_change_most
    log_change = low + (high - low) * start[2]
    shown = [median(start[3:middle]), median(start[middle:])]
    screens, rows = [], []
    for trial, (action, numbers) in enumerate(zip(actions, noise, strict=True)):
        screens.append(shown)
        most = params.probability_stable
        if volatile == VOLATILE:
            most = params.probability_blocks if blocks else params.probability_volatile
        left = most if better == LEFT else 1 - most
        winner = LEFT if numbers[0] < left else RIGHT
        worth = [left * shown[0], (1 - left) * shown[1]]
        rows.append(
            {
                "choice": action,
                "reward": shown[action] if action == winner else 0.0,
                "valid": 1,
                "correct": int(worth[action] > worth[1 - action]),
                "forced": 0,
                "winner": winner,
                "magnitude_left": shown[0],
                "magnitude_right": shown[1],
                "probability_left": left,
                "volatility": math.nan if params.schedule == "constant" else volatile,
                "order": order if blocks else math.nan,
            }
        )
        shown = [median(numbers[3:middle]), median(numbers[middle:])]
        state = (better, volatile, log_change)
        better, volatile = next_state(params, state, trial, numbers)
    return screens, rows


@pytest.mark.parametrize(
    "params",
    [
        VolatilityParams(),
        VolatilityParams(schedule="constant"),
        VolatilityParams(schedule="blocks"),
        VolatilityParams(schedule="blocks", trial_count=37),
        VolatilityParams(schedule="blocks", trial_count=1),
        *(VolatilityParams(**UNUSUAL, schedule=schedule) for schedule in SCHEDULES),
    ],
)
def test_the_task_agrees_with_a_scalar_twin(params, write_script, perform):
    num_envs = 20
    task = Volatility(num_envs, params)
    script = write_script(task, task.episode_steps)
    course = perform(task, script)
    for env_index in range(num_envs):
        screens, rows = episode_by_hand(
            params,
            script.start[env_index].tolist(),
            script.noise[:, env_index].tolist(),
            script.actions[:, env_index].tolist(),
        )
        seen = torch.cat([course["first"], course["observation"][:-1]])[:, env_index]
        assert seen.tolist() == screens
        for name in rows[0]:
            expected = np.array([row[name] for row in rows], dtype=np.float32)
            actual = course[f"row {name}"][:, env_index].numpy()
            np.testing.assert_allclose(actual, expected, rtol=1e-6, err_msg=name)
        np.testing.assert_array_equal(
            course["reward"][:, env_index], course["row reward"][:, env_index]
        )
    ends = course["terminated"].all(1)
    assert ends.nonzero().flatten().tolist() == [params.trial_count - 1]


def test_the_defaults_are_those_of_the_paper():
    assert VolatilityParams() == VolatilityParams(
        trial_count=200,
        schedule="training",
        magnitude_shape=4,
        probability_stable=0.75,
        probability_volatile=1.0,
        probability_swap=0.2,
        log_change_least=-4.5,
        log_change_most=-3.5,
        probability_swap_constant=0.05,
        probability_blocks=0.8,
        block_count=2,
        spell_count=8,
    )
    task = Volatility()
    assert task.episode_steps == 200
    assert task.action_names == ("left", "right")
    assert task.observation_size == 2


def test_an_unknown_schedule_is_refused():
    words = "schedule must be one of training, constant, blocks; got 'behrens'"
    with pytest.raises(ValueError, match=words):
        VolatilityParams(schedule="behrens")


def started(schedule="training", **options):
    task = Volatility(params=VolatilityParams(schedule=schedule))
    task.reset(torch.full((1, task.noise_size), 0.6), options=options)
    return task


def take(task, action, *, won=0.0, swap=0.9, change=0.9, left=0.6, right=0.6):
    """Reward and row of one action, given the noise."""
    numbers = [won, swap, change, *[left] * 7, *[right] * 7]
    step = task.step(torch.tensor([action]), torch.tensor([numbers]))
    return float(step.reward), {k: float(v) for k, v in task.trial_row().items()}


def test_the_winning_arm_is_rewarded_with_its_magnitude_and_the_other_not():
    task = started(better_arm=LEFT, volatility=STABLE)
    take(task, LEFT, left=0.25, right=0.75)
    for action, won, paid in [
        (LEFT, 0.74, 0.25),
        (LEFT, 0.76, 0),
        (RIGHT, 0.76, 0.75),
        (RIGHT, 0.74, 0),
    ]:
        reward, row = take(task, action, won=won, left=0.25, right=0.75)
        assert reward == row["reward"] == paid
        assert row["winner"] == (LEFT if won < 0.75 else RIGHT)
        assert row["choice"] == action
        assert (row["valid"], row["forced"]) == (1, 0)


def test_correct_is_the_arm_with_the_greater_expected_reward():
    task = started(better_arm=LEFT, volatility=STABLE)
    for left, right, better in [(0.4, 0.9, LEFT), (0.2, 0.9, RIGHT), (0.5, 0.5, LEFT)]:
        for action in (LEFT, RIGHT):
            take(task, LEFT, left=left, right=right)
            _, row = take(task, action)
            assert row["correct"] == (action == better)


def test_arms_swap_after_a_volatile_trial_only_and_not_within_it():
    task = started(better_arm=LEFT, volatility=VOLATILE)
    assert take(task, LEFT, swap=0.19)[1]["probability_left"] == 1
    assert take(task, LEFT, swap=0.21)[1]["probability_left"] == 0
    assert take(task, LEFT)[1]["probability_left"] == 0
    calm = started(better_arm=LEFT, volatility=STABLE)
    probabilities = [
        take(calm, LEFT, swap=0.0)[1]["probability_left"] for _ in range(3)
    ]
    assert probabilities == [0.75] * 3


def test_volatility_changes_with_its_probability_and_keeps_the_better_arm():
    probability = math.exp(-4.5 + 0.6)
    task = started(better_arm=RIGHT, volatility=STABLE)
    rows = [
        take(task, LEFT, swap=0.0, change=change)[1]
        for change in (1.01 * probability, 0.99 * probability, 0.99 * probability, 0.9)
    ]
    assert [row["volatility"] for row in rows] == [0, 0, 1, 0]
    # The arms swap after the volatile trial, by that trial's rule.
    probabilities = [row["probability_left"] for row in rows]
    assert probabilities == [0.25, 0.25, 0, 0.75]


def test_the_constant_schedule_swaps_rarely_and_has_no_volatility():
    task = started("constant", better_arm=LEFT)
    rows = [take(task, LEFT, swap=s, change=0.0)[1] for s in (0.06, 0.04, 0.9)]
    assert [row["probability_left"] for row in rows] == [0.75, 0.75, 0.25]
    assert all(math.isnan(row["volatility"]) for row in rows)
    assert all(math.isnan(row["order"]) for row in rows)
    with pytest.raises(ValueError, match="volatility must be left out in the schedule"):
        started("constant", volatility=1)


@pytest.mark.parametrize("first", [STABLE, VOLATILE])
def test_a_test_episode_has_a_stable_and_a_volatile_half(first):
    task = started("blocks", better_arm=RIGHT, volatility=first)
    # A draw at every trial's end would swap the arms, but it counts at the half only.
    rows = [take(task, LEFT, swap=0.0, change=0.0)[1] for _ in range(200)]
    runs = [
        (probability, len(list(run)))
        for probability, run in itertools.groupby(r["probability_left"] for r in rows)
    ]
    rounded = [(round(probability, 6), length) for probability, length in runs]
    if first == STABLE:
        expected = [(0.25, 100), (0.8, 25), (0.2, 25), (0.8, 25), (0.2, 25)]
    else:
        expected = [(0.2, 25), (0.8, 25), (0.2, 25), (0.8, 25), (0.75, 100)]
    assert rounded == expected
    assert [row["volatility"] for row in rows] == [first] * 100 + [1 - first] * 100
    assert {row["order"] for row in rows} == {first}
    assert {row["order"] for row in rows} == {
        Volatility.categories["order"].index(("low-first", "high-first")[first])
    }


def close(hits, probability):
    """Whether a share is within 4 standard errors of the declared probability."""
    n = hits.numel()
    assert n > 1000
    error = math.sqrt(probability * (1 - probability) / n)
    return abs(float(hits.double().mean()) - probability) < 4 * error


def trials(schedule, write_script, perform, num_envs=1500):
    """Rows (trials, environments) of random choosers."""
    task = Volatility(num_envs, VolatilityParams(schedule=schedule))
    course = perform(task, write_script(task, task.episode_steps, seed=11))
    return {k.removeprefix("row "): v for k, v in course.items() if k[:4] == "row "}


def test_the_training_schedule_has_the_declared_statistics(write_script, perform):
    rows = trials("training", write_script, perform)
    probability, volatile = rows["probability_left"], rows["volatility"] == 1
    for value, when in [(0.25, ~volatile), (0.75, ~volatile)]:
        assert close(rows["winner"][when & (probability == value)] == 0, value)
    left = (rows["winner"] == 0)[volatile]
    assert torch.equal(left, (probability == 1)[volatile])
    assert set(probability[volatile].unique().tolist()) == {0, 1}
    better = probability > 0.5
    swapped = better[1:] != better[:-1]
    assert close(swapped[volatile[:-1]], 0.2)
    assert not swapped[~volatile[:-1]].any()
    for first in (better[0], volatile[0]):
        assert close(first, 0.5)
    # The mean of exp(x) where x is uniform between -4.5 and -3.5.
    changed = volatile[1:] != volatile[:-1]
    mean = math.exp(-3.5) - math.exp(-4.5)
    each = changed.double().mean(0)
    assert abs(float(each.mean()) - mean) < 4 * float(each.std()) / math.sqrt(1500)


def test_the_probability_of_a_change_is_log_uniform_and_drawn_once_per_episode(
    write_script,
):
    task = Volatility(4000)
    script = write_script(task, 1)
    task.reset(script.start)
    logs = task.probability_change.log().double()
    assert stats.kstest(logs.numpy(), stats.uniform(-4.5, 1).cdf).pvalue > 0.001
    before = task.probability_change.clone()
    task.step(script.actions[0], script.noise[0])
    assert torch.equal(task.probability_change, before)


def test_the_constant_schedule_has_the_declared_statistics(write_script, perform):
    probability = trials("constant", write_script, perform)["probability_left"]
    assert set(probability.unique().tolist()) == {0.25, 0.75}
    assert close(probability[1:] != probability[:-1], 0.05)
    assert close(probability[0] > 0.5, 0.5)


def test_test_episodes_have_the_declared_statistics(write_script, perform):
    rows = trials("blocks", write_script, perform)
    probability = rows["probability_left"]
    assert len(probability.unique()) == 4
    for value in probability.unique():
        assert close(rows["winner"][probability == value] == 0, float(value))
    # Which half is volatile, and which arm is better in each half, is random.
    assert close(rows["order"][0], 0.5)
    for trial in (0, 100):
        for order in (0, 1):
            assert close_to_half(probability[trial][rows["order"][0] == order] > 0.5)
    better = probability > 0.5
    assert close(better[99] != better[100], 0.5)


def close_to_half(hits):
    error = 0.5 / math.sqrt(hits.numel())
    return abs(float(hits.double().mean()) - 0.5) < 4 * error


def test_magnitudes_are_independent_and_distributed_as_declared(write_script, perform):
    rows = trials("training", write_script, perform, num_envs=300)
    left, right = rows["magnitude_left"].double(), rows["magnitude_right"].double()
    for arm in (left, right):
        sample = arm.flatten().numpy()
        assert stats.kstest(sample, stats.beta(4, 4).cdf).pvalue > 0.001
    limit = 4 / math.sqrt(left.numel())
    pairs = [(left, right), (left[1:], left[:-1]), (left, rows["winner"].double())]
    for one, other in pairs:
        together = torch.stack([one.flatten(), other.flatten()])
        assert abs(float(torch.corrcoef(together)[0, 1])) < limit


def test_a_magnitude_is_the_median_of_seven_uniform_numbers():
    noise = torch.tensor([[0.1, 0.9, 0.2, 0.8, 0.3, 0.7, 0.4, *[0.5] * 6, 0.0]])
    assert draw_magnitudes(noise).tolist() == [pytest.approx([0.4, 0.5])]


def test_the_screen_shows_both_magnitudes_of_100():
    task = started()
    take(task, LEFT, left=0.25, right=0.754)
    scene = [(s.shape, s.x, s.text) for s in task.scene()]
    assert scene == [("square", 0.25, "25"), ("square", 0.75, "75")]
