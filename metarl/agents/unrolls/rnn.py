"""The vanilla core's unroll: forward in buffers, backward by hand, leak included.

The backward pass shows what local learning leaves out. With `GradientPaths.local` the
error of a step goes back through the leak alone, which needs no other unit:

    S[t] = L[t] + (1 - leak) S[t + 1]                     (else + recurrent errors)
    gradient = sum over t of  leak (1 - n[t]^2) S[t]  outer  [x, h]

with n = tanh(drive) and L what the readers send back. A trace that each synapse keeps
by itself, e[t] = (1 - leak) e[t - 1] + leak (1 - n[t]^2) [x, h], gives the same sum, of
L[t] e[t], step by step and forwards: e-prop. The tests hold the two to be equal.

Source: Bellec et al. 2020, Nat Commun 11:3625; Murray 2019, eLife 8:e43299.
"""

from typing import Any

import torch
from torch import Tensor

from metarl.agents.networks.actor_critic import Branch
from metarl.agents.networks.cores import RNN
from metarl.agents.unrolls.branch import Starts
from metarl.agents.unrolls.gradient_paths import BPTT, GradientPaths
from metarl.core.policy import Memory


class RNNUnroll:
    """A vanilla branch, stepped in preallocated buffers.

    tanh(x) is computed as 2 sigmoid(2 x) - 1, several times faster here, with the
    factor 2 folded into a working copy of the weights, whose last row is the bias.
    """

    def __init__(
        self, branch: Branch, steps: int, num_envs: int, credit: GradientPaths = BPTT
    ) -> None:
        """Allocate for `steps` steps of `num_envs` lanes."""
        core, outputs = branch.core, branch.heads.out_features
        assert isinstance(core, RNN)
        self.branch, self.core, self.credit = branch, core, credit
        units, size = core.units, core.input_size
        new = core.weight.new_empty
        self.joined = new(steps, num_envs, size + units + 1)
        self.squashed = new(steps, num_envs, units)
        self.activity = new(steps, num_envs, units)
        self.heads = new(steps, num_envs, outputs)
        self.ones = torch.ones_like(self.joined[0, :, :1])
        self.weight = new(size + units + 1, units)
        self.head_weight = new(units, outputs)
        self.t = 0

    @torch.no_grad()
    def begin(self) -> None:
        """Take the present weights, doubled."""
        torch.cat((self.core.weight, self.core.bias.unsqueeze(0)), out=self.weight)
        self.weight *= 2
        self.head_weight.copy_(self.branch.heads.weight.T)
        self.t = 0

    def step(self, inputs: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """One step: 2 sigmoid - 1 of the doubled drive, then the leak."""
        t, (before,) = self.t, memory
        self.t += 1
        joined, squashed = self.joined[t], self.squashed[t]
        torch.cat((inputs, before, self.ones), 1, out=joined)
        self.drive(t, torch.mm(joined, self.weight, out=squashed))
        squashed.sigmoid_().mul_(2).sub_(1)
        activity = self.activity[t]
        torch.lerp(before, squashed, self.core.leak, out=activity)
        heads = self.heads[t]
        torch.addmm(self.branch.heads.bias, activity, self.head_weight, out=heads)
        return heads, (activity,)

    def drive(self, t: int, doubled: Tensor) -> None:
        """The (B, H) doubled drive of step t, before it is squashed; as it is."""

    def activities(self, starts: Starts, inputs: Tensor | None = None) -> Tensor:
        """The activity that the steps left in the buffers."""
        core = self.core
        given = core.weight, core.bias, core.initial, inputs, self, starts
        activity: Tensor = _Activity.apply(*given)  # type: ignore[no-untyped-call]
        return activity


class _Activity(torch.autograd.Function):
    """Hands autograd the (T, B, H) activity already computed, its gradient by hand."""

    @staticmethod
    def forward(
        ctx: Any,
        _weight: Tensor,
        _bias: Tensor,
        _initial: Tensor,
        inputs: Tensor | None,
        unroll: RNNUnroll,
        starts: Starts,
    ) -> Tensor:
        ctx.unroll, ctx.starts, ctx.seeing = unroll, starts, inputs is not None
        return unroll.activity.view_as(unroll.activity)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        unroll = ctx.unroll
        drives, initial = errors_of_drives(unroll, gradient, ctx.starts)
        weight = unroll.joined.flatten(0, 1).T @ drives.flatten(0, 1)
        inputs = None
        if ctx.seeing:
            inputs = drives @ unroll.core.weight.detach()[: unroll.core.input_size].T
        started = any(start is not None for start in ctx.starts)
        return weight[:-1], weight[-1], initial if started else None, inputs, None, None


def errors_of_drives(
    unroll: RNNUnroll, gradient: Tensor, starts: Starts
) -> tuple[Tensor, Tensor]:
    """The loss's gradient in all drives, (T, B, H), and in the initial memory, (1, H).

    Args:
        unroll: the finished unroll.
        gradient: (T, B, H) of the loss in the activity, by its readers.
        starts: which lanes had the initial memory at which step.
    """
    core = unroll.core
    slopes = unroll.squashed.square().neg_().add_(1).mul_(core.leak)
    recurrent = core.weight.detach()[core.input_size :].T.contiguous()
    arriving = torch.zeros_like(gradient[0])
    initial = gradient.new_zeros(1, core.units)
    for t in range(len(gradient) - 1, -1, -1):
        arriving.add_(gradient[t])
        slopes[t].mul_(arriving)
        arriving.mul_(1 - core.leak)
        if not unroll.credit.local:
            arriving.addmm_(slopes[t], recurrent)
        start = starts[t]
        if start is not None:
            chosen = start.unsqueeze(1)
            initial += (arriving * chosen).sum(0)
            arriving.masked_fill_(chosen, 0)
    return slopes, initial
