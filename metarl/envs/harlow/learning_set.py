"""Learning sets: problems of a few trials with two new things, one of which pays.

Gaze moves in turns on a ring; what may happen is a finite table, `learning_set_rules`.
`HarlowLine` and `Harlow` differ in what things look like.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

import torch
from torch import Tensor

from metarl.core.checks import check_at_least, check_between
from metarl.envs.harlow.panorama import Panorama
from metarl.envs.harlow.transitions import EVENTS, LEFT, RIGHT, TURNS, make_rules
from metarl.envs.task import Step, Task

FIXATION_REWARD = 0.2
"""For holding the cross."""
ROW = (
    "choice",
    "reward",
    "steps",
    "target",
    "distractor",
    "target_left",
    "replaced",
    "reversed",
)
"""What is kept of the trial that just ended."""


@dataclass(frozen=True, kw_only=True)
class LearningSetParams:
    """What the experimenter sets of any learning-set task."""

    trial_count: int = 6
    """Trials of a problem, at least 1."""
    step_cap: int = 900
    """Decisions after which an episode ends, at least 1."""
    hold: int = 1
    """Decisions for which gaze must stay on the cross, at least 1."""
    pause: int = 3
    """Decisions without anything to see after a selection, at least 0."""
    ring: int = 82
    """Turns all the way round, more than twice `picture_turns`."""
    picture_turns: int = 4
    """Turns from the cross to the middle of either thing, at least 1."""
    select_turns: int = 3
    """Turns from the cross at which a thing is selected, 1 to `picture_turns`."""
    start_turns: int = 6
    """An episode starts at most so many turns from the cross, at least 0."""
    held_out: bool = False
    """Whether things are drawn that training never shows: the test."""
    new_distractor: float = 0.0
    """Share of problems whose unrewarded thing is new on every trial, in [0, 1]."""
    reversal_after: int = 0
    """Trials after which the two things swap roles, once; 0: they never do."""

    def __post_init__(self) -> None:
        """Refuse a world in which no trial could be done."""
        for name in ("trial_count", "step_cap", "hold", "picture_turns"):
            check_at_least(name, getattr(self, name), 1)
        for name in ("pause", "start_turns", "reversal_after"):
            check_at_least(name, getattr(self, name), 0)
        check_between("select_turns", self.select_turns, 1, self.picture_turns)
        check_at_least("ring", self.ring, 2 * self.picture_turns + 1)
        check_between("start_turns", self.start_turns, 0, (self.ring - 1) // 2)
        check_between("new_distractor", self.new_distractor, 0, 1)


Params = TypeVar("Params", bound=LearningSetParams)


class LearningSet(Task[Params], Generic[Params]):
    """Two things a problem, one rewarded; sides are random on each trial.

    A subclass gives `things` (how many there are, half of them held out), `cues` and
    the panorama.
    """

    event_names = EVENTS
    state_names = (
        "place",
        "clock",
        "trial",
        "trial_steps",
        "paid",
        "target",
        "distractor",
        "target_left",
        "replaced",
        "reversed",
        "row",
    )
    noise_size = 5
    option_names = ("target", "distractor")
    reward_range = (-1.0, 1.0)
    cue_names: ClassVar[tuple[str, ...]]
    """What three numbers describe a thing in the trial table."""

    def __init__(
        self,
        num_envs: int,
        params: Params | None,
        device: torch.device | str,
        *,
        panorama: Panorama,
        cues: Tensor,
    ) -> None:
        """Prepare `num_envs` subjects.

        Args:
            num_envs: number of subjects.
            params: what the experimenter sets.
            device: where tensors live.
            panorama: what is to be seen from each place.
            cues: (N, 3) numbers that describe each thing; the second half is held out.
        """
        super().__init__(num_envs, params, device)
        p = self.params
        self.rules = make_rules(p.ring, p.hold, p.pause, p.select_turns, self.device)
        self.panorama, self.cues = panorama, cues.to(self.device)
        self.half = len(cues) // 2
        if p.new_distractor and self.half < 3:
            raise ValueError(
                f"new_distractor must be 0, got {p.new_distractor!r}: a new thing on "
                f"each trial takes three things in each half, and there are {self.half}"
            )
        self.rewards = torch.tensor(
            [0, FIXATION_REWARD, -1, -1], dtype=torch.float32, device=self.device
        )
        zeros = torch.zeros(num_envs, dtype=torch.int64, device=self.device)
        self.place = self.clock = self.trial = self.trial_steps = zeros
        self.target = self.distractor = zeros
        self.paid = torch.zeros(num_envs, device=self.device)
        self.target_left = self.replaced = self.reversed = self.never
        self.row = torch.zeros(num_envs, len(ROW), device=self.device)
        self.reset(torch.full((num_envs, self.noise_size), 0.5, device=self.device))

    @property
    def action_names(self) -> tuple[str, ...]:
        """Names of the actions."""
        return ("left", "right", "stay")

    @property
    def gaze(self) -> Tensor:
        """(B,) turns from the cross, negative to the left."""
        return self.rules.gaze[self.place]

    @property
    def left(self) -> Tensor:
        """(B,) number of the thing on the left in this trial."""
        return torch.where(self.target_left, self.target, self.distractor)

    @property
    def right(self) -> Tensor:
        """(B,) number of the thing on the right in this trial."""
        return torch.where(self.target_left, self.distractor, self.target)

    def reset(
        self,
        noise: Tensor,
        *,
        options: Mapping[str, float] | None = None,
        where: Tensor | None = None,
    ) -> Tensor:
        """Start a problem with two things drawn anew."""
        target, distractor = self._draw_two(noise, self._check_things(options))
        p = self.params
        gaze = (noise[:, 3] * (2 * p.start_turns + 1)).long() - p.start_turns
        place = self.rules.start + gaze % p.ring
        zeros = torch.zeros_like(place)
        fresh = {
            "place": place,
            "clock": zeros,
            "trial": zeros,
            "trial_steps": zeros,
            "paid": torch.zeros_like(self.paid),
            "target": target,
            "distractor": distractor,
            "target_left": noise[:, 2] < 0.5,
            "replaced": noise[:, 4] < p.new_distractor,
            "reversed": self.never,
        }
        for name, new in fresh.items():
            old = getattr(self, name)
            setattr(self, name, new if where is None else torch.where(where, new, old))
        return self.observation()

    def _check_things(self, options: Mapping[str, float] | None) -> dict[str, int]:
        """The things that are given, or ValueError."""
        chosen = self.check_options(options)
        for name, value in chosen.items():
            check_between(name, value, 0, 2 * self.half - 1)
            if value != int(value):
                raise ValueError(f"{name} must be a whole number, got {value!r}")
        if len(set(chosen.values())) < len(chosen):
            raise ValueError(
                f"target and distractor must be two things, got {dict(chosen)}"
            )
        return {name: int(value) for name, value in chosen.items()}

    def _draw_two(self, noise: Tensor, given: Mapping[str, int]) -> tuple[Tensor, ...]:
        """(B,) target and distractor: two different things, also if one is given."""
        target = self._draw(noise[:, 0])
        distractor = self._draw(noise[:, 1], target)
        # Where the one that is given was drawn as the other, the two change places.
        if "target" in given:
            distractor = torch.where(distractor == given["target"], target, distractor)
            target = torch.full_like(target, given["target"])
        if "distractor" in given:
            target = torch.where(target == given["distractor"], distractor, target)
            distractor = torch.full_like(distractor, given["distractor"])
        return target, distractor

    def _draw(self, noise: Tensor, *others: Tensor) -> Tensor:
        """(B,) things of the half in use, none of the others."""
        first = self.half if self.params.held_out else 0
        drawn = (noise * (self.half - len(others))).long() + first
        for other in torch.stack(others).sort(0).values if others else ():
            drawn = drawn + (drawn >= other)
        return drawn

    def step(self, actions: Tensor, noise: Tensor) -> Step:
        """Turn the gaze; the cross, held, and a thing, looked at, pay."""
        spot = self.place * len(TURNS) + actions
        happened = self.rules.happened[spot]
        self.place = self.rules.follow[spot]
        chose = happened >= LEFT
        correct = chose & ((happened == LEFT) == self.target_left)
        reward = self.rewards[happened] + 2.0 * correct
        self.clock = self.clock + 1
        self.trial_steps = self.trial_steps + 1
        self.paid = self.paid + reward
        last = self.trial == self.params.trial_count - 1
        over = (chose & last) | (self.clock == self.params.step_cap)
        ended = chose | over
        self._end_trial(ended, chose, happened == RIGHT, noise)
        return Step(self.observation(), reward, over, ended)

    def _end_trial(
        self, ended: Tensor, chose: Tensor, chose_right: Tensor, noise: Tensor
    ) -> None:
        """Keep the trial's row, and draw the next trial where one ended."""
        choice = torch.where(chose, chose_right.float(), torch.nan)
        kept = [choice, *(getattr(self, _attribute(name)).float() for name in ROW[1:])]
        self.row = torch.where(ended.unsqueeze(1), torch.stack(kept, 1), self.row)
        self.trial = self.trial + ended
        self.trial_steps = self.trial_steps.masked_fill(ended, 0)
        self.paid = self.paid.masked_fill(ended, 0)
        self.target_left = torch.where(ended, noise[:, 0] < 0.5, self.target_left)
        self._swap(ended & (self.trial == self.params.reversal_after))
        if self.params.new_distractor:
            new = self._draw(noise[:, 1], self.target, self.distractor)
            where = ended & self.replaced
            self.distractor = torch.where(where, new, self.distractor)

    def _swap(self, where: Tensor) -> None:
        if self.params.reversal_after:
            target, distractor = self.target, self.distractor
            self.target = torch.where(where, distractor, target)
            self.distractor = torch.where(where, target, distractor)
            self.reversed = self.reversed | where

    def event(self) -> Tensor:
        """(B,) int64: pause, fixation or choice."""
        return self.rules.event[self.place]

    def codes(self) -> Tensor:
        """(B, 3) what is to be seen: view, thing on the left, thing on the right."""
        return self.panorama.codes(self.place, self.left, self.right)

    def trial_row(self) -> dict[str, Tensor]:
        """The trial that just ended."""
        kept = dict(zip(ROW, self.row.unbind(1), strict=True))
        chosen_left, target_left = kept["choice"] == 0, kept["target_left"] == 1
        valid = ~kept["choice"].isnan()
        correct = torch.where(valid, (chosen_left == target_left).float(), torch.nan)
        cues = {
            name: self.cues[kept[variant_learners].long(), place]
            for variant_learners in ("target", "distractor")
            for place, name in enumerate(cue_columns(variant_learners, self.cue_names))
        }
        forced = torch.zeros_like(correct)
        told = {"valid": valid.float(), "correct": correct, "forced": forced}
        row = list(kept.items())
        return {**dict(row[:2]), **told, **dict(row[2:]), **cues}

    def hidden(self) -> dict[str, Tensor]:
        """Which thing pays, which does not, and where they are."""
        names = ("target", "distractor", "target_left", "replaced")
        return {name: getattr(self, name).float() for name in names}


def cue_columns(variant_learners: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Trial columns that describe the target or the distractor."""
    return tuple(f"{variant_learners}_{name}" for name in names)


def real_columns(names: tuple[str, ...]) -> tuple[str, ...]:
    """Trial columns that hold real numbers."""
    each = (
        cue_columns(variant_learners, names)
        for variant_learners in ("target", "distractor")
    )
    return ("reward", *sum(each, ()))


def _attribute(column: str) -> str:
    """Where the task keeps what a column of the row tells."""
    return {"reward": "paid", "steps": "trial_steps"}.get(column, column)
