"""What networks must show on the matching task, beside what animals do.

Criteria were fixed beforehand, for the published task, tested on all base chances.
Strict alternation, which looks at no reward, gains .43 of what can be gained held-in,
and .76 held-out, where it even beats every fixed probability: so only efficiency
held-in counts for a network that has not learned.
"""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from metarl.analysis.bridge import CRITERIA, Tables, judge, learned_subjects
from metarl.analysis.effects import Effect
from metarl.analysis.matching.units import HISTORY, VARIABLES
from metarl.analysis.measures import select_group, subject_values

MUST = CRITERIA["matching"]
"""What is asked of the networks, by name."""
SPLIT = ("held-in", "held-out")
"""Episodes that are told apart: base chances as in training, and others."""
RECENT = (1, 2, 3, 4, 5)
"""Lags whose reward weights are judged."""
BEST = "rich_then_poor"
"""Column of the chooser that gains most."""
MICE = "16 mice, Bari et al. 2019"


def effects(tables: Tables) -> pd.DataFrame:
    """Every effect of the experiment with its verdict, as `effect_table` lays out."""
    subjects = select_group(tables["subjects"])
    scored = bool(tables["about"]["scored"].iloc[0])
    task = str(tables["about"]["task"].iloc[0])
    learned = learned_subjects(task, subjects) if scored else None
    rows = [
        *_earning_effects(tables),
        *_matching_effects(tables),
        *_history_effects(tables),
        *_stay_effects(tables),
        *_coding_effects(tables),
    ]
    return judge(tables["about"], [(effect, learned) for effect in rows])


def _earning_effects(tables: Tables) -> list[Effect]:
    earned = select_group(tables["earnings"])
    rows = []
    for name in SPLIT:
        part = earned[earned["set"] == name]
        matching, best = (part[k] - part["random"] for k in ("matching", BEST))
        mean = Effect(
            label=f"efficiency (share of the best gain over chance), {name}, mean",
            values=subject_values(part, "efficiency"),
            chance=0.0,
            reference=float((matching / best).mean()),
            source="best fixed probability, in the same episodes",
        )
        each = replace(
            mean,
            label=f"efficiency, {name}, lowest network",
            summary="lowest",
            criterion=MUST["efficiency, each network"],
            needs_learning=name != "held-in",
            chance=None,
        )
        above = Effect(
            label=f"reward per trial above the best fixed probability, {name}, mean",
            values=subject_values(part, "above_matching"),
            criterion=MUST["reward above matching"],
            chance=0.0,
            reference=float((part[BEST] - part["matching"]).mean()),
            source="best rich-then-poor chooser, in the same episodes",
        )
        rows += [each, mean, above]
    return rows


def _matching_effects(tables: Tables) -> list[Effect]:
    lines = select_group(tables["lines"])
    published = _published(tables, "slope", "mice")
    rows = []
    for name in (*SPLIT, "all"):
        part = lines[lines["set"] == name]
        judged = name in SPLIT
        slope = Effect(
            label=f"matching slope (log2 choice on log2 reward ratio), {name}, mean",
            values=subject_values(part, "slope"),
            criterion=MUST["slope"] if judged else None,
            chance=0.0,
            reference=published,
            source="mean of mice in two baited tasks, Bari et al. 2019",
        )
        each = Effect(
            label=f"matching r, {name}, lowest network",
            values=subject_values(part, "r"),
            summary="lowest",
            criterion=MUST["r, each network"] if judged else None,
            reference=_published(tables, "r2", "macaque") ** 0.5,
            source="root of the mean r2 of 2 macaques, Tsutsui et al. 2016",
        )
        bias = Effect(
            label=f"matching bias (log2 right to left), {name}, mean",
            values=subject_values(part, "bias"),
            chance=0.0,
        )
        rows += [slope, each, bias]
    return rows


def _published(tables: Tables, measure: str, who: str) -> float:
    """Mean of the published rows of one measure whose label starts so."""
    rows = tables["reference_matching"]
    chosen = (rows["measure"] == measure) & rows["label"].str.startswith(who)
    return float(rows.loc[chosen, "value"].mean())


def _history_effects(tables: Tables) -> list[Effect]:
    rewards, choices = (
        _weights(tables, predictor) for predictor in ("reward", "choice")
    )
    rows = [
        Effect(
            label=f"reward weight at lag {lag} (log odds), mean",
            values=rewards[lag],
            criterion=MUST["reward weight"],
            chance=0.0,
            reference=_published_weight(tables, "reward", [lag]),
            source=MICE,
        )
        for lag in RECENT
    ]
    decay = Effect(
        label="reward weight, slope over lags 1 to 5 (log odds per lag), mean",
        values=_decay(rewards),
        criterion=MUST["slope of the reward weights"],
        chance=0.0,
    )
    span = Effect(
        label="reward weight, lags 1 to 3 less lags 8 to 10 (log odds), mean",
        values=rewards[[1, 2, 3]].mean(axis=1) - rewards[[8, 9, 10]].mean(axis=1),
        chance=0.0,
        reference=_published_weight(tables, "reward", [1, 2, 3])
        - _published_weight(tables, "reward", [8, 9, 10]),
        source=MICE,
    )
    last = Effect(
        label="choice weight at lag 1 (log odds), mean",
        values=choices[1],
        criterion=MUST["choice weight"],
        chance=0.0,
        reference=_published_weight(tables, "choice", [1]),
        source=MICE,
    )
    return [*rows, decay, span, last]


def _weights(tables: Tables, predictor: str) -> pd.DataFrame:
    """Weights of one predictor: a row a subject, a column a lag."""
    history = select_group(tables["history"])
    part = history[history["predictor"] == predictor]
    return part.pivot(index="subject", columns="lag", values="weight")


def _decay(weights: pd.DataFrame) -> "pd.Series[float]":
    """Least-squares slope of each subject's weights over the recent lags."""
    middle = sum(RECENT) / len(RECENT)
    away = pd.Series({lag: lag - middle for lag in RECENT})
    slope: pd.Series[float] = weights[list(RECENT)] @ away / (away**2).sum()
    return slope


def _published_weight(tables: Tables, predictor: str, lags: Sequence[int]) -> float:
    rows = tables["reference_history"]
    chosen = (rows["predictor"] == predictor) & rows["lag"].isin(lags)
    return float(rows.loc[chosen & (rows["label"] == "mice"), "value"].mean())


def _stay_effects(tables: Tables) -> list[Effect]:
    subjects = select_group(tables["subjects"])
    names = {
        "stay_after_reward": "P(same choice after a reward)",
        "switch_after_none": "P(other choice after no reward)",
    }
    return [
        Effect(
            label=f"{name}, mean",
            values=subject_values(subjects, column),
            chance=0.5,
            reference=_published(tables, column, "macaque"),
            source="mean of 2 macaques, Tsutsui et al. 2016",
        )
        for column, name in names.items()
    ]


def _coding_effects(tables: Tables) -> list[Effect]:
    """Coding rows; a network without a recording has no number, and so fails."""
    strength = _coding(tables, "strength")
    wrong = _coding(tables, "wrong_episode")
    fraction = _coding(tables, "fraction")
    judged, beyond = VARIABLES[-1], MUST["coding beyond untrained units"]
    rows = [
        Effect(
            label=f"mean |partial r| of units with {name}, trained less untrained, "
            "mean",
            values=strength["trained", name] - strength["untrained", name],
            criterion=beyond if name == judged else None,
            chance=0.0,
        )
        for name in (judged, *VARIABLES[:-1])
    ]
    rows += [
        Effect(
            label=f"mean |partial r| of units with {name}, less wrong episode, mean",
            values=strength["trained", name] - wrong["trained", name],
            chance=0.0,
        )
        for name in VARIABLES
    ]
    neurons = tables["reference_neurons"].set_index("variable")
    counted = neurons["of"].astype(str).to_dict()
    rows += [
        Effect(
            label=f"fraction of units coding {name}, trained less untrained, mean",
            values=fraction["trained", name] - fraction["untrained", name],
            chance=0.0,
        )
        for name in (*VARIABLES, HISTORY)
    ]
    rows += [
        Effect(
            label=f"fraction of units coding {name}, mean",
            values=fraction["trained", name],
            reference=float(neurons["value"].loc[name]),
            source=f"macaque dlPFC {counted[name]}, Tsutsui et al. 2016",
        )
        for name in (*VARIABLES, HISTORY)
    ]
    return rows


def _coding(tables: Tables, value: str) -> pd.DataFrame:
    """One column of the coding table: a row a subject; columns network, variable."""
    coding = select_group(tables["coding"])
    wide = coding.pivot(index="subject", columns=["network", "variable"], values=value)
    names = [*VARIABLES, HISTORY]
    columns = pd.MultiIndex.from_product([["trained", "untrained"], names])
    everyone = select_group(tables["subjects"])["subject"].to_numpy()
    return wide.reindex(index=everyone, columns=columns).astype(float)
