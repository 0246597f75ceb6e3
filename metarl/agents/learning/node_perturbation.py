"""Node perturbation: noise in the units, reinforced by the advantage that follows.

The drive u of each unit receives normal noise n of deviation s. All synapses receive
the same scalar A, the return relative to its expectation, and otherwise depend only on
the activity at their two ends:

    core:   weight += rate * mean of  A n / s^2  outer  [x, h, 1]
    heads:  weight += rate * mean of  (A (chosen - pi) - beta_v (V - R) ...) outer  h

as means over steps and environments.

The first is the policy gradient of a network with random drives, so no derivative of
the network is needed. The second is the gradient in weights that act on the choice
directly, in closed form.

Source: Fiete & Seung 2006, Phys Rev Lett 97:048104; Miconi 2017, eLife 6:e20899;
Williams 1992, Mach Learn 8:229.
Declared: noise at every step and unit; the initial memory is not learned. A in the core
is the return less the value that the units would have had without the noise of this
step. With a value that includes the noise, units would learn to lower the value.
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
from metarl.agents.unrolls.network import SharedUnroll, Unroll
from metarl.agents.unrolls.rnn import RNNUnroll


class NoisyUnroll(RNNUnroll):
    """Unroll of a vanilla branch with noise in the drive of its units."""

    def __init__(
        self,
        branch: Branch,
        steps: int,
        num_envs: int,
        *,
        deviation: float,
        generator: torch.Generator,
    ) -> None:
        """Allocate; noise is drawn from `generator` at the start of each unroll."""
        super().__init__(branch, steps, num_envs)
        self.deviation, self.generator = deviation, generator
        self.noise = torch.zeros_like(self.activity)
        self.noiseless = torch.zeros_like(self.activity)

    def begin(self) -> None:
        """Copy the present weights, and draw the noise of all steps at once."""
        super().begin()
        # Drawn for the whole unroll, as one call is faster than one at each step.
        self.noise.normal_(0, self.deviation, generator=self.generator)

    def drive(self, t: int, doubled: Tensor) -> None:
        """Store tanh of the drive without noise, then add the noise."""
        torch.sigmoid(doubled, out=self.noiseless[t]).mul_(2).sub_(1)
        # The drive is doubled, so its noise is too.
        doubled.add_(self.noise[t], alpha=2)

    def noiseless_activity(self) -> Tensor:
        """(T, B, H) activity of each step without the noise of that step."""
        before = self.joined[:, :, self.core.input_size : -1]
        return torch.lerp(before, self.noiseless, self.core.leak)


class NodePerturbation(Learner):
    """Learner from the noise of its own unroll; computes no derivative of the core."""

    def __init__(
        self,
        network: Network,
        config: A2CConfig,
        *,
        steps: int,
        num_envs: int,
        generator: torch.Generator,
    ) -> None:
        """Create the noisy unroll and the optimizer.

        The network has one vanilla core; `LearningRule.check` refuses any other.
        """
        assert isinstance(network, ActorCritic)
        network.core.initial.requires_grad_(False)
        super().__init__(network, config)
        self.branch = NoisyUnroll(
            network, steps, num_envs, deviation=config.noise, generator=generator
        )
        self.unroll = SharedUnroll(network, self.branch)

    @torch.no_grad()
    def compute_gradients(
        self, unroll: Unroll, trajectory: Trajectory, targets: Targets, progress: float
    ) -> Losses:
        """Set the gradients of core and heads that noise and advantage estimate."""
        branch, heads, core = self.branch, self.branch.branch.heads, self.branch.core
        # The reference is without noise, so that it does not cancel the effect of the
        # noise on the return.
        advantage = targets.returns - heads(branch.noiseless_activity())[..., -1]
        if self.config.normalize_advantages:
            deviation = advantage.std(correction=0)
            advantage = (advantage - advantage.mean()) / (deviation + 1e-8)
        # A / s^2 as a mean, negative as optimizers descend.
        factor = -advantage / (advantage.numel() * branch.deviation**2)
        error = branch.noise * factor.unsqueeze(-1)
        # The buffer has the constant 1 of the bias in its last column.
        weight = branch.joined.flatten(0, 1).T @ error.flatten(0, 1)
        core.weight.grad, core.bias.grad = weight[:-1], weight[-1]
        logits, values = ActorCritic.split(branch.heads)
        weights = {
            "value_weight": self.config.value_weight,
            "entropy_weight": self.config.entropy_weight.at(progress),
        }
        # The heads from the noisy activity, which led to the actions and rewards.
        errors = errors_of_heads(logits, values, trajectory.actions, targets, **weights)
        flat = errors.flatten(0, 1)
        heads.weight.grad = flat.T @ branch.activity.flatten(0, 1)
        heads.bias.grad = flat.sum(0)
        return actor_critic_loss(
            logits,
            values,
            trajectory.actions,
            targets.advantages,
            targets.returns,
            **weights,
        )


def errors_of_heads(
    logits: Tensor,
    values: Tensor,
    actions: Tensor,
    targets: Targets,
    *,
    value_weight: float,
    entropy_weight: float,
) -> Tensor:
    """(T, B, A + 1) derivative of `actor_critic_loss` in the outputs of the heads.

    policy  (pi - chosen) A + beta_e pi (log pi + H),  H the entropy of the policy
    value   beta_v (V - R)
    """
    log_policy = logits.log_softmax(-1)
    policy = log_policy.exp()
    entropy = -(policy * log_policy).sum(-1, keepdim=True)
    chosen = torch.nn.functional.one_hot(actions, logits.shape[-1])
    errors = (policy - chosen) * targets.advantages.unsqueeze(-1)
    errors += entropy_weight * policy * (log_policy + entropy)
    value = value_weight * (values - targets.returns)
    return torch.cat([errors, value.unsqueeze(-1)], -1) / actions.numel()
