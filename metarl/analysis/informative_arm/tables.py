"""The informative-arm experiment: from trial tables to tables, effects and panels.

The question is whether a network has learned to pay for information: to take the arm
that pays least on average, because it tells which arm pays most.

Source: Wang et al. 2016, arXiv 1611.05763, section 3.1.3.
"""

from collections.abc import Callable, Mapping

import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.bridge import about_table, grouped_grids, label_table
from metarl.analysis.data import ExperimentData
from metarl.analysis.informative_arm.choices import (
    ARM_COUNT,
    TRIAL_COUNT,
    choice_grid,
    choices_after_clue,
    choices_by_trial,
    regret_by_trial,
    subject_choices,
)
from metarl.analysis.informative_arm.effects import effects, is_published
from metarl.analysis.informative_arm.plots import (
    plot_after_clue,
    plot_choices,
    plot_regret,
)
from metarl.analysis.measures import MEASURED, by_group, summarise, trials_by_group

__all__ = ["BEHAVIOUR_PANELS", "PANELS", "effects", "tables"]

Panel = tuple[str, Callable[[Mapping[str, pd.DataFrame], Axes | None], Axes]]

TASK = "informative-arm"
"""The task that the criteria were fixed for."""

BEHAVIOUR_PANELS: tuple[Panel, ...] = (
    ("First ask, then take the target", plot_choices),
    ("What is made of the answer", plot_after_clue),
    ("What asking costs and saves", plot_regret),
)
"""Title and drawing of what a trial table shows."""
PANELS = BEHAVIOUR_PANELS
"""Title and drawing of every panel; each takes `tables(source)` and axes."""


def tables(source: ExperimentData) -> dict[str, pd.DataFrame]:
    """Every table of the experiment, by name.

    A group is "measured" or the name of a reference strategy.

    Returns:
        Per group and subject: subjects (`subject_choices`), choices
        (`choices_by_trial`), regret (`regret_by_trial`) and, of the measured alone,
        after_clue (`choices_after_clue`). Over subjects, with mean, low, high and n:
        choices_summary, regret_summary and, over those who asked, after_clue_summary.
        about: task, subjects_are, discount, scored, expected, arm_count, trial_count.
    """
    about = _about(source)
    arms = int(about["arm_count"].iloc[0])
    groups = trials_by_group(source)
    grids = {name: choice_grid(trials) for name, trials in groups.items()}
    made = {
        "about": about,
        "choices": grouped_grids(grids, lambda grid: choices_by_trial(grid, arms)),
        "regret": grouped_grids(grids, regret_by_trial),
        "after_clue": choices_after_clue(grids[MEASURED], arms),
    }
    subjects = grouped_grids(grids, lambda grid: subject_choices(grid, arms))
    labels = by_group(groups, label_table)
    made["subjects"] = subjects.merge(labels, on=["group", "subject"])
    return made | _summaries(made)


def _about(source: ExperimentData) -> pd.DataFrame:
    """What the tables are about, with the numbers of arms and of trials."""
    usual = {"arm_count": ARM_COUNT, "trial_count": TRIAL_COUNT}
    counts = {k: int(str(source.parameters.get(k, v))) for k, v in usual.items()}
    known = source.task == TASK and source.subjects_are == "networks"
    scored = known and source.as_published and is_published(**counts)
    return about_table(source, scored=scored).assign(**counts)


def _summaries(made: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Means over subjects with their intervals."""
    kinds = ["group", "trial", "kind"]
    # A network that never asks has no answer to make use of.
    clues = made["after_clue"].dropna(subset=["probability"])
    return {
        "choices_summary": summarise(made["choices"], "probability", kinds),
        "regret_summary": summarise(made["regret"], "regret", ["group", "trial"]),
        "after_clue_summary": summarise(clues, "probability", ["target", "arm"]),
    }
