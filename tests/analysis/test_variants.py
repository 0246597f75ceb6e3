"""Claims that only variants test, or nothing: a row for each, and why it is MISSING."""

from dataclasses import replace

import pandas as pd
import pytest

from metarl.analysis.claims import Claim
from metarl.analysis.criteria import Criteria, Criterion, LearnedCriterion
from metarl.analysis.data import ExperimentData
from metarl.analysis.effects import ALL_MEASURED, Effect, score_effects
from metarl.analysis.measures import MEASURED, Tables
from metarl.analysis.scoring import claim_verdicts
from metarl.analysis.variants import (
    missing_effects,
    variant_effects,
    variant_statistics,
)

INPUT = Criterion(
    name="no input",
    low=49,
    high=51,
    equivalence=True,
    variant="blind",
    statistic="learned",
    claim="A 2000, Fig. 1",
)
MATRIX = Criterion(name="matrix", low=0, variant="easy, hard", claim="A 2000, Fig. 2")
OWN = Criterion(name="own", low=0, claim="A 2000, Fig. 3")
OURS = Criterion(name="ours", low=0, variant="hard")
CRITERIA = Criteria(
    rules={rule.name: rule for rule in (INPUT, MATRIX, OWN, OURS)},
    learned=LearnedCriterion(statistic="reward", threshold=65, why="a test"),
)


def measures(data):
    """Each subject's mean reward."""
    means = data.trials.groupby("subject")["reward"].mean().reset_index()
    return {"subjects": means.assign(group=MEASURED)}


@pytest.fixture
def data(table):
    def population(rewards, **more):
        trials = table(
            subject=[k for k in range(len(rewards)) for _ in range(2)],
            choice=[0, 1] * len(rewards),
            reward=[r + d for r in rewards for d in (-1.0, 1.0)],
        )
        return ExperimentData(trials=trials, task="coins", **more)

    blind = population([50.1, 49.9, 50.0], expected_subjects=3)
    return population([70.0, 69.0, 68.0], variants={"blind": blind})


def tables_of(data):
    return Tables(
        {**measures(data), "variants": variant_statistics(CRITERIA, data, measures)}
    )


def scored(data, effects):
    learned = {MEASURED: pd.Series(True, index=range(3))}
    return score_effects("coins", effects, learned).set_index("key")


def every_effect(data):
    effects = list(variant_effects(tables_of(data), CRITERIA))
    more = missing_effects("coins", CRITERIA, effects, data.variants)
    return [*effects, *more]


def test_a_variants_statistic_is_that_of_the_learned_criterion(data):
    (effect,) = variant_effects(tables_of(data), CRITERIA)
    assert effect.key == "variant.blind.reward.mean"
    assert effect.values.tolist() == pytest.approx([50.1, 49.9, 50.0])
    assert (effect.learning, effect.reference) == (ALL_MEASURED, 69)
    row = scored(data, [effect]).loc[effect.key]
    assert (row["verdict"], row["claim"]) == ("PASS", INPUT.claim)
    assert row["criterion"] == "90 % interval in [49, 51]"


def test_a_missing_network_of_a_variant_counts_against_it(data):
    blind = replace(data.variants["blind"], expected_subjects=4)
    (effect,) = variant_effects(
        tables_of(replace(data, variants={"blind": blind})), CRITERIA
    )
    row = scored(data, [effect]).loc[effect.key]
    assert (row["verdict"], row["missing"]) == ("FAIL", 1)


def test_a_claim_of_an_absent_variant_is_missing_with_the_command(data):
    without = replace(data, variants={})
    table = scored(without, every_effect(without))
    assert table["verdict"].tolist() == ["MISSING"] * 3
    assert claim_verdicts(table.to_dict("records")) == {
        INPUT.claim: "MISSING",
        MATRIX.claim: "MISSING",
        OWN.claim: "MISSING",
    }
    assert table["effect"].tolist() == [
        "no input: variant blind was not trained (metarl compare RUN --variants "
        "blind, then metarl analyze RUN)",
        "matrix: variants easy, hard were not trained (metarl compare RUN --variants "
        "easy hard, then metarl analyze RUN)",
        "own: the run has no test or recording with this number",
    ]
    assert table["criterion"].tolist() == ["90 % interval in [49, 51]", ">= 0", ">= 0"]
    assert not table["passed"].any()


def test_a_criterion_without_a_claim_needs_no_row(data):
    names = {effect.criterion.name for effect in every_effect(data)}
    assert names == {"no input", "matrix", "own"}


def test_a_claim_with_a_number_has_no_second_row(data):
    own = Effect(label="own", values=pd.Series([1.0]), criterion=OWN)
    more = list(missing_effects("coins", CRITERIA, [own], ["blind", "easy"]))
    assert [effect.criterion.name for effect in more] == ["no input", "matrix"]
    assert "variant hard was not trained" in more[1].label


def test_a_claim_that_nothing_tests_is_missing_with_its_reason(data, monkeypatch):
    claim = Claim(says="It.", missing="Unknown.", experiments=["coins"])
    monkeypatch.setattr(
        "metarl.analysis.variants.untested_claims",
        lambda name: {"A 2000, Fig. S1": claim} if name == "coins" else {},
    )
    table = scored(data, missing_effects("coins", Criteria(), [], ()))
    (row,) = table.to_dict("records")
    assert (row["verdict"], row["criterion"]) == ("MISSING", "")
    assert row["effect"] == "A 2000, Fig. S1: Unknown"
    assert row["claim"] == "A 2000, Fig. S1"
    assert not list(missing_effects("dice", Criteria(), [], ()))


def test_a_learned_statistic_is_of_a_variant():
    with pytest.raises(ValueError, match="variant must be given with the stat"):
        Criterion(low=1, statistic="learned")
