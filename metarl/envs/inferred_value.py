"""Inferred value: one cue's outcome tells what the other cue is now worth."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from metarl.core.checks import check_at_least, check_between, check_choice
from metarl.envs.task import LockstepTask, Step, Symbol

CUES = ("A", "B")
"""Names of the cues; A asks for the left response, B for the right one."""
CUE_COLOURS = ("deepskyblue", "orange")
"""Colour of each cue on the screen."""
CENTRE, LEFT = range(2)
"""Codes of the first actions; right follows left."""


@dataclass(frozen=True, kw_only=True)
class InferredValueParams:
    """What the experimenter sets; defaults follow Wang et al. 2018."""

    block_count: int = 10
    """Blocks per episode, at least 1; memory goes on from one to the next."""
    block_trials: int = 5
    """Trials per block, at least 1."""
    probability_switch: float = 0.5
    """Chance at a block's start that the other cue becomes the rewarded one, in
    [0, 1]."""

    def __post_init__(self) -> None:
        """Refuse what is no probability or no count."""
        check_at_least("block_count", self.block_count, 1)
        check_at_least("block_trials", self.block_trials, 1)
        check_between("probability_switch", self.probability_switch, 0, 1)


class InferredValue(LockstepTask[InferredValueParams]):
    """Two cues instruct a response each; one of them, which may change, is rewarded.

    Observation: one-hot [fixation, cue A, cue B, go, outcome]. The go screen does not
        repeat the cue, nor does the outcome screen tell the outcome.
    Actions: centre, left, right. Fixation takes centre; go takes the response that the
        cue asked for, left after A and right after B; cue and outcome take anything.
    Reward: for the response at go, 1 if the cue is the rewarded one and 0 if not; -1
        for an invalid response, and the trial goes on to its next step; after an
        invalid response at go nothing else is paid.
    Episode end: terminates after `block_count` blocks of `block_trials` trials; never
        truncates.
    info["trial"]: choice (0 left, 1 right; missing unless it is what the cue asked
        for), reward (all that the trial paid), valid, correct (the response was what
        the cue asked for), forced (1: every response is instructed), cue (A, B),
        rewarded_cue (A, B), block, block_trial (from 0), switched (whether the rewarded
        cue changed at this block's start; missing in the first block).
    Source: Wang et al. 2018, Nat Neurosci 21:860, Simulation 3, after Bromberg-Martin
        et al. 2010, J Neurophysiol 104:1068.
    Declared: the paper is silent on the response to the cue, on what the screen shows
        at go and after it, and on what follows an invalid response; the rules above are
        ours. The first block's rewarded cue, and each trial's cue, is either with equal
        chance.
    Departs: the paper calls a block an episode, yet compares it with the one before; so
        here an episode is a stream of blocks, and the memory is reset at its start.
    """

    params_type = InferredValueParams
    event_names = ("fixation", "cue", "go", "outcome")
    categories = MappingProxyType({"cue": CUES, "rewarded_cue": CUES})
    state_names = (
        "trial",
        "phase",
        "rewarded_cue",
        "switched",
        "cue",
        "fixated",
        "responded",
        "paid_cue",
        "paid_switched",
    )
    option_names = ("rewarded_cue",)

    def __init__(
        self,
        num_envs: int = 1,
        params: InferredValueParams | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Prepare `num_envs` subjects."""
        super().__init__(num_envs, params, device)
        self.screens = torch.eye(len(self.observation_names), device=self.device)
        self.fixated = self.responded = self.always
        self.rewarded_cue = self.paid_cue = self.cue = self.never
        self.switched = self.paid_switched = self.never

    @property
    def observation_names(self) -> tuple[str, ...]:
        """Names of the one-hot entries."""
        return ("fixation", "cue A", "cue B", "go", "outcome")

    @property
    def action_names(self) -> tuple[str, ...]:
        """Centre holds fixation; left and right answer the cues."""
        return ("centre", "left", "right")

    @property
    def trial_count(self) -> int:
        """Trials of an episode."""
        return self.params.block_count * self.params.block_trials

    def reset(
        self,
        noise: Tensor,
        *,
        options: Mapping[str, float] | None = None,
        where: Tensor | None = None,
    ) -> Tensor:
        """Start an episode; the first rewarded cue is drawn or fixed by the options."""
        chosen = self.check_options(options)
        self.start_all(where)
        self.rewarded_cue = noise[:, 0] < 0.5
        if "rewarded_cue" in chosen:
            check_choice("rewarded_cue", chosen["rewarded_cue"], (0, 1))
            fixed = bool(chosen["rewarded_cue"])
            self.rewarded_cue = torch.full_like(self.rewarded_cue, fixed)
        return self.observation()

    def step(self, actions: Tensor, noise: Tensor) -> Step:
        """Fixate, see the cue, answer it, and see that the trial is over."""
        respond = (self._fixate, self._watch, self._answer, self._end)[self.phase]
        return self.advance(respond(actions, noise))

    def _fixate(self, actions: Tensor, noise: Tensor) -> Tensor:
        self.fixated = actions == CENTRE
        self.cue = noise[:, 0] < 0.5
        return self.fixated.float() - 1

    def _watch(self, actions: Tensor, noise: Tensor) -> Tensor:
        return self.never.float()

    def _answer(self, actions: Tensor, noise: Tensor) -> Tensor:
        self.responded = actions == LEFT + self.cue.long()
        self.paid_cue, self.paid_switched = self.rewarded_cue, self.switched
        return self._rewarded().float() - (~self.responded).float()

    def _end(self, actions: Tensor, noise: Tensor) -> Tensor:
        if (self.trial + 1) % self.params.block_trials == 0:
            # The next block starts here, and nothing on the screen tells so.
            self.switched = noise[:, 0] < self.params.probability_switch
            self.rewarded_cue = self.rewarded_cue ^ self.switched
        return self.never.float()

    def _rewarded(self) -> Tensor:
        """(B,) bool: whether the trial's response was paid."""
        return self.responded & (self.cue == self.paid_cue)

    def observation(self) -> Tensor:
        """(B, 5): fixation, the cue, go or outcome."""
        cue = self.event_names.index("cue")
        if self.phase == cue:
            return self.screens.index_select(0, cue + self.cue.long())
        screen = self.phase + (self.phase > cue)
        return self.screens[screen].expand(self.num_envs, -1)

    def trial_row(self) -> dict[str, Tensor]:
        """The trial that just ended."""
        invalid = (~self.fixated).float() + (~self.responded).float()
        block, place = divmod(max(self.trial - 1, 0), self.params.block_trials)
        switched = self.paid_switched.float()
        return {
            "choice": torch.where(self.responded, self.cue.float(), torch.nan),
            "reward": self._rewarded().float() - invalid,
            "valid": (invalid == 0).float(),
            "correct": self.responded.float(),
            "forced": self.always.float(),
            "cue": self.cue.float(),
            "rewarded_cue": self.paid_cue.float(),
            "block": torch.full_like(invalid, block),
            "block_trial": torch.full_like(invalid, place),
            "switched": switched if block else torch.full_like(invalid, torch.nan),
        }

    def hidden(self) -> dict[str, Tensor]:
        """The cue that is now the rewarded one: 0 A, 1 B."""
        return {"rewarded_cue": self.rewarded_cue}

    def scene(self, env_index: int = 0) -> list[Symbol]:
        """A cross; the cue; the two places to answer at; the word that it is over."""
        event = self.event_names[self.phase]
        if event == "fixation":
            return [Symbol("cross", 0.5, "white")]
        if event == "cue":
            cue = int(self.cue[env_index])
            return [Symbol("disc", 0.5, CUE_COLOURS[cue], CUES[cue])]
        if event == "go":
            return [Symbol("square", 0.25, "white"), Symbol("square", 0.75, "white")]
        return [Symbol("text", 0.5, "white", event)]
