"""The test with reversed transitions: measures by hand, and rivals told apart."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from metarl.analysis import ExperimentData
from metarl.analysis.analysis import analyse
from metarl.analysis.two_step import ANALYSIS
from metarl.analysis.two_step.behaviour import read_trials
from metarl.analysis.two_step.rivals import (
    INFERRING,
    LATENT,
    MEASURES,
    PLANNER,
    RANDOM,
    RIVALS,
    SETTLING,
    choices_for_richer,
    plot_reversal,
    rival_tables,
    trials_since_reversal,
)
from metarl.analysis.two_step.rpe import structure_of
from metarl.core.checks import MetaRLError
from metarl.envs.two_step import TwoStepParams
from metarl.experiments.spec import experiment, preset
from metarl.runs.config import change_params
from metarl.simulation.evaluation import run_episodes

KNOWN = structure_of(ANALYSIS.published)
REVERSED = experiment("two-step").tests["reversed"]


def played(name, subject=0, episodes=40, **params):
    """Trial table of a baseline in the test."""
    test = replace(REVERSED, episodes=episodes, task={**REVERSED.task, **params})
    config = preset("two-step")
    make = experiment("two-step").make_baselines
    return run_episodes(config, subject, lambda task: make(task)[name], test)[0]


@pytest.fixture(scope="module")
def rivals():
    """Trial tables of the rivals, by name."""
    return {name: played(name) for name in RIVALS}


def data_of(measured, rivals):
    """Data of subjects with these tables, who took the test beside the rivals."""
    trials = pd.concat(
        [table.assign(subject=k) for k, table in enumerate(measured)],
        ignore_index=True,
    )
    return ExperimentData(
        trials=trials,
        parameters=vars(preset("two-step").task_params),
        tests={"reversed": trials},
        test_baselines={"reversed": rivals},
    )


@pytest.fixture(scope="module")
def result(rivals):
    """Two latent-state learners and a random chooser, taken as networks."""
    names = (LATENT, LATENT, RANDOM)
    own = [played(name, subject=k + 1) for k, name in enumerate(names)]
    return analyse(ANALYSIS, data_of(own, rivals))


def mean(result, group, measure):
    table = result.tables["reversal"]
    here = (table["group"] == group) & (table["measure"] == measure)
    return table.loc[here, "value"].mean()


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [(PLANNER, 1, 1), (LATENT, 1, 0), (RANDOM, 0.5, 0.5)],
)
def test_rivals_have_the_shares_of_the_theory(result, name, before, after):
    assert mean(result, name, "richer_before") == pytest.approx(before, abs=0.04)
    assert mean(result, name, "richer_after") == pytest.approx(after, abs=0.04)


def test_a_planner_that_infers_the_reversal_is_told_from_a_latent_state_learner(result):
    assert mean(result, INFERRING, "richer_before") > 0.95
    assert mean(result, INFERRING, "richer_after") > 0.9
    for name, sign in ((PLANNER, 1), (INFERRING, 1), (LATENT, -1)):
        assert sign * mean(result, name, "stay_interaction_after") > 0.4, name
        assert mean(result, name, "stay_interaction_before") > 0.4, name
    assert mean(result, LATENT, "reward_per_100_after") < 35
    assert mean(result, LATENT, "reward_per_100_before") > 65
    assert mean(result, PLANNER, "reward_per_100_after") > 65


def test_rows_say_where_the_networks_are_between_the_rivals(result):
    rows = result.effects.set_index("key")
    share = rows.loc["reversal.richer_after.mean"]
    assert share["value"] == pytest.approx((0 + 0 + 0.5) / 3, abs=0.03)
    assert share["verdict"] == "REPORTED"
    infers = mean(result, INFERRING, "richer_after")
    place = rows.loc["reversal.position.mean"]
    assert place["value"] == pytest.approx(share["value"] / infers, abs=0.01)
    assert (place["verdict"], place["chance"]) == ("REPORTED", 0.5)
    assert place["low"] < place["value"] < place["high"]


def test_criteria_are_for_the_baselines_alone_and_hold(result):
    rows = result.effects.set_index("key").filter(like="reversal.", axis=0)
    scored = rows[rows["criterion"] != ""]
    assert len(scored) == 7
    assert scored["verdict"].unique() == ["PASS"]
    assert {key.rpartition(".")[2] for key in scored.index} == {
        PLANNER,
        INFERRING,
        LATENT,
    }
    assert not rows["claim"].any()


def test_baselines_that_are_exchanged_fail(rivals, result):
    swapped = rivals | {PLANNER: rivals[LATENT], LATENT: rivals[PLANNER]}
    rows = analyse(ANALYSIS, data_of([rivals[RANDOM]], swapped)).effects
    failed = rows[rows["key"].str.startswith("reversal") & (rows["verdict"] == "FAIL")]
    assert len(failed) == 5


def test_a_baseline_that_was_not_tested_is_missing(rivals):
    few = {RANDOM: rivals[RANDOM]}
    rows = analyse(ANALYSIS, data_of([rivals[RANDOM]], few)).effects.set_index("key")
    assert rows.loc[f"reversal.richer_after.{LATENT}", "verdict"] == "MISSING"
    assert np.isnan(rows.loc["reversal.position.mean", "value"])


def test_without_the_test_there_are_no_rows_and_the_panel_says_so(rivals):
    data = replace(data_of([rivals[RANDOM]], {}), tests={}, test_baselines={})
    alone = analyse(ANALYSIS, data)
    assert not alone.effects["key"].str.startswith("reversal").any()
    ax = plt.subplots()[1]
    plot_reversal(alone.tables, alone.context, ax)
    assert ax.texts[0].get_text() == "no test with reversed transitions"


def test_episodes_without_a_reversal_have_a_share_before_it_alone():
    table = played(RANDOM, episodes=4, trial_count=8)
    measures = rival_tables(data_of([table], {}))["reversal"].table
    values = measures.set_index("measure")["value"]
    assert set(values.index) == set(MEASURES)
    assert values["richer_before"] == pytest.approx(0.5, abs=0.4)
    assert values.filter(like="_after").isna().all()


def by_hand(rows):
    """Two trials of an episode: choice, second state, reward, reversed."""
    names = ["choice", "second_state", "reward", "reversed"]
    table = pd.DataFrame(rows, columns=names)
    common = (table["choice"] == table["second_state"]) ^ (table["reversed"] == 1)
    return table.assign(
        subject=0,
        session=0,
        episode=0,
        trial=range(len(table)),
        valid=1,
        forced=0,
        transition=np.where(common, "common", "rare"),
    )


def test_the_belief_is_of_outcomes_and_the_choice_of_present_transitions():
    trials = read_trials(
        by_hand(
            [
                (0, 0, 1, 0),  # no belief yet
                (0, 1, 0, 0),  # S1 was rewarded: left leads there
                (0, 1, 0, 1),  # reversed: left leads to S2
                (1, 0, 0, 1),  # S1 still richer: right leads there
                (1, 0, 0, 1),  # S1 twice unrewarded, after S2 unrewarded twice
            ]
        )
    )
    found = choices_for_richer(trials, KNOWN)
    assert np.isnan(found[0])
    assert found[1:4].tolist() == [1, 0, 1]
    assert trials_since_reversal(trials).tolist() == [-2, -1, 0, 1, 2]


def test_a_trial_that_does_not_count_has_no_share_and_teaches_nothing():
    rows = by_hand([(0, 0, 1, 0), (1, 1, 1, 0), (0, 0, 1, 0)])
    trials = read_trials(rows.assign(valid=[1, 0, 1]))
    assert choices_for_richer(trials, KNOWN)[1:].tolist() == pytest.approx(
        [np.nan, 1], nan_ok=True
    )


def test_the_richer_state_is_the_one_with_more_reward_whatever_its_name():
    reverse = KNOWN._replace(probability_high=0.1, probability_low=0.9)
    rows = by_hand([(0, 0, 1, 0), (0, 0, 1, 0)])
    for structure in (KNOWN, reverse):
        assert choices_for_richer(read_trials(rows), structure)[1] == 1


def test_the_first_trials_after_the_reversal_are_left_out(rivals):
    table = rivals[LATENT]
    first = table[table["reversed"] == 1].groupby("episode")["trial"].transform("min")
    early = table["trial"].sub(first).between(0, SETTLING - 1)
    right = table["choice"].where(~early, 1 - table["choice"])
    # Exchanging the choices there changes no measure but those before the reversal.
    other = table.assign(
        choice=right,
        transition=table["transition"].where(
            ~early, table["transition"].map({"common": "rare", "rare": "common"})
        ),
    )
    found, expected = (
        rival_tables(data_of([each], {}))["reversal"].table.set_index("measure")
        for each in (other, table)
    )
    for measure in ("richer_after", "stay_interaction_after"):
        assert found["value"][measure] == expected["value"][measure]


def test_choices_must_fit_the_reversed_transitions():
    table = by_hand([(0, 0, 1, 0), (0, 1, 0, 1)])
    ANALYSIS.schema.check(table)
    with pytest.raises(MetaRLError, match="choice must be the option that commonly"):
        ANALYSIS.schema.check(table.assign(reversed=[0, 0]))
    for column in ("transition", "choice"):
        completed = ANALYSIS.schema.complete(table.drop(columns=column))
        assert completed[column].tolist() == table[column].tolist()


def test_the_panel_draws_the_course_of_networks_and_rivals(result):
    ax = plt.subplots()[1]
    assert plot_reversal(result.tables, result.context, ax) is ax
    lines = {line.get_label(): line for line in ax.lines}
    course = result.tables.summary("reversal_course")
    for name, words in RIVALS.items():
        own = course[course["group"] == name].sort_values("trial")
        assert list(lines[words].get_xdata()) == list(range(-20, 40, 2))
        assert list(lines[words].get_ydata()) == pytest.approx(list(own["mean"]))
    latent = np.array(lines[RIVALS[LATENT]].get_ydata())
    where = np.array(lines[RIVALS[LATENT]].get_xdata())
    assert latent[where < 0].min() == 1
    assert latent[where >= 0].max() == 0
    networks = np.array(lines["networks (n = 3)"].get_ydata())
    assert networks[where >= 0].mean() == pytest.approx(0.5 / 3, abs=0.05)


def test_the_test_is_as_declared():
    params = change_params(TwoStepParams(), REVERSED.task)
    assert (params.reversal_least, params.reversal_most) == (40, 60)
    assert experiment("two-step").baseline_tests == ("test", "reversed")


def test_rewards_of_subjects_with_many_penalties_are_negative_and_have_a_mean(rivals):
    own = [rivals[RANDOM].assign(reward=-2.0, valid=0), rivals[RANDOM]]
    rows = analyse(ANALYSIS, data_of(own, rivals)).effects.set_index("key")
    reward = rows.loc["reversal.reward_per_100_after.mean"]
    assert reward["value"] == pytest.approx((-200 + 50) / 2, abs=3)
