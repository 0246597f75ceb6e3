"""Drawings of a comparison: each run's dots, bands and marks."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from metarl.analysis.comparison import effect_scales, mean_curves
from metarl.analysis.comparison_plots import (
    plot_effects,
    plot_mean_curves,
    row_height,
    run_styles,
)
from metarl.analysis.style import COLOURS

ROWS = pd.DataFrame(
    {
        "key": ["reward", "reward", "r2"],
        "effect": ["reward", "reward", "r2"],
        "run": ["base", "lesion", "lesion"],
        "value": [8.0, 2.0, 0.5],
        "low": [7.0, -10.0, np.nan],
        "high": [9.0, 4.0, np.nan],
        "criterion": [">= 5", "", ""],
        "criterion_low": [5.0, np.nan, np.nan],
        "criterion_high": np.nan,
        "reference": [10.0, np.nan, np.nan],
    }
)
RUNS = ["base", "lesion", "third"]


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def lines_of(ax, run):
    colour = run_styles(RUNS)[run]["color"]
    return [line for line in ax.lines if to_hex(line.get_color()) == colour.lower()]


def test_a_dot_and_its_interval_stand_where_the_scale_says(ax):
    plot_effects(ROWS, effect_scales(ROWS), RUNS, ax)
    interval, dot = lines_of(ax, "base")
    assert interval.get_xdata() == pytest.approx([0.85, 0.95])
    assert dot.get_xdata() == pytest.approx([0.9])
    assert dot.get_ydata() == pytest.approx(interval.get_ydata()[:1])
    reward_interval, reward, r2 = lines_of(ax, "lesion")
    assert reward_interval.get_xdata() == pytest.approx([0, 0.7])
    assert reward.get_xdata() == pytest.approx([0.6])
    # The lesion stands below the base in the first row, r2 in the second.
    assert 0 < dot.get_ydata()[0] < reward.get_ydata()[0] < 1
    assert 1 < r2.get_ydata()[0] < 2
    assert lines_of(ax, "third") == []


def test_the_ends_of_a_scale_and_the_names_are_written(ax):
    plot_effects(ROWS, effect_scales(ROWS), RUNS, ax)
    texts = [text.get_text().strip() for text in ax.texts]
    assert texts == ["reward", "-10", "10", "r2", "0", "1"]


def test_the_reference_is_a_line_and_what_passes_is_shaded(ax):
    plot_effects(ROWS, effect_scales(ROWS), RUNS, ax)
    dark = COLOURS["paper"]
    (line,) = (each for each in ax.lines if to_hex(each.get_color()) == dark)
    assert list(line.get_xdata()) == [1, 1]
    # One ground a row, and the criterion's from 5 on, of -10 to 10, to the edge.
    edges = [area.get_paths()[0].vertices[:, 0] for area in ax.collections]
    assert len(edges) == 3
    assert (edges[1].min(), edges[1].max()) == pytest.approx((0.75, 1.015))


def test_a_value_that_is_no_number_is_not_drawn(ax):
    blank = ROWS.assign(value=[np.nan, 2.0, 0.5])
    plot_effects(blank, effect_scales(blank), RUNS, ax)
    assert lines_of(ax, "base") == []


def test_a_dozen_runs_are_distinguishable():
    styles = [
        (style["color"], style["marker"]) for style in run_styles(range(12)).values()
    ]
    assert len({colour for colour, _ in styles}) == len({m for _, m in styles}) == 12
    many = run_styles(range(100)).values()
    assert len({(style["color"], style["marker"]) for style in many}) == 100
    assert styles[0][0] == COLOURS["agent"]


def test_a_row_has_room_for_every_run():
    assert row_height(12) - row_height(2) == pytest.approx(10 * 0.085)


def curves(subjects):
    return pd.DataFrame(
        [
            {
                "subject": k,
                "update": n,
                "steps": n * 1e6,
                "rollout/reward_rate": n + 0.1 * k,
            }
            for k in range(subjects)
            for n in (1, 2)
        ]
    )


def test_a_learning_curve_is_a_line_with_a_band_of_three_or_more(ax):
    result = mean_curves({"base": curves(3), "third": curves(2)})
    plot_mean_curves(result, RUNS, ax)
    (base,), (third,) = lines_of(ax, "base"), lines_of(ax, "third")
    assert list(base.get_xdata()) == [1, 2]
    assert base.get_ydata() == pytest.approx([1.1, 2.1])
    assert third.get_ydata() == pytest.approx([1.05, 2.05])
    heights = [area.get_paths() for area in ax.collections]
    assert len(heights[0]) == 1
    band = heights[0][0].vertices[:, 1]
    assert band.max() == pytest.approx(result["high"][1])
    assert not any(len(path.vertices) for path in heights[1])
    assert "Reward per step" in ax.get_ylabel()
