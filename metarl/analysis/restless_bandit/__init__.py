"""The restless-bandit experiment: is learning faster where probabilities change faster?

A network can infer the rate of change only from its own rewards.

Source: Wang et al. 2016, arXiv 1611.05763, section 3.1.4.
"""

from collections.abc import Mapping

import pandas as pd

from metarl.analysis.analysis import Analysis, Panel, SnapshotPanel
from metarl.analysis.arm_analysis import arm_analysis
from metarl.analysis.criteria import read_criteria
from metarl.analysis.data import ExperimentData
from metarl.analysis.measures import MEASURED, Measure, by_group
from metarl.analysis.restless_bandit.behaviour import (
    MEAN,
    OWN_SCHEMA,
    SCHEMA,
    example_episodes,
    read_episodes,
    regret_by_trial,
    regret_by_volatility,
    subject_regrets,
)
from metarl.analysis.restless_bandit.effects import LEARNER, PLANNER, effects
from metarl.analysis.restless_bandit.fits import (
    fit_subjects,
    model_comparison,
    rates_by_volatility,
)
from metarl.analysis.restless_bandit.plots import (
    plot_learning_rates,
    plot_models,
    plot_quiet_episode,
    plot_regret,
    plot_regret_by_volatility,
    plot_volatile_episode,
)
from metarl.analysis.statistics import NOT_NEGATIVE, PROBABILITY
from metarl.analysis.trials import EpisodeGrid

FITTED = (MEASURED, LEARNER, PLANNER)
"""Groups that Rescorla-Wagner learners are fitted to."""
RATE_TITLE = "Learning rate by volatility"


def measures(
    data: ExperimentData, groups: Mapping[str, EpisodeGrid]
) -> dict[str, Measure | pd.DataFrame]:
    """Every table of the experiment, by name.

    Returns:
        Per group and subject: subjects (`subject_regrets`, `subject_rates`), regret
        (`regret_by_trial`), by_volatility (`regret_by_volatility`); of the groups
        FITTED, fits (`fit_blocks`), rates (`rates_by_volatility`) and models
        (`model_comparison`). examples: `example_episodes`.
    """
    fitted = {name: groups[name] for name in FITTED if name in groups}
    fits, rates = fit_subjects(fitted)
    keys = ["group", "subject"]
    return {
        "subjects": by_group(groups, subject_regrets).merge(rates, "left", on=keys),
        "regret": Measure(
            by_group(groups, regret_by_trial), "regret", ("trial",), NOT_NEGATIVE
        ),
        "by_volatility": Measure(
            by_group(groups, regret_by_volatility),
            "regret",
            ("volatility",),
            NOT_NEGATIVE,
        ),
        "fits": fits,
        "rates": Measure(
            rates_by_volatility(rates), "learning_rate", ("volatility",), PROBABILITY
        ),
        "models": Measure(model_comparison(fits), "bic_difference", ("model",)),
        "examples": example_episodes(data.trials, data.recordings),
    }


ANALYSIS = Analysis(
    schema=SCHEMA,
    parse=read_episodes,
    measures=measures,
    effects=effects,
    panels=(
        Panel("Regret by trial", plot_regret),
        Panel("Regret by volatility", plot_regret_by_volatility),
        Panel(RATE_TITLE, plot_learning_rates),
        Panel("Models of the choices", plot_models),
        Panel("A quiet episode", plot_quiet_episode),
        Panel("A volatile episode", plot_volatile_episode),
    ),
    criteria=read_criteria(__name__),
    own=arm_analysis(OWN_SCHEMA, MEAN),
    published={"trial_count": 100, "deviation_low": 0.02, "deviation_high": 0.2},
    snapshot=SnapshotPanel(RATE_TITLE),
)
"""From trial tables to effects and panels."""
