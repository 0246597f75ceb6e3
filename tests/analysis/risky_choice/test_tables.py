"""The experiment's entry points: tables, panels, animals."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from risky_choosers import AMOUNTS, population, simulate

from metarl.analysis.data import ExperimentData
from metarl.analysis.risky_choice.changes import percents
from metarl.analysis.risky_choice.rpe import error_means, outcome_errors
from metarl.analysis.risky_choice.tables import (
    BEHAVIOUR_PANELS,
    PANELS,
    effects,
    load_animals,
    tables,
)
from metarl.core.checks import MetaRLError

TASK = "risky-choice"
NAMES = ["subjects", "risky", "by_trial", "changes", "doses", "rpe", "rpe_density"]


@pytest.fixture(scope="module")
def source():
    """Three learners in every condition, two recorded; a strategy; a control."""
    conditions = {
        f"block-{kind}{end}": population(f"block-{kind}{end}", count=3)
        for kind in AMOUNTS
        for end in ("", "-free")
    }
    conditions["dose-safe=2"] = population("dose-safe=2", count=3)
    flat = population(count=2, rate=0.0)
    return ExperimentData(
        task=TASK,
        trials=population(count=3),
        tests=conditions,
        recordings={
            k: simulate(subject=k, temperature=0.3 + 0.03 * k)[1] for k in (0, 2)
        },
        baselines={"bayes-optimal": population(count=1, temperature=0.01)},
        variants={
            "no-rpe": ExperimentData(task=TASK, trials=flat, expected_subjects=2)
        },
        discount=0.9,
    )


@pytest.fixture(scope="module")
def found(source):
    return tables(source)


def test_every_group_has_its_subjects(found):
    for name in ("subjects", "risky", "by_trial"):
        groups = found[name].groupby("group")["subject"].nunique()
        expected = {"measured": 3, "bayes-optimal": 1, "no-rpe": 2}
        assert groups.to_dict() == expected, name
        assert found[name].columns[0] == "group"


def test_only_the_measured_are_in_the_other_conditions(source, found):
    risky = found["risky"]
    own = risky[risky["group"] == "measured"]
    assert set(own["condition"]) == {"control", *source.tests}
    others = risky[risky["group"] != "measured"]
    assert set(others["condition"]) == {"control"}
    expected = percents({"control": source.trials, **source.tests})
    pd.testing.assert_frame_equal(own.drop(columns="group"), expected)


def test_summaries_are_means_over_subjects(found):
    own = found["risky"][found["risky"]["group"] == "measured"]
    means = own.groupby(["condition", "probability"])["percent"].mean()
    summary = found["risky_summary"]
    summary = summary[summary["group"] == "measured"]
    cells = summary.set_index(["condition", "probability"])
    for key, mean in means.items():
        assert cells.loc[key, "mean"] == pytest.approx(mean)
    assert summary["n"].unique() == [3]


def test_changes_and_doses_are_of_the_measured(found):
    assert found["changes"].groupby(["kind", "span"]).size().to_dict() == {
        (kind, span): 6 for kind in AMOUNTS for span in ("all trials", "free trials")
    }
    amounts = found["doses"].groupby("kind")["amount"].unique()
    assert {k: v.tolist() for k, v in amounts.items()} == {
        "risky-loss": [1],
        "risky-win": [-4],
        "safe": [-1, 2],
    }


def test_the_rpe_table_is_that_of_each_recording(source, found):
    trials = source.trials[source.trials["subject"] == 2]
    expected = error_means({2: outcome_errors(source.recordings[2], trials)})
    own = found["rpe"][found["rpe"]["subject"] == 2].reset_index(drop=True)
    pd.testing.assert_frame_equal(own, expected, check_dtype=False)
    assert found["rpe"]["subject"].unique().tolist() == [0, 2]
    assert found["rpe_summary"]["n"].unique() == [2]


def test_the_subjects_have_what_learning_is_judged_by(found):
    own = found["subjects"].set_index(["group", "subject"])
    assert (own.loc["measured", "risk_sensitivity"] > 20).all()
    assert (own.loc["no-rpe", "risk_sensitivity"].abs() < 15).all()
    assert own.loc[("measured", 1), "label"] == "subject 1"


def test_about_tells_the_chances_and_who_was_expected(found, source):
    row = found["about"].iloc[0]
    assert (row["high"], row["low"]) == (0.5, 0.125)
    assert row["scored"]
    assert row["expected_ablated"] == 2
    assert (
        tables(ExperimentData(task=TASK, trials=source.trials))["about"].loc[
            0, "expected_ablated"
        ]
        is None
    )


def test_a_variants_own_chances_are_read():
    trials = population(count=2, chances=(0.6, 0.1))
    parameters = {"probability_high": 0.6, "probability_low": 0.1}
    made = tables(ExperimentData(task=TASK, trials=trials, parameters=parameters))
    assert made["about"].loc[0, ["high", "low"]].tolist() == [0.6, 0.1]
    assert not made["about"]["scored"].any()
    assert (made["subjects"]["risk_sensitivity"] > 20).all()


def test_a_table_alone_is_enough():
    made = tables(ExperimentData(task=TASK, trials=population(count=2)))
    assert set(NAMES) < set(made)
    for name in ("changes", "doses", "rpe", "rpe_density"):
        assert made[name].empty
    assert len(made["subjects"]) == 2
    assert not effects(made)["passed"].iloc[4:].any()
    for _, draw in PANELS:
        figure, ax = plt.subplots()
        draw(made, ax)
        plt.close(figure)


def test_a_preview_that_has_not_met_both_chances_still_draws():
    trials = population(count=2)
    made = tables(
        ExperimentData(task=TASK, trials=trials[trials["probability_risky"] == 0.5])
    )
    assert made["subjects"]["percent_low"].isna().all()
    assert made["subjects"]["percent_high"].notna().all()
    for _, draw in BEHAVIOUR_PANELS:
        figure, ax = plt.subplots()
        draw(made, ax)
        plt.close(figure)


def test_a_silent_subject_does_not_break_anything():
    trials, recording = simulate()
    silent = trials.assign(choice=np.nan, risky=np.nan, won=0, valid=0, reward=-1.0)
    source = ExperimentData(
        task=TASK, trials=silent, recordings={0: recording}, discount=0.9
    )
    made = tables(source)
    assert made["subjects"]["risk_sensitivity"].isna().all()
    assert made["rpe"].empty
    assert not effects(made)["passed"].any()


def test_a_table_of_another_task_gets_one_sentence():
    trials = population(count=1).drop(columns="probability_risky")
    for kind in ("networks", "animals"):
        with pytest.raises(MetaRLError, match="has no column probability_risky; it"):
            tables(ExperimentData(task=TASK, trials=trials, subjects_are=kind))


def test_every_panel_draws_and_has_a_title_of_its_own(found):
    titles = [title for title, _ in PANELS]
    assert len(set(titles)) == len(titles) == 6
    assert set(BEHAVIOUR_PANELS) < set(PANELS)
    for _, draw in PANELS:
        figure, ax = plt.subplots()
        assert draw(found, ax) is ax
        assert ax.get_xlabel()
        assert ax.get_ylabel()
        plt.close(figure)


@pytest.fixture
def rats(tmp_path):
    """A file of two named rats, on other chances, with stimulated trials."""
    rows = []
    for name, subject in (("ada", 0), ("bo", 1)):
        for condition in ("control", "block-safe"):
            trials = simulate(condition, subject=subject, chances=(0.4, 0.1))[0]
            episodes = trials["episode"] + 100 * (condition != "control")
            rows.append(
                trials.assign(subject=name, condition=condition, episode=episodes)
            )
    kept = [
        *("subject", "episode", "trial", "choice", "reward", "forced", "risky"),
        *("probability_risky", "condition"),
    ]
    path = tmp_path / "rats.csv"
    pd.concat(rows)[kept].to_csv(path, index=False)
    return path


def test_animals_go_the_same_way(rats):
    source = ExperimentData(
        task=TASK, trials=load_animals(rats), subjects_are="animals"
    )
    made = tables(source)
    assert made["about"].loc[0, ["high", "low"]].tolist() == [0.4, 0.1]
    assert set(made["summary"]["label"]) == {"ada", "bo"}
    assert set(made["summary"]["condition"]) == {"control", "block-safe"}
    changed = made["changes"].set_index("probability")["change"]
    assert (changed > 0).all()
    # The subjects' own row is of the trials on which nothing was changed.
    calm = made["summary"][made["summary"]["condition"] == "control"]
    calm = calm[calm["probability"] == 0.4].set_index("subject")["percent"]
    own = made["subjects"].set_index("subject")["percent_high"]
    assert own.to_dict() == pytest.approx(calm.to_dict())
    table = effects(made)
    assert set(table["verdict"]) == {"REPORTED"}
    for _, draw in BEHAVIOUR_PANELS:
        figure, ax = plt.subplots()
        draw(made, ax)
        plt.close(figure)


def test_an_animals_table_without_its_columns_is_refused(rats):
    pd.read_csv(rats).drop(columns="risky").to_csv(rats, index=False)
    with pytest.raises(MetaRLError, match=r"rats.csv has no column risky; it needs"):
        load_animals(rats)
