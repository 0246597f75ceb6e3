"""Node perturbation: units try a little noise, and keep what was followed by more.

Each unit's drive u gets normal noise n of deviation s. How much better it went than
expected, A, is told to all synapses alike, and each needs nothing else but what is
there at its own place:

    core:     weight += rate * mean over steps and lanes of  A n / s^2  outer  [x, h, 1]
    readers:  weight += rate * mean of  (A (chosen - pi) - beta_v (V - R) ...) outer  h

The first is the policy gradient of a network whose units draw their drive at random, so
no derivative of the network is needed. The readers' is the gradient in weights that act
on the choice at once, in closed form.

Source: Fiete & Seung 2006, Phys Rev Lett 97:048104; Miconi 2017, eLife 6:e20899;
Williams 1992, Mach Learn 8:229.
Declared: noise at every step and unit; the initial memory is not learned. What the core
is told is the return less the value that the units would have had without this step's
noise: a value that heard the noise would teach units to look worthless.
"""

import torch
from torch import Tensor

from metarl.agents.config import A2CConfig
from metarl.agents.learning.a2c import (
    Learner,
    Losses,
    Targets,
    Trajectory,
    actor_critic_loss,
)
from metarl.agents.networks.actor_critic import ActorCritic, Branch, Network
from metarl.agents.networks.cores import RNN
from metarl.agents.unrolls.network import SharedUnroll, Unroll
from metarl.agents.unrolls.rnn import RNNUnroll


class NoisyUnroll(RNNUnroll):
    """A vanilla branch whose units' drive is noisy."""

    def __init__(
        self,
        branch: Branch,
        steps: int,
        num_envs: int,
        *,
        deviation: float,
        generator: torch.Generator,
    ) -> None:
        """Allocate; noise is drawn from `generator` at the beginning of each unroll."""
        super().__init__(branch, steps, num_envs)
        self.deviation, self.generator = deviation, generator
        self.noise = torch.zeros_like(self.activity)
        self.quiet = torch.zeros_like(self.activity)

    def begin(self) -> None:
        """Take the present weights, and fresh noise."""
        super().begin()
        self.noise.normal_(0, self.deviation, generator=self.generator)

    def drive(self, t: int, doubled: Tensor) -> None:
        """Keep what the step would have been, then add its noise."""
        torch.sigmoid(doubled, out=self.quiet[t]).mul_(2).sub_(1)
        doubled.add_(self.noise[t], alpha=2)

    def quiet_activity(self) -> Tensor:
        """(T, B, H) the activity that each step would have had without its noise."""
        before = self.joined[:, :, self.core.input_size : -1]
        return torch.lerp(before, self.quiet, self.core.leak)


class NodePerturbation(Learner):
    """Learns from the noise that its unroll has added; never asks for a derivative."""

    def __init__(
        self,
        network: Network,
        config: A2CConfig,
        *,
        steps: int,
        num_envs: int,
        generator: torch.Generator,
    ) -> None:
        """Prepare a noisy unroll and the optimizer.

        Raises:
            ValueError: the network is no vanilla core that policy and value read.
        """
        if not isinstance(network, ActorCritic) or network.encoder:
            raise ValueError(
                "critic must be shared, and encoder none, where the rule is np; got "
                f"{type(network).__name__}"
            )
        if not isinstance(network.core, RNN):
            raise ValueError(
                "core must be rnn where the rule is np, got "
                f"{type(network.core).__name__.lower()}"
            )
        network.core.initial.requires_grad_(False)
        super().__init__(network, config)
        self.branch = NoisyUnroll(
            network, steps, num_envs, deviation=config.noise, generator=generator
        )
        self.unroll = SharedUnroll(network, self.branch)

    @torch.no_grad()
    def compute_gradients(
        self, unroll: Unroll, trajectory: Trajectory, lesson: Targets, progress: float
    ) -> Losses:
        """Give core and readers the gradient that noise and advantage estimate."""
        branch, heads, core = self.branch, self.branch.branch.heads, self.branch.core
        better = lesson.targets - heads(branch.quiet_activity())[..., -1]
        if self.config.normalize_advantages:
            better = (better - better.mean()) / (better.std(correction=0) + 1e-8)
        told = -better / (better.numel() * branch.deviation**2)
        error = branch.noise * told.unsqueeze(-1)
        weight = branch.joined.flatten(0, 1).T @ error.flatten(0, 1)
        core.weight.grad, core.bias.grad = weight[:-1], weight[-1]
        logits, values = ActorCritic.split(branch.heads)
        weights = {
            "value_weight": self.config.value_weight,
            "entropy_weight": self.config.entropy_weight.at(progress),
        }
        errors = errors_of_heads(logits, values, trajectory.actions, lesson, **weights)
        flat = errors.flatten(0, 1)
        heads.weight.grad = flat.T @ branch.activity.flatten(0, 1)
        heads.bias.grad = flat.sum(0)
        return actor_critic_loss(
            logits,
            values,
            trajectory.actions,
            lesson.advantage,
            lesson.targets,
            **weights,
        )


def errors_of_heads(
    logits: Tensor,
    values: Tensor,
    actions: Tensor,
    lesson: Targets,
    *,
    value_weight: float,
    entropy_weight: float,
) -> Tensor:
    """(T, B, A + 1) the derivative of `actor_critic_loss` in what the heads say.

    policy  (pi - chosen) A + beta_e pi (log pi + H),  H the policy's entropy
    value   beta_v (V - target)
    """
    log_policy = logits.log_softmax(-1)
    policy = log_policy.exp()
    entropy = -(policy * log_policy).sum(-1, keepdim=True)
    chosen = torch.nn.functional.one_hot(actions, logits.shape[-1])
    errors = (policy - chosen) * lesson.advantage.unsqueeze(-1)
    errors += entropy_weight * policy * (log_policy + entropy)
    value = value_weight * (values - lesson.targets)
    return torch.cat([errors, value.unsqueeze(-1)], -1) / actions.numel()
