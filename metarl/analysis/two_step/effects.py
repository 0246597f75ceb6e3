"""What the two-step networks must show, beside what was published.

Criteria were fixed beforehand, for the task with the published probabilities; on a
variant of the task the same rows are reported and not scored.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from metarl.analysis.criteria import CRITERIA, learned_subjects
from metarl.analysis.effects import Effect, judge
from metarl.analysis.measures import MEASURED, Tables, by_subject, select_group
from metarl.analysis.two_step.references import EVENTS
from metarl.analysis.two_step.rpe import BOTH_EVENTS

MUST = CRITERIA["two-step"]
"""What is asked of the networks, by name."""
CELLS = {
    "rewarded common": (1.0, "common"),
    "rewarded rare": (1.0, "rare"),
    "unrewarded common": (0.0, "common"),
    "unrewarded rare": (0.0, "rare"),
}
"""Name -> reward and transition of the trial before."""
PAPER = "Wang et al. 2018, Fig. 5"


def effects(tables: Tables) -> pd.DataFrame:
    """Every effect of the experiment with its verdict, as `effect_table` lays out."""
    about = tables["about"].iloc[0]
    task = str(about["task"])
    subjects = select_group(tables["subjects"], MEASURED)
    scored = bool(about["scored"])
    learned = learned_subjects(task, subjects) if scored else None
    rows = [
        *_reward_effects(tables, subjects),
        *_stay_effects(tables),
        *_regression_effects(tables),
    ]
    listed = [(effect, learned) for effect in rows]
    if bool(about["has_planner"]):
        listed += [(e, learned) for e in _error_effects(tables, subjects)]
        listed += [(_control(tables), None)]
    return judge(tables["about"], listed)


def _reward_effects(tables: Tables, subjects: pd.DataFrame) -> list[Effect]:
    planner = select_group(tables["subjects"], "bayes-greedy")
    best = float(planner["reward_per_100"].mean()) if len(planner) else None
    mean = Effect(
        name="rewards per 100 trials, mean",
        values=by_subject(subjects, "reward_per_100"),
        criterion=MUST["reward"],
        needs_learning=False,
        reference=best,
        source="Bayes-greedy planner on the same task" if len(planner) else "",
    )
    each = replace(
        mean,
        name="rewards per 100 trials, lowest network",
        summary="lowest",
        criterion=MUST["reward, each network"],
    )
    return [mean, each]


def _stay_effects(tables: Tables) -> list[Effect]:
    stays = select_group(tables["stays"], MEASURED)
    published = _published_stays(tables)
    rows, distances = [], []
    for name, (reward, transition) in CELLS.items():
        cell = stays[(stays["reward"] == reward) & (stays["transition"] == transition)]
        bar = published[(reward, transition)]
        stay = Effect(
            name=f"stay after {name}, mean",
            values=by_subject(cell, "probability"),
            criterion=MUST[f"stay after {name}"],
            reference=bar,
            source=f"{PAPER}c, measured from the panel",
        )
        rows.append(stay)
        away = replace(
            stay,
            name=f"stay after {name}, distance to the published bar",
            values=stay.values - bar,
            criterion=None,
            reference=0.0,
        )
        distances.append(away)
    return [*_interaction_effects(tables, published), *rows, *distances]


def _interaction_effects(
    tables: Tables, published: Mapping[tuple[float, str], float]
) -> list[Effect]:
    bars = [published[cell] for cell in CELLS.values()]
    mean = Effect(
        name="stay interaction (RC - RR) - (UC - UR), mean",
        values=by_subject(
            select_group(tables["subjects"], MEASURED), "stay_interaction"
        ),
        reference=bars[0] - bars[1] - (bars[2] - bars[3]),
        source=f"{PAPER}c, measured from the panel",
    )
    each = replace(
        mean,
        name="stay interaction (RC - RR) - (UC - UR), lowest network",
        summary="lowest",
        criterion=MUST["stay interaction, each network"],
    )
    return [mean, each]


def _published_stays(tables: Tables) -> dict[tuple[float, str], float]:
    table = tables["reference_stays"]
    paper = table[table["kind"] == "paper"]
    cells = zip(paper["reward"], paper["transition"], strict=True)
    return dict(zip(cells, paper["value"].astype(float), strict=True))


def _regression_effects(tables: Tables) -> list[Effect]:
    terms = select_group(tables["stay_regression"], MEASURED)
    animals = tables["reference_regression"]
    product = "reward_x_transition"
    macaques = animals[(animals["kind"] == "animal") & (animals["term"] == product)]
    rows = [
        Effect(
            name="stay regression, reward x transition (log odds), mean",
            values=by_subject(terms[terms["term"] == product], "weight"),
            reference=float(macaques["value"].mean()),
            source="mean of 2 macaques, Miranda et al. 2020",
        )
    ]
    last = select_group(tables["lags"], MEASURED)
    last = last[last["lag"] == 1]
    for name, (reward, transition) in CELLS.items():
        cell = last[(last["reward"] == reward) & (last["transition"] == transition)]
        values = by_subject(cell, "weight")
        rows.append(
            Effect(name=f"lag 1 weight, {name} (log odds), mean", values=values)
        )
    return rows


def _error_effects(tables: Tables, subjects: pd.DataFrame) -> list[Effect]:
    """RPE rows; a network without a recording has no r2, and so fails."""
    r2 = select_group(tables["rpe"], MEASURED)
    both = r2[r2["event"] == BOTH_EVENTS]
    everyone = subjects["subject"].to_numpy()
    based = Effect(
        name="r2 of RPE with model-based RPE, mean",
        values=by_subject(both, "r2_model_based").reindex(everyone),
        criterion=MUST["model-based r2"],
        reference=_published_r2(tables, "model-based"),
        source=f"{PAPER}f",
    )
    each = replace(
        based,
        name="r2 of RPE with model-based RPE, lowest network",
        summary="lowest",
        criterion=MUST["model-based r2, each network"],
    )
    free = Effect(
        name="r2 of RPE with orthogonalised model-free RPE, mean",
        values=by_subject(both, "r2_model_free_orthogonal").reindex(everyone),
        criterion=MUST["model-free r2"],
        reference=_published_r2(tables, "model-free"),
        source=f"{PAPER}g",
    )
    parts = [
        replace(
            effect,
            name=effect.name.replace("RPE with", f"RPE at the {event} with"),
            values=by_subject(r2[r2["event"] == event], column).reindex(everyone),
            criterion=None,
        )
        for event in EVENTS
        for effect, column in (
            (based, "r2_model_based"),
            (free, "r2_model_free_orthogonal"),
        )
    ]
    return [based, each, free, *parts]


def _published_r2(tables: Tables, kind: str) -> float:
    table = tables["reference_rpe"]
    return float(table.loc[table["reference"] == kind, "value"].iloc[0])


def _control(tables: Tables) -> Effect:
    """The simulated model-free agent; without its recording the row fails."""
    r2 = select_group(tables["rpe"], "sarsa")
    both = r2[r2["event"] == BOTH_EVENTS]
    return Effect(
        name="r2 of RPE with orthogonalised model-free RPE, simulated SARSA agent",
        values=by_subject(both, "r2_model_free_orthogonal"),
        criterion=MUST["model-free r2, SARSA agent"],
        needs_learning=False,
        reference=np.nan,
    )
