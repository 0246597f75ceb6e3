"""Gradient ascent: steps of Adam."""

import numpy as np
import torch

from metarl.agents.evolution.ascent import Ascent


def test_the_first_step_is_the_rate_whatever_the_slope():
    place, _ = Ascent.start(3).step(np.zeros(3), np.array([1e-3, -7.0, 2.0]), 0.1)
    np.testing.assert_allclose(place, [0.1, -0.1, 0.1], rtol=1e-4)


def test_steps_are_adams():
    """The same slopes, downhill, in torch."""
    slopes = np.random.default_rng(1).normal(size=(20, 4))
    there = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([there], lr=0.03)
    place, ascent = np.zeros(4), Ascent.start(4)
    for slope in slopes:
        there.grad = -torch.from_numpy(slope)
        adam.step()
        place, ascent = ascent.step(place, slope, 0.03)
    np.testing.assert_allclose(place, there.detach().numpy(), rtol=1e-6)
