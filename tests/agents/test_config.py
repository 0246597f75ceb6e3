"""Settings of the agent: schedules and refusals."""

import math
from dataclasses import FrozenInstanceError

import jaxtyping
import pytest

from metarl.agents.config import A2CConfig, NetworkConfig, Schedule, constant

SCHEDULES = ("learning_rate", "discount", "entropy_weight")


def test_a_schedule_moves_linearly_over_its_part_of_the_run_and_then_stays():
    schedule = Schedule(start=1.0, end=3.0, fraction=0.5)
    values = [schedule.at(progress) for progress in (0.0, 0.125, 0.25, 0.5, 0.75, 1.0)]
    assert values == [1.0, 1.5, 2.0, 3.0, 3.0, 3.0]


def test_a_schedule_over_the_whole_run_ends_with_it():
    schedule = Schedule(start=0.4, end=0.0)
    assert [schedule.at(p) for p in (0.0, 0.5, 1.0)] == [0.4, 0.2, 0.0]


def test_a_constant_schedule_is_constant():
    assert {constant(0.7).at(p / 7) for p in range(8)} == {0.7}


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.1])
def test_a_schedule_over_no_part_of_the_run_is_refused(fraction):
    with pytest.raises(ValueError, match=r"fraction must be in \[1e-09, 1\], got"):
        Schedule(start=1.0, end=0.0, fraction=fraction)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("end", ["start", "end"])
@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf])
def test_impossible_rates_are_refused_by_name(name, end, value):
    schedule = Schedule(**{"start": 0.1, "end": 0.1, end: value})
    with pytest.raises(ValueError, match=rf"{name}\.{end} must be .*, got {value}"):
        A2CConfig(**{name: schedule})


def test_a_discount_of_one_is_refused():
    with pytest.raises(ValueError, match=r"discount\.end must be in \[0, "):
        A2CConfig(discount=Schedule(start=0.9, end=1.0))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"trace_decay": 1.5}, r"trace_decay must be in \[0, 1\], got 1.5"),
        ({"value_weight": -1.0}, "value_weight must be at least 0, got -1.0"),
        ({"decay": 1.0}, r"decay must be in \[0, 0.999"),
        ({"epsilon": 0.0}, "epsilon must be at least 1e-30, got 0.0"),
        ({"gradient_clip": 0.0}, "gradient_clip must be at least 1e-30, got 0.0"),
        ({"gradient_clip": math.inf}, "gradient_clip must be a finite number, got inf"),
    ],
)
def test_a_learning_rule_that_cannot_learn_is_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        A2CConfig(**settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"units": 0}, "units must be at least 1, got 0"),
        ({"input_gain": 0.0}, "input_gain must be at least 1e-09, got 0.0"),
        ({"head_deviation": -1.0}, "head_deviation must be at least 0, got -1.0"),
        ({"filters": 0}, "filters must be at least 1, got 0"),
        ({"patch_size": 0}, "patch_size must be at least 1, got 0"),
        ({"patch_stride": 0}, "patch_stride must be at least 1, got 0"),
        ({"features": 0}, "features must be at least 1, got 0"),
    ],
)
def test_an_impossible_network_is_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        NetworkConfig(**settings)


def test_an_unknown_optimizer_or_core_is_refused(monkeypatch):
    # The tests' type checker would be the first to say so; users run without it.
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(
        ValueError, match="optimizer must be one of rmsprop, adam, rmsprop-tf"
    ):
        A2CConfig(optimizer="sgd")
    with pytest.raises(
        ValueError, match="rule must be one of bptt, bptt-random, eprop"
    ):
        A2CConfig(rule="core")
    words = "core must be one of lstm, stacked-lstm, gru, rnn, feedforward, episodic;"
    with pytest.raises(ValueError, match=words):
        NetworkConfig(core="lsmt")
    with pytest.raises(ValueError, match="critic must be one of shared, separate; got"):
        NetworkConfig(critic="none")
    with pytest.raises(ValueError, match="feedback must be one of reward, rpe, none;"):
        NetworkConfig(feedback="value")
    with pytest.raises(ValueError, match="encoder must be one of none, patch, stack;"):
        NetworkConfig(encoder="eye")


def test_an_error_is_fed_back_by_a_separate_critic_alone():
    words = "critic must be separate where feedback is rpe, got 'shared'"
    with pytest.raises(ValueError, match=words):
        NetworkConfig(feedback="rpe")
    assert NetworkConfig(feedback="rpe", critic="separate").feedback == "rpe"


def test_an_encoder_needs_a_core_shared_by_policy_and_value():
    words = "critic must be shared where there is an encoder, got 'separate': only"
    for encoder in ("patch", "stack"):
        with pytest.raises(ValueError, match=words):
            NetworkConfig(encoder=encoder, critic="separate")
        assert NetworkConfig(encoder=encoder).encoder == encoder
    assert NetworkConfig(critic="separate").encoder == "none"


def test_settings_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        A2CConfig().decay = 0.5
