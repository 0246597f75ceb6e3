"""Training with replay: resumed to the same bytes, refusals, off by default."""

from dataclasses import replace

import pytest
import torch
from safetensors.numpy import load_file

from metarl.agents.config import NetworkConfig
from metarl.agents.learning.config import ReplayConfig
from metarl.agents.networks.actor_critic import weights_hash
from metarl.cli.main import main
from metarl.core.interventions import parse
from metarl.core.parallel import Interrupted, Reporter
from metarl.runs.checkpoint import load_state
from metarl.runs.config import from_plain, to_plain
from metarl.runs.folder import SubjectFolder
from metarl.training.groups import train_subjects
from metarl.training.trainer import Trainer, check_trainable


def train(config, folder, stops=()):
    """Train a subject to its end, through so many stops on the way."""
    files = SubjectFolder(folder)
    for stop in stops:
        answers = iter([False] * stop)
        stopping = Reporter(should_stop=lambda left=answers: next(left, True))
        with pytest.raises(Interrupted):
            train_subjects(config, {0: files}, stopping)
    train_subjects(config, {0: files}, Reporter())
    return files


def contents(files):
    """Weights of every policy, and the learning curve; a policy names its settings."""
    paths = [*sorted(files.path.glob("snapshots/*")), files.policy_path]
    policies = {path.name: load_file(path) for path in paths}
    weights = {
        (name, key): array.tobytes()
        for name, tensors in policies.items()
        for key, array in tensors.items()
    }
    return weights | {"metrics": files.metrics_path.read_bytes()}


def replaying(small, mode, task="bandit", *, steps=12, **settings):
    """Two episodes of 6 trials in an unroll, replayed twice."""
    config = small(task, unroll_steps=steps, updates=20)
    replay = ReplayConfig(mode=mode, ratio=2, episodes=9, **settings)
    return replace(config, learning=replace(config.learning, replay=replay))


MODES = [
    ("naive", "ring"),
    ("uniform", "reservoir"),
    ("prioritised", "ring"),
    ("clear", "reservoir"),
    ("sil", "ring"),
]


@pytest.mark.parametrize(("mode", "buffer"), MODES)
def test_stopped_and_resumed_equals_never_stopped(mode, buffer, small, tmp_path):
    config = replaying(small, mode, buffer=buffer)
    whole = train(config, tmp_path / "whole")
    resumed = train(config, tmp_path / "parts", stops=(6, 7))
    assert contents(resumed) == contents(whole)


def test_every_mode_leads_to_other_weights(small):
    hashes = set()
    for mode, buffer in [("none", "ring"), *MODES]:
        trainer = Trainer(replaying(small, mode, buffer=buffer), 0)
        for _ in range(3):
            trainer.update()
        hashes.add(weights_hash(trainer.network))
    assert len(hashes) == len(MODES) + 1


def test_without_replay_its_settings_change_no_byte(small, tmp_path):
    plain = train(small("bandit"), tmp_path / "plain")
    config = small("bandit")
    replay = ReplayConfig(ratio=9, episodes=2, buffer="reservoir")
    config = replace(config, learning=replace(config.learning, replay=replay))
    feedback = train(config, tmp_path / "feedback")
    assert contents(feedback) == contents(plain)
    assert load_state(plain.state_path).get("replayer", {}) == {}


@pytest.mark.parametrize("task", ["two-step", "risky-choice", "inferred-value"])
@pytest.mark.parametrize("core", ["lstm", "gru"])
def test_replayed_episodes_of_other_tasks_are_the_same(task, core, small):
    """The present weights decide in a replay as they did while acting."""
    steps = Trainer(small(task, updates=1), 0).task.episode_steps
    config = replaying(small, "uniform", task, steps=2 * steps)
    network = NetworkConfig(core=core, units=4)
    trainer = Trainer(replace(config, network=network), 0)
    fresh = trainer.collect_unroll()
    replayer = trainer.replayer
    replayer.buffer.add(replayer._episodes(fresh))
    generator_of = replayer.buffer.sample(6)
    pairs = [
        part.unflatten(1, (2, 3)).transpose(0, 1) for part in generator_of.episodes
    ]
    old = type(generator_of.episodes)(*(part.flatten(0, 1) for part in pairs))
    replayed = replayer.rollout(old)
    torch.testing.assert_close(replayed.logits, old.logits)
    torch.testing.assert_close(replayed.values[:-1], old.values)


def test_an_unroll_of_part_of_an_episode_is_refused(small):
    with pytest.raises(ValueError, match="must hold whole episodes of one length"):
        check_trainable(replaying(small, "uniform", steps=8))


@pytest.mark.parametrize("change", [{"reset_memory": "trial"}, {"interventions": True}])
def test_episodes_that_would_differ_in_replay_are_refused(change, small):
    config = replaying(small, "uniform")
    if "interventions" in change:
        change = {"interventions": (parse("teaching scale 0.5 when paid > 0"),)}
    with pytest.raises(ValueError, match="would differ from the original"):
        replace(config, training=replace(config.training, **change))


def test_a_configuration_with_replay_is_read_back_from_json(small):
    config = replaying(small, "clear")
    assert from_plain(to_plain(config)) == config


def test_the_command_trains_with_replay(tmp_path, capsys):
    out = str(tmp_path / "run")
    words = ["train", "bandit", "--preset", "smoke", "--training.unroll-steps", "100"]
    words += ["--training.updates", "3", "--subjects", "1", "--workers", "1"]
    words += ["--learning.replay.mode", "uniform", "--out", out]
    assert main(words) == 0
    header = (tmp_path / "run" / "subject-00" / "metrics.csv").read_text()
    assert "replay/grad_norm" in header
