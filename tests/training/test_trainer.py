"""Training: the same seed gives the same bytes, stopped and resumed or not."""

import json
import math
from dataclasses import replace

import pandas as pd
import pytest
import torch

from metarl.agents.config import A2CConfig, NetworkConfig, Schedule, constant
from metarl.agents.learning.config import CostsConfig
from metarl.agents.networks.actor_critic import weights_hash
from metarl.core.checks import MetaRLError
from metarl.core.interventions import parse
from metarl.core.parallel import Interrupted, Reporter
from metarl.core.seeding import stream_seed
from metarl.envs.registry import task_class
from metarl.experiments.spec import preset
from metarl.runs.checkpoint import load_policy, load_state, save_state
from metarl.runs.config import from_plain, identity
from metarl.runs.folder import SNAPSHOTS, SubjectFolder
from metarl.simulation.rollout import Rollout
from metarl.training import groups as training
from metarl.training.groups import make_group, train_subjects
from metarl.training.trainer import (
    Trainer,
    check_trainable,
    make_network,
)

METRICS = {
    "update",
    "steps",
    "rollout/return",
    "rollout/episodes",
    "rollout/reward_rate",
    "loss/policy",
    "loss/value",
    "loss/entropy",
    "train/grad_norm",
    "value/mean",
    "rpe/mean",
    "rpe/deviation",
}


class Stop(Reporter):
    """Asks to stop, or breaks, when it is asked for the n-th time."""

    def __init__(self, after, error=None):
        self.asked, self.after, self.error = 0, after, error
        super().__init__(should_stop=self._should_stop)

    def _should_stop(self):
        self.asked += 1
        if self.asked > self.after and self.error:
            raise self.error
        return self.asked > self.after


def train(config, folder, *, subject=0, stops=(), error=None):
    """Train one subject to its end, through so many stops on the way."""
    files = SubjectFolder(folder)
    for stop in stops:
        with pytest.raises(error or Interrupted):
            train_subjects(config, {subject: files}, Stop(stop, error))
        assert not files.finished
    train_subjects(config, {subject: files}, Reporter())
    return files


def contents(files):
    """The bytes of everything a finished subject leaves that is no log of time."""
    paths = [*sorted(files.path.glob("snapshots/*")), files.policy_path]
    return {p.name: p.read_bytes() for p in [*paths, files.metrics_path]}


@pytest.fixture(scope="module")
def reference(small, tmp_path_factory):
    """One subject, trained without a stop."""
    return train(small(), tmp_path_factory.mktemp("reference"))


def test_the_same_seed_gives_the_same_bytes(small, reference, tmp_path):
    torch.manual_seed(99)
    torch.rand(17)
    assert contents(train(small(), tmp_path)) == contents(reference)


def test_another_seed_or_subject_gives_other_weights(small, reference, tmp_path):
    hashes = {weights_hash(reference.policy())}
    for name, seed, subject in (("a", 2, 0), ("b", 1, 1)):
        files = train(small(seed=seed), tmp_path / name, subject=subject)
        hashes.add(weights_hash(files.policy()))
        hashes.add(weights_hash(files.policy(0)))
    assert len(hashes) == 5


def test_subjects_have_independent_random_numbers(small):
    """Independent subjects meet different problems, and respond by other noise."""
    config = small(num_envs=64)
    one, two = Trainer(config, 0), Trainer(config, 1)
    hidden = [trainer.task.hidden()["high_state"] for trainer in (one, two)]
    assert 10 < int((hidden[0] != hidden[1]).sum()) < 54
    assert one.rollout.generator.get_state().ne(two.rollout.generator.get_state()).any()


def test_a_subject_is_the_same_among_one_or_eight(small, reference, tmp_path):
    for subjects in (1, 8):
        files = train(small(subjects=subjects), tmp_path / str(subjects))
        assert contents(files) == contents(reference)


@pytest.mark.parametrize("stops", [(0,), (1,), (7,), (19, 2, 5), (39,)])
def test_stopped_and_resumed_equals_never_stopped(stops, small, reference, tmp_path):
    assert contents(train(small(), tmp_path, stops=stops)) == contents(reference)


@pytest.mark.parametrize("after", [1, 9, 38])
def test_broken_off_without_saving_and_resumed_equals_never_stopped(
    after, small, reference, tmp_path
):
    files = train(small(), tmp_path, stops=(after,), error=SystemExit)
    assert contents(files) == contents(reference)


@pytest.mark.parametrize("task", ["two-step", "daw-two-step", "toys:Lottery"])
@pytest.mark.parametrize(
    ("core", "optimizer"), [("lstm", "adam"), ("gru", "rmsprop"), ("rnn", "adam")]
)
def test_every_task_core_and_optimizer_resumes_to_the_same_bytes(
    task, core, optimizer, small, tmp_path
):
    config = small(task, updates=20, network=NetworkConfig(core=core, units=4))
    config = replace(config, learning=replace(config.learning, optimizer=optimizer))
    whole = train(config, tmp_path / "whole")
    resumed = train(config, tmp_path / "parts", stops=(6, 7))
    assert contents(resumed) == contents(whole)


def test_saving_more_often_changes_nothing(small, reference, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "SAVE_SECONDS", 0.0)
    assert contents(train(small(), tmp_path)) == contents(reference)


def test_an_observer_changes_nothing(small, reference, tmp_path):
    files = SubjectFolder(tmp_path)
    train_subjects(small(), {0: files}, Reporter(), lambda subject, steps: Witness())
    assert contents(files) == contents(reference)


class Witness:
    """An observer that remembers, and draws from the global generator."""

    def __init__(self):
        self.rows, self.snapshots, self.closed = [], [], 0

    def on_metrics(self, row):
        self.rows.append(row)
        torch.rand(3)

    def on_snapshot(self, number, network):
        self.snapshots.append((number, weights_hash(network)))

    def close(self):
        self.closed += 1


def test_an_observer_sees_every_point_and_snapshot_and_is_closed(small, tmp_path):
    witness, asked = Witness(), []

    def make(subject, steps):
        asked.append(steps)
        return witness

    files = SubjectFolder(tmp_path)
    with pytest.raises(Interrupted):
        train_subjects(small(), {0: files}, Stop(13), make)
    assert witness.closed == 1
    train_subjects(small(), {0: files}, Reporter(), make)
    assert asked == [0, 13 * 3 * 14]
    assert witness.closed == 2
    assert [row["update"] for row in witness.rows] == list(range(1, 41))
    assert [number for number, _ in witness.snapshots] == list(range(1, 21))
    for number, received in witness.snapshots:
        assert weights_hash(files.policy(number)) == received


def test_an_observer_is_closed_when_training_breaks(small, tmp_path):
    witness = Witness()
    config = small("toys:Lottery", fault="raise", fault_below=1.0)
    with pytest.raises(RuntimeError, match="burnt down"):
        train_subjects(
            config,
            {0: SubjectFolder(tmp_path)},
            Reporter(),
            lambda subject, steps: witness,
        )
    assert witness.closed == 1


def test_a_subjects_folder_is_complete(small, reference):
    path = reference.path
    assert sorted(p.name for p in path.iterdir()) == [
        "config.json",
        "cost.json",
        "hashes.json",
        "metrics.csv",
        "policy.safetensors",
        "snapshots",
        "state.pt",
        "versions.json",
    ]
    assert len(list((path / "snapshots").iterdir())) == 1 + SNAPSHOTS
    assert from_plain(json.loads((path / "config.json").read_text())) == small()
    versions = json.loads((path / "versions.json").read_text())
    assert {"python", "torch", "numpy", "metarl-neuro"} <= set(versions)


def test_snapshots_go_from_the_untrained_to_the_trained_network(small, reference):
    first, last = reference.policy(0), reference.policy(SNAPSHOTS)
    assert weights_hash(first) == weights_hash(make_network(small(), 0))
    assert weights_hash(last) == weights_hash(reference.policy())
    group, hashes = make_group(small(), [0]), []
    for _ in range(SNAPSHOTS):
        hashes.append(weights_hash(group.members[0].network))
        group.update()
        group.update()
    assert len(set(hashes)) == SNAPSHOTS
    assert hashes == [weights_hash(reference.policy(k)) for k in range(SNAPSHOTS)]


def test_the_learning_curve_is_whole(small, reference):
    metrics = reference.metrics
    assert set(metrics.columns) >= METRICS
    assert metrics["update"].tolist() == list(range(1, 41))
    assert metrics["steps"].tolist() == [3 * 14 * k for k in range(1, 41)]
    others = metrics.drop(columns="rollout/return")
    assert others.notna().all(axis=None)
    # Episodes of 18 steps, unrolls of 14: an episode ends in all but a few unrolls.
    ended = metrics["update"] * 14 // 18 > (metrics["update"] - 1) * 14 // 18
    assert metrics["rollout/return"].notna().equals(ended)
    assert metrics["rollout/reward_rate"].between(-1, 1).all()
    done = metrics["update"] * 14 // 18 * 3
    assert metrics["rollout/episodes"].tolist() == done.tolist()


def test_a_long_training_has_two_hundred_points(small, tmp_path):
    config = small(num_envs=1, unroll_steps=1, updates=250, learning=A2CConfig())
    files = train(config, tmp_path)
    updates = files.metrics["update"]
    assert len(updates) == 200
    assert updates.iloc[-1] == 250
    assert set(updates.diff().dropna()) == {1, 2}


def test_a_training_of_one_update_is_a_training(small, tmp_path):
    files = train(small(updates=1), tmp_path)
    assert len(files.metrics) == 1
    assert weights_hash(files.policy(SNAPSHOTS)) == weights_hash(files.policy())


def test_training_that_diverges_stops_with_one_sentence(small, tmp_path):
    config = small(learning=A2CConfig(learning_rate=constant(1e38)))
    words = r"training diverged before step \d+: the gradient's norm is nan; set a low"
    with pytest.raises(MetaRLError, match=words):
        train(config, tmp_path)
    for path in tmp_path.glob("snapshots/*"):
        assert all(p.isfinite().all() for p in load_policy(path).parameters())


def test_unrolls_of_one_step_train(small, tmp_path):
    files = train(small(unroll_steps=1, updates=30), tmp_path)
    assert files.metrics["train/grad_norm"].gt(0).all()


def test_progress_is_reported_from_low_to_complete(small, tmp_path):
    received = []
    train_subjects(
        small(), {0: SubjectFolder(tmp_path)}, Reporter(report=received.append)
    )
    assert received == sorted(received)
    assert (len(received), received[-1]) == (40, 1.0)


@pytest.mark.parametrize("fault", ["nan", "raise"])
def test_a_tasks_failure_leaves_no_policy_and_no_half_file(fault, small, tmp_path):
    config = small("toys:Lottery", fault=fault, fault_below=1.0)
    error, words = {
        "nan": (
            MetaRLError,
            "reward must be a finite number, got nan in environment 0; correct",
        ),
        "raise": (RuntimeError, "the lottery burnt down"),
    }[fault]
    files = SubjectFolder(tmp_path)
    with pytest.raises(error, match=words):
        train_subjects(config, {0: files}, Reporter())
    assert not files.finished
    assert not files.state_path.exists()
    assert not list(tmp_path.rglob(".*"))


def test_an_invalid_reward_late_in_an_unroll_is_refused_before_the_update(small):
    trainer = Trainer(small(), 0)
    trainer.update()
    before = weights_hash(trainer.network)
    step, calls = trainer.task.step, []

    def broken(actions, noise):
        calls.append(1)
        answer = step(actions, noise)
        reward = answer.reward.clone()
        if len(calls) == 6:
            reward[2] = -math.inf
        return answer._replace(reward=reward)

    trainer.task.step = broken
    words = (
        "must be a finite number, got -inf in environment 2; correct the task's `step`"
    )
    with pytest.raises(ValueError, match=words):
        trainer.update()
    assert weights_hash(trainer.network) == before


def test_a_state_with_other_columns_of_the_learning_curve_is_refused(small, tmp_path):
    """Otherwise later rows would not match the header."""
    files = SubjectFolder(tmp_path)
    with pytest.raises(Interrupted):
        train_subjects(small(), {0: files}, Stop(2))
    state = load_state(files.state_path)
    del state["averages"]["episodes_before"]
    save_state(files.state_path, state)
    words = r"does not fit this version of metarl \('episodes_before'\); delete its"
    with pytest.raises(MetaRLError, match=words):
        train_subjects(small(), {0: files}, Reporter())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({}, r"state.pt does not fit this version of metarl \('network'\); delete its"),
        (
            {"network": 3},
            r"state.pt does not fit this version of metarl \(.*; delete its",
        ),
        (None, r"is not from this subject of this run: its task is missing, not two-"),
        (
            [1, 2],
            r"state.pt is damaged \(it holds a list\); delete its folder to train",
        ),
    ],
)
def test_a_state_of_something_else_is_refused(content, words, small, tmp_path):
    files = SubjectFolder(tmp_path)
    with pytest.raises(Interrupted):
        train_subjects(small(), {0: files}, Stop(2))
    if isinstance(content, dict):
        content["owner"] = identity(small(), 0)
    save_state(files.state_path, {} if content is None else content)
    with pytest.raises(MetaRLError, match=words):
        train_subjects(small(), {0: files}, Reporter())


def test_a_state_of_another_network_names_what_differs(small, tmp_path):
    files = SubjectFolder(tmp_path)
    with pytest.raises(Interrupted):
        train_subjects(small(), {0: files}, Stop(2))
    other = small(network=NetworkConfig(units=7))
    with pytest.raises(MetaRLError, match=r"this run: its configuration is .*, not"):
        train_subjects(other, {0: files}, Reporter())
    with pytest.raises(MetaRLError, match="this run: its subject is 0, not 1; restore"):
        train_subjects(small(), {1: files}, Reporter())
    state = load_state(files.state_path)
    save_state(files.state_path, {**state, "owner": identity(other, 0)})
    with pytest.raises(MetaRLError, match=r"parameter core.weight is .*needs"):
        train_subjects(other, {0: files}, Reporter())


def test_a_state_holds_tensors_and_plain_values_alone(small, tmp_path):
    files = SubjectFolder(tmp_path)
    with pytest.raises(Interrupted):
        train_subjects(small(), {0: files}, Stop(5))
    state = load_state(files.state_path)
    assert state["updates"] == 5
    assert len(state["rows"]) == 5


LITERAL = A2CConfig(
    learning_rate=constant(0.0),
    discount=constant(0.8),
    value_weight=0.3,
    entropy_weight=constant(0.1),
)


@pytest.mark.parametrize("task", ["two-step", "toys:Lottery"])
@pytest.mark.parametrize(
    "kind",
    [
        {"core": "lstm"},
        {"core": "gru"},
        {"critic": "separate", "feedback": "rpe"},
        {"critic": "separate", "feedback": "rpe", "core": "gru"},
    ],
)
def test_each_update_is_the_papers_over_the_transitions_of_the_rollout(
    kind, task, small
):
    """Against a loop in which autograd sees every step, across episodes and unrolls."""
    network = NetworkConfig(units=5, input_gain=3.0, head_deviation=0.5, **kind)
    assert_learns_as_published(small(task, network=network, learning=LITERAL))


@pytest.mark.parametrize(
    "kind",
    [{"core": "lstm"}, {"core": "gru"}, {"critic": "separate", "feedback": "rpe"}],
)
def test_without_carry_over_each_update_is_the_papers_too(kind, small):
    """No gradient passes from one trial to the one before."""
    network = NetworkConfig(units=5, input_gain=3.0, head_deviation=0.5, **kind)
    config = small(network=network, learning=LITERAL)
    training = replace(config.training, reset_memory="trial")
    assert_learns_as_published(replace(config, training=training))


def test_without_carry_over_every_trial_starts_from_the_initial_memory(small):
    config = small()
    training = replace(config.training, reset_memory="trial")
    trainer = Trainer(replace(config, training=training), 0)
    seen = []
    act = trainer.unroll.act

    def watched(inputs, memory):
        seen.append((inputs.clone(), memory[0].clone()))
        return act(inputs, memory)

    trainer.unroll.act = watched
    starts = trainer.collect_unroll().starts
    # Trials of three steps.
    assert [t for t, start in enumerate(starts) if start is not None] == [
        0,
        3,
        6,
        9,
        12,
    ]
    initial = trainer.network.core.initial[0]
    for t, (inputs, activity) in enumerate(seen):
        fresh = t % 3 == 0
        assert bool((activity == initial).all()) == fresh
        assert bool((inputs[:, -4:] == 0).all()) == fresh, t


def assert_learns_as_published(config):
    """Five updates at no rate have the gradients of `papers_loss`."""
    trainer, twin = Trainer(config, 0), make_network(config, 0)
    for buffer in twin.buffers():
        buffer.fill_(0.8)
    generator = torch.Generator().manual_seed(stream_seed(1, 0, "training"))
    other = task_class(config.task)(3, config.task_params)
    reset = config.training.reset_memory
    rollout = Rollout(other, twin, generator, reset_memory=reset)
    ends = 0
    for _ in range(5):
        trainer.update()
        twin.zero_grad(set_to_none=True)
        loss, ended = papers_loss(rollout, twin, steps=14)
        loss.backward()
        ends += ended
        for (name, ours), theirs in zip(
            trainer.network.named_parameters(), twin.parameters(), strict=True
        ):
            zero = torch.zeros_like(theirs)
            actual, expected = (
                zero if p.grad is None else p.grad for p in (ours, theirs)
            )
            torch.testing.assert_close(
                actual, expected, rtol=1e-4, atol=1e-6, msg=lambda m, n=name: n + m
            )
    assert ends > 6


# Encoders


PATCH = NetworkConfig(
    encoder="patch", filters=4, patch_size=3, units=5, head_deviation=0.5
)
STACK = replace(PATCH, encoder="stack", features=8, group_fan_in=True)
LARGE = {"width": 24, "height": 20}
"""Pixels enough for a stack."""


@pytest.mark.parametrize("core", ["lstm", "gru"])
def test_each_update_of_a_network_with_an_encoder_is_the_papers(core, small):
    network = replace(PATCH, core=core)
    assert_learns_as_published(small("flags:Flags", network=network, learning=LITERAL))


@pytest.mark.parametrize("core", ["lstm", "gru"])
@pytest.mark.parametrize(("network", "size"), [(PATCH, {}), (STACK, LARGE)])
def test_a_network_with_an_encoder_resumes_to_the_same_bytes(
    network, size, core, small, tmp_path
):
    config = small(
        "flags:Flags", network=replace(network, core=core), updates=20, **size
    )
    whole = train(config, tmp_path / "whole")
    for name, learned in whole.policy().named_parameters():
        if name.startswith("encoder"):
            assert not torch.equal(learned, whole.policy(0).get_parameter(name))
    resumed = train(config, tmp_path / "parts", stops=(6, 7))
    assert contents(resumed) == contents(whole)


def test_images_are_learned_from(small, tmp_path):
    """Only the colour in the image reveals the correct answer."""
    config = small("flags:Flags", network=PATCH, num_envs=16, updates=120)
    metrics = train(config, tmp_path).metrics
    assert metrics["rollout/reward_rate"].iloc[0] < 0.7
    assert metrics["rollout/reward_rate"].iloc[-15:].mean() > 0.9


def test_learning_sets_from_pixels_train_and_resume(tmp_path):
    config = preset("harlow", "smoke")
    config = replace(config, training=replace(config.training, updates=5))
    whole = train(config, tmp_path / "whole")
    assert contents(train(config, tmp_path / "parts", stops=(2,))) == contents(whole)


@pytest.mark.parametrize(
    ("task", "network", "words"),
    [
        ("flags:Flags", NetworkConfig(), "encoder must be none for a task without"),
        ("two-step", PATCH, "encoder must be none for a task without pixels"),
        ("flags:Flags", replace(PATCH, patch_size=10), r"patch_size must be in \[1, 9"),
        ("flags:Flags", STACK, "least side of the image, for encoder stack, must be"),
    ],
)
def test_an_encoder_that_does_not_fit_the_task_is_refused(task, network, words, small):
    config = small(task, network=network)
    for refuse in (check_trainable, lambda config: make_network(config, 0)):
        with pytest.raises(ValueError, match=words):
            refuse(config)


# A separate critic, and interventions


SEPARATE = NetworkConfig(critic="separate", feedback="rpe", units=5)


def test_the_error_that_is_an_input_has_the_discount_of_its_time(small, tmp_path):
    config = small(updates=20, network=SEPARATE)
    discount = Schedule(start=0.5, end=0.75)
    learning = replace(config.learning, discount=discount)
    files = train(replace(config, learning=learning), tmp_path, stops=(7,))
    for number in (0, 4, 10, SNAPSHOTS):
        received = float(files.policy(number).discount)
        assert received == pytest.approx(discount.at(number / SNAPSHOTS))
    assert float(files.policy().discount) == 0.75


CASES = [
    {"network": SEPARATE},
    {"network": SEPARATE, "interventions": (parse("rpe scale 0.5 when paid > 0"),)},
    {"interventions": (parse("teaching scale 0.5 when paid > 0 and trial > 1"),)},
    {
        "interventions": (
            parse("memory reset when trial == 2 and reward > 0"),
            parse("teaching add 1"),
        )
    },
    {"network": NetworkConfig(core="feedforward", units=5, feedback="none")},
]


def with_interventions(config, interventions=(), network=None):
    return replace(
        config,
        network=network or config.network,
        training=replace(config.training, interventions=interventions),
    )


@pytest.mark.parametrize("task", ["two-step", "toys:Lottery", "toys:Uneven"])
@pytest.mark.parametrize("settings", CASES)
def test_every_kind_of_network_and_intervention_resumes_to_the_same_bytes(
    settings, task, small, tmp_path
):
    config = with_interventions(small(task, updates=20), **settings)
    whole = train(config, tmp_path / "whole")
    resumed = train(config, tmp_path / "parts", stops=(6, 7))
    assert contents(resumed) == contents(whole)
    assert contents(whole) != contents(train(small(task, updates=20), tmp_path / "x"))


def test_node_perturbation_refuses_interventions():
    scaled = (parse("teaching scale 0"),)
    config = with_interventions(preset("two-step", "smoke"), scaled)
    network = replace(config.network, core="rnn")
    learning = replace(config.learning, rule="np")
    config = replace(config, network=network, learning=learning)
    with pytest.raises(
        ValueError, match=r"interventions must be \(\) where the rule is"
    ):
        check_trainable(config)
    check_trainable(with_interventions(config))


def taught_by(small, *interventions, entropy_weight=0.0, **more):
    """A trainer that learns at a constant rate from prediction errors alone."""
    learning = A2CConfig(
        learning_rate=constant(1e-2), entropy_weight=constant(entropy_weight)
    )
    parsed = tuple(map(parse, interventions))
    return Trainer(with_interventions(small(learning=learning, **more), parsed), 0)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("intervention", ["teaching scale 0", "teaching set 0"])
def test_prediction_errors_of_0_leave_the_weights_unchanged(
    intervention, normalize, small
):
    norms = []
    for interventions in ((), (parse(intervention),)):
        config = with_interventions(small(), interventions)
        learning = replace(
            config.learning,
            entropy_weight=constant(0.0),
            normalize_advantages=normalize,
        )
        trainer = Trainer(replace(config, learning=learning), 0)
        trainer.update()
        norms.append(trainer.point()["train/grad_norm"])
    # What is left is rounding: the critic's targets are its own values.
    assert norms[0] > 1e-2
    assert norms[1] < 1e-6


def test_the_errors_of_the_chosen_steps_alone_are_changed(small):
    """The condition is on the result of the step: here, the reward of its trial."""
    text = "teaching set 7 when reward < 0 and trial > 2"
    trainer = taught_by(
        small, text, unroll_steps=18, num_envs=8
    )  # an unroll, an episode
    trainer.update()
    trajectory = trainer.collect_unroll()
    sums = trajectory.rewards.unflatten(0, (6, 3)).sum(1)
    chosen = torch.zeros(18, 8, dtype=torch.bool)
    chosen[2::3] = sums < 0
    chosen[:6] = False  # two trials are over when the third one runs
    assert 0 < chosen.sum() < chosen.numel() / 3
    factor, addition = trajectory.rpe_transform
    assert torch.equal(factor, (~chosen).float())
    assert torch.equal(addition, 7 * chosen.float())


def test_the_changed_errors_are_what_is_learned_from(small):
    """Gradients, targets and the learning curve: all follow the changed errors."""
    twin, trainer = taught_by(small), taught_by(small, "teaching scale -2")
    rows = []
    for each in (twin, trainer, taught_by(small, "teaching add 1")):
        each.update()
        rows.append(each.point())
    plain, scaled, added = (row["rpe/mean"] for row in rows)
    assert scaled == pytest.approx(-2 * plain, rel=1e-5)
    assert added == pytest.approx(plain + 1, rel=1e-5)
    assert rows[1]["rollout/reward_rate"] == rows[0]["rollout/reward_rate"]
    for (name, parameter), other in zip(
        twin.network.named_parameters(), trainer.network.parameters(), strict=True
    ):
        torch.testing.assert_close(
            other.grad, -2 * parameter.grad, rtol=1e-4, atol=1e-6, msg=name
        )


def test_an_error_that_is_an_input_is_changed_in_training_too(small):
    interventions = (parse("rpe set 3 when trial > 1"),)
    config = with_interventions(small(), interventions, SEPARATE)
    trainer, fed = Trainer(config, 0), []
    step = trainer.unroll.actor.step

    def watched(inputs, memory):
        fed.append(inputs[:, -1].clone())
        return step(inputs, memory)

    trainer.unroll.actor.step = watched
    trainer.update()
    # Trials of three steps: the third one runs from step 6 on.
    received = torch.stack(fed)
    assert (received[6:] == 3).all()
    assert not (received[:6] == 3).any()
    assert not received[0].any()


def test_memory_is_reset_by_an_intervention_in_training(small):
    trainer = taught_by(small, "memory reset when trial == 1 and event == 'choice'")
    starts = trainer.collect_unroll().starts
    cleared = [t for t, start in enumerate(starts) if start is not None and t > 0]
    assert cleared == [4]
    trainer.update()
    assert trainer.network.core.initial.grad.any()


def test_an_episode_starts_from_the_memory_just_learned(small):
    trainer = Trainer(small(unroll_steps=18), 0)  # an unroll is an episode
    act, seen, learned = trainer.unroll.act, [], []

    def watched(inputs, memory):
        seen.append(torch.stack([part[0] for part in memory]).detach().clone())
        return act(inputs, memory)

    trainer.unroll.act = watched
    for _ in range(3):
        learned.append(trainer.network.core.initial.detach().clone())
        trainer.update()
    assert not torch.equal(learned[0], learned[1])
    for update, initial in enumerate(learned):
        assert torch.equal(seen[18 * update], initial)


def papers_loss(rollout, network, *, steps):
    """The loss of one unroll, each step differentiated as it is taken."""
    rollout.memory = tuple(part.detach() for part in rollout.memory)
    transitions = list(rollout.run(steps))
    bootstrap = network.act(rollout.inputs(), rollout.memory_now())
    following = bootstrap.value.detach()
    loss, ends = torch.zeros(()), 0
    for transition in reversed(transitions):
        goes_on = 0.8 * (~transition.terminated).float()
        following = transition.rewards + goes_on * following
        log_pi = transition.output.logits.log_softmax(1)
        delta = following - transition.output.value.detach()
        chosen = log_pi.gather(1, transition.actions.unsqueeze(1)).squeeze(1)
        entropy = -(log_pi.exp() * log_pi).sum(1)
        loss = loss - (delta * chosen).sum() - 0.1 * entropy.sum()
        loss = loss - 0.3 * (delta * transition.output.value).sum()
        ends += int(transition.terminated.sum())
    return loss / (3 * steps), ends


def test_schedules_follow_the_progress_of_the_run(small):
    config = small(updates=4)
    learning = replace(config.learning, learning_rate=constant(0.0))
    trainer = Trainer(replace(config, learning=learning), 0)
    before = weights_hash(trainer.network)
    seen = []
    for _ in range(4):
        seen.append(trainer.progress)
        trainer.update()
    assert seen == [0.0, 0.25, 0.5, 0.75]
    assert weights_hash(trainer.network) == before


def test_valid_responses_are_learned_in_training(small, tmp_path):
    config = small(num_envs=16, unroll_steps=18, updates=150)
    config = replace(config, network=replace(config.network, units=12))
    metrics = train(config, tmp_path).metrics
    reward = metrics["rollout/reward_rate"] * 3  # per trial
    # Random: -2/3 at fixation, -1/3 at the choice, 1/2 for each of 2/3 of choices.
    assert reward.iloc[0] < -0.4
    assert reward.iloc[-15:].mean() > 0.25


def test_metrics_are_read_without_a_loss(small, reference):
    state = load_state(reference.state_path)
    table = pd.DataFrame(state["rows"])
    pd.testing.assert_frame_equal(table, reference.metrics, check_exact=True)
    assert load_policy(reference.policy_path).action_count == 3


# Areas with costs of their own


DEVELOPING = CostsConfig(
    pfc=("reward", "observation", "rl"), schedule=("observation:0-9", "rl:5-")
)


def by_area(small, **more):
    """Two areas that learn in succession."""
    config = small(updates=20, **more)
    return replace(config, learning=replace(config.learning, costs=DEVELOPING))


@pytest.mark.parametrize("core", ["rnn", "lstm"])
def test_areas_resume_to_the_same_bytes(core, small, tmp_path):
    """Stopped before, between and after the times of their development."""
    config = by_area(small, network=NetworkConfig(core=core, units=4))
    whole = train(config, tmp_path / "whole")
    resumed = train(config, tmp_path / "parts", stops=(3, 4, 6))
    assert contents(resumed) == contents(whole)


def test_readouts_of_predictions_are_in_no_saved_policy(small, tmp_path):
    config = by_area(small)
    usual = small(updates=20)
    saved = [
        train(one, tmp_path / name).policy().state_dict()
        for name, one in (("areas", config), ("usual", usual))
    ]
    assert [name for name, _ in saved[0].items()] == list(saved[1])
    assert any((saved[0][name] != saved[1][name]).any() for name in saved[0])
    before = [make_network(one, 0) for one in (config, usual)]
    assert weights_hash(before[0]) == weights_hash(before[1])
