"""The analysis of any experiment: checks, parsing, summaries, labels, scores."""

from dataclasses import replace

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from metarl.analysis import ExperimentData
from metarl.analysis.analysis import Analysis, Panel, SnapshotPanel, analyse
from metarl.analysis.criteria import Criteria, Criterion, LearnedCriterion
from metarl.analysis.effects import ALL_MEASURED, NO_LEARNING, Effect
from metarl.analysis.measures import (
    Measure,
    by_group,
    select_group,
    subject_rewards,
    subject_values,
)
from metarl.analysis.schema import BASE_SCHEMA, codes
from metarl.analysis.trials import trial_sequence
from metarl.core.checks import MetaRLError

SCHEMA = BASE_SCHEMA.extend("toy", colour=codes(0, 1))
PARSED = []


def parse(trials):
    PARSED.append(len(trials))
    return trial_sequence(trials, SCHEMA)


def measures(data, groups):
    return {
        "subjects": Measure(by_group(groups, subject_rewards), "reward_per_100"),
        "plain": pd.DataFrame({"a": [1]}),
    }


def effects(tables, context):
    own = subject_values(select_group(tables["subjects"]), "reward_per_100")
    rule = context.criteria["reward"]
    yield Effect(key="reward", label="reward", values=own, criterion=rule)
    for learning in (ALL_MEASURED, NO_LEARNING, "random"):
        other = Effect(
            key=learning.replace(" ", "_"),
            label=learning,
            values=pd.Series([60.0]),
            criterion=rule,
            learning=learning,
        )
        yield other


def draw(tables, context, ax):
    ax.set_title(context.task)
    return ax


TOY = Analysis(
    schema=SCHEMA,
    parse=parse,
    measures=measures,
    effects=effects,
    panels=(
        Panel("Recorded", draw, needs="recording"),
        Panel("Everybody", draw),
        Panel("Another", draw),
    ),
    criteria={
        "toy": Criteria(
            rules={"reward": Criterion(low=50)},
            learned=LearnedCriterion(
                statistic="reward_per_100", threshold=40, why="Chance has 25."
            ),
        )
    },
    published={"arms": 2},
)


def trials(table, *rewards):
    parts = [
        table(choice=[0, 1], reward=[reward, reward], colour=1, subject=subject)
        for subject, reward in enumerate(rewards)
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def data(table):
    return ExperimentData(
        trials=trials(table, 0.6, 0.8),
        baselines={"random": trials(table, 0.25)},
        task="toy",
        parameters={"arms": 2, "length": 3},
    )


def test_every_group_is_parsed_once(data):
    PARSED.clear()
    result = analyse(TOY, data)
    _ = result.effects, result.effects, result.tables.summary("subjects")
    assert PARSED == [4, 2]


def test_summaries_are_over_subjects_and_subjects_have_names(data):
    tables = analyse(TOY, data).tables
    summary = tables.summary("subjects").set_index("group")
    assert summary.loc["measured", "mean"] == pytest.approx(70)
    assert summary["n"].to_dict() == {"measured": 2, "random": 1}
    names = tables["subjects"]["label"].tolist()
    assert names == ["subject 0", "subject 1", "subject 0"]
    with pytest.raises(KeyError, match="table 'plain' is not a Measure"):
        tables.summary("plain")
    named = replace(data, names={0: "a", 1: "b"})
    assert analyse(TOY, named).tables["subjects"]["label"].tolist()[:2] == ["a", "b"]


@pytest.mark.parametrize(
    "where", ["trials", "baselines", "tests", "stages", "variants"]
)
def test_every_table_is_checked_against_the_schema(data, where):
    wrong = data.trials.assign(colour=7)
    changed = {
        "trials": wrong,
        "baselines": {"random": wrong},
        "tests": {"other": wrong},
        "stages": {0.5: wrong},
        "variants": {"no-reward": replace(data, trials=wrong)},
    }
    with pytest.raises(MetaRLError, match="column colour must be 0 or 1, got 7"):
        analyse(TOY, replace(data, **{where: changed[where]}))


def test_the_context_has_the_task_its_subjects_and_parameters(data):
    context = analyse(TOY, replace(data, discount=0.9, expected_subjects=3)).context
    assert (context.task, context.subjects_are) == ("toy", "networks")
    assert (context.subject_count, context.expected_subjects) == (2, 3)
    assert (context.discount, context.parameters["length"]) == (0.9, 3)
    assert context.scored
    assert context.learned.threshold == 40


@pytest.mark.parametrize(
    "change",
    [
        {"task": "another"},
        {"subjects_are": "animals"},
        {"parameters": {"arms": 3}},
        {"parameters": {}},
        {"as_published": False},
    ],
)
def test_another_task_design_or_test_and_animals_are_not_scored(data, change):
    result = analyse(TOY, replace(data, **change))
    assert set(result.effects["verdict"]) == {"REPORTED"}
    assert result.effects["learned"].isna().all()
    assert not result.context.scored
    assert result.context.learned is None


def verdicts(data):
    return analyse(TOY, data).effects.set_index("key")["verdict"].to_dict()


def test_a_row_counts_by_the_population_that_must_have_learned(data):
    assert verdicts(data) == {
        "reward": "PASS",
        "all_measured": "PASS",
        "none": "PASS",
        # The random baseline did not learn.
        "random": "NOT LEARNED",
    }


def test_where_one_network_did_not_learn_no_row_about_others_counts(data, table):
    one = replace(data, trials=trials(table, 0.3, 0.9))
    scored = verdicts(one)
    assert scored["reward"] == "NOT LEARNED"
    assert scored["all_measured"] == "NOT LEARNED"
    assert scored["none"] == "PASS"


def test_a_missing_subject_passes_nothing_that_needs_learners(data):
    result = analyse(TOY, replace(data, expected_subjects=3)).effects.set_index("key")
    assert result["passed"].to_dict() == {
        "reward": False,
        "all_measured": False,
        "none": True,
        "random": False,
    }
    assert result.loc["reward", ["subjects", "missing"]].tolist() == [2, 1]


def test_misspelt_tables_columns_tests_and_groups_are_refused(data, table):
    tested = replace(data, tests={"short": trials(table, 0.5)})
    tables = analyse(TOY, tested).tables
    assert "subject" not in tables
    read = trial_sequence(data.trials, SCHEMA)
    reads = {
        "no table is named 'subject'; did you mean 'subjects'": (
            lambda: tables["subject"]
        ),
        "no table is named 'curve'; there are ": lambda: tables.summary("curve"),
        "no column of the schema is named 'color'; did you mean 'colour'": (
            lambda: read["color"]
        ),
        "no column of the schema is named 'colors'": lambda: read.words("colors"),
        "no test is named 'shrt'; did you mean 'short'": lambda: tested.tests["shrt"],
        "no baseline is named 'randm'": lambda: tested.baselines["randm"],
        "no variant is named 'early'": lambda: tested.variants["early"],
    }
    for words, look_up in reads.items():
        with pytest.raises(MetaRLError, match=words):
            look_up()

    def wrong(data, groups):
        return {"subjects": groups["randm"]}

    with pytest.raises(MetaRLError, match="no group is named 'randm'; did you mean"):
        analyse(replace(TOY, measures=wrong), data)


def test_a_panel_draws_on_axes_of_its_own_where_none_are_given(data):
    result = analyse(TOY, data)
    ax = TOY.panels[0](result.tables, result.context)
    assert (ax.get_title(), len(ax.figure.axes)) == ("toy", 1)
    plt.close(ax.figure)


def test_panels_are_distinguished_by_their_needs():
    assert [panel.title for panel in TOY.behaviour_panels] == ["Everybody", "Another"]
    assert TOY.snapshot_panel.title == "Everybody"
    other = replace(TOY, snapshot=SnapshotPanel("Recorded", ("rpe",)))
    assert other.snapshot_panel.title == "Recorded"
