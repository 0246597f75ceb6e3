"""Promises of every analysis: tables, summaries, panels, effects, criteria, columns."""

import json
import re
from dataclasses import replace
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Text
from pandas.testing import assert_frame_equal
from populations import ANALYSES, SUBJECTS, chance, everything, parameters_of

from metarl.analysis import ExperimentData
from metarl.analysis.analysis import AnalysisResult, analyse, part_of
from metarl.analysis.by_subject import measures_by_subject
from metarl.analysis.claims import untested_claims
from metarl.analysis.criteria import Criteria, LearnedCriterion
from metarl.analysis.effects import NO_LEARNING, subject_table
from metarl.analysis.measures import Measure, Tables
from metarl.analysis.scoring import claim_verdicts
from metarl.reports.figures import draw_layers, own_data_analysis, write_effects

every_analysis = pytest.mark.parametrize("name", ANALYSES)
SCORED = [name for name, analysis in ANALYSES.items() if name in analysis.criteria]
every_scored_analysis = pytest.mark.parametrize("name", SCORED)
CUES = ("target_", "distractor_")
"""Beginnings of columns with the cues of objects, which differ between two tasks."""


@cache
def table_alone(name):
    """Result of a trial table of one random chooser, and of nothing else."""
    trials = chance(name, episodes=2, subjects=1)
    data = ExperimentData(trials=trials, task=name, parameters=parameters_of(name))
    return analyse(ANALYSES[name], data)


@cache
def whole(name, seed=1):
    """Result of all that the analysis may read, of networks that learned nothing."""
    return analyse(ANALYSES[name], everything(name, seed))


def effects_of(result):
    return list(result.unscored_effects)


def passed(result):
    """Keys of the rows that passed and are about subjects that could learn."""
    apart = {e.key for e in effects_of(result) if e.learning == NO_LEARNING}
    rows = result.effects
    return set(rows["key"][rows["passed"]]) - apart


def needing_learning(result):
    return {effect.key for effect in effects_of(result) if effect.needs_learning}


def draw(result, panel):
    """The words on the x and y axis of a panel."""
    figure, ax = plt.subplots()
    assert panel(result.tables, result.context, ax) is ax
    if not ax.has_data():  # too few trials, which the panel says
        plt.close(figure)
        return ["nothing", "drawn"]
    ticks = [[t.get_text() for t in a.get_ticklabels()] for a in (ax.xaxis, ax.yaxis)]
    labels = ax.get_xlabel(), ax.get_ylabel()
    plt.close(figure)
    return [
        label or next((word for word in words if re.search("[a-z]", word)), "")
        for label, words in zip(labels, ticks, strict=True)
    ]


# Tables


@every_analysis
def test_a_trial_table_alone_is_enough(name):
    result = table_alone(name)
    assert list(result.tables) == list(whole(name).tables)
    assert not result.tables["subjects"].empty
    assert not result.effects.empty
    for panel in result.analysis.panels:
        draw(result, panel)


@every_analysis
def test_animals_and_networks_take_one_path(name):
    networks = ExperimentData(
        trials=chance(name), task=name, parameters=parameters_of(name)
    )
    animals = replace(networks, subjects_are="animals")
    one, other = (analyse(ANALYSES[name], data) for data in (networks, animals))
    assert_frame_equal(one.tables["subjects"], other.tables["subjects"])
    assert set(other.effects["verdict"]) == {"REPORTED"}
    for panel in ANALYSES[name].behaviour_panels:
        draw(other, panel)
    own = own_data_analysis(name)
    animals = replace(animals, trials=own.schema.complete(animals.trials))
    assert not analyse(own, animals).tables["behaviour"].empty


def words_of(figure):
    """Every word of a figure."""
    figure.canvas.draw()
    return [
        text.get_text()
        for text in figure.findobj(Text)
        if text.get_text() and text.get_visible()
    ]


PAPER = "networks, Wang 2018"
"""Name of the paper's networks in every legend."""


@every_analysis
def test_the_words_about_people_are_about_people(name):
    people = ExperimentData(
        trials=chance(name),
        task=name,
        subjects_are="people",
        names={k: f"P{k}" for k in range(SUBJECTS)},
    )
    result = analyse(ANALYSES[name], people)
    own = {effect.key for effect in result.own_effects}
    known = result.effects["value"].notna() & result.effects["key"].isin(own)
    effects = result.effects[known]
    wrong = re.compile(r"\b(networks?|animals?|peopl)\b", re.I)
    assert not [label for label in effects["effect"] if wrong.search(label)]
    assert set(subject_table(effects, people.names)["name"]) <= set(
        people.names.values()
    )
    if own_data_analysis(name) is ANALYSES[name]:
        words = [w.replace(PAPER, "") for w in words_of(draw_layers([result]))]
        assert not [word for word in words if wrong.search(word)]


@every_analysis
def test_groups_of_subjects_are_drawn_together_or_side_by_side(name):
    data = ExperimentData(trials=chance(name), task=name, subjects_are="people")
    result = analyse(ANALYSES[name], data)
    everyone = result.tables["subjects"]["subject"].tolist()
    parts = [
        part_of(result, part, group=group, colour=colour)
        for part, group, colour in (
            (everyone[:2], "old", "#123456"),
            (everyone[2:], "young", "#654321"),
        )
    ]
    for part, kept in zip(parts, (everyone[:2], everyone[2:]), strict=True):
        own = part.tables["subjects"]
        assert own["subject"].tolist() == kept
        assert part.context.subject_count == len(kept)
    if ANALYSES[name].behaviour_panels:
        headed = [ax.get_title("left") for ax in draw_layers(parts).axes]
        titles = [title.partition("  ")[2] for title in headed]
        for panel in ANALYSES[name].behaviour_panels:
            both = [f"{panel.title}: old", f"{panel.title}: young"]
            assert panel.title in titles if panel.shared else set(both) <= set(titles)


@every_analysis
def test_every_subject_has_a_row_of_all_its_measures(name):
    data = ExperimentData(trials=chance(name), task=name, subjects_are="people")
    result = analyse(ANALYSES[name], data)
    laid = measures_by_subject(result.tables, ANALYSES[name].schema)
    subjects = result.tables["subjects"].set_index("subject")
    assert laid.measures.index.tolist() == subjects.index.tolist()
    assert laid.measures.columns.is_unique
    assert not laid.measures.isna().all().any()
    for column in subjects.select_dtypes("number"):
        if subjects[column].notna().any():
            assert laid.measures[column].equals(subjects[column].astype(float)), column


@every_analysis
def test_the_parameters_of_animals_need_not_be_known(name):
    animals = ExperimentData(trials=chance(name), task=name, subjects_are="animals")
    result = analyse(ANALYSES[name], animals)
    assert len(result.tables["subjects"]) == SUBJECTS
    assert not result.effects["passed"].any()


@every_analysis
def test_no_column_is_read_that_the_schema_does_not_describe(name):
    data = replace(
        everything(name),
        baselines={},
        baseline_recordings={},
        tests={},
        test_recordings={},
        test_baselines={},
        variants={},
        stages={},
    )
    columns = ANALYSES[name].schema.columns
    described = [k for k in data.trials if k in columns or k.startswith(CUES)]
    assert len(described) < len(data.trials.columns)
    other = replace(data, trials=data.trials[described])
    found, expected = (analyse(ANALYSES[name], d).tables for d in (other, data))
    assert list(found) == list(expected)
    for title in found:
        assert_frame_equal(found[title], expected[title])


@every_analysis
def test_summaries_are_means_over_subjects(name):
    tables = whole(name).tables
    measures = {k: v for k, v in tables._tables.items() if isinstance(v, Measure)}
    assert measures
    for title, measure in measures.items():
        table = measure.table
        keys = [k for k in ("group",) if k in table] + list(measure.keys)
        # A point has one row per subject, so that n is never a number of trials.
        assert not table.duplicated([*keys, "subject"]).any(), title
        summary = tables.summary(title)
        assert list(summary) == [*keys, "mean", "low", "high", "n", "missing"]
        cells = dict(iter(table.groupby(keys, dropna=False)[measure.value]))
        points = list(map(tuple, summary[keys].to_numpy(object)))
        assert len(points) == len(cells)
        values = [cells[point] for point in points]
        known = [part.dropna() for part in values]
        means = [sum(part) / len(part) if len(part) else np.nan for part in known]
        found = summary["mean"].to_numpy(float)
        np.testing.assert_allclose(found, np.array(means, float), err_msg=title)
        assert summary["n"].tolist() == [len(part) for part in known]
        total = summary["n"] + summary["missing"]
        assert total.tolist() == [len(part) for part in values]


# Panels


@every_analysis
def test_panels_have_different_titles_and_labels_or_words_on_each_axis(name):
    panels = ANALYSES[name].panels
    assert len({panel.title for panel in panels}) == len(panels)
    for panel in panels:
        assert all(draw(whole(name), panel)), panel.title


@every_analysis
def test_the_snapshots_panel_is_one_of_the_figure(name):
    analysis = ANALYSES[name]
    assert analysis.snapshot_panel in analysis.panels
    draw(table_alone(name), analysis.snapshot_panel)


# Effects and criteria


@every_analysis
def test_keys_and_labels_of_effects_are_unique(name):
    effects = whole(name).effects
    assert effects["key"].is_unique
    assert effects["effect"].is_unique
    assert effects["key"].str.fullmatch(r"[A-Za-z0-9_.=-]+").all()
    assert effects["effect"].all()


@every_analysis
def test_keys_of_effects_do_not_depend_on_the_numbers(name):
    results = []
    for seed in (1, 2):
        trials = chance(name, seed=seed)
        data = ExperimentData(trials=trials, task=name, parameters=parameters_of(name))
        results.append(analyse(ANALYSES[name], data).effects)
    one, other = results
    assert one["key"].tolist() == other["key"].tolist()
    assert one["value"].tolist() != other["value"].tolist()


@every_scored_analysis
def test_every_criterion_is_used(name):
    criteria = ANALYSES[name].criteria[name]
    # By name, as two criteria may have one reason.
    rules = {k: replace(rule, why=k) for k, rule in criteria.rules.items()}
    context = replace(whole(name).context, criteria=replace(criteria, rules=rules))
    effects = effects_of(replace(whole(name), context=context))
    assert {e.criterion.why for e in effects if e.criterion} == set(rules)
    assert criteria.learned.statistic in whole(name).tables["subjects"]


@every_scored_analysis
def test_random_choosers_pass_nothing_that_needs_learning(name):
    data = ExperimentData(
        trials=chance(name, episodes=20),
        task=name,
        parameters=parameters_of(name),
        expected_subjects=SUBJECTS,
    )
    result = analyse(ANALYSES[name], data)
    assert result.context.scored
    assert not passed(result)
    assert not passed(whole(name)) & needing_learning(whole(name))


def lucky(effect):
    """Whether a row counts without learning, and is met by chance in small data."""
    return effect.criterion and not effect.needs_learning


def claims_of(name):
    """Published claims about an experiment, tested or not."""
    rules = ANALYSES[name].criteria[name].rules.values()
    return {rule.claim for rule in rules if rule.claim} | set(untested_claims(name))


@every_scored_analysis
def test_every_claim_has_a_verdict_whatever_was_trained_and_none_is_met_by_chance(name):
    trials = chance(name, episodes=20)
    parameters = parameters_of(name)
    alone = ExperimentData(trials=trials, task=name, parameters=parameters)
    for result in (analyse(ANALYSES[name], alone), whole(name)):
        verdicts = claim_verdicts(result.effects.to_dict("records"))
        assert set(verdicts) == claims_of(name)
        # A share of networks that learn is of all; four problems may be solved by luck.
        of_all = {e.criterion.claim for e in effects_of(result) if lucky(e)}
        assert {c for c, v in verdicts.items() if v == "PASS"} <= of_all
        for claim in untested_claims(name):
            assert verdicts[claim] == "MISSING"


@every_scored_analysis
def test_a_claim_of_a_variant_is_missing_without_it_and_says_how_to_train_it(name):
    rules = ANALYSES[name].criteria[name].rules.values()
    effects = analyse(ANALYSES[name], replace(everything(name), variants={})).effects
    for rule in rules:
        if rule.claim and rule.variants:
            row = effects[effects["effect"].str.startswith(f"{rule.name}: ")].iloc[0]
            assert (row["verdict"], row["claim"]) == ("MISSING", rule.claim)
            command = f"metarl compare RUN --variants {' '.join(rule.variants)}"
            assert command in row["effect"]


def unbound(name, threshold):
    """The analysis with criteria that any number meets."""
    criteria = ANALYSES[name].criteria[name]
    bounds = {"low": -np.inf, "high": np.inf, "strict": False}
    rules = {k: replace(rule, **bounds) for k, rule in criteria.rules.items()}
    statistic = criteria.learned.statistic
    learned = LearnedCriterion(statistic=statistic, threshold=threshold, why="a test")
    return replace(
        ANALYSES[name], criteria={name: Criteria(rules=rules, learned=learned)}
    )


def filled(table):
    return table.assign(**table.select_dtypes("number").fillna(0))


def unbound_result(name, threshold=-np.inf, **changes):
    """Result with such criteria, of networks that have a number in every row."""
    analysis = unbound(name, threshold)
    context = analysis.context(replace(everything(name), **changes))
    tables = Tables({title: filled(t) for title, t in whole(name).tables.items()})
    return AnalysisResult(analysis=analysis, context=context, tables=tables)


@every_scored_analysis
def test_a_missing_network_passes_nothing(name):
    """Even where the criteria hold for any number."""
    assert passed(unbound_result(name))
    assert not passed(unbound_result(name, expected_subjects=SUBJECTS + 1))


@every_scored_analysis
def test_networks_that_did_not_learn_pass_nothing_that_needs_it(name):
    """Even where the criteria hold for any number."""
    result = unbound_result(name, threshold=np.inf)
    effects = result.effects.set_index("key")
    for effect in effects_of(result):
        if effect.criterion and effect.needs_learning:
            nothing = effect.values.isna().all()
            expected = "MISSING" if nothing else "NOT LEARNED"
            assert effects["verdict"][effect.key] == expected


@every_scored_analysis
def test_another_task_design_or_test_leaves_nothing_scored(name):
    analysis, data = ANALYSES[name], everything(name)
    assert analysis.is_scored(data)
    assert analysis.published
    for parameter in analysis.published:
        known = {k: v for k, v in data.parameters.items() if k != parameter}
        for parameters in (known, known | {parameter: "unpublished"}):
            assert not analysis.is_scored(replace(data, parameters=parameters))
    for changes in (
        {"task": "another"},
        {"as_published": False},
        {"subjects_are": "animals"},
    ):
        assert not analysis.is_scored(replace(data, **changes))
    unscored = replace(whole(name).context, scored=False)
    effects = replace(whole(name), context=unscored).effects
    assert set(effects["verdict"]) == {"REPORTED"}
    assert effects[["learned", "reference", "criterion_low"]].isna().all(axis=None)
    assert effects["value"].notna().any()


@every_scored_analysis
def test_criteria_are_written_with_the_effects(name, tmp_path):
    path = tmp_path / "effects.json"
    write_effects(path, whole(name).effects)
    written = {row["key"]: row for row in json.loads(path.read_text("utf-8"))}
    for effect in effects_of(whole(name)):
        row, rule = written[effect.key], effect.criterion
        found = [row[f"criterion_{part}"] for part in ("low", "high", "strict")]
        if rule is None:
            assert found == [None, None, None]
        elif not rule.share_of:
            *bounds, strict = found
            for number, bound in zip(bounds, (rule.low, rule.high), strict=True):
                assert number == (pytest.approx(bound) if np.isfinite(bound) else None)
            assert strict == rule.strict
            assert row["criterion"] == str(rule)


# Columns


@every_analysis
def test_the_task_gives_every_column_of_the_schema(name):
    trials, schema = everything(name).trials, ANALYSES[name].schema
    schema.check(trials)
    of_animals = {k for k, column in schema.columns.items() if column.own}
    assert set(schema.columns) - set(trials) <= of_animals


@every_analysis
def test_the_schema_describes_its_columns(name):
    described = ANALYSES[name].schema.describe()
    assert all(described["meaning"])
    assert all(described["values"])
    assert ANALYSES[name].schema.name
