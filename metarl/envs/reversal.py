"""The reversal task: how soon does a subject abandon an option that turned bad?"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import torch
from torch import Tensor

from metarl.core.checks import check_at_least, check_choice
from metarl.core.fields import check_fields
from metarl.envs.choice_task import ChoiceTask
from metarl.envs.task import TrialCount

Schedule = Literal["mixed", "80/20", "70/30"]
"""Reward schedules; "mixed" draws one of the other two for each episode."""
PERCENTS: Mapping[str, int] = MappingProxyType({"80/20": 80, "70/30": 70})
"""Schedule -> reward probability of the better option, in percent; that of the other
option is the difference from 100 percent."""


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

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_fields(self)
        check_at_least("reversal_most", self.reversal_most, self.reversal_least)

    @property
    def percents(self) -> tuple[int, ...]:
        """Possible reward probabilities of the better option, in percent."""
        if self.schedule == "mixed":
            return tuple(PERCENTS.values())
        return (PERCENTS[self.schedule],)


class Reversal(ChoiceTask[ReversalParams]):
    """One of two options has more reward; once in an episode they swap, uncued.

    Observation: one-hot [fixation, choice]; without the fixation step, choice alone.
    Actions: centre, left, right (left, right without the fixation step). Valid are
        centre at fixation, left or right at the choice.
    Reward: 0 or 1 for the choice, with the probability of the schedule; -1 for an
        invalid response, and the trial goes on to its next step; no further reward
        after a missing choice.
    Episode end: terminates after `trial_count` trials; never truncates. An episode
        with at most as many trials as precede the reversal has no reversal.
    info["trial"]: choice (0 left, 1 right), reward (total of the trial), valid,
        correct (the choice of the better option), forced, better (the better option of
        this trial: 0 left, 1 right), schedule (its reward probability in percent: 80 or
        70), reversal_trial (number of trials before the reversal, that is, the number,
        from 0, of the first trial on which the other option is better).
    Source: Costa et al. 2016, Neuron 92:505; trials released with Trepka et al. 2021,
        Nat Commun.
    Declared: the reversal comes after 31 to 50 trials, all equally likely, as in the
        released trials of the monkeys (the paper: between trials 30 and 50). The option
        that is better at first, and the schedule, are drawn with equal probability. The
        cost of an invalid response is ours.
    Departs: the monkeys chose one of two pictures, new in each block, on sides that
        changed at random; here the options are the two sides. A 60/40 schedule is left
        out, because none of its trials were released.
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
        "trial_better",
        "rewarded",
    )
    noise_size = 3
    option_names = ("better", "schedule", "reversal_trial")

    def __init__(
        self,
        num_envs: int = 1,
        params: ReversalParams | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Prepare `num_envs` environments."""
        super().__init__(num_envs, params, device)
        self.trial_better = self.rewarded = self.never

    @property
    def has_fixation(self) -> bool:
        """Whether a trial starts with a fixation step."""
        return self.params.fixation

    @property
    def observation_names(self) -> tuple[str, ...]:
        """Names of the one-hot entries."""
        return self.event_names if self.has_fixation else self.event_names[1:]

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
        self._apply_options(options)

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
        self.trial_better = self.better()
        probability = self.percent / 100
        is_better = self.right == self.trial_better
        probability = torch.where(is_better, probability, 1 - probability)
        self.rewarded = (noise[:, 0] < probability) & self.responded
        return self.rewarded.float() - (~self.responded).float()

    def better(self) -> Tensor:
        """(B,) bool: whether right is now the better option."""
        return self.first_better ^ (self.reversal_trial <= self.trial)

    def trial_row(self) -> dict[str, Tensor]:
        """The trial that just ended."""
        correct = self.responded & (self.right == self.trial_better)
        rewarded = self.rewarded.float()
        row = self.choice_row(
            self.right, reward=rewarded, correct=correct, forced=self.never
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
