"""The matching task against a scalar twin, against its numbers, and rule by rule."""

import math

import numpy as np
import pytest
import torch

from metarl.envs.matching import Matching, MatchingParams

CENTRE, LEFT, RIGHT = range(3)
CHANCES = ("p0_left", "chance_left", "chance_right")
FIXATION, CHOICE = torch.eye(2).tolist()


def episode_by_hand(params, start, noise, actions):
    """One subject's episode, in the experimenter's words: screens, rewards, rows."""
    span = params.trial_most - params.trial_least + 1
    trial_count = params.trial_least + int(start[0] * span)
    total, bands = params.probability_sum, params.band_count
    edges = [total * band / bands for band in range(bands + 1)]
    if params.held_out:
        left = total * start[1]
    else:
        # Of five bands, the first, third and fifth are of training.
        lows = edges[:-1:2]
        place = len(lows) * start[1]
        left = lows[int(place)] + edges[1] * (place % 1)
    base, waited = (left, total - left), [0, 0]
    pairs = zip(edges[1:-1:2], edges[2::2], strict=False)
    held_out = any(low < left < high for low, high in pairs)
    responses = iter(zip(actions, noise, strict=True))
    screens, rewards, rows = [], [], []
    for _ in range(trial_count):
        screens += ["fixation", "choice"]
        action, _ = next(responses)
        fixated = action == CENTRE
        action, numbers = next(responses)
        probabilities = [
            1 - (1 - p) ** (n + 1) for p, n in zip(base, waited, strict=True)
        ]
        row = dict(zip(CHANCES, (left, *probabilities), strict=True))
        waited = [n + 1 for n in waited]
        reward, correct, choice = -1.0, 0, math.nan
        if action != CENTRE:
            choice = action - 1
            reward = float(numbers[0] < probabilities[choice])
            correct = int(probabilities[choice] >= probabilities[1 - choice])
            waited[choice] = 0
        rewards += [0.0 if fixated else -1.0, reward]
        row |= {"choice": choice, "correct": correct, "forced": 0}
        row |= {"valid": int(fixated and action != CENTRE)}
        row |= {"reward": sum(rewards[-2:]), "held_out": int(held_out)}
        rows.append(row)
    return screens, rewards, rows


@pytest.mark.parametrize(
    "params",
    [
        MatchingParams(),
        MatchingParams(held_out=True),
        MatchingParams(trial_least=1, trial_most=9, held_out=True),
        MatchingParams(probability_sum=0.8, band_count=4),
        MatchingParams(probability_sum=0.8, band_count=7, held_out=True),
        MatchingParams(band_count=1),
    ],
)
def test_the_task_agrees_with_a_scalar_twin(params, write_script, perform):
    num_envs = 20
    task = Matching(num_envs, params)
    script = write_script(task, 2 * params.trial_most)
    course = perform(task, script)
    for env_index in range(num_envs):
        screens, rewards, rows = episode_by_hand(
            params,
            script.start[env_index].tolist(),
            script.noise[:, env_index].tolist(),
            script.actions[:, env_index].tolist(),
        )
        length = len(rewards)
        assert course["reward"][:length, env_index].tolist() == rewards
        seen = torch.cat([course["first"], course["observation"][: length - 1]])
        names = ("fixation", "choice")
        shown = [[float(name == screen) for name in names] for screen in screens]
        assert seen[:length, env_index].tolist() == shown
        for name in rows[0]:
            expected = [float(row[name]) for row in rows]
            actual = course[f"row {name}"][: len(rows), env_index].numpy()
            rounding = 1e-5 if name in CHANCES else 0.0
            np.testing.assert_allclose(
                actual, expected, rtol=0, atol=rounding, err_msg=name
            )
        ends = course["terminated"][:, env_index].nonzero().flatten().tolist()
        assert ends == [length - 1]


def take(task, *actions, number=0.99):
    """Reward and next screen of each action, given the same noise every time."""
    noise = torch.full((1, 2), number)
    steps = [task.step(torch.tensor([action]), noise) for action in actions]
    return [(float(s.reward), s.observation[0].tolist()) for s in steps]


def row_of(task):
    return {name: float(values) for name, values in task.trial_row().items()}


def chances_of(task):
    return [float(task.hidden()[name]) for name in CHANCES[1:]]


@pytest.fixture
def task():
    """One subject; left is the rich arm, baited with .4 against .1."""
    task = Matching()
    task.reset(torch.full((1, 2), 0.5), options={"p0_left": 0.4})
    return task


def test_a_choice_is_rewarded_with_the_probability_of_its_arm(task):
    for action, probability in ((LEFT, 0.4), (RIGHT, 0.1)):
        for number, reward in ((probability - 0.01, 1), (probability + 0.01, 0)):
            task.reset(torch.full((1, 2), 0.5), options={"p0_left": 0.4})
            assert take(task, CENTRE) == [(0, CHOICE)]
            assert take(task, action, number=number) == [(reward, FIXATION)]
            row = row_of(task)
            assert (row["reward"], row["valid"]) == (reward, 1)
            assert row["choice"] == float(action == RIGHT)
            assert row["correct"] == float(action == LEFT)
            assert row["held_out"] == 0


def test_the_probability_of_an_arm_grows_from_the_start_until_it_is_chosen(task):
    assert chances_of(task) == pytest.approx([0.4, 0.1])
    take(task, CENTRE, LEFT)
    assert chances_of(task) == pytest.approx([0.4, 1 - 0.9**2])
    take(task, CENTRE, LEFT)
    assert chances_of(task) == pytest.approx([0.4, 1 - 0.9**3])
    take(task, CENTRE, RIGHT)
    assert chances_of(task) == pytest.approx([1 - 0.6**2, 0.1])
    row = row_of(task)
    assert [row[name] for name in CHANCES] == pytest.approx([0.4, 0.4, 1 - 0.9**3])


def test_a_chosen_arm_restarts_whether_it_was_rewarded_or_not(task):
    for number in (0.0, 0.99):
        take(task, CENTRE, LEFT, number=number)
        assert chances_of(task)[0] == pytest.approx(0.4)


def test_an_invalid_fixation_costs_one_and_the_trial_goes_on(task):
    assert take(task, LEFT, LEFT, number=0.0) == [(-1, CHOICE), (1, FIXATION)]
    row = row_of(task)
    assert (row["reward"], row["valid"], row["choice"]) == (0, 0, 0)


def test_a_missing_choice_costs_one_and_both_probabilities_grow(task):
    assert take(task, CENTRE, CENTRE, number=0.0) == [(0, CHOICE), (-1, FIXATION)]
    row = row_of(task)
    assert (row["reward"], row["valid"], row["correct"]) == (-1, 0, 0)
    assert math.isnan(row["choice"])
    assert chances_of(task) == pytest.approx([1 - 0.6**2, 1 - 0.9**2])


def test_two_invalid_responses_cost_two(task):
    take(task, RIGHT, CENTRE)
    assert row_of(task)["reward"] == -2


def test_correct_is_the_arm_with_the_higher_present_probability(task):
    # Right pays less from the start; after five waits it pays more than left.
    for wait in range(1, 7):
        take(task, CENTRE, LEFT)
        better = 1 - 0.9**wait <= 0.4
        assert row_of(task)["correct"] == float(better)
    assert not better


def test_equal_arms_are_both_correct():
    for action in (LEFT, RIGHT):
        task = Matching()
        task.reset(torch.zeros(1, 2), options={"p0_left": 0.25})
        take(task, CENTRE, action)
        assert row_of(task)["correct"] == 1


def test_an_arm_with_probability_zero_is_never_rewarded():
    task = Matching()
    task.reset(torch.zeros(1, 2), options={"p0_left": 0.0})
    for _ in range(20):
        assert take(task, CENTRE, LEFT, number=0.0)[1][0] == 0
    assert chances_of(task)[0] == 0


def test_the_defaults_are_those_of_the_paper():
    params = MatchingParams()
    assert (params.trial_least, params.trial_most, params.held_out) == (50, 100, False)
    assert (params.probability_sum, params.band_count) == (0.5, 5)
    assert Matching().action_names == ("centre", "left", "right")
    assert Matching().episode_steps is None
    same = MatchingParams(trial_least=80, trial_most=80)
    assert Matching(params=same).episode_steps == 160


def test_a_largest_number_of_trials_below_the_smallest_is_refused():
    with pytest.raises(ValueError, match="trial_most must be at least 50, got 49"):
        MatchingParams(trial_most=49)


def test_a_base_probability_beyond_the_total_is_refused():
    with pytest.raises(ValueError, match=r"p0_left must be in \[0, 0.5\], got 0.6"):
        Matching().reset(torch.zeros(1, 2), options={"p0_left": 0.6})


def reset_some(task, number, some):
    task.reset(torch.full((task.num_envs, 2), number), where=torch.tensor(some))


def test_some_environments_can_restart_after_a_trial_has_ended():
    task = Matching(3)
    task.reset(torch.full((3, 2), 0.1))
    noise, choose = torch.full((3, 2), 0.99), torch.tensor([LEFT] * 3)
    task.step(torch.tensor([CENTRE] * 3), noise)
    task.step(choose, noise)
    before = {name: values.tolist() for name, values in task.hidden().items()}
    left = task.trials_left.tolist()
    reset_some(task, 0.95, [False, True, False])
    for name, values in task.hidden().items():
        now = values.tolist()
        assert [now[0], now[2]] == [before[name][0], before[name][2]]
    fresh = task.hidden()
    assert float(fresh["chance_left"][1]) == pytest.approx(float(fresh["p0_left"][1]))
    assert float(fresh["p0_left"][1]) == pytest.approx(0.485)
    assert task.trials_left.tolist() == [left[0], 98, left[2]]


def test_within_a_trial_all_environments_must_restart_together():
    task = Matching(3)
    task.reset(torch.full((3, 2), 0.1))
    task.step(torch.tensor([CENTRE] * 3), torch.zeros(3, 2))
    with pytest.raises(
        ValueError, match="where must select all environments within a trial"
    ):
        reset_some(task, 0.5, [True, True, False])
    reset_some(task, 0.5, [True] * 3)
    assert task.event().tolist() == [0, 0, 0]


def test_each_environment_ends_after_its_own_number_of_trials():
    task = Matching(4, MatchingParams(trial_least=1, trial_most=4))
    lengths = (torch.arange(4) / 4).unsqueeze(1).expand(4, 2)
    task.reset(lengths)
    ends = []
    for _ in range(4):
        assert not task.step(torch.tensor([CENTRE] * 4), torch.zeros(4, 2))[2].any()
        ends.append(task.step(torch.tensor([LEFT] * 4), torch.zeros(4, 2))[2].tolist())
    assert ends == np.eye(4, dtype=bool).tolist()


def close(hits, probability):
    """Whether a share is within 4 standard errors of the declared probability."""
    n = hits.numel()
    error = math.sqrt(probability * (1 - probability) / n)
    assert n > 1000
    return abs(float(hits.double().mean()) - probability) < 4 * error


def test_episodes_have_50_to_100_trials_with_equal_probability():
    task = Matching(40_000)
    task.reset(torch.rand(40_000, 2, generator=torch.Generator().manual_seed(1)))
    counts = task.trials_left.bincount(minlength=101)
    assert counts[:50].sum() == 0
    assert len(counts) == 101
    for count in counts[50:]:
        error = math.sqrt(40_000 * (1 / 51) * (50 / 51))
        assert abs(float(count) - 40_000 / 51) < 4 * error


def test_the_largest_noise_gives_the_longest_episode():
    task = Matching(2)
    task.reset(torch.tensor([[0.0, 0.0], [1 - 2**-24, 1 - 2**-24]]))
    assert task.trials_left.tolist() == [50, 100]


@pytest.mark.parametrize("held_out", [False, True])
def test_base_probabilities_are_uniform_within_their_bands(held_out):
    task = Matching(60_000, MatchingParams(held_out=held_out))
    noise = torch.rand(60_000, 2, generator=torch.Generator().manual_seed(2))
    task.reset(noise)
    left = task.hidden()["p0_left"]
    bands = (left / 0.1).long()
    for band in range(5):
        inside = bands == band
        if not held_out and band % 2:
            assert not inside.any()
            continue
        assert close(inside, 0.2 if held_out else 1 / 3)
        upper = left[inside] > band * 0.1 + 0.05
        assert close(upper, 0.5)
    flagged = task.is_held_out(left)
    assert torch.equal(flagged, (bands == 1) | (bands == 3))
    assert close(flagged, 0.4) if held_out else not flagged.any()
    assert left.min() >= 0
    assert left.max() <= 0.5


def test_no_training_episode_is_held_out_by_rounding():
    """Noise at the very ends of the bands, where a float may round over them."""
    edges = torch.tensor([0.0, 1 / 3, 2 / 3, 1.0])
    near = torch.cat([(edges + k * 2**-24) for k in range(-4, 5)])
    near = near[(near >= 0) & (near < 1)]
    task = Matching(len(near))
    task.reset(near.unsqueeze(1).expand(-1, 2))
    assert not task.is_held_out(task.hidden()["p0_left"]).any()


def test_rewards_have_their_baited_probabilities(write_script, perform):
    task = Matching(800, MatchingParams(held_out=True))
    script = write_script(task, 100, seed=11)
    centre = (torch.arange(100) % 2 == 0).unsqueeze(1)
    # Right only once in five choices, so that it often waits for long.
    choices = torch.where(script.noise[..., 1] < 0.2, RIGHT, LEFT)
    actions = torch.where(centre, CENTRE, choices)
    course = perform(task, script._replace(actions=actions))
    rows = {k.removeprefix("row "): v for k, v in course.items() if k[:4] == "row "}
    assert rows["valid"].all()
    probability = torch.where(
        rows["choice"] == 1, rows["chance_right"], rows["chance_left"]
    ).double()
    for side in (0, 1):
        mine = rows["choice"] == side
        assert (mine.sum() > 5000).all()
        for low in (0.1, 0.3, 0.5):
            near = mine & (probability > low) & (probability < low + 0.2)
            assert close(rows["reward"][near], float(probability[near].mean()))
    surprise = (rows["reward"].double() - probability).mean()
    error = (probability * (1 - probability)).mean().sqrt() / math.sqrt(
        probability.numel()
    )
    assert abs(surprise) < 4 * error


def test_the_screen_shows_a_cross_and_then_two_squares(task):
    assert [s.shape for s in task.scene()] == ["cross"]
    take(task, CENTRE)
    assert [(s.shape, s.x) for s in task.scene()] == [
        ("square", 0.25),
        ("square", 0.75),
    ]
