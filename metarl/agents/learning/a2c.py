"""Advantage actor-critic: how prediction errors train the network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from metarl.agents.config import A2CConfig
from metarl.agents.networks.actor_critic import Network
from metarl.agents.returns import advantages, reward_prediction_error
from metarl.agents.unrolls.branch import Starts
from metarl.agents.unrolls.network import Unroll


@dataclass(frozen=True, kw_only=True)
class Trajectory:
    """One unroll of T steps in B lanes, as the stepping loop saw it."""

    actions: Int[Tensor, "time batch"]
    """(T, B) action codes."""
    rewards: Float[Tensor, "time batch"]
    """(T, B) reward that followed each action, in reward units."""
    nonterminal: Float[Tensor, "time batch"]
    """(T, B) 0 where the episode ended with the action, else 1."""
    values: Float[Tensor, "time+1 batch"]
    """(T + 1, B) the critic's values while acting; the last row bootstraps."""
    starts: Starts
    """For each step, the lanes whose memory was initial."""
    observations: Float[Tensor, "time+1 batch observation"]
    """(T + 1, B, O) seen at each step; the last row is what comes next."""
    rpe_transform: tuple[Tensor, Tensor] | None = None
    """(T, B) factor and (T, B) addition that an experimenter's hand gives the
    prediction errors that teach; None where they are left alone."""
    logits: Float[Tensor, "time batch actions"] | None = None
    """(T, B, A) of the policy that acted, where somebody will ask."""


class Targets(NamedTuple):
    """What prediction errors teach, each (T, B) and without gradient."""

    rpes: Tensor
    """One-step prediction errors, as they teach."""
    advantage: Tensor
    """For the policy."""
    targets: Tensor
    """For the value."""


class Losses(NamedTuple):
    """The loss and its parts, scalars."""

    total: Tensor
    policy: Tensor
    value: Tensor
    entropy: Tensor


def actor_critic_loss(
    logits: Float[Tensor, "time batch actions"],
    values: Float[Tensor, "time batch"],
    actions: Int[Tensor, "time batch"],
    advantage: Float[Tensor, "time batch"],
    targets: Float[Tensor, "time batch"],
    *,
    value_weight: float,
    entropy_weight: float,
) -> Losses:
    """The loss whose gradient is the paper's, as a mean over steps and lanes.

        - delta grad log pi(a)  - value_weight delta grad V  - entropy_weight grad H

    Args:
        logits: (T, B, A) of the policy.
        values: (T, B) of the critic, differentiable.
        actions: (T, B) taken.
        advantage: (T, B) delta for the policy, without gradient.
        targets: (T, B) n-step returns for the critic, without gradient.
        value_weight: beta_v.
        entropy_weight: beta_e.

    Source: Mnih et al. 2016, ICML; Wang et al. 2018, Methods.
    """
    log_policy = logits.log_softmax(-1)
    chosen = log_policy.gather(-1, actions.unsqueeze(-1)).squeeze(-1)
    policy = -(advantage * chosen).mean()
    value = 0.5 * (targets - values).square().mean()
    entropy = -(log_policy.exp() * log_policy).sum(-1).mean()
    total = policy + value_weight * value - entropy_weight * entropy
    return Losses(total, policy, value, entropy)


class Learner:
    """Updates a network from the unrolls it made."""

    def __init__(
        self,
        network: Network,
        config: A2CConfig,
        others: Sequence[torch.nn.Parameter] = (),
    ) -> None:
        """Prepare the optimizer; what is not to be trained loses its gradient.

        Args:
            network: what learns.
            config: how.
            others: parameters that learn beside the network's.
        """
        self.network, self.config = network, config
        if config.rule == "readout":
            for name, parameter in network.named_parameters():
                parameter.requires_grad_("heads" in name.split("."))
        self.parameters = [p for p in network.parameters() if p.requires_grad]
        self.parameters += others
        self.optimizer = make_optimizer(self.parameters, config)

    def update(
        self, unroll: Unroll, trajectory: Trajectory, progress: float
    ) -> dict[str, Tensor]:
        """One gradient step; returns scalars to log.

        Args:
            unroll: made the experience, and still holds it.
            trajectory: what happened.
            progress: part of the run that is done, in [0, 1], for the schedules.
        """
        lesson = self.lesson(trajectory, progress)
        self.optimizer.zero_grad(set_to_none=True)
        losses = self.compute_gradients(unroll, trajectory, lesson, progress)
        norm = self.optimizer_step(self.config.learning_rate.at(progress))
        return {
            "loss/policy": losses.policy.detach(),
            "loss/value": losses.value.detach(),
            "loss/entropy": losses.entropy.detach(),
            "train/grad_norm": norm,
            "rpe/mean": lesson.rpes.mean(),
            "rpe/deviation": lesson.rpes.std(correction=0),
            "value/mean": trajectory.values.mean(),
        }

    def lesson(self, trajectory: Trajectory, progress: float) -> Targets:
        """What prediction errors say of an experience."""
        config = self.config
        discounts = trajectory.nonterminal * config.discount.at(progress)
        rpes = reward_prediction_error(trajectory.rewards, trajectory.values, discounts)
        advantage = advantages(rpes, discounts, config.trace_decay)
        deviation, mean = torch.std_mean(advantage, correction=0)
        if trajectory.rpe_transform is not None:
            factor, addition = trajectory.rpe_transform
            rpes = rpes * factor + addition
            advantage = advantages(rpes, discounts, config.trace_decay)
            # Scaled as without the experimenter's hand, and not centred: normalising
            # would undo what was done.
            mean = torch.zeros_like(mean)
        targets = advantage + trajectory.values[:-1]
        if config.normalize_advantages:
            advantage = (advantage - mean) / (deviation + 1e-8)
        return Targets(rpes, advantage, targets)

    def compute_gradients(
        self, unroll: Unroll, trajectory: Trajectory, lesson: Targets, progress: float
    ) -> Losses:
        """Give every parameter its gradient; the losses it is of."""
        config = self.config
        logits, values = unroll.read(trajectory.starts)
        losses = actor_critic_loss(
            logits,
            values,
            trajectory.actions,
            lesson.advantage,
            lesson.targets,
            value_weight=config.value_weight,
            entropy_weight=config.entropy_weight.at(progress),
        )
        losses.total.backward()
        return losses

    def state(self) -> dict[str, Any]:
        """Everything but the network that is needed to go on: tensors, plain values."""
        return {"optimizer": self.optimizer.state_dict()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`."""
        self.optimizer.load_state_dict(state["optimizer"])

    def optimizer_step(self, learning_rate: float) -> Tensor:
        """One step of the optimizer; the norm of the gradient."""
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        if self.config.gradient_clip is not None:
            torch.nn.utils.clip_grads_with_norm_(
                self.parameters, self.config.gradient_clip, norm
            )
        self.optimizer.param_groups[0]["lr"] = learning_rate
        self.optimizer.step()
        return norm


def make_optimizer(
    parameters: list[torch.nn.Parameter], config: A2CConfig
) -> torch.optim.Optimizer:
    """The optimizer that the configuration names."""
    rate = config.learning_rate.start
    if config.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=rate, eps=config.epsilon)
    return torch.optim.RMSprop(
        parameters, lr=rate, alpha=config.decay, eps=config.epsilon
    )
