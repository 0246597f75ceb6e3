"""The risky-choice experiment as a whole: its tables, panels, animals."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from risky_choosers import AMOUNTS, population, simulate

from metarl.analysis.analysis import analyse
from metarl.analysis.data import ExperimentData
from metarl.analysis.risky_choice import ANALYSIS
from metarl.analysis.risky_choice.behaviour import read_trials
from metarl.analysis.risky_choice.changes import percents
from metarl.analysis.risky_choice.rpe import error_means, error_table
from metarl.core.checks import MetaRLError
from metarl.io.load import load_trials

TASK = "risky-choice"
NAMES = ["subjects", "risky", "by_trial", "changes", "doses", "rpe", "rpe_density"]


def analysed(**data):
    return analyse(ANALYSIS, ExperimentData(**{"task": TASK} | data))


def draw_all(result, panels):
    for panel in panels:
        figure, ax = plt.subplots()
        assert panel(result.tables, result.context, ax) is ax
        assert ax.get_ylabel() or ax.texts
        plt.close(figure)


@pytest.fixture(scope="module")
def source():
    """Three learners in every condition, two recorded; a baseline; a variant."""
    conditions = {
        f"block-{kind}{end}": population(f"block-{kind}{end}", count=3)
        for kind in AMOUNTS
        for end in ("", "-free")
    }
    conditions["dose-safe=2"] = population("dose-safe=2", count=3)
    flat = population(count=2, rate=0.0)
    return ExperimentData(
        task=TASK,
        parameters=ANALYSIS.published,
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
def result(source):
    return analyse(ANALYSIS, source)


@pytest.fixture(scope="module")
def tables(result):
    return result.tables


def test_every_group_has_its_subjects(tables):
    for name in ("subjects", "risky", "by_trial"):
        groups = tables[name].groupby("group")["subject"].nunique()
        expected = {"measured": 3, "bayes-optimal": 1, "no-rpe": 2}
        assert groups.to_dict() == expected, name
        assert tables[name].columns[0] == "group"


def test_only_the_measured_are_in_the_other_conditions(source, tables):
    risky = tables["risky"]
    own = risky[risky["group"] == "measured"]
    assert set(own["condition"]) == {"control", *source.tests}
    others = risky[risky["group"] != "measured"]
    assert set(others["condition"]) == {"control"}
    conditions = {"control": source.trials, **source.tests}
    expected = percents({k: read_trials(trials) for k, trials in conditions.items()})
    pd.testing.assert_frame_equal(own.drop(columns="group"), expected)


def test_changes_and_doses_are_of_the_measured(tables):
    assert tables["changes"].groupby(["outcome", "span"]).size().to_dict() == {
        (kind, span): 6 for kind in AMOUNTS for span in ("all trials", "free trials")
    }
    amounts = tables["doses"].groupby("outcome")["amount"].unique()
    assert {k: v.tolist() for k, v in amounts.items()} == {
        "risky-loss": [1],
        "risky-win": [-4],
        "safe": [-1, 2],
    }


def test_the_rpe_table_is_that_of_each_recording(source, tables):
    expected = error_means(error_table({2: source.recordings[2]}, source.trials))
    own = tables["rpe"][tables["rpe"]["subject"] == 2].reset_index(drop=True)
    pd.testing.assert_frame_equal(own, expected, check_dtype=False)
    assert tables["rpe"]["subject"].unique().tolist() == [0, 2]
    assert tables.summary("rpe")["n"].unique() == [2]


def test_the_subjects_have_the_statistic_of_learning(tables):
    own = tables["subjects"].set_index(["group", "subject"])
    assert (own.loc["measured", "risk_sensitivity"] > 20).all()
    assert (own.loc["no-rpe", "risk_sensitivity"].abs() < 15).all()
    assert own.loc[("measured", 1), "label"] == "subject 1"


def test_the_probabilities_are_the_tasks(result):
    assert result.tables["probabilities"].iloc[0].tolist() == [0.5, 0.125]
    assert result.context.scored


def test_a_missing_network_of_the_variant_has_no_number(source, tables):
    assert tables["without_rpe"]["subject"].tolist() == [0, 1]
    variant = replace(source.variants["no-rpe"], expected_subjects=3)
    more = analyse(ANALYSIS, replace(source, variants={"no-rpe": variant}))
    assert more.tables["without_rpe"]["percent_high"].isna().tolist() == [0, 0, 1]
    assert analysed(trials=source.trials).tables["without_rpe"].empty


def test_a_tasks_own_probabilities_are_read():
    trials = population(count=2, probabilities=(0.6, 0.1))
    parameters = {"probability_high": 0.6, "probability_low": 0.1}
    result = analysed(trials=trials, parameters=ANALYSIS.published | parameters)
    assert result.tables["probabilities"].iloc[0].tolist() == [0.6, 0.1]
    assert not result.context.scored
    assert (result.tables["subjects"]["risk_sensitivity"] > 20).all()


def test_a_table_alone_is_enough():
    result = analysed(trials=population(count=2))
    assert set(NAMES) < set(result.tables)
    for name in ("changes", "doses", "rpe", "rpe_density"):
        assert result.tables[name].empty
    assert len(result.tables["subjects"]) == 2
    assert not result.effects["passed"].any()
    draw_all(result, ANALYSIS.panels)


def test_without_other_tests_no_change_passes():
    trials = population(count=2)
    result = analysed(trials=trials, parameters=ANALYSIS.published)
    assert not result.effects["passed"].iloc[4:].any()


def test_a_snapshot_that_has_not_met_both_probabilities_still_draws():
    trials = population(count=2)
    result = analysed(
        trials=trials[trials["probability_risky"] == 0.5], parameters=ANALYSIS.published
    )
    assert result.tables["subjects"]["percent_low"].isna().all()
    assert result.tables["subjects"]["percent_high"].notna().all()
    draw_all(result, ANALYSIS.behaviour_panels)


def test_a_silent_subject_does_not_break_anything():
    trials, recording = simulate()
    silent = trials.assign(choice=np.nan, risky=np.nan, won=0, valid=0, reward=-1.0)
    result = analysed(
        trials=silent,
        recordings={0: recording},
        discount=0.9,
        parameters=ANALYSIS.published,
    )
    assert result.tables["subjects"]["risk_sensitivity"].isna().all()
    assert result.tables["rpe"].empty
    assert not result.effects["passed"].any()


def test_a_table_of_another_task_gets_one_sentence():
    trials = population(count=1).drop(columns="probability_risky")
    for kind in ("networks", "animals"):
        with pytest.raises(MetaRLError, match="has no column probability_risky; it"):
            analysed(trials=trials, subjects_are=kind)


@pytest.fixture
def rats(tmp_path):
    """A file of two named rats, at other probabilities, with stimulated trials."""
    rows = []
    for name, subject in (("ada", 0), ("bo", 1)):
        for condition in ("control", "block-safe"):
            trials = simulate(condition, subject=subject, probabilities=(0.4, 0.1))[0]
            episodes = trials["episode"] + 100 * (condition != "control")
            rows.append(
                trials.assign(subject=name, condition=condition, episode=episodes)
            )
    result = [
        *("subject", "episode", "trial", "choice", "reward", "forced", "risky"),
        *("probability_risky", "condition"),
    ]
    path = tmp_path / "rats.csv"
    pd.concat(rows)[result].to_csv(path, index=False)
    return path


def test_animals_go_the_same_way(rats):
    own = load_trials(ANALYSIS, rats)
    actual = analysed(trials=own.trials, subjects_are="animals", names=own.labels)
    result = actual.tables
    assert result["probabilities"].iloc[0].tolist() == [0.4, 0.1]
    assert set(result["behaviour"]["label"]) == {"all subjects", "ada", "bo"}
    assert set(result["behaviour"]["condition"]) == {"control", "block-safe"}
    changed = result["changes"].set_index("probability")["change"]
    assert (changed > 0).all()
    # The subjects' own row is of the trials on which nothing was changed.
    calm = result["behaviour"][result["behaviour"]["condition"] == "control"]
    everyone = calm[calm["label"] == "all subjects"].set_index("probability")
    calm = calm[calm["label"] != "all subjects"]
    means = calm.groupby("probability")["percent"].mean()
    assert everyone["percent"].to_dict() == pytest.approx(means.to_dict())
    assert (everyone["n"] == 2).all()
    calm = calm[calm["probability"] == 0.4].set_index("subject")["percent"]
    own = result["subjects"].set_index("subject")["percent_high"]
    assert own.to_dict() == pytest.approx(calm.to_dict())
    assert set(actual.effects["verdict"]) == {"REPORTED"}
    draw_all(actual, ANALYSIS.behaviour_panels)


def test_an_animals_table_without_its_columns_is_refused(rats):
    pd.read_csv(rats).drop(columns="risky").to_csv(rats, index=False)
    with pytest.raises(MetaRLError, match=r"rats.csv has no column risky; it needs"):
        load_trials(ANALYSIS, rats)
