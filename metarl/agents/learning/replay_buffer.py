"""Whole episodes, kept and drawn again.

Each is kept from its first step to its last, with what was seen, done and earned, and
what the policy and the critic said then. It starts from the initial memory, so no state
that has grown stale is kept: the present network lives through it anew.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Episodes(NamedTuple):
    """N whole episodes of L steps, time first."""

    observations: Tensor
    """(L, N, O) seen."""
    actions: Tensor
    """(L, N) taken."""
    rewards: Tensor
    """(L, N) that followed."""
    logits: Tensor
    """(L, N, A) of the policy that acted, mu."""
    values: Tensor
    """(L, N) of the critic then."""


class Sample(NamedTuple):
    """Episodes out of a buffer."""

    episodes: Episodes
    places: Tensor
    """(N,) where they are kept."""
    weights: Tensor
    """(N,) that take back the bias of priority, at most 1."""


def cut(unroll: Tensor, length: int) -> Tensor:
    """(L, T / L * B, ...) the episodes of a (T, B, ...) unroll, earlier ones first."""
    parts: Tensor = unroll.unflatten(0, (-1, length))
    return parts.transpose(0, 1).flatten(1, 2)


def join(episodes: Tensor, num_envs: int) -> Tensor:
    """The unroll that `cut` cut: (T, B, ...) of `num_envs` lanes."""
    parts: Tensor = episodes.unflatten(1, (-1, num_envs))
    return parts.transpose(0, 1).flatten(0, 1)


class EpisodeBuffer:
    """Keeps the latest episodes, or an equal sample of all; draws them by priority.

    An episode is drawn with a chance proportional to priority ** exponent; a new one
    has the largest priority there has been. With exponent 0 all are equally likely.
    Weights are (kept * chance) ** -importance_exponent, scaled to at most 1.

    Sources: Schaul et al. 2016, ICLR (priority); Vitter 1985, ACM Trans Math Softw
    11:37 (the reservoir).
    """

    def __init__(
        self,
        capacity: int,
        generator: torch.Generator,
        *,
        reservoir: bool = False,
        exponent: float = 0.0,
        importance_exponent: float = 0.0,
    ) -> None:
        """Start empty.

        Args:
            capacity: most episodes kept.
            generator: decides what is kept and drawn.
            reservoir: keep an equal sample of all seen, not the latest.
            exponent: of priority, >= 0.
            importance_exponent: in [0, 1].
        """
        self.capacity, self.generator, self.reservoir = capacity, generator, reservoir
        self.exponent, self.importance_exponent = exponent, importance_exponent
        self.kept: Episodes | None = None
        self.priorities = torch.zeros(capacity)
        self.largest = torch.ones(())
        self.seen = 0

    def __len__(self) -> int:
        """Episodes kept."""
        return min(self.seen, self.capacity)

    def add(self, episodes: Episodes) -> None:
        """Keep new episodes, in place of others where there is no room."""
        # Of two that get the same place the later one stays.
        sources = {self._place(): n for n in range(episodes.actions.shape[1])}
        sources.pop(None, None)
        if self.kept is None:
            self.kept = Episodes(*map(self._room, episodes))
        places = torch.tensor(list(sources), dtype=torch.int64)
        chosen = torch.tensor(list(sources.values()), dtype=torch.int64)
        for kept, new in zip(self.kept, episodes, strict=True):
            kept[:, places] = new[:, chosen]
        self.priorities[places] = self.largest

    def _place(self) -> int | None:
        """Where the next episode is kept; None where it is not."""
        number = self.seen
        self.seen += 1
        if number < self.capacity or not self.reservoir:
            return number % self.capacity
        drawn = torch.randint(number + 1, (), generator=self.generator)
        place = int(drawn)
        return place if place < self.capacity else None

    def _room(self, part: Tensor) -> Tensor:
        return part.new_zeros(part.shape[0], self.capacity, *part.shape[2:])

    def draw(self, count: int) -> Sample:
        """Episodes at random, the same one perhaps more than once."""
        assert self.kept is not None
        heights = self.priorities[: len(self)] ** self.exponent
        places = torch.multinomial(
            heights, count, replacement=True, generator=self.generator
        )
        chances = heights[places] / heights.sum()
        weights = (len(self) * chances) ** -self.importance_exponent
        episodes = Episodes(*(part[:, places] for part in self.kept))
        return Sample(episodes, places, weights / weights.max())

    def rate(self, places: Tensor, priorities: Tensor) -> None:
        """Give episodes new priorities, which must be positive."""
        self.priorities[places] = priorities
        self.largest = torch.maximum(self.largest, priorities.max())

    def state(self) -> dict[str, Any]:
        """Everything needed to go on: tensors and plain values."""
        kept = None if self.kept is None else [part.clone() for part in self.kept]
        return {
            "kept": kept,
            "priorities": self.priorities.clone(),
            "largest": self.largest.clone(),
            "seen": self.seen,
            "generator": self.generator.get_state(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`."""
        kept = state["kept"]
        self.kept = None if kept is None else Episodes(*(p.clone() for p in kept))
        self.priorities = state["priorities"].clone()
        self.largest, self.seen = state["largest"].clone(), state["seen"]
        self.generator.set_state(state["generator"])
