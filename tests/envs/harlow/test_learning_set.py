"""The world of the learning sets against a scalar twin, and rule by rule."""

import math

import pytest
import torch

from metarl.envs.harlow.line import HarlowLine, HarlowLineParams

LEFT, RIGHT, STAY = range(3)
PAUSE, FIXATION, CHOICE = range(3)
HALF = 1_000
"""Objects to be trained with, and as many that are held out."""
NUM_ENVS = 20_000
"""Problems from which probabilities are counted."""
SHOWN = ("gaze", "left", "right")


class Experimenter:
    """Leads one subject through a problem and writes down what happens."""

    def __init__(self, params, start):
        self.p = params
        first = HALF if params.held_out else 0
        self.half = list(range(first, first + HALF))
        self.target = self.half[int(start[0] * HALF)]
        self.distractor = self.draw(start[1], self.target)
        self.target_left = start[2] < 0.5
        self.ring_spot = int(start[3] * (2 * params.start_turns + 1))
        self.ring_spot = (self.ring_spot - params.start_turns) % params.ring
        self.replaced = start[4] < params.new_distractor
        self.reversed = False
        self.event, self.waited, self.held = FIXATION, 0, 0
        self.trial = self.clock = self.steps = 0
        self.paid = 0.0

    def draw(self, number, *others):
        left = [item for item in self.half if item not in others]
        return left[int(number * len(left))]

    @property
    def gaze(self):
        there = self.ring_spot
        return there if there <= self.p.ring // 2 else there - self.p.ring

    def shown(self):
        objects = [self.target, self.distractor]
        return [
            self.gaze,
            *(objects if self.target_left else objects[::-1]),
            self.event,
        ]

    def respond(self, action, numbers):
        """Reward, whether the episode and the trial ended, the row if it did."""
        came_from = self.gaze
        self.ring_spot = (self.ring_spot + {0: -1, 1: 1, 2: 0}[action]) % self.p.ring
        self.clock, self.steps = self.clock + 1, self.steps + 1
        paid, choice = 0.0, math.nan
        if self.event == PAUSE:
            self.waited += 1
            if self.waited == self.p.pause:
                self.event = FIXATION
        elif self.event == FIXATION:
            self.held = self.held + 1 if came_from == self.gaze == 0 else 0
            if self.held == self.p.hold:
                self.event, self.held, paid = CHOICE, 0, 0.2
        elif abs(self.gaze) == self.p.select_turns:
            choice = float(self.gaze > 0)
            paid = 1.0 if (choice == 0) == self.target_left else -1.0
        self.paid += paid
        chose = not math.isnan(choice)
        last = chose and self.trial == self.p.trial_count - 1
        over = last or self.clock == self.p.step_cap
        row = self.write_down(choice) if chose or over else None
        if row:
            self.begin_trial(numbers)
        return paid, over, chose or over, row

    def write_down(self, choice):
        valid = not math.isnan(choice)
        correct = (choice == 0) == self.target_left if valid else math.nan
        row = {"choice": choice, "reward": self.paid, "valid": valid, "forced": 0}
        row |= {"steps": self.steps, "correct": correct, "reversed": self.reversed}
        names = ("target", "distractor", "target_left", "replaced")
        row |= {name: getattr(self, name) for name in names}
        return {name: float(value) for name, value in row.items()}

    def begin_trial(self, numbers):
        self.trial, self.steps, self.paid = self.trial + 1, 0, 0.0
        self.event, self.waited = PAUSE if self.p.pause else FIXATION, 0
        self.target_left = numbers[0] < 0.5
        if self.p.reversal_after and self.trial == self.p.reversal_after:
            self.target, self.distractor = self.distractor, self.target
            self.reversed = True
        if self.replaced:
            self.distractor = self.draw(numbers[1], self.target, self.distractor)


def uniform(task, generator):
    return torch.rand(task.num_envs, task.noise_size, generator=generator)


def homeward(gaze):
    return torch.where(gaze > 0, LEFT, torch.where(gaze < 0, RIGHT, STAY))


def wander(task, steps, seed=0, *, reset=True):
    """Noise, actions and answers (steps, B, ...) of frequent returns to the cross."""
    generator = torch.Generator().manual_seed(seed)
    course = {"noise": [uniform(task, generator)]}
    if reset:
        task.reset(course["noise"][0])
    for _ in range(steps):
        aimed = torch.rand(task.num_envs, generator=generator) < 0.8
        actions = torch.randint(3, (task.num_envs,), generator=generator)
        aimed &= task.event() == FIXATION
        actions = torch.where(aimed, homeward(task.gaze), actions)
        now = {name: getattr(task, name) for name in SHOWN}
        now |= {"event": task.event(), "actions": actions}
        now["noise"] = uniform(task, generator)
        now |= task.step(actions, now["noise"])._asdict()
        now |= {f"row {name}": values for name, values in task.trial_row().items()}
        for name, values in now.items():
            course.setdefault(name, []).append(values)
    return {name: torch.stack(values) for name, values in course.items()}


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"hold": 3, "pause": 0, "ring": 12, "start_turns": 5},
        # Gaze wraps around the ring, in the pause and when looking for the cross.
        {"ring": 9, "picture_turns": 4, "select_turns": 4, "pause": 5}
        | {"start_turns": 4, "held_out": True, "new_distractor": 0.5},
        {"hold": 2, "select_turns": 1, "picture_turns": 1, "start_turns": 0}
        | {"pause": 1, "reversal_after": 1, "new_distractor": 0.7, "step_cap": 25},
    ],
)
def test_the_task_agrees_with_a_scalar_twin(params):
    params = HarlowLineParams(**{"trial_count": 3, "step_cap": 45} | params)
    num_envs = 100
    course = wander(HarlowLine(num_envs, params), params.step_cap)
    rows = {k.removeprefix("row "): v for k, v in course.items() if k[:4] == "row "}
    endings = set()
    for env_index in range(num_envs):
        mine = {name: values[:, env_index].tolist() for name, values in course.items()}
        twin = Experimenter(params, mine["noise"][0])
        for at in range(params.step_cap):
            assert [mine[name][at] for name in (*SHOWN, "event")] == twin.shown()
            answer = twin.respond(mine["actions"][at], mine["noise"][at + 1])
            paid, over, ended, row = answer
            assert mine["reward"][at] == pytest.approx(paid)
            assert (mine["terminated"][at], mine["trial_ended"][at]) == (over, ended)
            if row:
                actual = {name: float(rows[name][at, env_index]) for name in row}
                assert actual == pytest.approx(row, nan_ok=True, abs=1e-6)
                endings.add((row["valid"], over))
            if over:
                break
        assert over
    assert endings == {(True, False), (True, True), (False, True)}


def test_a_problem_continues_from_its_state(same):
    params = HarlowLineParams(new_distractor=0.5, reversal_after=1)
    task, other = HarlowLine(50, params), HarlowLine(50, params)
    wander(task, 30)
    state, row, seen = task.state(), task.trial_row(), task.observation()
    rest = wander(task, 60, seed=1, reset=False)
    wander(other, 5, seed=2)
    other.load_state(state)
    assert same(other.trial_row(), row)
    assert torch.equal(other.observation(), seen)
    assert same(wander(other, 60, seed=1, reset=False), rest)


def solve(task, seed=0):
    """Rows (trials, B) of who goes straight to the cross, then to a random side."""
    generator = torch.Generator().manual_seed(seed)
    task.reset(uniform(task, generator))
    rows, going, num_envs = {}, task.always, torch.arange(task.num_envs)
    while bool(going.any()):
        side = torch.randint(2, (task.num_envs,), generator=generator)
        on = torch.where(task.gaze < 0, LEFT, torch.where(task.gaze > 0, RIGHT, side))
        action = torch.where(task.event() == CHOICE, on, homeward(task.gaze))
        step = task.step(action, uniform(task, generator))
        ended = num_envs[step.trial_ended & going]
        size = (task.params.trial_count, task.num_envs)
        for name, values in task.trial_row().items():
            column = rows.setdefault(name, torch.full(size, torch.nan))
            column[task.trial[ended] - 1, ended] = values[ended]
        going = going & ~step.terminated
    return rows


def even(codes, count):
    """Whether 0 to count - 1 come equally often, by chi-square."""
    counts = codes.long().flatten().bincount(minlength=count).double()
    assert len(counts) == count
    assert counts.mean() >= 5
    squares = ((counts - counts.mean()) ** 2 / counts.mean()).sum()
    return abs(float(squares) - (count - 1)) <= 4 * math.sqrt(2 * (count - 1))


def close(hits, probability):
    """Whether a share is within 4 standard errors of the declared probability."""
    n = hits.numel()
    error = math.sqrt(probability * (1 - probability) / n)
    assert n > 1000
    return abs(float(hits.double().mean()) - probability) < 4 * error


@pytest.fixture(scope="module")
def solved():
    """Rows of problems without anything new or reversed in them."""
    return solve(HarlowLine(NUM_ENVS))


def test_both_objects_are_uniform_and_always_different(solved):
    target, distractor = solved["target"][0], solved["distractor"][0]
    assert even(target, HALF)
    assert even(distractor, HALF)
    assert even((distractor - target) % HALF - 1, HALF - 1)


def test_a_problem_keeps_its_objects(solved):
    for name in ("target", "distractor"):
        assert torch.equal(solved[name], solved[name][:1].expand(6, -1))
    assert not solved["replaced"].any()
    assert not solved["reversed"].any()


def test_sides_are_random_on_each_trial(solved):
    left = solved["target_left"]
    for trial in left:
        assert close(trial, 0.5)
    for trial in range(5):
        assert close(left[trial] == left[trial + 1], 0.5)
    for name in ("target", "distractor"):
        assert close(left[0][solved[name][0] < HALF / 2], 0.5)


def test_a_random_choice_is_rewarded_for_the_cross_and_the_object(solved):
    assert solved["valid"].all()
    assert close(solved["correct"], 0.5)
    chose_target = (solved["choice"] == 0) == (solved["target_left"] == 1)
    assert torch.equal(solved["correct"], chose_target.float())
    torch.testing.assert_close(
        solved["reward"], torch.where(chose_target, 1.2, -0.8), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("turns", [0, 1, 6])
def test_an_episode_starts_uniformly_around_the_cross(turns):
    task = HarlowLine(NUM_ENVS, HarlowLineParams(start_turns=turns))
    noise = uniform(task, torch.Generator().manual_seed(1))
    task.reset(noise)
    assert even(task.gaze + turns, 2 * turns + 1)
    assert (task.event() == FIXATION).all()
    if turns:
        assert close(task.target_left[task.gaze > 0], 0.5)
        assert float(task.target[task.gaze > 0].double().mean()) > HALF * 0.49


def test_a_test_draws_held_out_objects_and_no_others():
    rows = solve(
        HarlowLine(NUM_ENVS, HarlowLineParams(held_out=True, new_distractor=1))
    )
    for name in ("target", "distractor"):
        assert even(rows[name][0] - HALF, HALF)
    assert even(rows["distractor"] - HALF, HALF)


@pytest.fixture(scope="module")
def changing():
    """Rows of problems of which a third have a new distractor on each trial."""
    return solve(HarlowLine(NUM_ENVS, HarlowLineParams(new_distractor=1 / 3)))


def test_the_declared_share_of_problems_has_new_distractors(changing):
    assert close(changing["replaced"][0], 1 / 3)
    assert close(changing["replaced"][0][changing["target"][0] < HALF / 2], 1 / 3)
    assert torch.equal(changing["replaced"], changing["replaced"][:1].expand(6, -1))


def test_a_new_distractor_is_neither_the_target_nor_the_one_before(changing):
    target, distractor = changing["target"], changing["distractor"]
    replaced = changing["replaced"][0] == 1
    assert torch.equal(target, target[:1].expand(6, -1))
    assert (target != distractor).all()
    before, now = distractor[:-1], distractor[1:]
    assert torch.equal(before[:, ~replaced], now[:, ~replaced])
    assert (before[:, replaced] != now[:, replaced]).all()
    assert even(now[:, replaced], HALF)
    assert even((now - target[1:])[:, replaced] % HALF - 1, HALF - 1)
    assert even((now - before)[:, replaced] % HALF - 1, HALF - 1)
    # Which object is new says nothing about where it is.
    left = changing["target_left"][1:, replaced]
    assert close(left[now[:, replaced] < HALF / 2], 0.5)


@pytest.mark.parametrize("after", [1, 5, 11])
def test_the_two_objects_swap_roles_once(after):
    params = HarlowLineParams(trial_count=12, reversal_after=after)
    rows = solve(HarlowLine(200, params))
    swapped = torch.arange(12).unsqueeze(1) >= after
    first = torch.stack([rows["target"][0], rows["distractor"][0]])
    assert torch.equal(rows["target"], torch.where(swapped, first[1], first[0]))
    assert torch.equal(rows["distractor"], torch.where(swapped, first[0], first[1]))
    assert torch.equal(rows["reversed"], swapped.float().expand(-1, 200))
    chose_target = (rows["choice"] == 0) == (rows["target_left"] == 1)
    assert torch.equal(rows["correct"], chose_target.float())
