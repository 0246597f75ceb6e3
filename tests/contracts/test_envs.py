"""The contract that every task of the registry keeps."""

import dataclasses
import itertools

import pytest
import torch
from short import short

from metarl.envs import testing
from metarl.envs.harlow.learning_set import LearningSet
from metarl.envs.task import LockstepTask

NUM_ENVS = 7
STEPS = 40


@pytest.mark.parametrize(
    "check",
    [
        testing.check_noise,
        testing.check_randomness,
        testing.check_environments,
        testing.check_state,
        testing.check_rows,
        testing.check_results,
        testing.check_episode,
    ],
)
def test_a_task_passes_the_checks_of_every_task(check, make):
    check(make())


def test_other_noise_and_actions_give_another_course(make, write_script, perform, same):
    courses = [
        perform(make(NUM_ENVS), write_script(make(NUM_ENVS), STEPS, seed))
        for seed in (0, 1)
    ]
    assert not same(*courses)


@pytest.mark.parametrize("at", range(7))
def test_a_task_continues_from_its_state_at_any_step_of_a_trial(
    at, make, write_script, perform, same
):
    task = make(NUM_ENVS)
    script = write_script(task, STEPS)
    perform(task, script.part(0, at))
    state = task.state()
    rest = perform(task, script.part(at), reset=False)
    other = make(NUM_ENVS)
    perform(other, write_script(other, 2, seed=8))
    other.load_state(state)
    assert same(perform(other, script.part(at), reset=False), rest)
    task.load_state(state)
    assert same(perform(task, script.part(at), reset=False), rest)


def test_a_state_shares_no_memory_with_the_task(make, write_script):
    task = make(NUM_ENVS)
    task.reset(write_script(task, 0).start)
    states = [task.state(), task.state()]
    task.load_state(states[0])
    for name, value in states[0].items():
        if isinstance(value, torch.Tensor):
            others = [states[1][name], getattr(task, name)]
            assert value.data_ptr() not in [other.data_ptr() for other in others]


def test_what_a_step_returned_is_not_changed_later(make, write_script):
    task = make(NUM_ENVS)
    script = write_script(task, STEPS)
    start = script.start.clone()
    results = [task.reset(script.start), *task.hidden().values()]
    copies = [tensor.clone() for tensor in results]
    for actions, noise in zip(script.actions, script.noise, strict=True):
        before = actions.clone(), noise.clone()
        step = task.step(actions, noise)
        assert torch.equal(actions, before[0])
        assert torch.equal(noise, before[1])
        new_results = [*step, *task.hidden().values(), *task.trial_row().values()]
        results += new_results
        copies += [tensor.clone() for tensor in new_results]
    task.reset(script.start)
    assert torch.equal(script.start, start)
    for tensor, copy in zip(results, copies, strict=True):
        torch.testing.assert_close(tensor, copy, equal_nan=True, rtol=0, atol=0)


def test_reading_the_task_changes_nothing(make, write_script, perform, same):
    """What is asked of a task between steps is answered alike, as often as asked."""
    task = make(NUM_ENVS)
    script = write_script(task, STEPS)
    course = perform(make(NUM_ENVS), script)
    task.reset(script.start)
    rewards = []
    for actions, noise in zip(script.actions, script.noise, strict=True):
        readings = [
            {"seen": task.observation(), "event": task.event()}
            | task.hidden()
            | task.trial_row()
            for _ in range(2)
        ]
        task.scene()
        task.drawing()
        assert same(*readings)
        rewards.append(task.step(actions, noise).reward)
    assert torch.equal(torch.stack(rewards), course["reward"])


def test_every_event_of_a_trial_occurs(make, write_script, perform):
    task = make(NUM_ENVS)
    course = perform(task, write_script(task, STEPS))
    assert set(course["event"].unique().tolist()) == set(range(len(task.event_names)))


def test_an_episode_has_the_declared_steps_and_trials(
    task_name, make, write_script, perform
):
    task = make(NUM_ENVS, **short(task_name, 4))
    length = task.episode_steps
    if length is None:
        pytest.skip("environments end at different times")
    course = perform(task, write_script(task, length))
    assert not course["terminated"][:-1].any()
    assert course["terminated"][-1].all()
    assert course["trial_ended"].all(1).sum() == 4
    assert course["trial_ended"][-1].all()


def test_codes_of_a_row_are_not_negative(make, write_script, perform):
    task = make(NUM_ENVS)
    course = perform(task, write_script(task, STEPS))
    for name, values in course.items():
        column = name.removeprefix("row ")
        if name.startswith("row ") and column not in task.real_columns:
            assert bool((values[~values.isnan()] >= 0).all()), column


def test_a_row_has_the_total_reward_of_the_trial(make, write_script, perform):
    task = make(NUM_ENVS)
    course = perform(task, write_script(task, STEPS))
    # Environments of a learning set have rows at every step, others where trials ended.
    place = course["trial_ended"].any(1).cumsum(0) - 1
    if isinstance(task, LearningSet):
        place = torch.arange(STEPS)
    trials = 0
    for env_index in range(NUM_ENVS):
        ends = [-1, *course["trial_ended"][:, env_index].nonzero().flatten().tolist()]
        for before, end in itertools.pairwise(ends):
            rewards = course["reward"][before + 1 : end + 1, env_index]
            row = {
                k: v[place[end], env_index]
                for k, v in course.items()
                if k[:4] == "row "
            }
            assert row["row reward"] == rewards.sum()
            penalised = bool((rewards < 0).any())
            if isinstance(task, LearningSet):  # there, a wrong choice costs, too
                penalised = bool(row["row choice"].isnan())
            assert (row["row valid"] == 0) == penalised
            trials += 1
    assert trials > NUM_ENVS


def test_every_option_sets_its_hidden_variable(make, write_script):
    """Whatever a environment may draw, all environments can be given."""
    num_envs = 4 * NUM_ENVS
    task = make(num_envs)
    start = write_script(task, 0).start
    task.reset(start)
    drawn = {name: values.clone() for name, values in task.hidden().items()}
    assert task.option_names
    for name in task.option_names:
        values = drawn[name].unique()[:NUM_ENVS].tolist()
        assert len(values) > 1
        for value in values:
            task.reset(start, options={name: value})
            assert task.hidden()[name].tolist() == [value] * num_envs
            for other in set(task.option_names) - {name}:
                assert torch.equal(task.hidden()[other], drawn[other])
        task.reset(start)
        assert torch.equal(task.hidden()[name], drawn[name])


def test_an_unknown_option_is_refused_with_the_known_ones(make, write_script):
    task = make()
    with pytest.raises(
        ValueError, match="unknown reset option 'mood'; choose from: "
    ) as e:
        task.reset(write_script(task, 0).start, options={"mood": 1.0})
    assert all(name in str(e.value) for name in task.option_names)


def test_an_option_out_of_range_is_refused(make, write_script):
    task = make()
    for name in task.option_names:
        with pytest.raises(ValueError, match=f"{name} must be"):
            task.reset(write_script(task, 0).start, options={name: 1.5})


def test_params_out_of_range_are_refused_by_name(make):
    kind = make().params_type
    for field in dataclasses.fields(kind):
        if isinstance(field.default, bool) or field.default == "":  # or a path
            continue
        value = 1 if field.name.startswith("log_") else -1
        with pytest.raises(ValueError, match=f"{field.name} must be"):
            kind(**{field.name: value})
        with pytest.raises(ValueError, match=f"{field.name} must be"):
            kind(**{field.name: float("nan")})


def test_a_task_has_at_least_one_environment(make):
    with pytest.raises(ValueError, match="num_envs must be at least 1, got 0"):
        make(0)


def test_environments_in_lockstep_are_reset_together_and_others_separately(
    make, write_script
):
    task = make(NUM_ENVS)
    task.reset(write_script(task, 0).start, where=task.always)
    before = {name: values.clone() for name, values in task.hidden().items()}
    another, some = write_script(task, 0, seed=1).start, torch.arange(NUM_ENVS) < 3
    if isinstance(task, LockstepTask) and task.episode_steps is not None:
        with pytest.raises(ValueError, match="where must select all environments"):
            task.reset(another, where=some)
        return
    task.reset(another, where=some)
    changed = [values != before[name] for name, values in task.hidden().items()]
    assert torch.equal(torch.stack(changed).any(0), some)


def test_a_task_can_be_read_before_its_first_reset(make):
    task = make(NUM_ENVS)
    task.load_state(task.state())
    assert set(task.hidden())
    assert task.observation().shape == (NUM_ENVS, task.observation_size)


def test_every_tensor_is_on_the_device_of_the_task(make):
    """The meta device holds no numbers, but refuses to mix with another device."""
    kind = type(make())
    task = kind(NUM_ENVS, device="meta")
    noise = torch.empty(NUM_ENVS, task.noise_size, device="meta")
    actions = torch.empty(NUM_ENVS, dtype=torch.int64, device="meta")
    answers = [task.reset(noise), task.event()]
    for _ in range(2 * len(task.event_names)):
        answers += task.step(actions, noise)
        answers += [task.event(), *task.hidden().values()]
        answers += task.trial_row().values()
    assert {answer.device.type for answer in answers} == {"meta"}
    tensors = [v for v in task.state().values() if isinstance(v, torch.Tensor)]
    assert {tensor.device.type for tensor in tensors} == {"meta"}
