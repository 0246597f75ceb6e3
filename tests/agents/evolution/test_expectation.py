"""Expectations over a population: by hand, against differences, and nested."""

import numpy as np
import pytest

from metarl.agents.evolution import (
    DISTRIBUTIONS,
    Estimate,
    Normal,
    PairedNormal,
    expectation,
)

CENTRE = np.array([0.5, -1.0, 2.0])
MEAN = np.array([1.5, 0.5, 1.0])
DEVIATION = 0.5


def quadratic(sample):
    """Its expectation is |mean - centre|^2 + D deviation^2; its gradient 2 (mean -
    centre)."""
    return np.square(sample - CENTRE).sum(1)


def test_a_mean_and_its_gradient_by_hand():
    """Members 0 and 3 around 1, deviation 2: scores -1/4 and 1/2."""
    distribution = Normal(np.array([1.0]), 2.0)
    actual = expectation(np.array([4.0, 6.0]), np.array([[0.0], [3.0]]), distribution)
    assert actual.value == 5.0
    np.testing.assert_allclose(actual.gradient, [(4 * -0.25 + 6 * 0.5) / 2])


def test_an_expectation_of_estimates_adds_what_they_change_themselves():
    distribution = Normal(np.array([1.0]), 2.0)
    inner = Estimate(np.array([4.0, 6.0]), np.array([[10.0], [20.0]]))
    actual = expectation(inner, np.array([[0.0], [3.0]]), distribution)
    np.testing.assert_allclose(actual.gradient, [1.0 + 15.0])


def test_several_numbers_of_each_member_have_a_gradient_each():
    generator = np.random.default_rng(1)
    distribution = Normal(MEAN, DEVIATION)
    sample = distribution.sample(50, generator)
    both = expectation(sample @ np.ones((3, 2)), sample, distribution)
    assert both.value.shape == (2,)
    assert both.gradient.shape == (2, 3)
    one = expectation(sample.sum(1), sample, distribution)
    np.testing.assert_allclose(both.gradient[1], one.gradient)


def test_a_function_of_an_estimate_follows_the_chain_rule():
    inner = Estimate(np.array([2.0, 3.0]), np.array([[1.0, 2.0], [3.0, 4.0]]))
    actual = inner.apply(inner.value**2, 2 * inner.value)
    np.testing.assert_allclose(actual.gradient, [[4.0, 8.0], [18.0, 24.0]])


@pytest.mark.parametrize("name", list(DISTRIBUTIONS))
def test_the_score_gradient_is_the_finite_difference_of_the_expectation(name):
    kind, count, step = DISTRIBUTIONS[name], 100_000, 1e-3
    distribution = kind(MEAN, DEVIATION)
    sample = distribution.sample(count, np.random.default_rng(1))
    actual = expectation(quadratic(sample), sample, distribution).gradient
    noise = sample - MEAN
    difference = [
        (quadratic(MEAN + h + noise) - quadratic(MEAN - h + noise)).mean() / (2 * step)
        for h in step * np.eye(3)
    ]
    error = np.linalg.norm(actual - difference) / np.linalg.norm(difference)
    assert error < 0.03


def test_mirror_images_lower_the_variance_of_the_gradient():
    def gradients(kind):
        distribution = kind(MEAN, DEVIATION)
        generator = np.random.default_rng(1)
        samples = [distribution.sample(20, generator) for _ in range(400)]
        return np.array(
            [expectation(quadratic(s), s, distribution).gradient for s in samples]
        )

    single, paired = (gradients(kind).var(0).sum() for kind in (Normal, PairedNormal))
    assert paired < single / 2


def test_members_come_in_mirror_images():
    distribution = PairedNormal(MEAN, DEVIATION)
    sample = distribution.sample(8, np.random.default_rng(1))
    np.testing.assert_allclose(sample[:4] + sample[4:], np.tile(2 * MEAN, (4, 1)))
    assert len(np.unique(sample)) == 24


def test_a_distribution_is_as_wide_as_it_says():
    sample = Normal(MEAN, DEVIATION).sample(10_000, np.random.default_rng(1))
    np.testing.assert_allclose(sample.mean(0), MEAN, atol=0.02)
    np.testing.assert_allclose(sample.std(0), DEVIATION, atol=0.02)


def test_an_odd_number_of_pairs_is_refused():
    with pytest.raises(ValueError, match=r"count must be even .* got 7; choose the d"):
        PairedNormal(MEAN, 1.0).sample(7, np.random.default_rng(1))


def test_a_population_without_spread_is_refused():
    with pytest.raises(ValueError, match="deviation must be at least"):
        Normal(MEAN, 0.0)
