"""Harlow's learning sets on a line: things are a few numbers each."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from metarl.core.checks import check_at_least, check_between
from metarl.envs.harlow.learning_set import LearningSet, LearningSetParams, real_columns
from metarl.envs.harlow.panorama import Columns, Geometry, Panorama
from metarl.envs.harlow.transitions import make_rules
from metarl.envs.task import Symbol

THINGS = 2_000
"""Things there are; the second half is held out of training."""
CODE_SIZE = 8
"""Numbers that describe a thing."""
SEED = 19490156
"""Draws the things."""
CLOSEST = 0.8
"""Least distance between two things' codes; those of two random ones are 2.3 apart."""


@dataclass(frozen=True, kw_only=True)
class HarlowLineParams(LearningSetParams):
    """What the experimenter sets."""

    step_cap: int = 250
    """Decisions after which an episode ends, at least 1."""
    ring: int = 17
    """Cells all the way round, at least `cells`, more than twice `picture_turns`."""
    picture_turns: int = 3
    """Cells from the cross to either thing, at least 1."""
    cells: int = 9
    """Cells that are seen at once, odd, at least 3."""

    def __post_init__(self) -> None:
        """Refuse a view without a middle, or wider than the world."""
        super().__post_init__()
        check_at_least("cells", self.cells, 3)
        check_between("cells", self.cells, 3, self.ring)
        if self.cells % 2 == 0:
            raise ValueError(f"cells must be odd, got {self.cells}: gaze has a middle")


class HarlowLine(LearningSet[HarlowLineParams]):
    """Six trials with two new things, each a code of eight numbers, on a ring of cells.

    A cross must be held in the middle of the view; then two things appear, and the one
    that gaze turns to is selected. Which of the two pays stays the same for the six
    trials; sides are random on each.

    Observation: for each cell in view, from left to right: whether the cross is there
        (0 or 1), and the code of the thing there ([-1, 1] each; zeros for none).
    Actions: left, right, stay.
    Reward: 0.2 when the cross was held, 1 for the thing that pays, -1 for the other.
    Episode end: terminates with the last selection, or after `step_cap` decisions;
        never truncates.
    info["trial"]: choice (0 left, 1 right; missing where the cap ended the trial),
        reward (all that the trial paid), valid, correct, forced, steps (decisions, the
        pause before included), target and distractor (numbers of the things),
        target_left, replaced (the distractor is new on each trial), reversed, and the
        first three numbers of both codes.
    Source: Harlow 1949, Psychol Rev 56:51; Wang et al. 2018, Nat Neurosci 21:860,
        Simulation 5, without its pictures.
    Declared: things are 2,000 random codes, no two of them close; a code is never that
        of the cross or of an empty cell. Two draws of a problem are independent.
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
        """Prepare `num_envs` subjects."""
        p = HarlowLineParams() if params is None else params
        device = torch.device(device)
        codes = make_codes()
        super().__init__(
            num_envs,
            p,
            device,
            panorama=_panorama(
                p.ring,
                p.hold,
                p.pause,
                p.select_turns,
                p.picture_turns,
                p.cells,
                device,
            ),
            cues=torch.from_numpy(codes[:, :3].copy()),
        )

    @property
    def observation_names(self) -> tuple[str, ...]:
        """Cell by cell, from left to right."""
        half = self.params.cells // 2
        marks = ("cross", *(f"code{n}" for n in range(1, CODE_SIZE + 1)))
        return tuple(
            f"{mark}@{at:+d}" for at in range(-half, half + 1) for mark in marks
        )

    def observation(self) -> Tensor:
        """(B, O): what the task shows now."""
        return self.panorama.look(self.codes()).flatten(1)

    def scene(self, env_index: int = 0) -> list[Symbol]:
        """The cells in view; gaze is in the middle."""
        seen = self.panorama.look(self.codes()[env_index : env_index + 1])[0]
        symbols = []
        for cell, column in enumerate(seen):
            x = (cell + 0.5) / len(seen)
            if column[0]:
                symbols.append(Symbol("cross", x, "red"))
            elif bool(column.any()):
                shown = (255 * (column[1:4] + 1) / 2).int().tolist()
                symbols.append(
                    Symbol("square", x, "#{:02x}{:02x}{:02x}".format(*shown))
                )
        return symbols


@cache
def make_codes() -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """(THINGS, CODE_SIZE) in [-1, 1], no two closer than CLOSEST."""
    generator = np.random.default_rng(SEED)
    kept = np.empty((0, CODE_SIZE), np.float32)
    while len(kept) < THINGS:
        code = generator.uniform(-1, 1, (1, CODE_SIZE)).astype(np.float32)
        if not len(kept) or np.linalg.norm(kept - code, axis=1).min() >= CLOSEST:
            kept = np.concatenate([kept, code])
    return kept


@cache
def _panorama(
    ring: int,
    hold: int,
    pause: int,
    select_turns: int,
    picture_turns: int,
    cells: int,
    device: torch.device,
) -> Panorama:
    # Places are read one by one, which the device that views live on may not like.
    rules = make_rules(ring, hold, pause, select_turns, torch.device("cpu"))
    codes = torch.from_numpy(make_codes()).to(device)
    cross = torch.eye(1, CODE_SIZE + 1, device=device)
    things = torch.nn.functional.pad(codes, (1, 0)).unsqueeze(1)
    return Panorama(
        rules.event,
        rules.gaze,
        Columns(torch.zeros_like(cross[0]), cross, things),
        Geometry(cells, 1, picture_turns, ring),
    )
