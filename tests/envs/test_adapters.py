"""Gymnasium's faces: what check_env asks for, and what it does not check."""

import itertools
import math
import warnings

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box
from gymnasium.utils.env_checker import check_env
from short import short

from metarl.envs.adapters import RENDER_MODES, TaskEnv, TaskVectorEnv, make
from metarl.envs.registry import gymnasium_id
from metarl.envs.two_step import WANG_2016, TwoStep, TwoStepParams
from metarl.envs.vector_state import Missing


def parts(view):
    """Observation of the task, and last action and reward if separate."""
    return (
        (view["image"], view["last_action_reward"])
        if isinstance(view, dict)
        else (view, None)
    )


def plays(env, steps, seed, options=None):
    """Rewards, observations and rows of random play; actions have their own seed."""
    actions = np.random.default_rng(99)
    seen, rewards, rows = [env.reset(seed=seed, options=options)[0]], [], []
    for _ in range(steps):
        action = actions.integers(env.action_space.n)
        observation, reward, terminated, truncated, info = env.step(action)
        seen.append(observation)
        rewards.append(reward)
        rows += [info["trial"]] if "trial" in info else []
        assert truncated is False
        if terminated:
            seen.append(env.reset()[0])
    return np.array(seen), np.array(rewards), rows


@pytest.mark.parametrize("agent_input", [False, True])
@pytest.mark.parametrize("render_mode", [None, *RENDER_MODES])
def test_check_env_passes_without_a_warning(task_name, render_mode, agent_input):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make(
            gymnasium_id(task_name), render_mode=render_mode, agent_input=agent_input
        )
        check_env(env.unwrapped)


def test_check_env_passes_for_an_episode_of_one_trial(task_name):
    check_env(gymnasium.make(gymnasium_id(task_name), **short(task_name, 1)).unwrapped)


@pytest.mark.parametrize("name", ["two-step", "daw-two-step", "reversal"])
def test_check_env_passes_without_fixation(name):
    check_env(gymnasium.make(gymnasium_id(name), fixation=False).unwrapped)


def test_a_whole_episode_passes_gymnasiums_passive_checks(task_name):
    env = gymnasium.make(gymnasium_id(task_name), **short(task_name, 5))
    plays(env, 40, seed=0)


def test_a_seed_fixes_everything_and_another_seed_changes_it(task_name):
    env = TaskEnv(task_name, **short(task_name, 5))
    seen, rewards, rows = plays(env, 60, seed=3)
    again = plays(env, 60, seed=3)
    np.testing.assert_array_equal(again[0], seen)
    np.testing.assert_array_equal(again[1], rewards)
    assert repr(again[2]) == repr(rows)
    fresh = plays(TaskEnv(task_name, **short(task_name, 5)), 60, seed=3)
    np.testing.assert_array_equal(fresh[1], rewards)
    other = plays(env, 60, seed=4)
    assert (other[1] != rewards).any()


def test_episodes_after_a_seeded_reset_differ_from_each_other(task_name):
    env = TaskEnv(task_name, reveal_hidden=True)
    hidden = [env.reset(seed=1 if k == 0 else None)[1]["hidden"] for k in range(12)]
    assert len({repr(h) for h in hidden}) > 1


def test_observations_and_rewards_are_plain_and_in_their_spaces(task_name):
    env = TaskEnv(task_name, agent_input=True)
    observation, info = env.reset(seed=0)
    assert info == {}
    seen, feedback = parts(observation)
    assert seen.dtype == (np.float32 if feedback is None else np.uint8)
    assert feedback is None or feedback.dtype == np.float32
    for action in range(env.action_space.n):
        observation, reward, terminated, truncated, info = env.step(action)
        assert env.observation_space.contains(observation)
        assert [type(x) for x in (reward, terminated, truncated)] == [float, bool, bool]
        assert "hidden" not in info
        if terminated:
            env.reset()


def test_the_agents_input_is_observation_last_action_and_last_reward(task_name):
    plain = TaskEnv(task_name, **short(task_name, 12))
    joined = TaskEnv(task_name, **short(task_name, 12), agent_input=True)
    count, shape = plain.task.action_count, plain.observation_space.shape
    if plain.task.view_size is None:
        assert joined.observation_space.shape == (shape[0] + count + 1,)
    else:
        assert joined.observation_space["image"] == plain.observation_space
        assert joined.observation_space["last_action_reward"].shape == (count + 1,)

    def expected(seen, feedback):
        feedback = np.array(feedback, dtype=np.float32)
        both = {"image": seen, "last_action_reward": feedback}
        return both if len(shape) == 3 else np.append(seen, feedback)

    def same(view, other):
        assert type(view) is type(other)
        for one, another in zip(parts(view), parts(other), strict=True):
            np.testing.assert_array_equal(one, another)

    nothing = [0] * (count + 1)
    same(joined.reset(seed=2)[0], expected(plain.reset(seed=2)[0], nothing))
    rewards, over, actions = set(), False, np.random.default_rng(2)
    while not over:
        action = actions.integers(count)
        seen, reward, over, *_ = plain.step(action)
        view, same_reward, *_ = joined.step(action)
        same(view, expected(seen, [*np.eye(count)[action], reward]))
        assert same_reward == reward
        rewards.add(reward)
    assert len(rewards) > 1
    assert (-1 in rewards) == (plain.task.reward_range[0] < 0)
    same(joined.reset()[0], expected(plain.reset()[0], nothing))


def test_every_trial_ends_with_its_row_of_the_table(task_name):
    env = TaskEnv(task_name, **short(task_name, 6))
    _, rewards, rows = plays(env, 2 * (env.task.episode_steps or 72), seed=0)
    numbers = [row["trial"] for row in rows]
    if env.task.episode_steps:
        assert numbers == [*range(6), *range(6)]
        assert math.fsum(row["reward"] for row in rows) == math.fsum(rewards)
    # An episode may be cut, and the last one is not played to its end.
    episodes = [n for n, trial in enumerate(numbers) if trial == 0]
    assert len(episodes) > 1
    for first, following in itertools.pairwise([*episodes, len(numbers)]):
        assert numbers[first:following] == list(range(following - first))
    for row in rows:
        assert set(row) == {"trial", *env.task.trial_row()}
        words = {name: row[name] for name in env.task.categories}
        assert all(type(word) in (str, type(None)) for word in words.values())
        rest = {type(v) for k, v in row.items() if k not in words and k != "trial"}
        assert rest <= {float, Missing}
    for name, words in env.task.categories.items():
        assert {row[name] for row in rows} <= {*words, None}


@pytest.mark.parametrize("name", ["two-step", "daw-two-step"])
def test_a_transition_is_a_word_unless_the_choice_is_missing(name):
    env = TaskEnv(name, trial_count=6)
    _, _, rows = plays(env, 2 * env.task.episode_steps, seed=0)
    transitions = {row["transition"] for row in rows}
    assert {"common", "rare", None} >= transitions
    assert None in transitions
    for row in rows:
        assert (row["transition"] is None) == math.isnan(row["choice"])


def test_hidden_variables_are_reported_only_on_request(task_name):
    revealing = TaskEnv(task_name, reveal_hidden=True)
    infos = [revealing.reset(seed=0)[1], revealing.step(0)[4]]
    for info in infos:
        assert set(info["hidden"]) == set(revealing.task.hidden())
        assert all(type(value) is float for value in info["hidden"].values())
    for _ in range(3):
        now = {k: float(v) for k, v in revealing.task.hidden().items()}
        assert infos[-1]["hidden"] == now
        infos.append(revealing.step(0)[4])
    batch = TaskVectorEnv(task_name, 3)
    assert batch.reset(seed=0)[1] == {}
    assert "hidden" not in batch.step(np.zeros(3, dtype=int))[4]


def test_options_set_hidden_variables_for_one_episode():
    env = TaskEnv("two-step", reveal_hidden=True, probability_switch=0.0)
    for value in (0, 1):
        _, info = env.reset(options={"high_state": value})
        assert info["hidden"] == {"high_state": value}
    batch = TaskVectorEnv(
        "two-step", 64, reveal_hidden=True, trial_count=1, probability_switch=0.0
    )
    _, infos = batch.reset(seed=0, options={"high_state": 1})
    assert infos["hidden"]["high_state"].tolist() == [1] * 64
    for _ in range(3):
        infos = batch.step(np.zeros(64, dtype=int))[4]
    assert infos["final_info"]["hidden"]["high_state"].tolist() == [1] * 64
    assert set(infos["hidden"]["high_state"].tolist()) == {0, 1}


@pytest.mark.parametrize("face", [TaskEnv, TaskVectorEnv])
def test_an_unknown_option_raises_one_clear_sentence(face):
    env = face("two-step")
    sentence = "unknown reset option 'high'; choose from: high_state"
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        env.reset(options={"high": 1})
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(np.zeros(1, dtype=int))


@pytest.mark.parametrize("face", [TaskEnv, TaskVectorEnv, make])
def test_an_unknown_parameter_is_refused_with_the_known_ones(face):
    known = (
        "choose from: trial_count, probability_common, probability_high, "
        "probability_low, probability_switch, reversal_least, "
        "reversal_most, fixation$"
    )
    # Other libraries go on without an argument of theirs after exactly these words.
    words = "^TwoStep got an unexpected keyword argument 'frameskip'; "
    with pytest.raises(TypeError, match=words + known):
        face("two-step", frameskip=1)
    meant = r"'trials'; did you mean 'trial_count'\? "
    with pytest.raises(TypeError, match=meant + known):
        face("two-step", trials=10)
    with pytest.raises(ValueError, match=r"probability_high must be in \[0, 1\]"):
        face("two-step", probability_high=1.1)
    with pytest.raises(
        ValueError, match="unknown task 'two_step'; did you mean 'two-step'"
    ):
        face("two_step")


def test_parameters_can_be_passed_whole_and_changed_by_name():
    task = make("two-step", 5, params=WANG_2016, trial_count=7)
    assert task.num_envs == 5
    assert task.params == TwoStepParams(
        trial_count=7, probability_common=0.75, probability_switch=0.0, fixation=False
    )
    assert make(TwoStep).params == TwoStepParams()
    assert type(make("metarl.envs.two_step:TwoStep")) is TwoStep
    with pytest.raises(TypeError, match="params must be TwoStepParams, got 3"):
        make("two-step", params=3)


@pytest.mark.parametrize("face", [TaskEnv, TaskVectorEnv])
def test_an_unknown_render_mode_is_refused(face):
    sentence = "render_mode must be one of None, rgb_array, ansi; got 'human'"
    with pytest.raises(ValueError, match=sentence):
        face("two-step", render_mode="human")


def test_actions_that_do_not_exist_are_refused():
    env, batch = TaskEnv("two-step"), TaskVectorEnv("two-step", 2)
    env.reset()
    batch.reset()
    before = repr(env.task.state()), repr(batch.task.state())
    for action in (3, -1, 0.5, 1.0, True, "1", None, [0, 1], torch.tensor(1.0)):
        with pytest.raises(ValueError, match=r"^actions must be 1 whole number from"):
            env.step(action)
    for actions in ([0, 3], [0], [[0, 1]], [0.0, 1.0], [True, False], 1, ["0", "1"]):
        with pytest.raises(ValueError, match=r"^actions must be 2 whole numbers from"):
            batch.step(np.array(actions))
    with pytest.raises(ValueError, match=r"got \[\[0\], \[1\]\] of shape \(2, 1\)$"):
        batch.step(np.array([[0], [1]]))
    for face in (env, batch):
        with pytest.raises(ValueError, match="tensor on the device meta"):
            face.step(torch.zeros(2, dtype=torch.int64, device="meta"))
    assert (repr(env.task.state()), repr(batch.task.state())) == before


@pytest.mark.parametrize(
    "action",
    [
        1,
        np.int64(1),
        np.array(1),
        np.array([1]),
        np.uint8(1),
        [1],
        torch.tensor(1),
        torch.tensor([1], dtype=torch.uint8),
    ],
)
def test_every_form_of_a_whole_number_is_the_same_action(action):
    env, plain = TaskEnv("two-step", agent_input=True), TaskEnv("two-step")
    plain.reset(seed=1)
    expected = plain.step(1)
    env.reset(seed=1)
    view, reward, *_ = env.step(action)
    assert reward == expected[1]
    assert view[-4:].tolist() == [0, 1, 0, reward]
    batch = TaskVectorEnv("two-step", 1, agent_input=True)
    batch.reset(seed=1)
    assert batch.step(np.atleast_1d(action))[0][0, -4:-1].tolist() == [0, 1, 0]
    assert batch.step(torch.tensor([1]))[0][0, -4:-1].tolist() == [0, 1, 0]


def test_the_action_space_has_a_seed_of_its_own():
    env, batch = TaskEnv("two-step"), TaskVectorEnv("two-step", 5)
    for face in (env, batch):
        draws = []
        for global_seed in (0, 1):
            np.random.seed(global_seed)  # noqa: NPY002
            face.action_space.seed(3)
            face.reset(seed=global_seed)
            draws.append([face.action_space.sample() for _ in range(100)])
        np.testing.assert_array_equal(*draws)
        face.reset(seed=3)
        after_reset = [face.action_space.sample() for _ in range(100)]
        assert (np.array(after_reset) != np.array(draws[0])).any()


def test_a_missing_number_equals_another_for_gymnasiums_checks():
    first, second = Missing("nan"), Missing("nan")
    assert first == second
    assert {first} == {second}
    assert first != 0.0
    assert np.isnan(first)
    check_env(gymnasium.make("metarl/Volatility-v0", schedule="constant").unwrapped)
    env = TaskEnv("volatility", schedule="constant")
    env.reset(seed=0)
    assert np.isnan(env.step(0)[4]["trial"]["volatility"])


@pytest.mark.parametrize("name", ["two-step", "harlow-line", "harlow"])
def test_a_screen_is_drawn_alike_whenever_it_is_asked_for(name):
    env = TaskEnv(name, render_mode="rgb_array", **short(name, 1))
    env.reset(seed=0)
    over = False
    while not over:
        frames = [env.render() for _ in range(2)]
        assert frames[0].shape == (96, 160, 3)
        assert frames[0].dtype == np.uint8
        assert frames[0].any()
        np.testing.assert_array_equal(*frames)
        over = env.step(2)[2]
    assert env.render().shape == (96, 160, 3)


def test_recording_a_video_needs_a_render_mode(tmp_path):
    from gymnasium.wrappers import RecordVideo

    with pytest.raises(ValueError, match="incompatible with RecordVideo"):
        RecordVideo(gymnasium.make("metarl/TwoStep-v0"), str(tmp_path))


def test_stepping_needs_a_running_episode(task_name):
    env = TaskEnv(task_name, **short(task_name, 1))
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(0)
    env.reset()
    while not env.step(0)[2]:
        pass
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(0)
    with pytest.raises(gymnasium.error.ResetNeeded):
        TaskVectorEnv(task_name, 2).step(np.zeros(2, dtype=int))


def test_rendering_without_a_mode_says_what_to_do():
    for env in (TaskEnv("two-step"), TaskVectorEnv("two-step")):
        env.reset()
        with pytest.warns(UserWarning, match="make the task with render_mode"):
            assert env.render() is None


# Tasks that show pixels


def test_an_image_has_the_pixels_of_the_view_row_by_row():
    env = TaskEnv("harlow", width=12, height=20, picture_size=8, turn_pixels=2)
    assert env.observation_space == Box(0, 255, (20, 12, 3), np.uint8)
    image = env.reset(seed=0)[0]
    pixels = env.task.render_views(env.task.observation())[0]
    assert image.shape == (20, 12, 3)
    for row, column in itertools.product(range(20), range(12)):
        assert image[row, column].tolist() == pixels[column, row].tolist()
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 1
    assert image.flags.c_contiguous


def test_an_image_is_a_copy():
    env = TaskEnv("harlow", **short("harlow", 2))
    image = env.reset(seed=0)[0]
    bank = env.task.panorama.bank.clone()
    image[:] = 7
    assert (env.task.panorama.bank == bank).all()
    assert (env.step(2)[0] != 7).any()
