"""Rows of effects on simulated tables that pass, fail or are reported."""

from dataclasses import replace

import pytest
from cue_observers import IDEAL, population, simulate

from metarl.analysis.analysis import analyse
from metarl.analysis.data import ExperimentData
from metarl.analysis.inferred_value import ANALYSIS

COUNT = 4
BEFORE = "old minus new cue before feedback (reward units)"
EXPERIENCED = "new minus old cue, experienced (reward units)"
INFERRED = "new minus old cue, inferred (reward units)"
LESS = "inferred minus experienced (reward units), mean"
RATIO = "inferred / experienced, mean of the networks' ratios"
RESET = f"memory reset at each block: size of {BEFORE}, mean"
INFERRED_RESET = f"memory reset at each block: {INFERRED}, mean"
TD = f"tabular TD: {INFERRED}"
COUNTS = "observer that counts, classified as counting"
COUNTS_NOT = "observer that does not count, classified as counting"
READ = "new cue read out of units at fixation, trial"


def rows(data):
    return analyse(ANALYSIS, data).effects.set_index("effect")


def of(kind="inferring", **settings):
    trials, recordings = population(kind, count=COUNT, **settings)
    return {"trials": trials, "recordings": recordings}


def verdicts(source, *names):
    return rows(source).loc[list(names), "verdict"].tolist()


@pytest.fixture(scope="module")
def inferring():
    """Networks as in the paper, with all further tests."""
    reset = of(reset=True, noise=0.1)
    minds = {"ideal": "inferring", "counting": "counting", "td": "experienced"}
    baselines = {name: simulate(kind, seed=3) for name, kind in minds.items()}
    return ExperimentData(
        task="inferred-value",
        parameters=ANALYSIS.published,
        discount=0.9,
        expected_subjects=COUNT,
        **of(noise=0.1),
        baselines={name: trials for name, (trials, _) in baselines.items()},
        baseline_recordings={name: rec for name, (_, rec) in baselines.items()},
        tests={"block-reset": reset["trials"]},
        test_recordings={"block-reset": reset["recordings"]},
    )


@pytest.fixture(scope="module")
def passing(inferring):
    return rows(inferring)


def test_observers_that_infer_pass_every_scored_row(passing):
    """But that dopamine responds less to an inferred value, which they do not."""
    measured = passing["verdict"] != "MISSING"
    scored = passing[(passing["criterion"] != "") & measured]
    assert len(scored) == 17
    # Four networks that agree entirely do not exclude chance, and the first component
    # of these units is noise.
    flips = scored.index.str.contains("new cue read out")
    assert flips.sum() == 4
    scored = scored[~flips]
    assert scored.index[scored["verdict"] != "PASS"].tolist() == [LESS], scored["value"]
    assert scored.loc[LESS, "verdict"] == "FAIL"
    assert scored.loc[LESS, "claim"] == "Bromberg-Martin et al. 2010, dopamine"
    own = scored.drop(index=[TD, COUNTS, COUNTS_NOT])
    assert own["subjects"].unique() == [COUNT]
    assert own["learned"].unique() == [COUNT]
    assert passing["experiment"].unique() == ["inferred-value"]


def test_values_are_over_subjects_with_intervals_and_chance(passing):
    for name in (BEFORE, EXPERIENCED, INFERRED):
        row = passing.loc[f"{name}, mean"]
        assert row["value"] == pytest.approx(IDEAL, abs=0.05)
        assert row["low"] < row["value"] < row["high"]
        assert row["p"] < 0.001
        assert row["reference"] == pytest.approx(IDEAL)
        assert row["criterion"] == f">= {IDEAL / 2:g}"
        assert passing.loc[f"{name}, lowest network", "value"] < row["value"]
    assert passing.loc[RATIO, "value"] == pytest.approx(1, abs=0.05)
    assert passing.loc[f"{READ} 1, mean", "value"] < 0.05
    assert passing.loc[f"{READ} 2, mean", "value"] > 0.95
    assert passing.loc[
        f"{READ} 2, trained minus untrained, mean", "value"
    ] == pytest.approx(0.5, abs=0.1)


def test_networks_that_infer_nothing_fail_where_inference_is_required(inferring):
    other = replace(inferring, **of("experienced", noise=0.1))
    names = [
        f"{name}, {which}"
        for name in (BEFORE, EXPERIENCED)
        for which in ("mean", "lowest network")
    ]
    failed = [f"{INFERRED}, mean", f"{INFERRED}, lowest network", RATIO]
    assert verdicts(other, *names, *failed) == ["PASS"] * 4 + ["FAIL"] * 3


def test_networks_that_infer_too_little_fail_the_ratio(inferring):
    other = replace(inferring, **of(inference=0.6, noise=0.05))
    assert verdicts(other, f"{INFERRED}, lowest network", RATIO) == ["PASS", "FAIL"]


def test_networks_that_count_fail_before_the_feedback_and_are_counted(inferring):
    other = replace(inferring, **of("counting", noise=0.1))
    effects = rows(other)
    names = [f"{BEFORE}, mean", f"{INFERRED}, mean", RATIO]
    assert effects.loc[names, "verdict"].tolist() == ["FAIL", "PASS", "PASS"]
    share = "share of networks that count the trials of a block"
    assert effects.loc[share, "value"] == 1


def test_flat_networks_learned_nothing_and_pass_nothing(inferring):
    flat = of("flat", noise=0.001)
    other = replace(
        inferring,
        **flat,
        tests={"block-reset": flat["trials"]},
        test_recordings={"block-reset": flat["recordings"]},
    )
    effects = rows(other)
    scored = effects[(effects["criterion"] != "") & effects["learned"].notna()]
    assert len(scored) == 14
    assert not scored["passed"].any()
    # It is small, which says nothing of networks that have nothing to forget.
    assert effects.loc[RESET, "value"] < 0.03
    assert effects.loc[RESET, "verdict"] == "NOT LEARNED"
    assert (scored["learned"] == 0).all()


def test_one_network_with_the_wrong_sign_is_seen(inferring):
    wrong = simulate("experienced", subject=2, noise=0.1)[1]
    recordings = {**inferring.recordings, 2: wrong}
    other = replace(inferring, recordings=recordings)
    # It was tested on the same trials, so that only its values differ.
    right = simulate("inferring", subject=2, noise=0.1)[0]
    same = simulate("experienced", subject=2, noise=0.1)[0]
    assert right["cue"].equals(same["cue"])
    assert verdicts(other, f"{INFERRED}, mean", f"{INFERRED}, lowest network") == [
        "PASS",
        "FAIL",
    ]


def test_a_memory_that_is_not_reset_fails_the_control(inferring):
    other = replace(
        inferring,
        test_recordings={"block-reset": inferring.recordings},
        tests={"block-reset": inferring.trials},
    )
    assert verdicts(other, RESET, INFERRED_RESET) == ["FAIL", "PASS"]


def test_a_network_without_the_control_test_counts_against_its_rows(inferring):
    whole = inferring.test_recordings["block-reset"]
    part = {k: recording for k, recording in whole.items() if k != 2}
    other = replace(
        inferring, test_recordings={"block-reset": part}, expected_subjects=None
    )
    assert verdicts(other, RESET, INFERRED_RESET) == ["FAIL", "FAIL"]


def test_without_the_control_test_its_rows_are_missing(inferring):
    other = replace(inferring, tests={}, test_recordings={})
    assert verdicts(other, RESET, INFERRED_RESET) == ["MISSING", "MISSING"]


def test_baselines_that_are_mistaken_for_another_fail(inferring):
    recordings = inferring.baseline_recordings
    swapped = {
        "ideal": recordings["counting"],
        "counting": recordings["ideal"],
        "td": recordings["ideal"],
    }
    trials = inferring.baselines
    tables_of = {
        k: trials["ideal" if v is recordings["ideal"] else "counting"]
        for k, v in swapped.items()
    }
    other = replace(inferring, baseline_recordings=swapped, baselines=tables_of)
    assert verdicts(other, TD, COUNTS, COUNTS_NOT) == ["FAIL"] * 3
    none = replace(inferring, baseline_recordings={}, baselines={})
    assert verdicts(none, TD, COUNTS, COUNTS_NOT) == ["MISSING"] * 3


def test_a_subject_that_is_missing_counts_against_every_row(inferring):
    effects = rows(replace(inferring, expected_subjects=COUNT + 1))
    scored = effects[(effects["criterion"] != "") & effects["learned"].notna()]
    assert not scored["passed"].any()
    assert effects.loc[TD, "passed"]


def test_a_trial_table_alone_has_effects_without_numbers(inferring):
    alone = ExperimentData(task="inferred-value", trials=inferring.trials)
    for parameters in (ANALYSIS.published, {}):
        assert not rows(replace(alone, parameters=parameters))["passed"].any()
    effects = rows(alone)
    assert effects.loc["share of valid trials, mean", "value"] == 1


def test_keys_are_stable_and_distinct(passing):
    keys = list(passing["key"])
    assert len(set(keys)) == len(keys) == 27
    assert keys[:2] == ["before.mean", "before.lowest"]
    assert keys[11:14] == [
        *("reset.before.mean", "reset.experienced.mean", "reset.inferred.mean")
    ]
    assert keys[-4:-1] == ["inferred.td", "counts.counting", "counts.ideal"]
    assert keys[-1] == "missing.learned_statistic_prediction_error_as_input"
