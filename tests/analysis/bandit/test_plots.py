"""Panels draw the numbers of the tables, at their places."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from bandits import recording, simulate
from matplotlib.colors import same_color

from metarl.analysis import ExperimentData
from metarl.analysis.analysis import analyse
from metarl.analysis.bandit import ANALYSIS
from metarl.analysis.bandit.plots import (
    GAP_ROWS,
    plot_ablations,
    plot_dependent,
    plot_gaps,
    plot_rasters,
    plot_regret,
    plot_trajectories,
    plot_transfer,
)
from metarl.analysis.measures import Measure
from metarl.analysis.style import COLOURS, baseline_colour, baseline_words

LAWS = ("correlated", "medium", "hard")
EPISODES = 60


def people(mind, law="independent", count=3):
    result = [simulate(mind, EPISODES, subject=k, law=law) for k in range(count)]
    return pd.concat(result, ignore_index=True)


@pytest.fixture(scope="module")
def source():
    conditions = {law: people("bound", law) for law in LAWS}
    first = conditions["correlated"].query("subject == 0")
    left = first["probability_0"].to_numpy().reshape(EPISODES, 100, 1)
    noise = np.random.default_rng(0).normal(size=(EPISODES, 100, 3))
    return ExperimentData(
        trials=people("bound"),
        task="bandit",
        parameters=ANALYSIS.published,
        baselines={k: people(k, count=1) for k in ("random", "thompson")},
        tests=conditions,
        test_recordings={
            "correlated": {0: recording(first, left + 0.1 * noise, noise)}
        },
        variants={
            "correlated": ExperimentData(
                trials=people("tied", "correlated", 2),
                task="bandit",
                parameters={"distribution": "correlated"},
                tests={k: people("tied", k, 2) for k in ("medium", "hard")},
            ),
            "no-reward": ExperimentData(
                trials=people("random", count=2), task="bandit"
            ),
        },
        discount=0.9,
    )


@pytest.fixture(scope="module")
def result(source):
    return analyse(ANALYSIS, source)


@pytest.fixture(scope="module")
def tables(result):
    return result.tables


@pytest.fixture(scope="module")
def context(result):
    return result.context


@pytest.fixture
def ax():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def line(ax, label):
    """The one line with a label that starts so."""
    (result,) = [x for x in ax.lines if str(x.get_label()).startswith(label)]
    return result


def words(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_regret_curves_are_the_tables(tables, context, ax):
    assert plot_regret(tables, context, ax) is ax
    means = tables.summary("regret").set_index("group")
    mean = line(ax, "networks (n = 3)")
    assert list(mean.get_ydata()) == list(means.loc["measured", "mean"])
    assert list(mean.get_xdata()) == list(range(1, 101))
    assert same_color(mean.get_color(), COLOURS["agent"])
    thin = [x.get_ydata() for x in ax.lines if x.get_linewidth() < 1]
    each = tables["regret"].query("group == 'measured'")
    expected = [part["regret"] for _, part in each.groupby("subject")]
    np.testing.assert_array_equal(thin, expected)
    for name in ("random", "thompson"):
        curve = line(ax, baseline_words(name))
        assert list(curve.get_ydata()) == list(means.loc[name, "mean"])
        assert same_color(curve.get_color(), baseline_colour(name))
        assert (
            curve.get_label() == f"{baseline_words(name)} {curve.get_ydata()[-1]:.2f}"
        )
    (band,) = ax.collections
    top = band.get_paths()[0].vertices[:, 1].max()
    assert top == pytest.approx(means.loc["measured", "high"].max())
    assert words(ax)[0] == "networks (n = 3)"


def test_the_axis_shows_the_networks_and_leaves_chance_above(tables, context, ax):
    plot_regret(tables, context, ax)
    top = ax.get_ylim()[1]
    assert line(ax, "Thompson").get_ydata().max() < top
    assert line(ax, "random choice").get_ydata().max() > top
    flat = Measure(tables["regret"].assign(regret=30.0), "regret", ("trial",))
    plot_regret(tables.replace(regret=flat), context, ax)
    assert ax.get_ylim()[1] > 30


def test_regret_by_difficulty_is_the_table(tables, context, ax):
    plot_gaps(tables, context, ax)
    means = tables.summary("gaps").query("group == 'measured'")
    mean = line(ax, "networks")
    assert list(mean.get_xdata()) == list(means["gap"])
    np.testing.assert_array_equal(mean.get_ydata(), means["mean"])


def test_curves_on_dependent_arms_are_the_tables_and_the_baselines(tables, context, ax):
    plot_dependent(tables, context, ax)
    means = tables.summary("dependent").set_index("trained")
    for name, count, colour in (
        ("independent", 3, "agent"),
        ("correlated", 2, "variant"),
    ):
        curve = line(ax, f"trained on {name} (n = {count})")
        assert list(curve.get_ydata()) == list(means.loc[name, "mean"])
        assert same_color(curve.get_color(), COLOURS[colour])
    reference = tables["reference_dependent"].set_index("label")
    curve = line(ax, "Thompson")
    assert list(curve.get_xdata()) == list(reference.loc["thompson", "trial"])
    assert list(curve.get_ydata()) == list(reference.loc["thompson", "value"])
    assert line(ax, "Bayesian observer, greedy 0.99").get_linestyle() == "--"


def test_the_raster_is_one_image_with_a_gap(tables, context, ax):
    plot_rasters(tables, context, ax)
    (image,) = ax.images
    result = np.ma.filled(image.get_array().astype(float), np.nan)
    grids = [
        part.pivot(index="row", columns="trial", values="suboptimal").to_numpy(float)
        for _, part in tables["rasters"].groupby("problem", sort=False)
    ]
    height = len(grids[0])
    np.testing.assert_array_equal(result[:height], grids[0])
    assert np.isnan(result[height : height + GAP_ROWS]).all()
    np.testing.assert_array_equal(result[height + GAP_ROWS :], grids[1])
    assert ax.get_yticks() == pytest.approx(
        [(height - 1) / 2, height + GAP_ROWS + (len(grids[1]) - 1) / 2]
    )
    assert words(ax) == ["best arm", "other arm"]


def test_paths_and_last_states_are_the_tables(tables, context, ax):
    plot_trajectories(tables, context, ax)
    paths = tables["trajectories"]
    for left, path in paths.groupby("left"):
        curve = line(ax, f"P = {left:g}")
        assert list(curve.get_xdata()) == list(path["pc1"])
        assert list(curve.get_ydata()) == list(path["pc2"])
    (dots,) = ax.collections
    np.testing.assert_allclose(
        dots.get_offsets(), tables["final_states"][["pc1", "pc2"]]
    )
    title = ax.get_legend().get_title().get_text()
    coding = tables["coding"].iloc[0]
    assert (
        f"{coding['r2']:.2f}, untrained {coding['r2_untrained']:.2f} (n = 1)" in title
    )
    share = 100 * paths["share1"].iloc[0]
    assert ax.get_xlabel() == f"PC 1 ({share:.0f} % of variance)"


def test_transfer_is_a_map_of_means_with_the_regret_in_words(tables, context, ax):
    plot_transfer(tables, context, ax)
    names = [text.get_text() for text in ax.get_xticklabels()]
    assert set(names) == {"independent", *LAWS}
    assert [text.get_text() for text in ax.get_yticklabels()] == [
        "independent\n(n = 3)",
        "correlated\n(n = 2)",
    ]
    means = tables["transfer"].groupby(["trained", "tested"]).mean()
    written = {
        (round(t.get_position()[0]), round(t.get_position()[1])): t.get_text()
        for t in ax.texts
    }
    (image,) = ax.images
    shades = image.get_array()
    column = names.index("medium")
    for row, trained in enumerate(("independent", "correlated")):
        cell = means.loc[(trained, "medium")]
        assert written[column, row] == f"{cell['regret']:.1f}"
        assert shades[row, column] == pytest.approx(cell["regret"] / 25)
    # The population trained on correlated arms was not tested on independent ones.
    assert np.ma.is_masked(shades[1, names.index("independent")])
    assert written[names.index("independent"), 1] == ""


def test_one_population_alone_is_shown_by_difficulty(source, ax):
    alone = analyse(ANALYSIS, replace(source, variants={}))
    plot_transfer(alone.tables, alone.context, ax)
    assert ax.get_xlabel() == "P(reward), best arm minus second best"


def test_every_network_intact_or_not_and_every_baseline_has_its_row(
    tables, context, ax
):
    plot_ablations(tables, context, ax)
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names == [
        "networks (n = 3)",
        "no-reward (n = 2)",
        "Thompson sampling",
        "random choice",
    ]
    dots = [x for x in ax.lines if x.get_marker() == "o"]
    measured = tables["subjects"].set_index("group")["regret"]
    assert list(dots[0].get_xdata()) == list(measured["measured"])
    assert list(dots[1].get_xdata()) == list(tables["ablations"]["regret"])
    assert list(dots[2].get_xdata()) == [measured["thompson"]]
    assert [set(x.get_ydata()) for x in dots] == [{0}, {1}, {2}, {3}]
    low, high = ax.get_xlim()
    assert all(low < x < high for x in dots[3].get_xdata())
    learned = line(ax, "learned").get_xdata()
    random = tables["subjects"].query("group == 'measured'")["random_regret"].mean()
    assert list(learned) == pytest.approx([0.4 * random] * 2)


def test_missing_measurements_are_stated(source, ax):
    alone = analyse(ANALYSIS, ExperimentData(trials=source.trials, task="bandit"))
    for plot, text in (
        (plot_dependent, "not measured"),
        (plot_trajectories, "no recording"),
    ):
        ax.clear()
        plot(alone.tables, alone.context, ax)
        assert [t.get_text() for t in ax.texts] == [text]


@pytest.mark.parametrize("rows", [0, 50])
def test_every_panel_can_be_drawn_from_very_few_trials(rows, source):
    few = ExperimentData(trials=source.trials.iloc[:rows], task="bandit")
    alone = analyse(ANALYSIS, few)
    for draw in (*ANALYSIS.panels, plot_gaps):
        figure, axes = plt.subplots()
        assert draw(alone.tables, alone.context, axes) is axes
        plt.close(figure)
