"""The episodic LSTM against a twin with a dictionary, and its retrieval."""

from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from metarl.agents.config import NetworkConfig
from metarl.agents.networks.actor_critic import ActorCritic, build
from metarl.agents.networks.cores import LSTM, EpisodicLSTM
from metarl.core.policy import restart
from metarl.envs.contextual_bandit import ContextualBandit, ContextualBanditParams
from metarl.training.trainer import Trainer

INPUTS, UNITS, NUM_ENVS = 6, 5, 3
CODES = [[1.0, 1, -1], [-1.0, 1, 1], [1.0, -1, 1]]
CONFIG = NetworkConfig(core="episodic", units=UNITS, context_size=3, store_size=4)
TASK = "metarl.envs.contextual_bandit:ContextualBandit"


def make(config=CONFIG):
    core = EpisodicLSTM(INPUTS, config)
    core.initialize(config, torch.Generator().manual_seed(2))
    with torch.no_grad():
        core.weight.mul_(2)
        core.bias.uniform_(-1, 1, generator=torch.Generator().manual_seed(3))
        core.initial.uniform_(-1, 1, generator=torch.Generator().manual_seed(4))
    return core.double()


def session(problems, trials=3, seed=6):
    """(T, NUM_ENVS, INPUTS): flag and context of each problem, and noise."""
    generator = torch.Generator().manual_seed(seed)
    size = (len(problems) * trials, NUM_ENVS, INPUTS)
    inputs = torch.randn(size, generator=generator, dtype=torch.float64)
    inputs[..., 0] = 0
    inputs[::trials, :, 0] = 1
    for number, num_envs in enumerate(problems):
        codes = torch.tensor([CODES[context] for context in num_envs])
        inputs[number * trials : (number + 1) * trials, :, 1:4] = codes
    return inputs


PROBLEMS = [(0, 1, 2), (1, 1, 0), (0, 2, 2), (2, 1, 0), (1, 0, 1)]


def walk(core, inputs, memory=None):
    """All activity, (T, NUM_ENVS, UNITS)."""
    memory = core.initial_memory(NUM_ENVS) if memory is None else memory
    activity = []
    for now in inputs:
        memory = core(now, memory)
        activity.append(memory[0])
    return torch.stack(activity)


def walk_by_hand(core, inputs):
    """The same of one environment, with a dictionary for the store."""
    weight, bias = core.weight.detach(), core.bias.detach()
    store, context, cell, activity = {}, None, None, []
    for now in inputs:
        if now[0] == 1:
            if context is not None:
                store[context] = cell
            context = tuple(now[1:4].tolist())
            (held, cell), reminder = core.initial.detach(), store.get(context)
        drive = torch.cat([now, held]) @ weight + bias
        i, f, g, o, r = drive.chunk(5)
        cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
        if reminder is not None:
            cell = cell + torch.sigmoid(r) * torch.tanh(reminder)
        held = torch.sigmoid(o) * torch.tanh(cell)
        activity.append(held)
    return torch.stack(activity)


def test_a_twin_with_a_dictionary_has_the_same_activity():
    core, inputs = make(), session(PROBLEMS)
    activity = walk(core, inputs).detach()
    for env_index in range(NUM_ENVS):
        expected = walk_by_hand(core, inputs[:, env_index])
        assert_close(activity[:, env_index], expected, rtol=0, atol=1e-12)


def test_problems_may_begin_at_different_times_and_show_their_context_at_once():
    core, inputs = make(), session(PROBLEMS)
    inputs[:, 1] = inputs[:, 1].roll(1, 0)
    inputs[0, 1, 0] = 1
    inputs[..., 1:4] *= inputs[..., :1]
    activity = walk(core, inputs).detach()
    for env_index in range(NUM_ENVS):
        expected = walk_by_hand(core, inputs[:, env_index])
        assert_close(activity[:, env_index], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("by", ["attribute", "setting"])
def test_with_a_closed_gate_it_is_an_lstm_cleared_at_each_problem(by):
    core = make(replace(CONFIG, reinstatement=by != "setting"))
    if by == "attribute":
        core.reinstates = False
    plain = LSTM(INPUTS, replace(CONFIG, core="lstm")).double()
    with torch.no_grad():
        plain.weight.copy_(core.weight[:, : 4 * UNITS])
        plain.bias.copy_(core.bias[: 4 * UNITS])
        plain.initial.copy_(core.initial)
    inputs = session(PROBLEMS)
    episodes = [walk(plain, problem) for problem in inputs.split(3)]
    assert_close(walk(core, inputs), torch.cat(episodes), rtol=0, atol=1e-12)


def test_a_recurring_context_alone_is_changed_by_the_gate():
    core, inputs = make(), session(PROBLEMS)
    with_gate = walk(core, inputs)
    core.reinstates = False
    moved = (with_gate != walk(core, inputs)).any(2)[::3].T.tolist()
    assert moved == [
        [False, False, True, False, True],
        [False, True, False, True, False],
        [False, False, True, True, False],
    ]


def test_no_gradient_passes_through_what_is_stored():
    core, inputs = make(), session([(0, 0, 0)] * 2)
    inputs.requires_grad_()
    walk(core, inputs)[3:].sum().backward()
    assert not inputs.grad[:3].any()
    assert inputs.grad[3:].any(2).all()
    # The second problem starts from the initial activity and cell: these do learn.
    assert core.initial.grad.abs().min() > 0
    assert core.weight.grad[:, 4 * UNITS :].any()


def test_a_restart_empties_the_store_of_its_environments_alone():
    core, inputs = make(), session(PROBLEMS)
    memory = core.initial_memory(NUM_ENVS)
    for now in inputs[:6]:
        memory = core(now, memory)
    start = torch.tensor([False, True, False])
    again = walk(
        core, inputs[6:], restart(memory, core.initial_memory(NUM_ENVS), start)
    )
    whole = walk(core, inputs)[6:]
    assert torch.equal(again[:, ::2], whole[:, ::2])
    assert_close(again[:, 1], walk_by_hand(core, inputs[6:, 1]), rtol=0, atol=1e-12)
    assert not torch.equal(again[:, 1], whole[:, 1])


def test_it_has_the_lstms_weights_and_the_gates():
    counts = {
        name: sum(
            p.numel()
            for p in ActorCritic(
                INPUTS, 2, NetworkConfig(core=name, units=UNITS, **feedback), seed=1
            ).parameters()
        )
        for name, feedback in {"lstm": {}, "episodic": {"context_size": 3}}.items()
    }
    gate = (INPUTS + UNITS + 1) * UNITS
    assert counts["episodic"] == counts["lstm"] + gate


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"context_size": 0}, "context_size must be at least 1, got 0"),
        ({"store_size": 0}, "store_size must be at least 1, got 0"),
        ({"onset_input": -1}, "onset_input must be at least 0, got -1"),
        ({"context_first": -1}, "context_first must be at least 0, got -1"),
        ({"encoder": "patch"}, "encoder must be none where the core is episodic"),
    ],
)
def test_a_core_without_context_is_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        replace(CONFIG, **settings)


@pytest.mark.parametrize("settings", [{"context_first": 2}, {"onset_input": 4}])
def test_a_context_beyond_the_observation_is_refused(settings):
    assert build(4 + 3, 2, CONFIG, seed=1)
    with pytest.raises(ValueError, match="within the task's observation of 4 entries"):
        build(4 + 3, 2, replace(CONFIG, **settings), seed=1)


@pytest.fixture
def config(small):
    """Unrolls end within problems, and sessions within unrolls."""
    network = NetworkConfig(core="episodic", units=4, context_size=10)
    return small(TASK, network=network, updates=6, **SESSION)


SESSION = {"context_count": 2, "occurrence_count": 2, "problem_trials": 5}


def test_a_resumed_training_ends_with_the_same_bytes(config, tmp_path):
    assert config.task_params == ContextualBanditParams(**SESSION)
    whole, first, other = (Trainer(config, 0) for _ in range(3))
    for _ in range(4):
        whole.update()
    first.update()
    first.update()
    assert first.rollout.memory[-1].any()
    other.load_state(first.state(), tmp_path)
    other.update()
    other.update()
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, other.network.state_dict()[name]), name


@torch.no_grad()
def test_a_session_is_forgotten_when_the_next_begins(config):
    rollout = Trainer(config, 0).rollout
    rollout.policy.begin()
    steps = ContextualBandit(1, config.task_params).episode_steps
    for _ in rollout.run(steps):
        known = rollout.memory_now()[-1].flatten().tolist()
    assert known == [2] * config.training.num_envs
    assert not rollout.memory_now()[-1].any()
