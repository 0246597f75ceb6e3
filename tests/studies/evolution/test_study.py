"""The study of evolution, on planted results and in a few steps."""

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


def planted(seconds=20.0, **changed):
    """Results that meet every criterion, except for the given changes."""
    changes = {name.replace("_", "-"): seed for name, seed in changed.items()}
    seeds = {name: [{**one, **changes.get(name, {})}] * 3 for name, one in GOOD.items()}
    return Results(seeds=seeds, seconds={name: [seconds] * 3 for name in seeds})


def failed(results):
    """Names of the scored effects that miss their criteria."""
    scored = [effect for effect in effects(results) if effect.criterion]
    return [e.label for e in scored if not e.criterion.holds(e.values.median())]


def test_expected_results_meet_every_criterion():
    assert failed(planted()) == []
    assert len([e for e in effects(planted()) if e.criterion]) == 13


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
        ({"agents_variance": {"spread": 0.14}}, "evolved for variance, relative"),
        ({"agents_variance": {"best_left": 44.0}}, "where left is better"),
        ({"seconds": 130.0}, "processor time"),
    ],
)
def test_each_criterion_fails_alone(changed, word):
    (name,) = failed(planted(**changed))
    assert word in name


@pytest.mark.parametrize("name", SMOKE)
def test_a_few_steps_of_each_condition(name):
    assert set(SMOKE[name](5, Reporter())) <= set(GOOD[name])


def test_figures_draw_the_results():
    axes = figures(planted())["evolution"].axes
    assert list(axes[0].lines[3].get_xdata()) == [7.8] * 3
    assert tables(planted())["evolution"]["regret"].tolist()[:2] == [2.0, 2.0]
