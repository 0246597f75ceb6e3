"""Promises of every task to tables of animals and people: example, guide, panels."""

import json
import re

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from populations import chance

from metarl.analysis import ExperimentData
from metarl.analysis.analysis import analyse
from metarl.envs.registry import NAMES
from metarl.io.trials import load_table
from metarl.reports.figures import own_data_analysis, read_trials
from metarl.reports.own_data import analyze_trials

every_task = pytest.mark.parametrize("name", NAMES)
COLUMNS = ("quantity", "term", "measure")
"""Columns of a table of behaviour that name what a value is."""


def of_animals(name):
    trials = chance(name)
    schema = own_data_analysis(name).schema
    known = [k for k in trials if k in schema.columns]
    trials = schema.complete(trials[known])
    return ExperimentData(trials=trials, task=name, subjects_are="mice")


@every_task
def test_the_example_row_is_read(name, tmp_path):
    schema = own_data_analysis(name).schema
    row = schema.example()
    file = tmp_path / "example.csv"
    row.to_csv(file, index=False)
    data = load_table(file, schema)
    assert data.names == ("7",)
    assert set(row) <= set(schema.columns)
    needed = [k for k in schema.needed if k not in schema.derived]
    assert set(needed) <= set(row)


@every_task
def test_a_needed_column_is_asked_for_by_name(name, tmp_path):
    schema = own_data_analysis(name).schema
    for column in schema.needed:
        row = schema.example().drop(columns=column)
        # What follows from others is not missed while these are there.
        row = row.drop(columns=[k for k in schema.derived if k in row])
        if schema.follows(column, set(row)):
            continue
        file = tmp_path / "cut.csv"
        row.to_csv(file, index=False)
        with pytest.raises(Exception, match=rf"cut.csv has no column.*{column}"):
            load_table(file, schema)


@every_task
def test_every_quantity_has_a_definition(name):
    analysis = own_data_analysis(name)
    table = analyse(analysis, of_animals(name)).tables["behaviour"]
    words = " ".join(analysis.guide.measures)
    found = {v for k in COLUMNS if k in table for v in table[k].dropna() if v}
    assert all(str(value).removesuffix(" weight") in words for value in found), found
    assert "n" in re.findall(r"\w+", analysis.guide.n)
    assert "missed" in analysis.guide.missed or "without" in analysis.guide.missed


@every_task
def test_panels_of_a_table_draw_and_have_axis_labels(name):
    analysis, data = own_data_analysis(name), of_animals(name)
    result = analyse(analysis, data)
    panels = analysis.panels_of(data.trials)
    assert panels
    for panel in panels:
        figure, ax = plt.subplots()
        panel(result.tables, result.context, ax)
        if ax.has_data():
            assert ax.get_xlabel() or any(t.get_text() for t in ax.get_xticklabels())
        plt.close(figure)


@every_task
def test_a_table_of_animals_gives_all_its_files(name, tmp_path):
    file = tmp_path / "trials.csv"
    trials = of_animals(name).trials.head(400)
    trials = trials.assign(rt=0.25, subject=trials["subject"].map("m{}".format))
    trials.to_csv(file, index=False)
    data = read_trials(name, file, rt_unit="s")
    paths = analyze_trials(name, data, who="mice").save(tmp_path / "out")
    assert all(path.stat().st_size > 0 for path in paths.values())
    subjects = pd.read_csv(paths["subjects"])
    assert subjects["name"].tolist() == sorted(trials["subject"].unique())
    assert subjects["trials"].sum() == len(trials)
    assert set(subjects["rt_unit"]) == {"s"}
    assert subjects["rt_median"].dropna().eq(0.25).all()
    effects = json.loads(paths["effects"].read_text())
    assert {row["verdict"] for row in effects} <= {"REPORTED"}
