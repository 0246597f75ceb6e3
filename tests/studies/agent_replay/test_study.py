"""The study of replay in the agent, on planted results and in a few steps."""

import pytest

from metarl.core.checks import MetaRLError
from metarl.core.parallel import Reporter
from metarl.studies.agent_replay import study as agent_replay
from metarl.studies.agent_replay.study import (
    REPLAYS,
    conditions,
    configure,
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


def seed_results(regrets, diverged=0):
    return {
        "episodes": [1500 * k for k in range(1, 9)],
        "updates": 3750,
        "regrets": regrets,
        "quarter": regrets[1],
        "regret": regrets[-1],
        "diverged": diverged,
    }


def planted(count=4, **changes):
    regrets = {**GOOD, **changes}
    seeds = {name: [seed_results(regrets.get(name, ALONE))] * count for name in REPLAYS}
    return Results(seeds=seeds, seconds={name: [3.0] * count for name in REPLAYS})


def failing(results):
    scored = [effect for effect in effects(results) if effect.criterion]
    assert len(scored) == 3
    summaries = {
        "median": lambda e: e.values.median(),
        "mean": lambda e: e.values.mean(),
    }
    return [e.label for e in scored if not e.criterion.holds(summaries[e.summary](e))]


def test_replay_as_good_as_expected_meets_its_criteria():
    assert failing(planted()) == []


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"uniform": [9.0, 5.5, 3.0, 2.0, 2.0, 2.0, 2.0, 2.0]}, "after a quarter"),
        ({"uniform": [5.0, 3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.2]}, "at the end"),
        ({"naive": ALONE}, "naive"),
    ],
)
def test_each_criterion_fails_alone(changes, word):
    (effect,) = failing(planted(**changes))
    assert word in effect


def test_a_seed_that_diverged_counts_as_failed_whatever_its_regret():
    results = planted(naive=ALONE)
    results.seeds["naive"][:] = [seed_results(ALONE, diverged=1)] * 2 + [
        seed_results(ALONE)
    ] * 2
    assert failing(results) == []
    assert agent_replay.failed_seeds(results, "naive").tolist() == [1, 1, 0, 0]


def test_all_conditions_have_equally_many_new_episodes():
    trainings = {configure(3, name).training for name in REPLAYS}
    (training,) = trainings
    assert training.steps == 12_000 * 50
    table = tables(planted())["replay"].set_index("replay")
    assert list(table.index) == list(REPLAYS)
    assert table.loc["naive", "share_ruined"] == 1
    assert table.loc["uniform", "regret_at_quarter"] == 3.0


def test_the_figure_draws_every_condition_over_the_episodes():
    curves, *_ = figures(planted())["replay"].axes
    line_of = {line.get_label(): line for line in curves.lines}
    assert list(line_of["uniform"].get_ydata()) == GOOD["uniform"]
    assert list(line_of["none"].get_xdata()) == [1500 * k for k in range(1, 9)]


@pytest.mark.parametrize("name", REPLAYS)
def test_a_few_steps_of_each_condition(name):
    results = SMOKE[name](5, Reporter())
    assert 0 < results["regret"] < 30
    assert len(results["regrets"]) == len(results["episodes"]) == 8
    assert results["updates"] == (8 if name.startswith("none") else 40)


def test_a_network_that_diverges_is_a_result_and_no_failure(monkeypatch):
    def diverge(config, reporter, **more):
        raise MetaRLError("training diverged")

    monkeypatch.setattr(agent_replay, "train_in_memory", diverge)
    results = SMOKE["naive"](5, Reporter())
    assert results["diverged"] == 1
    assert results["regret"] == results["quarter"] == 12.5
