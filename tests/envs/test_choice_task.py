"""Valid actions of every task, and the rule for invalid responses."""

import pytest
import torch
from short import small

from metarl.envs.choice_task import ChoiceTask, invalid_response_reward
from metarl.envs.registry import NAMES, task_class

CHOICE_TASKS = [name for name in NAMES if issubclass(task_class(name), ChoiceTask)]
NUM_ENVS = 9
STEPS = 120


def without_fixation(name):
    """The parameters of a variant without the fixation step, if there is one."""
    kind = task_class(name).params_type
    return [kind(fixation=False)] if hasattr(kind, "fixation") else []


VARIANTS = [
    (name, params)
    for name in CHOICE_TASKS
    for params in (task_class(name).params_type(), *without_fixation(name))
]


def random_course(task, seed=0):
    """(valid actions, actions, step) of each step of random play."""
    generator = torch.Generator().manual_seed(seed)
    size = task.num_envs, task.noise_size
    task.reset(torch.rand(size, generator=generator))
    for _ in range(STEPS):
        valid = task.valid_actions()
        actions = torch.randint(
            task.action_count, (task.num_envs,), generator=generator
        )
        step = task.step(actions, torch.rand(size, generator=generator))
        yield valid, actions, step
        if bool(step.terminated.any()):
            task.reset(torch.rand(size, generator=generator))


def test_the_tasks_with_fixation_and_choice_share_the_rule():
    assert CHOICE_TASKS == [
        "two-step",
        "daw-two-step",
        "matching",
        "inferred-value",
        "risky-choice",
        "reversal",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_task_has_valid_actions_on_every_screen(name):
    kind = task_class(name)
    task = kind(NUM_ENVS, kind.params_type(**small(name)))
    for valid, _, _ in random_course(task):
        assert valid.shape == (NUM_ENVS, task.action_count)
        assert valid.dtype == torch.bool
        assert valid.any(1).all()
        assert name in CHOICE_TASKS or valid.all()


@pytest.mark.parametrize(("name", "params"), VARIANTS)
def test_exactly_the_invalid_responses_have_a_reward_of_minus_one(name, params):
    task = task_class(name)(NUM_ENVS, params)
    invalid = 0
    for valid, actions, step in random_course(task):
        broken = ~valid.gather(1, actions.unsqueeze(1)).squeeze(1)
        assert torch.equal(step.reward == -1, broken)
        invalid += int(broken.sum())
    # Without fixation, both actions are valid at every choice.
    assert (invalid > 20) == task.has_fixation


@pytest.mark.parametrize(("name", "params"), VARIANTS)
def test_after_an_invalid_choice_the_choice_is_missing_and_unrewarded(name, params):
    task = task_class(name)(NUM_ENVS, params)
    missing = 0
    broken_choice, broken, total = task.never, task.never.float(), task.never.float()
    for (valid, actions, step), event in events_of(task):
        invalid = ~valid.gather(1, actions.unsqueeze(1)).squeeze(1)
        if event in ("choice", "go"):
            broken_choice = invalid
        broken, total = broken + invalid, total + step.reward
        if not bool(step.trial_ended.all()):
            continue
        row = task.trial_row()
        assert torch.equal(row["choice"].isnan(), broken_choice)
        assert torch.equal(row["valid"] == 1, broken == 0)
        assert torch.equal(row["reward"], total)
        assert torch.equal(total[broken_choice], -broken[broken_choice])
        missing += int(broken_choice.sum())
        broken, total = task.never.float(), task.never.float()
    assert (missing > 5) == task.has_fixation


def events_of(task):
    """Each step of random play, and the name of its event before the action."""
    names = [task.event_names[event] for event in task.phase_events]
    for number, step in enumerate(random_course(task)):
        yield step, names[number % len(names)]


def test_an_invalid_response_costs_one():
    valid = torch.tensor([True, False])
    assert invalid_response_reward(valid).tolist() == [0, -1]
    assert valid.tolist() == [True, False]
