"""The bandit against a scalar twin, against its numbers, and rule by rule."""

import math

import numpy as np
import pytest
import torch

from metarl.envs.bandit import GAPS, Bandit, BanditParams

LEFT, RIGHT = 0, 1


def probabilities_by_hand(params, start):
    """Reward probabilities of one subject's episode, from its reset noise."""
    if params.distribution == "independent":
        return start[: params.arm_count]
    if params.distribution == "correlated":
        return [start[0], 1 - start[0]]
    worse, better = {
        "easy": (0.1, 0.9),
        "medium": (0.25, 0.75),
        "hard": (0.4, 0.6),
    }[params.distribution]
    return [better, worse] if start[0] < 0.5 else [worse, better]


def episode_by_hand(params, start, noise, actions):
    """One subject's episode: what it saw, what it was paid, and its rows."""
    probabilities = probabilities_by_hand(params, start)
    seen, rewards, rows = [], [], []
    for trial, (arm, numbers) in enumerate(zip(actions, noise, strict=True)):
        seen.append(trial / params.trial_count if params.trial_input else 0.0)
        rewards.append(1.0 if numbers[0] < probabilities[arm] else 0.0)
        row = {"choice": arm, "reward": rewards[-1], "valid": 1, "forced": 0}
        row["correct"] = int(probabilities[arm] == max(probabilities))
        rows.append(row | {f"probability_{k}": p for k, p in enumerate(probabilities)})
    return seen, rewards, rows


@pytest.mark.parametrize(
    "params",
    [
        BanditParams(),
        BanditParams(arm_count=5, trial_count=70, trial_input=False),
        BanditParams(distribution="correlated"),
        *(BanditParams(distribution=name, trial_count=40) for name in GAPS),
    ],
)
def test_the_task_agrees_with_a_scalar_twin(params, write_script, perform):
    num_envs = 80
    task = Bandit(num_envs, params)
    script = write_script(task, task.episode_steps)
    course = perform(task, script)
    for env_index in range(num_envs):
        seen, rewards, rows = episode_by_hand(
            params,
            script.start[env_index].tolist(),
            script.noise[:, env_index].tolist(),
            script.actions[:, env_index].tolist(),
        )
        assert course["reward"][:, env_index].tolist() == rewards
        shown = torch.cat([course["first"], course["observation"][:-1]])[:, env_index]
        assert shown.shape == (params.trial_count, 1)
        np.testing.assert_allclose(shown[:, 0], seen, rtol=1e-6)
        assert set(rows[0]) == {k[4:] for k in course if k.startswith("row ")}
        for name in rows[0]:
            expected = [float(row[name]) for row in rows]
            actual = course[f"row {name}"][:, env_index].numpy()
            np.testing.assert_allclose(actual, expected, rtol=1e-6, err_msg=name)
    ends = course["terminated"].all(1)
    assert ends.nonzero().flatten().tolist() == [params.trial_count - 1]


def within(mean, values, deviation):
    """Whether a sample mean is within 4 standard errors of what is declared."""
    assert values.numel() > 1000
    error = deviation / math.sqrt(values.numel())
    return abs(float(values.double().mean()) - mean) < 4 * error


def course_of(write_script, perform, num_envs=3000, **settings):
    task = Bandit(num_envs, BanditParams(**settings))
    script = write_script(task, task.episode_steps, seed=11)
    return task, perform(task, script)


def test_independent_arms_have_uniform_independent_probabilities(write_script, perform):
    _, course = course_of(write_script, perform, trial_count=20, arm_count=3)
    probabilities = [course[f"row probability_{arm}"][0].double() for arm in range(3)]
    for arm, probability in enumerate(probabilities):
        assert within(1 / 2, probability, math.sqrt(1 / 12))
        assert within(1 / 3, probability**2, math.sqrt(1 / 5 - 1 / 9))
        other = probabilities[arm - 1]
        assert within(0, (probability - 0.5) * (other - 0.5), 1 / 12)


@pytest.mark.parametrize("distribution", ["correlated", *GAPS])
def test_dependent_arms_add_up_to_one_with_either_side_better(
    distribution, write_script, perform
):
    _, course = course_of(
        write_script, perform, trial_count=20, distribution=distribution
    )
    left, right = (course[f"row probability_{arm}"][0].double() for arm in (0, 1))
    assert torch.allclose(left + right, torch.ones(3000).double())
    assert within(0.5, (left > right).double(), 0.5)
    if distribution == "correlated":
        assert within(1 / 3, left**2, math.sqrt(1 / 5 - 1 / 9))
    else:
        both = [round(float(p), 6) for p in torch.cat([left, right]).unique()]
        assert both == list(GAPS[distribution])


@pytest.mark.parametrize("distribution", ["independent", "correlated", *GAPS])
def test_an_arm_is_rewarded_with_its_probability_independently_on_each_trial(
    distribution, write_script, perform
):
    task, course = course_of(
        write_script, perform, trial_count=20, distribution=distribution
    )
    probabilities = torch.stack([course[f"row {n}"] for n in task.option_names], dim=2)
    choice = course["row choice"].long().unsqueeze(2)
    probability = probabilities.gather(2, choice).squeeze(2).double()
    surprise = course["row reward"] - probability
    deviation = float((probability * (1 - probability)).mean().sqrt())
    for arm in (LEFT, RIGHT):
        assert within(0, surprise[course["row choice"] == arm], deviation)
    for part in (probability < 0.45, probability > 0.55):
        spread = float((probability * (1 - probability))[part].mean().sqrt())
        assert within(0, surprise[part], spread)
    assert within(0, surprise[1:] * surprise[:-1], deviation**2)


def test_different_choices_meet_the_same_random_numbers(write_script, perform):
    params = BanditParams(arm_count=3, trial_count=50)
    script = write_script(Bandit(200, params), 50)
    paid = []
    for arm in range(3):
        chosen = script._replace(actions=torch.full_like(script.actions, arm))
        course = perform(Bandit(200, params), chosen)
        paid.append((course["row reward"], course[f"row probability_{arm}"]))
    better = paid[0][1] > paid[1][1]
    assert bool((paid[0][0] >= paid[1][0])[better].all())
    assert bool((paid[0][0] <= paid[1][0])[~better].all())


@pytest.fixture
def task():
    """One subject with reward probabilities .8 (left) and .3 (right)."""
    task = Bandit()
    options = {"probability_0": 0.8, "probability_1": 0.3}
    task.reset(torch.full((1, 2), 0.5), options=options)
    return task


def pull(task, arm, number):
    """Reward and row of a pull that meets this noise."""
    noise = torch.tensor([[number, 0.0]])
    reward = float(task.step(torch.tensor([arm]), noise).reward)
    return reward, {name: float(values) for name, values in task.trial_row().items()}


@pytest.mark.parametrize(
    ("arm", "number", "paid", "correct"),
    [(LEFT, 0.79, 1, 1), (LEFT, 0.81, 0, 1), (RIGHT, 0.29, 1, 0), (RIGHT, 0.31, 0, 0)],
)
def test_a_pull_is_rewarded_if_the_noise_is_below_the_probability(
    task, arm, number, paid, correct
):
    reward, row = pull(task, arm, number)
    assert reward == row["reward"] == paid
    assert (row["choice"], row["correct"]) == (arm, correct)
    assert (row["valid"], row["forced"]) == (1, 0)
    assert row["probability_0"] == pytest.approx(0.8)


def test_every_arm_is_correct_if_none_is_better():
    task = Bandit(params=BanditParams(arm_count=3))
    options = {"probability_0": 0.6, "probability_1": 0.6, "probability_2": 0.2}
    task.reset(torch.full((1, 3), 0.5), options=options)
    for arm, correct in ((0, 1), (1, 1), (2, 0)):
        noise = torch.full((1, 3), 0.5)
        task.step(torch.tensor([arm]), noise)
        assert float(task.trial_row()["correct"]) == correct


def test_certain_arms_are_always_or_never_rewarded():
    task = Bandit(2)
    options = {"probability_0": 1.0, "probability_1": 0.0}
    task.reset(torch.rand((2, 2)), options=options)
    almost = torch.tensor([[1 - 2**-24, 0.0], [0.0, 0.0]])
    step = task.step(torch.tensor([LEFT, RIGHT]), almost)
    assert step.reward.tolist() == [1, 0]


def test_probabilities_stay_for_the_episode_and_change_with_the_next(write_script):
    task = Bandit(100)
    script = write_script(task, 30)
    task.reset(script.start)
    before = task.hidden()["probability_0"].clone()
    for actions, noise in zip(script.actions, script.noise, strict=True):
        task.step(actions, noise)
    assert torch.equal(task.hidden()["probability_0"], before)
    task.reset(script.noise[0])
    assert not (task.hidden()["probability_0"] == before).any()


@pytest.mark.parametrize("distribution", ["correlated", *GAPS])
def test_setting_one_of_two_dependent_arms_also_sets_the_other(distribution):
    task = Bandit(2, BanditParams(distribution=distribution))
    for fixed, other in ((0, 1), (1, 0)):
        task.reset(torch.rand(2, 2), options={f"probability_{fixed}": 0.7})
        hidden = task.hidden()
        assert hidden[f"probability_{fixed}"].tolist() == pytest.approx([0.7] * 2)
        assert hidden[f"probability_{other}"].tolist() == pytest.approx([0.3] * 2)
    task.reset(torch.rand(2, 2), options={"probability_0": 0.7, "probability_1": 0.6})
    assert task.hidden()["probability_1"].tolist() == pytest.approx([0.6] * 2)


def test_setting_an_independent_arm_leaves_the_others_unchanged():
    task = Bandit(2)
    start = torch.rand(2, 2)
    task.reset(start, options={"probability_0": 0.7})
    assert torch.equal(task.hidden()["probability_1"], start[:, 1])


def test_the_trial_number_is_observed_unless_it_is_switched_off():
    noise = torch.full((1, 2), 0.5)
    with_input, without_input = (
        Bandit(params=BanditParams(trial_count=4, trial_input=given))
        for given in (True, False)
    )
    seen, nothing = (
        [float(task.reset(noise))]
        + [float(task.step(torch.tensor([0]), noise).observation) for _ in range(4)]
        for task in (with_input, without_input)
    )
    assert seen == [0, 0.25, 0.5, 0.75, 1]
    assert nothing == [0] * 5
    assert with_input.observation_names == ("trial",)
    assert without_input.observation_names == ("nothing",)


def test_the_defaults_are_those_of_the_paper():
    assert BanditParams() == BanditParams(
        arm_count=2, trial_count=100, distribution="independent", trial_input=True
    )
    task = Bandit()
    assert task.episode_steps == 100
    assert task.action_names == ("left", "right")
    assert Bandit(params=BanditParams(arm_count=3)).action_names == (
        "arm 1",
        "arm 2",
        "arm 3",
    )


@pytest.mark.parametrize("distribution", ["correlated", *GAPS])
def test_more_than_two_dependent_arms_are_refused(distribution):
    words = f"arm_count must be 2 if the distribution is {distribution}, got 3; "
    with pytest.raises(ValueError, match=words):
        BanditParams(arm_count=3, distribution=distribution)


def test_an_unknown_distribution_is_refused_with_the_known_ones():
    words = "distribution must be one of independent, correlated, easy, medium, hard; "
    with pytest.raises(ValueError, match=words + "got 'normal'"):
        BanditParams(distribution="normal")


def test_the_screen_shows_the_arms_in_a_row():
    scene = Bandit().scene()
    assert [(s.shape, s.x, s.text) for s in scene] == [
        ("square", 0.25, ""),
        ("square", 0.75, ""),
    ]
    four = Bandit(params=BanditParams(arm_count=4)).scene()
    assert [(s.shape, s.text) for s in four] == [("square", k) for k in "1234"]
    many = Bandit(params=BanditParams(arm_count=6)).scene()
    assert [(s.shape, s.text) for s in many] == [("text", k) for k in "123456"]
    assert all(0 < s.x < 1 for s in many)
