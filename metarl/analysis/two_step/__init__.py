"""The two-step experiment: do choices and errors follow a model of the task?

Its measures of choices serve the human task too, see `metarl.analysis.two_step.daw`.
"""

from collections.abc import Iterator, Mapping

import pandas as pd

from metarl.analysis.analysis import Analysis, Guide, Panel, Release
from metarl.analysis.criteria import read_criteria
from metarl.analysis.data import ExperimentData
from metarl.analysis.measures import (
    MEASURED,
    Measure,
    stack,
    thin,
    trials_by_group,
)
from metarl.analysis.statistics import PROBABILITY
from metarl.analysis.trials import TrialSequence
from metarl.analysis.two_step.animals import load_macaque_two_step
from metarl.analysis.two_step.behaviour import (
    SCHEMA,
    read_trials,
)
from metarl.analysis.two_step.choices import choice_tables
from metarl.analysis.two_step.effects import TASK, effects
from metarl.analysis.two_step.plots import (
    plot_lag_weights,
    plot_model_based_errors,
    plot_model_free_errors,
    plot_rewards,
    plot_stay_probabilities,
    plot_stay_regression,
)
from metarl.analysis.two_step.references import reference_tables
from metarl.analysis.two_step.rivals import plot_reversal, rival_tables
from metarl.analysis.two_step.rpe import (
    R2_COLUMNS,
    REGRESSION_COLUMNS,
    error_regressions,
    error_table,
    model_free_residual,
    structure_of,
)
from metarl.analysis.two_step.second_stage import plot_second_stage
from metarl.core.files import Recording

POINT_COUNT = 1500
"""Prediction errors kept for the scatter, of the first recorded subject, per event."""
Errors = Mapping[tuple[str, int], pd.DataFrame]
"""Group and subject -> `error_table`."""


def measures(
    data: ExperimentData, groups: Mapping[str, TrialSequence]
) -> dict[str, Measure | pd.DataFrame]:
    """Every table of the experiment, by name.

    Returns:
        Those of `choice_tables`; of recorded subjects rpe (`error_regressions`) and its
        r2 (one row a measure). For the scatter: rpe_points. Of the test with reversed
        transitions: those of `rival_tables`. Published: those of `reference_tables`.
    """
    errors = _errors(data)
    rpe = _regressions(errors)
    r2 = rpe.melt(["group", "subject", "event"], list(R2_COLUMNS), "measure", "r2")
    return {
        **choice_tables(data, groups),
        "rpe": rpe,
        "r2": Measure(r2, "r2", ("event", "measure"), PROBABILITY),
        "rpe_points": _points(errors),
        **rival_tables(data),
        **reference_tables(),
    }


def _errors(data: ExperimentData) -> Errors:
    """Prediction errors of every recorded subject and baseline."""
    if data.task != TASK or data.discount is None:
        return {}
    tables = trials_by_group(data)
    errors = {}
    for group, subject, recording in _recorded(data):
        trials = tables[group]
        own = trials[trials["subject"] == subject]
        structure = structure_of(data.parameters)
        errors[group, subject] = error_table(recording, own, data.discount, structure)
    return errors


def _recorded(data: ExperimentData) -> Iterator[tuple[str, int, Recording]]:
    for subject, recording in data.recordings.items():
        yield MEASURED, subject, recording
    for name, recording in data.baseline_recordings.items():
        yield name, int(data.baselines[name]["subject"].iloc[0]), recording


def _regressions(errors: Errors) -> pd.DataFrame:
    frames = []
    for (group, subject), table in errors.items():
        names: dict[str, str | float] = {"group": group, "subject": subject}
        frames.append((names, error_regressions(table)))
    return stack(frames, ("group", "subject", *REGRESSION_COLUMNS))


def _points(errors: Errors) -> pd.DataFrame:
    """Evenly thinned errors of the first recorded subject, with the MF residual."""
    columns = ["subject", "event", "rpe", "model_based", "model_free_residual"]
    subjects = [subject for group, subject in errors if group == MEASURED]
    if not subjects or errors[MEASURED, subjects[0]].empty:
        return pd.DataFrame(columns=columns)
    table = errors[MEASURED, subjects[0]]
    rest = table.assign(
        subject=subjects[0], model_free_residual=model_free_residual(table)
    )
    frames = [thin(part, POINT_COUNT) for _, part in rest.groupby("event", sort=False)]
    return pd.concat(frames, ignore_index=True)[columns]


GUIDE = Guide(
    measures={
        "probability": (
            "P(same first-stage choice as on the trial before), over pairs, by reward "
            "and transition of the trial before"
        ),
        "bias, reward, transition, reward_x_transition": (
            "weights (log odds) of a logistic regression of staying on reward (+1, -1, "
            "0 for a medium one), transition (+1 common, -1 rare) and their product, "
            "with a ridge of 0.5, which pulls them towards 0"
        ),
        "Weights of past trials": (
            "weights (log odds) of a logistic regression of the first choice on past "
            "trials' choices, by lag and kind of trial"
        ),
        "second_stay_rewarded": (
            "P(same second-stage choice as on the trial before), of pairs in the same "
            "second-stage state, after a reward"
        ),
        "second_stay_unrewarded": "the same after no reward",
        "second_best": (
            "share of second-stage choices of the option with the higher probability, "
            "of tables with the options' probabilities"
        ),
    },
    n=(
        "With one session a subject, values are means over subjects, with their "
        "standard error, and n is the number of subjects that have the number. With "
        "several, a row is one subject's mean over its sessions, and n their number. "
        "In the figure n is the number of subjects."
    ),
    missed=(
        "A trial counts if it is valid and free and has a first choice and a "
        "transition. A pair is two trials with consecutive numbers that both count: "
        "around a missed or deleted trial there is no pair, whether the row is blank "
        "or gone, if trial keeps its number."
    ),
)
"""What the numbers of animals or people are."""
ANALYSIS = Analysis(
    schema=SCHEMA,
    parse=read_trials,
    measures=measures,
    effects=effects,
    panels=(
        Panel("Staying after each outcome", plot_stay_probabilities, shared=True),
        Panel("Staying, as a regression", plot_stay_regression, shared=True),
        Panel("Weights of past trials", plot_lag_weights),
        Panel("Rewards", plot_rewards, needs="networks"),
        Panel(
            "Prediction error: model-based", plot_model_based_errors, needs="recording"
        ),
        Panel(
            "Prediction error: model-free",
            plot_model_free_errors,
            needs="recording",
        ),
        Panel("After reversed transitions", plot_reversal, needs="networks"),
    ),
    own_panels=(
        Panel(
            "At the second stage",
            plot_second_stage,
            columns=("second_choice",),
            shared=True,
        ),
    ),
    guide=GUIDE,
    needs=("transition",),
    needs_pairs=True,
    criteria=read_criteria(__name__),
    published={
        "trial_count": 100,
        "fixation": True,
        "probability_common": 0.8,
        "probability_high": 0.9,
        "probability_low": 0.1,
        "probability_switch": 0.025,
        "reversal_least": 0,
        "reversal_most": 0,
    },
    release=Release(
        variable="PreparedData", load=load_macaque_two_step, subjects_are="monkeys"
    ),
)
"""From trial tables and recordings to effects and panels."""
