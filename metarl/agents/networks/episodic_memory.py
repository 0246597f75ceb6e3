"""Episodic memory: what a network held at the end of a problem, kept by its context.

A store has K slots. Each holds a key, the context code of a problem, and the cell of an
LSTM at that problem's end. Asked by a context, it answers with the cell whose key is
nearest by cosine (of codes of -1 and 1, that is 1 - 2 Hamming distance / length).

Source: Ritter et al. 2018, ICML (arXiv:1805.09692); Pritzel et al. 2017, ICML.
Declared: one nearest neighbour; nothing is found where none is as near as `NEAR`, as in
an empty store. A context has one memory: its next one takes the old one's place. A full
store gives up its slots in the order in which they were first filled. A code of zeros
is no context: nothing is kept or found under it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, one_hot

NEAR = 0.9
"""Least cosine of two codes that count as the same context."""


class Store(NamedTuple):
    """What every lane has stored."""

    keys: Tensor
    """(B, K, C) context codes; zeros in an empty slot."""
    cells: Tensor
    """(B, K, H) what was held under them."""
    filled: Tensor
    """(B, 1) how many contexts were ever given a slot."""

    def parts(self) -> tuple[Tensor, Tensor, Tensor]:
        """The same as a policy's memory has it, one row a lane."""
        return self.keys.flatten(1), self.cells.flatten(1), self.filled


def read_parts(parts: Sequence[Tensor], slots: int) -> Store:
    """The store of so many slots whose `parts` these are."""
    keys, cells, filled = parts
    shape = (slots, -1)
    return Store(keys.unflatten(1, shape), cells.unflatten(1, shape), filled)


def find(store: Store, contexts: Tensor) -> tuple[Tensor, Tensor]:
    """(B,) the slot whose key is nearest to each of (B, C), and (B,) if near enough."""
    likeness = cosine_similarity(store.keys, contexts.unsqueeze(1), dim=2)
    best = likeness.max(dim=1)
    return best.indices, best.values >= NEAR


def recall(store: Store, contexts: Tensor) -> Tensor:
    """(B, H) the cells stored under the nearest of (B, C) contexts; 0 for none."""
    slots, near = find(store, contexts)
    num_envs = torch.arange(len(slots), device=slots.device)
    return store.cells[num_envs, slots] * near.unsqueeze(1)


def write(store: Store, contexts: Tensor, cells: Tensor, where: Tensor) -> Store:
    """The store with (B, H) cells under their (B, C) contexts, in the lanes of `where`.

    A context that is known keeps its slot; a new one gets the next.
    """
    count = store.keys.shape[1]
    slots, known = find(store, contexts)
    following = (store.filled.squeeze(1) % count).long()
    where = where & contexts.any(1)
    chosen = one_hot(torch.where(known, slots, following), count).bool()
    chosen = (chosen & where.unsqueeze(1)).unsqueeze(2)
    return Store(
        torch.where(chosen, contexts.unsqueeze(1), store.keys),
        torch.where(chosen, cells.unsqueeze(1), store.cells),
        store.filled + (where & ~known).unsqueeze(1),
    )
