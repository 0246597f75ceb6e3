"""Looking ahead in a bandit with so many trials left: Gittins indices, the optimum.

Both go backwards from an episode's last trial, over all that could be known by then.
An arm is known by its wins and losses; its chance of reward was uniform beforehand, so
that now its mean is (wins + 1) / (wins + losses + 2).
"""

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from metarl.baselines.base import TIE

LONGEST = 120
"""Most trials to plan for: the optimum's time and memory grow with the fourth power."""
LEVELS = 501
"""Sure rewards that an arm is held against, evenly spaced from 0 to 1."""


class Plan(NamedTuple):
    """What is best to do, whatever is known, with two independent arms."""

    choices: Tensor
    """int8: 0 left, 1 right, 2 either. With t trials over, what is best stands at
    (t (t + 1) / 2)^2 + (w (t + 1) + l) (t + 1) + v, where w and l are left's wins and
    losses, and v is right's wins."""
    reward: float
    """Expected of an episode, in reward units."""

    def choice(self, wins: Tensor, pulls: Tensor) -> Tensor:
        """(B,) 0 left, 1 right, 2 either, given (B, 2) int64 wins and pulls."""
        over = pulls.sum(1)
        losses = pulls[:, 0] - wins[:, 0]
        within = (wins[:, 0] * (over + 1) + losses) * (over + 1) + wins[:, 1]
        return self.choices[(over * (over + 1) // 2) ** 2 + within].long()


@cache
def optimal_plan(trial_count: int) -> Plan:
    """The Bayes-optimal plan for two independent arms, by dynamic programming.

        worth(know) = max over arms of mean (1 + worth(know + win))
                                     + (1 - mean) worth(know + loss)

    Args:
        trial_count: trials of an episode, at most LONGEST.

    Source: Bellman 1956, Sankhya 16:221.
    """
    worth = torch.zeros([trial_count + 1] * 3, dtype=torch.float64)
    kept = []
    for over in reversed(range(trial_count)):
        left, right = _worth_of_arms(worth, over)
        worth = torch.maximum(left, right)
        best = (right > left).to(torch.int8)
        kept.append(best.masked_fill_((right - left).abs() < TIE, 2).flatten())
    return Plan(torch.cat(kept[::-1]), float(worth))


def _worth_of_arms(worth: Tensor, over: int) -> tuple[Tensor, Tensor]:
    """Worth of left and right with `over` trials over, given the worth after one more.

    Args:
        worth: (over + 2,) * 3 by left's wins and losses and right's wins; where these
            are more than the trials over, the numbers mean nothing.
        over: trials over.
    """
    count = torch.arange(over + 1, dtype=torch.float64)
    wins, losses, right_wins = count[:, None, None], count[None, :, None], count
    left_mean = (wins + 1) / (wins + losses + 2)
    # Means nothing, but stays a probability, where more is counted than there was.
    right_mean = ((right_wins + 1) / (over - wins - losses + 2).clamp_min(1)).clamp_max(
        1
    )
    left = left_mean * (1 + worth[1:, :-1, :-1])
    left += (1 - left_mean) * worth[:-1, 1:, :-1]
    right = right_mean * (1 + worth[:-1, :-1, 1:])
    right += (1 - right_mean) * worth[:-1, :-1, :-1]
    return left, right


@cache
def gittins_indices(trial_count: int) -> Tensor:
    """The sure reward that an arm is worth, while so many trials remain.

    It makes pulling the arm at least once, and then for as long as one likes, as good
    as taking the sure reward every time:

        ahead(left, arm) = mean - sure + mean gain(left - 1, arm + win)
                                       + (1 - mean) gain(left - 1, arm + loss)
        gain = max(ahead, 0);  the index is the sure reward where ahead is 0

    Between LEVELS of the sure reward, `ahead` is taken for a line.

    Args:
        trial_count: trials of an episode, at most LONGEST.

    Returns:
        (trial_count + 1, trial_count, trial_count) float32 in [0, 1], by trials left,
        the arm's wins and its losses; 0 where these are more than there are trials.

    Source: Gittins 1979, J R Stat Soc B 41:148; with a finite horizon, Kaufmann 2018,
    Ann Stat 46:842.
    """
    sure = torch.linspace(0, 1, LEVELS, dtype=torch.float64)[:, None, None]
    indices = torch.zeros(trial_count + 1, trial_count, trial_count)
    gain = torch.zeros(1, trial_count + 1, trial_count + 1, dtype=torch.float64)
    for left in range(1, trial_count + 1):
        known = trial_count - left + 1
        wins = torch.arange(known, dtype=torch.float64)[:, None]
        mean = (wins + 1) / (wins + wins.T + 2)
        ahead = mean - sure + mean * gain[:, 1:, :-1] + (1 - mean) * gain[:, :-1, 1:]
        indices[left, :known, :known] = _zero_crossing(ahead)
        gain = ahead.clamp_min_(0)
    return indices


def _zero_crossing(ahead: Tensor) -> Tensor:
    """Where what decreases along the first dimension, from 0 to 1, is 0."""
    below = (ahead > 0).sum(0, keepdim=True)
    before, after = ahead.gather(0, below - 1), ahead.gather(0, below)
    part = before / (before - after)
    crossing: Tensor = (below - 1 + part).squeeze(0) / (LEVELS - 1)
    return crossing
