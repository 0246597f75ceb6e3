"""The bandit experiment: are new arms learned within an episode, with how much regret?

Regret is in reward units. Source: Wang et al. 2016, arXiv:1611.05763, sections 3.1.1
and 3.1.2; Wang et al. 2018, Fig. 1.
"""

from collections.abc import Mapping

import pandas as pd

from metarl.analysis.analysis import Analysis, Panel
from metarl.analysis.arm_analysis import arm_analysis
from metarl.analysis.bandit.behaviour import (
    OWN_SCHEMA,
    PROBABILITY,
    SCHEMA,
    Players,
    rasters,
    read_problems,
    regret_by_gap,
    regret_by_trial,
    subject_regrets,
)
from metarl.analysis.bandit.effects import effects
from metarl.analysis.bandit.plots import (
    plot_ablations,
    plot_dependent,
    plot_rasters,
    plot_regret,
    plot_trajectories,
    plot_transfer,
)
from metarl.analysis.bandit.populations import ablations, transfer
from metarl.analysis.bandit.units import unit_tables
from metarl.analysis.criteria import read_criteria
from metarl.analysis.data import ExperimentData
from metarl.analysis.measures import MEASURED, Measure, by_group
from metarl.analysis.references import read_reference
from metarl.analysis.statistics import NOT_NEGATIVE


def measures(
    data: ExperimentData, groups: Mapping[str, Players]
) -> dict[str, Measure | pd.DataFrame]:
    """Every table of the experiment, by name.

    Returns:
        Per group and subject: subjects, regret (by trial), gaps (by difficulty). Per
        population and subject: transfer (by training and test), dependent (by trial,
        on arms of probability .25 and .75) and ablations. Of the measured subjects, by
        test: settling. Of the first subject:
        rasters, trajectories, final_states. By recorded subject: coding. For
        comparison: reference_dependent, regret of baselines on arms of probability .25
            and .75.
    """
    players = groups[MEASURED]
    found = transfer(data, players)
    return {
        "subjects": Measure(
            by_group(groups, subject_regrets), "regret", bounds=NOT_NEGATIVE
        ),
        "regret": Measure(
            by_group(groups, regret_by_trial), "regret", ("trial",), NOT_NEGATIVE
        ),
        "gaps": Measure(
            by_group(groups, regret_by_gap), "regret", ("gap",), NOT_NEGATIVE
        ),
        "transfer": found["transfer"],
        "dependent": Measure(
            found["dependent"], "regret", ("trained", "trial"), NOT_NEGATIVE
        ),
        "settling": found["settling"],
        "ablations": ablations(data),
        "rasters": rasters(data, players),
        **unit_tables(data, players),
        "reference_dependent": read_reference(__name__, "dependent"),
    }


ANALYSIS = Analysis(
    schema=SCHEMA,
    parse=read_problems,
    measures=measures,
    effects=effects,
    panels=(
        Panel("Regret on independent arms", plot_regret),
        Panel("Regret on arms of P = .25, .75", plot_dependent, needs="networks"),
        Panel("Every choice of some episodes", plot_rasters),
        Panel("Trajectories of the units", plot_trajectories, needs="recording"),
        Panel("Regret across problems", plot_transfer, needs="networks"),
        Panel("Networks that lack a part", plot_ablations, needs="networks"),
    ),
    criteria=read_criteria(__name__),
    own=arm_analysis(OWN_SCHEMA, PROBABILITY),
    published={
        "arm_count": 2,
        "trial_count": 100,
        "distribution": "independent",
        "trial_input": True,
    },
)
"""From trial tables and recordings to effects and panels."""
