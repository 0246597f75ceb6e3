"""The bandit of the agents' studies, for agents that learn to learn by any rule.

A lane is one agent in one task; the replicas of a rule, each with the weights that are
compared, play the same number of tasks side by side.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from metarl.agents.learning.weight_perturbation import PAIR, Perturbation
from metarl.core.policy import input_size, join_inputs
from metarl.envs.bandit import Bandit, BanditParams
from metarl.studies.optimizers.problems.network import (
    Noise,
    Shape,
    activity,
    layers,
    outputs,
)
from metarl.studies.optimizers.problems.problem import Noisy

DISCOUNT = 0.5
"""Of rewards to come, a trial, in policy gradient."""
UNITS = 24


class Course(NamedTuple):
    """What R networks lived through in their tasks, trial by trial."""

    inputs: Tensor
    """(R, tasks, T, inputs)."""
    units: Tensor
    """(R, tasks, T, units) activity."""
    actions: Tensor
    """(R, tasks, T) arms chosen."""
    rewards: Tensor
    """(R, tasks, T)."""
    regrets: Tensor
    """(R, tasks, T) chance of reward of the better arm, less the chosen one's."""

    @property
    def losses(self) -> Tensor:
        """(R, tasks) minus the mean reward of a trial."""
        return -self.rewards.double().mean(-1)


class BanditAgent:
    """Tanh units and a softmax choice; the loss is minus the mean reward of a trial.

    The luck of an episode (chances of reward, choices, rewards) is drawn beforehand, so
    weights are compared with the same random numbers, and for D2 from step to step.
    """

    perturbation: Perturbation = PAIR

    def __init__(
        self, params: BanditParams, *, tasks: int = 40, held_steps: int = 1
    ) -> None:
        """Play tasks of two arms.

        Args:
            params: the bandit's.
            tasks: of each replica.
            held_steps: steps of learning for which the same tasks and luck are kept.
        """
        self.params, self.tasks, self.held_steps = params, tasks, held_steps
        task = Bandit(1, params)
        inputs = input_size(task.observation_size, task.action_count)
        self.shape = Shape(
            inputs=inputs, units=UNITS, outputs=task.action_count, recurrent=True
        )
        self.taken = 0
        self.luck = torch.empty(0)

    @property
    def weight_count(self) -> int:
        """N."""
        return self.shape.weight_count

    @property
    def activity_count(self) -> int:
        """Hidden activity of all tasks and trials."""
        return self.tasks * self.params.trial_count * UNITS

    @property
    def sample_count(self) -> int:
        """Tasks."""
        return self.tasks

    def first(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, N) weights to begin with."""
        return self.shape.first(count, generator)

    def renew(self, count: int, generator: torch.Generator) -> bool:
        """Draw new tasks and luck, every `held_steps` calls."""
        new = self.taken % self.held_steps == 0
        if new:
            # A row to begin with, then one a trial: two numbers for the task, one for
            # the choice.
            size = (1 + self.params.trial_count, count, self.tasks, 3)
            self.luck = torch.rand(size, generator=generator)
        self.taken += 1
        return new

    def losses(self, weights: Tensor) -> Tensor:
        """(K, S) losses of (K, S, N) weights, on the same luck for every K."""
        return self.play(weights).losses.mean(-1).view(weights.shape[:2])

    def with_gradient(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """(S,) losses, and policy gradient's: log chance times what followed.

            - mean over tasks and trials of (G - mean over tasks of G) log pi(a)

        G is the reward from the trial on, each later one for half as much (Williams
        1992, Mach Learn 8:229).
        """
        with torch.no_grad():
            course = self.play(weights[None])
        ahead = discounted(course.rewards)
        advantage = ahead - ahead.mean(1, keepdim=True)
        units = activity(self.shape, weights, course.inputs)
        chances = outputs(self.shape, weights, units).log_softmax(-1)
        chosen = chances.gather(-1, course.actions[..., None]).squeeze(-1)
        return course.losses.mean(-1), -(advantage * chosen).mean((1, 2))

    def under_noise(
        self, weights: Tensor, size: float, generator: torch.Generator
    ) -> Noisy:
        """Losses of (S, N) weights without and with noise of a size on all nodes."""
        dims = [len(weights), self.tasks, self.params.trial_count]
        noise = Noise.draw(self.shape, dims, generator)
        quiet = self.play(weights[None])
        noisy = self.play(weights[None], noise.scaled(size))
        received = layers(self.shape, quiet.inputs, quiet.units, noise)
        return Noisy(quiet.losses, noisy.losses, received)

    @torch.no_grad()
    def regret(self, weights: Tensor, generator: torch.Generator) -> Tensor:
        """(S,) expected reward lost an episode, of (S, N) weights, on new tasks."""
        self.taken = 0
        self.renew(len(weights), generator)
        return self.play(weights[None]).regrets.sum(-1).mean(-1)

    def play(self, weights: Tensor, noise: Noise | None = None) -> Course:
        """An episode of (K, S, N) weights; noise, with K = 1, on all nodes."""
        agents = _Agents(self.shape, weights.flatten(0, 1), self.tasks, noise)
        task = Bandit(agents.num_envs, self.params)
        luck = self.luck.repeat(1, len(weights), 1, 1).unbind(0)
        seen = task.reset(luck[0][..., :2].flatten(0, 1))
        did, earned = torch.zeros(task.num_envs, 2), torch.zeros(task.num_envs)
        best = task.probabilities.amax(1)
        rows = []
        for k, row in enumerate(luck[1:]):
            told = join_inputs(seen, did, earned).double()
            inputs = told.unflatten(0, (-1, self.tasks))
            units, actions = agents.act(inputs, row[..., 2], k)
            taken = actions.flatten()
            regrets = best - task.probabilities.gather(1, taken[:, None]).squeeze(1)
            seen, earned, _, _ = task.step(taken, row[..., :2].flatten(0, 1))
            did = torch.nn.functional.one_hot(taken, 2).float()
            paid, lost = (x.view_as(actions) for x in (earned, regrets))
            rows.append((inputs, units, actions, paid, lost))
        return Course(*(torch.stack(each, dim=2) for each in zip(*rows, strict=True)))


def discounted(rewards: Tensor) -> Tensor:
    """(..., T) reward from each trial on, later ones for less."""
    ahead = rewards.clone()
    for t in range(rewards.shape[-1] - 2, -1, -1):
        ahead[..., t] += DISCOUNT * ahead[..., t + 1]
    return ahead


class _Agents:
    """Networks at their tasks, stepped a trial at a time."""

    def __init__(
        self, shape: Shape, weights: Tensor, tasks: int, noise: Noise | None
    ) -> None:
        """Begin at rest, with (R, N) weights."""
        hidden, readout = shape.parts(weights)
        # Laid out for the products once, rather than at each trial.
        self.drive = hidden[:, :, : shape.inputs].mT
        self.bias = hidden[:, None, :, shape.inputs]
        self.recurrence = hidden[:, :, shape.inputs + 1 :].mT
        self.readout, self.logit_bias = readout[:, :, :-1].mT, readout[:, None, :, -1]
        self.units = weights.new_zeros(len(weights), tasks, shape.units)
        self.noise = noise
        self.num_envs = len(weights) * tasks

    def act(self, inputs: Tensor, luck: Tensor, trial: int) -> tuple[Tensor, Tensor]:
        """(R, tasks, units) activity and (R, tasks) arms, given (R, tasks, inputs)."""
        received = inputs @ self.drive + self.bias + self.units @ self.recurrence
        if self.noise is not None:
            received = received + self.noise.hidden[:, :, trial]
        self.units = received.tanh()
        logits = self.units @ self.readout + self.logit_bias
        if self.noise is not None:
            logits = logits + self.noise.readout[:, :, trial]
        right = (logits[..., 1] - logits[..., 0]).sigmoid()
        return self.units, (luck < right).long()
