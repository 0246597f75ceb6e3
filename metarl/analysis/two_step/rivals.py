"""Planner or latent-state learner: choices after the transition probabilities reverse.

On the task as published, staying after rewarded common and unrewarded rare trials does
not show that a subject plans. A latent-state learner, too, infers from the outcomes
which second-stage state is the richer one, but has one fixed choice for each of the two
situations and no model of the transitions; it chooses as the planner does. The two
differ once the transitions reverse: a planner that knows or infers it takes the other
choice for the same state, a latent-state learner the wrong one.

The measure is the share of first choices that lead commonly, by the transitions of the
trial, to the state that is richer by Bayes' rule. That belief rests on the subject's
own outcomes, which do not depend on the transitions. The planner has 1 before and after
the reversal, the latent-state learner 1 before and 0 after, random choice .5. A planner
that knows the former transitions but never changes them is like the latter: the test
shows who follows the transitions, not who has a model of the former ones.

Source: Akam, Costa & Dayan 2015, PLoS Comput Biol 11:e1004648.
Declared: the measure, and the trials that it leaves out.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.analysis import Context
from metarl.analysis.data import ExperimentData
from metarl.analysis.effects import NO_LEARNING, Effect
from metarl.analysis.measures import (
    MEASURED,
    Measure,
    Tables,
    baseline_names,
    group_mean,
    rows_at,
    select_group,
    stack,
    subject_values,
)
from metarl.analysis.plotting import (
    chance_line,
    empty_panel,
    legend_below,
    mean_line,
    subject_colour,
    subject_label,
    subject_lines,
)
from metarl.analysis.schema import Array, Flags
from metarl.analysis.statistics import INTERACTION, NO_BOUNDS, PROBABILITY, Bounds
from metarl.analysis.style import COLOURS, baseline_colour
from metarl.analysis.trials import TrialSequence, episode_grid
from metarl.analysis.two_step.behaviour import (
    read_trials,
    stay_interaction,
    stay_probabilities,
)
from metarl.analysis.two_step.rpe import (
    Structure,
    beliefs,
    expected_rewards,
    structure_of,
)

TEST = "reversed"
"""Test in which the transition probabilities reverse within an episode."""
SETTLING = 10
"""Trials after the reversal that are left out.

A transition changes the log odds of a reversal by log(.8 / .2) = 1.4, on average by .8
towards the truth; from odds of about 1 in 100, a planner that infers the transitions
needs some six trials.
"""
TIE = 1e-9
"""Expected rewards of the two states that are closer than this do not differ."""
SPAN = (-20, 40)
"""First and last place of the course, in trials from the reversal; the last excluded,
as the fewest trials after it."""
BIN = 2
"""Trials in each point of the course."""
RIVALS = {
    "bayes-greedy": "planner that knows the transitions",
    "bayes-transitions": "planner that infers them",
    "latent-state": "latent-state learner",
    "random": "random choice",
}
"""Baseline -> its name in words."""
PLANNER, INFERRING, LATENT, RANDOM = RIVALS
MEASURES: Mapping[str, Bounds] = {
    "richer_before": PROBABILITY,
    "richer_after": PROBABILITY,
    "stay_interaction_before": INTERACTION,
    "stay_interaction_after": INTERACTION,
    "reward_per_100_before": NO_BOUNDS,
    "reward_per_100_after": NO_BOUNDS,
}
"""Measure -> its bounds."""
COLUMNS = ("group", "subject", "measure", "value")
"""Columns of the table of `rival_tables`."""
COURSE_COLUMNS = ("group", "subject", "trial", "share")
"""Columns of the course."""


def rival_tables(data: ExperimentData) -> dict[str, Measure]:
    """Tables of the test with a reversal; without rows if it was not taken.

    Returns:
        reversal: per group, subject and measure (`MEASURES`), the value before the
        reversal, or after it without the first SETTLING trials. reversal_course: per
        group, subject and trial from the reversal (in bins), the share of choices for
        the richer state.
    """
    frames, courses = [], []
    for group, table in _tested(data).items():
        trials = read_trials(table)
        richer = choices_for_richer(trials, structure_of(data.parameters))
        place = trials_since_reversal(trials)
        frames.append(({"group": group}, _measures(trials, richer, place)))
        courses.append(({"group": group}, _course(trials, richer, place)))
    return {
        "reversal": Measure(stack(frames, COLUMNS), "value", ("measure",), MEASURES),
        "reversal_course": Measure(
            stack(courses, COURSE_COLUMNS), "share", ("trial",), PROBABILITY
        ),
    }


def _tested(data: ExperimentData) -> dict[str, pd.DataFrame]:
    """Trial tables of the networks and the baselines in the test, by group."""
    if TEST not in data.tests:
        return {}
    return {MEASURED: data.tests[TEST], **data.test_baselines.get(TEST, {})}


def choices_for_richer(trials: TrialSequence, structure: Structure) -> Array:
    """Whether each choice leads commonly to the richer second-stage state.

    Args:
        trials: the trials, with the column reversed.
        structure: structure of the task before a reversal.

    Returns:
        (N,) 1 or 0; NaN where the trial does not count, or both states are equally
        rich by Bayes' rule.
    """
    grid = episode_grid(trials, ("choice", "second_state", "reward"))
    belief = beliefs(grid.assign(outcome=grid["reward"]), structure)
    belief = belief[trials.episode_index, trials.aligned]
    gain = expected_rewards(1 - belief, structure) - expected_rewards(belief, structure)
    leads_to_second = (trials["choice"] == 1) ^ _is_reversed(trials)
    known = trials.usable & (np.abs(gain) > TIE)
    return np.where(known, leads_to_second == (gain > 0), np.nan)


def _is_reversed(trials: TrialSequence) -> Flags:
    return np.equal(trials["reversed"], 1)


def trials_since_reversal(trials: TrialSequence) -> Array:
    """(N,) trials since the first reversed one of the episode; -inf without one."""
    now, episode = _is_reversed(trials), trials.episode_index
    first = np.full(len(trials.starts), np.inf)
    np.minimum.at(first, episode[now], trials.place[now])
    since: Array = trials.place - first[episode]
    return since


def _measures(trials: TrialSequence, richer: Array, place: Array) -> pd.DataFrame:
    """One row a subject and measure, in the columns of COLUMNS without the group."""
    subjects = np.unique(trials.subject)
    columns: dict[str, pd.Series[float]] = {}
    for phase, rows in {"before": place < 0, "after": place >= SETTLING}.items():
        part = trials.where(rows)
        columns |= {
            f"richer_{phase}": _means(part, richer[rows]),
            f"stay_interaction_{phase}": _stay_interaction(part),
            f"reward_per_100_{phase}": 100 * _means(part, part["reward"]),
        }
    table = pd.DataFrame(columns).reindex(subjects).rename_axis("subject")
    table = table.reset_index()[["subject", *MEASURES]]
    return table.melt("subject", var_name="measure", value_name="value")


def _stay_interaction(trials: TrialSequence) -> "pd.Series[float]":
    """By subject; empty where the episodes end before the reversal."""
    if not len(trials.keys):
        return pd.Series(dtype=float)
    return stay_interaction(stay_probabilities(trials))


def _means(trials: TrialSequence, values: Array) -> "pd.Series[float]":
    """Mean of a column by subject, over the trials in which it is known."""
    return pd.Series(values).groupby(trials.subject).mean()


def _course(trials: TrialSequence, richer: Array, place: Array) -> pd.DataFrame:
    """Share by bin of trials from the reversal; a bin is named by its first trial."""
    shown = (place >= SPAN[0]) & (place < SPAN[1])
    first = BIN * np.floor_divide(place[shown], BIN)
    keys = {"subject": trials.subject[shown], "trial": first.astype(np.int64)}
    table = pd.DataFrame({**keys, "share": richer[shown]})
    return table.groupby(["subject", "trial"])["share"].mean().reset_index()


def rival_effects(tables: Tables, context: Context) -> list[Effect]:
    """Rows on networks and baselines after the reversal; none without the test."""
    if select_group(tables["reversal"]).empty:
        return []
    return [*_network_effects(tables), *_baseline_effects(tables, context)]


LEADING = "choices that lead commonly to the richer state"
"""The measure in words."""
AFTER = f"from trial {SETTLING + 1} after the transitions reversed"
"""The trials of the measures, in words."""
WORDS = {
    "richer_before": f"{LEADING}, before the transitions reversed (share)",
    "richer_after": f"{LEADING}, {AFTER} (share)",
    "stay_interaction_after": f"stay interaction by present transitions, {AFTER}",
    "reward_per_100_after": f"rewards per 100 trials, {AFTER}",
}
"""Measure of which there are rows -> its label."""


def _values(tables: Tables, measure: str, group: str = MEASURED) -> "pd.Series[float]":
    rows = rows_at(select_group(tables["reversal"], group), measure=measure)
    return subject_values(rows, "value")


def _mean(tables: Tables, measure: str, group: str) -> float | None:
    return group_mean(rows_at(tables["reversal"], measure=measure), group, "value")


def _network_effects(tables: Tables) -> list[Effect]:
    """The networks, with the latent-state learner as the reference; none is scored."""
    chance = {"richer": 0.5, "stay_interaction": 0.0, "reward_per_100": 50.0}
    rows = []
    for measure, label in WORDS.items():
        reference = _mean(tables, measure, LATENT)
        effect = Effect(
            key=f"reversal.{measure}.mean",
            label=f"{label}, mean",
            values=_values(tables, measure),
            chance=chance[measure.rpartition("_")[0]],
            reference=reference,
            source="" if reference is None else f"{RIVALS[LATENT]} on the same task",
            bounds=MEASURES[measure],
        )
        rows.append(effect)
    return [*rows, _position(tables)]


def _position(tables: Tables) -> Effect:
    """Place of the networks between the two rivals that do not know of the reversal."""
    measure = "richer_after"
    ends = [_mean(tables, measure, group) for group in (LATENT, INFERRING)]
    low, high = (np.nan if end is None else end for end in ends)
    return Effect(
        key="reversal.position.mean",
        label=(
            f"the same share, from that of the {RIVALS[LATENT]} (0) to that of the "
            "planner that infers the transitions (1); below .5 nearer to the learner; "
            "mean"
        ),
        values=(_values(tables, measure) - low) / (high - low),
        chance=0.5,
    )


def _baseline_effects(tables: Tables, context: Context) -> list[Effect]:
    """The baselines, each a chooser of one kind, which the test must tell apart."""
    tested = baseline_names(tables["reversal"])
    shown = {
        "richer_after": (PLANNER, INFERRING, LATENT, RANDOM),
        "stay_interaction_after": (PLANNER, INFERRING, LATENT),
        "reward_per_100_after": (LATENT,),
    }
    return [
        Effect(
            key=f"reversal.{measure}.{group}",
            label=f"{WORDS[measure]}, {RIVALS[group]}",
            values=_values(tables, measure, group)
            if group in tested
            else pd.Series([np.nan]),
            criterion=context.criteria.get(f"{measure}, {RIVALS[group]}"),
            needs_learning=False,
            learning=NO_LEARNING,
            bounds=MEASURES[measure],
        )
        for measure, groups in shown.items()
        for group in groups
    ]


def plot_reversal(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Share of choices for the richer state around the reversal, with the rivals."""
    course = tables["reversal_course"]
    if select_group(course).empty:
        return empty_panel(ax, "no test with reversed transitions")
    means = tables.summary("reversal_course").sort_values("trial")
    colour = subject_colour(context)
    subject_lines(ax, select_group(course), "trial", "share", colour, lw=0.5, alpha=0.3)
    own = select_group(means)
    mean_line(ax, own, "trial", colour, label=subject_label(context), lw=2.2)
    for name, words in RIVALS.items():
        line = select_group(means, name)
        if len(line):
            shade = baseline_colour(name)
            mean_line(ax, line, "trial", shade, label=words, alpha=0, lw=1.6)
    ax.axvline(0, color=COLOURS["chance"], lw=1, ls="--", zorder=0)
    chance_line(ax)
    ax.set(ylabel="P(choice for the richer state)", ylim=(-0.03, 1.03))
    ax.set_xlabel("Trials since the transitions reversed")
    return legend_below(ax, first=subject_label(context))
