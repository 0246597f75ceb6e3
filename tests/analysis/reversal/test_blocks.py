"""The reversal trial table: order, blocks, trials that count, and refusals."""

import numpy as np
import pandas as pd
import pytest
from reversal_blocks import block, chooser

from metarl.analysis.reversal.behaviour import SCHEMA, read_blocks
from metarl.core.checks import MetaRLError


def test_trials_in_any_order_are_sorted():
    trials = pd.concat([chooser(4, subject=s) for s in (1, 0)], ignore_index=True)
    mixed = trials.sample(frac=1, random_state=3)
    one, other = read_blocks(trials), read_blocks(mixed)
    pd.testing.assert_frame_equal(one.table, other.table)
    for name in ("since", "right", "won", "correct"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for name in ("place", "follows", "episode_index"):
        here, there = getattr(one.trials, name), getattr(other.trials, name)
        np.testing.assert_array_equal(here, there)
    assert one.table["subject"].tolist() == [0] * 4 + [1] * 4
    assert one.table["schedule"].tolist() == [80, 70] * 4


def test_a_block_starts_at_its_first_trial_and_reverses_where_better_does():
    result = block(
        [0, 0, 1, 1, 0], [1, 0, 1, 1, 0], reversal=3, trial=[7, 8, 9, 11, 12]
    )
    data = read_blocks(result)
    assert data.trials.place.tolist() == [0, 1, 2, 4, 5]
    assert data.since.tolist() == [-4, -3, -2, 0, 1]
    assert data.correct.tolist() == [True, True, False, True, False]
    assert data.trials.follows.tolist() == [False, True, True, False, True]
    never = read_blocks(block([0, 1], [1, 0], reversal=None))
    assert np.isnan(never.since).all()


def test_pairs_are_of_neighbours_that_both_count():
    result = pd.concat(
        [
            block(
                [0, 0, np.nan, 1, 1, 1, 1, 1],
                [1, 0, -1, 1, 1, 0, 1, 1],
                reversal=None,
                valid=[1, 1, 0, 1, 1, 0, 1, 1],
                forced=[0, 0, 0, 0, 0, 0, 1, 0],
            ),
            block([1, 1], [1, 1], reversal=None, episode=1),
        ]
    )
    data = read_blocks(result)
    assert data.trials.usable.tolist() == [1, 1, 0, 1, 1, 0, 0, 1, 1, 1]
    assert data.trials.follows.tolist() == [0, 1, 0, 0, 1, 0, 0, 0, 0, 1]


def test_a_trial_without_a_choice_does_not_count_even_where_it_is_called_valid():
    data = read_blocks(block([0, np.nan, 0], [1, 0, 1], reversal=None))
    assert data.trials.usable.tolist() == [True, False, True]


@pytest.fixture
def own():
    return pd.concat(
        [block([0, 1, 1], [1, 0, 1], reversal=1, episode=e) for e in (0, 1)],
        ignore_index=True,
    )


def changed(table, column, row, value):
    values = table[column].astype(object)
    values[row] = value
    return table.assign(**{column: values})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda t: t.drop(columns=["better", "schedule"]),
            "the reversal trial table has no column better; it needs subject, session, "
            "episode, trial, choice, reward, valid, forced, better",
        ),
        (
            lambda t: changed(t, "trial", 4, 1.5),
            "column trial must be whole numbers, got 1.5 in row 5",
        ),
        (
            lambda t: changed(t, "choice", 2, 2),
            "column choice must be 0 (left), 1 (right) or blank, got 2 in row 3",
        ),
        (
            lambda t: changed(t, "better", 1, np.nan),
            "column better must be 0 (left) or 1 (right), got a blank in row 2; leave "
            "out the blocks in which no option is better",
        ),
        (
            lambda t: changed(t, "reward", 0, 0.5),
            "column reward must be 0 (unrewarded) or 1 (rewarded) on a valid trial "
            "with a choice, got 0.5 in row 1",
        ),
        (
            lambda t: changed(t, "schedule", 3, 0.8),
            "column schedule must be the better option's probability of reward in "
            "percent, 50 to 100, or blank, got 0.8 in row 4",
        ),
        (
            lambda t: changed(t, "forced", 5, 2),
            "column forced must be 0 or 1, got 2 in row 6",
        ),
        (
            lambda t: changed(t, "choice", 0, "left"),
            "column choice must be 0 (left), 1 (right) or blank, got 'left' in row 1",
        ),
        (
            lambda t: changed(t, "trial", 5, 1),
            "each trial must have one row, got a second row of subject 0, "
            "session 0, episode 1, trial 1 in row 6; number trials within subject, "
            "session and episode",
        ),
        (
            lambda t: changed(t, "schedule", 5, 70),
            "a block must have one schedule, got another at subject 0, session 0, "
            "episode 1, trial 2 in row 6; begin an episode of a new number there",
        ),
    ],
)
def test_a_wrong_table_gets_one_sentence(own, change, sentence):
    SCHEMA.check(own)
    with pytest.raises(MetaRLError) as caught:
        SCHEMA.check(change(own))
    assert str(caught.value) == sentence


def test_a_missing_choice_and_its_penalty_are_allowed(own):
    missing = changed(changed(own, "choice", 1, np.nan), "reward", 1, -1)
    SCHEMA.check(changed(missing, "valid", 1, 0))
