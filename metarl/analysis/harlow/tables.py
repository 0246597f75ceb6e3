"""The learning-set experiments: from trial tables to tables, effects and panels.

Six trials with two new things, one of which pays: in the first nothing can be known, in
the second everything. The question is whether a network that has met many such problems
solves new ones from the second trial on, with its weights frozen; and what of the first
trial it keeps.

Source: Harlow 1949, Psychol Rev 56:51; Wang et al. 2018, Nat Neurosci 21:860,
    Simulation 5.
"""

from collections.abc import Callable, Mapping

import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.bridge import about_table, label_table, packaged
from metarl.analysis.data import ExperimentData
from metarl.analysis.harlow.course import (
    change_points,
    curves_table,
    durations_table,
    stage_accuracy,
)
from metarl.analysis.harlow.effects import effects, of_test
from metarl.analysis.harlow.memory_plots import (
    plot_accounts,
    plot_decoding,
    plot_gaze,
    plot_tests,
)
from metarl.analysis.harlow.plots import (
    plot_animals,
    plot_course,
    plot_durations,
    plot_networks,
    plot_paper,
)
from metarl.analysis.harlow.trials import by_test, ceiling_table
from metarl.analysis.harlow.units import decoding_table, gaze_table
from metarl.analysis.measures import MEASURED, summarise
from metarl.core.files import Recording

__all__ = ["BEHAVIOUR_PANELS", "PANELS", "effects", "tables"]

Panel = tuple[str, Callable[[Mapping[str, pd.DataFrame], Axes | None], Axes]]

TASKS = ("harlow-line", "harlow")
"""The tasks that the criteria were fixed for."""
TRIAL_COUNT = 6
"""Trials of a published problem."""
TRACED = 100
"""Problems whose gaze is drawn, of one subject."""

BEHAVIOUR_PANELS: tuple[Panel, ...] = (
    ("Our networks, weights frozen", plot_networks),
    ("Monkeys", plot_animals),
    ("The paper's networks", plot_paper),
)
"""Title and drawing of what a trial table shows."""
PANELS: tuple[Panel, ...] = (
    *BEHAVIOUR_PANELS,
    ("How it is learned", plot_course),
    ("How long it takes", plot_durations),
    ("Other tests of the same networks", plot_tests),
    ("What is kept: by the control", plot_accounts),
    ("What is kept: by the units", plot_decoding),
    ("Gaze, once the pictures are there", plot_gaze),
)
"""Title and drawing of every panel; each takes `tables(source)` and axes."""


def tables(source: ExperimentData) -> dict[str, pd.DataFrame]:
    """Every table of the experiment, by name.

    A group is "measured", a population that was trained otherwise, or the name of a
    reference strategy; a test is "test" or the name of a further one.

    Returns:
        accuracy (`accuracy_by_trial`) and subjects (`subject_accuracy`) by group and
        test; accuracy_summary and subjects_summary (of trials 2 to 6) over subjects;
        ceiling (`ceiling_table`); curves (`curves_table`), changes (`change_points`),
        durations (`durations_table`), stages (`stage_accuracy`) and stages_summary;
        decoding (`decoding_table`) and decoding_summary of its r2_target; gaze
        (`gaze_table`, of one subject); reference, the published curves; labels; about:
        task, subjects_are, discount, scored, expected.
    """
    tests = _tests(source)
    made = by_test(tests)
    count = int(str(source.parameters.get("trial_count", TRIAL_COUNT)))
    own = of_test(made, MEASURED, "test")
    made["curves"] = curves_table(source.curves, count)
    made["changes"] = change_points(made["curves"], own)
    made["durations"] = durations_table(made["changes"])
    made["ceiling"] = ceiling_table(own)
    every = made["accuracy"]
    final = every[(every["group"] == MEASURED) & (every["test"] == "test")]
    made["stages"] = stage_accuracy(
        source.stages,
        made["changes"],
        final.drop(columns=["group", "test"]),
        float(made["curves"]["steps"].max()),
    )
    decoding = decoding_table(_recordings(source), tests)
    sides, kept = ["group", "test"], ["group", "test", "units"]
    return made | {
        "about": _about(source, count),
        "labels": label_table(source.trials),
        "accuracy_summary": summarise(every, "accuracy", [*sides, "trial"]),
        "subjects_summary": summarise(made["subjects"], "later_trials", sides),
        "stages_summary": summarise(made["stages"], "accuracy", ["stage", "trial"]),
        "decoding": decoding,
        "decoding_summary": summarise(decoding, "r2_target", kept),
        "gaze": _gaze(source),
        "reference": packaged("sim5_learning_set_curves.csv"),
    }


def _about(source: ExperimentData, trial_count: int) -> pd.DataFrame:
    known = source.task in TASKS and source.subjects_are == "networks"
    published = source.as_published and trial_count == TRIAL_COUNT
    return about_table(source, scored=known and published)


def _tests(source: ExperimentData) -> dict[tuple[str, str], pd.DataFrame]:
    """(group, test) -> trial table, the measured subjects' main test first."""
    made = {(MEASURED, "test"): source.trials}
    made |= {(MEASURED, name): table for name, table in source.tests.items()}
    for name, control in source.variants.items():
        made[name, "test"] = control.trials
        made |= {(name, test): table for test, table in control.tests.items()}
    return made | {(k, "test"): table for k, table in source.baselines.items()}


def _recordings(source: ExperimentData) -> dict[tuple[str, str, int], Recording]:
    """(group, test, subject) -> step recording."""
    made: dict[tuple[str, str, int], Recording] = {}
    for group, one in {MEASURED: source, **source.variants}.items():
        tests = {"test": one.recordings, **one.test_recordings}
        for test, recordings in tests.items():
            made |= {(group, test, k): found for k, found in recordings.items()}
    return made


def _gaze(source: ExperimentData) -> pd.DataFrame:
    """Gaze of the first recorded subject."""
    for subject, recording in source.recordings.items():
        trials = source.trials[source.trials["subject"] == subject]
        if "target_left" in trials:
            return gaze_table(recording, trials, TRACED)
    return pd.DataFrame(columns=["subject", "episode", "trial", "decision", "gaze"])
