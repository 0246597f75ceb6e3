"""Rescorla-Wagner learners fitted to choices, in blocks of episodes of one volatility.

With values v of the arms, 1/2 at an episode's start, a learner has

    v(chosen) += alpha * (reward - v(chosen))
    P(choice) = epsilon / 2 + (1 - epsilon) / (1 + exp(-beta * (v(choice) - v(other))))

A block is ten episodes of one volatility. The free parameters of a model are estimated
in each block separately: b has beta, ab also alpha, be also the lapses epsilon, abe all
three; where they are not free, alpha is 1/2 and epsilon 0.

Source: Wang et al. 2016, arXiv 1611.05763, section 3.1.4.
Declared: the estimate is the most likely point of a grid. Episodes make up a block in
their order; those left over are not fitted. A model's BIC is the sum of its blocks'.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from metarl.analysis.learners import node_counts, value_leads
from metarl.analysis.measures import stack
from metarl.analysis.restless_bandit.behaviour import VOLATILITIES
from metarl.analysis.schema import Array
from metarl.analysis.statistics import mean
from metarl.analysis.trials import EpisodeGrid

Floats = NDArray[np.float32]

BLOCK_EPISODES = 10
"""Episodes of a block."""
ALPHAS = np.arange(1, 51) / 50
"""Learning rates tried."""
BETAS = np.geomspace(0.25, 64, 33)
"""Inverse temperatures tried, per unit of reward."""
EPSILONS = np.array([0, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5])
"""Lapse rates tried."""
FIXED_ALPHA = 24
"""Index of the learning rate 1/2, where it is not free."""
MODELS: Mapping[str, tuple[slice, slice]] = MappingProxyType(
    {
        "b": (slice(FIXED_ALPHA, FIXED_ALPHA + 1), slice(0, 1)),
        "ab": (slice(None), slice(0, 1)),
        "be": (slice(FIXED_ALPHA, FIXED_ALPHA + 1), slice(None)),
        "abe": (slice(None), slice(None)),
    }
)
"""Model -> the learning rates and lapse rates it may take, as parts of the grids."""
NODES = 401
"""Points over the range of value differences, between which choices are distributed."""
IDENTIFIED_GAIN = 2 * float(np.log(20))
"""How far BIC must be below that of a chooser without a rate for a rate to be
identified: the learner is then 20 times as likely, with a penalty for its further
parameters."""
RATE_MODEL = "abe"
"""Model of the reported learning rate: it leaves temperature and lapses free."""
FIT_COLUMNS = (
    "volatility",
    "block",
    "model",
    "alpha",
    "beta",
    "epsilon",
    "log_likelihood",
    "trials",
    "bic",
    "gain",
    "at_edge",
    "identified",
)
"""Columns of the table of fits."""


def block_likelihoods(choice: Array, reward: Array) -> Floats:
    """Log likelihood of every point of the grid in every block of ten episodes.

    The logarithm is taken at NODES value differences and interpolated between them.

    Args:
        choice: (E, T) 0 left, 1 right, NaN missing; E a multiple of BLOCK_EPISODES.
        reward: (E, T) reward of the choice.

    Returns:
        (blocks, alphas, betas, epsilons).
    """
    ahead = value_leads(choice, reward, ALPHAS)
    blocks = len(choice) // BLOCK_EPISODES
    counts = node_counts(ahead.reshape(len(ALPHAS), blocks, -1).swapaxes(0, 1), NODES)
    probabilities = special.expit(np.linspace(-1, 1, NODES)[:, None] * BETAS)
    lapsing = EPSILONS / 2 + (1 - EPSILONS) * probabilities[:, :, None]
    table = np.log(lapsing).astype(np.float32).reshape(NODES, -1)
    shape = (blocks, len(ALPHAS), len(BETAS), len(EPSILONS))
    likelihoods: Floats = (counts @ table).reshape(shape)
    return likelihoods


def rate_free_likelihoods(choice: Array) -> Array:
    """(blocks,) log likelihood of choosers of left with a constant probability.

    It is the most likely probability of the block, so that a preference for one side is
    no sign of learning.

    Args:
        choice: (E, T) 0 left, 1 right, NaN missing; E a multiple of BLOCK_EPISODES.
    """
    rows = choice.reshape(len(choice) // BLOCK_EPISODES, -1)
    left, count = (rows == 0).sum(1), np.isfinite(rows).sum(1)
    share = left / np.maximum(count, 1)
    likelihoods: Array = special.xlogy(left, share) + special.xlogy(
        count - left, 1 - share
    )
    return likelihoods


@dataclass(frozen=True, kw_only=True)
class Blocks:
    """All blocks of one subject and volatility."""

    likelihoods: Floats
    """(blocks, alphas, betas, epsilons) log likelihoods."""
    rate_free: Array
    """(blocks,) those of `rate_free_likelihoods`."""
    trials: NDArray[np.int64]
    """(blocks,) choices in each."""


def blocks_of(grid: EpisodeGrid) -> dict[str, Blocks]:
    """Volatility (low, high) -> one subject's blocks; none where episodes are too few.

    Args:
        grid: one subject's choice and reward, and the volatility of each episode.
    """
    blocks = {}
    for volatility in VOLATILITIES:
        rows = np.flatnonzero(grid.episodes["volatility"] == volatility)
        whole = rows[: len(rows) // BLOCK_EPISODES * BLOCK_EPISODES]
        if len(whole):
            choice, reward = grid["choice"][whole], grid["reward"][whole]
            likelihoods = block_likelihoods(choice, reward)
            trials = np.isfinite(choice).reshape(len(likelihoods), -1).sum(1)
            blocks[volatility] = Blocks(
                likelihoods=likelihoods,
                rate_free=rate_free_likelihoods(choice),
                trials=trials,
            )
    return blocks


def fit_blocks(blocks: Mapping[str, Blocks]) -> pd.DataFrame:
    """Fits of every model to every block.

    Returns:
        One row a block and model, with the columns FIT_COLUMNS: volatility (low, high),
        block (its number, from 0), model, alpha, beta, epsilon, log_likelihood, trials,
        bic, gain (BIC below that of a chooser of left with a constant probability),
        at_edge (whether a free alpha is at an end of the grid) and identified (whether
        alpha is free, not at an edge, and the gain at least IDENTIFIED_GAIN).
    """
    frames = (
        ({"volatility": volatility}, _fit_model(model, alike))
        for volatility, alike in blocks.items()
        for model in MODELS
    )
    return stack(frames, FIT_COLUMNS)


def _fit_model(model: str, blocks: Blocks) -> pd.DataFrame:
    alphas, epsilons = MODELS[model]
    allowed = blocks.likelihoods[:, alphas, :, epsilons]
    flat = allowed.reshape(len(allowed), -1)
    best = np.unravel_index(flat.argmax(1), allowed.shape[1:])
    fit, free = flat.max(1).astype(float), "a" in model
    size = np.log(np.maximum(blocks.trials, 1))
    bic = len(model) * size - 2 * fit
    gain = size - 2 * blocks.rate_free - bic
    edge = free & np.isin(best[0], (0, len(ALPHAS) - 1))
    return pd.DataFrame(
        {
            "block": range(len(allowed)),
            "model": model,
            "alpha": ALPHAS[alphas][best[0]],
            "beta": BETAS[best[1]],
            "epsilon": EPSILONS[epsilons][best[2]],
            "log_likelihood": fit,
            "trials": blocks.trials,
            "bic": bic,
            "gain": gain,
            "at_edge": edge,
            "identified": free & ~edge & (gain >= IDENTIFIED_GAIN),
        }
    )


def volatility_gain(blocks: Mapping[str, Blocks]) -> float:
    """BIC gained, a block, by a learning rate for each volatility over one for all.

    Unlike a rate for every block against the fixed 1/2, this cannot be gained by a rate
    that is constant but not 1/2. Beta and epsilon are free in every block either way.

    Returns:
        BIC of the one rate minus that of the two, divided by the number of blocks; NaN
        unless there are blocks of both kinds.
    """
    if set(blocks) != set(VOLATILITIES):
        return float("nan")
    profiles = [
        alike.likelihoods.max(axis=(2, 3)).sum(0, dtype=float)
        for alike in blocks.values()
    ]
    trials = sum(int(alike.trials.sum()) for alike in blocks.values())
    count = sum(len(alike.trials) for alike in blocks.values())
    apart = sum(float(profile.max()) for profile in profiles)
    shared = float(np.sum(profiles, axis=0).max())
    return float((2 * (apart - shared) - np.log(trials)) / count)


def subject_rates(fits: pd.DataFrame, blocks: Mapping[str, Blocks]) -> dict[str, float]:
    """Relation of one subject's learning rate to volatility.

    Args:
        fits: `fit_blocks` of the blocks.
        blocks: volatility -> the subject's blocks.

    Returns:
        rate_low, rate_high (mean learning rate of RATE_MODEL over blocks),
        rate_difference (high minus low), rate_correlation (of the blocks' rates with
        their volatility), volatility_gain and free_rate_gain (BIC of model b minus that
        of ab, a block), NaN without blocks of both kinds; identified and at_edge, the
        shares of blocks in which this holds of RATE_MODEL, and fitted, their number.
    """
    rates = fits[fits["model"] == RATE_MODEL]
    low, high = (
        rates.loc[rates["volatility"] == volatility, "alpha"].to_numpy(float)
        for volatility in VOLATILITIES
    )
    bic = fits.groupby("model")["bic"].mean()
    rate_low, rate_high = mean(low), mean(high)
    return {
        "rate_low": rate_low,
        "rate_high": rate_high,
        "rate_difference": rate_high - rate_low,
        "rate_correlation": _correlation(low, high),
        "volatility_gain": volatility_gain(blocks),
        "free_rate_gain": float(bic["b"] - bic["ab"]) if len(bic) else np.nan,
        "identified": mean(rates["identified"].to_numpy(float)),
        "at_edge": mean(rates["at_edge"].to_numpy(float)),
        "fitted": len(rates),
    }


def _correlation(low: Array, high: Array) -> float:
    """Pearson's r of rates with volatility; NaN where either does not vary."""
    rates = np.concatenate([low, high])
    if not (low.size and high.size) or np.ptp(rates) == 0:
        return np.nan
    volatile = np.repeat([0.0, 1.0], [len(low), len(high)])
    return float(np.corrcoef(rates, volatile)[0, 1])


def fit_subjects(
    groups: Mapping[str, EpisodeGrid],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fits of all blocks of every subject, and its learning rates.

    Returns:
        `fit_blocks`, and one row a subject of `subject_rates`; both with group and
        subject first.
    """
    fits, rates = [], []
    for name, grid in groups.items():
        for subject, own in grid.iter_subjects():
            keys: dict[str, str | float] = {"group": name, "subject": subject}
            blocks = blocks_of(own)
            fit = fit_blocks(blocks)
            fits.append((keys, fit))
            rates.append({**keys, **subject_rates(fit, blocks)})
    return stack(fits), pd.DataFrame(rates)


def rates_by_volatility(rates: pd.DataFrame) -> pd.DataFrame:
    """Learning rates of `fit_subjects`, a volatility a row.

    Returns:
        group, subject, volatility, learning_rate (mean over blocks).
    """
    names = {"rate_low": "low", "rate_high": "high"}
    long = rates.melt(["group", "subject"], list(names), "volatility", "learning_rate")
    return long.assign(volatility=long["volatility"].map(names))


def model_comparison(fits: pd.DataFrame) -> pd.DataFrame:
    """BIC of each model, of fits with group and subject.

    Returns:
        group, subject, model, bic_difference (from model b, mean over blocks).
    """
    keys = ["group", "subject", "model"]
    bic = fits.groupby(keys, sort=False)["bic"].mean()
    long = bic.astype(float).reset_index(name="bic_difference")
    base = long[long["model"] == "b"].set_index(keys[:2])["bic_difference"]
    own = pd.MultiIndex.from_frame(long[keys[:2]])
    return long.assign(
        bic_difference=long["bic_difference"] - base.reindex(own).to_numpy()
    )
