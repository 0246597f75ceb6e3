"""The stepping loop: no step lost or repeated, memory reset when due."""

import io

import pytest
import torch
from short import short

from metarl.agents.config import NetworkConfig
from metarl.agents.networks.actor_critic import ActorCritic
from metarl.agents.unrolls.network import make_unroll
from metarl.core.policy import PolicyOutput, input_size
from metarl.envs.registry import NAMES, task_class
from metarl.experiments.spec import experiment
from metarl.simulation.rollout import Rollout

LEARNING_SETS = ("harlow-line", "harlow")
NUM_ENVS = 7
TRIAL_STEPS = {
    "two-step": 3,
    "daw-two-step": 3,
    "bandit": 1,
    "matching": 2,
    "volatility": 1,
    "inferred-value": 4,
    "informative-arm": 1,
    "restless-bandit": 1,
    "risky-choice": 2,
    "reversal": 2,
}
"""Steps of a trial: a fixation where there is one, choices, what follows them."""
TASK_NAMES = [*NAMES, "toys:Lottery", "toys:Uneven"]


def make_task(name="toys:Lottery", num_envs=NUM_ENVS):
    kind = task_class(name)
    settings = short(name, 3) if name in NAMES else {}
    return kind(num_envs, kind.params_type(**settings))


def make_network(task, core="lstm"):
    size = input_size(task.observation_size, task.action_count)
    config = NetworkConfig(core=core, units=6, input_gain=3.0, head_deviation=1.0)
    return ActorCritic(size, task.action_count, config, seed=5)


class Counter:
    """Counts its steps since the memory was cleared, and keeps its inputs."""

    def __init__(self, task, logits=None):
        self.logits = torch.zeros(task.action_count) if logits is None else logits
        self.seen = []

    def initial_memory(self, num_envs):
        return (torch.zeros(num_envs, 1),)

    def act(self, inputs, memory):
        self.seen.append(inputs)
        count = memory[0] + 1
        logits = self.logits.expand(len(inputs), -1)
        return PolicyOutput(logits, memory[0].squeeze(1), (count,), count)


class Witness(Counter):
    """A counter that also records the screen of the task."""

    def __init__(self, task):
        super().__init__(task)
        self.task, self.on_screen = task, []

    def act(self, inputs, memory):
        self.on_screen.append(self.task.observation().clone())
        return super().act(inputs, memory)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@torch.no_grad()
def walk(rollout, steps):
    """Transitions with copied tensors, as policies may reuse their buffers."""
    stored = []
    for transition in rollout.run(steps):
        output = PolicyOutput(
            transition.output.logits.clone(),
            transition.output.value.clone(),
            tuple(part.clone() for part in transition.output.memory),
            transition.output.units.clone(),
        )
        stored.append(transition._replace(output=output))
    return stored


def column(transitions, name):
    return torch.stack([getattr(transition, name) for transition in transitions])


def steps_since(ends):
    """(T, B) how many steps ago the last end was; from 0 at the start."""
    counts = torch.zeros(ends.shape)
    for t in range(1, len(ends)):
        counts[t] = torch.where(ends[t - 1], 0, counts[t - 1] + 1)
    return counts


@pytest.mark.parametrize("name", TASK_NAMES)
@pytest.mark.parametrize("reset_memory", ["episode", "trial", "never"])
def test_memory_action_and_reward_are_reset_together_and_only_when_due(
    name, reset_memory
):
    task = make_task(name)
    policy = Counter(task)
    rollout = Rollout(task, policy, generator(), reset_memory=reset_memory)
    transitions = walk(rollout, 60)
    rewards, actions = column(transitions, "rewards"), column(transitions, "actions")
    due = {
        "episode": column(transitions, "terminated"),
        "trial": column(transitions, "trial_ended"),
        "never": torch.zeros(60, NUM_ENVS, dtype=torch.bool),
    }[reset_memory]
    assert column(transitions, "terminated").sum() > NUM_ENVS
    assert rewards.any()
    ages = torch.stack([transition.output.value for transition in transitions])
    assert torch.equal(ages, steps_since(due))
    first = ages == 0
    starts = [
        torch.zeros(NUM_ENVS, dtype=torch.bool) if m.start is None else m.start
        for m in transitions
    ]
    assert torch.equal(torch.stack(starts), first)
    last_action = torch.nn.functional.one_hot(actions, task.action_count).float()
    inputs = torch.stack(policy.seen)
    _, action_input, reward_input = inputs.split(
        [task.observation_size, task.action_count, 1], dim=2
    )
    fresh = first[1:].unsqueeze(2)
    assert torch.equal(action_input[1:], last_action[:-1].masked_fill(fresh, 0))
    expected = rewards[:-1].unsqueeze(2).masked_fill(fresh, 0)
    assert torch.equal(reward_input[1:], expected)
    assert not action_input[0].any()
    assert not reward_input[0].any()


@pytest.mark.parametrize("name", TASK_NAMES)
def test_the_policy_receives_the_observation_after_a_restart_too(name):
    task = make_task(name)
    policy = Witness(task)
    transitions = walk(Rollout(task, policy, generator()), 60)
    seen = column(transitions, "observation")
    shown = torch.stack(policy.seen)[:, :, : task.observation_size]
    assert torch.equal(seen, shown)
    assert torch.equal(seen, torch.stack(policy.on_screen))
    after_end = column(transitions, "terminated")[:-1]
    openings = torch.cat([seen[0], seen[1:][after_end]])
    assert len(openings) > NUM_ENVS
    different = len(openings.unique(dim=0))
    if name in LEARNING_SETS:  # where gaze starts is drawn
        assert 1 < different < len(openings)
        return
    # Only volatility has a random first screen; all other tasks begin the same way.
    same_start = name != "volatility"
    assert different == (1 if same_start else len(openings))


@pytest.mark.parametrize("name", [n for n in NAMES if n not in LEARNING_SETS])
def test_episodes_follow_one_another_without_a_lost_or_phantom_step(name):
    task = make_task(name)
    rollout = Rollout(task, Counter(task), generator())
    rollout.record_events = True
    transitions = walk(rollout, 4 * task.episode_steps)
    steps, trial = torch.arange(len(transitions)), len(task.event_names)
    assert trial == TRIAL_STEPS[name]
    events = (steps % trial).unsqueeze(1).expand(-1, NUM_ENVS)
    assert torch.equal(column(transitions, "event"), events)
    assert torch.equal(column(transitions, "trial_ended"), events == trial - 1)
    over = column(transitions, "terminated")
    last = steps % task.episode_steps == task.episode_steps - 1
    assert torch.equal(over, last.unsqueeze(1).expand(-1, NUM_ENVS))


def test_environments_that_end_at_different_times_restart_alone():
    task = make_task()
    rollout = Rollout(task, Counter(task), generator())
    rollout.record_events = True
    transitions = walk(rollout, 200)
    over, events = column(transitions, "terminated"), column(transitions, "event")
    assert (over.any(1) & ~over.all(1)).any()
    # An episode opens by waiting, and a trial ends where the button was on the screen.
    assert not events[1:][over[:-1]].any()
    assert events[column(transitions, "trial_ended")].all()
    lengths = steps_since(over)[over] + 1
    assert lengths.min() == 2
    assert len(set(lengths.tolist())) > 5
    rewards = column(transitions, "rewards")
    assert rewards[column(transitions, "trial_ended")].any()
    assert not rewards[~column(transitions, "trial_ended")].any()


@pytest.fixture
def permute_noise(monkeypatch):
    """Let every block of uniform noise have its environments in another order."""

    def permute(order):
        draw = torch.rand

        def permuted(*size, **more):
            block = draw(*size, **more)
            (dimension,) = [d for d, n in enumerate(block.shape) if n == NUM_ENVS]
            return block.index_select(dimension, order)

        monkeypatch.setattr(torch, "rand", permuted)

    return permute


@pytest.mark.parametrize("name", TASK_NAMES)
@pytest.mark.parametrize("policy", ["network", "counter"])
def test_permuting_the_noise_of_environments_permutes_the_environments(
    name, policy, permute_noise
):
    def run():
        task = make_task(name)
        chosen = make_network(task) if policy == "network" else Counter(task)
        return walk(Rollout(task, chosen, generator(3)), 40)

    straight = run()
    order = torch.randperm(NUM_ENVS, generator=generator(1))
    permute_noise(order)
    permuted = run()
    for part in ("observation", "actions", "rewards", "terminated", "trial_ended"):
        expected = column(straight, part)
        assert torch.equal(column(permuted, part), expected[:, order]), part
        if part == "actions":
            assert not torch.equal(column(permuted, part), expected)


def through_a_file(state):
    """What a state is after it was written and read the safe way."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


@pytest.mark.parametrize("name", TASK_NAMES)
@pytest.mark.parametrize("reset_memory", ["episode", "trial", "never"])
@pytest.mark.parametrize("stop", [0, 1, 2, 4, 9, 17])
def test_a_rollout_continues_from_its_state(name, reset_memory, stop):
    def fresh(seed):
        task = make_task(name)
        return Rollout(
            task, make_network(task), generator(seed), reset_memory=reset_memory
        )

    rollout = fresh(1)
    walk(rollout, stop)
    state = through_a_file(rollout.state())
    expected = walk(rollout, 30) + walk(rollout, 5)
    other = fresh(2)
    walk(other, 3)
    other.load_state(state)
    assert_same_walk(walk(other, 30) + walk(other, 5), expected)


def assert_same_walk(actual, expected):
    for name in ("observation", "actions", "rewards", "terminated", "trial_ended"):
        assert torch.equal(column(actual, name), column(expected, name)), name
    for one, other in zip(actual, expected, strict=True):
        assert torch.equal(one.output.logits, other.output.logits)
        assert torch.equal(one.output.value, other.output.value)
        assert (one.start is None) == (other.start is None)


def test_a_state_is_not_changed_by_continuing():
    task = make_task()
    rollout = Rollout(task, make_network(task), generator())
    walk(rollout, 5)
    state = rollout.state()
    before = through_a_file(state)
    walk(rollout, 20)
    assert_same_values(state, before)


def assert_same_values(one, other):
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same_values(one[key], other[key])
    elif isinstance(one, list | tuple):
        for left, right in zip(one, other, strict=True):
            assert_same_values(left, right)
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one.nan_to_num(-9), other.nan_to_num(-9))
    else:
        assert one == other


@pytest.mark.parametrize("core", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("name", TASK_NAMES)
def test_an_unroll_acts_like_its_network(core, name):
    task, other = make_task(name), make_task(name)
    network = make_network(task, core)
    unroll = make_unroll(network, 10, NUM_ENVS)
    by_network = Rollout(task, network, generator(4))
    by_unroll = Rollout(other, unroll, generator(4))
    for _ in range(4):
        unroll.begin()
        expected, actual = walk(by_network, 10), walk(by_unroll, 10)
        assert torch.equal(column(actual, "actions"), column(expected, "actions"))
        for one, two in zip(actual, expected, strict=True):
            torch.testing.assert_close(one.output.value, two.output.value)
            assert one.output.units.shape == two.output.units.shape


@pytest.mark.parametrize("name", NAMES)
def test_every_baseline_is_a_policy_like_a_network(name):
    make_baselines = experiment(name).make_baselines
    for baseline in make_baselines(make_task(name)):
        task = make_task(name)
        policy = make_baselines(task)[baseline]
        steps = 2 * (task.episode_steps or 50)
        transitions = walk(Rollout(task, policy, generator()), steps)
        assert transitions[0].output.logits.shape == (NUM_ENVS, task.action_count)
        assert transitions[0].output.value.shape == (NUM_ENVS,)
        assert transitions[0].output.units.shape == (NUM_ENVS, 0)
        # A wrong picture costs; nothing else that a baseline does is ever penalised.
        wrong = name in LEARNING_SETS
        assert wrong or column(transitions, "rewards").min() >= 0, baseline


@pytest.mark.parametrize("greedy", [True, False])
def test_actions_are_sampled_unless_greedy(greedy):
    task = task_class("two-step")(400)
    logits = torch.tensor([0.0, 1.0, -0.5])
    policy = Counter(task, logits)
    transitions = walk(Rollout(task, policy, generator(2), greedy=greedy), 30)
    counts = column(transitions, "actions").flatten().bincount(minlength=3)
    if greedy:
        assert counts.tolist() == [0, 12_000, 0]
        return
    probabilities = logits.softmax(0)
    error = (probabilities * (1 - probabilities) / 12_000).sqrt()
    assert ((counts / 12_000 - probabilities).abs() < 4 * error).all()


def test_a_fixed_hidden_parameter_stays_fixed_at_every_restart():
    for good in (0, 1):
        task = make_task()
        rollout = Rollout(task, Counter(task), generator(), options={"good": good})
        seen = []
        over = torch.zeros(NUM_ENVS)
        for transition in rollout.run(60):
            seen.append(task.hidden()["good"].clone())
            over += transition.terminated
        assert (over > 2).all()
        assert torch.stack(seen).float().mean() == good


def test_events_are_recorded_only_on_request():
    task = make_task()
    assert walk(Rollout(task, Counter(task), generator()), 1)[0].event is None
