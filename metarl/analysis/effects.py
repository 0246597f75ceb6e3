"""Rows of effects: a value over subjects, a criterion fixed beforehand, a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from metarl.analysis.criteria import SUMMARIES, Criterion
from metarl.analysis.statistics import mean_interval, median_interval
from metarl.core.checks import check_choice

COLUMNS = (
    "experiment",
    "effect",
    "value",
    "low",
    "high",
    "subjects",
    "learned",
    "value_learners",
    "chance",
    "p",
    "criterion",
    "reference",
    "source",
    "passed",
    "verdict",
)
"""Columns of an effects table; the docstring of `effect_row` says what they hold."""


BY_SUBJECT = "by_subject"
"""Where a judged table's `attrs` hold its numbers by subject: effect, subject, value
each."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """One measured effect, before its verdict."""

    name: str
    """What was measured, in words, with its unit."""
    values: "pd.Series[float]"
    """One number a subject, by subject."""
    summary: str = "mean"
    """What is said of all subjects, one of SUMMARIES."""
    criterion: Criterion | None = None
    """What the summary must be; None: it is reported, not scored."""
    needs_learning: bool = True
    """Whether the row counts only if every network learned its task; True wherever
    a network that learned nothing could meet the criterion."""
    chance: float | None = None
    """Value of a subject that learned nothing, in the same unit; the mean over
    subjects is tested against it."""
    reference: float | None = None
    """The published or best possible value, in the same unit."""
    source: str = ""
    """Where the reference comes from."""

    def __post_init__(self) -> None:
        """Refuse an unknown summary, and another than the criterion's."""
        rule = self.criterion
        check_choice("summary", self.summary, [rule.summary] if rule else SUMMARIES)


def effect_row(
    experiment: str, effect: Effect, learned: "pd.Series[bool] | None"
) -> dict[str, object]:
    """One row of the effects table.

    Args:
        experiment: name of the task.
        effect: what was measured.
        learned: which subjects learned the task; None where no criterion for learning
            applies (a reference strategy, a task without one).

    Returns:
        value over all n subjects; low and high, the 95 % t interval of the mean, or
        `median_interval`'s, blank for the lowest or highest; learned, how many did;
        value_learners, the value over those alone; chance, and p, of a two-sided
        one-sample t test of all n subjects against it; passed, whether the criterion
        holds and counts; verdict.
    """
    value, low, high = _summary(effect, effect.values)
    learners = None if learned is None else effect.values[_of(learned, effect.values)]
    alone = np.nan if learners is None else _summary(effect, learners)[0]
    verdict = _verdict(effect, value, alone, learners)
    return {
        "experiment": experiment,
        "effect": effect.name,
        "value": value,
        "low": low,
        "high": high,
        "subjects": len(effect.values),
        "learned": np.nan if learners is None else len(learners),
        "value_learners": alone,
        "chance": np.nan if effect.chance is None else effect.chance,
        "p": chance_p(effect),
        "criterion": "" if effect.criterion is None else str(effect.criterion),
        "reference": np.nan if effect.reference is None else effect.reference,
        "source": effect.source,
        "passed": verdict == "PASS",
        "verdict": verdict,
    }


def _of(learned: "pd.Series[bool]", values: "pd.Series[float]") -> "pd.Series[bool]":
    """Which of the subjects measured here learned."""
    return learned.reindex(values.index, fill_value=False)


def _summary(effect: Effect, values: "pd.Series[float]") -> tuple[float, float, float]:
    """Value, low, high of some of the subjects; NaN for none."""
    if effect.summary == "median":
        return median_interval(values)
    mean, low, high, _ = mean_interval(values)
    if effect.summary in ("mean", "lower", "upper"):
        value = {"mean": mean, "lower": low, "upper": high}[effect.summary]
        return value, low, high
    if values.empty:
        return np.nan, np.nan, np.nan
    # A subject without the measure must not hide behind the others.
    extreme = values.min if effect.summary == "lowest" else values.max
    return float(extreme(skipna=False)), np.nan, np.nan


def chance_p(effect: Effect) -> float:
    """Two-sided one-sample t test of the subjects' values against chance.

    NaN without a chance value, with fewer than two subjects, or where subjects do not
    differ at all.
    """
    values = effect.values.to_numpy(float)
    if effect.chance is None or len(values) < 2 or np.allclose(values, values[0]):
        return np.nan
    return float(stats.ttest_1samp(values, effect.chance).pvalue)


def _verdict(
    effect: Effect, value: float, alone: float, learners: "pd.Series[float] | None"
) -> str:
    """PASS, FAIL, NOT LEARNED or REPORTED.

    NOT LEARNED: the criterion holds but says nothing, as not all learned; or it fails
    only through those who did not learn.
    """
    if effect.criterion is None:
        return "REPORTED"
    all_learned = learners is None or len(learners) == len(effect.values)
    if effect.criterion.holds(value):
        counts = all_learned or not effect.needs_learning
        return "PASS" if counts else "NOT LEARNED"
    if all_learned:
        return "FAIL"
    excused = learners is None or learners.empty or effect.criterion.holds(alone)
    return "NOT LEARNED" if excused else "FAIL"


def effect_table(
    experiment: str,
    effects: Sequence[tuple[Effect, "pd.Series[bool] | None"]],
) -> pd.DataFrame:
    """All rows of one experiment, each effect with who learned."""
    rows = [effect_row(experiment, effect, learned) for effect, learned in effects]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype({"learned": "Int64", "passed": bool})


def judge(
    about: pd.DataFrame, listed: Sequence[tuple[Effect, "pd.Series[bool] | None"]]
) -> pd.DataFrame:
    """All rows of one experiment, with verdicts.

    Args:
        about: `groups.about_table`: where the test is not the published one, every row
            is reported and none scored; a subject that should be there and is missing
            has no number, and so counts against every row that has learners.
        listed: each effect with who learned; None where learning does not apply.

    Returns:
        The rows; `by_subject` gives the numbers behind them.
    """
    row = about.iloc[0]
    pairs = list(listed)
    if not bool(row["scored"]):
        pairs = [(reported(effect), who) for effect, who in pairs]
    if row["expected"] is not None:
        everyone = range(int(row["expected"]))
        pairs = [
            (effect if who is None else reindex_subjects(effect, everyone), who)
            for effect, who in pairs
        ]
    table = effect_table(str(row["task"]), pairs)
    table.attrs[BY_SUBJECT] = [
        {"effect": effect.name, "subject": subject, "value": float(value)}
        for effect, _ in pairs
        for subject, value in effect.values.items()
    ]
    return table


def by_subject(effects: pd.DataFrame) -> pd.DataFrame:
    """The numbers behind the rows of `judge`: effect, subject, value."""
    columns = ["effect", "subject", "value"]
    return pd.DataFrame(effects.attrs.get(BY_SUBJECT, []), columns=columns)


def variant_learners(
    effect: Effect, learned: "pd.Series[bool] | None", expected: object
) -> "pd.Series[bool] | None":
    """Who learned, for a row about another population than the measured networks.

    It counts by itself once all measured networks have learned, else not.

    Args:
        effect: about the other population.
        learned: which of the measured networks learned; None where none is judged.
        expected: how many of them there should be, or None.
    """
    if learned is None:
        return None
    if bool(learned.all()) and expected in (None, len(learned)):
        return None
    return pd.Series(False, index=effect.values.index)


def reported(effect: Effect) -> Effect:
    """The effect on another task or test than the published: no criterion fits."""
    return replace(effect, criterion=None, reference=None, source="")


def reindex_subjects(effect: Effect, everyone: range) -> Effect:
    """The effect over all subjects there should be; a missing one has no number."""
    return replace(effect, values=effect.values.reindex(everyone))
