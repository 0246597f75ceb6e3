"""When a risky arm is worth a pull: the exact plan, backwards from the last trial."""

from functools import cache

import torch
from torch import Tensor

from metarl.baselines.risky_choice_base import RiskyChoiceParams


def worth_exploring(known: RiskyChoiceParams) -> Tensor:
    """What a risky pull promises above a safe one, over this and all later trials.

        best[n](w, l) = max(safe + best[n - 1](w, l),
                            p risky + p best[n - 1](w + 1, l)
                            + (1 - p) best[n - 1](w, l + 1))

    for n free trials to go after w wins and l losses of the risky arm, where p is the
    chance of a win by Bayes. The gain is the second line minus the first.

    Args:
        known: the parameters of the task.

    Returns:
        (free_trials, W, L) gain in reward units, by free trials done, wins and losses.

    Source: Gittins 1979, J R Stat Soc B 41:148, for a single arm of unknown worth
    beside a known one, here with two possible chances and a fixed end.
    """
    return _plan(
        known.free_trials,
        known.forced_pairs + known.free_trials + 1,
        (known.probability_low, known.probability_high),
        (known.reward_safe, known.reward_risky),
    )


@cache
def _plan(
    trials: int,
    size: int,
    chances: tuple[float, float],
    rewards: tuple[float, float],
) -> Tensor:
    win = win_chances(size, *chances)
    safe, risky = rewards
    best = torch.zeros(size + 1, size + 1, dtype=torch.float64)
    gains = []
    for _ in range(trials):
        later = best[:-1, :-1]
        pulled = win * (risky + best[1:, :-1]) + (1 - win) * best[:-1, 1:]
        gains.append(pulled - (safe + later))
        # Cells beyond the last pull that can be made are never asked for.
        best = torch.zeros_like(best)
        best[:-1, :-1] = torch.maximum(pulled, safe + later)
    return torch.stack(gains[::-1]).float()


def win_chances(size: int, low: float, high: float) -> Tensor:
    """(size, size) float64: the chance of a win, after so many wins and losses."""
    count = torch.arange(size, dtype=torch.float64)
    wins, losses = count.unsqueeze(1), count.unsqueeze(0)
    fits = [_likelihood(chance, wins, losses) for chance in (low, high)]
    total = fits[0] + fits[1]
    # What neither chance allows teaches nothing.
    believed = torch.where(total > 0, fits[1] / total, 0.5)
    return low + (high - low) * believed


def _likelihood(chance: float, wins: Tensor, losses: Tensor) -> Tensor:
    """Of a sequence with so many wins and losses; 0 to the power of 0 is 1."""
    won = torch.tensor(chance, dtype=torch.float64)
    likelihood: Tensor = won.pow(wins) * (1 - won).pow(losses)
    return likelihood
