"""The study of evolution: what it measures, on made-up facts and in a few steps."""

import pytest

from metarl.core.parallel import Reporter
from metarl.studies.evolution.study import conditions, effects, figures, tables
from metarl.studies.spec import Results, Scale

SMOKE = conditions(Scale(smoke=True))
GOOD = {
    "gradient": {
        "off_normal": 0.01,
        "off_paired": 0.01,
        "scatter_normal": 2.0,
        "scatter_paired": 0.5,
    },
    "landscape-fitness": {"end": 0.9, "path": [1.0, 0.9]},
    "landscape-variance": {"end": 7.8, "path": [1.0, 7.8]},
    "landscape-entropy": {"end": 7.9, "path": [1.0, 7.9]},
}
AGENT = {
    "generations": [1, 2],
    "regret_in_training": [12.0, 2.0],
    "episodes_in_all": 10,
    "accuracy": [0.5] * 10 + [0.9] * 40,
    "adaptation": 0.4,
    "left": [0.5, 0.6],
    "spread": 0.05,
    "best_left": 44.0,
    "best_right": 44.0,
}
WIDE = {"spread": 0.3, "best_left": 45.0, "best_right": 45.0}
GOOD |= {
    "agents-fitness": {**AGENT, "regret": 2.0},
    "agents-independent": {**AGENT, "regret_independent": 2.0},
    "agents-variance": {**AGENT, **WIDE},
    "agents-entropy": {**AGENT, **WIDE},
}


def made_up(seconds=20.0, **changed):
    told = {name.replace("_", "-"): facts for name, facts in changed.items()}
    facts = {name: [{**one, **told.get(name, {})}] * 3 for name, one in GOOD.items()}
    return Results(facts=facts, seconds={name: [seconds] * 3 for name in facts})


def failed(results):
    """Names of the scored effects that miss their criteria."""
    scored = [effect for effect in effects(results) if effect.criterion]
    return [e.label for e in scored if not e.criterion.holds(e.values.median())]


def test_what_is_expected_meets_every_criterion():
    assert failed(made_up()) == []
    assert len([e for e in effects(made_up()) if e.criterion]) == 13


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"gradient": {"off_normal": 0.04}}, "gradient, normal"),
        ({"gradient": {"scatter_paired": 2.0}}, "mirror images"),
        ({"landscape_fitness": {"end": 2.5}}, "landscape, fitness"),
        ({"landscape_variance": {"end": 7.0}}, "landscape, variance"),
        ({"agents_fitness": {"regret": 2.3}}, "arms p and 1 - p"),
        ({"agents_independent": {"regret_independent": 2.7}}, "independent arms"),
        ({"agents_fitness": {"adaptation": 0.1}}, "last 10 trials"),
        ({"agents_variance": {"spread": 0.14}}, "evolved for variance, of the"),
        ({"agents_variance": {"best_left": 44.0}}, "where left pays"),
        ({"seconds": 130.0}, "processor time"),
    ],
)
def test_each_criterion_fails_alone(changed, word):
    (name,) = failed(made_up(**changed))
    assert word in name


@pytest.mark.parametrize("name", SMOKE)
def test_a_few_steps_of_each_condition(name):
    found = SMOKE[name](5, Reporter())
    assert found == SMOKE[name](5, Reporter())
    assert set(found) <= set(GOOD[name])


def test_figures_draw_the_facts():
    axes = figures(made_up())["evolution"].axes
    assert list(axes[0].lines[3].get_xdata()) == [7.8] * 3
    assert tables(made_up())["evolution"]["regret"].tolist()[:2] == [2.0, 2.0]
