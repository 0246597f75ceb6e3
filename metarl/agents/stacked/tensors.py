"""The torch path of several subjects: the kernel's equations on any device.

Each operation serves all subjects, with their number as the leading axis. Nothing in an
unroll or an update waits for the device.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from metarl.agents.config import A2CConfig
from metarl.agents.returns import advantages, reward_prediction_error
from metarl.agents.stacked.kernel import METRICS
from metarl.agents.stacked.weights import PARTS, StackedWeights

FIRST_MOMENT, SECOND_MOMENT = 0.9, 0.999
"""Decay of Adam's means of gradients and of squared gradients."""


class Targets(NamedTuple):
    """Learning targets of an unroll, (S, T, B) each but for the values."""

    values: Tensor
    """(S, T + 1, B) output of the critic."""
    rpes: Tensor
    """One-step reward prediction errors, in reward units."""
    advantages: Tensor
    """Their discounted sums, in reward units."""


class TensorNetworks:
    """A2C of S subjects with B environments each, by operations of torch.

    With one core for policy and value. Between two updates: `begin`, then `step` for
    each of T steps and once after the last, then `update`, as for the kernel. A unit of
    the g gate is computed as tanh(x) = 2 sigmoid(2 x) - 1, so that one sigmoid serves
    all gates.
    """

    def __init__(
        self, weights: StackedWeights, config: A2CConfig, *, steps: int, num_envs: int
    ) -> None:
        """Allocate the buffers of an unroll, on the device of the weights."""
        self.weights, self.config = weights, config
        self.steps, self.num_envs = steps, num_envs
        sizes = weights.sizes
        self.units, self.action_count = sizes.units, sizes.actions
        shape, new = (weights.subjects, steps + 1, num_envs), weights.weights.new_zeros
        self.joined = new(*shape, sizes.inputs + sizes.units + 1)
        self.joined[..., -1] = 1
        self.outputs = new(*shape, sizes.actions + 1)
        shape = weights.subjects, steps, num_envs
        self.gates = new(*shape, 4 * sizes.units)
        self.cells = new(*shape, sizes.units)
        """Before each step."""
        self.last = new(2, weights.subjects, num_envs, sizes.units)
        """Activity and cell after the latest step with an action."""
        self.rewarded = new(shape)
        self.nonterminal = torch.ones_like(self.rewarded)
        self.running_returns = new(weights.subjects, num_envs)
        self.measured = new(weights.subjects, len(METRICS) + 2)
        self.actions = torch.arange(sizes.actions, device=weights.device)
        self.chosen: list[Tensor] = []
        self.starts: list[Tensor | None] = []
        self.parts = weights.named(weights.weights)
        self.gradients = weights.named(weights.gradient)
        if config.optimizer == "rmsprop-tf":
            weights.squares.fill_(1)
        mask = weights.mask
        self.mask = None if mask is None else mask.to(weights.device)
        self.initial = weights.places()[PARTS.index("core.initial")]
        self.counter = torch.zeros(sizes.numbers, dtype=torch.int64)
        self.counter[self.initial] = 1
        self.counter = self.counter.to(weights.device)

    def begin(self) -> None:
        """Begin an unroll with the present weights."""
        core, bias = self.parts["core.weight"], self.parts["core.bias"]
        self.drive_weights = torch.cat([core, bias.unsqueeze(1)], 1)
        # The g gate alone, doubled.
        self.drive_weights[..., 2 * self.units : 3 * self.units] *= 2
        self.readout = self.parts["heads.weight"].transpose(1, 2)
        self.readout_bias = self.parts["heads.bias"].unsqueeze(1)
        self.chosen, self.starts = [], []

    def step(
        self,
        t: int,
        observation: Tensor,
        last_action: Tensor,
        last_reward: Tensor,
        ended: Tensor,
        start: Tensor | None,
        gumbel: Tensor | None,
    ) -> Tensor:
        """Take step t; return the (S B,) actions, after the last step the last ones."""
        if t:
            self.rewarded[:, t - 1] = self._by_subject(last_reward)
            torch.logical_not(self._by_subject(ended), out=self.nonterminal[:, t - 1])
        rows, units = self.joined[:, t], self.units
        activity, cell = self.last
        begun = None if start is None else self._by_subject(start).unsqueeze(2)
        self._join(rows, observation, last_action, last_reward, begun)
        if begun is not None:
            first = self.parts["core.initial"].unsqueeze(2)
            activity = torch.where(begun, first[:, 0], activity)
            cell = torch.where(begun, first[:, 1], cell)
        self.starts.append(begun)
        rows[..., -1 - units : -1] = activity
        gates, after = self._advance(rows, cell)
        outputs = torch.baddbmm(self.readout_bias, after[0], self.readout)
        self.outputs[:, t] = outputs
        if gumbel is not None:
            self.gates[:, t], self.cells[:, t], self.last = gates, cell, after
            logits = outputs[..., :-1].flatten(0, 1)
            self.chosen.append((logits + gumbel).argmax(1))
        return self.chosen[-1]

    def _by_subject(self, values: Tensor) -> Tensor:
        """(S, B, ...) view of values of all environments."""
        return values.view(self.weights.subjects, self.num_envs, *values.shape[1:])

    def _join(
        self,
        rows: Tensor,
        observation: Tensor,
        action: Tensor,
        reward: Tensor,
        begun: Tensor | None,
    ) -> None:
        """Write observation, last action and last reward into the rows of a step."""
        seen, actions = self.weights.sizes.observation, self.action_count
        rows[..., :seen] = self._by_subject(observation)
        feedback = rows[..., seen : seen + actions + 1]
        feedback[..., :-1] = self._by_subject(action).unsqueeze(2) == self.actions
        feedback[..., -1] = self._by_subject(reward)
        if begun is not None:
            feedback.masked_fill_(begun, 0)
        if self.mask is not None:
            rows[..., : seen + actions + 1] *= self.mask

    def _advance(self, rows: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        """(S, B, 4H) gates, and (2, S, B, H) activity and cell after a step."""
        gates = torch.bmm(rows, self.drive_weights).sigmoid_()
        i, f, half_g, o = gates.chunk(4, dim=2)
        # half_g is half of g + 1: i g = 2 i half_g - i.
        cell = torch.mul(f, cell).addcmul_(i, half_g, value=2).sub_(i)
        activity = torch.mul(cell, 2).sigmoid_().mul_(2).sub_(1).mul_(o)
        return gates, torch.stack([activity, cell])

    def update(
        self,
        rates: Sequence[float],
        discounts: Sequence[float],
        entropy: Sequence[float],
    ) -> None:
        """Learn from the finished unroll; schedules hold a number a subject."""
        self.differentiate(discounts, entropy)
        self._optimize(self._column(rates))

    def _column(self, values: Sequence[float]) -> Tensor:
        """(S, 1) tensor of a number a subject."""
        return torch.tensor(values, device=self.weights.device).unsqueeze(1)

    def differentiate(
        self, discounts: Sequence[float], entropy: Sequence[float]
    ) -> None:
        """Compute the gradients of the finished unroll, without a step along them."""
        self._count_returns()
        target = self._targets(self._column(discounts).unsqueeze(2))
        errors = self._errors(target, self._column(entropy).unsqueeze(2))
        self._backward(errors)

    def _targets(self, discount: Tensor) -> Targets:
        """Prediction errors and advantages, from the values of the acting policy."""
        values = self.outputs[..., -1]
        # Time first, as for a single subject.
        reward, value, going = (
            part.transpose(0, 1) for part in (self.rewarded, values, self.nonterminal)
        )
        discounts = going * discount.transpose(0, 1)
        rpes = reward_prediction_error(reward, value, discounts)
        total = advantages(rpes, discounts, self.config.trace_decay)
        return Targets(values, rpes.transpose(0, 1), total.transpose(0, 1))

    def _errors(self, target: Targets, entropy_weight: Tensor) -> Tensor:
        """(S, T, B, A + 1) gradient of the loss in logits and values."""
        config, advantage = self.config, target.advantages
        if config.normalize_advantages:
            deviation, mean = torch.std_mean(
                advantage, (1, 2), correction=0, keepdim=True
            )
            advantage = (advantage - mean) / (deviation + 1e-8)
        log_policy = self.outputs[:, :-1, :, :-1].log_softmax(-1)
        policy = log_policy.exp()
        spread = -(policy * log_policy).sum(-1)
        actions = torch.stack([self._by_subject(each) for each in self.chosen], 1)
        chosen = (actions.unsqueeze(-1) == self.actions).float()
        wrong = -target.advantages
        share = 1.0 if config.reduction == "sum" else 1 / wrong[0].numel()
        of_logits = share * (
            advantage.unsqueeze(-1) * (policy - chosen)
            + entropy_weight.unsqueeze(-1)
            * policy
            * (log_policy + spread.unsqueeze(-1))
        )
        of_value = share * config.value_weight * wrong
        likelihood = (log_policy * chosen).sum(-1)
        self._measure(
            -(advantage * likelihood).mean((1, 2)),
            0.5 * wrong.square().mean((1, 2)),
            spread.mean((1, 2)),
            target,
        )
        return torch.cat([of_logits, of_value.unsqueeze(-1)], -1)

    def _measure(
        self, policy: Tensor, value: Tensor, entropy: Tensor, target: Targets
    ) -> None:
        """Note the scalars of this update; the norm of the gradient follows."""
        deviation, mean = torch.std_mean(target.rpes, (1, 2), correction=0)
        measured = {
            "loss/policy": policy,
            "loss/value": value,
            "loss/entropy": entropy,
            "rpe/mean": mean,
            "rpe/deviation": deviation,
            "value/mean": target.values.mean((1, 2)),
            "rollout/reward_rate": self.rewarded.mean((1, 2)),
        }
        for name, column in measured.items():
            self.measured[:, METRICS.index(name)] = column

    def _count_returns(self) -> None:
        """Add up the rewards of episodes; note the sum of those that ended."""
        total = self.measured[:, -2:].zero_()
        running = self.running_returns
        for reward, going in zip(
            self.rewarded.unbind(1), self.nonterminal.unbind(1), strict=True
        ):
            running += reward
            total[:, 0] += (running * (1 - going)).sum(1)
            running *= going
        total[:, 1] = (1 - self.nonterminal).sum((1, 2))

    def _slopes(self) -> tuple[Tensor, Tensor, Tensor]:
        """Derivatives of all steps, which need no loop.

        Returns:
            (S, T, B, 4H) gradient in the drives, of i, f and g per unit of gradient in
            the cell, of o per unit of gradient in the activity; (S, T, B, H) of the
            cell per unit of gradient in the activity; (S, T, B, H) activity.
        """
        i, f, half_g, o = self.gates.chunk(4, dim=3)
        g = 2 * half_g - 1
        squashed = torch.tanh(f * self.cells + i * g)
        # The derivative of a sigmoid s is s - s^2; of g, 1 - g^2.
        of_i, of_f, of_o = (gate - gate * gate for gate in (i, f, o))
        slopes = [of_i * g, of_f * self.cells, (1 - g * g) * i, of_o * squashed]
        return torch.cat(slopes, 3), o - o * squashed * squashed, o * squashed

    def _backward(self, errors: Tensor) -> None:
        """Set all gradients: backwards through the steps, then all weights at once."""
        slopes, of_cell, activity = self._slopes()
        drives = slopes.unflatten(3, (4, -1))
        heads = self.parts["heads.weight"]
        recurrent = self.parts["core.weight"][:, -self.units :].transpose(1, 2)
        from_heads = torch.matmul(errors, heads.unsqueeze(1))
        into_activity = torch.zeros_like(from_heads[:, 0])
        into_cell, forget = torch.zeros_like(into_activity), self.gates.chunk(4, 3)[1]
        initial = torch.zeros_like(self.gradients["core.initial"])
        for t in range(self.steps - 1, -1, -1):
            into_activity = into_activity + from_heads[:, t]
            into_cell = torch.addcmul(into_cell, into_activity, of_cell[:, t])
            drives[:, t, :, :3] *= into_cell.unsqueeze(2)
            drives[:, t, :, 3] *= into_activity
            if self.config.rule == "eprop":
                into_activity = torch.zeros_like(into_activity)
            else:
                into_activity = torch.bmm(slopes[:, t], recurrent)
            into_cell = into_cell * forget[:, t]
            begun = self.starts[t]
            if begun is not None:
                # The memory before this step was the initial one: its gradient is
                # collected, and none reaches the episode before.
                initial[:, 0] += (into_activity * begun).sum(1)
                initial[:, 1] += (into_cell * begun).sum(1)
                into_activity = into_activity.masked_fill(begun, 0)
                into_cell = into_cell.masked_fill(begun, 0)
        self._set_gradients(slopes, errors, activity, initial)

    def _set_gradients(
        self, drives: Tensor, errors: Tensor, activity: Tensor, initial: Tensor
    ) -> None:
        """Gradients of all weights, from the errors of all steps."""
        rows = self.joined[:, :-1].flatten(1, 2).transpose(1, 2)
        core = torch.bmm(rows, drives.flatten(1, 2))
        self.gradients["core.weight"].copy_(core[:, :-1])
        self.gradients["core.bias"].copy_(core[:, -1])
        errors = errors.flatten(1, 2)
        self.gradients["heads.weight"].copy_(
            torch.bmm(errors.transpose(1, 2), activity.flatten(1, 2))
        )
        self.gradients["heads.bias"].copy_(errors.sum(1))
        if self.weights.trains_initial:
            self.gradients["core.initial"].copy_(initial)

    def _optimize(self, rate: Tensor) -> None:
        """Clip the gradient, and step the optimizer."""
        weights, config = self.weights, self.config
        norm = torch.linalg.vector_norm(weights.gradient, dim=1)
        self.measured[:, METRICS.index("train/grad_norm")] = norm
        gradient = weights.gradient
        if config.gradient_clip is not None:
            factor = (config.gradient_clip / (norm + 1e-6)).clamp(max=1)
            gradient = gradient * factor.unsqueeze(1)
        moving = self._moving()
        weights.updates += torch.stack([torch.ones_like(moving), moving], 1)
        kept = {
            part: part[:, self.initial].clone()
            for part in (weights.weights, weights.squares, weights.momentum)
        }
        self._descend(gradient, rate)
        # Unused in this unroll, the initial memory and its moments stay as they are.
        for part, before in kept.items():
            now = part[:, self.initial]
            now.copy_(torch.where(moving.bool().unsqueeze(1), now, before))

    def _moving(self) -> Tensor:
        """(S,) int64: 1 where the initial memory was used, and is learned."""
        begun = [start for start in self.starts[: self.steps] if start is not None]
        if not begun or not self.weights.trains_initial:
            return torch.zeros_like(self.weights.updates[:, 0])
        used = torch.stack(begun).any(0).flatten(1).any(1)
        return used.to(self.weights.updates.dtype)

    def _descend(self, gradient: Tensor, rate: Tensor) -> None:
        """Take one step of the optimizer with all weights."""
        weights, config = self.weights, self.config
        squares, epsilon = weights.squares, config.epsilon
        if config.optimizer == "adam":
            mean = weights.momentum
            mean.lerp_(gradient, 1 - FIRST_MOMENT)
            squares.mul_(SECOND_MOMENT)
            squares.addcmul_(gradient, gradient, value=1 - SECOND_MOMENT)
            count = weights.updates[:, self.counter]
            first, second = (1 - m**count for m in (FIRST_MOMENT, SECOND_MOMENT))
            root = (squares / second).sqrt_().add_(epsilon)
            weights.weights -= rate * (mean / first) / root
            return
        squares.mul_(config.decay)
        squares.addcmul_(gradient, gradient, value=1 - config.decay)
        inside = config.optimizer == "rmsprop-tf"
        root = (squares + epsilon).sqrt_() if inside else squares.sqrt().add_(epsilon)
        weights.weights -= rate * gradient / root

    def metrics(self) -> Tensor:
        """(S, M + 2) scalars of the last update, as `METRICS`, with its returns."""
        return self.measured

    def running(self, subject: int) -> Tensor:
        """(B,) returns so far of the episodes in progress."""
        return self.running_returns[subject]

    def rewards(self) -> Tensor:
        """(T, S, B) rewards of the unroll."""
        return self.rewarded.transpose(0, 1)

    def memory(self, subject: int) -> tuple[Tensor, Tensor]:
        """(B, H) activity and cell after the last step of the unroll."""
        return self.last[0, subject], self.last[1, subject]

    def set_memory(self, subject: int, memory: Sequence[Tensor]) -> None:
        """Set the memory from which the next unroll begins."""
        for part, values in zip(self.memory(subject), memory, strict=True):
            part.copy_(values)
