"""Cores: what turns inputs and memory into activity.

Each core says its equations once, in `forward`, as ordinary differentiable tensor
operations; `metarl.agents.unrolls.branch` holds the LSTM's fast twin.
"""

import math
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from metarl.agents.config import NetworkConfig
from metarl.agents.networks.episodic_memory import read_parts, recall, write
from metarl.core.policy import Memory, restart


class Core(nn.Module):
    """Weights and initial memory of a recurrent core.

    weight (I + H, gates * H) acts on inputs and activity side by side; bias
    (gates * H,); initial (memory_parts, H) is the memory before the first step.
    """

    gates: ClassVar[int]
    """Pre-activations a unit has."""
    memory_parts: ClassVar[int]
    """Parts of the memory whose start is learned; the first is the units' activity."""

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
        """Draw the weights: uniform, the inputs' rows scaled by `input_gain`."""
        bound = 1 / math.sqrt(config.units)
        with torch.no_grad():
            self.weight.uniform_(-bound, bound, generator=generator)
            self.weight[: self.input_size] *= config.input_gain

    def draw_inputs(self, groups: tuple[int, ...], generator: torch.Generator) -> None:
        """Draw the inputs' rows anew: uniform within sqrt(3 / size), group by group."""
        with torch.no_grad():
            for rows in self.weight[: self.input_size].split(groups):
                bound = math.sqrt(3 / len(rows))
                rows.uniform_(-bound, bound, generator=generator)

    def initial_memory(self, num_envs: int) -> Memory:
        """The memory before an episode's first step, (B, H) each."""
        return tuple(part.expand(num_envs, -1) for part in self.initial)

    def forward(
        self,
        inputs: Float[Tensor, "*batch inputs"],
        memory: Memory,
        recalled: Tensor | None = None,
    ) -> Memory:
        """The memory after one step; its first part is the units' activity.

        Args:
            inputs: (B, I) what the core is fed; (P, B, I) where the weights are those
                of P networks, (P, ...) each.
            memory: from the step before.
            recalled: (B, H) the activity before as the recurrent weights see it, where
                that is another tensor than the memory's, such as one without gradient.
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
        recalled: Tensor | None = None,
    ) -> Memory:
        """One step."""
        activity, cell = memory
        if recalled is not None:
            activity = recalled
        drive = torch.cat([inputs, activity], -1) @ self.weight + self.bias
        i, f, g, o = drive.chunk(4, dim=-1)
        cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
        return o.sigmoid() * cell.tanh(), cell


class EpisodicLSTM(LSTM):
    """LSTM that is cleared at each problem, and reminded by the problem's context.

        i, f, o, r = sigmoid(...);  g = tanh(...)   of weight' [x, h] + bias
        c' = f c + i g + r tanh(m);  h' = o tanh(c')

    with m the cell held at the end of the last problem with this context, and
    m = 0 where there was none. At a problem's first step, which a flag among the inputs
    tells, the cell is stored under the context of the problem before, m is looked up
    under the new one, and activity and cell start from their initial values.

    Gate order in `weight`: i, f, g, o, r. The memory is activity, cell, m, the context
    of the present problem, then the store; `initial` is of the first two.
    Source: Ritter et al. 2018, ICML (arXiv:1805.09692).
    Declared: m is looked up once a problem, as its context does not change within it;
    no gradient passes through what is stored. What the last trial of a problem earned
    arrives with the next problem's first step, too late to be stored.
    """

    gates = 5

    def __init__(self, input_size: int, config: NetworkConfig) -> None:
        """Also keep where the inputs tell problem and context."""
        super().__init__(input_size, config)
        self.onset = config.onset_input
        self.context_size, self.slots = config.context_size, config.store_size
        stop = config.context_first + config.context_size
        self.context = slice(config.context_first, stop)
        self.reinstates = config.reinstatement
        """Whether the gate r is heard; an experimenter may silence it at any time."""

    def initial_memory(self, num_envs: int) -> Memory:
        """Activity and cell as learned; nothing stored, and no problem yet."""
        held, code = self.units, self.context_size
        sizes = (held, code, self.slots * code, self.slots * held, 1)
        nothing = (self.initial.new_zeros(num_envs, size) for size in sizes)
        return (*super().initial_memory(num_envs), *nothing)

    def forward(
        self,
        inputs: Float[Tensor, "batch inputs"],
        memory: Memory,
        recalled: Tensor | None = None,
    ) -> Memory:
        """One step; at a problem's first, the store is written and read before."""
        if recalled is not None:
            memory = (recalled, *memory[1:])
        new = inputs[:, self.onset] > 0.5
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
        """The memory at the door of a problem, in the lanes of `new`.

        Args:
            new: (B,) bool.
            contexts: (B, C) of the problems that begin.
            memory: from the step before.
        """
        activity, cell, reminder, before, *parts = memory
        with torch.no_grad():
            store = write(read_parts(parts, self.slots), before, cell, new)
            chosen = new.unsqueeze(1)
            reminder = torch.where(chosen, recall(store, contexts), reminder)
            before = torch.where(chosen, contexts, before)
        working = super().initial_memory(len(new))
        activity, cell = restart((activity, cell), working, new)
        return activity, cell, reminder, before, *store.parts()


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
        recalled: Tensor | None = None,
    ) -> Memory:
        """One step."""
        (activity,) = memory
        seen = inputs @ self.weight[..., : self.input_size, :] + self.bias
        back = activity if recalled is None else recalled
        back = back @ self.weight[..., self.input_size :, :]
        reset_in, update_in, new_in = seen.chunk(3, dim=-1)
        reset_back, update_back, new_back = back.chunk(3, dim=-1)
        reset = (reset_in + reset_back).sigmoid()
        update = (update_in + update_back).sigmoid()
        new = (new_in + reset * new_back).tanh()
        return (torch.lerp(new, activity, update),)


class RNN(Core):
    """Vanilla recurrent network, leaky where the leak is below 1.

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
        recalled: Tensor | None = None,
    ) -> Memory:
        """One step."""
        (activity,) = memory
        back = activity if recalled is None else recalled
        new = (torch.cat([inputs, back], -1) @ self.weight + self.bias).tanh()
        return (new if self.leak == 1 else torch.lerp(activity, new, self.leak),)


class Feedforward(Core):
    """No recurrence: h = tanh(weight' x + bias); what it is told now is all it knows.

    The rows of `weight` for the activity before are never read.
    """

    gates, memory_parts = 1, 1

    def forward(
        self,
        inputs: Float[Tensor, "*batch inputs"],
        memory: Memory,
        recalled: Tensor | None = None,
    ) -> Memory:
        """One step; the memory is not looked at."""
        return ((inputs @ self.weight[..., : self.input_size, :] + self.bias).tanh(),)


CORES: dict[str, type[Core]] = {
    "lstm": LSTM,
    "episodic": EpisodicLSTM,
    "gru": GRU,
    "rnn": RNN,
    "feedforward": Feedforward,
}
"""Cores by the name that `NetworkConfig.core` uses."""
