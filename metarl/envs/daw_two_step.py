"""Daw's two-step task: two choices a trial, and rewards that drift."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from metarl.core.checks import check_at_least, check_between
from metarl.envs.task import SMALLEST_NOISE, Symbol
from metarl.envs.two_stage import TwoStageTask

CHANCES = tuple(
    f"probability_{option}" for option in ("s1_left", "s1_right", "s2_left", "s2_right")
)
"""Names of the second-stage options' reward probabilities, in their order."""


@dataclass(frozen=True, kw_only=True)
class DawTwoStepParams:
    """What the experimenter sets; defaults follow Daw et al. 2011."""

    trial_count: int = 201
    """Trials per episode, at least 1."""
    probability_common: float = 0.7
    """Chance that left leads to S1 and right to S2, in [0.5, 1]."""
    drift_deviation: float = 0.025
    """Standard deviation of a reward probability's change per trial, at least 0."""
    probability_least: float = 0.25
    """Lower bound, where the drift is reflected, of reward probabilities, in [0, 1]."""
    probability_most: float = 0.75
    """Upper bound, where the drift is reflected, of reward probabilities, in [0, 1]."""
    fixation: bool = True
    """Whether a trial starts with a fixation step that needs the centre response."""

    def __post_init__(self) -> None:
        """Refuse what is no probability or no count."""
        check_at_least("trial_count", self.trial_count, 1)
        check_at_least("drift_deviation", self.drift_deviation, 0)
        check_between("probability_common", self.probability_common, 0.5, 1)
        check_between("probability_least", self.probability_least, 0, 1)
        least = self.probability_least
        check_between("probability_most", self.probability_most, least, 1)


class DawTwoStep(TwoStageTask[DawTwoStepParams]):
    """A first choice leads, mostly, to one of two states; a second choice there pays.

    Observation: one-hot [fixation, first stage, S1, S2]; all zeros on the step after a
        missing first choice. Without the fixation step, the first entry falls away.
    Actions: centre, left, right (left, right without the fixation step). Fixation
        takes centre, both stages take left or right; the blank screen takes anything.
    Reward: 0 or 1 for the second choice, by the chance of the option chosen, which
        drifts from trial to trial; -1 for an invalid response, and the trial goes on
        to its next step; after a missing choice nothing else is paid.
    Episode end: terminates after `trial_count` trials; never truncates.
    info["trial"]: choice (0 left, 1 right), reward (all that the trial paid), valid,
        correct (the first choice that commonly leads to the high state), forced,
        transition (common, rare), second_state (0 S1, 1 S2), second_choice (0 left,
        1 right), high_state (the state whose better option pays more often), and the
        chance of reward of each option in this trial: probability_s1_left,
        probability_s1_right, probability_s2_left, probability_s2_right.
    Source: Daw et al. 2011, Neuron 69:1204.
    Declared: an episode draws the start of each walk uniformly between the bounds,
        which is how a reflected walk is spread in the long run.
    Departs: the fixation step, and moving on after an invalid response, are metarl's
        rules for every task; choices have no time limit, and options keep their sides.
    """

    params_type = DawTwoStepParams
    state_names = (
        "trial",
        "phase",
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
    noise_size = 1 + len(CHANCES)
    option_names = CHANCES
    real_columns = ("reward", *CHANCES)

    def _prepare(self, noise: Tensor, options: Mapping[str, float]) -> None:
        least, most = self.params.probability_least, self.params.probability_most
        self.probabilities = least + (most - least) * noise[:, : len(CHANCES)]
        for name, value in options.items():
            check_between(name, value, least, most)
            self.probabilities[:, CHANCES.index(name)] = value
        self.trial_probabilities = self.probabilities
        self.second_responded, self.second_right = self.always, self.never

    def hidden_high(self) -> Tensor:
        """(B,) bool: whether the better option of S2 beats the better one of S1."""
        return self.probabilities[:, 2:].amax(1) > self.probabilities[:, :2].amax(1)

    def _pay(self, actions: Tensor, noise: Tensor) -> Tensor:
        self.second_responded = (actions >= self.left) & self.responded
        self.second_right = actions > self.left
        option = 2 * self.second.long() + self.second_right.long()
        chance = self.probabilities.gather(1, option.unsqueeze(1)).squeeze(1)
        self.rewarded = (noise[:, 0] < chance) & self.second_responded
        self.trial_probabilities = self.probabilities
        # The next trial starts here: every chance has moved before its first choice.
        self.probabilities = self._drift(noise[:, 1:])
        return self.rewarded.float() - self._second_invalid()

    def _drift(self, noise: Tensor) -> Tensor:
        """One step of the walks, reflected at both bounds."""
        least, most = self.params.probability_least, self.params.probability_most
        normal: Tensor = torch.special.ndtri(noise.clamp(min=SMALLEST_NOISE))
        moved = self.probabilities + self.params.drift_deviation * normal
        moved = least + (moved - least).abs()
        moved = most - (most - moved).abs()
        return moved.clamp(least, most)

    def _second_invalid(self) -> Tensor:
        """(B,) 1 where a second-stage state was shown and not answered."""
        return (self.responded & ~self.second_responded).float()

    def _invalid_responses(self) -> Tensor:
        return super()._invalid_responses() + self._second_invalid()

    def trial_row(self) -> dict[str, Tensor]:
        """The trial that just ended."""
        chances = zip(CHANCES, self.trial_probabilities.unbind(1), strict=True)
        answered, side = self.second_responded, self.second_right.float()
        second_choice = torch.where(answered, side, torch.nan)
        return super().trial_row() | {"second_choice": second_choice} | dict(chances)

    def hidden(self) -> dict[str, Tensor]:
        """The high state now, and each option's chance of reward."""
        chances = zip(CHANCES, self.probabilities.unbind(1), strict=True)
        return {"high_state": self.hidden_high()} | dict(chances)

    def _second_scene(self, colour: str, name: str) -> list[Symbol]:
        return [Symbol("square", x, colour, name) for x in (0.25, 0.75)]
