"""A generation lives: every member of a crowd meets the same problems, once.

Fitness then differs by the members' weights, not by their luck. Where an episode's end
depends on what was done, members share the luck of every moment, and so the first
problem of each lane, but perhaps not the later ones.
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
    """A stepping loop in which all members meet the same world and the same noise."""

    def __init__(
        self,
        task: Task[Any],
        networks: BatchedNetworks,
        generator: torch.Generator,
        options: Mapping[str, float] | None = None,
    ) -> None:
        """Start the episodes of a crowd that is embodied."""
        self.members = networks.members
        super().__init__(task, networks, generator, options=options)

    @property
    def independent_envs(self) -> int:
        """One for each lane of a member."""
        return self.task.num_envs // self.members

    def _noise(self, steps: int) -> Tensor:
        return super()._noise(steps).repeat(1, self.members, 1)

    def _gumbel(self, steps: int) -> Tensor:
        return super()._gumbel(steps).repeat(1, self.members, 1)


@dataclass(frozen=True)
class PopulationReturns:
    """What became of each member, over T steps of B lanes, P members' in order."""

    members: int
    """P."""
    rewards: Tensor
    """(T, B) reward that followed each action."""
    actions: Tensor
    """(T, B) action codes."""
    nonterminal: Tensor
    """(T, B) 0 where an episode ended with the step, else 1."""

    @property
    def earned(self) -> Tensor:
        """(P,) reward in all the steps, mean over the member's lanes."""
        return self.rewards.sum(0).view(self.members, -1).mean(1)

    def shares(self, action_count: int) -> Tensor:
        """(P, A) part of its steps at which each member took each action."""
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
    """Let the members of a crowd live for so many steps, from fresh episodes on.

    Args:
        networks: embodied; its lanes are the task's, divided among the members.
        task: any, with a whole number of lanes for each member.
        steps: of every lane.
        generator: of the world and of the choices.
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
