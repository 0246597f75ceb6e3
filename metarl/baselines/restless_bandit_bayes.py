"""What bounds the restless bandit: the Bayesian planner, and one who is told."""

from functools import cache

import torch
from torch import Tensor

from metarl.baselines.base import best_logits
from metarl.baselines.restless_bandit_base import Random, RestlessBanditTask
from metarl.core.policy import Memory

BINS = 100
"""Equal parts of [0, 1] in which the planner holds its belief about left's chance."""
IMAGES = range(-3, 4)
"""Reflections of a step that are summed, in periods of 2: a deviation is at most 1, so
what lies beyond them is further than 5 deviations."""


class BayesGreedy(Random):
    """Infers left's chance and the episode's volatility, and takes the better arm.

    It knows the true structure of the task. As one arm's chance is the rest of the
    other's, either arm tells as much: trying one to learn gains nothing, and taking the
    better is the most that can be earned by one who is not told. Its belief is exact
    but for the `BINS` in which it is held.
    """

    def __init__(self, task: RestlessBanditTask) -> None:
        """Know the task's parameters."""
        super().__init__(task)
        deviations = task.params.deviation_low, task.params.deviation_high
        self.middles = (torch.arange(BINS, device=self.device) + 0.5) / BINS
        drifts = [reflected_drift(deviation) for deviation in deviations]
        self.drifts = torch.stack(drifts).to(self.device)

    def initial_memory(self, num_envs: int) -> Memory:
        """(B, 2 * BINS) belief in low and high volatility, by left's chance."""
        cells = len(self.drifts) * BINS
        return (torch.full((num_envs, cells), 1 / cells, device=self.device),)

    def learn(self, beliefs: Memory, chosen: Tensor, reward: Tensor) -> Memory:
        """Weigh the outcome by Bayes; then the chance drifts."""
        before = beliefs[0].unflatten(1, (len(self.drifts), BINS))
        for_left = (chosen[:, :1] > 0) == (reward > 0)
        likelihood = torch.where(for_left, self.middles, 1 - self.middles)
        weighed = before * likelihood.unsqueeze(1)
        weighed = weighed / weighed.sum((1, 2), keepdim=True)
        drifted = torch.einsum("bvp,vpq->bvq", weighed, self.drifts)
        seen = chosen.sum(1).bool().reshape(-1, 1, 1)
        return (torch.where(seen, drifted, before).flatten(1),)

    def logits(self, beliefs: Memory, num_envs: int) -> Tensor:
        """(B, 2) the better arm."""
        belief = beliefs[0].unflatten(1, (len(self.drifts), BINS)).sum(1)
        left = belief @ self.middles
        return best_logits(torch.stack([left, 1 - left], dim=1))


@cache
def reflected_drift(deviation: float) -> Tensor:
    """Chances of a reflected walk's step from one bin of [0, 1] to another.

    Args:
        deviation: standard deviation of the step, in [0, 1].

    Returns:
        (BINS, BINS) float32 from the middle of a bin to anywhere in a bin.
    """
    edges = torch.arange(BINS + 1, dtype=torch.float64) / BINS
    middles = (edges[1:] + edges[:-1]).unsqueeze(1) / 2
    total = torch.zeros(BINS, BINS, dtype=torch.float64)
    for image in IMAGES:
        for side in (1, -1):
            reach = torch.special.ndtr((2 * image + side * edges - middles) / deviation)
            total += (reach[:, 1:] - reach[:, :-1]).abs()
    return (total / total.sum(1, keepdim=True)).float()


class Oracle(Random):
    """Is told left's chance: it never takes the worse arm."""

    def __init__(self, task: RestlessBanditTask) -> None:
        """Look into `task`, which must be the one that is being stepped."""
        super().__init__(task)
        self.hidden = task.hidden

    def logits(self, beliefs: Memory, num_envs: int) -> Tensor:
        """(B, 2) the better arm."""
        left = self.hidden()["probability_left"]
        return best_logits(torch.stack([left, 1 - left], dim=1))
