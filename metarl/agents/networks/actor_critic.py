"""Network of the agent: recurrent cores with linear heads for policy and value.

`ActorCritic` has one core for both, as in the paper's Simulations 1 to 5.
`SeparateActorCritic` has one core each, and can feed the critic's prediction error to
the actor in place of the reward, as in Simulation 6.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn

from metarl.agents.config import NetworkConfig
from metarl.agents.networks.cores import CORES, Core
from metarl.agents.networks.encoders import (
    Encoder,
    KeptFeatures,
    RenderViews,
    check_view_size,
)
from metarl.agents.returns import reward_prediction_error
from metarl.core.policy import Memory, PolicyOutput, SignalChange


class Branch(nn.Module):
    """Core with linear heads on its activity."""

    def __init__(self, input_size: int, outputs: int, config: NetworkConfig) -> None:
        """Allocate; `initialize` draws the weights."""
        super().__init__()
        self.core: Core = CORES[config.core](input_size, config)
        self.heads = nn.Linear(config.units, outputs)

    def initialize(
        self, config: NetworkConfig, action_count: int, generator: torch.Generator
    ) -> None:
        """Draw the initial weights; the last inputs are last action and last reward."""
        self.core.initialize(config, generator)
        with torch.no_grad():
            self.heads.weight.normal_(0, config.head_deviation, generator=generator)
            self.heads.bias.zero_()
        if config.group_fan_in:
            observed = self.core.input_size - action_count - 1
            self.core.initialize_inputs((observed, action_count, 1), generator)

    def initial_memory(self, num_envs: int) -> Memory:
        """Memory before the first step of an episode."""
        return self.core.initial_memory(num_envs)

    def step(
        self,
        inputs: Float[Tensor, "batch inputs"],
        memory: Memory,
        units: tuple[Tensor, Tensor] | None = None,
        *,
        local: bool = False,
    ) -> Memory:
        """Return the memory of the core after one step.

        Args:
            inputs: (B, I) inputs of the core.
            memory: memory after the step before.
            units: (B, H) factor and (B, H) addition for the activity.
            local: whether no gradient passes back through the recurrent weights.
        """
        memory = self.core(inputs, memory, memory[0].detach() if local else None)
        if units is None:
            return memory
        factor, addition = units
        return (memory[0] * factor + addition, *memory[1:])


class InputMask:
    """Mask that sets ablated inputs to 0."""

    def __init__(
        self, input_size: int, action_count: int, config: NetworkConfig
    ) -> None:
        """Derive the mask; inputs are observation, last action, last reward."""
        mask = torch.ones(input_size)
        if not config.action_input:
            mask[-1 - action_count : -1] = 0
        # A separate critic keeps its reward input; only the actor loses it.
        if config.feedback == "none" and config.critic == "shared":
            mask[-1] = 0
        self.mask = None if bool(mask.all()) else mask

    def __call__(self, inputs: Tensor) -> Tensor:
        """(B, I) inputs, ablated ones 0."""
        return inputs if self.mask is None else inputs * self.mask.to(inputs)


class ActorCritic(Branch):
    """One recurrent core for policy and value.

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
            input_size: length of the input vector.
            action_count: number of actions.
            config: settings of the network.
            seed: seed of the initial weights.
            view_size: width and height of the image, if the observation is a code
                for pixels.
        """
        encoder = Encoder(view_size, config) if view_size else None
        feedback = action_count + 1
        observed = encoder.features if encoder else input_size - feedback
        # One matrix for both heads: the policy's rows, then the value's. One product
        # per step instead of two.
        super().__init__(observed + feedback, action_count + 1, config)
        self.encoder, self.config = encoder, config
        self.input_size, self.action_count = input_size, action_count
        self.input_mask = InputMask(observed + feedback, action_count, config)
        generator = torch.Generator().manual_seed(seed)
        self.initialize(config, action_count, generator)
        # Last, so that core and heads do not depend on the encoder.
        if encoder:
            encoder.initialize(generator)

    @property
    def view_size(self) -> tuple[int, int] | None:
        """Width and height of the image; None without an encoder."""
        return self.encoder.view_size if self.encoder else None

    def encode(self, inputs: Float[Tensor, "batch inputs"]) -> Tensor:
        """(B, I) inputs of the core: with an encoder, features instead of codes."""
        if self.encoder is not None:
            codes, last_action_reward = self.split_inputs(inputs)
            inputs = torch.cat([self.encoder(codes), last_action_reward], 1)
        return self.input_mask(inputs)

    def split_inputs(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """(B, O) observation, and (B, A + 1) last action and last reward."""
        feedback = self.action_count + 1
        return inputs[:, :-feedback], inputs[:, -feedback:]

    def act(
        self,
        inputs: Float[Tensor, "batch inputs"],
        memory: Memory,
        change: SignalChange | None = None,
    ) -> PolicyOutput:
        """Take one step."""
        units = change.units if change else None
        memory = self.step(self.encode(inputs), memory, units)
        logits, value = self.split(self.heads(memory[0]))
        return PolicyOutput(logits, value, memory, memory[0])

    @staticmethod
    def split(outputs: Float[Tensor, "*any outputs"]) -> tuple[Tensor, Tensor]:
        """Logits (..., A) of the policy and value (...), in reward units."""
        return outputs[..., :-1], outputs[..., -1]


class SeparateActorCritic(nn.Module):
    """Two separate cores: a critic for the value, an actor for the policy.

    The critic receives the last reward. The actor receives the critic's prediction
    error,

        rpe = last reward + discount * value now - value at the step before

    or the reward, or neither, by `feedback`. The error is an input of the step that
    reveals it; it is 0 at the first step of an episode, and no gradient passes between
    the two. Units are the actor's, then the critic's.

    Source: Wang et al. 2018, Nat Neurosci 21:860, Simulation 6.
    Declared: the paper does not state the error's timing, nor that no gradient passes.
    """

    discount: Tensor
    """Discount per step of the prediction error; follows that of training."""

    def __init__(
        self, input_size: int, action_count: int, config: NetworkConfig, *, seed: int
    ) -> None:
        """Build both cores and draw their weights from `seed`."""
        super().__init__()
        self.input_size, self.action_count = input_size, action_count
        self.view_size, self.config = None, config
        self.units, self.feedback = config.units, config.feedback
        self.input_mask = InputMask(input_size, action_count, config)
        self.actor = Branch(input_size, action_count, config)
        self.critic = Branch(input_size, 1, config)
        # A buffer, so that a saved policy has the discount of its training.
        self.register_buffer("discount", torch.tensor(0.9))
        generator = torch.Generator().manual_seed(seed)
        for branch in (self.actor, self.critic):
            branch.initialize(config, action_count, generator)

    def initial_memory(self, num_envs: int) -> Memory:
        """Memory of the actor, of the critic, and (B, 2): last value, and 1 if valid.

        At the start of an episode there is no last value, so no prediction error.
        """
        nothing = self.critic.heads.bias.new_zeros(num_envs, 2)
        actor, critic = (b.initial_memory(num_envs) for b in (self.actor, self.critic))
        return (*actor, *critic, nothing)

    def split_memory(self, memory: Memory) -> tuple[Memory, Memory, Tensor]:
        """Memory of the actor, of the critic, and the last value."""
        each = (len(memory) - 1) // 2
        return memory[:each], memory[each:-1], memory[-1]

    def act(
        self,
        inputs: Float[Tensor, "batch inputs"],
        memory: Memory,
        change: SignalChange | None = None,
    ) -> PolicyOutput:
        """Take one step: first the critic, then the actor with the prediction error."""
        change = change or SignalChange()
        inputs = self.input_mask(inputs)
        actor, critic, before = self.split_memory(memory)
        units = self.units
        critic = self.critic.step(inputs, critic, _slice(change.units, units, None))
        value = self.critic.heads(critic[0]).squeeze(1)
        # Detached: the error is an input, and must not train the critic.
        actor_inputs = self.actor_inputs(inputs, value.detach(), before, change)
        actor = self.actor.step(actor_inputs, actor, _slice(change.units, 0, units))
        logits = self.actor.heads(actor[0])
        activity = torch.cat([actor[0], critic[0]], 1)
        memory = (*actor, *critic, last_value(value.detach()))
        return PolicyOutput(logits, value, memory, activity)

    def actor_inputs(
        self,
        inputs: Float[Tensor, "batch inputs"],
        value: Float[Tensor, " batch"],
        before: Float[Tensor, "batch 2"],
        change: SignalChange,
    ) -> Tensor:
        """(B, I) inputs of the actor: those of the critic, with another feedback."""
        if self.feedback == "reward":
            return inputs
        if self.feedback == "none":
            return torch.cat([inputs[:, :-1], torch.zeros_like(inputs[:, -1:])], 1)
        value_before, valid = before.unbind(1)
        rpe = reward_prediction_error(
            inputs[:, -1].unsqueeze(0),
            torch.stack([value_before, value]),
            self.discount.expand(1, len(value)),
        ).squeeze(0)
        if change.rpe is not None:
            factor, addition = change.rpe
            rpe = rpe * factor + addition
        return torch.cat([inputs[:, :-1], (rpe * valid).unsqueeze(1)], 1)


def last_value(value: Tensor) -> Tensor:
    """(B, 2) value, and 1 for valid: a part of the memory."""
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
    """Create a network by its configuration.

    Raises:
        ValueError: the configuration does not fit the task, as in `check_network`.
    """
    check_network(config, input_size - action_count - 1, view_size)
    if config.critic == "separate":
        return SeparateActorCritic(input_size, action_count, config, seed=seed)
    return ActorCritic(input_size, action_count, config, seed=seed, view_size=view_size)


def check_network(
    config: NetworkConfig, observation_size: int, view_size: tuple[int, int] | None
) -> None:
    """Raise ValueError unless the configuration fits a task; builds nothing.

    Args:
        config: settings of the network.
        observation_size: entries of the observation.
        view_size: width and height of the image of a task with pixels, else None.
    """
    if (view_size is None) != (config.encoder == "none"):
        shown = "no pixels" if view_size is None else "pixels"
        raise ValueError(
            f"encoder must be none for a task without pixels, else patch or stack; got "
            f"{config.encoder!r} for {shown}"
        )
    if view_size is not None:
        check_view_size(view_size, config)
    config.check_context(observation_size)


def attach_renderer(network: Network, render_views: RenderViews | None) -> Network:
    """Attach the task's renderer to the network's encoder, if any."""
    if isinstance(network, ActorCritic) and network.encoder:
        network.encoder.attach(render_views)
    return network


@contextmanager
def features_kept(network: Network) -> Iterator[None]:
    """Within it the weights do not change: the features of a view are computed once."""
    encoder = network.encoder if isinstance(network, ActorCritic) else None
    if encoder is None:
        yield
        return
    encoder.kept = KeptFeatures()
    try:
        yield
    finally:
        encoder.kept = None


def weights_hash(network: nn.Module) -> str:
    """SHA-256 of the names, shapes, types and bytes of all parameters."""
    digest = hashlib.sha256()
    # Sorted, as the order of a state depends on the order of construction.
    for name, value in sorted(network.state_dict().items()):
        digest.update(f"{name}{tuple(value.shape)}{value.dtype}".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
