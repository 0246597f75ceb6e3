"""A user's own task with pixels: small, and unlike the registered ones.

Imported by name ("flags:Flags"), in this and in other processes.
"""

from dataclasses import dataclass

import torch

from metarl.envs.task import Step, Task

COLOURS = torch.tensor([[250, 20, 60], [30, 240, 90], [10, 70, 200], [255, 255, 0]])
"""A flag's colour; the odd ones ask for the second answer."""
GROUND = 128


@dataclass(frozen=True, kw_only=True)
class FlagsParams:
    """What the experimenter sets."""

    width: int = 9
    """Width of the image in pixels."""
    height: int = 4
    """Height of the image in pixels."""
    negative: bool = False
    """Whether all colours are turned into their opposites."""
    longest: int = 4
    """Most trials an episode."""


class Flags(Task[FlagsParams]):
    """A flag at some place of the image, of some colour; each step is a trial.

    Observation: codes: place (columns from the left), colour.
    """

    params_type = FlagsParams
    event_names = ("flag",)
    state_names = ("place", "colour", "left", "row_choice", "row_right")
    noise_size = 3

    def __init__(self, num_envs=1, params=None, device="cpu"):
        super().__init__(num_envs, params, device)
        self.place = self.colour = self.left = torch.zeros(num_envs, dtype=torch.int64)
        self.row_choice = self.row_right = torch.zeros(num_envs)

    @property
    def observation_names(self):
        return ("place", "colour")

    @property
    def action_names(self):
        return ("even", "odd")

    @property
    def view_size(self):
        return self.params.width, self.params.height

    def render_views(self, observation):
        """A column of the flag's colour; the upper left edge is brighter."""
        place, colour = observation.long().unbind(1)
        width, height = self.view_size
        pixels = torch.full((len(place), width, height, 3), GROUND)
        pixels[torch.arange(len(place)), place] = COLOURS[colour].unsqueeze(1)
        pixels[:, : width // 2, 0] += 40
        pixels = pixels.clamp(0, 255)
        pixels = 255 - pixels if self.params.negative else pixels
        return pixels.to(torch.uint8)

    def reset(self, noise, *, options=None, where=None):
        self.check_options(options)
        where = self.always if where is None else where
        trials = 1 + (noise[:, 0] * self.params.longest).long()
        self.left = torch.where(where, trials, self.left)
        self._raise_flags(noise, where)
        return self.observation()

    def _raise_flags(self, noise, where):
        place = (noise[:, 1] * self.params.width).long()
        colour = (noise[:, 2] * len(COLOURS)).long()
        self.place = torch.where(where, place, self.place)
        self.colour = torch.where(where, colour, self.colour)

    def step(self, actions, noise):
        right = actions == self.colour % 2
        self.row_choice, self.row_right = actions.float(), right.float()
        self.left = self.left - 1
        self._raise_flags(noise, self.always)
        ended = self.always
        return Step(self.observation(), right.float(), self.left == 0, ended)

    def event(self):
        return self.place * 0

    def observation(self):
        return torch.stack([self.place, self.colour], 1).float()

    def trial_row(self):
        return {
            "choice": self.row_choice,
            "reward": self.row_right,
            "valid": self.always.float(),
            "correct": self.row_right,
            "forced": self.never.float(),
        }

    def hidden(self):
        return {}
