"""The study of replay in the agent: on made-up facts and in a few steps."""

import pytest

from metarl.core.checks import MetaRLError
from metarl.core.parallel import Interrupted, Reporter
from metarl.studies.agent_replay import study as agent_replay
from metarl.studies.agent_replay.study import (
    WAYS,
    conditions,
    configured,
    effects,
    figures,
    tables,
)
from metarl.studies.spec import Results, Scale

SMOKE = conditions(Scale(smoke=True))
ALONE = [10.0, 6.0, 4.0, 3.0, 2.5, 2.0, 2.0, 2.0]
GOOD = {
    "uniform": [5.0, 3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0],
    "naive": [12.0] * 8,
}


def facts(regrets, diverged=0):
    return {
        "episodes": [1500 * k for k in range(1, 9)],
        "updates": 3750,
        "regrets": regrets,
        "quarter": regrets[1],
        "regret": regrets[-1],
        "diverged": diverged,
    }


def made_up(seeds=4, **told):
    regrets = {**GOOD, **told}
    found = {way: [facts(regrets.get(way, ALONE))] * seeds for way in WAYS}
    return Results(facts=found, seconds={way: [3.0] * seeds for way in WAYS})


def failing(results):
    scored = [effect for effect in effects(results) if effect.criterion]
    assert len(scored) == 3
    found = {"median": lambda e: e.values.median(), "mean": lambda e: e.values.mean()}
    return [e.label for e in scored if not e.criterion.holds(found[e.summary](e))]


def test_replay_as_good_as_expected_meets_its_criteria():
    assert failing(made_up()) == []


@pytest.mark.parametrize(
    ("told", "word"),
    [
        ({"uniform": [9.0, 5.5, 3.0, 2.0, 2.0, 2.0, 2.0, 2.0]}, "after a quarter"),
        ({"uniform": [5.0, 3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.2]}, "at the end"),
        ({"naive": ALONE}, "naive"),
    ],
)
def test_each_criterion_fails_alone(told, word):
    (name,) = failing(made_up(**told))
    assert word in name


def test_a_seed_that_diverged_counts_as_ruined_whatever_its_regret():
    results = made_up(naive=ALONE)
    results.facts["naive"][:] = [facts(ALONE, diverged=1)] * 2 + [facts(ALONE)] * 2
    assert failing(results) == []
    assert agent_replay.ruined(results, "naive").tolist() == [1, 1, 0, 0]


def test_all_ways_see_equally_many_fresh_episodes():
    trainings = {configured(3, way).training for way in WAYS}
    (training,) = trainings
    assert training.steps == 12_000 * 50
    table = tables(made_up())["replay"].set_index("replay")
    assert list(table.index) == list(WAYS)
    assert table.loc["naive", "share_ruined"] == 1
    assert table.loc["uniform", "regret_at_quarter"] == 3.0


def test_the_figure_draws_every_way_over_the_episodes():
    course, *_ = figures(made_up())["replay"].axes
    drawn = {line.get_label(): line for line in course.lines}
    assert list(drawn["uniform"].get_ydata()) == GOOD["uniform"]
    assert list(drawn["none"].get_xdata()) == [1500 * k for k in range(1, 9)]


@pytest.mark.parametrize("way", WAYS)
def test_a_few_steps_of_each_condition(way):
    found = SMOKE[way](5, Reporter())
    assert found == SMOKE[way](5, Reporter())
    assert 0 < found["regret"] < 30
    assert len(found["regrets"]) == len(found["episodes"]) == 8
    assert found["updates"] == (8 if way.startswith("none") else 40)


def test_a_network_that_diverges_is_a_fact_and_no_failure(monkeypatch):
    def diverge(config, reporter, **more):
        raise MetaRLError("training diverged")

    monkeypatch.setattr(agent_replay, "train_here", diverge)
    found = SMOKE["naive"](5, Reporter())
    assert found["diverged"] == 1
    assert found["regret"] == found["quarter"] == 12.5


def test_it_stops_when_asked():
    with pytest.raises(Interrupted):
        SMOKE["uniform"](5, Reporter(should_stop=lambda: True))
