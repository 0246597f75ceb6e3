"""The view from each place of a learning-set task: a window on a wide scene.

Nothing is drawn while a task runs. The scene consists of columns (of pixels, or of
numbers that describe an object), all stored in one bank; a view is a list of columns.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

BLANK = 0
"""Number of the empty column, and of the empty view."""


class Columns(NamedTuple):
    """Columns of everything that can be in view, F numbers each."""

    blank: Tensor
    """(F,) the empty column."""
    cross: Tensor
    """(c, F) the cross."""
    objects: Tensor
    """(N, S, F) each object."""


class Geometry(NamedTuple):
    """Sizes and distances in the scene, in columns."""

    window: int
    """Columns in view."""
    turn: int
    """Columns by which a turn moves the scene."""
    distance: int
    """Columns from the cross to the middle of either object."""
    ring: int
    """Columns of a full circle."""


Scene = dict[int, int]
"""Position in the scene, in columns from the cross -> number of the column there."""


class Panorama:
    """The scene of a learning-set task, with its view from every place."""

    def __init__(
        self, event: Tensor, gaze: Tensor, columns: Columns, geometry: Geometry
    ) -> None:
        """Compute the view from every place.

        Args:
            event: (places,) step of the trial: 0 pause, 1 fixation, 2 choice.
            gaze: (places,) turns from the cross.
            columns: everything that can be in view; views are on the same device.
            geometry: sizes and distances.
        """
        blank, cross, objects = columns
        self.size = objects.shape[1]
        self.bank = torch.cat([blank.unsqueeze(0), cross, objects.flatten(0, 1)])
        first = 1 + len(cross)
        middle: Scene = _place(0, len(cross), 1)
        left: Scene = _place(-geometry.distance, self.size, first)
        right: Scene = _place(geometry.distance, self.size, first)
        # Columns in the middle, on the left and on the right, in each step of a trial.
        scenes: tuple[tuple[Scene, Scene, Scene], ...] = (
            ({}, {}, {}),
            (middle, {}, {}),
            ({}, left, right),
        )
        views: dict[tuple[tuple[int, ...], ...], int] = {}
        empty = (BLANK,) * geometry.window
        views[empty, empty, empty] = BLANK
        places = list(zip(event.tolist(), gaze.tolist(), strict=True))
        number_of = {}
        # Many places have the same view: those of one step that differ in a count.
        for step, turns in dict.fromkeys(places):
            window = [turns * geometry.turn + at for at in _span(geometry.window)]
            view = tuple(_view(part, window, geometry.ring) for part in scenes[step])
            # Equal views share a number, so that an encoder computes each only once.
            number_of[step, turns] = views.setdefault(view, len(views))
        numbers = [number_of[place] for place in places]
        self.view_of = torch.tensor(numbers, device=self.bank.device)
        tables = torch.tensor(list(views), device=self.bank.device)
        self.base = tables.sum(1)
        self.on_left, self.on_right = (tables[:, 1:] > 0).long().unbind(1)
        self.shows = torch.stack([self.on_left.amax(1), self.on_right.amax(1)])

    def codes(self, place: Tensor, left: Tensor, right: Tensor) -> Tensor:
        """(B, 3) float32: view, object on the left, on the right; 0 if out of sight.

        Equal codes are equal views.
        """
        view = self.view_of[place]
        shows = self.shows[:, view]
        return torch.stack([view, left * shows[0], right * shows[1]], 1).float()

    def render(self, codes: Tensor) -> Tensor:
        """(N, window, F) the views that (N, 3) codes stand for."""
        view, left, right = codes.long().unbind(1)
        # The tables hold the columns of object 0; others lie a multiple further on.
        columns = self.base[view]
        columns = columns + self.on_left[view] * (left * self.size).unsqueeze(1)
        columns = columns + self.on_right[view] * (right * self.size).unsqueeze(1)
        views: Tensor = self.bank.index_select(0, columns.flatten())
        return views.view(*columns.shape, -1)


def _span(length: int) -> range:
    """`length` positions around 0."""
    return range(-(length // 2), length - length // 2)


def _place(middle: int, length: int, first: int) -> Scene:
    """`length` columns of the bank, starting from `first`, around a position."""
    return {middle + at: first + n for n, at in enumerate(_span(length))}


def _view(scene: Scene, window: Sequence[int], ring: int) -> tuple[int, ...]:
    """Column of the bank at each position of the window."""
    columns = {at % ring: column for at, column in scene.items()}
    return tuple(columns.get(at % ring, BLANK) for at in window)
