"""Learning-set problems of animals or people: are new problems solved at once?

A problem is one episode; its trials are counted from its first row, by their numbers. A
trial counts if it is valid and free and an object was selected.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.analysis import Analysis, Context, Guide, Panel
from metarl.analysis.data import ExperimentData
from metarl.analysis.effects import Effect
from metarl.analysis.harlow.behaviour import SCHEMA
from metarl.analysis.harlow.plots import plot_animals
from metarl.analysis.measures import (
    Measure,
    Tables,
    behaviour_rows,
    by_group,
    rows_at,
    select_group,
    subject_labels,
    subject_values,
)
from metarl.analysis.plotting import (
    chance_line,
    curve_with_subjects,
    legend_below,
    mean_line,
    subject_colour,
    subject_label,
)
from metarl.analysis.references import read_reference
from metarl.analysis.statistics import DIFFERENCE, PROBABILITY
from metarl.analysis.trials import TrialSequence, trial_sequence

PARTS = ("first quarter", "second quarter", "third quarter", "last quarter")
"""Parts of a subject's problems, in order."""
MOST_BINS = 10
"""Most points of the curve along the problems."""
MEASURES = {
    "first_trial": "accuracy in trial 1",
    "second_trial": "accuracy in trial 2",
    "later_trials": "accuracy from trial 2 on",
    "second_after_correct": "accuracy in trial 2 after a correct trial 1",
    "second_after_error": "accuracy in trial 2 after an error in trial 1",
    "second_trial_gain": "accuracy in trial 2, last minus first quarter of problems",
}
"""Number of a subject -> in words."""
GUIDE = Guide(
    measures={
        "first_trial": "share of first trials of a problem that were correct",
        "second_trial": "the same of second trials: all can be known by then",
        "later_trials": "the same of all trials from the second on",
        "second_after_correct": "second_trial of problems with a correct first trial",
        "second_after_error": "second_trial of problems with an error in the first",
        "second_trial_gain": (
            "second_trial in the last quarter of a subject's problems minus that in "
            "the first: the learning set"
        ),
        "accuracy_by_trial": "share correct by trial of the problem, from 1",
        "accuracy_by_part": "the same for each quarter of a subject's problems",
        "second_by_problem": (
            "second_trial along the problems of a subject, numbered from 1, in at most "
            "10 bins (problem is the middle of the bin)"
        ),
    },
    n=(
        "A subject's number is over its problems; the mean, its interval and n are "
        "over subjects. In rows of one subject, n is the number of trials."
    ),
    missed=(
        "A trial without a selection is left out and does not affect others: the "
        "trials after it keep their place in the problem, as places are counted by "
        "trial numbers. A deleted first trial would make the second the first: leave "
        "it in, with choice blank."
    ),
)
"""What the numbers are."""


def read_problems(table: pd.DataFrame) -> pd.DataFrame:
    """Every trial with its place in its problem, and the place of its problem.

    Returns:
        One row a trial: subject, problem (from 1, by session and number), part (PARTS),
        trial (from 1), correct (NaN where the trial does not count), and before, the
        first trial's correct.
    """
    return _placed(trial_sequence(table, SCHEMA, needs=("correct",)))


def _placed(trials: TrialSequence) -> pd.DataFrame:
    problems = trials.episodes
    number = problems.groupby("subject").cumcount()
    count = problems.groupby("subject")["episode"].transform("size")
    part = (number * len(PARTS) // count).to_numpy(np.int64)
    index = trials.episode_index
    correct = np.where(trials.usable, trials["correct"], np.nan)
    first = np.where(trials.place == 0, correct, np.nan)[trials.starts][index]
    return pd.DataFrame(
        {
            "subject": trials.subject,
            "problem": number.to_numpy()[index] + 1,
            "part": np.array(PARTS, object)[part][index],
            "trial": trials.place + 1,
            "correct": correct,
            "before": first,
        }
    )


def shares(trials: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Share correct by subject and these columns: value, and n, the trials."""
    cells = trials.groupby(["subject", *by], sort=False)["correct"]
    table = cells.agg(value="mean", n="count").reset_index()
    return table[table["n"] > 0].reset_index(drop=True)


def second_by_problem(trials: pd.DataFrame) -> pd.DataFrame:
    """Share of second trials that were correct, along the problems."""
    second = trials[trials["trial"] == 2]
    width = -(-int(trials["problem"].max()) // MOST_BINS)
    middle = (second["problem"] - 1) // width * width + (width + 1) / 2
    return shares(second.assign(problem=middle), ["problem"])


def subject_numbers(trials: pd.DataFrame) -> pd.DataFrame:
    """One row a subject: subject, problems, counted (trials), and MEASURES."""
    rows = []
    for subject, own in trials.groupby("subject"):
        second = own[own["trial"] == 2]
        by_part = second.groupby("part")["correct"].mean()
        last, first = (by_part.get(part, np.nan) for part in (PARTS[-1], PARTS[0]))
        rows.append(
            {
                "subject": subject,
                "problems": own["problem"].nunique(),
                "counted": int(own["correct"].count()),
                "first_trial": own.loc[own["trial"] == 1, "correct"].mean(),
                "second_trial": second["correct"].mean(),
                "later_trials": own.loc[own["trial"] > 1, "correct"].mean(),
                "second_after_correct": rows_at(second, before=1)["correct"].mean(),
                "second_after_error": rows_at(second, before=0)["correct"].mean(),
                "second_trial_gain": last - first,
            }
        )
    return pd.DataFrame(rows)


def measures(
    data: ExperimentData, groups: Mapping[str, pd.DataFrame]
) -> dict[str, Measure | pd.DataFrame]:
    """Every table, by name.

    Returns:
        Per group and subject: subjects, accuracy (by trial), parts (by part and trial),
        formation (of trial 2, by problem). behaviour: all of these. reference: the
        published curves.
    """
    subjects = by_group(groups, subject_numbers)
    accuracy = by_group(groups, lambda t: shares(t, ["trial"]))
    parts = by_group(groups, lambda t: shares(t, ["part", "trial"]))
    formation = by_group(groups, second_by_problem)
    return {
        "subjects": Measure(subjects, "second_trial", bounds=PROBABILITY),
        "accuracy": Measure(accuracy, "value", ("trial",), PROBABILITY),
        "parts": Measure(parts, "value", ("part", "trial"), PROBABILITY),
        "formation": Measure(formation, "value", ("problem",), PROBABILITY),
        "behaviour": behaviour_rows(
            _values(subjects, accuracy, parts, formation),
            subject_labels(data),
            points=["part", "problem", "trial"],
        ),
        "reference": read_reference("metarl.analysis.harlow", "curves"),
    }


def _values(subjects: pd.DataFrame, *curves: pd.DataFrame) -> pd.DataFrame:
    """Every number of the measured subjects, one row each."""
    own = select_group(subjects)
    keys = ["subject", "counted"]
    long = own.melt(keys, list(MEASURES), "quantity", "value")
    names = ("accuracy_by_trial", "accuracy_by_part", "second_by_problem")
    frames = [long.rename(columns={"counted": "n"})]
    for name, curve in zip(names, curves, strict=True):
        frames.append(select_group(curve).assign(quantity=name))
    table = pd.concat(frames, ignore_index=True)
    return table[["subject", "quantity", "part", "problem", "trial", "value", "n"]]


def effects(tables: Tables, context: Context) -> list[Effect]:
    """Every number of a subject, as its mean; chance is that of two objects."""
    subjects = select_group(tables["subjects"])
    return [
        Effect(
            key=f"{column}.mean",
            label=f"{words}, mean",
            values=subject_values(subjects, column),
            chance=0.0 if column.endswith("gain") else 0.5,
            bounds=DIFFERENCE if column.endswith("gain") else PROBABILITY,
        )
        for column, words in MEASURES.items()
    ]


def plot_accuracy(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Share correct by trial of the problem."""
    _accuracy_axis(ax)
    return curve_with_subjects(ax, tables, context, "accuracy", "value")


def plot_parts(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Share correct by trial, for each quarter of a subject's problems."""
    _accuracy_axis(ax)
    means = select_group(tables.summary("parts"))
    depths = np.linspace(0.3, 1, len(PARTS))
    for part, depth in zip(PARTS, depths, strict=True):
        line = rows_at(means, part=part).sort_values("trial")
        colour = subject_colour(context)
        mean_line(
            ax,
            line,
            "trial",
            colour,
            label=part,
            alpha=0,
            lw=1 + 2 * depth,
            style="o-",
            ms=4,
        )
        ax.lines[-1].set_alpha(depth)
    return legend_below(ax, title=f"{subject_label(context)}, means; problems:")


def plot_formation(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Share of second trials that were correct, along the problems."""
    chance_line(ax)
    ax.set(xlabel="Problem", ylabel="Correct in trial 2", ylim=(0, 1.02))
    return curve_with_subjects(ax, tables, context, "formation", "value", "problem")


def _accuracy_axis(ax: Axes) -> None:
    chance_line(ax)
    ax.set(xlabel="Trial of the problem", ylabel="P(correct)", ylim=(0, 1.02))


def plot_first_outcome(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Accuracy in trial 2 after a correct and a wrong trial 1, a line a subject."""
    subjects = select_group(tables["subjects"])
    columns = ["second_after_correct", "second_after_error"]
    colour = subject_colour(context)
    for pair in subjects[columns].to_numpy(float):
        ax.plot([0, 1], pair, "o-", color=colour, lw=0.6, ms=4, alpha=0.5)
    label = subject_label(context)
    ax.plot([0, 1], subjects[columns].mean(), "_", color=colour, ms=30, mew=3)
    ax.plot([], [], "_", color=colour, ms=12, mew=3, label=f"{label}, mean")
    chance_line(ax)
    ax.set_xticks([0, 1], ["correct", "error"])
    ax.set(xlabel="Trial 1 of the problem", ylabel="P(correct in trial 2)")
    ax.set(xlim=(-0.5, 1.5), ylim=(0, 1.02))
    return legend_below(ax)


ANALYSIS = Analysis(
    schema=SCHEMA,
    parse=read_problems,
    measures=measures,
    effects=effects,
    panels=(
        Panel("Accuracy by trial", plot_accuracy, shared=True),
        Panel("Quarters of the problems", plot_parts),
        Panel("Forming the learning set", plot_formation, shared=True),
        Panel("What the first trial taught", plot_first_outcome, shared=True),
        Panel("Harlow's monkeys", plot_animals, shared=True),
    ),
    needs=("correct",),
    guide=GUIDE,
)
"""From tables of problems to effects and panels."""
