"""The informative arm against a scalar twin, its numbers, and rule by rule."""

import math

import numpy as np
import pytest
import torch

from metarl.envs.informative_arm import InformativeArm, InformativeArmParams

FEW = InformativeArmParams(trial_count=7, arm_count=4)
RICH = InformativeArmParams(reward_target=9.0, reward_other=3.0)


def episode_by_hand(params, start, actions):
    """Screens (the reward shown, or None), rewards and rows of one subject."""
    ordinary = params.arm_count - 1
    target = int(start[0] * ordinary)
    screens, rewards, rows, shown = [], [], [], None
    for action in actions:
        screens.append(shown)
        if action == ordinary:
            shown = params.reward_other * (target + 1) / ordinary
        elif action == target:
            shown = params.reward_target
        else:
            shown = params.reward_other
        rewards.append(shown)
        row = {"choice": action, "reward": shown, "valid": 1, "forced": 0}
        rows.append(row | {"correct": int(action == target), "target": target})
    return screens, rewards, rows


@pytest.mark.parametrize("params", [InformativeArmParams(), FEW, RICH])
def test_the_task_agrees_with_a_scalar_twin(params, write_script, perform):
    num_envs = 200
    task = InformativeArm(num_envs, params)
    script = write_script(task, task.episode_steps)
    course = perform(task, script)
    possible = [float(name.split()[1]) for name in task.observation_names]
    for env_index in range(num_envs):
        screens, rewards, rows = episode_by_hand(
            params,
            script.start[env_index].tolist(),
            script.actions[:, env_index].tolist(),
        )
        assert course["reward"][:, env_index].tolist() == pytest.approx(rewards)
        seen = torch.cat([course["first"], course["observation"][:-1]])[:, env_index]
        for screen, shown in zip(seen.tolist(), screens, strict=True):
            assert sum(screen) == float(shown is not None)
            if shown is not None:
                assert possible[screen.index(1.0)] == pytest.approx(shown, rel=1e-5)
        for name in rows[0]:
            expected = [float(row[name]) for row in rows]
            actual = course[f"row {name}"][:, env_index].numpy()
            np.testing.assert_allclose(actual, expected, rtol=1e-6, err_msg=name)
    ends = course["terminated"].all(1)
    assert ends.nonzero().flatten().tolist() == [params.trial_count - 1]


def test_the_defaults_are_those_of_the_paper():
    task = InformativeArm()
    assert task.episode_steps == 5
    assert task.action_names[:2] == ("arm 1", "arm 2")
    assert task.action_names[-1] == "arm 11"
    tenths = [f"paid {tenth / 10:g}" for tenth in range(1, 11)]
    assert task.observation_names == (*tenths, "paid 5")
    assert task.reward_range == (0, 5)
    assert (task.params.reward_target, task.params.reward_other) == (5, 1)


def test_a_target_without_a_larger_reward_is_refused():
    with pytest.raises(ValueError, match=r"reward_target must be at least 2\.0"):
        InformativeArmParams(reward_target=2.0, reward_other=2.0)


def test_every_ordinary_arm_is_equally_likely_to_be_the_target(write_script):
    num_envs = 20_000
    task = InformativeArm(num_envs)
    task.reset(write_script(task, 0, seed=3).start)
    shares = torch.bincount(task.target, minlength=11).double() / num_envs
    assert shares[10] == 0
    error = math.sqrt(0.1 * 0.9 / num_envs)
    assert bool(((shares[:10] - 0.1).abs() < 4 * error).all())


def test_the_largest_noise_below_one_gives_an_ordinary_arm():
    largest = 1 - 2**-24
    for arms in (3, 11, 98, 10_000):
        task = InformativeArm(params=InformativeArmParams(arm_count=arms))
        task.reset(torch.tensor([[largest]]))
        assert task.target.tolist() == [arms - 2]
        task.reset(torch.tensor([[0.0]]))
        assert task.target.tolist() == [0]


@pytest.fixture
def task():
    """One subject; arm 4 is the target."""
    task = InformativeArm()
    task.reset(torch.zeros(1, 1), options={"target": 3})
    return task


def take(task, action):
    """Reward, and the name of what is then seen."""
    step = task.step(torch.tensor([action]), torch.zeros(1, 1))
    shown = step.observation[0].nonzero().flatten().tolist()
    return round(float(step.reward), 6), [task.observation_names[k] for k in shown]


def test_each_arm_has_its_reward_and_the_next_screen_shows_it(task):
    assert not task.observation().any()
    assert take(task, 10) == (0.4, ["paid 0.4"])
    assert take(task, 3) == (5, ["paid 5"])
    for other in (0, 2, 4, 9):
        assert take(task, other) == (1, ["paid 1"])


def test_a_clue_of_one_is_observed_as_the_reward_of_an_ordinary_arm():
    task = InformativeArm()
    task.reset(torch.zeros(1, 1), options={"target": 9})
    assert take(task, 10) == take(task, 0) == (1, ["paid 1"])


def test_the_target_stays_for_the_episode_and_a_new_one_starts_blank(task):
    for _ in range(5):
        assert take(task, 3)[0] == 5
    assert not task.reset(torch.full((1, 1), 0.95)).any()
    assert task.hidden()["target"].tolist() == [9]


@pytest.mark.parametrize("target", [10, -1, 2.5])
def test_a_target_outside_the_ordinary_arms_is_refused(target):
    with pytest.raises(ValueError, match=r"target must be one of 0, 1, .*, 9; got"):
        InformativeArm().reset(torch.zeros(1, 1), options={"target": target})


def test_an_action_tensor_can_be_changed_after_the_step(task):
    actions = torch.tensor([3])
    task.step(actions, torch.zeros(1, 1))
    actions[0] = 7
    assert task.trial_row()["choice"].tolist() == [3]


def test_the_screen_separates_the_ordinary_arms_from_the_informative_one(task):
    shown = [(s.shape, s.text) for s in task.scene()]
    assert shown == [("square", "1-10"), ("disc", "11")]
