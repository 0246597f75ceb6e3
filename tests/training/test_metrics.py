"""Metrics of training: means by hand, and a cost over all resumptions."""

import json
import math
import time

import pytest
import torch

from metarl.core.parallel import Interrupted, Reporter
from metarl.runs.folder import SubjectFolder
from metarl.training import metrics as meter_module
from metarl.training.groups import train_subjects
from metarl.training.metrics import ComputeCost, MetricAverages, read_cost


def test_returns_are_summed_over_whole_episodes_by_hand():
    averages = MetricAverages(2)
    rewards = torch.tensor([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]])
    nonterminal = torch.tensor([[1.0, 1.0], [0.0, 1.0], [1.0, 1.0]])
    averages.add_scalars({"loss": torch.tensor(3.0)})
    averages.add_rewards(rewards, nonterminal)
    row = averages.read()
    assert row["rollout/return"] == 3.0
    assert row["rollout/reward_rate"] == pytest.approx(77 / 6)
    assert row["loss"] == 3.0
    # Environment 0 continues with 4, environment 1 with all its reward.
    averages.add_scalars({"loss": torch.tensor(1.0)})
    averages.add_rewards(torch.tensor([[8.0, 80.0], [16.0, 160.0]]), torch.zeros(2, 2))
    row = averages.read()
    assert row["rollout/return"] == (12 + 150 + 16 + 160) / 4
    assert row["loss"] == 1.0


def test_a_curves_point_is_the_mean_since_the_last_one():
    averages = MetricAverages(1)
    for loss in (1.0, 2.0, 6.0):
        averages.add_scalars({"loss": torch.tensor(loss)})
        averages.add_rewards(torch.tensor([[loss]]), torch.ones(1, 1))
    row = averages.read()
    assert (row["loss"], row["rollout/reward_rate"]) == (3.0, 3.0)
    assert math.isnan(row["rollout/return"])


def test_the_episodes_of_the_whole_training_are_counted():
    averages, feedback = MetricAverages(2), []
    ends = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    for nonterminal in (ends, torch.ones(3, 2), ends):
        averages.add_scalars({"loss": torch.tensor(1.0)})
        averages.add_rewards(torch.ones(3, 2), nonterminal)
        feedback.append(averages.read()["rollout/episodes"])
    assert feedback == [3, 3, 6]
    again = MetricAverages(2)
    again.load_state(averages.state())
    again.add_scalars({"loss": torch.tensor(1.0)})
    again.add_rewards(torch.ones(3, 2), ends)
    assert again.read()["rollout/episodes"] == 9


class Clock:
    """A clock that is set by hand."""

    def __init__(self, monkeypatch):
        self.cpu, self.wall = 100.0, 5000.0
        monkeypatch.setattr(meter_module.time, "process_time", lambda: self.cpu)
        monkeypatch.setattr(meter_module.time, "perf_counter", lambda: self.wall)

    def go(self, cpu, wall):
        self.cpu, self.wall = self.cpu + cpu, self.wall + wall


def test_the_cost_is_the_sum_over_all_beginnings(tmp_path, monkeypatch):
    clock, folder = Clock(monkeypatch), SubjectFolder(tmp_path)
    cost = ComputeCost(folder)
    clock.go(2, 5)
    cost.write()
    folder.state_path.write_bytes(b"to resume from")
    clock.go(50, 90)
    resumed = ComputeCost(folder)
    clock.go(1.5, 3)
    resumed.write()
    feedback = json.loads(folder.cost_path.read_text())
    assert feedback == {"cpu_seconds": 3.5, "wall_seconds": 8.0}


def test_a_subject_that_starts_again_has_no_earlier_cost(tmp_path, monkeypatch):
    clock, folder = Clock(monkeypatch), SubjectFolder(tmp_path)
    folder.cost_path.write_text('{"cpu_seconds": 70.0, "wall_seconds": 80.0}')
    cost = ComputeCost(folder)
    clock.go(2, 5)
    cost.write()
    feedback = json.loads(folder.cost_path.read_text())
    assert feedback == {"cpu_seconds": 2.0, "wall_seconds": 5.0}


def test_an_interrupted_training_has_written_its_cost(small, tmp_path):
    folder, began = SubjectFolder(tmp_path), time.process_time()
    with pytest.raises(Interrupted):
        train_subjects(small(), {0: folder}, Reporter(should_stop=lambda: True))
    first = json.loads(folder.cost_path.read_text())
    train_subjects(small(), {0: folder}, Reporter())
    both = json.loads(folder.cost_path.read_text())
    assert 0 <= first["cpu_seconds"] <= both["cpu_seconds"]
    assert both["cpu_seconds"] <= time.process_time() - began + 0.02
    assert both["wall_seconds"] > 0


def test_a_shared_computation_costs_each_subject_its_part(tmp_path, monkeypatch):
    clock = iter([10.0, 18.0])
    monkeypatch.setattr(meter_module.time, "process_time", lambda: next(clock))
    monkeypatch.setattr(meter_module.time, "perf_counter", lambda: 0.0)
    cost = ComputeCost(SubjectFolder(tmp_path), shared_by=4)
    cost.write()
    assert read_cost(SubjectFolder(tmp_path))["cpu_seconds"] == 2.0
