"""Words for subjects of any kind."""

import pytest

from metarl.analysis.words import in_words_of, possessive, singular, with_count


@pytest.mark.parametrize(
    ("plural", "one"),
    [
        ("people", "person"),
        ("mice", "mouse"),
        ("Mice", "Mouse"),
        ("old people", "old person"),
        ("wild-type mice", "wild-type mouse"),
        ("monkeys", "monkey"),
        ("macaques", "macaque"),
        ("rats", "rat"),
        ("finches", "finch"),
        ("foxes", "fox"),
        ("walruses", "walrus"),
        ("bees", "bee"),
        ("flies", "fly"),
        ("canaries", "canary"),
        ("children", "child"),
        ("women", "woman"),
        ("salesmen", "salesman"),
        ("geese", "goose"),
        ("networks", "network"),
        ("participants", "participant"),
        ("sheep", "sheep"),
        ("fish", "fish"),
        ("bass", "bass"),
    ],
)
def test_one_of_several_is_named_as_people_name_it(plural, one):
    assert singular(plural) == one


def test_a_number_takes_the_singular_for_one_alone():
    assert with_count("people", 1) == "person (n = 1)"
    assert with_count("people", 2) == "people (n = 2)"
    assert with_count("mice", 0) == "mice (n = 0)"


def test_labels_about_networks_become_labels_about_the_subjects():
    label = "matching r, held-in, lowest network"
    assert in_words_of("people", label) == "matching r, held-in, lowest of the people"
    assert in_words_of("mice", "r, highest network") == "r, highest of the mice"
    assert in_words_of("mice", "share of networks that count") == (
        "share of mice that count"
    )
    ratios = "mean of the networks' ratios"
    assert in_words_of("mice", ratios) == "mean of the mice's ratios"
    assert in_words_of("monkeys", ratios) == "mean of the monkeys' ratios"
    assert in_words_of("networks", label) == label


def test_a_possessive_of_a_plural_in_s_has_no_second_s():
    assert (possessive("rats"), possessive("people")) == ("rats'", "people's")
