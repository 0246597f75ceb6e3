"""The world of the learning sets: gaze, cross, selection, sides, things."""

import pytest
import torch

from metarl.envs.harlow_line import HarlowLine, HarlowLineParams

LEFT, RIGHT, STAY = range(3)


class Simulated:
    """One lane of the world, told step by step as a person would: no tables."""

    def __init__(self, params, gaze, target_left):
        self.p, self.gaze, self.target_left = params, gaze, target_left
        self.waiting, self.held, self.open = 0, 0, False
        self.trial = self.clock = self.steps = 0
        self.paid = 0.0

    @property
    def event(self):
        return "pause" if self.waiting else "choice" if self.open else "fixation"

    def step(self, action, next_left):
        """The reward, the choice (0, 1 or None), whether trial and episode ended."""
        before, event = self.gaze, self.event
        half = (self.p.ring - 1) // 2
        self.gaze += {LEFT: -1, RIGHT: 1, STAY: 0}[action]
        if self.gaze > self.p.ring - 1 - half:
            self.gaze -= self.p.ring
        elif self.gaze < -half:
            self.gaze += self.p.ring
        reward, choice = 0.0, None
        if event == "pause":
            self.waiting -= 1
        elif event == "fixation":
            self.held = self.held + 1 if before == self.gaze == 0 else 0
            if self.held == self.p.hold:
                reward, self.open, self.held = 0.2, True, 0
        elif abs(self.gaze) == self.p.select_turns:
            choice = int(self.gaze > 0)
            reward = 1.0 if (choice == 0) == self.target_left else -1.0
        self.clock += 1
        self.steps += 1
        self.paid += reward
        last = choice is not None and self.trial == self.p.trial_count - 1
        over = last or self.clock == self.p.step_cap
        ended = choice is not None or over
        row = (choice, self.paid, self.steps, self.target_left)
        if ended:
            self.trial += 1
            self.steps, self.paid, self.open = 0, 0.0, False
            self.waiting, self.target_left = self.p.pause, next_left
        return reward, choice, ended, over, row


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"hold": 3, "pause": 0, "ring": 12, "cells": 7, "step_cap": 28},
        {"select_turns": 2, "picture_turns": 5, "pause": 1, "step_cap": 40},
        {"hold": 2, "select_turns": 1, "picture_turns": 1, "step_cap": 20},
    ],
)
def test_the_world_follows_its_rules_step_by_step(settings):
    params = HarlowLineParams(trial_count=3, **{"step_cap": 30} | settings)
    lanes = 60
    task = HarlowLine(lanes, params)
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(lanes, 5, generator=generator)
    task.reset(noise)
    worlds = [
        Simulated(params, int(g), bool(side))
        for g, side in zip(task.gaze, task.target_left, strict=True)
    ]
    alive = set(range(lanes))
    seen = set()
    for _ in range(params.step_cap):
        # Towards the cross, or the way it went, more often than by chance.
        actions = torch.randint(3, (lanes,), generator=generator)
        home = torch.where(task.gaze < 0, RIGHT, STAY)
        aim = torch.where(task.gaze > 0, LEFT, home)
        chance = torch.rand(lanes, generator=generator)
        actions = torch.where((task.event() < 2) & (chance < 0.7), aim, actions)
        noise = torch.rand(lanes, 5, generator=generator)
        step = task.step(actions, noise)
        row = task.trial_row()
        for lane in sorted(alive):
            reward, choice, ended, over, told = worlds[lane].step(
                int(actions[lane]), bool(noise[lane, 0] < 0.5)
            )
            assert float(step.reward[lane]) == pytest.approx(reward)
            assert bool(step.trial_ended[lane]) == ended
            assert bool(step.terminated[lane]) == over
            if ended:
                seen.add((choice, over))
                _check_row(row, lane, choice, told)
            if over:
                alive.discard(lane)
            else:
                assert int(task.gaze[lane]) == worlds[lane].gaze
                assert task.event_names[task.event()[lane]] == worlds[lane].event
    assert not alive
    assert {(0, False), (1, False), (0, True), (1, True), (None, True)} <= seen


def _check_row(row, lane, choice, told):
    kept = {name: float(column[lane]) for name, column in row.items()}
    assert kept["valid"] == (choice is not None)
    if choice is None:
        assert kept["choice"] != kept["choice"]
        assert kept["correct"] != kept["correct"]
    else:
        assert kept["choice"] == choice
        assert kept["correct"] == ((choice == 0) == told[3])
    assert kept["reward"] == pytest.approx(told[1], abs=1e-6)
    assert kept["steps"] == told[2]
    assert kept["target_left"] == told[3]
    assert kept["forced"] == 0


def run_problems(params, problems, seed=0):
    """Rows of so many problems, one a lane, by who goes straight to a random side."""
    task = HarlowLine(problems, params)
    generator = torch.Generator().manual_seed(seed)
    task.reset(torch.rand(problems, 5, generator=generator))
    first = {k: getattr(task, k) for k in ("target", "distractor", "gaze", "replaced")}
    rows, going = [], torch.ones(problems, dtype=torch.bool)
    side = torch.randint(2, (problems,), generator=generator)
    while bool(going.any()):
        home = torch.where(task.gaze > 0, LEFT, torch.where(task.gaze < 0, RIGHT, STAY))
        out = torch.where(task.gaze > 0, RIGHT, torch.where(task.gaze < 0, LEFT, side))
        actions = torch.where(task.event() == 2, out, home)
        step = task.step(actions, torch.rand(problems, 5, generator=generator))
        ended = step.trial_ended & going
        side = torch.where(
            ended, torch.randint(2, (problems,), generator=generator), side
        )
        for lane in ended.nonzero().flatten().tolist():
            row = {k: float(v[lane]) for k, v in task.trial_row().items()}
            rows.append({"lane": lane, **row})
        going &= ~step.terminated
    return first, rows


def test_things_sides_and_starts_are_drawn_evenly():
    first, rows = run_problems(HarlowLineParams(), 2_000)
    assert len(rows) == 6 * 2_000
    for name in ("target", "distractor"):
        drawn = first[name].double()
        assert drawn.min() < 6
        assert 993 < drawn.max() <= 999
        assert drawn.mean() == pytest.approx(499.5, abs=4 * 289 / 2_000**0.5)
    assert bool((first["target"] != first["distractor"]).all())
    starts = torch.bincount(first["gaze"] + 6, minlength=13)
    assert len(starts) == 13
    assert starts.double().std() < 2 * (2_000 / 13) ** 0.5
    sides = torch.tensor([row["target_left"] for row in rows])
    assert sides.mean() == pytest.approx(0.5, abs=4 * 0.5 / len(rows) ** 0.5)
    # The side of one trial says nothing of the next.
    same = (sides.view(-1)[1:] == sides.view(-1)[:-1]).double().mean()
    assert same == pytest.approx(0.5, abs=4 * 0.5 / len(rows) ** 0.5)


def test_a_problem_keeps_its_two_things_and_a_test_has_others():
    first, rows = run_problems(HarlowLineParams(held_out=True), 100)
    assert bool((first["target"] >= 1_000).all())
    assert bool((first["distractor"] >= 1_000).all())
    for row in rows:
        assert row["target"] == float(first["target"][row["lane"]])
        assert row["distractor"] == float(first["distractor"][row["lane"]])
        assert (row["replaced"], row["reversed"]) == (0, 0)


def test_a_new_distractor_comes_on_every_trial_of_its_share_of_problems():
    first, rows = run_problems(HarlowLineParams(new_distractor=0.3), 1_000)
    share = first["replaced"].double().mean()
    assert share == pytest.approx(0.3, abs=4 * (0.21 / 1_000) ** 0.5)
    by_lane = {}
    for row in rows:
        by_lane.setdefault(row["lane"], []).append(row)
    for lane, own in by_lane.items():
        assert {row["target"] for row in own} == {float(first["target"][lane])}
        others = [row["distractor"] for row in own]
        assert others[0] == float(first["distractor"][lane])
        assert all(row["distractor"] != row["target"] for row in own)
        pairs = list(zip(others, others[1:], strict=False))
        if first["replaced"][lane]:
            assert all(one != other for one, other in pairs)
            assert {row["replaced"] for row in own} == {1}
        else:
            assert all(one == other for one, other in pairs)


def test_replaced_things_are_drawn_evenly_from_the_same_half():
    _, rows = run_problems(HarlowLineParams(new_distractor=1.0, held_out=True), 300)
    drawn = torch.tensor([row["distractor"] for row in rows])
    assert (drawn.min() >= 1_000) & (drawn.max() <= 1_999)
    assert drawn.mean() == pytest.approx(1_499.5, abs=4 * 289 / len(rows) ** 0.5)


def test_a_reversal_swaps_the_two_things_once():
    params = HarlowLineParams(trial_count=12, reversal_after=5)
    first, rows = run_problems(params, 50)
    trial = {}
    for row in rows:
        k = trial[row["lane"]] = trial.get(row["lane"], -1) + 1
        now = "target" if k < 5 else "distractor"
        assert row["target"] == float(first[now][row["lane"]])
        assert row["target"] != row["distractor"]
        assert row["reversed"] == (k >= 5)


def test_cues_are_those_of_the_trials_things():
    task_cues = HarlowLine(1).cues
    _, rows = run_problems(HarlowLineParams(new_distractor=1.0), 20)
    for row in rows:
        for whose in ("target", "distractor"):
            told = [row[f"{whose}_code{n}"] for n in (1, 2, 3)]
            assert told == task_cues[int(row[whose])].tolist()


def test_a_lane_starts_again_while_others_go_on():
    task = HarlowLine(3)
    task.reset(torch.full((3, 5), 0.4))
    for _ in range(4):
        task.step(torch.tensor([LEFT, RIGHT, STAY]), torch.full((3, 5), 0.7))
    before = {k: v.clone() for k, v in task.state().items()}
    where = torch.tensor([False, True, False])
    task.reset(torch.full((3, 5), 0.9), where=where)
    for name, value in task.state().items():
        assert torch.equal(value[[0, 2]], before[name][[0, 2]]), name
    assert int(task.clock[1]) == 0
    assert int(task.target[1]) == 900


def test_both_things_can_be_chosen_by_hand():
    task = HarlowLine(2)
    task.reset(torch.full((2, 5), 0.3), options={"target": 1500, "distractor": 3})
    assert task.target.tolist() == [1500, 1500]
    assert task.distractor.tolist() == [3, 3]
    with pytest.raises(ValueError, match="must be two things"):
        task.reset(torch.full((2, 5), 0.3), options={"target": 3, "distractor": 3})
    with pytest.raises(ValueError, match=r"target must be in \[0, 1999\], got 2000"):
        task.reset(torch.full((2, 5), 0.3), options={"target": 2000})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"trial_count": 0}, "trial_count must be at least 1, got 0"),
        ({"step_cap": 0}, "step_cap must be at least 1"),
        ({"hold": 0}, "hold must be at least 1"),
        ({"pause": -1}, "pause must be at least 0"),
        ({"reversal_after": -1}, "reversal_after must be at least 0"),
        ({"picture_turns": 0}, "picture_turns must be at least 1"),
        ({"select_turns": 4}, r"select_turns must be in \[1, 3\], got 4"),
        ({"select_turns": 0}, r"select_turns must be in \[1, 3\], got 0"),
        ({"ring": 6}, "ring must be at least 7, got 6"),
        ({"start_turns": 9}, r"start_turns must be in \[0, 8\], got 9"),
        ({"new_distractor": 1.5}, r"new_distractor must be in \[0, 1\], got 1.5"),
        ({"cells": 4}, "cells must be odd, got 4"),
        ({"cells": 19}, r"cells must be in \[3, 17\], got 19"),
    ],
)
def test_a_world_in_which_no_trial_can_be_done_is_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        HarlowLineParams(**settings)
