"""Baselines of the learning sets: what is remembered of the rewarded object.

All move their gaze alike, as directly as the task allows; they differ in their memory
of the outcome of a trial.
"""

from typing import Any

import torch
from torch import Tensor

from metarl.baselines.base import IMPOSSIBLE, BaselinePolicy, StepInputs, best_logits
from metarl.core.policy import Memory, Policy
from metarl.envs.harlow.learning_set import LearningSet
from metarl.envs.harlow.transitions import CHOICE

LEFT, RIGHT, STAY = range(3)
"""Codes of the actions."""
RESOLUTION = 0.02
"""Smallest discriminable difference of mean colours, in units of the whole range."""


class LearningSetBaseline(BaselinePolicy[LearningSet[Any]]):
    """Holds the cross, then takes either object; a subclass prefers one.

    The memory holds (B, 2), the last objects on the left and right, and (B, k), a
    record of the last outcome: NaN before the first. No value is reported. The screen
    is read from the task, which must be the one that is stepped.
    """

    record_size = 0
    """Numbers remembered of an outcome."""

    def initial_memory(self, num_envs: int) -> Memory:
        """(B, 2) objects and (B, k) record: nothing is known."""
        objects = torch.zeros(num_envs, 2, dtype=torch.int64, device=self.device)
        shape = num_envs, self.record_size
        return objects, torch.full(shape, torch.nan, device=self.device)

    def learn(self, step: StepInputs, beliefs: Memory) -> Memory:
        """Store a record of the last selection, if there was one."""
        objects, record = beliefs
        # The last action was a turn towards the selected object.
        target_left = (step.last_action[:, LEFT] > 0) == (step.reward > 0)
        target = torch.where(target_left, objects[:, 0], objects[:, 1])
        other = torch.where(target_left, objects[:, 1], objects[:, 0])
        # Only a selection has a reward of 1 or -1.
        selected = (step.reward.abs() == 1).unsqueeze(1)
        record = torch.where(selected, self.record_of(target, other), record)
        return torch.stack([self.task.left, self.task.right], 1), record

    def logits(self, step: StepInputs, beliefs: Memory) -> Tensor:
        """(B, 3) logits of the turns."""
        objects, record = beliefs
        return self.turn(self.worth(record, objects).nan_to_num(0.0))

    def record_of(self, target: Tensor, other: Tensor) -> Tensor:
        """(B, k) record of the rewarded object and the other one."""
        return torch.empty(len(target), 0, device=self.device)

    def worth(self, record: Tensor, objects: Tensor) -> Tensor:
        """(B, 2) worth of the objects on the left and right; NaN if unknown."""
        return torch.zeros(objects.shape, device=self.device)

    def turn(self, worth: Tensor) -> Tensor:
        """(B, 3) logits: to the cross and stay; then to the object of greater worth."""
        gaze, event = self.task.gaze, self.task.event()
        sides = best_logits(worth)
        # Once gaze has left the middle, it goes on in its direction.
        sides[gaze < 0, RIGHT] = IMPOSSIBLE
        sides[gaze > 0, LEFT] = IMPOSSIBLE
        never = sides.new_full((len(sides), 1), IMPOSSIBLE)
        to_object = torch.cat([sides, never], 1)
        back = torch.where(gaze > 0, LEFT, torch.where(gaze < 0, RIGHT, STAY))
        to_cross = torch.full_like(to_object, IMPOSSIBLE)
        to_cross.scatter_(1, back.unsqueeze(1), 0.0)
        return torch.where((event == CHOICE).unsqueeze(1), to_object, to_cross)


class WinStay(LearningSetBaseline):
    """Remembers the rewarded object: the upper limit of the reward of any subject."""

    record_size = 1

    def record_of(self, target: Tensor, other: Tensor) -> Tensor:
        """(B, 1) number of the rewarded object."""
        return target.unsqueeze(1).float()

    def worth(self, record: Tensor, objects: Tensor) -> Tensor:
        """(B, 2) 1 for the rewarded object."""
        return torch.where(record.isnan(), torch.nan, (objects == record).float())


class Relation(LearningSetBaseline):
    """Remembers one bit: whether the rewarded object had more of a feature.

    The feature is the sum of the three cues (the brightness of a picture). Always right
    after the first trial while the two objects stay the same; right in two of three
    cases if the other object is new.
    """

    record_size = 1

    def _feature(self, objects: Tensor) -> Tensor:
        return self.task.cues[objects].sum(-1)

    def record_of(self, target: Tensor, other: Tensor) -> Tensor:
        """(B, 1) 1 if the rewarded object had more, -1 if less."""
        more = self._feature(target) - self._feature(other)
        return more.sign().unsqueeze(1)

    def worth(self, record: Tensor, objects: Tensor) -> Tensor:
        """(B, 2) the feature, or minus the feature."""
        return record * self._feature(objects)


class MeanColour(LearningSetBaseline):
    """Remembers the mean colour of the rewarded picture, with limited resolution."""

    record_size = 3

    def record_of(self, target: Tensor, other: Tensor) -> Tensor:
        """(B, 3) mean colour of the rewarded picture."""
        return self.task.cues[target]

    def worth(self, record: Tensor, objects: Tensor) -> Tensor:
        """(B, 2) minus the distance of the colours, in discriminable steps."""
        difference = self.task.cues[objects] - record.unsqueeze(1)
        distance: Tensor = difference.norm(dim=2)
        return -(distance / RESOLUTION).floor()


def make_baselines(task: LearningSet[Any], discount: float = 1.0) -> dict[str, Policy]:
    """Return the baselines by name; they read the screen of this very task.

    Args:
        task: the task that will be stepped.
        discount: per step; without effect, because no values are reported.
    """
    policies: dict[str, Policy] = {
        "random": LearningSetBaseline(task),
        "relation": Relation(task),
        "win-stay": WinStay(task),
    }
    if task.view_size:
        policies["mean-colour"] = MeanColour(task)
    return policies
