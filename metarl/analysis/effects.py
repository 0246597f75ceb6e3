"""Rows of effects: a value over subjects, a criterion fixed beforehand, a verdict."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypedDict, Unpack

import numpy as np
import pandas as pd
from scipy import stats

from metarl.analysis.criteria import SUMMARIES, Criterion
from metarl.analysis.measures import MEASURED
from metarl.analysis.statistics import (
    NO_BOUNDS,
    Bounds,
    holm,
    mean_interval,
    median_interval,
)
from metarl.analysis.words import in_words_of
from metarl.core.checks import check_choice

COLUMNS = (
    "experiment",
    "key",
    "effect",
    "value",
    "low",
    "high",
    "subjects",
    "missing",
    "learned",
    "value_learners",
    "chance",
    "p",
    "p_holm",
    "claim",
    "control",
    "criterion",
    "criterion_low",
    "criterion_high",
    "criterion_strict",
    "reference",
    "source",
    "passed",
    "verdict",
)
"""Columns of an effects table; `effect_row` documents their content."""
SUBJECT_TABLE = "subject_table"
"""Key of a scored table's `attrs` that holds its numbers by subject: key, effect,
subject, value each."""
ALL_MEASURED = "all measured"
"""`Effect.learning` of a row about another population than the measured networks."""
NO_LEARNING = "none"
"""`Effect.learning` of a row about a baseline or a simulation."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """One measured effect, before its verdict."""

    label: str
    """Measured quantity in words, with its unit."""
    values: "pd.Series[float]"
    """One number a subject, by subject; NaN for one that has none."""
    key: str = ""
    """Stable name, by which criteria, comparisons and tests know the effect; the label
    in lower case where none is given."""
    summary: str = "mean"
    """Summary of all subjects, one of SUMMARIES."""
    criterion: Criterion | None = None
    """Criterion of the summary; None: it is reported, not scored."""
    needs_learning: bool = True
    """Whether the row counts only if every network learned its task; True wherever
    a network that learned nothing could meet the criterion."""
    learning: str = MEASURED
    """Population that must have learned for the row to count: a group of the table of
    subjects, as a rule the effect's own subjects; ALL_MEASURED, for a row about others,
    which counts once all measured networks have learned; or NO_LEARNING."""
    chance: float | None = None
    """Value of a subject that learned nothing, in the same unit; the mean over
    subjects is tested against it."""
    reference: float | None = None
    """The published or best possible value, in the same unit."""
    source: str = ""
    """Source of the reference."""
    bounds: Bounds = NO_BOUNDS
    """Least and greatest value that the measure can have."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        rule = self.criterion
        check_choice("summary", self.summary, [rule.summary] if rule else SUMMARIES)
        if not self.key:
            object.__setattr__(self, "key", key_of(self.label))


def key_of(label: str) -> str:
    """A label as a key: "P(stay), mean" is "p_stay_mean"."""
    return re.sub(r"[^a-z0-9.]+", "_", label.lower()).strip("_")


class Shared(TypedDict, total=False):
    """Fields that the effects of a builder have in common."""

    needs_learning: bool
    learning: str
    chance: float | None
    reference: float | None
    source: str
    bounds: Bounds


def mean_and_lowest(
    key: str,
    label: str,
    values: "pd.Series[float]",
    *,
    mean: Criterion | None = None,
    lowest: Criterion | None = None,
    **shared: Unpack[Shared],
) -> list[Effect]:
    """Two effects of one measure: its mean over networks, and its lowest network.

    Args:
        key: of the measure; the effects are KEY.mean and KEY.lowest.
        label: of the measure; the effects say "LABEL, mean" and "LABEL, lowest
            network".
        values: one number a subject.
        mean: criterion of the mean.
        lowest: criterion of the lowest.
        shared: further fields of both.
    """
    return [
        Effect(
            key=f"{key}.mean",
            label=f"{label}, mean",
            values=values,
            criterion=mean,
            **shared,
        ),
        Effect(
            key=f"{key}.lowest",
            label=f"{label}, lowest network",
            values=values,
            summary="lowest",
            criterion=lowest,
            **shared,
        ),
    ]


def trained_and_untrained(
    key: str,
    label: str,
    values: pd.DataFrame,
    *,
    trained: Criterion | None = None,
    difference: Criterion | None = None,
    words: tuple[str, str] = ("untrained units", "trained - untrained"),
    **shared: Unpack[Shared],
) -> list[Effect]:
    """Three effects of a measure of units: trained, untrained, and their difference.

    Args:
        key: of the measure; the effects are KEY.trained, .untrained and .difference.
        label: of the measure, before ", mean".
        values: one row a subject, columns trained and untrained.
        trained: criterion of the trained units.
        difference: criterion of the difference, which is 0 by chance.
        words: additions to the label for the second and third effect.
        shared: further fields of the first; its bounds are those of the measure.
    """
    bounds = shared.get("bounds", NO_BOUNDS)
    return [
        Effect(
            key=f"{key}.trained",
            label=f"{label}, mean",
            values=values["trained"],
            criterion=trained,
            **shared,
        ),
        Effect(
            key=f"{key}.untrained",
            label=f"{label}, {words[0]}, mean",
            values=values["untrained"],
            bounds=bounds,
        ),
        Effect(
            key=f"{key}.difference",
            label=f"{label}, {words[1]}, mean",
            values=values["trained"] - values["untrained"],
            criterion=difference,
            chance=0.0,
            bounds=Bounds(bounds.low - bounds.high, bounds.high - bounds.low),
        ),
    ]


def relative_to_baseline(
    effect: Effect,
    baseline: float | None,
    *,
    key: str,
    label: str,
    criterion: Criterion | None = None,
    saved: bool = False,
) -> Effect:
    """The effect minus a baseline's number, in the same unit.

    Args:
        effect: the subjects' own values, with their chance and reference.
        baseline: number of the baseline; None where it was not tested, which leaves
            the effect without a number.
        key: of the new effect.
        label: of the new effect.
        criterion: of the difference.
        saved: whether the difference is the baseline's number minus the subjects'.
    """
    level = np.nan if baseline is None else baseline
    sign = -1 if saved else 1

    def relative(value: float | None) -> float | None:
        return None if value is None else sign * (value - level)

    bounds = effect.bounds if np.isnan(level) else effect.bounds.minus(level)
    return replace(
        effect,
        key=key,
        label=label,
        values=sign * (effect.values - level),
        summary="mean",
        criterion=criterion,
        chance=relative(effect.chance),
        reference=relative(effect.reference),
        bounds=bounds.mirrored() if saved else bounds,
    )


def effect_row(
    experiment: str, effect: Effect, learned: "pd.Series[bool] | None"
) -> dict[str, object]:
    """One row of the effects table.

    Args:
        experiment: name of the task.
        effect: the effect.
        learned: which subjects learned the task; None where no criterion for learning
            applies (a baseline, a task without one).

    Returns:
        key, and effect, its label; value over the subjects that have a number; low and
        high, the 95 % interval of the mean, or `median_interval`'s, blank for the
        lowest or highest; subjects, those that have a number; missing, those that have
        none; learned, the number that did; value_learners, the value over those alone;
        chance, and p, of a two-sided one-sample t test of the subjects against it;
        p_holm, which is blank until `effect_table`; claim, the published one that the
        criterion tests, or blank; control, yes or blank; criterion in words, and as
        criterion_low, criterion_high (blank where a bound does not bind or is a share
        of a baseline that was not computed) and criterion_strict; passed, whether the
        criterion holds and counts; verdict.
    """
    value, low, high = _summary(effect, effect.values)
    learners = None if learned is None else effect.values[_of(learned, effect.values)]
    alone = np.nan if learners is None else _summary(effect, learners)[0]
    verdict = _verdict(effect, learners)
    known = int(effect.values.notna().sum())
    return {
        "experiment": experiment,
        "key": effect.key,
        "effect": effect.label,
        "value": value,
        "low": low,
        "high": high,
        "subjects": known,
        "missing": len(effect.values) - known,
        "learned": np.nan if learners is None else len(learners),
        "value_learners": alone,
        "chance": np.nan if effect.chance is None else effect.chance,
        "p": chance_p(effect),
        "p_holm": np.nan,
        **_criterion_columns(effect.criterion),
        "reference": np.nan if effect.reference is None else effect.reference,
        "source": effect.source,
        "passed": verdict == "PASS",
        "verdict": verdict,
    }


def _criterion_columns(criterion: Criterion | None) -> dict[str, object]:
    if criterion is None:
        low = high = np.nan
    else:
        bounds = (criterion.low, criterion.high)
        known = [not criterion.share_of and np.isfinite(bound) for bound in bounds]
        low, high = np.where(known, bounds, np.nan)
    return {
        "claim": "" if criterion is None else criterion.claim,
        "control": "yes" if criterion is not None and criterion.control else "",
        "criterion": "" if criterion is None else str(criterion),
        "criterion_low": float(low),
        "criterion_high": float(high),
        "criterion_strict": None if criterion is None else criterion.strict,
    }


def _of(learned: "pd.Series[bool]", values: "pd.Series[float]") -> "pd.Series[bool]":
    """Whether each subject with a value learned."""
    return learned.reindex(values.index, fill_value=False)


def _summary(
    effect: Effect, values: "pd.Series[float]", confidence: float = 0.95
) -> tuple[float, float, float]:
    """Value, low and high over the given subjects that have a number; NaN for none."""
    known = values.dropna()
    if effect.summary == "median":
        return median_interval(known, confidence)
    mean, low, high, _ = mean_interval(known, effect.bounds, confidence=confidence)
    if effect.summary in ("mean", "lower", "upper"):
        value = {"mean": mean, "lower": low, "upper": high}[effect.summary]
        return value, low, high
    if known.empty:
        return np.nan, np.nan, np.nan
    extreme = known.min() if effect.summary == "lowest" else known.max()
    return float(extreme), np.nan, np.nan


def chance_p(effect: Effect) -> float:
    """Two-sided one-sample t test of the subjects' values against chance.

    NaN without a chance value, with fewer than two subjects, or where subjects do not
    differ at all.
    """
    values = effect.values.dropna().to_numpy(float)
    if effect.chance is None or len(values) < 2 or np.allclose(values, values[0]):
        return np.nan
    return float(stats.ttest_1samp(values, effect.chance).pvalue)


def _holds(effect: Effect, criterion: Criterion, values: "pd.Series[float]") -> bool:
    """Whether the criterion holds of some subjects, all of which have a number."""
    # A subject without the measure must not hide behind the others.
    value, low, high = _summary(effect, values, criterion.confidence)
    return bool(values.notna().all()) and criterion.met(value, (low, high))


def _verdict(effect: Effect, learners: "pd.Series[float] | None") -> str:
    """PASS, FAIL, MISSING, NOT LEARNED or REPORTED.

    MISSING: no subject has a number, as where a baseline or a recording is absent. NOT
    LEARNED: the criterion holds but says nothing, as not all learned; or it fails only
    because of those that did not learn. A subject without a number fails the others.
    """
    criterion = effect.criterion
    if criterion is None:
        return "REPORTED"
    if effect.values.isna().all():
        return "MISSING"
    all_learned = learners is None or len(learners) == len(effect.values)
    if _holds(effect, criterion, effect.values):
        counts = all_learned or not effect.needs_learning
        return "PASS" if counts else "NOT LEARNED"
    if learners is None or all_learned:
        return "FAIL"
    excused = learners.empty or _holds(effect, criterion, learners)
    return "NOT LEARNED" if excused else "FAIL"


def effect_table(
    experiment: str,
    effects: Sequence[tuple[Effect, "pd.Series[bool] | None"]],
) -> pd.DataFrame:
    """All rows of one experiment, each effect with the subjects that learned.

    Returns:
        The rows, with p_holm: p of those that test published claims, corrected by
        Holm's method for their number in this table; `subject_table` gives the numbers
        behind them.
    """
    rows = [effect_row(experiment, effect, learned) for effect, learned in effects]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table["p_holm"] = holm(table["p"].where(table["claim"] != "").astype(float))
    table = table.astype(
        {"learned": "Int64", "passed": bool, "criterion_strict": object}
    )
    table.attrs[SUBJECT_TABLE] = [
        {"key": e.key, "effect": e.label, "subject": subject, "value": float(value)}
        for e, _ in effects
        for subject, value in e.values.items()
    ]
    return table


def subject_table(
    effects: pd.DataFrame, names: Mapping[int, str] | None = None
) -> pd.DataFrame:
    """The numbers behind rows of `effect_table`.

    Args:
        effects: the rows, or some of them.
        names: subject -> its own name, where it has one.

    Returns:
        One row an effect and subject: key, effect, subject, value, and with names also
        name, before the value.
    """
    columns = ["key", "effect", "subject", "value"]
    table = pd.DataFrame(effects.attrs.get(SUBJECT_TABLE, []), columns=columns)
    if "key" in effects:
        table = table[table["key"].isin(effects["key"])].reset_index(drop=True)
    if names:
        table.insert(3, "name", table["subject"].map(dict(names)))
    return table


def in_words_of_subjects(effect: Effect, kind: str) -> Effect:
    """The effect with a label about subjects of this kind, in place of networks."""
    label = in_words_of(kind, effect.label)
    return effect if label == effect.label else replace(effect, label=label)


def score_effects(
    task: str,
    effects: Sequence[Effect],
    learned: Mapping[str, "pd.Series[bool] | None"],
    *,
    scored: bool = True,
    expected_subjects: int | None = None,
) -> pd.DataFrame:
    """All rows of one experiment, with verdicts.

    Args:
        task: name of the task.
        effects: the effects.
        learned: group of the table of subjects -> which of them learned the task; None
            where no criterion for learning applies.
        scored: whether the criteria apply; else every row is reported.
        expected_subjects: expected number of networks; a missing one has no number,
            and so counts against every row that has learners.

    Returns:
        The rows; `subject_table` gives the numbers behind them.
    """
    pairs = []
    for effect in effects:
        learners = _learners(effect, learned, expected_subjects)
        row = effect if scored else unscored(effect)
        if learners is not None and expected_subjects is not None:
            row = reindex_subjects(row, range(expected_subjects))
        pairs.append((row, learners))
    return effect_table(task, pairs)


def _learners(
    effect: Effect,
    learned: Mapping[str, "pd.Series[bool] | None"],
    expected_subjects: int | None,
) -> "pd.Series[bool] | None":
    """Whether each subject learned, for one row; None where learning does not apply."""
    if effect.learning == NO_LEARNING:
        return None
    if effect.learning == ALL_MEASURED:
        return variant_learners(effect, learned[MEASURED], expected_subjects)
    return learned[effect.learning]


def variant_learners(
    effect: Effect, learned: "pd.Series[bool] | None", expected: object
) -> "pd.Series[bool] | None":
    """Learners for a row about another population than the measured networks.

    The row counts only if all measured networks have learned.

    Args:
        effect: about the other population.
        learned: which of the measured networks learned; None where none is scored.
        expected: expected number of them, or None.
    """
    if learned is None:
        return None
    if bool(learned.all()) and expected in (None, len(learned)):
        return None
    return pd.Series(False, index=effect.values.index)


def unscored(effect: Effect) -> Effect:
    """The effect on another task or test than the published: no criterion fits."""
    return replace(effect, criterion=None, reference=None, source="")


def reindex_subjects(effect: Effect, everyone: range) -> Effect:
    """The effect over all expected subjects; a missing one has no number."""
    return replace(effect, values=effect.values.reindex(everyone))
