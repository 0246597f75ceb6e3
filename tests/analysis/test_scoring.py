"""Criteria apply to the experiment itself, and to nothing else."""

from dataclasses import replace

import pytest

from metarl.analysis.data import ExperimentData
from metarl.analysis.scoring import (
    CLAIM,
    CONTROL,
    DIAGNOSTIC,
    REPORTED,
    claim_verdicts,
    counts_in_words,
    rows_by_kind,
    verdicts_that_count,
    why_unscored,
)

TASKS = ("coins:EXPERIMENT",)


@pytest.fixture
def data(table):
    return ExperimentData(
        trials=table(choice=[0, 1], reward=[1.0, 0.0]),
        task="coins:EXPERIMENT",
        parameters={"length": 3, "arms": 2},
        declared={"length": 3, "arms": 2},
    )


def test_the_experiment_itself_is_scored(data):
    assert why_unscored(TASKS, {}, data) == ""
    assert why_unscored(TASKS, {"arms": 2}, replace(data, declared={})) == ""


@pytest.mark.parametrize("name", ["length", "arms"])
def test_by_default_no_parameter_may_be_changed(name, data):
    changed = replace(data, parameters={**data.parameters, name: 9})
    words = f"{name} is 9, the criteria are for {data.declared[name]}"
    assert why_unscored(TASKS, {}, changed) == words


def test_published_parameters_alone_count_where_there_are_some(data):
    changed = replace(data, parameters={"length": 9, "arms": 2})
    assert why_unscored(TASKS, {"arms": 2}, changed) == ""
    assert why_unscored(TASKS, {"length": 3}, changed) == (
        "length is 9, the criteria are for 3"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"subjects_are": "animals"}, "the criteria are for networks, these are anim"),
        (
            {"task": "other:EXPERIMENT"},
            "the criteria are for coins:EXPERIMENT, the run is of other:EXPERIMENT",
        ),
        (
            {"as_published": False, "departure": "the networks are a variant"},
            "the networks are a variant",
        ),
        ({"as_published": False}, "the test is not the one that the criteria are for"),
        ({"declared": {}}, "the task's parameters are not known"),
        ({"parameters": {}}, "length is not known, the criteria are for 3"),
    ],
)
def test_what_is_not_the_experiment_is_not_scored_and_says_why(changes, words, data):
    assert why_unscored(TASKS, {}, replace(data, **changes)).startswith(words)


def test_without_criteria_nothing_is_scored(data):
    assert why_unscored((), {}, data) == "there are no criteria"


def rows(*pairs):
    return [
        {"claim": claim, "control": "", "verdict": verdict} for claim, verdict in pairs
    ]


CARD = rows(
    ("Fig. 1", "PASS"),
    ("Fig. 1", "PASS"),
    ("Fig. 2", "PASS"),
    ("Fig. 2", "FAIL"),
    ("Fig. 2", "MISSING"),
    ("Fig. 3", "NOT LEARNED"),
    ("Fig. 3", "PASS"),
    ("Fig. 4", "MISSING"),
    ("Fig. 4", "NOT LEARNED"),
    ("", "PASS"),
    ("", "FAIL"),
    ("", "REPORTED"),
)


def test_a_claim_is_counted_once_with_the_worst_verdict_of_its_rows():
    assert claim_verdicts(CARD) == {
        "Fig. 1": "PASS",
        "Fig. 2": "FAIL",
        "Fig. 3": "NOT LEARNED",
        "Fig. 4": "MISSING",
    }
    assert claim_verdicts(rows(("", "FAIL"), ("Fig. 5", "REPORTED"))) == {}


def test_claims_and_rows_are_counted_in_the_order_of_verdicts():
    counted = counts_in_words(claim_verdicts(CARD).values())
    assert counted == "1 PASS, 1 FAIL, 1 MISSING, 1 NOT LEARNED"
    kinds = {kind: len(part) for kind, part in rows_by_kind(CARD).items()}
    assert kinds == {CLAIM: 9, DIAGNOSTIC: 2, REPORTED: 1}
    assert [*rows_by_kind(CARD[:2])] == [CLAIM]
    control = {"claim": "", "control": "yes", "verdict": "PASS"}
    apart = {kind: len(part) for kind, part in rows_by_kind([*CARD, control]).items()}
    assert apart == {**kinds, CONTROL: 1}
    assert [*apart] == [CLAIM, DIAGNOSTIC, CONTROL, REPORTED]
    assert verdicts_that_count([*CARD, control]) == [row["verdict"] for row in CARD]
    in_words = counts_in_words(row["verdict"] for row in CARD)
    assert in_words == "5 PASS, 2 FAIL, 2 MISSING, 2 NOT LEARNED, 1 REPORTED"
