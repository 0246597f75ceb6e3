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

from metarl.agents.networks.batched import Crowd
from metarl.envs.task import Task
from metarl.simulation.rollout import Stepper, finite_rewards


class SharedLuck(Stepper):
    """A stepping loop in which all members meet the same world and the same noise."""

    def __init__(
        self,
        task: Task[Any],
        crowd: Crowd,
        generator: torch.Generator,
        options: Mapping[str, float] | None = None,
    ) -> None:
        """Start the episodes of a crowd that is embodied."""
        self.members = crowd.members
        super().__init__(task, crowd, generator, options=options)

    @property
    def fates(self) -> int:
        """One for each lane of a member."""
        return self.task.lanes // self.members

    def _noise(self, steps: int) -> Tensor:
        return super()._noise(steps).repeat(1, self.members, 1)

    def _gumbel(self, steps: int) -> Tensor:
        return super()._gumbel(steps).repeat(1, self.members, 1)


@dataclass(frozen=True)
class Life:
    """What became of each member, over T steps of B lanes, P members' in order."""

    members: int
    """P."""
    rewards: Tensor
    """(T, B) reward that followed each action."""
    actions: Tensor
    """(T, B) action codes."""
    continues: Tensor
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
def live(
    crowd: Crowd,
    task: Task[Any],
    steps: int,
    generator: torch.Generator,
    options: Mapping[str, float] | None = None,
) -> Life:
    """Let the members of a crowd live for so many steps, from fresh episodes on.

    Args:
        crowd: embodied; its lanes are the task's, divided among the members.
        task: any, with a whole number of lanes for each member.
        steps: of every lane.
        generator: of the world and of the choices.
        options: hidden parameters fixed in every episode.
    """
    stepper = SharedLuck(task, crowd, generator, options)
    rewards, actions, ended = [], [], []
    for moment in stepper.run(steps):
        rewards.append(moment.rewards)
        actions.append(moment.actions)
        ended.append(moment.terminated)
    return Life(
        members=crowd.members,
        rewards=finite_rewards(torch.stack(rewards)),
        actions=torch.stack(actions),
        continues=torch.stack(ended).logical_not().float(),
    )
