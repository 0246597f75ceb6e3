"""Risky choice under changed dopamine: from trial tables to tables, effects, panels.

Everything a report or a command needs of this task stands here; what is computed stands
in the modules named risky_choice_*.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.bridge import about_table, label_table, load_table
from metarl.analysis.data import ExperimentData
from metarl.analysis.measures import MEASURED, select_group, summarise, trials_by_group
from metarl.analysis.risky_choice.change_plots import (
    plot_changes,
    plot_doses,
    plot_stimulation,
)
from metarl.analysis.risky_choice.changes import (
    CONTROL,
    changes,
    doses,
    percents,
    reference_rats,
    summarise_changes,
)
from metarl.analysis.risky_choice.effects import ABLATED, effects
from metarl.analysis.risky_choice.plots import plot_errors, plot_groups, plot_trials
from metarl.analysis.risky_choice.rpe import (
    error_densities,
    error_means,
    outcome_errors,
)
from metarl.analysis.risky_choice.trials import (
    DIGITS,
    check_risky_choice,
    percent_by_trial,
    subject_table,
)

__all__ = ["BEHAVIOUR_PANELS", "PANELS", "effects", "load_animals", "tables"]

Panel = tuple[str, Callable[[Mapping[str, pd.DataFrame], Axes | None], Axes]]

PUBLISHED: Mapping[str, float] = {
    "forced_pairs": 5,
    "free_trials": 20,
    "reward_safe": 1.0,
    "reward_risky": 4.0,
    "probability_low": 0.125,
    "probability_high": 0.5,
    "probability_right": 0.5,
}
"""The task's parameters that the criteria were fixed for. Wang et al. 2018, Methods."""
NEEDED_COLUMNS = (
    "subject",
    "trial",
    "choice",
    "reward",
    "risky",
    "probability_risky",
)
"""Columns that a user's table must have."""

BEHAVIOUR_PANELS: tuple[Panel, ...] = (
    ("Risky choice, nothing changed", plot_groups),
    ("Risky choice along an episode", plot_trials),
)
"""Title and drawing of what any trial table shows, an animal's too."""
PANELS: tuple[Panel, ...] = (
    ("Risky choice, dopamine changed", plot_stimulation),
    ("Change from control", plot_changes),
    ("Dose and response", plot_doses),
    *BEHAVIOUR_PANELS,
    ("Prediction error at the outcome", plot_errors),
)
"""Title and drawing of every panel; each takes `tables(source)` and axes."""


def load_animals(path: Path | str) -> pd.DataFrame:
    """Read an animal's risky choices from a CSV or parquet table.

    Besides the columns of every trial table it needs risky (1 where the risky arm was
    chosen, 0 where the safe one was, blank without a choice) and probability_risky
    (chance that the risky arm paid). A column `condition` may name the trials on which
    an outcome was changed, as in `risky_choice_changes`; others are "control".
    """
    return load_table(path, NEEDED_COLUMNS, check_risky_choice)


def tables(source: ExperimentData) -> dict[str, pd.DataFrame]:
    """Every table of the experiment, by name.

    A group is "measured", the name of a reference strategy, or that of a population
    that was trained otherwise. A condition is "control" or named as in
    `risky_choice_changes`.

    Returns:
        subjects: `subject_table` with group and label.
        risky: percent risky by group, condition, subject and probability.
        by_trial: `percent_by_trial` of the control condition, by group.
        changes, doses: of the measured subjects, by `changes` and `doses`.
        rpe, rpe_density: `error_means`, `error_densities` of the recorded subjects.
        The same with _summary: over subjects, mean, low, high and n (changes: and p).
        reference_rats: the published directions, with their sources.
        summary: risky, of the measured subjects alone.
        about: `about_table`, with high and low, the two chances of the large reward,
        and expected_ablated, subjects that were to be trained without RPE.
    """
    check_risky_choice(source.trials)
    conditions = _conditions(source)
    groups = {**trials_by_group(source), MEASURED: conditions[CONTROL]}
    groups |= {name: control.trials for name, control in source.variants.items()}
    about = _about(source)
    made = {
        "subjects": _subjects(groups, about),
        "risky": _risky(groups, conditions),
        "by_trial": _stacked({k: percent_by_trial(v) for k, v in groups.items()}),
    }
    measured = select_group(made["risky"]).drop(columns="group")
    made["changes"], made["doses"] = changes(measured), doses(measured)
    errors = _errors(source, conditions[CONTROL])
    made["rpe"], made["rpe_density"] = error_means(errors), error_densities(errors)
    made |= _summaries(made)
    made["summary"] = _summary(measured, source.trials)
    made["about"] = about
    made["reference_rats"] = reference_rats()
    return made


def _conditions(source: ExperimentData) -> dict[str, pd.DataFrame]:
    """Trial tables of the measured subjects by condition, the control first."""
    if "condition" not in source.trials:
        return {CONTROL: source.trials, **source.tests}
    named = source.trials["condition"].fillna(CONTROL)
    found = {CONTROL: source.trials[named == CONTROL]}
    others = [name for name in named.unique() if name != CONTROL]
    return found | {str(name): source.trials[named == name] for name in others}


def _stacked(parts: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Tables of several groups as one, with the group as the first column."""
    return pd.concat(
        [part.assign(group=name)[["group", *part]] for name, part in parts.items()],
        ignore_index=True,
    )


def _about(source: ExperimentData) -> pd.DataFrame:
    """What the tables are about; the chances are the task's, or those animals met."""
    published = all(source.parameters.get(k, v) == v for k, v in PUBLISHED.items())
    networks = source.subjects_are == "networks"
    about = about_table(source, scored=networks and source.as_published and published)
    known = {**PUBLISHED, **source.parameters}
    chances = [float(str(known[f"probability_{name}"])) for name in ("high", "low")]
    if not networks:
        met = source.trials["probability_risky"].astype(float)
        chances = [float(met.max()), float(met.min())]
    about["high"], about["low"] = (round(chance, DIGITS) for chance in chances)
    ablated = source.variants.get(ABLATED)
    expected = None if ablated is None else ablated.expected_subjects
    return about.assign(expected_ablated=pd.Series([expected], dtype=object))


def _subjects(groups: Mapping[str, pd.DataFrame], about: pd.DataFrame) -> pd.DataFrame:
    high, low = float(about["high"].iloc[0]), float(about["low"].iloc[0])
    return _stacked(
        {
            name: subject_table(trials, high, low).merge(label_table(trials))
            for name, trials in groups.items()
        }
    )


def _risky(
    groups: Mapping[str, pd.DataFrame], conditions: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """The measured subjects in every condition, the others in control."""
    alone = {k: percents({CONTROL: v}) for k, v in groups.items() if k != MEASURED}
    return _stacked({MEASURED: percents(conditions), **alone})


def _errors(source: ExperimentData, trials: pd.DataFrame) -> dict[int, pd.DataFrame]:
    """Errors at the outcomes of the measured subjects that were recorded."""
    return {
        subject: outcome_errors(recording, trials[trials["subject"] == subject])
        for subject, recording in source.recordings.items()
    }


def _summaries(made: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Means over subjects with their intervals."""
    where = ["group", "condition", "probability"]
    place = ["group", "probability", "place"]
    return {
        "risky_summary": summarise(made["risky"], "percent", where),
        "by_trial_summary": summarise(made["by_trial"], "percent", place),
        "changes_summary": summarise_changes(made["changes"]),
        "doses_summary": summarise(
            made["doses"], "percent", ["kind", "amount", "probability"]
        ),
        "rpe_summary": summarise(made["rpe"], "mean", ["kind", "probability"]),
    }


def _summary(measured: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """What stands in a file for animals: percent risky with each subject's label."""
    named = measured.merge(label_table(trials), on="subject")
    return named[["subject", "label", "condition", "probability", "percent", "trials"]]
