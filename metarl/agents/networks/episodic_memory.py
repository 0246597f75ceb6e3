"""Episodic memory: cells of an LSTM at the end of problems, stored by context.

A store has K slots. Each has a key, the context code of a problem, and the cell of an
LSTM at the end of that problem. A context retrieves the cell with the nearest key by
cosine (for codes of -1 and 1, that is 1 - 2 Hamming distance / length).

Source: Ritter et al. 2018, ICML (arXiv:1805.09692); Pritzel et al. 2017, ICML.
Declared: one nearest neighbour; nothing is retrieved if no key is as near as `NEAR`, as
in an empty store. A context has one slot: a new cell replaces the old one. The slots of
a full store are reused in the order in which they were first filled. A code of zeros
is no context: nothing is stored or retrieved under it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, one_hot

NEAR = 0.9
"""Least cosine of two codes of the same context."""


class Store(NamedTuple):
    """Stores of all environments."""

    keys: Tensor
    """(B, K, C) context codes; 0 in an empty slot."""
    cells: Tensor
    """(B, K, H) stored cells."""
    filled: Tensor
    """(B, 1) number of contexts stored so far, replaced ones included."""

    def parts(self) -> tuple[Tensor, Tensor, Tensor]:
        """Flat parts, as in the memory of a policy: one row per environment."""
        return self.keys.flatten(1), self.cells.flatten(1), self.filled


def read_parts(parts: Sequence[Tensor], slots: int) -> Store:
    """Restore a store of K slots from its `parts`."""
    keys, cells, filled = parts
    shape = (slots, -1)
    return Store(keys.unflatten(1, shape), cells.unflatten(1, shape), filled)


def find(store: Store, contexts: Tensor) -> tuple[Tensor, Tensor]:
    """(B,) slot with the key nearest to (B, C) contexts; (B,) if it is near."""
    likeness = cosine_similarity(store.keys, contexts.unsqueeze(1), dim=2)
    best = likeness.max(dim=1)
    return best.indices, best.values >= NEAR


def recall(store: Store, contexts: Tensor) -> Tensor:
    """(B, H) cells stored under the (B, C) contexts; 0 if there is none."""
    slots, near = find(store, contexts)
    rows = torch.arange(len(slots), device=slots.device)
    return store.cells[rows, slots] * near.unsqueeze(1)


def write(store: Store, contexts: Tensor, cells: Tensor, where: Tensor) -> Store:
    """Store (B, H) cells under (B, C) contexts in the environments of `where`.

    A known context keeps its slot; a new one gets the next.
    """
    count = store.keys.shape[1]
    slots, known = find(store, contexts)
    following = (store.filled.squeeze(1) % count).long()
    where = where & contexts.any(1)
    chosen = one_hot(torch.where(known, slots, following), count).bool()
    chosen = (chosen & where.unsqueeze(1)).unsqueeze(2)
    # New tensors rather than writing in place: the old store is part of a memory that
    # the unroll may need for its replay.
    return Store(
        torch.where(chosen, contexts.unsqueeze(1), store.keys),
        torch.where(chosen, cells.unsqueeze(1), store.cells),
        store.filled + (where & ~known).unsqueeze(1),
    )
