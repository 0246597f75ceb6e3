"""The scorecard: all effects in one table, and none lost where nothing was measured."""

import json

import pandas as pd

from metarl.analysis.effects import COLUMNS
from metarl.reports.figures import analyze
from metarl.reports.scorecard import (
    VERDICTS,
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


def test_the_text_has_a_line_for_each_effect_and_ends_with_the_tally(unlearned):
    analyze(unlearned)
    card = scorecard({"two-step": unlearned})
    lines = scorecard_text(card).splitlines()
    for name in card["effect"]:
        assert sum(f" {name}: " in line for line in lines) == 1
    assert lines[-1].split() == ["all", *map(str, tally(card).loc["all"])]
