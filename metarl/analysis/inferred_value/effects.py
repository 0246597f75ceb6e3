"""Effects of the inferred-value experiment, with the published values for comparison.

The ideal is an observer that infers and counts no trials:
`metarl.analysis.inferred_value.responses.ideal_difference`.
"""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from metarl.analysis.analysis import Context
from metarl.analysis.effects import (
    NO_LEARNING,
    Effect,
    mean_and_lowest,
    trained_and_untrained,
)
from metarl.analysis.inferred_value.responses import WHEN
from metarl.analysis.measures import (
    MEASURED,
    Tables,
    rows_at,
    select_group,
    subject_values,
)
from metarl.analysis.statistics import PROBABILITY

RESET = "block-reset"
"""Further test in which the memory is reset at every block's start."""
NAMES = {
    "before": "old minus new cue before feedback (reward units)",
    "experienced": "new minus old cue, experienced (reward units)",
    "inferred": "new minus old cue, inferred (reward units)",
}
"""The three numbers in words."""
UNIT_WORDS = ("untrained", "trained minus untrained")
"""What labels add for untrained units and for the difference."""
IDEAL_SOURCE = "observer that infers and counts no trials"
PAPER = "Wang et al. 2018, Fig. 4b: equal"
STATE_PAPER = "Wang et al. 2018, Fig. 4c: the state flips with the feedback"
MONKEYS = "Bromberg-Martin et al. 2010: dopamine below 0, lateral habenula about 0"


def effects(tables: Tables, context: Context) -> Iterator[Effect]:
    """Every effect of the experiment."""
    yield from _response_effects(tables, context)
    yield from _ratio_effects(tables, context)
    yield from _reset_effects(tables, context)
    yield from _unit_effects(tables, context)
    yield from _baseline_effects(tables, context)


def ideal_of(tables: Tables) -> float:
    """Each of the three numbers of the ideal observer."""
    return float(tables["ideal"]["difference"].iloc[0])


def _values(tables: Tables, column: str, group: str = MEASURED) -> "pd.Series[float]":
    """A column of the table of subjects, of one group."""
    return subject_values(select_group(tables["subjects"], group), column)


def _response_effects(tables: Tables, context: Context) -> Iterator[Effect]:
    """The three numbers: their means, and the least of any network."""
    ideal = ideal_of(tables)
    for when in WHEN:
        mean, lowest = mean_and_lowest(
            when,
            NAMES[when],
            _values(tables, when),
            mean=context.criteria["difference"].times(ideal),
            lowest=context.criteria["difference, each network"],
            chance=0.0,
            reference=ideal,
            source=IDEAL_SOURCE,
        )
        yield from (replace(mean, needs_learning=False), lowest)


def _ratio_effects(tables: Tables, context: Context) -> Iterator[Effect]:
    """Inferred and experienced value compared, and whether trials are counted."""
    yield Effect(
        key="ratio.mean",
        label="inferred / experienced, mean of the networks' ratios",
        values=_values(tables, "ratio"),
        criterion=context.criteria["inferred / experienced"],
        reference=1.0,
        source=PAPER,
    )
    yield Effect(
        key="inferred_minus_experienced.mean",
        label="inferred minus experienced (reward units), mean",
        values=_values(tables, "inferred") - _values(tables, "experienced"),
        criterion=context.criteria["inferred minus experienced"],
        chance=0.0,
        source=MONKEYS,
    )
    yield Effect(
        key="carry_over.mean",
        label="before / mean of experienced and inferred, mean",
        values=_values(tables, "carry_over"),
        reference=1.0,
        source=f"{IDEAL_SOURCE}; 0 for one that counts them",
    )
    yield Effect(
        key="counts.mean",
        label="share of networks that count the trials of a block",
        values=_values(tables, "counts"),
        bounds=PROBABILITY,
        reference=0.0,
        source=IDEAL_SOURCE,
    )
    yield Effect(
        key="valid_share.mean",
        label="share of valid trials, mean",
        values=_values(tables, "valid_share"),
        bounds=PROBABILITY,
        reference=1.0,
        source="the task's rules",
    )


def _reset_effects(tables: Tables, context: Context) -> Iterator[Effect]:
    """The same networks without a memory from block to block."""
    ideal, everyone = ideal_of(tables), _values(tables, "valid_share").index
    table = select_group(tables["differences"], RESET)
    before, experienced, inferred = (
        subject_values(rows_at(table, when=when), "difference").reindex(everyone)
        for when in WHEN
    )
    prefix = "memory reset at each block"
    yield Effect(
        key="reset.before.mean",
        label=f"{prefix}: size of {NAMES['before']}, mean",
        values=before.abs(),
        criterion=context.criteria["before, memory reset"].times(ideal),
        reference=0.0,
        source="nothing is carried over",
    )
    after = Effect(
        key="reset.experienced.mean",
        label=f"{prefix}: {NAMES['experienced']}, mean",
        values=experienced,
        chance=0.0,
        reference=ideal,
        source=IDEAL_SOURCE,
    )
    yield after
    yield replace(
        after,
        key="reset.inferred.mean",
        label=f"{prefix}: {NAMES['inferred']}, mean",
        values=inferred,
        criterion=context.criteria["inferred, memory reset"].times(ideal),
        needs_learning=False,
    )


def _unit_effects(tables: Tables, context: Context) -> Iterator[Effect]:
    """Read-outs of units, and of those of an untrained network with the same inputs."""
    flips = {
        1: context.criteria["new cue read out before feedback"],
        2: context.criteria["new cue read out after feedback"],
    }
    for place, criterion in flips.items():
        rows = rows_at(tables["readout"], event="fixation", place=place)
        trained, untrained, difference = trained_and_untrained(
            f"new_cue.trial_{place}",
            f"new cue read out of units at fixation, trial {place}",
            _both_units(tables, rows, "share"),
            trained=criterion,
            words=UNIT_WORDS,
            bounds=PROBABILITY,
            chance=0.5,
            reference=float(place - 1),
            source=STATE_PAPER,
        )
        yield from (trained, untrained)
        if place == 2:
            yield difference
        rows = rows_at(tables["component_readout"], place=place)
        yield replace(
            trained,
            key=f"new_cue.trial_{place}.first_component",
            label="new cue read out of the first principal component at fixation, "
            f"trial {place}, mean",
            values=_both_units(tables, rows, "share")["trained"],
        )
    trained, _, difference = trained_and_untrained(
        "first_trial",
        "first trial of a block read out of units at fixation, accuracy",
        _both_units(tables, tables["counting"], "accuracy"),
        words=UNIT_WORDS,
        bounds=PROBABILITY,
        chance=0.5,
    )
    yield from (trained, difference)


def _both_units(tables: Tables, rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """A number of each measured subject's trained and untrained units."""
    everyone = _values(tables, "valid_share").index
    return pd.DataFrame(
        {
            units: subject_values(rows_at(rows, units=units), column).reindex(everyone)
            for units in ("trained", "untrained")
        }
    )


def _baseline_effects(tables: Tables, context: Context) -> Iterator[Effect]:
    """Known properties of the baselines, which the analysis must recover."""
    for name, column, criterion, label in (
        (
            "td",
            "inferred",
            context.criteria["inferred, tabular TD"],
            f"tabular TD: {NAMES['inferred']}",
        ),
        (
            "counting",
            "counts",
            context.criteria["counts, observer that counts"],
            "observer that counts, classified as counting",
        ),
        (
            "ideal",
            "counts",
            context.criteria["counts, observer that does not count"],
            "observer that does not count, classified as counting",
        ),
    ):
        yield Effect(
            key=f"{column}.{name}",
            label=label,
            values=_values(tables, column, name),
            criterion=criterion,
            needs_learning=False,
            learning=NO_LEARNING,
        )
