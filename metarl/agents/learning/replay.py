"""Replay: between new unrolls, a network learns from stored episodes.

The unroll of the network is stepped on the stored inputs with the present weights, so
logits, values and gradient are those of the present network; only actions and rewards
are stored.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from metarl.agents.learning.a2c import Learner, Targets, Trajectory, actor_critic_loss
from metarl.agents.learning.replay_buffer import (
    EpisodeBuffer,
    Episodes,
    Sample,
    join_episodes,
    split_episodes,
)
from metarl.agents.learning.vtrace import cloning_losses, importance_ratios, vtrace
from metarl.agents.returns import advantages, reward_prediction_error
from metarl.agents.unrolls.branch import Starts
from metarl.agents.unrolls.network import Unroll
from metarl.core.policy import join_inputs, restart


def check_replayable(mode: str, unroll_steps: int, episode_steps: int | None) -> None:
    """Raise ValueError unless an unroll holds whole episodes of one length.

    Args:
        mode: kind of replay; with none every unroll is valid.
        unroll_steps: steps of an unroll.
        episode_steps: steps of every episode; None if they differ.
    """
    if mode != "none" and (episode_steps is None or unroll_steps % episode_steps):
        length = "of different lengths" if episode_steps is None else episode_steps
        raise ValueError(
            "an unroll must hold whole episodes of one length where replay.mode is "
            f"{mode}, got unrolls of {unroll_steps} steps and episodes {length}; set "
            "training.unroll_steps, or replay.mode none"
        )


def make_replayer(
    unroll: Unroll,
    learner: Learner,
    *,
    unroll_steps: int,
    episode_steps: int | None,
    generator: torch.Generator,
) -> "Replayer | None":
    """Create the replay of a learner by its configuration; None without replay.

    Raises:
        ValueError: an unroll does not hold whole episodes.
    """
    mode = learner.config.replay.mode
    check_replayable(mode, unroll_steps, episode_steps)
    if mode == "none" or episode_steps is None:
        return None
    return Replayer(unroll, learner, episode_steps=episode_steps, generator=generator)


class ReplayedRollout(NamedTuple):
    """Stored steps, processed with the present weights."""

    logits: Tensor
    """(T, B, A) of the present policy."""
    values: Tensor
    """(T + 1, B) of the present critic; the last row is 0, as the episode is over."""
    nonterminal: Tensor
    """(T, B) 0 where an episode ended, else 1."""
    starts: Starts
    """All environments, at the first step of an episode."""


class Replayer:
    """Stores the episodes of a learner, and updates the network from them."""

    def __init__(
        self,
        unroll: Unroll,
        learner: Learner,
        *,
        episode_steps: int,
        generator: torch.Generator,
    ) -> None:
        """Start with an empty buffer.

        Args:
            unroll: unroll of the network, of whole episodes.
            learner: learner of the network.
            episode_steps: steps of every episode.
            generator: source of the buffer's contents and samples.
        """
        self.unroll, self.learner, self.length = unroll, learner, episode_steps
        self.config, replay = learner.config, learner.config.replay
        prioritised = replay.mode == "prioritised"
        self.buffer = EpisodeBuffer(
            replay.episodes,
            generator,
            reservoir=replay.buffer == "reservoir",
            exponent=replay.priority_exponent if prioritised else 0.0,
            importance_exponent=replay.importance_exponent if prioritised else 0.0,
        )

    def update(self, trajectory: Trajectory, progress: float) -> dict[str, Tensor]:
        """Store new episodes, then learn from stored ones; return scalars to log.

        Args:
            trajectory: unroll of the last update.
            progress: part of the run that is done, in [0, 1].
        """
        self.buffer.add(self._episodes(trajectory))
        num_envs = trajectory.actions.shape[1]
        count = trajectory.actions.numel() // self.length
        scalars = [
            self._learn(self.buffer.sample(count), num_envs, progress)
            for _ in range(self.config.replay.ratio)
        ]
        names = scalars[0]
        return {name: torch.stack([s[name] for s in scalars]).mean() for name in names}

    def _episodes(self, trajectory: Trajectory) -> Episodes:
        assert trajectory.logits is not None
        parts = (
            trajectory.observations[:-1],
            trajectory.actions,
            trajectory.rewards,
            trajectory.logits,
            trajectory.values[:-1],
        )
        return Episodes(*(split_episodes(part, self.length) for part in parts))

    def _learn(
        self, sample: Sample, num_envs: int, progress: float
    ) -> dict[str, Tensor]:
        """Take one gradient step on a sample of episodes."""
        config, replay = self.config, self.config.replay
        # In the shape of a new unroll, so that the buffers of the unroll fit.
        old = Episodes(*(join_episodes(part, num_envs) for part in sample.episodes))
        rollout = self.rollout(old)
        ratios = importance_ratios(rollout.logits, old.logits, old.actions)
        # Priorities follow the present surprise, not that of the time of storage.
        targets, surprise = self.targets(rollout, old, ratios, progress)
        self._update_priorities(sample.indices, surprise)
        weights = join_episodes(sample.weights.expand(self.length, -1), num_envs)
        before = rollout.values[:-1]
        logits, values = self.unroll.outputs(rollout.starts)
        losses = actor_critic_loss(
            logits,
            values,
            old.actions,
            targets.advantages * weights,
            # The gradient of the squared error, weighted: V moves by weight (R - V).
            before + weights * (targets.returns - before),
            value_weight=config.value_weight,
            entropy_weight=config.entropy_weight.at(progress),
        )
        total = losses.total
        if replay.mode == "clear":
            policy, value = cloning_losses(logits, values, old.logits, old.values)
            total = total + replay.clone_policy * policy + replay.clone_value * value
        self.learner.optimizer.zero_grad(set_to_none=True)
        total.backward()
        norm = self.learner.optimizer_step(config.learning_rate.at(progress))
        return {"replay/grad_norm": norm, "replay/ratio": ratios.mean()}

    @torch.no_grad()
    def rollout(self, old: Episodes) -> ReplayedRollout:
        """Process (T, B) stored steps with the present weights.

        Every episode starts from the initial memory, without last action and reward.
        """
        steps, num_envs = old.actions.shape
        # All environments start episodes together, as all have one length.
        first = torch.arange(steps) % self.length == 0
        everywhere = torch.ones(num_envs, dtype=torch.bool)
        starts = [everywhere if begins else None for begins in first.tolist()]
        self.unroll.begin()
        memory = initial = self.unroll.initial_memory(num_envs)
        outputs = []
        for inputs, start in zip(_inputs(old, first), starts, strict=True):
            memory = restart(memory, initial, start)
            outputs.append(self.unroll.act(inputs, memory))
            memory = outputs[-1].memory
        values = torch.stack([output.value for output in outputs])
        return ReplayedRollout(
            logits=torch.stack([output.logits for output in outputs]),
            values=torch.cat([values, torch.zeros_like(values[:1])]),
            nonterminal=(~first.roll(-1)).float().unsqueeze(1).expand(steps, num_envs),
            starts=starts,
        )

    def targets(
        self,
        rollout: ReplayedRollout,
        old: Episodes,
        ratios: Tensor,
        progress: float,
    ) -> tuple[Targets, Tensor]:
        """Learning targets of stored episodes, by the mode, and their (T, B) surprise.

        Surprise is the absolute change of the value.
        """
        config, replay = self.config, self.config.replay
        discounts = rollout.nonterminal * config.discount.at(progress)
        rpes = reward_prediction_error(old.rewards, rollout.values, discounts)
        values = rollout.values[:-1]
        if replay.mode == "sil":
            # Monte-Carlo returns of the old episode, as in the paper; no correction.
            gains = (advantages(old.rewards, discounts) - values).clamp(min=0)
            return Targets(rpes, gains, values + gains), gains
        corrected = vtrace(
            rpes,
            torch.ones_like(ratios) if replay.mode == "naive" else ratios,
            discounts,
            trace_decay=config.trace_decay,
            largest_ratio=replay.largest_ratio,
            largest_trace=replay.largest_trace,
        )
        advantage = (
            corrected.standardized_advantages()
            if config.normalize_advantages
            else corrected.advantages
        )
        targets = Targets(corrected.rpes, advantage, values + corrected.corrections)
        return targets, corrected.corrections.abs()

    def _update_priorities(self, indices: Tensor, surprise: Tensor) -> None:
        """Set the priority of each episode to the mean surprise of its steps."""
        # Above 0, so that every episode can be sampled again.
        mean = split_episodes(surprise, self.length).mean(0).clamp(min=1e-6)
        self.buffer.update_priorities(indices, mean)

    def state(self) -> dict[str, Any]:
        """Resumable state of the buffer."""
        return self.buffer.state()

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore a `state`."""
        self.buffer.load_state(state)


def _inputs(old: Episodes, first: Tensor) -> Tensor:
    """(T, B, I) inputs of the policy; 0 for last action and reward at a first step."""
    count = old.logits.shape[2]
    one_hot = torch.nn.functional.one_hot(old.actions, count).to(old.rewards)
    later = (~first).to(old.rewards).unsqueeze(1)
    last_reward = old.rewards.roll(1, 0) * later
    last_action = one_hot.roll(1, 0) * later.unsqueeze(2)
    return torch.stack(
        [
            join_inputs(*parts)
            for parts in zip(old.observations, last_action, last_reward, strict=True)
        ]
    )
