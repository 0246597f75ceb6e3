"""The reversal experiment: from trial tables of any subjects to effects and panels.

One analysis reads networks and monkeys alike. Its units: in the tables by subject, in
their summaries and in every effect, the subject (its mean over its blocks; n networks
or animals); in `summary` and the monkeys' reference rows, the block (n superblocks of
80 trials, whoever did them), as in the published numbers.
"""

from collections.abc import Callable, Mapping

import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.data import ExperimentData
from metarl.analysis.measures import (
    about_table,
    by_group,
    label_table,
    summarise,
    trials_by_group,
)
from metarl.analysis.reversal.animals import load_reversal as load_animals
from metarl.analysis.reversal.behaviour import (
    behaviour_summary,
    curves,
    schedule_measures,
    subject_measures,
)
from metarl.analysis.reversal.effects import effects
from metarl.analysis.reversal.plots import (
    plot_acquisition,
    plot_better,
    plot_reversal,
    plot_staying,
    plot_subjects,
    plot_switching,
)
from metarl.analysis.reversal.references import reference_tables

__all__ = [
    "BEHAVIOUR_PANELS",
    "PANELS",
    "effects",
    "load_animals",
    "reference_tables",
    "tables",
]

Panel = tuple[str, Callable[[Mapping[str, pd.DataFrame], Axes | None], Axes]]

TASK = "reversal"
"""The task that the criteria are for."""
PUBLISHED = {
    "trial_count": 80,
    "schedule": "mixed",
    "reversal_least": 31,
    "reversal_most": 50,
    "fixation": True,
}
"""The task's parameters that the criteria were fixed for."""

BEHAVIOUR_PANELS: tuple[Panel, ...] = (
    ("Around the reversal", plot_reversal),
    ("Learning at first", plot_acquisition),
    ("Choosing what is better", plot_better),
    ("After a win, after a loss", plot_staying),
    ("Turning round", plot_switching),
    ("Every subject", plot_subjects),
)
"""Title and drawing of what any trial table shows, an animal's too."""
PANELS: tuple[Panel, ...] = BEHAVIOUR_PANELS
"""Title and drawing of every panel; each takes `tables(source)` and axes."""


def tables(source: ExperimentData) -> dict[str, pd.DataFrame]:
    """Every table of the experiment, by name.

    A group is "measured" or the name of a reference strategy.

    Returns:
        Per group and subject: subjects, by_schedule (one row a measure), curves. Over
        subjects, with mean, low, high and n: the same names with _summary. Published,
        with their sources: those of `reference_tables`. summary: `behaviour_summary`
        of the measured subjects, over blocks. about: task, subjects_are, discount,
        scored (networks, on the task and test of the criteria), expected.
    """
    groups = trials_by_group(source)
    subjects = by_group(groups, subject_measures)
    names = by_group(groups, label_table)
    made = {
        "subjects": subjects.merge(names, on=["group", "subject"]),
        "by_schedule": by_group(groups, schedule_measures),
        "curves": by_group(groups, curves),
        "summary": behaviour_summary(source.trials),
        "about": about_table(source, scored=_is_published(source)),
    }
    return made | _summaries(made) | reference_tables()


def _is_published(source: ExperimentData) -> bool:
    """Whether task and test are those that the criteria were fixed for."""
    known = source.task == TASK and source.subjects_are == "networks"
    same = all(source.parameters.get(k, v) == v for k, v in PUBLISHED.items())
    return known and same and source.as_published


def _summaries(made: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Means over subjects with their intervals."""
    cell = ["group", "schedule", "measure"]
    point = ["group", "schedule", "alignment", "trial"]
    return {
        "subjects_summary": summarise(made["subjects"], "p_better", ["group"]),
        "by_schedule_summary": summarise(made["by_schedule"], "value", cell),
        "curves_summary": summarise(made["curves"], "probability", point),
    }
