"""Panels of a sweep: the drawn numbers are those of the tables."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from metarl.analysis.sweep import summarise_runs
from metarl.analysis.sweep_plots import Axis, plot_halves, plot_map, plot_setting

UNITS = Axis("units", "Units", values=(4, 8))
CORE = Axis("core", "Core", values=("lstm", "gru"))
RATE = Axis("units", "Rate", log=True, continuous=True)
RULE = {("lstm", 4): 1.0, ("lstm", 8): 2.0, ("gru", 4): 3.0, ("gru", 8): 4.0}


@pytest.fixture
def table():
    """Four runs of three networks, around a mean each; the last run selected."""
    rows = [
        {
            "run": f"{core} {units}",
            "core": core,
            "units": units,
            "subject": k,
            "reward_per_episode": mean + 0.1 * (k - 1),
            "first_half": mean,
            "second_half": mean + 1,
            "score": np.nan,
            "learned": mean > 1.5,
            "state": "tested",
        }
        for (core, units), mean in RULE.items()
        for k in range(3)
    ]
    return pd.DataFrame(rows).assign(selected=lambda t: t["run"] == "gru 8")


@pytest.fixture
def summary(table):
    return summarise_runs(table, ["core", "units"]).assign(
        selected=lambda t: t["run"] == "gru 8"
    )


def axes():
    return plt.subplots()[1]


def drawn(ax, **where):
    """Points of the lines with these properties."""
    lines = [
        line
        for line in ax.lines
        if len(line.get_xdata())
        and all(getattr(line, f"get_{k}")() == v for k, v in where.items())
    ]
    return np.concatenate([np.column_stack(line.get_data()) for line in lines])


def test_each_network_is_a_dot_and_each_value_has_its_mean(table):
    ax = plot_setting(table, "reward_per_episode", "test", UNITS, CORE, axes())
    for marker, core in (("o", "lstm"), ("s", "gru")):
        own = table[table["core"] == core]
        dots = drawn(ax, marker=marker, markersize=5)
        assert sorted(dots[:, 1]) == pytest.approx(
            sorted(own["reward_per_episode"]), abs=1e-12
        )
    assert sorted(drawn(ax, marker="_")[:, 1]) == pytest.approx(sorted(RULE.values()))
    assert [t.get_text() for t in ax.get_xticklabels()] == ["4", "8"]
    assert ax.get_xlabel() == "Units"
    assert ax.get_ylabel() == "Reward per episode, test"
    # One interval a run, as each has three networks.
    segments = [s for c in ax.collections for s in c.get_segments()]
    assert len(segments) == 4


def test_dots_stand_at_their_value_and_side_by_side(table):
    ax = plot_setting(table, "reward_per_episode", "test", UNITS, CORE, axes())
    dots = drawn(ax, markersize=5)
    low = dots[
        np.isin(
            dots[:, 1].round(9),
            table.loc[table["units"] == 4, "reward_per_episode"].round(9),
        )
    ]
    assert (np.abs(low[:, 0]) < 0.5).all()
    assert len(np.unique(dots[:, 0])) == len(dots)


def test_networks_that_did_not_learn_are_open_and_selected_ones_ringed(table):
    ax = plot_setting(table, "reward_per_episode", "test", UNITS, CORE, axes())
    assert drawn(ax, markerfacecolor="white")[:, 1] == pytest.approx([0.9, 1.0, 1.1])
    rings = drawn(ax, markersize=10)
    assert sorted(rings[:, 1]) == pytest.approx([3.9, 4.0, 4.1])
    labels = [t.get_text() for t in ax.get_legend().get_texts()]
    assert labels == ["core lstm", "core gru", "did not learn", "selected"]


def test_several_runs_at_one_value_have_a_mean_without_an_interval(table):
    ax = plot_setting(table, "reward_per_episode", "test", UNITS, None, axes())
    assert sorted(drawn(ax, marker="_")[:, 1]) == pytest.approx([2, 3])
    assert not [s for c in ax.collections for s in c.get_segments() if len(s)]
    assert ax.get_legend().get_title().get_text() == "bar: mean"


def test_values_of_a_range_stand_along_a_continuous_axis(table):
    ax = plot_setting(table, "reward_per_episode", "test", RATE, None, axes())
    assert ax.get_xscale() == "log"
    assert set(drawn(ax, markersize=5)[:, 0]) == {4, 8}


def test_a_cell_has_the_mean_of_its_run(summary):
    ax = plot_map(summary, UNITS, CORE, "mean", axes())
    texts = {t.get_position(): t.get_text() for t in ax.texts}
    assert texts == {(0, 0): "1.0", (1, 0): "2.0", (0, 1): "3.0", (1, 1): "4.0*"}
    (mesh,) = (c for c in ax.collections if c.get_array() is not None)
    np.testing.assert_allclose(mesh.get_array(), [[1, 2], [3, 4]])


def test_a_cell_says_how_many_networks_have_a_number(summary):
    few = summary.assign(n=2, missing=1)
    ax = plot_map(few, UNITS, CORE, "mean", axes())
    assert ax.texts[0].get_text() == "1.0\n2 of 3"


def test_a_map_over_a_range_has_a_dot_a_run(summary):
    ax = plot_map(summary, RATE, CORE, "mean", axes())
    (dots,) = (c for c in ax.collections if c.get_array() is not None)
    np.testing.assert_allclose(dots.get_array(), [1, 2, 3, 4])
    np.testing.assert_allclose(dots.get_offsets(), [[4, 0], [8, 0], [4, 1], [8, 1]])


def test_the_second_half_is_drawn_against_the_first(summary):
    ax = plot_halves(summary, axes())
    np.testing.assert_allclose(drawn(ax, label="run"), [[1, 2], [2, 3], [3, 4], [4, 5]])
    np.testing.assert_allclose(drawn(ax, label="selected"), [[4, 5]])


def test_nothing_tested_is_said(table, summary):
    none = table.assign(reward_per_episode=np.nan)
    plots = (
        plot_setting(none, "reward_per_episode", "test", UNITS, None, axes()),
        plot_map(summary.assign(mean=np.nan), UNITS, CORE, "mean", axes()),
        plot_halves(summary.assign(first_half=np.nan), axes()),
    )
    for ax in plots:
        assert ax.texts[0].get_text() == "no network was tested"
