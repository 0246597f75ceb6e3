"""Settings by name: read, checked and changed as on the command line."""

import pytest

from metarl.agents.config import Schedule, constant
from metarl.experiments.spec import preset
from metarl.runs.settings import (
    Span,
    Values,
    change_settings,
    read_values,
    shown,
    split_settings,
)

CONFIG = preset("bandit", "smoke")


def read(setting):
    ((name, text),) = split_settings([setting]).items()
    return read_values(CONFIG, name, text)


@pytest.mark.parametrize(
    ("setting", "values"),
    [
        ("learning.discount=.4,.8,.9", (0.4, 0.8, 0.9)),
        ("network.units=24,48", (24, 48)),
        ("network.core=lstm,gru", ("lstm", "gru")),
        ("learning.gradient-clip=None,1.0", (None, 1.0)),
        ("learning.replay.mode=none", ("none",)),
        ("learning.discount.end = .5, .6", (0.5, 0.6)),
        ("network.action_input=True,False", (True, False)),
        ("learning.costs.pfc=('rl',),('rl','reward')", None),
    ],
)
def test_values_are_read_in_the_type_of_their_field(setting, values):
    expected = values or (("rl",), ("rl", "reward"))
    assert read(setting) == Values(expected)
    assert [type(v) for v in read(setting).values] == [type(v) for v in expected]


@pytest.mark.parametrize(
    ("setting", "span"),
    [
        ("learning.discount=.4:.9", Span(0.4, 0.9)),
        ("learning.learning_rate=1e-4:1e-2:log", Span(1e-4, 1e-2, log=True)),
        ("network.units=8:64:log", Span(8, 64, log=True, whole=True)),
        ("learning.gradient_clip=.5:2", Span(0.5, 2)),
    ],
)
def test_a_range_is_read_with_its_scale(setting, span):
    assert read(setting) == span
    assert read_values(CONFIG, setting.split("=")[0], str(span)) == span


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        (
            "learning.discont=.4",
            "'learning.discont'; did you mean 'learning.discount'?",
        ),
        ("units=4", "did you mean 'network.units'"),
        ("subjects=4", "no setting is named 'subjects'"),
        ("learning.replay=4", "no setting is named 'learning.replay'"),
        ("learning.discount", "a setting must be NAME=VALUE,VALUE"),
        ("learning.discount=.4,,.8", "learning.discount has an empty value"),
        ("learning.discount=", "learning.discount has an empty value"),
        ("learning.discount=high", "learning.discount must be a number, got 'high'"),
        ("network.units=24.5", "network.units must be a whole number, got 24.5"),
        ("network.core=lstn", "network.core must be one of lstm, "),
        ("network.core=gru:lstm", "network.core must have values, not a range"),
        ("learning.discount=.9:.4", "must have its low end first, got 0.9:0.4"),
        ("learning.discount=0:.4:log", "must begin above 0, got 0:0.4:log"),
        ("learning.discount=.1:.2:lin", "must be LOW:HIGH or LOW:HIGH:log, got"),
        ("learning.discount=.1:.2:log:3", "must be LOW:HIGH or LOW:HIGH:log, got"),
        ("learning.discount=.4,0.40", "learning.discount has the value 0.4 twice"),
        ("training.interventions=x", "training.interventions must be a tuple"),
    ],
)
def test_a_wrong_setting_is_refused_in_a_sentence(setting, words):
    with pytest.raises(ValueError, match=r".") as caught:
        read(setting)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_cannot_be_there_twice():
    with pytest.raises(ValueError, match=r"network\.units is set twice"):
        split_settings(["network.units=4", "network.units=8"])


def test_a_number_for_a_schedule_is_its_value_throughout():
    changed = change_settings(CONFIG, {"learning.discount": 0.4, "network.units": 9})
    assert changed.learning.discount == constant(0.4)
    assert changed.network.units == 9
    assert changed.learning.entropy_weight == CONFIG.learning.entropy_weight


def test_a_part_of_a_schedule_leaves_the_rest():
    before = CONFIG.learning.discount
    changed = change_settings(CONFIG, {"learning.discount.end": 0.7})
    expected = Schedule(start=before.start, end=0.7, fraction=before.fraction)
    assert changed.learning.discount == expected


def test_settings_that_need_each_other_are_changed_together():
    # Each alone is refused by the network's configuration.
    both = {"network.core": "episodic", "network.context_size": 3}
    for order in (both, dict(reversed(both.items()))):
        assert change_settings(CONFIG, order).network.context_size == 3


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"learning.discount": 1.4}, r"discount.start must be in \[0, 0.99.*got 1.4"),
        ({"network.units": 0}, "units must be at least 1, got 0"),
        ({"task.trial_count": 0}, "trial_count must be at least 1, got 0"),
        ({"network.nuits": 4}, "did you mean 'network.units'"),
        (
            {"learning.discount": 0.4, "learning.discount.end": 0.3},
            "learning.discount.end is a part of another setting",
        ),
        (
            {"learning.discount.end": 0.3, "learning.discount": 0.4},
            "learning.discount is a part of another setting",
        ),
    ],
)
def test_a_value_is_refused_by_its_field(changes, words):
    with pytest.raises(ValueError, match=words):
        change_settings(CONFIG, changes)


def test_values_are_written_without_superfluous_digits():
    assert [shown(v) for v in (0.4, 1e-4, 24, "lstm", None, True)] == [
        *("0.4", "0.0001", "24", "lstm", "None", "True")
    ]
