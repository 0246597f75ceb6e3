"""Panels of the reversal figure: the numbers that are drawn."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.colors import same_color
from reversal_blocks import chooser

from metarl.analysis import ExperimentData
from metarl.analysis.analysis import Panel, analyse
from metarl.analysis.reversal import ANALYSIS
from metarl.analysis.reversal.plots import (
    plot_acquisition,
    plot_better,
    plot_reversal,
    plot_staying,
    plot_subjects,
    plot_switching,
)
from metarl.analysis.style import COLOURS, baseline_colour, baseline_words


def analysed(**data):
    given = {"task": "reversal", "parameters": ANALYSIS.published} | data
    return analyse(ANALYSIS, ExperimentData(**given))


def draw_alone(draw, data, ax):
    result = analyse(ANALYSIS, data)
    draw(result.tables, result.context, ax)


@pytest.fixture(scope="module")
def result():
    trials = pd.concat([chooser(12, subject=k) for k in range(4)], ignore_index=True)
    baselines = {
        "random": chooser(12, seed=7, share=0.5),
        "bayes-greedy": chooser(12, seed=7, share=0.98, delay=1),
    }
    return analysed(trials=trials, baselines=baselines)


@pytest.fixture
def ax():
    figure, result = plt.subplots()
    yield result
    plt.close(figure)


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


@pytest.mark.parametrize(
    ("draw", "alignment", "trials"),
    [
        (plot_reversal, "reversal", range(-10, 26)),
        (plot_acquisition, "acquisition", range(1, 26)),
    ],
)
def test_curves_are_the_tables_with_the_monkeys_on_the_same_axes(
    result, ax, draw, alignment, trials
):
    draw(result.tables, result.context, ax)
    lines = {line.get_label(): line for line in ax.lines}
    for schedule, style, inside in ((80, "-", "animal"), (70, "--", None)):
        point = f"schedule == {schedule} and alignment == '{alignment}'"
        name = f"{schedule}/{100 - schedule}"
        own = result.tables.summary("curves").query(f"group == 'measured' and {point}")
        line = lines[f"networks (n = 4), {name}"]
        assert list(line.get_xdata()) == list(trials)
        assert list(line.get_ydata()) == list(own["mean"])
        assert line.get_linestyle() == style
        ideal = result.tables.summary("curves").query(
            f"group == 'bayes-greedy' and {point}"
        )
        line = lines[f"{baseline_words('bayes-greedy')}, {name}"]
        assert list(line.get_ydata()) == list(ideal["mean"])
        monkeys = result.tables["reference_curves"].query(point)
        dots = lines[f"macaques, Costa 2016 (n = 4), {name}"]
        assert list(dots.get_xdata()) == list(trials)
        assert list(dots.get_ydata()) == list(monkeys["value"])
        filled = COLOURS[inside] if inside else "white"
        assert same_color(dots.get_markerfacecolor(), filled)
    assert ax.get_legend().get_title().get_text() == (
        "dots' lines: s.e. over blocks; band: 95 % over subjects"
    )
    assert labels(ax) == [
        f"{who}, {name}"
        for name in ("80/20", "70/30")
        for who in (
            "networks (n = 4)",
            baseline_words("bayes-greedy"),
            "macaques, Costa 2016 (n = 4)",
        )
    ]


def test_the_bands_are_intervals_over_subjects_and_the_bars_errors_over_blocks(
    result, ax
):
    plot_reversal(result.tables, result.context, ax)
    bands = [c for c in ax.collections if hasattr(c, "get_paths") and c.get_alpha()]
    own = result.tables.summary("curves").query(
        "group == 'measured' and schedule == 80"
    )
    own = own[own["alignment"] == "reversal"]
    heights = bands[0].get_paths()[0].vertices[:, 1]
    assert heights.max() == pytest.approx(own["high"].max())
    assert heights.min() == pytest.approx(own["low"].min())
    bars = next(c for c in ax.collections if c not in bands)
    monkeys = result.tables["reference_curves"].query(
        "schedule == 80 and alignment == 'reversal'"
    )
    actual = [tuple(segment[:, 1]) for segment in bars.get_segments()]
    expected = zip(
        monkeys["value"] - monkeys["error"],
        monkeys["value"] + monkeys["error"],
        strict=True,
    )
    assert actual == [pytest.approx(pair) for pair in expected]


CELLS = {
    plot_better: ["p_better"],
    plot_staying: ["stay_after_win", "shift_after_loss"],
    plot_switching: ["first_new_better", "switch_delay"],
}


@pytest.mark.parametrize("draw", CELLS)
def test_bars_are_means_with_a_dot_a_subject_monkeys_and_baselines(result, ax, draw):
    draw(result.tables, result.context, ax)
    cells = [(measure, schedule) for measure in CELLS[draw] for schedule in (80, 70)]
    keys = ["measure", "schedule"]

    def of(group):
        part = result.tables.summary("by_schedule")
        return part[part["group"] == group].set_index(keys)

    means = of("measured").loc[cells]
    assert [bar.get_height() for bar in ax.patches] == list(means["mean"])
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert len(dots) == 4
    each = result.tables["by_schedule"].query("group == 'measured' and subject == 2")
    expected = each.set_index(keys).loc[cells, "value"]
    assert list(dots[2].get_ydata()) == list(expected)
    (bars,) = ax.containers[1:]
    monkeys = result.tables["reference_measures"].set_index(keys).loc[cells]
    assert list(bars[0].get_ydata()) == list(monkeys["value"])
    assert same_color(bars[0].get_color(), COLOURS["animal"])
    for name in ("random", "bayes-greedy"):
        marks = next(c for c in ax.collections if c.get_label() == baseline_words(name))
        heights = [segment[0, 1] for segment in marks.get_segments()]
        assert heights == list(of(name).loc[cells, "mean"])
        assert same_color(marks.get_color()[0], baseline_colour(name))
    whiskers = next(c for c in ax.collections if c.get_label().startswith("_"))
    actual = [tuple(segment[:, 1]) for segment in whiskers.get_segments()]
    assert actual == list(zip(means["low"], means["high"], strict=True))
    assert labels(ax)[0] == "networks (n = 4)"
    assert "macaques, Costa 2016 (n = 4)" in labels(ax)


def test_ticks_name_measure_and_schedule(result, ax):
    plot_staying(result.tables, result.context, ax)
    ticks = [tick.get_text() for tick in ax.get_xticklabels()]
    assert ticks == [
        "stay | win\n80/20",
        "stay | win\n70/30",
        "shift | loss\n80/20",
        "shift | loss\n70/30",
    ]


def test_every_subject_is_a_dot_with_the_monkeys_and_named_lines(result, ax):
    plot_subjects(result.tables, result.context, ax)
    subjects = result.tables["subjects"].query("group == 'measured'")
    assert list(ax.lines[0].get_ydata()) == list(subjects["p_better"])
    monkeys = (
        result.tables["reference_overall"].set_index("measure").loc["p_better", "value"]
    )
    assert list(ax.lines[1].get_ydata()) == [monkeys]
    lines = {text.get_text(): text.xy[1] for text in ax.texts}
    means = result.tables.summary("subjects").set_index("group")["mean"]
    assert lines == pytest.approx(
        {
            "random choice": means["random"],
            baseline_words("bayes-greedy"): means["bayes-greedy"],
            "learned": 0.75,
        }
    )
    ticks = [tick.get_text() for tick in ax.get_xticklabels()]
    assert ticks == ["0", "1", "2", "3", "macaques"]


def test_animals_have_their_colour_and_no_learned_line(ax):
    trials = pd.concat([chooser(4, subject=k) for k in range(2)], ignore_index=True)
    source = ExperimentData(trials=trials, subjects_are="animals", task="reversal")
    draw_alone(plot_subjects, source, ax)
    assert same_color(ax.lines[0].get_color(), COLOURS["own"])
    assert ax.get_xlabel() == (
        "Subject; animals (n = 2);\nmacaques, Costa 2016 (n = 4)"
    )
    assert not ax.texts
    figure, other = plt.subplots()
    draw_alone(plot_reversal, source, other)
    assert not [c for c in other.collections if c.get_alpha()]
    plt.close(figure)


def test_a_schedule_that_monkeys_never_had_is_drawn_alone(ax):
    source = ExperimentData(trials=chooser(6, schedules=(90,)), task="reversal")
    draw_alone(plot_reversal, source, ax)
    assert labels(ax) == ["network (n = 1), 90/10"]
    draw_alone(plot_better, source, ax)


def test_a_subject_below_chance_is_still_on_the_axes(ax):
    bad = chooser(6, share=0.1, delay=0)
    draw_alone(plot_subjects, ExperimentData(trials=bad, task="reversal"), ax)
    assert ax.get_ylim()[0] < ax.lines[0].get_ydata()[0] < 0.2


def test_without_a_choice_the_curves_say_so(ax):
    silent = chooser(4).assign(choice=float("nan"), reward=-1, valid=0)
    draw_alone(plot_reversal, ExperimentData(trials=silent, task="reversal"), ax)
    assert [text.get_text() for text in ax.texts] == ["not measured"]


def test_a_plot_makes_its_own_axes_where_none_are_given(result):
    ax = Panel("Learning", plot_acquisition)(result.tables, result.context)
    assert len(ax.figure.axes) == 1
    plt.close(ax.figure)
