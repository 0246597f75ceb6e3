"""Chances to be the best arm, against integrals and draws made otherwise."""

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from metarl.baselines.bandit import Thompson
from metarl.baselines.bandit_planning import LONGEST
from metarl.baselines.bandit_thompson import beliefs, probabilities_to_be_best, quadrature
from metarl.envs.bandit import Bandit, BanditParams


def chances_of(wins, losses, nodes):
    rule = quadrature(nodes)
    return probabilities_to_be_best(beliefs(wins, losses, rule), rule)


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
def test_two_arms_have_the_probabilities_of_an_adaptive_integral(first, second):
    one, other = (stats.beta(w + 1, losses + 1) for w, losses in (first, second))
    expected = integrate.quad(lambda p: one.pdf(p) * other.cdf(p), 0, 1, limit=200)[0]
    counts = torch.tensor([first, second]).T.unsqueeze(1)
    probabilities = chances_of(counts[0], counts[1], 102)[0]
    assert probabilities.tolist() == pytest.approx([expected, 1 - expected], abs=1e-9)


def test_many_arms_have_the_probabilities_of_draws():
    wins, losses = np.array([4, 0, 2, 7]), np.array([1, 0, 2, 5])
    generator = np.random.default_rng(0)
    draws = generator.beta(wins + 1, losses + 1, (200_000, 4)).argmax(1)
    drawn = np.bincount(draws, minlength=4) / len(draws)
    counts = (torch.from_numpy(values).unsqueeze(0) for values in (wins, losses))
    probabilities = chances_of(*counts, 16)[0].numpy()
    error = np.sqrt(drawn * (1 - drawn) / len(draws))
    assert (np.abs(probabilities - drawn) < 4 * error).all()
    assert probabilities.sum() == pytest.approx(1, abs=1e-12)


def test_environments_are_apart():
    wins = torch.tensor([[5, 1], [1, 5], [2, 2]])
    probabilities = chances_of(wins, torch.ones_like(wins), 20)
    torch.testing.assert_close(probabilities[0], probabilities[1].flip(0))
    assert probabilities[2].tolist() == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("trial_count", [3, 30, LONGEST, LONGEST + 1])
def test_beliefs_that_are_looked_up_are_those_worked_out(trial_count):
    thompson = Thompson(Bandit(1, BanditParams(trial_count=trial_count)))
    generator = torch.Generator().manual_seed(0)
    pulls = torch.randint(trial_count // 2, (200, 2), generator=generator).float()
    wins = (pulls * torch.rand(200, 2, generator=generator)).floor()
    found = thompson.beliefs(wins, pulls - wins)
    expected = beliefs(wins, pulls - wins, thompson.rule)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)
