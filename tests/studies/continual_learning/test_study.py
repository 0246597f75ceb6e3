"""The study of continual learning, and its second task."""

import pytest
import torch
from torch.testing import assert_close

from metarl.agents.networks.actor_critic import weights_hash
from metarl.core.parallel import Reporter
from metarl.envs.alternating_bandit import AlternatingBandit
from metarl.envs.bandit import Bandit, BanditParams
from metarl.studies.continual_learning.study import (
    REPLAYS,
    STAGES,
    conditions,
    configure,
    effects,
    figures,
    next_trainer,
    tables,
)
from metarl.studies.spec import Results, Scale
from metarl.training.trainer import Trainer

SMOKE = conditions(Scale(smoke=True))
GOOD = {"none": (10.0, 2.0), "uniform": (4.0, 2.0), "clear": (3.0, 3.0)}


def seed_results(forgetting, second):
    first = [12.5] * STAGES + [2.0] * STAGES + [2.0 + forgetting]
    return {
        "episodes": [10.0 * k for k in range(2 * STAGES + 1)],
        "first": first,
        "second": [12.5] * 2 * STAGES + [second],
        "learned_first": 2.0,
        "kept_first": 2.0 + forgetting,
        "learned_second": second,
        "forgetting": forgetting,
    }


def planted(**changes):
    seeds = {name: [seed_results(*{**GOOD, **changes}[name])] * 3 for name in REPLAYS}
    return Results(seeds=seeds, seconds={name: [3.0] * 3 for name in REPLAYS})


def failing(results):
    scored = [effect for effect in effects(results) if effect.criterion]
    assert len(scored) == 3
    return [e.label for e in scored if not e.criterion.holds(e.values.median())]


def test_replay_that_preserves_the_first_task_meets_the_criteria():
    assert failing(planted()) == []


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"clear": (6.0, 3.0)}, "forgetting of the first task, clear"),
        ({"clear": (1.0, 9.0)}, "regret on the second task, clear"),
    ],
)
def test_each_criterion_fails_alone(changes, word):
    (effect,) = failing(planted(**changes))
    assert word in effect


def test_without_forgetting_two_criteria_fail():
    assert len(failing(planted(none=(1.0, 2.0)))) == 2


def test_the_table_and_the_figure_have_the_numbers():
    table = tables(planted())["continual"].set_index("replay")
    assert table.loc["none", "forgetting"] == 10.0
    assert table.loc["clear", "learned_second"] == 3.0
    first, second, _ = figures(planted())["continual"].axes
    line_of = {line.get_label(): line for line in first.lines}
    assert line_of["none"].get_ydata()[-1] == 12.0
    switches = [list(line.get_xdata()) for line in second.lines]
    assert [50.0, 50.0] in switches


@pytest.mark.parametrize("name", REPLAYS)
def test_a_few_steps_of_each_condition(name):
    results = SMOKE[name](5, Reporter())
    first, second = results["first"], results["second"]
    assert len(first) == len(second) == 2 * STAGES + 1
    assert results["forgetting"] == first[-1] - first[STAGES]


def test_the_second_task_continues_with_network_optimizer_and_episodes():
    first, second = configure(5, "clear")
    before = Trainer(first, 0)
    before.update()
    after = next_trainer(before, second)
    assert weights_hash(after.network) == weights_hash(before.network)
    assert isinstance(after.task, AlternatingBandit)
    assert len(after.replayer.buffer) == len(before.replayer.buffer) == 64
    moments = [
        next(iter(each.learner.optimizer.state.values()))["square_avg"]
        for each in (before, after)
    ]
    assert_close(*moments)
    after.update()
    assert len(after.replayer.buffer) == 128
    assert len(before.replayer.buffer) == 64


def choices(kind, actions, probability=0.9):
    """Rewards of two environments with random numbers of .5, left better at first."""
    task = kind(2, BanditParams(trial_count=4, trial_input=False))
    observations = [task.reset(torch.tensor([[probability, 1 - probability]] * 2))]
    rewards, correct = [], []
    for action in actions:
        step = task.step(torch.tensor([action] * 2), torch.full((2, 2), 0.5))
        observations.append(step.observation)
        rewards.append(float(step.reward[0]))
        correct.append(float(task.trial_row()["correct"][0]))
    return rewards, correct, torch.stack(observations)


def test_the_better_arm_changes_sides_at_every_trial():
    rewards, correct, observations = choices(AlternatingBandit, [0, 1, 0, 1])
    assert rewards == correct == [1, 1, 1, 1]
    assert (observations == 1).all()
    assert choices(AlternatingBandit, [0, 0, 0, 0])[0] == [1, 0, 1, 0]


def test_the_first_tasks_better_arm_stays_and_its_observation_differs():
    rewards, _, observations = choices(Bandit, [0, 0, 0, 0])
    assert rewards == [1, 1, 1, 1]
    assert (observations == 0).all()


def test_the_two_tasks_are_of_one_size():
    one, other = (Trainer(config, 0).task for config in configure(5, "none"))
    assert one.observation_size == other.observation_size
    assert one.action_count == other.action_count
    assert one.params == other.params
