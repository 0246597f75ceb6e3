"""A task with episodes of different lengths, as Gymnasium environments."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from short import short
from tape import Tape
from toys import Uneven

from metarl.core.checks import check_at_least
from metarl.envs.adapters import TaskEnv, TaskVectorEnv
from metarl.envs.registry import NAMES
from metarl.envs.task import Step, Task
from metarl.envs.vector_state import view_of


@dataclass(frozen=True, kw_only=True)
class CountdownParams:
    """How long an episode may last."""

    longest: int = 5
    """Steps, at least 1."""

    def __post_init__(self) -> None:
        check_at_least("longest", self.longest, 1)


class Countdown(Task[CountdownParams]):
    """Episodes with a random number of steps; a trial is two steps or the rest.

    The reward of action 1 is the noise of the step, which identifies the environment.
    """

    params_type = CountdownParams
    event_names = ("even", "odd")
    state_names = ("left", "gone", "row")
    option_names = ("length",)
    reward_range = (0.0, 1.0)

    def __init__(self, num_envs=1, params=None, device="cpu"):
        super().__init__(num_envs, params, device)
        self.left = torch.zeros(num_envs, dtype=torch.int64)
        self.gone = torch.zeros(num_envs, dtype=torch.int64)
        self.row = torch.zeros(num_envs)

    @property
    def observation_names(self):
        return ("left", "gone")

    @property
    def action_names(self):
        return ("wait", "take")

    def reset(self, noise, *, options=None, where=None):
        where = self.always if where is None else where
        drawn = 1 + (noise[:, 0] * self.params.longest).long()
        if "length" in self.check_options(options):
            drawn = torch.full_like(drawn, int(options["length"]))
        self.left = torch.where(where, drawn, self.left)
        self.gone = torch.where(where, 0, self.gone)
        return self.observation()

    def step(self, actions, noise):
        self.left = self.left - 1
        self.gone = self.gone + 1
        self.row = actions * noise[:, 0]
        over = self.left == 0
        return Step(self.observation(), self.row, over, over | (self.gone % 2 == 0))

    def event(self):
        return self.gone % 2

    def observation(self):
        seen = torch.stack([self.left, self.gone], dim=1)
        return seen.float() / self.params.longest

    def trial_row(self):
        missing = torch.where(self.gone > 1, self.gone, torch.nan)
        return {"reward": self.row, "gone": self.gone.float(), "late": missing}

    def hidden(self):
        return {"length": self.left}


def test_check_env_passes_for_episodes_of_different_lengths():
    with pytest.warns(UserWarning, match="not having a spec"):
        check_env(TaskEnv(Countdown, render_mode="ansi"))


@pytest.mark.parametrize("agent_input", [False, True])
@pytest.mark.parametrize("task", [Countdown, Uneven, *NAMES])
def test_each_environment_of_a_batch_equals_a_single_one_with_its_noise(
    task, agent_input
):
    num_envs = 5
    settings = short(task, 3) if task in NAMES else {}
    faced = {"agent_input": agent_input, "reveal_hidden": True, **settings}
    batch = TaskVectorEnv(task, num_envs, **faced)
    singles = [TaskEnv(task, **faced) for _ in range(num_envs)]
    tape = batch.np_random = Tape(seed=4)
    observations, _ = batch.reset()
    for env_index, single in enumerate(singles):
        single.np_random = tape.of_env(env_index)
        assert_same_view(single.reset()[0], view_of(observations, env_index))
    actions, ends = np.random.default_rng(1), np.zeros(num_envs)
    for _ in range(80):
        tape.samples.clear()
        taken = actions.integers(batch.single_action_space.n, size=num_envs)
        answers = batch.step(taken)
        assert len(tape.samples) == 1 + answers[2].any()
        for env_index, single in enumerate(singles):
            single.np_random = tape.of_env(env_index)
            assert_same_step(env_index, answers, single, taken[env_index])
        ends += answers[2]
    assert (ends >= 2).all()
    assert task in NAMES or len(set(ends)) > 1


def assert_same_view(view, other):
    assert type(view) is type(other)
    if isinstance(view, dict):
        assert view.keys() == other.keys()
        for name in view:
            assert_same_view(view[name], other[name])
        return
    np.testing.assert_array_equal(view, other)


def assert_same_step(env_index, answers, single, action):
    """A single environment, restarted at its end, agrees with that of the batch."""
    seen, rewards, terminated, truncated, infos = answers
    observation, reward, over, _, info = single.step(action)
    assert (reward, over, False) == (
        rewards[env_index],
        terminated[env_index],
        truncated[env_index],
    )
    assert ("trial" in info) == ("_trial" in infos and infos["_trial"][env_index])
    if "trial" in info:
        assert of_env(infos["trial"], env_index) == of_env(info["trial"])
    if over:
        assert infos["_final_obs"][env_index]
        assert infos["_final_info"][env_index]
        assert_same_view(infos["final_obs"][env_index], observation)
        for name in ("trial", "hidden"):
            final = infos["final_info"][name]
            assert of_env(final, env_index) == of_env(info[name])
        observation, info = single.reset()
    elif terminated.any():
        assert infos["final_obs"][env_index] is None
        assert not infos["_final_info"][env_index]
    assert_same_view(observation, view_of(seen, env_index))
    assert of_env(infos["hidden"], env_index) == of_env(info["hidden"])


def of_env(columns, env_index=None):
    """One environment's values in a form in which what is missing is equal."""
    values = {k: v if env_index is None else v[env_index] for k, v in columns.items()}
    return {
        k: v if isinstance(v, str) else repr(float(np.nan if v is None else v))
        for k, v in values.items()
    }


def test_environments_have_no_row_before_the_end_of_a_trial():
    batch = TaskVectorEnv(Countdown, 6, longest=9)
    batch.np_random = np.random.default_rng(0)
    batch.reset()
    mixed = 0
    for _ in range(50):
        *_, infos = batch.step(np.ones(6, dtype=int))
        if "_trial" in infos:
            ended = infos["_trial"]
            assert np.isnan(infos["trial"]["reward"][~ended]).all()
            assert (infos["trial"]["reward"][ended] >= 0).all()
            mixed += ended.any() and not ended.all()
    assert mixed > 5


def test_the_last_action_is_cleared_only_where_an_episode_ended():
    batch = TaskVectorEnv(Countdown, 8, agent_input=True)
    batch.reset(seed=1)
    mixed = 0
    for _ in range(20):
        seen, rewards, terminated, *_ = batch.step(np.ones(8, dtype=int))
        assert (seen[terminated, 2:] == 0).all()
        assert (seen[~terminated, 3] == 1).all()
        np.testing.assert_array_equal(seen[~terminated, 4], rewards[~terminated])
        mixed += terminated.any() and not terminated.all()
    assert mixed > 5


def test_an_option_holds_only_for_the_episodes_of_its_reset():
    batch = TaskVectorEnv(Countdown, 4)
    batch.reset(seed=0, options={"length": 3})
    ends = [batch.step(np.zeros(4, dtype=int))[2].tolist() for _ in range(3)]
    assert ends == [[False] * 4, [False] * 4, [True] * 4]
    assert len(set(batch.task.left.tolist())) > 1
