"""Harlow's learning sets from pixels: a window on a wide scene with pictures."""

from dataclasses import dataclass
from functools import cache
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metarl.core.checks import check_at_least, check_between
from metarl.core.fields import Range
from metarl.envs.harlow.learning_set import LearningSet, LearningSetParams, real_columns
from metarl.envs.harlow.panorama import Columns, Geometry, Panorama
from metarl.envs.harlow.pictures import BACKGROUND, mean_colours, picture_bank
from metarl.envs.harlow.transitions import CHOICE, FIXATION, make_rules
from metarl.envs.task import Symbol

RED = (255, 0, 0)
"""Colour of the cross."""
DIMMED = 0.4
"""Brightness, in a drawing, of the part of the scene outside the view."""

PIXELS_WHY = "all pictures are held in memory at the height of the view"
TURN_WHY = "a turn would move everything out of the widest view"


@dataclass(frozen=True, kw_only=True)
class HarlowParams(LearningSetParams):
    """Parameters of the task from pixels; defaults follow Wang et al. 2018."""

    width: Annotated[int, Range(2, 256, why=PIXELS_WHY)] = 84
    """Width of the view in pixels, even, 2 to 256."""
    height: Annotated[int, Range(2, 256, why=PIXELS_WHY)] = 84
    """Height of the view in pixels, `picture_size` to 256."""
    picture_size: Annotated[int, Range(2, 128, why=PIXELS_WHY)] = 34
    """Width and height of a picture in pixels, even, 2 to 128."""
    turn_pixels: Annotated[int, Range(1, 256, why=TURN_WHY)] = 6
    """Pixels by which a turn moves the scene, 1 to 256."""
    pictures: str = ""
    """Folder with pictures of your own, half of them held out; of an odd number the
    last is left out; empty: drawn ones."""
    equalized: bool = False
    """Whether all pictures have the same mean colour."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        super().__post_init__()
        for name in ("width", "picture_size"):
            value = getattr(self, name)
            if value % 2:
                raise ValueError(f"{name} must be even, got {value}: it has no middle")
        check_at_least("height", self.height, self.picture_size)
        distance = self.picture_turns * self.turn_pixels
        check_at_least("picture_turns * turn_pixels", distance, self.picture_size // 2)
        room = self.ring * self.turn_pixels
        check_between("width", self.width, 2, room)
        check_at_least("ring * turn_pixels", room, 2 * distance + self.picture_size)


class Harlow(LearningSet[HarlowParams]):
    """Six trials with two new pictures, one rewarded, in a view that gaze moves.

    A red cross must be held in the middle of the view; then two pictures appear, and
    the one that gaze turns to is selected. The same picture is rewarded in all six
    trials; sides are random on each.

    Observation: codes of the view: view, picture on the left, picture on the right (0
        if out of sight); `render_views` returns the pixels, which the Gymnasium
        environments show: (height, width, 3) red, green, blue, 0 to 255.
    Actions: left, right, stay; a turn is about 4.6 degrees (6 of 84 pixels, which span
        65 degrees).
    Reward: 0.2 for holding the cross, 1 for the target, -1 for the distractor.
    Episode end: terminates with the last selection, or after `step_cap` decisions;
        never truncates.
    info["trial"]: choice (0 left, 1 right; missing if the cap ended the trial), reward
        (total of the trial), valid, correct, forced, steps (decisions, including the
        preceding pause), target and distractor (numbers of the pictures), target_left,
        replaced (the distractor is new on each trial), reversed, and the mean colours
        of both pictures, in [0, 1].
    Source: Harlow 1949, Psychol Rev 56:51; Wang et al. 2018, Nat Neurosci 21:860,
        Simulation 5.
    Departs: the paper's scene is three-dimensional, with photographs as pictures; here
        a flat panorama turns, without momentum, and pictures are drawn. A decision is
        four of the paper's steps, as its action repeat: at most 900 decisions per
        episode, one to hold the cross, and a pause of 3 for its 2.5.
    Declared: gaze starts at most 6 turns from the cross. The two pictures of a problem
        are drawn independently of other problems, so that one of the half a million
        pairs may occur twice; no memory outlasts a problem.
    """

    params_type = HarlowParams
    observation_range = (0.0, float(2**20))
    cue_names = ("red", "green", "blue")
    real_columns = real_columns(cue_names)

    def __init__(
        self,
        num_envs: int = 1,
        params: HarlowParams | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Prepare `num_envs` environments."""
        p = HarlowParams() if params is None else params
        device = torch.device(device)
        bank = picture_bank(p.picture_size, folder=p.pictures, equalized=p.equalized)
        cues = torch.from_numpy(mean_colours(bank))
        scene = _panorama(
            (p.ring, p.hold, p.pause, p.select_turns, device),
            (p.picture_size, p.pictures, p.equalized),
            p.width,
            p.height,
            p.turn_pixels,
            p.picture_turns,
        )
        super().__init__(num_envs, p, device, panorama=scene, cues=cues)

    @property
    def observation_names(self) -> tuple[str, ...]:
        """Names of the codes."""
        return ("view", "left", "right")

    @property
    def view_size(self) -> tuple[int, int] | None:
        """Width and height of the view, in pixels."""
        return self.params.width, self.params.height

    def observation(self) -> Tensor:
        """(B, 3): codes of the current view."""
        return self.codes()

    def render_views(self, observation: Tensor) -> Tensor:
        """(N, W, H, 3) uint8 pixels, column by column, of (N, 3) observations."""
        views = self.panorama.render(observation)
        return views.view(*views.shape[:2], self.params.height, 3)

    def scene(self, env_index: int = 0) -> list[Symbol]:
        """Symbols in view, gaze in the middle; a picture shows its number."""
        event, p = int(self.event()[env_index]), self.params
        if event == FIXATION:
            size = len(draw_cross(p.height, self.device))
            return [
                Symbol("cross", x, "red") for x in self._in_view(env_index, 0, size)
            ]
        if event != CHOICE:
            return []
        pictures = (
            (-p.picture_turns, int(self.left[env_index])),
            (p.picture_turns, int(self.right[env_index])),
        )
        return [
            Symbol("square", x, self._colour(number), str(number))
            for turns, number in pictures
            for x in self._in_view(env_index, turns, p.picture_size)
        ]

    def _in_view(self, env_index: int, turns: int, size: int) -> list[float]:
        """Position in the view, from 0 to 1, of an object; empty if out of sight."""
        p = self.params
        away = turns - int(self.gaze[env_index])
        away = (away + p.ring // 2) % p.ring - p.ring // 2
        pixels = away * p.turn_pixels
        if abs(pixels) >= (p.width + size) / 2:
            return []
        return [min(max(0.5 + pixels / p.width, 0.0), 1.0)]

    def _colour(self, picture: int) -> str:
        levels = (255 * self.cues[picture]).int().tolist()
        return "#{:02x}{:02x}{:02x}".format(*levels)

    def drawing(self, env_index: int = 0) -> NDArray[np.uint8]:
        """The scene around the cross; the view is bright, and marked at its middle.

        It is as wide as all views together from which an episode may start.
        """
        p, gaze = self.params, int(self.gaze[env_index])
        turns = min(max(p.start_turns, p.picture_turns), (p.ring - 1) // 2)
        scene = self._scene_around(env_index, turns)
        middle = turns * p.turn_pixels + p.width // 2
        at = middle + gaze * p.turn_pixels
        places = np.arange(len(scene)) - (at - p.width // 2)
        dim = places % (p.ring * p.turn_pixels) >= p.width
        scene[dim] = (DIMMED * scene[dim]).astype(np.uint8)
        edge = max(1, p.height // 12)
        strip = np.pad(scene.swapaxes(0, 1), ((edge, edge), (0, 0), (0, 0)))
        mark = min(max(at, 1), len(scene) - 1)
        strip[:edge, mark - 1 : mark + 1] = strip[-edge:, mark - 1 : mark + 1] = 255
        return strip

    def _scene_around(self, env_index: int, turns: int) -> NDArray[np.uint8]:
        """(columns, H, 3) union of the views up to `turns` turns on either side."""
        p = self.params
        around = torch.arange(-turns, turns + 1, device=self.device) % p.ring
        place = self.place[env_index] // p.ring * p.ring + around
        left = self.left[env_index].expand_as(place)
        right = self.right[env_index].expand_as(place)
        codes = self.panorama.codes(place, left, right)
        views = self.render_views(codes).cpu().numpy()
        length = 2 * turns * p.turn_pixels + p.width
        scene = np.full((length, p.height, 3), BACKGROUND, np.uint8)
        for k, view in enumerate(views):
            scene[k * p.turn_pixels :][: p.width] = view
        return scene


@cache
def _panorama(
    rules: tuple[int, int, int, int, torch.device],
    bank: tuple[int, str, bool],
    width: int,
    height: int,
    turn: int,
    picture_turns: int,
) -> Panorama:
    device, ring = rules[-1], rules[0]
    # The tables are read one entry at a time, which is slow on a GPU.
    tables = make_rules(*rules[:-1], torch.device("cpu"))
    size, folder, equalized = bank
    pictures = torch.from_numpy(
        picture_bank(size, folder=folder, equalized=equalized).copy()
    ).to(device)
    # Pictures are centred vertically, and stored column by column like the views.
    above = (height - size) // 2
    columns = pictures.new_full((len(pictures), size, height, 3), BACKGROUND)
    columns[:, :, above : above + size] = pictures.transpose(1, 2)
    blank = columns.new_full((height * 3,), BACKGROUND)
    cross = draw_cross(height, device).flatten(1)
    return Panorama(
        tables.event,
        tables.gaze,
        Columns(blank, cross, columns.flatten(2)),
        Geometry(width, turn, picture_turns * turn, ring * turn),
    )


def draw_cross(height: int, device: torch.device) -> Tensor:
    """(c, H, 3) columns of a red cross in the middle of a screen of this height."""
    size = max(2, height // 6 * 2)
    bar = max(1, size // 8) * 2
    columns = torch.full((size, height, 3), BACKGROUND, dtype=torch.uint8)
    colour = torch.tensor(RED, dtype=torch.uint8)
    top, inset = (height - size) // 2, (size - bar) // 2
    columns[inset : inset + bar, top : top + size] = colour
    columns[:, top + inset : top + inset + bar] = colour
    return columns.to(device)
