"""Rest: learned orders, and replay on the sensors."""

import numpy as np
import pytest

from metarl.studies.hippocampus.rest import (
    RestParams,
    draw_replay,
    learned_transitions,
    make_brain,
    make_objects,
    rest,
)
from metarl.studies.hippocampus.sequenceness import lagged_weights, peak, sequenceness

PARAMS = RestParams(samples=600, sensors=20)


def rng(seed=901):
    return np.random.default_rng(seed)


def test_transitions_are_shares_of_the_following_states():
    learned = learned_transitions([[0, 1, 2], [0, 2]], 3)
    assert learned.tolist() == [[0, 0.5, 0.5], [0, 0, 1], [0, 0, 0]]


@pytest.mark.parametrize("seed", range(20))
def test_rule_and_seen_order_are_two_rows_of_four_that_share_no_pair(seed):
    learned = make_objects(rng(seed))
    for order in (learned.rule, learned.seen):
        assert (order.sum(1) == 1).sum() == (order.sum(0) == 1).sum() == 6
        assert np.linalg.matrix_power(order, 3).sum() == 2
    assert not (learned.seen * (learned.rule + learned.rule.T)).any()


def test_a_replay_continues_until_no_state_follows():
    chain = np.diag(np.ones(3), 1)
    assert draw_replay(chain, 1, rng()) == [1, 2, 3]
    assert draw_replay(chain.T, 3, rng()) == [3, 2, 1, 0]
    assert draw_replay(np.eye(4), 2, rng()) == [2, 2, 2, 2]


def activity(source, **changes):
    brain = make_brain(rng(), PARAMS)
    return rest(brain, source, PARAMS, noise=rng(1), replays=rng(2))


def test_without_replay_rest_is_noise_alone():
    assert activity(None) == pytest.approx(activity(None))
    assert (activity(np.zeros((8, 8))) != activity(None)).any()


def test_sources_share_noise_and_the_beginnings_of_replays():
    """A source without transitions replays the first objects alone."""
    rule = make_objects(rng()).rule
    first = activity(np.zeros((8, 8)))
    begun = np.flatnonzero((first != activity(None)).any(1))
    assert 20 < len(begun) <= 30
    continued = np.flatnonzero((np.abs(activity(rule) - first) > 1e-12).any(1))
    after = {int(begin) + 4 * k for begin in begun for k in (1, 2, 3)}
    assert set(continued.tolist()) <= after
    assert len(continued) > 20


def test_the_decoder_identifies_objects_by_their_patterns():
    brain = make_brain(rng(), RestParams())
    evidence = brain.patterns @ brain.decoder
    assert (evidence.argmax(1) == np.arange(8)).all()


def test_replay_is_detected_in_its_order_and_at_its_lag():
    params = RestParams(samples=6000, event_rate=0.2)
    learned = make_objects(rng())
    activity = rest(
        make_brain(rng(), params), learned.rule, params, noise=rng(1), replays=rng(2)
    )
    by_lag = sequenceness(lagged_weights(activity, lags=10), learned.rule)
    assert by_lag.argmax() + 1 == params.lag
    assert peak(by_lag) > 0
