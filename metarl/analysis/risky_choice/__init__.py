"""The risky-choice experiment: does dopamine as an RPE steer choices under risk?

Networks choose between a safe and a risky arm while their prediction error at one
outcome is changed, as stimulation changed the dopamine of rats.
"""

from collections.abc import Mapping
from functools import partial

import pandas as pd

from metarl.analysis.analysis import Analysis, Guide, Panel
from metarl.analysis.criteria import read_criteria
from metarl.analysis.data import ExperimentData
from metarl.analysis.measures import (
    MEASURED,
    Measure,
    by_group,
    select_group,
    subject_labels,
    with_all_subjects,
)
from metarl.analysis.risky_choice.behaviour import (
    SCHEMA,
    known_probabilities,
    percent_by_trial,
    read_trials,
    subject_measures,
)
from metarl.analysis.risky_choice.changes import (
    CONTROL,
    changes,
    doses,
    percents,
    reference_rats,
    trials_by_condition,
)
from metarl.analysis.risky_choice.effects import effects
from metarl.analysis.risky_choice.plots import (
    plot_changes,
    plot_doses,
    plot_errors,
    plot_groups,
    plot_stimulation,
    plot_trials,
)
from metarl.analysis.risky_choice.rpe import error_densities, error_means, error_table
from metarl.analysis.risky_choice.values import (
    percent_by_value,
    plot_by_value,
    value_weights,
)
from metarl.analysis.statistics import PERCENT, POINTS
from metarl.analysis.trials import TrialSequence

ABLATED = "no-rpe"
"""Variant that was trained without a prediction error."""


def measures(
    data: ExperimentData, groups: Mapping[str, TrialSequence]
) -> dict[str, Measure | pd.DataFrame]:
    """Every table of the experiment, by name.

    A group is measured, a baseline or a variant; a condition is named as in `changes`.

    Returns:
        Per group and subject, where nothing is changed: subjects, by_trial; per
        condition, too: risky. Of the measured subjects: changes, doses, and of recorded
        ones rpe (`error_means`) and rpe_density. without_rpe: rows of `subjects` for
        every expected network trained without RPE. probabilities: high and
        low, of the large reward. by_value and value_weights: of measured subjects with
        known amounts. behaviour: risky, of the measured subjects, with their labels.
        Published: reference_rats.
    """
    conditions = trials_by_condition(groups[MEASURED], data.tests)
    variants = {name: read_trials(v.trials) for name, v in data.variants.items()}
    controls = {**groups, MEASURED: conditions[CONTROL], **variants}
    tested = {name: {CONTROL: trials} for name, trials in controls.items()}
    levels = known_probabilities(data.parameters, groups[MEASURED])
    subjects = by_group(controls, partial(subject_measures, levels=levels))
    risky = by_group({**tested, MEASURED: conditions}, percents)
    own = select_group(risky).drop(columns="group")
    errors = error_table(data.recordings, data.trials)
    measured = {MEASURED: groups[MEASURED]}
    return {
        "subjects": Measure(subjects, "risk_sensitivity", bounds=POINTS),
        "risky": Measure(risky, "percent", ("condition", "probability"), PERCENT),
        "by_trial": Measure(
            by_group(controls, percent_by_trial),
            "percent",
            ("probability", "place"),
            PERCENT,
        ),
        "changes": Measure(
            changes(own), "change", ("outcome", "span", "probability"), POINTS
        ),
        "doses": Measure(
            doses(own), "percent", ("outcome", "amount", "probability"), PERCENT
        ),
        "rpe": Measure(error_means(errors), "mean", ("outcome", "probability")),
        "rpe_density": error_densities(errors),
        "without_rpe": _without_rpe(subjects, data),
        "probabilities": pd.DataFrame([levels]),
        "by_value": Measure(
            by_group(measured, percent_by_value), "percent", ("difference",), PERCENT
        ),
        "value_weights": by_group(measured, value_weights),
        "behaviour": _behaviour(own, data),
        "reference_rats": reference_rats(),
    }


def _without_rpe(subjects: pd.DataFrame, data: ExperimentData) -> pd.DataFrame:
    """The variant's subjects, NaN for a missing one."""
    table = select_group(subjects, ABLATED)
    variant = data.variants.get(ABLATED)
    if variant is None or variant.expected_subjects is None:
        return table
    everyone = pd.RangeIndex(variant.expected_subjects, name="subject")
    return table.set_index("subject").reindex(everyone).reset_index()


def _behaviour(risky: pd.DataFrame, data: ExperimentData) -> pd.DataFrame:
    labels = risky["subject"].map(subject_labels(data))
    keys = ["condition", "probability"]
    columns = ["subject", "label", *keys, "percent", "trials"]
    named = with_all_subjects(risky.assign(label=labels)[columns], keys, "percent")
    return named.astype({"subject": "Int64", "trials": "Int64"})


GUIDE = Guide(
    measures={
        "percent": (
            "percentage of the valid, free trials with a choice in which the risky arm "
            "was chosen, at one probability of the large reward; trials is their number"
        ),
        "Risky choice along an episode": (
            "percent by free trial of the episode, counted from the first free one, in "
            "at most 20 bins"
        ),
        "Risky choice by expected reward": (
            "percent by p * reward_risky + (1 - p) * reward_risky_else - reward_safe, "
            "in at most 8 bins of equally many trials; of tables with the amounts"
        ),
        "value.slope.mean": (
            "slope of a logistic regression of risky choices on that difference (log "
            "odds per unit of reward)"
        ),
        "value.premium.mean": (
            "difference of expected rewards at which both arms are chosen equally "
            "often: above 0 for one that avoids risk"
        ),
    },
    n=(
        "A subject's number is over its trials at one probability; means, intervals "
        "and n are over subjects. A row of the table is one subject; trials is the "
        "number of its choices."
    ),
    missed=(
        "A trial without a valid choice, and a forced one, is left out. No measure "
        "depends on the trial before."
    ),
)
"""What the numbers of animals or people are."""
ANALYSIS = Analysis(
    schema=SCHEMA,
    parse=read_trials,
    measures=measures,
    effects=effects,
    panels=(
        Panel("Risky choice, dopamine changed", plot_stimulation, needs="networks"),
        Panel("Change from control", plot_changes, needs="networks"),
        Panel("Dose and response", plot_doses, needs="networks"),
        Panel("Risky choice, nothing changed", plot_groups),
        Panel("Risky choice along an episode", plot_trials, shared=True),
        Panel("Prediction error at the outcome", plot_errors, needs="recording"),
    ),
    own_panels=(
        Panel(
            "Risky choice by expected reward", plot_by_value, columns=("reward_risky",)
        ),
    ),
    guide=GUIDE,
    needs=("risky",),
    criteria=read_criteria(__name__),
    published={
        "forced_pairs": 5,
        "free_trials": 20,
        "reward_safe": 1.0,
        "reward_risky": 4.0,
        "probability_low": 0.125,
        "probability_high": 0.5,
        "probability_right": 0.5,
    },
)
"""From trial tables and recordings to effects and panels. Wang et al. 2018, Methods."""
