"""Chances to be the best arm, against integrals and draws made otherwise."""

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from metarl.strategies.bandit_thompson import chances_to_be_best, quadrature


def test_the_quadrature_is_exact_for_powers():
    rule = quadrature(6)
    for power in range(12):
        values = rule.nodes**power
        assert float(values @ rule.weights) == pytest.approx(1 / (power + 1))
        if power < 6:
            expected = rule.nodes ** (power + 1) / (power + 1)
            np.testing.assert_allclose(rule.running @ values, expected, atol=1e-14)
    assert float(rule.nodes**12 @ rule.weights) != pytest.approx(1 / 13, rel=1e-9)


@pytest.mark.parametrize(
    ("first", "second"),
    [((0, 0), (0, 0)), ((3, 1), (0, 2)), ((50, 20), (20, 9)), ((0, 60), (0, 39))],
)
def test_two_arms_have_the_chances_of_an_adaptive_integral(first, second):
    one, other = (stats.beta(w + 1, losses + 1) for w, losses in (first, second))
    expected = integrate.quad(lambda p: one.pdf(p) * other.cdf(p), 0, 1, limit=200)[0]
    counts = torch.tensor([first, second]).T.unsqueeze(1)
    chances = chances_to_be_best(counts[0], counts[1], quadrature(102))[0]
    assert chances.tolist() == pytest.approx([expected, 1 - expected], abs=1e-9)


def test_many_arms_have_the_chances_of_draws():
    wins, losses = np.array([4, 0, 2, 7]), np.array([1, 0, 2, 5])
    generator = np.random.default_rng(0)
    draws = generator.beta(wins + 1, losses + 1, (200_000, 4)).argmax(1)
    drawn = np.bincount(draws, minlength=4) / len(draws)
    counts = (torch.from_numpy(values).unsqueeze(0) for values in (wins, losses))
    chances = chances_to_be_best(*counts, quadrature(16))[0].numpy()
    error = np.sqrt(drawn * (1 - drawn) / len(draws))
    assert (np.abs(chances - drawn) < 4 * error).all()
    assert chances.sum() == pytest.approx(1, abs=1e-12)


def test_lanes_are_apart():
    wins = torch.tensor([[5, 1], [1, 5], [2, 2]])
    chances = chances_to_be_best(wins, torch.ones_like(wins), quadrature(20))
    torch.testing.assert_close(chances[0], chances[1].flip(0))
    assert chances[2].tolist() == pytest.approx([0.5, 0.5])
