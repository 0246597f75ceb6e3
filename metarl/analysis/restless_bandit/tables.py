"""The restless-bandit experiment: from trial tables to tables, effects and panels.

The question is whether a network has learned to learn faster where chances change
faster, though nothing but its own rewards tells it that they do.

Source: Wang et al. 2016, arXiv 1611.05763, section 3.1.4.
"""

from collections.abc import Callable, Mapping

import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.bridge import about_table, grouped_grids, label_table
from metarl.analysis.data import ExperimentData
from metarl.analysis.measures import MEASURED, by_group, summarise, trials_by_group
from metarl.analysis.restless_bandit.behaviour import (
    bandit_grid,
    example_episodes,
    regret_by_trial,
    regret_by_volatility,
    subject_rates,
    subject_regrets,
)
from metarl.analysis.restless_bandit.effects import LEARNER, PLANNER, effects
from metarl.analysis.restless_bandit.fits import blocks_of, fit_blocks
from metarl.analysis.restless_bandit.plots import (
    plot_learning_rates,
    plot_models,
    plot_quiet_episode,
    plot_regret,
    plot_regret_by_volatility,
    plot_volatile_episode,
)
from metarl.analysis.trials import EpisodeGrid

__all__ = ["BEHAVIOUR_PANELS", "PANELS", "effects", "tables"]

Panel = tuple[str, Callable[[Mapping[str, pd.DataFrame], Axes | None], Axes]]

TASK = "restless-bandit"
"""The task that the criteria were fixed for."""
PUBLISHED = {"trial_count": 100, "deviation_low": 0.02, "deviation_high": 0.2}
"""Parameters that the criteria were fixed for."""
FITTED = (MEASURED, LEARNER, PLANNER)
"""Groups that Rescorla-Wagner learners are fitted to."""

BEHAVIOUR_PANELS: tuple[Panel, ...] = (
    ("What choices cost", plot_regret),
    ("What volatility costs", plot_regret_by_volatility),
    ("Faster where chances change faster", plot_learning_rates),
    ("Which learner describes choices", plot_models),
    ("A quiet episode", plot_quiet_episode),
    ("A volatile episode", plot_volatile_episode),
)
"""Title and drawing of what a trial table shows."""
PANELS = BEHAVIOUR_PANELS
"""Title and drawing of every panel; each takes `tables(source)` and axes."""
PREVIEW_PANEL: Panel = BEHAVIOUR_PANELS[2]
"""What tells most of a network that still learns."""


def tables(source: ExperimentData) -> dict[str, pd.DataFrame]:
    """Every table of the experiment, by name.

    A group is "measured" or the name of a reference strategy.

    Returns:
        Per group and subject: subjects (`subject_regrets`, `subject_rates`), regret
        (`regret_by_trial`), volatility (`regret_by_volatility`); of the groups FITTED,
        fits (`fit_blocks`), rates (learning_rate by volatility) and models
        (bic_difference from model b, mean over blocks). Over subjects, with mean, low,
        high and n: regret, volatility, rates and models with _summary. examples:
        `example_episodes`. about: task, subjects_are, discount, scored, expected.
    """
    groups = trials_by_group(source)
    grids = {name: bandit_grid(trials) for name, trials in groups.items()}
    fitted = [_fitted(name, grids[name]) for name in FITTED if name in grids]
    fits = pd.concat([fit for fit, _ in fitted], ignore_index=True)
    rates = pd.concat([rate for _, rate in fitted], ignore_index=True)
    keys = ["group", "subject"]
    subjects = grouped_grids(grids, subject_regrets).merge(rates, "left", on=keys)
    made = {
        "subjects": subjects.merge(by_group(groups, label_table), on=keys),
        "regret": grouped_grids(grids, regret_by_trial),
        "volatility": grouped_grids(grids, regret_by_volatility),
        "fits": fits,
        "rates": _rates(rates),
        "models": _models(fits),
        "examples": example_episodes(source.trials, source.recordings),
    }
    scored = _is_published(source)
    return made | _summaries(made) | {"about": about_table(source, scored=scored)}


def _fitted(group: str, grid: EpisodeGrid) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fits of a group's blocks, and its subjects' rates."""
    blocks = {subject: blocks_of(own) for subject, own in grid.iter_subjects()}
    parts = []
    for subject, own in blocks.items():
        part = fit_blocks(own)
        part.insert(0, "subject", subject)
        part.insert(0, "group", group)
        parts.append(part)
    fits = pd.concat(parts, ignore_index=True)
    rates = subject_rates(fits, blocks)
    rates.insert(0, "group", group)
    return fits, rates


def _rates(rates: pd.DataFrame) -> pd.DataFrame:
    """group, subject, volatility, learning_rate (mean over blocks)."""
    names = {"rate_low": "low", "rate_high": "high"}
    long = rates.melt(["group", "subject"], list(names), "volatility", "learning_rate")
    return long.assign(volatility=long["volatility"].map(names))


def _models(fits: pd.DataFrame) -> pd.DataFrame:
    """group, subject, model, bic_difference (from model b, mean over blocks)."""
    keys = ["group", "subject", "model"]
    bic = fits.groupby(keys, sort=False)["bic"].mean()
    long = bic.astype(float).reset_index(name="bic_difference")
    base = long[long["model"] == "b"].set_index(keys[:2])["bic_difference"]
    own = pd.MultiIndex.from_frame(long[keys[:2]])
    return long.assign(
        bic_difference=long["bic_difference"] - base.reindex(own).to_numpy()
    )


def _is_published(source: ExperimentData) -> bool:
    """Whether task and test are those that the criteria were fixed for."""
    known = source.task == TASK and source.subjects_are == "networks"
    same = all(source.parameters.get(k, v) == v for k, v in PUBLISHED.items())
    return known and source.as_published and same


def _summaries(made: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Means over subjects with their intervals."""
    kinds = {
        "regret": ("regret", ["group", "trial"]),
        "volatility": ("regret", ["group", "volatility"]),
        "rates": ("learning_rate", ["group", "volatility"]),
        "models": ("bic_difference", ["group", "model"]),
    }
    return {f"{k}_summary": summarise(made[k], *how) for k, how in kinds.items()}
