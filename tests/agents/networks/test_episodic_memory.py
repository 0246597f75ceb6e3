"""The store against expected contents."""

import pytest
import torch

from metarl.agents.networks.episodic_memory import (
    Store,
    find,
    read_parts,
    recall,
    write,
)

A, B, C = ([1.0, 1, 1, 1], [1.0, 1, -1, -1], [-1.0, 1, 1, -1])
NOTHING = [0.0] * 4
ALL = torch.tensor([True, True])


def empty(slots=2, units=3, num_envs=2):
    return Store(
        torch.zeros(num_envs, slots, 4),
        torch.zeros(num_envs, slots, units),
        torch.zeros(num_envs, 1),
    )


def keep(store, contexts, numbers, where=ALL):
    """Store in each environment a cell full of its number."""
    cells = torch.tensor(numbers).float().unsqueeze(1).expand(-1, 3)
    return write(store, torch.tensor(contexts), cells, where)


def retrieved(store, *contexts):
    """What each environment recalls, as the number its cell is full of."""
    cells = recall(store, torch.tensor(contexts))
    assert (cells == cells[:, :1]).all()
    return cells[:, 0].tolist()


def test_an_empty_store_recalls_nothing():
    assert retrieved(empty(), A, NOTHING) == [0, 0]


def test_a_cell_is_recalled_under_its_own_context_in_its_own_environment():
    store = keep(keep(empty(), [A, B], [1, 2]), [B, C], [3, 4])
    assert retrieved(store, A, B) == [1, 2]
    assert retrieved(store, B, C) == [3, 4]
    assert retrieved(store, C, A) == [0, 0]


def test_the_nearest_is_recalled_if_it_is_near_enough():
    store = keep(empty(), [A, A], [1, 2])
    store = keep(store, [B, B], [3, 4])
    # Cosines with A: .95 (near), and 2 / sqrt(8) = .71 (too far), nearest all the same.
    near = [1.0, 1, 1, 0.2]
    slots, enough = find(store, torch.tensor([near, [1.0, 1, 0, 0.1]]))
    assert slots.tolist() == [0, 0]
    assert enough.tolist() == [True, False]
    assert retrieved(store, near, [1.0, 1, 0, 0.1]) == [1, 0]


def test_a_known_context_keeps_its_slot_and_a_full_store_gives_up_its_oldest():
    store = keep(keep(empty(), [A, A], [1, 1]), [B, B], [2, 2])
    store = keep(store, [A, A], [3, 3])
    assert store.filled.tolist() == [[2], [2]]
    assert retrieved(store, A, B) == [3, 2]
    store = keep(store, [C, C], [4, 4])
    assert retrieved(store, A, B) == [0, 2]
    assert retrieved(store, C, C) == [4, 4]


@pytest.mark.parametrize("context", [A, NOTHING])
def test_nothing_is_stored_elsewhere_or_without_a_context(context):
    where = torch.tensor([False, True])
    store = keep(empty(), [A, context], [1, 2], where)
    assert retrieved(store, A, A) == [0, 2 if context == A else 0]
    assert store.filled.tolist() == [[0], [float(context == A)]]


def test_parts_are_the_flattened_store():
    store = keep(keep(empty(), [A, B], [1, 2]), [B, C], [3, 4])
    parts = store.parts()
    assert [part.shape for part in parts] == [(2, 8), (2, 6), (2, 1)]
    for part, other in zip(read_parts(parts, 2), store, strict=True):
        assert torch.equal(part, other)
