"""Frozen-weight evaluation: constant weights, independent problems."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from flags import Flags, FlagsParams

from metarl.agents.config import NetworkConfig, Schedule
from metarl.agents.networks.actor_critic import attach_renderer, weights_hash
from metarl.core.checks import MetaRLError
from metarl.core.files import read_json, write_json
from metarl.core.interventions import parse
from metarl.core.parallel import Interrupted, Reporter
from metarl.envs.registry import NAMES, task_class
from metarl.pipeline.population import baselines_of
from metarl.runs.config import EvaluationConfig, parse_settings
from metarl.runs.folder import EvaluationFolder
from metarl.simulation.evaluation import (
    check_test,
    evaluate_baseline,
    evaluate_network,
    list_baselines,
    recorded_inputs,
    replay_recording,
    run_episodes,
    run_frozen,
)
from metarl.training.trainer import make_network


def test_weights_keep_their_bytes_and_their_hash(small, tmp_path):
    config = small()
    network = make_network(config, 0)
    before = {k: v.numpy().tobytes() for k, v in network.state_dict().items()}
    digest = weights_hash(network)
    folder = EvaluationFolder(tmp_path)
    metadata = evaluate_network(
        config, 0, network, EvaluationConfig(episodes=4), folder
    )
    assert {k: v.numpy().tobytes() for k, v in network.state_dict().items()} == before
    assert metadata["weights_before"] == metadata["weights_after"] == digest
    assert folder.metadata == metadata
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
        run_frozen(config, 0, network, EvaluationConfig(episodes=2))
    with pytest.raises(MetaRLError, match="weights of subject 0 changed in evaluation"):
        evaluate_network(
            config, 0, network, EvaluationConfig(episodes=2), EvaluationFolder(tmp_path)
        )
    assert not list(tmp_path.iterdir())


def test_the_metadata_has_the_settings_of_the_test(small, tmp_path):
    config = small(seed=4)
    config = replace(
        config,
        learning=replace(config.learning, discount=Schedule(start=0.5, end=0.9)),
    )
    tested = EvaluationConfig(episodes=7, record_episodes=2, greedy=True)
    folder = EvaluationFolder(tmp_path)
    metadata = evaluate_network(config, 0, make_network(config, 0), tested, folder)
    assert tested.to_plain().items() <= metadata.items()
    assert (metadata["task"], metadata["seed"], metadata["discount"]) == (
        "two-step",
        4,
        0.9,
    )
    assert metadata["reward_per_episode"] * 7 == pytest.approx(
        folder.trials["reward"].sum()
    )
    assert read_json(folder.metadata_path) == metadata
    halfway = evaluate_network(
        config, 0, make_network(config, 0), tested, folder, progress=0.5
    )
    assert halfway["discount"] == pytest.approx(0.7)


def test_a_network_of_another_task_is_refused(small, tmp_path):
    network = make_network(small("toys:Lottery"), 0)
    folder = EvaluationFolder(tmp_path)
    with pytest.raises(
        MetaRLError, match="takes 5 inputs, 2 actions and no image, the task has 8"
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


@pytest.mark.parametrize("task", NAMES)
def test_neither_training_nor_the_network_changes_the_problems(task, small):
    short, long = small(task), small(task, updates=4000, num_envs=9)
    another = replace(long.network, core="gru", units=3, head_deviation=9.0)
    other = make_network(replace(long, network=another), 5)
    first = episodes(short)[0]
    expected = problems(first, task)
    assert len(expected.drop_duplicates()) > 1
    pd.testing.assert_frame_equal(problems(episodes(long)[0], task), expected)
    trials, _ = episodes(long, network=other)
    pd.testing.assert_frame_equal(problems(trials, task), expected)
    # The network is another, and so are its choices.
    assert not trials["choice"].equals(first["choice"])


def problems(trials, task):
    """What no choice has a say in."""
    if task in ("harlow", "harlow-line"):  # trials begin when they are begun
        names = ["target", "distractor", "replaced"]
        return trials.groupby("episode")[names].first()
    if task == "matching":  # an arm's probability depends on earlier choices
        return trials[["p0_left"]]
    return trials[[name for name in task_class(task)().hidden() if name in trials]]


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
        for purpose in ("evaluation", "preview", "baselines")
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
        ends[number] = next_activity(network, {k: recording[k][rows] for k in ROWS})
    for number in range(streams, min(2 * streams, 50)):
        np.testing.assert_allclose(units[number], ends[number - streams], atol=1e-5)


ROWS = ("observation", "action", "reward", "step")


def next_activity(network, rows):
    """Activity at the next episode's first step, from an episode's recorded inputs."""
    memory = network.initial_memory(1)
    action, reward = torch.zeros(1, 3), torch.zeros(1)
    opening = rows["observation"][0]
    with torch.no_grad():
        for t in range(len(rows["step"])):
            shown = opening if rows["action"][t] < 0 else rows["observation"][t]
            seen = torch.from_numpy(np.asarray(shown)).float().unsqueeze(0)
            inputs = torch.cat([seen, action, reward.unsqueeze(1)], 1)
            output = network.act(inputs, memory)
            memory = output.memory
            if rows["action"][t] >= 0:
                action = torch.eye(3)[rows["action"][t]].unsqueeze(0)
                reward = torch.tensor([float(rows["reward"][t])])
    return output.units.numpy()[0]


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


@pytest.mark.parametrize("task", NAMES)
def test_baselines_write_the_same_tables_as_networks(task, small, tmp_path):
    config = small(task)
    names = list_baselines(config, baselines_of(config), EvaluationConfig())
    assert names[0].startswith("random")
    network_folder = EvaluationFolder(tmp_path / "network")
    tested = EvaluationConfig(episodes=5, record_episodes=2)
    evaluate_network(config, 0, make_network(config, 0), tested, network_folder)
    for name in names:
        folder = EvaluationFolder(tmp_path / name)
        metadata = evaluate_baseline(config, name, baselines_of(config), tested, folder)
        assert metadata["baseline"] == name
        assert list(folder.trials) == list(network_folder.trials)
        assert folder.trials["valid"].all()
        assert folder.recording.keys() == network_folder.recording.keys()


def test_baselines_do_not_share_their_problems(small, tmp_path):
    config = small()
    tested = EvaluationConfig(episodes=30, record_episodes=0)
    tables = []
    for name in ("random", "oracle"):
        folder = EvaluationFolder(tmp_path / name)
        evaluate_baseline(config, name, baselines_of(config), tested, folder)
        tables.append(folder.trials)
    assert not tables[0]["high_state"].equals(tables[1]["high_state"])
    assert tables[1]["correct"].mean() == 1


def test_a_users_own_task_has_no_baselines(small):
    config = small("toys:Lottery")
    assert list_baselines(config, baselines_of(config), EvaluationConfig()) == []


def test_the_tables_are_written_first_and_the_metadata_last(
    small, tmp_path, monkeypatch
):
    config, folder = small(), EvaluationFolder(tmp_path)
    network, tested = make_network(config, 0), EvaluationConfig(episodes=2)

    def fail(path, recording):
        raise MetaRLError("the disk is full")

    monkeypatch.setattr("metarl.simulation.evaluation.write_recording", fail)
    with pytest.raises(MetaRLError, match="the disk is full"):
        evaluate_network(config, 0, network, tested, folder)
    assert not folder.metadata_path.exists()


def test_an_evaluation_that_is_stopped_writes_nothing(small, tmp_path):
    config, folder = small(trial_count=1), EvaluationFolder(tmp_path)
    received = []
    stopping = Reporter(received.append, should_stop=lambda: len(received) == 1)
    tested = EvaluationConfig(episodes=1200, record_episodes=0)
    with pytest.raises(Interrupted):
        evaluate_network(
            config, 0, make_network(config, 0), tested, folder, reporter=stopping
        )
    assert 0 < received[0] < 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("fault_envs", [2])
def test_a_reward_that_is_no_number_is_refused_here_too(fault_envs, small, tmp_path):
    config = small("toys:Lottery", fault="nan", fault_below=1.0, fault_envs=fault_envs)
    tested, folder = EvaluationConfig(episodes=2), EvaluationFolder(tmp_path)
    with pytest.raises(ValueError, match="reward must be a finite number, got nan"):
        evaluate_network(config, 0, make_network(config, 0), tested, folder)
    assert not list(tmp_path.iterdir())


def test_a_baseline_keeps_its_choice_probabilities_in_a_greedy_test(small, tmp_path):
    config, folder = small(), EvaluationFolder(tmp_path)
    tested = EvaluationConfig(episodes=20, greedy=True)
    make = baselines_of(config)
    metadata = evaluate_baseline(config, "random", make, tested, folder)
    assert metadata["greedy"] is False
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


# Other tests than the plain one


SEPARATE = NetworkConfig(
    critic="separate", feedback="rpe", units=5, input_gain=3.0, head_deviation=1.0
)
SHARED = NetworkConfig(units=5, input_gain=3.0, head_deviation=1.0)


def assert_same_results(one, other):
    """Tables and recordings agree to the last bit."""
    pd.testing.assert_frame_equal(one[0], other[0], check_exact=True)
    assert one[1].keys() == other[1].keys()
    for name, array in one[1].items():
        np.testing.assert_array_equal(array, other[1][name], err_msg=name)


@pytest.mark.parametrize("task", ["two-step", "volatility", "toys:Uneven"])
@pytest.mark.parametrize("network", [SHARED, SEPARATE], ids=["shared", "separate"])
def test_a_replay_of_the_network_itself_gives_its_own_units(network, task, small):
    config = small(task, network=network)
    own, other = make_network(config, 0), make_network(config, 1)
    _, recording = episodes(config, network=own, record_episodes=12)
    acted = recording["action"] >= 0
    if ":" in task:
        assert len({*np.bincount(recording["episode"])}) > 1
    units = replay_recording(own, recording)
    np.testing.assert_allclose(units[acted], recording["units"][acted], atol=1e-6)
    assert np.isnan(units[~acted]).all()
    assert np.abs(replay_recording(other, recording) - units)[acted].max(1).min() > 1e-3
    assert not own.training or all(p.grad is None for p in own.parameters())


def test_recorded_inputs_are_what_the_network_was_fed(small):
    config = small("toys:Uneven", network=SHARED)
    network, fed = make_network(config, 0), []
    act = network.act

    def watched(inputs, memory):
        fed.append(inputs.clone())
        return act(inputs, memory)

    network.act = watched
    _, recording = episodes(config, network=network, episodes=1, record_episodes=1)
    inputs = recorded_inputs(recording)
    assert inputs.shape == (len(recording["step"]), network.input_size)
    steps = len(inputs) - 1  # the last row is the end, at which nothing is asked
    received = torch.cat(fed)[:steps].numpy()
    np.testing.assert_array_equal(inputs[:steps], received)
    assert received[1:, 2:].any()


@pytest.mark.parametrize("wanted", [True, False])
def test_the_untrained_network_is_recorded_with_the_trained_one(
    wanted, small, tmp_path
):
    config, folder = small(), EvaluationFolder(tmp_path)
    network, untrained = make_network(config, 0), make_network(config, 1)
    tested = EvaluationConfig(episodes=4, record_episodes=3, record_untrained=wanted)
    evaluate_network(config, 0, network, tested, folder, untrained=untrained)
    assert ("units_untrained" in folder.recording) == wanted
    if wanted:
        recording = folder.recording
        np.testing.assert_array_equal(
            recording["units_untrained"], replay_recording(untrained, recording)
        )
        assert recording["units_untrained"].shape == recording["units"].shape
        assert folder.metadata["record_untrained"] is True


@pytest.mark.parametrize("task", ["bandit", "informative-arm", "matching", "two-step"])
def test_shared_problems_are_the_same_for_subjects_and_baselines(task, small, tmp_path):
    config = small(task)
    tables = {}
    for shared in (True, False):
        tested = EvaluationConfig(episodes=9, record_episodes=0, shared_problems=shared)
        for subject in (0, 1):
            network = make_network(config, subject)
            table, _ = run_episodes(config, subject, lambda task, n=network: n, tested)
            tables[shared, subject] = table
        for name in list_baselines(config, baselines_of(config), tested)[:2]:
            folder = EvaluationFolder(tmp_path / f"{name}-{shared}")
            evaluate_baseline(config, name, baselines_of(config), tested, folder)
            tables[shared, name] = folder.trials
    for shared in (True, False):
        first, *others = (
            problems(table, task).astype(float)
            for (key, _), table in tables.items()
            if key == shared
        )
        assert len(first.drop_duplicates()) > 1
        for other in others:
            assert first.equals(other) == shared
    another = episodes(small(task, seed=2), episodes=9, shared_problems=True)[0]
    assert (
        not problems(another, task)
        .astype(float)
        .equals(problems(tables[True, 0], task).astype(float))
    )


def test_shared_problems_have_the_same_random_numbers_but_not_the_same_choices(small):
    """The same network as two subjects: equal choices have equal rewards."""
    config = small("bandit")
    network = make_network(config, 0)
    one, other = (
        episodes(config, network=network, subject=k, shared_problems=True)[0]
        for k in (0, 1)
    )
    assert other["subject"].eq(1).all()
    same = one["choice"] == other["choice"]
    assert 0.2 < same.mean() < 0.8
    assert one["reward"][same].equals(other["reward"][same])
    assert set(one["reward"][same]) == {0.0, 1.0}


def test_settings_change_the_task_for_the_test_alone(small):
    config = small()
    trials, recording = episodes(
        config,
        record_episodes=12,
        task={"trial_count": 4, "probability_common": 1.0},
    )
    assert trials.groupby("episode").size().tolist() == [4] * 12
    assert set(trials["transition"].dropna()) == {"common"}
    assert np.bincount(recording["episode"]).tolist() == [4 * 3 + 1] * 12
    assert config == small()


def test_settings_change_the_task_of_a_baseline_too(small, tmp_path):
    folder = EvaluationFolder(tmp_path)
    tested, config = EvaluationConfig(episodes=3, task={"trial_count": 2}), small()
    make = baselines_of(config)
    metadata = evaluate_baseline(config, "random", make, tested, folder)
    assert len(folder.trials) == 6
    assert metadata["settings"] == ["trial_count=2"]


NOTHING = [
    "rpe add 0",
    "rpe scale 1",
    "rpe set -4 when trial == 99",
    "units scale 1",
    "units noise 0",
    "units set 0 when event == 'fixation' and event == 'choice'",
    "memory reset when step == 99",
    "memory reset when step == 0",
]


@pytest.mark.parametrize("task", ["risky-choice", "matching", "toys:Uneven"])
def test_an_intervention_that_changes_nothing_gives_the_same_tables(task, small):
    """So that what differs with one is its effect, and not other random numbers."""
    config = small(task, network=SEPARATE)
    control = episodes(config, record_episodes=12)
    for text in NOTHING:
        assert_same_results(
            episodes(config, record_episodes=12, interventions=(parse(text),)), control
        )
    together = episodes(
        config, record_episodes=12, interventions=tuple(map(parse, NOTHING))
    )
    assert_same_results(together, control)


def test_a_stimulated_network_has_the_random_numbers_of_the_control(small):
    config = small("risky-choice", network=SEPARATE)
    control = episodes(config, episodes=60, record_episodes=60)
    text = "rpe set -4 when risky == 1 and won == 1"
    table, recording = episodes(
        config, episodes=60, record_episodes=60, interventions=(parse(text),)
    )
    names = ["probability_risky", "risky_side"]
    pd.testing.assert_frame_equal(table[names], control[0][names])
    # Nothing differs before the first rewarded risky choice of an episode.
    won = (control[0]["risky"] == 1) & (control[0]["won"] == 1)
    done = won.groupby(control[0]["episode"]).cumsum()
    before = done - won == 0
    assert before.sum() > 60
    pd.testing.assert_frame_equal(table[before], control[0][before])
    assert not table[~before].equals(control[0][~before])
    # The critic is not affected: its errors are those of the actual outcomes.
    assert np.nanmax(np.abs(recording["rpe"])) < 8


def test_units_are_set_and_their_effect_is_recorded(small):
    config = small(network=SHARED)
    _, plain = episodes(config, record_episodes=12)
    text = "units set 0.5 of 1,3-4 when event == 'choice'"
    _, recording = episodes(config, record_episodes=12, interventions=(parse(text),))
    acted = recording["action"] >= 0
    chosen = acted & (recording["event"] == 1)
    assert (recording["units"][chosen][:, [1, 3, 4]] == 0.5).all()
    others = recording["units"][acted & ~chosen]
    assert not (others[:, [1, 3, 4]] == 0.5).any()
    assert not (recording["units"][chosen][:, [0, 2]] == 0.5).any()
    first = recording["step"] == 0
    np.testing.assert_array_equal(recording["units"][first], plain["units"][first])


@pytest.mark.parametrize("network", [SHARED, SEPARATE], ids=["shared", "separate"])
def test_units_of_both_cores_can_be_set(network, small):
    config = small(network=network)
    count = 5 if network is SHARED else 10
    text = f"units set 0.5 of {count - 1}"
    _, recording = episodes(config, record_episodes=2, interventions=(parse(text),))
    acted = recording["action"] >= 0
    assert (recording["units"][acted] == 0.5).all(0).tolist() == [
        *[False] * (count - 1),
        True,
    ]
    beyond = f"units set 0.5 of {count}"
    with pytest.raises(ValueError, match=f"units must be below {count}, the network's"):
        episodes(config, interventions=(parse(beyond),))


def test_memory_cleared_at_every_fixation_is_memory_reset_each_trial(small):
    config = small(network=SHARED)
    by_hand = episodes(
        config,
        record_episodes=12,
        interventions=(parse("memory reset when event == 'fixation'"),),
    )
    each_trial = episodes(config, record_episodes=12, reset_memory="trial")
    assert_same_results(by_hand, each_trial)
    assert not by_hand[0].equals(episodes(config)[0])


def test_noise_on_the_units_is_a_subjects_own_and_comes_again(small):
    config = small(network=SHARED)
    network = make_network(config, 0)

    def units(subject=0, deviation=0.3, **more):
        text = f"units noise {deviation}"
        given = {"record_episodes": 12, "interventions": (parse(text),)} | more
        _, recording = episodes(config, subject=subject, network=network, **given)
        return recording["units"][recording["step"] == 0]

    plain = units(interventions=())
    noise = units() - plain
    assert noise.std() == pytest.approx(0.3, abs=4 * 0.3 / (2 * noise.size) ** 0.5)
    np.testing.assert_array_equal(units() - plain, noise)
    np.testing.assert_allclose(units(deviation=0.6) - plain, 2 * noise, atol=1e-5)
    assert not np.isclose(units(subject=1) - plain, noise).any()
    # Many episodes are stepped in batches; each has noise of its own.
    assert len(np.unique(noise)) == noise.size


def test_a_baseline_has_no_interventions_in_its_metadata(small, tmp_path):
    config, folder = small("matching"), EvaluationFolder(tmp_path)
    tested = EvaluationConfig(episodes=3, interventions=(parse("units set 0"),))
    make = baselines_of(config)
    metadata = evaluate_baseline(config, "random", make, tested, folder)
    assert metadata["interventions"] == []
    assert metadata["record_untrained"] is False


def test_the_metadata_has_the_interventions(small, tmp_path):
    config, folder = small(), EvaluationFolder(tmp_path)
    done = ("units set 0 when trial == 1",)
    tested = EvaluationConfig(
        episodes=2,
        task={"trial_count": 3},
        interventions=tuple(map(parse, done)),
        shared_problems=True,
    )
    evaluate_network(config, 0, make_network(config, 0), tested, folder)
    assert folder.metadata["settings"] == ["trial_count=3"]
    assert folder.metadata["interventions"] == list(done)
    assert folder.metadata["shared_problems"] is True


# What networks with an encoder are shown


ENCODERS = NetworkConfig(
    encoder="patch", filters=4, patch_size=3, units=5, input_gain=3.0
)
NEGATIVE = {"negative": True}


def shown(network, recording, *, negative):
    """(R, H) activity by hand: each recorded view rendered and encoded by itself."""
    render_views = Flags(1, FlagsParams(negative=negative)).render_views
    inputs = torch.from_numpy(recorded_inputs(recording))
    rows = []
    with torch.no_grad():
        for step, row in zip(recording["step"], inputs.split(1), strict=True):
            if step == 0:
                memory = network.initial_memory(1)
            features = network.encoder.encode(render_views(row[:, :2]))
            memory = network.core(torch.cat([features, row[:, 2:]], 1), memory)
            rows.append(memory[0].numpy()[0])
    return np.stack(rows)[recording["action"] >= 0]


def test_a_test_shows_its_own_pictures_and_not_those_of_training(small, tmp_path):
    config = small("flags:Flags", network=ENCODERS)
    network, actual = make_network(config, 0), []
    for number, settings in enumerate(({}, NEGATIVE, {})):
        folder = EvaluationFolder(tmp_path / str(number))
        tested = EvaluationConfig(episodes=6, record_episodes=6, task=settings)
        evaluate_network(config, 0, network, tested, folder)
        recording = folder.recording
        units = recording["units"][recording["action"] >= 0]
        expected = shown(network, recording, negative=settings == NEGATIVE)
        np.testing.assert_allclose(units, expected, atol=1e-5)
        actual.append(units)
    np.testing.assert_array_equal(actual[0], actual[2])
    assert np.abs(actual[0][0] - actual[1][0]).max() > 1e-3


@pytest.mark.parametrize("settings", [{}, NEGATIVE])
def test_the_untrained_network_encodes_the_pictures_of_the_test_itself(
    settings, small, tmp_path
):
    config, folder = small("flags:Flags", network=ENCODERS), EvaluationFolder(tmp_path)
    network, untrained = make_network(config, 0), make_network(config, 1)
    attach_renderer(untrained, None)  # as it comes from a file
    tested = EvaluationConfig(
        episodes=5, record_episodes=4, record_untrained=True, task=settings
    )
    evaluate_network(config, 0, network, tested, folder, untrained=untrained)
    recording = folder.recording
    acted = recording["action"] >= 0
    expected = shown(untrained, recording, negative=settings == NEGATIVE)
    actual = recording["units_untrained"]
    np.testing.assert_allclose(actual[acted], expected, atol=1e-5)
    assert np.isnan(actual[~acted]).all()
    for renderer, negative in (
        (network, settings == NEGATIVE),
        (untrained, not settings),
    ):
        other = shown(renderer, recording, negative=negative)
        assert np.abs(other - expected).max(1).min() > 1e-3


def test_networks_with_an_encoder_keep_their_weights(small, tmp_path):
    config, folder = small("flags:Flags", network=ENCODERS), EvaluationFolder(tmp_path)
    network = make_network(config, 0)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    evaluate_network(config, 0, network, EvaluationConfig(episodes=4), folder)
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
    assert any(name.startswith("encoder") for name in before)


@pytest.mark.parametrize("setting", ["width=10", "height=5"])
def test_a_test_with_another_image_size_is_refused(setting, small):
    config = small("flags:Flags", network=ENCODERS)
    check_test(config, EvaluationConfig(task={"longest": 2, **NEGATIVE}))
    words = f"number of inputs and actions as it was in training, got {setting}"
    with pytest.raises(ValueError, match=words):
        check_test(config, EvaluationConfig(task=parse_settings([setting])))


def test_a_probe_of_memory_is_written_as_the_table_of_its_test(small, tmp_path):
    config, folder = small("harlow-line"), EvaluationFolder(tmp_path)
    tested = EvaluationConfig(episodes=6, record_episodes=2, probe="interchange")
    check_test(config, tested)
    evaluate_network(config, 0, make_network(config, 0), tested, folder)
    assert set(folder.trials["donor"]) == {"none", "opposite", "other", "reversed"}
    assert (folder.trials.groupby("session").size() == 6).all()
    assert folder.metadata["probe"] == "interchange"
    assert not folder.recording
    assert folder.took(tested)
    assert not folder.took(replace(tested, probe="none"))
    with pytest.raises(ValueError, match="probe interchange needs a learning-set task"):
        check_test(small(), tested)


def test_a_test_that_was_taken_before_a_field_was_added_counts(small, tmp_path):
    config, folder = small(), EvaluationFolder(tmp_path)
    tested = EvaluationConfig(episodes=2, task={"trial_count": 4})
    evaluate_network(config, 0, make_network(config, 0), tested, folder)
    metadata = read_json(folder.metadata_path)
    del metadata["probe"]
    write_json(folder.metadata_path, metadata, seal=True)
    old = EvaluationFolder(tmp_path)
    assert old.took(tested)
    assert not old.took(replace(tested, episodes=3))
