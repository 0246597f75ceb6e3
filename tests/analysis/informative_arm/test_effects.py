"""Effects of the informative arm on simulated choosers: pass, fail, or reported."""

import pytest
from informed_choosers import analysed

from metarl.analysis.informative_arm import ANALYSIS

FIRST = "P(informative arm) in the first trial, mean"
LATER = "P(target) in the trials after the first, mean"
BEYOND = "reward per episode beyond the best without the informative arm, mean"
PUBLISHED = ANALYSIS.published


def rows(minds, **more):
    return analysed(minds, **more).effects.set_index("effect")


def test_informed_choosers_pass_every_scored_row():
    effects = rows(["informed-first"] * 4)
    scored = effects[effects["criterion"] != ""]
    assert scored["criterion"].to_dict() == {
        FIRST: ">= 0.9",
        LATER: ">= 0.9",
        BEYOND: "> 0",
    }
    assert set(scored["verdict"]) == {"PASS"}
    assert scored["learned"].tolist() == [4, 4, 4]
    reward = effects.loc["reward per episode, mean"]
    assert reward["reference"] == pytest.approx(20.55)
    assert reward["chance"] == pytest.approx(6.6136, abs=1e-4)
    assert effects.loc[FIRST, "chance"] == pytest.approx(1 / 11)
    assert effects.loc[LATER, "p"] < 1e-6


@pytest.mark.parametrize("mind", ["guesser", "random", "ignores-clue"])
def test_others_pass_nothing(mind):
    effects = rows([mind] * 4)
    assert not effects["passed"].drop(FIRST).any()
    assert effects.loc[FIRST, "passed"] == (mind == "ignores-clue")
    assert effects.loc[BEYOND, "value"] < 0.1
    assert effects.loc[LATER, "learned"] == 0


def test_one_guesser_among_informed_choosers_is_counted():
    effects = rows(["informed-first"] * 3 + ["guesser"])
    assert effects.loc[FIRST, "verdict"] == "NOT LEARNED"
    assert effects.loc[FIRST, "learned"] == 3
    assert effects.loc[FIRST, "value_learners"] > 0.95
    lowest = effects.loc["P(informative arm) in the first trial, lowest network"]
    assert lowest["value"] < 0.1


def test_use_of_the_clue_is_measured_apart_from_the_first_choice():
    clue = "P(target) after the informative arm was chosen, mean"
    assert rows(["informed-first"] * 3).loc[clue, "value"] > 0.95
    assert rows(["ignores-clue"] * 3).loc[clue, "value"] == pytest.approx(0.1, abs=0.03)
    worst = "P(target) after the informative arm, for the worst known target, mean"
    assert rows(["informed-first"] * 3).loc[worst, "value"] > 0.85
