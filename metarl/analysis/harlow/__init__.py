"""The learning-set experiments: is a new problem solved after a single trial?

A problem has six trials with two new objects, one of which is rewarded: in the first
nothing can be known, in the second everything. The question is whether a network that
has met many such problems solves new ones from the second trial on, with frozen
weights, and which memory of the first trial it uses.

Source: Harlow 1949, Psychol Rev 56:51; Wang et al. 2018, Nat Neurosci 21:860,
    Simulation 5.
"""

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from metarl.analysis.analysis import Analysis, Panel
from metarl.analysis.criteria import read_criteria
from metarl.analysis.data import ExperimentData
from metarl.analysis.harlow.behaviour import (
    MAIN,
    SCHEMA,
    accuracy_by_trial,
    ceiling_table,
    gaze_table,
    read_trials,
    subject_accuracy,
)
from metarl.analysis.harlow.course import (
    change_points,
    curves_table,
    durations_table,
    stage_accuracy,
)
from metarl.analysis.harlow.effects import effects
from metarl.analysis.harlow.interchange import COLUMNS as INTERCHANGE_COLUMNS
from metarl.analysis.harlow.interchange import TEST as INTERCHANGE
from metarl.analysis.harlow.interchange import interchange_table
from metarl.analysis.harlow.own import ANALYSIS as OWN_ANALYSIS
from metarl.analysis.harlow.plots import (
    plot_accounts,
    plot_animals,
    plot_course,
    plot_decoding,
    plot_durations,
    plot_gaze,
    plot_interchange,
    plot_networks,
    plot_paper,
    plot_tests,
)
from metarl.analysis.harlow.units import decoding_table
from metarl.analysis.measures import (
    MEASURED,
    Measure,
    rows_at,
    select_group,
    stack,
)
from metarl.analysis.references import read_reference
from metarl.analysis.statistics import HELD_OUT_R2, PROBABILITY
from metarl.analysis.trials import TrialSequence
from metarl.core.files import Recording

TRACED = 100
"""Problems of one subject with their gaze drawn."""


class Tested(NamedTuple):
    """One group in one test."""

    trials: pd.DataFrame
    """Trial table of its subjects."""
    recordings: Mapping[int, Recording]
    """Subject -> its step recording."""


def measures(
    data: ExperimentData, groups: Mapping[str, TrialSequence]
) -> dict[str, Measure | pd.DataFrame]:
    """Every table of the experiment, by name.

    A group is "measured" or the name of a variant or baseline; a test is MAIN or the
    name of a further one.

    Returns:
        By group and test: accuracy (`accuracy_by_trial`), tests (`subject_accuracy`),
        decoding (`decoding_table`). By group: interchange (`interchange_table`).
        subjects: those of the main test. Of the measured subjects: ceiling
        (`ceiling_table`), gaze (`gaze_table`, of one) and those of `course_tables`.
        reference, the published curves.
    """
    tests = _tests(data)
    parsed = {
        (group, test): groups[group]
        if test == MAIN and group in groups
        else read_trials(one.trials)
        for (group, test), one in tests.items()
    }
    labelled = [({"group": g, "test": t}, trials) for (g, t), trials in parsed.items()]
    accuracy = stack((names, accuracy_by_trial(trials)) for names, trials in labelled)
    by_test = stack((names, subject_accuracy(trials)) for names, trials in labelled)
    subjects = rows_at(by_test, test=MAIN).drop(columns="test")
    decoding = stack(
        ({"group": group, "test": test}, decoding_table(one.recordings, one.trials))
        for (group, test), one in tests.items()
    )
    return {
        "accuracy": Measure(accuracy, "accuracy", ("test", "trial"), PROBABILITY),
        "tests": Measure(by_test, "later_trials", ("test",), PROBABILITY),
        "subjects": subjects,
        "ceiling": ceiling_table(select_group(subjects)),
        **_course_tables(data, subjects, accuracy),
        "decoding": Measure(decoding, "r2_target", ("test", "units"), HELD_OUT_R2),
        "interchange": Measure(
            _interchange(data), "share", ("donor", "part", "measure"), PROBABILITY
        ),
        "gaze": _gaze(data),
        "reference": read_reference(__name__, "curves"),
    }


def _tests(data: ExperimentData) -> dict[tuple[str, str], Tested]:
    """Group and test -> its data, the main test of the measured subjects first."""
    tests = {}
    for group, one in {MEASURED: data, **data.variants}.items():
        tests[group, MAIN] = Tested(one.trials, one.recordings)
        for name, trials in one.tests.items():
            # Its rows are second trials with the memory of other problems.
            if name != INTERCHANGE:
                tests[group, name] = Tested(trials, one.test_recordings.get(name, {}))
    for name, trials in data.baselines.items():
        tests[name, MAIN] = Tested(trials, {})
    return tests


def _interchange(data: ExperimentData) -> pd.DataFrame:
    """Shares of choices that follow the donor, of networks and variants."""
    groups = {MEASURED: data, **data.variants}
    return stack(
        [
            ({"group": group}, interchange_table(one.tests[INTERCHANGE]))
            for group, one in groups.items()
            if INTERCHANGE in one.tests
        ],
        ("group", *INTERCHANGE_COLUMNS),
    )


def _course_tables(
    data: ExperimentData, subjects: pd.DataFrame, accuracy: pd.DataFrame
) -> dict[str, Measure | pd.DataFrame]:
    """The course of learning of the measured subjects.

    Returns:
        curves (`curves_table`), changes (`change_points`), durations
        (`durations_table`) and stages (`stage_accuracy`).
    """
    curves = curves_table(data.curves, data.parameters)
    changes = change_points(curves, select_group(subjects))
    stages = stage_accuracy(
        {done: read_trials(table) for done, table in data.stages.items()},
        changes,
        rows_at(accuracy, group=MEASURED, test=MAIN).drop(columns=["group", "test"]),
        float(curves["steps"].max()),
    )
    return {
        "curves": curves,
        "changes": changes,
        "durations": durations_table(changes),
        "stages": Measure(stages, "accuracy", ("stage", "trial"), PROBABILITY),
    }


def _gaze(data: ExperimentData) -> pd.DataFrame:
    """Gaze of the first recorded subject."""
    if data.recordings and "target_left" in data.trials:
        subject, recording = next(iter(data.recordings.items()))
        own = data.trials[data.trials["subject"] == subject]
        return gaze_table(recording, own, TRACED)
    return pd.DataFrame(columns=["subject", "episode", "trial", "decision", "gaze"])


ANALYSIS = Analysis(
    schema=SCHEMA,
    parse=read_trials,
    measures=measures,
    effects=effects,
    panels=(
        Panel("Our networks, weights frozen", plot_networks),
        Panel("Monkeys", plot_animals),
        Panel("The paper's networks", plot_paper),
        Panel("Course of learning", plot_course, needs="networks"),
        Panel("Duration of learning", plot_durations, needs="networks"),
        Panel("Other tests of the same networks", plot_tests, needs="networks"),
        Panel("Memory, by the control", plot_accounts, needs="networks"),
        Panel("Memory, by the units", plot_decoding, needs="recording"),
        Panel("Memory, by interchange", plot_interchange, needs="networks"),
        Panel("Gaze after the pictures appear", plot_gaze, needs="recording"),
    ),
    needs=("correct",),
    criteria=read_criteria(__name__),
    own=OWN_ANALYSIS,
    published={"trial_count": 6},
)
"""From trial tables and recordings to effects and panels."""
