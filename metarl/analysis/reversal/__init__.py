"""The reversal experiment: how fast is a formerly better option abandoned?

One analysis reads networks and monkeys alike. Its units: in the tables by subject, in
their summaries and in every effect, the subject (its mean over its blocks; n networks
or animals); in `behaviour` and the monkeys' reference rows, the block (n superblocks of
80 trials of all subjects), as in the published numbers.
"""

from collections.abc import Mapping

import pandas as pd

from metarl.analysis.analysis import Analysis, Panel, Release
from metarl.analysis.criteria import read_criteria
from metarl.analysis.data import ExperimentData
from metarl.analysis.measures import MEASURED, Measure, by_group, subject_labels
from metarl.analysis.reversal.animals import load_macaque_reversal
from metarl.analysis.reversal.behaviour import (
    BOUNDS,
    SCHEMA,
    Blocks,
    behaviour_summary,
    curves,
    read_blocks,
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
from metarl.analysis.statistics import PROBABILITY


def measures(
    data: ExperimentData, groups: Mapping[str, Blocks]
) -> dict[str, Measure | pd.DataFrame]:
    """Every table of the experiment, by name.

    Returns:
        Per group and subject: subjects, by_schedule (one row a measure), curves.
        behaviour: `behaviour_summary` of the measured subjects, over blocks. Published:
        those of `reference_tables`.
    """
    point = ("schedule", "alignment", "trial")
    return {
        "subjects": Measure(
            by_group(groups, subject_measures), "p_better", bounds=PROBABILITY
        ),
        "by_schedule": Measure(
            by_group(groups, schedule_measures),
            "value",
            ("schedule", "measure"),
            BOUNDS,
        ),
        "curves": Measure(by_group(groups, curves), "probability", point, PROBABILITY),
        "behaviour": behaviour_summary(groups[MEASURED], subject_labels(data)),
        **reference_tables(),
    }


ANALYSIS = Analysis(
    schema=SCHEMA,
    parse=read_blocks,
    measures=measures,
    effects=effects,
    panels=(
        Panel("Around the reversal", plot_reversal),
        Panel("Acquisition", plot_acquisition),
        Panel("Choosing the better option", plot_better),
        Panel("After a win, after a loss", plot_staying),
        Panel("Switching after the reversal", plot_switching),
        Panel("Every subject", plot_subjects),
    ),
    criteria=read_criteria(__name__),
    published={
        "trial_count": 80,
        "schedule": "mixed",
        "reversal_least": 31,
        "reversal_most": 50,
        "fixation": True,
    },
    release=Release(
        variable="all_stats", load=load_macaque_reversal, subjects_are="monkeys"
    ),
)
"""From trial tables of networks or monkeys to effects and panels."""
