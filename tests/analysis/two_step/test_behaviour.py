"""Two-step behaviour: by hand, with a planted effect, and with none."""

import numpy as np
import pandas as pd
import pytest

from metarl.analysis.measures import subject_rewards
from metarl.analysis.two_step.behaviour import (
    PRODUCT,
    RIDGE,
    STAY_TERMS,
    behaviour_summary,
    lag_regression,
    product_nulls,
    read_trials,
    stay_interaction,
    stay_probabilities,
    stay_regression,
)

CELLS = [(1.0, "common"), (1.0, "rare"), (0.0, "common"), (0.0, "rare")]


@pytest.fixture
def by_hand(table):
    """Nine trials: stays after RC 2 of 3, RR 0 of 1, UC 1 of 2, UR 2 of 2."""
    c, r = "common", "rare"
    return table(
        choice=[0, 0, 0, 1, 1, 0, 0, 0, 1],
        reward=[1, 1, 1, 0, 0, 0, 0, 1, 0.0],
        transition=[c, c, c, c, c, r, r, r, c],
    )


def cells(stays, column="probability"):
    return [
        stays.set_index(["reward", "transition"]).loc[cell, column] for cell in CELLS
    ]


def test_stay_probabilities_by_hand(by_hand):
    stays = stay_probabilities(read_trials(by_hand))
    assert cells(stays) == pytest.approx([2 / 3, 0, 1 / 2, 1])
    assert cells(stays, "pairs") == [3, 1, 2, 2]


def test_a_cell_without_a_pair_is_unknown_not_zero(by_hand):
    stays = stay_probabilities(read_trials(by_hand[:4]))
    assert cells(stays, "pairs") == [3, 0, 0, 0]
    assert np.isnan(cells(stays)[1:]).all()


def test_subjects_and_sessions_are_apart(by_hand):
    mirror = by_hand.assign(subject=1, choice=1 - by_hand["choice"])
    other = by_hand.iloc[:4].assign(session=1)
    both = pd.concat([by_hand, mirror, other])
    stays = stay_probabilities(read_trials(both), ("subject", "session"))
    units = dict(list(stays.groupby(["subject", "session"])))
    assert list(units) == [(0, 0), (0, 1), (1, 0)]
    assert cells(units[0, 0]) == cells(units[1, 0])
    assert cells(units[0, 1], "pairs") == [3, 0, 0, 0]


def test_a_medium_reward_has_its_own_cells(table):
    trials = table(
        choice=[0, 0, 1, 1], reward=[0.5, 0.5, 1, 0], transition=["common"] * 4
    )
    stays = stay_probabilities(read_trials(trials)).set_index(["reward", "transition"])
    assert stays.loc[(0.5, "common"), "probability"] == 0.5
    assert stays.loc[(1.0, "common"), "pairs"] == 1
    assert len(stays) == 6


def test_the_interaction_by_hand(by_hand):
    # Rewarded 2/3 minus 0, unrewarded 1/2 minus 1.
    assert stay_interaction(stay_probabilities(read_trials(by_hand)))[
        0
    ] == pytest.approx(7 / 6)


def test_the_interaction_is_positive_for_a_planner_and_not_for_sarsa(simulate):
    by_name = {}
    for kind in ("planner", "sarsa", "random"):
        trials, _ = simulate(kind, 200, temperature=0.05)
        by_name[kind] = stay_interaction(stay_probabilities(read_trials(trials)))[0]
    assert by_name["planner"] > 0.5
    assert abs(by_name["random"]) < 0.06
    assert by_name["sarsa"] < 0.5 * by_name["planner"]


def test_rewards_count_penalties_and_invalid_trials(table):
    trials = table(
        choice=[0, 1, 0, 1],
        reward=[1, -1, 1, 0],
        valid=[1, 0, 1, 1],
        transition=["common"] * 4,
    )
    row = subject_rewards(read_trials(trials)).iloc[0]
    assert (row["reward_per_100"], row["invalid_fraction"], row["trials"]) == (
        25,
        0.25,
        4,
    )


def long_by_hand(table, counts):
    """One pair an episode: {(reward, transition): (stays, switches)}."""
    rows = []
    for (reward, transition), (stays, switches) in counts.items():
        for switch in [0] * stays + [1] * switches:
            rows += [(0, reward, transition), (switch, 0, "common")]
    result = pd.DataFrame(rows, columns=["choice", "reward", "transition"])
    episode = np.repeat(np.arange(len(rows) // 2), 2)
    return table(**result, episode=episode, trial=np.tile([0, 1], len(rows) // 2))


def test_the_stay_regression_without_ridge_is_the_contrast_of_the_log_odds(table):
    counts = dict(zip(CELLS, [(9, 1), (3, 7), (2, 8), (6, 4)], strict=True))
    result = stay_regression(read_trials(long_by_hand(table, counts)), ridge=0.0)
    rc, rr, uc, ur = (np.log(a / b) for a, b in counts.values())
    expected = {
        "bias": (rc + rr + uc + ur) / 4,
        "reward": (rc + rr - uc - ur) / 4,
        "transition": (rc - rr + uc - ur) / 4,
        "reward_x_transition": (rc - rr - uc + ur) / 4,
    }
    weights = result.set_index("term")["weight"]
    assert weights.to_dict() == pytest.approx(expected)
    assert result["converged"].all()
    assert result["pairs"].unique() == [40]


def test_both_regressions_take_the_ridge_of_the_published_rows(simulate):
    trials, _ = simulate("planner", 2)
    for regress in (stay_regression, lag_regression):
        published = regress(read_trials(trials), ridge=0.5)["weight"].to_numpy()
        assert regress(read_trials(trials))["weight"].to_numpy() == pytest.approx(
            published
        )
        other = regress(read_trials(trials), ridge=0.6)["weight"].to_numpy()
        assert other != pytest.approx(published, rel=1e-3)


def test_a_subject_that_always_stays_needs_the_ridge(table):
    counts = dict(zip(CELLS, [(9, 0), (3, 7), (2, 8), (6, 4)], strict=True))
    trials = long_by_hand(table, counts)
    bare = stay_regression(read_trials(trials), ridge=0.0)
    assert not bare["converged"].any()
    assert bare["weight"].isna().all()
    assert stay_regression(read_trials(trials))["weight"].abs().max() < 5


def test_the_stay_regression_distinguishes_a_planner_from_sarsa(simulate):
    weights = {}
    for kind in ("planner", "sarsa", "random"):
        trials, _ = simulate(kind, 200, temperature=0.2, learning_rate=0.5)
        weights[kind] = stay_regression(read_trials(trials)).set_index("term")["weight"]
    assert weights["planner"]["reward_x_transition"] > 1
    assert weights["sarsa"]["reward"] > 2 * weights["planner"]["reward"] > 0 - 1
    assert np.abs(weights["random"]).max() < 0.1


def planted_lags(weights, bias=0.0, count=60_000, seed=0):
    """Choices drawn from known lag weights {(lag, transition, reward): weight}."""
    generator = np.random.default_rng(seed)
    reward = generator.integers(0, 2, count).astype(float)
    common = generator.random(count) < 0.8
    choice = np.zeros(count, dtype=int)
    for trial in range(count):
        drive = bias
        for (lag, transition, rewarded), weight in weights.items():
            past = trial - lag
            kind = "common" if common[past] else "rare"
            if past >= 0 and (kind, reward[past]) == (transition, rewarded):
                drive += weight * (1 if choice[past] == 0 else -1)
        choice[trial] = generator.random() > 1 / (1 + np.exp(-drive))
    return pd.DataFrame(
        {"choice": choice, "reward": reward}
        | {"transition": np.where(common, "common", "rare")}
    )


def test_the_lag_regression_recovers_planted_weights(table):
    planted = {
        (1, "common", 1.0): 1.0,
        (1, "rare", 1.0): -0.8,
        (2, "common", 0.0): -0.5,
        (4, "rare", 0.0): 0.6,
    }
    trials = table(**planted_lags(planted, bias=0.4))
    result = lag_regression(read_trials(trials)).set_index(
        ["lag", "transition", "reward"]
    )["weight"]
    assert len(result) == 20
    for key, weight in result.items():
        # A rare kind has 6,000 trials: standard error about .03.
        assert weight == pytest.approx(planted.get(key, 0.0), abs=0.12), key


def test_the_lag_regression_finds_nothing_where_there_is_nothing(simulate):
    trials, _ = simulate("random", 300)
    table = lag_regression(read_trials(trials))
    # A rare kind has 2,850 trials: standard error about .037.
    assert table["weight"].abs().max() < 0.15
    assert table["converged"].all()


def test_the_lag_regression_has_the_planner_signs_and_decays(simulate):
    trials, _ = simulate("planner", 200, temperature=0.1)
    result = lag_regression(read_trials(trials)).set_index(
        ["transition", "reward", "lag"]
    )["weight"]
    assert result["common", 1.0, 1] > 0.5
    assert result["rare", 0.0, 1] > 0.5
    assert result["common", 0.0, 1] < -0.5
    assert result["rare", 1.0, 1] < -0.5
    assert abs(result["common", 0.0, 5]) < abs(result["common", 0.0, 1])


def test_the_lag_regression_equals_a_fit_row_by_row(simulate):
    # The trials with one history are fitted as one row; here each is its own.
    from metarl.analysis.statistics import fit_logit

    trials, _ = simulate("planner", 5, temperature=0.3)
    rows, outcome = [], []
    for _, episode in trials.groupby("episode"):
        side = 1 - 2 * episode["choice"].to_numpy()
        for trial in range(3, len(episode)):
            row = [1.0]
            for lag in (1, 2, 3):
                past = episode.iloc[trial - lag]
                for transition in ("common", "rare"):
                    for reward in (1, 0):
                        fits = (past["transition"], past["reward"]) == (
                            transition,
                            reward,
                        )
                        row.append(side[trial - lag] * fits)
            rows.append(row)
            outcome.append(side[trial] == 1)
    expected = fit_logit(np.array(rows, float), outcome, ridge=RIDGE).weights[1:]
    table = lag_regression(read_trials(trials), lags=3)
    assert table["weight"].to_numpy() == pytest.approx(expected, abs=1e-7)
    assert table["trials"].unique() == [5 * 97]


def test_a_broken_history_is_left_out_of_the_lag_regression(simulate):
    trials, _ = simulate("random", 2)
    assert lag_regression(read_trials(trials))["trials"].unique() == [190]
    trials.loc[50, "valid"] = 0
    assert lag_regression(read_trials(trials))["trials"].unique() == [190 - 6]


def test_no_lag_or_too_many_are_refused(simulate):
    trials, _ = simulate("random", 1)
    with pytest.raises(ValueError, match=r"lags must be in \[1, 15\], got 0"):
        lag_regression(read_trials(trials), lags=0)


def test_the_summary_is_over_sessions_where_there_are_some(by_hand):
    # Session 1 stays 3 of 3 after a rewarded common trial, session 0 2 of 3.
    more = by_hand.iloc[:3].assign(session=1)
    more = pd.concat([more, more.iloc[:1].assign(trial=3)])
    summary = behaviour_summary(read_trials(pd.concat([by_hand, more])), {0: "C"})
    everyone = summary[summary["label"] == "all subjects"]
    pooled = everyone[(everyone["reward"] == 1) & (everyone["transition"] == "common")]
    assert pooled["value"].item() == pytest.approx(5 / 6)
    assert (pooled["n"].item(), pooled["over"].item()) == (1, "subjects")
    summary = summary[summary["label"] == "C"]
    row = summary[(summary["reward"] == 1) & (summary["transition"] == "common")]
    assert row["value"].item() == pytest.approx((2 / 3 + 1) / 2)
    assert row["error"].item() == pytest.approx(1 / 6)
    assert (row["n"].item(), row["over"].item()) == (2, "sessions")
    rare = summary[(summary["reward"] == 1) & (summary["transition"] == "rare")]
    assert (rare["value"].item(), rare["n"].item()) == (0, 1)
    assert set(summary["term"].dropna()) == set(STAY_TERMS)


def test_the_summary_is_over_subjects_where_each_has_one_session(by_hand):
    two = pd.concat([by_hand, by_hand.iloc[:4].assign(subject=1)])
    summary = behaviour_summary(read_trials(two), {0: "C", 1: "J"})
    row = summary[(summary["reward"] == 1) & (summary["transition"] == "common")]
    assert row["label"].tolist() == ["all subjects", "C", "J"]
    assert row["value"].tolist() == pytest.approx([2 / 3] * 3)
    assert row["n"].tolist() == [2, 1, 1]
    assert row["over"].tolist() == ["subjects", "sessions", "sessions"]


def habit(table, counts=(80, 20, 80, 20)):
    """Never errs in staying after a reward and leaving without one."""
    stays = [(counts[0], 0), (counts[1], 0), (0, counts[2]), (0, counts[3])]
    return read_trials(long_by_hand(table, dict(zip(CELLS, stays, strict=True))))


def test_the_ridge_makes_a_product_of_a_habit_and_its_null_is_the_same(table):
    trials = habit(table)
    weights = stay_regression(trials).set_index("term")
    assert weights.loc[PRODUCT, "weight"] > 0.3
    assert (weights["ridge"] == RIDGE).all()
    assert stay_interaction(stay_probabilities(trials))[0] == 0
    (null,) = product_nulls(trials).to_dict("records")
    assert null[f"{PRODUCT}_null"] == pytest.approx(
        weights.loc[PRODUCT, "weight"], abs=0.01
    )
    assert null[f"{PRODUCT}_beyond_null"] == pytest.approx(0, abs=0.01)


def test_a_planner_has_a_product_far_beyond_its_null(simulate):
    trials, _ = simulate("planner", 4, temperature=0.05)
    (null,) = product_nulls(read_trials(trials)).to_dict("records")
    assert (
        null[f"{PRODUCT}_null_low"]
        < null[f"{PRODUCT}_null"]
        < null[f"{PRODUCT}_null_high"]
    )
    assert (
        null[f"{PRODUCT}_beyond_null"]
        > null[f"{PRODUCT}_null_high"] - null[f"{PRODUCT}_null"]
    )
    repeated = product_nulls(read_trials(trials))
    assert repeated.to_dict("records") == [null]


def test_choosers_without_a_product_are_seldom_beyond_their_null(table):
    generator = np.random.default_rng(1)
    pairs, beyond = np.array([80, 20, 80, 20]), []
    log_odds = np.array([2.5, 2.5, -2.5, -2.5])
    for _ in range(40):
        stays = generator.binomial(pairs, 1 / (1 + np.exp(-log_odds)))
        counts = zip(stays, pairs - stays, strict=True)
        one = read_trials(long_by_hand(table, dict(zip(CELLS, counts, strict=True))))
        (null,) = product_nulls(one).to_dict("records")
        product = null[f"{PRODUCT}_beyond_null"] + null[f"{PRODUCT}_null"]
        beyond.append(
            not null[f"{PRODUCT}_null_low"] <= product <= null[f"{PRODUCT}_null_high"]
        )
    assert np.mean(beyond) <= 0.15


def test_without_a_kind_of_pair_there_is_no_null(table):
    assert (
        product_nulls(habit(table, (80, 20, 80, 0)))[f"{PRODUCT}_beyond_null"]
        .isna()
        .all()
    )


def test_a_missed_trial_parts_pairs_whether_it_is_blank_invalid_or_absent(by_hand):
    blank = by_hand.astype({"choice": float}).copy()
    blank.loc[4, ["choice", "transition"]] = None
    invalid = by_hand.assign(valid=[1, 1, 1, 1, 0, 1, 1, 1, 1])
    absent = by_hand.drop(index=4)
    tables = [stay_probabilities(read_trials(t)) for t in (blank, invalid, absent)]
    for other in tables[1:]:
        pd.testing.assert_frame_equal(tables[0], other)
    assert tables[0]["pairs"].sum() == 6


def test_rewards_are_of_all_trials_and_of_those_that_count(table):
    trials = table(
        choice=[0, 1, 0, 1], reward=[1, 0, 1, 0], valid=[1, 0, 1, 0],
        transition=["common"] * 4,
    )  # fmt: skip
    row = subject_rewards(read_trials(trials)).iloc[0]
    assert row["reward_per_100"] == 50
    assert (row["reward_per_100_counted"], row["counted"]) == (100, 2)


def test_the_summary_has_the_subjects_without_a_number_and_the_pairs(by_hand):
    one = by_hand.iloc[:1].assign(subject=1)
    trials = read_trials(pd.concat([by_hand, one], ignore_index=True))
    summary = behaviour_summary(trials, {0: "a", 1: "b"})
    summary = summary[summary["label"] == "all subjects"]
    stays = summary[summary["term"].isna()].set_index(["reward", "transition"])
    assert stays["value"].reindex(CELLS).tolist() == pytest.approx([2 / 3, 0, 0.5, 1])
    assert stays["pairs"].reindex(CELLS).tolist() == [3, 1, 2, 2]
    assert (stays["n"] == 1).all()
    assert (stays["missing"] == 1).all()
