"""What the inferred-value networks must show, beside what was published.

Criteria were fixed beforehand, for the task and the test as published; on a variant the
same rows are reported and not scored. The ideal is an observer that infers and counts
no trials: `inferred_value_responses.ideal_difference`.
"""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from metarl.analysis.bridge import CRITERIA, Tables, judge, learned_subjects
from metarl.analysis.effects import Effect
from metarl.analysis.inferred_value.responses import WHEN
from metarl.analysis.measures import select_group, subject_values

MUST = CRITERIA["inferred-value"]
"""What is asked of the networks, by name."""
RESET = "block-reset"
"""Further test in which the memory is reset at every block's start."""
NAMES = {
    "before": "old minus new cue before feedback (reward units)",
    "experienced": "new minus old cue, experienced (reward units)",
    "inferred": "new minus old cue, inferred (reward units)",
}
"""The three numbers in words."""
IDEAL_SOURCE = "observer that infers and counts no trials"
PAPER = "Wang et al. 2018, Fig. 4b: equal"
MONKEYS = "Bromberg-Martin et al. 2010: dopamine below 0, lateral habenula about 0"


def effects(tables: Tables) -> pd.DataFrame:
    """Every effect of the experiment with its verdict, as `effect_table` lays out."""
    about = tables["about"]
    subjects = select_group(tables["subjects"])
    learned = None
    if bool(about["scored"].iloc[0]):
        learned = learned_subjects(str(about["task"].iloc[0]), subjects)
    rows = [
        *_response_effects(tables, subjects),
        *_ratio_effects(subjects),
        *_reset_effects(tables, subjects),
        *_unit_effects(tables, subjects),
    ]
    listed = [(effect, learned) for effect in rows]
    return judge(about, listed + [(effect, None) for effect in _baselines(tables)])


def _ideal(tables: Tables) -> float:
    return float(tables["about"]["ideal"].iloc[0])


def _response_effects(tables: Tables, subjects: pd.DataFrame) -> Iterator[Effect]:
    """The three numbers: their means, and the least of any network."""
    ideal = _ideal(tables)
    for when in WHEN:
        mean = Effect(
            label=f"{NAMES[when]}, mean",
            values=subject_values(subjects, when),
            criterion=MUST["difference"].times(ideal),
            needs_learning=False,
            chance=0.0,
            reference=ideal,
            source=IDEAL_SOURCE,
        )
        yield mean
        yield replace(
            mean,
            label=f"{NAMES[when]}, lowest network",
            summary="lowest",
            criterion=MUST["difference, each network"],
            needs_learning=True,
        )


def _ratio_effects(subjects: pd.DataFrame) -> Iterator[Effect]:
    """Inferred beside experienced value, and whether trials are counted."""
    yield Effect(
        label="inferred / experienced, mean of the networks' ratios",
        values=subject_values(subjects, "ratio"),
        criterion=MUST["inferred / experienced"],
        reference=1.0,
        source=PAPER,
    )
    yield Effect(
        label="inferred minus experienced (reward units), mean",
        values=subject_values(subjects, "inferred")
        - subject_values(subjects, "experienced"),
        chance=0.0,
        source=MONKEYS,
    )
    yield Effect(
        label="before / mean of experienced and inferred, mean",
        values=subject_values(subjects, "carry_over"),
        reference=1.0,
        source=f"{IDEAL_SOURCE}; 0 for one that counts them",
    )
    yield Effect(
        label="share of networks that count the trials of a block",
        values=subject_values(subjects, "counts"),
        reference=0.0,
        source=IDEAL_SOURCE,
    )
    yield Effect(
        label="share of valid trials, mean",
        values=subject_values(subjects, "valid_share"),
        reference=1.0,
        source="the task's rules",
    )


def _reset_effects(tables: Tables, subjects: pd.DataFrame) -> Iterator[Effect]:
    """The same networks without what they carry from block to block."""
    ideal, everyone = _ideal(tables), subjects["subject"]
    table = select_group(tables["differences"], RESET)
    values = {
        when: subject_values(table[table["when"] == when], "difference").reindex(
            everyone
        )
        for when in WHEN
    }
    yield Effect(
        label=f"memory reset at each block: size of {NAMES['before']}, mean",
        values=values["before"].abs(),
        criterion=MUST["before, memory reset"].times(ideal),
        reference=0.0,
        source="nothing is carried over",
    )
    yield Effect(
        label=f"memory reset at each block: {NAMES['experienced']}, mean",
        values=values["experienced"],
        chance=0.0,
        reference=ideal,
        source=IDEAL_SOURCE,
    )
    yield Effect(
        label=f"memory reset at each block: {NAMES['inferred']}, mean",
        values=values["inferred"],
        criterion=MUST["inferred, memory reset"].times(ideal),
        needs_learning=False,
        chance=0.0,
        reference=ideal,
        source=IDEAL_SOURCE,
    )


def _unit_effects(tables: Tables, subjects: pd.DataFrame) -> Iterator[Effect]:
    """Read-outs of units beside those of an untrained network with the same inputs."""
    everyone = subjects["subject"]
    table = tables["readout"][tables["readout"]["event"] == "fixation"]
    for place in (1, 2):
        shares = _both_units(table[table["place"] == place], "share", everyone)
        name = f"new cue read out of units at fixation, trial {place}"
        yield Effect(
            label=f"{name}, mean",
            values=shares["trained"],
            chance=0.5,
            reference=float(place - 1),
            source="Wang et al. 2018, Fig. 4c: the state flips with the feedback",
        )
        yield Effect(label=f"{name}, untrained, mean", values=shares["untrained"])
        if place == 2:
            yield _advantage(name, shares)
    accuracy = _both_units(tables["counting"], "accuracy", everyone)
    name = "first trial of a block read out of units at fixation, accuracy"
    yield Effect(label=f"{name}, mean", values=accuracy["trained"], chance=0.5)
    yield _advantage(name, accuracy)


def _both_units(
    table: pd.DataFrame, column: str, everyone: "pd.Series[int]"
) -> dict[str, "pd.Series[float]"]:
    """A number by subject, of trained and of untrained units."""
    return {
        units: subject_values(table[table["units"] == units], column).reindex(everyone)
        for units in ("trained", "untrained")
    }


def _advantage(name: str, values: dict[str, "pd.Series[float]"]) -> Effect:
    return Effect(
        label=f"{name}, trained minus untrained, mean",
        values=values["trained"] - values["untrained"],
        chance=0.0,
    )


def _baselines(tables: Tables) -> Iterator[Effect]:
    """What the reference strategies must show, or the analysis could not find it."""
    for strategy, column, criterion, words in (
        (
            "td",
            "inferred",
            MUST["inferred, tabular TD"],
            "tabular TD: " + NAMES["inferred"],
        ),
        (
            "counting",
            "counts",
            MUST["counts, observer that counts"],
            "observer that counts is said to count",
        ),
        (
            "ideal",
            "counts",
            MUST["counts, observer that counts not"],
            "observer that counts not is said to count",
        ),
    ):
        table = select_group(tables["subjects"], strategy)
        yield Effect(
            label=words,
            values=subject_values(table, column),
            criterion=criterion,
            needs_learning=False,
        )
