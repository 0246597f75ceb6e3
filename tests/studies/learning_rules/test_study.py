"""The learning rules' study: what it measures, on made-up facts and in a few steps."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from metarl.core.parallel import Interrupted, Reporter
from metarl.studies.learning_rules import study as learning_rules
from metarl.studies.learning_rules.study import (
    conditions,
    configured,
    cosines,
    effects,
    figures,
    gradient,
    stored_floats,
    tables,
)
from metarl.studies.shared_bandit import bandit_config, shortened
from metarl.studies.spec import Results, Scale
from metarl.training.trainer import Trainer

SMOKE = conditions(Scale(smoke=True))
SEEDS = 3


def facts(regret, rule="eprop"):
    aligned = rule.removeprefix("lstm-") in learning_rules.ALIGNED
    return {
        "regret": regret,
        "accuracy": [0.5, 0.9],
        "episodes": [100.0, 200.0],
        "regret_in_training": [12.0, regret],
        "cosine": [1.0, 0.9, 0.8, 0.7, 0.6] if aligned else [],
        "episodes_in_all": 200,
        "passes": 10_000,
        "stored": 7,
    }


def made_up(**regrets):
    """Results in which every rule has regret 1, but for those that are told."""
    told = {name.replace("_", "-"): value for name, value in regrets.items()}
    found = {
        name: [facts(told.get(name, 1.0) + 0.01 * k, name) for k in range(SEEDS)]
        for name in conditions(Scale())
    }
    return Results(facts=found, seconds={name: [2.0] * SEEDS for name in found})


def verdicts(results):
    scored = [effect for effect in effects(results) if effect.criterion]
    return [bool(e.criterion.holds(e.values.median())) for e in scored]


def test_rules_as_good_as_expected_meet_their_criteria():
    assert verdicts(made_up(readout=3.0)) == [True, True, True, True]


@pytest.mark.parametrize(
    ("regrets", "expected"),
    [
        ({"eprop": 1.4}, [False, True, True, True]),
        ({"eprop_random": 2.2}, [True, False, True, True]),
        ({"readout": 1.9}, [True, True, False, True]),
        ({"bptt": 2.2, "eprop": 2.3, "readout": 9.0}, [True, True, True, False]),
    ],
)
def test_each_criterion_fails_alone(regrets, expected):
    assert verdicts(made_up(**{"readout": 3.0, **regrets})) == expected


def test_every_condition_has_one_row_of_regret():
    results = made_up()
    named = " ".join(effect.label for effect in effects(results))
    for name in set(results.facts) - {"eprop", "eprop-random", "readout"}:
        assert f"regret by {name}, rewards" in named


def test_the_table_says_work_and_what_is_kept():
    table = tables(made_up(np=12.0))["rules"].set_index("rule")
    assert list(table.index) == list(conditions(Scale()))
    assert table.loc["np", "regret"] == pytest.approx(12.01)
    assert (table["seconds"] == 2.0).all()
    assert table.loc["eprop", "cosine_at_end"] == pytest.approx(0.6)
    assert np.isnan(table.loc["bptt", "cosine_at_end"])


def test_figures_draw_each_seed_and_its_median():
    figure = figures(made_up(eprop=4.0))["rules"]
    regret, _, cosine = figure.axes
    row = list(conditions(Scale())).index("eprop")
    points = regret.lines[2 * row].get_xdata()
    assert list(points) == pytest.approx([4.0, 4.01, 4.02])
    assert list(regret.lines[2 * row + 1].get_xdata()) == pytest.approx([4.01, 4.01])
    assert [line.get_ydata()[-1] for line in cosine.lines[:3]] == [0.6, 0.6, 0.6]


@pytest.mark.parametrize("name", SMOKE)
def test_a_few_steps_of_each_rule(name):
    told = []
    found = SMOKE[name](5, Reporter(told.append))
    assert 0 < found["regret"] < 30
    assert found == SMOKE[name](5, Reporter())
    assert told[-1] == 1.0
    assert len(found["accuracy"]) == 50
    aligned = name.removeprefix("lstm-") in learning_rules.ALIGNED
    assert len(found["cosine"]) == (5 if aligned else 0)


def test_it_stops_when_asked():
    with pytest.raises(Interrupted):
        SMOKE["bptt"](5, Reporter(should_stop=lambda: True))


def test_a_gradient_is_along_itself_and_e_prop_leans_towards_it():
    """Exact against exact is 1; local credit keeps the last step's part of it."""
    config = shortened(configured(3, "bptt", "rnn"), 4)
    weights = Trainer(config, 0).network.state_dict()
    assert cosines(config, [weights]) == [pytest.approx(1.0, abs=1e-5)]
    local = replace(config, learning=replace(config.learning, rule="eprop"))
    assert 0.3 < cosines(local, [weights])[0] < 0.9999


def test_gradients_are_compared_in_the_same_episodes():
    config = shortened(configured(3, "bptt", "rnn"), 4)
    weights = Trainer(config, 0).network.state_dict()
    assert torch.equal(gradient(config, weights), gradient(config, weights))


@pytest.mark.parametrize("rule", ["bptt-random", "eprop-random"])
def test_gradients_are_compared_with_the_feedback_of_training(rule, monkeypatch):
    config = shortened(configured(3, rule, "rnn"), 4)
    trained, made = Trainer(config, 0), []

    class Kept(Trainer):
        def __init__(self, *args):
            super().__init__(*args)
            made.append(self)

    monkeypatch.setattr(learning_rules, "Trainer", Kept)
    cosines(config, [trained.network.state_dict()])
    feedback = [each.unroll.branch.credit.feedback for each in made]
    assert torch.equal(feedback[0], trained.unroll.branch.credit.feedback)
    assert feedback[1] is None


def test_gradients_are_compared_in_episodes_of_their_own():
    config = shortened(configured(3, "bptt", "rnn"), 4)
    trainer = Trainer(config, 0)
    weights = trainer.network.state_dict()
    trajectory = trainer.trajectory()
    lesson = trainer.learner.lesson(trajectory, 0.0)
    trainer.learner.compute_gradients(trainer.unroll, trajectory, lesson, 0.0)
    own = trainer.network.core.weight.grad.flatten()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learning_rules, "PROBE_LANES", config.training.num_envs)
        other = gradient(config, weights)
    assert (own - other).norm() > 0.05 * own.norm()


def test_what_each_rule_keeps_by_hand():
    """64 lanes, 50 steps, inputs 1 + 2 + 1, 48 units."""
    kept = {
        rule: stored_floats(configured(1, rule, "rnn")) for rule in learning_rules.RULES
    }
    assert kept["bptt"] == 64 * 50 * ((4 + 48 + 1) + 48 + 48)
    assert kept["eprop"] == kept["np"] == 64 * (4 + 48 + 1) * 48
    assert kept["readout"] == 64 * 48
    # The critic, 24 + 1 weights, is not tried out.
    weights = (4 + 24) * 24 + 24 + 24 + 2 * 24 + 2
    tried = {
        rule: stored_floats(configured(1, rule, "rnn")) for rule in learning_rules.TRIED
    }
    assert tried["wp"] == weights
    assert tried["d2"] == 2 * weights + 3
    assert tried["es"] == 32 * weights + 2 * weights


def test_rules_that_try_out_networks_have_amounts_of_their_own():
    pair, generation = (configured(1, rule, "rnn") for rule in ("d1", "es"))
    assert pair.training.num_envs == 2 * 40
    assert generation.training.num_envs == 64 * 40
    assert generation.learning.perturbation.members == 64


def test_the_shared_bandit_is_that_of_the_yardsticks():
    """A random chooser loses 12.5 an episode: E max(p, 1 - p) - 1/2 = 1/4, 50 times."""
    params = bandit_config(1).task_params
    assert params.distribution == "correlated"
    assert params.trial_count == learning_rules.TRIALS
    assert pytest.approx(params.trial_count / 4) == learning_rules.RANDOM


def test_results_read_as_series_by_seed():
    values = made_up(np=3.0).values("np", "regret")
    assert isinstance(values, pd.Series)
    assert list(values.index) == [0, 1, 2]
