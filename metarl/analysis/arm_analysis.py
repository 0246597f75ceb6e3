"""The analysis of animals or people that choose among several arms."""

from collections.abc import Callable, Mapping
from functools import partial

import pandas as pd

from metarl.analysis.analysis import Analysis, Context, Guide, Panel
from metarl.analysis.arm_plots import (
    plot_arm_fits,
    plot_arm_staying,
    plot_best_curve,
    plot_regret_curve,
    plot_reward_curve,
    plot_tried_curve,
)
from metarl.analysis.arms import (
    NAMED_ARMS,
    ArmTrials,
    arm_trials,
    behaviour_values,
    curves,
    staying,
    subject_numbers,
)
from metarl.analysis.data import ExperimentData
from metarl.analysis.effects import Effect
from metarl.analysis.measures import (
    MEASURED,
    Measure,
    Tables,
    behaviour_rows,
    by_group,
    select_group,
    subject_labels,
    subject_values,
)
from metarl.analysis.schema import TrialSchema
from metarl.analysis.statistics import (
    DIFFERENCE,
    NO_BOUNDS,
    NOT_NEGATIVE,
    PROBABILITY,
)
from metarl.analysis.trials import trial_sequence

EFFECTS = {
    "reward_per_counted_trial": "reward per trial that counts",
    "p_best": "P(best arm)",
    "regret_per_trial": "regret per trial",
    "stay_after_high": "P(same arm | reward above the subject's mean)",
    "stay_after_low": "P(same arm | reward not above the subject's mean)",
    "stay_difference": "P(same arm), after a high minus after a low reward",
    "learning_rate": "learning rate",
    "likelihood_gain": "log likelihood per choice beyond random choice",
}
"""Column of the table of subjects -> its effect in words."""
BOUNDS = {
    **dict.fromkeys(("p_best", "stay_after_high", "stay_after_low"), PROBABILITY),
    "stay_difference": DIFFERENCE,
    "learning_rate": PROBABILITY,
    "regret_per_trial": NOT_NEGATIVE,
}
"""Number of a subject -> its bounds, if it has any."""
OF_CURVES = {"best": PROBABILITY, "regret": NOT_NEGATIVE}
"""Quantity along an episode -> its bounds, if it has any."""
GUIDE = Guide(
    measures={
        "reward_per_counted_trial": "mean reward of the trials that count",
        "p_best": (
            "share of the trials that count in which the arm with the highest expected "
            "reward was chosen (where two are equal, either); without columns of the "
            "arms' expected rewards there is none"
        ),
        "regret_per_trial": (
            "mean over trials of the best arm's expected reward minus the chosen one's"
        ),
        "stay_after_high": (
            "share of pairs with the same arm twice, where the first gave more than "
            "the subject's mean reward (with rewards of 0 and 1: after a reward)"
        ),
        "stay_after_low": "the same where the first gave no more than that",
        "stay_difference": "stay_after_high minus stay_after_low",
        "arms_per_episode": "different arms chosen in an episode, mean over episodes",
        "learning_rate": (
            "rate of value(chosen) += rate * (reward - value(chosen)), with rewards "
            "scaled so that the subject's least is 0 and its greatest 1, and every "
            "value 1/2 at an episode's start; the most likely of .02, .04, ..., 1, "
            "with a softmax over the arms. Blank where choices do not follow the "
            "values"
        ),
        "temperature": (
            "inverse temperature of the softmax, per range of the subject's rewards "
            "(with rewards of 0 and 1, per reward)"
        ),
        "likelihood_gain": (
            "mean log likelihood of a choice under the fit minus that of a random "
            "choice: near 0, learning_rate and temperature mean little"
        ),
        "reward_by_trial": (
            "the same reward by trial of the episode, from 1; in bins where episodes "
            "have more than 40 trials (trial is then the middle of the bin)"
        ),
        "p_best_by_trial": "p_best by trial of the episode",
        "regret_by_trial": "regret by trial of the episode",
        "arms_tried_by_trial": "different arms chosen in the episode up to a trial",
    },
    n=(
        "A subject's number is over its trials; the mean, its interval and n are over "
        "subjects. In rows of one subject, n is the number of trials (of pairs for "
        "staying)."
    ),
    missed=(
        "A trial counts if it is valid and free, and has a choice and a reward. "
        "Around a missed or deleted trial there is no pair. Values stay as they are "
        "over a missed trial; a forced trial's reward is learned from, but its choice "
        "does not count."
    ),
)
"""What the numbers are."""


def measures(
    data: ExperimentData, groups: Mapping[str, ArmTrials]
) -> dict[str, Measure | pd.DataFrame]:
    """Every table, by name.

    Returns:
        Per group and subject: subjects (`subject_numbers`), stays (`staying`), curves
        (`curves`). behaviour: `behaviour_rows` of the measured subjects. arms: their
        number.
    """
    subjects = by_group(groups, subject_numbers)
    stays, along = by_group(groups, staying), by_group(groups, curves)
    values = behaviour_values(*(select_group(t) for t in (subjects, stays, along)))
    return {
        "subjects": Measure(subjects, "reward_per_counted_trial"),
        "stays": Measure(stays, "probability", ("outcome",), PROBABILITY),
        "curves": Measure(along, "value", ("measure", "trial"), OF_CURVES),
        "arms": pd.DataFrame({"arms": [groups[MEASURED].arms]}),
        "behaviour": behaviour_rows(values, subject_labels(data), points=["trial"]),
    }


def effects(tables: Tables, context: Context) -> list[Effect]:
    """Every number of a subject, as its mean."""
    subjects = select_group(tables["subjects"])
    chances = {
        "p_best": 1 / float(tables["arms"]["arms"].iloc[0]),
        "stay_difference": 0.0,
    }
    unit = {"reward_per_counted_trial", "regret_per_trial"}
    return [
        Effect(
            key=f"{column}.mean",
            label=f"{words}{f' ({context.reward_unit})' * (column in unit)}, mean",
            values=subject_values(subjects, column),
            chance=chances.get(column),
            bounds=BOUNDS.get(column, NO_BOUNDS),
        )
        for column, words in EFFECTS.items()
    ]


def arm_analysis(schema: TrialSchema, prefix: str) -> Analysis[ArmTrials]:
    """The analysis of tables with these columns.

    Args:
        schema: columns of a table.
        prefix: of the columns of the arms' expected rewards.
    """

    def parse(table: pd.DataFrame) -> ArmTrials:
        return arm_trials(trial_sequence(table, schema, needs=("reward",)), prefix)

    known = tuple(f"{prefix}{arm}" for arm in range(NAMED_ARMS))
    known_panel: Callable[..., Panel] = partial(Panel, columns=known, shared=True)
    return Analysis(
        schema=schema,
        parse=parse,
        measures=measures,
        effects=effects,
        panels=(
            Panel("Reward along an episode", plot_reward_curve, shared=True),
            known_panel("Choosing the best arm", plot_best_curve),
            known_panel("Regret along an episode", plot_regret_curve),
            Panel("Staying with an arm", plot_arm_staying, shared=True),
            Panel("Arms tried", plot_tried_curve, shared=True),
            Panel("Learning rate and temperature", plot_arm_fits, shared=True),
        ),
        needs=("reward",),
        guide=GUIDE,
    )
