"""Unroll of one core: step without a graph, differentiate all steps afterwards.

During the rollout an unroll computes the same outputs as the branch, and stores what
the gradient needs; afterwards `activities` returns the activity of all steps as one
differentiable tensor. `PlainUnroll` replays the core under autograd and works for every
core. `LSTMUnroll` has the LSTM's forward pass in preallocated buffers and its backward
pass by hand, as `metarl.agents.unrolls.rnn` has for the vanilla core. Tests compare
their gradients.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from metarl.agents.networks.actor_critic import Branch
from metarl.agents.unrolls.gradient_paths import BPTT, GradientPaths
from metarl.core.policy import Memory, restart

Starts = Sequence[Tensor | None]
"""For each step, (B,) bool: environments with an initial memory; None if none had."""


@runtime_checkable  # for the shape checks that the tests switch on
class BranchUnroll(Protocol):
    """One core with its heads, stepped first and differentiated afterwards."""

    branch: Branch
    """Core and heads."""
    paths: GradientPaths
    """Paths of the errors."""

    def begin(self) -> None:
        """Start a new unroll with the present weights."""
        ...

    def step(self, inputs: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Take one step; return the (B, n) outputs of the heads, and the memory."""
        ...

    def activities(self, starts: Starts, inputs: Tensor | None = None) -> Tensor:
        """(T, B, H) activity of the units at all steps, differentiable.

        Args:
            starts: for each step, the environments with an initial memory.
            inputs: (T, B, I) inputs of all steps, if they need a gradient.
        """
        ...


def head_outputs(
    unroll: BranchUnroll, starts: Starts, inputs: Tensor | None = None
) -> Tensor:
    """(T, B, n) outputs of the heads at all steps, differentiable; see `activities`."""
    return unroll.paths.outputs(unroll.branch.heads, unroll.activities(starts, inputs))


class PlainUnroll:
    """Replay of any core under autograd: slower, and the reference in the tests."""

    def __init__(
        self, branch: Branch, steps: int, num_envs: int, paths: GradientPaths = BPTT
    ) -> None:
        """Prepare an empty unroll of any number of steps and environments."""
        self.branch, self.paths = branch, paths
        self.inputs: list[Tensor] = []
        self.first_memory: Memory = ()

    def begin(self) -> None:
        """Start a new unroll."""
        self.inputs.clear()

    def step(self, inputs: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Take one step of the branch; store the inputs and the first memory."""
        if not self.inputs:
            self.first_memory = memory
        self.inputs.append(inputs)
        memory = self.branch.step(inputs, memory)
        return self.branch.heads(memory[0]), memory

    def activities(self, starts: Starts, inputs: Tensor | None = None) -> Tensor:
        """Step the core again from the first memory, now with a graph."""
        # Truncated backpropagation: no gradient passes to the unroll before.
        memory = tuple(part.detach() for part in self.first_memory)
        activity = []
        all_inputs = self.inputs if inputs is None else inputs
        for now, start in zip(all_inputs, starts, strict=True):
            memory = restart(memory, self.branch.initial_memory(len(now)), start)
            memory = self.branch.step(now, memory, local=self.paths.local)
            activity.append(memory[0])
        return torch.stack(activity)


class StepBuffers(NamedTuple):
    """Views of one step into the buffers of an `LSTMUnroll`.

    Made once: slicing at every step would take as long as the arithmetic.
    """

    joined: Tensor
    """(B, I + H + 1) inputs, activity before the step, and a 1 for the bias."""
    gates: Tensor
    """(B, 4H) i, f, g, o side by side; below each of them, (B, H)."""
    i: Tensor
    f: Tensor
    g: Tensor
    o: Tensor
    cell_before: Tensor
    """(B, H) before the step."""
    cell: Tensor
    """(B, H) after the step."""
    squashed: Tensor
    """(B, H) tanh of `cell`."""
    activity: Tensor
    """(B, H) after the step."""
    heads: Tensor
    """(B, n) outputs of the heads."""
    after: Memory
    """Activity and cell after the step."""


class StepSlopes(NamedTuple):
    """Derivatives of one step, as views; errors are written into them in place."""

    drive: Tensor
    """(B, 4H) all gates; after multiplication, the gradient in the drives."""
    of_cell: Tensor
    """(B, 3, H) of i, f and g, per unit of gradient in the cell."""
    of_activity: Tensor
    """(B, H) of o, per unit of gradient in the activity."""
    cell: Tensor
    """(B, H) of the cell, per unit of gradient in the activity."""


CHUNK_ELEMENTS = 2**18
"""Derivatives prepared at once: as many as stay in the cache of a processor core."""


class LSTMUnroll:
    """LSTM with the forward pass in preallocated buffers, the backward pass by hand.

    tanh(x) is computed as 2 sigmoid(2 x) - 1, several times faster on a CPU, with the
    factor 2 of the g gate folded into a working copy of the weights, the last row of
    which is the bias. One sigmoid then serves all four gates.
    """

    def __init__(
        self, branch: Branch, steps: int, num_envs: int, paths: GradientPaths = BPTT
    ) -> None:
        """Allocate buffers for `steps` steps of `num_envs` environments."""
        core, outputs = branch.core, branch.heads.out_features
        self.branch, self.core, self.paths = branch, core, paths
        units, size = core.units, core.input_size
        new = core.weight.new_empty
        # Inputs, activity and a constant 1 side by side: each step is one matrix
        # product, and the gradient of all weights one for each chunk.
        self.joined = new(steps, num_envs, size + units + 1)
        self.gates = new(steps, num_envs, 4 * units)
        # One more than steps: the cell before the first. A restart overwrites the last
        # cell of the old episode, which the backward pass does not need.
        self.cells = new(steps + 1, num_envs, units)
        self.squashed = new(steps, num_envs, units)
        self.activity = new(steps, num_envs, units)
        self.heads = new(steps, num_envs, outputs)
        self.ones = torch.ones_like(self.joined[0, :, :1])
        self.weight = new(size + units + 1, 4 * units)
        self.recurrent = new(4 * units, units)
        self.head_weight = new(units, outputs)
        self.slots = [self._slot(t) for t in range(steps)]
        self.chunk = min(steps, max(1, CHUNK_ELEMENTS // self.gates[0].numel()))
        self.slopes = new(self.chunk, num_envs, 4 * units)
        self.cell_slopes = new(self.chunk, num_envs, units)
        self.slopes_of = [self._slope(t) for t in range(self.chunk)]
        self.t = 0
        self.last_cell: Tensor | None = None

    def _slot(self, t: int) -> StepBuffers:
        i, f, g, o = self.gates[t].chunk(4, dim=1)
        return StepBuffers(
            self.joined[t],
            self.gates[t],
            i,
            f,
            g,
            o,
            self.cells[t],
            self.cells[t + 1],
            self.squashed[t],
            self.activity[t],
            self.heads[t],
            (self.activity[t], self.cells[t + 1]),
        )

    def _slope(self, t: int) -> StepSlopes:
        gates = self.slopes[t].unflatten(1, (4, -1))
        return StepSlopes(
            self.slopes[t], gates[:, :3], gates[:, 3], self.cell_slopes[t]
        )

    @torch.no_grad()
    def begin(self) -> None:
        """Copy the present weights, those of the g gate doubled."""
        units = self.core.units
        torch.cat((self.core.weight, self.core.bias.unsqueeze(0)), out=self.weight)
        self.weight[:, 2 * units : 3 * units] *= 2
        # Contiguous transposes, as they are multiplied at every step.
        self.recurrent.copy_(self.core.weight[-units:].T)
        self.head_weight.copy_(self.branch.heads.weight.T)
        self.t, self.last_cell = 0, None

    def step(self, inputs: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Take one step: i, f, o = sigmoid, g = 2 sigmoid - 1 of the doubled drive."""
        s = self.slots[self.t]
        self.t += 1
        # The cell of the last step is in place already, unless it was replaced.
        if memory[1] is not self.last_cell:
            s.cell_before.copy_(memory[1])
        self.last_cell = s.after[1]
        torch.cat((inputs, memory[0], self.ones), 1, out=s.joined)
        torch.mm(s.joined, self.weight, out=s.gates).sigmoid_()
        torch.mul(s.f, s.cell_before, out=s.cell)
        # s.g holds sigmoid(2 x), half of g + 1: i g = 2 i s.g - i.
        s.cell.addcmul_(s.i, s.g, value=2).sub_(s.i)
        torch.mul(s.cell, 2, out=s.squashed).sigmoid_().mul_(2).sub_(1)
        torch.mul(s.o, s.squashed, out=s.activity)
        torch.addmm(self.branch.heads.bias, s.activity, self.head_weight, out=s.heads)
        return s.heads, s.after

    def prepare_slopes(self, first: int, stop: int) -> None:
        """Compute the derivatives of the gates at some steps.

        They do not depend on the gradient, so they are computed for a whole chunk at
        once, outside the loop over steps. The g gates are overwritten by their values.
        """
        gates, slopes = self.gates[first:stop], self.slopes[: stop - first]
        i, _, half_g, o = gates.chunk(4, dim=2)
        # The derivative of a sigmoid s is s - s^2; of g = 2 s(2 x) - 1, 4 times that.
        torch.addcmul(gates, gates, gates, value=-1, out=slopes)
        of_i, of_f, of_g, of_o = slopes.chunk(4, dim=2)
        of_g.mul_(i).mul_(4)
        of_i.mul_(half_g.mul_(2).sub_(1))
        of_f.mul_(self.cells[first:stop])
        squashed, activity = self.squashed[first:stop], self.activity[first:stop]
        of_o.mul_(squashed)
        # o (1 - tanh(c)^2), as activity = o tanh(c).
        of_cell = self.cell_slopes[: stop - first]
        torch.addcmul(o, activity, squashed, value=-1, out=of_cell)

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
        unroll: LSTMUnroll,
        starts: Starts,
    ) -> Tensor:
        # Weights and bias are arguments only so that autograd asks for their gradients.
        ctx.unroll, ctx.starts = unroll, starts
        ctx.input_gradient = inputs is not None
        # A view: autograd must not mark the buffer itself as part of a graph.
        return unroll.activity.view_as(unroll.activity)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        unroll, inputs = ctx.unroll, None
        if ctx.input_gradient:
            inputs = gradient.new_empty(*gradient.shape[:2], unroll.core.input_size)
        weight, initial = backward_through_time(unroll, gradient, ctx.starts, inputs)
        # None, as in autograd, if no episode started: the initial memory was not used.
        started = any(start is not None for start in ctx.starts)
        return weight[:-1], weight[-1], initial if started else None, inputs, None, None


def backward_through_time(
    unroll: LSTMUnroll,
    gradient: Tensor,
    starts: Starts,
    inputs: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Gradients of the weights, bias last, (I + H + 1, 4H), and initial memory, (2, H).

    Args:
        unroll: finished unroll; its buffers are good for one backward pass.
        gradient: (T, B, H) gradient of the loss in the activity.
        starts: for each step, the environments with an initial memory.
        inputs: (T, B, I) buffer that receives the gradient in the inputs.
    """
    into_inputs = unroll.core.weight.detach()[: unroll.core.input_size].T
    into_activity, into_cell = gradient.new_zeros(2, *gradient.shape[1:])
    weight = torch.zeros_like(unroll.weight)
    initial = gradient.new_zeros(2, unroll.core.units)
    from_heads = gradient.unbind()
    # From the last chunk to the first; the derivatives of a chunk stay in the cache
    # until the gradient of the weights is taken from them.
    for stop in range(len(gradient), 0, -unroll.chunk):
        first = max(0, stop - unroll.chunk)
        unroll.prepare_slopes(first, stop)
        for t in range(stop - 1, first - 1, -1):
            slope = unroll.slopes_of[t - first]
            into_activity += from_heads[t]
            into_cell.addcmul_(into_activity, slope.cell)
            # Now slope.drive, of which both are views, is the gradient in the drives.
            slope.of_cell.mul_(into_cell.unsqueeze(1))
            slope.of_activity.mul_(into_activity)
            if unroll.paths.local:
                into_activity.zero_()
            else:
                torch.mm(slope.drive, unroll.recurrent, out=into_activity)
            into_cell.mul_(unroll.slots[t].f)
            start = starts[t]
            if start is not None:
                # The memory before this step was the initial one: its gradient is
                # collected, and none reaches the episode before.
                chosen = start.unsqueeze(1)
                initial[0] += (into_activity * chosen).sum(0)
                initial[1] += (into_cell * chosen).sum(0)
                into_activity.masked_fill_(chosen, 0)
                into_cell.masked_fill_(chosen, 0)
        drives = unroll.slopes[: stop - first].flatten(0, 1)
        weight.addmm_(unroll.joined[first:stop].flatten(0, 1).T, drives)
        if inputs is not None:
            torch.mm(drives, into_inputs, out=inputs[first:stop].flatten(0, 1))
    return weight, initial
