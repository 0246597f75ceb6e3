"""Effects of the matching experiment, with the values of animals for comparison.

Criteria were fixed beforehand, for the published task, tested on all base
probabilities. Strict alternation, which ignores rewards, gains .43 of the possible gain
held-in, and .76 held-out, where it even beats every fixed probability: so only
efficiency held-in counts for a network that has not learned.
"""

from collections.abc import Iterator, Sequence

import pandas as pd

from metarl.analysis.analysis import Context
from metarl.analysis.effects import Effect
from metarl.analysis.matching.behaviour import LAST, RIDGE, SETS, SPLIT
from metarl.analysis.matching.units import HISTORY, VARIABLES
from metarl.analysis.measures import (
    Tables,
    measured_subjects,
    rows_at,
    select_group,
    subject_values,
)
from metarl.analysis.references import reference_value
from metarl.analysis.statistics import DIFFERENCE, PROBABILITY

RECENT = (1, 2, 3, 4, 5)
"""Lags with scored reward weights."""
WEIGHTS = f"log odds, ridge {RIDGE:g}"
"""Unit of the weights of past trials, and the penalty that shrinks them."""
MICE = "16 mice, Bari et al. 2019"
MACAQUES = "2 macaques, Tsutsui et al. 2016"


def effects(tables: Tables, context: Context) -> list[Effect]:
    """Every effect of the experiment."""
    return [
        *_earning_effects(tables, context),
        *_matching_effects(tables, context),
        _last_effect(tables),
        *_history_effects(tables, context),
        *_stay_effects(tables),
        *_coding_effects(tables, context),
    ]


def _key(words: str) -> str:
    """A name of the tables as part of a key."""
    return words.replace(" ", "_").replace("-", "_")


def _earning_effects(tables: Tables, context: Context) -> Iterator[Effect]:
    for name in SPLIT:
        part = rows_at(select_group(tables["earnings"]), set=name)
        efficiency = subject_values(part, "efficiency")
        matching, best = part["matching"], part["rich_then_poor"]
        reference = float(
            ((matching - part["random"]) / (best - part["random"])).mean()
        )
        source = "best fixed probability, in the same episodes"
        yield Effect(
            key=f"efficiency.{_key(name)}.lowest",
            label=f"efficiency, {name}, lowest network",
            values=efficiency,
            summary="lowest",
            criterion=context.criteria["efficiency, each network"],
            needs_learning=name != "held-in",
            reference=reference,
            source=source,
        )
        yield Effect(
            key=f"efficiency.{_key(name)}.mean",
            label=f"efficiency (share of the best gain over chance), {name}, mean",
            values=efficiency,
            chance=0.0,
            reference=reference,
            source=source,
        )
        yield Effect(
            key=f"above_matching.{_key(name)}.mean",
            label=f"reward per trial above the best fixed probability, {name}, mean",
            values=subject_values(part, "above_matching"),
            criterion=context.criteria["reward above matching"],
            chance=0.0,
            reference=float((best - matching).mean()),
            source="best rich-then-poor chooser, in the same episodes",
        )


def _matching_effects(tables: Tables, context: Context) -> Iterator[Effect]:
    published = _published(tables, "slope", "mice")
    for name in SETS:
        part = rows_at(select_group(tables["lines"]), set=name)
        scored = name in SPLIT
        yield Effect(
            key=f"slope.{_key(name)}.mean",
            label=f"matching slope (log2 choice on log2 reward ratio), {name}, mean",
            values=subject_values(part, "slope"),
            criterion=context.criteria["slope"] if scored else None,
            chance=0.0,
            reference=published,
            source="mean of mice in two baited tasks, Bari et al. 2019",
        )
        yield Effect(
            key=f"r.{_key(name)}.lowest",
            label=f"matching r, {name}, lowest network",
            values=subject_values(part, "r"),
            summary="lowest",
            bounds=DIFFERENCE,
            criterion=context.criteria["r, each network"] if scored else None,
            reference=_published(tables, "r2", "macaque") ** 0.5,
            source=f"root of the mean r2 of {MACAQUES}",
        )
        yield Effect(
            key=f"bias.{_key(name)}.mean",
            label=f"matching bias (log2 right to left), {name}, mean",
            values=subject_values(part, "bias"),
            chance=0.0,
        )


def _last_effect(tables: Tables) -> Effect:
    """The slope by the window and ratios of the macaques' slopes."""
    return Effect(
        key="slope.last_20.mean",
        label=f"matching slope, {LAST} of an episode, where ratios are defined, mean",
        values=subject_values(
            rows_at(select_group(tables["lines"]), set=LAST), "slope"
        ),
        chance=0.0,
        reference=_published(tables, "slope", "macaque X"),
        source=f"mean of {MACAQUES}, in the same window",
    )


def _published(tables: Tables, measure: str, animals: str) -> float:
    """Mean of the published values of one measure, of labels with this beginning."""
    rows = rows_at(tables["reference_behaviour"], measure=measure)
    return float(rows.loc[rows["label"].str.startswith(animals), "value"].mean())


def _history_effects(tables: Tables, context: Context) -> Iterator[Effect]:
    rewards, choices = (_weights(tables, name) for name in ("reward", "choice"))
    for lag in RECENT:
        yield Effect(
            key=f"reward_weight.lag_{lag}.mean",
            label=f"reward weight at lag {lag} ({WEIGHTS}), mean",
            values=rewards[lag],
            criterion=context.criteria["reward weight"],
            chance=0.0,
            reference=_published_weight(tables, "reward", [lag]),
            source=MICE,
        )
    yield Effect(
        key="reward_weight.slope.mean",
        label=f"reward weight, slope over lags 1 to 5 ({WEIGHTS} per lag), mean",
        values=_slope_over_lags(rewards),
        criterion=context.criteria["slope of the reward weights"],
        chance=0.0,
    )
    early, late = [1, 2, 3], [8, 9, 10]
    yield Effect(
        key="reward_weight.early_minus_late.mean",
        label=f"reward weight, lags 1 to 3 minus lags 8 to 10 ({WEIGHTS}), mean",
        values=rewards[early].mean(axis=1, skipna=False)
        - rewards[late].mean(axis=1, skipna=False),
        chance=0.0,
        reference=_published_weight(tables, "reward", early)
        - _published_weight(tables, "reward", late),
        source=MICE,
    )
    yield Effect(
        key="choice_weight.lag_1.mean",
        label=f"choice weight at lag 1 ({WEIGHTS}), mean",
        values=choices[1],
        criterion=context.criteria["choice weight"],
        chance=0.0,
        reference=_published_weight(tables, "choice", [1]),
        source=MICE,
    )


def _weights(tables: Tables, predictor: str) -> pd.DataFrame:
    """Weights of one predictor: a row a subject, a column a lag."""
    part = rows_at(select_group(tables["history"]), predictor=predictor)
    return part.pivot(index="subject", columns="lag", values="weight")


def _slope_over_lags(weights: pd.DataFrame) -> "pd.Series[float]":
    """Least-squares slope of each subject's weights over the recent lags."""
    middle = sum(RECENT) / len(RECENT)
    away = pd.Series({lag: lag - middle for lag in RECENT})
    slope: pd.Series[float] = weights[list(RECENT)] @ away / (away**2).sum()
    return slope


def _published_weight(tables: Tables, predictor: str, lags: Sequence[int]) -> float:
    rows = rows_at(tables["reference_history"], predictor=predictor, label="mice")
    return float(rows.loc[rows["lag"].isin(lags), "value"].mean())


def _stay_effects(tables: Tables) -> list[Effect]:
    subjects = select_group(tables["subjects"])
    names = {
        "stay_after_reward": "P(same choice after a reward)",
        "switch_after_none": "P(other choice after no reward)",
    }
    return [
        Effect(
            key=f"{column}.mean",
            label=f"{name}, mean",
            values=subject_values(subjects, column),
            chance=0.5,
            bounds=PROBABILITY,
            reference=_published(tables, column, "macaque"),
            source=f"mean of {MACAQUES}",
        )
        for column, name in names.items()
    ]


def _coding_effects(tables: Tables, context: Context) -> Iterator[Effect]:
    """Coding rows; a network without a recording has no number, and so fails."""
    strength, wrong, fraction = (
        _coding(tables, value) for value in ("strength", "wrong_episode", "fraction")
    )
    scored = VARIABLES[-1]
    beyond = context.criteria["coding beyond untrained units"]
    another_episode = context.criteria["coding beyond another episode"]
    nearly_all = context.criteria["units coding the upcoming action"]
    for name in (scored, *VARIABLES[:-1]):
        yield Effect(
            key=f"coding.{_key(name)}.difference",
            label=f"mean |partial r| of units with {name}, trained minus untrained, "
            "mean",
            values=strength["trained", name] - strength["untrained", name],
            criterion=beyond if name == scored else None,
            chance=0.0,
            bounds=DIFFERENCE,
        )
    for name in VARIABLES:
        yield Effect(
            key=f"coding.{_key(name)}.minus_wrong_episode",
            label=f"mean |partial r| of units with {name}, minus wrong episode, mean",
            values=strength["trained", name] - wrong["trained", name],
            criterion=None if name == scored else another_episode,
            chance=0.0,
            bounds=DIFFERENCE,
        )
    for name in VARIABLES[:-1]:
        yield Effect(
            key=f"coding.{_key(scored)}.minus_{_key(name)}",
            label=f"mean |partial r| of units with {scored} minus {name}, mean",
            values=strength["trained", scored] - strength["trained", name],
            criterion=context.criteria["upcoming action beyond another variable"],
            chance=0.0,
            bounds=DIFFERENCE,
        )
    for name in (*VARIABLES, HISTORY):
        yield Effect(
            key=f"fraction.{_key(name)}.difference",
            label=f"fraction of units coding {name}, trained minus untrained, mean",
            values=fraction["trained", name] - fraction["untrained", name],
            chance=0.0,
            bounds=DIFFERENCE,
        )
    for name in (*VARIABLES, HISTORY):
        published = rows_at(tables["reference_neurons"], variable=name)
        counted = published["of"].iloc[0]
        yield Effect(
            key=f"fraction.{_key(name)}.trained",
            label=f"fraction of units coding {name}, mean",
            values=fraction["trained", name],
            criterion=nearly_all if name == scored else None,
            bounds=PROBABILITY,
            reference=reference_value(published),
            source=f"macaque dlPFC {counted}, Tsutsui et al. 2016",
        )


def _coding(tables: Tables, value: str) -> pd.DataFrame:
    """One column of the coding table: a row a subject; columns network, variable."""
    coding = select_group(tables["coding"])
    wide = coding.pivot(index="subject", columns=["network", "variable"], values=value)
    names = [*VARIABLES, HISTORY]
    columns = pd.MultiIndex.from_product([["trained", "untrained"], names])
    everyone = measured_subjects(tables)
    return wide.reindex(index=everyone, columns=columns).astype(float)
