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


@pytest.fixture(scope="module")
def full():
    return whole_source()


@pytest.fixture(scope="module")
def found(full):
    return analyse(ANALYSIS, full)


def test_the_same_data_give_the_same_tables(full, found):
    again = analyse(ANALYSIS, full).tables
    assert list(again) == list(found.tables)
    for name, table in found.tables.items():
        pd.testing.assert_frame_equal(again[name], table)


def test_trials_alone_are_enough(full):
    made = analyse(ANALYSIS, source(full.trials))
    assert made.tables["decoding"].empty
    figure, axes = plt.subplots(2, 3)
    for panel, place in zip(ANALYSIS.panels, axes.flat, strict=True):
        assert panel(made.tables, made.context, place) is place
    plt.close(figure)


def test_trials_of_the_training_schedule_are_drawn_too(full):
    made = analyse(ANALYSIS, source(full.trials.assign(order=np.nan)))
    assert made.tables["rates"].empty
    assert not made.effects["passed"].any()
    figure, axes = plt.subplots(1, 6)
    for panel, place in zip(ANALYSIS.panels, axes.flat, strict=True):
        panel(made.tables, made.context, place)
    words = [text.get_text() for place in axes for text in place.texts]
    assert words.count("no learning rate could be fitted") == 3
    plt.close(figure)


def test_choices_at_random_are_drawn_and_counted_as_not_learned(full):
    trials = population((0.1, 0.1), temperature=0.0, episodes=200)
    made = analyse(ANALYSIS, source(trials))
    rows = made.effects.set_index("effect")
    simulated = "learning rate fitted to simulated learners, largest error"
    assert rows.index[rows["passed"]].tolist() == [simulated]
    for panel in ANALYSIS.behaviour_panels:
        plt.close(panel(made.tables, made.context).figure)


def test_published_rates_are_those_of_the_studies():
    made = reference_tables()
    rates = made["reference_rates"].set_index(["label", "block"])
    assert rates.loc[("humans, Gagne 2020", "Stable"), "value"] == 0.264
    assert rates.loc[("humans, Gagne 2020", "Volatile"), "error"] == 0.027
    assert rates.loc[("humans, Cook 2019", "Volatile"), "n"] == 102
    assert list(made["reference_coding"]["value"]) == [0.37]
    signs = list(made["reference_signs"]["label"])
    assert signs == ["humans, Behrens 2007", "macaques, Massi 2018"]
    for table in made.values():
        assert table["source_location"].notna().all()


def test_peoples_trials_are_read_analysed_and_summed_up(tmp_path):
    trials = population((0.1, 0.5), episodes=100)
    named = trials.assign(subject=trials["subject"].map({0: "Ann", 1: "Bo", 2: "Cy"}))
    file = tmp_path / "people.csv"
    named.drop(columns=["session", "valid", "forced"]).to_csv(file, index=False)
    people = ANALYSIS.load_animals(file)
    data = ExperimentData(trials=people, subjects_are="animals", task="volatility")
    found = analyse(ANALYSIS, data)
    made = found.tables
    assert list(made["subjects"]["label"]) == ["Ann", "Bo", "Cy"]
    summary = made["behaviour"].set_index("block")
    rates = made["rates"].groupby("block")["rate"]
    assert summary["value"].to_dict() == pytest.approx(rates.mean().to_dict())
    assert summary["error"].to_dict() == pytest.approx(rates.sem().to_dict())
    assert set(summary["n"]) == {3}
    assert set(found.effects["verdict"]) == {"REPORTED"}


def test_peoples_table_without_a_column_is_refused_by_its_name(tmp_path):
    file = tmp_path / "people.csv"
    chooser_trials(episodes=2).drop(columns="winner").to_csv(file, index=False)
    with pytest.raises(MetaRLError, match=r"people\.csv has no column winner"):
        ANALYSIS.load_animals(file)
