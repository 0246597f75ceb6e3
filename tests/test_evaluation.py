"""Frozen-weight evaluation: no weight moves, and its problems are its own."""

import json
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
import torch

from metarl.agents.network import weights_hash
from metarl.agents.settings import NetworkConfig, Schedule
from metarl.catalog import TASKS
from metarl.checks import MetaRLError
from metarl.config import EvaluationConfig
from metarl.evaluation import (
    evaluate_network,
    evaluate_strategy,
    run_episodes,
    strategy_names,
)
from metarl.jobs import Interrupted, Reporting
from metarl.runs import EvaluationFolder
from metarl.training import make_network


def test_weights_keep_their_bytes_and_their_hash(small, tmp_path):
    config = small()
    network = make_network(config, 0)
    before = {k: v.numpy().tobytes() for k, v in network.state_dict().items()}
    digest = weights_hash(network)
    folder = EvaluationFolder(tmp_path)
    facts = evaluate_network(config, 0, network, EvaluationConfig(episodes=4), folder)
    assert {k: v.numpy().tobytes() for k, v in network.state_dict().items()} == before
    assert facts["weights_before"] == facts["weights_after"] == digest
    assert folder.facts == facts
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_weight_that_moves_is_found_and_nothing_is_written(small, tmp_path):
    config = small()
    network = make_network(config, 0)
    act = network.act

    def learn(inputs, memory):
        network.heads.bias.data += 1e-6
        return act(inputs, memory)

    network.act = learn
    with pytest.raises(MetaRLError, match="weights of subject 0 changed in evaluation"):
        evaluate_network(
            config, 0, network, EvaluationConfig(episodes=2), EvaluationFolder(tmp_path)
        )
    assert not list(tmp_path.iterdir())


def test_the_facts_say_how_it_was_tested(small, tmp_path):
    config = small(seed=4)
    config = replace(
        config,
        learning=replace(config.learning, discount=Schedule(start=0.5, end=0.9)),
    )
    tested = EvaluationConfig(episodes=7, record_episodes=2, greedy=True)
    folder = EvaluationFolder(tmp_path)
    facts = evaluate_network(config, 0, make_network(config, 0), tested, folder)
    assert asdict(tested).items() <= facts.items()
    assert (facts["task"], facts["seed"], facts["discount"]) == ("two-step", 4, 0.9)
    assert facts["reward_per_episode"] * 7 == pytest.approx(
        folder.trials["reward"].sum()
    )
    assert json.loads(folder.facts_path.read_text()) == facts
    halfway = evaluate_network(
        config, 0, make_network(config, 0), tested, folder, progress=0.5
    )
    assert halfway["discount"] == pytest.approx(0.7)


def test_a_network_of_another_task_is_refused(small, tmp_path):
    network = make_network(small("toys:Lottery"), 0)
    folder = EvaluationFolder(tmp_path)
    with pytest.raises(
        MetaRLError, match="takes 5 inputs and 2 actions, the task has 8"
    ):
        evaluate_network(small(), 0, network, EvaluationConfig(episodes=1), folder)
    assert not list(tmp_path.iterdir())


def episodes(config, *, subject=0, network=None, **settings):
    tested = EvaluationConfig(**{"episodes": 12, "record_episodes": 0, **settings})
    network = network or make_network(config, subject)
    return run_episodes(config, subject, lambda task: network, tested)


def test_the_same_evaluation_gives_the_same_table_and_recording(small):
    one, two = (episodes(small(), record_episodes=3) for _ in range(2))
    pd.testing.assert_frame_equal(one[0], two[0], check_exact=True)
    for name, array in one[1].items():
        np.testing.assert_array_equal(array, two[1][name])


@pytest.mark.parametrize("task", TASKS)
def test_neither_training_nor_the_network_changes_the_problems(task, small):
    short, long = small(task), small(task, updates=4000, lanes=9)
    other = make_network(replace(long, network=NetworkConfig(core="gru", units=3)), 5)
    hidden = ["high_state"]
    if task == "daw-two-step":
        hidden += [name for name in episodes(short)[0] if "probability" in name]
    expected = episodes(short)[0][hidden]
    pd.testing.assert_frame_equal(episodes(long)[0][hidden], expected)
    trials, _ = episodes(long, network=other)
    pd.testing.assert_frame_equal(trials[hidden], expected)


def test_subjects_and_seeds_have_problems_of_their_own(small):
    network = make_network(small(), 0)
    tables = [
        episodes(small(), network=network)[0],
        episodes(small(), network=network, subject=1)[0].assign(subject=0),
        episodes(small(seed=2), network=network)[0],
    ]
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert not tables[first]["high_state"].equals(tables[second]["high_state"])


def test_a_preview_never_shows_the_evaluations_problems(small):
    network = make_network(small(), 0)
    tested = EvaluationConfig(episodes=12, record_episodes=0)
    tables = [
        run_episodes(small(), 0, lambda task: network, tested, purpose=purpose)[0]
        for purpose in ("evaluation", "preview", "strategies")
    ]
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert not tables[first]["high_state"].equals(tables[second]["high_state"])


def test_actions_are_sampled_by_default_and_the_likeliest_when_greedy(small):
    config = small()
    network = make_network(config, 0)
    with torch.no_grad():
        network.heads.weight.normal_(generator=torch.Generator().manual_seed(3))

    def shares(**settings):
        _, recording = episodes(config, network=network, record_episodes=12, **settings)
        acted = recording["action"] >= 0
        policy, action = recording["policy"][acted], recording["action"][acted]
        return (policy.argmax(1) == action).mean()

    assert shares(greedy=True) == 1
    assert 0.3 < shares() < 0.95


@pytest.mark.parametrize(
    ("reset_memory", "starts"), [("episode", "episode"), ("trial", "trial")]
)
def test_memory_is_reset_as_asked(reset_memory, starts, small):
    config = small()
    network = make_network(config, 0)
    _, recording = episodes(
        config, network=network, record_episodes=12, reset_memory=reset_memory
    )
    initial = network.initial_memory(1)
    opening = torch.tensor([[1.0, 0, 0, 0, 0, 0, 0, 0]])
    expected = network.act(opening, initial).units.detach().numpy()[0]
    first = recording["step"] == 0
    if starts == "trial":
        first = (recording["event"] == 0) & (recording["action"] >= 0)
        assert first.sum() == 12 * 6
    units = recording["units"]
    np.testing.assert_allclose(
        units[first], np.tile(expected, (first.sum(), 1)), atol=1e-6
    )
    others = (recording["event"] == 0) & ~first & (recording["action"] >= 0)
    assert not np.isclose(units[others], expected, atol=1e-6).all(1).any()


def test_memory_that_is_never_reset_carries_over_episodes(small):
    config = small()
    network = make_network(config, 0)
    trials, recording = episodes(
        config,
        network=network,
        episodes=50,
        record_episodes=50,
        reset_memory="never",
    )
    assert trials["episode"].nunique() == 50
    assert len(trials) == 50 * 6
    initial = network.initial_memory(1)
    opening = torch.tensor([[1.0, 0, 0, 0, 0, 0, 0, 0]])
    fresh = network.act(opening, initial).units.detach().numpy()[0]
    units = recording["units"][recording["step"] == 0]
    is_fresh = np.isclose(units, fresh, atol=1e-6).all(1)
    streams = int(is_fresh.sum())
    assert 1 <= streams < 50
    assert is_fresh[:streams].all()
    # What a stream's second episode starts from: its first one's last memory, action
    # and reward.
    ends = {}
    for number in range(streams):
        rows = recording["episode"] == number
        ends[number] = replay(network, {k: recording[k][rows] for k in ROWS})
    for number in range(streams, min(2 * streams, 50)):
        np.testing.assert_allclose(units[number], ends[number - streams], atol=1e-5)


ROWS = ("observation", "action", "reward", "step")


def replay(network, rows):
    """Activity at the next episode's first step, from an episode's recorded inputs."""
    memory = network.initial_memory(1)
    action, reward = torch.zeros(1, 3), torch.zeros(1)
    opening = rows["observation"][0]
    with torch.no_grad():
        for t in range(len(rows["step"])):
            shown = opening if rows["action"][t] < 0 else rows["observation"][t]
            seen = torch.from_numpy(np.asarray(shown)).float().unsqueeze(0)
            inputs = torch.cat([seen, action, reward.unsqueeze(1)], 1)
            decision = network.act(inputs, memory)
            memory = decision.memory
            if rows["action"][t] >= 0:
                action = torch.eye(3)[rows["action"][t]].unsqueeze(0)
                reward = torch.tensor([float(rows["reward"][t])])
    return decision.units.numpy()[0]


@pytest.mark.parametrize("count", [1, 19, 20, 21, 41])
@pytest.mark.parametrize("reset_memory", ["never", "episode"])
@pytest.mark.parametrize("task", ["two-step", "toys:Lottery"])
def test_there_are_as_many_episodes_as_asked_for(count, reset_memory, task, small):
    trials, recording = episodes(
        small(task), episodes=count, record_episodes=7, reset_memory=reset_memory
    )
    assert sorted(trials["episode"].unique()) == list(range(count))
    assert sorted(set(recording["episode"])) == list(range(min(count, 7)))


def test_more_episodes_than_one_batch_are_numbered_through(small):
    trials, recording = episodes(
        small(trial_count=1), episodes=1100, record_episodes=600
    )
    assert trials["episode"].tolist() == list(range(1100))
    assert sorted(set(recording["episode"])) == list(range(600))
    halves = trials["high_state"][:500], trials["high_state"][500:1000]
    assert not halves[0].reset_index(drop=True).equals(halves[1].reset_index(drop=True))


@pytest.mark.parametrize("task", TASKS)
def test_strategies_write_the_same_tables_as_networks(task, small, tmp_path):
    config = small(task)
    names = strategy_names(config)
    assert "random" in names
    network_folder = EvaluationFolder(tmp_path / "network")
    tested = EvaluationConfig(episodes=5, record_episodes=2)
    evaluate_network(config, 0, make_network(config, 0), tested, network_folder)
    for name in names:
        folder = EvaluationFolder(tmp_path / name)
        facts = evaluate_strategy(config, name, tested, folder)
        assert facts["strategy"] == name
        assert list(folder.trials) == list(network_folder.trials)
        assert folder.trials["valid"].all()
        assert folder.recording.keys() == network_folder.recording.keys()


def test_strategies_do_not_share_their_problems(small, tmp_path):
    config = small()
    tested = EvaluationConfig(episodes=30, record_episodes=0)
    tables = []
    for name in ("random", "oracle"):
        folder = EvaluationFolder(tmp_path / name)
        evaluate_strategy(config, name, tested, folder)
        tables.append(folder.trials)
    assert not tables[0]["high_state"].equals(tables[1]["high_state"])
    assert tables[1]["correct"].mean() == 1


def test_a_users_own_task_has_no_strategies(small):
    assert strategy_names(small("toys:Lottery")) == []


def test_the_tables_come_first_and_the_facts_last(small, tmp_path, monkeypatch):
    config, folder = small(), EvaluationFolder(tmp_path)
    network, tested = make_network(config, 0), EvaluationConfig(episodes=2)

    def fail(path, recording):
        raise MetaRLError("the disk is full")

    monkeypatch.setattr("metarl.evaluation.write_recording", fail)
    with pytest.raises(MetaRLError, match="the disk is full"):
        evaluate_network(config, 0, network, tested, folder)
    assert not folder.facts_path.exists()


def test_an_evaluation_that_is_stopped_writes_nothing(small, tmp_path):
    config, folder = small(trial_count=1), EvaluationFolder(tmp_path)
    told = []
    stopping = Reporting(told.append, should_stop=lambda: len(told) == 1)
    tested = EvaluationConfig(episodes=1200, record_episodes=0)
    with pytest.raises(Interrupted):
        evaluate_network(
            config, 0, make_network(config, 0), tested, folder, reporting=stopping
        )
    assert 0 < told[0] < 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("fault_lanes", [2])
def test_a_reward_that_is_no_number_is_refused_here_too(fault_lanes, small, tmp_path):
    config = small(
        "toys:Lottery", fault="nan", fault_below=1.0, fault_lanes=fault_lanes
    )
    tested, folder = EvaluationConfig(episodes=2), EvaluationFolder(tmp_path)
    with pytest.raises(ValueError, match="reward must be a finite number, got nan"):
        evaluate_network(config, 0, make_network(config, 0), tested, folder)
    assert not list(tmp_path.iterdir())


def test_a_strategy_keeps_its_own_chances_where_networks_are_greedy(small, tmp_path):
    config, folder = small(), EvaluationFolder(tmp_path)
    tested = EvaluationConfig(episodes=20, greedy=True)
    assert evaluate_strategy(config, "random", tested, folder)["greedy"] is False
    assert 0.3 < folder.trials["choice"].mean() < 0.7


def test_an_evaluation_without_recording_is_written_and_read(small, tmp_path):
    config, folder = small(), EvaluationFolder(tmp_path)
    tested = EvaluationConfig(episodes=2, record_episodes=0)
    evaluate_network(config, 0, make_network(config, 0), tested, folder)
    assert folder.recording == {}
    assert len(folder.trials) == 12


def test_the_recording_opens_with_numpy_alone_and_names_its_events(small, tmp_path):
    config, folder = small(), EvaluationFolder(tmp_path)
    tested = EvaluationConfig(episodes=2, record_episodes=1)
    evaluate_network(config, 0, make_network(config, 0), tested, folder)
    with np.load(folder.recording_path, allow_pickle=False) as file:
        names = file["event_names"].tolist()
        events = [names[code] for code in file["event"]]
        rows = {len(file[name]) for name in file.files if name != "event_names"}
    assert names == ["fixation", "choice", "outcome", "end"]
    assert events == ["fixation", "choice", "outcome"] * 6 + ["end"]
    assert rows == {19}
