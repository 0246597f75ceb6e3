"""Panels draw the numbers of the tables, at their places."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color
from matplotlib.container import ErrorbarContainer

from metarl.analysis import ExperimentData
from metarl.analysis.analysis import Panel, analyse
from metarl.analysis.measures import Measure
from metarl.analysis.style import COLOURS
from metarl.analysis.two_step import ANALYSIS
from metarl.analysis.two_step.plots import (
    plot_lag_weights,
    plot_model_based_errors,
    plot_model_free_errors,
    plot_rewards,
    plot_stay_probabilities,
    plot_stay_regression,
)
from metarl.io.load import load_trials

CELLS = [(1.0, "common"), (1.0, "rare"), (0.0, "common"), (0.0, "rare")]


@pytest.fixture(scope="module")
def result(simulate):
    runs = [
        simulate("planner", 20, subject=k, temperature=0.02 * (k + 1)) for k in range(4)
    ]
    source = ExperimentData(
        trials=pd.concat([trials for trials, _ in runs]),
        recordings={k: recording for k, (_, recording) in enumerate(runs)},
        baselines={"random": simulate("random", 20)[0]},
        discount=0.9,
        parameters=ANALYSIS.published,
    )
    return analyse(ANALYSIS, source)


@pytest.fixture
def ax():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def measured(table, keys):
    return table[table["group"] == "measured"].set_index(keys)


def errorbars(ax):
    return {
        bars.get_label(): bars
        for bars in ax.containers
        if isinstance(bars, ErrorbarContainer)
    }


PAPER = "networks, Wang 2018 (n = 8)"
MONKEYS = ("macaque C, Miranda 2020", "macaque J, Miranda 2020")


def dots(ax, marker="o"):
    lines = [line for line in ax.lines if line.get_marker() == marker]
    return np.array([line.get_ydata() for line in lines], dtype=float)


def test_stay_bars_dots_and_published_values_are_the_tables(result, ax):
    assert plot_stay_probabilities(result.tables, result.context, ax) is ax
    means = measured(result.tables.summary("stays"), ["reward", "transition"]).loc[
        CELLS
    ]
    assert [bar.get_height() for bar in ax.patches] == pytest.approx(
        list(means["mean"])
    )
    each = measured(result.tables["stays"], ["subject", "reward", "transition"])[
        "probability"
    ]
    expected = [[each[subject, *cell] for cell in CELLS] for subject in range(4)]
    assert dots(ax) == pytest.approx(np.array(expected))
    bars = errorbars(ax)
    assert list(bars) == [PAPER, *MONKEYS]
    paper, monkey = bars[PAPER], bars[MONKEYS[1]]
    assert list(paper[0].get_ydata()) == [0.989, 0.636, 0.619, 0.989]
    assert list(monkey[0].get_ydata()) == [0.977, 0.125, 0.301, 0.809]
    tips = [segment[:, 1] for segment in monkey[2][0].get_segments()]
    assert tips[0] == pytest.approx([0.977 - 0.005, 0.977 + 0.005])
    assert same_color(paper[0].get_color(), COLOURS["paper"])
    assert same_color(monkey[0].get_color(), COLOURS["animal"])


def segments_of(ax, label):
    lines = [line for line in ax.collections if line.get_label() == label]
    return [segment[:, 1] for line in lines for segment in line.get_segments()]


def test_baselines_are_marks_across_the_bars(result, ax):
    plot_stay_probabilities(result.tables, result.context, ax)
    random = result.tables.summary("stays")[
        result.tables.summary("stays")["group"] == "random"
    ]
    heights = random.set_index(["reward", "transition"]).loc[CELLS, "mean"]
    assert [mark[0] for mark in segments_of(ax, "random choice")] == pytest.approx(
        list(heights)
    )


def test_the_interval_over_subjects_is_drawn(result, ax):
    plot_stay_probabilities(result.tables, result.context, ax)
    means = measured(result.tables.summary("stays"), ["reward", "transition"]).loc[
        CELLS
    ]
    unnamed = [c for c in ax.collections if c.get_label().startswith("_child")]
    actual = [tuple(s[:, 1]) for c in unnamed for s in c.get_segments()]
    for low, high in zip(means["low"], means["high"], strict=True):
        assert any(pair == pytest.approx((low, high)) for pair in actual)


def test_the_subjects_are_counted_in_the_legend(result, ax):
    plot_stay_probabilities(result.tables, result.context, ax)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[0] == "networks (n = 4)"
    assert {"random choice", PAPER, *MONKEYS} < set(labels)


def test_stay_regression_weights_stand_with_animals_and_people(result, ax):
    plot_stay_regression(result.tables, result.context, ax)
    terms = ["reward", "transition", "reward_x_transition"]
    means = measured(result.tables.summary("stay_regression"), "term").loc[
        terms, "mean"
    ]
    assert [bar.get_height() for bar in ax.patches] == pytest.approx(list(means))
    bars = errorbars(ax)
    assert list(bars[MONKEYS[0]][0].get_ydata()) == [0.169, 0.129, 1.165]
    people = bars["humans, Gillan 2016 study 1 (n = 593)"]
    assert list(people[0].get_ydata()) == [0.633, 0.056, 0.272]
    assert same_color(people[0].get_color(), COLOURS["human"])
    each = measured(result.tables["stay_regression"], ["subject", "term"])["weight"]
    assert dots(ax)[2] == pytest.approx([each[2, term] for term in terms])


def test_lag_weights_are_lines_with_a_dot_a_subject(result, ax):
    plot_lag_weights(result.tables, result.context, ax)
    summary = measured(result.tables.summary("lags"), ["reward", "transition", "lag"])[
        "mean"
    ]
    lines = {line.get_label(): line for line in ax.lines}
    kinds = {"rewarded common": (1.0, "common"), "unrewarded rare": (0.0, "rare")}
    for label, cell in kinds.items():
        expected = [summary[*cell, lag] for lag in range(1, 6)]
        assert list(lines[label].get_xdata()) == [1, 2, 3, 4, 5]
        assert list(lines[label].get_ydata()) == pytest.approx(expected)
    assert sum(row.size for row in dots(ax)) == 4 * 4 * 5
    assert len(ax.collections) == 4
    assert ax.get_legend().get_title().get_text() == (
        "networks (n = 4); band: 95 % over subjects"
    )


@pytest.mark.parametrize(
    ("draw", "column", "text"),
    [
        (plot_model_based_errors, "model_based", "r² = 1.00, mean of n = 4 networks"),
        (plot_model_free_errors, "model_free_residual", "mean of n = 4 networks"),
    ],
)
def test_the_scatter_is_the_points_with_r2_over_subjects(
    result, ax, draw, column, text
):
    draw(result.tables, result.context, ax)
    points = result.tables["rpe_points"]
    for line, event in zip(ax.lines, ("second stage", "reward"), strict=True):
        part = points[points["event"] == event]
        assert line.get_label() == event
        assert list(line.get_xdata()) == list(part[column])
        assert list(line.get_ydata()) == list(part["rpe"])
    assert text in ax.get_legend().get_title().get_text()


def test_r2_in_the_title_is_that_of_the_table(result, ax):
    r2 = result.tables["r2"].copy()
    rows = (r2["event"] == "both") & (r2["measure"] == "r2_model_based")
    r2.loc[rows & (r2["group"] == "measured"), "r2"] = 0.7312
    changed = result.tables.replace(r2=Measure(r2, "r2", ("event", "measure")))
    plot_model_based_errors(changed, result.context, ax)
    assert "r² = 0.73," in ax.get_legend().get_title().get_text()


def test_without_a_recording_the_scatter_says_so(result, ax):
    empty = result.tables.replace(rpe_points=result.tables["rpe_points"].iloc[:0])
    plot_model_based_errors(empty, result.context, ax)
    assert ax.texts[0].get_text() == "no recording"


def test_rewards_are_dots_with_named_lines(result, ax):
    plot_rewards(result.tables, result.context, ax)
    subjects = measured(result.tables["subjects"], "subject")["reward_per_100"]
    assert dots(ax)[0] == pytest.approx(list(subjects))
    lines = {t.get_text(): t.xy[1] for t in ax.texts}
    random = result.tables.summary("subjects").set_index("group").loc["random", "mean"]
    assert lines == pytest.approx({"random choice": random, "learned": 65})


def test_subjects_with_nearly_equal_rewards_look_equal(simulate, ax):
    trials, _ = simulate("random", 5)
    twins = pd.concat([trials, trials.assign(subject=1)])
    other = analyse(ANALYSIS, ExperimentData(trials=twins, task="daw-two-step"))
    plot_rewards(other.tables, other.context, ax)
    low, high = ax.get_ylim()
    assert high - low >= 10
    assert not ax.texts


def test_two_animals_get_no_interval_and_their_own_colour(macaque_file, ax):
    own = load_trials(ANALYSIS, macaque_file)
    data = ExperimentData(trials=own.trials, subjects_are="animals", names=own.labels)
    result = analyse(ANALYSIS, data)
    plot_rewards(result.tables, result.context, ax)
    assert same_color(ax.lines[0].get_color(), COLOURS["own"])
    assert ax.get_xlabel() == "Subject; animals (n = 2)"
    assert [t.get_text() for t in ax.get_xticklabels()] == ["C", "J"]
    figure, other = plt.subplots()
    plot_stay_probabilities(result.tables, result.context, other)
    named = [c for c in other.collections if c.get_label().startswith("_child")]
    own = [c for c in named if same_color(c.get_color(), COLOURS["animal"])]
    assert sum(len(c.get_segments()) for c in own if c.get_linewidth()[0] == 2.5) == 0
    plt.close(figure)


def test_a_plot_makes_its_own_axes_where_none_are_given(result):
    ax = Panel("Rewards", plot_rewards)(result.tables, result.context)
    assert len(ax.figure.axes) == 1
    plt.close(ax.figure)
