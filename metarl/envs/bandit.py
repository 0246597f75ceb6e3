"""The Bernoulli bandit: which arm has more reward, in a new problem each episode?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from metarl.core.checks import check_between, check_choice
from metarl.core.fields import Range, check_fields
from metarl.envs.task import LockstepTask, Step, Symbol, TrialCount

GAPS = {"easy": (0.1, 0.9), "medium": (0.25, 0.75), "hard": (0.4, 0.6)}
"""Distribution -> reward probabilities of the worse and the better arm, if constant."""
DEPENDENT = ("correlated", *GAPS)
"""Distributions of two arms with reward probabilities that sum to 1."""
DISTRIBUTIONS = ("independent", *DEPENDENT)
"""Distributions of the reward probabilities of an episode."""
LABELLED_SQUARES = 4
"""Largest number of arms drawn as squares; more would overlap."""
ARMS_WHY = "every arm needs a random number per step and a column of the trial table"


@dataclass(frozen=True, kw_only=True)
class BanditParams:
    """Parameters of the bandit; defaults follow Wang et al. 2016."""

    arm_count: Annotated[int, Range(2, 100, why=ARMS_WHY)] = 2
    """Number of arms, 2 to 100."""
    trial_count: TrialCount = 100
    """Trials per episode, 1 to 10,000."""
    distribution: str = "independent"
    """Distribution of the reward probabilities. independent: each uniform in [0, 1].
    correlated: one uniform, the other 1 minus it. easy, medium, hard: two constant
    probabilities, on sides drawn for each episode."""
    trial_input: bool = True
    """Whether the observation contains the elapsed share of the episode."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_fields(self)
        check_choice("distribution", self.distribution, DISTRIBUTIONS)
        if self.distribution in DEPENDENT and self.arm_count != 2:
            raise ValueError(
                f"arm_count must be 2 if the distribution is {self.distribution}, "
                f"got {self.arm_count!r}; choose the distribution independent"
            )


class Bandit(LockstepTask[BanditParams]):
    """Arms with a reward of 1 or 0, each with its own, initially unknown probability.

    Observation: the share of the episode's trials that have elapsed, in [0, 1]; without
        the trial input always 0.
    Actions: left, right; arm 1, arm 2, ... if there are more than two.
    Reward: 1 with the probability of the chosen arm, else 0. Every response is valid.
    Episode end: terminates after `trial_count` trials; never truncates.
    info["trial"]: choice (number of the arm, from 0), reward, valid, correct (no other
        arm has a higher reward probability), forced, probability_0, probability_1, ...
        (reward probability of each arm).
    Source: Wang et al. 2016, arXiv:1611.05763, sections 3.1.1 and 3.1.2; Wang et al.
        2018, Nat Neurosci 21:860, Fig. 1.
    Declared: the trial number is an input in the papers; we divide it by the number of
        trials. The same uniform number determines the reward of a trial whichever arm
        is chosen, so that subjects with different choices share their random numbers.
        An option that sets one of two dependent arms also sets the other.
    """

    params_type = BanditParams
    event_names = ("choice",)
    state_names = ("trial", "phase", "probabilities", "choice", "rewarded")
    reward_range = (0.0, 1.0)

    def __init__(
        self,
        num_envs: int = 1,
        params: BanditParams | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Prepare `num_envs` environments."""
        super().__init__(num_envs, params, device)
        self.choice = torch.zeros(num_envs, dtype=torch.int64, device=device)
        self.rewarded = torch.zeros(num_envs, device=device)
        self.probabilities = torch.zeros(num_envs, self.params.arm_count, device=device)

    @property
    def noise_size(self) -> int:  # type: ignore[override]
        """A number an arm, for its chance of reward."""
        return self.params.arm_count

    @property
    def option_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """Reward probability of each arm."""
        return tuple(f"probability_{arm}" for arm in range(self.params.arm_count))

    @property
    def real_columns(self) -> tuple[str, ...]:  # type: ignore[override]
        """Reward and reward probabilities."""
        return ("reward", *self.option_names)

    @property
    def observation_names(self) -> tuple[str, ...]:
        """One entry: the elapsed share of the episode, or a constant."""
        return ("trial",) if self.params.trial_input else ("nothing",)

    @property
    def action_names(self) -> tuple[str, ...]:
        """Two arms are called left and right, more by number."""
        if self.params.arm_count == 2:
            return ("left", "right")
        return tuple(f"arm {arm + 1}" for arm in range(self.params.arm_count))

    @property
    def trial_count(self) -> int:
        """Trials per episode."""
        return self.params.trial_count

    def reset(
        self,
        noise: Tensor,
        *,
        options: Mapping[str, float] | None = None,
        where: Tensor | None = None,
    ) -> Tensor:
        """Start an episode; the options replace the probabilities drawn."""
        checked = self.check_options(options)
        self.start_all(where)
        self.probabilities = self._draw(noise)
        for name, value in checked.items():
            check_between(name, value, 0, 1)
            arm = self.option_names.index(name)
            self.probabilities[:, arm] = value
            if self.params.distribution in DEPENDENT and len(checked) == 1:
                self.probabilities[:, 1 - arm] = 1 - value
        return self.observation()

    def _draw(self, noise: Tensor) -> Tensor:
        """(B, N) reward probabilities from the distribution."""
        distribution = self.params.distribution
        if distribution == "independent":
            return noise.clone()
        left = noise[:, 0]
        right = 1 - left
        if distribution in GAPS:
            worse, better = GAPS[distribution]
            left, right = (
                torch.where(side, better, worse) for side in (left < 0.5, left >= 0.5)
            )
        return torch.stack([left, right], dim=1)

    def step(self, actions: Tensor, noise: Tensor) -> Step:
        """Choose an arm and receive its reward."""
        self.choice = actions.clone()
        probability = self.probabilities.gather(1, actions.unsqueeze(1)).squeeze(1)
        self.rewarded = (noise[:, 0] < probability).float()
        return self.advance(self.rewarded)

    def observation(self) -> Tensor:
        """(B, 1): the elapsed share of the episode."""
        elapsed = self.trial / self.trial_count if self.params.trial_input else 0.0
        return torch.full((self.num_envs, 1), elapsed, device=self.device)

    def trial_row(self) -> dict[str, Tensor]:
        """The trial that just ended."""
        probability = self.probabilities.gather(1, self.choice.unsqueeze(1)).squeeze(1)
        return {
            "choice": self.choice.float(),
            "reward": self.rewarded,
            "valid": self.always.float(),
            "correct": (probability == self.probabilities.amax(1)).float(),
            "forced": self.never.float(),
            **self.hidden(),
        }

    def hidden(self) -> dict[str, Tensor]:
        """Reward probability of each arm."""
        return dict(zip(self.option_names, self.probabilities.unbind(1), strict=True))

    def scene(self, env_index: int = 0) -> list[Symbol]:
        """The arms in a row; numbered if there are more than two."""
        count = self.params.arm_count
        places = [(arm + 0.5) / count for arm in range(count)]
        if count == 2:
            return [Symbol("square", place, "white") for place in places]
        shape = "square" if count <= LABELLED_SQUARES else "text"
        return [
            Symbol(shape, place, "white", str(arm + 1))
            for arm, place in enumerate(places)
        ]
