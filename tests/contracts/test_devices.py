"""Tasks, networks and learning on any device, without waiting for it in an unroll.

The device meta holds no numbers: it refuses to read a tensor, and to mix one with those
of another device. What a GPU computes is compared with the CPU where there is one.
"""

from dataclasses import replace

import pytest
import torch

from metarl.agents.networks.actor_critic import weights_hash
from metarl.agents.stacked.tensors import TensorNetworks
from metarl.agents.stacked.weights import StackedWeights
from metarl.core.devices import make_generator
from metarl.core.parallel import Reporter
from metarl.envs.registry import NAMES, task_class
from metarl.experiments.spec import preset
from metarl.runs.config import EvaluationConfig
from metarl.runs.folder import EvaluationFolder, SubjectFolder
from metarl.simulation.evaluation import evaluate_network
from metarl.simulation.stacked_rollout import StackedRollout
from metarl.training import trainer
from metarl.training.groups import train_subjects
from metarl.training.stacked import StackedGroup, why_alone
from metarl.training.trainer import Trainer, make_network

STACKED = [name for name in NAMES if not why_alone(preset(name, "smoke"), "cuda")]
ONE_LENGTH = [
    name
    for name in NAMES
    if task_class(name)(1, preset(name).task_params).episode_steps
]
"""Tasks with episodes of one length; others are asked for their ends at every step."""
gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU with CUDA")


@pytest.mark.parametrize("reset", ["episode", "trial"])
@pytest.mark.parametrize("name", STACKED)
def test_subjects_learn_every_task_on_any_device_without_waiting(name, reset, small):
    config = small(name)
    networks = [make_network(config, subject) for subject in range(2)]
    stacked = TensorNetworks(
        StackedWeights(networks, "meta"), config.learning, steps=7, num_envs=3
    )
    rollout = StackedRollout(
        task_class(name)(6, config.task_params, "meta"),
        stacked,
        [make_generator(seed, "meta") for seed in range(2)],
        reset_memory=reset,
    )
    for _ in range(2 + (rollout.episode_steps or 0) // 7):
        rollout.run(7)
        stacked.update([0.1] * 2, [0.9] * 2, [0.1] * 2)
    assert stacked.metrics().is_meta


@pytest.mark.parametrize(
    ("name", "core"),
    [(n, "lstm") for n in ONE_LENGTH]
    + [("two-step", core) for core in ("gru", "rnn", "feedforward")],
)
def test_one_subject_learns_on_any_device_without_waiting(
    name, core, small, monkeypatch
):
    config = small(name)
    config = replace(config, network=replace(config.network, core=core))
    # Rewards are read once an unroll, after its last step.
    monkeypatch.setattr(trainer, "finite_rewards", lambda rewards: rewards)
    alone = Trainer(config, 0, "meta")
    for _ in range(3):
        trajectory = alone.collect_unroll()
        scalars = alone.learner.update(alone.unroll, trajectory, 0.5)
    assert all(value.is_meta for value in scalars.values())


def folders(path, count):
    return {k: SubjectFolder(path / f"subject-{k}") for k in range(count)}


@gpu
@pytest.mark.parametrize("name", STACKED)
def test_a_gpu_repeats_itself_and_resumes(name, small, tmp_path):
    config = small(name, updates=20)
    first, again = (folders(tmp_path / part, 2) for part in "ab")
    for each in (first, again):
        train_subjects(config, each, Reporter(), device="cuda")
    assert weights_hash(first[1].policy()) == weights_hash(again[1].policy())
    assert '"cuda"' in (first[0].path / "versions.json").read_text()


@gpu
@pytest.mark.parametrize("name", STACKED)
def test_a_gpu_has_the_gradients_of_the_cpu(name, small):
    config = small(name)
    groups = [
        StackedGroup(config, [0, 1], by="stacked", device=d) for d in ("cpu", "cuda")
    ]
    steps = config.training.unroll_steps
    size = steps, groups[0].rollout.task.num_envs, groups[0].rollout.task.noise_size
    noise = torch.rand(size)
    for group in groups:
        task, networks = group.rollout.task, group.networks
        device = task.device
        networks.begin()
        now = task.reset(noise[0].to(device))
        action, reward = torch.zeros_like(now[:, 0]).long(), torch.zeros_like(now[:, 0])
        ended, start = task.never, task.always
        gumbel = torch.eye(task.action_count, device=device)[0].expand(size[1], -1)
        for t in range(steps):
            action = networks.step(t, now, action, reward, ended, start, 1e9 * gumbel)
            now, reward, ended, _ = task.step(action, noise[t].to(device))
            start = None
        networks.step(steps, now, action, reward, ended, None, None)
        networks.differentiate([0.9] * 2, [0.05] * 2)
    on_cpu, on_gpu = (group.weights.gradient.cpu() for group in groups)
    torch.testing.assert_close(on_gpu, on_cpu, rtol=1e-3, atol=1e-5)


@gpu
@pytest.mark.parametrize("name", STACKED)
def test_a_network_is_tested_on_a_gpu(name, small, tmp_path):
    config, folder = small(name), EvaluationFolder(tmp_path / "test")
    network, test = make_network(config, 0), EvaluationConfig(episodes=4)
    metadata = evaluate_network(config, 0, network, test, folder, device="cuda")
    assert metadata["weights_before"] == metadata["weights_after"]
    assert len(folder.trials)
