"""The study of replay at rest: its effects on made-up facts, and a short rest."""

import numpy as np
import pytest

from metarl.core.parallel import Interrupted, Reporter
from metarl.studies.hippocampus.rest import new_objects
from metarl.studies.rest_replay.study import (
    SOURCES,
    asked_of,
    conditions,
    effects,
    figures,
    source_of,
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
"""Source -> facts that meet every criterion."""


def facts(name, told):
    found = {"lags_ms": [10, 20, 30]}
    for order in ("rule", "seen"):
        found |= {order: [0.0, 0.03, -0.01], f"{order}_threshold": 0.01}
        found |= {f"{order}_lag_ms": 20.0, f"{order}_subjects_beyond": 0.25}
    return {**found, **BEYOND[name], **told}


def made_up(name="", **told):
    """Results of three groups; what is told is of one condition's last."""
    found = {each: [facts(each, {})] * 3 for each in SOURCES}
    if name:
        found[name] = [*found[name][:2], facts(name, told)]
    return Results(facts=found, seconds={each: [1.0] * 3 for each in SOURCES})


def missed(results):
    summaries = {"lowest": "min", "highest": "max", "median": "median"}
    scored = [effect for effect in effects(results) if effect.criterion]
    assert len(scored) == 8
    return [
        e.label
        for e in scored
        if not e.criterion.holds(getattr(e.values, summaries[e.summary])())
    ]


def test_sources_told_apart_meet_every_criterion():
    assert missed(made_up()) == []


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("movie", {"seen_beyond": 0.9}),
        ("movie", {"seen_beyond": -2.5}),
        ("imagination", {"rule_beyond": 0.9}),
        ("imagination-after-reward", {"rule_beyond": 2.5}),
    ],
)
def test_one_group_that_does_not_show_its_order_is_a_miss(name, told):
    (effect,) = missed(made_up(name, **told))
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
    told = {f"{order}_beyond": -1.2}
    once = made_up(name, **told)
    assert missed(once) == []
    twice = Results(
        facts={**once.facts, name: [once.facts[name][-1]] * 2}, seconds=once.seconds
    )
    (effect,) = missed(twice)
    assert effect.startswith(f"{order} order, {name}:")


def test_false_alarms_are_counted_over_both_orders():
    results = made_up("none", rule_subjects_beyond=0.0, seen_subjects_beyond=0.5)
    (alarms,) = [e for e in effects(results) if e.label.startswith("false alarms")]
    assert alarms.values.tolist() == [0.25, 0.25, 0.25]
    assert alarms.reference == pytest.approx(1 / 30)


def test_a_group_is_judged_by_its_mean_and_subjects_by_their_own():
    found = np.array([[0.0, 4.0], [0.0, -1.0]])
    shuffled = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.0, -2.0], [0.0, 0.0]]])
    told = asked_of("rule", found, shuffled)
    assert told["rule"] == [0.0, 1.5]
    assert told["rule_threshold"] == 1.0
    assert told["rule_beyond"] == 1.5
    assert told["rule_lag_ms"] == 20
    assert told["rule_subjects_beyond"] == 0.5


def test_sources_differ_in_what_follows_what_alone():
    learned = new_objects(np.random.default_rng(901))
    assert source_of("movie", learned) is learned.seen
    assert source_of("imagination", learned) is learned.rule
    turned = source_of("imagination-after-reward", learned)
    assert (turned == learned.rule.T).all()
    assert source_of("none", learned) is None


def test_the_table_has_a_row_a_source():
    table = tables(made_up())["sequenceness"].set_index("source")
    assert list(table.index) == list(SOURCES)
    assert table.loc["movie", "seen_beyond"] == 2.5


def test_panels_draw_each_order_and_its_threshold():
    axes = figures(made_up())["lags"].axes
    assert axes[0].get_title() == "Movie: as seen"
    for each in axes:
        mean, above, below = each.lines[3:6]
        assert mean.get_ydata().tolist() == pytest.approx([0.0, 0.03, -0.01])
        assert above.get_ydata()[0] == -below.get_ydata()[0] == pytest.approx(0.01)
        assert each.get_ylim() == axes[0].get_ylim()


@pytest.mark.parametrize("name", SMOKE)
def test_a_short_rest_of_each_condition(name):
    told = []
    found = SMOKE[name](5, Reporter(told.append))
    assert found == SMOKE[name](5, Reporter())
    assert told == [0.5, 1.0]
    assert len(found["rule"]) == len(found["lags_ms"]) == 60
    assert found["lags_ms"][:2] == [10, 20]


def test_conditions_share_brains_and_noise():
    """Without replay both orders are asked of the same objects as with it."""
    none, movie = SMOKE["none"](5, Reporter()), SMOKE["movie"](5, Reporter())
    assert np.corrcoef(none["rule"], movie["rule"])[0, 1] > 0.5


def test_it_stops_when_asked():
    with pytest.raises(Interrupted):
        SMOKE["movie"](5, Reporter(should_stop=lambda: True))
