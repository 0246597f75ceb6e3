"""Replay at rest: does it repeat experience like a movie, or follow a learned rule?

A seed is a group of twelve simulated subjects. In all conditions they have the same
brains, the same noise and equally many replays at the same times; only the source of
the replays differs. Sequenceness, computed from the sensors alone, must identify it.
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
    LearnedOrders,
    RestParams,
    make_brain,
    make_objects,
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
from metarl.studies.spec import (
    Condition,
    Results,
    Scale,
    SeedResults,
    Study,
    make_effect,
    read_criteria,
)

CRITERIA = read_criteria("metarl.studies.rest_replay")

ORDERS = ("rule", "seen")
"""Orders that are tested."""
SOURCES = ("movie", "imagination", "imagination-after-reward", "none")
"""Sources of replay."""
PUBLISHED_LAG_MS = 40.0
"""Lag of people's highest sequenceness; that of the simulation is set to it."""


def conditions(scale: Scale) -> Mapping[str, Condition]:
    """One condition per source of replay."""
    return {source: partial(run_group, source, scale.smoke) for source in SOURCES}


def replay_source(name: str, orders: LearnedOrders) -> Array | None:
    """(8, 8) transition probabilities from which replay is drawn; None: no replay.

    The reversal of replay after reward is an assumption here; the study of hippocampal
    replay explains it.
    """
    return {
        "movie": orders.seen,
        "imagination": orders.rule,
        "imagination-after-reward": orders.rule.T,
        "none": None,
    }[name]


def run_group(source: str, smoke: bool, seed: int, reporter: Reporter) -> SeedResults:
    """Simulate the rest of a group, and test its sensors for both orders."""
    subjects = 2 if smoke else 12
    params = RestParams(samples=1000 if smoke else 12_000)
    root = np.random.SeedSequence(seed)
    labels = shuffled_labels(OBJECTS, np.random.default_rng(root.spawn(1)[0]))
    own: dict[str, list[Array]] = {order: [] for order in ORDERS}
    shuffled: dict[str, list[Array]] = {order: [] for order in ORDERS}
    for number, stream in enumerate(root.spawn(subjects)):
        if reporter.should_stop():
            raise Interrupted
        learned, weights = run_subject(source, params, stream)
        for order in ORDERS:
            transitions = getattr(learned, order)
            own[order].append(sequenceness(weights, transitions))
            shuffled[order].append(shuffled_sequenceness(weights, transitions, labels))
        reporter.report((number + 1) / subjects)
    lags = weights.shape[0]
    results: SeedResults = {"lags_ms": [SAMPLE_MS * (k + 1) for k in range(lags)]}
    for order in ORDERS:
        results |= summarise(order, np.array(own[order]), np.array(shuffled[order]))
    return results


def run_subject(
    source: str, params: RestParams, stream: np.random.SeedSequence
) -> tuple[LearnedOrders, Array]:
    """Orders that one subject learned, and the lagged weights of its rest."""
    brain, objects, noise, replays = map(np.random.default_rng, stream.spawn(4))
    learned = make_objects(objects)
    activity = rest(
        make_brain(brain, params),
        replay_source(source, learned),
        params,
        noise=noise,
        replays=replays,
    )
    return learned, lagged_weights(activity)


def summarise(order: str, own: Array, shuffled: Array) -> SeedResults:
    """A group's sequenceness in one order, relative to that of shuffled labels.

    Args:
        order: name of the order.
        own: (subjects, lags) sequenceness.
        shuffled: (subjects, shuffles, lags) sequenceness of shuffled labels.
    """
    mean, limit = own.mean(axis=0), threshold(shuffled.mean(axis=0))
    beyond = [
        abs(peak(one)) > threshold(others)
        for one, others in zip(own, shuffled, strict=True)
    ]
    return {
        order: mean.tolist(),
        f"{order}_threshold": limit,
        f"{order}_beyond": peak(mean) / limit,
        f"{order}_lag_ms": float(SAMPLE_MS * (np.abs(mean).argmax() + 1)),
        f"{order}_subjects_beyond": float(np.mean(beyond)),
    }


SCORED: tuple[tuple[str, str, str], ...] = (
    ("imagination", "rule", "beyond"),
    ("imagination", "seen", "within"),
    ("movie", "seen", "beyond"),
    ("movie", "rule", "within"),
    ("imagination-after-reward", "rule", "beyond, backward"),
    ("imagination-after-reward", "seen", "within"),
    ("none", "rule", "within"),
    ("none", "seen", "within"),
)
"""Source of replay, tested order, and the name of its criterion."""


def effects(results: Results) -> list[Effect]:
    """Sequenceness in units of its threshold; lag of the peak; false alarms."""
    peaks = []
    for source, order, rule in SCORED:
        values = results.values(source, f"{order}_beyond")
        name = f"{order} order, {source}: extreme sequenceness, in thresholds"
        values = values.abs() if rule == "within" else values
        peaks.append(make_effect(name, values, CRITERIA[rule]))
    lag = make_effect(
        "lag of the rule order's peak, imagination, ms",
        results.values("imagination", "rule_lag_ms"),
        reference=PUBLISHED_LAG_MS,
        source="people: Liu et al. 2019",
    )
    none = [results.values("none", f"{order}_subjects_beyond") for order in ORDERS]
    alarms = make_effect(
        "false alarms: share of subjects beyond their own threshold, no replay",
        (none[0] + none[1]) / 2,
        summary="mean",
        reference=1 / (SHUFFLES + 1),
        source=f"chance, for the largest of {SHUFFLES} shuffles",
    )
    return [*peaks, lag, alarms]


def tables(results: Results) -> Mapping[str, pd.DataFrame]:
    """Sequenceness, threshold and lag in both orders by source of replay."""
    return {
        "sequenceness": pd.DataFrame([_row(results, c) for c in results.conditions])
    }


def _row(results: Results, source: str) -> dict[str, Any]:
    """Medians over groups."""
    columns = [
        f"{order}_{name}"
        for order in ORDERS
        for name in ("beyond", "lag_ms", "subjects_beyond")
    ]
    return {
        "source": source,
        **{column: results.median(source, column) for column in columns},
        "seconds": results.median_seconds(source),
    }


def figures(results: Results) -> Mapping[str, Figure]:
    """Sequenceness by lag, for each source of replay."""
    return {"lags": draw_lags(results, ORDERS)}


STUDY = Study(
    name="rest-replay",
    question="Does replay at rest repeat experience, or follow a learned rule?",
    source="Liu, Dolan, Kurth-Nelson & Behrens 2019",
    conditions=conditions,
    effects=effects,
    tables=tables,
    figures=figures,
    criteria=CRITERIA,
)
