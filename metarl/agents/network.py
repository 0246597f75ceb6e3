"""The agent's network: one recurrent core, read by a policy and a value."""

import hashlib

import torch
from jaxtyping import Float
from torch import Tensor, nn

from metarl.agents.cores import CORES, Core
from metarl.agents.settings import NetworkConfig
from metarl.policy import Decision, Memory


class ActorCritic(nn.Module):
    """A recurrent core whose activity both heads read.

    Source: Wang et al. 2018, Methods: policy and value share every layer but the last.
    """

    def __init__(
        self, input_size: int, action_count: int, config: NetworkConfig, *, seed: int
    ) -> None:
        """Build the network and draw its weights from `seed`."""
        super().__init__()
        self.action_count = action_count
        self.core: Core = CORES[config.core](input_size, config)
        # One matrix for both heads: the policy's columns, then the value's.
        self.heads = nn.Linear(config.units, action_count + 1)
        generator = torch.Generator().manual_seed(seed)
        self.core.initialize(config, generator)
        with torch.no_grad():
            self.heads.weight.normal_(0, config.head_deviation, generator=generator)
            self.heads.bias.zero_()

    def initial_memory(self, lanes: int) -> Memory:
        """The memory before an episode's first step."""
        return self.core.initial_memory(lanes)

    def act(self, inputs: Float[Tensor, "batch inputs"], memory: Memory) -> Decision:
        """One step of the core, read by both heads."""
        memory = self.core(inputs, memory)
        logits, value = self.read(memory[0])
        return Decision(logits, value, memory, memory[0])

    def read(self, activity: Float[Tensor, "*any units"]) -> tuple[Tensor, Tensor]:
        """The policy's logits (..., A) and the value (...), in reward units."""
        both = self.heads(activity)
        return both[..., :-1], both[..., -1]


def weights_hash(network: nn.Module) -> str:
    """SHA-256 over the names, shapes and bytes of all parameters."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(f"{name}{tuple(value.shape)}{value.dtype}".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
