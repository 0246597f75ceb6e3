"""Harlow's learning sets from pixels: a scene with pictures, seen through a window."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metarl.core.checks import check_at_least, check_between
from metarl.envs.harlow.learning_set import LearningSet, LearningSetParams, real_columns
from metarl.envs.harlow.panorama import Columns, Geometry, Panorama
from metarl.envs.harlow.pictures import mean_colours, picture_bank
from metarl.envs.harlow.transitions import CHOICE, FIXATION, make_rules
from metarl.envs.task import Symbol

BACKGROUND = 128
"""Grey level of the empty screen."""
RED = (255, 0, 0)
"""Colour of the cross."""
DIMMED = 0.4
"""Part of its brightness that a drawing gives to what gaze does not see."""


@dataclass(frozen=True, kw_only=True)
class HarlowParams(LearningSetParams):
    """What the experimenter sets; defaults follow Wang et al. 2018."""

    width: int = 84
    """Width of the retina in pixels, even, at least 2."""
    height: int = 84
    """Height of the retina in pixels, at least `picture_size`."""
    picture_size: int = 34
    """Width and height of a picture in pixels, even, at least 2."""
    turn_pixels: int = 6
    """Pixels by which a turn moves the scene, at least 1."""
    pictures: str = ""
    """Folder with pictures of your own, half of them held out; none: drawn ones."""
    equalized: bool = False
    """Whether all pictures have the same mean colour."""

    def __post_init__(self) -> None:
        """Refuse a scene that cannot be put on the retina."""
        super().__post_init__()
        for name in ("width", "picture_size"):
            value = getattr(self, name)
            check_at_least(name, value, 2)
            if value % 2:
                raise ValueError(f"{name} must be even, got {value}: it has no middle")
        check_at_least("height", self.height, self.picture_size)
        check_at_least("turn_pixels", self.turn_pixels, 1)
        distance = self.picture_turns * self.turn_pixels
        check_at_least("picture_turns * turn_pixels", distance, self.picture_size // 2)
        room = self.ring * self.turn_pixels
        check_between("width", self.width, 2, room)
        check_at_least("ring * turn_pixels", room, 2 * distance + self.picture_size)


class Harlow(LearningSet[HarlowParams]):
    """Six trials with two new pictures, one of which pays, seen through moving gaze.

    A red cross must be held in the middle of the view; then two pictures appear, and
    the one that gaze turns to is selected. Which of the two pays stays the same for the
    six trials; sides are random on each.

    Observation: what is seen, as codes: view, picture on the left, picture on the right
        (0 if out of sight); `render_views` gives the pixels, and so do the Gymnasium
        faces:
        (height, width, 3) red, green, blue, 0 to 255.
    Actions: left, right, stay; a turn is about 4.6 degrees (6 of 84 pixels, which span
        65 degrees).
    Reward: 0.2 when the cross was held, 1 for the picture that pays, -1 for the other.
    Episode end: terminates with the last selection, or after `step_cap` decisions;
        never truncates.
    info["trial"]: choice (0 left, 1 right; missing where the cap ended the trial),
        reward (all that the trial paid), valid, correct, forced, steps (decisions, the
        pause before included), target and distractor (numbers of the pictures),
        target_left, replaced (the distractor is new on each trial), reversed, and the
        mean colours of both pictures, in [0, 1].
    Source: Harlow 1949, Psychol Rev 56:51; Wang et al. 2018, Nat Neurosci 21:860,
        Simulation 5.
    Departs: the paper's scene is three-dimensional, its pictures photographs; here a
        flat panorama turns, without momentum, and pictures are drawn. A decision is
        four of the paper's steps, as its action repeat: 900 decisions an episode at
        most, one to hold the cross, and a pause of 3 for its 2.5.
    Declared: gaze starts at most 6 turns from the cross. The two pictures of a problem
        are drawn anew for each, so that of the half a million pairs one may come again;
        no memory outlasts a problem.
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
        """Prepare `num_envs` subjects."""
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
        """Width and height of what is seen, in pixels."""
        return self.params.width, self.params.height

    def observation(self) -> Tensor:
        """(B, 3): codes of what the task shows now."""
        return self.codes()

    def render_views(self, observation: Tensor) -> Tensor:
        """(N, W, H, 3) uint8 pixels, column by column, of (N, 3) observations."""
        seen = self.panorama.look(observation)
        return seen.view(*seen.shape[:2], self.params.height, 3)

    def scene(self, env_index: int = 0) -> list[Symbol]:
        """What is in view, gaze in the middle; a picture says its number."""
        event, p = int(self.event()[env_index]), self.params
        if event == FIXATION:
            size = len(draw_cross(p.height, self.device))
            return [
                Symbol("cross", x, "red") for x in self._in_view(env_index, 0, size)
            ]
        if event != CHOICE:
            return []
        things = (-p.picture_turns, self.left), (p.picture_turns, self.right)
        return [
            Symbol(
                "square",
                x,
                self._colour(int(which[env_index])),
                str(int(which[env_index])),
            )
            for turns, which in things
            for x in self._in_view(env_index, turns, p.picture_size)
        ]

    def _in_view(self, env_index: int, turns: int, size: int) -> list[float]:
        """Where in view a thing is, from 0 to 1; nothing where it is out of sight."""
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
        """The scene around the cross; bright where gaze sees it, marked at its middle.

        It is as wide as is seen from where an episode may start.
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
        """(columns, H, 3) what is seen from so many turns on either side, together."""
        p = self.params
        around = torch.arange(-turns, turns + 1, device=self.device) % p.ring
        place = self.place[env_index] // p.ring * p.ring + around
        there = (which[env_index].expand_as(place) for which in (self.left, self.right))
        views = self.render_views(self.panorama.codes(place, *there)).cpu().numpy()
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
    # Places are read one by one, which the device that views live on may not like.
    made = make_rules(*rules[:-1], torch.device("cpu"))
    size, folder, equalized = bank
    pictures = torch.from_numpy(
        picture_bank(size, folder=folder, equalized=equalized).copy()
    ).to(device)
    # Pictures stand in the middle of the screen's height, and column by column.
    above = (height - size) // 2
    columns = pictures.new_full((len(pictures), size, height, 3), BACKGROUND)
    columns[:, :, above : above + size] = pictures.transpose(1, 2)
    blank = columns.new_full((height * 3,), BACKGROUND)
    cross = draw_cross(height, device).flatten(1)
    return Panorama(
        made.event,
        made.gaze,
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
