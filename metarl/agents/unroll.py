"""Unrolls for training: a whole network, stepped now and differentiated afterwards."""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from metarl.agents.cores import LSTM
from metarl.agents.fused import BranchUnroll, LSTMUnroll, PlainUnroll, Starts
from metarl.agents.network import (
    ActorCritic,
    Branch,
    Network,
    SeparateActorCritic,
    noted,
)
from metarl.policy import Decision, Memory, Touch


@runtime_checkable  # for the shape checks that the tests switch on
class Unroll(Protocol):
    """A policy that remembers one unroll and can be differentiated afterwards."""

    def initial_memory(self, lanes: int) -> Memory:
        """The memory before an episode's first step."""
        ...

    def act(
        self, inputs: Tensor, memory: Memory, touch: Touch | None = None
    ) -> Decision:
        """Decide at the next step of the unroll."""
        ...

    def begin(self) -> None:
        """Forget the last unroll and read the network's present weights."""
        ...

    def read(self, starts: Starts) -> tuple[Tensor, Tensor]:
        """Logits (T, B, A) and values (T, B) of all steps, differentiable."""
        ...


def make_unroll(network: Network, steps: int, lanes: int) -> Unroll:
    """The fastest unroll there is for this network."""
    if isinstance(network, ActorCritic):
        return SharedUnroll(network, unroll_branch(network, steps, lanes))
    actor, critic = (
        unroll_branch(branch, steps, lanes)
        for branch in (network.actor, network.critic)
    )
    return SeparateUnroll(network, actor, critic)


def unroll_branch(branch: Branch, steps: int, lanes: int) -> BranchUnroll:
    """The fastest unroll there is for this branch's core."""
    kind = LSTMUnroll if isinstance(branch.core, LSTM) else PlainUnroll
    return kind(branch, steps, lanes)


class SharedUnroll:
    """A network whose policy and value read one core."""

    def __init__(self, network: ActorCritic, branch: BranchUnroll) -> None:
        """Unroll `network` by the unroll of its one branch."""
        self.network, self.branch = network, branch

    def initial_memory(self, lanes: int) -> Memory:
        """The network's own."""
        return self.network.initial_memory(lanes)

    def begin(self) -> None:
        """Forget the last unroll."""
        self.branch.begin()

    def act(
        self, inputs: Tensor, memory: Memory, touch: Touch | None = None
    ) -> Decision:
        """One step; units are not touched while a network learns."""
        both, memory = self.branch.step(self.network.sense(inputs), memory)
        return Decision(*self.network.split(both), memory, memory[0])

    def read(self, starts: Starts) -> tuple[Tensor, Tensor]:
        """Both heads' readings."""
        return self.network.split(self.branch.outputs(starts))


class SeparateUnroll:
    """A network whose actor and critic have a core each."""

    def __init__(
        self, network: SeparateActorCritic, actor: BranchUnroll, critic: BranchUnroll
    ) -> None:
        """Unroll `network` by the unrolls of its two branches."""
        self.network, self.actor, self.critic = network, actor, critic

    def initial_memory(self, lanes: int) -> Memory:
        """The network's own."""
        return self.network.initial_memory(lanes)

    def begin(self) -> None:
        """Forget the last unroll."""
        self.actor.begin()
        self.critic.begin()

    def act(
        self, inputs: Tensor, memory: Memory, touch: Touch | None = None
    ) -> Decision:
        """One step, as the network's; units are not touched while it learns."""
        inputs = self.network.sense(inputs)
        actor, critic, before = self.network.parts(memory)
        values, critic = self.critic.step(inputs, critic)
        value = values.squeeze(1)
        told = self.network.told(inputs, value, before, touch or Touch())
        logits, actor = self.actor.step(told, actor)
        activity = torch.cat([actor[0], critic[0]], 1)
        return Decision(logits, value, (*actor, *critic, noted(value)), activity)

    def read(self, starts: Starts) -> tuple[Tensor, Tensor]:
        """The actor's logits and the critic's values."""
        return self.actor.outputs(starts), self.critic.outputs(starts).squeeze(-1)
