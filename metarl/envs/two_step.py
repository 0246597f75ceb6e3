"""The two-step task: do choices follow a model of the task, or the last reward?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from torch import Tensor

from metarl.core.checks import check_at_least, check_choice
from metarl.core.fields import Probability, Range, check_fields
from metarl.envs.task import TrialCount
from metarl.envs.two_stage import TwoStageTask

ReversalTrial = Annotated[
    int, Range(0, 10_000, why="an episode has at most as many trials")
]
"""Number of trials before the transition probabilities reverse; 0: they never do."""


@dataclass(frozen=True, kw_only=True)
class TwoStepParams:
    """Parameters of the two-step task; defaults follow Wang et al. 2018."""

    trial_count: TrialCount = 100
    """Trials per episode, 1 to 10,000."""
    probability_common: Annotated[float, Range(0.5, 1)] = 0.8
    """Probability that left leads to S1 and right to S2, in [0.5, 1]."""
    probability_high: Probability = 0.9
    """Probability of reward in the high second-stage state, in [0, 1]."""
    probability_low: Probability = 0.1
    """Probability of reward in the other second-stage state, in [0, 1]."""
    probability_switch: Probability = 0.025
    """Probability per trial that high and low swap, in [0, 1]."""
    reversal_least: ReversalTrial = 0
    """Smallest number of trials before the transition probabilities reverse, once in an
    episode, 0 to 10,000; 0: they never reverse."""
    reversal_most: ReversalTrial = 0
    """Largest number of trials before they reverse, `reversal_least` to 10,000."""
    fixation: bool = True
    """Whether a trial starts with a fixation step that needs the centre response."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_fields(self)
        check_at_least("reversal_most", self.reversal_most, self.reversal_least)
        if self.reversal_most and not self.reversal_least:
            raise ValueError(
                "reversal_least must be at least 1 where reversal_most is not 0, got "
                f"0 and {self.reversal_most}; set both"
            )

    @property
    def reverses(self) -> bool:
        """Whether the transition probabilities reverse within an episode."""
        return self.reversal_least > 0


WANG_2016 = TwoStepParams(
    trial_count=10, probability_common=0.75, probability_switch=0.0, fixation=False
)
"""The earlier variant: the high state is redrawn for each episode and never swaps."""


class TwoStep(TwoStageTask[TwoStepParams]):
    """A first choice commonly leads to one of two second-stage states with a reward.

    Observation: one-hot [fixation, first stage, S1, S2]; all zeros on the step after a
        missing choice. Without the fixation step, the first entry is left out.
    Actions: centre, left, right (left, right without the fixation step). Valid are
        centre at fixation, left or right at the first stage, and any action at the
        second stage.
    Reward: 0 or 1 for the response at the second stage; -1 for an invalid response,
        and the trial goes on to its next step; no reward after a missing choice.
    Episode end: terminates after `trial_count` trials; never truncates.
    info["trial"]: choice (0 left, 1 right), reward (total of the trial), valid,
        correct (the choice that commonly leads to the high state), forced, transition
        (common, rare), second_state (0 S1, 1 S2), second_choice, high_state; and, where
        the transition probabilities reverse, reversed (0 before, 1 after). What is
        correct, common or rare is by the probabilities of this trial.
    Source: Wang et al. 2018, Nat Neurosci 21:860, Simulation 4, after Daw et al. 2011
        and Miller et al. 2017; `WANG_2016` after Wang et al. 2016.
    Declared: the paper specifies neither the response at the second stage nor the
        consequence of an invalid response; the rules above are ours. With
        `reversal_least` above 0, which no published network was tested with, left leads
        commonly to S2 and right to S1 from some trial on, without a sign. All numbers
        of trials from `reversal_least` to `reversal_most` before it are equally likely.
    """

    params_type = TwoStepParams
    state_names = (
        "trial",
        "phase",
        "high",
        "fixated",
        "responded",
        "right",
        "rare",
        "second",
        "trial_high",
        "rewarded",
        "reversal_trial",
        "trial_reversed",
    )
    noise_size = 2
    option_names = ("high_state",)

    def start_rewards(self, noise: Tensor, options: Mapping[str, float]) -> None:
        """Draw the reversal; draw the high state, or take it from the options."""
        least, most = self.params.reversal_least, self.params.reversal_most
        self.reversal_trial = least + (noise[:, 1] * (most - least + 1)).long()
        self.trial_reversed = self.never
        self.high = noise[:, 0] < 0.5
        if "high_state" in options:
            check_choice("high_state", options["high_state"], (0, 1))
            self.high = torch.full_like(self.high, bool(options["high_state"]))

    def hidden_high(self) -> Tensor:
        """(B,) bool: whether S2 is now the high state."""
        return self.high

    @property
    def reversed(self) -> Tensor:
        """(B,) bool: whether the transitions of the present trial are reversed."""
        if not self.params.reverses:
            return self.never
        return self.reversal_trial <= self.trial

    def choose(self, actions: Tensor, noise: Tensor) -> Tensor:
        """(B,) reward of the first-stage choice, which leads to the second stage."""
        reward = super().choose(actions, noise)
        if self.params.reverses:
            self.trial_reversed = self.reversed
            self.second = self.second ^ self.trial_reversed
        return reward

    def answer(self, actions: Tensor, noise: Tensor) -> Tensor:
        """(B,) reward in the second-stage state, whatever the response."""
        high, low = self.params.probability_high, self.params.probability_low
        probability = torch.where(self.second == self.high, high, low)
        self.rewarded = (noise[:, 0] < probability) & self.responded
        # The next trial starts here: high and low may swap before its choice.
        self.high = self.high ^ (noise[:, 1] < self.params.probability_switch)
        return self.rewarded.float()

    def trial_row(self) -> dict[str, Tensor]:
        """The trial that just ended."""
        row = super().trial_row()
        if not self.params.reverses:
            return row
        now = self.trial_reversed
        correct = self.responded & (self.right ^ now == self.trial_high)
        return row | {"correct": correct.float(), "reversed": now.float()}

    def hidden(self) -> dict[str, Tensor]:
        """The state that is now high (0 S1, 1 S2), and whether transitions reversed."""
        if not self.params.reverses:
            return {"high_state": self.high}
        return {"high_state": self.high, "reversed": self.reversed}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state`, perhaps of a version without reversals."""
        never = {"reversal_trial": self.reversal_trial, "trial_reversed": self.never}
        super().load_state({**never, **state})
