"""A crowd: many networks of one kind, stepped as one policy.

Learning without a gradient treats a network's weights as one long vector.
`TrainableWeights` says where each weight stands in it; `BatchedNetworks` gives each
member its own.
"""

from collections.abc import Mapping
from copy import deepcopy

import torch
from jaxtyping import Float
from torch import Tensor, nn

from metarl.agents.networks.actor_critic import ActorCritic, Network
from metarl.agents.networks.cores import EpisodicLSTM
from metarl.core.policy import Memory, PolicyOutput


def check_batchable(network: Network, rule: str) -> ActorCritic:
    """The network, if crowds of its kind can be stepped.

    Raises:
        ValueError: it has two cores, eyes, or memories of episodes.
    """
    if not isinstance(network, ActorCritic):
        raise ValueError(
            f"critic must be shared where the rule is {rule}, got 'separate': without "
            "a gradient no critic is learned"
        )
    if network.encoder is not None:
        raise ValueError(
            f"encoder must be none where the rule is {rule}: crowds have no eyes; "
            "choose a task without pixels"
        )
    if isinstance(network.core, EpisodicLSTM):
        raise ValueError(
            f"core must not be episodic where the rule is {rule}: a crowd keeps no "
            "memories of episodes; choose lstm"
        )
    return network


class TrainableWeights:
    """Which weights of a network may change, and their places in one vector.

    All that learn by gradient, but for those that read the value: no choice depends on
    them. Vectors stand in the order of the network's state.
    """

    def __init__(self, network: ActorCritic) -> None:
        """Read the network's weights as they are; those not free stay so."""
        parameters = dict(network.named_parameters())
        free = {n: torch.full_like(p, p.requires_grad) for n, p in parameters.items()}
        free["heads.weight"][-1] = free["heads.bias"][-1] = 0
        self.shapes = {name: p.shape for name, p in parameters.items()}
        self.whole = _joined(parameters)
        self.places = _joined(free).nonzero().flatten()

    def __len__(self) -> int:
        """How many there are."""
        return len(self.places)

    def read(self, state: Mapping[str, Tensor]) -> Float[Tensor, " free"]:
        """The free weights in a network's state."""
        return _joined({name: state[name] for name in self.shapes})[self.places]

    def states(self, vectors: Float[Tensor, "member free"]) -> dict[str, Tensor]:
        """Name -> (P, ...) weights of the networks that have these (P, F) vectors."""
        whole = self.whole.repeat(len(vectors), 1)
        whole[:, self.places] = vectors.to(whole)
        parts = whole.split([shape.numel() for shape in self.shapes.values()], 1)
        return {
            name: part.reshape(len(vectors), *shape)
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }

    def state(self, vector: Float[Tensor, " free"]) -> dict[str, Tensor]:
        """The state of the one network that has this vector."""
        return {name: part[0] for name, part in self.states(vector[None]).items()}


def _joined(weights: Mapping[str, Tensor]) -> Tensor:
    return torch.cat([part.detach().flatten() for part in weights.values()])


class BatchedNetworks:
    """P networks as one policy; its lanes are divided among them.

    The first lanes are the first member's. Each answers as it would alone.
    """

    def __init__(self, network: ActorCritic) -> None:
        """A crowd of networks like this one; `set_weights` makes its members."""
        self.free = TrainableWeights(network)
        self.sense, self.split = network.sense, network.split
        self.core = deepcopy(network.core)
        self.members = 0

    def set_weights(self, vectors: Float[Tensor, "member free"]) -> None:
        """Give each member its own weights, (P, F) in all."""
        states = self.free.states(vectors)
        self.members = len(vectors)
        self.core.weight = _frozen(states["core.weight"])
        self.core.bias = _frozen(states["core.bias"].unsqueeze(1))
        self.first = states["core.initial"]
        self.readers = states["heads.weight"].mT
        self.offsets = states["heads.bias"].unsqueeze(1)

    def initial_memory(self, num_envs: int) -> Memory:
        """Each member's own, in its lanes."""
        each = self.first.repeat_interleave(num_envs // self.members, 0)
        return tuple(part.contiguous() for part in each.unbind(1))

    def act(
        self, inputs: Float[Tensor, "batch inputs"], memory: Memory
    ) -> PolicyOutput:
        """One step of all members."""
        parted = tuple(self._parted(part) for part in memory)
        parted = self.core(self._parted(self.sense(inputs)), parted)
        both = torch.baddbmm(self.offsets, parted[0], self.readers).flatten(0, 1)
        memory = tuple(part.flatten(0, 1) for part in parted)
        return PolicyOutput(*self.split(both), memory, memory[0])

    def _parted(self, num_envs: Tensor) -> Tensor:
        """(P, B / P, n): each member's lanes."""
        return num_envs.view(self.members, -1, num_envs.shape[1])


def _frozen(weights: Tensor) -> nn.Parameter:
    return nn.Parameter(weights, requires_grad=False)
