"""Unrolls for training: a whole network, stepped now and differentiated afterwards."""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from metarl.agents.networks.actor_critic import (
    ActorCritic,
    Branch,
    Network,
    SeparateActorCritic,
    noted,
)
from metarl.agents.networks.cores import LSTM, RNN, Core
from metarl.agents.networks.encoders import Encoder, pack, unpack
from metarl.agents.unrolls.branch import (
    BranchUnroll,
    LSTMUnroll,
    PlainUnroll,
    Starts,
    outputs,
)
from metarl.agents.unrolls.gradient_paths import BPTT, GradientPaths
from metarl.agents.unrolls.rnn import RNNUnroll
from metarl.core.policy import Memory, PolicyOutput, SignalChange


@runtime_checkable  # for the shape checks that the tests switch on
class Unroll(Protocol):
    """A policy that remembers one unroll and can be differentiated afterwards."""

    def initial_memory(self, num_envs: int) -> Memory:
        """The memory before an episode's first step."""
        ...

    def act(
        self, inputs: Tensor, memory: Memory, change: SignalChange | None = None
    ) -> PolicyOutput:
        """Decide at the next step of the unroll."""
        ...

    def begin(self) -> None:
        """Forget the last unroll and read the network's present weights."""
        ...

    def read(self, starts: Starts) -> tuple[Tensor, Tensor]:
        """Logits (T, B, A) and values (T, B) of all steps, differentiable."""
        ...


def make_unroll(
    network: Network, steps: int, num_envs: int, credit: GradientPaths = BPTT
) -> Unroll:
    """The fastest unroll there is for this network.

    Args:
        network: what is stepped and differentiated.
        steps: of one unroll.
        num_envs: stepped side by side.
        credit: how errors reach the weights; other than symmetric feedback is for a
            network whose policy and value read one core.
    """
    if isinstance(network, ActorCritic):
        branch = unroll_branch(network, steps, num_envs, credit)
        if network.encoder:
            return PixelUnroll(network, network.encoder, branch, steps * num_envs)
        return SharedUnroll(network, branch)
    actor, critic = (
        unroll_branch(branch, steps, num_envs, credit)
        for branch in (network.actor, network.critic)
    )
    return SeparateUnroll(network, actor, critic)


FUSED: dict[type[Core], type[LSTMUnroll | RNNUnroll]] = {
    LSTM: LSTMUnroll,
    RNN: RNNUnroll,
}
"""Cores whose passes are written out."""


def unroll_branch(
    branch: Branch, steps: int, num_envs: int, credit: GradientPaths = BPTT
) -> BranchUnroll:
    """The fastest unroll there is for this branch's core."""
    kind = FUSED.get(type(branch.core), PlainUnroll)
    return kind(branch, steps, num_envs, credit)


class SharedUnroll:
    """A network whose policy and value read one core."""

    def __init__(self, network: ActorCritic, branch: BranchUnroll) -> None:
        """Unroll `network` by the unroll of its one branch."""
        self.network, self.branch = network, branch

    def initial_memory(self, num_envs: int) -> Memory:
        """The network's own."""
        return self.network.initial_memory(num_envs)

    def begin(self) -> None:
        """Forget the last unroll."""
        self.branch.begin()

    def act(
        self, inputs: Tensor, memory: Memory, change: SignalChange | None = None
    ) -> PolicyOutput:
        """One step; units are not touched while a network learns."""
        both, memory = self.branch.step(self.network.sense(inputs), memory)
        return PolicyOutput(*self.network.split(both), memory, memory[0])

    def read(self, starts: Starts) -> tuple[Tensor, Tensor]:
        """Both heads' readings."""
        return self.network.split(outputs(self.branch, starts))


class PixelUnroll:
    """A network with eyes: each different view of an unroll is encoded once.

    Features are computed with a graph when a view is first seen, and looked up when it
    is seen again; weights do not change within an unroll.
    """

    def __init__(
        self, network: ActorCritic, encoder: Encoder, branch: BranchUnroll, most: int
    ) -> None:
        """Unroll `network` by the unroll of its branch, over at most `most` views."""
        self.network, self.encoder, self.branch = network, encoder, branch
        self.known = ViewCache()
        self.features = network.core.weight.new_empty(most, encoder.features)
        self.encoded: list[Tensor] = []
        self.seen: list[Tensor] = []
        self.told: list[Tensor] = []

    def initial_memory(self, num_envs: int) -> Memory:
        """The network's own."""
        return self.network.initial_memory(num_envs)

    def begin(self) -> None:
        """Forget the last unroll."""
        self.branch.begin()
        self.known = ViewCache()
        for kept in (self.encoded, self.seen, self.told):
            kept.clear()

    def act(
        self, inputs: Tensor, memory: Memory, change: SignalChange | None = None
    ) -> PolicyOutput:
        """One step; only what was not seen before in this unroll is encoded."""
        codes, told = self.network.parted(inputs)
        slots, new = self.known.place(pack(codes))
        if len(new):
            with torch.enable_grad():
                views = self.encoder.view(unpack(new, codes.shape[1]))
                self.encoded.append(self.encoder.encode(views))
            count = len(self.known)
            self.features[count - len(new) : count] = self.encoded[-1].detach()
        self.seen.append(slots)
        self.told.append(told)
        seen = torch.cat([self.features.index_select(0, slots), told], 1)
        both, memory = self.branch.step(self.network.sense(seen), memory)
        return PolicyOutput(*self.network.split(both), memory, memory[0])

    def read(self, starts: Starts) -> tuple[Tensor, Tensor]:
        """Both heads' readings; gradients go on through the views to the encoder."""
        features = torch.cat(self.encoded).index_select(0, torch.cat(self.seen))
        told = torch.stack(self.told)
        inputs = torch.cat([features.view(*told.shape[:2], -1), told], 2)
        inputs = self.network.sense(inputs)
        return self.network.split(outputs(self.branch, starts, inputs))


class ViewCache:
    """Gives each different key a place, in the order in which they first come."""

    def __init__(self) -> None:
        """Know nothing."""
        self.keys = torch.empty(0, dtype=torch.int64)
        self.places = self.keys

    def __len__(self) -> int:
        """How many there are."""
        return len(self.keys)

    def place(self, keys: Tensor) -> tuple[Tensor, Tensor]:
        """(B,) place of each of (B,) keys, and those that are new, by their places."""
        distinct, back = torch.unique(keys, return_inverse=True)
        if not len(self):
            self.keys, self.places = distinct, torch.arange(len(distinct))
            return back, distinct
        near = torch.searchsorted(self.keys, distinct).clamp_(max=len(self) - 1)
        known = self.keys[near] == distinct
        new = distinct[~known]
        places = self.places[near]
        if len(new):
            fresh = torch.arange(len(self), len(self) + len(new))
            places[~known] = fresh
            self.keys, order = torch.cat([self.keys, new]).sort()
            self.places = torch.cat([self.places, fresh])[order]
        return places[back], new


class SeparateUnroll:
    """A network whose actor and critic have a core each."""

    def __init__(
        self, network: SeparateActorCritic, actor: BranchUnroll, critic: BranchUnroll
    ) -> None:
        """Unroll `network` by the unrolls of its two branches."""
        self.network, self.actor, self.critic = network, actor, critic

    def initial_memory(self, num_envs: int) -> Memory:
        """The network's own."""
        return self.network.initial_memory(num_envs)

    def begin(self) -> None:
        """Forget the last unroll."""
        self.actor.begin()
        self.critic.begin()

    def act(
        self, inputs: Tensor, memory: Memory, change: SignalChange | None = None
    ) -> PolicyOutput:
        """One step, as the network's; units are not touched while it learns."""
        inputs = self.network.sense(inputs)
        actor, critic, before = self.network.parts(memory)
        values, critic = self.critic.step(inputs, critic)
        value = values.squeeze(1)
        told = self.network.told(inputs, value, before, change or SignalChange())
        logits, actor = self.actor.step(told, actor)
        activity = torch.cat([actor[0], critic[0]], 1)
        return PolicyOutput(logits, value, (*actor, *critic, noted(value)), activity)

    def read(self, starts: Starts) -> tuple[Tensor, Tensor]:
        """The actor's logits and the critic's values."""
        logits = outputs(self.actor, starts)
        return logits, outputs(self.critic, starts).squeeze(-1)
