"""The reversal experiment as a whole: its tables, with much, little and no data."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from reversal_blocks import chooser, write_release

from metarl.analysis import ExperimentData
from metarl.analysis.analysis import analyse
from metarl.analysis.reversal import ANALYSIS
from metarl.analysis.reversal.references import reference_tables
from metarl.io.load import load_trials


@pytest.fixture(scope="module")
def tables():
    trials = pd.concat([chooser(12, subject=k) for k in range(4)], ignore_index=True)
    random = chooser(12, seed=7, share=0.5)
    data = ExperimentData(trials=trials, baselines={"random": random}, task="reversal")
    return analyse(ANALYSIS, data).tables


def test_groups_stand_side_by_side(tables):
    for name in ("subjects", "by_schedule", "curves"):
        assert tables[name]["group"].unique().tolist() == ["measured", "random"]
        summary = tables.summary(name)
        assert set(summary.loc[summary["group"] == "measured", "n"]) == {4}
        assert set(summary.loc[summary["group"] == "random", "n"]) == {1}
    assert tables["subjects"]["label"].tolist()[:2] == ["subject 0", "subject 1"]


def test_the_learned_criterion_stands_on_a_column_of_subjects(tables):
    criterion = ANALYSIS.criteria["reversal"].learned
    assert criterion.statistic in tables["subjects"]
    measured = tables["subjects"].set_index("group")[criterion.statistic]
    assert (measured["measured"] > criterion.threshold).all()
    assert measured["random"] < criterion.threshold


def test_references_are_the_monkeys_alone_with_their_sources():
    references = reference_tables()
    curves, measures = references["reference_curves"], references["reference_measures"]
    assert len(curves) == 2 * (25 + 36)
    assert len(measures) == 2 * 8
    for table in (curves, measures):
        assert table["study"].str.startswith("Costa et al. 2016").all()
        assert set(table["n"]) == {4}
        assert set(table["blocks"]) == {551, 555}
        assert set(table["kind"]) == {"animal"}
        assert table["source_location"].str.len().gt(10).all()
        assert np.isfinite(table["value"]).all()
    wide = measures.pivot(index="measure", columns="schedule", values="value")
    piece = curves[(curves["schedule"] == 80) & (curves["alignment"] == "reversal")]
    rise = piece.set_index("trial")["value"]
    assert wide.loc["at_reversal", 80] == rise[0]
    assert wide.loc["late_reversal", 80] == pytest.approx(rise.loc[10:19].mean())
    overall = references["reference_overall"].set_index("measure")["value"]
    assert overall["p_better"] == pytest.approx((551 * 0.853 + 555 * 0.780) / 1106)


def test_monkeys_have_every_behaviour_panel_and_no_verdict(tmp_path):
    own = load_trials(ANALYSIS, write_release(tmp_path / "made.mat"))
    source = ExperimentData(
        trials=own.trials,
        names=own.labels,
        subjects_are="monkeys",
        task="reversal",
    )
    result = analyse(ANALYSIS, source)
    assert result.tables["subjects"]["label"].tolist() == ["BB10", "BB6"]
    assert set(result.effects["verdict"]) == {"REPORTED"}
    for panel in ANALYSIS.behaviour_panels:
        plt.close(panel(result.tables, result.context).figure)


def test_a_network_that_never_chose_is_drawn_all_the_same():
    silent = chooser(4).assign(choice=np.nan, reward=-1, valid=0)
    data = ExperimentData(trials=silent, task="reversal", expected_subjects=2)
    result = analyse(ANALYSIS, data)
    assert not result.effects["passed"].any()
    for panel in ANALYSIS.panels:
        plt.close(panel(result.tables, result.context).figure)
