"""Unrolls of networks: stepped during the rollout, differentiated afterwards."""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from metarl.agents.networks.actor_critic import (
    ActorCritic,
    Branch,
    Network,
    SeparateActorCritic,
    last_value,
)
from metarl.agents.networks.cores import LSTM, RNN, Core
from metarl.agents.networks.encoders import Encoder, ViewCache, pack, unpack
from metarl.agents.unrolls.branch import (
    BranchUnroll,
    LSTMUnroll,
    PlainUnroll,
    Starts,
    head_outputs,
)
from metarl.agents.unrolls.gradient_paths import BPTT, GradientPaths
from metarl.agents.unrolls.rnn import RNNUnroll
from metarl.core.policy import Memory, PolicyOutput, SignalChange


@runtime_checkable  # for the shape checks that the tests switch on
class Unroll(Protocol):
    """Policy that stores one unroll, which can be differentiated afterwards."""

    def initial_memory(self, num_envs: int) -> Memory:
        """Memory before the first step of an episode."""
        ...

    def act(
        self, inputs: Tensor, memory: Memory, change: SignalChange | None = None
    ) -> PolicyOutput:
        """Take the next step of the unroll."""
        ...

    def begin(self) -> None:
        """Start a new unroll with the present weights."""
        ...

    def outputs(self, starts: Starts) -> tuple[Tensor, Tensor]:
        """Logits (T, B, A) and values (T, B) of all steps, differentiable."""
        ...


def make_unroll(
    network: Network, steps: int, num_envs: int, paths: GradientPaths = BPTT
) -> Unroll:
    """Create the fastest unroll for a network.

    Args:
        network: network that is stepped and differentiated.
        steps: steps of one unroll.
        num_envs: number of environments.
        paths: paths of the errors; random feedback needs a network with one core.
    """
    if isinstance(network, ActorCritic):
        branch = unroll_branch(network, steps, num_envs, paths)
        if network.encoder:
            return PixelUnroll(network, network.encoder, branch, steps * num_envs)
        return SharedUnroll(network, branch)
    actor, critic = (
        unroll_branch(branch, steps, num_envs, paths)
        for branch in (network.actor, network.critic)
    )
    return SeparateUnroll(network, actor, critic)


FUSED: dict[type[Core], type[LSTMUnroll | RNNUnroll]] = {
    LSTM: LSTMUnroll,
    RNN: RNNUnroll,
}
"""Cores with handwritten passes."""


def unroll_branch(
    branch: Branch, steps: int, num_envs: int, paths: GradientPaths = BPTT
) -> BranchUnroll:
    """Create the fastest unroll for the core of a branch."""
    kind = FUSED.get(type(branch.core), PlainUnroll)
    return kind(branch, steps, num_envs, paths)


class SharedUnroll:
    """Unroll of a network with one core for policy and value."""

    def __init__(self, network: ActorCritic, branch: BranchUnroll) -> None:
        """Unroll `network` by the unroll of its one branch."""
        self.network, self.branch = network, branch

    def initial_memory(self, num_envs: int) -> Memory:
        """Memory of the network before the first step of an episode."""
        return self.network.initial_memory(num_envs)

    def begin(self) -> None:
        """Start a new unroll with the present weights."""
        self.branch.begin()

    def act(
        self, inputs: Tensor, memory: Memory, change: SignalChange | None = None
    ) -> PolicyOutput:
        """Take one step; there is no intervention on units during training."""
        outputs, memory = self.branch.step(self.network.input_mask(inputs), memory)
        return PolicyOutput(*self.network.split(outputs), memory, memory[0])

    def outputs(self, starts: Starts) -> tuple[Tensor, Tensor]:
        """Logits and values of all steps, differentiable."""
        return self.network.split(head_outputs(self.branch, starts))


class PixelUnroll:
    """Unroll of a network with an encoder: each view is encoded once per unroll.

    The features of a view are computed with a graph at its first occurrence, and looked
    up afterwards, as the weights do not change within an unroll.
    """

    def __init__(
        self,
        network: ActorCritic,
        encoder: Encoder,
        branch: BranchUnroll,
        capacity: int,
    ) -> None:
        """Unroll `network` by the unroll of its branch, with `capacity` views."""
        self.network, self.encoder, self.branch = network, encoder, branch
        self.cache = ViewCache()
        # Features without a graph, by number of the view: looked up at every step.
        self.features = network.core.weight.new_empty(capacity, encoder.features)
        self.encoded: list[Tensor] = []
        self.views: list[Tensor] = []
        self.feedback: list[Tensor] = []

    def initial_memory(self, num_envs: int) -> Memory:
        """Memory of the network before the first step of an episode."""
        return self.network.initial_memory(num_envs)

    def begin(self) -> None:
        """Start a new unroll with the present weights."""
        self.branch.begin()
        # Views were encoded by the weights before the update.
        self.cache = ViewCache()
        for stored in (self.encoded, self.views, self.feedback):
            stored.clear()

    def act(
        self, inputs: Tensor, memory: Memory, change: SignalChange | None = None
    ) -> PolicyOutput:
        """Take one step; only views that are new in this unroll are encoded."""
        codes, feedback = self.network.split_inputs(inputs)
        views, new = self.cache.numbers_of(pack(codes))
        if len(new):
            # The stepping loop runs without gradients; the encoder needs its graph.
            with torch.enable_grad():
                pixels = self.encoder.views(unpack(new, codes.shape[1]))
                self.encoded.append(self.encoder.encode(pixels))
            count = len(self.cache)
            self.features[count - len(new) : count] = self.encoded[-1].detach()
        self.views.append(views)
        self.feedback.append(feedback)
        joined = torch.cat([self.features.index_select(0, views), feedback], 1)
        outputs, memory = self.branch.step(self.network.input_mask(joined), memory)
        return PolicyOutput(*self.network.split(outputs), memory, memory[0])

    def outputs(self, starts: Starts) -> tuple[Tensor, Tensor]:
        """Logits and values of all steps; their gradients reach the encoder."""
        # One lookup with a graph: gradients of equal views are summed here, so the
        # encoder is differentiated once per view.
        features = torch.cat(self.encoded).index_select(0, torch.cat(self.views))
        feedback = torch.stack(self.feedback)
        inputs = torch.cat([features.view(*feedback.shape[:2], -1), feedback], 2)
        inputs = self.network.input_mask(inputs)
        return self.network.split(head_outputs(self.branch, starts, inputs))


class SeparateUnroll:
    """Unroll of a network with separate cores of actor and critic."""

    def __init__(
        self, network: SeparateActorCritic, actor: BranchUnroll, critic: BranchUnroll
    ) -> None:
        """Unroll `network` by the unrolls of its two branches."""
        self.network, self.actor, self.critic = network, actor, critic

    def initial_memory(self, num_envs: int) -> Memory:
        """Memory of the network before the first step of an episode."""
        return self.network.initial_memory(num_envs)

    def begin(self) -> None:
        """Start a new unroll with the present weights."""
        self.actor.begin()
        self.critic.begin()

    def act(
        self, inputs: Tensor, memory: Memory, change: SignalChange | None = None
    ) -> PolicyOutput:
        """Take one step; there is no intervention on units during training."""
        inputs = self.network.input_mask(inputs)
        actor, critic, before = self.network.split_memory(memory)
        # The critic first: its value is part of the error that the actor receives.
        values, critic = self.critic.step(inputs, critic)
        value = values.squeeze(1)
        actor_inputs = self.network.actor_inputs(
            inputs, value, before, change or SignalChange()
        )
        logits, actor = self.actor.step(actor_inputs, actor)
        activity = torch.cat([actor[0], critic[0]], 1)
        memory = (*actor, *critic, last_value(value))
        return PolicyOutput(logits, value, memory, activity)

    def outputs(self, starts: Starts) -> tuple[Tensor, Tensor]:
        """Logits of the actor and values of the critic at all steps."""
        logits = head_outputs(self.actor, starts)
        return logits, head_outputs(self.critic, starts).squeeze(-1)
