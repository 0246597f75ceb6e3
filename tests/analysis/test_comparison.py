"""Runs side by side: differences by hand, and their drawing."""

import json

import numpy as np
import pandas as pd
import pytest

from metarl.analysis.comparison import (
    POINTS,
    compare_effects,
    criterion_bounds,
    effect_scales,
    mean_curves,
    populations,
    shown_effects,
    welch,
)
from metarl.analysis.criteria import Criterion
from metarl.analysis.effects import Effect, effect_table, subject_table

T_TWO = 4.302652729911275
"""97.5th percentile of Student's t with two degrees of freedom, from a table."""


def test_a_welch_interval_by_hand():
    """Without spread in one sample df is n - 1 of the other, here 2.

    With two degrees of freedom p is 1 - t / sqrt(2 + t^2).
    """
    result = welch([1, 2, 3], [5, 5])
    t = 3 / np.sqrt(1 / 3)
    assert result.difference == -3
    assert result.low == pytest.approx(-3 - T_TWO * np.sqrt(1 / 3))
    assert result.high == pytest.approx(-3 + T_TWO * np.sqrt(1 / 3))
    assert result.p == pytest.approx(1 - t / np.sqrt(2 + t**2))


def test_equal_spreads_and_numbers_give_students_interval():
    """df is 2 n - 2 = 4; 2.7764 is the 97.5th percentile in a table."""
    difference = welch([4, 5, 6], [1, 2, 3])
    assert difference.high - 3 == pytest.approx(2.776445 * np.sqrt(2 / 3), rel=1e-6)
    assert 3 - difference.low == pytest.approx(difference.high - 3)


def test_the_interval_covers_the_true_difference_as_often_as_it_says():
    generator = np.random.default_rng(3)
    covered = 0
    for _ in range(2000):
        difference = welch(generator.normal(1, 3, 4), generator.normal(0, 0.5, 9))
        covered += difference.low <= 1 <= difference.high
    assert abs(covered / 2000 - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 2000)


@pytest.mark.parametrize(
    ("values", "first", "difference"),
    [([2], [1, 1, 4], 0), ([1, 3], [1], 1), ([2, 2], [1, 1], 1)],
)
def test_without_spread_there_is_a_difference_alone(values, first, difference):
    result = welch(values, first)
    assert result.difference == difference
    assert np.isnan(result[1:]).all()


def test_a_difference_is_of_those_that_have_a_number():
    assert np.isnan(welch([], [1, 2])).all()
    assert np.isnan(welch([np.nan], [1, 2])).all()
    assert welch([1, np.nan, 3], [1, 2]) == welch([1, 3], [1, 2])
    assert np.isnan(welch([1, 2], [np.nan])).all()


def table(*effects, learned=None):
    """A scored table and the numbers behind it."""
    scored = effect_table("toy", [(effect, learned) for effect in effects])
    return scored, subject_table(scored)


def effect(name, *values, low=None):
    criterion = None if low is None else Criterion(low=low)
    return Effect(
        label=name, values=pd.Series(values, dtype=float), criterion=criterion
    )


@pytest.fixture
def compared():
    """Three runs: an effect of all, one that only two have, and one of the last."""
    learned = pd.Series([True, True, False])
    tables = {
        "base": table(effect("reward", 5, 5, 5, low=4), effect("r2", 0.5, 0.7)),
        "lesion": table(effect("reward", 1, 2, 3, low=4), learned=learned),
        "other": table(
            effect("new", 9, 9), effect("r2", 0.1, 0.1), effect("reward", 5, 7)
        ),
    }
    return compare_effects(
        {k: v[0] for k, v in tables.items()}, {k: v[1] for k, v in tables.items()}
    )


def test_every_effect_of_every_run_has_a_row_by_effect(compared):
    pairs = list(zip(compared["effect"], compared["run"], strict=True))
    assert pairs == [
        ("reward", "base"),
        ("reward", "lesion"),
        ("reward", "other"),
        ("r2", "base"),
        ("r2", "other"),
        ("new", "other"),
    ]


def test_a_row_has_the_runs_value_and_its_difference_to_the_first(compared):
    rows = compared.set_index(["effect", "run"])
    lesion = rows.loc[("reward", "lesion")]
    assert lesion["value"] == 2
    assert (lesion["subjects"], lesion["learned"], lesion["verdict"]) == (3, 2, "FAIL")
    assert lesion["criterion"] == ">= 4"
    expected = welch([1, 2, 3], [5, 5, 5])
    names = ["difference", "difference_low", "difference_high", "p"]
    assert lesion[names].tolist() == list(expected)
    assert rows.loc[("r2", "other"), "difference"] == pytest.approx(-0.5)
    assert np.isnan(rows.loc[("new", "other"), "difference"])


def test_the_first_run_has_no_difference(compared):
    base = compared[compared["run"] == "base"]
    columns = ["difference", "difference_low", "difference_high", "p"]
    assert base[columns].isna().all(axis=None)
    assert pd.isna(base["learned"]).all()


def test_runs_have_their_sizes(compared):
    sizes = populations(compared).set_index("run")
    assert sizes["subjects"].tolist() == [3, 3, 2]
    assert sizes.loc["lesion", "learned"] == 2
    assert pd.isna(sizes.loc["base", "learned"])


def test_scored_effects_are_drawn_first_then_those_of_all_runs(compared):
    assert shown_effects(compared) == ["reward"]
    shared = compared[compared["run"] != "lesion"]
    assert shown_effects(shared) == ["reward", "r2"]
    assert shown_effects(shared, most=1) == ["reward"]
    later = pd.concat([shared[shared["effect"] == "r2"], shared])
    assert shown_effects(later) == ["r2", "reward"]
    assert shown_effects(later, most=1) == ["reward"]


def test_an_effect_without_any_number_is_not_drawn(compared):
    blank = compared.assign(value=np.nan)
    assert shown_effects(blank) == []


def test_a_scale_holds_all_values_of_its_row():
    tables = {
        "base": table(effect("reward", 5, 6, 7, low=2)),
        "lesion": table(effect("reward", 1, 1, 1, low=2)),
    }
    compared = compare_effects(
        {k: v[0] for k, v in tables.items()}, {k: v[1] for k, v in tables.items()}
    )
    scale = effect_scales(compared.assign(reference=[np.nan, 20.0])).loc["reward"]
    assert (scale["least"], scale["most"]) == (1, 20)
    assert (scale["pass_low"], scale["pass_high"]) == (2, np.inf)
    assert scale["reference"] == 20
    plain = effect_scales(compared.assign(criterion="", reference=np.nan)).loc["reward"]
    assert np.isnan(plain["pass_low"])
    assert plain["most"] == pytest.approx(6 + T_TWO / np.sqrt(3))


def test_numbers_that_do_not_differ_stand_in_the_middle():
    judged, numbers = table(effect("reward", 3, 3, 3))
    scale = effect_scales(compare_effects({"base": judged}, {"base": numbers}))
    assert scale.loc["reward", ["least", "most"]].tolist() == [2.5, 3.5]


@pytest.mark.parametrize(
    "criterion",
    [
        Criterion(low=69.5),
        Criterion(high=-1e-3, strict=True),
        Criterion(low=-0.25, high=0.75),
        Criterion(low=1e-12),
    ],
)
def test_bounds_are_those_of_the_criterion(criterion):
    rows, _ = table(Effect(label="it", values=pd.Series([1.0]), criterion=criterion))
    assert criterion_bounds(rows) == (criterion.low, criterion.high)
    stored = pd.DataFrame(json.loads(rows.to_json(orient="records")))
    bounds = pytest.approx((criterion.low, criterion.high), abs=1e-10)
    assert criterion_bounds(stored) == bounds


def test_a_share_of_a_baseline_that_was_not_computed_has_no_bounds():
    criterion = Criterion(low=0.5, share_of="bayes-greedy 2")
    rows, _ = table(Effect(label="it", values=pd.Series([1.0]), criterion=criterion))
    assert np.isnan(criterion_bounds(rows)).all()


def curve(subject, *rewards):
    steps = 10 * np.arange(1, len(rewards) + 1)
    named = {"subject": subject, "update": steps, "steps": steps}
    return pd.DataFrame({**named, "rollout/reward_rate": rewards})


def test_a_mean_curve_by_hand():
    curves = {"base": pd.concat([curve(0, 1.0, 2.0), curve(1, 3.0, 2.0)])}
    result = mean_curves(curves)
    assert result["steps"].tolist() == [10, 20]
    assert result["mean"].tolist() == [2, 2]
    assert result["n"].tolist() == [2, 2]
    # Two subjects at 1 and 3: standard error 1, df 1, 12.7062 in a table.
    assert result.loc[0, "high"] == pytest.approx(2 + 12.7062047, rel=1e-7)
    assert (result.loc[1, "low"], result.loc[1, "high"]) == (2, 2)


def test_a_long_curve_is_averaged_in_whole_portions():
    rewards = np.arange(4.0 * POINTS + 3)
    result = mean_curves({"base": pd.concat([curve(0, *rewards), curve(1, *rewards)])})
    assert len(result) == POINTS
    assert result["mean"].tolist()[:2] == [1.5, 5.5]
    assert result["steps"].tolist()[:2] == [40, 80]


def test_a_subject_with_less_training_counts_up_to_its_last_point():
    curves = pd.concat([curve(0, 1.0, 1.0), curve(1, 1.0)])
    assert mean_curves({"base": curves})["n"].tolist() == [2, 1]


def test_a_table_without_effects_has_no_numbers_by_subject():
    assert subject_table(effect_table("toy", [])).empty
