"""The matching experiment: do choices match income, and do units code for it?"""

from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd

from metarl.analysis.analysis import Analysis, Guide, Panel, Release
from metarl.analysis.criteria import read_criteria
from metarl.analysis.data import ExperimentData
from metarl.analysis.matching.animals import load_mouse_foraging
from metarl.analysis.matching.behaviour import (
    LEAST_EPISODES,
    SCHEMA,
    STAYS,
    baseline_earnings,
    behaviour_summary,
    earnings,
    episode_ratios,
    history_weights,
    matching_lines,
    read_trials,
    subject_measures,
    wide_by_set,
)
from metarl.analysis.matching.effects import effects
from metarl.analysis.matching.optimum import probability_sum
from metarl.analysis.matching.plots import (
    plot_coding,
    plot_earnings,
    plot_fractions,
    plot_history,
    plot_matching,
    plot_slopes,
)
from metarl.analysis.matching.references import reference_tables
from metarl.analysis.matching.units import (
    CODING_COLUMNS,
    UNIT_COLUMNS,
    coding_table,
    unit_table,
)
from metarl.analysis.measures import (
    MEASURED,
    Measure,
    by_group,
    stack,
    subject_labels,
    thin,
)
from metarl.analysis.statistics import PROBABILITY
from metarl.analysis.words import NETWORKS
from metarl.core.checks import MetaRLError

POINT_COUNT = 1200
"""Episodes kept for the scatter."""
KEYS = ["group", "subject"]


def measures(
    data: ExperimentData, groups: Mapping[str, pd.DataFrame]
) -> dict[str, Measure | pd.DataFrame]:
    """Every table of the experiment, by name.

    Returns:
        Per group and subject: subjects (with efficiency and reward_per_trial by set),
        earnings, lines, slopes (slopes and staying, one row a measure), history and, of
        recorded networks, coding and fractions. Of the measured subjects: points, their
        episodes; units, every unit; baselines, the earnings of `baseline_earnings`;
        behaviour, `behaviour_summary`. Published: those of `reference_tables`.
    """
    total = probability_sum(data.parameters)
    if data.subjects_are != NETWORKS and not data.parameters:
        total = float("nan")  # animals' probabilities may have another sum
    rewards = by_group(groups, partial(earnings, total=total))
    lines = by_group(groups, matching_lines)
    history = by_group(groups, history_weights)
    subjects = (
        by_group(groups, subject_measures)
        .merge(wide_by_set(rewards, "efficiency"), "left", on=KEYS)
        .merge(wide_by_set(rewards, "reward_per_trial"), "left", on=KEYS)
    )
    behaviour = behaviour_summary(lines, history, subjects, subject_labels(data))
    if behaviour.empty and data.subjects_are != "networks":
        raise MetaRLError(_too_few(groups[MEASURED]))
    units = _units(data, groups[MEASURED])
    coding = _by_subject({k: coding_table(v) for k, v in units.items()}, CODING_COLUMNS)
    variables = ("network", "variable")
    return {
        "subjects": subjects,
        "earnings": Measure(rewards, "reward_per_trial", ("set",)),
        "lines": lines,
        "slopes": Measure(
            _slopes(lines, subjects),
            "value",
            ("measure",),
            dict.fromkeys(STAYS, PROBABILITY),
        ),
        "history": Measure(history, "weight", ("predictor", "lag")),
        "points": _points(groups[MEASURED]),
        "units": _by_subject(units, UNIT_COLUMNS),
        "coding": Measure(coding, "strength", variables, PROBABILITY),
        "fractions": Measure(coding, "fraction", variables, PROBABILITY),
        "baselines": baseline_earnings(rewards),
        "behaviour": behaviour,
        **reference_tables(),
    }


def _too_few(trials: pd.DataFrame) -> str:
    """Return the message on a table in which no subject has a number."""
    late = trials["usable"] & trials["late"]
    episodes = trials.loc[late, "episode_index"].nunique()
    return (
        f"there is nothing to analyse: of {len(trials)} trials {late.sum()} count and "
        f"are in the last two thirds of their episode, in {episodes} "
        f"{'episode' if episodes == 1 else 'episodes'}, and "
        "none of them follows another that counts; staying needs trials numbered up by "
        f"1, and a slope {LEAST_EPISODES} episodes of a subject, of different ratios"
    )


def _slopes(lines: pd.DataFrame, subjects: pd.DataFrame) -> pd.DataFrame:
    """Slopes of every set and probabilities of staying, one row a measure."""
    slopes = lines.rename(columns={"slope": "value"})
    slopes["measure"] = "slope, " + slopes["set"]
    stays = subjects.melt(KEYS, list(STAYS), "measure", "value")
    return pd.concat([slopes[[*KEYS, "measure", "value"]], stays], ignore_index=True)


def _points(trials: pd.DataFrame) -> pd.DataFrame:
    """Evenly thinned episodes for the scatter."""
    ratios = episode_ratios(trials)
    return thin(ratios, POINT_COUNT)


def _units(data: ExperimentData, trials: pd.DataFrame) -> dict[int, pd.DataFrame]:
    """Subject -> every unit, of the recorded networks."""
    return {
        subject: unit_table(recording, trials[trials["subject"] == subject])
        for subject, recording in data.recordings.items()
    }


def _by_subject(
    tables: Mapping[int, pd.DataFrame], columns: Sequence[str]
) -> pd.DataFrame:
    frames = (
        ({"group": MEASURED, "subject": subject}, table)
        for subject, table in tables.items()
    )
    return stack(frames, (*KEYS, *columns))


GUIDE = Guide(
    measures={
        "slope": (
            "slope of a line of log choice ratio on log income ratio, a point a block, "
            "from its last two thirds; 1 is perfect matching"
        ),
        "bias": "height of that line where both incomes are equal (log 10)",
        "r": "correlation of the two ratios over blocks",
        "reward weight, choice weight": (
            "weights (log odds) of past rewards and choices in a logistic regression "
            "of the choice, by lag"
        ),
        "stay_after_reward, switch_after_none": (
            "P(same side) after a reward, and P(other side) after none, over pairs"
        ),
    },
    n=(
        "A row is one subject, and its error the standard error of its slope or weight "
        "over blocks or trials. Means, intervals and n are over subjects."
    ),
    missed=(
        "A trial counts if it is valid and free and has a choice. A trial enters the "
        "regression only if the trials before it, as far as the regression looks "
        "back, all count and have consecutive numbers. Count the missed trials in the "
        "numbers, or keep their rows as blanks: in a renumbered table, trials that "
        "were not consecutive become so."
    ),
)
"""What the numbers of animals or people are."""
ANALYSIS = Analysis(
    schema=SCHEMA,
    parse=read_trials,
    measures=measures,
    effects=effects,
    panels=(
        Panel("Choices match income", plot_matching),
        Panel("Slopes, and staying by outcome", plot_slopes, shared=True),
        Panel("Weights of past trials", plot_history),
        Panel("Reward per trial", plot_earnings, needs="networks"),
        Panel("Coding by units before a choice", plot_coding, needs="recording"),
        Panel("Fraction of coding units", plot_fractions, needs="recording"),
    ),
    guide=GUIDE,
    criteria=read_criteria(__name__),
    published={"trial_least": 50, "trial_most": 100, "held_out": True},
    release=Release(
        variable="all_stats", load=load_mouse_foraging, subjects_are="mice"
    ),
)
"""From trial tables and recordings to effects and panels."""
