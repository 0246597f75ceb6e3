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

LEARNED = ANALYSIS.criteria["matching"].learned


def analysed(trials, **more):
    """The analysis of a trial table alone."""
    return analyse(ANALYSIS, ExperimentData(trials=trials, task="matching", **more))


def draw_panels(found, panels=ANALYSIS.panels):
    for panel in panels:
        plt.close(panel(found.tables, found.context).figure)


@pytest.fixture(scope="module")
def source():
    baselines = {
        name: baited_trials(name, episodes=60) for name in ("random", "matching")
    }
    return source_of("bayes", subjects=2, baselines=baselines)


@pytest.fixture(scope="module")
def found(source):
    return analyse(ANALYSIS, source).tables


def test_every_table_has_the_subjects_and_the_baselines(found):
    groups = {"measured": 2, "random": 1, "matching": 1}
    for name in ("subjects", "earnings", "lines", "history"):
        counted = found[name].groupby("group")["subject"].nunique()
        assert counted.to_dict() == groups, name
    for name in ("slopes", "history", "earnings"):
        assert set(found.summary(name)["group"]) == set(groups)
    for name in ("units", "coding", "fractions"):
        assert set(found[name]["group"]) == {"measured"}


def test_summaries_are_means_over_subjects(found):
    history = found["history"].query("group == 'measured'")
    expected = history.groupby(["predictor", "lag"])["weight"].mean()
    summary = found.summary("history").query("group == 'measured'")
    summary = summary.set_index(["predictor", "lag"])
    for key, mean in expected.items():
        assert summary.loc[key, "mean"] == pytest.approx(mean)
    assert summary["n"].unique() == [2]
    subjects = found["subjects"].query("group == 'measured'")
    stays = found.summary("slopes").query("measure == 'stay_after_reward'")
    assert stays.set_index("group")["mean"]["measured"] == pytest.approx(
        subjects["stay_after_reward"].mean()
    )


def test_the_tables_are_those_of_each_subject(source, found):
    own = source.trials[source.trials["subject"] == 1]
    lines = found["lines"].query("group == 'measured' and subject == 1")
    np.testing.assert_allclose(
        lines["slope"], matching_lines(read_trials(own))["slope"]
    )
    weights = found["history"].query("group == 'measured' and subject == 1")
    expected = history_weights(read_trials(own))["weight"]
    np.testing.assert_allclose(weights["weight"], expected)
    coding = found["coding"].query("subject == 1")
    expected = coding_table(unit_table(source.recordings[1], read_trials(own)))
    np.testing.assert_allclose(
        coding["strength"].astype(float), expected["strength"].astype(float)
    )


def test_the_learned_statistic_is_a_column_of_the_subjects(found):
    assert found["subjects"][LEARNED.statistic].notna().all()
    earned = found["earnings"].query("set == 'held-in'")
    assert found["subjects"][LEARNED.statistic].tolist() == pytest.approx(
        earned["efficiency"].tolist()
    )


def test_the_learned_threshold_lies_between_alternation_and_matching():
    """In their shares of the possible gain over chance, in all held-in episodes."""
    threshold = LEARNED.threshold
    for kind, learned in (("alternation", False), ("matching", True)):
        trials = baited_trials(kind, episodes=800)
        subjects = analysed(trials).tables["subjects"]
        assert (subjects["efficiency_held_in"].item() > threshold + 0.03) == learned
        assert (subjects["efficiency_held_in"].item() > threshold - 0.03) == learned


def test_the_scatter_is_thinned_evenly(source, found):
    assert len(found["points"]) == 240
    many = baited_trials("random", episodes=POINT_COUNT + 100)
    points = analysed(many).tables["points"]
    assert len(points) == (POINT_COUNT + 100) / 2
    assert points["episode"].tolist() == list(range(0, POINT_COUNT + 100, 2))


def test_a_table_alone_is_enough(source):
    made = analysed(source.trials)
    assert made.tables["coding"].empty
    assert made.tables["units"].empty
    assert len(made.tables["subjects"]) == 2
    assert len(made.effects) > 20
    draw_panels(made)


def test_a_tiny_or_silent_subject_does_not_break_anything(source):
    tiny = source.trials[source.trials["trial"] < 2]
    silent = source.trials.assign(choice=np.nan, valid=0, reward=-1.0)
    for trials in (tiny, silent):
        made = analysed(trials, parameters=ANALYSIS.published)
        assert made.tables["history"]["weight"].isna().all()
        assert not made.effects["passed"].any()
        draw_panels(made)


def test_the_sum_of_base_probabilities_is_a_parameter_of_the_task(source):
    own = source.trials[source.trials["subject"] == 0]
    parameters = {**ANALYSIS.published, "probability_sum": 0.8}
    earned = analysed(own, parameters=parameters).tables["earnings"]
    episodes = own.groupby("episode")
    left, count = episodes["p0_left"].first(), episodes.size()
    expected = expected_rewards(left.to_numpy(), count.to_numpy(), 0.8)["matching"]
    found = earned.set_index("set").loc["all", "matching"]
    assert found == pytest.approx(expected.sum() / len(own))


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
    found = analyse(ANALYSIS, source)
    for panel in ANALYSIS.panels:
        ax = panel(found.tables, found.context)
        assert ax.get_xlabel()
        assert ax.get_ylabel()
        plt.close(ax.figure)


@pytest.fixture
def own():
    trials = baited_trials("matching", episodes=12)
    kept = trials[["episode", "trial", "choice", "reward"]]
    return pd.concat(
        [kept.assign(subject=name) for name in ("Ada", "Bob")], ignore_index=True
    )


def test_animals_go_the_same_way(tmp_path, own):
    own.to_csv(tmp_path / "own.csv", index=False)
    trials = ANALYSIS.load_animals(tmp_path / "own.csv")
    assert trials["valid"].unique() == [1]
    found = analysed(trials, subjects_are="animals")
    assert not found.context.scored
    made = found.tables
    assert set(made["behaviour"]["label"]) == {"Ada", "Bob"}
    summary = made["behaviour"].query("label == 'Ada'")
    lines = made["lines"].query("set == 'all' and subject == 0")
    row = summary.query("measure == 'slope' and set == 'all'")
    assert row["value"].item() == pytest.approx(lines["slope"].item())
    assert row["error"].item() == pytest.approx(lines["error"].item())
    weights = made["history"].query("subject == 0 and predictor == 'choice'")
    row = summary.query("measure == 'choice weight' and lag == 2")
    expected = weights.set_index("lag").loc[2, "weight"]
    assert row["value"].item() == pytest.approx(expected)
    draw_panels(found, ANALYSIS.behaviour_panels)


def test_a_wrong_table_of_animals_gets_one_sentence(tmp_path, own):
    own.drop(columns="reward").to_csv(tmp_path / "own.csv", index=False)
    with pytest.raises(MetaRLError) as caught:
        ANALYSIS.load_animals(tmp_path / "own.csv")
    assert str(caught.value) == (
        "own.csv has no column reward; it needs subject, trial, choice, reward"
    )
    own.assign(reward=3).to_csv(tmp_path / "own.csv", index=False)
    with pytest.raises(
        MetaRLError, match=r"own.csv: column reward must be 0 \(not rew"
    ):
        ANALYSIS.load_animals(tmp_path / "own.csv")


def test_a_test_of_held_in_episodes_has_held_in_numbers_alone(source):
    trials = source.trials[source.trials["held_out"] == 0]
    made = analyse(ANALYSIS, replace(source, trials=trials, recordings={}))
    lines = made.tables["lines"].query("group == 'measured'").set_index("set")
    assert lines.loc["held-out", "slope"].isna().all()
    assert lines.loc["held-in", "slope"].notna().all()
    draw_panels(made)
