"""The stepping loop: one task, one policy, many environments.

Training and evaluation share this loop, so that they cannot differ.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from metarl.core.devices import moved, uniform
from metarl.core.policy import (
    Memory,
    Policy,
    PolicyOutput,
    SupportsInterventions,
    join_inputs,
    restart,
)
from metarl.envs.task import Step, Task
from metarl.runs.config import ResetMemory
from metarl.simulation.interventions import Interventions


class Transition(NamedTuple):
    """One step of all B environments."""

    observation: Tensor
    """(B, O) observation before the action."""
    output: PolicyOutput
    """Output of the policy."""
    actions: Tensor
    """(B,) action codes."""
    rewards: Tensor
    """(B,) reward that followed."""
    terminated: Tensor
    """(B,) bool: the episode ended with this step."""
    trial_ended: Tensor
    """(B,) bool: a trial ended with this step."""
    start: Tensor | None
    """(B,) bool: environments with an initial memory; None if none had."""
    event: Tensor | None
    """(B,) int64 code of the task's event; None unless recorded."""
    rpe_transform: tuple[Tensor, Tensor] | None
    """(B,) factor and addition by which an intervention changes the prediction error
    that is learned from; None without such interventions."""


class Rollout:
    """Steps a policy through a task, across episodes.

    A new episode starts as soon as one ends; no step is lost or repeated. The memory,
    the last action and the last reward are reset together, at the start of an episode
    or trial, or never.
    """

    def __init__(
        self,
        task: Task[Any],
        policy: Policy,
        generator: torch.Generator,
        *,
        reset_memory: ResetMemory = "episode",
        greedy: bool = False,
        options: Mapping[str, float] | None = None,
        interventions: Interventions | None = None,
        action_generator: torch.Generator | None = None,
    ) -> None:
        """Start the first episode.

        Args:
            task: task to step.
            policy: policy that chooses the actions.
            generator: source of all randomness, of the task and of the actions.
            reset_memory: time at which memory, last action and last reward are reset.
            greedy: take the likeliest action instead of sampling.
            options: hidden parameters fixed at every reset.
            interventions: changes of the policy's signals.
            action_generator: separate source of the randomness of the actions.
        """
        self.task, self.policy, self.generator = task, policy, generator
        self.action_generator = action_generator or generator
        self.interventions = interventions
        self.reset_memory, self.greedy, self.options = reset_memory, greedy, options
        self.record_events = False
        """Whether transitions have the code of the task's event."""
        self.one_hot = torch.eye(task.action_count, device=task.device)
        self.observation = task.reset(self._noise(1)[0], options=options)
        self.memory: Memory = policy.initial_memory(task.num_envs)
        self.last_action = self.one_hot.new_zeros(task.num_envs, task.action_count)
        self.last_reward = self.one_hot.new_zeros(task.num_envs)
        self.start: Tensor | None = task.always
        self.clock = 0
        if interventions:
            interventions.restart(task.always)
        self._reset_by_intervention()

    @property
    def independent_envs(self) -> int:
        """Number of environments with independent random numbers."""
        return self.task.num_envs

    def _noise(self, steps: int) -> Tensor:
        size = (steps, self.independent_envs, self.task.noise_size)
        return uniform(size, self.generator, self.task.device)

    def _gumbel(self, steps: int) -> Tensor:
        """(T, B, A) Gumbel noise: the largest noisy logit is a sample; 0 if greedy.

        Drawn for many steps at once, which is faster than sampling at every step.
        """
        size = (steps, self.independent_envs, self.task.action_count)
        if self.greedy:
            return torch.zeros(size, device=self.task.device)
        return gumbel_noise(size, self.action_generator, self.task.device)

    def inputs(self) -> Tensor:
        """(B, O + A + 1) inputs of the policy at the next step."""
        return join_inputs(self.observation, self.last_action, self.last_reward)

    def memory_now(self) -> Memory:
        """Memory for the next step: the initial one where an episode starts.

        The initial memory is read only now, as it may have been learned since.
        """
        if self.start is None:
            return self.memory
        initial = self.policy.initial_memory(self.task.num_envs)
        return restart(self.memory, initial, self.start)

    def run(self, steps: int) -> Iterator[Transition]:
        """Take `steps` steps, yielding each before the next one begins."""
        for noise, gumbel in zip(
            self._noise(steps).unbind(), self._gumbel(steps).unbind(), strict=True
        ):
            observation, start = self.observation, self.start
            event = self.task.event() if self.record_events else None
            output = self._act()
            actions = (output.logits + gumbel).argmax(1)
            step = self.task.step(actions, noise)
            self.observation = step.observation
            self.memory = output.memory
            self.last_action = self.one_hot.index_select(0, actions)
            self.last_reward = step.reward
            rpe_transform = self._observe(actions, step)
            yield Transition(
                observation, output, actions, *step[1:], start, event, rpe_transform
            )
            self._restart(step.terminated, step.trial_ended)

    def _act(self) -> PolicyOutput:
        inputs, memory = self.inputs(), self.memory_now()
        if self.interventions is None:
            return self.policy.act(inputs, memory)
        network = cast("SupportsInterventions", self.policy)
        return network.act(inputs, memory, self.interventions.changes())

    def _observe(self, actions: Tensor, step: Step) -> tuple[Tensor, Tensor] | None:
        """Update the interventions after a step; return the transform of its RPE."""
        if self.interventions is None:
            return None
        self.interventions.observe(actions, step.reward, step.trial_ended)
        return self.interventions.rpe_transform()

    def _restart(self, terminated: Tensor, trial_ended: Tensor) -> None:
        """Start new episodes where they ended; reset the memory where it is due."""
        self.clock += 1
        length = self.task.episode_steps
        # A count, where episodes have one length: testing a tensor at every step would
        # make a GPU wait for it.
        over = self.clock == length if length else bool(terminated.any())
        if over:
            self.clock = 0
            self.observation = self.task.reset(
                self._noise(1)[0], options=self.options, where=terminated
            )
            if self.interventions:
                self.interventions.restart(terminated)
        self.start = None
        if self.reset_memory == "episode" and over:
            self._reset_memory(terminated)
        elif self.reset_memory == "trial" and bool(trial_ended.any()):
            self._reset_memory(trial_ended)
        self._reset_by_intervention()

    def _reset_by_intervention(self) -> None:
        where = self.interventions.reset() if self.interventions else None
        if where is not None and bool(where.any()):
            self._reset_memory(where if self.start is None else where | self.start)

    def _reset_memory(self, where: Tensor) -> None:
        """Reset memory, last action and last reward in the environments of `where`."""
        self.start = where
        keep = (~where).float()
        self.last_action = self.last_action * keep.unsqueeze(1)
        self.last_reward = self.last_reward * keep

    def state(self) -> dict[str, Any]:
        """Resumable state: tensors and plain values."""
        return {
            "task": self.task.state(),
            "generator": self.generator.get_state(),
            "action_generator": self.action_generator.get_state(),
            "observation": self.observation.clone(),
            "memory": [part.detach().clone() for part in self.memory],
            "last_action": self.last_action.clone(),
            "last_reward": self.last_reward.clone(),
            "start": None if self.start is None else self.start.clone(),
            "clock": self.clock,
            "interventions": self.interventions.state() if self.interventions else {},
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore a `state`."""
        state = moved(dict(state), self.task.device)
        self.task.load_state(state["task"])
        self.action_generator.set_state(state["action_generator"])
        self.generator.set_state(state["generator"])
        self.memory = tuple(part.clone() for part in state["memory"])
        for name in ("observation", "last_action", "last_reward", "start", "clock"):
            setattr(self, name, state[name])
        if self.interventions:
            self.interventions.load_state(state["interventions"])


def gumbel_noise(
    size: tuple[int, ...], generator: torch.Generator, device: torch.device
) -> Tensor:
    """Gumbel noise: the action with the largest noisy logit is a sample."""
    # Bounds that float32 can represent, for finite logarithms.
    bounded = uniform(size, generator, device).clamp_(1e-20, 1 - 2**-24)
    return bounded.log_().neg_().log_().neg_()


def finite_rewards(rewards: Tensor) -> Tensor:
    """Return (T, B) rewards; raise ValueError if one is not finite."""
    wrong = ~rewards.isfinite()
    if bool(wrong.any()):
        step, env_index = (int(index) for index in wrong.nonzero()[0])
        raise ValueError(
            "the task's reward must be a finite number, got "
            f"{rewards[step, env_index]} in environment {env_index}; correct the "
            "task's `step`"
        )
    return rewards
