"""Learning sets: problems of a few trials with two new objects, one of them rewarded.

Gaze moves in turns on a ring, by the finite tables of `transitions`. `HarlowLine` and
`Harlow` differ in the appearance of the objects.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Generic, TypeVar

import torch
from torch import Tensor

from metarl.core.checks import check_at_least, check_between
from metarl.core.fields import Probability, Range, check_fields
from metarl.envs.harlow.panorama import Panorama
from metarl.envs.harlow.transitions import EVENTS, LEFT, RIGHT, TURNS, make_rules
from metarl.envs.task import EPISODE, MOST_TRIALS, Step, Task, TrialCount

ROW: Mapping[str, str] = {
    "choice": "choice",
    "reward": "trial_reward",
    "steps": "trial_steps",
    "target": "target",
    "distractor": "distractor",
    "target_left": "target_left",
    "replaced": "replaced",
    "reversed": "reversed",
}
"""Trial column -> attribute of the task; the choice is passed on its own."""

STEPS_WHY = "an episode this long would hardly end under a network that has not learned"
TABLE_WHY = "every decision and turn is a row of the task's tables"
TURNS_WHY = "turns of less than a degree cannot be seen"
Turns = Annotated[int, Range(1, 180, why=TURNS_WHY)]
"""Number of turns up to half a circle."""


@dataclass(frozen=True, kw_only=True)
class LearningSetParams:
    """Parameters of any learning-set task."""

    trial_count: TrialCount = 6
    """Trials per problem, 1 to 10,000."""
    step_cap: Annotated[int, Range(1, 50_000, why=STEPS_WHY)] = 900
    """Largest number of decisions in an episode, 1 to 50,000."""
    hold: Annotated[int, Range(1, 100, why=TABLE_WHY)] = 1
    """Decisions for which gaze must stay on the cross, 1 to 100."""
    pause: Annotated[int, Range(0, 100, why=TABLE_WHY)] = 3
    """Decisions with an empty screen after a selection, 0 to 100."""
    ring: Annotated[int, Range(3, 360, why=TURNS_WHY)] = 82
    """Turns of a full circle, more than twice `picture_turns`, at most 360."""
    picture_turns: Turns = 4
    """Turns from the cross to the middle of either object, at least 1."""
    select_turns: Turns = 3
    """Turns from the cross at which an object is selected, 1 to `picture_turns`."""
    start_turns: Annotated[int, Range(0, 180, why=TURNS_WHY)] = 6
    """Largest number of turns from the cross at the start of an episode, at least 0
    and less than half of `ring`."""
    # Below 1, because a reward of 1 marks the selection of the target.
    reward_fixation: Annotated[float, Range(0, 1 - 1e-6)] = 0.2
    """Reward for holding the cross, in reward units, in [0, 1)."""
    held_out: bool = False
    """Whether objects are drawn from the half held out of training: the test."""
    new_distractor: Probability = 0.0
    """Probability per problem of a new unrewarded object on each trial, in [0, 1]."""
    reversal_after: Annotated[int, Range(0, MOST_TRIALS, why=EPISODE.why)] = 0
    """Trials after which the two objects swap roles, once; 0: never."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_fields(self)
        check_between("select_turns", self.select_turns, 1, self.picture_turns)
        check_at_least("ring", self.ring, 2 * self.picture_turns + 1)
        check_between("start_turns", self.start_turns, 0, (self.ring - 1) // 2)


Params = TypeVar("Params", bound=LearningSetParams)


class LearningSet(Task[Params], Generic[Params]):
    """Two objects per problem, one of them rewarded; sides are random on each trial.

    A subclass passes `cues`, which also give the number of objects, and the panorama.
    """

    event_names = EVENTS
    state_names = (
        "place",
        "clock",
        "trial",
        "trial_steps",
        "trial_reward",
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
    action_names = ("left", "right", "stay")
    features: Tensor
    """(N, K) numbers that describe each object: the cues, or more of them."""
    cue_names: ClassVar[tuple[str, ...]]
    """Names of the three numbers that describe an object in the trial table."""

    def __init__(
        self,
        num_envs: int,
        params: Params | None,
        device: torch.device | str,
        *,
        panorama: Panorama,
        cues: Tensor,
    ) -> None:
        """Prepare `num_envs` environments.

        Args:
            num_envs: number of environments.
            params: the task's parameters.
            device: device of the tensors.
            panorama: the view from each place.
            cues: (N, 3) numbers that describe each object; the second half is held out.
        """
        super().__init__(num_envs, params, device)
        p = self.params
        self.rules = make_rules(p.ring, p.hold, p.pause, p.select_turns, self.device)
        self.panorama, self.cues = panorama, cues.to(self.device)
        self.features = self.cues
        self.half = len(cues) // 2
        if p.new_distractor and self.half < 3:
            raise ValueError(
                f"new_distractor must be 0 with fewer than three objects in each half, "
                f"got {p.new_distractor!r} with {self.half}; use more objects"
            )
        self.outcome_rewards = torch.tensor(
            [0, p.reward_fixation, -1, -1], dtype=torch.float32, device=self.device
        )
        zeros = torch.zeros(num_envs, dtype=torch.int64, device=self.device)
        self.place = self.clock = self.trial = self.trial_steps = zeros
        self.target = self.distractor = zeros
        self.trial_reward = torch.zeros(num_envs, device=self.device)
        self.target_left = self.replaced = self.reversed = self.never
        self.row = torch.zeros(num_envs, len(ROW), device=self.device)
        self.reset(torch.full((num_envs, self.noise_size), 0.5, device=self.device))

    @property
    def gaze(self) -> Tensor:
        """(B,) turns from the cross, negative to the left."""
        return self.rules.gaze[self.place]

    @property
    def left(self) -> Tensor:
        """(B,) number of the object on the left in this trial."""
        return torch.where(self.target_left, self.target, self.distractor)

    @property
    def right(self) -> Tensor:
        """(B,) number of the object on the right in this trial."""
        return torch.where(self.target_left, self.distractor, self.target)

    def reset(
        self,
        noise: Tensor,
        *,
        options: Mapping[str, float] | None = None,
        where: Tensor | None = None,
    ) -> Tensor:
        """Start a problem with two newly drawn objects."""
        target, distractor = self._draw_two(noise, self._check_objects(options))
        p = self.params
        gaze = (noise[:, 3] * (2 * p.start_turns + 1)).long() - p.start_turns
        place = self.rules.start + gaze % p.ring
        zeros = torch.zeros_like(place)
        initial = {
            "place": place,
            "clock": zeros,
            "trial": zeros,
            "trial_steps": zeros,
            "trial_reward": torch.zeros_like(self.trial_reward),
            "target": target,
            "distractor": distractor,
            "target_left": noise[:, 2] < 0.5,
            "replaced": noise[:, 4] < p.new_distractor,
            "reversed": self.never,
        }
        for name, new in initial.items():
            old = getattr(self, name)
            setattr(self, name, new if where is None else torch.where(where, new, old))
        return self.observation()

    def _check_objects(self, options: Mapping[str, float] | None) -> dict[str, int]:
        """Return the objects that the options give; raise ValueError if invalid."""
        checked = self.check_options(options)
        for name, value in checked.items():
            check_between(name, value, 0, 2 * self.half - 1)
            if value != int(value):
                raise ValueError(f"{name} must be a whole number, got {value!r}")
        if len(set(checked.values())) < len(checked):
            raise ValueError(
                f"target and distractor must be two objects, got {dict(checked)}"
            )
        return {name: int(value) for name, value in checked.items()}

    def _draw_two(self, noise: Tensor, given: Mapping[str, int]) -> tuple[Tensor, ...]:
        """(B,) target and distractor: two different objects, also if one is given."""
        target = self.draw_objects(noise[:, 0])
        distractor = self.draw_objects(noise[:, 1], target)
        # Where the given object was drawn for the other role, the two swap roles.
        if "target" in given:
            distractor = torch.where(distractor == given["target"], target, distractor)
            target = torch.full_like(target, given["target"])
        if "distractor" in given:
            target = torch.where(target == given["distractor"], distractor, target)
            distractor = torch.full_like(distractor, given["distractor"])
        return target, distractor

    def draw_objects(self, noise: Tensor, *others: Tensor) -> Tensor:
        """Draw an object for each environment, from the half in use.

        Args:
            noise: (B,) uniform in [0, 1).
            others: (B,) objects from which the drawn one differs, each.

        Returns:
            (B,) int64 numbers of the objects.
        """
        first = self.half if self.params.held_out else 0
        number = (noise * (self.half - len(others))).long() + first
        # Drawing among the remaining numbers, then skipping the others in order, is
        # uniform and takes one uniform number per object, without rejections.
        for other in torch.stack(others).sort(0).values if others else ():
            number = number + (number >= other)
        return number

    def step(self, actions: Tensor, noise: Tensor) -> Step:
        """Turn the gaze; holding the cross and selecting an object have rewards."""
        index = self.place * len(TURNS) + actions
        outcome = self.rules.outcome[index]
        self.place = self.rules.next_place[index]
        chose = outcome >= LEFT
        correct = chose & ((outcome == LEFT) == self.target_left)
        reward = self.outcome_rewards[outcome] + 2.0 * correct
        self.clock = self.clock + 1
        self.trial_steps = self.trial_steps + 1
        self.trial_reward = self.trial_reward + reward
        last = self.trial == self.params.trial_count - 1
        over = (chose & last) | (self.clock == self.params.step_cap)
        ended = chose | over
        self._end_trial(ended, chose, outcome == RIGHT, noise)
        return Step(self.observation(), reward, over, ended)

    def _end_trial(
        self, ended: Tensor, chose: Tensor, chose_right: Tensor, noise: Tensor
    ) -> None:
        """Store the row of the trial, and draw the next trial, where one ended."""
        choice = torch.where(chose, chose_right.float(), torch.nan)
        columns = [getattr(self, name).float() for name in list(ROW.values())[1:]]
        row = torch.stack([choice, *columns], 1)
        self.row = torch.where(ended.unsqueeze(1), row, self.row)
        self.trial = self.trial + ended
        self.trial_steps = self.trial_steps.masked_fill(ended, 0)
        self.trial_reward = self.trial_reward.masked_fill(ended, 0)
        self.target_left = torch.where(ended, noise[:, 0] < 0.5, self.target_left)
        self._swap(ended & (self.trial == self.params.reversal_after))
        if self.params.new_distractor:
            new = self.draw_objects(noise[:, 1], self.target, self.distractor)
            where = ended & self.replaced
            self.distractor = torch.where(where, new, self.distractor)

    def _swap(self, where: Tensor) -> None:
        """Swap the roles of the two objects, if the task has a reversal."""
        if self.params.reversal_after:
            target, distractor = self.target, self.distractor
            self.target = torch.where(where, distractor, target)
            self.distractor = torch.where(where, target, distractor)
            self.reversed = self.reversed | where

    def event(self) -> Tensor:
        """(B,) int64: pause, fixation or choice."""
        return self.rules.event[self.place]

    def codes(self) -> Tensor:
        """(B, 3) codes of the view: view, object on the left, object on the right."""
        return self.panorama.codes(self.place, self.left, self.right)

    def trial_row(self) -> dict[str, Tensor]:
        """The trial that just ended."""
        row = dict(zip(ROW, self.row.unbind(1), strict=True))
        chosen_left, target_left = row["choice"] == 0, row["target_left"] == 1
        valid = ~row["choice"].isnan()
        correct = torch.where(valid, (chosen_left == target_left).float(), torch.nan)
        cues = {
            name: self.cues[row[role].long(), place]
            for role in ("target", "distractor")
            for place, name in enumerate(cue_columns(role, self.cue_names))
        }
        forced = torch.zeros_like(correct)
        response = {"valid": valid.float(), "correct": correct, "forced": forced}
        columns = list(row.items())
        return {**dict(columns[:2]), **response, **dict(columns[2:]), **cues}

    def hidden(self) -> dict[str, Tensor]:
        """The rewarded object, the other one, and their sides."""
        names = ("target", "distractor", "target_left", "replaced")
        return {name: getattr(self, name).float() for name in names}


def cue_columns(role: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Trial columns that describe the target or the distractor."""
    return tuple(f"{role}_{name}" for name in names)


def real_columns(names: tuple[str, ...]) -> tuple[str, ...]:
    """Trial columns that hold real numbers."""
    columns = (cue_columns(role, names) for role in ("target", "distractor"))
    return ("reward", *sum(columns, ()))
