"""Trainable numbers of several subjects, side by side in one tensor."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
    be tested and saved as if it were alone.
    """

    def __init__(self, networks: Sequence[ActorCritic]) -> None:
        """Move the weights of the networks into one tensor."""
        first = networks[0]
        observation = first.input_size - first.action_count - 1
        self.sizes = Sizes(observation, first.action_count, first.config.units)
        self.trains_initial = first.config.learned_initial_state
        self.mask = first.input_mask.mask
        self.subjects = len(networks)
        self.weights = torch.stack([flat(network) for network in networks])
        self.gradient = torch.zeros_like(self.weights)
        self.squares = torch.zeros_like(self.weights)
        """Running means of squared gradients."""
        self.momentum = torch.zeros_like(self.weights)
        """Running means of gradients, of Adam alone."""
        self.updates = torch.zeros(self.subjects, 2, dtype=torch.int64)
        """Updates of all weights, and of the initial memory."""
        for network, row in zip(networks, self.weights, strict=True):
            for parameter, part in views(network, row):
                parameter.data = part

    def state(self, subject: int) -> dict[str, Any]:
        """Resumable state of the optimizer of one subject."""
        names = "squares", "momentum", "updates"
        return {name: getattr(self, name)[subject].clone() for name in names}

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
