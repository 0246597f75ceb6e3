"""What may happen in a learning set, as finite tables.

Gaze moves in turns on a ring. A place is where gaze is, in which step of the trial;
`Rules` says what each action leads to.
"""

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

EVENTS = ("pause", "fixation", "choice")
"""Steps of a trial."""
PAUSE, FIXATION, CHOICE = range(3)
TURNS = (-1, 1, 0)
"""What each action adds to the gaze, in turns."""
NOTHING, FIXATED, LEFT, RIGHT = range(4)
"""What an action may bring about: the cross was held; a thing was selected."""


class Rules(NamedTuple):
    """What may happen, as tables; a place is (step of the trial, gaze)."""

    follow: Tensor
    """(places * actions,) the place that an action leads to."""
    happened: Tensor
    """(places * actions,) what it brings about."""
    event: Tensor
    """(places,) step of the trial, an index of `EVENTS`."""
    gaze: Tensor
    """(places,) turns from the cross, negative to the left."""
    start: int
    """First place of the trial's fixation; gaze g stands g places further, mod ring."""


@cache
def make_rules(
    ring: int, hold: int, pause: int, select_turns: int, device: torch.device
) -> Rules:
    """The tables of a world; `LearningSetParams` says what the numbers are."""
    # Pauses with so many decisions left, then the cross held for so many, then choice.
    phases = [(PAUSE, left) for left in range(pause, 0, -1)]
    phases += [(FIXATION, held) for held in range(hold)] + [(CHOICE, 0)]
    half = (ring - 1) // 2
    follow, happened = [], []
    for phase, (event, held) in enumerate(phases):
        for spot in range(ring):
            for turn in TURNS:
                after = (spot + turn) % ring
                gaze = (after + half) % ring - half
                then, outcome = phase, NOTHING
                if event == PAUSE:
                    then = phase + 1
                elif event == FIXATION:
                    stayed = spot == after == 0
                    then = phase + 1 if stayed else pause
                    outcome = FIXATED if stayed and held == hold - 1 else NOTHING
                elif abs(gaze) == select_turns:
                    then, outcome = 0, LEFT if gaze < 0 else RIGHT
                follow.append(then * ring + after)
                happened.append(outcome)
    spots = torch.arange(ring, device=device)
    return Rules(
        torch.tensor(follow, device=device),
        torch.tensor(happened, device=device),
        torch.tensor([e for e, _ in phases], device=device).repeat_interleave(ring),
        ((spots + half) % ring - half).repeat(len(phases)),
        pause * ring,
    )
