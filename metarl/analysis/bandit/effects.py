"""What the bandit networks must show, beside strategies that met the same problems.

Criteria were fixed beforehand, for 100 trials of two independent arms; on a variant of
the task the same rows are reported and not scored.
"""

from dataclasses import replace

import pandas as pd

from metarl.analysis.bridge import CRITERIA, Tables, judge, learned_subjects
from metarl.analysis.effects import Effect, variant_learners
from metarl.analysis.measures import baseline_names, select_group, subject_values
from metarl.analysis.statistics import standard_error

MUST = CRITERIA["bandit"]
"""What is asked of the networks, by name."""
RIVAL = "thompson"
"""Strategy that the networks must beat, as in Wang et al. 2016."""
ERRORS = 2
"""Standard errors of the mean that must lie between."""
GOAL = 2.2
"""Regret that we want to reach; between the tuned bound's 1.9 and Thompson's 2.8."""
ON_SAME = "on the same problems"
PAPER = "Wang et al. 2016, section 3.1.1"


def effects(tables: Tables) -> pd.DataFrame:
    """Every effect of the experiment with its verdict, as `effect_table` lays out."""
    about = tables["about"]
    subjects = select_group(tables["subjects"])
    learned = None
    if bool(about["scored"].iloc[0]):
        learned = learned_subjects(str(about["task"].iloc[0]), subjects)
    rows = [
        *_regret_effects(tables, subjects),
        *_rival_effects(tables, subject_values(subjects, "regret")),
        *_coding_effects(tables, subjects),
    ]
    others = [*_dependent_effects(tables), *_ablation_effects(tables)]
    expected = about["expected"].iloc[0]
    listed = [(effect, learned) for effect in rows]
    listed += [(e, variant_learners(e, learned, expected)) for e in others]
    return judge(about, listed)


def _of_strategy(tables: Tables, name: str, column: str) -> float | None:
    """A strategy's number, None where it was not tested."""
    rows = select_group(tables["subjects"], name)
    return float(rows[column].mean()) if len(rows) else None


def _regret_effects(tables: Tables, subjects: pd.DataFrame) -> list[Effect]:
    best = "bayes-optimal"
    regret = Effect(
        label="regret of an episode, mean",
        values=subject_values(subjects, "regret"),
        chance=float(subjects["random_regret"].mean()),
        reference=_of_strategy(tables, best, "regret"),
        source=f"{best} {ON_SAME}",
    )
    return [
        regret,
        replace(regret, label="regret of an episode, largest", summary="highest"),
        replace(
            regret,
            label="regret of an episode, beside our goal",
            reference=GOAL,
            source="between tuned UCB and Thompson sampling",
        ),
        replace(
            regret,
            label="suboptimal pulls in an episode, mean",
            values=subject_values(subjects, "suboptimal"),
            chance=_of_strategy(tables, "random", "suboptimal"),
            reference=_of_strategy(tables, best, "suboptimal"),
        ),
    ]


def _rival_effects(tables: Tables, regret: "pd.Series[float]") -> list[Effect]:
    """How much less the networks lose than strategies do; positive: they lose less."""
    lost = {
        name: _of_strategy(tables, name, "regret")
        for name in baseline_names(tables["subjects"])
    }
    best = lost.get("bayes-optimal")
    rows = [
        Effect(
            label=f"regret saved against {name}, mean",
            values=value - regret,
            chance=0.0,
            reference=None if best is None else value - best,
            source=f"bayes-optimal {ON_SAME}",
        )
        for name, value in lost.items()
        if value is not None
    ]
    rival = lost.get(RIVAL)
    against = regret * float("nan") if rival is None else rival - regret
    return [*_must_beat(against, regret), *rows]


def _must_beat(against: "pd.Series[float]", regret: "pd.Series[float]") -> list[Effect]:
    below = against.gt(0).astype(float).where(against.notna())
    return [
        Effect(
            label=f"regret saved against {RIVAL}, less {ERRORS} standard errors",
            values=against - ERRORS * standard_error(regret),
            criterion=MUST["regret saved against Thompson"],
            needs_learning=False,
            source=PAPER,
        ),
        Effect(
            label=f"loses less than {RIVAL}, share of networks",
            values=below,
            criterion=MUST["share that beats Thompson"],
            needs_learning=False,
            source=PAPER,
        ),
    ]


def _dependent_effects(tables: Tables) -> list[Effect]:
    """Regret on arms paying .25 and .75, by what was trained on."""
    rows = tables["transfer"]
    medium = rows[rows["tested"] == "medium"]
    found = {
        str(trained): _everyone(tables, str(trained), subject_values(part, "regret"))
        for trained, part in medium.groupby("trained", sort=False)
    }
    strategies = _on_dependent_arms(tables)
    dependent = MUST["regret after dependent training"]
    listed = [
        Effect(
            label=f"regret on .25, .75 after training on {trained} arms, mean",
            values=values,
            criterion=dependent if trained == "correlated" else None,
            needs_learning=False,
            reference=strategies["bayes-greedy"],
            source="one who knows that the chances add up to 1",
        )
        for trained, values in found.items()
    ]
    if {"independent", "correlated"} <= set(found):
        listed.append(
            Effect(
                label="regret on .25, .75 saved by training on correlated arms, mean",
                # Other networks than the independent ones: no pairs, only their mean.
                values=float(found["independent"].mean()) - found["correlated"],
                chance=0.0,
                reference=strategies["gittins"] - strategies["bayes-greedy"],
                source="Gittins indices, less one who knows of the dependence",
            )
        )
    return listed


def _everyone(
    tables: Tables, control: str, values: "pd.Series[float]"
) -> "pd.Series[float]":
    """The values of a control population; a subject that is missing has no number."""
    rows = tables["populations"]
    expected = rows.loc[rows["control"] == control, "expected"].dropna()
    return values if expected.empty else values.reindex(range(int(expected.iloc[0])))


def _on_dependent_arms(tables: Tables) -> dict[str, float]:
    """Strategy -> its regret of an episode on arms paying .25 and .75."""
    table = tables["reference_dependent"]
    last = table[table["trial"] == table["trial"].max()]
    return dict(zip(last["strategy"], last["regret"].astype(float), strict=True))


def _ablation_effects(tables: Tables) -> list[Effect]:
    listed = []
    for name, part in tables["ablations"].groupby("control", sort=False):
        listed.append(
            Effect(
                label=f"regret of an episode, {name}, mean",
                values=_everyone(tables, str(name), subject_values(part, "regret")),
                chance=float(part["random_regret"].mean()),
            )
        )
        if name == "no-reward":
            listed.append(
                Effect(
                    label="regret without reward input, of that of random choice",
                    values=_everyone(tables, str(name), subject_values(part, "ratio")),
                    criterion=MUST["regret without reward input"],
                    chance=1.0,
                    reference=1.0,
                    source=PAPER,
                )
            )
    return listed


def _coding_effects(tables: Tables, subjects: pd.DataFrame) -> list[Effect]:
    """What units tell at the last trial, beyond what an untrained network's do."""
    table = tables["coding"]
    if table.empty:
        return []
    everyone = subjects["subject"].to_numpy()
    names = {
        "r2": "r2 of the left arm's chance, decoded from units, mean",
        "r2_untrained": "the same from untrained units, mean",
        "r2_gain": "r2 gained by training, mean",
    }
    chances = {"r2": None, "r2_untrained": None, "r2_gain": 0.0}
    return [
        Effect(
            label=words,
            values=subject_values(table, column).reindex(everyone),
            chance=chances[column],
        )
        for column, words in names.items()
    ]
