"""Promises of every task to tables of animals and people: example, guide, panels."""

import json
import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from populations import chance

from metarl.analysis import ExperimentData
from metarl.analysis.analysis import analyse
from metarl.analysis.by_subject import measures_by_subject
from metarl.analysis.measures import Measure, select_group
from metarl.analysis.statistics import mean_interval
from metarl.analysis.subject_summary import subject_summary
from metarl.envs.registry import NAMES
from metarl.io.column_map import ColumnMap
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


def with_gaps(name):
    """Trials in which subjects miss trials, the first the middle of each episode."""
    trials = of_animals(name).trials.reset_index(drop=True)
    episode = trials.groupby(["subject", "session", "episode"])["trial"]
    place, length = (
        trials["trial"] - episode.transform("min"),
        episode.transform("size"),
    )
    lost = (place == length // 2) & (trials["subject"] == trials["subject"].min())
    trials = trials[~lost].reset_index(drop=True)
    if name not in ("inferred-value", "risky-choice"):
        blank = trials.index % 9 == 4
        trials["choice"] = trials["choice"].astype(float).mask(blank)
        if "transition" in trials:
            trials["transition"] = trials["transition"].mask(blank)
    return ExperimentData(trials=trials, task=name, subjects_are="mice")


def drawn(name, data):
    """Every panel of these data with its axes."""
    analysis = own_data_analysis(name)
    result = analyse(analysis, data)
    for panel in analysis.panels_of(data.trials):
        figure, ax = plt.subplots()
        panel(result.tables, result.context, ax)
        yield panel, ax
        plt.close(figure)


@every_task
def test_no_line_runs_back_where_the_first_subject_misses_a_trial(name):
    for panel, ax in drawn(name, with_gaps(name)):
        for line in ax.lines:
            across = np.asarray(line.get_xdata(), float)
            if line.get_linestyle() != "None" and len(across) > 2:
                assert (np.diff(across) >= 0).all(), (panel.title, line.get_label())


@every_task
def test_a_legend_says_what_the_intervals_are_if_any_are_drawn(name):
    pairs = of_animals(name)
    few = pairs.trials[pairs.trials["subject"] < 2].reset_index(drop=True)
    for data in (pairs, ExperimentData(trials=few, task=name, subjects_are="mice")):
        for panel, ax in drawn(name, data):
            legend, marks = ax.get_legend(), {c.get_gid() for c in ax.collections}
            title = "" if legend is None else legend.get_title().get_text()
            for mark in ("band", "vertical lines"):
                said = mark in title and "95 % over subjects" in title
                assert said == (mark in marks), (panel.title, mark, title)


@every_task
def test_a_column_of_subjects_has_one_meaning_in_every_task(name):
    analysis, data = own_data_analysis(name), with_gaps(name)
    tables = analyse(analysis, data).tables
    measures = measures_by_subject(tables, analysis.schema).measures
    summary = subject_summary(data, analysis.schema)
    for column in set(summary) & set(measures):
        found = measures[column].to_numpy(float)
        np.testing.assert_allclose(found, summary[column].to_numpy(float), 1e-12, 0)


@every_task
def test_probabilities_have_bounds_and_the_same_ones_in_effects_and_figure(name):
    data = of_animals(name)
    data = ExperimentData(
        trials=data.trials.assign(rt=0.3), task=name, subjects_are="mice"
    )
    result = analyse(own_data_analysis(name), data)
    for effect in result.own_effects:
        if re.match(r"P\(|share|fraction|accuracy|learning rate", effect.label):
            apart = "minus" in effect.label or " - " in effect.label
            low = -1 if apart else 0
            usual = effect.summary == "mean" and "beyond" not in effect.key
            if usual and effect.values.notna().any():
                assert effect.bounds == (low, 1), effect.key
    for title in result.tables:
        measure = result.tables._tables[title]
        grouped = isinstance(measure, Measure) and "group" in measure.table
        if grouped and measure.keys:
            compare_intervals(result, title)


def compare_intervals(result, title):
    """Effects of the same numbers as a point of a table have its interval."""
    value, keys = result.tables.value_of(title), list(result.tables.keys_of(title))
    table = select_group(result.tables[title])
    summary = select_group(result.tables.summary(title)).set_index(keys)
    for point, rows in table.groupby(keys):
        numbers = rows.set_index("subject")[value].astype(float)
        at = summary.loc[[point if len(keys) > 1 else point[0]]].iloc[0]
        for effect in result.own_effects:
            if effect.summary == "mean" and effect.values.equals(numbers):
                interval = mean_interval(effect.values, effect.bounds)
                assert interval.low == pytest.approx(at["low"], nan_ok=True), effect.key


@every_task
def test_behaviour_has_the_numbers_of_the_figure_and_of_each_group(name):
    trials = with_gaps(name).trials
    trials = trials.assign(half=np.where(trials["subject"] < 2, "a", "b"))
    table = analyze_trials(name, trials, who="mice", group="half").tables["behaviour"]
    own = [k for k in table if k not in ("label", "value", "error", "median", "n",
           "over", "missing", "pairs", "trials", "percent")]  # fmt: skip
    everyone = table[table["label"] == "all subjects"]
    over = everyone[everyone["over"] == "subjects"]
    assert set(map(str, everyone[own].to_numpy().tolist())) == set(
        map(str, over[own].to_numpy().tolist())
    )
    first = trials[trials["subject"] < 2].drop(columns="half")
    alone = analyze_trials(name, first, who="mice").tables["behaviour"]
    alone = alone[alone["label"] == "all subjects"].reset_index(drop=True)
    of_group = table[table["label"] == "a"].reset_index(drop=True)
    pd.testing.assert_frame_equal(
        of_group.drop(columns="label"), alone.drop(columns="label"), check_dtype=False
    )


@pytest.mark.parametrize("name", ["bandit", "restless-bandit"])
def test_arms_counted_from_1_are_refused_with_the_way_out(name, tmp_path):
    file = tmp_path / "arms.csv"
    rows = [f"A,{k},{1 + k % 3},{k % 2}" for k in range(30)]
    file.write_text("\n".join(["subject,trial,choice,reward", *rows]))
    with pytest.raises(Exception, match='--code "choice: 1=0 2=1 3=2"'):
        read_trials(name, file)
    coded = ColumnMap(codes={"choice": {"1": 0, "2": 1, "3": 2}})
    assert set(read_trials(name, file, coded).trials["choice"]) == {0, 1, 2}


@pytest.mark.parametrize("choices", [(0, 1), (1, 1)])
def test_arms_from_0_or_a_single_arm_are_read(choices, tmp_path):
    file = tmp_path / "arms.csv"
    rows = [f"A,{k},{choices[k % 2]},1" for k in range(30)]
    file.write_text("\n".join(["subject,trial,choice,reward", *rows]))
    assert len(read_trials("bandit", file).trials) == 30
