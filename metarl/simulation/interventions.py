"""Interventions on a policy's signals during a rollout."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from metarl.agents.config import NetworkConfig
from metarl.core.interventions import Intervention
from metarl.core.policy import SignalChange
from metarl.envs.task import Task

Variables = Mapping[str, Tensor]
"""Variables of a condition at one step: name -> (B,); NaN is blank."""
STEP_VARIABLES = ("event", "trial", "step", "action", "paid")
"""Variables in addition to the columns of the trial table."""


class Interventions:
    """Interventions of one test or training, for all environments of a task."""

    def __init__(
        self,
        interventions: Sequence[Intervention],
        task: Task[Any],
        *,
        units: int,
        noise: torch.Generator | None = None,
    ) -> None:
        """Parse the interventions.

        Args:
            interventions: changes of the network's signals.
            task: task of the rollout.
            units: number of units of the network.
            noise: source of noise; not the rollout's own, so that tests with and
                without interventions have the same random numbers.

        Raises:
            ValueError: an intervention does not fit the task or the network.
        """
        self.task, self.units, self.noise = task, units, noise
        self.all = list(interventions)
        self.words = {**task.categories, "event": task.event_names}
        self.words["action"] = task.action_names
        known = (*STEP_VARIABLES, *task.trial_row())
        for each in self.all:
            if each.when is not None:
                each.when.check_names(known)
            if each.units is not None and max(each.units) >= units:
                raise ValueError(
                    f"units must be below {units}, the network's number of units, "
                    f"got {max(each.units)}"
                )
        self.targets = {each.target for each in self.all}
        self.trial = torch.zeros(task.num_envs, device=task.device)
        self.step = torch.zeros_like(self.trial)
        self.variables = self._at_start()
        for each in self.all:
            try:
                # Evaluated once now, so that an unknown word is refused at once.
                self._holds(each)
            except ArithmeticError as error:
                raise ValueError(
                    f"the condition cannot be evaluated ({error}): {each.when}"
                ) from None

    def check_feedback(self, feedback: str) -> None:
        """Raise ValueError if the RPE is a target but not an input."""
        if "rpe" in self.targets and feedback != "rpe":
            raise ValueError(
                "rpe must be the network's feedback to be changed, got feedback "
                f"{feedback}; train with a separate critic and feedback rpe"
            )

    def _at_start(self) -> Variables:
        """Variables at the start of an episode: no action, no reward, no trial."""
        blank = torch.full_like(self.trial, torch.nan)
        return self._variables(blank, blank, self.task.never)

    def _variables(
        self, action: Tensor, reward: Tensor, trial_ended: Tensor
    ) -> Variables:
        columns = self.task.trial_row().items()
        # Before it ends, the row of a trial is incomplete, or the last trial's.
        ended = {k: torch.where(trial_ended, v.float(), torch.nan) for k, v in columns}
        step = (self.task.event(), self.trial, self.step, action, reward)
        return ended | dict(zip(STEP_VARIABLES, step, strict=True))

    def observe(self, action: Tensor, reward: Tensor, trial_ended: Tensor) -> None:
        """Update the variables after a step.

        Args:
            action: (B,) action codes.
            reward: (B,) rewards that followed.
            trial_ended: (B,) bool.
        """
        self.step = self.step + 1
        self.trial = self.trial + trial_ended
        self.variables = self._variables(action, reward, trial_ended)

    def restart(self, terminated: Tensor) -> None:
        """Reset the variables where a new episode begins."""
        self.step = self.step.masked_fill(terminated, 0)
        self.trial = self.trial.masked_fill(terminated, 0)
        start = self._at_start()
        self.variables = {
            name: torch.where(terminated, start[name], now)
            for name, now in self.variables.items()
        }

    def _holds(self, each: Intervention) -> Tensor:
        """(B,) bool: whether the condition of an intervention holds now."""
        if each.when is None:
            return self.task.always
        holds: Tensor = each.when.holds(self.variables, self.words)
        return holds

    def reset(self) -> Tensor | None:
        """(B,) bool: whether the memory is reset now; None if it never is."""
        resets = [self._holds(each) for each in self.all if each.target == "memory"]
        return torch.stack(resets).any(0) if resets else None

    def changes(self) -> SignalChange:
        """Return the changes of the network's signals at the next step."""
        return SignalChange(rpe=self._linear("rpe"), units=self._linear("units"))

    def rpe_transform(self) -> tuple[Tensor, Tensor] | None:
        """(B,) factor and addition for the prediction error just revealed."""
        return self._linear("teaching")

    def _linear(self, target: str) -> tuple[Tensor, Tensor] | None:
        """Factor and addition, (B,) or for units (B, H), of all changes of a target.

        Changes are composed in the order of the sentences. Each of them is linear, so
        two tensors are enough for any number of them.
        """
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
        # Noise for all environments, also where the condition is false: the numbers
        # drawn do not depend on behaviour.
        noise = torch.randn(factor.shape, generator=self.noise, device=self.task.device)
        return factor, addition + amount * noise

    def state(self) -> dict[str, Any]:
        """Resumable state: tensors and plain values."""
        variables = {name: now.clone() for name, now in self.variables.items()}
        return {"trial": self.trial, "step": self.step, "variables": variables}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore a `state`."""
        self.trial, self.step = state["trial"], state["step"]
        self.variables = dict(state["variables"])


def make_interventions(
    interventions: Sequence[Intervention],
    task: Task[Any],
    network: NetworkConfig,
    noise: torch.Generator | None = None,
) -> Interventions | None:
    """Create the interventions on networks of one kind; None without sentences.

    The units of a separate critic are numbered after the actor's.
    """
    if not interventions:
        return None
    cores = 1 if network.critic == "shared" else 2
    return Interventions(interventions, task, units=cores * network.units, noise=noise)
