"""Advantage actor-critic: one gradient step from one unroll."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from metarl.agents.config import A2CConfig
from metarl.agents.learning.tensorflow_rmsprop import TensorFlowRMSprop
from metarl.agents.networks.actor_critic import Network
from metarl.agents.returns import advantages, reward_prediction_error
from metarl.agents.unrolls.branch import Starts
from metarl.agents.unrolls.network import Unroll


@dataclass(frozen=True, kw_only=True)
class Trajectory:
    """One unroll of T steps in B environments, as the stepping loop recorded it."""

    actions: Int[Tensor, "time batch"]
    """(T, B) action codes."""
    rewards: Float[Tensor, "time batch"]
    """(T, B) reward that followed each action, in reward units."""
    nonterminal: Float[Tensor, "time batch"]
    """(T, B) 0 where the episode ended with the action, else 1."""
    values: Float[Tensor, "time+1 batch"]
    """(T + 1, B) critic output while acting; the last row bootstraps."""
    starts: Starts
    """For each step, the environments with an initial memory."""
    observations: Float[Tensor, "time+1 batch observation"]
    """(T + 1, B, O) observation at each step; the last row follows the last action."""
    rpe_transform: tuple[Tensor, Tensor] | None = None
    """(T, B) factor and (T, B) addition by which interventions change the prediction
    errors that are learned from; None without such interventions."""
    logits: Float[Tensor, "time batch actions"] | None = None
    """(T, B, A) of the policy that acted; only replay needs them."""


class Targets(NamedTuple):
    """Learning targets of an unroll, each (T, B) and without gradient."""

    rpes: Tensor
    """One-step reward prediction errors, after any intervention."""
    advantages: Tensor
    """Advantages for the policy."""
    returns: Tensor
    """Bootstrapped returns for the value."""


class Losses(NamedTuple):
    """Loss and its parts, scalars."""

    total: Tensor
    policy: Tensor
    value: Tensor
    entropy: Tensor


def actor_critic_loss(
    logits: Float[Tensor, "time batch actions"],
    values: Float[Tensor, "time batch"],
    actions: Int[Tensor, "time batch"],
    advantages: Float[Tensor, "time batch"],
    returns: Float[Tensor, "time batch"],
    *,
    value_weight: float,
    entropy_weight: float,
) -> Losses:
    """Loss with the gradient of the paper, as a mean over steps and environments.

        - delta grad log pi(a)  - value_weight delta grad V  - entropy_weight grad H

    Args:
        logits: (T, B, A) of the policy, differentiable.
        values: (T, B) of the critic, differentiable.
        actions: (T, B) actions taken.
        advantages: (T, B) delta for the policy, without gradient.
        returns: (T, B) n-step returns for the critic, without gradient.
        value_weight: beta_v.
        entropy_weight: beta_e.

    Source: Mnih et al. 2016, ICML; Wang et al. 2018, Methods.
    """
    log_policy = logits.log_softmax(-1)
    chosen = log_policy.gather(-1, actions.unsqueeze(-1)).squeeze(-1)
    policy = -(advantages * chosen).mean()
    value = 0.5 * (returns - values).square().mean()
    entropy = -(log_policy.exp() * log_policy).sum(-1).mean()
    total = policy + value_weight * value - entropy_weight * entropy
    return Losses(total, policy, value, entropy)


class Learner:
    """Advantage actor-critic updates of a network from its unrolls."""

    def __init__(
        self,
        network: Network,
        config: A2CConfig,
        extra_parameters: Sequence[torch.nn.Parameter] = (),
    ) -> None:
        """Create the optimizer of all parameters that require a gradient.

        Args:
            network: trained network.
            config: settings of the update.
            extra_parameters: trained parameters that are not the network's.
        """
        self.network, self.config = network, config
        self.parameters = [p for p in network.parameters() if p.requires_grad]
        self.parameters += extra_parameters
        self.optimizer = make_optimizer(self.parameters, config)

    def update(
        self, unroll: Unroll, trajectory: Trajectory, progress: float
    ) -> dict[str, Tensor]:
        """Take one gradient step; return scalars to log.

        Args:
            unroll: unroll that produced the trajectory, and still holds its steps.
            trajectory: actions, rewards and values of the unroll.
            progress: part of the run that is done, in [0, 1], for the schedules.
        """
        targets = self.targets(trajectory, progress)
        # None rather than 0: the optimizer skips a parameter without a gradient.
        self.optimizer.zero_grad(set_to_none=True)
        losses = self.compute_gradients(unroll, trajectory, targets, progress)
        norm = self.optimizer_step(self.config.learning_rate.at(progress))
        return {
            "loss/policy": losses.policy.detach(),
            "loss/value": losses.value.detach(),
            "loss/entropy": losses.entropy.detach(),
            "train/grad_norm": norm,
            "rpe/mean": targets.rpes.mean(),
            "rpe/deviation": targets.rpes.std(correction=0),
            "value/mean": trajectory.values.mean(),
        }

    def targets(self, trajectory: Trajectory, progress: float) -> Targets:
        """Compute prediction errors, advantages and returns of a trajectory."""
        config = self.config
        discounts = trajectory.nonterminal * config.discount.at(progress)
        rpes = reward_prediction_error(trajectory.rewards, trajectory.values, discounts)
        # The values are those of the acting policy, so errors need no second pass.
        advantage = advantages(rpes, discounts, config.trace_decay)
        deviation, mean = torch.std_mean(advantage, correction=0)
        if trajectory.rpe_transform is not None:
            factor, addition = trajectory.rpe_transform
            rpes = rpes * factor + addition
            advantage = advantages(rpes, discounts, config.trace_decay)
            # Scaled by the deviation before the intervention, and not centred:
            # standardising the changed advantages would undo the intervention.
            mean = torch.zeros_like(mean)
        # Before standardising, as the value is in reward units.
        returns = advantage + trajectory.values[:-1]
        if config.normalize_advantages:
            advantage = (advantage - mean) / (deviation + 1e-8)
        return Targets(rpes, advantage, returns)

    def compute_gradients(
        self, unroll: Unroll, trajectory: Trajectory, targets: Targets, progress: float
    ) -> Losses:
        """Set the gradient of every parameter; return the losses."""
        config = self.config
        logits, values = unroll.outputs(trajectory.starts)
        losses = actor_critic_loss(
            logits,
            values,
            trajectory.actions,
            targets.advantages,
            targets.returns,
            value_weight=config.value_weight,
            entropy_weight=config.entropy_weight.at(progress),
        )
        terms = trajectory.rewards.numel() if config.reduction == "sum" else 1
        (terms * losses.total).backward()
        return losses

    def optimizer_step(self, learning_rate: float) -> Tensor:
        """Clip the gradient, step the optimizer; return the norm before clipping."""
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        # Of all parameters together: clipping keeps the direction of the gradient.
        norm = torch.nn.utils.get_total_norm(gradients)
        if self.config.gradient_clip is not None:
            torch.nn.utils.clip_grads_with_norm_(
                self.parameters, self.config.gradient_clip, norm
            )
        self.optimizer.param_groups[0]["lr"] = learning_rate
        self.optimizer.step()
        return norm

    def state(self) -> dict[str, Any]:
        """Resumable state without the network: tensors and plain values."""
        return {"optimizer": self.optimizer.state_dict()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore a `state`."""
        self.optimizer.load_state_dict(state["optimizer"])


def make_optimizer(
    parameters: list[torch.nn.Parameter], config: A2CConfig
) -> torch.optim.Optimizer:
    """Create the optimizer named in the configuration."""
    rate = config.learning_rate.start
    if config.optimizer == "rmsprop-tf":
        return TensorFlowRMSprop(
            parameters, lr=rate, decay=config.decay, epsilon=config.epsilon
        )
    if config.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=rate, eps=config.epsilon)
    return torch.optim.RMSprop(
        parameters, lr=rate, alpha=config.decay, eps=config.epsilon
    )
