"""Recurrent cores: from inputs and memory to activity.

Each core has its equations once, in `forward`, as ordinary differentiable tensor
operations; `metarl.agents.unrolls` has handwritten passes for the LSTM and the vanilla
core.
"""

import math
from dataclasses import replace
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from metarl.agents.config import NetworkConfig
from metarl.agents.networks.episodic_memory import read_parts, recall, write
from metarl.core.policy import Memory, restart


class Core(nn.Module):
    """Weights and initial memory of a recurrent core.

    weight (I + H, gates * H) acts on inputs and activity, concatenated; bias
    (gates * H,); initial (memory_parts, H) is the memory before the first step.
    """

    gates: ClassVar[int]
    """Number of pre-activations of a unit."""
    memory_parts: ClassVar[int]
    """Parts of the memory with a learned initial value; the first is the activity."""

    def __init__(self, input_size: int, config: NetworkConfig) -> None:
        """Allocate; `initialize` draws the weights."""
        super().__init__()
        self.input_size, self.units = input_size, config.units
        width = self.gates * config.units
        self.weight = nn.Parameter(torch.zeros(input_size + config.units, width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.initial = nn.Parameter(
            torch.zeros(self.memory_parts, config.units),
            requires_grad=config.learned_initial_state,
        )

    def initialize(self, config: NetworkConfig, generator: torch.Generator) -> None:
        """Draw uniform weights, the rows of the inputs scaled by `input_gain`."""
        bound = 1 / math.sqrt(config.units)
        with torch.no_grad():
            self.weight.uniform_(-bound, bound, generator=generator)
            self.weight[: self.input_size] *= config.input_gain

    def initialize_inputs(
        self, groups: tuple[int, ...], generator: torch.Generator
    ) -> None:
        """Redraw the rows of the inputs, uniform within sqrt(3 / size) of a group."""
        with torch.no_grad():
            for rows in self.weight[: self.input_size].split(groups):
                bound = math.sqrt(3 / len(rows))
                rows.uniform_(-bound, bound, generator=generator)

    def initial_memory(self, num_envs: int) -> Memory:
        """Memory before the first step of an episode, (B, H) each."""
        return tuple(part.expand(num_envs, -1) for part in self.initial)

    def forward(
        self,
        inputs: Float[Tensor, "*batch inputs"],
        memory: Memory,
        recurrent_input: Tensor | None = None,
    ) -> Memory:
        """Return the memory after one step; its first part is the activity.

        Args:
            inputs: (B, I) inputs; (P, B, I) if the weights are those of P networks,
                (P, ...) each.
            memory: memory after the step before.
            recurrent_input: (B, H) input of the recurrent weights, if it is not the
                activity in the memory, such as a detached copy.
        """
        raise NotImplementedError


class LSTM(Core):
    """Long short-term memory with input, forget and output gates, no peepholes.

        i, f, o = sigmoid(...);  g = tanh(...)   of weight' [x, h] + bias
        c' = f c + i g;  h' = o tanh(c')

    Gate order in `weight`: i, f, g, o.
    Source: Hochreiter & Schmidhuber 1997; Graves 2013; Wang et al. 2018, Methods.
    """

    gates, memory_parts = 4, 2

    def initialize(self, config: NetworkConfig, generator: torch.Generator) -> None:
        """Also set the forget gate's bias."""
        super().initialize(config, generator)
        with torch.no_grad():
            self.bias[self.units : 2 * self.units] = config.forget_bias

    def forward(
        self,
        inputs: Float[Tensor, "*batch inputs"],
        memory: Memory,
        recurrent_input: Tensor | None = None,
    ) -> Memory:
        """Take one step."""
        activity, cell = memory
        if recurrent_input is not None:
            activity = recurrent_input
        # One product for all gates, on any number of leading dimensions.
        drive = torch.cat([inputs, activity], -1) @ self.weight + self.bias
        i, f, g, o = drive.chunk(4, dim=-1)
        cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
        return o.sigmoid() * cell.tanh(), cell


class EpisodicLSTM(LSTM):
    """LSTM that is cleared at each problem, and retrieves cells by the context.

        i, f, o, r = sigmoid(...);  g = tanh(...)   of weight' [x, h] + bias
        c' = f c + i g + r tanh(m);  h' = o tanh(c')

    with m the cell at the end of the last problem with this context, and m = 0 if there
    was none. At the first step of a problem, signalled by a flag among the inputs, the
    cell is stored under the context of the problem before, m is looked up under the new
    context, and activity and cell start from their initial values.

    Gate order in `weight`: i, f, g, o, r. The memory is activity, cell, m, the context
    of the present problem, then the store; `initial` is of the first two.
    Source: Ritter et al. 2018, ICML (arXiv:1805.09692).
    Declared: m is looked up once per problem, as the context is constant within it; no
    gradient passes through the store. The reward of the last trial of a problem is an
    input of the first step of the next problem, too late to be stored.
    """

    gates = 5

    def __init__(self, input_size: int, config: NetworkConfig) -> None:
        """Also keep the indices of flag and context among the inputs."""
        super().__init__(input_size, config)
        self.onset = config.onset_input
        self.context_size, self.slots = config.context_size, config.store_size
        stop = config.context_first + config.context_size
        self.context = slice(config.context_first, stop)
        self.reinstates = config.reinstatement
        """Whether the gate r is open; an experimenter may close it at any time."""

    def initial_memory(self, num_envs: int) -> Memory:
        """Learned activity and cell; an empty store, and no context."""
        units, code = self.units, self.context_size
        sizes = (units, code, self.slots * code, self.slots * units, 1)
        nothing = (self.initial.new_zeros(num_envs, size) for size in sizes)
        return (*super().initial_memory(num_envs), *nothing)

    def forward(
        self,
        inputs: Float[Tensor, "batch inputs"],
        memory: Memory,
        recurrent_input: Tensor | None = None,
    ) -> Memory:
        """Take one step; write and read the store before the first of a problem."""
        if recurrent_input is not None:
            memory = (recurrent_input, *memory[1:])
        new = inputs[:, self.onset] > 0.5
        # Most steps begin no problem: one test saves the search of the store.
        if bool(new.any()):
            memory = self.next_problem(new, inputs[:, self.context], memory)
        activity, cell, reminder, *others = memory
        drive = torch.cat([inputs, activity], 1) @ self.weight + self.bias
        i, f, g, o, r = drive.chunk(5, dim=1)
        cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
        if self.reinstates:
            cell = cell + r.sigmoid() * reminder.tanh()
        return o.sigmoid() * cell.tanh(), cell, reminder, *others

    def next_problem(self, new: Tensor, contexts: Tensor, memory: Memory) -> Memory:
        """Return the memory before the first step of a problem.

        Args:
            new: (B,) bool, environments in which a problem begins.
            contexts: (B, C) contexts of the problems.
            memory: memory after the step before.
        """
        activity, cell, reminder, before, *parts = memory
        # Written before it is read, as both problems may have the same context.
        with torch.no_grad():
            store = write(read_parts(parts, self.slots), before, cell, new)
            chosen = new.unsqueeze(1)
            reminder = torch.where(chosen, recall(store, contexts), reminder)
            before = torch.where(chosen, contexts, before)
        working = super().initial_memory(len(new))
        activity, cell = restart((activity, cell), working, new)
        return activity, cell, reminder, before, *store.parts()


class StackedLSTM(LSTM):
    """Two LSTMs: the second receives the inputs and the activity of the first.

    The second is the core that the heads read, with the weights of an LSTM whose inputs
    are the inputs of the network, then the first's activity. The memory is activity and
    cell of the second, then of the first; `initial` is of the second.
    Source: Wang et al. 2016, arXiv:1611.05763, Harlow's task; Mirowski et al. 2017,
    ICLR (arXiv:1611.03673).
    Departs: there each of the two receives only some of the inputs.
    """

    def __init__(self, input_size: int, config: NetworkConfig) -> None:
        """Also allocate the first LSTM."""
        super().__init__(input_size + config.first_units, config)
        self.input_size = input_size
        self.first = LSTM(input_size, replace(config, units=config.first_units))

    def initialize(self, config: NetworkConfig, generator: torch.Generator) -> None:
        """Draw the weights of both."""
        super().initialize(config, generator)
        first = replace(config, units=config.first_units)
        self.first.initialize(first, generator)

    def initialize_inputs(
        self, groups: tuple[int, ...], generator: torch.Generator
    ) -> None:
        """Redraw the rows of the inputs of both."""
        super().initialize_inputs(groups, generator)
        self.first.initialize_inputs(groups, generator)

    def initial_memory(self, num_envs: int) -> Memory:
        """Memory of the second, then of the first."""
        return (
            *super().initial_memory(num_envs),
            *self.first.initial_memory(num_envs),
        )

    def forward(
        self,
        inputs: Float[Tensor, "*batch inputs"],
        memory: Memory,
        recurrent_input: Tensor | None = None,
    ) -> Memory:
        """Take one step of the first, then of the second."""
        below = memory[2:]
        detached = None if recurrent_input is None else below[0].detach()
        below = self.first(inputs, below, detached)
        joined = torch.cat([inputs, below[0]], -1)
        return (*super().forward(joined, memory[:2], recurrent_input), *below)


class GRU(Core):
    """Gated recurrent unit.

        r, z = sigmoid(...);  n = tanh(Wx x + bias_n + r (Wh h))
        h' = (1 - z) n + z h

    Source: Cho et al. 2014, EMNLP.
    """

    gates, memory_parts = 3, 1

    def forward(
        self,
        inputs: Float[Tensor, "*batch inputs"],
        memory: Memory,
        recurrent_input: Tensor | None = None,
    ) -> Memory:
        """Take one step."""
        (activity,) = memory
        # Two products, as the reset gate acts on the recurrent part of the drive alone.
        forward = inputs @ self.weight[..., : self.input_size, :] + self.bias
        back = activity if recurrent_input is None else recurrent_input
        back = back @ self.weight[..., self.input_size :, :]
        reset_in, update_in, new_in = forward.chunk(3, dim=-1)
        reset_back, update_back, new_back = back.chunk(3, dim=-1)
        reset = (reset_in + reset_back).sigmoid()
        update = (update_in + update_back).sigmoid()
        new = (new_in + reset * new_back).tanh()
        return (torch.lerp(new, activity, update),)


class RNN(Core):
    """Vanilla recurrent network, leaky if the leak is below 1.

    h' = (1 - leak) h + leak tanh(weight' [x, h] + bias)
    """

    gates, memory_parts = 1, 1

    def __init__(self, input_size: int, config: NetworkConfig) -> None:
        """Also keep the leak, which is not learned."""
        super().__init__(input_size, config)
        self.leak = config.leak

    def forward(
        self,
        inputs: Float[Tensor, "*batch inputs"],
        memory: Memory,
        recurrent_input: Tensor | None = None,
    ) -> Memory:
        """Take one step."""
        (activity,) = memory
        back = activity if recurrent_input is None else recurrent_input
        new = (torch.cat([inputs, back], -1) @ self.weight + self.bias).tanh()
        return (new if self.leak == 1 else torch.lerp(activity, new, self.leak),)


class Feedforward(Core):
    """No recurrence: h = tanh(weight' x + bias).

    The recurrent rows of `weight` are not used.
    """

    gates, memory_parts = 1, 1

    def forward(
        self,
        inputs: Float[Tensor, "*batch inputs"],
        memory: Memory,
        recurrent_input: Tensor | None = None,
    ) -> Memory:
        """Take one step; the memory is not used."""
        return ((inputs @ self.weight[..., : self.input_size, :] + self.bias).tanh(),)


CORES: dict[str, type[Core]] = {
    "lstm": LSTM,
    "stacked-lstm": StackedLSTM,
    "episodic": EpisodicLSTM,
    "gru": GRU,
    "rnn": RNN,
    "feedforward": Feedforward,
}
"""Cores by their name in `NetworkConfig.core`."""
