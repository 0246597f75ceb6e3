"""The inferred-value experiment as a whole: its tables, panels, references."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from cue_observers import IDEAL, population, simulate

from metarl.analysis.analysis import analyse
from metarl.analysis.data import ExperimentData
from metarl.analysis.inferred_value import ANALYSIS, reference_signs
from metarl.analysis.inferred_value.plots import plot_valid_shares
from metarl.core.checks import MetaRLError

TASK = "inferred-value"


@pytest.fixture(scope="module")
def source():
    trials, recordings = population(count=3, noise=0.05)
    reset, reset_recordings = population(count=3, noise=0.05, reset=True)
    ideal = simulate("inferring", subject=1)
    return ExperimentData(
        task=TASK,
        parameters=ANALYSIS.published,
        trials=trials,
        recordings=recordings,
        baselines={"ideal": ideal[0]},
        baseline_recordings={"ideal": ideal[1]},
        tests={"block-reset": reset},
        test_recordings={"block-reset": reset_recordings},
        discount=0.9,
    )


def analysed(**data):
    given = {"task": TASK, "parameters": ANALYSIS.published} | data
    return analyse(ANALYSIS, ExperimentData(**given))


@pytest.fixture(scope="module")
def result(source):
    return analyse(ANALYSIS, source)


@pytest.fixture(scope="module")
def tables(result):
    return result.tables


def test_every_table_has_its_groups_and_subjects(tables):
    groups = tables["subjects"].groupby("group")["subject"].nunique()
    assert groups.to_dict() == {"measured": 3, "ideal": 1}
    for name in ("responses", "values", "differences"):
        groups = tables[name].groupby("group")["subject"].nunique()
        expected = {"measured": 3, "ideal": 1, "block-reset": 3}
        assert groups.to_dict() == expected, name
        assert set(tables.summary(name)["group"]) == set(expected)
    for name in ("readout", "counting"):
        assert set(tables[name]["subject"]) == {0, 1, 2}
    assert tables["states"]["subject"].unique() == [0]


def test_subjects_carry_their_own_numbers(tables):
    subjects = tables["subjects"].set_index(["group", "subject"])
    table = tables["differences"].set_index(["group", "subject", "when"])["difference"]
    for key, row in subjects.iterrows():
        for when in ("before", "experienced", "inferred"):
            assert row[when] == table[(*key, when)]
        assert row["experienced_of_ideal"] == pytest.approx(row["experienced"] / IDEAL)
    assert table["ideal", 1, "inferred"] == pytest.approx(IDEAL)
    assert table["block-reset", 2, "before"] == pytest.approx(0, abs=0.05)
    assert table["measured", 2, "before"] == pytest.approx(IDEAL, abs=0.05)


def test_the_mean_ratio_is_over_subjects(tables):
    ratios = tables.summary("subjects").set_index("group")
    assert ratios["n"].to_dict() == {"measured": 3, "ideal": 1}
    own = tables["subjects"].query("group == 'measured'")["ratio"]
    assert ratios.loc["measured", "mean"] == pytest.approx(own.mean())


def test_the_ideal_follows_the_discount_and_the_parameters(source):
    result = analysed(trials=source.trials, discount=0.75)
    assert result.tables["ideal"]["difference"].tolist() == pytest.approx([0.45])
    assert result.context.scored
    changed = {**ANALYSIS.published, "probability_switch": 0.25}
    result = analysed(trials=source.trials, discount=0.9, parameters=changed)
    assert result.tables["ideal"]["difference"].tolist() == pytest.approx([0.9 * 0.81])
    assert not result.context.scored


def test_a_trial_table_alone_is_enough(source, tables):
    result = analyse(ANALYSIS, ExperimentData(task=TASK, trials=source.trials))
    actual = result.tables
    assert actual.keys() == tables.keys()
    for name in ("responses", "values", "differences", "readout", "counting", "states"):
        assert actual[name].empty
    assert actual["subjects"]["valid_share"].tolist() == [1, 1, 1]
    assert actual["subjects"]["experienced_of_ideal"].isna().all()
    texts = [draw_panel(panel, result).texts for panel in ANALYSIS.panels]
    assert [text[0].get_text() for text in texts] == ["no recording"] * 6


def draw_panel(draw, result):
    figure, ax = plt.subplots()
    assert draw(result.tables, result.context, ax) is ax
    assert ax.get_xlabel()
    assert ax.get_ylabel()
    plt.close(figure)
    return ax


def test_recordings_without_units_or_of_one_episode_do_not_break():
    trials, recording = simulate(episodes=1)
    bare = {k: v for k, v in recording.items() if not k.startswith("units")}
    for given in (recording, bare):
        result = analysed(trials=trials, recordings={0: given}, discount=0.9)
        for draw in (*ANALYSIS.panels, plot_valid_shares):
            draw_panel(draw, result)


def test_invalid_trials_are_counted():
    trials, _ = simulate("flat", episodes=100, invalid=0.25)
    result = analysed(trials=trials).tables["subjects"]
    assert result["valid_share"].iloc[0] == pytest.approx(0.75, abs=0.03)
    assert result["reward_per_trial"].iloc[0] == trials["reward"].mean()


def test_the_words_may_be_categories_or_strings(source):
    coded = source.trials.astype({"cue": "category", "rewarded_cue": "category"})
    one = analysed(trials=coded).tables["valid"]
    other = analysed(trials=source.trials).tables["valid"]
    pd.testing.assert_frame_equal(one, other)


def test_a_table_of_another_task_gets_one_sentence(source):
    with pytest.raises(MetaRLError, match="inferred-value trial table has no column c"):
        analysed(trials=source.trials.drop(columns="cue"))


def test_published_signs_of_monkeys_have_their_source():
    signs = reference_signs()
    assert signs["value"].tolist() == [1, -1, 0]
    assert signs["study"].str.contains("Bromberg-Martin").all()
    assert signs[["measure", "source_location"]].notna().all().all()
    signs["value"] = np.nan
    assert reference_signs()["value"].notna().all()
