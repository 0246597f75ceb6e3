"""The study of learning rules, on planted results and in a few steps."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from metarl.core.parallel import Reporter
from metarl.studies import shared_bandit
from metarl.studies.learning_rules import study as learning_rules
from metarl.studies.learning_rules.study import (
    conditions,
    configure,
    core_gradient,
    cosines,
    effects,
    figures,
    stored_floats,
    tables,
)
from metarl.studies.shared_bandit import bandit_config, with_updates
from metarl.studies.spec import Results, Scale
from metarl.training.trainer import Trainer

SMOKE = conditions(Scale(smoke=True))
SEEDS = 3


def seed_results(regret, rule="eprop"):
    compared = rule.removeprefix("lstm-") in learning_rules.COSINE_RULES
    return {
        "regret": regret,
        "accuracy": [0.5, 0.9],
        "episodes": [100.0, 200.0],
        "regret_in_training": [12.0, regret],
        "cosine": [1.0, 0.9, 0.8, 0.7, 0.6] if compared else [],
        "episodes_in_all": 200,
        "passes": 10_000,
        "stored": 7,
    }


def planted(**regrets):
    """Results in which every rule has regret 1, except the given ones."""
    regret_of = {name.replace("_", "-"): value for name, value in regrets.items()}
    seeds = {
        name: [
            seed_results(regret_of.get(name, 1.0) + 0.01 * k, name)
            for k in range(SEEDS)
        ]
        for name in conditions(Scale())
    }
    return Results(seeds=seeds, seconds={name: [2.0] * SEEDS for name in seeds})


def verdicts(results):
    scored = [effect for effect in effects(results) if effect.criterion]
    return [bool(e.criterion.holds(e.values.median())) for e in scored]


def test_rules_as_good_as_expected_meet_their_criteria():
    assert verdicts(planted(readout=3.0)) == [True, True, True, True]


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
    assert verdicts(planted(**{"readout": 3.0, **regrets})) == expected


def test_every_condition_has_one_row_of_regret():
    results = planted()
    named = " ".join(effect.label for effect in effects(results))
    for name in set(results.conditions) - {"eprop", "eprop-random", "readout"}:
        assert f"regret of {name}, rewards" in named


def test_the_table_has_work_and_stored_numbers():
    table = tables(planted(np=12.0))["rules"].set_index("rule")
    assert list(table.index) == list(conditions(Scale()))
    assert table.loc["np", "regret"] == pytest.approx(12.01)
    assert (table["seconds"] == 2.0).all()
    assert table.loc["eprop", "cosine_at_end"] == pytest.approx(0.6)
    assert np.isnan(table.loc["bptt", "cosine_at_end"])


def test_figures_draw_each_seed_and_its_median():
    figure = figures(planted(eprop=4.0))["rules"]
    regret, _, cosine = figure.axes
    row = list(conditions(Scale())).index("eprop")
    points = regret.lines[2 * row].get_xdata()
    assert list(points) == pytest.approx([4.0, 4.01, 4.02])
    assert list(regret.lines[2 * row + 1].get_xdata()) == pytest.approx([4.01, 4.01])
    assert [line.get_ydata()[-1] for line in cosine.lines[:3]] == [0.6, 0.6, 0.6]


@pytest.mark.parametrize("name", SMOKE)
def test_a_few_steps_of_each_rule(name):
    progress = []
    results = SMOKE[name](5, Reporter(progress.append))
    assert 0 < results["regret"] < 30
    assert progress[-1] == 1.0
    assert len(results["accuracy"]) == 50
    compared = name.removeprefix("lstm-") in learning_rules.COSINE_RULES
    assert len(results["cosine"]) == (5 if compared else 0)


def test_the_cosine_is_1_with_itself_and_less_with_e_prop():
    """Local errors keep only part of the gradient."""
    config = with_updates(configure(3, "bptt", "rnn"), 4)
    weights = Trainer(config, 0).network.state_dict()
    assert cosines(config, [weights]) == [pytest.approx(1.0, abs=1e-5)]
    local = replace(config, learning=replace(config.learning, rule="eprop"))
    assert 0.3 < cosines(local, [weights])[0] < 0.9999


def test_gradients_are_compared_in_the_same_episodes():
    config = with_updates(configure(3, "bptt", "rnn"), 4)
    weights = Trainer(config, 0).network.state_dict()
    assert torch.equal(core_gradient(config, weights), core_gradient(config, weights))


@pytest.mark.parametrize("rule", ["bptt-random", "eprop-random"])
def test_gradients_are_compared_with_the_feedback_of_training(rule, monkeypatch):
    config = with_updates(configure(3, rule, "rnn"), 4)
    trained, trainers = Trainer(config, 0), []

    class Recorded(Trainer):
        def __init__(self, *args):
            super().__init__(*args)
            trainers.append(self)

    monkeypatch.setattr(learning_rules, "Trainer", Recorded)
    cosines(config, [trained.network.state_dict()])
    feedback = [each.unroll.branch.paths.feedback for each in trainers]
    assert torch.equal(feedback[0], trained.unroll.branch.paths.feedback)
    assert feedback[1] is None


def test_gradients_are_compared_in_episodes_of_their_own():
    config = with_updates(configure(3, "bptt", "rnn"), 4)
    trainer = Trainer(config, 0)
    weights = trainer.network.state_dict()
    trajectory = trainer.collect_unroll()
    targets = trainer.learner.targets(trajectory, 0.0)
    trainer.learner.compute_gradients(trainer.unroll, trajectory, targets, 0.0)
    own = trainer.network.core.weight.grad.flatten()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learning_rules, "GRADIENT_ENVS", config.training.num_envs)
        other = core_gradient(config, weights)
    assert (own - other).norm() > 0.05 * own.norm()


def test_stored_numbers_of_each_rule_by_hand():
    """64 environments, 50 steps, inputs 1 + 2 + 1, 48 units."""
    stored = {
        rule: stored_floats(configure(1, rule, "rnn"))
        for rule in learning_rules.STEP_RULES
    }
    assert stored["bptt"] == 64 * 50 * ((4 + 48 + 1) + 48 + 48)
    assert stored["eprop"] == stored["np"] == 64 * (4 + 48 + 1) * 48
    assert stored["readout"] == 64 * 48
    # The critic, 24 + 1 weights, is not perturbed.
    weights = (4 + 24) * 24 + 24 + 24 + 2 * 24 + 2
    perturbed = {
        rule: stored_floats(configure(1, rule, "rnn"))
        for rule in learning_rules.PERTURBATION_RULES
    }
    assert perturbed["wp"] == weights
    assert perturbed["d2"] == 2 * weights + 3
    assert perturbed["es"] == 32 * weights + 2 * weights


def test_rules_that_perturb_networks_have_their_own_amount_of_training():
    pair, generation = (configure(1, rule, "rnn") for rule in ("d1", "es"))
    assert pair.training.num_envs == 2 * 40
    assert generation.training.num_envs == 64 * 40
    assert generation.learning.perturbation.members == 64


def test_the_shared_bandit_is_that_of_the_baselines():
    """A random chooser loses 12.5 an episode: E max(p, 1 - p) - 1/2 = 1/4, 50 times."""
    params = bandit_config(1).task_params
    assert params.distribution == "correlated"
    assert params.trial_count == shared_bandit.TRIALS
    assert pytest.approx(params.trial_count / 4) == shared_bandit.RANDOM


def test_results_read_as_series_by_seed():
    values = planted(np=3.0).values("np", "regret")
    assert isinstance(values, pd.Series)
    assert list(values.index) == [0, 1, 2]
