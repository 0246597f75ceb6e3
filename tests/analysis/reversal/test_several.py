"""Blocks with several reversals, without a schedule, and with points."""

import numpy as np
import pandas as pd
import pytest

from metarl.analysis import ExperimentData
from metarl.analysis.analysis import analyse
from metarl.analysis.reversal.behaviour import block_measures, curves, read_blocks
from metarl.core.checks import MetaRLError
from metarl.io.trials import load_table
from metarl.reports.figures import own_data_analysis, read_trials

ANALYSIS = own_data_analysis("reversal")
SWAPS = (30, 55, 75)


def people(seed=6, subjects=3, blocks=3, trials=90, missed=0.04):
    random = np.random.default_rng(seed)
    rows = []
    for subject in range(subjects):
        for block in range(blocks):
            best, value = int(random.integers(2)), 0.5
            for trial in range(trials):
                best = 1 - best if trial in SWAPS else best
                choice = int(random.random() < 1 / (1 + np.exp(-10 * (value - 0.5))))
                won = int(random.random() < (0.8 if choice == best else 0.2))
                if random.random() < missed:
                    rows.append((subject, block, trial, None, 0, best, 0))
                    continue
                value += 0.3 * ((choice == 1) == won) - 0.3 * value
                rows.append((subject, block, trial, choice, won, best, 1))
    names = ["subject", "episode", "trial", "choice", "reward", "better", "valid"]
    return pd.DataFrame(rows, columns=names).assign(session=0, forced=0)


def windows(block):
    """The trials around each reversal: from the one before it up to the next."""
    rows = block.sort_values("trial").to_dict("records")
    better = [row["better"] for row in rows]
    swaps = [k for k in range(1, len(rows)) if better[k] != better[k - 1]]
    edges = [0, *swaps, len(rows)]
    for k, swap in enumerate(swaps):
        part = rows[edges[k] : edges[k + 2]]
        yield [(row["trial"] - rows[swap]["trial"], row) for row in part]


def mean(values):
    values = list(values)
    return np.mean(values) if values else np.nan


def by_hand(block):
    """Measures of one block: means over its reversals."""
    found = {"at_reversal": [], "late_reversal": [], "first_new_better": []}
    for window in windows(block):
        known = [(since, row) for since, row in window if row["valid"]]
        good = [(since, row["choice"] == row["better"]) for since, row in known]
        found["at_reversal"].append(mean(g for s, g in good if s == 0))
        found["late_reversal"].append(mean(g for s, g in good if 10 <= s < 20))
        taken = [s for s, g in good if s >= 0 and g]
        most = max(since for since, _ in window) + 1
        found["first_new_better"].append(min([*taken, most]))
    return {name: np.nanmean(values) for name, values in found.items()}


def test_every_reversal_is_aligned_on_its_own():
    table = people()
    found = block_measures(read_blocks(table)).set_index(["subject", "episode"])
    for keys, block in table.groupby(["subject", "episode"]):
        for measure, value in by_hand(block).items():
            assert found.loc[keys, measure] == pytest.approx(value), (keys, measure)


def test_the_curve_around_reversals_is_over_all_of_them():
    table = people()
    hits = {}
    for _, block in table.groupby(["subject", "episode"]):
        for window in windows(block):
            for since, row in window:
                if row["valid"] and -10 <= since <= 25:
                    hits.setdefault(since, []).append(row["choice"] == row["better"])
    found = curves(read_blocks(table), by=())
    found = found[found["alignment"] == "reversal"].set_index("trial")
    assert found["probability"].to_dict() == pytest.approx(
        {since: np.mean(values) for since, values in hits.items()}
    )
    assert found["blocks"].to_dict() == {k: len(v) for k, v in hits.items()}
    assert found.loc[0, "blocks"] > 9 * 2


def test_a_block_has_the_mean_of_its_reversals_as_blocks_of_their_own():
    table = people()
    whole = block_measures(read_blocks(table)).set_index(["subject", "episode"])
    for keys, block in table.groupby(["subject", "episode"]):
        parts = [
            pd.DataFrame([row for _, row in window]).assign(episode=number)
            for number, window in enumerate(windows(block))
        ]
        assert len(parts) == 3
        each = block_measures(read_blocks(pd.concat(parts, ignore_index=True)))
        for measure in ("at_reversal", "late_reversal", "switch_delay"):
            expected = each[measure].mean()
            assert whole.loc[keys, measure] == pytest.approx(expected), measure


def test_a_schedule_need_not_be_known():
    table = people()
    data = ExperimentData(trials=table, task="reversal", subjects_are="people")
    result = analyse(ANALYSIS, data)
    behaviour = result.tables["behaviour"]
    assert behaviour["schedule"].isna().all()
    blocks = behaviour[behaviour["over"] == "blocks"]
    row = blocks[blocks["quantity"] == "p_better"].iloc[0]
    known = table[table["valid"] == 1]
    shares = (known["choice"] == known["better"]).groupby(
        [known["subject"], known["episode"]]
    )
    assert row["value"] == pytest.approx(shares.mean().mean())
    assert row["n"] == 9
    assert len(result.effects[result.effects["key"] == "p_better.0.mean"]) == 1


def test_better_follows_from_the_probabilities(tmp_path):
    table = people()
    right = np.where(table["better"] == 1, 0.7, 0.3)
    given = table.drop(columns="better").assign(
        probability_left=1 - right, probability_right=right
    )
    file = tmp_path / "prl.csv"
    given.to_csv(file, index=False)
    trials = load_table(file, ANALYSIS.schema).trials
    assert trials["better"].tolist() == table["better"].tolist()
    equal = given.assign(probability_left=0.5, probability_right=0.5)
    equal.to_csv(file, index=False)
    with pytest.raises(MetaRLError, match="no option is better"):
        load_table(file, ANALYSIS.schema)


def test_points_and_losses_are_rewards_above_0(tmp_path):
    table = people()
    points = table.assign(reward=np.where(table["reward"] == 1, 25, -25))
    file = tmp_path / "points.csv"
    points.to_csv(file, index=False)
    with pytest.raises(MetaRLError, match="column reward must be 0"):
        read_trials("reversal", file)
    data = read_trials("reversal", file, reward_unit="points")
    assert data.trials["reward"].tolist() == table["reward"].tolist()
    assert data.trials["amount"].tolist() == points["reward"].tolist()
    assert "more than 0 points is rewarded" in data.notes[-1]
