"""The informative-arm experiment: does a network give up reward for information?

The informative arm has the lowest mean reward, but its reward reveals the best arm.

Source: Wang et al. 2016, arXiv 1611.05763, section 3.1.3.
"""

from collections.abc import Mapping

import pandas as pd

from metarl.analysis.analysis import Analysis, Panel
from metarl.analysis.criteria import read_criteria
from metarl.analysis.data import ExperimentData
from metarl.analysis.informative_arm.behaviour import (
    SCHEMA,
    Design,
    choices_after_clue,
    choices_by_trial,
    read_choices,
    regret_by_trial,
    subject_choices,
)
from metarl.analysis.informative_arm.effects import effects
from metarl.analysis.informative_arm.own import ANALYSIS as OWN_ANALYSIS
from metarl.analysis.informative_arm.plots import (
    plot_after_clue,
    plot_choices,
    plot_regret,
)
from metarl.analysis.measures import MEASURED, Measure, by_group
from metarl.analysis.statistics import PROBABILITY
from metarl.analysis.trials import EpisodeGrid


def measures(
    data: ExperimentData, groups: Mapping[str, EpisodeGrid]
) -> dict[str, Measure | pd.DataFrame]:
    """Every table of the experiment, by name.

    Returns:
        Per group and subject: subjects (`subject_choices`), choices
        (`choices_by_trial`) and regret (`regret_by_trial`). Of the measured subjects
        that chose the informative arm: after_clue (`choices_after_clue`).
    """
    design = Design.read(data.parameters)
    clues = choices_after_clue(groups[MEASURED], design)
    return {
        "subjects": by_group(groups, lambda grid: subject_choices(grid, design)),
        "choices": Measure(
            by_group(groups, lambda grid: choices_by_trial(grid, design)),
            "probability",
            ("trial", "kind"),
            PROBABILITY,
        ),
        "regret": Measure(
            by_group(groups, lambda grid: regret_by_trial(grid, design)),
            "regret",
            ("trial",),
        ),
        # A network that never chose the informative arm has no choices after it.
        "after_clue": Measure(
            clues.dropna(subset=["probability"]),
            "probability",
            ("target", "arm"),
            PROBABILITY,
        ),
    }


ANALYSIS = Analysis(
    schema=SCHEMA,
    parse=read_choices,
    measures=measures,
    effects=effects,
    panels=(
        Panel("Information first, then the target", plot_choices),
        Panel("Choices after the informative arm", plot_after_clue),
        Panel("Regret by trial", plot_regret),
    ),
    criteria=read_criteria(__name__),
    own=OWN_ANALYSIS,
    published={"arm_count": 11, "trial_count": 5},
)
"""From trial tables to effects and panels."""
