"""Panels of the inferred-value figure: the numbers drawn are those of the tables."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from cue_observers import IDEAL, population, simulate
from matplotlib.colors import same_color

from metarl.analysis.analysis import analyse
from metarl.analysis.data import ExperimentData
from metarl.analysis.inferred_value import ANALYSIS
from metarl.analysis.inferred_value.plots import (
    plot_controls,
    plot_cue_responses,
    plot_ratios,
    plot_readout,
    plot_states,
    plot_valid_shares,
    plot_values,
)
from metarl.analysis.style import BASELINE_COLOURS, COLOURS


@pytest.fixture(scope="module")
def source():
    trials, recordings = population(count=3, noise=0.1, episodes=20)
    reset = population(count=3, noise=0.1, reset=True, episodes=20)
    minds = {"ideal": "inferring", "td": "experienced"}
    by_name = {
        name: simulate(kind, seed=3, episodes=20) for name, kind in minds.items()
    }
    return ExperimentData(
        task="inferred-value",
        parameters=ANALYSIS.published,
        discount=0.9,
        trials=trials,
        recordings=recordings,
        baselines={name: trials for name, (trials, _) in by_name.items()},
        baseline_recordings={
            name: recording for name, (_, recording) in by_name.items()
        },
        tests={"block-reset": reset[0]},
        test_recordings={"block-reset": reset[1]},
    )


@pytest.fixture(scope="module")
def result(source):
    return analyse(ANALYSIS, source)


def draw(plot, result, ax):
    return plot(result.tables, result.context, ax)


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def lines(ax, marker=None, colour=None, style=None):
    """The drawn lines with this marker, colour and style."""
    return [
        line
        for line in ax.lines
        if len(line.get_xdata())
        and (marker is None or line.get_marker() == marker)
        and (colour is None or same_color(line.get_color(), colour))
        and (style is None or line.get_linestyle() == style)
    ]


def heights(axes):
    return [list(line.get_ydata()) for line in axes]


def cell(table, **values):
    for name, value in values.items():
        table = table[table[name] == value]
    return table


def labels(ax):
    return {text.get_text() for text in ax.get_legend().get_texts()}


def test_cue_responses_are_means_dots_and_baselines(result, ax):
    draw(plot_cue_responses, result, ax)
    for kind in ("old", "new"):
        colour = COLOURS[f"{kind} cue"]
        curves = lines(ax, "None", colour, "-")
        courses = heights(curves)
        dots, ideal, td = (heights(lines(ax, m, colour)) for m in ("o", "D", "X"))
        places = [list(line.get_xdata()) for line in curves]
        assert places == [[0, 1, 2], [4, 5, 6], [8, 9, 10]]
        assert len(courses) == len(dots) == len(ideal) == len(td) == 3
        for index, when in enumerate(("before", "experienced", "inferred")):
            means = cell(
                result.tables.summary("responses"), group="measured", when=when
            )
            means = cell(means, cue=kind)
            assert means["event"].tolist() == ["fixation", "cue", "go"]
            assert courses[index] == means["mean"].tolist()
            each = cell(result.tables["responses"], when=when, cue=kind, event="cue")
            assert dots[index] == cell(each, group="measured")["rpe"].tolist()
            assert ideal[index] == cell(each, group="ideal")["rpe"].tolist()
            assert td[index] == cell(each, group="td")["rpe"].tolist()
    intervals = [s for c in ax.collections for s in c.get_segments()]
    assert len(intervals) == 18
    assert ax.get_legend().get_title().get_text() == (
        "networks (n = 3), a dot each\nvertical lines: 95 % over subjects"
    )
    assert {"ideal", "td", "cue rewarded before"} <= labels(ax)
    assert list(ax.get_xticks()) == [1, 5, 9]
    names = [text.get_text() for text in ax.get_xticklabels()]
    assert names == ["trial 1,\nbefore", "trial 2,\nexperienced", "trial 2,\ninferred"]


def test_two_networks_get_no_interval(source, ax):
    trials = source.trials[source.trials["subject"] < 2]
    recordings = {k: source.recordings[k] for k in (0, 1)}
    two = replace(source, trials=trials, recordings=recordings)
    draw(plot_cue_responses, analyse(ANALYSIS, two), ax)
    assert not [s for c in ax.collections for s in c.get_segments()]


def test_controls_stand_side_by_side_in_their_colours(result, ax):
    draw(plot_controls, result, ax)
    names = [text.get_text() for text in ax.get_xticklabels()]
    assert names == ["networks", "memory\nreset", "ideal", "td"]
    groups = {"measured": COLOURS["agent"], "block-reset": COLOURS["agent"]}
    groups |= {name: BASELINE_COLOURS[name] for name in ("ideal", "td")}
    for when, marker in (("before", "s"), ("experienced", "o"), ("inferred", "^")):
        means = result.tables.summary("differences").set_index(["group", "when"])[
            "mean"
        ]
        by_name = {
            round(float(line.get_xdata()[0])): line for line in lines(ax, marker)
        }
        for place, (group, colour) in enumerate(groups.items()):
            assert list(by_name[place].get_ydata()) == [means[group, when]]
            assert same_color(by_name[place].get_color(), colour)
    dots = lines(ax, ".")
    assert sorted(len(line.get_xdata()) for line in dots) == [1] * 6 + [3] * 6
    assert [line.get_ydata()[0] for line in lines(ax, style=":")] == [
        pytest.approx(IDEAL)
    ]
    assert labels(ax) == {"before", "experienced", "inferred"}


def test_ratios_are_a_dot_a_subject_with_the_published_value(result, ax):
    draw(plot_ratios, result, ax)
    ratios = cell(result.tables["subjects"], group="measured")["ratio"].tolist()
    assert heights(lines(ax, "o")) == [ratios]
    assert heights(lines(ax, "s")) == [
        cell(result.tables.summary("subjects"), group="measured")["mean"].tolist()
    ]
    assert np.mean(ratios) == pytest.approx(
        cell(result.tables.summary("subjects"), group="measured")["mean"].iloc[0]
    )
    assert heights(lines(ax, style="--")) == [[1, 1]]
    names = [text.get_text() for text in ax.get_xticklabels()]
    assert names == ["0", "1", "2", "mean"]
    (arrow,) = ax.texts
    assert arrow.get_text() == "monkeys' dopamine:\nsmaller (sign only)"
    assert arrow.xy[1] < arrow.xyann[1] < 1


def test_without_a_published_direction_there_is_no_arrow(result, ax):
    signs = result.tables["reference_signs"]
    tables = result.tables.replace(reference_signs=signs[signs["value"] >= 0])
    plot_ratios(tables, result.context, ax)
    assert not ax.texts


def test_valid_shares_go_through_the_block(result, ax):
    draw(plot_valid_shares, result, ax)
    (line,) = lines(ax, "None", COLOURS["agent"])
    means = cell(result.tables.summary("valid"), group="measured")
    assert list(line.get_xdata()) == [1, 2, 3, 4, 5]
    assert list(line.get_ydata()) == means["mean"].tolist()
    assert heights(lines(ax, style=":")) == [[1 / 9, 1 / 9]]
    assert line.get_label() == "networks (n = 3)"


def test_values_are_followed_from_trial_to_trial(result, ax):
    draw(plot_values, result, ax)
    for kind in ("old", "new"):
        colour = COLOURS[f"{kind} cue"]
        means = cell(result.tables.summary("values"), cue=kind)
        own = cell(means, group="measured").set_index(["place", "event"])["mean"]
        courses = lines(ax, "None", colour, "-")
        assert len(courses) == 4
        for place, line in enumerate(courses):
            steps = [own[place, e] for e in ("fixation", "cue", "go", "outcome")]
            assert list(line.get_ydata()) == steps
            assert list(line.get_xdata()) == [4 * place + step for step in range(4)]
        (ideal,) = lines(ax, style=":", colour=colour)
        assert list(ideal.get_ydata()) == cell(means, group="ideal")["mean"].tolist()
    reversal = lines(ax, style="--", colour="black")
    assert [line.get_xdata()[0] for line in reversal] == [3.5]
    names = [text.get_text() for text in ax.get_xticklabels()]
    assert names == ["last", "1", "2", "3"]


def test_readouts_of_trained_and_of_untrained_units_are_lines(result, ax):
    draw(plot_readout, result, ax)
    for units, colour in (
        ("trained", COLOURS["agent"]),
        ("untrained", COLOURS["chance"]),
    ):
        means = cell(result.tables.summary("readout"), units=units)
        means = means.set_index(["place", "event"])["mean"]
        courses = lines(ax, "None", colour, "-")
        for place, line in enumerate(courses[:4]):
            steps = [means[place, e] for e in ("fixation", "cue", "go", "outcome")]
            assert list(line.get_ydata()) == steps
        dots = lines(ax, ".", colour)
        assert [len(line.get_xdata()) for line in dots] == [16] * 3
    assert labels(ax) == {"trained", "untrained"}
    title = ax.get_legend().get_title().get_text()
    assert title == "networks (n = 3), same inputs; band: 95 % over subjects"


def test_states_are_dots_and_crosses_at_their_step(result, ax):
    draw(plot_states, result, ax)
    states = result.tables["states"]
    events = ["fixation", "cue", "go", "outcome"]
    for cue in ("A", "B"):
        colour = COLOURS[f"{cue} rewarded"]
        for marker, reversal in (("o", False), ("x", True)):
            (line,) = lines(ax, marker, colour)
            part = cell(states, rewarded_cue=cue, reversal=reversal)
            assert list(line.get_ydata()) == part["second"].tolist()
            steps = np.round(np.asarray(line.get_xdata(), float))
            assert steps.tolist() == [events.index(event) for event in part["event"]]
            assert np.asarray(line.get_xdata(), float) - steps == pytest.approx(
                0.45 * part["first"].to_numpy(float)
            )
    assert [text.get_text() for text in ax.get_xticklabels()] == events
    assert "network 0" in ax.get_legend().get_title().get_text()
