"""Trainable numbers of several subjects, side by side in one tensor."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from metarl.agents.networks.actor_critic import Branch, Network, SeparateActorCritic

PARTS = "core.weight", "core.bias", "core.initial", "heads.weight", "heads.bias"
"""Parameters of a core with its heads, in their order in the flat tensor."""


@dataclass(frozen=True)
class Sizes:
    """Sizes of a network."""

    observation: int
    actions: int
    units: int
    heads: tuple[int, ...]
    """Outputs of each core."""

    @property
    def inputs(self) -> int:
        """Length of the input vector."""
        return self.observation + self.actions + 1

    @property
    def numbers(self) -> int:
        """Number of weights, with biases and initial memory."""
        return self.first(len(self.heads))

    def first(self, core: int) -> int:
        """Place of the numbers of a core among those of a network."""
        rows, units = self.inputs + self.units + 1, self.units
        outputs = sum(self.heads[:core])
        return core * (rows * 4 * units + 2 * units) + outputs * (units + 1)


class StackedWeights:
    """Weights and moments of S networks with LSTM cores, each an (S, F) tensor.

    The parameters of the networks become views of their rows, so that each network can
    be tested and saved as if it were alone. On another device than the CPU they are
    views of a copy: `pull` updates it, and `push` the device from it.
    """

    def __init__(
        self, networks: Sequence[Network], device: torch.device | str = "cpu"
    ) -> None:
        """Move the weights of the networks into one tensor on a device."""
        first = networks[0]
        observation = first.input_size - first.action_count - 1
        heads = tuple(branch.heads.out_features for branch in branches(first))
        units = first.config.units
        self.sizes = Sizes(observation, first.action_count, units, heads)
        self.feedback = first.config.feedback
        self.trains_initial = first.config.learned_initial_state
        self.mask = first.input_mask.mask
        self.subjects, self.device = len(networks), torch.device(device)
        self.shapes = [part.shape for part in parameters(first)]
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
        self.discounts = torch.zeros(self.subjects)
        """(S,) discounts of the prediction errors that the actors receive."""
        for network, discount in zip(networks, self.discounts, strict=True):
            if isinstance(network, SeparateActorCritic):
                network.discount = discount.copy_(network.discount)

    def pull(self) -> None:
        """Give the networks their present weights."""
        if self.copy is not self.weights:
            self.copy.copy_(self.weights)

    def push(self) -> None:
        """Take the weights of the networks."""
        if self.copy is not self.weights:
            self.weights.copy_(self.copy)

    def places(self) -> list[slice]:
        """Place of each parameter in a row."""
        stops = [*accumulate(shape.numel() for shape in self.shapes)]
        return [*map(slice, [0, *stops[:-1]], stops)]

    def named(self, rows: Tensor) -> dict[str, Tensor]:
        """Parameters of the first core in (S, F) rows: name -> (S, ...) view."""
        return {
            name: rows[:, place].unflatten(1, shape)
            for name, place, shape in zip(
                PARTS, self.places(), self.shapes, strict=False
            )
        }

    def state(self, subject: int) -> dict[str, Any]:
        """Resumable state of the optimizer of one subject."""
        names = "squares", "momentum", "updates"
        return {name: getattr(self, name)[subject].cpu().clone() for name in names}

    def load_state(self, subject: int, state: dict[str, Any]) -> None:
        """Restore a `state`."""
        for name, values in state.items():
            getattr(self, name)[subject].copy_(values)


def branches(network: Network) -> tuple[Branch, ...]:
    """Cores of a network with their heads: one, or the actor's and the critic's."""
    if isinstance(network, SeparateActorCritic):
        return network.actor, network.critic
    return (network,)


def parameters(network: Network) -> Iterator[Tensor]:
    """Parameters of a network in their order in the flat tensor."""
    for branch in branches(network):
        core, heads = branch.core, branch.heads
        yield from (core.weight, core.bias, core.initial, heads.weight, heads.bias)


def flat(network: Network) -> Tensor:
    """(F,) copy of the weights of a network."""
    return torch.cat([each.detach().flatten() for each in parameters(network)])


def views(network: Network, row: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Each parameter with its part of an (F,) row."""
    first = 0
    for parameter in parameters(network):
        stop = first + parameter.numel()
        yield parameter, row[first:stop].view_as(parameter)
        first = stop
