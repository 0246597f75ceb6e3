"""Buffer of whole episodes.

An episode is stored from its first step to its last: observations, actions, rewards,
and the outputs of policy and critic at that time. It starts from the initial memory, so
no outdated memory is stored: the present network processes the episode again.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Episodes(NamedTuple):
    """N whole episodes of L steps, time first."""

    observations: Tensor
    """(L, N, O) observations."""
    actions: Tensor
    """(L, N) actions taken."""
    rewards: Tensor
    """(L, N) rewards that followed."""
    logits: Tensor
    """(L, N, A) of the policy that acted, mu."""
    values: Tensor
    """(L, N) of the critic at that time."""


class Sample(NamedTuple):
    """Sample of N episodes from a buffer."""

    episodes: Episodes
    indices: Tensor
    """(N,) indices in the buffer."""
    weights: Tensor
    """(N,) importance weights that correct for the priorities, at most 1."""


def split_episodes(unroll: Tensor, length: int) -> Tensor:
    """(L, T / L * B, ...) episodes of a (T, B, ...) unroll, earlier ones first."""
    parts: Tensor = unroll.unflatten(0, (-1, length))
    return parts.transpose(0, 1).flatten(1, 2)


def join_episodes(episodes: Tensor, num_envs: int) -> Tensor:
    """(T, B, ...) unroll of `num_envs` environments; inverts `split_episodes`."""
    parts: Tensor = episodes.unflatten(1, (-1, num_envs))
    return parts.transpose(0, 1).flatten(0, 1)


class EpisodeBuffer:
    """Buffer of the latest episodes, or a uniform sample of all; sampled by priority.

    The probability of an episode is proportional to priority ** exponent; a new episode
    has the largest priority so far. With exponent 0 all are equally likely. Weights are
    (episodes * probability) ** -importance_exponent, scaled to at most 1.

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
            capacity: maximum number of episodes.
            generator: source of the reservoir and of the samples.
            reservoir: store a uniform sample of all episodes, not the latest.
            exponent: exponent of the priority, >= 0.
            importance_exponent: exponent of the weights, in [0, 1].
        """
        self.capacity, self.generator, self.reservoir = capacity, generator, reservoir
        self.exponent, self.importance_exponent = exponent, importance_exponent
        self.episodes: Episodes | None = None
        self.priorities = torch.zeros(capacity)
        self.largest = torch.ones(())
        self.added = 0

    def __len__(self) -> int:
        """Number of episodes in the buffer."""
        return min(self.added, self.capacity)

    def add(self, episodes: Episodes) -> None:
        """Add episodes, in place of others if the buffer is full."""
        # A dictionary: of two episodes with the same index the later one remains.
        sources = {self._next_index(): n for n in range(episodes.actions.shape[1])}
        sources.pop(None, None)
        if self.episodes is None:
            self.episodes = Episodes(*map(self._allocate, episodes))
        indices = torch.tensor(list(sources), dtype=torch.int64)
        chosen = torch.tensor(list(sources.values()), dtype=torch.int64)
        for stored, new in zip(self.episodes, episodes, strict=True):
            stored[:, indices] = new[:, chosen]
        # So that every new episode is likely to be replayed at least once.
        self.priorities[indices] = self.largest

    def _next_index(self) -> int | None:
        """Index for the next episode; None if the reservoir does not take it."""
        number = self.added
        self.added += 1
        if number < self.capacity or not self.reservoir:
            return number % self.capacity
        # Episode n is taken with probability capacity / (n + 1), at a random index.
        index = int(torch.randint(number + 1, (), generator=self.generator))
        return index if index < self.capacity else None

    def _allocate(self, part: Tensor) -> Tensor:
        return part.new_zeros(part.shape[0], self.capacity, *part.shape[2:])

    def sample(self, count: int) -> Sample:
        """Sample `count` episodes, with replacement."""
        assert self.episodes is not None
        # Unnormalised probabilities; multinomial normalises them.
        heights = self.priorities[: len(self)] ** self.exponent
        indices = torch.multinomial(
            heights, count, replacement=True, generator=self.generator
        )
        probabilities = heights[indices] / heights.sum()
        weights = (len(self) * probabilities) ** -self.importance_exponent
        episodes = Episodes(*(part[:, indices] for part in self.episodes))
        return Sample(episodes, indices, weights / weights.max())

    def update_priorities(self, indices: Tensor, priorities: Tensor) -> None:
        """Set the priorities of episodes, > 0."""
        self.priorities[indices] = priorities
        self.largest = torch.maximum(self.largest, priorities.max())

    def state(self) -> dict[str, Any]:
        """Resumable state: tensors and plain values."""
        episodes = self.episodes and [part.clone() for part in self.episodes]
        return {
            "episodes": episodes,
            "priorities": self.priorities.clone(),
            "largest": self.largest.clone(),
            "added": self.added,
            "generator": self.generator.get_state(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore a `state`."""
        episodes = state["episodes"]
        self.episodes = episodes and Episodes(*(part.clone() for part in episodes))
        self.priorities = state["priorities"].clone()
        self.largest, self.added = state["largest"].clone(), state["added"]
        self.generator.set_state(state["generator"])
