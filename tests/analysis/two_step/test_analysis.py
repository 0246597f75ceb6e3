"""The experiment's entry points: tables, effects, panels, and published values."""

import numpy as np
import pandas as pd
import pytest

from metarl.analysis import ExperimentData
from metarl.analysis.analysis import analyse
from metarl.analysis.two_step import ANALYSIS
from metarl.analysis.two_step.references import reference_tables
from metarl.analysis.two_step.rpe import (
    error_regressions,
    error_table,
    structure_of,
)
from metarl.core.checks import MetaRLError
from metarl.io.load import load_trials

KNOWN = structure_of(ANALYSIS.published)


def analysed(**data):
    return analyse(
        ANALYSIS, ExperimentData(**{"parameters": ANALYSIS.published} | data)
    )


@pytest.fixture(scope="module")
def runs_and_tables(simulate):
    runs = [simulate("planner", 30, subject=subject) for subject in range(2)]
    sarsa = simulate("sarsa", 30)
    result = analysed(
        trials=pd.concat([trials for trials, _ in runs]),
        recordings={k: recording for k, (_, recording) in enumerate(runs)},
        baselines={"sarsa": sarsa[0]},
        baseline_recordings={"sarsa": sarsa[1]},
        discount=0.9,
    )
    return runs, result.tables


def test_every_table_has_the_subjects_and_the_baselines(runs_and_tables):
    _, tables = runs_and_tables
    for name in ("subjects", "stays", "stay_regression", "lags", "rpe"):
        groups = tables[name].groupby("group")["subject"].nunique()
        assert groups.to_dict() == {"measured": 2, "sarsa": 1}, name
        summary = tables.summary("r2" if name == "rpe" else name)
        assert set(summary["group"]) == {"measured", "sarsa"}


def test_the_rpe_table_is_that_of_each_recording(runs_and_tables):
    runs, tables = runs_and_tables
    trials, recording = runs[1]
    expected = error_regressions(error_table(recording, trials, 0.9, KNOWN))
    table = tables["rpe"]
    table = table[(table["group"] == "measured") & (table["subject"] == 1)]
    assert table["r2_model_based"].to_numpy() == pytest.approx(
        expected["r2_model_based"].to_numpy()
    )


def test_the_scatter_is_of_the_first_subject_and_thinned(runs_and_tables):
    _, tables = runs_and_tables
    points = tables["rpe_points"]
    assert points["subject"].unique() == [0]
    assert points["event"].value_counts().to_dict() == {
        "second stage": 1500,
        "reward": 1485,  # every second of 30 x 99: the last trials' are left out
    }


def test_the_planner_is_given_the_parameters_of_the_task(simulate):
    trials, recording = simulate("planner", 10)
    by_name = {}
    for common in (0.8, 0.6):
        result = analysed(
            trials=trials,
            recordings={0: recording},
            discount=0.9,
            parameters=ANALYSIS.published | {"probability_common": common},
        )
        by_name[common] = result.tables["rpe"]
    known = KNOWN._replace(probability_common=0.6)
    expected = error_regressions(error_table(recording, trials, 0.9, known))
    assert by_name[0.6]["r2_model_based"].to_numpy() == pytest.approx(
        expected["r2_model_based"].to_numpy()
    )
    assert by_name[0.8]["r2_model_based"].min() > by_name[0.6]["r2_model_based"].min()


def test_a_table_without_transitions_gets_one_sentence(simulate):
    trials, _ = simulate("random", 1)
    with pytest.raises(MetaRLError, match="two-step trial table has no column transit"):
        analysed(trials=trials.drop(columns="transition"))


def test_tables_of_a_tiny_or_silent_subject_do_not_break(simulate):
    trials, recording = simulate("random", 1)
    silent = trials.assign(choice=np.nan, transition=None, second_state=np.nan, valid=0)
    actual = analysed(trials=silent, recordings={0: recording}, discount=0.9)
    result = actual.tables
    assert result["stays"]["probability"].isna().all()
    assert result["lags"]["weight"].isna().all()
    assert not result["stay_regression"]["converged"].any()
    assert result["rpe"]["r2_model_based"].isna().all()
    assert not actual.effects["passed"].any()


def test_published_tables_have_every_cell_and_their_sources():
    reference = reference_tables()
    stays = reference["reference_stays"]
    counts = stays.groupby(["kind", "label"]).size()
    assert counts["paper", "paper"] == 4
    assert counts["animal", "macaque C"] == counts["animal", "macaque J"] == 6
    assert set(stays["transition"]) == {"common", "rare"}
    for table in reference.values():
        assert table[["study", "source_location"]].notna().all().all()
    paper = stays[stays["kind"] == "paper"].set_index(["reward", "transition"])["value"]
    assert paper.to_dict() == {
        (1.0, "common"): 0.989,
        (1.0, "rare"): 0.636,
        (0.0, "common"): 0.619,
        (0.0, "rare"): 0.989,
    }
    rpe = reference["reference_rpe"].set_index("reference")["value"]
    assert rpe.to_dict() == {"model-based": 0.89, "model-free": 5.8e-7}


def test_published_tables_cannot_be_spoilt_by_a_caller():
    stays = reference_tables()["reference_stays"]
    stays["value"] = 0.0
    assert reference_tables()["reference_stays"]["value"].max() > 0.9


def test_animals_go_the_same_way(macaque_file):
    import matplotlib.pyplot as plt

    own = load_trials(ANALYSIS, macaque_file)
    result = analysed(trials=own.trials, subjects_are="animals", names=own.labels)
    assert set(result.tables["behaviour"]["label"]) == {"all subjects", "C", "J"}
    for panel in ANALYSIS.behaviour_panels:
        figure, ax = plt.subplots()
        panel(result.tables, result.context, ax)
        plt.close(figure)
