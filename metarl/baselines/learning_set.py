"""Yardsticks of the learning sets: what is remembered of the thing that paid.

All look and move alike, as directly as the task allows; they differ in what they keep
of a trial's outcome.
"""

from typing import Protocol

import torch
from torch import Tensor

from metarl.baselines.base import IMPOSSIBLE, best_logits, decide
from metarl.core.policy import Memory, Policy, PolicyOutput

LEFT, RIGHT, STAY = range(3)
"""Codes of the actions."""
FIXATION, CHOICE = 1, 2
"""Codes of the steps of a trial; 0 is the pause."""
RESOLUTION = 0.02
"""Mean colours that differ by less, in units of the whole range, look the same."""


class LearningSetTask(Protocol):
    """The part of the task that strategies look at: what is on the screen."""

    device: torch.device
    cues: Tensor
    """(N, 3) numbers that describe each thing."""

    @property
    def gaze(self) -> Tensor:
        """(B,) turns from the cross."""

    @property
    def left(self) -> Tensor:
        """(B,) thing on the left."""

    @property
    def right(self) -> Tensor:
        """(B,) thing on the right."""

    def event(self) -> Tensor:
        """(B,) step of the trial."""


class RandomChoice:
    """Holds the cross, then takes either thing; subclasses prefer one.

    The memory holds (B, 2), the things last seen on the left and right, and (B, k),
    what is kept of the last outcome: NaN before the first. No value is reported.
    """

    kept_size = 0
    """Numbers kept of an outcome."""

    def __init__(self, task: LearningSetTask) -> None:
        """Look at the screen of `task`, which must be the one that is being stepped."""
        self.task = task

    def initial_memory(self, num_envs: int) -> Memory:
        """Nothing is known."""
        seen = torch.zeros(num_envs, 2, dtype=torch.int64, device=self.task.device)
        kept = torch.full(
            (num_envs, self.kept_size), torch.nan, device=self.task.device
        )
        return seen, kept

    def act(self, inputs: Tensor, memory: Memory) -> PolicyOutput:
        """Keep what the last selection told, then turn to where it says."""
        seen, kept = memory
        reward = inputs[:, -1]
        # Only a selection pays 1 or -1; the last action was towards what was selected.
        paid_left = (inputs[:, -4 + LEFT] > 0) == (reward > 0)
        rewarded = torch.where(paid_left, seen[:, 0], seen[:, 1])
        other = torch.where(paid_left, seen[:, 1], seen[:, 0])
        selected = (reward.abs() == 1).unsqueeze(1)
        kept = torch.where(selected, self.keep(rewarded, other), kept)
        seen = torch.stack([self.task.left, self.task.right], 1)
        logits = self.turn(self.worth(kept, seen).nan_to_num(0.0))
        return decide(logits, logits.new_zeros(len(logits)), (seen, kept))

    def keep(self, rewarded: Tensor, other: Tensor) -> Tensor:
        """(B, k) what is kept of the thing that paid and the one that did not."""
        return torch.empty(len(rewarded), 0, device=self.task.device)

    def worth(self, kept: Tensor, seen: Tensor) -> Tensor:
        """(B, 2) what the things on the left and right are worth; NaN if unknown."""
        return torch.zeros(seen.shape, device=self.task.device)

    def turn(self, worth: Tensor) -> Tensor:
        """(B, 3) logits: to the cross and stay; then to the worthier side, and on."""
        gaze, event = self.task.gaze, self.task.event()
        sides = best_logits(worth)
        sides[gaze < 0, RIGHT] = IMPOSSIBLE
        sides[gaze > 0, LEFT] = IMPOSSIBLE
        never = sides.new_full((len(sides), 1), IMPOSSIBLE)
        back = torch.where(gaze > 0, LEFT, torch.where(gaze < 0, RIGHT, STAY))
        home = torch.full_like(torch.cat([sides, never], 1), IMPOSSIBLE)
        home.scatter_(1, back.unsqueeze(1), 0.0)
        choosing = (event == CHOICE).unsqueeze(1)
        return torch.where(choosing, torch.cat([sides, never], 1), home)


class WinStay(RandomChoice):
    """Remembers the thing that paid: the most that can be earned."""

    kept_size = 1

    def keep(self, rewarded: Tensor, other: Tensor) -> Tensor:
        """Its number."""
        return rewarded.unsqueeze(1).float()

    def worth(self, kept: Tensor, seen: Tensor) -> Tensor:
        """1 for the thing that paid."""
        return torch.where(kept.isnan(), torch.nan, (seen == kept).float())


class Relation(RandomChoice):
    """Remembers one bit: whether the thing that paid had more of a feature than not.

    The feature is the sum of its three cues (a picture's brightness). Never wrong after
    the first trial while the two things stay the same; right in two of three cases
    where the other thing is new.
    """

    kept_size = 1

    def _feature(self, things: Tensor) -> Tensor:
        return self.task.cues[things].sum(-1)

    def keep(self, rewarded: Tensor, other: Tensor) -> Tensor:
        """1 if it had more, -1 if less."""
        more = self._feature(rewarded) - self._feature(other)
        return more.sign().unsqueeze(1)

    def worth(self, kept: Tensor, seen: Tensor) -> Tensor:
        """The feature, or less of it."""
        return kept * self._feature(seen)


class MeanColour(RandomChoice):
    """Remembers the mean colour of the picture that paid, as well as it can be told."""

    kept_size = 3

    def keep(self, rewarded: Tensor, other: Tensor) -> Tensor:
        """Its mean colour."""
        return self.task.cues[rewarded]

    def worth(self, kept: Tensor, seen: Tensor) -> Tensor:
        """Minus the distance of colours, in steps that can be told apart."""
        distance: Tensor = (self.task.cues[seen] - kept.unsqueeze(1)).norm(dim=2)
        return -(distance / RESOLUTION).floor()


def make_baselines(task: LearningSetTask, discount: float = 1.0) -> dict[str, Policy]:
    """The yardsticks by name; they look at this very task.

    They report no values, so that `discount` changes nothing.
    """
    strategies: dict[str, Policy] = {
        "random": RandomChoice(task),
        "relation": Relation(task),
        "win-stay": WinStay(task),
    }
    if getattr(task, "view_size", None):
        strategies["mean-colour"] = MeanColour(task)
    return strategies
