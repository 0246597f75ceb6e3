"""The study of replay at rest, on planted results and in a short rest."""

import numpy as np
import pytest

from metarl.core.parallel import Reporter
from metarl.studies.hippocampus.rest import make_objects
from metarl.studies.rest_replay.study import (
    SOURCES,
    conditions,
    effects,
    figures,
    replay_source,
    summarise,
    tables,
)
from metarl.studies.spec import Results, Scale

SMOKE = conditions(Scale(smoke=True))
BEYOND = {
    "movie": {"rule_beyond": 0.5, "seen_beyond": 2.5},
    "imagination": {"rule_beyond": 2.5, "seen_beyond": -0.5},
    "imagination-after-reward": {"rule_beyond": -2.5, "seen_beyond": 0.4},
    "none": {"rule_beyond": -0.9, "seen_beyond": 0.3},
}
"""Source -> results that meet every criterion."""


def seed_results(name, changes):
    results = {"lags_ms": [10, 20, 30]}
    for order in ("rule", "seen"):
        results |= {order: [0.0, 0.03, -0.01], f"{order}_threshold": 0.01}
        results |= {f"{order}_lag_ms": 20.0, f"{order}_subjects_beyond": 0.25}
    return {**results, **BEYOND[name], **changes}


def planted(name="", **changes):
    """Results of three groups, with changes in the last of one condition."""
    seeds = {each: [seed_results(each, {})] * 3 for each in SOURCES}
    if name:
        seeds[name] = [*seeds[name][:2], seed_results(name, changes)]
    return Results(seeds=seeds, seconds={each: [1.0] * 3 for each in SOURCES})


def missed(results):
    summaries = {"lowest": "min", "highest": "max", "median": "median"}
    scored = [effect for effect in effects(results) if effect.criterion]
    assert len(scored) == 8
    return [
        e.label
        for e in scored
        if not e.criterion.holds(getattr(e.values, summaries[e.summary])())
    ]


def test_sources_that_are_identified_meet_every_criterion():
    assert missed(planted()) == []


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("movie", {"seen_beyond": 0.9}),
        ("movie", {"seen_beyond": -2.5}),
        ("imagination", {"rule_beyond": 0.9}),
        ("imagination-after-reward", {"rule_beyond": 2.5}),
    ],
)
def test_one_group_that_does_not_show_its_order_is_a_miss(name, changes):
    (effect,) = missed(planted(name, **changes))
    assert f"order, {name}:" in effect


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("movie", "rule"),
        ("imagination", "seen"),
        ("imagination-after-reward", "seen"),
        ("none", "rule"),
        ("none", "seen"),
    ],
)
def test_one_false_alarm_is_chance_and_two_are_a_miss(name, order):
    changes = {f"{order}_beyond": -1.2}
    once = planted(name, **changes)
    assert missed(once) == []
    twice = Results(
        seeds={**once.seeds, name: [once.seeds[name][-1]] * 2}, seconds=once.seconds
    )
    (effect,) = missed(twice)
    assert effect.startswith(f"{order} order, {name}:")


def test_false_alarms_are_counted_over_both_orders():
    results = planted("none", rule_subjects_beyond=0.0, seen_subjects_beyond=0.5)
    (alarms,) = [e for e in effects(results) if e.label.startswith("false alarms")]
    assert alarms.values.tolist() == [0.25, 0.25, 0.25]
    assert alarms.reference == pytest.approx(1 / 30)


def test_groups_are_tested_by_their_mean_and_subjects_by_their_own():
    own = np.array([[0.0, 4.0], [0.0, -1.0]])
    shuffled = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.0, -2.0], [0.0, 0.0]]])
    results = summarise("rule", own, shuffled)
    assert results["rule"] == [0.0, 1.5]
    assert results["rule_threshold"] == 1.0
    assert results["rule_beyond"] == 1.5
    assert results["rule_lag_ms"] == 20
    assert results["rule_subjects_beyond"] == 0.5


def test_sources_differ_in_their_transitions_alone():
    learned = make_objects(np.random.default_rng(901))
    assert replay_source("movie", learned) is learned.seen
    assert replay_source("imagination", learned) is learned.rule
    reversed_rule = replay_source("imagination-after-reward", learned)
    assert (reversed_rule == learned.rule.T).all()
    assert replay_source("none", learned) is None


def test_the_table_has_a_row_a_source():
    table = tables(planted())["sequenceness"].set_index("source")
    assert list(table.index) == list(SOURCES)
    assert table.loc["movie", "seen_beyond"] == 2.5


def test_panels_draw_each_order_and_its_threshold():
    axes = figures(planted())["lags"].axes
    assert axes[0].get_title() == "Movie: as seen"
    for each in axes:
        mean, above, below = each.lines[3:6]
        assert mean.get_ydata().tolist() == pytest.approx([0.0, 0.03, -0.01])
        assert above.get_ydata()[0] == -below.get_ydata()[0] == pytest.approx(0.01)
        assert each.get_ylim() == axes[0].get_ylim()


@pytest.mark.parametrize("name", SMOKE)
def test_a_short_rest_of_each_condition(name):
    progress = []
    results = SMOKE[name](5, Reporter(progress.append))
    assert progress == [0.5, 1.0]
    assert len(results["rule"]) == len(results["lags_ms"]) == 60
    assert results["lags_ms"][:2] == [10, 20]


def test_conditions_share_brains_and_noise():
    """Without replay both orders are tested on the same objects as with it."""
    none, movie = SMOKE["none"](5, Reporter()), SMOKE["movie"](5, Reporter())
    assert np.corrcoef(none["rule"], movie["rule"])[0, 1] > 0.5
