"""Tables, effects and panels of the human two-step task, on simulated networks."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from metarl.analysis import ExperimentData
from metarl.analysis.analysis import analyse
from metarl.analysis.two_step.behaviour import read_trials
from metarl.analysis.two_step.daw import ANALYSIS
from metarl.analysis.two_step.daw.better import better_options
from metarl.analysis.two_step.daw.effects import PEOPLE
from metarl.experiments.spec import experiment, preset
from metarl.runs.config import EvaluationConfig
from metarl.simulation.evaluation import run_episodes

TASK = "daw-two-step"
OPTIONS = ("s1_left", "s1_right", "s2_left", "s2_right")


def played(baseline, subject=0, episodes=30):
    """Trial table of a baseline."""
    return run_episodes(
        preset(TASK, "smoke"),
        subject,
        lambda task: experiment(TASK).make_baselines(task)[baseline],
        EvaluationConfig(episodes=episodes, record_episodes=0),
    )[0]


@pytest.fixture(scope="module")
def baselines():
    names = ("random", "model-free", "model-based", "kalman-greedy", "oracle")
    return {name: played(name) for name in names}


def result(baselines, measured, **more):
    tables = [played(name, subject) for subject, name in enumerate(measured)]
    source = {"trials": pd.concat(tables), "baselines": baselines, "task": TASK}
    source["parameters"] = ANALYSIS.published
    return analyse(ANALYSIS, ExperimentData(**source | more))


@pytest.fixture(scope="module")
def filters(baselines):
    """Three networks that are Gaussian filters."""
    return result(baselines, ["kalman-greedy"] * 3)


def rows(analysed):
    return analysed.effects.set_index("key")


def test_filters_pass_every_scored_row(filters):
    scored = rows(filters)[rows(filters)["criterion"] != ""]
    assert len(scored) == 9
    assert set(scored["verdict"]) == {"PASS"}, scored[["value", "criterion", "verdict"]]


def test_criteria_are_those_fixed_beforehand(filters):
    table = rows(filters)
    assert table.loc[table["criterion"] != "", "criterion"].to_dict() == {
        "reward.mean": ">= 54",
        "reward.lowest": ">= 53.5",
        "first_best.lowest": ">= 0.54",
        "second_best.lowest": ">= 0.58",
        "model_based_weight.mean": ">= 0.5",
        "model_based_weight.lowest": ">= 0.2",
        "model_based_weight.model-based": ">= 0.9",
        "model_based_weight.model-free": "<= 0.1",
        "stay_interaction.mean": "> 0",
    }
    assert ANALYSIS.criteria[TASK].learned.threshold == 53


@pytest.mark.slow
def test_model_free_networks_fail_what_a_plan_needs(baselines):
    table = rows(result(baselines, ["model-free"] * 3))
    assert table.loc["reward.mean", "verdict"] == "PASS"
    for key in ("model_based_weight.mean", "model_based_weight.lowest"):
        assert table.loc[key, "verdict"] == "FAIL", key
    assert table.loc["model_based_weight.mean", "value"] < 0.1


@pytest.mark.slow
def test_random_networks_have_not_learned(baselines):
    table = rows(result(baselines, ["random"] * 3))
    own = table[(table["criterion"] != "") & ~table.index.str.contains("model-")]
    assert set(own["verdict"]) <= {"NOT LEARNED", "MISSING"}
    assert table.loc["reward.mean", "learned"] == 0


@pytest.mark.slow
def test_an_eased_test_is_not_scored(baselines):
    parameters = ANALYSIS.published | {"largest_easing": 1.0}
    table = rows(result(baselines, ["kalman-greedy"], parameters=parameters))
    assert set(table["verdict"]) == {"REPORTED"}


def test_no_row_compares_with_the_papers_networks(filters):
    table = rows(filters)
    assert not table.index.str.contains("distance").any()
    assert not table["source"].fillna("").str.contains("Wang").any()
    for name in ("reference_stays", "reference_regression", "reference_hybrid"):
        assert set(filters.tables[name]["kind"]) == {"human"}


def test_references_are_of_people_and_of_the_planner(filters, baselines):
    table = rows(filters)
    assert table.loc["model_based_weight.mean", "reference"] == 0.606
    assert table.loc["stay_interaction.mean", "reference"] == pytest.approx(0.673)
    planner = 100 * baselines["kalman-greedy"]["reward"].mean()
    assert table.loc["reward.mean", "reference"] == pytest.approx(planner)
    people = filters.tables["reference_stays"]
    assert len(people[people["label"] == PEOPLE]) == 4


def test_rewards_of_the_baselines_are_reported(filters, baselines):
    table = rows(filters)
    for name, trials in baselines.items():
        row = table.loc[f"reward.{name}"]
        assert row["value"] == pytest.approx(100 * trials["reward"].mean())
        assert row["verdict"] == "REPORTED"


def test_people_are_reported_without_baselines():
    table = rows(result({}, ["model-based"], subjects_are="people"))
    assert set(table["verdict"]) == {"REPORTED"}
    assert not table.index.str.contains("reward.model|model-free").any()


def test_better_options_are_those_of_a_loop(baselines):
    table = baselines["model-based"]
    found = better_options(read_trials(table)).set_index("measure")["value"]
    first, second = [], []
    for row in table.itertuples():
        chances = np.array([getattr(row, f"probability_{o}") for o in OPTIONS])
        states = chances.reshape(2, 2)
        first.append(int(row.choice) == int(np.argmax(states.max(1))))
        here = states[int(row.second_state)]
        second.append(int(row.second_choice) == int(np.argmax(here)))
    assert found["first_best"] == pytest.approx(np.mean(first), abs=1e-3)
    assert found["second_best"] == pytest.approx(np.mean(second), abs=1e-3)
    blank = table.assign(**{f"probability_{o}": np.nan for o in OPTIONS})
    assert better_options(read_trials(blank)).empty


@pytest.fixture
def ax():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def test_the_panels_draw_the_tables(filters, ax):
    draw = {panel.title: panel for panel in ANALYSIS.panels}
    tables = filters.tables
    means = tables.summary("hybrid").query("group == 'measured'")
    means = means.set_index("measure")["mean"]
    draw["Hybrid of two learners"](tables, filters.context, ax)
    shown = ["model_based_weight", "first_rate", "second_rate", "eligibility"]
    bars = [bar for bar in ax.patches if bar.get_height() > 0][: len(shown)]
    assert [b.get_height() for b in bars] == pytest.approx(means[shown].to_list())
    labels = ax.get_legend_handles_labels()[1]
    assert "humans, Feher da Silva 2020 (n = 24)" in labels
    assert {
        "model-free learner",
        "model-based learner",
        "Kalman filter with a plan",
    } <= set(labels)
    assert "oracle" not in labels
    ax.clear()
    draw["Better options at both stages"](tables, filters.context, ax)
    means = tables.summary("better_options").query("group == 'measured'")
    means = means.set_index("measure")["mean"]
    heights = [bar.get_height() for bar in ax.patches[:2]]
    assert heights == pytest.approx(means[["first_best", "second_best"]].to_list())
    ax.clear()
    draw["Staying after each outcome"](tables, filters.context, ax)
    labels = ax.get_legend_handles_labels()[1]
    assert any("Gillan" in label for label in labels)
    assert not any("Wang" in label or "macaque" in label for label in labels)


def test_the_test_is_the_task_of_the_source():
    test = experiment(TASK).test
    assert test.task == {"largest_easing": 0.0}
    assert (test.episodes, test.shared_problems) == (1000, True)
    assert preset(TASK, "fast").task_params.largest_easing == 1
