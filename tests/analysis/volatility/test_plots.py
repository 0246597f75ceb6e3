"""Panels draw the numbers of the tables, at their places."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import same_color
from matplotlib.container import ErrorbarContainer
from volatile_choosers import SUBJECT_COUNT, whole_source

from metarl.analysis.analysis import analyse
from metarl.analysis.measures import Measure
from metarl.analysis.style import COLOURS, baseline_words
from metarl.analysis.volatility import ANALYSIS
from metarl.analysis.volatility.plots import (
    plot_block_rates,
    plot_coding,
    plot_differences,
    plot_rate_traces,
    plot_rewards,
    plot_volatility,
)

BLOCKS = ["Stable 1", "Volatile 1", "Volatile 2", "Stable 2"]


@pytest.fixture(scope="module")
def result():
    return analyse(ANALYSIS, whole_source())


@pytest.fixture(scope="module")
def tables(result):
    return result.tables


@pytest.fixture
def ax():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def heights_of(ax, marker):
    lines = [line for line in ax.lines if line.get_marker() == marker]
    return [np.asarray(line.get_ydata(), dtype=float) for line in lines]


def test_block_rates_are_dots_and_means_with_those_of_people(result, tables, ax):
    assert plot_block_rates(result.tables, result.context, ax) is ax
    rates = tables["rates"][tables["rates"]["group"] == "measured"]
    each = rates.set_index(["subject", "block"])["rate"]
    expected = [[each[k, block] for block in BLOCKS] for k in range(SUBJECT_COUNT)]
    np.testing.assert_allclose(heights_of(ax, "o"), expected)
    means = rates.groupby("block")["rate"].mean()[BLOCKS]
    np.testing.assert_allclose(heights_of(ax, "_")[0], means)
    bars = {c.get_label(): c for c in ax.containers if isinstance(c, ErrorbarContainer)}
    assert list(bars) == ["humans, Cook 2019 (n = 102)", "humans, Gagne 2020 (n = 53)"]
    people = bars["humans, Gagne 2020 (n = 53)"]
    assert list(people[0].get_ydata()) == [0.264, 0.31]
    assert same_color(people[0].get_color(), COLOURS["human"])
    assert people[0].get_xdata()[0] > 4
    tips = people[2][0].get_segments()[1][:, 1]
    assert list(tips) == pytest.approx([0.31 - 0.027, 0.31 + 0.027])
    assert ax.get_yscale() == "log"
    assert "macaques" in ax.texts[0].get_text()
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend[0] == f"networks (n = {SUBJECT_COUNT})"


def test_baselines_that_learn_are_lines_across_the_blocks(result, tables, ax):
    plot_block_rates(result.tables, result.context, ax)
    lines = next(
        c for c in ax.collections if c.get_label() == baseline_words("bayes-greedy")
    )
    heights = [segment[0, 1] for segment in lines.get_segments()]
    rates = tables["rates"][tables["rates"]["group"] == "bayes-greedy"]
    expected = rates.set_index("block")["rate"][BLOCKS]
    assert heights == pytest.approx(list(expected))


def test_traces_are_lines_of_both_orders(result, tables, ax):
    plot_rate_traces(result.tables, result.context, ax)
    lines = {line.get_label(): line for line in ax.lines}
    summary = tables.summary("traces")
    for order, words, style in (
        ("low-first", "stable first", "-"),
        ("high-first", "volatile first", "--"),
    ):
        line = lines[f"networks (n = {SUBJECT_COUNT}), {words}"]
        part = summary[(summary["group"] == "measured") & (summary["order"] == order)]
        np.testing.assert_array_equal(line.get_xdata(), part["trial"])
        np.testing.assert_array_equal(line.get_ydata(), part["mean"])
        assert line.get_linestyle() == style
    assert len(ax.collections) == 2
    middle = next(line for line in ax.lines if line.get_linestyle() == ":")
    assert middle.get_xdata()[0] == 100


def test_rewards_are_dots_with_the_lines_of_baselines(result, tables, ax):
    plot_rewards(result.tables, result.context, ax)
    subjects = tables["subjects"][tables["subjects"]["group"] == "measured"]
    np.testing.assert_allclose(heights_of(ax, "o")[0], subjects["reward_per_trial"])
    names = {line.get_label().split(" (")[0]: line for line in ax.lines}
    random = tables.summary("subjects").set_index("group").loc["random", "mean"]
    assert names["random"].get_ydata()[0] == pytest.approx(random)
    assert "constant" not in names
    heights = {text.get_text(): text.xy[1] for text in ax.texts}
    assert heights == {"learned": 0.32}


def test_differences_are_drawn_with_controls_and_simulated_choosers(result, tables, ax):
    plot_differences(result.tables, result.context, ax)
    names = [text.get_text() for text in ax.get_xticklabels()]
    assert names == [
        f"networks\n(n = {SUBJECT_COUNT})",
        f"control\nnetworks\n(n = {SUBJECT_COUNT})",
        "fixed\nrate",
        "fixed\nhazard",
    ]
    table, simulated = tables["differences"], tables["simulated_differences"]
    parts = [
        table[table["group"] == "measured"],
        table[table["group"] == "constant"],
        simulated[simulated["kind"] == "fixed rate"],
        simulated[simulated["kind"] == "fixed hazard"],
    ]
    for order, marker in (("low-first", "o"), ("high-first", "^")):
        for part, shown in zip(parts, heights_of(ax, marker), strict=True):
            expected = part.loc[part["order"] == order, "difference"]
            np.testing.assert_allclose(shown, expected)
    assert {text.get_text(): text.xy[1] for text in ax.texts} == {"criterion": 0.1}


def test_volatility_is_drawn_as_estimated_and_as_decoded(result, tables, ax):
    plot_volatility(result.tables, result.context, ax)
    lines = {line.get_label(): line for line in ax.lines}
    observed = tables["observed"]
    low = observed[observed["order"] == "low-first"]["estimate"]
    shown = lines["Bayesian observer, stable first"].get_ydata()
    np.testing.assert_array_equal(shown, low)
    decoded = tables.summary("decoded")
    high = decoded[decoded["order"] == "high-first"]["mean"]
    shown = lines["decoded from units, volatile first"].get_ydata()
    np.testing.assert_array_equal(shown, high)
    r = tables.summary("decoding").set_index(["test", "units"])["mean"]
    words = (
        f"held out: r = {r['test', 'trained']:.2f}; "
        f"untrained, same inputs {r['test', 'untrained']:.2f}\n"
        "band: 95 % over subjects"
    )
    assert ax.get_legend().get_title().get_text() == words


def test_coding_is_bars_of_trained_and_untrained_with_the_papers(result, tables, ax):
    plot_coding(result.tables, result.context, ax)
    means = tables.summary("coding").set_index(["units", "test", "label"])["mean"]
    keys = [("test", "own"), ("generator", "own"), ("generator", "other episode")]
    for units, bars in zip(("trained", "untrained"), ax.containers, strict=False):
        expected = [means[units, *key] for key in keys]
        assert [bar.get_height() for bar in bars] == pytest.approx(expected)
    paper = next(c for c in ax.containers if isinstance(c, ErrorbarContainer))
    assert list(paper[0].get_ydata()) == [0.37]
    assert list(paper[0].get_xdata()) == [0]
    assert len(heights_of(ax, "o")) == 2 * SUBJECT_COUNT
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == [
        f"trained (n = {SUBJECT_COUNT})",
        f"untrained (n = {SUBJECT_COUNT})",
        "networks, Wang 2018 (n = 8)",
    ]


def test_without_recordings_the_coding_panel_says_so(result, tables, ax):
    bare = Measure(tables["coding"].iloc[:0], "fraction", ("test", "units", "label"))
    plot_coding(tables.replace(coding=bare), result.context, ax)
    assert ax.texts[0].get_text() == "no recording"
