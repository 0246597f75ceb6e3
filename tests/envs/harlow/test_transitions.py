"""The tables of a small world, worked out by hand."""

import pytest
import torch

from metarl.envs.harlow.transitions import (
    CHOICE,
    EVENTS,
    FIXATED,
    FIXATION,
    LEFT,
    NOTHING,
    PAUSE,
    RIGHT,
    make_rules,
)

RING = 5
LEFTWARD, RIGHTWARD, STAY = range(3)
PHASES = ("pause", "fixation", "held", "choice")


@pytest.fixture(scope="module")
def rules():
    return make_rules(RING, 2, 1, 1, torch.device("cpu"))


def led_to(rules, phase, gaze, action):
    """Phase, gaze and what happened, after an action in a place."""
    spot = (PHASES.index(phase) * RING + gaze % RING) * 3 + action
    place = int(rules.next_place[spot])
    return PHASES[place // RING], int(rules.gaze[place]), int(rules.outcome[spot])


def test_every_place_is_a_gaze_in_a_step_of_the_trial(rules):
    assert rules.gaze.tolist() == [0, 1, 2, -2, -1] * len(PHASES)
    steps = [PAUSE, FIXATION, FIXATION, CHOICE]
    assert rules.event.tolist() == [step for step in steps for _ in range(RING)]
    assert [EVENTS[step] for step in steps] == ["pause", *["fixation"] * 2, "choice"]
    assert rules.start == RING
    assert len(rules.next_place) == len(rules.outcome) == 3 * RING * len(PHASES)


@pytest.mark.parametrize(
    ("phase", "gaze", "action", "after"),
    [
        ("pause", 2, RIGHTWARD, ("fixation", -2, NOTHING)),
        ("pause", 0, STAY, ("fixation", 0, NOTHING)),
        ("fixation", 1, LEFTWARD, ("fixation", 0, NOTHING)),
        ("fixation", 0, STAY, ("held", 0, NOTHING)),
        ("fixation", -2, LEFTWARD, ("fixation", 2, NOTHING)),
        ("held", 0, STAY, ("choice", 0, FIXATED)),
        ("held", 0, RIGHTWARD, ("fixation", 1, NOTHING)),
        ("choice", 0, STAY, ("choice", 0, NOTHING)),
        ("choice", 0, LEFTWARD, ("pause", -1, LEFT)),
        ("choice", 0, RIGHTWARD, ("pause", 1, RIGHT)),
        ("choice", 2, RIGHTWARD, ("choice", -2, NOTHING)),
    ],
)
def test_actions_lead_where_they_should(rules, phase, gaze, action, after):
    assert led_to(rules, phase, gaze, action) == after


def test_without_a_pause_a_selection_leads_to_the_next_cross():
    rules = make_rules(RING, 1, 0, 2, torch.device("cpu"))
    assert rules.start == 0
    spot = (RING + 1) * 3 + RIGHTWARD
    assert (int(rules.outcome[spot]), int(rules.next_place[spot])) == (RIGHT, 2)
