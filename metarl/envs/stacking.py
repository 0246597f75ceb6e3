"""States of several subjects in the environments of one task."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from metarl.envs.task import Task

State = dict[str, Any]


def env_axes(kind: type[Task[Any]], params: object) -> dict[str, int]:
    """Axis of the environments in each tensor of a task's state.

    Found by comparing the shapes of tasks with two and with three environments.
    """
    states = []
    for num_envs in (2, 3):
        task = kind(num_envs, params)
        task.reset(torch.full((num_envs, task.noise_size), 0.5))
        states.append(task.state())
    two, three = states
    return {
        name: _differing(value.shape, three[name].shape)
        for name, value in two.items()
        if isinstance(value, Tensor) and value.shape != three[name].shape
    }


def _differing(one: Sequence[int], other: Sequence[int]) -> int:
    pairs = zip(one, other, strict=True)
    return next(axis for axis, (a, b) in enumerate(pairs) if a != b)


def state_of(state: State, axes: dict[str, int], subject: int, num_envs: int) -> State:
    """State of one subject, with `num_envs` environments, from that of all."""
    first = subject * num_envs
    return {
        name: value.narrow(axes[name], first, num_envs).clone()
        if name in axes
        else value
        for name, value in state.items()
    }


def joined_state(states: Sequence[State], axes: dict[str, int]) -> State:
    """State of all subjects; ValueError if one is at another step of its episode."""
    first = states[0]
    for name in first.keys() - axes.keys():
        if any(not _equal(state[name], first[name]) for state in states):
            raise ValueError(f"subjects differ in {name}")
    return {
        name: torch.cat([state[name] for state in states], axes[name])
        if name in axes
        else value
        for name, value in first.items()
    }


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    return bool(one == other)
