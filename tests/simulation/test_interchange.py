"""Interchange of memory: which part carries it, and what kind of memory it is."""

import pytest
import torch

from metarl.agents.config import NetworkConfig
from metarl.agents.networks.actor_critic import attach_renderer, build, weights_hash
from metarl.analysis.harlow.interchange import interchange_table
from metarl.baselines.base import BaselinePolicy
from metarl.baselines.harlow import LearningSetBaseline, Relation, WinStay
from metarl.core.policy import input_size
from metarl.envs.harlow.line import HarlowLine, HarlowLineParams
from metarl.envs.harlow.pixels import Harlow, HarlowParams
from metarl.envs.registry import task_class
from metarl.simulation.interchange import (
    _pair,
    _run_first_trials,
    check_interchange,
    even_problems,
    interchange,
)
from metarl.simulation.rollout import Rollout

LEFT = 0
SMALL = {"width": 20, "height": 8, "picture_size": 8, "turn_pixels": 2}
SMALL |= {"picture_turns": 3, "ring": 55}


class Pictures(WinStay):
    """Remembers both pictures: one to take, one to avoid."""

    record_size = 2

    def record_of(self, target, other):
        return torch.stack([target, other], 1).float()

    def worth(self, record, objects):
        liked, avoided = record.unsqueeze(2).unbind(1)
        worth = (objects == liked).float() - (objects == avoided).float()
        return torch.where(liked.isnan(), torch.nan, worth)


class Likeness(WinStay):
    """Takes the picture that is closest to the rewarded one in a feature."""

    def record_of(self, target, other):
        return self.task.cues[target, :1]

    def worth(self, record, objects):
        return -(self.task.cues[objects, 0] - record).abs()


class Side(LearningSetBaseline):
    """Remembers the side of the reward: a latch."""

    record_size = 1

    def record_of(self, target, other):
        return (target == self.task.left).unsqueeze(1).float()

    def learn(self, step, beliefs):
        objects, record = beliefs
        left = (step.last_action[:, LEFT] > 0) == (step.reward > 0)
        selected = (step.reward.abs() == 1).unsqueeze(1)
        return objects, torch.where(selected, left.unsqueeze(1).float(), record)

    def worth(self, record, objects):
        return torch.cat([record, 1 - record], 1)


def line(num_envs=400, **settings):
    return HarlowLine(num_envs, HarlowLineParams(held_out=True, **settings))


def pixels(num_envs=400, **settings):
    return Harlow(num_envs, HarlowParams(held_out=True, **SMALL | settings))


def rollout(task, policy, seed=3):
    return Rollout(task, policy, torch.Generator().manual_seed(seed))


def shares(task, policy, seed=3):
    table = interchange_table(interchange(rollout(task, policy, seed)))
    return table.set_index(["donor", "part", "measure"])["share"].sort_index()


MEMORIES = {
    Pictures: {
        "rewarded_new": 1,
        "unrewarded_new": 1,
        "picture": 1,
        "order": 0.5,
        "turned": 0,
        "side": 0.5,
    },
    Relation: {
        "rewarded_new": 2 / 3,
        "unrewarded_new": 2 / 3,
        "picture": 1,
        "order": 1,
        "turned": 1,
        "side": 0.5,
    },
    # Two uniform numbers: A > B and A above the middle of C and D in .71; A and B on
    # different sides of it in .42.
    Likeness: {
        "rewarded_new": 1,
        "unrewarded_new": 0.5,
        "picture": 1,
        "order": 17 / 24,
        "turned": 10 / 24,
        "side": 0.5,
    },
    Side: {
        "rewarded_new": 0.5,
        "unrewarded_new": 0.5,
        "picture": 0.5,
        "order": 0.5,
        "turned": 0.5,
        "side": 1,
    },
}


@pytest.mark.parametrize("make", [line, pixels])
@pytest.mark.parametrize("kind", MEMORIES)
def test_kinds_of_memory_are_told_apart(make, kind):
    task = make()
    found, policy = {}, kind(task)
    measured = shares(task, policy)
    for (donor, part, measure), share in measured.items():
        if part in ("none", "cell") and (donor, measure) != ("opposite", "side"):
            found[measure] = share
    expected = MEMORIES[kind]
    for measure, share in expected.items():
        assert found[measure] == pytest.approx(share, abs=0.1), measure
    certain = {"picture", "side", "turned"} & {k for k, v in expected.items() if v == 1}
    assert {found[measure] for measure in certain} == {1.0}


def test_a_part_without_memory_leaves_the_recipient_its_own_choice():
    task = line()
    found = shares(task, WinStay(task))
    # The record is the second part of a baseline's memory, where an LSTM has its cell.
    picture = {part: found["opposite", part, "picture"] for part in ("cell", "all")}
    assert picture == {"cell": 1, "all": 1}
    assert found["opposite", "hidden", "picture"] == 0
    assert found["other", "hidden", "turned"] == 0
    assert found["other", "hidden", "order"] == 0.5
    assert found["none", "none", "own"] == 1


def test_each_problem_stops_at_its_own_first_fixation_of_the_second_trial():
    task = line()
    rows, reached = _run_first_trials(rollout(task, WinStay(task)))
    assert reached.all()
    state = rows["task"]
    assert (state["trial"] == 1).all()
    assert (state["trial_steps"] == task.params.pause + 1).all()
    assert len(state["clock"].unique()) > 5
    assert (rows["memory"][1].squeeze(1) == state["target"]).all()


def test_donors_have_the_same_pictures_with_opposite_rewards_or_others():
    task = line(40)
    table = interchange(rollout(task, WinStay(task)))
    assert not table.duplicated(["subject", "session", "episode", "trial"]).any()
    assert (table.groupby("session").size() == 40).all()
    own = table[table["donor"] == "none"]
    same, rewarded, unrewarded = (
        own[own["shown"] == shown].set_index("episode")
        for shown in ("same", "rewarded", "unrewarded")
    )
    assert (same["target"].iloc[::2].array == same["distractor"].iloc[1::2].array).all()
    assert (rewarded["target"] == same["target"]).all()
    assert (unrewarded["distractor"] == same["distractor"]).all()
    for new in (rewarded["distractor"], unrewarded["target"]):
        assert ((new != same["target"]) & (new != same["distractor"])).all()
        assert (new >= task.half).all()
    by_donor = {k: t[t["part"] == "all"] for k, t in table.groupby("donor")}
    names = [f"difference{k}" for k in range(1, 9)]
    donors = {
        donor: part[[f"donor_{name}" for name in names]].to_numpy()
        for donor, part in by_donor.items()
    }
    own_difference = by_donor["opposite"][names].to_numpy()
    assert (donors["opposite"] == -own_difference).all()
    assert (donors["other"] == -donors["reversed"]).all()
    assert not (abs(donors["other"]) == abs(own_difference)).all(1).any()
    number = own_difference[[2, -1]]
    assert (donors["other"][[0, 1]] == number).all()


class Watcher(WinStay):
    """Compares what it sees with the screen of the task, at every step."""

    def act(self, inputs, memory):
        size = self.observation_size
        assert torch.equal(inputs[:, :size], self.task.observation())
        return super().act(inputs, memory)


@pytest.mark.parametrize("make", [line, pixels])
def test_new_pictures_are_seen_at_once(make):
    task = make(8, start_turns=0)
    table = interchange(rollout(task, Watcher(task)))
    assert set(table["shown"]) == {"same", "rewarded", "unrewarded"}


def test_a_seed_gives_one_table():
    tables = []
    for seed in (3, 3, 4):
        task = line(20)
        tables.append(interchange(rollout(task, Relation(task), seed)))
    assert tables[0].equals(tables[1])
    assert not tables[0].equals(tables[2])


@pytest.mark.parametrize(
    ("core", "parts"),
    [("lstm", ["hidden", "cell", "all"]), ("gru", ["hidden", "all"])],
)
@pytest.mark.parametrize("make", [line, pixels])
def test_a_core_without_a_cell_has_no_rows_of_it(make, core, parts):
    task = make(8, step_cap=200)
    encoder = "patch" if task.view_size else "none"
    config = NetworkConfig(units=6, core=core, encoder=encoder, features=4)
    sizes = input_size(task.observation_size, 3), 3
    network = build(*sizes, config, seed=0, view_size=task.view_size)
    attach_renderer(network, task.render_views)
    before = weights_hash(network)
    table = interchange(rollout(task, network), subject=5, first_episode=500)
    assert weights_hash(network) == before
    assert list(table["part"][table["donor"] == "other"].unique()) == parts
    assert set(table["subject"]) == {5}
    assert set(table["episode"]) <= set(range(500, 508))


def test_problems_that_end_in_the_first_trial_are_left_out():
    task = line(200, step_cap=12)
    table = interchange(rollout(task, WinStay(task)))
    counts = table.groupby(["donor", "part", "shown"]).size()
    assert 50 < counts["none", "none", "same"] < 200
    # A donor that ended is missing, too.
    assert counts["other", "all", "same"] < counts["none", "none", "same"]


def test_a_problem_that_follows_one_that_ended_does_not_count():
    task = line(200, step_cap=60)
    own = rollout(task, BaselinePolicy(task))
    _pair(own)
    rows, reached = _run_first_trials(own)
    assert 20 < reached.sum() < 180
    target, distractor = rows["task"]["target"], rows["task"]["distractor"]
    # New problems come without a pair.
    both = reached[::2] & reached[1::2]
    assert (target[::2] == distractor[1::2])[both].all()


@pytest.mark.parametrize(
    ("count", "problems"), [(1, 4), (4, 4), (5, 6), (500, 500), (499, 500)]
)
def test_problems_come_in_pairs(count, problems):
    assert even_problems(count) == problems


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (task_class("bandit")(1), "needs a learning-set task .* got Bandit"),
        (line(1, trial_count=1), "trial_count, for the probe interchange, must be"),
        (line(1, new_distractor=1.0), "new_distractor must be 0 .* got 1.0"),
        (line(1, reversal_after=1), "reversal_after must be 0 .* got 1"),
    ],
)
def test_a_task_without_two_equal_trials_is_refused(task, words):
    with pytest.raises(ValueError, match=words):
        check_interchange(task)
