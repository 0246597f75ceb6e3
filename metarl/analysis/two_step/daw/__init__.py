"""The human two-step experiment: does the network plan over both choices, as people do?

Its measures of choices are those of `metarl.analysis.two_step`; its own are the hybrid
of model-based and model-free learning, and the better options at both stages.
"""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from metarl.analysis.analysis import Analysis, Panel
from metarl.analysis.criteria import read_criteria
from metarl.analysis.data import ExperimentData
from metarl.analysis.measures import Measure, by_group
from metarl.analysis.references import read_reference
from metarl.analysis.statistics import PROBABILITY
from metarl.analysis.trials import TrialSequence
from metarl.analysis.two_step import GUIDE
from metarl.analysis.two_step.behaviour import SCHEMA, read_trials
from metarl.analysis.two_step.choices import choice_tables
from metarl.analysis.two_step.daw.better import better_options
from metarl.analysis.two_step.daw.effects import effects
from metarl.analysis.two_step.daw.hybrid import PARAMETERS, SHARES, hybrid_fits
from metarl.analysis.two_step.daw.plots import (
    plot_better_options,
    plot_hybrid,
    plot_rewards,
    plot_stays,
)
from metarl.analysis.two_step.plots import (
    plot_lag_weights,
    plot_stay_regression,
)
from metarl.analysis.two_step.references import reference_tables
from metarl.analysis.two_step.second_stage import plot_second_stage


def measures(
    data: ExperimentData, groups: Mapping[str, TrialSequence]
) -> dict[str, Measure | pd.DataFrame]:
    """Every table of the experiment, by name.

    Returns:
        Those of `choice_tables`. Per group and subject: better_options, and hybrid (one
        row a parameter) of subjects with second-stage choices. Published results of
        people: reference_stays, reference_regression and reference_hybrid.
    """
    published = reference_tables()
    people = {
        name: published[name][published[name]["kind"] == "human"]
        for name in ("reference_stays", "reference_regression")
    }
    fits = by_group(groups, hybrid_fits)
    long = fits.melt(
        ["group", "subject"], list(PARAMETERS), "measure", "estimate"
    ).astype({"estimate": float})
    better = by_group(groups, better_options)
    return {
        **choice_tables(data, groups),
        "hybrid": Measure(long, "estimate", ("measure",), SHARES),
        "hybrid_fits": fits,
        "better_options": Measure(better, "value", ("measure",), PROBABILITY),
        **people,
        "reference_hybrid": read_reference(__name__, "hybrid"),
    }


HYBRID_GUIDE = {
    "Hybrid of two learners": (
        "maximum-likelihood estimates of the hybrid of Daw et al. 2011 for each "
        "subject alone: weight of model-based values, learning rates of both stages "
        "and eligibility"
    )
}
"""Definition of the panel of the hybrid."""
ANALYSIS = Analysis(
    schema=SCHEMA,
    parse=read_trials,
    measures=measures,
    effects=effects,
    panels=(
        Panel("Rewards", plot_rewards, needs="networks"),
        Panel("Better options at both stages", plot_better_options, needs="networks"),
        Panel("Hybrid of two learners", plot_hybrid, needs="networks"),
        Panel("Staying after each outcome", plot_stays, shared=True),
        Panel("Staying, as a regression", plot_stay_regression, shared=True),
        Panel("Weights of past trials", plot_lag_weights),
    ),
    own_panels=(
        Panel(
            "Hybrid of two learners",
            plot_hybrid,
            columns=("second_choice",),
            shared=True,
        ),
        Panel(
            "At the second stage",
            plot_second_stage,
            columns=("second_choice",),
            shared=True,
        ),
    ),
    guide=replace(GUIDE, measures={**GUIDE.measures, **HYBRID_GUIDE}),
    needs=("transition",),
    needs_pairs=True,
    criteria=read_criteria(__name__),
    published={
        "trial_count": 201,
        "probability_common": 0.7,
        "drift_deviation": 0.025,
        "probability_least": 0.25,
        "probability_most": 0.75,
        "largest_easing": 0.0,
        "fixation": True,
    },
)
"""From trial tables to effects and panels."""
