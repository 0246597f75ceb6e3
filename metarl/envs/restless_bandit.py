"""The restless bandit: how fast to learn while probabilities drift slowly or fast?"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

import torch
from torch import Tensor

from metarl.core.checks import check_between, check_choice
from metarl.core.fields import Range, check_fields
from metarl.envs.task import SMALLEST_NOISE, LockstepTask, Step, Symbol, TrialCount


@dataclass(frozen=True, kw_only=True)
class RestlessBanditParams:
    """Parameters of the restless bandit, after Wang et al. 2016; drifts are ours."""

    trial_count: TrialCount = 100
    """Trials per episode, 1 to 10,000."""
    deviation_low: Annotated[float, Range(0, 1)] = 0.02
    """Standard deviation of the drift per trial at low volatility, in [0, 1]."""
    deviation_high: Annotated[float, Range(0, 1)] = 0.2
    """Standard deviation of the drift per trial at high volatility, in [0, 1]."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_fields(self)


class RestlessBandit(LockstepTask[RestlessBanditParams]):
    """Two arms with reward probabilities that sum to 1 and drift, slowly or fast.

    Observation: the number of the trial, as a share of the episode.
    Actions: left, right; both are always valid.
    Reward: 1 with the probability of the chosen arm, else 0.
    Episode end: terminates after `trial_count` trials, of one step; never truncates.
    info["trial"]: choice (0 left, 1 right), reward, valid, correct (the arm with the
        higher reward probability, either one if equal), forced, volatility (low, high),
        probability_left (reward probability of left; that of right is 1 minus it).
    Source: Wang et al. 2016, arXiv 1611.05763, section 3.1.4.
    Declared: the paper states that probabilities change slowly or quickly. Here the
        probability of left is a Gaussian walk, reflected at 0 and 1, with one of two
        step sizes; its start is uniform, the stationary distribution of a reflected
        walk. Low and high volatility are equally frequent and not observed. The trial
        number is observed, as in the other bandits of the paper.
    """

    params_type = RestlessBanditParams
    event_names = ("choice",)
    state_names = (
        "trial",
        "phase",
        "probability",
        "volatile",
        "trial_probability",
        "right",
        "rewarded",
    )
    noise_size = 2
    categories = MappingProxyType({"volatility": ("low", "high")})
    reward_range = (0.0, 1.0)
    real_columns = ("reward", "probability_left")
    option_names = ("probability_left", "volatility")

    def __init__(
        self,
        num_envs: int = 1,
        params: RestlessBanditParams | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Prepare `num_envs` environments."""
        super().__init__(num_envs, params, device)
        self.right = self.rewarded = self.never
        noise = torch.full((num_envs, self.noise_size), 0.5, device=device)
        self._start_episode(noise, {})

    @property
    def observation_names(self) -> tuple[str, ...]:
        """The elapsed share of the episode."""
        return ("trial",)

    @property
    def action_names(self) -> tuple[str, ...]:
        """Names of the arms."""
        return ("left", "right")

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
        """Start an episode; the options replace the hidden variables drawn.

        Options: probability_left, of the first trial, and volatility (0 low, 1 high).
        """
        checked = self.check_options(options)
        self.start_all(where)
        self._start_episode(noise, checked)
        return self.observation()

    def _start_episode(self, noise: Tensor, options: Mapping[str, float]) -> None:
        self.probability, self.volatile = noise[:, 0].clone(), noise[:, 1] < 0.5
        if "probability_left" in options:
            check_between("probability_left", options["probability_left"], 0, 1)
            self.probability[:] = options["probability_left"]
        if "volatility" in options:
            check_choice("volatility", options["volatility"], (0, 1))
            self.volatile = self.always if options["volatility"] else self.never
        self.trial_probability = self.probability

    def step(self, actions: Tensor, noise: Tensor) -> Step:
        """Choose an arm and receive its reward; then the probabilities drift."""
        self.right = actions > 0
        probability = torch.where(self.right, 1 - self.probability, self.probability)
        self.rewarded = noise[:, 0] < probability
        self.trial_probability = self.probability
        self.probability = self._drift(noise[:, 1])
        return self.advance(self.rewarded.float())

    def _drift(self, noise: Tensor) -> Tensor:
        """One step of the walk, reflected at 0 and 1, several times if necessary."""
        low, high = self.params.deviation_low, self.params.deviation_high
        deviation = torch.where(self.volatile, high, low)
        normal: Tensor = torch.special.ndtri(noise.clamp(min=SMALLEST_NOISE))
        # Reflecting at 0 and 1 is folding a period of 2, whatever the size of the step.
        walk = torch.remainder(self.probability + deviation * normal, 2.0)
        return torch.minimum(walk, 2 - walk)

    def observation(self) -> Tensor:
        """(B, 1): the elapsed share of the episode."""
        share = self.trial / self.trial_count
        return torch.full((self.num_envs, 1), share, device=self.device)

    def trial_row(self) -> dict[str, Tensor]:
        """The trial that just ended."""
        left = self.trial_probability
        better = torch.where(self.right, left <= 0.5, left >= 0.5)
        return {
            "choice": self.right.float(),
            "reward": self.rewarded.float(),
            "valid": self.always.float(),
            "correct": better.float(),
            "forced": self.never.float(),
            "volatility": self.volatile.float(),
            "probability_left": left,
        }

    def hidden(self) -> dict[str, Tensor]:
        """Present reward probability of left, and whether volatility is high."""
        return {"probability_left": self.probability, "volatility": self.volatile}

    def scene(self, env_index: int = 0) -> list[Symbol]:
        """Two constant squares."""
        return [
            Symbol("square", 0.25, "deepskyblue", "left"),
            Symbol("square", 0.75, "orange", "right"),
        ]
