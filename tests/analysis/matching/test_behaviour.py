"""Earnings, matching lines and history weights, by hand and of simulated choosers."""

import numpy as np
import pandas as pd
import pytest
from baited_choosers import CHOICES, REWARDS, baited_trials
from scipy import io

from metarl.analysis.matching.behaviour import (
    LAST,
    behaviour_summary,
    earnings,
    episode_ratios,
    history_weights,
    matching_lines,
    read_trials,
    subject_measures,
)
from metarl.analysis.matching.optimum import expected_rewards
from metarl.analysis.matching.references import reference_tables
from metarl.analysis.measures import MEASURED


@pytest.fixture(scope="module")
def learner():
    return read_trials(baited_trials(episodes=400))


def table(episodes):
    """Episodes given as (choices, rewards, held_out)."""
    parts = [
        pd.DataFrame(
            {
                "subject": 0,
                "session": 0,
                "episode": episode,
                "trial": range(len(choices)),
                "choice": choices,
                "reward": rewards,
                "valid": 1,
                "forced": 0,
                "held_out": held_out,
                "p0_left": 0.4,
            }
        )
        for episode, (choices, rewards, held_out) in enumerate(episodes)
    ]
    return pd.concat(parts, ignore_index=True)


def test_earnings_are_means_over_trials_of_each_set():
    trials = table([([0] * 10, [1] * 10, 0), ([0] * 30, [0] * 30, 1)])
    result = earnings(read_trials(trials)).set_index("set")
    assert result["reward_per_trial"].to_dict() == {
        "held-in": 1.0,
        "held-out": 0.0,
        "all": 0.25,
    }
    assert result["trials"].to_dict() == {"held-in": 10, "held-out": 30, "all": 40}
    expected = expected_rewards(np.full(2, 0.4), np.array([10, 30]))
    both = expected.sum() / 40
    assert result.loc["all", ["random", "matching"]].tolist() == pytest.approx(
        both[["random", "matching"]].tolist()
    )
    alone = expected.iloc[1] / 30
    gain = alone["rich_then_poor"] - alone["random"]
    efficiency = result.loc["held-out", "efficiency"]
    assert efficiency == pytest.approx(-alone["random"] / gain)
    above = result.loc["held-out", "above_matching"]
    assert above == pytest.approx(-alone["matching"])


def test_the_penalty_of_an_invalid_response_is_in_the_earnings():
    trials = table([([0] * 10, [1] * 10, 0)])
    trials.loc[3, ["choice", "reward", "valid"]] = np.nan, -1, 0
    result = earnings(read_trials(trials)).set_index("set")
    assert result.loc["all", "reward_per_trial"] == pytest.approx(0.8)
    facts = subject_measures(read_trials(trials))
    assert facts["invalid_fraction"].item() == pytest.approx(0.1)


def test_choosers_have_the_efficiencies_of_their_rules():
    by_name = {
        kind: earnings(read_trials(baited_trials(kind, episodes=1500))).set_index("set")
        for kind in ("random", "matching", "bayes")
    }
    for name in ("held-in", "held-out"):
        assert abs(by_name["random"].loc[name, "efficiency"]) < 0.06
        assert abs(by_name["matching"].loc[name, "above_matching"]) < 0.006
        assert 0.8 < by_name["bayes"].loc[name, "efficiency"] < 1
    assert by_name["matching"].loc["held-in", "efficiency"] == pytest.approx(
        0.8, abs=0.06
    )


def test_a_table_without_base_probabilities_has_numbers_for_all_episodes_only():
    trials = baited_trials(episodes=20).drop(columns=["held_out", "p0_left"])
    result = earnings(read_trials(trials)).set_index("set")
    assert np.isfinite(result.loc["all", "reward_per_trial"])
    assert result.loc[["held-in", "held-out"], "reward_per_trial"].isna().all()
    assert result["efficiency"].isna().all()
    lines = matching_lines(read_trials(trials)).set_index("set")
    counts = lines["episodes"].drop(LAST).to_dict()
    assert counts == {"held-in": 0, "held-out": 0, "all": 20}


def test_ratios_are_log2_of_late_counts_with_a_half_added():
    # Nine trials: the last six count. Right 4 times, rewarded twice; left twice, never.
    choices, rewards = [0, 0, 0, 1, 1, 0, 1, 0, 1], [1, 1, 1, 1, 0, 0, 1, 0, 0]
    result = episode_ratios(read_trials(table([(choices, rewards, 1)])))
    assert result["choice_ratio"].item() == pytest.approx(np.log2(4.5 / 2.5))
    assert result["reward_ratio"].item() == pytest.approx(np.log2(2.5 / 0.5))
    assert result["undefined"].item()
    assert result["held_out"].item() == 1


def test_the_last_line_is_of_the_last_trials_with_defined_ratios_alone():
    rng = np.random.default_rng(4)
    episodes = []
    for k in range(9):
        choices, rewards = rng.integers(0, 2, 50), rng.integers(0, 2, 50)
        # Before the last 20 trials everything is different.
        choices[:30], rewards[:30] = k % 2, 1
        rewards[-20:] |= choices[-20:] if k % 3 else 1 - choices[-20:]
        episodes.append((list(choices), list(rewards), 1))
    # One of which the rewards have no ratio.
    episodes.append(([0, 1] * 25, [0] * 50, 1))
    line = matching_lines(read_trials(table(episodes))).set_index("set").loc[LAST]
    points = []
    for choices, rewards, _ in episodes[:-1]:
        chosen, won = np.array(choices[-20:]), np.array(rewards[-20:])
        right, left = (won[chosen == side].sum() for side in (1, 0))
        points.append(
            (np.log2(chosen.sum() / (1 - chosen).sum()), np.log2(right / left))
        )
    choice, reward = np.array(points).T
    assert line["slope"] == pytest.approx(np.polyfit(reward, choice, 1)[0])
    assert line["episodes"] == 9
    assert line["undefined"] == pytest.approx(0.1)


def test_a_bare_ratio_is_defined_where_no_count_is_zero():
    choices, rewards = [0, 0, 0, 1, 1, 0, 1, 0, 1], [1, 1, 1, 1, 0, 1, 1, 0, 0]
    assert not episode_ratios(read_trials(table([(choices, rewards, 1)])))[
        "undefined"
    ].any()


def test_a_line_is_least_squares_through_the_episodes():
    trials = baited_trials(episodes=60)
    lines = matching_lines(read_trials(trials)).set_index("set")
    ratios = episode_ratios(read_trials(trials))
    for name, chosen in (
        ("held-in", ratios["held_out"] == 0),
        ("held-out", ratios["held_out"] == 1),
        ("all", ratios["held_out"] >= 0),
    ):
        x, y = ratios.loc[chosen, "reward_ratio"], ratios.loc[chosen, "choice_ratio"]
        slope, bias = np.polyfit(x, y, 1)
        row = lines.loc[name]
        assert row["slope"] == pytest.approx(slope)
        assert row["bias"] == pytest.approx(bias)
        assert row["r"] == pytest.approx(np.corrcoef(x, y)[0, 1])
        assert row["episodes"] == len(x)
        rest = y - bias - slope * x
        error = np.sqrt((rest**2).sum() / (len(x) - 2) / ((x - x.mean()) ** 2).sum())
        assert row["error"] == pytest.approx(error)
        assert row["undefined"] == pytest.approx(ratios.loc[chosen, "undefined"].mean())


def test_slopes_distinguish_matching_from_chance_and_from_alternation():
    lines = {
        kind: matching_lines(read_trials(baited_trials(kind, episodes=400))).set_index(
            "set"
        )
        for kind in ("matching", "random", "alternation")
    }
    for name in ("held-in", "held-out"):
        assert 0.9 < lines["matching"].loc[name, "slope"] < 1.15
        assert lines["matching"].loc[name, "r"] > 0.9
        assert abs(lines["random"].loc[name, "slope"]) < 0.12
        assert abs(lines["alternation"].loc[name, "slope"]) < 0.01


def test_a_negative_slope_has_a_negative_r():
    # The option that is chosen less is rewarded more.
    episodes = [
        (choices, [c == rare for c in choices], 0)
        for rare, choices in (
            (0, [0, 1, 1] * 9),
            (1, [1, 0, 0] * 9),
            (0, [0, 1, 1, 1] * 9),
            (1, [1, 0, 0, 0] * 9),
        )
    ]
    trials = table(episodes).astype({"reward": float})
    row = matching_lines(read_trials(trials)).set_index("set").loc["all"]
    assert row["slope"] < 0
    assert row["r"] < 0


def test_too_few_episodes_have_no_line():
    lines = matching_lines(read_trials(baited_trials(episodes=2))).set_index("set")
    assert lines.loc["all", ["slope", "bias", "r", "error"]].isna().all()
    same = table([([0, 1] * 9, [0] * 18, 0)] * 5)
    assert matching_lines(read_trials(same))["slope"].isna().all()


def weights_of(trials, predictor, **settings):
    result = history_weights(trials, **settings)
    return result[result["predictor"] == predictor].set_index("lag")


def test_history_weights_are_those_the_learner_chose_by(learner):
    for predictor, planted in (("reward", REWARDS), ("choice", CHOICES)):
        weights = weights_of(learner, predictor)
        for lag, weight in enumerate((*planted, 0, 0, 0, 0, 0), start=1):
            row = weights.loc[lag]
            assert abs(row["weight"] - weight) < 4 * row["error"], (predictor, lag)
            assert row["error"] < 0.1
        assert weights["converged"].all()


def test_a_random_chooser_has_no_history():
    result = history_weights(read_trials(baited_trials("random", episodes=400)))
    assert (result["weight"].abs() < 4.5 * result["error"]).all()
    assert result["weight"].abs().max() < 0.15


def test_only_late_trials_with_a_whole_history_are_regressed():
    # Late from trial 20 on; trial 25 is missing, so only 20 to 24 and 41 to 59 count.
    choices = ([0, 1, 1, 0, 1] * 12)[:60]
    trials = table([(choices, [0] * 60, 0)])
    trials.loc[25, ["choice", "reward", "valid"]] = np.nan, -1, 0
    result = history_weights(read_trials(trials))
    assert result["trials"].unique() == [5 + 19]
    assert history_weights(read_trials(trials), lags=3)["trials"].unique() == [5 + 31]


def test_mirrored_choices_have_the_same_weights(learner):
    mirrored = learner.assign(side=-learner["side"])
    one, other = history_weights(learner), history_weights(mirrored)
    np.testing.assert_allclose(one["weight"], other["weight"], atol=1e-6)


def test_a_subject_without_enough_trials_has_no_weights():
    result = history_weights(read_trials(table([([0, 1, 0], [0, 0, 1], 0)])))
    assert result["weight"].isna().all()
    assert not result["converged"].any()
    assert len(result) == 30


def test_staying_and_switching_are_counted_in_late_pairs():
    choices = [0, 0, 1, 1, 0, 0, 0, 1, 1]
    rewards = [1, 1, 0, 1, 0, 1, 0, 0, 1]
    # Pairs (2,3) (3,4) .. (7,8): reward at 3, 5 (switch, stay); none at 2, 4, 6, 7.
    facts = subject_measures(read_trials(table([(choices, rewards, 0)])))
    assert facts["stay_after_reward"].item() == pytest.approx(1 / 2)
    assert facts["switch_after_none"].item() == pytest.approx(1 / 4)
    assert facts["trials"].item() == 9


def test_subjects_are_analysed_apart():
    parts = [
        baited_trials(kind, subject=subject, episodes=40)
        for subject, kind in ((3, "random"), (5, "matching"))
    ]
    both = read_trials(pd.concat(parts, ignore_index=True))
    for analyse in (earnings, matching_lines, history_weights, subject_measures):
        result = analyse(both)
        for part in parts:
            alone = analyse(read_trials(part))
            subject = part["subject"].iloc[0]
            own = result[result["subject"] == subject].reset_index(drop=True)
            order = [c for c in ("set", "predictor", "lag") if c in own]
            own = own.sort_values(order).reset_index(drop=True) if order else own
            alone = alone.sort_values(order).reset_index(drop=True) if order else alone
            pd.testing.assert_frame_equal(own, alone, check_dtype=False)


def test_published_macaque_weights_are_reproduced(animal_data):
    """Another task, the same regression: to each digit, so coding and penalty hold."""
    blocks = io.loadmat(animal_data / "costa2016_macaque_reversal.mat")["all_stats"][0]
    choices = [np.ravel(block["c"][0, 0]) > 0 for block in blocks]
    rewards = [np.ravel(block["r"][0, 0]) for block in blocks]
    episodes = [(c.astype(int), r, 0) for c, r in zip(choices, rewards, strict=True)]
    trials = read_trials(table(episodes)).assign(late=True)
    published = reference_tables()["reference_history"].query("label == 'macaques'")
    assert len(published) == 16
    for predictor, rows in published.groupby("predictor"):
        result = weights_of(trials, predictor, lags=8)["weight"].round(3)
        assert result.tolist() == rows.sort_values("lag")["value"].tolist()


def sessions(generator, episodes=12, length=40):
    """Choices of a subject that misses a sixth of the trials, never first or last."""
    rows = []
    for episode in range(episodes):
        missed = generator.random(length) < 1 / 6
        missed[[0, -1]] = False
        rich = generator.integers(2)
        for trial in range(length):
            choice = rich if generator.random() < 0.7 else 1 - rich
            reward = int(generator.random() < (0.5 if choice == rich else 0.1))
            rows.append((0, 0, episode, trial, choice, reward, 1 - missed[trial], 0))
    names = ["subject", "session", "episode", "trial", "choice", "reward", "valid"]
    return pd.DataFrame(rows, columns=[*names, "forced"])


def test_missed_trials_may_be_blank_invalid_or_absent():
    invalid = sessions(np.random.default_rng(2))
    missed = invalid["valid"] == 0
    blank = invalid.assign(choice=invalid["choice"].where(~missed))
    absent = invalid[~missed]
    for measure in (matching_lines, history_weights, subject_measures):
        one, *others = (measure(read_trials(t)) for t in (invalid, blank, absent))
        dropped = [
            k for k in ("trials", "invalid_fraction") if measure is subject_measures
        ]
        for other in others:
            pd.testing.assert_frame_equal(
                one.drop(columns=dropped), other.drop(columns=dropped)
            )
    late = read_trials(absent)
    assert late["late"].tolist() == read_trials(blank)["late"][~missed].tolist()


def test_a_subject_with_one_trial_is_listed_without_numbers():
    trials = sessions(np.random.default_rng(3))
    one = trials.iloc[:1].assign(subject=1)
    table = read_trials(pd.concat([trials, one], ignore_index=True))
    summary = behaviour_summary(
        *(
            measure(table).assign(group=MEASURED)
            for measure in (matching_lines, history_weights, subject_measures)
        ),
        {0: "long", 1: "one"},
    )
    by_label = dict(list(summary.groupby("label")))
    assert len(by_label["one"]) == len(by_label["long"]) == 3 + 3 + 30 + 2
    assert by_label["one"]["value"].isna().all()
    assert by_label["long"]["value"].notna().all()
    assert set(summary["over"]) == {"subjects", "episodes", "trials", "pairs"}
    assert by_label["all subjects"]["value"].tolist() == pytest.approx(
        by_label["long"]["value"].tolist()
    )
    assert (by_label["all subjects"]["n"] == 1).all()
    assert (by_label["long"]["n"] > 0).all()
