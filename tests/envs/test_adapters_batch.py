"""The batch as a Gymnasium vector environment, which no checker of theirs checks."""

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers.vector import DictInfoToList, RecordEpisodeStatistics
from short import short
from tape import Tape

from metarl.envs.adapters import RENDER_MODES, TaskEnv, TaskVectorEnv
from metarl.envs.registry import gymnasium_id


def batch_plays(env, steps, seed):
    actions = np.random.default_rng(99)
    seen, rewards = [env.reset(seed=seed)[0]], []
    for _ in range(steps):
        action = actions.integers(env.single_action_space.n, size=env.num_envs)
        observation, reward, *_ = env.step(action)
        seen.append(observation)
        rewards.append(reward)
    return np.array(seen), np.array(rewards)


def test_batches_with_successive_seeds_share_no_environment(task_name):
    env = TaskVectorEnv(task_name, 6, **short(task_name, 4))
    rewards = [batch_plays(env, 300, seed)[1].T for seed in (0, 1, 2)]
    num_envs = {env_index.tobytes() for batch in rewards for env_index in batch}
    assert len(num_envs) == 18
    np.testing.assert_array_equal(batch_plays(env, 300, 1)[1].T, rewards[1])


def test_a_batch_has_the_spaces_and_metadata_that_gymnasium_requires(task_name):
    env = gymnasium.make_vec(gymnasium_id(task_name), num_envs=3, agent_input=True)
    assert env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    assert (
        env.single_observation_space
        == TaskEnv(task_name, agent_input=True).observation_space
    )
    observations, _ = env.reset(seed=0)
    assert env.observation_space.contains(observations)
    observations, rewards, terminated, truncated, _ = env.step(
        env.action_space.sample()
    )
    assert env.observation_space.contains(observations)
    assert rewards.dtype == np.float64
    assert terminated.dtype == truncated.dtype == np.bool_
    assert rewards.shape == terminated.shape == truncated.shape == (3,)


def test_a_batch_restarts_in_the_same_step_without_a_phantom(task_name):
    env = TaskVectorEnv(task_name, 4, **short(task_name, 2), agent_input=True)
    length, size = env.task.episode_steps, env.task.observation_size
    if length is None:
        pytest.skip("environments end at different times: test_asynchronous.py")
    side = int("centre" in env.task.action_names)
    other, start = (env.reset(seed=seed)[0] for seed in (1, 0))
    rewards = []
    for t in range(3 * length):
        seen, reward, terminated, truncated, infos = env.step(np.full(4, side))
        rewards.append(reward)
        assert terminated.all() == terminated.any() == ((t + 1) % length == 0)
        assert not truncated.any()
        if not terminated.any():
            assert not {"final_obs", "final_info"} & set(infos)
            continue
        np.testing.assert_array_equal(seen[:, :size], env.task.observation())
        np.testing.assert_array_equal(seen[:, size:], 0)
        if np.array_equal(other, start):  # an episode's first screen is always the same
            np.testing.assert_array_equal(seen, start)
        assert infos["_final_obs"].all()
        assert infos["_final_info"].all()
        for env_index in range(4):
            final = infos["final_obs"][env_index]
            assert final.dtype == np.float32
            assert final[-1] == reward[env_index]
            assert final[-1 - env.task.action_count + side] == 1
        assert infos["final_info"]["trial"]["trial"].tolist() == [1] * 4
        assert infos["trial"]["trial"].tolist() == [1] * 4
    # A new episode's first action is taken: left instead of fixating costs 1.
    first = np.array(rewards)[::length]
    assert side == 0 or (first == -1).all()
    assert side == 1 or (first >= 0).all()


def test_nothing_a_batch_returned_is_changed_later(task_name):
    env = TaskVectorEnv(task_name, 2, **short(task_name, 2), reveal_hidden=True)
    arrays = [env.reset(seed=0)[0]]
    for t in range(13):
        observations, rewards, ends, _, infos = env.step(np.full(2, t % 2))
        arrays += [observations, rewards, ends, *infos["hidden"].values()]
        arrays += [infos["trial"]["reward"]] if "trial" in infos else []
    for one in range(len(arrays)):
        for other in range(one):
            assert not np.shares_memory(arrays[one], arrays[other])


def test_gymnasiums_own_batch_of_single_environments_works_too(task_name):
    batch = SyncVectorEnv(
        [lambda: TaskEnv(task_name, **short(task_name, 3))] * 5,
        autoreset_mode=AutoresetMode.SAME_STEP,
    )
    batch.reset(seed=0)
    actions = np.random.default_rng(0)
    task = batch.envs[0].task
    idle = {"centre", "stay"} & set(task.action_names)
    options = set(task.action_names) - idle
    missing, seen = 0, set()
    for _ in range(60):
        *_, infos = batch.step(actions.integers(batch.single_action_space.n, size=5))
        for rows in (
            part.get("trial") for part in (infos, infos.get("final_info", {}))
        ):
            if rows is not None:
                choices = rows["choice"][rows["_choice"]].astype(float)
                missing += int(np.isnan(choices).sum())
                seen |= set(choices[~np.isnan(choices)])
    assert seen == set(range(len(options)))
    assert (missing > 0) == bool(idle)


@pytest.mark.oldest
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_the_columns_of_a_batch_of_gymnasiums_are_numbers_on_every_step(
    mode, task_name
):
    """Whichever environment answers first, and whatever is missing."""
    batch = gymnasium.make_vec(
        gymnasium_id(task_name),
        num_envs=3,
        vectorization_mode=mode,
        **short(task_name, 4),
    )
    batch.reset(seed=1)
    batch.action_space.seed(1)
    rows = []
    for _ in range(80):
        *_, infos = batch.step(batch.action_space.sample())
        rows += [infos["trial"]] if "trial" in infos else []
    batch.close()
    words = TaskEnv(task_name, **short(task_name, 4)).task.categories
    assert len(rows) > 3
    for row in rows:
        for name, values in row.items():
            if name in words:
                assert set(values) <= {*words[name], None}
            elif name[0] != "_":
                assert values.dtype == (np.int64 if name == "trial" else np.float64)


@pytest.mark.oldest
@pytest.mark.parametrize("name", ["two-step", "harlow-line"])
def test_gymnasium_counts_the_steps_and_rewards_of_every_episode_of_a_batch(name):
    """Gymnasium before 1.4 counts an episode after the first one short."""
    batch = RecordEpisodeStatistics(
        gymnasium.make_vec(gymnasium_id(name), num_envs=3, **short(name, 5))
    )
    batch.reset(seed=1)
    batch.action_space.seed(1)
    steps, totals, ends = np.zeros(3), np.zeros(3), 0
    for _ in range(250):
        _, rewards, over, _, infos = batch.step(batch.action_space.sample())
        steps, totals = steps + 1, totals + rewards
        if over.any():
            seen = infos["episode"]
            assert seen["l"][over].tolist() == steps[over].tolist()
            np.testing.assert_allclose(seen["r"][over], totals[over], atol=1e-4)
        steps[over], totals[over], ends = 0, 0, ends + over.sum()
    assert ends > 6


@pytest.mark.oldest
def test_gymnasiums_wrappers_read_a_batch(task_name):
    env = TaskVectorEnv(task_name, 3, **short(task_name, 2), agent_input=True)
    wrapped = DictInfoToList(RecordEpisodeStatistics(env))
    wrapped.reset(seed=0)
    total, ended = np.zeros(3), np.zeros(3)
    for t in range(env.task.episode_steps or 30):
        _, rewards, over, _, infos = wrapped.step(np.full(3, t % 2))
        total += rewards
        for env_index in np.flatnonzero(over):
            assert infos[env_index]["episode"]["r"] == pytest.approx(total[env_index])
            assert infos[env_index]["trial"]["trial"] in (
                (1,) if env.task.episode_steps else (0, 1)
            )
            assert env.single_observation_space.contains(infos[env_index]["final_obs"])
        total[over], ended = 0, ended + over
    assert (ended >= 1).all()


def test_a_batch_of_images_is_stored_row_by_row_for_each_environment():
    env = gymnasium.make_vec("metarl/Harlow-v0", num_envs=3, **short("harlow", 2))
    assert env.observation_space == Box(0, 255, (3, 8, 12, 3), np.uint8)
    env.reset(seed=0)
    batch_with_input = gymnasium.make_vec(
        "metarl/Harlow-v0", num_envs=3, agent_input=True, **short("harlow", 2)
    )
    batch_with_input.reset(seed=0)
    different = 0
    for t in range(20):
        action = np.array([t % 2, 1, 2])
        images, rewards, over, *_ = env.step(action)
        both = batch_with_input.step(action)[0]
        assert env.observation_space.contains(images)
        assert batch_with_input.observation_space.contains(both)
        np.testing.assert_array_equal(both["image"], images)
        last = np.column_stack([np.eye(3)[action], rewards]).astype(np.float32)
        np.testing.assert_array_equal(
            both["last_action_reward"], np.where(over[:, None], 0, last)
        )
        task = env.unwrapped.task
        pixels = task.render_views(task.observation()).numpy()
        np.testing.assert_array_equal(images, pixels.transpose(0, 2, 1, 3))
        different += len({image.tobytes() for image in images}) == 3
    assert different > 3


@pytest.mark.parametrize("mode", RENDER_MODES)
def test_every_environment_of_a_batch_is_rendered(mode, task_name):
    batch = TaskVectorEnv(task_name, 2, render_mode=mode)
    tape = batch.np_random = Tape(seed=0)
    batch.reset()
    taken = np.array([1, 0])
    batch.step(taken)
    frames = batch.render()
    for env_index, action in enumerate(taken):
        single = TaskEnv(task_name, render_mode=mode)
        single.np_random = tape.of_env(env_index)
        single.reset()
        single.step(action)
        assert np.array_equal(frames[env_index], single.render())
    assert not np.array_equal(*frames)
