"""Evaluate a population of networks on common random numbers.

Fitness then differs by the weights of the members, not by chance. If the end of an
episode depends on the actions, members have the same random numbers at every step, and
so the same first problem in each environment, but possibly not the same later ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from metarl.agents.networks.batched import BatchedNetworks
from metarl.envs.task import Task
from metarl.simulation.rollout import Rollout, finite_rewards


class CommonRandomNumbers(Rollout):
    """Rollout with the same random numbers of task and actions for all members."""

    def __init__(
        self,
        task: Task[Any],
        networks: BatchedNetworks,
        generator: torch.Generator,
        options: Mapping[str, float] | None = None,
    ) -> None:
        """Start the episodes; the weights of the members are set before."""
        self.members = networks.members
        super().__init__(task, networks, generator, options=options)

    @property
    def independent_envs(self) -> int:
        """Number of environments of one member."""
        return self.task.num_envs // self.members

    def _noise(self, steps: int) -> Tensor:
        # Drawn for one member's environments, and repeated for the others.
        return super()._noise(steps).repeat(1, self.members, 1)

    def _gumbel(self, steps: int) -> Tensor:
        return super()._gumbel(steps).repeat(1, self.members, 1)


@dataclass(frozen=True)
class PopulationReturns:
    """Results of P members, over T steps of B environments, member by member."""

    members: int
    """P, number of members."""
    rewards: Tensor
    """(T, B) reward that followed each action."""
    actions: Tensor
    """(T, B) action codes."""
    nonterminal: Tensor
    """(T, B) 0 where an episode ended with the step, else 1."""

    @property
    def returns(self) -> Tensor:
        """(P,) reward of all steps, mean over the environments of a member."""
        return self.rewards.sum(0).view(self.members, -1).mean(1)

    def action_shares(self, action_count: int) -> Tensor:
        """(P, A) part of the steps at which a member took each action."""
        each = [(self.actions == code).float() for code in range(action_count)]
        steps = torch.stack([one.mean(0) for one in each], 1)
        return steps.view(self.members, -1, action_count).mean(1)


@torch.inference_mode()
def evaluate_population(
    networks: BatchedNetworks,
    task: Task[Any],
    steps: int,
    generator: torch.Generator,
    options: Mapping[str, float] | None = None,
) -> PopulationReturns:
    """Step all members through new episodes, and return their rewards.

    Args:
        networks: members with their weights set.
        task: task with equally many environments for each member.
        steps: steps in every environment.
        generator: source of all randomness, of the task and of the actions.
        options: hidden parameters fixed in every episode.
    """
    rollout = CommonRandomNumbers(task, networks, generator, options)
    rewards, actions, ended = [], [], []
    for transition in rollout.run(steps):
        rewards.append(transition.rewards)
        actions.append(transition.actions)
        ended.append(transition.terminated)
    return PopulationReturns(
        members=networks.members,
        rewards=finite_rewards(torch.stack(rewards)),
        actions=torch.stack(actions),
        nonterminal=torch.stack(ended).logical_not().float(),
    )
