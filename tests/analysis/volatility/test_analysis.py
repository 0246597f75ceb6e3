"""The volatility experiment as a whole, of networks and of people."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from volatile_choosers import chooser_trials, population, source, whole_source

from metarl.analysis import ExperimentData
from metarl.analysis.analysis import analyse
from metarl.analysis.volatility import ANALYSIS
from metarl.analysis.volatility.references import reference_tables
from metarl.core.checks import MetaRLError
from metarl.io.load import load_trials


@pytest.fixture(scope="module")
def full():
    return whole_source()


@pytest.fixture(scope="module")
def result(full):
    return analyse(ANALYSIS, full)


def test_the_same_data_give_the_same_tables(full, result):
    again = analyse(ANALYSIS, full).tables
    assert list(again) == list(result.tables)
    for name, table in result.tables.items():
        pd.testing.assert_frame_equal(again[name], table)


def test_trials_alone_are_enough(full):
    result = analyse(ANALYSIS, source(full.trials))
    assert result.tables["decoding"].empty
    figure, axes = plt.subplots(2, 3)
    for panel, place in zip(ANALYSIS.panels, axes.flat, strict=True):
        assert panel(result.tables, result.context, place) is place
    plt.close(figure)


def test_trials_of_the_training_schedule_are_drawn_too(full):
    result = analyse(ANALYSIS, source(full.trials.assign(order=np.nan)))
    assert result.tables["rates"].empty
    assert not result.effects["passed"].any()
    figure, axes = plt.subplots(1, 6)
    for panel, place in zip(ANALYSIS.panels, axes.flat, strict=True):
        panel(result.tables, result.context, place)
    words = [text.get_text() for place in axes for text in place.texts]
    assert words.count("no learning rate could be fitted") == 3
    plt.close(figure)


def test_choices_at_random_are_drawn_and_counted_as_not_learned(full):
    trials = population((0.1, 0.1), temperature=0.0, episodes=200)
    result = analyse(ANALYSIS, source(trials))
    rows = result.effects.set_index("effect")
    simulated = "learning rate fitted to simulated learners, largest error"
    assert rows.index[rows["passed"]].tolist() == [simulated]
    for panel in ANALYSIS.behaviour_panels:
        plt.close(panel(result.tables, result.context).figure)


def test_published_rates_are_those_of_the_studies():
    references = reference_tables()
    rates = references["reference_rates"].set_index(["label", "block"])
    assert rates.loc[("humans, Gagne 2020", "Stable"), "value"] == 0.264
    assert rates.loc[("humans, Gagne 2020", "Volatile"), "error"] == 0.027
    assert rates.loc[("humans, Cook 2019", "Volatile"), "n"] == 102
    assert list(references["reference_coding"]["value"]) == [0.37]
    signs = list(references["reference_signs"]["label"])
    assert signs == ["humans, Behrens 2007", "macaques, Massi 2018"]
    for table in references.values():
        assert table["source_location"].notna().all()


def test_peoples_trials_are_read_analysed_and_summed_up(tmp_path):
    trials = population((0.1, 0.5), episodes=100)
    named = trials.assign(subject=trials["subject"].map({0: "Ann", 1: "Bo", 2: "Cy"}))
    file = tmp_path / "people.csv"
    named.drop(columns=["session", "valid", "forced"]).to_csv(file, index=False)
    people = load_trials(ANALYSIS, file)
    data = ExperimentData(
        trials=people.trials,
        subjects_are="people",
        names=people.labels,
        task="volatility",
    )
    result = analyse(ANALYSIS, data)
    actual = result.tables
    assert list(actual["subjects"]["label"]) == ["Ann", "Bo", "Cy"]
    summary = actual["behaviour"]
    summary = summary[summary["label"] == "all subjects"]
    summary = summary[summary["quantity"] == "learning_rate"].set_index("block")
    rates = actual["rates"].groupby("block")["rate"]
    assert summary["value"].to_dict() == pytest.approx(rates.mean().to_dict())
    assert summary["error"].to_dict() == pytest.approx(rates.sem().to_dict())
    assert set(summary["n"]) == {3}
    assert set(result.effects["verdict"]) == {"REPORTED"}


def test_peoples_table_without_a_column_is_refused_by_its_name(tmp_path):
    file = tmp_path / "people.csv"
    chooser_trials(episodes=2).drop(columns="volatility").to_csv(file, index=False)
    with pytest.raises(MetaRLError, match=r"people\.csv has no column volatility"):
        load_trials(ANALYSIS, file)
