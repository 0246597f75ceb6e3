"""The reversal task against a scalar twin, against its numbers, and rule by rule."""

import math

import numpy as np
import pytest
import torch

from metarl.envs.adapters import TaskEnv
from metarl.envs.reversal import Reversal, ReversalParams

CENTRE, LEFT, RIGHT = range(3)
SCREENS = ("fixation", "choice")
PICTURE_SCREENS = ("fixation", "A left", "B left")
SOON = ReversalParams(trial_count=12, reversal_least=3, reversal_most=6)


def episode_by_hand(params, start, noise, actions):
    """One subject's episode, in the experimenter's words: screens, rewards, rows."""
    better = 1 if start[0] < 0.5 else 0
    percent = 80 if start[1] < 0.5 else 70
    if params.schedule != "mixed":
        percent = {"80/20": 80, "70/30": 70}[params.schedule]
    lengths = list(range(params.reversal_least, params.reversal_most + 1))
    before = lengths[int(start[2] * len(lengths))]
    left = 0
    if params.pictures:
        left = 1 if start[3] < 0.5 else 0
    responses = iter(zip(actions, noise, strict=True))
    screens, rewards, rows = [], [], []
    for trial in range(params.trial_count):
        first = len(rewards)
        if trial == before:
            better = 1 - better
        if params.fixation:
            screens.append("fixation")
            action, _ = next(responses)
            rewards.append(0.0 if action == CENTRE else -1.0)
        screens.append(("A left", "B left")[left] if params.pictures else "choice")
        action, numbers = next(responses)
        choice = action - 1 if params.fixation else action
        if choice in (0, 1):
            choice = left if choice == 0 else 1 - left
            probability = percent if choice == better else 100 - percent
            rewards.append(1.0 if numbers[0] < probability / 100 else 0.0)
        else:
            choice = math.nan
            rewards.append(-1.0)
        if params.pictures:
            change = 0.5 * (1 - params.largest_easing * start[4])
            left = 1 - left if numbers[1] < change else left
        rows.append(
            {
                "choice": choice,
                "reward": sum(rewards[first:]),
                "valid": int(min(rewards[first:]) >= 0),
                "correct": int(choice == better),
                "forced": 0,
                "better": better,
                "schedule": percent,
                "reversal_trial": before,
            }
        )
    return screens, rewards, rows


@pytest.mark.parametrize(
    "params",
    [
        ReversalParams(),
        SOON,
        ReversalParams(schedule="80/20", fixation=False),
        ReversalParams(schedule="70/30", trial_count=20, reversal_least=10),
        ReversalParams(pictures=True),
        ReversalParams(
            pictures=True, largest_easing=0.8, fixation=False, trial_count=12
        ),
    ],
)
def test_the_task_agrees_with_a_scalar_twin(params, write_script, perform):
    num_envs = 20
    task = Reversal(num_envs, params)
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
        names = PICTURE_SCREENS if params.pictures else SCREENS
        names = names if params.fixation else names[1:]
        assert seen.tolist() == [[float(n == s) for n in names] for s in screens]
        assert len(rows[0]) == sum(name.startswith("row ") for name in course)
        for name in rows[0]:
            expected = [float(row[name]) for row in rows]
            actual = course[f"row {name}"][:, env_index].numpy()
            np.testing.assert_array_equal(actual, expected, err_msg=name)
    ends = course["terminated"].all(1)
    assert ends.nonzero().flatten().tolist() == [task.episode_steps - 1]


def take(task, *actions, number=0.0):
    """Reward and next screen of each action, given the same noise every time."""
    noise = torch.full((1, 3), number)
    steps = [task.step(torch.tensor([action]), noise) for action in actions]
    return [(float(s.reward), s.observation[0].tolist()) for s in steps]


def row_of(task):
    return {name: float(values) for name, values in task.trial_row().items()}


FIXATION, CHOICE = torch.eye(2).tolist()


def begin(task, **options):
    task.reset(torch.zeros(task.num_envs, 3), options=options)
    return task


@pytest.fixture
def task():
    """One subject, left better at 80/20, the reversal after 2 trials."""
    return begin(Reversal(), better=0, schedule=80, reversal_trial=2)


@pytest.mark.parametrize(
    ("schedule", "better", "action", "percent"),
    [
        (80, 0, LEFT, 80),
        (80, 0, RIGHT, 20),
        (80, 1, LEFT, 20),
        (80, 1, RIGHT, 80),
        (70, 0, LEFT, 70),
        (70, 0, RIGHT, 30),
        (70, 1, LEFT, 30),
        (70, 1, RIGHT, 70),
    ],
)
def test_a_choice_is_rewarded_with_the_probability_of_the_schedule(
    schedule, better, action, percent
):
    for number, reward in ((percent - 1, 1), (percent + 1, 0)):
        task = begin(Reversal(), better=better, schedule=schedule)
        assert take(task, CENTRE) == [(0, CHOICE)]
        assert take(task, action, number=number / 100) == [(reward, FIXATION)]
        row = row_of(task)
        assert (row["reward"], row["valid"], row["schedule"]) == (reward, 1, schedule)
        assert row["choice"] == float(action == RIGHT)
        assert row["correct"] == float(percent > 50)


def test_an_invalid_fixation_costs_one_and_the_trial_goes_on(task):
    assert take(task, RIGHT, LEFT) == [(-1, CHOICE), (1, FIXATION)]
    row = row_of(task)
    assert (row["reward"], row["valid"], row["choice"], row["correct"]) == (0, 0, 0, 1)


def test_a_missing_choice_costs_one_and_has_no_reward(task):
    assert take(task, CENTRE, CENTRE) == [(0, CHOICE), (-1, FIXATION)]
    row = row_of(task)
    assert (row["reward"], row["valid"], row["correct"]) == (-1, 0, 0)
    assert math.isnan(row["choice"])
    assert row["better"] == 0


def test_two_invalid_responses_cost_two(task):
    take(task, LEFT, CENTRE)
    assert row_of(task)["reward"] == -2


def test_the_options_swap_once_and_before_the_trial_of_that_number(task):
    better, hidden = [], []
    for _ in range(80):
        hidden.append(float(task.hidden()["better"]))
        take(task, CENTRE, LEFT)
        better.append(row_of(task)["better"])
        assert row_of(task)["reversal_trial"] == 2
        assert row_of(task)["correct"] == float(better[-1] == 0)
    assert better == hidden == [0, 0] + [1] * 78


def test_an_episode_shorter_than_the_trials_before_it_has_no_reversal(
    write_script, perform
):
    task = Reversal(50, ReversalParams(trial_count=31))
    course = perform(task, write_script(task, task.episode_steps))
    assert (course["row better"] == course["row better"][0]).all()
    longer = Reversal(50, ReversalParams(trial_count=51))
    course = perform(longer, write_script(longer, longer.episode_steps))
    assert (course["row better"][-1] != course["row better"][0]).all()


def test_the_defaults_are_those_of_the_source():
    params = ReversalParams()
    assert params.trial_count == 80
    assert params.schedule == "mixed"
    assert (params.reversal_least, params.reversal_most) == (31, 50)
    assert params.percents == (80, 70)
    assert Reversal().episode_steps == 160
    assert Reversal().action_names == ("centre", "left", "right")
    bare = Reversal(params=ReversalParams(fixation=False))
    assert bare.episode_steps == 80
    assert bare.observation_names == ("choice",)
    assert bare.action_names == ("left", "right")


@pytest.mark.parametrize(("schedule", "percent"), [("80/20", 80), ("70/30", 70)])
def test_a_single_schedule_holds_in_every_episode(schedule, percent):
    params = ReversalParams(schedule=schedule)
    task = Reversal(200, params)
    task.reset(torch.rand(200, 3, generator=torch.Generator().manual_seed(1)))
    assert params.percents == (percent,)
    assert set(task.hidden()["schedule"].tolist()) == {percent}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"schedule": "60/40"},
            "schedule must be one of mixed, 80/20, 70/30; got '60/40'",
        ),
        ({"reversal_least": 0}, "reversal_least must be at least 1, got 0"),
        ({"reversal_most": 30}, "reversal_most must be at least 31, got 30"),
    ],
)
def test_impossible_designs_are_refused(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        ReversalParams(**changes)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"better": 2}, "better must be one of 0, 1; got 2"),
        ({"schedule": 60}, "schedule must be one of 80, 70; got 60"),
        ({"reversal_trial": 0}, "reversal_trial must be at least 1, got 0"),
        ({"reversal_trial": 2.5}, "reversal_trial must be a whole number, got 2.5"),
    ],
)
def test_impossible_options_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        begin(Reversal(), **options)


def test_an_option_sets_its_hidden_variable_and_no_other():
    generator = torch.Generator().manual_seed(3)
    task = Reversal(100)
    for name, value in (("better", 1), ("schedule", 70), ("reversal_trial", 77)):
        task.reset(torch.rand(100, 3, generator=generator), options={name: value})
        hidden = task.hidden()
        assert set(hidden[name].tolist()) == {value}
        others = [values for other, values in hidden.items() if other != name]
        assert all(len(values.unique()) > 1 for values in others)


def close(hits, probability):
    """Whether a share is within 4 standard errors of the declared probability."""
    n = hits.numel()
    error = math.sqrt(probability * (1 - probability) / n)
    assert n > 1000
    return abs(float(hits.double().mean()) - probability) < 4 * error


@pytest.fixture(scope="module")
def rows(write_script, perform):
    """Rows (trials, environments) of subjects who never break a rule."""
    task = Reversal(4000)
    script = write_script(task, task.episode_steps, seed=11)
    at = torch.arange(task.episode_steps) % 2
    actions = torch.where((at == 0).unsqueeze(1), CENTRE, script.actions % 2 + 1)
    course = perform(task, script._replace(actions=actions))
    return {k.removeprefix("row "): v for k, v in course.items() if k[:4] == "row "}


def test_rewards_have_the_declared_probabilities_before_and_after_the_reversal(rows):
    assert rows["valid"].all()
    trial = torch.arange(80).unsqueeze(1)
    for percent in (80, 70):
        for after in (False, True):
            here = rows["schedule"] == percent
            here &= (trial >= rows["reversal_trial"]) == after
            for side in (0, 1):
                there = here & (rows["choice"] == side)
                better = there & (rows["better"] == side)
                worse = there & (rows["better"] != side)
                assert close(rows["reward"][better], percent / 100)
                assert close(rows["reward"][worse], 1 - percent / 100)


def test_hidden_variables_have_the_declared_distribution(rows):
    first = {name: values[0] for name, values in rows.items()}
    eighty, right = first["schedule"] == 80, first["better"] == 1
    before = first["reversal_trial"]
    assert close(eighty, 0.5)
    assert close(right, 0.5)
    assert close(eighty[right], 0.5)
    assert sorted(before.unique().tolist()) == list(range(31, 51))
    for count in range(31, 51):
        assert close(before == count, 1 / 20)
    assert close(before[right] < 41, 0.5)
    assert close(before[eighty] < 41, 0.5)


def test_the_screen_shows_a_cross_and_then_two_squares():
    env = TaskEnv("reversal", render_mode="ansi")
    env.reset(options={"better": 0, "schedule": 80})
    lines = [env.render()]
    env.step(CENTRE)
    lines.append(env.render())
    assert lines == [
        "   0 fixation |            +           |",
        "   0 choice   |    [ ]         [ ]     | centre 0",
    ]


def test_pictures_are_drawn_on_their_sides():
    task = Reversal(2, ReversalParams(pictures=True))
    noise = torch.tensor([[0.0, 0, 0, 0.9, 0], [0.0, 0, 0, 0.1, 0]])
    task.reset(noise)
    assert [s.shape for s in task.scene()] == ["cross"]
    step = task.step(torch.zeros(2, dtype=torch.long), noise)
    assert step.observation.tolist() == [[0, 1, 0], [0, 0, 1]]
    assert [[s.text for s in task.scene(k)] for k in range(2)] == [
        ["A", "B"],
        ["B", "A"],
    ]


@pytest.mark.parametrize(("easing", "share"), [(0.0, 0.5), (1.0, 0.25)])
def test_easing_makes_pictures_change_sides_less_often(easing, share):
    params = ReversalParams(pictures=True, fixation=False, largest_easing=easing)
    task = Reversal(1000, params)
    torch.manual_seed(1)
    noise = torch.rand(81, 1000, 5)
    task.reset(noise[0])
    left = [task.observation()]
    actions = torch.zeros(1000, dtype=torch.long)
    left += [task.step(actions, each).observation for each in noise[1:-1]]
    shown = torch.stack(left)[..., 1]
    changed = (shown[1:] != shown[:-1]).float()
    assert float(changed.mean()) == pytest.approx(share, abs=0.02)


def test_easing_without_pictures_is_refused():
    with pytest.raises(ValueError, match="largest_easing must be 0 without pictures"):
        ReversalParams(largest_easing=0.5)
