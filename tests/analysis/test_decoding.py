"""Decoders, tested on other episodes than fitted; components, by hand and by law."""

import numpy as np
import pytest

from metarl.analysis.decoding import (
    as_computed,
    classify_held_out,
    cubes_positive,
    episode_folds,
    held_out_r2,
    largest_positive,
    predict_by_best_penalty,
    predict_held_out,
    principal_components,
)

WAYS = (
    {"penalty": 1.0},
    {"penalty": 1e-3, "relative": True, "standardise": False},
    {"penalty": 1e-3, "relative": True},
)


def planted(count=200, noise=0.0, seed=0):
    generator = np.random.default_rng(seed)
    units = generator.normal(size=(count, 6)) * [1, 2, 3, 0.5, 1, 1] + 4
    target = units[:, 0] - 2 * units[:, 3] + noise * generator.normal(size=count)
    return units, target, episode_folds(np.arange(count), 5)


def test_episodes_are_assigned_to_folds_as_a_whole():
    assert episode_folds([9, 9, 2, 5, 5, 7], 2).tolist() == [1, 1, 0, 1, 1, 0]


@pytest.mark.parametrize("way", WAYS)
def test_a_target_that_units_hold_is_decoded(way):
    units, target, fold = planted()
    assert (
        held_out_r2(target, predict_held_out(units, target, fold, **way), fold) > 0.99
    )


@pytest.mark.parametrize("way", WAYS)
def test_noise_is_not_decoded(way):
    units, _, fold = planted()
    target = np.random.default_rng(9).normal(size=len(units))
    assert (
        held_out_r2(target, predict_held_out(units, target, fold, **way), fold) < 0.05
    )


@pytest.mark.parametrize("way", WAYS)
def test_a_fold_does_not_see_its_own_targets(way):
    units, target, fold = planted(noise=1.0)
    before = predict_held_out(units, target, fold, **way)
    changed = np.where(fold == 2, 100.0, target)
    after = predict_held_out(units, changed, fold, **way)
    np.testing.assert_array_equal(before[fold == 2], after[fold == 2])


@pytest.mark.parametrize("way", WAYS)
def test_units_that_repeat_each_other_or_never_change_are_handled(way):
    units, target, fold = planted()
    more = np.column_stack([units, units[:, 0], np.full(len(units), 3.0)])
    predicted = predict_held_out(more, target, fold, **way)
    assert np.isfinite(predicted).all()
    assert held_out_r2(target, predicted, fold) > 0.99


def test_a_ridge_regression_by_hand():
    # One unit of -1 and 1, the target 0 and 2, a penalty of 2: the weight is
    # sum(x y) / (sum(x^2) + 2) = 2 / 4, around the mean of 1.
    units = np.array([[-1.0], [1.0], [3.0]])
    target, fold = np.array([0.0, 2.0, 7.0]), np.array([1, 1, 0])
    predicted = predict_held_out(units, target, fold, penalty=2, standardise=False)
    assert predicted[2] == pytest.approx(1 + 0.5 * 3)
    # As a share of the sum of squares, 2, a penalty of 1 is the same.
    shared = predict_held_out(
        units, target, fold, penalty=1, relative=True, standardise=False
    )
    assert shared[2] == pytest.approx(predicted[2])


def test_a_target_along_trials_is_decoded_by_episode():
    generator = np.random.default_rng(4)
    units = generator.normal(size=(20, 30, 3))
    target = units @ [1.0, 0, -1]
    fold = episode_folds(np.arange(20), 5)
    predicted = predict_held_out(units, target, fold, penalty=1e-3, relative=True)
    assert predicted.shape == (20, 30)
    np.testing.assert_allclose(predicted, target, atol=0.05)


def test_the_best_penalty_is_chosen_on_the_other_folds():
    units, target, fold = planted(60, noise=3.0)
    more = np.column_stack([units, np.random.default_rng(3).normal(size=(60, 40))])
    aims = np.column_stack([target, target])
    penalties = [1e-4, 1.0]
    chosen = predict_by_best_penalty(more, aims, fold, penalties)
    each = [predict_by_best_penalty(more, aims, fold, [p]) for p in penalties]
    errors = [((one - aims) ** 2)[:, 0] for one in each]
    for part in range(5):
        elsewhere = [error[fold != part].sum() for error in errors]
        best = each[int(np.argmin(elsewhere))]
        np.testing.assert_allclose(chosen[fold == part], best[fold == part])


def test_a_label_is_read_out_with_both_kinds_weighing_the_same():
    generator = np.random.default_rng(5)
    label = generator.random(400) < 0.1
    units = generator.normal(size=(400, 4))
    units[:, 1] += 3 * label
    fold, every = episode_folds(np.arange(400), 5), np.ones(400, bool)
    said = classify_held_out(units, label, every, fold, penalty=1e-3)
    assert ((said > 0)[label]).mean() > 0.85
    assert ((said < 0)[~label]).mean() > 0.85


def test_a_label_that_the_other_folds_never_show_is_not_read_out():
    units, fold = np.ones((10, 2)), episode_folds(np.arange(10), 5)
    label, every = fold == 3, np.ones(10, bool)
    said = classify_held_out(units, label, every, fold, penalty=1e-3)
    assert np.isnan(said[fold == 3]).all()
    assert (
        len(classify_held_out(units[:0], label[:0], every[:0], fold[:0], penalty=1))
        == 0
    )


def test_each_rule_of_signs_does_as_it_says():
    axes = np.array([[0.1, 0.8], [-0.9, 0.5], [0.3, -0.2]])
    assert largest_positive(axes).tolist() == [-1, 1]
    assert cubes_positive(axes).tolist() == [-1, 1]
    assert as_computed(axes).tolist() == [1, 1]


def test_components_of_a_line_lie_on_it_in_units_of_activity():
    along = np.linspace(-2, 2, 9)
    units = 5 + np.outer(along, [0.6, 0.0, 0.8])
    scores, shares = principal_components(units)
    np.testing.assert_allclose(scores[:, 0], along, atol=1e-12)
    np.testing.assert_allclose(scores[:, 1], 0, atol=1e-6)
    np.testing.assert_allclose(shares, [1, 0], atol=1e-12)


def test_the_shares_are_the_variances_of_the_scores():
    units = np.random.default_rng(2).normal(size=(50, 4)) * [1, 3, 2, 0.5]
    scores, shares = principal_components(units)
    total = units.var(axis=0).sum()
    np.testing.assert_allclose(scores.var(axis=0) / total, shares)
    assert shares[0] > shares[1]
    assert abs(np.corrcoef(scores.T)[0, 1]) < 1e-9


def test_the_figure_does_not_flip_when_the_units_hardly_change():
    generator = np.random.default_rng(3)
    units = generator.normal(size=(60, 5)) * [4, 2, 1, 1, 1]
    first = principal_components(units, signs=cubes_positive).scores
    for _ in range(20):
        units = units + generator.normal(size=units.shape) * 0.01
        again = principal_components(units, signs=cubes_positive).scores
        assert (np.sum(first * again, axis=0) > 0).all()


@pytest.mark.parametrize("units", [np.ones((4, 3)), np.ones((4, 1))])
def test_units_that_do_not_vary_have_no_components(units):
    scores, shares = principal_components(units)
    assert not scores.any()
    assert not shares.any()
