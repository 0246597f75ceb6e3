"""The transitions of a learning-set task, as finite tables.

Gaze moves in turns on a ring. A place is the combination of gaze and the step of the
trial; `Rules` gives the consequence of each action in each place.
"""

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

EVENTS = ("pause", "fixation", "choice")
"""Steps of a trial."""
PAUSE, FIXATION, CHOICE = range(3)
TURNS = (-1, 1, 0)
"""Change of gaze by each action, in turns."""
NOTHING, FIXATED, LEFT, RIGHT = range(4)
"""Outcomes of an action: none, the cross was held, or an object was selected."""


class Rules(NamedTuple):
    """Transition tables; a place is (step of the trial, gaze)."""

    next_place: Tensor
    """(places * actions,) the place after an action."""
    outcome: Tensor
    """(places * actions,) the outcome of an action."""
    event: Tensor
    """(places,) step of the trial, an index into `EVENTS`."""
    gaze: Tensor
    """(places,) turns from the cross, negative to the left."""
    start: int
    """First place of fixation; gaze g is g places further, modulo the ring."""


@cache
def make_rules(
    ring: int, hold: int, pause: int, select_turns: int, device: torch.device
) -> Rules:
    """Make the transition tables; `LearningSetParams` describes the arguments."""
    # The pauses by decisions left, then fixation by decisions held, then the choice.
    phases = [(PAUSE, left) for left in range(pause, 0, -1)]
    phases += [(FIXATION, held) for held in range(hold)] + [(CHOICE, 0)]
    half = (ring - 1) // 2
    next_places, outcomes = [], []
    for phase, (event, held) in enumerate(phases):
        for spot in range(ring):
            for turn in TURNS:
                after = (spot + turn) % ring
                gaze = (after + half) % ring - half
                next_phase, outcome = phase, NOTHING
                if event == PAUSE:
                    next_phase = phase + 1
                elif event == FIXATION:
                    stayed = spot == after == 0
                    next_phase = phase + 1 if stayed else pause
                    outcome = FIXATED if stayed and held == hold - 1 else NOTHING
                elif abs(gaze) == select_turns:
                    next_phase, outcome = 0, LEFT if gaze < 0 else RIGHT
                next_places.append(next_phase * ring + after)
                outcomes.append(outcome)
    spots = torch.arange(ring, device=device)
    return Rules(
        torch.tensor(next_places, device=device),
        torch.tensor(outcomes, device=device),
        torch.tensor([e for e, _ in phases], device=device).repeat_interleave(ring),
        ((spots + half) % ring - half).repeat(len(phases)),
        pause * ring,
    )
