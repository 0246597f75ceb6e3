"""Panels draw the numbers of the tables, at their places."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import same_color
from risky_choosers import AMOUNTS, population, simulate

from metarl.analysis.analysis import analyse
from metarl.analysis.data import ExperimentData
from metarl.analysis.measures import rows_at
from metarl.analysis.risky_choice import ANALYSIS
from metarl.analysis.risky_choice.plots import (
    plot_changes,
    plot_doses,
    plot_errors,
    plot_groups,
    plot_stimulation,
    plot_trials,
)
from metarl.analysis.style import COLOURS, baseline_colour

TASK = "risky-choice"
KINDS = {"risky-win": "risky win", "safe": "safe reward", "risky-loss": "risky loss"}
CELLS = [(kind, probability) for kind in KINDS for probability in (0.5, 0.125)]
PLACES = [0, 1, 2.6, 3.6, 5.2, 6.2]


def draw(plot, result, ax):
    return plot(result.tables, result.context, ax)


@pytest.fixture(scope="module")
def result():
    names = [f"block-{kind}{end}" for kind in AMOUNTS for end in ("", "-free")]
    names += [f"dose-{kind}={amount}" for kind in AMOUNTS for amount in (-2, 0, 2)]
    flat = population(count=2, rate=0.0, episodes=20)
    source = ExperimentData(
        task=TASK,
        trials=population(count=3, episodes=20),
        tests={name: population(name, count=3, episodes=20) for name in names},
        recordings={
            k: simulate(subject=k, episodes=20, temperature=0.3 + 0.03 * k)[1]
            for k in range(3)
        },
        baselines={
            "random": population(count=1, rate=0.0, episodes=20),
            "bayes-optimal": population(count=1, temperature=0.1, episodes=20),
        },
        variants={"no-rpe": ExperimentData(task=TASK, trials=flat)},
        discount=0.9,
    )
    return analyse(ANALYSIS, source)


@pytest.fixture
def ax():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def dots(ax, marker, x):
    """Heights of the markers at a horizontal place."""
    return sorted(
        float(height)
        for line in ax.lines
        if line.get_marker() == marker
        for place, height in zip(line.get_xdata(), line.get_ydata(), strict=True)
        if place == pytest.approx(x)
    )


def legend(ax):
    shown = ax.get_legend()
    return shown.get_title().get_text(), [t.get_text() for t in shown.get_texts()]


def changes_at(result, kind, probability, span="all trials"):
    where = {"outcome": kind, "probability": probability, "span": span}
    return rows_at(result.tables["changes"], **where)


def test_bars_are_means_of_control_and_stimulated_with_a_line_a_subject(result, ax):
    assert draw(plot_stimulation, result, ax) is ax
    bars = {round(b.get_x() + b.get_width() / 2, 2): b for b in ax.patches}
    for (kind, probability), place in zip(CELLS, PLACES, strict=True):
        cell = changes_at(result, kind, probability)
        for column, offset in (("control", -0.24), ("stimulated", 0.24)):
            bar = bars[round(place + offset, 2)]
            assert bar.get_height() == pytest.approx(cell[column].mean())
            expected = sorted(cell[column].astype(float))
            assert dots(ax, ".", place + offset) == pytest.approx(expected)
        pairs = [
            list(line.get_ydata())
            for line in ax.lines
            if list(line.get_xdata()) == pytest.approx([place - 0.24, place + 0.24])
        ]
        assert pairs == cell[["control", "stimulated"]].to_numpy(float).tolist()


def test_outcomes_and_control_have_colours_of_their_own(result, ax):
    draw(plot_stimulation, result, ax)
    bars = {round(b.get_x() + b.get_width() / 2, 2): b for b in ax.patches}
    for (kind, _), place in zip(CELLS, PLACES, strict=True):
        after = bars[round(place + 0.24, 2)].get_facecolor()
        assert same_color(after[:3], COLOURS[KINDS[kind]])
        before = bars[round(place - 0.24, 2)].get_facecolor()
        assert same_color(before[:3], COLOURS["agent"])
    assert legend(ax)[1] == [
        "networks (n = 3), control",
        "RPE changed (colour: outcome)",
    ]


@pytest.mark.parametrize("plot", [plot_stimulation, plot_changes])
def test_rats_arrows_point_where_they_went(result, ax, plot):
    draw(plot, result, ax)
    arrows = [line for line in ax.lines if line.get_marker() in ("v", "^")]
    assert [line.get_marker() for line in arrows] == ["v", "^", "^"]
    assert all(same_color(line.get_color(), COLOURS["animal"]) for line in arrows)
    words = [text.get_text() for text in ax.texts]
    assert words == [f"rats, Stopper\n2014 (n = {n})" for n in (11, 8, 9)]
    top = max(line.get_ydata()[0] for line in arrows)
    assert ax.get_ylim()[1] > top > 100


@pytest.mark.parametrize("plot", [plot_stimulation, plot_changes])
def test_places_are_named_by_probability_and_outcome(result, ax, plot):
    draw(plot, result, ax)
    ticks = {
        tick: label.get_text()
        for tick, label in zip(ax.get_xticks(), ax.get_xticklabels(), strict=True)
    }
    for (_, probability), place in zip(CELLS, PLACES, strict=True):
        assert ticks[place] == f"{probability:g}"
    names = [text.strip() for text in ticks.values() if text.startswith("\n")]
    assert names == list(KINDS.values())


def test_changes_are_means_with_intervals_on_all_and_on_free_trials(result, ax):
    draw(plot_changes, result, ax)
    means = result.tables.summary("changes").set_index(
        ["outcome", "span", "probability"]
    )
    actual = [tuple(s[:, 1]) for c in ax.collections for s in c.get_segments()]
    for (kind, probability), place in zip(CELLS, PLACES, strict=True):
        for span, marker, offset in (
            ("all trials", "o", -0.16),
            ("free trials", "s", 0.16),
        ):
            row = means.loc[(kind, span, probability)]
            assert dots(ax, marker, place + offset) == pytest.approx([row["mean"]])
            own = changes_at(result, kind, probability, span)["change"].astype(float)
            right = dots(ax, ".", place + offset + 0.13)
            assert right == pytest.approx(sorted(own))
            pair = (row["low"], row["high"])
            assert any(one == pytest.approx(pair) for one in actual)
    assert legend(ax) == (
        "networks (n = 3), RPE changed\nvertical lines: 95 % over subjects",
        ["on all trials", "on free trials"],
    )


def test_two_subjects_get_no_interval(ax):
    source = ExperimentData(
        task=TASK,
        trials=population(count=2, episodes=20),
        tests={"block-safe": population("block-safe", count=2, episodes=20)},
    )
    draw(plot_changes, analyse(ANALYSIS, source), ax)
    assert not [s for c in ax.collections for s in c.get_segments()]


def test_doses_are_lines_with_the_control_across(result, ax):
    draw(plot_doses, result, ax)
    means = result.tables.summary("doses")
    for kind, label in KINDS.items():
        for probability, style in ((0.5, "-"), (0.125, "--")):
            part = rows_at(means, outcome=kind, probability=probability)
            (line,) = [
                line
                for line in ax.lines
                if same_color(line.get_color(), COLOURS[label])
                and line.get_linestyle() == style
            ]
            assert list(line.get_xdata()) == sorted({-2, 0, 2, AMOUNTS[kind]})
            assert list(line.get_ydata()) == pytest.approx(list(part["mean"]))
    control = result.tables.summary("risky").set_index(
        ["group", "condition", "probability"]
    )
    levels = [
        line.get_ydata()[0]
        for line in ax.lines
        if same_color(line.get_color(), COLOURS["agent"])
    ]
    expected = [control.loc[("measured", "control", p), "mean"] for p in (0.5, 0.125)]
    assert levels == pytest.approx(expected)
    title, names = legend(ax)
    assert title == (
        "networks (n = 3); p = 0.5 solid, 0.125 dashed\nband: 95 % over subjects"
    )
    assert set(names) == {*KINDS.values(), "nothing changed"}
    assert len(ax.collections) == 6


def test_groups_have_a_dot_a_subject_at_each_probability(result, ax):
    draw(plot_groups, result, ax)
    names = ["measured", "random", "bayes-optimal", "no-rpe"]
    shown = [text.get_text() for text in ax.get_xticklabels()]
    assert shown == ["networks", "random", "bayes\noptimal", "no-rpe\n(n = 2)"]
    assert legend(ax)[0].startswith("networks (n = 3)")
    for place, name in enumerate(names):
        own = result.tables["subjects"][result.tables["subjects"]["group"] == name]
        colour = COLOURS["agent"] if name == "measured" else baseline_colour(name)
        for column, side in (("percent_high", -0.17), ("percent_low", 0.17)):
            actual = [
                line
                for line in ax.lines
                if line.get_marker() == "o"
                and len(line.get_xdata())
                and np.mean(line.get_xdata()) == pytest.approx(place + side)
            ]
            assert len(actual) == 1
            assert list(actual[0].get_ydata()) == pytest.approx(list(own[column]))
            assert same_color(actual[0].get_color(), colour)


def test_lines_along_the_episode_are_the_means_of_each_trial(result, ax):
    draw(plot_trials, result, ax)
    table = result.tables.summary("by_trial").set_index(["group", "probability"])
    for name, colour in (
        ("measured", COLOURS["agent"]),
        ("bayes-optimal", baseline_colour("bayes-optimal")),
    ):
        for probability, style in ((0.5, "-"), (0.125, "--")):
            (line,) = [
                line
                for line in ax.lines
                if same_color(line.get_color(), colour)
                and line.get_linestyle() == style
            ]
            assert list(line.get_xdata()) == list(range(1, 21))
            expected = list(table.loc[(name, probability), "mean"])
            assert list(line.get_ydata()) == pytest.approx(expected)
    assert legend(ax)[1] == ["networks (n = 3)", "Bayes-optimal"]
    # The interval is over networks; one baseline has none.
    assert len(ax.collections) == 2


def test_errors_are_halves_of_violins_with_their_replacements(result, ax):
    draw(plot_errors, result, ax)
    for place, kind in enumerate(KINDS):
        assert dots(ax, "*", place) == [AMOUNTS[kind]]
        for probability, side in ((0.5, -0.06), (0.125, 0.06)):
            cell = rows_at(result.tables["rpe"], outcome=kind, probability=probability)
            expected = sorted(cell["mean"].astype(float))
            assert dots(ax, ".", place + side) == pytest.approx(expected)
    halves = [c.get_paths()[0].vertices for c in ax.collections]
    assert len(halves) == 6
    widths = [np.ptp(half[:, 0]) for half in halves]
    assert max(widths) == pytest.approx(0.45)
    densities = result.tables["rpe_density"]
    peaks = densities.groupby(["outcome", "probability"])["density"].max()
    ratio = peaks["risky-win", 0.5] / peaks.max()
    assert widths[0] == pytest.approx(0.45 * ratio)
    assert halves[0][:, 0].min() < 0 < halves[1][:, 0].max()
    assert "networks (n = 3)" in legend(ax)[0]


@pytest.mark.parametrize(
    ("plot", "words"),
    [
        (plot_stimulation, "not measured"),
        (plot_changes, "not measured"),
        (plot_doses, "not measured"),
        (plot_errors, "no recording"),
    ],
)
def test_missing_data_are_stated(plot, words, ax):
    data = ExperimentData(task=TASK, trials=population(count=1, episodes=4))
    draw(plot, analyse(ANALYSIS, data), ax)
    assert ax.texts[0].get_text() == words
