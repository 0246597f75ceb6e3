"""The scorecard: all effects in one table, and none lost where nothing was measured."""

import json

import pandas as pd
import pytest

from metarl.analysis.effects import COLUMNS
from metarl.analysis.scoring import VERDICTS
from metarl.core.checks import MetaRLError
from metarl.reports.figures import analyze
from metarl.reports.scorecard import (
    claim_tally,
    kind_tally,
    read_scorecard,
    scorecard,
    scorecard_text,
    tally,
    write_scorecard,
)
from metarl.runs.folder import Run


def test_rows_of_all_experiments_are_in_order_with_their_verdicts(unlearned, tmp_path):
    analyze(unlearned)
    nothing = Run(tmp_path / "nothing")
    vars(nothing)["config"] = unlearned.config
    card = scorecard({"two-step": unlearned, "bandit": nothing})
    effects = json.loads(unlearned.effects_path.read_text())
    assert tuple(card.columns) == COLUMNS
    assert list(card["experiment"]) == ["two-step"] * len(effects) + ["bandit"]
    for row, effect in zip(card.to_dict("records"), effects, strict=False):
        assert row["effect"] == effect["effect"]
        assert row["verdict"] == effect["verdict"]
    last = card.iloc[-1]
    assert (last["verdict"], last["value"], last["subjects"]) == ("FAIL", 0.0, 2)
    assert last["criterion"] == ">= 1"


def test_the_scorecard_is_read_back_as_it_was_written(unlearned, tmp_path):
    analyze(unlearned)
    card = scorecard({"two-step": unlearned})
    path = tmp_path / "scorecard.json"
    write_scorecard(path, card)
    effects = json.loads(unlearned.effects_path.read_text())
    rows = json.loads(path.read_text())
    # Not a digit differs from what the analysis wrote, and blanks are null.
    assert [{**row} for row in rows] == effects
    assert len(read_scorecard(path)) == len(effects)


def test_a_tally_counts_verdicts_by_experiment_and_in_all():
    card = pd.DataFrame(
        {
            "experiment": ["two-step", "two-step", "two-step", "bandit"],
            "claim": "",
            "control": ["", "", "", ""],
            "verdict": ["REPORTED", "PASS", "PASS", "FAIL"],
        }
    )
    counted = tally(card)
    assert list(counted.columns) == list(VERDICTS)
    assert list(counted.index) == ["two-step", "bandit", "all"]
    assert counted.to_numpy().tolist() == [
        [2, 0, 0, 0, 1],
        [0, 1, 0, 0, 0],
        [2, 1, 0, 0, 1],
    ]


@pytest.mark.parametrize("name", ["claim", "control", "p_holm"])
def test_a_scorecard_of_an_earlier_version_is_refused(unlearned, tmp_path, name):
    analyze(unlearned)
    card = scorecard({"two-step": unlearned})
    path = tmp_path / "scorecard.json"
    write_scorecard(path, card.drop(columns=name))
    words = f"scorecard.json has no {name}; remove it, and repeat the command"
    with pytest.raises(MetaRLError, match=words):
        read_scorecard(path)


@pytest.fixture
def card():
    """Two claims in one experiment, one of them in another too, and other rows."""
    rows = [
        ("harlow-line", "Fig. 6", "PASS"),
        ("harlow-line", "Fig. 6", "PASS"),
        ("harlow-line", "Fig. 7", "NOT LEARNED"),
        ("harlow-line", "", "MISSING"),
        ("harlow", "Fig. 6", "MISSING"),
        ("harlow", "", "REPORTED"),
        ("bandit", "", "FAIL"),
    ]
    table = pd.DataFrame(rows, columns=["experiment", "claim", "verdict"])
    return table.assign(control="")


def test_a_claim_is_counted_once_in_an_experiment_and_once_in_all(card):
    counted = claim_tally(card)
    assert list(counted.columns) == list(VERDICTS[:-1])
    assert counted.to_dict("index") == {
        "harlow-line": {"PASS": 1, "FAIL": 0, "MISSING": 0, "NOT LEARNED": 1},
        "harlow": {"PASS": 0, "FAIL": 0, "MISSING": 1, "NOT LEARNED": 0},
        "all": {"PASS": 0, "FAIL": 0, "MISSING": 1, "NOT LEARNED": 1},
    }
    assert claim_tally(card[card["claim"] == ""]).empty


def test_controls_are_in_no_total(card):
    own = {"experiment": "bandit", "claim": "", "control": "yes", "verdict": "PASS"}
    more = pd.concat([card, pd.DataFrame([own])], ignore_index=True)
    assert tally(more).equals(tally(card))
    assert claim_tally(more).equals(claim_tally(card))
    assert kind_tally(more).loc["Controls"].tolist() == [1, 0, 0, 0, 0]


def test_rows_are_counted_by_kind(card):
    assert kind_tally(card).to_numpy().tolist() == [
        [2, 0, 1, 1, 0],
        [0, 1, 1, 0, 0],
        [0, 0, 0, 0, 1],
    ]
    assert list(kind_tally(card).index) == [
        "Published claims",
        "Diagnostics of ours",
        "Reported, not scored",
    ]


def test_the_text_has_claims_diagnostics_and_reported_rows_apart(unlearned):
    analyze(unlearned)
    lines = scorecard_text(scorecard({"two-step": unlearned})).splitlines()
    stays, reward, distance = (
        next(place for place, line in enumerate(lines) if words in line)
        for words in (
            " stay after rewarded rare, mean: ",
            " rewards per 100 trials, missed ones too, mean: ",
            " stay after rewarded rare, distance",
        )
    )
    claims, diagnostics, reported, *counts = (
        next(place for place, line in enumerate(lines) if line.startswith(heading))
        for heading in (
            "Published claims: ",
            "Diagnostics of ours: ",
            "Reported, not scored: ",
            "Published claims, each counted once",
            "Rows by kind",
            "Rows by experiment",
        )
    )
    order = [claims, stays, diagnostics, reward, reported, distance, *counts]
    assert order == sorted(order)
    assert any(line.startswith("Wang et al. 2018, Fig. 5c: ") for line in lines)


def test_the_text_has_a_line_for_each_effect_and_ends_with_the_tally(unlearned):
    analyze(unlearned)
    card = scorecard({"two-step": unlearned})
    lines = scorecard_text(card).splitlines()
    for name in card["effect"]:
        assert sum(f" {name}: " in line for line in lines) == 1
    assert lines[-1].split() == ["all", *map(str, tally(card).loc["all"])]
