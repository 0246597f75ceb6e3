"""Effects of the bandit experiment, with baselines on the same problems.

Criteria were fixed beforehand, for 100 trials of two independent arms.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pandas as pd

from metarl.analysis.analysis import Context
from metarl.analysis.bandit.behaviour import EARLY, LATE
from metarl.analysis.bandit.populations import DEPENDENT_TEST, DISTRIBUTIONS
from metarl.analysis.effects import ALL_MEASURED, Effect
from metarl.analysis.measures import (
    Tables,
    baseline_names,
    group_mean,
    measured_subjects,
    rows_at,
    select_group,
    subject_values,
)
from metarl.analysis.statistics import (
    DIFFERENCE,
    HELD_OUT_R2,
    NO_BOUNDS,
    NOT_NEGATIVE,
    PROBABILITY,
    known_standard_error,
)

RIVAL = "thompson"
"""Baseline that the networks must beat, as in Wang et al. 2016."""
GITTINS = "gittins"
"""Baseline that the networks nearly reach, as in Wang et al. 2016."""
OPTIMUM = "bayes-optimal"
"""Baseline with the least regret."""
ERRORS = 2
"""Standard errors by which the networks must be better."""
GOAL = 2.2
"""Regret to be reached; between the tuned bound's 1.9 and Thompson's 2.8."""
ON_SAME = f"{OPTIMUM} on the same problems"
PAPER = "Wang et al. 2016, section 3.1.1"
TESTED_ARMS = {"medium": ".25, .75", "hard": ".6, .4"}
"""Test -> its arms' probabilities, as in the published rasters."""


def effects(tables: Tables, context: Context) -> list[Effect]:
    """Every effect of the experiment."""
    return [
        *_regret_effects(tables),
        *_rival_effects(tables, context),
        *_settling_effects(tables, context),
        *_coding_effects(tables),
        *_component_effects(tables, context),
        *_dependent_effects(tables, context),
        *_matrix_effects(tables, context),
        *_ablation_effects(tables, context),
    ]


def _regret_effects(tables: Tables) -> list[Effect]:
    every, subjects = tables["subjects"], select_group(tables["subjects"])
    regret = Effect(
        key="regret.mean",
        label="regret per episode, mean",
        values=subject_values(subjects, "regret"),
        bounds=NOT_NEGATIVE,
        chance=float(subjects["random_regret"].mean()),
        reference=group_mean(every, OPTIMUM, "regret"),
        source=ON_SAME,
    )
    return [
        regret,
        replace(
            regret,
            key="regret.highest",
            label="regret per episode, largest",
            summary="highest",
        ),
        replace(
            regret,
            key="regret.goal",
            label="regret per episode, compared with our goal",
            reference=GOAL,
            source="between tuned UCB and Thompson sampling",
        ),
        replace(
            regret,
            key="suboptimal.mean",
            label="suboptimal pulls per episode, mean",
            values=subject_values(subjects, "suboptimal"),
            chance=group_mean(every, "random", "suboptimal"),
            reference=group_mean(every, OPTIMUM, "suboptimal"),
        ),
    ]


def _rival_effects(tables: Tables, context: Context) -> list[Effect]:
    """Regret of each baseline minus that of the networks."""
    every = tables["subjects"]
    regret = subject_values(select_group(every), "regret")
    regrets = {
        name: float(select_group(every, name)["regret"].mean())
        for name in baseline_names(every)
    }
    saved = regret * float("nan") if RIVAL not in regrets else regrets[RIVAL] - regret
    return [
        *_criterion_effects(saved, regret, context),
        _gittins_effect(regret, regrets, context),
        *(
            Effect(
                key=f"saved.{name}.mean",
                label=f"regret saved against {name}, mean",
                values=level - regret,
                criterion=context.criteria.get(f"regret saved against {name}"),
                chance=0.0,
                reference=level - regrets[OPTIMUM] if OPTIMUM in regrets else None,
                source=ON_SAME,
            )
            for name, level in regrets.items()
        ),
    ]


def _gittins_effect(
    regret: "pd.Series[float]", regrets: Mapping[str, float], context: Context
) -> Effect:
    """Regret beyond Gittins indices; without both baselines there is no number."""
    best, rival = (regrets.get(name, float("nan")) for name in (GITTINS, RIVAL))
    return Effect(
        key="beyond_gittins.mean",
        label=f"regret beyond Gittins indices, as a share of {RIVAL}'s, mean",
        values=(regret - best) / (rival - best),
        criterion=context.criteria["regret beyond Gittins indices"],
        chance=None,
        source=PAPER,
    )


def _settling_effects(tables: Tables, context: Context) -> list[Effect]:
    """Exploration that ends, later where the arms are more alike."""
    everyone, table = measured_subjects(tables), tables["settling"]
    columns = {
        (tested, name): subject_values(rows_at(table, tested=tested), name).reindex(
            everyone
        )
        for tested in TESTED_ARMS
        for name in ("early", "late", "settled")
    }
    switches = [
        Effect(
            key=f"switches.{tested}.early_minus_late",
            label=f"switches of arm in trials 2 to {EARLY} minus the last {LATE}, arms "
            f"of {arms}, mean",
            values=columns[tested, "early"] - columns[tested, "late"],
            criterion=context.criteria["switches early minus late"],
            chance=0.0,
            bounds=DIFFERENCE,
        )
        for tested, arms in TESTED_ARMS.items()
    ]
    later = Effect(
        key="settled.hard_minus_medium",
        label="trial of settling on an arm, arms of .6, .4 minus arms of .25, .75, "
        "mean",
        values=columns["hard", "settled"] - columns["medium", "settled"],
        criterion=context.criteria["settles later"],
        chance=0.0,
    )
    return [*switches, later]


def _criterion_effects(
    saved: "pd.Series[float]", regret: "pd.Series[float]", context: Context
) -> list[Effect]:
    better = saved.gt(0).astype(float).where(saved.notna())
    return [
        Effect(
            key=f"saved.{RIVAL}.minus_errors",
            label=f"regret saved against {RIVAL}, minus {ERRORS} standard errors",
            values=saved - ERRORS * known_standard_error(regret),
            criterion=context.criteria["regret saved against Thompson"],
            needs_learning=False,
            source=PAPER,
        ),
        Effect(
            key=f"saved.{RIVAL}.share",
            label=f"loses less than {RIVAL}, share of networks",
            values=better,
            criterion=context.criteria["share that beats Thompson"],
            bounds=PROBABILITY,
            needs_learning=False,
            source=PAPER,
        ),
    ]


def _coding_effects(tables: Tables) -> list[Effect]:
    """Decoding from units at the last trial, trained and untrained."""
    table = tables["coding"]
    if table.empty:
        return []
    everyone = measured_subjects(tables)
    rows = {
        "trained": ("r2", "r2 of the left arm's probability, decoded from units, mean"),
        "untrained": ("r2_untrained", "the same from untrained units, mean"),
        "difference": ("r2_gain", "r2 gained by training, mean"),
    }
    return [
        Effect(
            key=f"r2.{name}",
            label=label,
            values=subject_values(table, column).reindex(everyone),
            bounds=NO_BOUNDS if name == "difference" else HELD_OUT_R2,
            chance=0.0 if name == "difference" else None,
        )
        for name, (column, label) in rows.items()
    ]


def _component_effects(tables: Tables, context: Context) -> Iterator[Effect]:
    """Decoding from principal components, and what training adds to it."""
    table, everyone = tables["coding"], measured_subjects(tables)
    for column, words, rule in (
        ("path_r2", "mean over trials", "components over the trials"),
        ("final_r2", "at the last trial", "components at the last trial"),
    ):
        own, null = (
            subject_values(table, name).reindex(everyone)
            for name in (column, f"{column}_untrained")
        )
        label = f"r2 of the left arm's probability from two components, {words}"
        yield Effect(
            key=f"{column}.trained",
            label=f"{label}, mean",
            values=own,
            criterion=context.criteria[rule],
            bounds=HELD_OUT_R2,
            chance=0.0,
        )
        yield Effect(
            key=f"{column}.difference",
            label=f"{label}, gained by training, mean",
            values=own - null,
            criterion=context.criteria[f"{rule}, beyond untrained"],
            chance=0.0,
        )


def _matrix_effects(tables: Tables, context: Context) -> Iterator[Effect]:
    """Networks trained on each distribution, tested on all, if there are all of them.

    Networks of different populations are paired by their number, which is arbitrary:
    the sets of five networks are independent of each other.
    """
    wide = tables["transfer"].pivot(
        index="subject", columns=["trained", "tested"], values="regret"
    )
    pairs = [(one, other) for one in DISTRIBUTIONS for other in DISTRIBUTIONS]
    if not set(pairs) <= set(wide.columns):
        return
    regret = wide.reindex(measured_subjects(tables))
    own = regret[[pair for pair in pairs if pair[0] == pair[1]]]
    other = regret[[pair for pair in pairs if pair[0] != pair[1]]]
    yield Effect(
        key="matrix.other_minus_own",
        label="regret after training on other arms minus on the tested ones, mean",
        values=other.mean(axis=1, skipna=False) - own.mean(axis=1, skipna=False),
        criterion=context.criteria["training on the tested arms"],
        learning=ALL_MEASURED,
        chance=0.0,
    )
    hard, easy = (
        regret[[(one, name) for one in DISTRIBUTIONS]].mean(axis=1, skipna=False)
        for name in ("hard", "easy")
    )
    yield Effect(
        key="matrix.hard_minus_easy",
        label="regret on arms of .6, .4 minus arms of .9, .1, all trainings, mean",
        values=hard - easy,
        criterion=context.criteria["regret on harder arms"],
        learning=ALL_MEASURED,
        chance=0.0,
    )


def _dependent_effects(tables: Tables, context: Context) -> Iterator[Effect]:
    """Regret on arms of probability .25 and .75, by distribution in training."""
    table = rows_at(tables["transfer"], tested=DEPENDENT_TEST)
    regret = {
        str(trained): _of_expected(part, "regret")
        for trained, part in table.groupby("trained", sort=False)
    }
    baselines = _dependent_baselines(tables)
    for trained, values in regret.items():
        correlated = trained == "correlated"
        rule = context.criteria["regret after dependent training"]
        yield Effect(
            key=f"dependent.{trained}.mean",
            label=f"regret on .25, .75 after training on {trained} arms, mean",
            values=values,
            criterion=rule if correlated else None,
            bounds=NOT_NEGATIVE,
            needs_learning=False,
            learning=ALL_MEASURED,
            reference=baselines["bayes-greedy"],
            source="baseline that knows that the probabilities sum to 1",
        )
    if {"independent", "correlated"} <= set(regret):
        yield Effect(
            key="dependent.saved.mean",
            label="regret on .25, .75 saved by training on correlated arms, mean",
            # Different networks; pairs by number count both populations' spread.
            values=regret["independent"] - regret["correlated"],
            criterion=context.criteria["regret saved by dependent training"],
            learning=ALL_MEASURED,
            chance=0.0,
            reference=baselines["gittins"] - baselines["bayes-greedy"],
            source="Gittins indices minus a baseline that knows the dependence",
        )


def _of_expected(rows: pd.DataFrame, column: str) -> "pd.Series[float]":
    """Values of a population; a subject that is missing has no number."""
    values, expected = subject_values(rows, column), rows["expected"].dropna()
    return values if expected.empty else values.reindex(range(int(expected.iloc[0])))


def _dependent_baselines(tables: Tables) -> dict[str, float]:
    """Baseline -> its regret per episode on arms of probability .25 and .75."""
    table = tables["reference_dependent"]
    last = rows_at(table, trial=table["trial"].max())
    return dict(zip(last["label"], last["value"].astype(float), strict=True))


def _ablation_effects(tables: Tables, context: Context) -> Iterator[Effect]:
    for name, part in tables["ablations"].groupby("variant", sort=False):
        yield Effect(
            key=f"ablation.{name}.mean",
            label=f"regret per episode, {name}, mean",
            values=_of_expected(part, "regret"),
            learning=ALL_MEASURED,
            bounds=NOT_NEGATIVE,
            chance=float(part["random_regret"].mean()),
        )
        if name == "no-reward":
            yield Effect(
                key="ablation.no-reward.ratio",
                label="regret without reward input, relative to random choice",
                values=_of_expected(part, "ratio"),
                bounds=NOT_NEGATIVE,
                criterion=context.criteria["regret without reward input"],
                learning=ALL_MEASURED,
                chance=1.0,
                reference=1.0,
                source=PAPER,
            )
