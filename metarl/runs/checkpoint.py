"""Networks and resumable state on disk: written whole, checked when read."""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from metarl.agents.config import NetworkConfig
from metarl.agents.networks.actor_critic import Network, build
from metarl.core.checks import MetaRLError
from metarl.core.fields import Range, check_type, check_whole
from metarl.core.files import SEAL, exists, write_bytes
from metarl.core.policy import input_size
from metarl.envs.task import Task
from metarl.runs.config import check_identity


def save_policy(
    path: Path,
    network: Network,
    config: NetworkConfig,
    owner: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Write a network's weights, with the sizes needed to build it again.

    Args:
        path: file.
        network: network.
        config: its configuration.
        owner: what the network belongs to, such as an `identity`.
    """
    sizes = {
        "input_size": network.input_size,
        "action_count": network.action_count,
        "view_size": network.view_size,
        "network": asdict(config),
        **owner,
    }
    tensors = {k: v.contiguous() for k, v in network.state_dict().items()}
    # One key: with several, the order of the metadata varies between processes.
    metadata = {"metarl": json.dumps({**sizes, SEAL: _policy_hash(sizes, tensors)})}
    write_bytes(path, save(tensors, metadata))


def _policy_hash(sizes: Mapping[str, Any], tensors: dict[str, torch.Tensor]) -> str:
    """SHA-256 of the entries and of the names, shapes, types and bytes of weights."""
    digest = hashlib.sha256(json.dumps(sizes, sort_keys=True).encode())
    for name, value in sorted(tensors.items()):
        digest.update(f"{name}{tuple(value.shape)}{value.dtype}".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def load_policy(path: Path, owner: Mapping[str, Any] = MappingProxyType({})) -> Network:
    """Read the network that `save_policy` wrote.

    Args:
        path: file.
        owner: entries that the file must have, such as an `identity`.

    Raises:
        MetaRLError: it is missing or damaged, belongs to another owner, or a weight is
            not finite.
    """
    if not exists(path):
        raise MetaRLError(f"{path} is missing; train the subject first")
    try:
        sizes, tensors = _read_policy(path)
        view = sizes["view_size"] and tuple(sizes["view_size"])
        check_type("view_size", view, tuple[int, ...] | None)
        network = build(
            check_whole("input_size", sizes["input_size"], SIZES),
            check_whole("action_count", sizes["action_count"], SIZES),
            NetworkConfig(**sizes["network"]),
            seed=0,
            view_size=view,
        )
    except _UNREADABLE as error:
        lacks = f"it has no entry {error}" if isinstance(error, KeyError) else error
        raise MetaRLError(
            f"{path} is not a readable metarl network ({lacks}); use another snapshot, "
            "or delete it and repeat `metarl train` with --resume"
        ) from None
    check_identity(path, sizes, owner)
    load_weights(network, tensors, path)
    return network


SIZES = Range(1, 100_000, why="no task has so many inputs or actions")
"""Range of the numbers of inputs and actions of a network."""
_UNREADABLE = (
    SafetensorError,
    OSError,
    AttributeError,
    KeyError,
    TypeError,
    ValueError,
    RuntimeError,
    RecursionError,
)
"""Errors of reading a damaged policy, and of building a network from wrong sizes."""


def _read_policy(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Entries and weights of a policy; raise ValueError if they are not as written."""
    with safe_open(path, framework="pt") as file:
        sizes = json.loads(file.metadata()["metarl"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    seal = sizes.pop(SEAL)
    if seal != _policy_hash(sizes, tensors):
        raise ValueError("its SHA-256 is not that of the network that was saved")
    wrong = [k for k, value in tensors.items() if not bool(value.isfinite().all())]
    if wrong:
        raise ValueError(f"parameter {wrong[0]} has a weight that is not finite")
    return sizes, tensors


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


STATE_SEAL = b"\nsha256 "
"""Start of the last line of a state, before the SHA-256 of all that comes before it."""


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write resumable state: tensors and plain values."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    # `torch.load` reads the file, as it ignores what follows the archive.
    digest = hashlib.sha256(buffer.getbuffer()).hexdigest()
    buffer.seek(0, io.SEEK_END)
    buffer.write(STATE_SEAL + digest.encode())
    write_bytes(path, buffer.getvalue())


def load_state(path: Path) -> dict[str, Any]:
    """Read resumable state; raise MetaRLError if it is damaged."""
    try:
        data = path.read_bytes()
        content, seal, digest = data.rpartition(STATE_SEAL)
        if not seal or hashlib.sha256(content).hexdigest().encode() != digest:
            raise ValueError("its SHA-256 is not that of the state that was saved")
        state: dict[str, Any] = torch.load(io.BytesIO(content), weights_only=True)
        if not isinstance(state, dict):
            raise ValueError(f"it holds a {type(state).__name__}")
    except Exception as error:  # noqa: BLE001 a damaged file raises many kinds
        reason = error if isinstance(error, ValueError) else type(error).__name__
        raise MetaRLError(
            f"{path} is damaged ({reason}); "
            "delete its folder to train this subject again"
        ) from None
    return state
