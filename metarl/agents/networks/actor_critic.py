"""The agent's network: recurrent cores, read by a policy and a value.

`ActorCritic` has one core that both read, as in the paper's Simulations 1 to 5.
`SeparateActorCritic` has one each, and can feed the critic's prediction error to the
actor in place of the reward, as in its Simulation 6.
"""

import hashlib

import torch
from jaxtyping import Float
from torch import Tensor, nn

from metarl.agents.config import NetworkConfig
from metarl.agents.networks.cores import CORES, Core
from metarl.agents.networks.encoders import Encoder, Look
from metarl.agents.returns import reward_prediction_error
from metarl.core.policy import Memory, PolicyOutput, SignalChange


class Branch(nn.Module):
    """A core and the linear heads that read its activity."""

    def __init__(self, input_size: int, outputs: int, config: NetworkConfig) -> None:
        """Allocate; `draw` gives the weights their values."""
        super().__init__()
        self.core: Core = CORES[config.core](input_size, config)
        self.heads = nn.Linear(config.units, outputs)

    def draw(
        self, config: NetworkConfig, action_count: int, generator: torch.Generator
    ) -> None:
        """Draw the initial weights; the last inputs are last action and reward."""
        self.core.initialize(config, generator)
        with torch.no_grad():
            self.heads.weight.normal_(0, config.head_deviation, generator=generator)
            self.heads.bias.zero_()
        if config.group_fan_in:
            seen = self.core.input_size - action_count - 1
            self.core.draw_inputs((seen, action_count, 1), generator)

    def initial_memory(self, num_envs: int) -> Memory:
        """The memory before an episode's first step."""
        return self.core.initial_memory(num_envs)

    def step(
        self,
        inputs: Float[Tensor, "batch inputs"],
        memory: Memory,
        units: tuple[Tensor, Tensor] | None = None,
        *,
        local: bool = False,
    ) -> Memory:
        """The core's memory after one step.

        Args:
            inputs: (B, I) what the core is fed.
            memory: from the step before.
            units: scale and shift of its activity.
            local: whether no gradient passes back through the recurrent weights.
        """
        memory = self.core(inputs, memory, memory[0].detach() if local else None)
        if units is None:
            return memory
        factor, addition = units
        return (memory[0] * factor + addition, *memory[1:])


class InputMask:
    """Which inputs a network is told; those that are ablated are told to nobody."""

    def __init__(
        self, input_size: int, action_count: int, config: NetworkConfig
    ) -> None:
        """Choose among observation, last action and last reward, in this order."""
        kept = torch.ones(input_size)
        if not config.action_input:
            kept[-1 - action_count : -1] = 0
        if config.feedback == "none" and config.critic == "shared":
            kept[-1] = 0
        self.kept = None if bool(kept.all()) else kept

    def __call__(self, inputs: Tensor) -> Tensor:
        """(B, I) inputs, zero where ablated."""
        return inputs if self.kept is None else inputs * self.kept.to(inputs)


class ActorCritic(Branch):
    """A recurrent core whose activity both heads read.

    Source: Wang et al. 2018, Methods: policy and value share every layer but the last.
    """

    def __init__(
        self,
        input_size: int,
        action_count: int,
        config: NetworkConfig,
        *,
        seed: int,
        view_size: tuple[int, int] | None = None,
    ) -> None:
        """Build the network and draw its weights from `seed`.

        Args:
            input_size: length of what it is fed.
            action_count: number of actions.
            config: what kind of network.
            seed: draws the weights.
            view_size: width and height of the retina, where the observation is a code
                for pixels.
        """
        encoder = Encoder(view_size, config) if view_size else None
        told = action_count + 1
        seen = encoder.features if encoder else input_size - told
        # One matrix for both heads: the policy's columns, then the value's.
        super().__init__(seen + told, action_count + 1, config)
        self.encoder = encoder
        self.input_size, self.action_count = input_size, action_count
        self.sense = InputMask(seen + told, action_count, config)
        generator = torch.Generator().manual_seed(seed)
        self.draw(config, action_count, generator)
        if encoder:
            encoder.draw(generator)

    @property
    def view_size(self) -> tuple[int, int] | None:
        """Width and height of the retina; None without one."""
        return self.encoder.view_size if self.encoder else None

    def see(self, inputs: Float[Tensor, "batch inputs"]) -> Tensor:
        """What the core is fed: features in the place of codes, where it has eyes."""
        if self.encoder is not None:
            codes, told = self.parted(inputs)
            inputs = torch.cat([self.encoder(codes), told], 1)
        return self.sense(inputs)

    def parted(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """What is seen, and last action and reward, both (B, ...)."""
        told = self.action_count + 1
        return inputs[:, :-told], inputs[:, -told:]

    def act(
        self,
        inputs: Float[Tensor, "batch inputs"],
        memory: Memory,
        change: SignalChange | None = None,
    ) -> PolicyOutput:
        """One step of the core, read by both heads."""
        units = change.units if change else None
        memory = self.step(self.see(inputs), memory, units)
        logits, value = self.split(self.heads(memory[0]))
        return PolicyOutput(logits, value, memory, memory[0])

    @staticmethod
    def split(both: Float[Tensor, "*any outputs"]) -> tuple[Tensor, Tensor]:
        """The policy's logits (..., A) and the value (...), in reward units."""
        return both[..., :-1], both[..., -1]


class SeparateActorCritic(nn.Module):
    """Two cores that share nothing: the critic's value, and the actor's policy.

    The critic is told the last reward. The actor is told the critic's prediction error,

        rpe = last reward + discount * value now - value at the step before

    or the reward, or neither, by `feedback`. The error arrives as a plain number at the
    step that reveals it; it is 0 at an episode's first step, and no gradient passes
    between the two. Units are the actor's, then the critic's.

    Source: Wang et al. 2018, Nat Neurosci 21:860, Simulation 6.
    Declared: the paper does not state the error's timing, nor that no gradient passes.
    """

    discount: Tensor
    """Discount per step of the prediction error; it follows training's."""

    def __init__(
        self, input_size: int, action_count: int, config: NetworkConfig, *, seed: int
    ) -> None:
        """Build both and draw their weights from `seed`."""
        super().__init__()
        self.input_size, self.action_count = input_size, action_count
        self.view_size = None
        self.units, self.feedback = config.units, config.feedback
        self.sense = InputMask(input_size, action_count, config)
        self.actor = Branch(input_size, action_count, config)
        self.critic = Branch(input_size, 1, config)
        self.register_buffer("discount", torch.tensor(0.9))
        generator = torch.Generator().manual_seed(seed)
        for branch in (self.actor, self.critic):
            branch.draw(config, action_count, generator)

    def initial_memory(self, num_envs: int) -> Memory:
        """The actor's, the critic's, then (B, 2): last value, and whether there is one.

        At an episode's start there is none, and so no prediction error.
        """
        nothing = self.critic.heads.bias.new_zeros(num_envs, 2)
        actor, critic = (b.initial_memory(num_envs) for b in (self.actor, self.critic))
        return (*actor, *critic, nothing)

    def parts(self, memory: Memory) -> tuple[Memory, Memory, Tensor]:
        """The actor's memory, the critic's, and the value before."""
        each = (len(memory) - 1) // 2
        return memory[:each], memory[each:-1], memory[-1]

    def act(
        self,
        inputs: Float[Tensor, "batch inputs"],
        memory: Memory,
        change: SignalChange | None = None,
    ) -> PolicyOutput:
        """The critic values what is seen; the actor, told the error, decides."""
        change = change or SignalChange()
        inputs = self.sense(inputs)
        actor, critic, before = self.parts(memory)
        units = self.units
        critic = self.critic.step(inputs, critic, _slice(change.units, units, None))
        value = self.critic.heads(critic[0]).squeeze(1)
        told = self.told(inputs, value.detach(), before, change)
        actor = self.actor.step(told, actor, _slice(change.units, 0, units))
        logits = self.actor.heads(actor[0])
        activity = torch.cat([actor[0], critic[0]], 1)
        return PolicyOutput(
            logits, value, (*actor, *critic, noted(value.detach())), activity
        )

    def told(
        self,
        inputs: Float[Tensor, "batch inputs"],
        value: Float[Tensor, " batch"],
        before: Float[Tensor, "batch 2"],
        change: SignalChange,
    ) -> Tensor:
        """The actor's inputs: the critic's, with the feedback in the reward's place."""
        if self.feedback == "reward":
            return inputs
        if self.feedback == "none":
            return torch.cat([inputs[:, :-1], torch.zeros_like(inputs[:, -1:])], 1)
        last_value, known = before.unbind(1)
        rpe = reward_prediction_error(
            inputs[:, -1].unsqueeze(0),
            torch.stack([last_value, value]),
            self.discount.expand(1, len(value)),
        ).squeeze(0)
        if change.rpe is not None:
            factor, addition = change.rpe
            rpe = rpe * factor + addition
        return torch.cat([inputs[:, :-1], (rpe * known).unsqueeze(1)], 1)


def noted(value: Tensor) -> Tensor:
    """(B, 2) a value to remember, and that there is one."""
    return torch.stack([value, torch.ones_like(value)], 1)


def _slice(
    units: tuple[Tensor, Tensor] | None, first: int, stop: int | None
) -> tuple[Tensor, Tensor] | None:
    return units and (units[0][:, first:stop], units[1][:, first:stop])


Network = ActorCritic | SeparateActorCritic


def build(
    input_size: int,
    action_count: int,
    config: NetworkConfig,
    *,
    seed: int,
    view_size: tuple[int, int] | None = None,
) -> Network:
    """The kind of network that the configuration asks for.

    Raises:
        ValueError: there are pixels and no encoder to read them, or the other way; or
            the observation ends before the context that the core reads there.
    """
    if (view_size is None) != (config.encoder == "none"):
        there = "no pixels" if view_size is None else "pixels"
        raise ValueError(
            f"encoder must be none for a task without pixels, else patch or stack; got "
            f"{config.encoder!r} for {there}"
        )
    config.check_context(input_size - action_count - 1)
    if config.critic == "separate":
        return SeparateActorCritic(input_size, action_count, config, seed=seed)
    return ActorCritic(input_size, action_count, config, seed=seed, view_size=view_size)


def attach_renderer(network: Network, look: Look | None) -> Network:
    """The network, with its codes' looks told to its encoder, if it has one."""
    if isinstance(network, ActorCritic) and network.encoder:
        network.encoder.look = look
    return network


def weights_hash(network: nn.Module) -> str:
    """SHA-256 over the names, shapes and bytes of all parameters."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(f"{name}{tuple(value.shape)}{value.dtype}".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
