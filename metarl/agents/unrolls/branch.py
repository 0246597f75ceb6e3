"""One core's unroll: step now without a graph, differentiate the whole later.

While the stepping loop runs, it answers as the branch would and keeps what the gradient
needs; afterwards `activities` gives all steps' activity as one differentiable tensor.
`PlainUnroll` replays the core under autograd and serves every core; `LSTMUnroll` holds
the LSTM's forward pass in preallocated buffers and its backward pass by hand, as
`metarl.agents.unrolls.rnn` does for the vanilla core. Tests hold all to equal
gradients.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from metarl.agents.networks.actor_critic import Branch
from metarl.agents.unrolls.gradient_paths import BPTT, GradientPaths
from metarl.core.policy import Memory, restart

Starts = Sequence[Tensor | None]
"""For each step the lanes, (B,) bool, whose memory was initial; None where none was."""


@runtime_checkable  # for the shape checks that the tests switch on
class BranchUnroll(Protocol):
    """One core with its heads, stepped now and differentiated afterwards."""

    branch: Branch
    """The core and its heads."""
    credit: GradientPaths
    """The paths of errors."""

    def begin(self) -> None:
        """Forget the last unroll and read the branch's present weights."""
        ...

    def step(self, inputs: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """The heads' (B, n) outputs at the next step, and the memory after it."""
        ...

    def activities(self, starts: Starts, inputs: Tensor | None = None) -> Tensor:
        """(T, B, H) the units' activity at all steps, differentiable.

        Args:
            starts: the lanes whose memory was initial, step by step.
            inputs: (T, B, I) the inputs of all steps again, where the gradient is to go
                on into them.
        """
        ...


def outputs(
    unroll: BranchUnroll, starts: Starts, inputs: Tensor | None = None
) -> Tensor:
    """(T, B, n) what the heads read at all steps, differentiable; see `activities`."""
    return unroll.credit.read(unroll.branch.heads, unroll.activities(starts, inputs))


class PlainUnroll:
    """Replays any core under autograd: slower, and the reference for the rest."""

    def __init__(
        self, branch: Branch, steps: int, num_envs: int, credit: GradientPaths = BPTT
    ) -> None:
        """`steps` and `num_envs` are not needed here."""
        self.branch, self.credit = branch, credit
        self.inputs: list[Tensor] = []
        self.carried: Memory = ()

    def begin(self) -> None:
        """Forget the last unroll."""
        self.inputs.clear()

    def step(self, inputs: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Answer as the branch does; remember the inputs and the first memory."""
        if not self.inputs:
            self.carried = memory
        self.inputs.append(inputs)
        memory = self.branch.step(inputs, memory)
        return self.branch.heads(memory[0]), memory

    def activities(self, starts: Starts, inputs: Tensor | None = None) -> Tensor:
        """Step the core again from the carried memory, now with a graph."""
        memory = tuple(part.detach() for part in self.carried)
        activity = []
        given = self.inputs if inputs is None else inputs
        for now, start in zip(given, starts, strict=True):
            memory = restart(memory, self.branch.initial_memory(len(now)), start)
            memory = self.branch.step(now, memory, local=self.credit.local)
            activity.append(memory[0])
        return torch.stack(activity)


class Slot(NamedTuple):
    """One step's views into the buffers of an `LSTMUnroll`."""

    joined: Tensor
    """(B, I + H + 1) inputs, activity before the step, and a one for the bias."""
    gates: Tensor
    """(B, 4H) i, f, g, o; and each of them, (B, H)."""
    i: Tensor
    f: Tensor
    g: Tensor
    o: Tensor
    cell_before: Tensor
    """(B, H)."""
    cell: Tensor
    """(B, H) after the step."""
    squashed: Tensor
    """(B, H) tanh of `cell`."""
    activity: Tensor
    """(B, H) after the step."""
    heads: Tensor
    """(B, n) what the heads read."""
    after: Memory
    """Activity and cell after the step."""


class Slope(NamedTuple):
    """What one unit of gradient adds to one step's drives, as views."""

    drive: Tensor
    """(B, 4H) all gates; once multiplied, the gradient in the drives."""
    of_cell: Tensor
    """(B, 3, H) of i, f and g, per unit of gradient in the cell."""
    of_activity: Tensor
    """(B, H) of o, per unit of gradient in the activity."""
    cell: Tensor
    """(B, H) of the cell, per unit of gradient in the activity."""


CHUNK_ELEMENTS = 2**18
"""Slopes prepared at once: what stays in a core's cache."""


class LSTMUnroll:
    """The LSTM's forward pass in preallocated buffers, its backward pass by hand.

    tanh(x) is computed as 2 sigmoid(2 x) - 1, several times faster here, with the
    factor 2 of the g gate folded into a working copy of the weights, whose last row is
    the bias.
    """

    def __init__(
        self, branch: Branch, steps: int, num_envs: int, credit: GradientPaths = BPTT
    ) -> None:
        """Allocate for `steps` steps of `num_envs` lanes."""
        core, outputs = branch.core, branch.heads.out_features
        self.branch, self.core, self.credit = branch, core, credit
        units, size = core.units, core.input_size
        new = core.weight.new_empty
        self.joined = new(steps, num_envs, size + units + 1)
        self.gates = new(steps, num_envs, 4 * units)
        # One more than steps: the cell before the first. A restart overwrites the cell
        # that the step before left, which nothing needs any more.
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
        self.carried: Tensor | None = None

    def _slot(self, t: int) -> Slot:
        i, f, g, o = self.gates[t].chunk(4, dim=1)
        return Slot(
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

    def _slope(self, t: int) -> Slope:
        gates = self.slopes[t].unflatten(1, (4, -1))
        return Slope(self.slopes[t], gates[:, :3], gates[:, 3], self.cell_slopes[t])

    @torch.no_grad()
    def begin(self) -> None:
        """Take the present weights, the g gate's doubled."""
        units = self.core.units
        torch.cat((self.core.weight, self.core.bias.unsqueeze(0)), out=self.weight)
        self.weight[:, 2 * units : 3 * units] *= 2
        self.recurrent.copy_(self.core.weight[-units:].T)
        self.head_weight.copy_(self.branch.heads.weight.T)
        self.t, self.carried = 0, None

    def step(self, inputs: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """One step; i, f, o = sigmoid, g = 2 sigmoid - 1 of the doubled drive."""
        s = self.slots[self.t]
        self.t += 1
        if memory[1] is not self.carried:
            s.cell_before.copy_(memory[1])
        self.carried = s.after[1]
        torch.cat((inputs, memory[0], self.ones), 1, out=s.joined)
        torch.mm(s.joined, self.weight, out=s.gates).sigmoid_()
        torch.mul(s.f, s.cell_before, out=s.cell)
        s.cell.addcmul_(s.i, s.g, value=2).sub_(s.i)
        torch.mul(s.cell, 2, out=s.squashed).sigmoid_().mul_(2).sub_(1)
        torch.mul(s.o, s.squashed, out=s.activity)
        torch.addmm(self.branch.heads.bias, s.activity, self.head_weight, out=s.heads)
        return s.heads, s.after

    def prepare_slopes(self, first: int, stop: int) -> None:
        """The gates' derivatives at some steps, before any gradient arrives."""
        gates, slopes = self.gates[first:stop], self.slopes[: stop - first]
        i, _, half_g, o = gates.chunk(4, dim=2)
        torch.addcmul(gates, gates, gates, value=-1, out=slopes)
        of_i, of_f, of_g, of_o = slopes.chunk(4, dim=2)
        of_g.mul_(i).mul_(4)
        of_i.mul_(half_g.mul_(2).sub_(1))
        of_f.mul_(self.cells[first:stop])
        squashed, activity = self.squashed[first:stop], self.activity[first:stop]
        of_o.mul_(squashed)
        of_cell = self.cell_slopes[: stop - first]
        torch.addcmul(o, activity, squashed, value=-1, out=of_cell)

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
        unroll: LSTMUnroll,
        starts: Starts,
    ) -> Tensor:
        ctx.unroll, ctx.starts, ctx.seeing = unroll, starts, inputs is not None
        return unroll.activity.view_as(unroll.activity)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        unroll, inputs = ctx.unroll, None
        if ctx.seeing:
            inputs = gradient.new_empty(*gradient.shape[:2], unroll.core.input_size)
        weight, initial = backward_through_time(unroll, gradient, ctx.starts, inputs)
        # None, as autograd has it, where no lane started and there is nothing to learn.
        started = any(start is not None for start in ctx.starts)
        return weight[:-1], weight[-1], initial if started else None, inputs, None, None


def backward_through_time(
    unroll: LSTMUnroll,
    gradient: Tensor,
    starts: Starts,
    inputs: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Gradients in the weights, bias last, (I + H + 1, 4H), and initial memory, (2, H).

    Args:
        unroll: the finished unroll; its buffers serve one backward pass.
        gradient: (T, B, H) of the loss in the activity.
        starts: which lanes had the initial memory at which step.
        inputs: (T, B, I) is filled with the gradient in the inputs.
    """
    into_inputs = unroll.core.weight.detach()[: unroll.core.input_size].T
    into_activity, into_cell = gradient.new_zeros(2, *gradient.shape[1:])
    weight = torch.zeros_like(unroll.weight)
    initial = gradient.new_zeros(2, unroll.core.units)
    arriving = gradient.unbind()
    for stop in range(len(gradient), 0, -unroll.chunk):
        first = max(0, stop - unroll.chunk)
        unroll.prepare_slopes(first, stop)
        for t in range(stop - 1, first - 1, -1):
            slope = unroll.slopes_of[t - first]
            into_activity += arriving[t]
            into_cell.addcmul_(into_activity, slope.cell)
            slope.of_cell.mul_(into_cell.unsqueeze(1))
            slope.of_activity.mul_(into_activity)
            if unroll.credit.local:
                into_activity.zero_()
            else:
                torch.mm(slope.drive, unroll.recurrent, out=into_activity)
            into_cell.mul_(unroll.slots[t].f)
            start = starts[t]
            if start is not None:
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
