"""Streams of random numbers: repeatable, and independent of one another."""

import itertools
from typing import get_args

import pytest
import torch

from metarl.core.seeding import Purpose, stream_seed


def test_a_stream_is_the_same_every_time():
    assert stream_seed(1, 2, "training", 3) == stream_seed(1, 2, "training", 3)


def test_no_two_streams_share_a_seed():
    paths = [(), (0,), (1,), (0, 0), (1, 0), (0, 1)]
    streams = itertools.product(range(6), range(12), get_args(Purpose), paths)
    seeds = [stream_seed(root, k, what, *path) for root, k, what, path in streams]
    assert len(set(seeds)) == len(seeds) > 2000


def test_neighbouring_runs_and_subjects_do_not_share_streams():
    # What `seed + subject` would do.
    assert stream_seed(1, 1, "weights") != stream_seed(2, 0, "weights")
    assert stream_seed(1, 0, "training") != stream_seed(0, 1, "training")


@pytest.mark.parametrize(
    ("key", "seed"),
    [
        ((1, 0, "weights"), 3325833263181678374),
        ((1, 0, "training"), 5339568970972937013),
        ((7, 3, "evaluation", 500), 7071414875576479890),
        ((1, 0, "preview"), 6348665036349290970),
        ((1, 0, "baselines"), 6101341637618440854),
    ],
)
def test_published_runs_keep_their_streams(key, seed):
    # Another number here means that no earlier result can be had again.
    assert stream_seed(*key) == seed


def test_a_seed_fits_torchs_generators():
    seeds = [stream_seed(1, k, "training") for k in range(200)]
    assert max(seeds) < 2**63
    assert min(seeds) >= 0
    assert max(seeds) > 2**62
    for seed in seeds:
        torch.Generator().manual_seed(seed)
