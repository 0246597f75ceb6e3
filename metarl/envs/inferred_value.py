"""Inferred value: the outcome after one cue implies the value of the other cue."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

import torch
from torch import Tensor

from metarl.core.checks import check_choice
from metarl.core.fields import Probability, check_fields, check_range
from metarl.envs.choice_task import ANY, CROSS, SQUARES, ChoiceTask
from metarl.envs.task import EPISODE, Symbol

CUES = ("A", "B")
"""Names of the cues; A instructs the left response, B the right one."""
CUE_COLOURS = ("deepskyblue", "orange")
"""Colour of each cue on the screen."""
GO_SCREEN = 3
"""Index of the go screen."""


@dataclass(frozen=True, kw_only=True)
class InferredValueParams:
    """Parameters of the inferred-value task; defaults follow Wang et al. 2018."""

    block_count: Annotated[int, EPISODE] = 10
    """Blocks per episode, at least 1; memory is kept from one to the next."""
    block_trials: Annotated[int, EPISODE] = 5
    """Trials per block, at least 1; an episode has at most 10,000 trials."""
    probability_switch: Probability = 0.5
    """Probability at the start of a block that the other cue becomes the rewarded
    one, in [0, 1]."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_fields(self)
        trials = self.block_count * self.block_trials
        check_range("block_count * block_trials", trials, EPISODE)


class InferredValue(ChoiceTask[InferredValueParams]):
    """Two cues instruct one response each; one cue, which may change, is rewarded.

    Observation: one-hot [fixation, cue A, cue B, go, outcome]. The go screen does not
        repeat the cue, and the outcome screen does not show the outcome.
    Actions: centre, left, right. Valid are centre at fixation, the instructed response
        at go (left after A, right after B), and any action at cue and outcome.
    Reward: for the response at go, 1 if the cue is the rewarded one and 0 if not; -1
        for an invalid response, and the trial goes on to its next step; no further
        reward after an invalid response at go.
    Episode end: terminates after `block_count` blocks of `block_trials` trials; never
        truncates.
    info["trial"]: choice (0 left, 1 right; missing unless it is the instructed one),
        reward (total of the trial), valid, correct (the response was the instructed
        one), forced (1: every response is instructed), cue (A, B), rewarded_cue (A, B),
        block, block_trial (from 0), switched (whether the rewarded cue changed at the
        start of this block; missing in the first block).
    Source: Wang et al. 2018, Nat Neurosci 21:860, Simulation 3, after Bromberg-Martin
        et al. 2010, J Neurophysiol 104:1068.
    Declared: the paper specifies neither the response to the cue, nor the screens at go
        and after it, nor the consequence of an invalid response; the rules above are
        ours. The rewarded cue of the first block, and the cue of each trial, are drawn
        with equal probability.
    Departs: the paper calls a block an episode, but compares it with the preceding
        block; therefore an episode here is a sequence of blocks, and memory is reset at
        its start.
    """

    params_type = InferredValueParams
    event_names = ("fixation", "cue", "go", "outcome")
    observation_names = ("fixation", "cue A", "cue B", "go", "outcome")
    screen_actions = (("centre",), ANY, ANY, ("left", "right"), ANY)
    categories = MappingProxyType({"cue": CUES, "rewarded_cue": CUES})
    state_names = (
        "trial",
        "phase",
        "rewarded_cue",
        "switched",
        "cue",
        "fixated",
        "responded",
        "trial_rewarded_cue",
        "trial_switched",
    )
    option_names = ("rewarded_cue",)

    def __init__(
        self,
        num_envs: int = 1,
        params: InferredValueParams | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Prepare `num_envs` environments."""
        super().__init__(num_envs, params, device)
        self.cue = self.trial_rewarded_cue = self.never
        self.switched = self.trial_switched = self.never
        codes = torch.arange(self.action_count, device=self.device)
        responses = self.left + torch.arange(len(CUES), device=self.device)
        self.valid_after_cue = codes == responses.unsqueeze(1)
        """(2, A) bool: valid actions at go after each cue."""

    @property
    def trial_count(self) -> int:
        """Trials per episode."""
        return self.params.block_count * self.params.block_trials

    def start_episode(self, noise: Tensor, options: Mapping[str, float]) -> None:
        """Draw the rewarded cue of the first block, or take it from the options."""
        self.rewarded_cue = noise[:, 0] < 0.5
        if "rewarded_cue" in options:
            check_choice("rewarded_cue", options["rewarded_cue"], (0, 1))
            cue = bool(options["rewarded_cue"])
            self.rewarded_cue = torch.full_like(self.rewarded_cue, cue)

    @property
    def responses(self) -> tuple[Callable[[Tensor, Tensor], Tensor], ...]:
        """For each of `event_names`, the method that takes the action there."""
        return (self.fixate, self._observe_cue, self.choose, self._end)

    def fixate(self, actions: Tensor, noise: Tensor) -> Tensor:
        """(B,) reward at fixation; draws the cue."""
        self.cue = noise[:, 0] < 0.5
        return super().fixate(actions, noise)

    def _observe_cue(self, actions: Tensor, noise: Tensor) -> Tensor:
        return self.never.float()

    def choose(self, actions: Tensor, noise: Tensor) -> Tensor:
        """(B,) reward of the instructed response."""
        self.responded = actions == self.left + self.cue.long()
        self.trial_rewarded_cue = self.rewarded_cue
        self.trial_switched = self.switched
        return self._rewarded().float() - (~self.responded).float()

    def _end(self, actions: Tensor, noise: Tensor) -> Tensor:
        if (self.trial + 1) % self.params.block_trials == 0:
            # The next block starts here, without a sign of it on the screen.
            self.switched = noise[:, 0] < self.params.probability_switch
            self.rewarded_cue = self.rewarded_cue ^ self.switched
        return self.never.float()

    def _rewarded(self) -> Tensor:
        """(B,) bool: whether the response of the trial was rewarded."""
        return self.responded & (self.cue == self.trial_rewarded_cue)

    def screen(self) -> int | Tensor:
        """Fixation, one of the two cues, go or outcome."""
        cue = self.event_names.index("cue")
        if self.phase == cue:
            return cue + self.cue.long()
        return self.phase + (self.phase > cue)

    def valid_actions(self) -> Tensor:
        """(B, A) bool: actions that are valid on the current screen, by the cue."""
        if self.event_names[self.phase] == "go":
            return self.valid_after_cue.index_select(0, self.cue.long())
        return super().valid_actions()

    def trial_row(self) -> dict[str, Tensor]:
        """The trial that just ended."""
        block, place = divmod(max(self.trial - 1, 0), self.params.block_trials)
        reward, switched = self._rewarded().float(), self.trial_switched.float()
        row = self.choice_row(
            self.cue, reward=reward, correct=self.responded, forced=self.always
        )
        return row | {
            "cue": self.cue.float(),
            "rewarded_cue": self.trial_rewarded_cue.float(),
            "block": torch.full_like(reward, block),
            "block_trial": torch.full_like(reward, place),
            "switched": switched if block else torch.full_like(reward, torch.nan),
        }

    def hidden(self) -> dict[str, Tensor]:
        """The present rewarded cue: 0 A, 1 B."""
        return {"rewarded_cue": self.rewarded_cue}

    def scene(self, env_index: int = 0) -> list[Symbol]:
        """A cross; the cue; the two sides of the response; the word outcome."""
        event = self.event_names[self.phase]
        if event == "fixation":
            return [CROSS]
        if event == "cue":
            cue = int(self.cue[env_index])
            return [Symbol("disc", 0.5, CUE_COLOURS[cue], CUES[cue])]
        if event == "go":
            return list(SQUARES)
        return [Symbol("text", 0.5, "white", event)]
