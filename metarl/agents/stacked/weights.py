"""Trainable numbers of several subjects, side by side in one tensor."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn

from metarl.agents.networks.actor_critic import ActorCritic

PARTS = "core.weight", "core.bias", "core.initial", "heads.weight", "heads.bias"
"""Parameters of a network in their order in the flat tensor."""


@dataclass(frozen=True)
class Sizes:
    """Sizes of a network."""

    observation: int
    actions: int
    units: int

    @property
    def inputs(self) -> int:
        """Length of the input vector."""
        return self.observation + self.actions + 1

    @property
    def numbers(self) -> int:
        """Number of weights, with biases and initial memory."""
        rows, outputs = self.inputs + self.units, self.actions + 1
        return (rows + 1) * 4 * self.units + 2 * self.units + outputs * (self.units + 1)


class StackedWeights:
    """Weights and moments of S networks with an LSTM, each an (S, F) tensor.

    The parameters of the networks become views of their rows, so that each network can
    be tested and saved as if it were alone. On another device than the CPU they are
    views of a copy: `pull` updates it, and `push` the device from it.
    """

    def __init__(
        self, networks: Sequence[ActorCritic], device: torch.device | str = "cpu"
    ) -> None:
        """Move the weights of the networks into one tensor on a device."""
        first = networks[0]
        observation = first.input_size - first.action_count - 1
        self.sizes = Sizes(observation, first.action_count, first.config.units)
        self.trains_initial = first.config.learned_initial_state
        self.mask = first.input_mask.mask
        self.subjects, self.device = len(networks), torch.device(device)
        self.shapes = {
            name: dict(first.named_parameters())[name].shape for name in PARTS
        }
        self.copy = torch.stack([flat(network) for network in networks])
        """Weights on the CPU, of which the networks' parameters are views."""
        self.weights = self.copy.to(self.device)
        self.gradient = torch.zeros_like(self.weights)
        self.squares = torch.zeros_like(self.weights)
        """Running means of squared gradients."""
        self.momentum = torch.zeros_like(self.weights)
        """Running means of gradients, of Adam alone."""
        self.updates = torch.zeros(
            self.subjects, 2, dtype=torch.int64, device=self.device
        )
        """Updates of all weights, and of the initial memory."""
        for network, row in zip(networks, self.copy, strict=True):
            for parameter, part in views(network, row):
                parameter.data = part

    def pull(self) -> None:
        """Give the networks their present weights."""
        if self.copy is not self.weights:
            self.copy.copy_(self.weights)

    def push(self) -> None:
        """Take the weights of the networks."""
        if self.copy is not self.weights:
            self.weights.copy_(self.copy)

    def places(self) -> dict[str, slice]:
        """Place of each parameter in a row, by name."""
        stops = [*accumulate(shape.numel() for shape in self.shapes.values())]
        starts = [0, *stops[:-1]]
        return {
            name: slice(first, stop)
            for name, first, stop in zip(PARTS, starts, stops, strict=True)
        }

    def named(self, rows: Tensor) -> dict[str, Tensor]:
        """Parameters of all subjects in (S, F) rows: name -> (S, ...) view."""
        return {
            name: rows[:, place].unflatten(1, self.shapes[name])
            for name, place in self.places().items()
        }

    def state(self, subject: int) -> dict[str, Any]:
        """Resumable state of the optimizer of one subject."""
        names = "squares", "momentum", "updates"
        return {name: getattr(self, name)[subject].cpu().clone() for name in names}

    def load_state(self, subject: int, state: dict[str, Any]) -> None:
        """Restore a `state`."""
        for name, values in state.items():
            getattr(self, name)[subject].copy_(values)


def flat(network: nn.Module) -> Tensor:
    """(F,) copy of the weights of a network."""
    parameters = dict(network.named_parameters())
    return torch.cat([parameters[name].detach().flatten() for name in PARTS])


def views(network: nn.Module, row: Tensor) -> Iterator[tuple[nn.Parameter, Tensor]]:
    """Each parameter with its part of an (F,) row."""
    parameters, first = dict(network.named_parameters()), 0
    for name in PARTS:
        parameter = parameters[name]
        stop = first + parameter.numel()
        yield parameter, row[first:stop].view_as(parameter)
        first = stop
