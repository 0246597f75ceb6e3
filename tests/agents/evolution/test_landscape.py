"""The landscape: its height, and the paths of populations on it."""

import numpy as np
import pytest

from metarl.agents.evolution.landscape import (
    MOST_VARIED,
    START,
    Walk,
    height,
    walk_path,
)


def test_the_height_by_hand():
    assert height(np.array([0.0]))[0] == 0
    x = np.array([np.pi / 40])
    np.testing.assert_allclose(height(x), 5 * np.sin(np.pi / 200))


@pytest.mark.parametrize("distribution", ["normal", "paired"])
def test_variance_leads_to_where_the_ripples_are_highest(distribution):
    walk = Walk(objective="variance", distribution=distribution)
    path = walk_path(walk, np.random.default_rng(1))
    assert path[0] == START
    assert len(path) == 2001
    assert abs(path[-1] - MOST_VARIED) < 0.15


def test_entropy_leads_the_same_way():
    walk = Walk(objective="entropy", members=100, generations=1000)
    path = walk_path(walk, np.random.default_rng(1))
    assert abs(path[-1] - MOST_VARIED) < 0.5


def test_fitness_leads_nowhere():
    path = walk_path(Walk(objective="fitness"), np.random.default_rng(1))
    assert abs(path[-1] - START) < 1
