"""Interchange of memory between problems of a learning set: a test of frozen networks.

Every problem runs through trial 1, up to its own first step of fixation in trial 2.
There it, the recipient, is given the memory of another problem, the donor, or a part of
it, and chooses between its own pictures. A choice that depends on the donor shows that
the interchanged part carries the memory of trial 1; the kind of dependence shows what
is remembered (`metarl.analysis.harlow.interchange`).

Declared: the memory is taken once the first fixation of trial 2 has been processed, so
that it holds the outcome of trial 1 even without a pause. From there all choices start
from one and the same state, with the same random numbers.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from torch import Tensor

from metarl.core.checks import check_at_least
from metarl.core.devices import uniform
from metarl.core.policy import Memory
from metarl.envs.harlow.learning_set import LearningSet
from metarl.envs.harlow.transitions import FIXATION
from metarl.envs.task import Task
from metarl.simulation.recorder import CHUNK_STEPS, stack, trial_table
from metarl.simulation.rollout import Rollout

if TYPE_CHECKING:
    import pandas as pd

LEAST_PROBLEMS = 4
"""Problems of two pairs: a recipient needs a donor with other pictures."""
LEAST_OBJECTS = 3
"""Objects from which a third one can be shown in trial 2."""


class Condition(NamedTuple):
    """One choice of every recipient in trial 2."""

    donor: str
    """none; opposite (the same two pictures, the other one rewarded); other (two other
    pictures); reversed (those of `other`, the other one rewarded)."""
    part: str
    """Part of the memory that the donor gives: none, hidden, cell or all."""
    shown: str
    """same (the recipient's two pictures); rewarded, unrewarded (that one of them, with
    a new picture)."""


class Paused(NamedTuple):
    """Problems after the first step of fixation in their second trials."""

    state: dict[str, Any]
    """State of the rollout, as from `Rollout.state`, with their memory."""
    reached: Tensor
    """(B,) bool: whether a problem got there before its step cap."""


def check_interchange(task: Task[Any]) -> None:
    """Raise ValueError unless memory can be interchanged in a task."""
    if not isinstance(task, LearningSet):
        raise ValueError(
            "the probe interchange needs a learning-set task (harlow or harlow-line), "
            f"got {type(task).__name__}; leave probe at none"
        )
    check_at_least(
        "trial_count, for the probe interchange,", task.params.trial_count, 2
    )
    for name in ("new_distractor", "reversal_after"):
        if value := getattr(task.params, name):
            raise ValueError(
                f"{name} must be 0 for the probe interchange, got {value!r}: both "
                "trials need the same two objects; set it to 0"
            )


def even_problems(count: int) -> int:
    """Number of problems in which at least so many can be recipients, in pairs."""
    return max(LEAST_PROBLEMS, count + count % 2)


def memory_parts(memory: Memory) -> dict[str, tuple[int, ...]]:
    """Name of each part of a memory -> indices of its tensors.

    hidden is the first tensor, the activity; cell the second of two, as in an LSTM, or
    both of each of two stacked LSTMs; all is the whole memory.
    """
    whole = tuple(range(len(memory)))
    if len(memory) in (2, 4):
        return {"hidden": whole[::2], "cell": whole[1::2], "all": whole}
    return {**({"hidden": (0,)} if memory else {}), "all": whole}


@torch.inference_mode()
def interchange(
    rollout: Rollout, *, subject: int = 0, first_episode: int = 0
) -> "pd.DataFrame":
    """Choices in trial 2 with memories of other problems.

    Problems 2k and 2k + 1 have the same two pictures, with opposite rewards; the donors
    with other pictures are of the next pair and of the one before.

    Args:
        rollout: rollout of the task and a policy before its first step; its task has an
            even number of at least `LEAST_PROBLEMS` environments.
        subject: number of the subject.
        first_episode: number of the first problem.

    Returns:
        Trial table of the second trials, a row a recipient and condition, without
        problems that ended in trial 1; `session` is the number of the condition. Then
        donor, part, shown (`Condition`); donor_target_left, donor_choice (codes of the
        donor's trial 1); difference1 ... and donor_difference1 ... (features of the
        rewarded object minus those of the other, of both problems).

    Source: the method of activation patching (Vig et al. 2020, NeurIPS 33:12388; Geiger
        et al. 2021, NeurIPS 34:9574, interchange interventions).
    """
    import pandas as pd

    _pair(rollout)
    rows, reached = _run_first_trials(rollout)
    changed = _shown(rollout, rows["task"])
    # Last, as new pictures must not depend on the random numbers of later steps.
    paused = Paused({**rollout.state(), **rows, "start": None}, reached)
    tables = [
        _second_trials(rollout, paused, condition, changed[condition.shown])
        for condition in _conditions(rollout.memory, changed)
    ]
    for number, table in enumerate(tables):
        table["session"] = number
        table["subject"] = subject
        table["episode"] += first_episode
    return pd.concat(tables, ignore_index=True)


def _conditions(memory: Memory, shown: Mapping[str, Any]) -> Iterator[Condition]:
    """The conditions, those with the recipient's own memory first."""
    for pictures in shown:
        yield Condition("none", "none", pictures)
    for donor in ("opposite", "other", "reversed"):
        for part in memory_parts(memory):
            yield Condition(donor, part, "same")


def _donors(donor: str, count: int, device: torch.device) -> Tensor:
    """(B,) number of the donor of each problem."""
    own = torch.arange(count, device=device)
    # Numbers 2k and 2k + 1 differ in their last bit. The two recipients of a pair have
    # donors of different pairs, as more pictures tell more of an order.
    other = (own + 2 - 4 * (own % 2)) % count
    return {"none": own, "opposite": own ^ 1, "other": other, "reversed": other ^ 1}[
        donor
    ]


def _pair(rollout: Rollout) -> None:
    """Give every second problem the pictures of the one before, with opposite rewards.

    The pictures do not show yet.
    """
    task = rollout.task
    state = task.state()
    partner = _donors("opposite", task.num_envs, task.device)
    second = partner < torch.arange(task.num_envs, device=task.device)
    target, distractor = state["target"], state["distractor"]
    state["target"] = torch.where(second, distractor[partner], target)
    state["distractor"] = torch.where(second, target[partner], distractor)
    task.load_state(state)
    rollout.observation = task.observation()


def _run_first_trials(rollout: Rollout) -> tuple[dict[str, Any], Tensor]:
    """Step until every problem has reached trial 2, or ended before.

    Returns:
        `_snapshot` of each problem after its first step of fixation in trial 2, and
        (B,) bool, whether it got there.
    """
    task = rollout.task
    rollout.record_events = True
    reached, ended = task.never, task.never
    paused = _snapshot(rollout)
    while not bool((reached | ended).all()):
        for transition in rollout.run(CHUNK_STEPS):
            ended = ended | (transition.terminated & ~reached)
            fixation = transition.event == FIXATION
            # After an early end a new problem begins, which does not count.
            now = fixation & (task.state()["trial"] == 1) & ~reached & ~ended
            if bool(now.any()):
                paused = _select(now, _snapshot(rollout), paused)
            reached = reached | now
            if bool((reached | ended).all()):
                break
    return paused, reached


def _snapshot(rollout: Rollout) -> dict[str, Any]:
    """The parts of a rollout's state that have one row per environment."""
    return {
        "task": rollout.task.state(),
        "memory": [part.clone() for part in rollout.memory],
        "observation": rollout.observation.clone(),
        "last_action": rollout.last_action.clone(),
        "last_reward": rollout.last_reward.clone(),
    }


def _select(where: Tensor, new: Any, old: Any) -> Any:
    """Nested tensors: the new rows where a condition holds, else the old ones."""
    if isinstance(new, dict):
        return {name: _select(where, new[name], old[name]) for name in new}
    if isinstance(new, list):
        return [_select(where, *pair) for pair in zip(new, old, strict=True)]
    return torch.where(where.view(-1, *[1] * (new.dim() - 1)), new, old)


def _shown(
    rollout: Rollout, state: Mapping[str, Tensor]
) -> dict[str, dict[str, Tensor]]:
    """Pictures of trial 2 -> the changes of the task's state that show them."""
    task = cast("LearningSet[Any]", rollout.task)
    shown: dict[str, dict[str, Tensor]] = {"same": {}}
    if task.half >= LEAST_OBJECTS:
        noise = uniform((task.num_envs,), rollout.generator, task.device)
        new = task.draw_objects(noise, state["target"], state["distractor"])
        shown["rewarded"] = {"distractor": new}
        shown["unrewarded"] = {"target": new}
    return shown


def _second_trials(
    rollout: Rollout, paused: Paused, condition: Condition, changed: dict[str, Tensor]
) -> "pd.DataFrame":
    """Trial table of the second trials in one condition."""
    task = cast("LearningSet[Any]", rollout.task)
    donors = _donors(condition.donor, task.num_envs, task.device)
    memory = list(paused.state["memory"])
    for part in memory_parts(tuple(memory)).get(condition.part, ()):
        memory[part] = memory[part][donors]
    rollout.load_state({**paused.state, "memory": memory})
    # The state holds the row of the last trial, which is now the first one.
    first = task.trial_row()
    task.load_state({**paused.state["task"], **changed})
    rollout.observation = task.observation()
    row = {
        "ended": paused.reached & paused.reached[donors],
        "episode": torch.arange(task.num_envs, device=task.device),
        "trial": torch.ones_like(donors),
        **_run_second_trials(rollout),
        "donor_target_left": first["target_left"][donors],
        "donor_choice": first["choice"][donors],
    }
    table = trial_table(task, stack([row]), 0).assign(**condition._asdict())
    target, distractor = (first[name].long() for name in ("target", "distractor"))
    difference = task.features[target] - task.features[distractor]
    return _with_features(table, difference, difference[donors])


def _run_second_trials(rollout: Rollout) -> dict[str, Tensor]:
    """Step until every environment has ended a trial; the rows of these trials."""
    task = rollout.task
    ended, row = task.never, task.trial_row()
    while not bool(ended.all()):
        for transition in rollout.run(CHUNK_STEPS):
            row = _select(transition.trial_ended & ~ended, task.trial_row(), row)
            ended = ended | transition.trial_ended
            if bool(ended.all()):
                break
    return row


def _with_features(
    table: "pd.DataFrame", own: Tensor, donors: Tensor
) -> "pd.DataFrame":
    """The table with a column for each feature of the recipient and of the donor."""
    rows = table["episode"].to_numpy()
    columns = {
        f"{name}{number}": values[rows]
        for name, part in (("difference", own), ("donor_difference", donors))
        for number, values in enumerate(part.T.cpu().numpy(), 1)
    }
    return table.assign(**columns)
