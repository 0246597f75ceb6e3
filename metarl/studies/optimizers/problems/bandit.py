"""The shared bandit, for agents that learn to learn by any rule.

An environment is one agent in one task; the replicas of a rule, each with the weights
that are compared, perform the same number of tasks in parallel.
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
from metarl.studies.optimizers.problems.problem import NoisyLosses

DISCOUNT = 0.5
"""Discount of later rewards per trial, in the policy gradient."""
UNITS = 24
"""Units of an agent's network."""


class Episodes(NamedTuple):
    """An episode of R networks in each of their tasks, trial by trial."""

    inputs: Tensor
    """(R, tasks, T, inputs) inputs of the networks."""
    units: Tensor
    """(R, tasks, T, units) activity."""
    actions: Tensor
    """(R, tasks, T) arms chosen."""
    rewards: Tensor
    """(R, tasks, T) rewards."""
    regrets: Tensor
    """(R, tasks, T) reward probability of the better arm minus the chosen one's."""

    @property
    def losses(self) -> Tensor:
        """(R, tasks) negative mean reward per trial."""
        return -self.rewards.double().mean(-1)


class BanditAgent:
    """Tanh units and a softmax choice; the loss is the negative mean reward per trial.

    The random numbers of an episode (reward probabilities, choices, rewards) are drawn
    beforehand, so that weights are compared on common random numbers, and for D2 those
    of several steps too.
    """

    perturbation: Perturbation = PAIR

    def __init__(
        self, params: BanditParams, *, tasks: int = 40, held_steps: int = 1
    ) -> None:
        """Set the tasks, each of two arms.

        Args:
            params: of the bandit.
            tasks: per replica.
            held_steps: learning steps for which tasks and random numbers are kept.
        """
        self.params, self.tasks, self.held_steps = params, tasks, held_steps
        task = Bandit(1, params)
        inputs = input_size(task.observation_size, task.action_count)
        self.shape = Shape(
            inputs=inputs, units=UNITS, outputs=task.action_count, recurrent=True
        )
        self.batches = 0
        self.random_numbers = torch.empty(0)

    @property
    def weight_count(self) -> int:
        """N, the number of weights."""
        return self.shape.weight_count

    @property
    def activity_count(self) -> int:
        """Hidden activity of all tasks and trials."""
        return self.tasks * self.params.trial_count * UNITS

    @property
    def sample_count(self) -> int:
        """Number of tasks."""
        return self.tasks

    def initial_weights(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, N) random initial weights."""
        return self.shape.initial_weights(count, generator)

    def next_batch(self, count: int, generator: torch.Generator) -> bool:
        """Draw new tasks and random numbers every `held_steps` calls."""
        new = self.batches % self.held_steps == 0
        if new:
            # One row for the start of the episode, then one per trial: two numbers for
            # the task, one for the choice.
            size = (1 + self.params.trial_count, count, self.tasks, 3)
            self.random_numbers = torch.rand(size, generator=generator)
        self.batches += 1
        return new

    def losses(self, weights: Tensor) -> Tensor:
        """(K, S) losses of (K, S, N) weights, on common random numbers for every K."""
        return self.play(weights).losses.mean(-1).view(weights.shape[:2])

    def differentiable_losses(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """(S,) losses, and (S,) objectives with the gradient of the policy.

            - mean over tasks and trials of (G - mean over tasks of G) log pi(a)

        G is the discounted reward from the trial on.

        Source: Williams 1992, Mach Learn 8:229.
        """
        with torch.no_grad():
            episodes = self.play(weights[None])
        returns = discounted_returns(episodes.rewards)
        advantages = returns - returns.mean(1, keepdim=True)
        units = activity(self.shape, weights, episodes.inputs)
        log_policy = outputs(self.shape, weights, units).log_softmax(-1)
        chosen = log_policy.gather(-1, episodes.actions[..., None]).squeeze(-1)
        return episodes.losses.mean(-1), -(advantages * chosen).mean((1, 2))

    def losses_under_noise(
        self, weights: Tensor, size: float, generator: torch.Generator
    ) -> NoisyLosses:
        """Losses of (S, N) weights without and with noise on all nodes."""
        dims = [len(weights), self.tasks, self.params.trial_count]
        noise = Noise.sample(self.shape, dims, generator)
        quiet = self.play(weights[None])
        noisy = self.play(weights[None], noise.scaled(size))
        received = layers(self.shape, quiet.inputs, quiet.units, noise)
        return NoisyLosses(quiet.losses, noisy.losses, received)

    @torch.no_grad()
    def regret(self, weights: Tensor, generator: torch.Generator) -> Tensor:
        """(S,) expected reward lost per episode by (S, N) weights, on new tasks."""
        self.batches = 0
        self.next_batch(len(weights), generator)
        return self.play(weights[None]).regrets.sum(-1).mean(-1)

    def play(self, weights: Tensor, noise: Noise | None = None) -> Episodes:
        """Run one episode in every task.

        Args:
            weights: (K, S, N); R = K S networks.
            noise: on all nodes, with K = 1.
        """
        agents = _Agents(self.shape, weights.flatten(0, 1), self.tasks, noise)
        task = Bandit(agents.num_envs, self.params)
        random_rows = self.random_numbers.repeat(1, len(weights), 1, 1).unbind(0)
        observation = task.reset(random_rows[0][..., :2].flatten(0, 1))
        action, reward = torch.zeros(task.num_envs, 2), torch.zeros(task.num_envs)
        best = task.probabilities.amax(1)
        trials = []
        for k, row in enumerate(random_rows[1:]):
            joined = join_inputs(observation, action, reward).double()
            inputs = joined.unflatten(0, (-1, self.tasks))
            units, actions = agents.act(inputs, row[..., 2], k)
            flat = actions.flatten()
            regret = best - task.probabilities.gather(1, flat[:, None]).squeeze(1)
            observation, reward, _, _ = task.step(flat, row[..., :2].flatten(0, 1))
            action = torch.nn.functional.one_hot(flat, 2).float()
            rewards, regrets = (x.view_as(actions) for x in (reward, regret))
            trials.append((inputs, units, actions, rewards, regrets))
        columns = zip(*trials, strict=True)
        return Episodes(*(torch.stack(column, dim=2) for column in columns))


def discounted_returns(rewards: Tensor) -> Tensor:
    """(..., T) discounted reward from each trial on."""
    returns = rewards.clone()
    for t in range(rewards.shape[-1] - 2, -1, -1):
        returns[..., t] += DISCOUNT * returns[..., t + 1]
    return returns


class _Agents:
    """Networks in their tasks, stepped one trial at a time."""

    def __init__(
        self, shape: Shape, weights: Tensor, tasks: int, noise: Noise | None
    ) -> None:
        """Start from rest, with (R, N) weights."""
        hidden, readout = shape.split(weights)
        # Laid out for the products once, rather than at each trial.
        self.drive = hidden[:, :, : shape.inputs].mT
        self.bias = hidden[:, None, :, shape.inputs]
        self.recurrence = hidden[:, :, shape.inputs + 1 :].mT
        self.readout, self.logit_bias = readout[:, :, :-1].mT, readout[:, None, :, -1]
        self.units = weights.new_zeros(len(weights), tasks, shape.units)
        self.noise = noise
        self.num_envs = len(weights) * tasks

    def act(
        self, inputs: Tensor, random_numbers: Tensor, trial: int
    ) -> tuple[Tensor, Tensor]:
        """Step all networks.

        Args:
            inputs: (R, tasks, inputs).
            random_numbers: (R, tasks) in [0, 1), which determine the choices.
            trial: from 0.

        Returns:
            (R, tasks, units) activity, and (R, tasks) arms chosen.
        """
        received = inputs @ self.drive + self.bias + self.units @ self.recurrence
        if self.noise is not None:
            received = received + self.noise.hidden[:, :, trial]
        self.units = received.tanh()
        logits = self.units @ self.readout + self.logit_bias
        if self.noise is not None:
            logits = logits + self.noise.readout[:, :, trial]
        right = (logits[..., 1] - logits[..., 0]).sigmoid()
        return self.units, (random_numbers < right).long()
