"""Responses to the cue: the three numbers of observers with known beliefs."""

import itertools

import numpy as np
import pandas as pd
import pytest
from cue_observers import DISCOUNT, IDEAL, simulate

from metarl.analysis.inferred_value.behaviour import read_trials, valid_shares
from metarl.analysis.inferred_value.responses import (
    cue_responses,
    differences,
    ideal_difference,
    recorded_trials,
    value_course,
)


def numbers_of(*args, **settings):
    trials, recording = simulate(*args, **settings)
    return differences(cue_responses(recorded_trials(recording, read_trials(trials))))


def three(result):
    return [result[when] for when in ("before", "experienced", "inferred")]


def test_an_observer_that_infers_has_the_ideal_three_times():
    numbers = numbers_of("inferring")
    assert three(numbers) == pytest.approx([IDEAL] * 3)
    assert [numbers["ratio"], numbers["carry_over"]] == pytest.approx([1, 1])
    assert numbers["counts"] == 0
    assert ideal_difference(DISCOUNT, 0.5, 5) == pytest.approx(IDEAL)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((0.9, 0.5, 5), 0.648),
        ((0.75, 0.5, 5), 0.45),
        ((0.9, 0.0, 5), 0.81),
        ((1.0, 0.5, 10), 0.9),
    ],
)
def test_the_ideal_follows_the_tasks_parameters(arguments, expected):
    assert ideal_difference(*arguments) == pytest.approx(expected)


def test_an_observer_that_counts_is_recognised_and_one_that_does_not_is_not():
    numbers = numbers_of("counting")
    assert three(numbers) == pytest.approx([0, DISCOUNT**2, DISCOUNT**2], abs=1e-9)
    assert numbers["counts"] == 1
    assert numbers["carry_over"] == pytest.approx(0, abs=1e-9)
    assert numbers_of("inferring", noise=0.2)["counts"] == 0


def test_an_observer_that_infers_nothing_has_the_inferred_value_wrong():
    numbers = numbers_of("experienced", episodes=120)
    assert numbers["before"] > 0.3
    assert numbers["experienced"] == pytest.approx(IDEAL)
    assert numbers["inferred"] < -0.3
    assert numbers["ratio"] < 0


def test_half_an_inference_is_half_a_number():
    numbers = numbers_of("inferring", episodes=120, inference=0.5)
    assert numbers["experienced"] == pytest.approx(IDEAL)
    assert numbers["ratio"] < 0.7


def test_an_observer_that_expects_nothing_has_no_number():
    numbers = numbers_of("flat")
    assert three(numbers) == pytest.approx([0] * 3, abs=1e-12)
    assert numbers["counts"] == 0


@pytest.mark.parametrize(
    ("before", "after", "counts"),
    [(0.29, 0.6, 1), (0.31, 0.6, 0), (0.5, 0.6, 0), (-0.7, -0.6, 0), (0, 0.6, 1)],
)
def test_a_carry_over_below_one_half_is_counting(before, after, counts):
    cells = [("before", "old", before), ("before", "new", 0.0)]
    for when in ("experienced", "inferred"):
        cells += [(when, "old", 0.0), (when, "new", after)]
    table = pd.DataFrame(cells, columns=["when", "cue", "rpe"]).assign(event="cue")
    result = differences(table)
    assert result["counts"] == counts
    assert result["carry_over"] == pytest.approx(before / after)


def test_a_memory_that_is_reset_keeps_the_inference_and_loses_the_carry_over():
    numbers = numbers_of("inferring", reset=True)
    assert three(numbers) == pytest.approx([0, IDEAL, IDEAL], abs=1e-9)


def test_invalid_trials_and_trials_after_one_are_left_out():
    numbers = numbers_of("inferring", episodes=200, invalid=0.3)
    # Forgetting of earlier trials is the only difference.
    assert numbers["experienced"] == pytest.approx(IDEAL)
    assert numbers["inferred"] == pytest.approx(IDEAL)
    trials, recording = simulate("inferring", episodes=40, invalid=0.3)
    table = recorded_trials(recording, read_trials(trials))
    counts = cue_responses(table).set_index(["when", "cue", "event"])["trials"]
    second = table[(table["switched"] == 1) & (table["block_trial"] == 1)]
    usable = second[(second["valid"] == 1) & second["after_valid"]]
    used = counts["experienced", :, "cue"].sum() + counts["inferred", :, "cue"].sum()
    assert used == len(usable) < len(second)


def test_responses_are_means_computed_trial_by_trial():
    trials, recording = simulate("inferring", episodes=20, noise=0.3)
    table = recorded_trials(recording, read_trials(trials))
    result = cue_responses(table).set_index(["when", "cue", "event"])["rpe"]
    by_name = {}
    rows = table.to_dict("records")
    for before, row in itertools.pairwise(rows):
        if row["switched"] != 1 or row["block_trial"] > 1:
            continue
        when = "before"
        if row["block_trial"] == 1:
            same = row["cue"] == before["cue"]
            when = "experienced" if same else "inferred"
        cue = "new" if row["cue"] == row["rewarded_cue"] else "old"
        for event in ("fixation", "cue", "go"):
            by_name.setdefault((when, cue, event), []).append(row[f"rpe_{event}"])
    assert len(by_name) == 18
    for key, values in by_name.items():
        assert result[key] == pytest.approx(np.mean(values)), key


def test_too_few_trials_leave_a_number_missing_not_zero():
    trials, recording = simulate("inferring", episodes=1)
    quiet = trials.assign(switched=np.where(trials["block"] > 0, 0, np.nan))
    result = differences(cue_responses(recorded_trials(recording, read_trials(quiet))))
    assert np.isnan(list(result.values())).all()


def test_the_value_turns_with_the_feedback_of_the_first_trial():
    trials, recording = simulate("inferring")
    course = value_course(recorded_trials(recording, read_trials(trials)))
    value = course.set_index(["place", "event", "cue"])["value"]
    assert list(dict.fromkeys(course["place"])) == [0, 1, 2, 3]
    for place, better in ((0, "old"), (1, "old"), (2, "new"), (3, "new")):
        for cue in ("old", "new"):
            chance = 0.9 if cue == better else 0.1
            assert value[place, "go", cue] == pytest.approx(chance)
            assert value[place, "cue", cue] == pytest.approx(DISCOUNT * chance)
        for event in ("fixation", "outcome"):
            expected = 0.5 * DISCOUNT**2 if event == "fixation" else 0
            assert value[place, event, "old"] == pytest.approx(expected)


def test_values_leave_out_trials_after_an_invalid_trial_of_the_reversal():
    trials, recording = simulate("inferring", episodes=40, invalid=0.3)
    table = recorded_trials(recording, read_trials(trials))
    counts = value_course(table).groupby(["place", "event"])["trials"].sum()
    valid = table[table["valid"] == 1]
    for place in range(4):
        here = valid[valid["place"] == place]
        # Up to the first trial, it is known from longer ago which cue is rewarded.
        result = here if place <= 1 else here[here["after_valid"]]
        assert counts[place, "go"] == len(result)
        assert place <= 1 or len(result) < len(here)


def test_valid_shares_are_counted_by_trial_of_a_block():
    trials, _ = simulate("flat", episodes=10)
    broken = trials["block_trial"].eq(2) & trials["episode"].lt(3)
    trials = trials.assign(valid=(~broken).astype(int))
    other = trials.assign(subject=4, valid=1)
    shares = valid_shares(read_trials(pd.concat([trials, other])))
    own = shares[shares["subject"] == 0]
    assert own["block_trial"].tolist() == [1, 2, 3, 4, 5]
    assert own["valid"].tolist() == pytest.approx([1, 1, 0.7, 1, 1])
    assert own["trials"].unique() == [100]
    assert shares.loc[shares["subject"] == 4, "valid"].unique() == [1]
