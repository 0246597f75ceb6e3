"""One line for many jobs: the remaining time, computed by hand."""

import logging

import pytest

from metarl.core import progress
from metarl.core.progress import Overall, kind, minutes

SIZES = {"a subject 0": 1.0, "b subject 0": 2.0, "a subject 1": 1.0, "b subject 1": 2.0}


@pytest.fixture
def clock(monkeypatch):
    """Seconds, to be set by hand."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_jobs_are_of_one_kind_where_they_differ_in_a_number():
    assert kind("bandit subject 3") == kind("bandit subject 12") == "bandit subject"
    assert kind("bandit thompson") == "bandit thompson"
    assert kind("bandit easy subject 0") != kind("bandit subject 0")


def test_a_duration_is_formatted_in_a_suitable_unit():
    assert minutes(12.3) == "about 12 s"
    assert minutes(600) == "about 10 min"
    assert minutes(3 * 3600) == "about 3.0 h"


def test_the_time_left_is_estimated_from_size_and_then_from_the_kind(clock):
    shown = Overall(SIZES, workers=1, show=False)
    assert shown.seconds_left() is None
    shown.begin("a subject 0")
    clock[0] = 10
    shown.end("a subject 0", "")
    # One unit of size took 10 seconds; 5 units are waiting.
    assert shown.seconds_left() == 50
    shown.begin("b subject 0")
    clock[0] = 40
    shown.end("b subject 0", "")
    # b takes 30, whatever its size said, a takes 10.
    assert shown.seconds_left() == 40
    shown.begin("b subject 1")
    clock[0] = 44
    # From 0.1 on a running job's own pace counts: 4 seconds for a fifth, 16 to go.
    shown.move("b subject 1", 0.2)
    assert shown.seconds_left() == 16 + 10


def test_two_workers_take_half_the_time(clock):
    shown = Overall(SIZES, workers=2, show=False)
    shown.begin("a subject 0")
    clock[0] = 10
    shown.end("a subject 0", "")
    assert shown.seconds_left() == 25


def test_a_failed_job_does_not_count_for_the_duration_of_its_kind(clock):
    shown = Overall(SIZES, workers=1, show=False)
    shown.begin("a subject 0")
    clock[0] = 1
    shown.end("a subject 0", "burnt down")
    assert shown.seconds_left() is None


def test_the_pace_of_running_jobs_gives_an_estimate_for_their_kind(clock):
    shown = Overall(SIZES, workers=1, show=False)
    shown.begin("a subject 0")
    clock[0] = 3
    shown.move("a subject 0", 0.05)
    assert shown.seconds_left() is None
    shown.move("a subject 0", 0.25)
    # 12 seconds for a, of which 9 are left; for b, twice as large, 24 each.
    assert shown.seconds_left() == 9 + 12 + 2 * 24


def test_without_a_terminal_each_end_is_a_line(clock, caplog):
    caplog.set_level(logging.INFO)
    shown = Overall({"a subject 0": 1.0, "a subject 1": 1.0}, workers=1)
    with shown:
        shown.begin("a subject 0")
        clock[0] = 10
        shown.end("a subject 0", "")
        shown.begin("a subject 1")
        shown.end("a subject 1", "the file is damaged")
    assert caplog.messages == [
        "1 of 2: a subject 0 done; about 10 s left",
        "2 of 2: a subject 1 failed: the file is damaged; about 0 s left",
    ]


def test_nothing_is_shown_without_show(clock, caplog):
    caplog.set_level(logging.INFO)
    shown = Overall({"a subject 0": 1.0}, workers=1, show=False)
    shown.begin("a subject 0")
    shown.end("a subject 0", "")
    assert caplog.messages == []
