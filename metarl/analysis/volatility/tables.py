"""The volatility experiment: from trial tables and recordings to tables and panels.

Everything a report or a command needs of this task stands here; what is computed stands
in the modules named volatility_*.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.bridge import about_table, label_table, load_table, packaged
from metarl.analysis.data import ExperimentData
from metarl.analysis.measures import by_group, summarise, trials_by_group
from metarl.analysis.statistics import standard_error
from metarl.analysis.volatility.choosers import (
    FIXED_HAZARDS,
    FIXED_RATES,
    choose,
    fixed_hazard_values,
    fixed_rate_values,
)
from metarl.analysis.volatility.effects import CONTROL, effects
from metarl.analysis.volatility.observer import observe
from metarl.analysis.volatility.plots import (
    plot_block_rates,
    plot_differences,
    plot_rate_traces,
    plot_rewards,
)
from metarl.analysis.volatility.rates import (
    RATE_COLUMNS,
    Likelihood,
    block_rates,
    likelihoods,
    order_likelihood,
    rate_differences,
    rate_traces,
)
from metarl.analysis.volatility.trials import (
    COLUMNS,
    TrialGrid,
    check_volatility,
    trial_grid,
)
from metarl.analysis.volatility.unit_plots import plot_coding, plot_volatility
from metarl.analysis.volatility.units import unit_tables

__all__ = [
    "BEHAVIOUR_PANELS",
    "PANELS",
    "effects",
    "load_animals",
    "reference_tables",
    "tables",
]

Panel = tuple[str, Callable[[Mapping[str, pd.DataFrame], Axes | None], Axes]]

SIMULATED_EPISODES = 100
"""Test episodes of each order that simulated choosers do."""
SEED = 2007
"""Of the simulated choosers' choices."""
OBSERVED_EPISODES = 400
"""Test episodes that the Bayesian observer watches for the figure."""

BEHAVIOUR_PANELS: tuple[Panel, ...] = (
    ("Learning rate by block", plot_block_rates),
    ("Learning rate along the episode", plot_rate_traces),
    ("What was earned", plot_rewards),
)
"""Title and drawing of what any trial table shows, an animal's too."""
PANELS: tuple[Panel, ...] = (
    *BEHAVIOUR_PANELS,
    ("Volatile minus stable, and controls", plot_differences),
    ("Volatility, estimated and decoded", plot_volatility),
    ("Units coding volatility", plot_coding),
)
"""Title and drawing of every panel; each takes `tables(source)` and axes."""


def tables(source: ExperimentData) -> dict[str, pd.DataFrame]:
    """Every table of the experiment, by name.

    A group is "measured", the name of a reference strategy, or "constant", the networks
    trained where volatility never changes.

    Returns:
        Per group and subject: subjects, rates (by block), differences (volatile minus
        stable rate), traces (rates in a sliding window). Over subjects, with mean, low,
        high and n: the same names with _summary. simulated, simulated_differences:
        rates found of choosers whose learning is known. decoding, coding, decoded: what
        units say of volatility, by condition and subject. observed: the Bayesian
        observer's volatility along the episode. Published, with their sources:
        reference_rates, reference_coding, reference_signs. summary: rates of the
        measured subjects, for a table of animals. about: task, subjects_are, discount,
        scored (the criteria apply: networks, on the paper's test), expected.
    """
    groups = trials_by_group(source)
    if CONTROL in source.variants:
        groups[CONTROL] = source.variants[CONTROL].trials
    fits = {name: likelihoods(trials) for name, trials in groups.items()}
    made = {
        "subjects": by_group(groups, _subjects),
        "rates": _stacked(fits, block_rates),
        "traces": _stacked(fits, rate_traces),
    }
    made["differences"] = rate_differences(made["rates"])
    grid = _first_subject(trial_grid(source.trials))
    made["simulated"] = simulated_rates(grid, np.random.default_rng(SEED))
    made["simulated_differences"] = rate_differences(made["simulated"])
    made["observed"] = _observed(grid)
    made |= _units(source)
    made |= _summaries(made)
    made["summary"] = _animal_summary(made["rates"])
    made["about"] = about_table(source, scored=_is_published(source))
    return made | reference_tables()


def _is_published(source: ExperimentData) -> bool:
    """Whether task and test are those that the criteria were fixed for."""
    known = {"trial_count": 200, "schedule": "blocks"}
    same = all(source.parameters.get(k) == v for k, v in known.items())
    networks = source.subjects_are == "networks"
    return source.task == "volatility" and networks and source.as_published and same


def _subjects(trials: pd.DataFrame) -> pd.DataFrame:
    """What each subject earned, in reward units, and its label."""
    by_subject = trials.groupby("subject", sort=True)
    table = pd.DataFrame(
        {
            "trials": by_subject.size(),
            "reward_per_trial": by_subject["reward"].mean().astype(float),
        }
    )
    return table.reset_index().merge(label_table(trials), on="subject")


def _stacked(
    fits: Mapping[str, list[Likelihood]],
    analyse: Callable[[list[Likelihood]], pd.DataFrame],
) -> pd.DataFrame:
    """One analysis of every group's fits, with the group as the first column."""
    parts = []
    for name, fit in fits.items():
        part = analyse(fit)
        part.insert(0, "group", name)
        parts.append(part)
    return pd.concat([p for p in parts if len(p)] or parts[:1], ignore_index=True)


def _first_subject(grid: TrialGrid) -> TrialGrid:
    return grid.where(grid.subject == grid.subject.min(initial=0))


def simulated_rates(grid: TrialGrid, generator: np.random.Generator) -> pd.DataFrame:
    """Block rates that the analysis finds of choosers whose learning is known.

    Args:
        grid: the trials that they do, of one subject.
        generator: source of their choices.

    Returns:
        kind ("fixed rate", "fixed hazard"), setting (the rate or the chance of a swap),
        and the columns of `block_rates`.
    """
    kinds = {
        "fixed rate": (fixed_rate_values, FIXED_RATES),
        "fixed hazard": (fixed_hazard_values, FIXED_HAZARDS),
    }
    parts = [pd.DataFrame(columns=["kind", "setting", *RATE_COLUMNS])]
    for whole in grid.by_order():
        part = whole.where(np.arange(len(whole.episode)) < SIMULATED_EPISODES)
        for kind, (values, settings) in kinds.items():
            for setting in settings:
                chosen = choose(part, values(part.winner, setting), generator)
                rates = block_rates([order_likelihood(chosen)])
                rates.insert(0, "setting", setting)
                rates.insert(0, "kind", kind)
                parts.append(rates)
    return pd.concat(parts[1:] or parts, ignore_index=True)


def _observed(grid: TrialGrid) -> pd.DataFrame:
    """Mean of the observer's chance that the world is volatile, by order and trial."""
    columns = ["order", "trial", "estimate"]
    parts = [pd.DataFrame(columns=columns)]
    for whole in grid.by_order():
        part = whole.where(np.arange(len(whole.episode)) < OBSERVED_EPISODES)
        estimate = observe(part.winner).volatility.mean(axis=0)
        known = {"order": whole.order[0], "trial": np.arange(len(estimate))}
        parts.append(pd.DataFrame(known | {"estimate": estimate}))
    return pd.concat(parts[1:] or parts, ignore_index=True)


def _units(source: ExperimentData) -> dict[str, pd.DataFrame]:
    """Decoding and coding in the test and, where recorded, on the training schedule."""
    found = [unit_tables(source.recordings, source.trials, "test")]
    recordings = source.test_recordings.get("generator", {})
    if recordings:
        trials = source.tests["generator"]
        found.append(unit_tables(recordings, trials, "generator"))
    return {
        name: pd.concat([t[name] for t in found if len(t[name])] or [found[0][name]])
        for name in found[0]
    }


def _summaries(made: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Means over subjects with their intervals."""
    by = {
        "subjects": ("reward_per_trial", ["group"]),
        "rates": ("rate", ["group", "order", "block", "volatile"]),
        "differences": ("difference", ["group", "order"]),
        "traces": ("rate", ["group", "order", "trial"]),
        "decoding": ("r", ["condition", "units"]),
        "coding": ("fraction", ["condition", "units", "label"]),
        "decoded": ("decoded", ["order", "trial"]),
    }
    return {f"{k}_summary": summarise(made[k], *how) for k, how in by.items()}


def _animal_summary(rates: pd.DataFrame) -> pd.DataFrame:
    """Mean learning rate and standard error over measured subjects, by block."""
    table = rates[rates["group"] == "measured"].dropna(subset="rate")
    grouped_rates = table.groupby("block", sort=False)["rate"]
    found = grouped_rates.agg(value="mean", error=standard_error, n="count")
    return found.reset_index().assign(label="all subjects", over="subjects")


def reference_tables() -> dict[str, pd.DataFrame]:
    """Published results of people, animals and the paper's networks, with sources.

    Returns:
        reference_rates (label, block, value, error), reference_coding (fraction of
        units) and reference_signs (label: where a faster rate in volatile times was
        found, without a rate); each with study, n and source_location.
    """
    rows = packaged("sim2_volatility.csv")
    kinds = {"rhesus macaque": "animal", "human": "human", "model": "paper"}
    rows = rows.assign(kind=rows["species"].map(kinds))
    rates, coding = rows["block"].notna(), rows["kind"] == "paper"
    return {
        "reference_rates": rows[rates],
        "reference_coding": rows[coding],
        "reference_signs": rows[~rates & ~coding],
    }


def load_animals(path: Path | str) -> pd.DataFrame:
    """Read people's or animals' trials from a CSV or parquet table.

    Args:
        path: a table with the columns of this task's trial table; magnitudes and
            rewards are divided by the largest there can be.

    Returns:
        Trial table. MetaRLError, in one sentence, says what is wrong with a file.
    """
    needed = [c for c in COLUMNS if c not in ("session", "valid", "forced", "episode")]
    return load_table(path, needed, check_volatility)
