"""The volatility experiment: is learning faster where reversals are frequent?"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from metarl.analysis.analysis import Analysis, Guide, Panel
from metarl.analysis.criteria import read_criteria
from metarl.analysis.data import ExperimentData
from metarl.analysis.measures import (
    MEASURED,
    Measure,
    behaviour_rows,
    by_group,
    select_group,
    stack,
    subject_labels,
)
from metarl.analysis.statistics import DIFFERENCE, PROBABILITY
from metarl.analysis.trials import EpisodeGrid
from metarl.analysis.volatility.behaviour import (
    SCHEMA,
    SETTLING_SHARE,
    Likelihood,
    behaviour_values,
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

LEAST_TRACED = 5
"""Fewest episodes of an order from which an animal's rate along them is fitted."""
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
        test and subject: decoding, coding, thresholds, decoded. behaviour:
        `behaviour_rows`. Published: those of `reference_tables`.
    """
    grids = dict(groups)
    if CONTROL in data.variants:
        grids[CONTROL] = read_episodes(data.variants[CONTROL].trials)
    fits = {name: likelihoods(grid) for name, grid in grids.items()}
    rates = by_group(fits, block_rates)
    subjects = by_group(grids, subject_measures)
    if data.subjects_are != "networks" and select_group(rates).empty:
        raise MetaRLError(
            "there is nothing to analyse: no episode has trials of known volatility (0 "
            f"or 1) after the first {SETTLING_SHARE:.0%} of its length; fill in the "
            "column volatility"
        )
    nulls = null_differences(
        groups[MEASURED], fits[MEASURED], np.random.default_rng(NULL_SEED)
    )
    schedule, first = schedule_of(data.parameters), _first_subject(groups[MEASURED])
    simulated = simulated_rates(first, np.random.default_rng(SEED), schedule)
    units = _units(data, groups[MEASURED], schedule)
    return {
        "subjects": Measure(_subjects(subjects, rates), "reward_per_trial"),
        "rates": Measure(rates, "rate", ("order", "block", "volatile"), PROBABILITY),
        "differences": Measure(
            _beyond_null(rate_differences(rates), nulls),
            "difference",
            ("order",),
            DIFFERENCE,
        ),
        "traces": Measure(
            by_group(_traced(data, fits), rate_traces),
            "rate",
            ("order", "trial"),
            PROBABILITY,
        ),
        "simulated": simulated,
        "simulated_differences": rate_differences(simulated),
        "observed": observed_volatility(first, schedule),
        "decoding": Measure(units["decoding"], "r", ("test", "units"), DIFFERENCE),
        "coding": Measure(
            units["coding"], "fraction", ("test", "units", "label"), PROBABILITY
        ),
        "thresholds": units["thresholds"],
        "decoded": Measure(units["decoded"], "decoded", ("order", "trial")),
        "behaviour": behaviour_rows(
            behaviour_values(rates, subjects),
            subject_labels(data),
            points=["order", "block"],
        ),
        **reference_tables(),
    }


def _subjects(rewards: pd.DataFrame, rates: pd.DataFrame) -> pd.DataFrame:
    """Reward, and the shares of the rates that are identified or at an edge."""
    keys = ["group", "subject"]
    shares = rates.groupby(keys)[["identified", "at_edge"]].mean().reset_index()
    return rewards.merge(shares, "left", on=keys)


def _beyond_null(differences: pd.DataFrame, nulls: pd.DataFrame) -> pd.DataFrame:
    """The differences with their null, of measured subjects, and minus it."""
    own = nulls.assign(group=MEASURED)
    table = differences.merge(own, "left", on=["group", "subject", "order"])
    return table.assign(beyond_null=table["difference"] - table["null"])


def _traced(
    data: ExperimentData, fits: Mapping[str, list[Likelihood]]
) -> dict[str, list[Likelihood]]:
    """The fits; of animals, those with enough episodes for a window of a few trials."""
    least = 0 if data.subjects_are == "networks" else LEAST_TRACED
    return {
        group: [fit for fit in own if fit.episodes >= least]
        for group, own in fits.items()
    }


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


GUIDE = Guide(
    measures={
        "learning_rate": (
            "rate of p += rate * (left won - p), with a choice by p times left's "
            "magnitude minus (1 - p) times right's; the most likely, on a grid from "
            ".01 to 1, of the trials of one block: the stable or the volatile times "
            "of an order, without their first 10 %. Blank where choices do not follow "
            "p"
        ),
        "rate_identified": (
            "1 where the choices determine the rate: the fit is better than that of a "
            "chooser that never learns, and the rate is not at an end of the grid; the "
            "mean is the share of subjects"
        ),
        "rate_at_edge": "1 where the rate is at an end of the grid",
        "temperature": (
            "inverse temperature of the same fit, per largest magnitude; near .5, the "
            "least, the rate means little"
        ),
        "volatile_minus_stable": (
            "learning_rate of the volatile minus that of the stable block, of one "
            "order; where order is blank, the subject's mean over the orders it met"
        ),
        "reward_per_trial": "mean reward of the trials with a known reward",
        "Learning rate along the episode": (
            "the same rate in a window of 10 trials, of subjects with at least 5 "
            "episodes of an order"
        ),
    },
    n=(
        "A subject has one number a block; the mean, its interval and n are over "
        "subjects. In rows of one subject, n is the number of its trials with a reward."
    ),
    missed=(
        "A missed trial adds nothing to the likelihood, but its winner, if known, is "
        "learned from. A deleted trial is a gap: nothing is learned in it."
    ),
)
"""What the numbers of animals or people are."""
ANALYSIS = Analysis(
    schema=SCHEMA,
    parse=read_episodes,
    measures=measures,
    effects=effects,
    panels=(
        Panel("Learning rate by block", plot_block_rates),
        Panel("Learning rate along the episode", plot_rate_traces, shared=True),
        Panel("Rewards", plot_rewards),
        Panel(
            "Volatile minus stable, and controls", plot_differences, needs="networks"
        ),
        Panel("Volatility, estimated and decoded", plot_volatility, needs="networks"),
        Panel("Units coding volatility", plot_coding, needs="recording"),
    ),
    criteria=read_criteria(__name__),
    guide=GUIDE,
    published={"trial_count": 200, "schedule": "blocks"},
)
"""From trial tables and recordings to effects and panels."""
