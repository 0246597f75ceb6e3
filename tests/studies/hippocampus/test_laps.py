"""Animals that run laps: learning, times of replay, and its benefit."""

import numpy as np
import pytest

from metarl.core.parallel import Interrupted, Reporter
from metarl.studies.hippocampus import laps as laps_module
from metarl.studies.hippocampus.laps import run_laps
from metarl.studies.hippocampus.mazes import open_maze, two_tracks
from metarl.studies.hippocampus.replay import Access, initial_knowledge, replay


def run(rule="prioritised", maze=None, **options):
    options = {"animals": 10, "laps": 4, **options}
    generator = np.random.default_rng(901)
    return run_laps(
        maze or two_tracks(), Access(rule=rule), generator=generator, **options
    )


def test_a_lap_is_never_shorter_than_the_shortest_path():
    assert run().steps.min() >= 9
    assert run(maze=open_maze(), laps=2).steps.min() >= 14


def test_events_are_at_every_goal_and_at_every_start_but_the_first():
    laps = run()
    assert (laps.at_start[0].states == -1).all()
    for event in (*laps.at_start[1:], *laps.after_reward):
        assert event.states.shape == (10, 20)
        assert (event.states >= 0).all()


def test_without_replay_there_are_no_events():
    laps = run("none")
    assert all((event.states == -1).all() for event in laps.after_reward)


def test_nothing_is_replayed_before_the_first_reward(monkeypatch):
    monkeypatch.setattr(laps_module, "REWARD_NOISE", 0.0)
    laps = run(magnitudes=(0.0, 1.0), laps=6)
    met = np.maximum.accumulate(laps.magnitudes > 0, axis=1)
    for lap, event in enumerate(laps.after_reward):
        assert ((event.states[:, 0] >= 0) == met[:, lap]).all()
    assert not met.all()


def test_replay_saves_steps():
    steps = {rule: run(rule).steps[:, 2:].mean() for rule in ("prioritised", "none")}
    assert steps["prioritised"] < 0.3 * steps["none"]


def test_the_first_event_after_reward_replays_backwards_from_it():
    """The step to the goal is already learned, the one before it is not."""
    event = run().after_reward[0]
    assert (event.states[:, :8] == np.arange(7, -1, -1)).all()


def test_magnitudes_are_equally_likely():
    offered = run("none", magnitudes=(1.0, 4.0), animals=100, laps=4).magnitudes
    assert set(np.unique(offered)) == {1.0, 4.0}
    assert abs((offered == 4).mean() - 0.5) < 4 * 0.5 / 20


def test_the_same_seed_runs_the_same_laps():
    first, second = run(), run()
    assert (first.steps == second.steps).all()
    assert all(
        (a.states == b.states).all()
        for a, b in zip(first.after_reward, second.after_reward, strict=True)
    )


def test_it_reports_its_progress_and_stops_when_asked():
    progress = []
    run(reporter=Reporter(progress.append))
    assert progress == [0.25, 0.5, 0.75, 1.0]
    with pytest.raises(Interrupted):
        run(reporter=Reporter(should_stop=lambda: True))


def test_need_is_computed_from_the_state_that_was_left(monkeypatch):
    states = []

    def record(knowledge, maze, here, **options):
        states.append(here.tolist())
        return replay(knowledge, maze, here, **options)

    monkeypatch.setattr(laps_module, "replay", record)
    run(animals=2, laps=3)
    assert states == [[8, 8], [19, 19], [11, 11], [0, 0], [8, 8]]


def test_values_converge_to_the_discounted_reward(monkeypatch):
    monkeypatch.setattr(laps_module, "REWARD_NOISE", 0.0)
    recorded = []

    def record(*arguments):
        recorded.append(initial_knowledge(*arguments))
        return recorded[0]

    monkeypatch.setattr(laps_module, "initial_knowledge", record)
    run("none", animals=2, laps=40)
    right = recorded[0].values[:, :9, 2]
    assert right == pytest.approx(np.tile(0.9 ** np.arange(8, -1, -1.0), (2, 1)))
    assert recorded[0].transitions[:, 9, 19] == pytest.approx(1)
