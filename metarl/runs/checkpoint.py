"""Networks and resumable state on disk: written whole, checked when read."""

import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from metarl.agents.config import NetworkConfig
from metarl.agents.networks.actor_critic import Network, build
from metarl.core.checks import MetaRLError
from metarl.core.files import write_bytes
from metarl.core.policy import input_size
from metarl.envs.task import Task


def save_policy(path: Path, network: Network, config: NetworkConfig) -> None:
    """Write a network's weights, with the sizes needed to build it again."""
    sizes = {
        "input_size": network.input_size,
        "action_count": network.action_count,
        "view_size": network.view_size,
        "network": asdict(config),
    }
    # One key: with several, the order of the metadata varies between processes.
    metadata = {"metarl": json.dumps(sizes)}
    tensors = {k: v.contiguous() for k, v in network.state_dict().items()}
    write_bytes(path, save(tensors, metadata))


def load_policy(path: Path) -> Network:
    """Read the network that `save_policy` wrote; raise MetaRLError if it is damaged."""
    if not path.exists():
        raise MetaRLError(f"{path} is missing; train the subject first")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = json.loads(file.metadata()["metarl"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        sizes = metadata["input_size"], metadata["action_count"]
        view = metadata.get("view_size")
        network = build(
            *sizes,
            NetworkConfig(**metadata["network"]),
            seed=0,
            view_size=view and tuple(view),
        )
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise MetaRLError(
            f"{path} is not a readable metarl network ({error}); "
            "use another snapshot, or train the subject again"
        ) from None
    load_weights(network, tensors, path)
    return network


def load_weights(
    network: Network, tensors: dict[str, torch.Tensor], path: Path
) -> None:
    """Copy tensors into a network; raise MetaRLError if a shape differs."""
    expected = network.state_dict()
    for name, value in expected.items():
        shape = tuple(tensors[name].shape) if name in tensors else "missing"
        if shape != tuple(value.shape):
            raise MetaRLError(
                f"{path}: parameter {name} is {shape}, "
                f"this network needs {tuple(value.shape)}"
            )
    network.load_state_dict(tensors)


def check_fits(network: Network, task: Task[Any]) -> None:
    """Raise MetaRLError unless the network has the inputs and actions of the task."""
    inputs = input_size(task.observation_size, task.action_count)
    takes = _sizes(network.input_size, network.action_count, network.view_size)
    needed = _sizes(inputs, task.action_count, task.view_size)
    if takes != needed:
        raise MetaRLError(
            f"the network takes {takes}, the task has {needed}; "
            "evaluate it on the task it learned"
        )


def _sizes(inputs: int, actions: int, view: tuple[int, int] | None) -> str:
    image = f"an image of {view[0]} x {view[1]} pixels" if view else "no image"
    return f"{inputs} inputs, {actions} actions and {image}"


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write resumable state: tensors and plain values."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_bytes(path, buffer.getvalue())


def load_state(path: Path) -> dict[str, Any]:
    """Read resumable state; raise MetaRLError if it is damaged."""
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True)
    except Exception as error:  # noqa: BLE001 a damaged file raises many kinds
        raise MetaRLError(
            f"{path} is damaged ({type(error).__name__}); "
            "delete its folder to train this subject again"
        ) from None
    return state
