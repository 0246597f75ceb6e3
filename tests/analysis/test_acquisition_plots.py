"""Drawings of acquisition: steps, bands, networks and the criterion."""

import matplotlib.pyplot as plt
import pytest
from acquisitions import FIVE, table_of

from metarl.analysis.acquisition import shares
from metarl.analysis.acquisition_plots import plot_shares, plot_statistics, run_colours


@pytest.fixture
def ax():
    return plt.subplots()[1]


def test_shares_are_steps_with_a_band(ax):
    curve = shares(table_of(FIVE))
    plot_shares(curve, ax)
    (line,) = ax.lines
    assert line.get_drawstyle() == "steps-post"
    assert line.get_xdata().tolist() == curve["episodes"].tolist()
    assert line.get_ydata().tolist() == curve["share"].tolist()
    (band,) = ax.collections
    assert band.get_paths()[0].get_extents().ymax == pytest.approx(curve["high"].max())
    assert ax.get_xlabel() == "Training episodes"


def test_two_networks_have_no_band(ax):
    plot_shares(shares(table_of(("two", [1, 2]))), ax)
    assert not ax.collections


def test_runs_have_the_colours_of_a_comparison(ax):
    table = table_of(FIVE, ("other", [1, 2, 3]))
    plot_shares(shares(table), ax)
    colours = run_colours(["five", "other"])
    assert [line.get_color() for line in ax.lines] == list(colours.values())


def test_every_network_is_drawn_with_the_criterion(ax):
    table = table_of(FIVE)
    early = (table["subject"] == 0) & (table["snapshot"] == 0)
    table.loc[early, "statistic"] = -60.0
    plot_statistics(table, "reward_per_100", 1.0, ax)
    *networks, criterion = ax.lines
    assert len(networks) == 5
    assert networks[1].get_ydata().tolist() == [0, 0, 1, 1, 1, 1]
    assert criterion.get_ydata() == [1, 1]
    assert ax.texts[0].get_text() == "criterion: 1"
    assert ax.get_ylabel() == "Reward per 100, frozen test"
    # An early test far below the others does not set the limits.
    assert -0.2 < ax.get_ylim()[0] < 0
