"""Daw's two-step task: two choices per trial, and drifting reward probabilities."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from metarl.core.checks import check_between
from metarl.core.fields import Probability, Range, check_fields
from metarl.envs.choice_task import ANY
from metarl.envs.task import SMALLEST_NOISE, Symbol, TrialCount
from metarl.envs.two_stage import TwoStageTask

PROBABILITIES = tuple(
    f"probability_{option}" for option in ("s1_left", "s1_right", "s2_left", "s2_right")
)
"""Names of the reward probabilities of the second-stage options, in their order."""


@dataclass(frozen=True, kw_only=True)
class DawTwoStepParams:
    """Parameters of Daw's two-step task; defaults follow Daw et al. 2011."""

    trial_count: TrialCount = 201
    """Trials per episode, 1 to 10,000."""
    probability_common: Annotated[float, Range(0.5, 1)] = 0.7
    """Probability that left leads to S1 and right to S2, in [0.5, 1]."""
    drift_deviation: Annotated[float, Range(0, 1)] = 0.025
    """Standard deviation of a reward probability's change per trial, in [0, 1]."""
    probability_least: Probability = 0.25
    """Lower bound of reward probabilities, which reflects the drift, in [0, 1]."""
    probability_most: Probability = 0.75
    """Upper bound of reward probabilities, which reflects the drift, in [0, 1]."""
    largest_easing: Probability = 0.0
    """Largest easing, in [0, 1]. Each episode draws its easing uniformly from 0 to this
    value; it moves the bounds to 0 and 1, and the probability of common transitions
    to 1, by this fraction of the distance."""
    fixation: bool = True
    """Whether a trial starts with a fixation step that needs the centre response."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_fields(self)
        least = self.probability_least
        check_between("probability_most", self.probability_most, least, 1)


class DawTwoStep(TwoStageTask[DawTwoStepParams]):
    """A first choice commonly leads to one of two states, where a second one follows.

    Observation: one-hot [fixation, first stage, S1, S2]; all zeros on the step after a
        missing first choice. Without the fixation step, the first entry is left out.
    Actions: centre, left, right (left, right without the fixation step). Valid are
        centre at fixation, left or right at both stages, and any action on the blank
        screen.
    Reward: 0 or 1 for the second choice, with the probability of the chosen option,
        which drifts from trial to trial; -1 for an invalid response, and the trial goes
        on to its next step; no further reward after a missing choice.
    Episode end: terminates after `trial_count` trials; never truncates.
    info["trial"]: choice (0 left, 1 right), reward (total of the trial), valid,
        correct (the first choice that commonly leads to the high state), forced,
        transition (common, rare), second_state (0 S1, 1 S2), second_choice (0 left,
        1 right), high_state (the state with the better best option), and the reward
        probability of each option in this trial: probability_s1_left,
        probability_s1_right, probability_s2_left, probability_s2_right.
    Source: Daw et al. 2011, Neuron 69:1204.
    Declared: the start of each walk is drawn uniformly between the bounds in each
        episode, which is the stationary distribution of a reflected walk.
        `largest_easing` is for training; the source has none.
    Departs: the fixation step, and going on after an invalid response, are metarl's
        rules for every task; choices have no time limit, and options keep their sides.
    """

    params_type = DawTwoStepParams
    screen_actions = (
        ("centre",),
        ("left", "right"),
        ("left", "right"),
        ("left", "right"),
        ANY,
    )
    state_names = (
        "trial",
        "phase",
        "common",
        "least",
        "most",
        "probabilities",
        "fixated",
        "responded",
        "right",
        "rare",
        "second",
        "trial_high",
        "second_responded",
        "second_right",
        "rewarded",
        "trial_probabilities",
    )
    noise_size = 1 + len(PROBABILITIES)
    option_names = PROBABILITIES
    real_columns = ("reward", *PROBABILITIES)

    def start_rewards(self, noise: Tensor, options: Mapping[str, float]) -> None:
        """Draw the easing, and the start of each walk, or take it from the options."""
        least, most = self.params.probability_least, self.params.probability_most
        common = self.params.probability_common
        count = len(PROBABILITIES)
        easing = self.params.largest_easing * noise[:, count : count + 1]
        self.common = common + easing[:, 0] * (1 - common)
        self.least, self.most = least * (1 - easing), most + easing * (1 - most)
        self.probabilities = self.least + (self.most - self.least) * noise[:, :count]
        for name, value in options.items():
            check_between(name, value, least, most)
            self.probabilities[:, PROBABILITIES.index(name)] = value
        self.trial_probabilities = self.probabilities
        self.second_responded, self.second_right = self.always, self.never

    def probability_common(self) -> Tensor:
        """(B,) probability of a common transition in this episode."""
        return self.common

    def hidden_high(self) -> Tensor:
        """(B,) bool: whether the better option of S2 beats the better one of S1."""
        return self.probabilities[:, 2:].amax(1) > self.probabilities[:, :2].amax(1)

    def answer(self, actions: Tensor, noise: Tensor) -> Tensor:
        """(B,) reward of the second choice."""
        self.second_responded = (actions >= self.left) & self.responded
        self.second_right = actions > self.left
        option = 2 * self.second.long() + self.second_right.long()
        probability = self.probabilities.gather(1, option.unsqueeze(1)).squeeze(1)
        self.rewarded = (noise[:, 0] < probability) & self.second_responded
        self.trial_probabilities = self.probabilities
        # The next trial starts here: all probabilities drift before its first choice.
        self.probabilities = self._drift(noise[:, 1:])
        return self.rewarded.float() - self._second_invalid()

    def _drift(self, noise: Tensor) -> Tensor:
        """One step of the walks, reflected at both bounds."""
        least, most = self.least, self.most
        normal: Tensor = torch.special.ndtri(noise.clamp(min=SMALLEST_NOISE))
        walk = self.probabilities + self.params.drift_deviation * normal
        walk = least + (walk - least).abs()
        walk = most - (most - walk).abs()
        return torch.minimum(torch.maximum(walk, least), most)

    def _second_invalid(self) -> Tensor:
        """(B,) 1 where the response to a second-stage state was invalid."""
        return (self.responded & ~self.second_responded).float()

    def invalid_count(self) -> Tensor:
        """(B,) number of invalid responses in the trial."""
        return super().invalid_count() + self._second_invalid()

    def trial_row(self) -> dict[str, Tensor]:
        """The trial that just ended."""
        columns = self.trial_probabilities.unbind(1)
        responded, side = self.second_responded, self.second_right.float()
        row = super().trial_row()
        row["second_choice"] = torch.where(responded, side, torch.nan)
        return row | dict(zip(PROBABILITIES, columns, strict=True))

    def hidden(self) -> dict[str, Tensor]:
        """The present high state, and the reward probability of each option."""
        columns = zip(PROBABILITIES, self.probabilities.unbind(1), strict=True)
        return {"high_state": self.hidden_high()} | dict(columns)

    def second_scene(self, colour: str, name: str) -> list[Symbol]:
        """Two squares in the colour of the second-stage state."""
        return [Symbol("square", x, colour, name) for x in (0.25, 0.75)]
