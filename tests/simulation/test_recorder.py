"""Trial table and step recording: complete, in order, errors when revealed."""

import io

import numpy as np
import pandas as pd
import pytest
import torch
from short import short
from toys import TICKETS

from metarl.agents.config import NetworkConfig
from metarl.agents.networks.actor_critic import ActorCritic
from metarl.core.files import TRIAL_COLUMNS
from metarl.core.policy import input_size
from metarl.envs.registry import NAMES, task_class
from metarl.simulation import recorder as module
from metarl.simulation.recorder import Recorder, trial_table
from metarl.simulation.rollout import Rollout

DISCOUNT = 0.7
LEARNING_SETS = ("harlow-line", "harlow")

TASK_NAMES = [*NAMES, "toys:Lottery", "toys:Uneven"]
TWO_STEP = ("transition", "second_state", "second_choice", "high_state")


@torch.no_grad()
def record(
    name="two-step",
    *,
    num_envs=5,
    episodes=5,
    record_episodes=3,
    first=0,
    reset="episode",
):
    kind = task_class(name)
    params = kind.params_type(**({} if ":" in name else short(name, 4)))
    task = kind(num_envs, params)
    size = input_size(task.observation_size, task.action_count)
    config = NetworkConfig(units=4, input_gain=3.0, head_deviation=1.0)
    network = ActorCritic(size, task.action_count, config, seed=7)
    rollout = Rollout(
        task, network, torch.Generator().manual_seed(3), reset_memory=reset
    )
    recorder = Recorder(
        rollout,
        episodes=episodes,
        record_episodes=record_episodes,
        subject=6,
        first_episode=first,
        discount=DISCOUNT,
    )
    trials = pd.concat([*recorder.run()], ignore_index=True)
    return task, trials, recorder.recording()


@pytest.mark.parametrize("reset", ["episode", "never"])
def test_the_table_in_parts_has_the_same_rows(reset, monkeypatch):
    settings = {"num_envs": 4, "episodes": 200, "first": 20, "reset": reset}
    _, whole, whole_steps = record("toys:Uneven", **settings)
    parts = []

    def collect(*arguments):
        parts.append(trial_table(*arguments))
        return parts[-1]

    monkeypatch.setattr(module, "MOST_ROWS", 8)
    monkeypatch.setattr(module, "trial_table", collect)
    _, joined, steps = record("toys:Uneven", **settings)
    pd.testing.assert_frame_equal(joined, whole)
    for column, values in whole_steps.items():
        np.testing.assert_array_equal(steps[column], values)
    assert len(parts) > 2
    assert max(map(len, parts)) < len(whole) / 2


def test_random_numbers_of_many_episodes_are_drawn_in_parts(monkeypatch):
    monkeypatch.setattr(module, "MOST_STEPS", 30)
    task, trials, _ = record("two-step", num_envs=2, episodes=9, reset="never")
    assert task.episode_steps == 12
    assert trials["episode"].unique().tolist() == list(range(9))
    assert len(trials) == 9 * 4


def episodes_of(recording):
    """The recording cut into episodes, in the order written."""
    numbers = recording["episode"]
    cuts = np.flatnonzero(np.diff(numbers)) + 1
    by_episode = {k: np.split(v, cuts) for k, v in recording.items()}
    return [{k: v[i] for k, v in by_episode.items()} for i in range(len(cuts) + 1)]


@pytest.mark.parametrize("name", TASK_NAMES)
@pytest.mark.parametrize("reset", ["episode", "never"])
def test_the_table_has_every_trial_of_every_episode_once_and_in_order(name, reset):
    _, trials, _ = record(name, num_envs=4, episodes=10, first=20, reset=reset)
    assert trials["episode"].unique().tolist() == list(range(20, 30))
    for _, episode in trials.groupby("episode"):
        assert episode["trial"].tolist() == list(range(len(episode)))
        # An episode of a learning set may end at its step cap, with fewer trials.
        assert ":" in name or name in LEARNING_SETS or len(episode) == 4
    assert set(trials["subject"]) == {6}
    assert set(trials["session"]) == {0}


@pytest.mark.parametrize("name", TASK_NAMES)
def test_the_shared_columns_come_first_then_the_tasks_own(name):
    task, trials, _ = record(name)
    assert tuple(trials.columns[: len(TRIAL_COLUMNS)]) == TRIAL_COLUMNS
    others = set(task.trial_row()) - set(TRIAL_COLUMNS)
    assert set(trials.columns[len(TRIAL_COLUMNS) :]) == others


def test_the_two_step_tasks_own_columns():
    _, trials, _ = record()
    assert tuple(trials.columns[len(TRIAL_COLUMNS) :]) == TWO_STEP


def test_codes_are_whole_words_are_words_and_what_is_missing_is_blank():
    _, trials, _ = record(num_envs=200, episodes=200, record_episodes=0)
    missing = trials["choice"].isna()
    assert 0 < missing.sum() < len(trials)
    assert set(trials["choice"].dropna()) == {0, 1}
    assert set(trials["transition"].dropna()) == {"common", "rare"}
    assert trials["transition"].isna().equals(missing)
    assert trials["second_choice"].isna().all()
    for name in ("valid", "correct", "forced", "high_state"):
        assert set(trials[name].dropna()) <= {0, 1}
        assert not trials[name].isna().any()
    written = io.StringIO(trials.to_csv(index=False))
    cells = pd.read_csv(written, dtype=str, keep_default_na=False)
    assert set(cells["choice"]) == {"0", "1", ""}
    assert set(cells["valid"]) == {"0", "1"}
    assert set(cells["forced"]) == {"0"}
    assert set(cells["transition"]) == {"common", "rare", ""}
    assert set(cells["second_choice"]) == {""}
    assert set(cells["reward"]) <= {"-2.0", "-1.0", "0.0", "1.0"}


def test_large_codes_are_recorded():
    _, trials, _ = record("toys:Lottery", num_envs=60, episodes=60)
    assert trials["ticket"].max() > 900
    assert trials["ticket"].min() >= 0
    uniform = np.floor(trials["uniform"].astype("float32") * np.float32(TICKETS))
    assert (trials["ticket"] == uniform).all()


@pytest.mark.parametrize("name", TASK_NAMES)
@pytest.mark.parametrize(
    ("num_envs", "episodes", "wanted"),
    [(5, 5, 3), (5, 5, 5), (5, 5, 9), (3, 8, 5), (3, 8, 2), (3, 8, 8)],
)
def test_so_many_whole_episodes_are_recorded(name, num_envs, episodes, wanted):
    task, trials, recording = record(
        name, num_envs=num_envs, episodes=episodes, record_episodes=wanted, first=10
    )
    by_episode = episodes_of(recording)
    numbers = [int(part["episode"][0]) for part in by_episode]
    assert numbers == list(range(10, 10 + min(wanted, episodes)))
    for part in by_episode:
        rows = trials[trials["episode"] == part["episode"][0]]
        assert part["step"].tolist() == list(range(len(part["step"])))
        feedback = pd.Series(part["reward"][:-1]).groupby(part["trial"][:-1]).sum()
        assert feedback.tolist() == rows["reward"].tolist()
        assert part["trial"][-1] == rows["trial"].iloc[-1]
        assert set(part["subject"]) == {6}
        if task.episode_steps:
            assert len(part["step"]) == task.episode_steps + 1


@pytest.mark.parametrize("name", TASK_NAMES)
def test_an_error_stands_on_the_row_that_reveals_it(name):
    _, _, recording = record(name, num_envs=4, episodes=6, record_episodes=6)
    for part in episodes_of(recording):
        reward, value, rpe = part["reward"], part["value"], part["rpe"]
        assert np.isnan(rpe[0])
        assert value[-1] == 0
        for t in range(1, len(rpe)):
            expected = reward[t - 1] + DISCOUNT * value[t] - value[t - 1]
            assert rpe[t] == pytest.approx(expected, abs=1e-6)
        # The end's own error: nothing follows, so the last reward less its value.
        assert rpe[-1] == pytest.approx(reward[-2] - value[-2], abs=1e-6)
        assert np.abs(rpe[1:]).max() > 0.1


@pytest.mark.parametrize("name", TASK_NAMES)
def test_the_end_row_holds_nothing_but_the_last_error(name):
    task, _, recording = record(name)
    for part in episodes_of(recording):
        assert part["event"][-1] == len(task.event_names)
        assert (part["event"][:-1] < len(task.event_names)).all()
        assert part["action"][-1] == -1
        assert np.isnan(part["reward"][-1])
        assert np.isnan(part["policy"][-1]).all()
        assert np.isnan(part["units"][-1]).all()
        assert not part["observation"][-1].any()
        for column in ("reward", "policy", "units", "value"):
            assert not np.isnan(part[column][:-1]).any()


@pytest.mark.parametrize("name", TASK_NAMES)
@pytest.mark.parametrize("reset", ["episode", "never"])
def test_a_row_says_which_event_was_on_the_screen(reset, name):
    task, _, recording = record(
        name, num_envs=3, episodes=9, record_episodes=9, reset=reset
    )
    steps = recording["action"] >= 0
    shown, events = recording["observation"][steps], recording["event"][steps]
    assert set(events) == set(range(len(task.event_names)))
    if name in LEARNING_SETS:  # there, far from the cross, all events have one screen
        return
    if len(task.event_names) > 1:  # then all events differ in their screens
        rows = [tuple(row) for row in shown]
        assert len(set(zip(rows, events, strict=True))) == len(set(rows))
    for part in () if name == "toys:Lottery" else episodes_of(recording):
        trials = pd.Series(part["event"][:-1]).groupby(part["trial"][:-1])
        assert all(t.tolist() == list(range(len(task.event_names))) for _, t in trials)


@pytest.mark.parametrize("name", ["two-step", "daw-two-step", "toys:Lottery"])
def test_a_screen_and_its_event_stand_in_one_row(name):
    _, _, recording = record(name, num_envs=3, episodes=9, record_episodes=9)
    steps = recording["action"] >= 0
    shown, events = recording["observation"][steps], recording["event"][steps]
    if ":" in name:
        assert (shown.argmax(1) == events).all()
        return
    blank = ~shown.any(1)
    assert (np.minimum(shown.argmax(1), 2)[~blank] == events[~blank]).all()
    assert (events[blank] == 2).all()


def test_the_recorded_policy_units_and_actions_are_the_networks():
    task, _, recording = record(record_episodes=5)
    steps = recording["action"] >= 0
    np.testing.assert_allclose(recording["policy"][steps].sum(1), 1, rtol=1e-5)
    assert recording["policy"].shape[1] == task.action_count
    assert recording["units"].shape[1] == 4
    assert np.abs(recording["units"][steps]).max() <= 1
    assert set(recording["action"][steps]) == {0, 1, 2}
    taken = recording["policy"][steps, recording["action"][steps]]
    assert taken.mean() > 1.1 / 3


def test_without_recorded_episodes_there_is_no_recording():
    assert record(record_episodes=0)[2] == {}


def test_no_step_is_taken_after_all_episodes_have_ended(monkeypatch):
    kind, taken = task_class("harlow-line"), []
    step = kind.step
    monkeypatch.setattr(kind, "step", lambda *given: taken.append(1) or step(*given))
    trials = record("harlow-line", num_envs=5, episodes=5)[1]
    lengths = trials.groupby("episode")["steps"].sum()
    assert len(lengths) == 5
    assert lengths.nunique() > 1
    assert len(taken) == lengths.max()


@pytest.mark.parametrize("value", [0.1, -2.5, 2.0**31, np.inf])
def test_a_real_column_that_is_not_declared_is_never_cut(value):
    task = task_class("two-step")(2)
    rows = {
        "ended": np.ones((2, 2), bool),
        "episode": np.array([[0, 1], [0, 1]]),
        "trial": np.array([[0, 0], [1, 1]]),
        **{name: np.zeros((2, 2)) for name in TRIAL_COLUMNS[4:]},
        "coherence": np.array([[0.0, np.nan], [1.0, value]]),
    }
    words = f"column coherence must hold whole numbers, .* got {value}; name it in real"
    with pytest.raises(ValueError, match=words):
        trial_table(task, dict(rows), subject=0)
    task.real_columns = ("reward", "coherence")
    table = trial_table(task, dict(rows), subject=0)
    assert table["coherence"].dropna().tolist() == [0.0, 1.0, value]


def test_a_code_without_a_word_is_refused():
    task = task_class("two-step")(1)
    rows = {
        "ended": np.ones((2, 1), bool),
        "episode": np.zeros((2, 1), int),
        "trial": np.array([[0], [1]]),
        **{name: np.zeros((2, 1)) for name in TRIAL_COLUMNS[4:]},
        "transition": np.array([[0.0], [2.0]]),
    }
    words = "column transition must be a code of common, rare, from 0, got 0 to 2"
    with pytest.raises(ValueError, match=words):
        trial_table(task, rows, subject=0)


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in NAMES
        if "choice" in task_class(name).event_names and name not in LEARNING_SETS
    ],
)
def test_a_choice_is_the_action_at_its_step_less_one_for_the_centre(name):
    task, trials, recording = record(name, num_envs=8, episodes=8, record_episodes=8)
    at_choice = recording["event"] == task.event_names.index("choice")
    codes = pd.DataFrame(
        {k: recording[k][at_choice] for k in ("episode", "trial", "action")}
    )
    table = trials.merge(codes, on=["episode", "trial"], validate="one_to_one")
    assert len(table) == len(trials)
    made = table[table["choice"].notna()]
    shift = int("centre" in task.action_names)
    assert len(made) > 4
    assert (made["choice"] == made["action"] - shift).all()
