"""Animal data: the published release, synthetic files of its layout, and a user's
table."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import io

from metarl.analysis.two_step import ANALYSIS
from metarl.analysis.two_step.animals import load_macaque_two_step
from metarl.analysis.two_step.behaviour import (
    behaviour_summary,
    read_trials,
    stay_probabilities,
)
from metarl.core.checks import MetaRLError
from metarl.io.column_map import ColumnMap
from metarl.io.load import load_trials

RELEASE = "miranda2020_macaque_two_step.mat"
REFERENCE = Path(__file__).parents[3] / "metarl/analysis/two_step/reference"


def macaque_rows():
    tables = [
        pd.read_csv(REFERENCE / f"{k}.csv", dtype=str) for k in ("stays", "regression")
    ]
    rows = pd.concat(tables, ignore_index=True)
    return rows[rows["label"].str.startswith("macaque")]


def test_all_twenty_published_rows_are_present():
    assert len(macaque_rows()) == 20
    assert set(macaque_rows()["origin"]) == {"computed"}


def names_of(trials):
    named = trials.drop_duplicates("subject")
    return dict(zip(named["subject"], named["animal"], strict=True))


@pytest.fixture(scope="session")
def summary(animal_data):
    trials = load_macaque_two_step(animal_data / RELEASE)
    return behaviour_summary(read_trials(trials), names_of(trials))


@pytest.mark.parametrize("index", range(20))
def test_the_macaques_are_reproduced_to_the_last_digit(summary, index):
    row = macaque_rows().iloc[index]
    result = summary[summary["label"] == row["label"].removeprefix("macaque ")]
    if isinstance(row["term"], str):
        result = result[result["term"] == row["term"]]
    else:
        result = result[result["reward"] == float(row["reward"])]
        result = result[result["transition"] == row["transition"]]
    assert round(result["value"].item(), 3) == float(row["value"])
    assert round(result["error"].item(), 3) == float(row["error"])
    assert result["n"].item() == (30 if row["label"].endswith("C") else 27)


def test_the_release_has_its_sessions_and_trials(animal_data):
    trials = load_macaque_two_step(animal_data / RELEASE)
    assert trials.groupby("animal").size().to_dict() == {"C": 15585, "J": 14664}
    assert trials.groupby("animal")["session"].nunique().to_dict() == {"C": 30, "J": 27}
    common = trials["transition"] == "common"
    assert ((trials["choice"] == trials["second_state"]) == common).all()


def test_a_synthetic_release_is_read_by_hand(macaque_file):
    trials = load_macaque_two_step(macaque_file)
    assert len(trials) == 18
    first = trials[(trials["subject"] == 0) & (trials["session"] == 0)]
    assert first["animal"].unique() == ["C"]
    assert first["trial"].tolist() == [2, 3, 4, 6, 7, 8]
    assert first["choice"].tolist() == [0, 0, 1, 1, 0, 0]
    assert first["reward"].tolist() == [1, 0, 0.5, 1, 1, 0]
    assert first["reward_level"].tolist() == [1, 3, 2, 1, 1, 3]
    assert first["transition"].tolist() == [
        "common",
        "rare",
        "common",
        "common",
        "rare",
        "common",
    ]
    assert first["second_state"].tolist() == [0, 1, 1, 1, 1, 0]
    assert first["second_choice"].tolist() == [0, 0, 1, 0, 1, 1]
    assert first["forced"].tolist() == [0, 0, 0, 1, 1, 0]
    assert first["side"].tolist() == [1, 3, 2, 1, 1, 2]


def test_pairs_of_a_synthetic_release_skip_gaps_and_forced_trials(macaque_file):
    stays = stay_probabilities(read_trials(load_macaque_two_step(macaque_file)))
    one = stays[stays["subject"] == 1].set_index(["reward", "transition"])
    # Pairs 2-3 (rewarded common, stay) and 3-4 (unrewarded rare, switch) only.
    assert one["pairs"].sum() == 2
    assert one.loc[(1.0, "common"), "probability"] == 1
    assert one.loc[(0.0, "rare"), "probability"] == 0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"Transition": [1, 2, 1, 1, 3, 1]},
            "Transition in session 0 of monkey 0 must be one of 1, 2, got 3",
        ),
        (
            {"LevelRew2": None},
            "session 0 of monkey 0 has no column LevelRew2; it needs indxGoodTrials, "
            "TrialType, PicChosen1, Transition, PicChosen2, LevelRew2, SideResp1",
        ),
        (
            {"TrialType": [1, 1]},
            "session 0 of monkey 0 must have fields of one length, got "
            "indxGoodTrials 6, TrialType 2, PicChosen1 6, Transition 6, PicChosen2 6, "
            "LevelRew2 6, SideResp1 6",
        ),
    ],
)
def test_a_broken_release_gets_one_sentence(tmp_path, release, changes, sentence):
    with pytest.raises(MetaRLError) as caught:
        load_macaque_two_step(release(tmp_path / "broken.mat", **changes))
    assert str(caught.value) == sentence


def test_another_mat_file_is_refused(tmp_path):
    io.savemat(tmp_path / "other.mat", {"PreparedData": np.eye(2)})
    io.savemat(tmp_path / "another.mat", {"r": np.eye(2)})
    (tmp_path / "text.mat").write_text("not a mat file")
    for name in ("other.mat", "another.mat", "text.mat"):
        with pytest.raises(MetaRLError, match=f"{name} must be the two-step release"):
            load_macaque_two_step(tmp_path / name)


@pytest.fixture
def own():
    return pd.DataFrame(
        {
            "subject": [0, 0, 0],
            "trial": [0, 1, 2],
            "choice": [0, None, 1],
            "reward": [1, 0, 0],
            "transition": ["common", None, "rare"],
            "mood": ["a", "b", "c"],
        }
    )


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_users_table_is_read_and_completed(tmp_path, own, ending):
    file = tmp_path / f"own{ending}"
    if ending == ".csv":
        own.to_csv(file, index=False)
    else:
        pytest.importorskip("pyarrow")
        own.to_parquet(file)
    trials = load_trials(ANALYSIS, str(file)).trials
    assert trials["session"].tolist() == [0, 0, 0]
    assert trials["valid"].tolist() == [1, 1, 1]
    assert trials["forced"].tolist() == [0, 0, 0]
    assert trials["mood"].tolist() == ["a", "b", "c"]
    assert stay_probabilities(read_trials(trials))["pairs"].sum() == 0


def test_columns_that_are_given_are_kept(tmp_path, own):
    own.assign(session=[3, 3, 4], forced=[0, 1, 0]).to_csv(tmp_path / "own.csv")
    trials = load_trials(ANALYSIS, tmp_path / "own.csv").trials
    assert trials["session"].tolist() == [3, 3, 4]
    assert trials["forced"].tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda t: t.drop(columns="transition"),
            "own.csv has no column transition; it needs subject, trial, choice, "
            "reward, transition; or give second_state, from which transition follows",
        ),
        (
            lambda t: t.assign(transition=["common", None, "sometimes"]),
            "own.csv: column transition must be common or rare, and blank only without "
            "a choice, got 'sometimes' in row 4; say what its codes mean: --code "
            '"transition: common=common sometimes=?", with missing for no choice',
        ),
        (
            lambda t: t.assign(choice=[1, None, 2]),
            "own.csv: column choice must be 0 (commonly leads to state 0), 1 (commonly "
            "leads to state 1) or blank, got 2 in row 4; say what its codes mean: "
            '--code "choice: 1=1 2=?", with missing for no choice',
        ),
        (lambda t: t.iloc[:0], "own.csv must have at least one trial, got none"),
    ],
)
def test_a_wrong_table_gets_one_sentence(tmp_path, own, change, sentence):
    change(own).to_csv(tmp_path / "own.csv", index=False)
    with pytest.raises(MetaRLError) as caught:
        load_trials(ANALYSIS, tmp_path / "own.csv")
    assert str(caught.value) == sentence


def test_a_release_takes_rows_but_no_names_or_codes(macaque_file):
    data = load_trials(ANALYSIS, macaque_file, ColumnMap(where={"animal": ("J",)}))
    assert data.names == ("J",)
    assert set(data.trials["subject"]) == {0}
    with pytest.raises(MetaRLError, match="has no column monkey, given for --where"):
        load_trials(ANALYSIS, macaque_file, ColumnMap(where={"monkey": ("J",)}))
    with pytest.raises(MetaRLError, match="rows in which animal is K, got only"):
        load_trials(ANALYSIS, macaque_file, ColumnMap(where={"animal": ("K",)}))
    with pytest.raises(MetaRLError, match="is a published release, which is read as"):
        load_trials(ANALYSIS, macaque_file, ColumnMap(columns={"choice": "side"}))
