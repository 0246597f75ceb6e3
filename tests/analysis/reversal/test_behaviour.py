"""Reversal behaviour: by hand, of planted choosers, and of choosers that learned
nothing."""

import numpy as np
import pandas as pd
import pytest
from reversal_blocks import TRIALS, block, chooser

from metarl.analysis.reversal.behaviour import (
    MEASURES,
    behaviour_summary,
    block_measures,
    curves,
    read_blocks,
    schedule_measures,
    schedule_name,
    subject_measures,
)
from metarl.analysis.statistics import standard_error


def measures(*blocks):
    return block_measures(read_blocks(pd.concat(blocks, ignore_index=True)))


def one(result):
    return measures(result).iloc[0]


def test_a_block_by_hand():
    # Left is better for three trials, then right.
    result = one(block([0, 0, 1, 0, 0, 1, 1], [1, 0, 0, 1, 0, 1, 1], reversal=3))
    assert result["p_better"] == pytest.approx(4 / 7)
    # After a win: stay, stay, stay. After a loss: shift, shift, shift.
    assert result["stay_after_win"] == 1
    assert result["shift_after_loss"] == 1
    assert result["at_reversal"] == 0
    assert result["first_new_better"] == 2
    assert np.isnan(result["late_acquisition"])
    assert np.isnan(result["late_reversal"])


def test_staying_and_shifting_are_distinguished_by_the_outcome_before():
    result = one(block([0, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 1], reversal=None))
    # Wins at 0 and 1: shift, stay. Losses at 2, 3 and 4: shift, stay, stay.
    assert result["stay_after_win"] == 1 / 2
    assert result["shift_after_loss"] == pytest.approx(1 / 3)


def test_trials_that_do_not_count_are_ignored():
    whole = block([0, 0, 1, 1], [1, 0, 0, 1], reversal=2)
    part = whole.assign(choice=[0, np.nan, 1, 1], valid=[1, 0, 1, 1])
    assert one(whole)["p_better"] == 1
    assert one(part)["p_better"] == 1
    assert np.isnan(one(part)["stay_after_win"])
    assert one(part)["shift_after_loss"] == 0
    forced = whole.assign(choice=[0, 1, 1, 1], forced=[0, 1, 0, 0])
    assert one(forced)["p_better"] == 1


def late_block(right, *, reversal):
    """Left throughout, but right on these trials."""
    choice = np.zeros(TRIALS)
    choice[list(right)] = 1
    return block(choice, np.ones(TRIALS), reversal=reversal)


def test_late_trials_are_the_eleventh_to_twentieth():
    # A window one trial earlier or later would hold only one of the two.
    assert one(late_block((10, 19), reversal=40))["late_acquisition"] == 0.8
    # After a reversal at 40 they are those of number 50 to 59.
    assert one(late_block((50, 59), reversal=40))["late_reversal"] == 0.2
    # Trials after an early reversal are not counted as learning at first.
    assert one(late_block((), reversal=12))["late_acquisition"] == 1


def test_a_new_option_never_taken_was_not_taken_on_any_trial_left():
    never = one(block([0] * 6, [1] * 6, reversal=2))
    assert never["first_new_better"] == 4
    at_once = one(block([0, 0, 1, 1], [1] * 4, reversal=2))
    assert at_once["first_new_better"] == 0
    assert np.isnan(one(block([0] * 6, [1] * 6, reversal=None))["first_new_better"])


def most_likely_switch(left, reversal):
    """Trials from the reversal to the most likely switch, every split tried in turn."""
    best, result = -np.inf, 1
    for split in range(1, len(left)):
        parts = left[:split], left[split:]
        shares = [np.mean(part) for part in parts]
        if shares[0] < shares[1]:
            continue
        fit = 0.0
        for part, share in zip(parts, shares, strict=True):
            probability = min(max(share, 0.001), 0.999)
            fit += sum(
                np.log(probability if took else 1 - probability) for took in part
            )
        if fit > best + 1e-9:
            best, result = fit, split
    return result - reversal


def test_the_most_likely_switch_is_the_best_of_all_splits():
    generator = np.random.default_rng(5)
    result, expected = [], []
    for episode in range(60):
        length, reversal = int(generator.integers(8, 30)), int(generator.integers(3, 7))
        turn = reversal + int(generator.integers(0, 4))
        left = generator.random(length) < np.where(np.arange(length) < turn, 0.8, 0.3)
        choice = 1 - left.astype(int)
        result.append(block(choice, left, reversal=reversal, episode=episode))
        expected.append(most_likely_switch(left.tolist(), reversal))
    assert measures(*result)["switch_delay"].tolist() == expected
    assert len(set(expected)) > 5


def test_a_clean_switch_is_found_where_it_is():
    for delay in (0, 3, 7):
        choice = np.r_[np.ones(20 + delay), np.zeros(20 - delay)]
        trials = block(choice, np.ones(40), reversal=20, better=1)
        assert one(trials)["switch_delay"] == delay
        assert one(trials)["first_new_better"] == delay
    # Two trials are missing before the switch: it is given by the trials' numbers.
    gap = block([0, 0, np.nan, np.nan, 0, 1, 1, 1], [1] * 8, reversal=4)
    assert one(gap)["switch_delay"] == 1
    # Choices that only rise have no switch away; the first split stands for it.
    rise = block([1, 0, 0, 0, 0, 0], [1] * 6, reversal=3)
    assert one(rise)["switch_delay"] == 1 - 3


def test_a_subjects_number_is_the_mean_over_its_blocks():
    short = block([0, 0], [1, 1], reversal=None)
    long = block([1] * 8, [0] * 8, reversal=None, episode=1, schedule=70)
    trials = pd.concat([short, long, short.assign(subject=3)], ignore_index=True)
    table = subject_measures(read_blocks(trials)).set_index("subject")
    assert table.loc[0, "p_better"] == 0.5
    assert table.loc[0, "blocks"] == 2
    assert table.loc[0, "trials"] == 10
    assert table.loc[0, "reward_per_100"] == pytest.approx(20)
    assert table.loc[3, "p_better"] == 1
    # The second block alone has losses.
    assert table.loc[0, "shift_after_loss"] == 0
    by = schedule_measures(read_blocks(trials)).set_index(
        ["subject", "schedule", "measure"]
    )
    assert by.loc[(0, 80, "p_better"), "value"] == 1
    assert by.loc[(0, 70, "p_better"), "value"] == 0
    assert by.loc[(0, 70, "p_better"), "blocks"] == 1
    assert set(by.index.get_level_values("measure")) == set(MEASURES)


def test_a_planted_learner_is_measured_as_planted():
    table = schedule_measures(read_blocks(chooser(2000, share=0.9, delay=3)))
    for schedule in (80, 70):
        part = table[table["schedule"] == schedule].set_index("measure")["value"]
        # 77 of 80 trials at .9, 3 at .1.
        assert part["p_better"] == pytest.approx((77 * 0.9 + 3 * 0.1) / 80, abs=0.006)
        assert part["at_reversal"] == pytest.approx(0.1, abs=0.04)
        assert part["late_acquisition"] == pytest.approx(0.9, abs=0.02)
        assert part["late_reversal"] == pytest.approx(0.9, abs=0.02)
        assert part["switch_delay"] == pytest.approx(3, abs=0.25)
        assert part["stay_after_win"] > 0.8


def test_a_chooser_that_learned_nothing_has_none_of_it():
    table = schedule_measures(read_blocks(chooser(2000, share=0.5)))
    for schedule in (80, 70):
        part = table[table["schedule"] == schedule].set_index("measure")["value"]
        for measure in ("p_better", "stay_after_win", "shift_after_loss"):
            assert part[measure] == pytest.approx(0.5, abs=0.02)
        for measure in ("at_reversal", "late_acquisition", "late_reversal"):
            assert part[measure] == pytest.approx(0.5, abs=0.05)
        assert part["first_new_better"] == pytest.approx(1.0, abs=0.15)


def test_curves_are_means_over_blocks_by_hand():
    blocks = [
        late_block((0, 1, 39, 40, 41), reversal=40),
        late_block((0, 35, 36), reversal=35).assign(episode=1),
        late_block((), reversal=45).assign(episode=2, schedule=70),
    ]
    trials = pd.concat(blocks, ignore_index=True)
    result = curves(read_blocks(trials)).set_index(["schedule", "alignment", "trial"])
    assert result.loc[(80, "acquisition", 1), "probability"] == 0
    assert result.loc[(80, "acquisition", 2), "probability"] == 0.5
    assert result.loc[(80, "acquisition", 3), "probability"] == 1
    assert result.loc[(80, "reversal", -1), "probability"] == 0.5
    assert result.loc[(80, "reversal", 0), "probability"] == 1
    assert result.loc[(80, "reversal", 2), "probability"] == 0
    assert result.loc[(80, "reversal", -1), "error"] == standard_error([0, 1])
    assert result.loc[(80, "reversal", 0), "blocks"] == 2
    assert result.loc[(70, "reversal", 0), "probability"] == 0
    for schedule in (80, 70):
        assert list(result.loc[(schedule, "acquisition")].index) == list(range(1, 26))
        assert list(result.loc[(schedule, "reversal")].index) == list(range(-10, 26))


def test_curves_of_subjects_and_of_all_blocks_together_differ_in_their_unit():
    trials = pd.concat([chooser(6, subject=s) for s in range(3)], ignore_index=True)
    each, pooled = curves(read_blocks(trials)), curves(read_blocks(trials), by=())
    assert each.groupby(["schedule", "alignment", "trial"])["blocks"].sum().eq(9).all()
    assert pooled["blocks"].eq(9).all()
    assert "subject" not in pooled


def test_the_curve_of_learning_ends_at_the_reversal():
    result = curves(read_blocks(block([0] * 8, [1] * 8, reversal=3)))
    learning = result[result["alignment"] == "acquisition"]
    assert learning["trial"].tolist() == [1, 2, 3]
    rest = result[result["alignment"] == "reversal"]
    assert rest["trial"].tolist() == [-3, -2, -1, 0, 1, 2, 3, 4]


def test_the_summary_takes_blocks_as_its_unit():
    trials = pd.concat([chooser(9, subject=s) for s in (0, 4)], ignore_index=True)
    summary = behaviour_summary(read_blocks(trials), {0: "0", 4: "4"})
    people = summary[summary["over"] == "subjects"]
    summary = summary[summary["over"] == "blocks"]
    blocks = block_measures(read_blocks(trials))
    means = blocks[blocks["schedule"] == 80].groupby("subject")["switch_delay"].mean()
    row = people.query("quantity == 'switch_delay' and schedule == 80")
    assert row["value"].item() == pytest.approx(means.mean())
    assert row["error"].item() == pytest.approx(standard_error(means))
    assert (row["label"].item(), row["n"].item()) == ("all subjects", 2)
    for label, part in (("all subjects", blocks), ("4", blocks.query("subject == 4"))):
        values = part.loc[part["schedule"] == 80, "switch_delay"]
        row = summary[
            (summary["label"] == label)
            & (summary["quantity"] == "switch_delay")
            & (summary["schedule"] == 80)
        ].iloc[0]
        assert row["value"] == pytest.approx(values.mean())
        assert row["error"] == pytest.approx(standard_error(values))
        assert row["median"] == values.median()
        assert (row["n"], row["over"]) == (len(values), "blocks")
    assert set(summary["label"]) == {"all subjects", "0", "4"}
    result = summary[summary["alignment"].notna()]
    assert len(result) == 2 * (25 + 36)
    assert set(result["label"]) == {"all subjects"}


def test_the_summary_of_one_subject_has_its_name():
    summary = behaviour_summary(read_blocks(chooser(3)), {0: "Ada"})
    assert set(summary["label"]) == {"all subjects", "Ada"}


def test_a_table_without_a_single_choice_has_no_number():
    silent = chooser(4).assign(choice=np.nan, reward=-1, valid=0)
    assert subject_measures(read_blocks(silent))["p_better"].isna().all()
    assert curves(read_blocks(silent)).empty
    assert (
        behaviour_summary(read_blocks(silent), {0: "subject 0"})["value"].isna().all()
    )


def test_a_schedule_is_named_by_both_probabilities():
    assert [schedule_name(p) for p in (80.0, 70, 100)] == ["80/20", "70/30", "100/0"]
