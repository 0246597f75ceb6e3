"""Unroll of the vanilla core: forward in buffers, backward by hand, with the leak.

The backward pass shows what local learning neglects. With `GradientPaths.local` the
error of a step returns through the leak alone, which involves no other unit:

    S[t] = L[t] + (1 - leak) S[t + 1]                     (else + recurrent errors)
    gradient = sum over t of  leak (1 - n[t]^2) S[t]  outer  [x, h]

with n = tanh(drive) and L the error from the heads. A trace at each synapse,
e[t] = (1 - leak) e[t - 1] + leak (1 - n[t]^2) [x, h], gives the same sum, of L[t] e[t],
step by step and forwards: e-prop. Tests compare the two.

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
    """Vanilla branch, stepped in preallocated buffers.

    tanh(x) is computed as 2 sigmoid(2 x) - 1, several times faster on a CPU, with the
    factor 2 folded into a working copy of the weights, the last row of which is the
    bias.
    """

    def __init__(
        self, branch: Branch, steps: int, num_envs: int, paths: GradientPaths = BPTT
    ) -> None:
        """Allocate buffers for `steps` steps of `num_envs` environments."""
        core, outputs = branch.core, branch.heads.out_features
        assert isinstance(core, RNN)
        self.branch, self.core, self.paths = branch, core, paths
        units, size = core.units, core.input_size
        new = core.weight.new_empty
        # One buffer for inputs, activity and a constant 1, so that each step is one
        # matrix product, and the gradient of all weights is one more.
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
        """Copy the present weights, doubled."""
        torch.cat((self.core.weight, self.core.bias.unsqueeze(0)), out=self.weight)
        self.weight *= 2
        # A contiguous transpose is multiplied faster, step after step.
        self.head_weight.copy_(self.branch.heads.weight.T)
        self.t = 0

    def step(self, inputs: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Take one step: 2 sigmoid - 1 of the doubled drive, then the leak."""
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
        """Change the (B, H) doubled drive of step t in place; here not at all."""

    def activities(self, starts: Starts, inputs: Tensor | None = None) -> Tensor:
        """(T, B, H) activity from the buffers, differentiable."""
        core = self.core
        arguments = core.weight, core.bias, core.initial, inputs, self, starts
        activity: Tensor = _Activity.apply(*arguments)  # type: ignore[no-untyped-call]
        return activity


class _Activity(torch.autograd.Function):
    """Gives autograd the (T, B, H) activity already computed, its gradient by hand."""

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
        # Weights and bias are arguments only so that autograd asks for their gradients.
        ctx.unroll, ctx.starts = unroll, starts
        ctx.input_gradient = inputs is not None
        # A view: autograd must not mark the buffer itself as part of a graph.
        return unroll.activity.view_as(unroll.activity)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        unroll = ctx.unroll
        drives, initial = errors_of_drives(unroll, gradient, ctx.starts)
        weight = unroll.joined.flatten(0, 1).T @ drives.flatten(0, 1)
        inputs = None
        if ctx.input_gradient:
            inputs = drives @ unroll.core.weight.detach()[: unroll.core.input_size].T
        started = any(start is not None for start in ctx.starts)
        return weight[:-1], weight[-1], initial if started else None, inputs, None, None


def errors_of_drives(
    unroll: RNNUnroll, gradient: Tensor, starts: Starts
) -> tuple[Tensor, Tensor]:
    """Gradient of the loss in all drives, (T, B, H), and the initial memory, (1, H).

    Args:
        unroll: finished unroll.
        gradient: (T, B, H) gradient of the loss in the activity, from the heads.
        starts: for each step, the environments with an initial memory.
    """
    core = unroll.core
    # All slopes at once, before the loop; the loop turns them into errors in place.
    slopes = unroll.squashed.square().neg_().add_(1).mul_(core.leak)
    recurrent = core.weight.detach()[core.input_size :].T.contiguous()
    error = torch.zeros_like(gradient[0])
    initial = gradient.new_zeros(1, core.units)
    for t in range(len(gradient) - 1, -1, -1):
        error.add_(gradient[t])
        slopes[t].mul_(error)
        error.mul_(1 - core.leak)
        if not unroll.paths.local:
            error.addmm_(slopes[t], recurrent)
        start = starts[t]
        if start is not None:
            # The activity before this step was the learned initial one, not that of
            # the step before: the error goes there and no further.
            chosen = start.unsqueeze(1)
            initial += (error * chosen).sum(0)
            error.masked_fill_(chosen, 0)
    return slopes, initial
