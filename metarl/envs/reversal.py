"""The reversal task: how soon does a subject abandon an option that turned bad?"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import torch
from torch import Tensor

from metarl.core.checks import check_at_least, check_choice
from metarl.core.fields import Probability, check_fields
from metarl.envs.choice_task import CROSS, ChoiceTask
from metarl.envs.task import Symbol, TrialCount

Schedule = Literal["mixed", "80/20", "70/30"]
"""Reward schedules; "mixed" draws one of the other two for each episode."""
PERCENTS: Mapping[str, int] = MappingProxyType({"80/20": 80, "70/30": 70})
"""Schedule -> reward probability of the better option, in percent; that of the other
option is the difference from 100 percent."""

PICTURES = (("A", "deepskyblue"), ("B", "orange"))
"""Name and colour of each picture on the screen."""


@dataclass(frozen=True, kw_only=True)
class ReversalParams:
    """Parameters of the reversal task; defaults follow Costa et al. 2016."""

    trial_count: TrialCount = 80
    """Trials per episode, 1 to 10,000."""
    schedule: Schedule = "mixed"
    """Reward probabilities, in percent, of the better and the worse option."""
    reversal_least: TrialCount = 31
    """Smallest number of trials before the reversal, 1 to 10,000."""
    reversal_most: TrialCount = 50
    """Largest number of trials before the reversal, `reversal_least` to 10,000."""
    fixation: bool = True
    """Whether a trial starts with a fixation step that needs the centre response."""
    pictures: bool = False
    """Whether the options are two pictures on sides that change at random, as the
    monkeys had them, in place of the two sides themselves."""
    largest_easing: Probability = 0.0
    """Largest easing, in [0, 1], for pictures. Each episode draws its easing uniformly
    from 0 to this value. Pictures change sides between trials with probability 1/2,
    which is lowered by this fraction."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_fields(self)
        check_at_least("reversal_most", self.reversal_most, self.reversal_least)
        if self.largest_easing and not self.pictures:
            raise ValueError(
                "largest_easing must be 0 without pictures, which alone change sides, "
                f"got {self.largest_easing}"
            )

    @property
    def percents(self) -> tuple[int, ...]:
        """Possible reward probabilities of the better option, in percent."""
        if self.schedule == "mixed":
            return tuple(PERCENTS.values())
        return (PERCENTS[self.schedule],)


class Reversal(ChoiceTask[ReversalParams]):
    """One of two options has more reward; once in an episode they swap, uncued.

    Observation: one-hot [fixation, choice]; without the fixation step, choice alone.
        With pictures, choice has two entries: [picture A left, picture B left].
    Actions: centre, left, right (left, right without the fixation step). Valid are
        centre at fixation, left or right at the choice.
    Reward: 0 or 1 for the choice, with the probability of the schedule; -1 for an
        invalid response, and the trial goes on to its next step; no further reward
        after a missing choice.
    Episode end: terminates after `trial_count` trials; never truncates. An episode
        with at most as many trials as precede the reversal has no reversal.
    info["trial"]: choice (0 left, 1 right; with pictures 0 A, 1 B), reward (total of
        the trial), valid, correct (the choice of the better option), forced, better
        (the better option of this trial, coded as the choice), schedule (its reward
        probability in percent: 80 or 70), reversal_trial (number of trials before the
        reversal, that is, the number, from 0, of the first trial on which the other
        option is better).
    Source: Costa et al. 2016, Neuron 92:505; trials released with Trepka et al. 2021,
        Nat Commun.
    Declared: the reversal comes after 31 to 50 trials, all equally likely, as in the
        released trials of the monkeys (the paper: between trials 30 and 50). The option
        that is better at first, the schedule, and the sides of the pictures are drawn
        with equal probability. The cost of an invalid response is ours.
        `largest_easing` is for training; the monkeys had none.
    Departs: the monkeys chose one of two pictures, new in each block; here the options
        are the two sides or, with `pictures`, the same two pictures in all episodes. A
        60/40 schedule is left out, because none of its trials were released.
    """

    params_type = ReversalParams
    state_names = (
        "trial",
        "phase",
        "first_better",
        "percent",
        "reversal_trial",
        "fixated",
        "responded",
        "right",
        "b_left",
        "side_change",
        "second",
        "trial_better",
        "rewarded",
    )
    option_names = ("better", "schedule", "reversal_trial")

    def __init__(
        self,
        num_envs: int = 1,
        params: ReversalParams | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Prepare `num_envs` environments."""
        super().__init__(num_envs, params, device)
        self.trial_better = self.rewarded = self.second = self.never

    @property
    def noise_size(self) -> int:  # type: ignore[override]
        """Uniform numbers of an episode's start."""
        return 5 if self.params.pictures else 3

    @property
    def has_fixation(self) -> bool:
        """Whether a trial starts with a fixation step."""
        return self.params.fixation

    @property
    def screen_actions(self) -> tuple[tuple[str, ...], ...]:  # type: ignore[override]
        """Names of the valid actions on each screen."""
        sides = ("left", "right")
        choices = (sides, sides) if self.params.pictures else (sides,)
        return (("centre",), *choices)

    @property
    def observation_names(self) -> tuple[str, ...]:
        """Names of the one-hot entries."""
        pictures = ("fixation", "picture A left", "picture B left")
        names = pictures if self.params.pictures else self.event_names
        return names if self.has_fixation else names[1:]

    @property
    def trial_count(self) -> int:
        """Trials per episode."""
        return self.params.trial_count

    def start_episode(self, noise: Tensor, options: Mapping[str, float]) -> None:
        """Draw the option that is better first, the schedule and the reversal."""
        self.first_better = noise[:, 0] < 0.5
        percents = self.params.percents
        self.percent = torch.where(noise[:, 1] < 0.5, percents[0], percents[-1])
        least, most = self.params.reversal_least, self.params.reversal_most
        trial = least + (noise[:, 2] * (most - least + 1)).long()
        # Rounding could lift a number just below 1 to one trial too many.
        self.reversal_trial = trial.clamp(max=most)
        self._place_pictures(noise)
        self._apply_options(options)

    def _place_pictures(self, noise: Tensor) -> None:
        """Draw the picture that is left first, and how often they change sides."""
        self.b_left, self.side_change = self.never, self.never.float()
        if self.params.pictures:
            self.b_left = noise[:, 3] < 0.5
            self.side_change = (1 - self.params.largest_easing * noise[:, 4]) / 2

    def _apply_options(self, options: Mapping[str, float]) -> None:
        """Replace the values drawn by those of the options."""
        if "better" in options:
            check_choice("better", options["better"], (0, 1))
            self.first_better = torch.full_like(self.never, bool(options["better"]))
        if "schedule" in options:
            check_choice("schedule", options["schedule"], PERCENTS.values())
            self.percent = torch.full_like(self.percent, int(options["schedule"]))
        if "reversal_trial" in options:
            count = options["reversal_trial"]
            check_at_least("reversal_trial", count, 1)
            if count != int(count):
                raise ValueError(
                    f"reversal_trial must be a whole number, got {count!r}"
                )
            self.reversal_trial = torch.full_like(self.reversal_trial, int(count))

    def choose(self, actions: Tensor, noise: Tensor) -> Tensor:
        """(B,) reward of the choice."""
        self.note_choice(actions)
        self.second = self.right ^ self.b_left
        self.trial_better = self.better()
        probability = self.percent / 100
        is_better = self.second == self.trial_better
        probability = torch.where(is_better, probability, 1 - probability)
        self.rewarded = (noise[:, 0] < probability) & self.responded
        if self.params.pictures:
            # The sides of the next trial, which need no step of their own.
            self.b_left = self.b_left ^ (noise[:, 1] < self.side_change)
        return self.rewarded.float() - (~self.responded).float()

    def screen(self) -> int | Tensor:
        """Fixation, or the choice by which picture is left."""
        event = self.trial_events[self.phase]
        is_choice = self.event_names[event] == "choice"
        if is_choice and self.params.pictures:
            return event + self.b_left.long()
        return event

    def better(self) -> Tensor:
        """(B,) bool: whether right, or picture B, is now the better option."""
        return self.first_better ^ (self.reversal_trial <= self.trial)

    def trial_row(self) -> dict[str, Tensor]:
        """The trial that just ended."""
        correct = self.responded & (self.second == self.trial_better)
        rewarded = self.rewarded.float()
        row = self.choice_row(
            self.second, reward=rewarded, correct=correct, forced=self.never
        )
        return row | {
            "better": self.trial_better.float(),
            "schedule": self.percent.float(),
            "reversal_trial": self.reversal_trial.float(),
        }

    def hidden(self) -> dict[str, Tensor]:
        """The present better option, the schedule, and the trial of the reversal."""
        return {
            "better": self.better(),
            "schedule": self.percent,
            "reversal_trial": self.reversal_trial,
        }

    def scene(self, env_index: int = 0) -> list[Symbol]:
        """A cross at fixation, then two squares, or the pictures on their sides."""
        shown = super().scene(env_index)
        if shown == [CROSS] or not self.params.pictures:
            return shown
        order = PICTURES[::-1] if self.b_left[env_index] else PICTURES
        return [
            Symbol("square", square.x, colour, name)
            for square, (name, colour) in zip(shown, order, strict=True)
        ]
