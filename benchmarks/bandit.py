"""The two-armed Bernoulli bandit that training costs are measured on."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from metarl.envs.task import LockstepTask, Step


@dataclass(frozen=True, kw_only=True)
class BanditParams:
    """What the experimenter sets."""

    trial_count: int = 100
    """Trials per episode."""


class Bandit(LockstepTask[BanditParams]):
    """Two arms with independent reward probabilities, drawn for each episode.

    Observation: the part of the episode that is over.
    Actions: left, right.
    Reward: 0 or 1, with the arm's probability, uniform in [0, 1].
    Episode end: terminates after `trial_count` trials.
    info["trial"]: choice, reward, valid, correct (the better arm), forced.
    Source: Wang et al. 2016, arXiv 1611.05763.
    """

    params_type = BanditParams
    observation_names = ("time",)
    action_names = ("left", "right")
    event_names = ("choice",)
    state_names = ("trial", "phase", "probabilities", "choice", "reward")
    noise_size = 2

    @property
    def trial_count(self) -> int:
        """Trials of an episode."""
        return self.params.trial_count

    def reset(
        self,
        noise: Tensor,
        *,
        options: Mapping[str, float] | None = None,
        where: Tensor | None = None,
    ) -> Tensor:
        """Draw the reward probabilities."""
        self.check_options(options)
        self.start_all(where)
        self.probabilities = noise
        return self.observation()

    def step(self, actions: Tensor, noise: Tensor) -> Step:
        """Pull an arm."""
        self.choice = actions
        probability = self.probabilities.gather(1, actions.unsqueeze(1)).squeeze(1)
        self.reward = (noise[:, 0] < probability).float()
        return self.advance(self.reward)

    def observation(self) -> Tensor:
        """(B, 1): the part of the episode that is over, in [0, 1]."""
        return torch.full((self.num_envs, 1), self.trial / self.trial_count)

    def trial_row(self) -> dict[str, Tensor]:
        """The pull just made."""
        best = self.probabilities.argmax(1)
        return {
            "choice": self.choice.float(),
            "reward": self.reward,
            "valid": self.always.float(),
            "correct": (self.choice == best).float(),
            "forced": self.never.float(),
        }

    def hidden(self) -> dict[str, Tensor]:
        """The arms' probabilities."""
        return {"left": self.probabilities[:, 0], "right": self.probabilities[:, 1]}
