"""The training loop: points at fixed updates, stopped and continued anywhere."""

from fractions import Fraction
from functools import partial

import pytest

from metarl.core.parallel import Interrupted, Reporter
from metarl.training.loop import interval_ended, stop_if_asked
from metarl.training.trainer import Trainer


@pytest.mark.parametrize("total", [1, 7, 20, 250, 1000])
@pytest.mark.parametrize("intervals", [1, 4, 20, 200])
def test_every_interval_ends_once_and_the_last_with_the_training(intervals, total):
    ended = [
        interval_ended(update, total, Fraction(1, intervals))
        for update in range(1, total + 1)
    ]
    assert ended[-1] == intervals
    assert sum(number > 0 for number in ended) == min(intervals, total)
    assert sorted(filter(None, ended)) == list(filter(None, ended))


def test_an_interval_may_be_any_fraction():
    ends = [n for n in range(1, 11) if interval_ended(n, 10, Fraction(3, 10))]
    assert ends == [3, 6, 9]


def test_a_resumed_training_has_the_points_of_an_uninterrupted_one(small):
    whole, intervals = Trainer(small(), 0), Trainer(small(), 0)
    every = Fraction(1, 8)
    expected = list(whole.run(every=every))
    points = []
    for until in (3, 4, 17, 17, 99):
        points += intervals.run(until, every=every)
        assert intervals.updates == min(until, 40)
    assert [point["update"] for point in points] == [5, 10, 15, 20, 25, 30, 35, 40]
    assert [list(map(repr, p.values())) for p in points] == [
        list(map(repr, p.values())) for p in expected
    ]


def test_a_training_stops_before_the_update_that_it_is_asked_at(small):
    trainer = Trainer(small(), 0)
    reporter = Reporter(should_stop=lambda: trainer.updates == 6)
    run = trainer.run(before_update=partial(stop_if_asked, reporter))
    with pytest.raises(Interrupted):
        list(run)
    assert trainer.updates == 6
