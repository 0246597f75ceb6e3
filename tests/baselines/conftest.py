"""A plain stepping loop, for tests of single policies."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from metarl.core.policy import Policy, join_inputs
from metarl.envs.task import Task

Play = dict[str, Tensor]
"""Rows "row NAME" (trials, B); "value", "reward", "logits", "event" (steps, B)."""


def _play(task: Task[Any], policy: Policy, seed: int = 0) -> Play:
    generator = torch.Generator().manual_seed(seed)
    size = (task.num_envs, task.noise_size)
    observation = task.reset(torch.rand(size, generator=generator))
    memory = policy.initial_memory(task.num_envs)
    one_hot = torch.eye(task.action_count)
    last_action = torch.zeros(task.num_envs, task.action_count)
    last_reward = torch.zeros(task.num_envs)
    results: dict[str, list[Tensor]] = {}
    for _ in range(task.episode_steps or 0):
        output = policy.act(join_inputs(observation, last_action, last_reward), memory)
        probabilities = output.logits.softmax(1)
        actions = torch.multinomial(probabilities, 1, generator=generator).squeeze(1)
        event = task.event()
        step = task.step(actions, torch.rand(size, generator=generator))
        now = {"value": output.value, "reward": step.reward, "event": event}
        now |= {"logits": output.logits, "action": actions}
        if bool(step.trial_ended.any()):
            now |= {f"row {name}": v.clone() for name, v in task.trial_row().items()}
        for name, values in now.items():
            results.setdefault(name, []).append(values)
        observation, memory = step.observation, output.memory
        last_action, last_reward = one_hot[actions], step.reward
    return {name: torch.stack(values) for name, values in results.items()}


@pytest.fixture(scope="session")
def play() -> Callable[..., Play]:
    """Play one episode in every environment: play(task, policy, seed=0)."""
    return _play


def _stays(played: Play) -> list[float]:
    stay = played["row choice"][1:] == played["row choice"][:-1]
    won = (played["row reward"] > 0)[:-1]
    rare = (played["row transition"] == 1)[:-1]
    pairs = ((won, ~rare), (won, rare), (~won, ~rare), (~won, rare))
    return [float(stay[one & other].double().mean()) for one, other in pairs]


@pytest.fixture(scope="session")
def stays() -> Callable[[Play], list[float]]:
    """Stay probabilities: rewarded common, rare, unrewarded common, rare."""
    return _stays
