"""Panels of the informative-arm figure: the numbers that are drawn."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from informed_choosers import analysed, simulate

from metarl.analysis.informative_arm import ANALYSIS
from metarl.analysis.informative_arm.plots import (
    plot_after_clue,
    plot_choices,
    plot_regret,
)
from metarl.analysis.style import baseline_words


@pytest.fixture(scope="module")
def result():
    return analysed(["informed-first"] * 3 + ["guesser"])


@pytest.fixture
def ax():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def lines(ax):
    return {line.get_label(): line for line in ax.lines}


def test_choices_are_lines_by_trial(result, ax):
    assert plot_choices(result.tables, result.context, ax) is ax
    summary = result.tables.summary("choices").set_index(["group", "kind"])
    curves = lines(ax)
    for kind in ("target", "informative arm"):
        for group, name in (
            ("measured", "networks (n = 4)"),
            ("guesser", baseline_words("guesser")),
        ):
            expected = summary.loc[(group, kind), "mean"].tolist()
            assert list(curves[f"{kind}, {name}"].get_ydata()) == expected
    assert curves[f"target, {baseline_words('informed')}"].get_ydata()[0] == 0
    assert curves[f"informative arm, {baseline_words('informed')}"].get_ydata()[0] == 1
    # Two kinds of choice: four subjects, their mean and two baselines each.
    assert len(ax.lines) == 2 * (4 + 1 + 2)


def test_the_square_is_of_targets_and_arms(result, ax):
    plot_after_clue(result.tables, result.context, ax)
    square = np.asarray(ax.images[0].get_array())
    each = result.tables["after_clue"]
    assert square.shape == (10, 11)
    for target, arm in ((1, 1), (10, 10), (4, 11), (3, 8)):
        cell = each[(each["target"] == target) & (each["arm"] == arm)]
        # The guesser chooses the informative arm by a slip only, if at all.
        expected = cell["probability"].dropna().mean()
        assert square[target - 1, arm - 1] == pytest.approx(expected)
    assert square[0, 0] > square[0, 1]
    assert ax.images[0].get_extent() == [0.5, 11.5, 0.5, 10.5]
    assert ax.get_xlabel().endswith("4 chose it, of networks (n = 4)")


def test_regrets_are_lines_with_an_interval(result, ax):
    plot_regret(result.tables, result.context, ax)
    summary = result.tables.summary("regret").set_index("group")
    measured = summary.loc["measured"]
    actual = lines(ax)["networks (n = 4)"]
    assert list(actual.get_ydata()) == measured["mean"].tolist()
    tips = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert tips.max() == pytest.approx(measured["high"].max())
    names = [text.get_text() for text in ax.texts]
    groups = ["informed", "guesser"]
    assert names == [baseline_words(group) for group in groups]
    ends = [line.get_ydata()[-1] for line in ax.lines[:2]]
    assert ends == summary.loc[groups].query("trial == 5")["mean"].tolist()


def test_every_panel_can_be_drawn_from_few_trials_alone(ax):
    few = {"trials": simulate("guesser", 2), "baselines": {}}
    result = analysed(["guesser"], **few)
    for panel in ANALYSIS.panels:
        plt.close(panel(result.tables, result.context).figure)
    plot_after_clue(result.tables, result.context, ax)
    assert ax.texts[0].get_text() == "the informative arm was never chosen"
    assert not result.effects["passed"].any()
