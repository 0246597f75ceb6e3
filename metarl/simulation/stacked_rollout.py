"""The stepping loop of several subjects in one computation.

It takes the steps of `metarl.simulation.rollout`. Each subject's random numbers come
from its own generator, in the same order as if it were alone, so its experience does
not depend on the others.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from metarl.core.devices import CPU, moved, uniform
from metarl.envs.stacking import env_axes, joined_state, state_of
from metarl.envs.task import Task
from metarl.runs.config import TrainingReset
from metarl.simulation.rollout import gumbel_noise


class StackedNetworks(Protocol):
    """Networks of S subjects that are stepped together."""

    def begin(self) -> None:
        """Begin an unroll with the present weights."""
        ...

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
        """Take step t of the unroll, and return the (S B,) actions."""
        ...

    def memory(self, subject: int) -> tuple[Tensor, ...]:
        """(B, H) each: memory of a subject after the unroll."""
        ...

    def set_memory(self, subject: int, memory: Sequence[Tensor]) -> None:
        """Set the memory from which the next unroll begins."""
        ...


class StackedRollout:
    """Steps S networks through S B environments, subject by subject."""

    def __init__(
        self,
        task: Task[Any],
        networks: StackedNetworks,
        generators: Sequence[torch.Generator],
        *,
        reset_memory: TrainingReset = "episode",
    ) -> None:
        """Start the first episodes.

        Args:
            task: task with the environments of all subjects.
            networks: networks of all subjects.
            generators: source of all randomness of each subject.
            reset_memory: time at which memory, last action and reward are reset.
        """
        self.task, self.networks, self.generators = task, networks, generators
        self.reset_memory = reset_memory
        self.subjects = len(generators)
        self.episode_steps = task.episode_steps
        self.num_envs = task.num_envs // self.subjects
        self.reads = task.device.type == CPU
        """Whether the loop reads tensors; it must not wait for another device."""
        self.spare: Sequence[Tensor] = ()
        """Noise for an episode that starts at each step, drawn beforehand."""
        self.observation = task.reset(self._uniform(1)[0])
        self.last_reward = torch.zeros(task.num_envs, device=task.device)
        self.last_action = self.last_reward.long()
        self.ended = task.never
        self.start: Tensor | None = task.always
        self.clock = 0

    def _uniform(self, steps: int) -> Tensor:
        """(T, S B, n) noise of the task."""
        size = (steps, self.num_envs, self.task.noise_size)
        device = self.task.device
        return torch.cat([uniform(size, g, device) for g in self.generators], 1)

    def _gumbel(self, steps: int) -> Tensor:
        """(T, S B, A) noise of the actions."""
        size = (steps, self.num_envs, self.task.action_count)
        device = self.task.device
        return torch.cat([gumbel_noise(size, g, device) for g in self.generators], 1)

    def run(self, steps: int) -> None:
        """Take `steps` steps, and one more of the networks alone, for their values."""
        self.networks.begin()
        noise, gumbel = self._uniform(steps).unbind(), self._gumbel(steps).unbind()
        if not self.reads and not self.episode_steps:
            self.spare = self._uniform(steps).unbind()
        for t in range(steps):
            self.last_action = self._act(t, gumbel[t])
            step = self.task.step(self.last_action, noise[t])
            self.observation, self.last_reward, self.ended, trial_ended = step
            self._restart(t, self.ended, trial_ended)
        self._act(steps, None)

    def _act(self, t: int, gumbel: Tensor | None) -> Tensor:
        return self.networks.step(
            t,
            self.observation,
            self.last_action,
            self.last_reward,
            self.ended,
            self.start,
            gumbel,
        )

    def _restart(self, t: int, terminated: Tensor, trial_ended: Tensor) -> None:
        """Start new episodes where they ended; note where the memory is reset."""
        self.clock += 1
        length = self.episode_steps
        over = self.clock == length if length else self._any(terminated)
        if over:
            self.clock = 0
            noise = self.spare[t] if self.spare else self._noise_where(terminated)
            self.observation = self.task.reset(noise, where=terminated)
        self.start = None
        if self.reset_memory == "episode" and over:
            self.start = terminated.bool()
        elif self.reset_memory == "trial" and self._any(trial_ended):
            self.start = trial_ended.bool()

    def _any(self, flags: Tensor) -> bool:
        """Whether a flag may be set."""
        if flags is self.task.never:
            return False
        return not self.reads or bool(flags.any())

    def _noise_where(self, terminated: Tensor) -> Tensor:
        """(S B, n) noise, drawn by the subjects that start an episode."""
        if self.episode_steps:
            return self._uniform(1)[0]
        size, device = (self.num_envs, self.task.noise_size), self.task.device
        rows = [
            uniform(size, generator, device)
            if ended
            else torch.zeros(size, device=device)
            for generator, ended in zip(
                self.generators, terminated.view(self.subjects, -1).any(1), strict=True
            )
        ]
        return torch.cat(rows)

    def state(self, subject: int) -> dict[str, Any]:
        """Resumable state of one subject: tensors and plain values."""
        axes = env_axes(type(self.task), self.task.params)
        rows = slice(subject * self.num_envs, (subject + 1) * self.num_envs)
        start = None if self.start is None else self.start[rows].clone()
        state = {
            "task": state_of(self.task.state(), axes, subject, self.num_envs),
            "generator": self.generators[subject].get_state(),
            "observation": self.observation[rows].clone(),
            "memory": [part.clone() for part in self.networks.memory(subject)],
            "last_action": self.last_action[rows].clone(),
            "last_reward": self.last_reward[rows].clone(),
            "ended": self.ended[rows].clone(),
            "start": start,
            "clock": self.clock,
        }
        return dict(moved(state, CPU))

    def load_states(self, states: Sequence[dict[str, Any]]) -> None:
        """Restore the `state` of every subject.

        Raises:
            ValueError: the subjects are at different steps of their episodes.
        """
        states = [moved(each, self.task.device) for each in states]
        axes = env_axes(type(self.task), self.task.params)
        self.task.load_state(joined_state([each["task"] for each in states], axes))
        for subject, each in enumerate(states):
            self.generators[subject].set_state(each["generator"])
            self.networks.set_memory(subject, each["memory"])
        for name in ("observation", "last_action", "last_reward", "ended"):
            setattr(self, name, torch.cat([each[name] for each in states]))
        self.clock = states[0]["clock"]
        if self.episode_steps and any(e["clock"] != self.clock for e in states):
            raise ValueError("subjects differ in clock")
        starts = [each["start"] for each in states]
        never = self.task.never[: self.num_envs]
        known = [never if start is None else start for start in starts]
        self.start = torch.cat(known) if any(s is not None for s in starts) else None
