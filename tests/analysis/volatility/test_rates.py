"""Learning rates from choices: by hand, with a planted rate, and without one."""

import math

import numpy as np
import pandas as pd
import pytest
from volatile_choosers import chooser_trials

from metarl.analysis.learners import value_traces
from metarl.analysis.volatility.behaviour import (
    RATES,
    TEMPERATURES,
    WINDOW,
    best_fit,
    block_rates,
    by_order,
    likelihoods,
    log_likelihoods,
    order_likelihood,
    rate_differences,
    rate_traces,
    read_episodes,
    settled_trials,
)
from metarl.analysis.volatility.simulated import null_differences


def test_values_move_by_the_rate_towards_the_winner_of_the_trial_before():
    winner = np.array([[0, 0, 1, 0], [1, np.nan, 1, 1]])
    traces = value_traces(winner, np.array([0.5, 0.1]))
    assert traces[0].tolist() == [[0.5, 0.75, 0.875, 0.4375], [0.5, 0.25, 0.25, 0.125]]
    assert traces[1, 0] == pytest.approx([0.5, 0.55, 0.595, 0.5355])


def test_a_log_likelihood_is_that_of_a_logistic_choice_summed_over_episodes():
    trials = chooser_trials(episodes=6)
    trials.loc[(trials["episode"] == 1) & (trials["trial"] == 3), "choice"] = np.nan
    grid = next(by_order(read_episodes(trials)))
    result = log_likelihoods(grid, value_traces(grid["winner"], RATES))
    assert result.shape == (len(RATES), len(TEMPERATURES), 200)
    for rate, temperature in ((0, 0), (12, 7), (30, 14)):
        expected = np.zeros(200)
        for _, rows in trials[trials["episode"] < 3].groupby("episode"):
            value = 0.5
            for row in rows.itertuples():
                worth = value * row.magnitude_left
                worth -= (1 - value) * row.magnitude_right
                odds = math.exp(TEMPERATURES[temperature] * worth)
                probability = odds / (1 + odds) if row.choice == 0 else 1 / (1 + odds)
                # A trial without a choice adds the same to every fit.
                probability = 0.5 if math.isnan(row.choice) else probability
                expected[row.trial] += math.log(probability)
                value += RATES[rate] * ((row.winner == 0) - value)
        np.testing.assert_allclose(result[rate, temperature], expected, atol=2e-4)


def test_the_best_fit_stands_between_the_places_of_the_grid():
    log_rate = np.log(RATES)[:, None]
    log_temperature = np.log(TEMPERATURES)[None, :]
    for rate, temperature in ((0.237, 11.3), (0.03, 3.1)):
        hill = -3 * (log_rate - math.log(rate)) ** 2
        hill = hill - (log_temperature - math.log(temperature)) ** 2
        result = best_fit(hill[:, :, None])
        assert result[0] == pytest.approx([rate], rel=1e-6)
        assert result[1] == pytest.approx([temperature], rel=0.02)


def test_a_fit_beyond_the_grid_stays_at_its_edge():
    log_rate = np.log(RATES)[:, None]
    steep = np.log(TEMPERATURES)[None, :]
    rate, temperature = best_fit((log_rate + steep)[:, :, None])
    assert (rate.item(), temperature.item()) == pytest.approx((1, TEMPERATURES[-1]))
    assert best_fit((-log_rate + steep)[:, :, None])[0].item() == pytest.approx(0.01)


def test_choices_that_follow_no_estimate_have_no_rate():
    flat = np.zeros((len(RATES), len(TEMPERATURES), 1))
    flat -= np.log(TEMPERATURES)[None, :, None]
    assert np.isnan(best_fit(flat)[0]).all()
    rates = block_rates(
        likelihoods(read_episodes(chooser_trials(episodes=300, temperature=0.0)))
    )
    assert rates["rate"].isna().all()


@pytest.mark.parametrize("planted", [(0.1, 0.4), (0.3, 0.3), (0.5, 0.2)])
def test_a_planted_rate_is_found_in_its_blocks(planted):
    rates = block_rates(
        likelihoods(read_episodes(chooser_trials(planted, episodes=200)))
    )
    assert list(rates["block"]) == ["Stable 1", "Volatile 1", "Stable 2", "Volatile 2"]
    assert list(rates["volatile"]) == [0, 1, 0, 1]
    expected = [planted[v] for v in rates["volatile"]]
    assert list(rates["rate"]) == pytest.approx(expected, abs=0.05)
    assert list(rates["temperature"]) == pytest.approx([12] * 4, rel=0.2)
    differences = rate_differences(rates)
    assert list(differences["order"]) == ["high-first", "low-first"]
    expected = [planted[1] - planted[0]] * 2
    assert list(differences["difference"]) == pytest.approx(expected, abs=0.06)


def test_a_sliding_window_follows_a_rate_that_changes_half_way():
    traces = rate_traces(
        likelihoods(read_episodes(chooser_trials((0.1, 0.5), episodes=400)))
    )
    low = traces[traces["order"] == "low-first"]
    assert low["trial"].tolist() == [4.5 + k for k in range(191)]
    rate = low.set_index("trial")["rate"]
    assert rate[20:90].mean() == pytest.approx(0.1, abs=0.03)
    assert rate[115:190].mean() == pytest.approx(0.5, abs=0.05)
    high = traces[traces["order"] == "high-first"].set_index("trial")["rate"]
    assert high[20:90].mean() > 2 * high[130:190].mean()


def test_a_windows_rate_is_that_of_its_trials_alone():
    fits = likelihoods(read_episodes(chooser_trials(episodes=60)))
    traces = rate_traces(fits).set_index(["order", "trial"])["rate"]
    for fit in fits:
        for start in (0, 77, 190):
            window = fit.values[:, :, start : start + WINDOW].sum(axis=2)
            expected = best_fit(window[:, :, None])[0].item()
            result = traces[fit.order, start + 4.5]
            assert result == pytest.approx(expected, rel=1e-4)


def test_the_first_tenth_after_a_change_of_volatility_does_not_count():
    grid = next(by_order(read_episodes(chooser_trials(episodes=4))))
    stable, volatile = settled_trials(grid)
    assert np.flatnonzero(stable).tolist() == list(range(20, 100))
    assert np.flatnonzero(volatile).tolist() == list(range(120, 200))


def test_earlier_trials_still_drive_the_value_in_a_block():
    trials = chooser_trials((0.05, 0.05), episodes=100)
    calm = trials[trials["order"] == "low-first"]
    whole = order_likelihood(read_episodes(calm))
    blind = calm.astype({"winner": float})
    blind.loc[blind["trial"] < 20, "winner"] = np.nan
    cut = order_likelihood(read_episodes(blind))
    assert np.abs(whole.values - cut.values)[:, :, 20:].max() > 1


def test_episodes_with_other_blocks_are_laid_end_to_end():
    trials = chooser_trials(episodes=4)
    trials.loc[(trials["episode"] == 1) & (trials["trial"] == 50), "volatility"] = 1
    fits = likelihoods(read_episodes(trials))
    assert [fit.alike for fit in fits] == [False, True]
    assert len(fits[0].choices) == 2 * 200 + 1
    assert fits[0].choices.sum() == fits[1].choices.sum() == 400
    stable, volatile = fits[0].settled
    assert not (stable & volatile).any()


def test_without_test_episodes_the_tables_are_empty():
    fits = likelihoods(read_episodes(chooser_trials(episodes=4).assign(order=np.nan)))
    assert fits == []
    assert list(block_rates(fits).columns)[:3] == ["subject", "order", "block"]
    assert rate_traces(fits).empty
    assert rate_differences(block_rates(fits)).empty


def test_episodes_shorter_than_the_window_have_no_trace():
    trials = chooser_trials(episodes=4)
    fits = likelihoods(read_episodes(trials[trials["trial"] < 6]))
    assert rate_traces(fits).empty
    assert set(block_rates(fits)["block"]) == {"Stable 1", "Volatile 2"}


def test_each_subject_has_its_own_rates():
    both = pd.concat(
        [
            chooser_trials((0.1, 0.1), episodes=120, subject=2),
            chooser_trials((0.6, 0.6), episodes=120, subject=5),
        ]
    )
    means = (
        block_rates(likelihoods(read_episodes(both))).groupby("subject")["rate"].mean()
    )
    assert means.to_dict() == pytest.approx({2: 0.1, 5: 0.6}, abs=0.06)


def people(count, rate=0.2, seed=3):
    """Subjects of one rate with one short session each."""
    trials = [
        chooser_trials((rate, rate), episodes=2, subject=k, seed=seed)
        for k in range(count)
    ]
    return pd.concat([t[t["episode"] == k % 2] for k, t in enumerate(trials)])


def test_rates_are_identified_where_choices_learn_and_not_where_they_are_shuffled():
    trials = people(20)
    generator = np.random.default_rng(1)
    shuffled = trials.assign(
        choice=trials.groupby("subject")["choice"].transform(generator.permutation)
    )
    own, other = (
        block_rates(likelihoods(read_episodes(t))) for t in (trials, shuffled)
    )
    assert own["identified"].mean() > 0.6
    assert other["identified"].mean() <= 0.05
    assert (own["trials"] == 80).all()
    within = own["rate_low"].le(own["rate"]) & own["rate"].le(own["rate_high"])
    assert within.mean() > 0.9
    covered = own["rate_low"].le(0.2) & own["rate_high"].ge(0.2)
    # Of 40 intervals of 95 %: four standard errors.
    assert covered.mean() > 0.81


def test_a_preference_for_one_side_is_no_learning():
    grid = read_episodes(people(1).assign(choice=0.0))
    (fit,) = likelihoods(grid)
    rates = block_rates([fit])
    assert not rates["identified"].any()


def test_rates_at_an_end_of_the_grid_are_marked():
    fast = block_rates(likelihoods(read_episodes(people(4, rate=1.0))))
    assert fast["at_edge"].mean() > 0.5
    assert not (fast["identified"] & fast["at_edge"]).any()


def test_the_difference_of_learners_of_one_rate_is_that_of_their_null():
    grid = read_episodes(people(30))
    fits = likelihoods(grid)
    raw = rate_differences(block_rates(fits)).set_index(["subject", "order"])
    nulls = null_differences(grid, fits, np.random.default_rng(0))
    null = nulls.set_index(["subject", "order"])["null"]
    beyond = raw["difference"] - null
    error = beyond.std() / np.sqrt(len(beyond))
    assert abs(beyond.mean()) < 3 * error
    assert abs(null.mean()) < 0.05
    again = null_differences(grid, fits, np.random.default_rng(0))
    pd.testing.assert_frame_equal(nulls, again)


def test_a_choice_of_an_invalid_trial_is_treated_as_none():
    trials = chooser_trials(episodes=4)
    invalid = trials.assign(valid=(trials["trial"] % 5 > 0).astype(int))
    blank = trials.assign(choice=trials["choice"].where(invalid["valid"] == 1))
    one, other = (block_rates(likelihoods(read_episodes(t))) for t in (invalid, blank))
    pd.testing.assert_frame_equal(one, other)
