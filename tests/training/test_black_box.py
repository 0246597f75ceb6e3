"""Training without a derivative: no autograd, same bytes, refusals."""

from dataclasses import replace

import pytest
import torch

from metarl.agents.config import NetworkConfig, Schedule, constant
from metarl.agents.learning.config import PerturbationConfig
from metarl.runs.checkpoint import load_state, save_state
from metarl.studies.shared_bandit import bandit_config
from metarl.training.trainer import check_trainable, make_trainer

RULES = ["wp", "d0", "d1", "d2", "es"]


def config_for(rule, **training):
    config = bandit_config(1, updates=12)
    perturbation = PerturbationConfig(members=4, same_episodes=3)
    learning = replace(
        config.learning,
        rule=rule,
        perturbation=perturbation,
        learning_rate=constant(1e-3),
    )
    amounts = replace(config.training, **{"num_envs": 8, **training})
    return replace(config, learning=learning, training=amounts)


@pytest.mark.parametrize("rule", RULES)
def test_no_gradient_is_computed(rule, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a gradient was asked for")

    for place in (torch.Tensor, torch.autograd):
        monkeypatch.setattr(place, "backward", refuse)
    monkeypatch.setattr(torch.autograd, "grad", refuse)
    trainer = make_trainer(config_for(rule), 0)
    before = trainer.network.core.weight.clone()
    trainer.update()
    assert not torch.equal(before, trainer.network.core.weight)
    assert not trainer.network.heads.weight[-1].any()
    assert trainer.point()["rollout/episodes"] == 8


@pytest.mark.parametrize("rule", RULES)
def test_stopped_and_resumed_equals_never_stopped(rule, tmp_path):
    whole, first = (make_trainer(config_for(rule), 0) for _ in range(2))
    for _ in range(7):
        whole.update()
    for _ in range(4):
        first.update()
    path = tmp_path / "state.pt"
    save_state(path, first.state())
    second = make_trainer(config_for(rule), 0)
    second.load_state(load_state(path), path)
    for _ in range(3):
        second.update()
    for mine, theirs in zip(
        whole.network.parameters(), second.network.parameters(), strict=True
    ):
        assert torch.equal(mine, theirs)
    assert whole.point() == second.point()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {"num_envs": 9},
            "num_envs must be a multiple of 2 where the rule is wp, got 9",
        ),
        ({"unroll_steps": 40}, "unroll_steps must be whole episodes of 50 steps"),
        ({"reset_memory": "trial"}, "reset_memory must be 'episode'"),
    ],
)
def test_training_settings_that_do_not_fit_are_refused(changed, words):
    with pytest.raises(ValueError, match=words):
        check_trainable(config_for("wp", **changed))


@pytest.mark.parametrize("rule", RULES)
def test_a_schedule_may_be_0_for_some_updates(rule):
    config = config_for(rule)
    rate = Schedule(start=1e-3, end=0.0, fraction=0.5)
    learning = replace(config.learning, learning_rate=rate)
    trainer = make_trainer(replace(config, learning=learning), 0)
    weights = []
    for _ in range(12):
        trainer.update()
        weights.append(trainer.search.weights.clone())
    assert not torch.equal(weights[4], weights[5])
    assert all(torch.equal(weights[6], later) for later in weights[7:])
    assert weights[-1].isfinite().all()


def test_a_schedule_scales_the_steps():
    """Half the rate is half the step; D2 has this information, and accounts for it."""
    trainer = make_trainer(config_for("wp"), 0)
    search, moves = trainer.search, []
    for rate in (1e-3, 5e-4):
        search.load_state(make_trainer(config_for("wp"), 0).search.state())
        before = search.weights.clone()
        search.step(lambda w: trainer._evaluate(w, 0), rate, 5, new_episodes=True)
        moves.append(search.weights - before)
    assert moves[0].any()
    assert torch.allclose(moves[1], moves[0] / 2, rtol=1e-6, atol=1e-12)


def test_two_cores_are_refused():
    config = replace(config_for("es"), network=NetworkConfig(critic="separate"))
    with pytest.raises(ValueError, match="critic must be shared"):
        check_trainable(config)
