"""Unrolls for training: step now without a graph, differentiate the whole later.

While the stepping loop runs, an unroll answers as the network would and keeps what the
gradient needs; afterwards `read` gives all steps' logits and values as differentiable
tensors. `PlainUnroll` replays the core under autograd and serves every core;
`LSTMUnroll` holds the LSTM's forward pass in preallocated buffers and its backward pass
by hand. Tests hold the two to equal gradients.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from metarl.agents.cores import LSTM
from metarl.agents.network import ActorCritic
from metarl.policy import Decision, Memory

Starts = Sequence[Tensor | None]
"""For each step the lanes, (B,) bool, whose memory was initial; None where none was."""


@runtime_checkable  # for the shape checks that the tests switch on
class Unroll(Protocol):
    """A policy that remembers one unroll and can be differentiated afterwards."""

    def initial_memory(self, lanes: int) -> Memory:
        """The memory before an episode's first step."""
        ...

    def act(self, inputs: Tensor, memory: Memory) -> Decision:
        """Decide at the next step of the unroll."""
        ...

    def begin(self) -> None:
        """Forget the last unroll and read the network's present weights."""
        ...

    def read(self, starts: Starts) -> tuple[Tensor, Tensor]:
        """Logits (T, B, A) and values (T, B) of all steps, differentiable."""
        ...


def make_unroll(network: ActorCritic, steps: int, lanes: int) -> Unroll:
    """The fastest unroll there is for this network's core."""
    kind = LSTMUnroll if isinstance(network.core, LSTM) else PlainUnroll
    return kind(network, steps, lanes)


class PlainUnroll:
    """Replays any core under autograd: slower, and the reference for the rest."""

    def __init__(self, network: ActorCritic, steps: int, lanes: int) -> None:
        """`steps` and `lanes` are not needed here."""
        self.network = network
        self.inputs: list[Tensor] = []
        self.carried: Memory = ()

    def initial_memory(self, lanes: int) -> Memory:
        """The network's own."""
        return self.network.initial_memory(lanes)

    def begin(self) -> None:
        """Forget the last unroll."""
        self.inputs.clear()

    def act(self, inputs: Tensor, memory: Memory) -> Decision:
        """Answer as the network does; remember the inputs and the first memory."""
        if not self.inputs:
            self.carried = memory
        self.inputs.append(inputs)
        return self.network.act(inputs, memory)

    def read(self, starts: Starts) -> tuple[Tensor, Tensor]:
        """Step the core again from the carried memory, now with a graph."""
        memory = tuple(part.detach() for part in self.carried)
        activity = []
        for inputs, start in zip(self.inputs, starts, strict=True):
            memory = restart(memory, self.initial_memory(len(inputs)), start)
            memory = self.network.core(inputs, memory)
            activity.append(memory[0])
        return self.network.read(torch.stack(activity))


def restart(memory: Memory, initial: Memory, start: Tensor | None) -> Memory:
    """Memory, replaced by the initial one in the lanes of `start` (none if None)."""
    if start is None:
        return memory
    chosen = start.unsqueeze(1)
    pairs = zip(initial, memory, strict=True)
    return tuple(torch.where(chosen, new, old) for new, old in pairs)


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
    """(B, A + 1) logits beside the value."""
    logits: Tensor
    """(B, A)."""
    value: Tensor
    """(B,)."""
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

    def __init__(self, network: ActorCritic, steps: int, lanes: int) -> None:
        """Allocate for `steps` steps of `lanes` lanes."""
        core = network.core
        self.network, self.core = network, core
        units, size = core.units, core.input_size
        new = core.weight.new_empty
        self.joined = new(steps, lanes, size + units + 1)
        self.gates = new(steps, lanes, 4 * units)
        # One more than steps: the cell before the first. A restart overwrites the cell
        # that the step before left, which nothing needs any more.
        self.cells = new(steps + 1, lanes, units)
        self.squashed = new(steps, lanes, units)
        self.activity = new(steps, lanes, units)
        self.heads = new(steps, lanes, network.action_count + 1)
        self.ones = torch.ones_like(self.joined[0, :, :1])
        self.weight = new(size + units + 1, 4 * units)
        self.recurrent = new(4 * units, units)
        self.head_weight = new(units, network.action_count + 1)
        self.slots = [self._slot(t) for t in range(steps)]
        self.chunk = min(steps, max(1, CHUNK_ELEMENTS // self.gates[0].numel()))
        self.slopes = new(self.chunk, lanes, 4 * units)
        self.cell_slopes = new(self.chunk, lanes, units)
        self.slopes_of = [self._slope(t) for t in range(self.chunk)]
        self.t = 0
        self.carried: Memory | None = None

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
            self.heads[t, :, :-1],
            self.heads[t, :, -1],
            (self.activity[t], self.cells[t + 1]),
        )

    def _slope(self, t: int) -> Slope:
        gates = self.slopes[t].unflatten(1, (4, -1))
        return Slope(self.slopes[t], gates[:, :3], gates[:, 3], self.cell_slopes[t])

    def initial_memory(self, lanes: int) -> Memory:
        """The network's own."""
        return self.network.initial_memory(lanes)

    @torch.no_grad()
    def begin(self) -> None:
        """Take the present weights, the g gate's doubled."""
        units = self.core.units
        torch.cat((self.core.weight, self.core.bias.unsqueeze(0)), out=self.weight)
        self.weight[:, 2 * units : 3 * units] *= 2
        self.recurrent.copy_(self.core.weight[-units:].T)
        self.head_weight.copy_(self.network.heads.weight.T)
        self.t, self.carried = 0, None

    def act(self, inputs: Tensor, memory: Memory) -> Decision:
        """One step; i, f, o = sigmoid, g = 2 sigmoid - 1 of the doubled drive."""
        s = self.slots[self.t]
        self.t += 1
        if memory is not self.carried:
            s.cell_before.copy_(memory[1])
        self.carried = s.after
        torch.cat((inputs, memory[0], self.ones), 1, out=s.joined)
        torch.mm(s.joined, self.weight, out=s.gates).sigmoid_()
        torch.mul(s.f, s.cell_before, out=s.cell)
        s.cell.addcmul_(s.i, s.g, value=2).sub_(s.i)
        torch.mul(s.cell, 2, out=s.squashed).sigmoid_().mul_(2).sub_(1)
        torch.mul(s.o, s.squashed, out=s.activity)
        torch.addmm(self.network.heads.bias, s.activity, self.head_weight, out=s.heads)
        return Decision(s.logits, s.value, s.after, s.activity)

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

    def read(self, starts: Starts) -> tuple[Tensor, Tensor]:
        """The heads' readings of the activity that the steps left in the buffers."""
        core = self.core
        inputs = core.weight, core.bias, core.initial, self, starts
        activity = _Activity.apply(*inputs)  # type: ignore[no-untyped-call]
        return self.network.read(activity)


class _Activity(torch.autograd.Function):
    """Hands autograd the (T, B, H) activity already computed, its gradient by hand."""

    @staticmethod
    def forward(
        ctx: Any,
        _weight: Tensor,
        _bias: Tensor,
        _initial: Tensor,
        unroll: LSTMUnroll,
        starts: Starts,
    ) -> Tensor:
        ctx.unroll, ctx.starts = unroll, starts
        return unroll.activity.view_as(unroll.activity)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        weight, initial = backward_through_time(ctx.unroll, gradient, ctx.starts)
        # None, as autograd has it, where no lane started and there is nothing to learn.
        started = any(start is not None for start in ctx.starts)
        return weight[:-1], weight[-1], initial if started else None, None, None


def backward_through_time(
    unroll: LSTMUnroll, gradient: Tensor, starts: Starts
) -> tuple[Tensor, Tensor]:
    """Gradients in the weights, bias last, (I + H + 1, 4H), and initial memory, (2, H).

    Args:
        unroll: the finished unroll; its buffers serve one backward pass.
        gradient: (T, B, H) of the loss in the activity.
        starts: which lanes had the initial memory at which step.
    """
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
    return weight, initial
