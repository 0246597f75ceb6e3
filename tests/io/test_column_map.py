"""Columns of other names and codes become metarl's in one line."""

import re

import pytest
from own_tables import refusal, two_step

from metarl.core.checks import MetaRLError
from metarl.io.column_map import ColumnMap, merge_maps, parse_map, read_map

HEADER = "ppt,n,resp,points,common"
ROWS = ("A,1,L,25,1", "A,2,R,-25,0", "A,3,-1,0,", "A,4,L,25,1")
MAP = parse_map(
    columns=[
        "subject=ppt",
        "trial=n",
        "choice=resp",
        "reward=points",
        "transition=common",
    ],
    codes=[
        "choice: L=0 R=1 -1=missing",
        "reward: 25=1 -25=0 0=0",
        "transition: 1=common 0=rare",
    ],
)


def test_a_line_turns_any_coding_into_metarls(written):
    trials = two_step(written("own.csv", *ROWS, header=HEADER), **vars(MAP)).trials
    assert trials["choice"].tolist()[:2] == [0, 1]
    assert trials["choice"].isna().tolist() == [False, False, True, False]
    assert trials["reward"].tolist() == [1, 0, 0, 1]
    assert trials["transition"].tolist()[:2] == ["common", "rare"]
    assert trials["session"].tolist() == [0] * 4


def test_codes_are_found_as_written_or_as_numbers(written):
    path = written("own.csv", "A,1,1.0,25,1", "A,2,02,25.00,1", header=HEADER)
    codes = {**MAP.codes, "choice": {"1": 0.0, "2": 1.0}}
    trials = two_step(path, columns=MAP.columns, codes=codes).trials
    assert trials["choice"].tolist() == [0, 1]


def test_a_cell_without_a_code_is_refused(written):
    path = written("own.csv", *ROWS, "A,5,timeout,0,1", header=HEADER)
    assert refusal(path, **vars(MAP)) == (
        "own.csv: column resp (choice) must be one of the codes given, L, R, -1, got "
        "'timeout' in row 6; add it to --code, as timeout=missing"
    )


def test_a_wrong_code_is_refused_in_the_users_words(written):
    path = written("own.csv", *ROWS, header=HEADER)
    columns = dict(MAP.columns)
    sentence = refusal(path, columns=columns)
    assert sentence == (
        "own.csv: column resp (choice) must be 0 (commonly leads to state 0), 1 "
        "(commonly leads to state 1) or blank, got 'L' in row 2; say what its codes "
        'mean: --code "choice: -1=? L=? R=?", with missing for no choice'
    )


def test_one_value_may_stand_for_a_column(written):
    path = written("own.csv", "1,0,1", "2,1,0", header="trial,choice,reward")
    data = two_step(path, values={"subject": "A", "transition": "common", "valid": 0.0})
    assert data.trials["transition"].tolist() == ["common"] * 2
    assert data.trials["valid"].tolist() == [0, 0]


def test_rows_that_are_no_trials_are_left_out(written):
    rows = ("fixation,,,,", "choice,A,1,0,1", "feedback,,,,", "choice,A,2,7,0")
    path = written("own.csv", *rows, header="phase,subject,trial,choice,reward")
    parts = {"where": {"phase": ("choice",)}, "values": {"transition": "common"}}
    assert "got 7 in row 5;" in refusal(path, **parts)
    data = two_step(path, codes={"choice": {"0": 0.0, "7": 1.0}}, **parts)
    assert data.trials["choice"].tolist() == [0, 1]
    wrong = {**parts, "where": {"phase": ("chioce",)}}
    assert "must have rows in which phase is chioce, got only" in refusal(path, **wrong)


def test_trials_may_be_numbered_by_their_rows(written):
    rows = ("A,1,0,1", "B,1,0,1", "A,1,1,0", "A,2,1,0")
    path = written("own.csv", *rows, header="subject,session,choice,reward")
    parts = {"columns": {"trial": "@row"}, "values": {"transition": "common"}}
    assert two_step(path, **parts).trials["trial"].tolist() == [0, 0, 1, 0]


def test_an_episode_may_begin_where_a_column_changes(written):
    rows = ("A,.4,0", "A,.4,0", "A,.1,0", "B,.1,0", "B,.4,0", "A,.4,0")
    path = written("own.csv", *rows, header="subject,p1,choice")
    parts = {
        "columns": {"trial": "@row", "episode": "@changes:p1"},
        "values": {"transition": "common", "reward": 1.0},
    }
    trials = two_step(path, **parts).trials
    assert trials["episode"].tolist() == [0, 0, 1, 0, 1, 2]
    assert trials["trial"].tolist() == [0, 1, 0, 0, 0, 0]


def test_a_name_may_differ_in_case_and_marks(written):
    path = written(
        "own.csv", "A,0,0,1,common", header="Subject, Trial ,CHOICE,Reward,transition_"
    )
    data = two_step(path)
    assert "column Subject of own.csv is read as subject" in data.notes
    assert len(data.trials) == 1


def test_a_missing_column_is_named_with_what_is_meant(written):
    path = written(
        "own.csv", "A,1,0,1,1", header="subj_idx,trial,response,feedback,common"
    )
    assert refusal(path) == (
        "own.csv has no columns subject, choice, reward, transition; it needs subject, "
        "trial, choice, reward, transition; did you mean --column subject=subj_idx "
        "--column choice=response --column reward=feedback --column transition=common?"
    )
    sentence = refusal(path, columns={"choice": "respons"})
    assert sentence == (
        "own.csv has no column respons, given for choice; did you mean response?"
    )
    assert "did you mean choice?" in refusal(path, columns={"chioce": "response"})


def test_the_words_and_the_file_of_a_map_give_the_same_map(tmp_path):
    odd = ColumnMap(
        columns={"choice": "key resp.keys", "trial": "@row"},
        codes={
            "choice": {"left arrow": 0.0, "a=b": 1.0, "'": "missing"},
            "transition": {"1": "common"},
        },
        values={"valid": 1.0},
        where={"my phase": ("choice", "the other")},
        names=("a", "b"),
        skip_rows=2,
    )
    path = tmp_path / "columns.toml"
    path.write_text(odd.to_toml())
    assert read_map(path) == odd
    import shlex

    words = shlex.split(odd.options())
    pairs = list(zip(words[::2], words[1::2], strict=True))
    again = parse_map(
        columns=[v for k, v in pairs if k == "--column"],
        codes=[v for k, v in pairs if k == "--code"],
        values=[v for k, v in pairs if k == "--value"],
        where=[v for k, v in pairs if k == "--where"],
        names=dict(pairs)["--names"],
        skip_rows=int(dict(pairs)["--skip-rows"]),
    )
    assert again == odd


def test_the_later_of_two_maps_holds():
    first = ColumnMap(columns={"choice": "a", "valid": "ok"}, skip_rows=1)
    merged = merge_maps(
        first, ColumnMap(columns={"choice": "b"}, values={"valid": 1.0})
    )
    assert merged == ColumnMap(
        columns={"choice": "b"}, values={"valid": 1.0}, skip_rows=1
    )


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"columns": ["choice"]}, "--column must be like --column choice=response"),
        ({"columns": ["choice=a", "choice=b"]}, "--column must name choice once"),
        ({"codes": ["choice L=0"]}, "--code must be like --code"),
        ({"codes": ["choice: L"]}, "--code must give each code of choice as"),
        ({"codes": ["choice: L=0 L=1"]}, "--code choice: must name L once"),
        ({"where": ["phase"]}, "--where must be like"),
        ({"skip_rows": -1}, "--skip-rows must be at least 0, got -1"),
        ({"columns": ["valid=a"], "values": ["valid=1"]}, "valid must come from a"),
    ],
)
def test_a_wrong_word_is_refused(parts, sentence):
    with pytest.raises(MetaRLError) as caught:
        parse_map(**parts)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[columns", "columns.toml is no column map in TOML"),
        ("[colums]\na='b'", "columns.toml must have the parts columns, codes"),
        ("columns = 3", "columns in columns.toml must be a table, got 3"),
        ("[columns]\nchoice = 3", "columns.choice in columns.toml must be a name"),
        ("[codes.choice]\nL = true", "codes.choice.L in columns.toml must be a number"),
        ("skip_rows = 'x'", "columns.toml is no column map"),
        ("names = 3", "columns.toml is no column map"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, text, sentence):
    path = tmp_path / "columns.toml"
    path.write_text(text)
    with pytest.raises(MetaRLError) as caught:
        read_map(path)
    assert str(caught.value).startswith(sentence)


def test_a_map_keeps_units_kind_and_group(tmp_path):
    further = {"unit": "points", "rt_unit": "ms", "who": "people", "group": "arm"}
    own = ColumnMap(columns={"choice": "resp"}, further=further)
    path = tmp_path / "columns.toml"
    path.write_text(own.to_toml())
    assert read_map(path) == own
    changed = merge_maps(own, ColumnMap(further={"unit": "cents"}))
    assert changed.further == {**further, "unit": "cents"}


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('age = "1"', "options in columns.toml must be of unit, rt_unit, who, group"),
        ('rt_unit = "min"', "options.rt_unit in columns.toml must be s or ms"),
    ],
)
def test_another_option_in_a_map_is_refused(tmp_path, line, sentence):
    path = tmp_path / "columns.toml"
    path.write_text(f"[options]\n{line}\n")
    with pytest.raises(MetaRLError, match=re.escape(sentence)):
        read_map(path)
