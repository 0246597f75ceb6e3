"""Inferred values in the behaviour of animals or people: reaction times and errors.

One of two cues is rewarded, and from time to time they swap. Where a rewarded cue is
answered faster, or more often correctly, the cues' difference shows their values:

- before: on the first trial after a reversal, when nothing indicates it yet.
- experienced: on the second one, of trials with the same cue as the first.
- inferred: the same of trials with the other cue, so that its value follows from the
  first cue's.

Source: Bromberg-Martin et al. 2010, J Neurophysiol 104:1068.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.analysis import Analysis, Context, Guide, Panel
from metarl.analysis.data import ExperimentData
from metarl.analysis.effects import Effect
from metarl.analysis.inferred_value.behaviour import BEFORE, SCHEMA, read_trials
from metarl.analysis.measures import (
    Measure,
    Tables,
    behaviour_rows,
    by_group,
    rows_at,
    select_group,
    stack,
    subject_labels,
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
from metarl.analysis.schema import codes
from metarl.analysis.statistics import DIFFERENCE, NO_BOUNDS, PROBABILITY

OWN_SCHEMA = SCHEMA.extend(
    "inferred-value",
    correct=codes(
        *(0, 1),
        blank=True,
        required=False,
        meaning="whether the response was the instructed one",
        example="1",
    ),
)
"""Columns of a table of animals or people."""
WHEN = {
    "before": "trial 1:\nbefore",
    "experienced": "trial 2:\nexperienced",
    "inferred": "trial 2:\ninferred",
}
"""Comparison -> its name on an axis."""
RESPONSES = {"rt": "reaction time", "correct": "P(correct)"}
"""Column of a trial table -> in words."""
OF_RESPONSES = {"correct": PROBABILITY}
"""Response -> bounds of its mean, if it has any."""
OF_DIFFERENCES = {"correct": DIFFERENCE}
"""Response -> bounds of a difference of two means, if it has any."""
PLACES = range(BEFORE, 5)
"""Trials around a reversal that are followed."""
CUES = {"old": "cue rewarded before", "new": "cue rewarded from then on"}
"""The two cues in words."""
GUIDE = Guide(
    measures={
        "rt_before": (
            "mean reaction time to the new cue (rewarded from the reversal on) minus "
            "that to the old cue, on the first trial after a reversal: nothing can be "
            "known yet. Where a rewarded cue is answered faster, it is positive"
        ),
        "rt_experienced": (
            "new minus old cue on the second trial, of trials that show the cue of the "
            "first again: negative where the new cue is answered faster"
        ),
        "rt_inferred": (
            "new minus old cue on the second trial, of trials that show the other cue: "
            "its value can only be inferred"
        ),
        "correct_before": "the same difference of the share of correct responses",
        "correct_experienced": "the same difference of the share of correct responses",
        "correct_inferred": "the same difference of the share of correct responses",
        "rt_around": (
            "mean reaction time by trial from a reversal (0 is the last before it) and "
            "cue"
        ),
        "correct_around": "share of correct responses by trial from a reversal and cue",
        "reward_per_trial": "mean reward of all trials",
    },
    n=(
        "A subject's number is over its trials of all reversals; the mean, its "
        "interval and n are over subjects. In rows of one subject, n is the number of "
        "trials."
    ),
    missed=(
        "Times are of valid trials with a response. A trial after one that was missed "
        "or not valid is left out, as the outcome before it gave no information."
    ),
)
"""What the numbers are."""


def read_responses(table: pd.DataFrame) -> pd.DataFrame:
    """`read_trials` with the two responses, rt and correct (NaN where not known).

    A further column, last, indicates the last trial before a reversal.
    """
    trials = read_trials(table)
    columns = OWN_SCHEMA.read(table)
    keys = pd.DataFrame({key: columns[key] for key in ("subject", "session")})
    keys = keys.assign(episode=columns["episode"], trial=columns["trial"])
    answered = np.isfinite(np.asarray(columns["choice"], float))
    both = keys.assign(rt=columns["rt"], correct=columns["correct"], answered=answered)
    joined = trials.merge(both, on=list(keys), how="left", validate="1:1")
    joined["rt"] = joined["rt"].where((joined["valid"] == 1) & joined["answered"])
    episodes = joined.groupby(["subject", "session", "episode"], sort=False)
    following = episodes[["switched", "block_trial"]].shift(-1)
    last = (following["switched"] == 1) & (following["block_trial"] == 0)
    return joined.assign(last=last)


def compared(trials: pd.DataFrame) -> dict[str, "pd.Series[bool]"]:
    """Trials of each comparison."""
    first = (trials["place"] == 1) & trials["after_valid"]
    second = (trials["place"] == 2) & trials["after_valid"]
    return {
        "before": first,
        "experienced": second & trials["seen"],
        "inferred": second & ~trials["seen"],
    }


def differences(trials: pd.DataFrame) -> pd.DataFrame:
    """Response to the new cue minus that to the old one, in each comparison.

    Returns:
        One row a subject, response and comparison: subject, response, when, value (NaN
        without trials of both cues) and n, the trials.
    """
    rows = []
    for subject, own in trials.groupby("subject"):
        for when, flags in compared(own).items():
            part = own[flags]
            for response in RESPONSES:
                by_cue = part.groupby("new")[response].mean()
                value = by_cue.get(True, np.nan) - by_cue.get(False, np.nan)
                rows.append(
                    (subject, response, when, value, part[response].notna().sum())
                )
    return pd.DataFrame(rows, columns=["subject", "response", "when", "value", "n"])


def around(trials: pd.DataFrame) -> pd.DataFrame:
    """Responses by trial from a reversal and cue.

    Returns:
        One row a subject, response, cue and place: value and n.
    """
    after = trials[(trials["place"] > BEFORE) & trials["place"].isin(PLACES)]
    # With every block a reversal, a block's last trial is after one and before another.
    last = trials[trials["last"]]
    other = last["cue"] != last["rewarded_cue"]
    known = pd.concat([last.assign(place=float(BEFORE), new=other), after])
    known = known[known["after_valid"]]
    cue = np.where(known["new"], "new", "old")
    frames = []
    for response in RESPONSES:
        cells = known.assign(cue=cue).groupby(["subject", "cue", "place"])[response]
        table = cells.agg(value="mean", n="count").reset_index()
        frames.append(({"response": response}, table[table["n"] > 0]))
    return stack(frames, ("response", "subject", "cue", "place", "value", "n"))


def measures(
    data: ExperimentData, groups: Mapping[str, pd.DataFrame]
) -> dict[str, Measure | pd.DataFrame]:
    """Every table, by name.

    Returns:
        Per group and subject: subjects (rewards), differences, around. behaviour: all
        of these.
    """
    subjects = by_group(groups, _rewards)
    apart, course = by_group(groups, differences), by_group(groups, around)
    own = select_group(subjects).assign(quantity="reward_per_trial")
    numbers = select_group(apart)
    numbers = numbers.assign(quantity=numbers["response"] + "_" + numbers["when"])
    lines = select_group(course)
    lines = lines.assign(quantity=lines["response"] + "_around")
    values = pd.concat(
        [own.rename(columns={"reward_per_trial": "value"}), numbers, lines],
        ignore_index=True,
    )
    known = values.groupby("quantity")["value"].transform("count") > 0
    columns = ["subject", "quantity", "cue", "place", "value", "n"]
    return {
        "subjects": Measure(subjects, "reward_per_trial"),
        "differences": Measure(apart, "value", ("response", "when"), OF_DIFFERENCES),
        "around": Measure(course, "value", ("response", "cue", "place"), OF_RESPONSES),
        "behaviour": behaviour_rows(
            values.loc[known].reindex(columns=columns),
            subject_labels(data),
            points=["cue", "place"],
        ),
    }


def _rewards(trials: pd.DataFrame) -> pd.DataFrame:
    """One row a subject: reward_per_trial, and n, the trials."""
    table = trials.groupby("subject")["reward"].agg(["mean", "count"]).reset_index()
    return table.rename(columns={"mean": "reward_per_trial", "count": "n"})


def effects(tables: Tables, context: Context) -> list[Effect]:
    """The differences between the cues."""
    apart = select_group(tables["differences"])
    return [
        Effect(
            key=f"{response}.{when}.mean",
            label=f"{words}, new minus old cue, {when}, mean",
            values=subject_values(
                rows_at(apart, response=response, when=when), "value"
            ),
            chance=0.0,
            bounds=OF_DIFFERENCES.get(response, NO_BOUNDS),
        )
        for response, words in RESPONSES.items()
        for when in WHEN
    ]


def plot_time_differences(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Reaction times, new minus old cue."""
    ax.set_ylabel(f"RT, new minus old cue ({context.rt_unit})")
    return _differences(tables, context, ax, "rt")


def plot_correct_differences(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Share of correct responses, new minus old cue."""
    ax.set_ylabel("P(correct), new minus old cue")
    return _differences(tables, context, ax, "correct")


def _differences(tables: Tables, context: Context, ax: Axes, response: str) -> Axes:
    own = rows_at(select_group(tables["differences"]), response=response)
    if own["value"].isna().all():
        return ax if context.slots > 1 else empty_panel(ax, "no such trials")
    means = rows_at(select_group(tables.summary("differences")), response=response)
    places = dict(zip(WHEN, range(len(WHEN)), strict=True))
    colour, label = subject_colour(context), subject_label(context)
    own, means = (t.assign(at=t["when"].map(places)) for t in (own, means))
    subject_lines(ax, own, "at", "value", colour, marker="o", ms=4)
    line = means.sort_values("at")
    mean_line(ax, line, "at", colour, label=label, lw=2.5, style="o-", ms=7)
    chance_line(ax, 0, "-")
    ax.set_xticks(list(places.values()), list(WHEN.values()))
    ax.set(xlabel="Trials after a reversal", xlim=(-0.5, len(WHEN) - 0.5))
    return legend_below(ax)


def plot_times_around(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Reaction time to each cue around a reversal."""
    ax.set_ylabel(f"Reaction time ({context.rt_unit})")
    return _around(tables, context, ax, "rt")


def plot_correct_around(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Share of correct responses to each cue around a reversal."""
    ax.set(ylabel="P(correct)", ylim=(0, 1.02))
    return _around(tables, context, ax, "correct")


def _around(tables: Tables, context: Context, ax: Axes, response: str) -> Axes:
    means = rows_at(select_group(tables.summary("around")), response=response)
    if means.empty:
        return empty_panel(ax, "no such trials")
    for (cue, words), style in zip(CUES.items(), ("s--", "o-"), strict=True):
        line = rows_at(means, cue=cue).sort_values("place")
        colour = subject_colour(context)
        mean_line(ax, line, "place", colour, label=words, style=style, ms=5)
    ax.axvline(0.5, color="0.6", lw=1, ls=":")
    ax.set_xticks(list(PLACES))
    ax.set_xlabel("Trial from a reversal (0: the last before it)")
    return legend_below(ax, title=subject_label(context), columns=1)


ANALYSIS = Analysis(
    schema=OWN_SCHEMA,
    parse=read_responses,
    measures=measures,
    effects=effects,
    panels=(
        Panel(
            "Times after a reversal",
            plot_time_differences,
            columns=("rt",),
            shared=True,
        ),
        Panel("Reaction time to each cue", plot_times_around, columns=("rt",)),
        Panel(
            "Errors after a reversal",
            plot_correct_differences,
            columns=("correct",),
            shared=True,
        ),
        Panel("Correct with each cue", plot_correct_around, columns=("correct",)),
    ),
    needs=None,
    guide=GUIDE,
)
"""From trial tables of animals or people to effects and panels."""
