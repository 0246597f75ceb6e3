"""Panels of the restless bandit draw the numbers of the tables, at their places."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from drifters import recording, simulate

from metarl.analysis import ExperimentData
from metarl.analysis.analysis import analyse
from metarl.analysis.restless_bandit import ANALYSIS
from metarl.analysis.restless_bandit.plots import (
    plot_learning_rates,
    plot_models,
    plot_quiet_episode,
    plot_regret,
    plot_regret_by_volatility,
    plot_volatile_episode,
)

LABEL = "networks (n = 4)"


@pytest.fixture(scope="module")
def result():
    parts = [simulate((0.2, 0.6), 40, subject=k) for k in range(4)]
    baselines = {
        "random": simulate(None, 40, seed=9),
        "rescorla-wagner": simulate((0.5, 0.5), 40, seed=9),
    }
    source = ExperimentData(
        trials=pd.concat(parts, ignore_index=True),
        baselines=baselines,
        recordings={2: recording(parts[2])},
        discount=0.9,
        task="restless-bandit",
    )
    return analyse(ANALYSIS, source)


@pytest.fixture
def ax():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def lines(ax):
    return {line.get_label(): line for line in ax.lines}


def test_regret_is_drawn_for_networks_and_baselines(result, ax):
    assert plot_regret(result.tables, result.context, ax) is ax
    shown, summary = lines(ax), result.tables.summary("regret").set_index("group")
    for group, label in (("measured", LABEL), ("random", "random choice")):
        assert list(shown[label].get_ydata()) == summary.loc[group, "mean"].tolist()
    assert len(ax.lines) == 4 + 1 + 2
    tips = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert tips.max() == pytest.approx(summary.loc["measured", "high"].max())
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == [LABEL, "random choice", "Rescorla-Wagner"]


@pytest.mark.parametrize(
    ("draw", "table", "column"),
    [
        (plot_regret_by_volatility, "by_volatility", "regret"),
        (plot_learning_rates, "rates", "learning_rate"),
    ],
)
def test_quiet_stands_left_of_volatile(draw, table, column, result, ax):
    draw(result.tables, result.context, ax)
    curves = lines(ax)
    summary = result.tables.summary(table).set_index(["group", "volatility"])
    for group, label in (("measured", LABEL), ("rescorla-wagner", "Rescorla-Wagner")):
        heights = [summary.loc[(group, kind), "mean"] for kind in ("low", "high")]
        assert list(curves[label].get_ydata()) == pytest.approx(heights)
    each = result.tables[table]
    own = each[(each["group"] == "measured") & (each["subject"] == 3)]
    heights = own.set_index("volatility")[column].loc[["low", "high"]].tolist()
    assert list(ax.lines[3].get_ydata()) == pytest.approx(heights)
    names = [text.get_text() for text in ax.get_xticklabels()]
    assert names == ["quiet", "volatile"]
    segments = ax.collections[0].get_segments()
    low = summary.loc[("measured", "low")]
    assert list(segments[0][:, 1]) == pytest.approx([low["low"], low["high"]])


def test_models_are_bars_from_b_with_a_dot_a_subject(result, ax):
    plot_models(result.tables, result.context, ax)
    summary = result.tables.summary("models").set_index(["group", "model"])["mean"]
    names = [text.get_text() for text in ax.get_xticklabels()]
    assert names == ["b", "ab", "be", "abe"]
    heights = [bar.get_height() for bar in ax.patches]
    groups = ("measured", "rescorla-wagner")
    expected = [summary[group, name] for group in groups for name in names]
    assert heights == pytest.approx(expected)
    dots = [line.get_ydata() for line in ax.lines if line.get_marker() == "o"]
    assert len(dots) == 4 + 1
    models = result.tables["models"].set_index(["group", "subject", "model"])[
        "bic_difference"
    ]
    own = [models["measured", 2, name] for name in names]
    assert list(dots[2]) == pytest.approx(own)


@pytest.mark.parametrize(
    ("draw", "kind"), [(plot_quiet_episode, "low"), (plot_volatile_episode, "high")]
)
def test_an_episode_shows_probabilities_policy_and_choices(draw, kind, result, ax):
    draw(result.tables, result.context, ax)
    shown = result.tables["examples"]
    shown = shown[shown["volatility"] == kind]
    curves = lines(ax)
    truth = shown["probability_left"].tolist()
    assert list(curves["P(reward | left)"].get_ydata()) == truth
    assert set(curves["P(choose left)"].get_ydata()) == {0.75}
    for label, rewarded in (("rewarded", 1), ("unrewarded", 0)):
        part = shown[shown["reward"] == rewarded]
        marks = curves[f"choice, {label}"]
        assert list(marks.get_xdata()) == (part["trial"] + 1).tolist()
        above = np.asarray(marks.get_ydata()) > 1
        assert above.tolist() == (part["choice"] == 0).tolist()
    title = ax.get_legend().get_title().get_text()
    assert title == f"network 2, episode {shown['episode'].iloc[0]}"


def test_every_panel_can_be_drawn_from_few_trials_alone():
    trials = simulate((0.2, 0.6), 1)
    result = analyse(ANALYSIS, ExperimentData(trials=trials, task="restless-bandit"))
    said = []
    for panel in ANALYSIS.panels:
        axes = panel(result.tables, result.context)
        said += [text.get_text() for text in axes.texts]
        plt.close(axes.figure)
    blocks = "too few episodes for a block"
    assert said == [blocks, blocks, "no volatile episode"]
    assert not result.effects["passed"].any()
