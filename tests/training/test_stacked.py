"""Subjects that share a computation: each as if it were alone."""

from dataclasses import replace

import pytest
import torch

from metarl.agents.config import A2CConfig, NetworkConfig, Schedule, constant
from metarl.agents.learning.config import CostsConfig, ReplayConfig
from metarl.agents.networks.actor_critic import weights_hash
from metarl.agents.stacked import loading
from metarl.agents.stacked.weights import flat
from metarl.core.checks import MetaRLError
from metarl.core.interventions import parse
from metarl.core.parallel import Interrupted, Reporter
from metarl.envs.registry import NAMES
from metarl.experiments.spec import preset
from metarl.runs.checkpoint import load_state
from metarl.runs.folder import SubjectFolder
from metarl.simulation.stacked_rollout import StackedRollout
from metarl.training.groups import Alone, make_group, train_subjects
from metarl.training.stacked import (
    StackedGroup,
    check_device,
    computation_of,
    kernel_fault,
    subject_bytes,
    why_alone,
)
from metarl.training.trainer import Trainer

# The network of the other one has an encoder.
TASKS = [name for name in NAMES if name != "harlow"]
# One core, two cores, and episodes of different lengths.
QUICK = "two-step", "risky-choice", "matching"
# A discount that changes, as the actor's input depends on it.
CHANGING = A2CConfig(discount=Schedule(start=0.3, end=0.9))


@pytest.fixture(scope="module", autouse=True)
def compiled():
    """Skip where the kernel cannot be compiled."""
    try:
        loading.load_kernel()
    except loading.KernelError as error:
        pytest.skip(str(error))


class Stop(Reporter):
    """Asks to stop when it is asked for the n-th time."""

    def __init__(self, after):
        self.asked, self.after = 0, after
        super().__init__(should_stop=self._should_stop)

    def _should_stop(self):
        self.asked += 1
        return self.asked > self.after


def folders(path, subjects):
    return {k: SubjectFolder(path / str(k)) for k in subjects}


def contents(folder):
    """The bytes of all that training leaves, except measured times."""
    paths = [*sorted(folder.path.glob("snapshots/*")), folder.policy_path]
    return {p.name: p.read_bytes() for p in [*paths, folder.metrics_path]}


def trained(config, path, subjects, *, stops=()):
    files = folders(path, subjects)
    for stop in stops:
        with pytest.raises(Interrupted):
            train_subjects(config, files, Stop(stop))
    train_subjects(config, files, Reporter())
    return [contents(folder) for folder in files.values()]


@pytest.mark.parametrize(
    "task",
    [pytest.param(t, marks=[] if t in QUICK else [pytest.mark.slow]) for t in TASKS],
)
def test_a_subject_has_the_same_bytes_alone_among_others_and_resumed(
    task, small, tmp_path
):
    config = small(task, updates=20)
    assert computation_of(config) == "kernel"
    alone = [trained(config, tmp_path / f"{k}", [k])[0] for k in (0, 3)]
    assert trained(config, tmp_path / "both", [0, 3]) == alone
    assert trained(config, tmp_path / "stopped", [0, 3], stops=(3, 8)) == alone
    assert alone[0] != alone[1]


@pytest.mark.parametrize("reset", ["episode", "trial"])
@pytest.mark.parametrize("task", ["two-step", "risky-choice"])
def test_first_updates_are_those_of_the_torch_path(task, reset, small):
    config = small(task, learning=CHANGING)
    config = replace(config, training=replace(config.training, reset_memory=reset))
    group = StackedGroup(config, [0, 1])
    trainers = [Trainer(config, subject) for subject in (0, 1)]
    for _ in range(3):
        group.update()
        for member, trainer in zip(group.members, trainers, strict=True):
            trainer.update()
            # With the discount of an actor's input.
            expected = trainer.network.state_dict()
            for name, values in member.network.state_dict().items():
                torch.testing.assert_close(values, expected[name], rtol=1e-3, atol=1e-5)
            assert member.point() == pytest.approx(
                trainer.point(), rel=1e-3, abs=1e-5, nan_ok=True
            )


def test_a_resumed_actor_goes_on_with_value_and_discount(small, tmp_path):
    network = NetworkConfig(critic="separate", feedback="rpe", units=5, input_gain=3.0)
    # Unrolls within an episode: the value before each first step is one of the state.
    config = small(network=network, learning=CHANGING, unroll_steps=3, updates=20)
    unbroken = trained(config, tmp_path / "unbroken", [0, 3])
    assert trained(config, tmp_path / "stopped", [0, 3], stops=(3, 6)) == unbroken


def test_subjects_that_are_not_equally_far_go_on_apart(small, tmp_path):
    config = small(updates=20)
    alone = trained(config, tmp_path / "alone", [0, 1])
    files = folders(tmp_path / "apart", [0, 1])
    for subject, stop in ((0, 4), (1, 9)):
        with pytest.raises(Interrupted):
            train_subjects(config, {subject: files[subject]}, Stop(stop))
    train_subjects(config, files, Reporter())
    assert [contents(folder) for folder in files.values()] == alone


@pytest.mark.parametrize("task", ["two-step", "risky-choice"])
def test_a_subject_that_diverges_leaves_and_the_others_go_on(task, small, tmp_path):
    config = small(task, updates=20)
    sound = trained(config, tmp_path / "sound", [0, 1, 2])
    files = folders(tmp_path / "one", [0, 1, 2])
    with pytest.raises(Interrupted):
        train_subjects(config, files, Stop(5))
    spoil(files[1])
    words = r"^subject 1: training diverged before step \d+: the gradient's norm is nan"
    with pytest.raises(MetaRLError, match=words):
        train_subjects(config, files, Reporter())
    assert [contents(files[k]) for k in (0, 2)] == [sound[0], sound[2]]
    assert not files[1].finished


def spoil(folder):
    """Set a weight of a saved state to NaN."""
    from metarl.runs.checkpoint import save_state

    state = load_state(folder.state_path)
    name = next(name for name in state["network"] if name.endswith("core.bias"))
    state["network"][name][0] = torch.nan
    save_state(folder.state_path, state)


def test_a_reward_that_is_not_finite_concerns_its_subject_alone(
    small, tmp_path, monkeypatch
):
    config = small(updates=20)
    sound = trained(config, tmp_path / "sound", [0, 1, 2])
    run = StackedRollout.run

    def spoilt(rollout, steps):
        run(rollout, steps)
        if rollout.subjects == 3:
            rollout.networks.rewards()[2, 1, 0] = torch.nan

    monkeypatch.setattr(StackedRollout, "run", spoilt)
    files = folders(tmp_path, [0, 1, 2])
    words = "^subject 1: the task's reward must be a finite number, got nan in"
    with pytest.raises(MetaRLError, match=words):
        train_subjects(config, files, Reporter())
    assert [contents(files[k]) for k in (0, 2)] == [sound[0], sound[2]]
    assert not files[1].finished


def test_after_an_error_of_the_task_each_subject_goes_on_alone(small, tmp_path, caplog):
    config = small("toys:Lottery", updates=20)
    trained(config, tmp_path / "sound", [0, 1])
    # The fault needs the environments of both.
    params = replace(config.task_params, fault="raise", fault_below=1.0, fault_envs=6)
    faulty = replace(config, task_params=params)
    trained(faulty, tmp_path / "faulty", [0, 1])
    assert "goes on one by one after an error" in caplog.text
    one, other = (folders(tmp_path / name, [0, 1]) for name in ("sound", "faulty"))
    assert [weights(one[k]) for k in one] == [weights(other[k]) for k in other]


def test_an_error_of_the_task_concerns_the_subject_that_meets_it(
    small, tmp_path, monkeypatch
):
    update = StackedGroup.update

    def broken(group):
        if len(group.members) > 1:
            raise RuntimeError("too many")
        update(group)

    monkeypatch.setattr(StackedGroup, "update", broken)
    config = small("toys:Lottery", fault="raise", fault_below=0.4, updates=20)
    files = folders(tmp_path, range(6))
    with pytest.raises(MetaRLError) as caught:
        train_subjects(config, files, Reporter())
    failed = {k for k, folder in files.items() if not folder.finished}
    assert 0 < len(failed) < 6
    assert str(caught.value).count("RuntimeError: the lottery burnt") == len(failed)


def weights(folder):
    return weights_hash(folder.policy())


def test_a_damaged_state_concerns_its_subject_alone(small, tmp_path):
    config = small(updates=20)
    files = folders(tmp_path, [0, 1])
    with pytest.raises(Interrupted):
        train_subjects(config, files, Stop(5))
    files[0].state_path.write_bytes(b"damaged")
    with pytest.raises(MetaRLError, match=r"^subject 0: .*is damaged"):
        train_subjects(config, files, Reporter())
    assert files[1].finished


def test_without_the_kernel_subjects_are_alone_and_as_good(
    small, tmp_path, monkeypatch
):
    config = small(updates=20)
    files = folders(tmp_path, [0, 1])
    with pytest.raises(Interrupted):
        train_subjects(config, files, Stop(5))
    monkeypatch.setenv(loading.SWITCH, "off")
    loading.load_kernel.cache_clear()
    try:
        assert "METARL_KERNEL=off" in kernel_fault()
        assert computation_of(config) == "torch"
        assert isinstance(make_group(config, [0]), Alone)
        with pytest.raises(MetaRLError, match="began with the compiled kernel"):
            train_subjects(config, files, Reporter())
        begun = folders(tmp_path / "torch", [0])
        with pytest.raises(Interrupted):
            train_subjects(config, begun, Stop(5))
    finally:
        monkeypatch.undo()
        loading.load_kernel.cache_clear()
    assert '"torch"' in (begun[0].path / "versions.json").read_text()
    assert '"kernel"' in (files[0].path / "versions.json").read_text()
    # What began in torch ends there, though the kernel is at hand again.
    train_subjects(config, begun, Reporter())
    reference = Trainer(config, 0)
    for _ in range(20):
        reference.update()
    assert weights_hash(begun[0].policy()) == weights_hash(reference.network)


@pytest.fixture
def no_kernel(monkeypatch):
    """The kernel is switched off."""
    monkeypatch.setenv(loading.SWITCH, "off")
    loading.load_kernel.cache_clear()
    yield
    loading.load_kernel.cache_clear()


@pytest.mark.usefixtures("no_kernel")
def test_without_the_kernel_subjects_can_share_a_computation_by_torch(small, tmp_path):
    config = small(updates=20)
    whole = trained(config, tmp_path / "whole", [0, 1])
    assert trained(config, tmp_path / "again", [0, 1], stops=(3, 8)) == whole
    folder = folders(tmp_path / "whole", [1])[1]
    versions = (folder.path / "versions.json").read_text()
    assert '"stacked"' in versions
    assert '"cpu"' in versions
    reference = Trainer(config, 1)
    for _ in range(20):
        reference.update()
    torch.testing.assert_close(
        flat(folder.policy()), flat(reference.network), rtol=1e-2, atol=1e-3
    )


def test_on_another_device_metrics_are_read_at_points_of_the_curve_and_saves(small):
    config = small(updates=400)
    group, reference = (StackedGroup(config, [0, 1], by="stacked") for _ in range(2))
    group.device = "elsewhere"
    group.update()
    reference.update()
    (member, _), (expected, _) = group.members, reference.members
    assert member.averages.count == 0
    assert member.state()["averages"]["sums"] == expected.averages.sums
    group.update()
    reference.update()
    assert member.averages.count == 2
    assert member.point() == expected.point()


def test_training_goes_on_where_it_began(small, tmp_path):
    config, files = small(updates=20), folders(tmp_path, [0])
    with pytest.raises(Interrupted):
        train_subjects(config, files, Stop(5))
    with pytest.raises(MetaRLError, match=r"began on the device cpu, which .* cuda:1"):
        train_subjects(config, files, Reporter(), device="cuda:1")
    train_subjects(config, files, Reporter())


def test_rules_without_gradients_are_for_the_cpu(small):
    config = small(learning=A2CConfig(rule="np"))
    check_device(config, "cpu")
    with pytest.raises(ValueError, match="cpu here, got cuda, as the rule is np"):
        check_device(config, "cuda")
    check_device(small(), "cuda")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"network": {"core": "gru"}}, "the core is gru"),
        ({"learning": {"rule": "bptt-random"}}, "the rule is bptt-random"),
        ({"learning": {"costs": CostsConfig(pfc=("reward",))}}, "costs are by area"),
        (
            {"learning": {"replay": ReplayConfig(mode="uniform")}},
            "episodes are replayed",
        ),
        (
            {"training": {"interventions": (parse("teaching scale 0.5"),)}},
            "there are interventions during training",
        ),
    ],
    ids=str,
)
def test_what_the_kernel_lacks_is_trained_alone(changes, reason, small):
    config = small()
    for part, values in changes.items():
        config = replace(config, **{part: replace(getattr(config, part), **values)})
    assert why_alone(config) == reason


@pytest.mark.parametrize("task", ["two-step", "risky-choice"])
def test_the_memory_of_a_subject_is_estimated_from_above(task):
    group = StackedGroup(preset(task), [0])
    kernel = group.networks
    buffers = [core.buffers for core in kernel.cores] + [kernel.buffers]
    used = sum(each.nbytes for part in buffers for each in part.values())
    assert 0.8 * used < subject_bytes(group.config) < 2 * used


def test_learning_rates_follow_the_progress_of_training(small):
    """With a rate of 0 in its second half, nothing is learned there."""
    config = small(learning=A2CConfig(learning_rate=constant(0.0)))
    group = make_group(config, [0])
    before = weights_hash(group.members[0].network)
    group.update()
    assert weights_hash(group.members[0].network) == before


@pytest.mark.parametrize("subjects", [[0], [0, 1]])
def test_a_state_of_a_task_with_fewer_variables_is_refused(subjects, small, tmp_path):
    from metarl.runs.checkpoint import save_state

    config, files = small("reversal", updates=20), folders(tmp_path, subjects)
    with pytest.raises(Interrupted):
        train_subjects(config, files, Stop(5))
    for folder in files.values():
        state = load_state(folder.state_path)
        del state["rollout"]["task"]["b_left"]
        save_state(folder.state_path, state)
    with pytest.raises(MetaRLError, match="does not fit this version of metarl"):
        train_subjects(config, files, Reporter())
