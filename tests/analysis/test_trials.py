"""Trials in order, pairs and histories, and columns laid out by episode and trial."""

import numpy as np
import pandas as pd
import pytest

from metarl.analysis.schema import BASE_SCHEMA, number
from metarl.analysis.trials import (
    check_something_counts,
    episode_grid,
    trial_sequence,
)
from metarl.core.checks import MetaRLError

SCHEMA = BASE_SCHEMA.extend("toy", colour=number(required=False))


@pytest.fixture
def trials():
    """Two subjects; the second has two sessions with an episode 4 each."""
    keys = [(7, 0, 2, 0), (7, 0, 2, 1), (7, 0, 3, 0), (3, 0, 4, 0), (3, 1, 4, 2)]
    table = pd.DataFrame(keys, columns=["subject", "session", "episode", "trial"])
    return table.assign(
        choice=[0, 1, 0, 1, 0], reward=[1.0, 2.0, 3.0, 4.0, 5.0], valid=1, forced=0
    )


def read(trials, **options):
    return trial_sequence(trials, SCHEMA, **options)


def test_trials_in_any_order_are_sorted(trials):
    for table in (trials, trials.iloc[::-1], trials.sample(frac=1, random_state=1)):
        sequence = read(table)
        assert sequence["reward"].tolist() == [4, 5, 1, 2, 3]
        assert sequence.subject.tolist() == [3, 3, 7, 7, 7]
        assert sequence.starts.tolist() == [0, 1, 2, 4]
        assert sequence.episode_index.tolist() == [0, 1, 2, 2, 3]
        assert sequence.place.tolist() == [0, 0, 0, 1, 0]


def test_episodes_are_named_by_subject_session_and_number(trials):
    episodes = read(trials).episodes
    assert episodes.to_numpy().tolist() == [[3, 0, 4], [3, 1, 4], [7, 0, 2], [7, 0, 3]]


def test_a_missing_column_is_blank(trials):
    assert np.isnan(read(trials)["colour"]).all()


def six(table, **columns):
    return read(table(**{"choice": [0, 1, 0, 1, 0, 1], "reward": 1.0} | columns))


def test_a_history_is_the_usable_trials_right_before(table):
    assert six(table).history.tolist() == [0, 1, 2, 3, 4, 5]
    gap = six(table, trial=[0, 1, 2, 4, 5, 6])
    assert gap.history.tolist() == [0, 1, 2, 0, 1, 2]
    # A trial that does not count has a history, and none after it has.
    forced = six(table, forced=[0, 0, 0, 1, 0, 0])
    assert forced.history.tolist() == [0, 1, 2, 3, 0, 1]
    assert forced.follows.tolist() == [False, True, True, False, False, True]


@pytest.mark.parametrize("key", ["episode", "session", "subject"])
def test_a_pair_ends_with_its_episode_where_trial_numbers_go_on(table, key):
    """Trials 0 to 5 are numbered on, but the fourth belongs to another episode."""
    sequence = six(table, **{key: [0, 0, 0, 1, 1, 1]})
    assert sequence.follows.tolist() == [False, True, True, False, True, True]
    assert sequence.history.tolist() == [0, 1, 2, 0, 1, 2]


def test_a_trial_counts_only_with_what_is_needed(table):
    trials = table(choice=[0, 1, 0], reward=1.0, colour=[1, None, 2])
    assert read(trials).usable.tolist() == [True, True, True]
    assert read(trials, needs=("colour",)).usable.tolist() == [True, False, True]


def test_some_trials_or_one_subject_can_be_selected(trials):
    sequence = read(trials)
    parts = dict(sequence.iter_subjects())
    assert list(parts) == [3, 7]
    assert parts[7]["reward"].tolist() == [1, 2, 3]
    assert parts[7].follows.tolist() == [False, True, False]


def test_a_table_without_trials_is_allowed(trials):
    empty = read(trials.iloc[:0])
    assert empty.starts.tolist() == empty.follows.tolist() == []
    assert episode_grid(empty, ["reward"])["reward"].shape == (0, 0)


def laid(trials, **options):
    return episode_grid(read(trials), ["reward"], **options)


def test_episodes_are_rows_and_trials_are_columns_whatever_the_order(trials):
    nan = np.nan
    expected = [[4, nan, nan], [nan, nan, 5], [1, 2, nan], [3, nan, nan]]
    for table in (trials, trials.iloc[::-1], trials.sample(frac=1, random_state=1)):
        grid = laid(table)
        np.testing.assert_array_equal(grid["reward"], expected)
        assert grid.subject.tolist() == [3, 3, 7, 7]


def numbered(*episodes):
    rows = [(0, 0, e, t) for e, numbers in enumerate(episodes) for t in numbers]
    table = pd.DataFrame(rows, columns=["subject", "session", "episode", "trial"])
    return table.assign(choice=0, reward=table["trial"], valid=1, forced=0)


def test_a_missing_first_trial_does_not_shift_the_others():
    restarting = laid(numbered([1, 2, 3], [2, 3]))
    assert restarting["reward"][0].tolist() == [1, 2, 3]
    np.testing.assert_array_equal(restarting["reward"][1], [np.nan, 2, 3])
    continuing = laid(numbered([1, 2, 3], [5, 6]))
    np.testing.assert_array_equal(continuing["reward"][1], [5, 6, np.nan])


def test_a_choice_that_does_not_count_is_not_laid_out():
    table = numbered([0, 1, 2]).assign(valid=[1, 0, 1], forced=[0, 0, 1])
    grid = laid(table)
    np.testing.assert_array_equal(grid["choice"], [[0, np.nan, np.nan]])
    assert grid["reward"].tolist() == [[0, 1, 2]]


def test_numbers_with_an_enormous_gap_are_refused():
    with pytest.raises(MetaRLError, match=r"a gap before .* trial 100000000; number"):
        laid(numbered([0, 1, 10**8]))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"valid": 0}, r"none of the 3 trials counts \(3 not valid\)"),
        ({"forced": 1}, r"none of the 3 trials counts \(3 forced\)"),
        ({"choice": None}, r"none of the 3 trials counts \(3 without a choice\)"),
        ({"colour": None}, r"\(3 without colour\).* has a choice and colour"),
        ({"trial": [0, 2, 4]}, "none of the 3 trials that count follows another"),
        ({"valid": [1, 0, 1]}, "none of the 2 trials that count follows another"),
    ],
)
def test_a_table_with_nothing_to_analyse_is_refused_in_one_sentence(changes, words):
    table = numbered([0, 1, 2]).assign(colour=1.0)
    check_something_counts(table, SCHEMA, ["colour"], pairs=True)
    with pytest.raises(MetaRLError, match=f"there is nothing to analyse: .*{words}"):
        check_something_counts(table.assign(**changes), SCHEMA, ["colour"], pairs=True)


def test_pairs_are_found_in_a_table_of_any_order():
    table = numbered([0, 1, 2]).sample(frac=1, random_state=3)
    check_something_counts(table.iloc[[2, 0, 1]], SCHEMA, [], pairs=True)
    check_something_counts(numbered([0, 2, 4]), SCHEMA, [], pairs=False)


def test_each_subject_has_its_episodes(trials):
    parts = dict(laid(trials).iter_subjects())
    assert list(parts) == [3, 7]
    np.testing.assert_array_equal(parts[7]["reward"][:, 0], [1, 3])
    assert parts[7].subject.tolist() == [7, 7]


def test_a_property_of_a_whole_episode_is_kept_once(trials):
    grid = laid(trials.assign(colour=[5, 5, 6, 7, 8]), by_episode=["colour"])
    assert grid.episodes["colour"].tolist() == [7, 8, 5, 6]
    assert grid.where(grid.subject == 7).episodes["colour"].tolist() == [5, 6]


def test_columns_of_a_grid_are_replaced_in_a_copy(trials):
    grid = laid(trials)
    twice = grid.assign(reward=2 * grid["reward"], other=grid["reward"])
    np.testing.assert_array_equal(twice["reward"], 2 * twice["other"])
    np.testing.assert_array_equal(grid["reward"], twice["other"])
    assert twice.episodes is grid.episodes
