"""The two-step experiment: from trial tables and recordings to tables, effects, panels.

Everything a report or a command needs of this task stands here; what is computed stands
in the modules named two_step_*.
"""

from collections.abc import Callable, Mapping

import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.animals import load_two_step as load_animals
from metarl.analysis.data import ExperimentData
from metarl.analysis.measures import (
    MEASURED,
    about_table,
    by_group,
    label_table,
    summarise,
    trials_by_group,
)
from metarl.analysis.references import packaged
from metarl.analysis.two_step.behaviour import (
    behaviour_summary,
    lag_regression,
    stay_interaction,
    stay_probabilities,
    stay_regression,
    subject_rewards,
)
from metarl.analysis.two_step.effects import effects
from metarl.analysis.two_step.plots import (
    plot_lag_weights,
    plot_model_based_errors,
    plot_model_free_errors,
    plot_rewards,
    plot_stay_probabilities,
    plot_stay_regression,
)
from metarl.analysis.two_step.references import PlannerParams
from metarl.analysis.two_step.rpe import (
    R2_COLUMNS,
    REGRESSION_COLUMNS,
    error_regressions,
    error_table,
    model_free_residual,
)
from metarl.core.files import Recording

__all__ = [
    "BEHAVIOUR_PANELS",
    "PANELS",
    "effects",
    "load_animals",
    "reference_tables",
    "tables",
]

Panel = tuple[str, Callable[[Mapping[str, pd.DataFrame], Axes | None], Axes]]

TASK = "two-step"
"""The task of the paper; its planner and criteria do not fit another."""
POINT_COUNT = 1500
"""Prediction errors kept for the scatter, of the first recorded subject, per event."""

BEHAVIOUR_PANELS: tuple[Panel, ...] = (
    ("Staying after each outcome", plot_stay_probabilities),
    ("Staying, as a regression", plot_stay_regression),
    ("How far back choices look", plot_lag_weights),
)
"""Title and drawing of what any trial table shows, an animal's too."""
PANELS: tuple[Panel, ...] = (
    *BEHAVIOUR_PANELS,
    ("What was earned", plot_rewards),
    ("Prediction error: model-based", plot_model_based_errors),
    ("Prediction error: model-free rest", plot_model_free_errors),
)
"""Title and drawing of every panel; each takes `tables(source)` and axes."""


def tables(source: ExperimentData) -> dict[str, pd.DataFrame]:
    """Every table of the experiment, by name.

    A group is "measured" or the name of a reference strategy.

    Returns:
        Per group and subject: subjects, stays, stay_regression, lags, rpe. Over
        subjects, with mean, low, high and n: the same names with _summary. For the
        scatter: rpe_points. Published, with their sources: reference_stays,
        reference_regression, reference_rpe. summary: `behaviour_summary` of the
        measured subjects. about: task, subjects_are, discount, has_planner (the
        model-based reference knows this task), scored (the criteria apply: networks,
        on the task with the published probabilities).
    """
    groups = trials_by_group(source)
    made = {
        "stays": by_group(groups, stay_probabilities),
        "stay_regression": by_group(groups, stay_regression),
        "lags": by_group(groups, lag_regression),
    }
    made["subjects"] = _subjects(groups, made["stays"])
    errors = _errors(source)
    made["rpe"] = _regressions(errors)
    made |= _summaries(made)
    made["rpe_points"] = _points(errors)
    made["summary"] = behaviour_summary(source.trials)
    made["about"] = _about(source)
    return made | reference_tables()


def _subjects(groups: Mapping[str, pd.DataFrame], stays: pd.DataFrame) -> pd.DataFrame:
    rewards = by_group(groups, subject_rewards)
    interaction = stay_interaction(stays, ("group", "subject")).reset_index()
    names = by_group(groups, label_table)
    keys = ["group", "subject"]
    return rewards.merge(interaction, on=keys).merge(names, on=keys)


def _about(source: ExperimentData) -> pd.DataFrame:
    known = source.task == TASK and source.subjects_are == "networks"
    about = about_table(source, scored=known and _is_published(source))
    return about.assign(has_planner=known)


def _is_published(source: ExperimentData) -> bool:
    """Whether task and test are those that the criteria were fixed for."""
    known = {"trial_count": 100, "fixation": True}
    others = all(source.parameters.get(k, v) == v for k, v in known.items())
    return source.as_published and others and _planner(source) == PlannerParams()


def _planner(source: ExperimentData) -> PlannerParams:
    return PlannerParams.of_task(source.parameters)


def _errors(source: ExperimentData) -> dict[tuple[str, int], pd.DataFrame]:
    """Group and subject -> prediction errors beside the references'."""
    if source.task != TASK or source.discount is None:
        return {}
    recordings: dict[tuple[str, int], Recording] = {
        (MEASURED, subject): recording
        for subject, recording in source.recordings.items()
    }
    for name, recording in source.baseline_recordings.items():
        recordings[name, int(source.baselines[name]["subject"].iloc[0])] = recording
    groups = trials_by_group(source)
    made = {}
    for (group, subject), recording in recordings.items():
        trials = groups[group]
        made[group, subject] = error_table(
            recording,
            trials[trials["subject"] == subject],
            source.discount,
            planner=_planner(source),
        )
    return made


def _regressions(errors: Mapping[tuple[str, int], pd.DataFrame]) -> pd.DataFrame:
    parts = [pd.DataFrame(columns=["group", "subject", *REGRESSION_COLUMNS])]
    for (group, subject), table in errors.items():
        part = error_regressions(table)
        part.insert(0, "group", group)
        part.insert(1, "subject", subject)
        parts.append(part)
    return pd.concat(parts[1:] or parts, ignore_index=True)


def _summaries(made: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Means over subjects with their intervals."""
    cell = ["group", "reward", "transition"]
    weights = ["group", "lag", "transition", "reward"]
    rpe = made["rpe"].melt(["group", "event"], R2_COLUMNS, "measure", "r2")
    return {
        "stays_summary": summarise(made["stays"], "probability", cell),
        "stay_regression_summary": summarise(
            made["stay_regression"], "weight", ["group", "term"]
        ),
        "lags_summary": summarise(made["lags"], "weight", weights),
        "subjects_summary": summarise(made["subjects"], "reward_per_100", ["group"]),
        "rpe_summary": summarise(rpe, "r2", ["group", "event", "measure"]),
    }


def _points(errors: Mapping[tuple[str, int], pd.DataFrame]) -> pd.DataFrame:
    """Evenly thinned errors of the first recorded subject, with the MF residual."""
    columns = ["subject", "event", "rpe", "model_based", "model_free_residual"]
    subjects = [subject for group, subject in errors if group == MEASURED]
    if not subjects or errors[MEASURED, subjects[0]].empty:
        return pd.DataFrame(columns=columns)
    table = errors[MEASURED, subjects[0]]
    rest = table.assign(
        subject=subjects[0], model_free_residual=model_free_residual(table)
    )
    parts = [
        part.iloc[:: max(1, -(-len(part) // POINT_COUNT))]
        for _, part in rest.groupby("event", sort=False)
    ]
    return pd.concat(parts, ignore_index=True)[columns]


def reference_tables() -> dict[str, pd.DataFrame]:
    """Published results of animals, people and the paper's networks, with sources.

    Returns:
        reference_stays (kind, label, reward, transition, value, error),
        reference_regression (kind, label, term, value, error) and reference_rpe
        (reference: model-based or model-free, value); each with study, n and
        source_location. A kind is paper, animal or human.
    """
    rows = packaged("sim4_two_step.csv").assign(kind=_kind)
    paper = packaged("sim4_stay_probability_model.csv").rename(
        columns={
            "previous_reward": "reward",
            "previous_transition": "transition",
            "stay_probability": "value",
            "uncertainty": "error",
        }
    )
    paper["transition"] = paper["transition"].replace({"uncommon": "rare"})
    paper = paper.assign(kind="paper", label="paper")
    stays = rows[rows["transition"].notna()]
    shared = ["kind", "label", "study", "n", "value", "error", "source_location"]
    r2 = rows[rows["kind"] == "paper"].assign(
        reference=rows["condition"].str.extract("vs (model-.*) RPE", expand=False)
    )
    cells = [*shared, "reward", "transition"]
    return {
        "reference_stays": pd.concat([paper[cells], stays[cells]], ignore_index=True),
        "reference_regression": rows.loc[rows["term"].notna(), [*shared, "term"]],
        "reference_rpe": r2[[*shared, "reference"]],
    }


def _kind(rows: pd.DataFrame) -> "pd.Series[str]":
    kinds = {"rhesus macaque": "animal", "human": "human", "model": "paper"}
    return rows["species"].map(kinds)
