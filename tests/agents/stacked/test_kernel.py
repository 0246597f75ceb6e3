"""The compiled kernel agrees with the torch path, and keeps its subjects apart."""

from dataclasses import replace

import pytest
import torch

from metarl.agents.config import A2CConfig, NetworkConfig, Schedule, constant
from metarl.agents.stacked.kernel import METRICS, Kernel
from metarl.agents.stacked.loading import KernelError, load_kernel
from metarl.agents.stacked.tensors import TensorNetworks
from metarl.agents.stacked.weights import StackedWeights, flat, views
from metarl.training.metrics import MetricAverages
from metarl.training.trainer import Trainer, make_network

BASE = A2CConfig(
    learning_rate=Schedule(start=4e-3, end=1e-3),
    discount=Schedule(start=0.5, end=0.9),
    value_weight=0.3,
)
LEARNING = {
    "as published": BASE,
    "standardised": replace(BASE, normalize_advantages=True, trace_decay=0.7),
    "clipped": replace(BASE, gradient_clip=1e-3),
    "adam": replace(BASE, optimizer="adam", entropy_weight=constant(0.2)),
    "local errors": replace(BASE, rule="eprop"),
    "tensorflow 1": replace(
        BASE, optimizer="rmsprop-tf", decay=0.9, epsilon=1e-10, reduction="sum"
    ),
}
NETWORKS = {
    "units in whole vectors": NetworkConfig(units=48),
    "few units": NetworkConfig(units=5, input_gain=3.0),
    "without inputs": NetworkConfig(units=17, action_input=False, feedback="none"),
    "zero initial memory": NetworkConfig(units=8, learned_initial_state=False),
}
SEPARATE = NetworkConfig(units=6, critic="separate", feedback="rpe", input_gain=2.0)
CRITICS = {
    "prediction error": SEPARATE,
    "reward": replace(SEPARATE, feedback="reward"),
    "no feedback": replace(SEPARATE, feedback="none"),
    "units in whole vectors": replace(SEPARATE, units=48, action_input=False),
    "zero initial memory": replace(SEPARATE, learned_initial_state=False),
}
SHAPES = {"one": (1, 7), "odd": (13, 5), "blocks": (70, 3), "one step": (5, 1)}


@pytest.fixture
def compiled():
    """Skip where the kernel cannot be compiled."""
    try:
        load_kernel()
    except KernelError as error:
        pytest.skip(str(error))


@pytest.fixture(params=[Kernel, TensorNetworks])
def computation(request):
    """Kernel, skipped where it cannot be compiled; then the same by torch."""
    if request.param is Kernel:
        request.getfixturevalue("compiled")
    return request.param


@pytest.fixture(
    params=[(Kernel, None), (Kernel, SEPARATE), (TensorNetworks, None)],
    ids=["kernel", "kernel, two cores", "torch"],
)
def kind(request):
    """Computation and network: two cores are for the kernel."""
    if request.param[0] is Kernel:
        request.getfixturevalue("compiled")
    return request.param


class Twin:
    """A trainer, and networks with the same experience in each of their subjects."""

    def __init__(self, computation, config, subjects=3):
        self.trainer, self.subjects = Trainer(config, 0), subjects
        self.config = config
        self.networks = [make_network(config, 0) for _ in range(subjects)]
        self.weights = StackedWeights(self.networks)
        training = config.training
        self.stacked = computation(
            self.weights,
            config.learning,
            steps=training.unroll_steps,
            num_envs=training.num_envs,
        )
        envs = subjects * training.num_envs
        self.feedback = torch.zeros(envs, dtype=torch.int64), torch.zeros(envs)
        self.ended = torch.zeros(envs, dtype=torch.bool)
        self.weights.discounts.fill_(config.learning.discount.start)
        self.averages = MetricAverages(training.num_envs)

    def repeat(self, values):
        return None if values is None else torch.cat([values] * self.subjects)

    def unroll(self):
        """One unroll of the trainer, forced upon the others by their noise."""
        trajectory = self.trainer.collect_unroll()
        starts = [*trajectory.starts, self.trainer.rollout.start]
        self.stacked.begin()
        first = None
        for t, observation in enumerate(trajectory.observations):
            noise = None
            if t < len(trajectory.actions):
                action = self.repeat(trajectory.actions[t]).unsqueeze(1)
                noise = torch.zeros(len(action), trajectory.logits.shape[-1])
                noise.scatter_(1, action, 1e9)
            now = self.repeat(observation), *self.feedback, self.ended
            chosen = self.stacked.step(t, *now, self.repeat(starts[t]), noise)
            first = chosen if first is None else first
            if noise is not None:
                rewards = self.repeat(trajectory.rewards[t])
                self.feedback = chosen.clone(), rewards
                self.ended = self.repeat(trajectory.nonterminal[t]) == 0
        return trajectory, first

    def update(self):
        """One update of both; return their metrics."""
        trajectory, first_actions = self.unroll()
        progress = self.trainer.progress
        values = outputs_of(self.stacked, -1)[..., -1]
        assert torch.equal(first_actions, self.repeat(trajectory.actions[0]))
        expected = self.trainer.learner.update(
            self.trainer.unroll, trajectory, progress
        )
        learning = self.config.learning
        schedules = learning.learning_rate, learning.discount, learning.entropy_weight
        self.stacked.update(*([s.at(progress)] * self.subjects for s in schedules))
        self.trainer.updates += 1
        self.trainer.update_discount()
        self.weights.discounts.fill_(learning.discount.at(self.trainer.progress))
        self.averages.add_rewards(trajectory.rewards, trajectory.nonterminal)
        torch.testing.assert_close(values[-1], trajectory.values, rtol=1e-4, atol=1e-5)
        rate = {"rollout/reward_rate": trajectory.rewards.mean()}
        return {name: float(value) for name, value in (expected | rate).items()}

    def gradients(self):
        """Gradients of the last subject, and of the trainer."""
        names = dict(self.trainer.network.named_parameters())
        own = self.networks[-1]
        named = {p: name for name, p in own.named_parameters()}
        for parameter, part in views(own, self.weights.gradient[-1]):
            reference = names[named[parameter]]
            zero = torch.zeros_like(reference)
            yield part, zero if reference.grad is None else reference.grad


def outputs_of(stacked, core):
    """(S, T + 1, B, n) outputs of a core: logits, the value last."""
    if isinstance(stacked, TensorNetworks):
        return stacked.outputs
    buffers = stacked.cores[core]
    return buffers.buffers["logits"][..., : buffers.core.heads]


def check(computation, config):
    """Three updates agree: gradients, weights, metrics."""
    twin = Twin(computation, config)
    for _ in range(3):
        expected = twin.update()
        clip = config.learning.gradient_clip
        if clip is None:
            for mine, reference in twin.gradients():
                torch.testing.assert_close(mine, reference, rtol=2e-4, atol=2e-6)
        for row in twin.stacked.metrics().tolist():
            scalars = dict(zip(METRICS, row, strict=False))
            assert scalars == pytest.approx(expected, rel=1e-4, abs=1e-5)
        for network in twin.networks:
            torch.testing.assert_close(
                flat(network), flat(twin.trainer.network), rtol=1e-3, atol=1e-4
            )
        total, episodes = twin.stacked.metrics()[-1, len(METRICS) :].tolist()
        assert total == pytest.approx(twin.averages.returns, abs=1e-4)
        assert episodes == twin.averages.episodes
        twin.averages.returns, twin.averages.episodes = 0.0, 0
        running = twin.stacked.running(0)
        torch.testing.assert_close(running, twin.averages.running)
    moved = flat(twin.trainer.network) - flat(make_network(config, 0))
    assert moved.abs().max() > 1e-3


@pytest.mark.parametrize("learning", LEARNING.values(), ids=LEARNING)
def test_updates_agree_with_the_torch_path(computation, learning, small):
    check(
        computation, small("two-step", learning=learning, num_envs=13, unroll_steps=9)
    )


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("learning", LEARNING.values(), ids=LEARNING)
def test_updates_with_a_separate_critic_agree(learning, small):
    check(
        Kernel,
        small(
            "risky-choice",
            network=SEPARATE,
            learning=learning,
            num_envs=13,
            unroll_steps=9,
        ),
    )


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("network", CRITICS.values(), ids=CRITICS)
def test_actors_with_any_feedback_agree(network, small):
    check(Kernel, small("two-step", network=network, num_envs=6, unroll_steps=8))


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize(("num_envs", "unroll_steps"), SHAPES.values(), ids=SHAPES)
def test_batches_and_unrolls_of_two_cores_agree(num_envs, unroll_steps, small):
    sizes = {"num_envs": num_envs, "unroll_steps": unroll_steps}
    check(Kernel, small("bandit", network=SEPARATE, **sizes))


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_networks_of_any_size_and_inputs_agree(computation, network, small):
    config = small("two-step", network=network, num_envs=6, unroll_steps=8)
    check(computation, config)


@pytest.mark.parametrize(("num_envs", "unroll_steps"), SHAPES.values(), ids=SHAPES)
def test_batches_and_unrolls_of_any_size_agree(
    computation, num_envs, unroll_steps, small
):
    check(computation, small("bandit", num_envs=num_envs, unroll_steps=unroll_steps))


@pytest.mark.parametrize("reset", ["episode", "trial"])
def test_the_initial_memory_learns_where_episodes_or_trials_start(reset, kind, small):
    computation, network = kind
    config = small("two-step", network=network)
    training = replace(config.training, reset_memory=reset)
    twin = Twin(computation, replace(config, training=training))
    twin.update()
    for mine, reference in list(twin.gradients())[2::5]:
        assert reference.abs().max() > 1e-6
        torch.testing.assert_close(mine, reference, rtol=1e-4, atol=1e-7)


def experience(kernel, config, seed, *, spoil=()):
    """An unroll of random inputs, the same for each subject; NaN for some of them."""
    training, sizes = config.training, kernel.weights.sizes
    generator = torch.Generator().manual_seed(seed)
    envs, subjects = training.num_envs, kernel.weights.subjects
    kernel.begin()
    action = torch.zeros(envs * subjects, dtype=torch.int64)
    reward = torch.zeros(envs * subjects)
    for t in range(training.unroll_steps + 1):
        observation = torch.rand(envs, sizes.observation, generator=generator)
        gumbel = torch.rand(envs, sizes.actions, generator=generator)
        ended = torch.rand(envs, generator=generator) < 0.2
        start = None if t % 3 else torch.rand(envs, generator=generator) < 0.5
        last = t == training.unroll_steps
        repeated = [
            None if each is None else each.repeat(subjects, *[1] * (each.dim() - 1))
            for each in (observation, ended, start, None if last else gumbel)
        ]
        for subject in spoil:
            repeated[0][subject * envs] = torch.nan
        seen, over, begun, noise = repeated
        action = kernel.step(t, seen, action, reward, over, begun, noise).clone()
        reward = (action == 0).float()


def stacked_of(computation, config, subjects):
    networks = [make_network(config, subject) for subject in subjects]
    weights = StackedWeights(networks)
    training = config.training
    sizes = {"steps": training.unroll_steps, "num_envs": training.num_envs}
    return computation(weights, config.learning, **sizes), networks


def after_updates(computation, config, subjects, *, spoil=()):
    """(F,) weights of each subject after two updates."""
    kernel, networks = stacked_of(computation, config, subjects)
    for seed in range(2):
        experience(kernel, config, seed, spoil=spoil)
        kernel.update(*([value] * len(subjects) for value in (1e-2, 0.9, 0.05)))
    return [flat(network) for network in networks]


@pytest.mark.parametrize(("num_envs", "unroll_steps"), SHAPES.values(), ids=SHAPES)
def test_a_subject_has_the_same_bytes_alone_and_among_others(
    num_envs, unroll_steps, kind, small
):
    computation, network = kind
    sizes = {"num_envs": num_envs, "unroll_steps": unroll_steps}
    config = small("bandit", network=network, **sizes)
    together = after_updates(computation, config, [4, 1, 7])
    for place, subject in enumerate((4, 1, 7)):
        (alone,) = after_updates(computation, config, [subject])
        if computation is Kernel:
            assert torch.equal(alone, together[place])
        # In torch the last digits depend on the group.
        torch.testing.assert_close(alone, together[place], rtol=1e-4, atol=1e-5)
    assert not torch.equal(together[0], together[1])


def test_a_subject_that_is_not_a_number_leaves_the_others_bytes_alone(kind, small):
    computation, network = kind
    config = small("bandit", network=network)
    sound = after_updates(computation, config, [0, 1, 2])
    spoilt = after_updates(computation, config, [0, 1, 2], spoil=[1])
    assert not spoilt[1].isfinite().all()
    assert torch.equal(sound[0], spoilt[0])
    assert torch.equal(sound[2], spoilt[2])


def test_the_most_probable_of_noisy_actions_is_taken(computation, small):
    config = small("bandit", num_envs=40)
    kernel, _ = stacked_of(computation, config, [0, 1])
    kernel.begin()
    inputs = (
        torch.rand(80, kernel.weights.sizes.observation),
        torch.zeros(80, dtype=torch.int64),
    )
    gumbel = torch.randn(80, kernel.weights.sizes.actions)
    none = torch.zeros(80), torch.zeros(80, dtype=torch.bool), None
    chosen = kernel.step(0, *inputs, *none, gumbel)
    logits = outputs_of(kernel, 0)[:, 0, :, : gumbel.shape[1]].flatten(0, 1)
    assert torch.equal(chosen, (logits + gumbel).argmax(1))
    assert len(set(chosen.tolist())) > 1


@pytest.mark.usefixtures("compiled")
def test_inputs_that_are_not_side_by_side_in_memory_are_read_right(small):
    config = small("bandit", num_envs=4)
    results = []
    for spread in (False, True):
        kernel, _ = stacked_of(Kernel, config, [0])
        kernel.begin()
        seen = torch.arange(4.0).unsqueeze(1).repeat(1, kernel.group.observation)
        if spread:
            seen = seen.repeat_interleave(2, 0)[::2]
            assert not seen.is_contiguous()
        gumbel = torch.zeros(4, kernel.group.actions)
        still = torch.zeros(4, dtype=torch.int64), torch.zeros(4), torch.zeros(4).bool()
        kernel.step(0, seen, *still, None, gumbel)
        results.append(kernel.cores[0].buffers["logits"][0, 0].clone())
    assert torch.equal(*results)
    assert not torch.equal(results[0][0], results[0][1])


def one_step(kernel, observation, reward, ended):
    kernel.begin()
    action, gumbel = torch.zeros(4, dtype=torch.int64), torch.zeros(4, 2)
    kernel.step(0, observation, action, reward, ended, None, gumbel)
    return kernel.cores[0].buffers["logits"][0, 0].clone()


@pytest.mark.usefixtures("compiled")
def test_numbers_of_other_types_are_read_right(small):
    kernel, _ = stacked_of(Kernel, small("bandit", num_envs=4), [0])
    observation = torch.arange(4.0).unsqueeze(1).repeat(1, kernel.group.observation)
    reward, ended = torch.tensor([0.0, 1.0, -1.0, 2.0]), torch.zeros(4)
    expected = one_step(kernel, observation, reward, ended.bool())
    wide = observation.double(), reward.double(), ended
    assert torch.equal(one_step(kernel, *wide), expected)
    whole = observation.long(), reward.int(), ended.long()
    assert torch.equal(one_step(kernel, *whole), expected)


@pytest.mark.usefixtures("compiled")
def test_inputs_of_another_shape_are_refused(small):
    kernel, _ = stacked_of(Kernel, small("bandit", num_envs=4), [0])
    observation, ended = torch.zeros(4, kernel.group.observation), torch.zeros(4).bool()
    with pytest.raises(ValueError, match=r"reward of 4 .* shape \(4,\), got \(4, 1\)"):
        one_step(kernel, observation, torch.zeros(4, 1), ended)
    with pytest.raises(ValueError, match="observation of 4 environments must be of"):
        one_step(kernel, observation[:3], torch.zeros(4), ended)
