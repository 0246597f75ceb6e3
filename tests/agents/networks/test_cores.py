"""Equations of the cores, against torch's own cells with the same weights."""

import math

import pytest
import torch
from core_settings import core_settings
from torch.testing import assert_close

from metarl.agents.config import NetworkConfig
from metarl.agents.networks.cores import CORES, GRU, LSTM, RNN

INPUTS, UNITS, NUM_ENVS, STEPS = 5, 7, 3, 6


def make(name, **settings):
    config = NetworkConfig(**core_settings(name), units=UNITS, **settings)
    core = CORES[name](INPUTS, config)
    core.initialize(config, torch.Generator().manual_seed(2))
    with torch.no_grad():
        core.bias.uniform_(-1, 1, generator=torch.Generator().manual_seed(3))
        core.initial.uniform_(-1, 1, generator=torch.Generator().manual_seed(4))
    return core.double()


def give_weights(cell, core):
    """Let a torch cell compute as a core does; its second bias stays zero."""
    with torch.no_grad():
        cell.weight_ih.copy_(core.weight[:INPUTS].T)
        cell.weight_hh.copy_(core.weight[INPUTS:].T)
        cell.bias_ih.copy_(core.bias)
        cell.bias_hh.zero_()
    return cell


def inputs():
    generator = torch.Generator().manual_seed(6)
    return torch.randn(
        STEPS, NUM_ENVS, INPUTS, generator=generator, dtype=torch.float64
    )


def test_the_lstm_is_torchs():
    core = make("lstm")
    cell = give_weights(torch.nn.LSTMCell(INPUTS, UNITS, dtype=torch.float64), core)
    ours = theirs = core.initial_memory(NUM_ENVS)
    for seen in inputs():
        ours, theirs = core(seen, ours), cell(seen, theirs)
        assert_close(ours[0], theirs[0], rtol=0, atol=1e-12)
        assert_close(ours[1], theirs[1], rtol=0, atol=1e-12)


def test_stacked_lstms_are_torchs_one_on_the_other():
    core = make("stacked-lstm", first_units=4)
    first = give_weights(torch.nn.LSTMCell(INPUTS, 4, dtype=torch.float64), core.first)
    second = torch.nn.LSTMCell(INPUTS + 4, UNITS, dtype=torch.float64)
    with torch.no_grad():
        second.weight_ih.copy_(core.weight[: INPUTS + 4].T)
        second.weight_hh.copy_(core.weight[INPUTS + 4 :].T)
        second.bias_ih.copy_(core.bias)
        second.bias_hh.zero_()
    memory = core.initial_memory(NUM_ENVS)
    above, below = memory[:2], memory[2:]
    for seen in inputs():
        memory = core(seen, memory)
        below = first(seen, below)
        above = second(torch.cat([seen, below[0]], 1), above)
        for ours, theirs in zip(memory, (*above, *below), strict=True):
            assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_local_errors_of_stacked_lstms_pass_through_no_recurrent_weights():
    core = make("stacked-lstm", first_units=4)
    memory = [part.detach().requires_grad_() for part in core.initial_memory(NUM_ENVS)]
    activity = core(inputs()[0], tuple(memory), memory[0].detach())[0]
    activity.sum().backward()
    assert memory[0].grad is memory[2].grad is None
    assert memory[1].grad.any()
    assert memory[3].grad.any()


@pytest.mark.parametrize(
    ("name", "kind"), [("gru", torch.nn.GRUCell), ("rnn", torch.nn.RNNCell)]
)
def test_the_gru_and_the_vanilla_network_are_torchs(name, kind):
    core = make(name)
    cell = give_weights(kind(INPUTS, UNITS, dtype=torch.float64), core)
    ours = core.initial_memory(NUM_ENVS)
    (theirs,) = ours
    for seen in inputs():
        ours, theirs = core(seen, ours), cell(seen, theirs)
        assert_close(ours[0], theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", CORES)
def test_an_episode_starts_from_the_learned_memory_in_every_environment(name):
    core = make(name)
    whole = core.initial_memory(NUM_ENVS)
    memory, others = whole[: core.memory_parts], whole[core.memory_parts :]
    assert not any(part.any() for part in others)
    assert bool(others) == (name in ("episodic", "stacked-lstm"))
    for part, learned in zip(memory, core.initial, strict=True):
        assert part.tolist() == [learned.tolist()] * NUM_ENVS
    sum(part.sum() for part in memory).backward()
    assert core.initial.grad.tolist() == [[NUM_ENVS] * UNITS] * core.memory_parts


@pytest.mark.parametrize("name", CORES)
def test_an_unlearned_initial_memory_is_zero_and_stays_so(name):
    feedback = core_settings(name)
    config = NetworkConfig(**feedback, units=UNITS, learned_initial_state=False)
    core = CORES[name](INPUTS, config)
    assert not core.initial.requires_grad
    assert not any(part.any() for part in core.initial_memory(NUM_ENVS))


def test_weights_are_drawn_within_their_bounds():
    config = NetworkConfig(units=64, input_gain=3.0, forget_bias=1.0)
    core = LSTM(INPUTS, config)
    core.initialize(config, torch.Generator().manual_seed(1))
    generator_of = core.weight.detach().abs()
    assert 2.8 / 8 < float(generator_of[:INPUTS].max()) <= 3 / 8
    assert 0.98 / 8 < float(generator_of[INPUTS:].max()) <= 1 / 8


@pytest.mark.parametrize("name", CORES)
def test_groups_of_inputs_are_drawn_by_their_own_size(name):
    config = NetworkConfig(**core_settings(name), units=400, input_gain=9.0)
    core = CORES[name](16, config)
    core.initialize(config, torch.Generator().manual_seed(1))
    before = core.weight.detach().clone()
    core.initialize_inputs((12, 3, 1), torch.Generator().manual_seed(2))
    generator_of = core.weight.detach()
    for rows, size in (
        (generator_of[:12], 12),
        (generator_of[12:15], 3),
        (generator_of[15:16], 1),
    ):
        bound = math.sqrt(3 / size)
        assert 0.98 * bound < float(rows.abs().max()) <= bound
        # So that inputs of variance 1 give a unit an input of variance 1.
        assert float(rows.square().sum(0).mean()) == pytest.approx(1, abs=0.1)
        assert abs(float(rows.mean())) < 0.1 * bound
    assert torch.equal(generator_of[16:], before[16:])


def test_the_forget_bias_is_the_forget_gates_alone():
    config = NetworkConfig(units=2, forget_bias=1.5)
    core = LSTM(INPUTS, config)
    core.initialize(config, torch.Generator().manual_seed(1))
    assert core.bias.tolist() == [0, 0, 1.5, 1.5, 0, 0, 0, 0]


def test_an_open_forget_gate_keeps_the_cell_and_a_shut_one_loses_it():
    core = make("lstm")
    with torch.no_grad():
        core.weight.zero_()
        core.bias.zero_()
        core.bias[:UNITS] = -50  # no input
        core.bias[UNITS : 2 * UNITS] = 50
    memory = core.initial_memory(NUM_ENVS)
    seen = torch.zeros(NUM_ENVS, INPUTS, dtype=torch.float64)
    assert_close(core(seen, memory)[1], memory[1])
    with torch.no_grad():
        core.bias[UNITS : 2 * UNITS] = -50
    assert_close(core(seen, memory)[1], torch.zeros_like(memory[1]))


@pytest.mark.parametrize(("kind", "gates"), [(LSTM, 4), (GRU, 3), (RNN, 1)])
def test_a_core_has_so_many_weights(kind, gates):
    count = sum(p.numel() for p in kind(INPUTS, NetworkConfig(units=48)).parameters())
    memory = 2 if kind is LSTM else 1
    assert count == gates * 48 * (INPUTS + 48 + 1) + memory * 48
