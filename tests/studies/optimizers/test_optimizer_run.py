"""A run of an optimizer: its records of each step, by hand."""

import json

import pytest
import torch

from metarl.core.parallel import Reporter
from metarl.studies.optimizers import optimizer_run
from metarl.studies.optimizers.learners import LEARNERS, LearningStep
from metarl.studies.optimizers.optimizer_run import (
    LARGEST,
    OptimizerRun,
    finite_or_none,
    forwards_per_step,
    limit_loss,
    stored_floats,
)
from metarl.studies.optimizers.problems.supervised import Xor


class PlannedLearner:
    """Has planned losses, of two rates with two replicas each."""

    losses = (
        (0.3, 0.3, 0.3, 0.3),
        (0.009, 0.2, 0.3, 5e9),
        (0.2, 0.01, 0.3, float("nan")),
        (0.001, 0.005, 0.3, float("nan")),
    )

    def __init__(self, problem, rates, generator):
        assert rates.tolist() == [0.1, 0.1, 1.0, 1.0]
        self.rates, self.steps = rates, 0
        self.weights = problem.initial_weights(4, generator)

    def step(self):
        losses = torch.tensor(self.losses[self.steps])
        self.steps += 1
        regrets = torch.full((4,), float("nan"))
        return LearningStep(losses, self.rates * self.steps, regrets)


@pytest.fixture
def results(monkeypatch):
    monkeypatch.setattr(optimizer_run, "LEARNERS", {**LEARNERS, "wp": PlannedLearner})
    run = OptimizerRun(problem="xor", rule="wp", rates=(0.1, 1.0), steps=4, replicas=2)
    return json.loads(json.dumps(run(1, Reporter()), allow_nan=False))


def test_epochs_are_those_after_which_the_criterion_was_first_met(results):
    """A step has the loss before it, so that its own epoch does not count."""
    assert results["epochs"] == [[1, 3], [None, None]]


def test_the_curve_has_every_replica_and_no_infinity(results):
    assert results["points"] == [1, 2, 3, 4]
    (first, second), (third, lost) = results["losses"]
    assert first == pytest.approx([0.3, 0.009, 0.2, 0.001])
    assert second == pytest.approx([0.3, 0.2, 0.01, 0.005])
    assert third == pytest.approx([0.3] * 4)
    assert lost == pytest.approx([0.3, LARGEST, LARGEST, LARGEST])


def test_the_trace_is_of_each_rates_first_replica(results):
    trace = results["trace"]
    assert trace["points"] == [1, 2, 3, 4]
    assert trace["rates"][0] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert trace["rates"][1] == pytest.approx([1, 2, 3, 4])
    assert trace["regrets"] == [[None] * 4] * 2


def test_progress_is_reported():
    progress = []
    OptimizerRun(problem="xor", rule="sgd", rates=(1.0,), steps=300)(
        1, Reporter(progress.append)
    )
    assert progress == pytest.approx([1 / 3, 2 / 3, 1])


def test_numbers_are_as_json_has_them():
    assert limit_loss(float("nan")) == limit_loss(float("inf")) == LARGEST
    assert limit_loss(-0.5) == -0.5
    assert finite_or_none(float("nan")) is None
    assert finite_or_none(-1e9) == -LARGEST


def test_costs_by_hand():
    assert [forwards_per_step(rule) for rule in LEARNERS] == [2, 2, 2, 2, 2, 3, 3]
    problem = Xor()
    stored = {rule: stored_floats(rule, problem) for rule in LEARNERS}
    # 17 weights, 4 samples of 4 units.
    assert stored["wp"] == 17
    assert stored["d2"] == 2 * 17 + 3
    assert stored["sgd"] == 17 + 16
    assert stored["adam"] == 3 * 17 + 16
    assert stored["np"] == 4 * 17


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"problem": "chess"}, "problem must be one of xor"),
        ({"rule": "lbfgs"}, "rule must be one of wp"),
        ({"rates": (0.1, -1.0)}, "learning rate must be at least 0, got -1"),
    ],
)
def test_an_unknown_problem_rule_or_rate_is_refused(change, words):
    valid = {"problem": "xor", "rule": "wp", "rates": (0.1,), "steps": 1}
    with pytest.raises(ValueError, match=words):
        OptimizerRun(**{**valid, **change})
