"""Panels of the learning-set figure draw the numbers of the tables."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from problems import problem_recording, problem_trials

from metarl.analysis import ExperimentData
from metarl.analysis.analysis import analyse
from metarl.analysis.harlow import ANALYSIS
from metarl.analysis.harlow.plots import (
    plot_accounts,
    plot_course,
    plot_decoding,
    plot_durations,
    plot_gaze,
    plot_networks,
    plot_tests,
)
from metarl.analysis.style import baseline_colour

KNOWS = (0.5, 1, 1, 1, 1, 1)
HALFWAY = (0.5,) + (0.75,) * 5
SWAPPED = (*KNOWS, 0.1, 0.8, 1, 1, 1, 0.9)


def population(accuracies, **more):
    parts = [
        problem_trials(accuracy=each, seed=k, episodes=60, **more).assign(subject=k)
        for k, each in enumerate(accuracies)
    ]
    return pd.concat(parts, ignore_index=True)


def curve(first, last):
    steps = np.arange(1, 101) * 100.0
    rising = np.clip((steps - first) / (last - first), 0, 1)
    columns = {"steps": steps, "rollout/episodes": steps / 4}
    return pd.DataFrame(columns | {"rollout/return": 1.2 + 5 * rising})


@pytest.fixture(scope="module")
def result():
    """Four networks at the ceiling, after 250, 500, 750, 1,000 problems; one below."""
    trials = population([KNOWS] * 4 + [HALFWAY])
    recordings = {
        0: problem_recording(
            trials[trials["subject"] == 0], lambda target, other: target - other
        )
    }
    tests = {
        "new-distractor": population([HALFWAY] * 5),
        "trial-reset": population([(0.5,) * 6] * 5),
        "reversal": population([SWAPPED] * 5),
    }
    return analyse(
        ANALYSIS,
        ExperimentData(
            trials=trials,
            recordings=recordings,
            tests=tests,
            curves={
                k: curve(1_000 * (k + 1), 1_000 * (k + 1) + 2_000) for k in range(5)
            },
            stages={0.3: population([(0.5,) * 6] * 5)},
            baselines={"mean-colour": problem_trials(accuracy=(0.5,) + (0.9,) * 5)},
            task="harlow",
            parameters=ANALYSIS.published | {"reward_fixation": 0.2},
            discount=0.9,
            expected_subjects=5,
        ),
    )


@pytest.fixture
def ax():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def lines(ax):
    return {line.get_label(): line for line in ax.lines}


def test_line_and_interval_of_the_last_stage_are_of_the_same_networks(result, ax):
    curves = lines(plot_networks(result.tables, result.context, ax))
    summary = result.tables.summary("stages")
    final = summary[summary["stage"] == "final"]
    assert set(final["n"]) == {4}
    assert curves["final (4)"].get_ydata().tolist() == (100 * final["mean"]).tolist()
    (band,) = ax.collections
    heights = band.get_paths()[0].vertices[:, 1]
    edges = 100 * final["low"].min(), 100 * final["high"].max()
    assert (heights.min(), heights.max()) == pytest.approx(edges)
    # At 3,000 of 10,000 steps the first two are in their third and sixth... stage.
    stages = [
        label for label in curves if label.startswith(("1st", "2nd", "3rd", "6th"))
    ]
    assert stages == ["3rd (1)", "6th (1)"]
    # Each network in the end, two stages, the last, and chance.
    assert len(ax.lines) == 5 + 3 + 1


def test_without_stages_all_networks_are_drawn_as_one(ax):
    data = ExperimentData(trials=population([KNOWS, HALFWAY]), task="harlow")
    alone = analyse(ANALYSIS, data)
    curves = lines(plot_networks(alone.tables, alone.context, ax))
    assert "all (2)" in curves
    assert not ax.collections


def test_the_course_has_its_change_points_in_problems_on_a_logarithmic_axis(result, ax):
    plot_course(result.tables, result.context, ax)
    assert ax.get_xscale() == "log"
    dots = {
        mark: sorted(
            float(line.get_xdata()[0])
            for line in ax.lines
            if line.get_marker() == mark
            and len(line.get_xdata())
            and np.isfinite(line.get_xdata()).all()
        )
        for mark in "os"
    }
    assert dots["o"] == pytest.approx([250, 500, 750, 1_000, 1_250])
    assert dots["s"] == pytest.approx([750, 1_000, 1_250, 1_500])


def test_durations_are_dots_with_median_and_quartiles_and_the_papers(result, ax):
    plot_durations(result.tables, result.context, ax)
    first, second = (line.get_ydata() for line in ax.lines if line.get_marker() == "o")
    assert first.tolist() == pytest.approx([250, 500, 750, 1_000, 1_250])
    assert second.tolist() == pytest.approx([500] * 4)
    bars = [bar for path in ax.collections for bar in path.get_segments()]
    level = [bar[0, 1] for bar in bars if bar[0, 1] == bar[1, 1]]
    # Median, then quartiles; all took as long from chance to the ceiling.
    assert level == pytest.approx([750, 500, 1_000, 500, 500, 500])
    paper = [line.get_ydata()[0] for line in ax.lines if line.get_marker() == "D"]
    assert paper == [3_413 * 32, 4_875 * 32]
    (text,) = (t.get_text() for t in ax.texts)
    assert text == "at the ceiling: 4 of 5 [28, 99 %]\npaper: 14 of 50 (28 %)"


def test_tests_have_their_dots_and_means_in_percent(result, ax):
    plot_tests(result.tables, result.context, ax)
    names = [label.get_text() for label in ax.get_xticklabels()]
    assert names == [
        "new\nobjects",
        "no\nmemory",
        "7th:\nswap",
        "8th\ntrial",
        "12th\ntrial",
    ]
    bars = [path.get_segments()[0] for path in ax.collections]
    assert [bar[:, 0].mean() for bar in bars] == [0, 1, 2, 3, 4]
    expected = [95, 50, 10, 80, 90]
    np.testing.assert_allclose([bar[0, 1] for bar in bars], expected, atol=6)
    dots = [line.get_ydata() for line in ax.lines if line.get_marker() == "o"]
    for values, bar in zip(dots, bars, strict=True):
        assert len(values) == 5
        assert np.mean(values) == pytest.approx(bar[0, 1])


def test_accounts_have_the_baseline_with_a_memory_of_the_mean_colour(result, ax):
    curves = lines(plot_accounts(result.tables, result.context, ax))
    mark = curves["memory of the mean colour"]
    assert mark.get_ydata()[0] == pytest.approx(90, abs=3)
    assert mark.get_color() == baseline_colour("mean-colour")
    order = curves["memory of the order by one feature"]
    assert order.get_ydata().tolist() == pytest.approx([100, 200 / 3])
    assert curves["no memory"].get_ydata().tolist() == [50, 50]
    np.testing.assert_allclose(curves["networks (n = 5)"].get_ydata(), [95, 75], atol=3)


def test_decoding_states_the_r2_of_the_rewarded_object(result, ax):
    plot_decoding(result.tables, result.context, ax)
    (text,) = (t.get_text() for t in ax.texts)
    r2 = result.tables["decoding"].set_index("units")["r2_target"]
    assert text.splitlines() == [
        "r2 of the rewarded object",
        f"networks: {r2['trained']:.2f}",
        f"networks, untrained: {r2['untrained']:.2f}",
    ]
    faces = {name: line.get_markerfacecolor() for name, line in lines(ax).items()}
    assert faces["networks, untrained"] == "none" != faces["networks"]


def test_gaze_of_the_first_and_the_last_trial_starts_at_the_cross(result, ax):
    plot_gaze(result.tables, result.context, ax)
    traces = [line for line in ax.lines if len(line.get_xdata()) == 4]
    assert len(traces) == 2 * 60
    starts = np.array([line.get_ydata()[0] for line in traces])
    ends = np.array([line.get_ydata()[-1] for line in traces])
    assert np.abs(starts).max() < 0.4
    np.testing.assert_allclose(np.abs(ends - starts), 3)
    last = [line.get_color() == lines(ax)["trial 6"].get_color() for line in traces]
    assert (ends[np.array(last)] > 0).all()
    assert 0.2 < (ends[~np.array(last)] > 0).mean() < 0.8
    assert set(result.tables["gaze"]["subject"]) == {0}
