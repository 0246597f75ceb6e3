"""Rescorla-Wagner fits: the likelihood by hand, and known learners recovered."""

import math

import numpy as np
import pytest
from drifters import simulate

from metarl.analysis.learners import value_leads
from metarl.analysis.restless_bandit.behaviour import read_episodes
from metarl.analysis.restless_bandit.fits import (
    ALPHAS,
    BETAS,
    EPSILONS,
    FIXED_ALPHA,
    Blocks,
    block_likelihoods,
    blocks_of,
    fit_blocks,
    rate_free_likelihoods,
    volatility_gain,
)


def by_hand(choices, rewards, alpha, beta, epsilon):
    """Leads of the chosen arm, and the log likelihood of one episode."""
    values, leads, likelihood = [0.5, 0.5], [], 0.0
    for choice, reward in zip(choices, rewards, strict=True):
        if math.isnan(choice):
            leads.append(math.nan)
            continue
        arm = int(choice)
        leads.append(values[arm] - values[1 - arm])
        probability = 1 / (1 + math.exp(-beta * leads[-1]))
        likelihood += math.log(epsilon / 2 + (1 - epsilon) * probability)
        values[arm] += alpha * (reward - values[arm])
    return leads, likelihood


@pytest.fixture(scope="module")
def played():
    """Ten episodes, with a choice in fifty missing."""
    generator = np.random.default_rng(2)
    choice = (generator.random((10, 100)) < 0.4).astype(float)
    reward = (generator.random((10, 100)) < 0.6).astype(float)
    choice[generator.random(choice.shape) < 0.02] = np.nan
    return choice, reward


def test_value_leads_are_those_by_hand(played):
    choice, reward = played
    leads = value_leads(choice, reward, np.array([0.1, 0.5, 1.0]))
    for index, alpha in enumerate((0.1, 0.5, 1.0)):
        for episode in range(10):
            expected, _ = by_hand(choice[episode], reward[episode], alpha, 1.0, 0.0)
            assert leads[index, episode] == pytest.approx(
                expected, abs=1e-5, nan_ok=True
            )


def test_likelihoods_are_those_by_hand(played):
    choice, reward = played
    (block,) = block_likelihoods(choice, reward)
    for alpha, beta, epsilon in ((4, 7, 0), (24, 20, 0), (24, 24, 5), (49, 13, 11)):
        params = ALPHAS[alpha], BETAS[beta], EPSILONS[epsilon]
        exact = sum(
            by_hand(choice[k], reward[k], *params)[1] for k in range(len(choice))
        )
        assert block[alpha, beta, epsilon] == pytest.approx(exact, abs=0.5)


def test_blocks_do_not_mix():
    choice = np.zeros((20, 3))
    choice[10:] = 1
    reward = np.ones((20, 3))
    reward[10:] = 0
    first, second = block_likelihoods(choice, reward)
    alone = block_likelihoods(choice[10:], reward[10:])[0]
    np.testing.assert_array_equal(second, alone)
    assert not np.array_equal(first, second)


def test_the_grid_holds_the_fixed_values_of_models():
    assert ALPHAS[FIXED_ALPHA] == 0.5
    assert EPSILONS[0] == 0


@pytest.fixture(scope="module")
def fits():
    table = simulate((0.2, 0.6), 200, temperature=8.0, lapses=0.1, seed=4)
    return fit_blocks(blocks_of(read_episodes(table)))


def means(fits, model):
    part = fits[fits["model"] == model]
    return part.groupby("volatility")[["alpha", "beta", "epsilon"]].mean()


def test_a_known_learner_is_recovered(fits):
    result = means(fits, "abe")
    assert result.loc["low", "alpha"] == pytest.approx(0.2, abs=0.06)
    assert result.loc["high", "alpha"] == pytest.approx(0.6, abs=0.06)
    assert result["beta"].to_numpy() == pytest.approx([8, 8], rel=0.25)
    assert result["epsilon"].to_numpy() == pytest.approx([0.1, 0.1], abs=0.05)


def test_models_keep_their_fixed_parameters(fits):
    for model in ("b", "be"):
        assert set(fits.loc[fits["model"] == model, "alpha"]) == {0.5}
    for model in ("b", "ab"):
        assert set(fits.loc[fits["model"] == model, "epsilon"]) == {0}
    best = fits.set_index(["volatility", "block", "model"])["log_likelihood"].unstack()
    assert (best["abe"] >= best[["b", "ab", "be"]].max(axis=1)).all()
    assert (best["ab"] >= best["b"]).all()
    assert (best["be"] >= best["b"]).all()


def test_bic_charges_every_free_parameter(fits):
    assert set(fits["trials"]) == {1000}
    for model, count in (("b", 1), ("ab", 2), ("be", 2), ("abe", 3)):
        part = fits[fits["model"] == model]
        expected = count * math.log(1000) - 2 * part["log_likelihood"]
        assert part["bic"].to_numpy() == pytest.approx(expected.to_numpy())


def test_only_whole_blocks_of_like_episodes_are_fitted():
    grid = read_episodes(simulate(episodes=38))
    blocks = blocks_of(grid)
    assert {k: len(v.trials) for k, v in blocks.items()} == {"low": 1, "high": 1}
    expected = block_likelihoods(grid["choice"][:20:2], grid["reward"][:20:2])
    np.testing.assert_array_equal(blocks["low"].likelihoods, expected)
    assert blocks_of(read_episodes(simulate(episodes=18))) == {}
    assert fit_blocks({}).empty
    assert {"alpha", "model", "bic"} <= set(fit_blocks({}))


def test_missing_choices_are_not_counted():
    table = simulate(episodes=40)
    table.loc[table["trial"] < 5, "choice"] = np.nan
    blocks = blocks_of(read_episodes(table))
    assert blocks["low"].trials.tolist() == [950, 950]


def test_rates_are_identified_where_choices_follow_rewards_and_not_where_shuffled():
    table = simulate(episodes=40)
    generator = np.random.default_rng(1)
    shuffled = table.assign(choice=generator.permutation(table["choice"].to_numpy()))
    shares = []
    for trials in (table, shuffled):
        fits = fit_blocks(blocks_of(read_episodes(trials))).query("model == 'abe'")
        shares.append(fits["identified"].mean())
    assert shares == [1, 0]
    half = np.array([[0.0, 1.0] * 5] * 10)
    assert rate_free_likelihoods(half)[0] == pytest.approx(-100 * math.log(2))


def toy_blocks(low, high, trials=(100, 100)):
    """Two blocks, quiet and volatile, with a likelihood for each of three rates."""
    by_name = {}
    for name, profile, count in (("low", low, trials[0]), ("high", high, trials[1])):
        likelihoods = np.full((1, 3, 2, 2), -1e3, np.float32)
        likelihoods[0, :, 1, 0] = profile
        by_name[name] = Blocks(
            likelihoods=likelihoods, rate_free=np.zeros(1), trials=np.array([count])
        )
    return by_name


def test_the_gain_of_two_rates_over_one_is_that_by_hand():
    apart = toy_blocks((-10, -20, -30), (-50, -40, -35))
    # Apart -10 - 35; together the best are -60, -60, -65.
    expected = (2 * (-45 + 60) - math.log(200)) / 2
    assert volatility_gain(apart) == pytest.approx(expected)
    same = toy_blocks((-10, -20, -30), (-10, -20, -30))
    assert volatility_gain(same) == pytest.approx(-math.log(200) / 2)
    assert math.isnan(volatility_gain({"low": same["low"]}))


def test_a_constant_rate_that_is_not_a_half_gains_nothing_by_volatility():
    fixed = blocks_of(read_episodes(simulate((0.2, 0.2), 200, seed=1)))
    table = fit_blocks(fixed)
    bic = table.groupby("model")["bic"].sum()
    assert bic["b"] - bic["ab"] > 100
    assert volatility_gain(fixed) < 0
    varied = blocks_of(read_episodes(simulate((0.2, 0.6), 200, seed=1)))
    assert volatility_gain(varied) > 2
