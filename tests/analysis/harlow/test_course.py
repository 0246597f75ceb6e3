"""Change points and stages, from planted ramps."""

import numpy as np
import pandas as pd
import pytest
from problems import problem_trials

from metarl.analysis.harlow.behaviour import (
    accuracy_by_trial,
    read_trials,
    subject_accuracy,
)
from metarl.analysis.harlow.course import (
    change_points,
    curves_table,
    durations_table,
    fit_ramp,
    scaled,
    stage_accuracy,
)

PARAMETERS = {"trial_count": 6, "reward_fixation": 0.2}
STEPS = np.arange(1, 101) * 100.0


def ramp(first=3_000.0, last=6_000.0, low=50.0, high=98.0):
    return low + (high - low) * np.clip((STEPS - first) / (last - first), 0, 1)


def curve(performance, per_step=0.1):
    returns = 1.2 + 5 * (performance - 50) / 50
    columns = {"steps": STEPS, "rollout/episodes": per_step * STEPS}
    return pd.DataFrame(columns | {"rollout/return": returns})


def test_performance_is_50_at_random_choice_and_100_at_the_optimum():
    returns = np.array([1.2, 6.2, 3.7])
    np.testing.assert_allclose(scaled(returns, 6, 0.2), [50, 100, 75])
    np.testing.assert_allclose(scaled(np.array([2.4, 13.4]), 12, 0.2), [50, 100])


@pytest.mark.parametrize("ends", [(3_000.0, 6_000.0), (1_000.0, 1_200.0), (200, 9_900)])
def test_the_ends_of_a_ramp_are_found(ends):
    assert fit_ramp(STEPS, ramp(*ends)) == ends


def test_the_ends_of_a_noisy_ramp_are_found_nearly():
    noise = np.random.default_rng(0).normal(0, 2, 100)
    result = fit_ramp(STEPS, ramp() + noise)
    assert result == (pytest.approx(3_000, abs=300), pytest.approx(6_000, abs=300))


@pytest.mark.parametrize("flat", [np.full(100, 50.0), -ramp(), ramp()[:2]])
def test_a_curve_that_does_not_rise_has_no_change_points(flat):
    assert np.isnan(fit_ramp(STEPS[: len(flat)], flat)).all()


def test_before_the_cross_is_held_counts_as_chance():
    early = np.where(STEPS < 1_500, 38.0, ramp())
    curves = curves_table({0: curve(early)}, PARAMETERS)
    subjects = subject_accuracy(read_trials(problem_trials()))
    result = change_points(curves, subjects).iloc[0]
    assert result["leaves_chance_step"] == 3_000
    assert result["reaches_ceiling_step"] == 6_000
    assert result["leaves_chance"] == pytest.approx(300)
    assert result["reaches_ceiling"] == pytest.approx(600)


@pytest.mark.parametrize(
    ("accuracy", "leaves", "reaches"),
    [
        ((0.5, 1, 1, 1, 1, 1), True, True),
        ((0.5, 0.9, 0.9, 0.9, 0.9, 0.9), True, False),
        ((0.5,) * 6, False, False),
    ],
)
def test_a_network_that_did_not_reach_it_at_the_end_has_no_change_point(
    accuracy, leaves, reaches
):
    subjects = subject_accuracy(read_trials(problem_trials(accuracy=accuracy)))
    result = change_points(curves_table({0: curve(ramp())}, PARAMETERS), subjects).iloc[
        0
    ]
    assert np.isfinite(result["leaves_chance"]) == leaves
    assert np.isfinite(result["reaches_ceiling"]) == reaches


def test_points_without_a_finished_episode_are_left_out():
    broken = curve(ramp())
    broken.loc[:4, "rollout/return"] = np.nan
    assert len(curves_table({3: broken}, PARAMETERS)) == 95
    assert curves_table({}, PARAMETERS).empty


def test_snapshots_fall_into_six_equal_stages_between_the_change_points():
    subjects = subject_accuracy(read_trials(problem_trials()))
    changes = change_points(curves_table({0: curve(ramp())}, PARAMETERS), subjects)
    # Snapshots every 500 steps of 10,000: one in each stage of 500 steps.
    snapshots = {
        n / 20: read_trials(problem_trials(episodes=20, accuracy=(n / 20,) * 6, seed=n))
        for n in range(21)
    }
    final = accuracy_by_trial(read_trials(problem_trials()))
    result = stage_accuracy(snapshots, changes, final, 10_000)
    assert set(result["stage"]) == {*"123456", "final"}
    for stage in range(1, 7):
        here = result[result["stage"] == str(stage)].set_index("trial")["accuracy"]
        expected = accuracy_by_trial(snapshots[(stage + 6) / 20])
        np.testing.assert_allclose(here, expected["accuracy"])
    last = result[result["stage"] == "final"]["accuracy"]
    np.testing.assert_allclose(last, final["accuracy"])


def test_two_snapshots_of_one_stage_are_averaged_and_stuck_networks_have_none():
    subjects = subject_accuracy(read_trials(problem_trials(subjects=2)))
    subjects.loc[1, "ceiling"] = 0.0
    curves = curves_table({0: curve(ramp(4_900, 9_900)), 1: curve(ramp())}, PARAMETERS)
    changes = change_points(curves, subjects)
    tables = [
        read_trials(problem_trials(subjects=2, episodes=50, accuracy=(share,) * 6))
        for share in (0.2, 0.8)
    ]
    stages = dict(zip((0.5, 0.55), tables, strict=True))
    final = accuracy_by_trial(read_trials(problem_trials(subjects=2)))
    result = stage_accuracy(stages, changes, final, 10_000)
    assert set(result["subject"]) == {0}
    first = result[result["stage"] == "1"].set_index("trial")["accuracy"]
    both = [accuracy_by_trial(table) for table in tables]
    mean = sum(t[t["subject"] == 0].set_index("trial")["accuracy"] for t in both) / 2
    np.testing.assert_allclose(first, mean)


def test_durations_are_summarised_over_the_subjects_that_reached_them():
    changes = pd.DataFrame(
        {
            "leaves_chance": [100.0, 200.0, 400.0, np.nan],
            "takes": [10.0, np.nan, 30.0, np.nan],
        }
    )
    first, second = durations_table(changes).to_dict("records")
    assert (first["name"], second["name"]) == ("leaves_chance", "takes")
    assert (first["median"], first["low"], first["high"]) == (200, 150, 300)
    assert (first["n"], second["n"], second["median"]) == (3, 2, 20)
    paper = [first[f"paper_{which}"] for which in ("least", "median", "most")]
    assert paper == [1_810 * 32, 3_413 * 32, 29_080 * 32]
    assert second["paper_median"] == 4_875 * 32
    none_learned = durations_table(changes[3:])
    assert none_learned["n"].tolist() == [0, 0]
    assert none_learned["median"].isna().all()


def test_the_time_from_chance_to_the_ceiling_is_between_the_change_points():
    subjects = subject_accuracy(read_trials(problem_trials()))
    result = change_points(curves_table({0: curve(ramp())}, PARAMETERS), subjects).iloc[
        0
    ]
    assert result["takes"] == result["reaches_ceiling"] - result["leaves_chance"] > 0
