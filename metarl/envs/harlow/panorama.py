"""What is to be seen from each place: a wide scene, looked at through a window.

Nothing is drawn while a task runs. The scene consists of columns (of pixels, or of
numbers that describe a thing) that all stand in one bank; a view is a list of columns.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

BLANK = 0
"""Number of the column without anything on it, and of the view without anything."""


class Columns(NamedTuple):
    """What there is to be seen, each as columns of F numbers."""

    blank: Tensor
    """(F,) the column without anything on it."""
    cross: Tensor
    """(c, F) the cross."""
    things: Tensor
    """(N, S, F) each thing."""


class Geometry(NamedTuple):
    """Where it is to be seen, in columns."""

    window: int
    """Columns that are seen at once."""
    turn: int
    """Columns by which a turn moves the scene."""
    distance: int
    """Columns from the cross to the middle of either thing."""
    ring: int
    """Columns all the way round."""


Scene = dict[int, int]
"""Place in the scene, in columns from the cross -> number of the column there."""


class Panorama:
    """The scene of a learning-set task, seen from everywhere."""

    def __init__(
        self, event: Tensor, gaze: Tensor, columns: Columns, geometry: Geometry
    ) -> None:
        """Work out the view from every place.

        Args:
            event: (places,) step of the trial: 0 pause, 1 fixation, 2 choice.
            gaze: (places,) turns from the cross.
            columns: what there is to be seen; where it lives, views will.
            geometry: where.
        """
        blank, cross, things = columns
        self.size = things.shape[1]
        self.bank = torch.cat([blank.unsqueeze(0), cross, things.flatten(0, 1)])
        first = 1 + len(cross)
        middle: Scene = _place(0, len(cross), 1)
        left: Scene = _place(-geometry.distance, self.size, first)
        right: Scene = _place(geometry.distance, self.size, first)
        # What stands in the middle, on the left and on the right in each step.
        scenes: tuple[tuple[Scene, Scene, Scene], ...] = (
            ({}, {}, {}),
            (middle, {}, {}),
            ({}, left, right),
        )
        views: dict[tuple[tuple[int, ...], ...], int] = {}
        empty = (BLANK,) * geometry.window
        views[empty, empty, empty] = BLANK
        numbers = []
        for step, turns in zip(event.tolist(), gaze.tolist(), strict=True):
            seen = [turns * geometry.turn + at for at in _span(geometry.window)]
            view = tuple(_look(part, seen, geometry.ring) for part in scenes[step])
            numbers.append(views.setdefault(view, len(views)))
        self.view_of = torch.tensor(numbers, device=self.bank.device)
        tables = torch.tensor(list(views), device=self.bank.device)
        self.base = tables.sum(1)
        self.on_left, self.on_right = (tables[:, 1:] > 0).long().unbind(1)
        self.shows = torch.stack([self.on_left.amax(1), self.on_right.amax(1)])

    def codes(self, place: Tensor, left: Tensor, right: Tensor) -> Tensor:
        """(B, 3) float32: view, thing on the left, on the right; 0 if out of sight.

        Equal codes look the same.
        """
        view = self.view_of[place]
        shows = self.shows[:, view]
        return torch.stack([view, left * shows[0], right * shows[1]], 1).float()

    def look(self, codes: Tensor) -> Tensor:
        """(N, window, F) what (N, 3) codes stand for."""
        view, left, right = codes.long().unbind(1)
        columns = self.base[view]
        columns = columns + self.on_left[view] * (left * self.size).unsqueeze(1)
        columns = columns + self.on_right[view] * (right * self.size).unsqueeze(1)
        seen: Tensor = self.bank.index_select(0, columns.flatten())
        return seen.view(*columns.shape, -1)


def _span(length: int) -> range:
    """So many places around 0."""
    return range(-(length // 2), length - length // 2)


def _place(middle: int, length: int, first: int) -> Scene:
    """So many columns of the bank, from `first` on, around a place."""
    return {middle + at: first + n for n, at in enumerate(_span(length))}


def _look(scene: Scene, seen: Sequence[int], ring: int) -> tuple[int, ...]:
    there = {at % ring: column for at, column in scene.items()}
    return tuple(there.get(at % ring, BLANK) for at in seen)
