"""The two-step experiments: do choices and errors follow a model of the task?

The task of the paper and the human one share behaviour and panels; the criteria and the
model-based learner fit the former alone.
"""

from collections.abc import Iterator, Mapping

import pandas as pd

from metarl.analysis.analysis import Analysis, Panel, Release
from metarl.analysis.criteria import read_criteria
from metarl.analysis.data import ExperimentData
from metarl.analysis.measures import (
    MEASURED,
    Measure,
    by_group,
    stack,
    subject_labels,
    subject_rewards,
    thin,
    trials_by_group,
)
from metarl.analysis.statistics import PROBABILITY
from metarl.analysis.trials import TrialSequence
from metarl.analysis.two_step.animals import load_macaque_two_step
from metarl.analysis.two_step.behaviour import (
    SCHEMA,
    behaviour_summary,
    lag_regression,
    product_nulls,
    read_trials,
    stay_interaction,
    stay_probabilities,
    stay_regression,
)
from metarl.analysis.two_step.effects import TASK, effects
from metarl.analysis.two_step.plots import (
    plot_lag_weights,
    plot_model_based_errors,
    plot_model_free_errors,
    plot_rewards,
    plot_stay_probabilities,
    plot_stay_regression,
)
from metarl.analysis.two_step.references import reference_tables
from metarl.analysis.two_step.rpe import (
    R2_COLUMNS,
    REGRESSION_COLUMNS,
    error_regressions,
    error_table,
    model_free_residual,
    structure_of,
)
from metarl.core.files import Recording

POINT_COUNT = 1500
"""Prediction errors kept for the scatter, of the first recorded subject, per event."""
Errors = Mapping[tuple[str, int], pd.DataFrame]
"""Group and subject -> `error_table`."""


def measures(
    data: ExperimentData, groups: Mapping[str, TrialSequence]
) -> dict[str, Measure | pd.DataFrame]:
    """Every table of the experiment, by name.

    Returns:
        Per group and subject: subjects (with `product_nulls`), stays,
        stay_regression, lags; of recorded ones rpe (`error_regressions`) and its r2
        (one row a measure). For the scatter: rpe_points. behaviour:
        `behaviour_summary` of the measured subjects. Published: those of
        `reference_tables`.
    """
    stays = by_group(groups, stay_probabilities)
    keys = ["group", "subject"]
    interaction = stay_interaction(stays, keys).reset_index()
    subjects = (
        by_group(groups, subject_rewards)
        .merge(interaction, "left", on=keys)
        .merge(by_group(groups, product_nulls), "left", on=keys)
    )
    errors = _errors(data)
    rpe = _regressions(errors)
    r2 = rpe.melt(["group", "subject", "event"], list(R2_COLUMNS), "measure", "r2")
    labels = subject_labels(data)
    return {
        "subjects": Measure(subjects, "reward_per_100"),
        "stays": Measure(stays, "probability", ("reward", "transition"), PROBABILITY),
        "stay_regression": Measure(
            by_group(groups, stay_regression), "weight", ("term",)
        ),
        "lags": Measure(
            by_group(groups, lag_regression), "weight", ("lag", "transition", "reward")
        ),
        "rpe": rpe,
        "r2": Measure(r2, "r2", ("event", "measure"), PROBABILITY),
        "rpe_points": _points(errors),
        "behaviour": behaviour_summary(groups[MEASURED], labels),
        **reference_tables(),
    }


def _errors(data: ExperimentData) -> Errors:
    """Prediction errors of every recorded subject and baseline."""
    if data.task != TASK or data.discount is None:
        return {}
    tables = trials_by_group(data)
    errors = {}
    for group, subject, recording in _recorded(data):
        trials = tables[group]
        own = trials[trials["subject"] == subject]
        structure = structure_of(data.parameters)
        errors[group, subject] = error_table(recording, own, data.discount, structure)
    return errors


def _recorded(data: ExperimentData) -> Iterator[tuple[str, int, Recording]]:
    for subject, recording in data.recordings.items():
        yield MEASURED, subject, recording
    for name, recording in data.baseline_recordings.items():
        yield name, int(data.baselines[name]["subject"].iloc[0]), recording


def _regressions(errors: Errors) -> pd.DataFrame:
    frames = []
    for (group, subject), table in errors.items():
        names: dict[str, str | float] = {"group": group, "subject": subject}
        frames.append((names, error_regressions(table)))
    return stack(frames, ("group", "subject", *REGRESSION_COLUMNS))


def _points(errors: Errors) -> pd.DataFrame:
    """Evenly thinned errors of the first recorded subject, with the MF residual."""
    columns = ["subject", "event", "rpe", "model_based", "model_free_residual"]
    subjects = [subject for group, subject in errors if group == MEASURED]
    if not subjects or errors[MEASURED, subjects[0]].empty:
        return pd.DataFrame(columns=columns)
    table = errors[MEASURED, subjects[0]]
    rest = table.assign(
        subject=subjects[0], model_free_residual=model_free_residual(table)
    )
    frames = [thin(part, POINT_COUNT) for _, part in rest.groupby("event", sort=False)]
    return pd.concat(frames, ignore_index=True)[columns]


ANALYSIS = Analysis(
    schema=SCHEMA,
    parse=read_trials,
    measures=measures,
    effects=effects,
    panels=(
        Panel("Staying after each outcome", plot_stay_probabilities),
        Panel("Staying, as a regression", plot_stay_regression),
        Panel("Weights of past trials", plot_lag_weights),
        Panel("Rewards", plot_rewards, needs="networks"),
        Panel(
            "Prediction error: model-based", plot_model_based_errors, needs="recording"
        ),
        Panel(
            "Prediction error: model-free",
            plot_model_free_errors,
            needs="recording",
        ),
    ),
    needs=("transition",),
    needs_pairs=True,
    criteria=read_criteria(__name__),
    published={
        "trial_count": 100,
        "fixation": True,
        "probability_common": 0.8,
        "probability_high": 0.9,
        "probability_low": 0.1,
        "probability_switch": 0.025,
    },
    release=Release(
        variable="PreparedData", load=load_macaque_two_step, subjects_are="monkeys"
    ),
)
"""From trial tables and recordings to effects and panels."""
