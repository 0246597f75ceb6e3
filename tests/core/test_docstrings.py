"""Texts as data: labelled paragraphs of docstrings and notes, and their remarks."""

import pytest

from metarl.core.docstrings import introduction, paragraphs, remarks, sections
from metarl.envs.registry import NAMES, task_class

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

        p = 1 / 2

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
    expected = ["A coin.", "It is tossed: heads or tails.", "p = 1 / 2"]
    assert introduction(Coin) == expected


def test_a_class_does_not_speak_with_its_parents_words():
    assert sections(Bare) == {}
    assert introduction(Bare) == []


@pytest.mark.parametrize("task", NAMES)
def test_every_task_says_what_a_reader_must_know(task):
    labelled = sections(task_class(task))
    assert set(ALWAYS) <= set(labelled)
    assert {"Departs", "Declared"} & set(labelled)
    assert all(text and text == " ".join(text.split()) for text in labelled.values())
    assert introduction(task_class(task))


# Remarks


def test_remarks_within_other_text_are_found():
    text = """What it does. Departs: here
    one, there two. Declared: three.
    Source: none.

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


# Notes


def test_notes_are_labelled_paragraphs_which_may_repeat_a_label():
    notes = """
Training: as published; 20 `units`.
Declared: one remark,
    on two lines.

Declared: another.
"""
    assert paragraphs(notes) == [
        ("Training", "as published; 20 `units`."),
        ("Declared", "one remark, on two lines."),
        ("Declared", "another."),
    ]


def test_text_without_a_label_is_a_paragraph_too():
    assert paragraphs("One.\n\nTwo\nlines.\nActions: none.") == [
        ("", "One."),
        ("", "Two lines."),
        ("Actions", "none."),
    ]
    assert paragraphs(None) == paragraphs(" \n") == []
