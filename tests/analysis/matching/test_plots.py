"""Panels: the numbers that are drawn, not the pixels."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from baited_choosers import baited_trials, source_of
from matplotlib.colors import same_color

from metarl.analysis import ExperimentData
from metarl.analysis.analysis import analyse
from metarl.analysis.matching import ANALYSIS
from metarl.analysis.matching.plots import (
    plot_coding,
    plot_earnings,
    plot_fractions,
    plot_history,
    plot_matching,
    plot_slopes,
)
from metarl.analysis.style import COLOURS, baseline_colour, baseline_words


@pytest.fixture(scope="module")
def result():
    baselines = {
        name: baited_trials(name, episodes=80)
        for name in ("random", "alternation", "matching")
    }
    return analyse(ANALYSIS, source_of("bayes", episodes=90, baselines=baselines))


@pytest.fixture(scope="module")
def tables(result):
    return result.tables


@pytest.fixture
def ax():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def line(ax, start):
    (result,) = [x for x in ax.get_lines() if str(x.get_label()).startswith(start)]
    return result


def labels_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def bars(ax, label):
    (result,) = [c for c in ax.containers if c.get_label() == label]
    return [bar.get_height() for bar in result]


def points_of(ax, label):
    """Middles of a published series with error bars."""
    (result,) = [c for c in ax.containers if c.get_label() == label]
    return np.asarray(result[0].get_ydata(), float)


def levels_of(ax, label):
    """Heights of a set of horizontal lines."""
    (result,) = [c for c in ax.collections if c.get_label() == baseline_words(label)]
    return [float(segment[0][1]) for segment in result.get_segments()]


def measured(table):
    return table[table["group"] == "measured"]


def test_the_scatter_has_every_episode_and_the_mean_lines(result, tables, ax):
    plot_matching(result.tables, result.context, ax)
    points, dots = (
        tables["points"],
        [x for x in ax.get_lines() if x.get_marker() == "o"],
    )
    assert sum(len(part.get_xdata()) for part in dots) == len(points)
    for part, held_out in zip(dots, (0, 1), strict=True):
        own = points[points["held_out"] == held_out]
        np.testing.assert_allclose(part.get_xdata(), own["reward_ratio"])
        np.testing.assert_allclose(part.get_ydata(), own["choice_ratio"])
        assert (part.get_markerfacecolor() == "none") == bool(held_out)
    lines = measured(tables["lines"])
    for name in ("held-in", "held-out"):
        own = lines[lines["set"] == name]
        curve = line(ax, name)
        slope = np.diff(curve.get_ydata()) / np.diff(curve.get_xdata())
        assert slope.item() == pytest.approx(own["slope"].mean())
        assert np.mean(curve.get_ydata()) == pytest.approx(own["bias"].mean())
        text = f"{name}: slope {own['slope'].mean():.2f}, r {own['r'].mean():.2f}"
        assert text in labels_of(ax)
    identity = line(ax, "slope 1")
    np.testing.assert_allclose(identity.get_xdata(), identity.get_ydata())
    mice = line(ax, "mice, 40/10 %")
    np.testing.assert_allclose(mice.get_ydata(), 0.742 * mice.get_xdata())
    assert same_color(mice.get_color(), COLOURS["animal"])
    assert ax.get_legend().get_title().get_text().startswith("networks (n = 3)")


def test_slopes_are_drawn_with_those_of_animals_and_of_baselines(result, tables, ax):
    plot_slopes(result.tables, result.context, ax)
    summary = measured(tables.summary("slopes")).set_index("measure")["mean"]
    names = ["slope, held-in", "slope, held-out"]
    names += ["stay_after_reward", "switch_after_none"]
    assert bars(ax, "networks (n = 3)") == pytest.approx(summary[names].tolist())
    np.testing.assert_allclose(
        points_of(ax, "macaque X51, Tsutsui 2016"), [0.373, 0.373, 0.623, 0.703]
    )
    np.testing.assert_allclose(
        points_of(ax, "mice, both, Bari 2019 (n = 16)"), [np.nan, np.nan, 0.862, 0.369]
    )
    own = tables.summary("slopes").query("group == 'matching'").set_index("measure")
    assert levels_of(ax, "matching") == pytest.approx(own.loc[names, "mean"].tolist())
    assert "alternation" not in labels_of(ax)
    assert labels_of(ax)[0] == "networks (n = 3)"
    dots = [x for x in ax.get_lines() if x.get_marker() == "o"]
    subjects = measured(tables["subjects"])
    assert [part.get_ydata()[2] for part in dots] == pytest.approx(
        subjects["stay_after_reward"].tolist()
    )


def test_history_weights_are_drawn_by_lag_with_those_of_mice(result, tables, ax):
    plot_history(result.tables, result.context, ax)
    summary = measured(tables.summary("history"))
    for predictor in ("reward", "choice"):
        own = summary[summary["predictor"] == predictor]
        curve = line(ax, f"past {predictor}s")
        np.testing.assert_allclose(curve.get_xdata(), own["lag"])
        np.testing.assert_allclose(curve.get_ydata(), own["mean"])
        mice = points_of(ax, f"past {predictor}s, mice, Bari 2019 (n = 16)")
        assert mice[0] == {"reward": 1.836, "choice": -0.178}[predictor]
        assert len(mice) == 15
    assert len(ax.collections) >= 2


def test_earnings_are_drawn_by_set_with_the_exact_lines(result, tables, ax):
    plot_earnings(result.tables, result.context, ax)
    own = measured(tables["earnings"])
    for name in ("held-in", "held-out"):
        part = own[own["set"] == name]
        curve = line(ax, f"networks (n = 3), {name}")
        assert curve.get_ydata().tolist() == part["reward_per_trial"].tolist()
        assert (curve.get_markerfacecolor() == "white") == (name == "held-out")
    means = own.groupby("set")[["random", "matching", "rich_then_poor"]].mean()
    sets = ["held-in", "held-out"]
    for name in ("random", "matching", "rich-then-poor"):
        expected = means.loc[sets, name.replace("-", "_")].tolist()
        assert levels_of(ax, name) == pytest.approx(expected)
    simulated = tables["earnings"].query("group == 'alternation'").set_index("set")
    expected = simulated.loc[sets, "reward_per_trial"].tolist()
    assert levels_of(ax, "alternation") == pytest.approx(expected)
    gain = means["rich_then_poor"] - means["random"]
    share = ANALYSIS.criteria["matching"].learned.threshold
    learned = (means["random"] + share * gain)["held-in"]
    assert levels_of(ax, "learned") == pytest.approx([learned])
    for name in ("random", "matching", "alternation"):
        (curve,) = [c for c in ax.collections if c.get_label() == baseline_words(name)]
        assert same_color(curve.get_color()[0], baseline_colour(name))


def test_coding_is_drawn_with_both_nulls(result, tables, ax):
    plot_coding(result.tables, result.context, ax)
    coding = tables["coding"]
    names = ["last action", "last reward", "action x reward", "left value"]
    names += ["upcoming action"]
    means = coding.groupby(["network", "variable"])["strength"].mean()
    assert bars(ax, "trained") == pytest.approx(means["trained"][names].tolist())
    untrained = bars(ax, "untrained, same inputs")
    assert untrained == pytest.approx(means["untrained"][names].tolist())
    trained = coding[coding["network"] == "trained"]
    wrong = trained.groupby("variable")["wrong_episode"].mean()[names]
    assert levels_of(ax, "trained, wrong episode") == pytest.approx(wrong.tolist())
    units = tables["units"].query("subject == 0 and network == 'trained'")
    dots = line(ax, "units of network 0")
    np.testing.assert_allclose(dots.get_ydata(), units["r"].abs().astype(float))
    assert ax.get_legend().get_title().get_text() == (
        "n = 3 networks; vertical lines: 95 % over subjects"
    )


def test_fractions_are_drawn_with_those_of_neurons(result, tables, ax):
    plot_fractions(result.tables, result.context, ax)
    names = ["last action", "last reward", "action x reward", "history"]
    names += ["left value", "upcoming action"]
    means = tables["coding"].groupby(["network", "variable"])["fraction"].mean()
    assert bars(ax, "trained") == pytest.approx(means["trained"][names].tolist())
    neurons = points_of(ax, "205 neurons of macaque dlPFC")
    nothing = [np.nan] * 3
    np.testing.assert_allclose(neurons, [*nothing, 0.5512, 0.5805, 0.361])
    responses = points_of(ax, "1,222 responses of macaque dlPFC")
    np.testing.assert_allclose(responses, [0.0638, 0.0908, 0.0638, *nothing])


def test_without_recordings_the_unit_panels_say_so(ax):
    data = ExperimentData(trials=baited_trials(episodes=5), task="matching")
    bare = analyse(ANALYSIS, data)
    for draw in (plot_coding, plot_fractions):
        ax.clear()
        draw(bare.tables, bare.context, ax)
        assert [text.get_text() for text in ax.texts] == ["no recording"]


def test_animals_have_one_line_and_their_colour(ax):
    trials = baited_trials("matching", episodes=30)
    trials = trials.drop(columns=["held_out", "p0_left", "chance_left"])
    source = ExperimentData(trials=trials, subjects_are="animals", task="matching")
    result = analyse(ANALYSIS, source)
    plot_matching(result.tables, result.context, ax)
    assert same_color(line(ax, "all: slope").get_color(), COLOURS["own"])
    assert not [text for text in labels_of(ax) if text.startswith("held")]
    ax.clear()
    plot_slopes(result.tables, result.context, ax)
    assert len(bars(ax, "animal (n = 1)")) == 3
    ax.clear()
    plot_earnings(result.tables, result.context, ax)
    assert [t.get_text() for t in ax.texts] == ["base probabilities are not known"]
