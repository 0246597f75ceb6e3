"""Inferred values in reaction times, against the same numbers computed by a loop."""

import itertools

import numpy as np
import pandas as pd
import pytest

from metarl.analysis import ExperimentData
from metarl.analysis.analysis import analyse
from metarl.analysis.inferred_value.own import differences, read_responses
from metarl.io.trials import load_table
from metarl.reports.figures import own_data_analysis

ANALYSIS = own_data_analysis("inferred-value")


def monkeys(seed=4, subjects=2, blocks=30):
    """The rewarded cue is answered 80 ms faster, given the outcomes so far."""
    random = np.random.default_rng(seed)
    rows = []
    for subject in range(subjects):
        rewarded = believed = "A"
        trial = 0
        for _ in range(blocks):
            for _ in range(int(random.integers(4, 8))):
                cue = "AB"[random.integers(2)]
                missed = random.random() < 0.05
                time = 450 - 80 * (cue == believed) + random.normal(0, 10)
                choice = None if missed else int(cue == "B")
                shown = None if missed else time
                reward = int(cue == rewarded and not missed)
                row = (subject, trial, cue, rewarded, choice, reward, int(not missed))
                rows.append((*row, shown))
                trial += 1
                believed = believed if missed else rewarded
            rewarded = "B" if rewarded == "A" else "A"
    names = [
        "subject",
        "trial",
        "cue",
        "rewarded_cue",
        "choice",
        "reward",
        "valid",
        "rt",
    ]
    return pd.DataFrame(rows, columns=names)


def loaded(table, tmp_path):
    file = tmp_path / "cues.csv"
    table.to_csv(file, index=False)
    return load_table(file, ANALYSIS.schema).trials


def by_hand(own):
    """Comparison -> mean time of the new cue minus that of the old one."""
    rows = own.sort_values("trial").to_dict("records")
    times = {
        when: {True: [], False: []} for when in ("before", "experienced", "inferred")
    }
    place = None
    for before, row in itertools.pairwise(rows):
        changed = row["rewarded_cue"] != before["rewarded_cue"]
        place = 1 if changed else None if place is None else place + 1
        if not (before["valid"] and row["valid"]) or place not in (1, 2):
            continue
        when = "before"
        if place == 2:
            when = "experienced" if before["cue"] == row["cue"] else "inferred"
        times[when][row["cue"] == row["rewarded_cue"]].append(row["rt"])
    return {when: np.mean(t[True]) - np.mean(t[False]) for when, t in times.items()}


def test_the_three_differences_are_those_of_a_loop(tmp_path):
    table = monkeys()
    found = differences(read_responses(loaded(table, tmp_path)))
    found = found[found["response"] == "rt"].set_index(["subject", "when"])["value"]
    for subject, own in table.groupby("subject"):
        for when, value in by_hand(own).items():
            assert found[subject, when] == pytest.approx(value), when
    assert (found.xs("inferred", level="when") < -60).all()
    assert (found.xs("before", level="when") > 60).all()


def test_blocks_follow_from_the_rewarded_cue_in_any_order_of_rows(tmp_path):
    table = monkeys()
    shuffled = table.sample(frac=1, random_state=1)
    one, other = (
        differences(read_responses(loaded(t, tmp_path))) for t in (table, shuffled)
    )
    pd.testing.assert_frame_equal(one, other)


def test_the_last_trials_before_a_reversal_are_drawn_at_0(tmp_path):
    table = monkeys(subjects=1)
    data = ExperimentData(
        trials=loaded(table, tmp_path), task="inferred-value", subjects_are="monkeys"
    )
    around = analyse(ANALYSIS, data).tables["around"]
    last = around[(around["place"] == 0) & (around["response"] == "rt")]
    rewarded = table["rewarded_cue"]
    ends = rewarded.ne(rewarded.shift(-1)) & (table["trial"] < table["trial"].max())
    ends &= (table["valid"] == 1) & (table["valid"].shift(1) == 1)
    times = table[ends].groupby(table["cue"] == rewarded)["rt"].mean()
    found = last.set_index("cue")["value"]
    assert found["old"] == pytest.approx(times[True])
    assert found["new"] == pytest.approx(times[False])
