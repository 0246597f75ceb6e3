"""Marks: the numbers that they draw, where they stand, and what they leave out."""

import itertools
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color

from metarl.analysis.analysis import Context
from metarl.analysis.criteria import Criteria, LearnedCriterion
from metarl.analysis.measures import Measure, Tables
from metarl.analysis.plotting import (
    MANY,
    MOST_DOTS,
    MOST_LINES,
    Points,
    bars_with_subjects,
    baseline_ticks,
    dots,
    half_violin,
    interval,
    label_line,
    learned_line,
    legend_below,
    log_scale,
    mean_line,
    reference_curve,
    reference_label,
    reference_points,
    scores_by_subject,
    subject_colour,
    subject_label,
    subject_lines,
    subject_name,
    subject_points,
    subject_ticks,
)
from metarl.analysis.style import COLOURS, baseline_colour, figure_style

NETWORKS = Context(task="toy", subject_count=3)
POINTS = Points(("kind",), ["b", "a"])


@pytest.fixture
def ax():
    figure, result = plt.subplots()
    yield result
    plt.close(figure)


@pytest.fixture
def tables():
    rows = [("measured", k, kind, 1.0 + k + 10 * (kind == "b"))
            for k in range(3) for kind in "ab"]  # fmt: skip
    rows += [("random", 0, "a", 0.5), ("random", 0, "b", 0.25)]
    table = pd.DataFrame(rows, columns=["group", "subject", "kind", "value"])
    subjects = table[table["kind"] == "a"].assign(label="subject 0")
    return Tables(
        {
            "cells": Measure(table, "value", ("kind",)),
            "subjects": Measure(subjects, "value"),
        }
    )


def means(n, count=3):
    return pd.DataFrame(
        {"x": range(count), "mean": 1.0, "low": 0.5, "high": 2.0, "n": n}
    )


def test_subjects_are_named_with_their_kind_and_number():
    assert subject_label(NETWORKS) == "networks (n = 3)"
    one = Context(task="toy", subjects_are="animals", subject_count=1)
    assert subject_label(one) == "animal (n = 1)"
    assert subject_colour(one) == COLOURS["own"]
    assert subject_label(replace(one, subjects_are="people")) == "person (n = 1)"
    named = replace(one, subjects_are="mice", names={3: "Ada"})
    assert (subject_name(named, 3), subject_name(named, 4)) == ("Ada", "mouse 4")


def test_a_group_has_its_own_name_and_colour():
    group = Context(
        task="toy",
        subjects_are="people",
        subject_count=1,
        group="patients",
        colour="#123456",
    )
    assert subject_label(group) == "patients (n = 1)"
    assert subject_colour(group) == "#123456"


def many(count):
    return pd.DataFrame(
        {
            "group": "measured",
            "subject": np.repeat(np.arange(count), 2),
            "kind": ["a", "b"] * count,
            "value": np.arange(2 * count) / (2 * count),
        }
    )


def test_bars_of_two_populations_stand_side_by_side(ax, tables):
    for slot in (0, 1):
        context = Context(task="toy", subject_count=3, slot=slot, slots=2)
        places = bars_with_subjects(ax, tables, context, "cells", "value", POINTS)
        assert places.tolist() == [0, 1]
    spans = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches)
    for (_, end), (start, _) in itertools.pairwise(spans):
        assert end < start
    assert spans[1][1] < 0.24  # where published values begin


def test_many_subjects_are_a_pale_distribution_next_to_the_bar(ax):
    subject_points(ax, [0, 1], many(600), "value", "black", POINTS)
    assert len(ax.lines) == 2
    table = many(600)
    for line, kind in zip(ax.lines, "ba", strict=True):
        own = table.loc[table["kind"] == kind, "value"]
        assert len(line.get_ydata()) == MOST_DOTS
        assert line.get_ydata()[0] == own.min()
        assert line.get_ydata()[-1] == own.max()
        assert np.median(line.get_ydata()) == pytest.approx(own.median(), abs=0.01)
        assert line.get_alpha() < 0.5
        assert 0.05 < np.ptp(line.get_xdata()) <= 0.12


def test_some_subjects_are_a_dot_each(ax):
    subject_points(ax, [0, 1], many(MANY), "value", "black", POINTS)
    assert len(ax.lines) == MANY
    assert all(line.get_alpha() is None for line in ax.lines)


def test_a_point_that_no_subject_has_stays_empty(ax):
    table = many(600).query("kind == 'a'")
    subject_points(ax, [0, 1], table, "value", "black", POINTS)
    assert [len(line.get_ydata()) for line in ax.lines] == [0, MOST_DOTS]


def test_lines_of_many_subjects_are_thinned_and_pale(ax):
    table = many(600).assign(x=lambda t: t["kind"] == "b")
    subject_lines(ax, table, "x", "value", "black")
    assert len(ax.lines) <= MOST_LINES
    assert ax.lines[0].get_alpha() < 0.1


def test_dots_leave_out_subjects_without_a_number(ax):
    dots(ax, 2, [1.0, np.nan, 3.0], "black", width=0.2)
    (line,) = ax.lines
    assert line.get_ydata().tolist() == [1, 3]
    assert line.get_xdata().tolist() == [1.9, 2.1]


@pytest.mark.parametrize(
    ("names", "shown", "upwards"),
    [
        (["a", "b", "c"], ["a", "b", "c"], False),
        ([f"P{k:03d}" for k in range(20)], [f"P{k:03d}" for k in range(20)], True),
        (
            [f"P{k:03d}" for k in range(85)],
            [f"P{k:03d}" for k in range(0, 85, 4)],
            True,
        ),
    ],
)
def test_names_of_subjects_are_thinned_and_turned(ax, names, shown, upwards):
    subject_ticks(ax, names, {len(names) + 1.0: "mean"})
    labels = ax.get_xticklabels()
    assert [label.get_text() for label in labels] == [*shown, "mean"]
    step = -(-len(names) // len(shown))
    assert ax.get_xticks().tolist() == [*range(0, len(names), step), len(names) + 1]
    assert labels[0].get_rotation() == (90 if upwards else 0)


def test_a_legend_names_each_thing_once_and_bars_first(ax):
    for name in ("patients", "controls"):
        ax.plot([0], [0], label="macaque C")
        ax.bar([0], [1], label=name)
    legend_below(ax, first="controls")
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["patients", "controls", "macaque C"]


def test_no_interval_is_drawn_of_fewer_than_three_subjects(ax):
    interval(ax, [5, 6, 7], means([2, 3, 4]), "black")
    (lines,) = ax.collections
    assert [tuple(s[:, 0]) for s in lines.get_segments()] == [(6, 6), (7, 7)]
    assert [tuple(s[:, 1]) for s in lines.get_segments()] == [(0.5, 2), (0.5, 2)]


def test_a_line_has_a_band_only_if_every_mean_has_subjects_enough(ax):
    mean_line(ax, means([3, 3, 2]), "x", "black", label="few")
    assert not ax.collections
    mean_line(ax, means([3, 3, 3]), "x", "black", label="enough")
    assert len(ax.collections) == 1
    assert [line.get_label() for line in ax.lines] == ["few", "enough"]
    mean_line(ax, means([3, 3, 3]), "x", "black", alpha=0)
    assert len(ax.collections) == 1


def test_bars_are_means_with_a_dot_a_subject_in_the_order_of_the_points(ax, tables):
    places = bars_with_subjects(ax, tables, NETWORKS, "cells", "value", POINTS)
    assert places.tolist() == [0, 1]
    assert [bar.get_height() for bar in ax.patches] == [12, 2]
    assert [list(line.get_ydata()) for line in ax.lines] == [[11, 1], [12, 2], [13, 3]]
    baseline_ticks(ax, places, tables.summary("cells"), POINTS)
    ticks = ax.collections[-1]
    assert ticks.get_label() == "random choice"
    assert [segment[0, 1] for segment in ticks.get_segments()] == [0.25, 0.5]
    assert same_color(ticks.get_color()[0], baseline_colour("random"))


def published(**columns):
    usual = {"kind": "animal", "label": "rats", "n": 7, "error": 0.1, "study": ""}
    return pd.DataFrame(usual | columns)


def test_published_values_stand_at_their_points(ax):
    rows = published(value=[3.0, 4.0]).assign(cell=["a", "b"])
    reference_points(ax, [0, 1], rows, Points(("cell",), ["b", "a"]))
    (bars,) = ax.containers
    assert list(bars[0].get_ydata()) == [4, 3]
    assert bars.get_label() == "rats (n = 7)"
    assert same_color(bars[0].get_color(), COLOURS["animal"])
    reference_points(ax, [0, 1], rows[:0])
    assert len(ax.containers) == 1


def test_a_published_curve_has_its_errors_and_open_dots_where_asked(ax):
    rows = published(value=[3.0, 4.0], trial=[1, 2])
    reference_curve(ax, rows, "trial", filled=False)
    (errors,) = ax.collections
    result = [tuple(segment[:, 1]) for segment in errors.get_segments()]
    assert result == [pytest.approx((2.9, 3.1)), pytest.approx((3.9, 4.1))]
    assert same_color(ax.lines[0].get_markerfacecolor(), "white")


def test_every_subject_is_a_thin_line(ax):
    table = pd.DataFrame({"subject": [0, 0, 1, 1], "x": [0, 1, 0, 1], "y": range(4)})
    subject_lines(ax, table, "x", "y", "black", lw=2)
    assert [list(line.get_ydata()) for line in ax.lines] == [[0, 1], [2, 3]]
    assert {line.get_linewidth() for line in ax.lines} == {2}


RULE = LearnedCriterion(statistic="value", threshold=1.5, why="Chance has 0.5.")


def test_scores_have_the_lines_of_baselines_and_of_learning(ax, tables):
    scored = Context(
        task="toy", subject_count=3, criteria=Criteria(learned=RULE), scored=True
    )
    assert scores_by_subject(ax, tables, scored, "value") == ["0", "0", "0"]
    assert list(ax.lines[0].get_ydata()) == [1, 2, 3]
    lines = {text.get_text(): text.xy[1] for text in ax.texts}
    assert lines == {"random choice": 0.5, "learned": 1.5}


def test_where_nothing_is_scored_no_line_says_learned(ax):
    learned_line(ax, Context(task="toy", criteria=Criteria(learned=RULE)))
    assert not ax.lines
    assert np.isfinite(ax.get_ylim()).all()


def test_half_a_violin_reaches_from_its_line_as_far_as_the_density(ax):
    density = pd.DataFrame({"rpe": [0.0, 1.0, 2.0], "reach": [-0.1, -0.4, 0.0]})
    half_violin(ax, 3, density, "rpe", "red", alpha=0.5)
    (filled,) = ax.collections
    corners = {tuple(corner) for corner in filled.get_paths()[0].vertices.tolist()}
    assert corners == {(3, 0), (3, 1), (3, 2), (2.9, 0), (2.6, 1)}
    assert same_color(filled.get_facecolor()[0][:3], "red")


@pytest.mark.parametrize(
    ("label", "study", "n", "expected"),
    [
        ("macaques", "Costa et al. 2016 (Neuron)", 4, "macaques, Costa 2016 (n = 4)"),
        ("paper", "Wang et al. 2018", 8, "networks, Wang 2018 (n = 8)"),
        ("humans, Kool 2016", "Kool & Gershman 2016", 9, "humans, Kool 2016 (n = 9)"),
        ("macaque C", "Miranda et al. 2020", 1, "macaque C, Miranda 2020"),
        ("random", "this project", 1, "random"),
    ],
)
def test_a_published_result_is_named_with_its_study(label, study, n, expected):
    rows = pd.DataFrame({"label": [label], "study": [study], "n": [n]})
    assert reference_label(rows) == expected


@pytest.mark.parametrize(("right", "upwards"), [(6, False), (16, True)])
def test_names_stand_upright_where_neighbours_would_meet(ax, right, upwards):
    ax.set_xlim(-0.5, right)
    subject_ticks(ax, [f"VP0{k}" for k in range(6)])
    assert all((t.get_rotation() == 90) == upwards for t in ax.get_xticklabels())


@pytest.mark.parametrize(("letters", "columns"), [(10, 2), (60, 1)])
def test_a_legend_has_as_many_columns_as_fit_below_the_axes(ax, letters, columns):
    for name in "abcd":
        ax.plot([0], [0], label=name * letters)
    legend_below(ax, columns=2)
    assert ax.get_legend()._ncols == columns


def test_names_of_lines_at_nearly_one_height_stand_side_by_side(ax):
    ax.set_ylim(0, 1)
    for name, height in {"high": 0.9, "low": 0.5, "lower": 0.48}.items():
        label_line(ax, name, height)
    places = {text.get_text(): text.xy for text in ax.texts}
    assert places == {"high": (1, 0.9), "low": (1, 0.5), "lower": (0.6, 0.48)}


@pytest.mark.parametrize("axis", ["x", "y"])
def test_powers_of_ten_are_written_without_a_formula(axis):
    with figure_style():
        figure, own = plt.subplots()
        own.plot([1e-3, 1e4], [1e-3, 1e4])
        log_scale(own, axis)
        figure.draw_without_rendering()
        scale = own.xaxis if axis == "x" else own.yaxis
        words = [tick.label1.get_text() for tick in scale.get_major_ticks()]
        minor = [tick.label1.get_text() for tick in scale.get_minor_ticks()]
        plt.close(figure)
    assert {"10⁻³", "10⁰", "10⁴"} <= set(words)
    assert not any(minor)
