"""Rescorla-Wagner learners fitted to choices, block by block of like episodes.

With values v of the arms, 1/2 at an episode's start, a learner has

    v(chosen) += alpha * (reward - v(chosen))
    P(choice) = epsilon / 2 + (1 - epsilon) / (1 + exp(-beta * (v(choice) - v(other))))

A block is ten episodes that are alike in volatility. What a model frees is estimated in
each block by itself: b frees beta, ab alpha too, be the lapses epsilon, abe all three;
where they are not free, alpha is 1/2 and epsilon 0.

Source: Wang et al. 2016, arXiv 1611.05763, section 3.1.4.
Declared: the estimate is the likeliest point of a grid. Episodes make up a block in
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
from metarl.analysis.schema import Array
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
"""Points over the range of value differences, between which choices are shared out."""
VOLATILITIES = ("low", "high")
"""Kinds of episodes, in the order of their codes."""
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
)
"""Columns of the table of fits."""


def block_likelihoods(choice: Array, reward: Array) -> Floats:
    """Log likelihood of every point of the grid in every block of ten episodes.

    The logarithm is taken at NODES value differences and interpolated between them.

    Args:
        choice: (E, T) 0 left, 1 right, NaN missing; E a multiple of BLOCK_EPISODES.
        reward: (E, T) what it paid.

    Returns:
        (blocks, alphas, betas, epsilons).
    """
    ahead = value_leads(choice, reward, ALPHAS)
    blocks = len(choice) // BLOCK_EPISODES
    counts = node_counts(ahead.reshape(len(ALPHAS), blocks, -1).swapaxes(0, 1), NODES)
    chances = special.expit(np.linspace(-1, 1, NODES)[:, None] * BETAS)
    lapsing = EPSILONS / 2 + (1 - EPSILONS) * chances[:, :, None]
    table = np.log(lapsing).astype(np.float32).reshape(NODES, -1)
    shape = (blocks, len(ALPHAS), len(BETAS), len(EPSILONS))
    likelihoods: Floats = (counts @ table).reshape(shape)
    return likelihoods


@dataclass(frozen=True, kw_only=True)
class Blocks:
    """All blocks of one subject that are alike in volatility."""

    likelihoods: Floats
    """(blocks, alphas, betas, epsilons) log likelihoods."""
    trials: NDArray[np.int64]
    """(blocks,) choices in each."""


def blocks_of(grid: EpisodeGrid) -> dict[str, Blocks]:
    """Volatility (low, high) -> one subject's blocks; none where episodes are too few.

    Args:
        grid: one subject's choice, reward and volatility (0 low, 1 high).
    """
    made = {}
    for code, volatility in enumerate(VOLATILITIES):
        rows = np.flatnonzero(grid["volatility"][:, 0] == code)
        kept = rows[: len(rows) // BLOCK_EPISODES * BLOCK_EPISODES]
        if len(kept):
            choice, reward = grid["choice"][kept], grid["reward"][kept]
            likelihoods = block_likelihoods(choice, reward)
            trials = np.isfinite(choice).reshape(len(likelihoods), -1).sum(1)
            made[volatility] = Blocks(likelihoods=likelihoods, trials=trials)
    return made


def fit_blocks(blocks: Mapping[str, Blocks]) -> pd.DataFrame:
    """Every model fitted to every block.

    Returns:
        One row a block and model, with the columns FIT_COLUMNS: volatility (low, high),
        block (its number, from 0), model, alpha, beta, epsilon, log_likelihood, trials
        and bic.
    """
    parts = [pd.DataFrame(columns=list(FIT_COLUMNS))]
    for volatility, alike in blocks.items():
        for model in MODELS:
            fit = _fit_model(model, alike)
            fit.insert(0, "volatility", volatility)
            parts.append(fit)
    return pd.concat(parts[1:] or parts, ignore_index=True)


def _fit_model(model: str, blocks: Blocks) -> pd.DataFrame:
    alphas, epsilons = MODELS[model]
    allowed = blocks.likelihoods[:, alphas, :, epsilons]
    flat = allowed.reshape(len(allowed), -1)
    best = np.unravel_index(flat.argmax(1), allowed.shape[1:])
    fit = flat.max(1).astype(float)
    return pd.DataFrame(
        {
            "block": range(len(allowed)),
            "model": model,
            "alpha": ALPHAS[alphas][best[0]],
            "beta": BETAS[best[1]],
            "epsilon": EPSILONS[epsilons][best[2]],
            "log_likelihood": fit,
            "trials": blocks.trials,
            "bic": len(model) * np.log(blocks.trials) - 2 * fit,
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
