"""Baselines of the learning sets: accuracy, and movements of gaze."""

import math

import pytest
import torch

from metarl.baselines.harlow import LearningSetBaseline, WinStay, make_baselines
from metarl.core.policy import join_inputs
from metarl.envs.harlow.line import HarlowLine, HarlowLineParams
from metarl.envs.harlow.pixels import Harlow, HarlowParams

LEFT, RIGHT, STAY = range(3)
PAUSE, FIXATION, CHOICE = range(3)
NUM_ENVS = 3_000
NAMES = ("random", "relation", "win-stay")
SMALL = {"width": 20, "height": 8, "picture_size": 8, "turn_pixels": 2}
SMALL |= {"picture_turns": 3, "ring": 55}


def line(num_envs=NUM_ENVS, **settings):
    return HarlowLine(num_envs, HarlowLineParams(**settings))


def pixels(num_envs=NUM_ENVS, **settings):
    return Harlow(num_envs, HarlowParams(**SMALL | settings))


def play(task, policy, seed=0):
    """Rows (trials, B) of one episode in every environment, and where it started."""
    generator = torch.Generator().manual_seed(seed)
    size = (task.num_envs, task.noise_size)
    observation = task.reset(torch.rand(size, generator=generator))
    memory = policy.initial_memory(task.num_envs)
    one_hot, num_envs = torch.eye(3), torch.arange(task.num_envs)
    last_action = torch.zeros(task.num_envs, 3)
    last_reward = torch.zeros(task.num_envs)
    results, going = {"start": task.gaze}, task.always
    while bool(going.any()):
        output = policy.act(join_inputs(observation, last_action, last_reward), memory)
        assert not output.value.any()
        assert output.units.shape == (task.num_envs, 0)
        probabilities = output.logits.softmax(1)
        actions = torch.multinomial(probabilities, 1, generator=generator).squeeze(1)
        step = task.step(actions, torch.rand(size, generator=generator))
        ended = num_envs[step.trial_ended & going]
        for name, values in task.trial_row().items():
            size_of = (task.params.trial_count, task.num_envs)
            rows = results.setdefault(name, torch.full(size_of, torch.nan))
            rows[task.trial[ended] - 1, ended] = values[ended]
        going = going & ~step.terminated
        observation, memory = step.observation, output.memory
        last_action, last_reward = one_hot[actions], step.reward
    return results


def close(hits, probability):
    """Whether a share is within 4 standard errors of the expected probability."""
    n = hits.numel()
    error = math.sqrt(probability * (1 - probability) / n)
    assert n > 1000
    return abs(float(hits.double().mean()) - probability) < 4 * error


def played(task, name, seed=0):
    return play(task, make_baselines(task)[name], seed)


@pytest.fixture(scope="module", params=[line, pixels])
def make(request):
    """Make the task on a line and the one with pictures in turn."""
    return request.param


@pytest.fixture(scope="module")
def standard(make):
    """Every baseline on the same problems, with held-out objects."""
    task = make(held_out=True)
    return {name: played(task, name) for name in make_baselines(task)}


def test_only_pictures_have_the_baseline_of_mean_colours():
    assert tuple(make_baselines(line(1))) == NAMES
    assert tuple(make_baselines(pixels(1), 0.5)) == (*NAMES, "mean-colour")


def test_the_first_choice_is_random_for_all(standard):
    for rows in standard.values():
        assert close(rows["correct"][0], 0.5)
        assert close(rows["choice"][0], 0.5)


def test_random_choice_is_right_in_half_of_the_trials(standard):
    rows = standard["random"]
    for trial in range(6):
        assert close(rows["correct"][trial], 0.5)
        assert close(rows["choice"][trial], 0.5)
    for trial in range(5):
        same = rows["choice"][trial] == rows["choice"][trial + 1]
        assert close(same, 0.5)


@pytest.mark.parametrize("name", ["win-stay", "relation"])
def test_a_memory_of_the_rewarded_object_leaves_one_error(standard, name):
    rows = standard[name]
    assert (rows["correct"][1:] == 1).all()
    assert close(rows["choice"], 0.5)


def test_win_stay_is_never_wrong_with_new_distractors(make):
    rows = played(make(new_distractor=1.0), "win-stay")
    assert close(rows["correct"][0], 0.5)
    assert (rows["correct"][1:] == 1).all()


def test_a_relation_holds_in_two_of_three_cases_with_a_new_distractor(make):
    rows = played(make(new_distractor=1.0), "relation")
    for trial in range(1, 6):
        assert close(rows["correct"][trial], 2 / 3)


def test_a_relation_is_one_bit_of_the_last_trial(make):
    """With other objects it prefers the brighter one, or the darker, as rewarded."""
    task = make(new_distractor=1.0)
    rows = played(task, "relation")
    bright = task.cues.sum(1)
    target, distractor = (bright[rows[k].long()] for k in ("target", "distractor"))
    more, apart = target > distractor, (target - distractor).abs() > 1e-5
    clear = apart[1:] & apart[:-1]
    assert clear.double().mean() > 0.999
    again = more[1:] == more[:-1]
    assert torch.equal(rows["correct"][1:][clear] == 1, again[clear])


@pytest.mark.parametrize("name", ["win-stay", "relation"])
def test_a_reversal_costs_one_error(make, name):
    rows = played(make(trial_count=12, reversal_after=6), name)
    correct = rows["correct"]
    assert close(correct[0], 0.5)
    assert (correct[1:6] == 1).all()
    assert (correct[6] == 0).all()
    assert (correct[7:] == 1).all()


def test_mean_colour_distinguishes_pictures_but_not_equalized_ones():
    rows = played(pixels(held_out=True, new_distractor=1.0), "mean-colour")
    assert close(rows["correct"][0], 0.5)
    assert 0.98 < float(rows["correct"][1:].mean()) < 1
    rows = played(pixels(held_out=True, equalized=True), "mean-colour")
    for trial in range(6):
        assert close(rows["correct"][trial], 0.5)
    rows = played(pixels(equalized=True), "win-stay")
    assert (rows["correct"][1:] == 1).all()


def test_colours_below_the_resolution_are_treated_as_equal():
    task = pixels(1)
    task.reset(torch.full((1, 5), 0.5))
    policy = make_baselines(task)["mean-colour"]
    inputs = join_inputs(task.observation(), torch.zeros(1, 3), torch.zeros(1))
    task.step(torch.tensor([STAY]), torch.full((1, 5), 0.5))
    here, there = int(task.left), int(task.right)
    task.cues = task.cues.clone()
    task.cues[here] = task.cues[there]
    objects, _ = policy.initial_memory(1)
    for away, probabilities in ((0.019, [0.5, 0.5, 0]), (0.021, [0, 1, 0])):
        task.cues[here, 0] = task.cues[there, 0] + away
        record = task.cues[[there]]
        logits = policy.act(inputs, (objects, record)).logits
        assert logits.softmax(1)[0].tolist() == probabilities


def test_all_take_the_shortest_way(standard):
    """Seven decisions: three of the pause, back to the cross, one on it, three out."""
    for rows in standard.values():
        assert rows["valid"].all()
        assert torch.equal(rows["steps"][0], rows["start"].abs() + 4)
        assert (rows["steps"][1:] == 7).all()
        torch.testing.assert_close(
            rows["reward"], 2 * rows["correct"] - 0.8, rtol=0, atol=1e-6
        )


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ({"pause": 0}, 3 + 1 + 3),
        ({"pause": 5}, 5 + 1 + 3),
        ({"hold": 4}, 3 + 4 + 3),
        ({"select_turns": 1, "pause": 0, "hold": 2}, 1 + 2 + 1),
    ],
)
def test_all_take_the_shortest_way_in_other_worlds(settings, steps):
    for name in NAMES:
        rows = played(line(50, **settings), name)
        assert (rows["steps"][1:] == steps).all()
        if name == "win-stay":
            assert (rows["correct"][1:] == 1).all()


def respond(task, policy):
    """Probabilities of the three actions without knowledge."""
    inputs = join_inputs(
        task.observation(), torch.zeros(task.num_envs, 3), torch.zeros(task.num_envs)
    )
    return policy.act(inputs, policy.initial_memory(task.num_envs)).logits.softmax(1)


def test_the_turn_in_each_place():
    """To the cross before the choice; from there, on in the direction of gaze."""
    task = line(5)
    policy = LearningSetBaseline(task)
    gaze = torch.tensor([-2, -1, 0, 1, 2])
    ring, pause = task.params.ring, task.params.pause
    left, right, stay = torch.eye(3).tolist()
    home = [right, right, stay, left, left]
    on = [left, left, [0.5, 0.5, 0], right, right]
    for phase, expected in ((0, home), (pause, home), (pause + 1, on)):
        task.place = phase * ring + gaze % ring
        assert respond(task, policy).tolist() == expected


def test_without_a_selection_nothing_is_learned():
    task = line(1)
    task.reset(torch.full((1, 5), 0.5))
    policy = WinStay(task)
    memory = policy.initial_memory(1)
    for action, reward in ((LEFT, 0.0), (STAY, 0.2), (RIGHT, 0.0)):
        last_action, last_reward = torch.eye(3)[[action]], torch.tensor([reward])
        inputs = join_inputs(task.observation(), last_action, last_reward)
        memory = policy.act(inputs, memory).memory
        assert memory[1].isnan().all()
        assert memory[0].tolist() == [[int(task.left), int(task.right)]]


@pytest.mark.parametrize(
    ("action", "reward", "rewarded"),
    [(LEFT, 1.0, 3), (LEFT, -1.0, 8), (RIGHT, 1.0, 8), (RIGHT, -1.0, 3)],
)
def test_a_selection_reveals_the_rewarded_object(action, reward, rewarded):
    """Thing 3 was seen on the left, 8 on the right."""
    task = line(1)
    policy = WinStay(task)
    _, unknown = policy.initial_memory(1)
    last_action, last_reward = torch.eye(3)[[action]], torch.tensor([reward])
    inputs = join_inputs(task.observation(), last_action, last_reward)
    _, record = policy.act(inputs, (torch.tensor([[3, 8]]), unknown)).memory
    assert record.tolist() == [[rewarded]]


def test_the_memory_has_one_row_per_environment_and_is_unknown_at_first():
    task = pixels(4)
    for name, size in zip((*NAMES, "mean-colour"), (0, 1, 1, 3), strict=True):
        objects, record = make_baselines(task)[name].initial_memory(6)
        assert objects.shape == (6, 2)
        assert record.shape == (6, size)
        assert record.isnan().all()


def test_the_policies_read_the_task_passed_to_them():
    task, other = line(500), line(500)
    other.reset(torch.rand(500, 5, generator=torch.Generator().manual_seed(9)))
    probabilities = respond(task, WinStay(task)), respond(task, WinStay(other))
    assert not torch.equal(*probabilities)
