"""The study of costs by area, on planted results and in a few steps."""

import numpy as np
import pytest

from metarl.core.parallel import Reporter
from metarl.studies.costs_by_area.study import (
    HYPOTHESES,
    conditions,
    configure,
    effects,
    figures,
    tables,
)
from metarl.studies.spec import Results, Scale

SMOKE = conditions(Scale(smoke=True))
SEEDS = 3
GOOD = {"split": 1.2, "split-local": 1.2, "both": 0.95, "frozen": 4.0}


def seed_results(regret, *, lesioned=12.5, adaptation=0.3):
    return {
        "regret": regret,
        "accuracy": [0.5, 0.5 + adaptation],
        "regret_lesioned": lesioned,
        "accuracy_lesioned": [0.5, 0.5],
        "adaptation": adaptation,
        "episodes": [100.0, 200.0],
        "regret_in_training": [12.0, regret],
    }


def planted(regrets=GOOD, **more):
    seeds = {
        name: [seed_results(regrets.get(name, 1.0), **more) for _ in range(SEEDS)]
        for name in HYPOTHESES
    }
    return Results(seeds=seeds, seconds={name: [2.0] * SEEDS for name in seeds})


def failing(results):
    scored = [effect for effect in effects(results) if effect.criterion]
    assert len(scored) == 5
    return [e.label for e in scored if not e.criterion.holds(e.values.median())]


def test_areas_as_good_as_expected_meet_every_criterion():
    assert failing(planted()) == []


@pytest.mark.parametrize(
    ("regrets", "word"),
    [
        ({**GOOD, "split": 1.4}, "the PFC predicts rewards, the BG is reinforced"),
        ({**GOOD, "both": 1.05}, "both costs in the PFC"),
        ({**GOOD, "frozen": 1.9}, "keeps its random initial weights"),
    ],
)
def test_each_regret_fails_alone(regrets, word):
    (name,) = failing(planted(regrets))
    assert word in name


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"lesioned": 11.0}, "silenced"),
        ({"lesioned": 14.0}, "silenced"),
        ({"adaptation": 0.1}, "adaptation"),
    ],
)
def test_lesion_and_adaptation_fail_alone(more, word):
    (name,) = failing(planted(**more))
    assert word in name


def test_all_conditions_have_different_configurations():
    configs = [configure(3, name) for name in HYPOTHESES]
    assert all(a != b for k, a in enumerate(configs) for b in configs[k + 1 :])
    assert configure(3, "split").learning.costs.pfc == ("reward",)
    assert configure(3, "split-local").learning.rule == "eprop"
    assert not configure(3, "prediction-first").learning.costs.on("rl", 199)
    assert configure(3, "prediction-first").learning.costs.on("rl", 200)


def test_the_table_has_each_hypothesis_with_its_numbers():
    table = tables(planted())["areas"].set_index("condition")
    assert list(table.index) == list(HYPOTHESES)
    assert table.loc["frozen", "regret"] == pytest.approx(4.0)
    assert table.loc["one-cost", "lesioned"] == pytest.approx(12.5)


def test_the_figure_draws_adaptation_intact_and_lesioned():
    *_, adaptation = figures(planted())["areas"].axes
    ends = [float(np.round(line.get_ydata()[-1], 3)) for line in adaptation.lines]
    assert ends == [0.8] * (SEEDS + 1) + [0.5] * (SEEDS + 1)


@pytest.mark.parametrize("name", SMOKE)
def test_a_few_steps_of_each_condition(name):
    results = SMOKE[name](5, Reporter())
    assert 0 < results["regret"] < 30
    assert len(results["accuracy"]) == len(results["accuracy_lesioned"]) == 50


def test_a_lesion_changes_the_choices_of_a_network():
    """Its readouts receive no input: they choose alike in every trial."""
    results = SMOKE["one-cost"](5, Reporter())
    assert results["accuracy"] != results["accuracy_lesioned"]
