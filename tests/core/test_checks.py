"""Checks speak one clear sentence: name, rule, value."""

import math

import pytest

from metarl.core.checks import (
    check_at_least,
    check_between,
    check_choice,
    check_folder_name,
)


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, math.inf])
def test_a_value_outside_its_range_is_refused(value):
    with pytest.raises(ValueError, match=rf"rate must be in \[0, 1\], got {value}"):
        check_between("rate", value, 0, 1)


@pytest.mark.parametrize("value", [0, 0.5, 1])
def test_the_ends_of_a_range_are_in_it(value):
    check_between("rate", value, 0, 1)


@pytest.mark.parametrize("value", [0, math.nan, -math.inf])
def test_too_little_is_refused(value):
    with pytest.raises(ValueError, match=f"num_envs must be at least 1, got {value}"):
        check_at_least("num_envs", value, 1)


def test_infinity_is_refused():
    with pytest.raises(ValueError, match="num_envs must be finite, got inf"):
        check_at_least("num_envs", math.inf, 1)


def test_the_least_is_enough():
    check_at_least("num_envs", 1, 1)


def test_an_unknown_choice_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="core must be one of gru, rnn; got 'lsmt'"):
        check_choice("core", "lsmt", iter(("gru", "rnn")))
    check_choice("core", "gru", iter(("gru", "rnn")))


@pytest.mark.parametrize(
    "name", ["", ".", "..", "...", "a/b", "/a", "../a", "a\\b", "a\0", "a\n", "é" * 101]
)
def test_a_name_that_is_a_path_is_no_name_of_a_folder(name):
    with pytest.raises(ValueError, match="test must be a plain name of at most 200"):
        check_folder_name("test", name)


def test_other_names_are_names_of_folders():
    for name in ("test", "block-safe", ".hidden", "two words", "é" * 100, "a..b"):
        check_folder_name("test", name)
