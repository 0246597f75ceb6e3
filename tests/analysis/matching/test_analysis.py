"""The matching experiment as a whole: tables, panels, animals, references."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from baited_choosers import baited_trials, source_of

from metarl.analysis import ExperimentData
from metarl.analysis.analysis import analyse
from metarl.analysis.matching import ANALYSIS, POINT_COUNT
from metarl.analysis.matching.behaviour import (
    history_weights,
    matching_lines,
    read_trials,
)
from metarl.analysis.matching.optimum import expected_rewards
from metarl.analysis.matching.references import reference_tables
from metarl.analysis.matching.units import HISTORY, VARIABLES, coding_table, unit_table
from metarl.core.checks import MetaRLError
from metarl.io.load import load_trials

LEARNED = ANALYSIS.criteria["matching"].learned


def analysed(trials, **more):
    """The analysis of a trial table alone."""
    return analyse(ANALYSIS, ExperimentData(trials=trials, task="matching", **more))


def draw_panels(tables, panels=ANALYSIS.panels):
    for panel in panels:
        plt.close(panel(tables.tables, tables.context).figure)


@pytest.fixture(scope="module")
def source():
    baselines = {
        name: baited_trials(name, episodes=60) for name in ("random", "matching")
    }
    return source_of("bayes", subjects=2, baselines=baselines)


@pytest.fixture(scope="module")
def tables(source):
    return analyse(ANALYSIS, source).tables


def test_every_table_has_the_subjects_and_the_baselines(tables):
    groups = {"measured": 2, "random": 1, "matching": 1}
    for name in ("subjects", "earnings", "lines", "history"):
        counted = tables[name].groupby("group")["subject"].nunique()
        assert counted.to_dict() == groups, name
    for name in ("slopes", "history", "earnings"):
        assert set(tables.summary(name)["group"]) == set(groups)
    for name in ("units", "coding", "fractions"):
        assert set(tables[name]["group"]) == {"measured"}


def test_summaries_are_means_over_subjects(tables):
    history = tables["history"].query("group == 'measured'")
    expected = history.groupby(["predictor", "lag"])["weight"].mean()
    summary = tables.summary("history").query("group == 'measured'")
    summary = summary.set_index(["predictor", "lag"])
    for key, mean in expected.items():
        assert summary.loc[key, "mean"] == pytest.approx(mean)
    assert summary["n"].unique() == [2]
    subjects = tables["subjects"].query("group == 'measured'")
    stays = tables.summary("slopes").query("measure == 'stay_after_reward'")
    assert stays.set_index("group")["mean"]["measured"] == pytest.approx(
        subjects["stay_after_reward"].mean()
    )


def test_the_tables_are_those_of_each_subject(source, tables):
    own = source.trials[source.trials["subject"] == 1]
    lines = tables["lines"].query("group == 'measured' and subject == 1")
    np.testing.assert_allclose(
        lines["slope"], matching_lines(read_trials(own))["slope"]
    )
    weights = tables["history"].query("group == 'measured' and subject == 1")
    expected = history_weights(read_trials(own))["weight"]
    np.testing.assert_allclose(weights["weight"], expected)
    coding = tables["coding"].query("subject == 1")
    expected = coding_table(unit_table(source.recordings[1], read_trials(own)))
    np.testing.assert_allclose(
        coding["strength"].astype(float), expected["strength"].astype(float)
    )


def test_the_learned_statistic_is_a_column_of_the_subjects(tables):
    assert tables["subjects"][LEARNED.statistic].notna().all()
    result = tables["earnings"].query("set == 'held-in'")
    assert tables["subjects"][LEARNED.statistic].tolist() == pytest.approx(
        result["efficiency"].tolist()
    )


def test_the_learned_threshold_lies_between_alternation_and_matching():
    """In their shares of the possible gain over chance, in all held-in episodes."""
    threshold = LEARNED.threshold
    for kind, learned in (("alternation", False), ("matching", True)):
        trials = baited_trials(kind, episodes=800)
        subjects = analysed(trials).tables["subjects"]
        assert (subjects["efficiency_held_in"].item() > threshold + 0.03) == learned
        assert (subjects["efficiency_held_in"].item() > threshold - 0.03) == learned


def test_the_scatter_is_thinned_evenly(source, tables):
    assert len(tables["points"]) == 240
    many = baited_trials("random", episodes=POINT_COUNT + 100)
    points = analysed(many).tables["points"]
    assert len(points) == (POINT_COUNT + 100) / 2
    assert points["episode"].tolist() == list(range(0, POINT_COUNT + 100, 2))


def test_a_table_alone_is_enough(source):
    result = analysed(source.trials)
    assert result.tables["coding"].empty
    assert result.tables["units"].empty
    assert len(result.tables["subjects"]) == 2
    assert len(result.effects) > 20
    draw_panels(result)


def test_a_tiny_or_silent_subject_does_not_break_anything(source):
    tiny = source.trials[source.trials["trial"] < 2]
    silent = source.trials.assign(choice=np.nan, valid=0, reward=-1.0)
    for trials in (tiny, silent):
        result = analysed(trials, parameters=ANALYSIS.published)
        assert result.tables["history"]["weight"].isna().all()
        assert not result.effects["passed"].any()
        draw_panels(result)


def test_the_sum_of_base_probabilities_is_a_parameter_of_the_task(source):
    own = source.trials[source.trials["subject"] == 0]
    parameters = {**ANALYSIS.published, "probability_sum": 0.8}
    actual = analysed(own, parameters=parameters).tables["earnings"]
    episodes = own.groupby("episode")
    left, count = episodes["p0_left"].first(), episodes.size()
    expected = expected_rewards(left.to_numpy(), count.to_numpy(), 0.8)["matching"]
    result = actual.set_index("set").loc["all", "matching"]
    assert result == pytest.approx(expected.sum() / len(own))


def test_published_tables_have_their_rows_and_sources():
    reference = reference_tables()
    for table in reference.values():
        assert table[["study", "source_location"]].notna().all().all()
    rows = reference["reference_behaviour"].set_index(["label", "measure"])["value"]
    assert rows["mice, 40/10 %", "slope"] == 0.742
    assert rows["mice, 40/5 %", "slope"] == 0.626
    assert rows["macaque X51", "stay_after_reward"] == 0.623
    assert rows["macaque X53", "switch_after_none"] == 0.816
    assert rows["macaque B", "r2"] == 0.74
    assert len(rows) == 25
    history = reference["reference_history"]
    counts = history.groupby(["label", "predictor"]).size()
    assert counts["mice", "reward"] == counts["mice", "choice"] == 15
    variables = [*VARIABLES[:3], HISTORY, *VARIABLES[3:]]
    neurons = reference["reference_neurons"].set_index("variable").loc[variables]
    assert neurons["of"].to_dict() == {
        "last action": "responses",
        "last reward": "responses",
        "action x reward": "responses",
        "history": "neurons",
        "left value": "neurons",
        "upcoming action": "neurons",
    }
    assert neurons["value"].tolist() == [0.0638, 0.0908, 0.0638, 0.5512, 0.5805, 0.361]


def test_published_tables_are_copies():
    for name, table in reference_tables().items():
        table["value"] = 0.0
        assert reference_tables()[name]["value"].abs().max() > 0.5


def test_every_panel_has_a_title_and_labelled_axes(source):
    titles = [panel.title for panel in ANALYSIS.panels]
    assert len(set(titles)) == len(titles) == 6
    result = analyse(ANALYSIS, source)
    for panel in ANALYSIS.panels:
        ax = panel(result.tables, result.context)
        assert ax.get_xlabel()
        assert ax.get_ylabel()
        plt.close(ax.figure)


@pytest.fixture
def own():
    trials = baited_trials("matching", episodes=12)
    result = trials[["episode", "trial", "choice", "reward"]]
    return pd.concat(
        [result.assign(subject=name) for name in ("Ada", "Bob")], ignore_index=True
    )


def test_animals_go_the_same_way(tmp_path, own):
    own.to_csv(tmp_path / "own.csv", index=False)
    own = load_trials(ANALYSIS, tmp_path / "own.csv")
    trials = own.trials
    assert trials["valid"].unique() == [1]
    result = analysed(trials, subjects_are="animals", names=own.labels)
    assert not result.context.scored
    actual = result.tables
    assert set(actual["behaviour"]["label"]) == {"all subjects", "Ada", "Bob"}
    summary = actual["behaviour"].query("label == 'Ada'")
    lines = actual["lines"].query("set == 'all' and subject == 0")
    row = summary.query("measure == 'slope' and set == 'all'")
    assert row["value"].item() == pytest.approx(lines["slope"].item())
    assert row["error"].item() == pytest.approx(lines["error"].item())
    weights = actual["history"].query("subject == 0 and predictor == 'choice'")
    row = summary.query("measure == 'choice weight' and lag == 2")
    expected = weights.set_index("lag").loc[2, "weight"]
    assert row["value"].item() == pytest.approx(expected)
    draw_panels(result, ANALYSIS.behaviour_panels)


def test_a_wrong_table_of_animals_gets_one_sentence(tmp_path, own):
    own.drop(columns="reward").to_csv(tmp_path / "own.csv", index=False)
    with pytest.raises(MetaRLError) as caught:
        load_trials(ANALYSIS, tmp_path / "own.csv")
    assert str(caught.value) == (
        "own.csv has no column reward; it needs subject, trial, choice, reward"
    )
    own.assign(reward=3).to_csv(tmp_path / "own.csv", index=False)
    with pytest.raises(
        MetaRLError, match=r"own.csv: column reward must be 0 \(not rew"
    ):
        load_trials(ANALYSIS, tmp_path / "own.csv")


def test_a_test_of_held_in_episodes_has_held_in_numbers_alone(source):
    trials = source.trials[source.trials["held_out"] == 0]
    result = analyse(ANALYSIS, replace(source, trials=trials, recordings={}))
    lines = result.tables["lines"].query("group == 'measured'").set_index("set")
    assert lines.loc["held-out", "slope"].isna().all()
    assert lines.loc["held-in", "slope"].notna().all()
    draw_panels(result)


def test_animals_have_no_efficiency_as_their_probabilities_may_have_another_sum():
    trials = baited_trials("matching", episodes=12)
    networks, mice = (
        analysed(trials, subjects_are=kind).tables["earnings"]
        for kind in ("networks", "mice")
    )
    assert networks["efficiency"].notna().any()
    assert mice["efficiency"].isna().all()
    assert mice["reward_per_trial"].notna().any()
