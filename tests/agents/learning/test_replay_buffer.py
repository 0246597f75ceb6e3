"""The buffer: its contents, its samples, and its state."""

import pytest
import torch
from torch.testing import assert_close

from metarl.agents.learning.replay_buffer import (
    EpisodeBuffer,
    Episodes,
    join_episodes,
    split_episodes,
)

LENGTH = 3


def numbered(first, count):
    """Episodes that say their number in everything they hold."""
    numbers = torch.arange(first, first + count).float().expand(LENGTH, count)
    wide = numbers.unsqueeze(2)
    return Episodes(
        observations=wide.repeat(1, 1, 4),
        actions=numbers.long(),
        rewards=numbers.clone(),
        logits=wide.repeat(1, 1, 2),
        values=numbers.clone(),
    )


def buffer(capacity, seed=1, **settings):
    return EpisodeBuffer(capacity, torch.Generator().manual_seed(seed), **settings)


def stored(filled):
    return filled.episodes.actions[0, : len(filled)].tolist()


def test_an_unroll_is_cut_into_its_episodes_and_joined_again():
    unroll = torch.arange(6)[:, None] * 10 + torch.arange(2)
    episodes = split_episodes(unroll, LENGTH)
    assert episodes.T.tolist() == [[0, 10, 20], [1, 11, 21], [30, 40, 50], [31, 41, 51]]
    assert_close(join_episodes(episodes, 2), unroll)


def test_a_ring_stores_the_latest():
    ring = buffer(5)
    ring.add(numbered(0, 4))
    assert stored(ring) == [0, 1, 2, 3]
    ring.add(numbered(4, 3))
    assert sorted(stored(ring)) == [2, 3, 4, 5, 6]
    ring.add(numbered(7, 12))
    assert sorted(stored(ring)) == [14, 15, 16, 17, 18]


def test_a_reservoir_stores_a_uniform_sample_of_all():
    counts = torch.zeros(40)
    for seed in range(1000):
        pool = buffer(10, seed, reservoir=True)
        for first in range(0, 40, 8):
            pool.add(numbered(first, 8))
        assert len(pool) == 10
        counts[stored(pool)] += 1
    # Each of 40 is one of the 10 with probability 1/4; 4 standard errors.
    assert (counts / 1000 - 0.25).abs().max() < 4 * (0.25 * 0.75 / 1000) ** 0.5


def test_all_parts_of_an_episode_stay_together():
    pool = buffer(6, reservoir=True)
    for first in range(0, 60, 5):
        pool.add(numbered(first, 5))
    sample = pool.sample(50).episodes
    for part in sample:
        first = part if part.dim() == 2 else part[..., 0]
        assert_close(first.float(), sample.rewards)
    assert sample.observations.shape == (LENGTH, 50, 4)


def test_without_priority_all_are_equally_likely_and_weigh_one():
    filled = buffer(4, importance_exponent=0.5)
    filled.add(numbered(0, 4))
    filled.update_priorities(torch.arange(4), torch.tensor([1.0, 5.0, 9.0, 0.1]))
    sample = filled.sample(4000)
    shares = sample.indices.bincount() / 4000
    assert (shares - 0.25).abs().max() < 4 * (0.25 * 0.75 / 4000) ** 0.5
    assert_close(sample.weights, torch.ones(4000))


def test_weights_correct_for_the_priorities():
    filled = buffer(2, exponent=2.0, importance_exponent=0.5)
    filled.add(numbered(0, 2))
    filled.update_priorities(torch.tensor([0, 1]), torch.tensor([1.0, 2.0]))
    sample = filled.sample(4000)
    # Probabilities 1/5 and 4/5.
    share = float(sample.indices.float().mean())
    assert share == pytest.approx(0.8, abs=4 * (0.2 * 0.8 / 4000) ** 0.5)
    # (2/5)^-.5 and (8/5)^-.5, of the larger.
    expected = torch.where(sample.indices == 0, 1.0, 0.5)
    assert_close(sample.weights, expected)


def test_only_stored_episodes_are_sampled():
    filled = buffer(100)
    filled.add(numbered(7, 2))
    assert set(filled.sample(50).episodes.actions[0].tolist()) == {7, 8}


def test_a_new_episode_has_the_largest_priority_so_far():
    filled = buffer(3, exponent=1.0)
    filled.add(numbered(0, 2))
    filled.update_priorities(torch.tensor([0, 1]), torch.tensor([0.5, 8.0]))
    filled.update_priorities(torch.tensor([1]), torch.tensor([0.25]))
    filled.add(numbered(2, 1))
    assert filled.priorities.tolist() == [0.5, 0.25, 8.0]


@pytest.mark.parametrize("reservoir", [False, True])
def test_a_restored_buffer_continues_equally(reservoir):
    one = buffer(5, exponent=0.5, reservoir=reservoir)
    one.add(numbered(0, 7))
    one.update_priorities(torch.tensor([0, 3]), torch.tensor([3.0, 0.2]))
    state = one.state()
    other = buffer(5, seed=99, exponent=0.5, reservoir=reservoir)
    other.load_state(state)
    for each in (one, other):
        each.add(numbered(7, 4))
    assert stored(one) == stored(other)
    assert_close(one.sample(20).indices, other.sample(20).indices)
    again = buffer(5, exponent=0.5, reservoir=reservoir)
    again.load_state(state)
    assert sorted(stored(again)) != sorted(stored(one))
