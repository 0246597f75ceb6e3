"""Batched networks: many networks of one kind, stepped as one policy.

Learning without a gradient treats the weights of a network as one long vector.
`TrainableWeights` maps between this vector and the network's state; `BatchedNetworks`
gives each member weights of its own.
"""

from collections.abc import Mapping
from copy import deepcopy

import torch
from jaxtyping import Float
from torch import Tensor, nn

from metarl.agents.networks.actor_critic import ActorCritic, Network
from metarl.core.policy import Memory, PolicyOutput


class TrainableWeights:
    """Trainable weights of a network, and their indices in one vector.

    All weights that learn by gradient, except those of the value, as no choice depends
    on them. Vectors have the order of the network's state.
    """

    def __init__(self, network: Network) -> None:
        """Read the present weights; weights that are not trainable keep them."""
        parameters = dict(network.named_parameters())
        masks = {n: torch.full_like(p, p.requires_grad) for n, p in parameters.items()}
        # The last head is the value.
        masks["heads.weight"][-1] = masks["heads.bias"][-1] = 0
        self.shapes = {name: p.shape for name, p in parameters.items()}
        self.all_weights = _flat(parameters)
        self.indices = _flat(masks).nonzero().flatten()

    def __len__(self) -> int:
        """Number of trainable weights."""
        return len(self.indices)

    def to_vector(self, state: Mapping[str, Tensor]) -> Float[Tensor, " trainable"]:
        """(F,) trainable weights in a network's state."""
        return _flat({name: state[name] for name in self.shapes})[self.indices]

    def to_states(
        self, vectors: Float[Tensor, "member trainable"]
    ) -> dict[str, Tensor]:
        """Name -> (P, ...) weights of the P networks with these (P, F) vectors."""
        # Weights that are not trained are the same in all members.
        every = self.all_weights.repeat(len(vectors), 1)
        every[:, self.indices] = vectors.to(every)
        parts = every.split([shape.numel() for shape in self.shapes.values()], 1)
        return {
            name: part.reshape(len(vectors), *shape)
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }

    def to_state(self, vector: Float[Tensor, " trainable"]) -> dict[str, Tensor]:
        """State of one network with this (F,) vector."""
        states = self.to_states(vector[None])
        return {name: part[0] for name, part in states.items()}


def _flat(weights: Mapping[str, Tensor]) -> Tensor:
    return torch.cat([part.detach().flatten() for part in weights.values()])


class BatchedNetworks:
    """P networks as one policy, with the environments divided equally among them.

    The first environments are the first member's. Each member computes the same outputs
    as it would alone.
    """

    def __init__(self, network: ActorCritic) -> None:
        """Prepare networks like this one; `set_weights` creates the members."""
        self.trainable = TrainableWeights(network)
        self.input_mask, self.split = network.input_mask, network.split
        self.core = deepcopy(network.core)
        self.members = 0

    def set_weights(self, vectors: Float[Tensor, "member trainable"]) -> None:
        """Set the (P, F) weights of all members."""
        states = self.trainable.to_states(vectors)
        self.members = len(vectors)
        # A leading dimension of members makes the core's products batched ones; the
        # bias needs a second one, for the environments of a member.
        self.core.weight = _frozen(states["core.weight"])
        self.core.bias = _frozen(states["core.bias"].unsqueeze(1))
        self.initial = states["core.initial"]
        self.head_weights = states["heads.weight"].mT
        self.head_biases = states["heads.bias"].unsqueeze(1)

    def initial_memory(self, num_envs: int) -> Memory:
        """Each member's initial memory, in its environments."""
        rows = self.initial.repeat_interleave(num_envs // self.members, 0)
        return tuple(part.contiguous() for part in rows.unbind(1))

    def act(
        self, inputs: Float[Tensor, "batch inputs"], memory: Memory
    ) -> PolicyOutput:
        """Take one step of all members."""
        by_member = tuple(self._by_member(part) for part in memory)
        by_member = self.core(self._by_member(self.input_mask(inputs)), by_member)
        # Bias and product in one call; the environments are joined again afterwards.
        outputs = torch.baddbmm(self.head_biases, by_member[0], self.head_weights)
        memory = tuple(part.flatten(0, 1) for part in by_member)
        return PolicyOutput(*self.split(outputs.flatten(0, 1)), memory, memory[0])

    def _by_member(self, rows: Tensor) -> Tensor:
        """(P, B / P, n): the rows of each member."""
        return rows.view(self.members, -1, rows.shape[1])


def _frozen(weights: Tensor) -> nn.Parameter:
    return nn.Parameter(weights, requires_grad=False)
