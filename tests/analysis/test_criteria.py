"""Criteria for results, and for having learned a task."""

import ast
import re
from importlib import resources
from pathlib import Path

import pandas as pd
import pytest

from metarl.analysis.claims import published_claims
from metarl.analysis.criteria import (
    Criteria,
    Criterion,
    LearnedCriterion,
    criteria_table,
    learned_subjects,
    read_criteria,
)
from metarl.core.checks import MetaRLError
from metarl.envs.registry import NAMES
from metarl.experiments.spec import experiment

ANALYSIS = Path(str(resources.files("metarl.analysis")))
FOLDERS = sorted(
    ".".join(path.parent.relative_to(ANALYSIS).parts)
    for path in ANALYSIS.rglob("criteria.toml")
)
CRITERIA = {
    task: criteria
    for folder in FOLDERS
    for task, criteria in read_criteria(f"metarl.analysis.{folder}").items()
}
SCORED = {task: experiment(task).analysis.split(".")[2] for task in CRITERIA}


def test_the_threshold_itself_counts_as_learned():
    subjects = pd.DataFrame(
        {"subject": [3, 5, 7], "reward_per_100": [64.99, 65.0, float("nan")]}
    )
    learned = learned_subjects(CRITERIA["two-step"].learned, subjects)
    assert learned.to_dict() == {3: False, 5: True, 7: False}


def test_a_task_without_a_criterion_says_so():
    assert learned_subjects(None, pd.DataFrame()) is None


def test_a_misspelt_statistic_is_refused_with_the_columns_there_are():
    subjects = pd.DataFrame({"subject": [3], "correct": [0.5], "label": ["a"]})
    least = LearnedCriterion(statistic="corect", threshold=0.5, why="a test")
    words = (
        "no column of the table of subjects, which the learned criterion reads, is "
        "named 'corect'; did you mean 'correct'? There are correct"
    )
    with pytest.raises(MetaRLError, match=re.escape(words)):
        learned_subjects(least, subjects)


def test_a_misspelt_rule_is_refused_with_the_rules_there_are():
    criteria = Criteria(rules={"second": Criterion(low=1), "late": Criterion(low=1)})
    assert criteria["late"] == Criterion(low=1)
    assert criteria.get("secnd") is None
    words = r"no criterion is named 'secnd'; did you mean 'second'\? There are second, "
    with pytest.raises(MetaRLError, match=words):
        criteria["secnd"]


def test_every_criterion_is_of_a_task_in_the_registry():
    assert set(CRITERIA) <= set(NAMES)
    assert all(criteria.rules and criteria.learned for criteria in CRITERIA.values())


@pytest.mark.parametrize(
    ("criterion", "text", "inside", "outside"),
    [
        (Criterion(low=69.5), ">= 69.5", 69.5, 69.49),
        (Criterion(low=0.4, strict=True), "> 0.4", 0.41, 0.4),
        (Criterion(high=0.01), "<= 0.01", 0.01, 0.011),
        (Criterion(low=0.55, high=0.78), "in [0.55, 0.78]", 0.78, 0.781),
        (
            Criterion(low=-1, high=1, equivalence=True),
            "90 % interval in [-1, 1]",
            1,
            1.01,
        ),
    ],
)
def test_criteria_are_described_by_their_bounds(criterion, text, inside, outside):
    assert str(criterion) == text
    assert criterion.holds(inside)
    assert not criterion.holds(outside)
    assert not criterion.holds(float("nan"))


def test_a_criterion_knows_its_summary():
    with pytest.raises(ValueError, match="summary must be one of mean, median"):
        Criterion(low=1, summary="mode")


def test_a_share_of_a_baseline_is_turned_into_its_unit():
    share = Criterion(low=0.5, strict=True, share_of="the ideal", why="It is half.")
    assert str(share) == "> 0.5 of the ideal"
    assert share.times(0.6) == Criterion(low=0.3, strict=True, why="It is half.")
    assert str(Criterion(high=0.05, share_of="the ideal").times(2)) == "<= 0.1"


def test_criteria_are_defined_in_the_table_alone():
    stray = [
        path.name
        for path in ANALYSIS.rglob("*.py")
        if path.name != "criteria.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).split(".")[-1] in ("Criterion", "LearnedCriterion")
    ]
    assert not stray


def test_every_criterion_binds_and_gives_its_reason_in_a_sentence():
    rules = [rule for named in CRITERIA.values() for rule in named.rules.values()]
    assert all(rule.low > float("-inf") or rule.high < float("inf") for rule in rules)
    for why in criteria_table(CRITERIA)["why"]:
        assert re.fullmatch(r"[A-Z\d].+[^.]\.", why), why
        assert len(why.split()) >= 6, why
        # A year or another number, or that we set the bound ourselves.
        assert re.search(r"\d|chance|declared", why), why


def test_the_table_shows_every_criterion_in_words():
    table = criteria_table(CRITERIA).set_index(["experiment", "name"])
    assert table.columns.tolist() == ["rule", "claim", "why"]
    assert table.index.is_unique
    assert len(table) == sum(1 + len(named.rules) for named in CRITERIA.values())
    assert table["claim"]["two-step", "model-based r2"] == "Wang et al. 2018, Fig. 5f"
    assert table["claim"]["two-step", "learned"] == ""
    rules = table["rule"]
    assert rules["two-step", "learned"] == "reward_per_100 >= 65"
    assert rules["two-step", "reward, each network"] == "lowest >= 68.5"
    assert rules["inferred-value", "difference"] == "mean >= 0.5 of the ideal"
    end = "lower end of the mean's 95 % interval"
    assert rules["risky-choice", "more risky"] == f"{end} > 0"
    same = "mean's 90 % interval in [-0.03, 0.03]"
    assert rules["harlow", "new distractor minus same objects"] == same
    other = "mean of no-reward's 90 % interval in [49, 51]"
    assert rules["two-step", "reward without reward input"] == other


def test_every_claim_of_a_criterion_is_in_the_list_of_published_claims():
    rules = [rule for named in CRITERIA.values() for rule in named.rules.values()]
    claims = {rule.claim for rule in rules} - {""}
    assert claims
    assert claims <= set(published_claims())


def test_every_published_claim_has_a_criterion_or_the_reason_why_not():
    rules = [rule for named in CRITERIA.values() for rule in named.rules.values()]
    tested = {rule.claim for rule in rules}
    for name, claim in published_claims().items():
        assert bool(claim.missing) == (name not in tested), name
        assert bool(claim.missing) == bool(claim.experiments), name
        assert set(claim.experiments) <= set(CRITERIA), name


def test_every_variant_of_a_criterion_is_one_of_the_experiment():
    for task, named in CRITERIA.items():
        own = experiment(task).variants
        for name, rule in named.rules.items():
            assert set(rule.variants) <= set(own), name
            for variant in rule.variants:
                # The statistic is of the main test; others name their own tests.
                assert "test" in own[variant].tests, name


def test_a_variant_in_place_of_the_networks_meets_the_learned_criterion_itself():
    for task, named in CRITERIA.items():
        for rule in named.rules.values():
            if rule.variant == "rpe-input":
                assert rule.low == named.learned.threshold, task
                assert rule.interval
                assert rule.statistic


def test_an_equivalence_has_two_bounds():
    for named in CRITERIA.values():
        for name, rule in named.rules.items():
            if rule.equivalence:
                assert float("-inf") < rule.low < rule.high < float("inf"), name


def test_no_claim_is_met_by_a_change_of_nothing():
    """A directional rule must exclude 0, which is no change."""
    for named in CRITERIA.values():
        for name, rule in named.rules.items():
            if rule.claim and not rule.strict and 0 in (rule.low, rule.high):
                raise AssertionError(name)


def test_no_single_network_is_a_published_claim():
    for named in CRITERIA.values():
        for name, rule in named.rules.items():
            assert not (rule.claim and rule.summary in ("lowest", "highest")), name


def test_every_published_claim_names_study_and_place_and_says_it_in_a_sentence():
    for name, claim in published_claims().items():
        assert re.match(r"[A-Z][A-Za-z-]+ et al\. \d{4}, \w", name), name
        for text in filter(None, (claim.says, claim.note, claim.missing)):
            assert re.fullmatch(r"[A-Z].+[^.]\.", text), text
