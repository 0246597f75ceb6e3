"""The volatility experiment: is learning faster where reversals are frequent?"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from metarl.analysis.analysis import Analysis, Panel
from metarl.analysis.criteria import read_criteria
from metarl.analysis.data import ExperimentData
from metarl.analysis.measures import MEASURED, Measure, by_group, select_group, stack
from metarl.analysis.statistics import DIFFERENCE, PROBABILITY
from metarl.analysis.trials import EpisodeGrid
from metarl.analysis.volatility.behaviour import (
    SCHEMA,
    SETTLING_SHARE,
    behaviour_summary,
    block_rates,
    likelihoods,
    rate_differences,
    rate_traces,
    read_episodes,
    subject_measures,
)
from metarl.analysis.volatility.effects import CONTROL, effects
from metarl.analysis.volatility.observer import Schedule, schedule_of
from metarl.analysis.volatility.plots import (
    plot_block_rates,
    plot_coding,
    plot_differences,
    plot_rate_traces,
    plot_rewards,
    plot_volatility,
)
from metarl.analysis.volatility.references import reference_tables
from metarl.analysis.volatility.simulated import (
    null_differences,
    observed_volatility,
    simulated_rates,
)
from metarl.analysis.volatility.units import unit_tables
from metarl.core.checks import MetaRLError

SEED = 2007
"""Seed of the choices of simulated choosers."""
NULL_SEED = 1993
"""Seed of the choices of learners of one rate."""


def measures(
    data: ExperimentData, groups: Mapping[str, EpisodeGrid]
) -> dict[str, Measure | pd.DataFrame]:
    """Every table of the experiment, by name.

    A further group is CONTROL, the variant of that name.

    Returns:
        Per group and subject: subjects, rates (by block), differences (volatile minus
        stable rate; of the measured subjects also null, that of `null_differences`, and
        beyond_null), traces (rates in a sliding window). simulated and
        simulated_differences: rates fitted to choosers with known learning. observed:
        the Bayesian observer's volatility along the episode. Volatility in units, by
        test and subject: decoding, coding, decoded. behaviour: `behaviour_summary`.
        Published: those of `reference_tables`.
    """
    grids = dict(groups)
    if CONTROL in data.variants:
        grids[CONTROL] = read_episodes(data.variants[CONTROL].trials)
    fits = {name: likelihoods(grid) for name, grid in grids.items()}
    rates = by_group(fits, block_rates)
    if data.subjects_are != "networks" and select_group(rates).empty:
        raise MetaRLError(
            "there is nothing to analyse: no episode has an order (low-first or "
            "high-first) and trials of known volatility (0 or 1) after the first "
            f"{SETTLING_SHARE:.0%} of its length; fill in the columns order and "
            "volatility"
        )
    nulls = null_differences(
        groups[MEASURED], fits[MEASURED], np.random.default_rng(NULL_SEED)
    )
    schedule, first = schedule_of(data.parameters), _first_subject(groups[MEASURED])
    simulated = simulated_rates(first, np.random.default_rng(SEED), schedule)
    units = _units(data, groups[MEASURED], schedule)
    return {
        "subjects": Measure(_subjects(grids, rates), "reward_per_trial"),
        "rates": Measure(rates, "rate", ("order", "block", "volatile"), PROBABILITY),
        "differences": Measure(
            _beyond_null(rate_differences(rates), nulls),
            "difference",
            ("order",),
            DIFFERENCE,
        ),
        "traces": Measure(
            by_group(fits, rate_traces), "rate", ("order", "trial"), PROBABILITY
        ),
        "simulated": simulated,
        "simulated_differences": rate_differences(simulated),
        "observed": observed_volatility(first, schedule),
        "decoding": Measure(units["decoding"], "r", ("test", "units"), DIFFERENCE),
        "coding": Measure(
            units["coding"], "fraction", ("test", "units", "label"), PROBABILITY
        ),
        "decoded": Measure(units["decoded"], "decoded", ("order", "trial")),
        "behaviour": behaviour_summary(rates),
        **reference_tables(),
    }


def _subjects(grids: Mapping[str, EpisodeGrid], rates: pd.DataFrame) -> pd.DataFrame:
    """Reward, and the shares of the rates that are identified or at an edge."""
    keys = ["group", "subject"]
    shares = rates.groupby(keys)[["identified", "at_edge"]].mean().reset_index()
    return by_group(grids, subject_measures).merge(shares, "left", on=keys)


def _beyond_null(differences: pd.DataFrame, nulls: pd.DataFrame) -> pd.DataFrame:
    """The differences with their null, of measured subjects, and minus it."""
    own = nulls.assign(group=MEASURED)
    table = differences.merge(own, "left", on=["group", "subject", "order"])
    return table.assign(beyond_null=table["difference"] - table["null"])


def _first_subject(grid: EpisodeGrid) -> EpisodeGrid:
    return grid.where(grid.subject == grid.subject.min(initial=0))


def _units(
    data: ExperimentData, grid: EpisodeGrid, schedule: Schedule
) -> dict[str, pd.DataFrame]:
    """Decoding and coding in the test and, where recorded, on the training schedule."""
    tables = [unit_tables(data.recordings, grid, "test", schedule)]
    recordings = data.test_recordings.get("generator", {})
    if recordings:
        other = read_episodes(data.tests["generator"])
        tables.append(unit_tables(recordings, other, "generator", schedule))
    return {name: stack(({}, table[name]) for table in tables) for name in tables[0]}


ANALYSIS = Analysis(
    schema=SCHEMA,
    parse=read_episodes,
    measures=measures,
    effects=effects,
    panels=(
        Panel("Learning rate by block", plot_block_rates),
        Panel("Learning rate along the episode", plot_rate_traces),
        Panel("Rewards", plot_rewards),
        Panel(
            "Volatile minus stable, and controls", plot_differences, needs="networks"
        ),
        Panel("Volatility, estimated and decoded", plot_volatility, needs="networks"),
        Panel("Units coding volatility", plot_coding, needs="recording"),
    ),
    criteria=read_criteria(__name__),
    published={"trial_count": 200, "schedule": "blocks"},
)
"""From trial tables and recordings to effects and panels."""
