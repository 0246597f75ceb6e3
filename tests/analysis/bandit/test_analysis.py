"""Every table of the bandit analysis, from simulated players."""

import numpy as np
import pandas as pd
import pytest
from bandits import GAPS, recording, simulate

from metarl.analysis import ExperimentData
from metarl.analysis.analysis import analyse
from metarl.analysis.bandit import ANALYSIS
from metarl.analysis.bandit.behaviour import RASTER_ROWS
from metarl.analysis.bandit.populations import DISTRIBUTIONS

TIED = DISTRIBUTIONS[1:]
EPISODES = 150


def people(mind, law="independent", count=3, **more):
    """Trials of several subjects."""
    result = [
        simulate(mind, EPISODES, subject=k, law=law, **more) for k in range(count)
    ]
    return pd.concat(result, ignore_index=True)


def tables(data):
    return analyse(ANALYSIS, data).tables


def population(mind, law):
    """Networks trained on a law, and tested on all of them."""
    return ExperimentData(
        trials=people(mind, law, 2),
        task="bandit",
        parameters={"distribution": law},
        tests={k: people(mind, k, 2) for k in DISTRIBUTIONS if k != law},
    )


@pytest.fixture(scope="module")
def source():
    conditions = {law: people("bound", law) for law in TIED}
    generator = np.random.default_rng(0)
    noise = generator.normal(size=(EPISODES, 100, 4))
    steps = {}
    for subject, rows in conditions["correlated"].groupby("subject"):
        left = rows["probability_0"].to_numpy().reshape(EPISODES, 100, 1)
        steps[subject] = recording(rows, left * [1, 2, 3, 4] + 0.01 * noise, noise)
    return ExperimentData(
        trials=people("bound"),
        task="bandit",
        baselines={k: people(k, count=1) for k in ("random", "thompson")},
        tests=conditions,
        test_recordings={"correlated": steps},
        variants={
            "correlated": population("tied", "correlated"),
            "no-reward": ExperimentData(
                trials=people("random", count=2), task="bandit"
            ),
        },
        discount=0.9,
    )


@pytest.fixture(scope="module")
def every_table(source):
    return tables(source)


def test_groups_are_the_measured_and_each_baseline(every_table):
    subjects = every_table["subjects"]
    assert subjects["group"].tolist() == ["measured"] * 3 + ["random", "thompson"]
    assert subjects["label"].tolist()[:3] == ["subject 0", "subject 1", "subject 2"]
    assert subjects["episodes"].unique() == [EPISODES]
    # All had the same problems.
    assert len(subjects["random_regret"].round(6).unique()) == 1
    saved = subjects.groupby("group")["regret_saved"].mean()
    assert saved["random"] == pytest.approx(0, abs=0.05)
    assert 0.7 < saved["thompson"] < saved["measured"] < 1


def test_the_last_of_the_curve_is_the_regret_per_episode(every_table):
    last = every_table["regret"][every_table["regret"]["trial"] == 100]
    regret = every_table["subjects"].set_index(["group", "subject"])["regret"]
    ends = last.set_index(["group", "subject"])["regret"]
    pd.testing.assert_series_equal(ends, regret, check_names=False)
    summary = every_table.summary("regret").set_index(["group", "trial"])
    assert summary.loc[("measured", 100), "mean"] == pytest.approx(
        regret["measured"].mean()
    )
    assert summary.loc[("measured", 100), "n"] == 3


def test_classes_of_difficulty_hold_every_episode(every_table):
    gaps = every_table["gaps"]
    assert (gaps.groupby(["group", "subject"])["episodes"].sum() == EPISODES).all()
    weighted = (gaps["regret"] * gaps["episodes"]).groupby(
        [gaps["group"], gaps["subject"]]
    )
    regret = every_table["subjects"].set_index(["group", "subject"])["regret"]
    assert (weighted.sum() / EPISODES).loc[regret.index].to_numpy() == pytest.approx(
        regret.to_numpy()
    )


def test_every_population_is_tested_on_every_distribution(every_table):
    transfer = every_table["transfer"]
    counts = transfer.groupby(["trained", "tested"]).size().unstack()
    assert set(counts.columns) == set(DISTRIBUTIONS)
    assert (counts.loc["independent"] == 3).all()
    assert (counts.loc["correlated"] == 2).all()
    own = transfer.set_index(["trained", "tested", "subject"])["regret"]
    measured = every_table["subjects"].set_index(["group", "subject"])["regret"]
    assert own[("independent", "independent", 1)] == measured[("measured", 1)]
    for law, (worse, better) in GAPS.items():
        chance = transfer.loc[transfer["tested"] == law, "random_regret"]
        assert chance.to_numpy() == pytest.approx(50 * (better - worse))
    means = transfer.groupby(["trained", "tested"])["regret"].mean()
    assert means["correlated", "medium"] < means["independent", "medium"]
    assert means["correlated", "independent"] > means["independent", "independent"]


def test_the_main_test_of_a_variant_is_on_the_arms_it_was_trained_on(
    source, every_table
):
    tied = source.variants["correlated"]
    assert "correlated" not in tied.tests
    own = tables(tied)["subjects"].set_index("subject")["regret"]
    rows = every_table["transfer"].query("trained == tested == 'correlated'")
    assert rows["regret"].tolist() == own.tolist()


def test_curves_on_the_medium_arms_are_by_trial(every_table):
    curves = every_table["dependent"]
    assert set(curves["trained"]) == {"independent", "correlated"}
    ends = curves[curves["trial"] == 100].set_index(["trained", "subject"])["regret"]
    transfer = every_table["transfer"].query("tested == 'medium'")
    expected = transfer.set_index(["trained", "subject"])["regret"]
    assert ends.to_dict() == pytest.approx(expected.to_dict())


def test_ablations_are_compared_with_random_choice(every_table):
    table = every_table["ablations"]
    assert table["variant"].tolist() == ["no-reward"] * 2
    assert table["ratio"].to_numpy() == pytest.approx(1, abs=0.1)
    assert (table["ratio"] == table["regret"] / table["random_regret"]).all()


def test_rasters_are_of_the_published_problems_sorted_within(every_table):
    rasters = every_table["rasters"]
    assert rasters["problem"].unique().tolist() == [
        "P(reward)\n.25, .75",
        "P(reward)\n.4, .6",
    ]
    grid = rasters.pivot(index=["problem", "row"], columns="trial", values="suboptimal")
    wrong = grid.sum(axis=1)
    assert len(grid) == 2 * RASTER_ROWS
    for _, part in wrong.groupby(level="problem"):
        assert part.is_monotonic_increasing
    assert wrong.groupby(level="problem").mean().is_monotonic_increasing


def test_rasters_without_those_tests_are_of_the_main_ones_problems(source):
    result = tables(ExperimentData(trials=source.trials, task="bandit"))["rasters"]
    assert result["problem"].unique().tolist() == [
        "apart by\n> .5",
        "apart by\n.1 to .3",
    ]
    rows = source.trials.query("subject == 0").iloc[::100]
    gap = (rows["probability_0"] - rows["probability_1"]).abs()
    hard = min(int(gap.between(0.1, 0.3).sum()), RASTER_ROWS)
    counts = result.groupby("problem", sort=False)["row"].nunique()
    assert counts.tolist() == [RASTER_ROWS, hard]


def test_units_come_from_the_correlated_tests_recordings(source, every_table):
    coding = every_table["coding"]
    assert coding["subject"].tolist() == [0, 1, 2]
    assert (coding["r2"] > 0.95).all()
    assert (coding["r2_untrained"] < 0.2).all()
    assert every_table["trajectories"]["subject"].unique() == [0]
    assert len(every_table["final_states"]) == EPISODES
    rows = source.tests["correlated"].query("subject == 0").iloc[::100]
    np.testing.assert_allclose(
        every_table["final_states"]["left"], rows["probability_0"]
    )


def test_units_of_the_main_test_are_used_where_there_are_no_others(source):
    rows = source.trials.query("subject == 1")
    units = np.random.default_rng(0).normal(size=(EPISODES, 100, 4))
    result = tables(
        ExperimentData(
            trials=source.trials,
            task="bandit",
            recordings={1: recording(rows, units)},
            discount=0.9,
        )
    )
    assert result["coding"]["subject"].tolist() == [1]
    assert result["coding"]["r2_untrained"].isna().all()
    assert len(result["final_states"]) == EPISODES


def test_trials_alone_give_every_table_its_columns(source, every_table):
    alone = tables(ExperimentData(trials=source.trials, task="bandit"))
    assert alone.keys() == every_table.keys()
    for name in ("dependent", "ablations", "coding", "trajectories", "final_states"):
        assert alone[name].empty
        assert set(alone[name]) <= set(every_table[name])
    assert alone.summary("dependent").empty
    assert alone["transfer"]["trained"].unique() == ["independent"]


def test_no_trials_at_all_give_empty_tables(source):
    empty = tables(ExperimentData(trials=source.trials.iloc[:0], task="bandit"))
    assert empty["subjects"].empty
    assert empty["regret"].empty
    assert empty["rasters"].empty


def test_there_are_no_more_panels_than_a_page_holds():
    assert len(ANALYSIS.panels) == 6
    assert ANALYSIS.snapshot_panel == ANALYSIS.panels[0]
