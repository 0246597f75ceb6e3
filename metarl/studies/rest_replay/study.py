"""Rest replay: a movie of what was seen, or imagination by a learned rule?

A seed is a group of twelve simulated subjects. In all conditions they have the same
brains, the same noise and as many replays at the same times; what differs is the source
that replays are drawn from. Sequenceness, read from the sensors alone, must tell which.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from metarl.analysis.effects import Effect
from metarl.core.parallel import Interrupted, Reporter
from metarl.studies.hippocampus.rest import (
    OBJECTS,
    SAMPLE_MS,
    RestParams,
    Trajectory,
    new_brain,
    new_objects,
    rest,
)
from metarl.studies.hippocampus.sequenceness import (
    SHUFFLES,
    Array,
    lagged_weights,
    peak,
    sequenceness,
    shuffled_labels,
    shuffled_sequenceness,
    threshold,
)
from metarl.studies.rest_replay.plots import draw_lags
from metarl.studies.spec import Condition, Facts, Results, Scale, criteria

ORDERS = ("rule", "seen")
"""Orders that are asked about."""
SOURCES = ("movie", "imagination", "imagination-after-reward", "none")
"""What replay is drawn from."""
PUBLISHED_LAG_MS = 40.0
"""Lag at which people's sequenceness was highest; ours is set to it."""


def conditions(scale: Scale) -> Mapping[str, Condition]:
    """One for each source of replay."""
    return {source: partial(group, source, scale.smoke) for source in SOURCES}


def source_of(name: str, learned: Trajectory) -> Array | None:
    """Chances that replay is drawn from.

    That reward turns replay round is put in here, not explained: the study of
    hippocampal replay explains it.
    """
    return {
        "movie": learned.seen,
        "imagination": learned.rule,
        "imagination-after-reward": learned.rule.T,
        "none": None,
    }[name]


def group(source: str, smoke: bool, seed: int, reporter: Reporter) -> Facts:
    """Let a group rest, and ask its sensors about both orders."""
    subjects = 2 if smoke else 12
    params = RestParams(samples=1000 if smoke else 12_000)
    root = np.random.SeedSequence(seed)
    labels = shuffled_labels(OBJECTS, np.random.default_rng(root.spawn(1)[0]))
    found: dict[str, list[Array]] = {order: [] for order in ORDERS}
    shuffled: dict[str, list[Array]] = {order: [] for order in ORDERS}
    for number, stream in enumerate(root.spawn(subjects)):
        if reporter.should_stop():
            raise Interrupted
        learned, weights = subject(source, params, stream)
        for order in ORDERS:
            asked = getattr(learned, order)
            found[order].append(sequenceness(weights, asked))
            shuffled[order].append(shuffled_sequenceness(weights, asked, labels))
        reporter.report((number + 1) / subjects)
    facts: Facts = {"lags_ms": [SAMPLE_MS * (k + 1) for k in range(weights.shape[0])]}
    for order in ORDERS:
        facts |= asked_of(order, np.array(found[order]), np.array(shuffled[order]))
    return facts


def subject(
    source: str, params: RestParams, stream: np.random.SeedSequence
) -> tuple[Trajectory, Array]:
    """What one subject learned, and the lagged weights of its rest."""
    brain, objects, noise, replays = map(np.random.default_rng, stream.spawn(4))
    learned = new_objects(objects)
    activity = rest(
        new_brain(brain, params),
        source_of(source, learned),
        params,
        noise=noise,
        replays=replays,
    )
    return learned, lagged_weights(activity)


def asked_of(order: str, found: Array, shuffled: Array) -> Facts:
    """A group's sequenceness in one order, beside that of shuffled labels.

    Args:
        order: which.
        found: (subjects, lags) sequenceness.
        shuffled: (subjects, shuffles, lags) under shuffled labels.
    """
    mean, limit = found.mean(axis=0), threshold(shuffled.mean(axis=0))
    alone = [
        abs(peak(one)) > threshold(others)
        for one, others in zip(found, shuffled, strict=True)
    ]
    return {
        order: mean.tolist(),
        f"{order}_threshold": limit,
        f"{order}_beyond": peak(mean) / limit,
        f"{order}_lag_ms": float(SAMPLE_MS * (np.abs(mean).argmax() + 1)),
        f"{order}_subjects_beyond": float(np.mean(alone)),
    }


JUDGED: tuple[tuple[str, str, str], ...] = (
    ("imagination", "rule", "beyond"),
    ("imagination", "seen", "within"),
    ("movie", "seen", "beyond"),
    ("movie", "rule", "within"),
    ("imagination-after-reward", "rule", "beyond, backward"),
    ("imagination-after-reward", "seen", "within"),
    ("none", "rule", "within"),
    ("none", "seen", "within"),
)
"""Source of replay, order asked about, and the rule that judges it."""


def effects(results: Results) -> list[Effect]:
    """Which orders are beyond the threshold, which way; lags and false alarms."""
    rules = criteria("rest-replay")
    found = []
    for source, order, rule in JUDGED:
        values = results.values(source, f"{order}_beyond")
        found.append(
            Effect(
                label=f"{order} order, {source}: furthest sequenceness, in thresholds",
                values=values.abs() if rule == "within" else values,
                criterion=rules[rule],
                summary=rules[rule].summary,
            )
        )
    lag = Effect(
        label="lag of the rule order's peak, imagination, ms",
        values=results.values("imagination", "rule_lag_ms"),
        summary="median",
        reference=PUBLISHED_LAG_MS,
        source="people: Liu et al. 2019",
    )
    none = [results.values("none", f"{order}_subjects_beyond") for order in ORDERS]
    alarms = Effect(
        label="false alarms: subjects beyond their own threshold, no replay, share",
        values=(none[0] + none[1]) / 2,
        reference=1 / (SHUFFLES + 1),
        source=f"chance, for the largest of {SHUFFLES} shuffles",
    )
    return [*found, lag, alarms]


def tables(results: Results) -> Mapping[str, pd.DataFrame]:
    """Source of replay by both orders' sequenceness, threshold and lag."""
    return {"sequenceness": pd.DataFrame([_row(results, c) for c in results.facts])}


def _row(results: Results, source: str) -> dict[str, Any]:
    """Medians over groups."""
    row: dict[str, Any] = {"source": source}
    for order in ORDERS:
        for fact in ("beyond", "lag_ms", "subjects_beyond"):
            row[f"{order}_{fact}"] = results.values(source, f"{order}_{fact}").median()
    return row | {"seconds": pd.Series(results.seconds[source]).median()}


def figures(results: Results) -> Mapping[str, Figure]:
    """Sequenceness by lag, for each source of replay."""
    return {"lags": draw_lags(results, ORDERS)}
