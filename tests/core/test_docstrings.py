"""Docstrings as data: labelled paragraphs, remarks, and strings under values."""

import pytest

from metarl.core.docstrings import introduction, remarks, sections, value_docstring
from metarl.envs.registry import NAMES, task_class
from metarl.experiments import presets
from metarl.experiments import tests as protocols

ALWAYS = (
    "Observation",
    "Actions",
    "Reward",
    "Episode end",
    'info["trial"]',
    "Source",
)


class Coin:
    """A coin.

    It is tossed: heads
    or tails.

        chance = 1 / 2

    Observation: nothing.
    Episode end: terminates
        after one toss: at once.
    info["trial"]: choice, and
        what else there is.
    """


class Bare(Coin):
    pass


# Classes


def test_a_label_leads_to_its_text_on_one_line():
    assert sections(Coin) == {
        "Observation": "nothing.",
        "Episode end": "terminates after one toss: at once.",
        'info["trial"]': "choice, and what else there is.",
    }


def test_what_comes_before_the_labels_is_the_introduction():
    expected = ["A coin.", "It is tossed: heads or tails.", "chance = 1 / 2"]
    assert introduction(Coin) == expected


def test_a_class_does_not_speak_with_its_parents_words():
    assert sections(Bare) == {}
    assert introduction(Bare) == []


@pytest.mark.parametrize("task", NAMES)
def test_every_task_says_what_a_reader_must_know(task):
    found = sections(task_class(task))
    assert set(ALWAYS) <= set(found)
    assert {"Departs", "Declared"} & set(found)
    assert all(text and text == " ".join(text.split()) for text in found.values())
    assert introduction(task_class(task))


# Remarks


def test_remarks_are_found_amid_other_text():
    text = """What it does. Departs: here
    one, there two. Declared: three.
    Source: nobody.

    Not this. Declared: four
    and five.

    Nor this.
    """
    assert remarks(text) == [
        ("Departs", "here one, there two."),
        ("Declared", "three."),
        ("Declared", "four and five."),
    ]


def test_text_without_remarks_has_none():
    assert remarks(None) == []
    assert remarks("Undeclared: nothing.") == []


# Values


def test_the_string_under_a_value_is_found_by_the_value():
    found = value_docstring(presets, presets.RECIPES["two-step"]["fast"])
    assert found == "Many lanes and short unrolls; the rates anneal to zero."
    annotated = value_docstring(protocols, protocols.PROTOCOLS)
    assert annotated.startswith("Protocols by task;")


def test_a_value_of_many_lines_keeps_all_its_remarks():
    found = value_docstring(presets, presets.RECIPES["harlow-line"]["paper"])
    assert [label for label, _ in remarks(found)] == ["Departs", "Declared"]


def test_a_value_without_a_name_or_a_string_says_nothing():
    assert value_docstring(presets, presets.RECIPES["bandit"]["fast"]) == ""
    assert value_docstring(protocols, protocols._RISKY) == ""
