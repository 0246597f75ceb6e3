"""A proposed map is right on usual tables, has reasons, and is never applied by
itself."""

import numpy as np
import pytest

from metarl.analysis.bandit.behaviour import OWN_SCHEMA as BANDIT
from metarl.analysis.informative_arm.behaviour import OWN_SCHEMA as INFORMATIVE
from metarl.analysis.matching.behaviour import SCHEMA as MATCHING
from metarl.analysis.reversal.behaviour import SCHEMA as REVERSAL
from metarl.analysis.two_step.behaviour import SCHEMA as TWO_STEP
from metarl.io.column_map import ColumnMap
from metarl.io.guess import guess_map
from metarl.io.trials import load_table


def test_metarls_own_columns_need_no_map(written):
    guess = guess_map([written("own.csv", "A,0,0,1,common", "A,1,1,0,rare")], TWO_STEP)
    assert guess.column_map.words() == []
    assert guess.missing == []


def test_a_task_of_a_laboratory_is_mapped_with_reasons(written):
    path = written(
        "S1.csv", "0,1,2,0.9,1,0", "1,2,1,0.8,0,0", "2,-1,-1,,0,1", "3,-1,-1,,0,1",
        header="trial,choice1,final_state,rt1,reward,slow",
    )  # fmt: skip
    guess = guess_map([path], TWO_STEP)
    data = load_table(path, TWO_STEP, guess.column_map)
    assert data.names == ("S1",)
    assert data.trials["choice"].fillna(9).tolist() == [0, 1, 9, 9]
    assert data.trials["second_state"].fillna(9).tolist() == [1, 0, 9, 9]
    assert data.trials["transition"].fillna("").tolist() == ["rare", "rare", "", ""]
    assert data.trials["valid"].tolist() == [1, 1, 0, 0]
    assert "choice is choice1, by its name" in guess.reasons
    assert "no column names the subject: 'S1', from the file name" in guess.reasons


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (("left", "right", "none"), [0, 1, None]),
        (("f", "j", "timeout"), [0, 1, None]),
        (("1", "2", "0"), [0, 1, None]),
        (("1", "2", "-1"), [0, 1, None]),
        (("0", "1", "-999"), [0, 1, None]),
        (("-1", "1", "0"), [0, 1, None]),
        (("0.0", "1.0", ""), [0, 1, None]),
    ],
)
def test_codes_of_choices_are_found(written, cells, expected):
    kinds = [*[cells[0]] * 9, *[cells[1]] * 9, cells[2]]
    rows = [f"A,{k},{cell},1" for k, cell in enumerate(kinds)]
    path = written("own.csv", *rows, header="id,trial,resp,win")
    data = load_table(path, MATCHING, guess_map([path], MATCHING).column_map)
    found = data.trials["choice"].iloc[[0, 9, 18]].astype(object)
    assert found.where(found.notna(), None).tolist() == expected


def test_states_numbered_the_other_way_round_are_turned(written):
    rows = [f"A,{k},{k % 2},{1 - k % 2},1,common" for k in range(12)]
    header = "subject,trial,choice,final_state,reward,transition"
    path = written("own.csv", *rows, header=header)
    guess = guess_map([path], TWO_STEP)
    assert guess.codes == {"second_state": {"0": 1, "1": 0}}
    data = load_table(path, TWO_STEP, guess.column_map)
    assert (data.trials["second_state"] == data.trials["choice"]).all()


def test_trials_without_whole_numbers_are_numbered_by_their_rows(written):
    rows = [f"A,{k}.1,{k % 2},1" for k in range(12)]
    path = written("own.csv", *rows, header="subject,trial,choice,reward")
    data = load_table(path, MATCHING, guess_map([path], MATCHING).column_map)
    assert data.trials["trial"].tolist() == list(range(12))


def test_truth_values_need_no_code_and_words_of_them_may_differ_in_case(written):
    rows = [f"A,{k},{k % 2},TRUE,{'TRUE' if k % 3 else 'FALSE'}" for k in range(12)]
    path = written("own.csv", *rows, header="subject,trial,choice,reward,common")
    guess = guess_map([path], TWO_STEP)
    assert set(guess.codes) == {"transition"}
    data = load_table(path, TWO_STEP, guess.column_map)
    assert data.trials["transition"].tolist()[:2] == ["rare", "common"]


def test_what_is_not_clear_is_left_to_the_user(written):
    rows = [f"A,{k},{k % 3},1" for k in range(30)]
    path = written("own.csv", *rows, header="subject,trial,choice,reward")
    guess = guess_map([path], MATCHING)
    assert guess.codes == {}
    assert any("are not clear" in reason for reason in guess.reasons)


def test_an_outcome_that_names_the_side_is_a_reward(tmp_path):
    choice = np.array([1, 2, 0] + [1, 2] * 10)
    reward = np.where(np.arange(len(choice)) % 2, 0, choice)
    p1 = np.repeat([0.4, 0.1], [12, len(choice) - 12])
    np.savez(tmp_path / "m.npz", choice=choice, reward=reward, p1=p1)
    guess = guess_map([tmp_path / "m.npz"], MATCHING)
    assert guess.codes["reward"] == {"0": 0, "1": 1, "2": 1}
    assert guess.columns["episode"] == "@changes:p1"


def test_rows_without_a_response_are_no_trials(written):
    rows = []
    for k in range(4):
        rows += [f"fixation,null,{3 * k},", f"choice,{k % 2},{3 * k + 1},1"]
    path = written("own.csv", *rows, header="phase,response,trial_index,reward")
    guess = guess_map([path], MATCHING)
    assert guess.where == {"phase": ("choice",)}


def test_an_outcome_in_another_row_is_reported(written):
    rows = []
    for k in range(4):
        rows += [f"choice,{k % 2},{2 * k},", f"feedback,,{2 * k + 1},1"]
    path = written("own.csv", *rows, header="phase,response,trial_index,reward")
    guess = guess_map([path], MATCHING)
    assert guess.missing == ["reward"]
    assert any("join the rows of a trial" in reason for reason in guess.reasons)


def test_arms_counted_from_1_are_counted_from_0(written):
    rows = [f"A,{k},{1 + k % 3},{k % 2}" for k in range(30)]
    path = written("own.csv", *rows, header="subject,trial,choice,reward")
    guess = guess_map([path], BANDIT)
    assert guess.codes == {"choice": {"1": 0, "2": 1, "3": 2}}
    assert any("options are counted from 0" in reason for reason in guess.reasons)
    path = written("own.csv", *[row.replace(",3,", ",0,") for row in rows],
                   header="subject,trial,choice,reward")  # fmt: skip
    assert guess_map([path], BANDIT).codes == {}


def test_columns_of_options_are_counted_alike(written):
    rows = [f"A,{k},{1 + k % 3},{2 + k % 2},3,{k % 2}" for k in range(30)]
    header = "subject,trial,choice,target,informative,reward"
    guess = guess_map([written("own.csv", *rows, header=header)], INFORMATIVE)
    assert guess.codes == {
        "choice": {"1": 0, "2": 1, "3": 2},
        "target": {"2": 1, "3": 2},
        "informative": {"3": 2},
    }


def test_arms_that_are_words_have_numbers_and_a_miss_is_blank(written):
    rows = [f"A,{k},{('blue', 'red', 'green', '-1')[k % 4]},1" for k in range(30)]
    path = written("own.csv", *rows, header="subject,trial,choice,reward")
    assert guess_map([path], BANDIT).codes == {
        "choice": {"blue": 0, "green": 1, "red": 2, "-1": "missing"}
    }


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("Vpn;Durchgang;Taste;Belohnung;Gut", ("links", "rechts", "keine")),
        ("Sujet;Essai;Réponse;Récompense;Meilleur", ("gauche", "droite", "aucune")),
        ("Sujeto;Ensayo;Elección;Recompensa;Mejor", ("izquierda", "derecha", "")),
        ("Proefpersoon;Poging;Keuze;Beloning;Beter", ("links", "rechts", "geen")),
        ("Soggetto;Prova;Scelta;Ricompensa;Migliore", ("sinistra", "destra", "")),
    ],
)
def test_names_and_words_of_other_languages_are_known(written, header, words):
    rows = [f"A;{k};{words[k % 2]};{k % 2};{words[k // 5 % 2]}" for k in range(20)]
    rows += [f"A;20;{words[2]};;{words[0]}"]
    path = written("own.csv", *rows, header=header)
    guess = guess_map([path], REVERSAL)
    assert guess.missing == []
    assert guess.columns["subject"] == header.partition(";")[0]
    data = load_table(path, REVERSAL, guess.column_map)
    assert data.trials["choice"].fillna(9).tolist() == [0, 1] * 10 + [9]


def test_truth_values_are_given_as_they_are_written(written):
    rows = [f"A,{k},{k % 2},1,{'true' if k % 3 else 'false'}" for k in range(12)]
    path = written("own.csv", *rows, header="subject,trial,choice,reward,common")
    codes = guess_map([path], TWO_STEP).codes["transition"]
    assert codes == {"true": "common", "false": "rare"}


def test_a_side_in_place_of_the_option_is_left_out(written):
    rows = [f"A,{k},{k // 2 % 2},{k % 2},1,{('common', 'rare')[k // 3 % 2]}"
            for k in range(24)]  # fmt: skip
    header = "subject,trial,key,state,reward,transition"
    path = written("own.csv", *rows, header=header)
    guess = guess_map([path], TWO_STEP)
    assert "choice" not in {*guess.columns, *guess.codes}
    assert guess.missing == []
    assert any("key is no option, but a side or key" in r for r in guess.reasons)
    load_table(path, TWO_STEP, guess.column_map)


def test_a_choice_by_its_side_is_proposed_with_its_condition(written):
    rows = [f"A,{k},{('left', 'right')[k % 2]},1,common" for k in range(12)]
    path = written("own.csv", *rows)
    (reason,) = [r for r in guess_map([path], TWO_STEP).reasons if "choice: " in r]
    assert "right only if left commonly leads to state 0" in reason


def test_amounts_may_be_kept(written):
    rows = [f"A,{k},{k % 2},{10 * (k % 2)}" for k in range(12)]
    path = written("own.csv", *rows, header="subject,trial,choice,reward")
    assert any("--unit points" in r for r in guess_map([path], MATCHING).reasons)
    guess = guess_map([path], MATCHING.in_unit("points"))
    assert "reward" not in guess.codes


def test_columns_that_may_be_the_subject_or_the_trial_are_named(written):
    rows = [f"P{k // 10},{k % 10 + 5},{k % 2},1" for k in range(40)]
    path = written("own.csv", *rows, header="who,count,choice,reward")
    reasons = " ".join(guess_map([path], MATCHING).reasons)
    assert "if who does, give --column subject=who" in reasons
    assert "if count does, give --column trial=count" in reasons


def test_a_better_option_that_never_changes_is_questioned(written):
    rows = [f"A,{k},{k % 2},1" for k in range(12)]
    path = written("own.csv", *rows, header="subject,trial,choice,reward")
    guess = guess_map([path], REVERSAL, ColumnMap(values={"better": 0.0}))
    assert any("better is 0 in every trial: right only if" in r for r in guess.reasons)
    assert guess.unused == []
