"""The stepping loop: one task, one policy, many lanes.

Training and evaluation both step here, so they cannot drift apart.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

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
    """One step of all lanes: what was seen, decided and earned."""

    observation: Tensor
    """(B, O) seen."""
    output: PolicyOutput
    """What the policy answered."""
    actions: Tensor
    """(B,) taken."""
    rewards: Tensor
    """(B,) that followed."""
    terminated: Tensor
    """(B,) bool: the episode ended with this step."""
    trial_ended: Tensor
    """(B,) bool: a trial ended with this step."""
    start: Tensor | None
    """(B,) bool: the lanes whose memory was initial; None where none was."""
    event: Tensor | None
    """(B,) int64: which of the task's events was seen; None unless asked for."""
    rpe_transform: tuple[Tensor, Tensor] | None
    """(B,) factor and addition for the prediction error that the step reveals, where
    an experimenter changes what it teaches."""


class Rollout:
    """Steps a policy through a task, across episodes, for as long as asked.

    Episodes restart at once where they end; no step is lost or repeated. The memory,
    the last action and the last reward are cleared together, at the start of an
    episode or trial, or never.
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
        chooser: torch.Generator | None = None,
    ) -> None:
        """Start the first episode.

        Args:
            task: what is stepped.
            policy: chooses the actions.
            generator: source of all randomness, of the task and of the actions.
            reset_memory: when to clear memory, last action and last reward.
            greedy: take the likeliest action instead of sampling.
            options: hidden parameters fixed at every reset.
            interventions: an experimenter's hand on the policy's signals.
            chooser: source of the actions' randomness, where it is not the task's.
        """
        self.task, self.policy, self.generator = task, policy, generator
        self.chooser = chooser or generator
        self.interventions = interventions
        self.reset_memory, self.greedy, self.options = reset_memory, greedy, options
        self.record_events = False
        """Whether to ask the task at each step which event is seen."""
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
        """Lanes that have luck of their own; here all."""
        return self.task.num_envs

    def _noise(self, steps: int) -> Tensor:
        size = (steps, self.independent_envs, self.task.noise_size)
        return torch.rand(size, generator=self.generator, device=self.task.device)

    def _gumbel(self, steps: int) -> Tensor:
        """Noise that makes the largest logit a sample of the policy; 0 if greedy."""
        size = (steps, self.independent_envs, self.task.action_count)
        if self.greedy:
            return torch.zeros(size, device=self.task.device)
        uniform = torch.rand(size, generator=self.chooser, device=self.task.device)
        return uniform.clamp_(1e-20, 1 - 2**-24).log_().neg_().log_().neg_()

    def inputs(self) -> Tensor:
        """(B, O + A + 1): what the policy is fed next."""
        return join_inputs(self.observation, self.last_action, self.last_reward)

    def memory_now(self) -> Memory:
        """The memory to act on: the initial one where an episode starts.

        It is asked for only now, as it may have been learned since the last step.
        """
        if self.start is None:
            return self.memory
        initial = self.policy.initial_memory(self.task.num_envs)
        return restart(self.memory, initial, self.start)

    def run(self, steps: int) -> Iterator[Transition]:
        """Take `steps` steps, yielding each before the next one is begun."""
        for noise, gumbel in zip(
            self._noise(steps).unbind(), self._gumbel(steps).unbind(), strict=True
        ):
            seen, start = self.observation, self.start
            event = self.task.event() if self.record_events else None
            output = self._decide()
            actions = (output.logits + gumbel).argmax(1)
            step = self.task.step(actions, noise)
            self.observation = step.observation
            self.memory = output.memory
            self.last_action = self.one_hot.index_select(0, actions)
            self.last_reward = step.reward
            rpe_transform = self._look(actions, step)
            yield Transition(
                seen, output, actions, *step[1:], start, event, rpe_transform
            )
            self._restart(step.terminated, step.trial_ended)

    def _decide(self) -> PolicyOutput:
        inputs, memory = self.inputs(), self.memory_now()
        if self.interventions is None:
            return self.policy.act(inputs, memory)
        network = cast("SupportsInterventions", self.policy)
        return network.act(inputs, memory, self.interventions.changes())

    def _look(self, actions: Tensor, step: Step) -> tuple[Tensor, Tensor] | None:
        """Let the manipulator see what the step led to; what it does to teaching."""
        if self.interventions is None:
            return None
        self.interventions.look(actions, step.reward, step.trial_ended)
        return self.interventions.rpe_transform()

    def _restart(self, terminated: Tensor, trial_ended: Tensor) -> None:
        """Start new episodes where they ended; clear memory where it is due."""
        self.clock += 1
        length = self.task.episode_steps
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
            self._clear(terminated)
        elif self.reset_memory == "trial" and bool(trial_ended.any()):
            self._clear(trial_ended)
        self._reset_by_intervention()

    def _reset_by_intervention(self) -> None:
        num_envs = self.interventions.reset() if self.interventions else None
        if num_envs is not None and bool(num_envs.any()):
            self._clear(num_envs if self.start is None else num_envs | self.start)

    def _clear(self, num_envs: Tensor) -> None:
        self.start = num_envs
        keep = (~num_envs).float()
        self.last_action = self.last_action * keep.unsqueeze(1)
        self.last_reward = self.last_reward * keep

    def state(self) -> dict[str, Any]:
        """Everything needed to go on later: tensors and plain values."""
        return {
            "task": self.task.state(),
            "generator": self.generator.get_state(),
            "chooser": self.chooser.get_state(),
            "observation": self.observation.clone(),
            "memory": [part.detach().clone() for part in self.memory],
            "last_action": self.last_action.clone(),
            "last_reward": self.last_reward.clone(),
            "start": None if self.start is None else self.start.clone(),
            "clock": self.clock,
            "interventions": self.interventions.state() if self.interventions else {},
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`."""
        self.task.load_state(state["task"])
        self.chooser.set_state(state["chooser"])
        self.generator.set_state(state["generator"])
        self.memory = tuple(part.clone() for part in state["memory"])
        for name in ("observation", "last_action", "last_reward", "start", "clock"):
            setattr(self, name, state[name])
        if self.interventions:
            self.interventions.load_state(state["interventions"])


def finite_rewards(rewards: Tensor) -> Tensor:
    """(T, B) rewards; ValueError if the task paid what is no number."""
    wrong = ~rewards.isfinite()
    if bool(wrong.any()):
        step, env_index = (int(place) for place in wrong.nonzero()[0])
        raise ValueError(
            "the task's reward must be a finite number, got "
            f"{rewards[step, env_index]} in environment {env_index}; correct the "
            "task's `step`"
        )
    return rewards
