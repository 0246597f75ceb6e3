"""Replay: between fresh experience, a network lives through kept episodes again.

The unroll that made the fresh experience is stepped on kept inputs with the present
weights, so logits, values and gradient are the present network's; only actions and
rewards are the past's.
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
    cut,
    join,
)
from metarl.agents.learning.vtrace import cloning_losses, importance_ratios, vtrace
from metarl.agents.returns import advantages, reward_prediction_error
from metarl.agents.unrolls.branch import Starts
from metarl.agents.unrolls.network import Unroll
from metarl.core.policy import join_inputs, restart


def check_replayable(mode: str, unroll_steps: int, episode_steps: int | None) -> None:
    """Raise ValueError unless every unroll holds whole episodes, all of one length.

    Args:
        mode: of replay; anything goes with none.
        unroll_steps: steps between updates.
        episode_steps: steps of every episode; None where they differ.
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
    """What replays for a learner, by its configuration; None where nothing does.

    Raises:
        ValueError: an unroll does not hold whole episodes.
    """
    mode = learner.config.replay.mode
    check_replayable(mode, unroll_steps, episode_steps)
    if mode == "none" or episode_steps is None:
        return None
    return Replayer(unroll, learner, episode_steps=episode_steps, generator=generator)


class ReplayedRollout(NamedTuple):
    """Kept steps, lived through with the present weights."""

    logits: Tensor
    """(T, B, A) of the present policy."""
    values: Tensor
    """(T + 1, B) of the present critic; after the last step nothing comes."""
    nonterminal: Tensor
    """(T, B) 0 where an episode ended, else 1."""
    starts: Starts
    """All lanes where an episode began."""


class Replayer:
    """Keeps a learner's episodes and lets it learn from them again."""

    def __init__(
        self,
        unroll: Unroll,
        learner: Learner,
        *,
        episode_steps: int,
        generator: torch.Generator,
    ) -> None:
        """Start with nothing kept.

        Args:
            unroll: steps the network; an unroll of its starts and ends with episodes.
            learner: teaches it.
            episode_steps: steps of every episode.
            generator: decides what is kept and drawn.
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

    def update(self, fresh: Trajectory, progress: float) -> dict[str, Tensor]:
        """Keep fresh episodes, then learn from kept ones; scalars to log.

        Args:
            fresh: what has just been learned from.
            progress: part of the run that is done, in [0, 1].
        """
        self.buffer.add(self._episodes(fresh))
        num_envs = fresh.actions.shape[1]
        count = fresh.actions.numel() // self.length
        told = [
            self._learn(self.buffer.draw(count), num_envs, progress)
            for _ in range(self.config.replay.ratio)
        ]
        return {
            name: torch.stack([each[name] for each in told]).mean() for name in told[0]
        }

    def _episodes(self, fresh: Trajectory) -> Episodes:
        assert fresh.logits is not None
        parts = (
            fresh.observations[:-1],
            fresh.actions,
            fresh.rewards,
            fresh.logits,
            fresh.values[:-1],
        )
        return Episodes(*(cut(part, self.length) for part in parts))

    def _learn(
        self, drawn: Sample, num_envs: int, progress: float
    ) -> dict[str, Tensor]:
        """One gradient step on drawn episodes."""
        config, replay = self.config, self.config.replay
        old = Episodes(*(join(part, num_envs) for part in drawn.episodes))
        lived = self.live(old)
        ratios = importance_ratios(lived.logits, old.logits, old.actions)
        lesson, surprise = self.lesson(lived, old, ratios, progress)
        self._rate(drawn.places, surprise)
        weights = join(drawn.weights.expand(self.length, -1), num_envs)
        before = lived.values[:-1]
        logits, values = self.unroll.read(lived.starts)
        losses = actor_critic_loss(
            logits,
            values,
            old.actions,
            lesson.advantage * weights,
            before + weights * (lesson.targets - before),
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
    def live(self, old: Episodes) -> ReplayedRollout:
        """Live through (T, B) kept steps with the present weights.

        Every episode starts from the initial memory, with no last action and no last
        reward.
        """
        steps, num_envs = old.actions.shape
        first = torch.arange(steps) % self.length == 0
        always = torch.ones(num_envs, dtype=torch.bool)
        starts = [always if begins else None for begins in first.tolist()]
        self.unroll.begin()
        memory = initial = self.unroll.initial_memory(num_envs)
        decisions = []
        for inputs, start in zip(_inputs(old, first), starts, strict=True):
            memory = restart(memory, initial, start)
            decisions.append(self.unroll.act(inputs, memory))
            memory = decisions[-1].memory
        values = torch.stack([d.value for d in decisions])
        return ReplayedRollout(
            logits=torch.stack([d.logits for d in decisions]),
            values=torch.cat([values, torch.zeros_like(values[:1])]),
            nonterminal=(~first.roll(-1)).float().unsqueeze(1).expand(steps, num_envs),
            starts=starts,
        )

    def lesson(
        self, lived: ReplayedRollout, old: Episodes, ratios: Tensor, progress: float
    ) -> tuple[Targets, Tensor]:
        """What kept episodes teach, by the mode, and the (T, B) surprise in them.

        Surprise is the size of what the value is to change by.
        """
        config, replay = self.config, self.config.replay
        discounts = lived.nonterminal * config.discount.at(progress)
        rpes = reward_prediction_error(old.rewards, lived.values, discounts)
        values = lived.values[:-1]
        if replay.mode == "sil":
            gained = (advantages(old.rewards, discounts) - values).clamp(min=0)
            return Targets(rpes, gained, values + gained), gained
        found = vtrace(
            rpes,
            torch.ones_like(ratios) if replay.mode == "naive" else ratios,
            discounts,
            trace_decay=config.trace_decay,
            largest_ratio=replay.largest_ratio,
            largest_trace=replay.largest_trace,
        )
        advantage = (
            found.normalized() if config.normalize_advantages else found.advantage
        )
        lesson = Targets(found.errors, advantage, values + found.corrections)
        return lesson, found.corrections.abs()

    def _rate(self, places: Tensor, surprise: Tensor) -> None:
        """An episode's priority is the mean surprise of its steps."""
        # Never 0: what teaches nothing now may teach something later.
        mean = cut(surprise, self.length).mean(0).clamp(min=1e-6)
        self.buffer.rate(places, mean)

    def state(self) -> dict[str, Any]:
        """Everything needed to go on."""
        return self.buffer.state()

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`."""
        self.buffer.load_state(state)


def _inputs(old: Episodes, first: Tensor) -> Tensor:
    """(T, B, I) what the policy was fed: nothing is last at an episode's start."""
    count = old.logits.shape[2]
    acted = torch.nn.functional.one_hot(old.actions, count).to(old.rewards)
    later = (~first).to(old.rewards).unsqueeze(1)
    last_reward = old.rewards.roll(1, 0) * later
    last_action = acted.roll(1, 0) * later.unsqueeze(2)
    return torch.stack(
        [
            join_inputs(*parts)
            for parts in zip(old.observations, last_action, last_reward, strict=True)
        ]
    )
