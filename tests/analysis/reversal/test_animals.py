"""Monkeys' reversal trials: the published release, a synthetic one, and a user's
table."""

import numpy as np
import pandas as pd
import pytest
from reversal_blocks import write_release
from scipy import io

from metarl.analysis.reversal import ANALYSIS
from metarl.analysis.reversal.animals import load_macaque_reversal
from metarl.analysis.reversal.behaviour import (
    behaviour_summary,
    read_blocks,
    subject_measures,
)
from metarl.analysis.reversal.references import reference_tables
from metarl.core.checks import MetaRLError
from metarl.io.load import load_trials

RELEASE = "costa2016_macaque_reversal.mat"
QUANTITIES = (
    "p_better",
    "stay_after_win",
    "shift_after_loss",
    "first_new_better",
    "switch_delay",
)


def names_of(trials):
    named = trials.drop_duplicates("subject")
    return dict(zip(named["subject"], named["animal"], strict=True))


@pytest.fixture(scope="module")
def monkeys(animal_data):
    return load_macaque_reversal(animal_data / RELEASE)


@pytest.fixture(scope="module")
def summary(monkeys):
    table = behaviour_summary(read_blocks(monkeys), names_of(monkeys))
    return table[(table["label"] == "all subjects") & (table["over"] == "blocks")]


@pytest.mark.parametrize("schedule", [80, 70])
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_the_monkeys_measures_are_reproduced_to_the_last_digit(
    summary, quantity, schedule
):
    published = reference_tables()["reference_measures"]
    row = published.query("measure == @quantity and schedule == @schedule").iloc[0]
    result = summary[summary["alignment"].isna()]
    result = result.query("quantity == @quantity and schedule == @schedule").iloc[0]
    assert round(result["value"], 3) == row["value"]
    assert round(result["error"], 3) == row["error"]
    assert result["n"] == row["blocks"]


def test_the_monkeys_medians_are_reproduced(summary):
    result = summary[summary["alignment"].isna()]
    medians = result.set_index(["quantity", "schedule"])["median"]
    assert medians["first_new_better"].to_dict() == {70: 2, 80: 2}
    assert medians["switch_delay"].to_dict() == {70: 4, 80: 3}


def test_the_monkeys_curves_are_reproduced_to_the_last_digit(summary):
    published = reference_tables()["reference_curves"]
    keys = ["schedule", "alignment", "trial"]
    both = published.merge(summary, on=keys, suffixes=("", "_found"))
    assert len(published) == len(both) == 122
    assert (both["value_found"].round(4) == both["value"]).all()
    assert (both["error_found"].round(4) == both["error"]).all()
    assert (both["n_found"] == both["blocks"]).all()


def test_the_release_has_its_animals_blocks_and_reversals(monkeys):
    blocks = monkeys.drop_duplicates(["subject", "episode"])
    counts = blocks.groupby("animal").size().to_dict()
    assert counts == {"BB10": 276, "BB6": 255, "BB7": 314, "BB8": 261}
    assert len(monkeys) == 80 * 1106
    assert blocks["schedule"].value_counts().to_dict() == {70: 555, 80: 551}
    assert sorted(blocks["reversal_trial"].unique()) == list(range(31, 51))
    turned = monkeys["trial"] >= monkeys["reversal_trial"]
    first = monkeys.groupby(["subject", "episode"])["better"].transform("first")
    assert ((monkeys["better"] != first) == turned).all()
    # A session's superblocks are numbered upwards, and an animal's are together.
    assert (blocks["subject"].diff().dropna() >= 0).all()


def test_the_monkeys_were_rewarded_nearly_as_scheduled(monkeys):
    for percent in (80, 70):
        part = monkeys[monkeys["schedule"] == percent]
        result = part.groupby("correct")["reward"].mean()
        assert result[1] == pytest.approx(percent / 100, abs=0.015)
        assert result[0] == pytest.approx(1 - percent / 100, abs=0.015)


def test_a_synthetic_release_is_read_by_hand(tmp_path):
    file = write_release(tmp_path / "made.mat", prob8020=[0, 0], prob7030=[1, 1])
    trials = load_macaque_reversal(file)
    assert trials.columns[:5].tolist() == [
        "subject",
        "animal",
        "session",
        "episode",
        "trial",
    ]
    blocks = trials.drop_duplicates(["subject", "episode"])
    assert blocks["animal"].tolist() == ["BB10", "BB10", "BB6"]
    assert blocks["subject"].tolist() == [0, 0, 1]
    assert blocks["episode"].tolist() == [0, 1, 0]
    assert blocks["schedule"].tolist() == [80, 70, 80]
    one = trials[(trials["subject"] == 0) & (trials["episode"] == 1)]
    assert one["trial"].tolist() == [0, 1, 2, 3, 4, 5]
    assert one["choice"].tolist() == [0, 1, 0, 0, 1, 1]
    assert one["reward"].tolist() == [1, 0, 1, 0, 1, 1]
    assert one["better"].tolist() == [0, 0, 0, 1, 1, 1]
    assert one["correct"].tolist() == [1, 0, 1, 0, 1, 1]
    assert set(one["reversal_trial"]) == {3}
    assert set(one["superblock"]) == {4}
    assert subject_measures(read_blocks(trials))["p_better"].tolist() == [4 / 6, 4 / 6]


def test_a_superblocks_animal_is_found_by_its_number(tmp_path):
    words = ("a name of seventeen", "B", "Ca")
    file = write_release(tmp_path / "made.mat", animals=words, numbered=(3, 1, 2))
    trials = load_macaque_reversal(file)
    named = trials.drop_duplicates(["subject", "episode"])["animal"].tolist()
    assert named == ["Ca", "a name of seventeen", "B"]
    assert trials["subject"].unique().tolist() == [0, 1, 2]


def test_numbers_of_8_bits_become_numbers_that_do_not_wrap_round(tmp_path):
    long = {"r": [1] * 230, "c": [1] * 230, "hr_side": [1] * 200 + [-1] * 30}
    file = write_release(tmp_path / "made.mat", block_addresses=[1, 201, 230], **long)
    trials = load_macaque_reversal(file)
    part = trials[(trials["subject"] == 0) & (trials["episode"] == 1)]
    assert set(part["reversal_trial"] + 100) == {300}
    assert part["correct"].sum() == 200


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"c": [-1, 0, 1, 1, 1, 1]},
            "c in superblock 1 must be -1 or 1, got 0",
        ),
        (
            {"r": [1, 0, 2, 0, 1, 1]},
            "r in superblock 1 must be 0 or 1, got 2",
        ),
        (
            {"c": [1, -1]},
            "superblock 1 must have fields of one length, got r 6, c 2, hr_side 6",
        ),
        (
            {"prob8020": [0, 0]},
            "superblock 1 must have one of prob8020, prob7030, prob6040 set, got none",
        ),
        (
            {"prob6040": [1, 1]},
            "superblock 1 must have one of prob8020, prob7030, prob6040 set, got "
            "prob8020, prob6040",
        ),
        (
            {"without": ("hr_side", "r")},
            "all_stats in broken.mat has no columns r, hr_side; it needs r, c, "
            "hr_side, prob8020, prob7030, prob6040, block_addresses, "
            "abs_superblock_idx, animal_ids",
        ),
        (
            {"numbered": (1, 2, 9)},
            "broken.mat must name the animal of each superblock in animal_ids, as "
            "released; download it again",
        ),
    ],
)
def test_a_broken_release_gets_one_sentence(tmp_path, changes, sentence):
    with pytest.raises(MetaRLError) as caught:
        load_macaque_reversal(write_release(tmp_path / "broken.mat", **changes))
    assert str(caught.value) == sentence


def test_another_mat_file_is_refused(tmp_path):
    io.savemat(tmp_path / "other.mat", {"all_stats": np.eye(2)})
    io.savemat(tmp_path / "another.mat", {"r": np.eye(2)})
    (tmp_path / "text.mat").write_text("not a mat file")
    for name in ("other.mat", "another.mat", "text.mat"):
        with pytest.raises(MetaRLError, match=f"{name} must be the reversal release"):
            load_macaque_reversal(tmp_path / name)


@pytest.fixture
def own():
    return pd.DataFrame(
        {
            "subject": ["anna", "anna", "bob"],
            "trial": [0, 1, 0],
            "choice": [0, None, 1],
            "reward": [1, 0, 0],
            "better": [0, 1, 1],
            "schedule": [75, 75, 90],
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
    data = load_trials(ANALYSIS, str(file))
    trials = data.trials
    assert data.names == ("anna", "bob")
    assert trials["subject"].tolist() == [0, 0, 1]
    assert trials["session"].tolist() == trials["episode"].tolist() == [0, 0, 0]
    assert trials["valid"].tolist() == [1, 1, 1]
    assert trials["mood"].tolist() == ["a", "b", "c"]
    assert subject_measures(read_blocks(trials))["p_better"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda t: t.drop(columns="better"),
            "own.csv has no column better; it needs subject, trial, choice, reward, "
            "better; or give probability_left and probability_right, from which better "
            "follows",
        ),
        (
            lambda t: t.assign(schedule=[0.8, 0.8, 0.8]),
            "own.csv: column schedule must be the better option's probability of "
            "reward in percent, 50 to 100, or blank, got 0.8 in row 2",
        ),
    ],
)
def test_a_wrong_table_gets_one_sentence(tmp_path, own, change, sentence):
    change(own).to_csv(tmp_path / "own.csv", index=False)
    with pytest.raises(MetaRLError) as caught:
        load_trials(ANALYSIS, tmp_path / "own.csv")
    assert str(caught.value) == sentence
