"""The reversal experiment: how fast is a formerly better option abandoned?

One analysis reads networks and monkeys alike. Its units: in the tables by subject, in
their summaries and in every effect, the subject (its mean over its blocks; n networks
or animals); in `behaviour` and the monkeys' reference rows, the block (n superblocks of
80 trials of all subjects), as in the published numbers.
"""

from collections.abc import Mapping

import pandas as pd

from metarl.analysis.analysis import Analysis, Guide, Panel, Release
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
from metarl.analysis.reversal.effects import PICTURE_NETWORKS, PICTURES, effects
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

    A group is measured, a baseline, or PICTURE_NETWORKS where that variant was tested.

    Returns:
        Per group and subject: subjects, by_schedule (one row a measure), curves.
        behaviour: `behaviour_summary` of the measured subjects, over blocks. Published:
        those of `reference_tables`.
    """
    if PICTURES in data.variants:
        trials = data.variants[PICTURES].trials
        groups = {**groups, PICTURE_NETWORKS: read_blocks(trials)}
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


GUIDE = Guide(
    measures={
        "p_better": (
            "share of the trials that count in which the better option was chosen; "
            "with alignment and trial, from the block's start (from 1, up to its "
            "first reversal) or around a reversal (0 is the first trial after it)"
        ),
        "stay_after_win": "share of pairs with the same choice twice, after a reward",
        "shift_after_loss": "share of pairs with another choice, after no reward",
        "at_reversal": "p_better on the first trial after a reversal",
        "late_acquisition": "p_better in trials 11 to 20 of a block, before a reversal",
        "late_reversal": "p_better in trials 11 to 20 after a reversal",
        "first_new_better": (
            "trials from a reversal to the first choice of the new better option; all "
            "trials after it where it is never chosen"
        ),
        "switch_delay": (
            "trials from a reversal to where choices most likely switched: the split "
            "of the trials from the reversal before to the one after into two "
            "stretches of one probability each that is most likely"
        ),
    },
    n=(
        "In the table, values are means over blocks, with their standard error over "
        "blocks, and n is the number of blocks (of reversals, around a reversal). A "
        "block's number is the mean over its reversals. In the figure and the effects, "
        "a subject's number is the mean over its blocks, and n is the number of "
        "subjects."
    ),
    missed=(
        "A trial counts if it is valid and free and has a choice. A missed trial "
        "keeps its place: trials from a reversal are counted by their numbers. Around "
        "it there is no pair for staying."
    ),
)
"""What the numbers of animals or people are."""
ANALYSIS = Analysis(
    schema=SCHEMA,
    parse=read_blocks,
    measures=measures,
    effects=effects,
    panels=(
        Panel("Around the reversal", plot_reversal, shared=True),
        Panel("Acquisition", plot_acquisition, shared=True),
        Panel("Choosing the better option", plot_better, shared=True),
        Panel("After a win, after a loss", plot_staying, shared=True),
        Panel("Switching after the reversal", plot_switching, shared=True),
        Panel("Every subject", plot_subjects),
    ),
    guide=GUIDE,
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
