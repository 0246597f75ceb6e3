"""Harlow's learning sets on a line: an object is a code of a few numbers."""

from dataclasses import dataclass
from functools import cache
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from metarl.core.checks import check_between
from metarl.core.fields import Range
from metarl.envs.harlow.learning_set import (
    TURNS_WHY,
    LearningSet,
    LearningSetParams,
    real_columns,
)
from metarl.envs.harlow.panorama import Columns, Geometry, Panorama
from metarl.envs.harlow.transitions import make_rules
from metarl.envs.task import Symbol

SEED = 19490156
"""Seed of the codes of the objects."""
CUE_COUNT = 3
"""Leading numbers of a code that describe the object in the trial table."""
TRIES = 1_000
"""Codes that are tried for each object before the search is given up."""
OBJECTS_WHY = "each code is compared with every other as they are drawn"
CODE_WHY = "every cell in view shows so many numbers"
DISTANCE_WHY = "no two codes are further apart"

Codes = np.ndarray[tuple[int, int], np.dtype[np.float32]]
"""(objects, numbers) codes of the objects."""


@dataclass(frozen=True, kw_only=True)
class HarlowLineParams(LearningSetParams):
    """Parameters of the learning-set task on a line."""

    step_cap: int = 250
    """Largest number of decisions in an episode, at least 1."""
    ring: int = 17
    """Cells of a full circle, at least `cells`, more than twice `picture_turns`."""
    picture_turns: int = 3
    """Cells from the cross to either object, at least 1."""
    cells: Annotated[int, Range(3, 360, why=TURNS_WHY)] = 9
    """Cells in view, odd, 3 to `ring`."""
    object_count: Annotated[int, Range(4, 10_000, why=OBJECTS_WHY)] = 2_000
    """Number of objects, 4 to 10,000; the second half is held out of training."""
    code_size: Annotated[int, Range(CUE_COUNT, 100, why=CODE_WHY)] = 8
    """Length of the code of an object, 3 to 100."""
    code_distance: Annotated[float, Range(0, 20, why=DISTANCE_WHY)] = 0.8
    """Smallest distance between the codes of two objects, 0 to 20; two random codes
    of eight numbers are 2.3 apart."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        super().__post_init__()
        check_between("cells", self.cells, 3, self.ring)
        if self.cells % 2 == 0:
            raise ValueError(f"cells must be odd, got {self.cells}: gaze has a middle")


class HarlowLine(LearningSet[HarlowLineParams]):
    """Six trials with two new objects, each a code of eight numbers, on a ring.

    A cross must be held in the middle of the view; then two objects appear, and the one
    that gaze turns to is selected. The same object is rewarded in all six trials; sides
    are random on each.

    Observation: for each cell in view, from left to right: whether the cross is there
        (0 or 1), and the code of the object there ([-1, 1] each; zeros for none).
    Actions: left, right, stay.
    Reward: 0.2 for holding the cross, 1 for the target, -1 for the distractor.
    Episode end: terminates with the last selection, or after `step_cap` decisions;
        never truncates.
    info["trial"]: choice (0 left, 1 right; missing if the cap ended the trial), reward
        (total of the trial), valid, correct, forced, steps (decisions, including the
        preceding pause), target and distractor (numbers of the objects), target_left,
        replaced (the distractor is new on each trial), reversed, and the first three
        numbers of both codes.
    Source: Harlow 1949, Psychol Rev 56:51; Wang et al. 2018, Nat Neurosci 21:860,
        Simulation 5, without its pictures.
    Declared: objects are 2,000 random codes with a smallest distance between any two; a
        code is never that of the cross or of an empty cell. The objects of different
        problems are drawn independently.
    """

    params_type = HarlowLineParams
    observation_range = (-1.0, 1.0)
    cue_names = ("code1", "code2", "code3")
    real_columns = real_columns(cue_names)

    def __init__(
        self,
        num_envs: int = 1,
        params: HarlowLineParams | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Prepare `num_envs` environments."""
        p = HarlowLineParams() if params is None else params
        device = torch.device(device)
        codes = make_codes(p.object_count, p.code_size, p.code_distance)
        super().__init__(
            num_envs,
            p,
            device,
            panorama=_panorama(p, device),
            cues=torch.from_numpy(codes[:, :CUE_COUNT].copy()),
        )
        self.features = torch.from_numpy(codes.copy()).to(self.device)

    @property
    def observation_names(self) -> tuple[str, ...]:
        """Names of the entries, cell by cell, from left to right."""
        half = self.params.cells // 2
        marks = ("cross", *(f"code{n}" for n in range(1, self.params.code_size + 1)))
        return tuple(
            f"{mark}@{at:+d}" for at in range(-half, half + 1) for mark in marks
        )

    def observation(self) -> Tensor:
        """(B, O): the cells in view."""
        return self.panorama.render(self.codes()).flatten(1)

    def scene(self, env_index: int = 0) -> list[Symbol]:
        """The cells in view; gaze is in the middle."""
        view = self.panorama.render(self.codes()[env_index : env_index + 1])[0]
        symbols = []
        for cell, column in enumerate(view):
            x = (cell + 0.5) / len(view)
            if column[0]:
                symbols.append(Symbol("cross", x, "red"))
            elif bool(column.any()):
                levels = (255 * (column[1 : 1 + CUE_COUNT] + 1) / 2).int().tolist()
                colour = "#{:02x}{:02x}{:02x}".format(*levels)
                symbols.append(Symbol("square", x, colour))
        return symbols


@cache
def make_codes(object_count: int, code_size: int, code_distance: float) -> Codes:
    """Draw the codes of the objects, the same in every process.

    Args:
        object_count: number of objects.
        code_size: length of a code.
        code_distance: smallest distance between two codes.

    Returns:
        (object_count, code_size) in [-1, 1].

    Raises:
        ValueError: so many codes at this distance were not found.
    """
    generator = np.random.default_rng(SEED)
    codes = np.empty((object_count, code_size), np.float32)
    for number in range(object_count):
        for _ in range(TRIES):
            code = generator.uniform(-1, 1, (1, code_size)).astype(np.float32)
            away = np.linalg.norm(codes[:number] - code, axis=1)
            if (away >= code_distance).all():
                break
        else:
            raise ValueError(
                f"code_distance must leave room for {object_count} codes of "
                f"{code_size} numbers, got {code_distance!r}; choose a smaller one"
            )
        codes[number] = code[0]
    return codes


def _panorama(p: HarlowLineParams, device: torch.device) -> Panorama:
    """Return the panorama of a world; tasks with equal parameters share it."""
    world = p.ring, p.hold, p.pause, p.select_turns
    return _cached_panorama(
        world,
        (p.object_count, p.code_size, p.code_distance),
        Geometry(p.cells, 1, p.picture_turns, p.ring),
        device,
    )


@cache
def _cached_panorama(
    world: tuple[int, int, int, int],
    codes: tuple[int, int, float],
    geometry: Geometry,
    device: torch.device,
) -> Panorama:
    # The tables are read one entry at a time, which is slow on a GPU.
    rules = make_rules(*world, torch.device("cpu"))
    objects = torch.from_numpy(make_codes(*codes)).to(device)
    cross = torch.eye(1, objects.shape[1] + 1, device=device)
    objects = torch.nn.functional.pad(objects, (1, 0)).unsqueeze(1)
    columns = Columns(torch.zeros_like(cross[0]), cross, objects)
    return Panorama(rules.event, rules.gaze, columns, geometry)
