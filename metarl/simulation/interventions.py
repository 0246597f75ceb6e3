"""Does what a `Intervention` says, while the stepping loop runs."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from metarl.agents.config import NetworkConfig
from metarl.core.interventions import Intervention
from metarl.core.policy import SignalChange
from metarl.envs.task import Task

Facts = Mapping[str, Tensor]
"""What a condition may ask at one step: name -> (B,); NaN is blank."""
OWN_FACTS = ("event", "trial", "step", "action", "paid")
"""Facts besides the columns of the trial table."""


class Interventions:
    """The interventions of one test or training, ready for a task's lanes."""

    def __init__(
        self,
        interventions: Sequence[Intervention],
        task: Task[Any],
        *,
        units: int,
        noise: torch.Generator | None = None,
    ) -> None:
        """Read the interventions; ValueError where one does not fit.

        Args:
            interventions: changes of the network's signals.
            task: what is stepped.
            units: units of the network.
            noise: source of noise; never the stepping loop's own, so that a test with
                and one without intervention meet the same random numbers.
        """
        self.task, self.units, self.noise = task, units, noise
        self.all = list(interventions)
        self.words = {**task.categories, "event": task.event_names}
        self.words["action"] = task.action_names
        known = (*OWN_FACTS, *task.trial_row())
        for each in self.all:
            if each.when is not None:
                each.when.check_names(known)
            if each.units is not None and max(each.units) >= units:
                raise ValueError(
                    f"units must be below {units}, the network's, got {max(each.units)}"
                )
        self.targets = {each.target for each in self.all}
        self.trial = torch.zeros(task.num_envs, device=task.device)
        self.step = torch.zeros_like(self.trial)
        self.facts = self._opening()
        for each in self.all:
            try:
                self._holds(each)  # a word that is none of its name's is refused now
            except ArithmeticError as error:
                raise ValueError(
                    f"a condition cannot be reckoned ({error}): {each.when}"
                ) from None

    def check_feedback(self, feedback: str) -> None:
        """Raise ValueError where an error is changed that the network is not told."""
        if "rpe" in self.targets and feedback != "rpe":
            raise ValueError(
                "rpe can be manipulated where it is the network's feedback, got "
                f"feedback {feedback}; train with a separate critic and feedback rpe"
            )

    def _opening(self) -> Facts:
        nothing = torch.full_like(self.trial, torch.nan)
        return self._facts(nothing, nothing, self.task.never)

    def _facts(self, action: Tensor, paid: Tensor, trial_ended: Tensor) -> Facts:
        row = self.task.trial_row().items()
        ended = {k: torch.where(trial_ended, v.float(), torch.nan) for k, v in row}
        own = (self.task.event(), self.trial, self.step, action, paid)
        return ended | dict(zip(OWN_FACTS, own, strict=True))

    def look(self, action: Tensor, paid: Tensor, trial_ended: Tensor) -> None:
        """See what a step led to: (B,) action, its reward, where a trial ended."""
        self.step = self.step + 1
        self.trial = self.trial + trial_ended
        self.facts = self._facts(action, paid, trial_ended)

    def restart(self, terminated: Tensor) -> None:
        """A new episode has begun in some lanes: nothing is known there but that."""
        self.step = self.step.masked_fill(terminated, 0)
        self.trial = self.trial.masked_fill(terminated, 0)
        fresh = self._opening()
        self.facts = {
            name: torch.where(terminated, fresh[name], now)
            for name, now in self.facts.items()
        }

    def _holds(self, each: Intervention) -> Tensor:
        """(B,) bool: where it is done now."""
        if each.when is None:
            return self.task.always
        found: Tensor = each.when.holds(self.facts, self.words)
        return found

    def reset(self) -> Tensor | None:
        """(B,) bool: where the memory is cleared now; None if it never is."""
        found = [self._holds(each) for each in self.all if each.target == "memory"]
        return torch.stack(found).any(0) if found else None

    def changes(self) -> SignalChange:
        """What is done to the signals of the next decision."""
        return SignalChange(rpe=self._linear("rpe"), units=self._linear("units"))

    def rpe_transform(self) -> tuple[Tensor, Tensor] | None:
        """(B,) factor and addition for the prediction error just revealed."""
        return self._linear("teaching")

    def _linear(self, target: str) -> tuple[Tensor, Tensor] | None:
        """Factor and addition, (B,) or for units (B, H), of all that is done to it."""
        if target not in self.targets:
            return None
        num_envs = self.task.num_envs
        size = (num_envs, self.units) if target == "units" else (num_envs,)
        factor = torch.ones(size, device=self.task.device)
        addition = torch.zeros_like(factor)
        for each in self.all:
            if each.target == target:
                where = self._where(each, factor)
                new_factor, new_addition = self._apply(each, factor, addition)
                factor = torch.where(where, new_factor, factor)
                addition = torch.where(where, new_addition, addition)
        return factor, addition

    def _where(self, each: Intervention, like: Tensor) -> Tensor:
        holds = self._holds(each)
        if like.dim() == 1:
            return holds
        chosen = torch.zeros(self.units, dtype=torch.bool, device=like.device)
        chosen[slice(None) if each.units is None else list(each.units)] = True
        return holds.unsqueeze(1) & chosen

    def _apply(
        self, each: Intervention, factor: Tensor, addition: Tensor
    ) -> tuple[Tensor, Tensor]:
        amount = each.amount
        if each.operation == "set":
            return torch.zeros_like(factor), torch.full_like(addition, amount)
        if each.operation == "add":
            return factor, addition + amount
        if each.operation == "scale":
            return factor * amount, addition * amount
        drawn = torch.randn(factor.shape, generator=self.noise, device=self.task.device)
        return factor, addition + amount * drawn

    def state(self) -> dict[str, Any]:
        """Everything needed to go on later."""
        facts = {name: now.clone() for name, now in self.facts.items()}
        return {"trial": self.trial, "step": self.step, "facts": facts}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`."""
        self.trial, self.step = state["trial"], state["step"]
        self.facts = dict(state["facts"])


def make_interventions(
    interventions: Sequence[Intervention],
    task: Task[Any],
    network: NetworkConfig,
    noise: torch.Generator | None = None,
) -> Interventions | None:
    """The experimenter's hand on networks of one kind; None where it does nothing.

    A critic of its own has its own units, which are numbered after the actor's.
    """
    if not interventions:
        return None
    cores = 1 if network.critic == "shared" else 2
    return Interventions(interventions, task, units=cores * network.units, noise=noise)
