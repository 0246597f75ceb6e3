"""Regressions and intervals against hand-worked numbers and scipy."""

import numpy as np
import pytest
from scipy import optimize, stats

from metarl.analysis import statistics
from metarl.analysis.statistics import (
    DIFFERENCE,
    INTERACTION,
    NO_BOUNDS,
    NOT_NEGATIVE,
    PERCENT,
    PROBABILITY,
    Bounds,
    column_means,
    fit_linear,
    fit_logit,
    fit_logits,
    holm,
    mean_interval,
    median_interval,
    standard_error,
)


def planted(count=4000, seed=0):
    generator = np.random.default_rng(seed)
    design = np.column_stack([np.ones(count), generator.normal(size=(count, 2))])
    log_odds = design @ [0.5, 1.0, -2.0]
    return design, (generator.random(count) < 1 / (1 + np.exp(-log_odds))).astype(float)


def test_a_bias_alone_is_the_log_odds_of_the_mean():
    fit = fit_logit(np.ones((10, 1)), [1] * 8 + [0] * 2)
    assert fit.converged
    assert fit.weights == pytest.approx([np.log(4)])
    assert fit.standard_errors == pytest.approx([np.sqrt(1 / 8 + 1 / 2)])


def test_logit_agrees_with_direct_maximisation_with_and_without_ridge():
    design, outcome = planted(500)
    for ridge in (0.0, 0.5, 20.0):

        def loss(weights, ridge=ridge):
            log_odds = design @ weights
            fit = outcome @ log_odds - np.logaddexp(0, log_odds).sum()
            return ridge / 2 * weights @ weights - fit

        best = optimize.minimize(loss, np.zeros(3), tol=1e-12).x
        assert fit_logit(design, outcome, ridge=ridge).weights == pytest.approx(
            best, abs=1e-4
        )


def test_logit_recovers_planted_weights_within_four_standard_errors():
    design, outcome = planted()
    fit = fit_logit(design, outcome)
    assert np.all(np.abs(fit.weights - [0.5, 1.0, -2.0]) < 4 * fit.standard_errors)
    assert np.all(fit.standard_errors < 0.1)


def test_rows_with_counts_give_the_fit_of_the_rows_written_out():
    design = np.array([[1.0, -1.0], [1.0, 1.0]])
    long = fit_logit(np.repeat(design, [5, 8], axis=0), [1, 1, 0, 0, 0] + [1] * 7 + [0])
    short = fit_logit(design, [2, 7], [5, 8])
    assert short.weights == pytest.approx(long.weights)
    assert short.standard_errors == pytest.approx(long.standard_errors)


def test_separated_data_are_said_not_to_converge():
    design = np.column_stack([np.ones(6), [-3, -2, -1, 1, 2, 3]])
    fit = fit_logit(design, [0, 0, 0, 1, 1, 1])
    assert not fit.converged
    assert np.isnan(fit.standard_errors).all()


def test_partly_separated_data_are_said_not_to_converge():
    design = np.array([[1.0, 0.0], [1.0, 1.0]])
    assert not fit_logit(design, [30, 60_000], [50, 60_000]).converged


def test_a_ridge_makes_separated_data_finite_and_every_subject_alike():
    design = np.array([[1.0, 0.0], [1.0, 1.0]])
    fit = fit_logit(design, [30, 60_000], [50, 60_000], ridge=0.5)
    assert fit.converged
    assert 5 < fit.weights[1] < 15


def test_a_repeated_predictor_or_no_data_are_said_not_to_converge():
    assert not fit_logit(np.ones((4, 2)), [0, 1, 1, 0]).converged
    assert not fit_logit(np.ones((0, 2)), [], ridge=0.5).converged


def test_a_negative_ridge_is_refused():
    with pytest.raises(ValueError, match=r"ridge must be at least 0, got -1"):
        fit_logit(np.ones((2, 1)), [0, 1], ridge=-1)


def test_linear_fit_agrees_with_the_correlation():
    generator = np.random.default_rng(1)
    x = generator.normal(size=200)
    y = 2 * x + 3 + generator.normal(size=200)
    line = stats.linregress(x, y)
    fit = fit_linear(y, x)
    assert fit.weights == pytest.approx([line.intercept, line.slope])
    assert fit.r2 == pytest.approx(line.rvalue**2)
    assert fit.residuals == pytest.approx(y - line.intercept - line.slope * x)


def test_r2_by_hand():
    assert fit_linear([0, 0, 1, 1], [0, 1, 0, 1]).r2 == pytest.approx(0)
    assert fit_linear([0, 1, 1, 2], [0, 1, 0, 1]).r2 == pytest.approx(0.5)
    assert fit_linear([1, 3, 5], [1, 2, 3]).r2 == pytest.approx(1)


def test_r2_of_a_constant_or_a_nan_is_unknown_not_perfect():
    assert np.isnan(fit_linear([1, 1, 1], [1, 2, 3]).r2)
    assert np.isnan(fit_linear([1, np.nan, 1], [1, 2, 3]).r2)
    assert np.isnan(fit_linear([], []).r2)


def test_standard_error_and_t_interval_by_hand():
    # 1, 2, 3: deviation 1, error 1/sqrt(3); t(2) at 97.5 % is 4.303.
    assert standard_error([1, 2, 3]) == pytest.approx(1 / np.sqrt(3))
    interval = mean_interval([1, 2, 3])
    assert interval.mean == pytest.approx(2)
    assert interval.high - 2 == pytest.approx(4.3027 / np.sqrt(3), abs=1e-3)
    assert 2 - interval.low == pytest.approx(interval.high - 2)
    assert interval.n == 3


def test_the_t_interval_holds_the_mean_in_95_of_100_experiments():
    draws = np.random.default_rng(2).normal(size=(2000, 8))
    inside = [(i := mean_interval(row)).low < 0 < i.high for row in draws]
    assert np.mean(inside) == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 2000))


def test_one_subject_has_no_interval_and_one_without_a_number_is_not_counted():
    assert np.isnan(mean_interval([3.0]).low)
    assert mean_interval([3.0]).mean == 3
    assert mean_interval([1.0, np.nan, 2.0]) == mean_interval([1.0, 2.0])
    assert mean_interval([1.0, np.nan, 2.0]).n == 2
    assert mean_interval([np.nan]).n == mean_interval([]).n == 0


def test_an_interval_of_binary_values_is_wilsons_with_their_variance():
    # 3 of 4: t(3) = 3.182, variance m (1 - m) 4 / 3, so k = 3.182^2 / 3 = 3.3757.
    low, high = mean_interval([1, 1, 1, 0], PROBABILITY)[1:3]
    k, m = 3.1824**2 / 3, 0.75
    middle, reach = (m + k / 2) / (1 + k), np.sqrt(k * m * (1 - m) + k**2 / 4) / (1 + k)
    assert [low, high] == pytest.approx([middle - reach, middle + reach], abs=1e-4)


@pytest.mark.parametrize(
    ("bounds", "scale", "shift"),
    [(PROBABILITY, 1, 0), (DIFFERENCE, 2, -1), (INTERACTION, 4, -2), (PERCENT, 100, 0)],
)
def test_an_interval_is_the_same_on_any_scale_and_within_its_bounds(
    bounds, scale, shift
):
    values = np.array([0.98, 1.0, 0.91])
    plain = mean_interval(values, PROBABILITY)
    other = mean_interval(values * scale + shift, bounds)
    expected = [number * scale + shift for number in plain[:3]]
    assert list(other[:3]) == pytest.approx(expected)
    assert 0 < plain.low < plain.mean < plain.high < 1
    assert mean_interval(values).high > 1


def test_half_open_bounds_are_the_limit_of_a_distant_one_and_its_mirror():
    values = [0.1, 0.2, 3.0]
    half = mean_interval(values, NOT_NEGATIVE)
    assert 0 < half.low < half.mean < half.high
    assert mean_interval(values).low < 0
    distant = mean_interval(values, Bounds(0, 1e9))
    assert list(half) == pytest.approx(list(distant), rel=1e-5)
    mirrored = mean_interval(np.negative(values), Bounds(high=0))
    assert [-mirrored.high, -mirrored.low] == pytest.approx(half[1:3])


def test_subjects_far_from_the_bounds_have_the_t_interval():
    values = np.random.default_rng(4).normal(0.7, 0.01, 8)
    plain, bounded = mean_interval(values), mean_interval(values, PROBABILITY)
    assert list(bounded) == pytest.approx(list(plain), abs=2e-4)


def test_subjects_all_at_one_bound_have_the_exact_interval():
    # Clopper and Pearson of 8 of 8: .025 ** (1 / 8); of 0 of 3: 1 - .025 ** (1 / 3).
    assert mean_interval([1] * 8, PROBABILITY)[:3] == pytest.approx(
        (1, 0.6306, 1), 1e-4
    )
    assert mean_interval([-1] * 3, DIFFERENCE)[1:3] == pytest.approx((-1, 0.4152), 1e-3)
    assert mean_interval([0.5] * 3, PROBABILITY)[:3] == (0.5, 0.5, 0.5)
    expected = stats.binomtest(8, 8).proportion_ci().low
    assert mean_interval([1] * 8, PROBABILITY).low == pytest.approx(expected)


def test_a_value_beyond_the_bounds_of_its_measure_is_refused():
    with pytest.raises(ValueError, match=r"values must be in \[0, 1\], got 1.5"):
        mean_interval([0.5, 1.5], PROBABILITY)
    assert mean_interval([1 + 1e-9, 1, 0.5], PROBABILITY).high <= 1


POPULATIONS = {
    "similar subjects": (0.8, lambda g, shape: g.beta(12, 3, shape)),
    "near the bound": (0.98, lambda g, shape: g.beta(20.384, 0.416, shape)),
    "20 trials each": (
        0.9,
        lambda g, shape: g.binomial(20, g.beta(9, 1, shape)) / 20,
    ),
    "20 easy trials each": (0.98, lambda g, shape: g.binomial(20, 0.98, shape) / 20),
}
LEAST_COVERAGE = {
    3: (0.94, 0.89, 0.96, 0.95),
    5: (0.94, 0.88, 0.93, 0.94),
    8: (0.94, 0.88, 0.93, 0.96),
    24: (0.94, 0.91, 0.94, 0.94),
}
"""Coverage of 95 % intervals of POPULATIONS; measured on 20,000 samples, less .01."""


@pytest.mark.parametrize("count", LEAST_COVERAGE)
def test_bounded_intervals_hold_the_mean_more_often_than_those_of_t(count):
    generator = np.random.default_rng(5)
    for least, (mean, draw) in zip(
        LEAST_COVERAGE[count], POPULATIONS.values(), strict=True
    ):
        samples = draw(generator, (1500, count))
        shares = []
        for bounds in (PROBABILITY, NO_BOUNDS):
            ends = np.array([mean_interval(row, bounds)[1:3] for row in samples])
            shares.append(np.mean((ends[:, 0] <= mean) & (mean <= ends[:, 1])))
            if bounds == PROBABILITY:
                assert (ends >= 0).all()
                assert (ends <= 1).all()
        error = np.sqrt(least * (1 - least) / len(samples))
        assert shares[0] > least - 3 * error
        assert shares[0] >= shares[1] - error


def test_many_regressions_of_one_design_are_those_one_by_one():
    generator = np.random.default_rng(7)
    design = np.column_stack([np.ones(4), [1, 1, -1, -1], [1, -1, 1, -1]])
    counts = np.array([80.0, 20.0, 80.0, 20.0])
    drawn = generator.binomial(counts.astype(int), [1.0, 0.9, 0.0, 0.2], (5, 4))
    together = fit_logits(design, drawn, counts, ridge=0.5)
    for row, weights in zip(drawn, together, strict=True):
        one = fit_logit(design, row, counts, ridge=0.5)
        assert weights == pytest.approx(one.weights, abs=1e-6)


def test_means_of_columns_leave_out_what_is_not_known():
    values = np.array([[1.0, np.nan], [3.0, np.nan]])
    assert column_means(values)[0] == 2
    assert np.isnan(column_means(values)[1])
    assert column_means(np.ones((3, 2))).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("count", "rank"), [(5, None), (6, 1), (8, 1), (9, 2), (20, 6), (100, 40)]
)
def test_the_medians_interval_ends_at_order_statistics(count, rank):
    # Ranks from the tables of the sign test at 95 %.
    shuffled = np.random.default_rng(3).permutation(np.arange(1.0, count + 1))
    median, low, high = median_interval(shuffled)
    assert median == (count + 1) / 2
    if rank is None:
        assert np.isnan([low, high]).all()
    else:
        assert (low, high) == (rank, count + 1 - rank)


def test_the_medians_interval_holds_the_median_as_often_as_it_says():
    draws = np.random.default_rng(6).exponential(size=(2000, 9))
    inside = [(i := median_interval(d))[1] < np.log(2) < i[2] for d in draws]
    # Exactly 1 - 2 (1 + 9) / 512 = .961 for nine of any distribution.
    assert np.mean(inside) == pytest.approx(0.961, abs=4 * 0.0043)


def test_a_median_is_of_the_subjects_that_have_a_number():
    known = median_interval([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    assert median_interval([1.0, np.nan, 2.0, 3.0, 4.0, 5.0, 6.0]) == known
    assert np.isnan(median_interval([])).all()


def test_means_are_of_all_or_of_the_known_values_and_of_none_unknown():
    assert statistics.mean([1, 2, 6]) == statistics.known_mean([1, np.nan, 2, 6]) == 3
    assert np.isnan(statistics.mean([1, np.nan]))
    assert np.isnan([statistics.mean([]), statistics.known_mean([np.nan])]).all()
    error = statistics.standard_error([1, 2, 6])
    assert statistics.known_standard_error([1, np.nan, 2, 6]) == error


def test_holms_correction_is_as_in_his_steps():
    assert holm([0.01, 0.04, 0.03]).tolist() == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.9]).tolist() == [1.0, 1.0]
    assert holm([]).tolist() == []


def test_what_was_not_tested_does_not_count_in_holms_correction():
    nan = float("nan")
    corrected = holm([nan, 0.01, 0.04, nan, 0.03])
    assert corrected == pytest.approx([nan, 0.03, 0.06, nan, 0.06], nan_ok=True)
    assert holm([nan]) == pytest.approx([nan], nan_ok=True)
