"""Recorder of a rollout: the trial table and the step recording."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metarl.agents.returns import prediction_errors_on_arrival, reward_prediction_error
from metarl.core.files import TRIAL_COLUMNS
from metarl.envs.task import Task
from metarl.simulation.rollout import Rollout, Transition, finite_rewards

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[Any]

CHUNK_STEPS = 64
"""Steps with random numbers drawn together, if the length of episodes varies."""
MOST_STEPS = 1_000_000
"""Steps of all environments with random numbers drawn together: some 30 MB."""
MOST_ROWS = 200_000
"""Rows of the trial table that are kept in memory."""


class Recorder:
    """Steps a rollout through a number of episodes, and records them.

    The r-th episode of environment b has number first_episode + r * num_envs + b.
    """

    def __init__(
        self,
        rollout: Rollout,
        *,
        episodes: int,
        record_episodes: int,
        subject: int,
        first_episode: int,
        discount: float,
    ) -> None:
        """Prepare; the first `record_episodes` episodes are recorded step by step."""
        self.rollout, self.task = rollout, rollout.task
        self.rollout.record_events = record_episodes > 0
        self.stop = first_episode + episodes
        self.record_stop = first_episode + min(record_episodes, episodes)
        self.record_envs = min(record_episodes, self.task.num_envs)
        self.subject, self.discount = subject, discount
        numbers = torch.arange(self.task.num_envs, device=self.task.device)
        self.episode = first_episode + numbers
        self.trial = torch.zeros_like(numbers)
        self.rows: list[dict[str, Tensor]] = []
        self.steps: list[dict[str, Tensor]] = []

    def run(self) -> "Iterator[pd.DataFrame]":
        """Step until all episodes have ended.

        Yields:
            Trial tables of successive episodes, so that not all are in memory.
        """
        length = self.task.episode_steps
        while not self.over:
            chunk = length * self._rounds_at_once(length) if length else CHUNK_STEPS
            for transition in self.rollout.run(chunk):
                finite_rewards(transition.rewards.unsqueeze(0))
                self._record_step(transition)
                self._record_trial(transition)
                self._count(transition)
                if not length and self.over:
                    break
            recorded = self.episode[: self.record_envs] >= self.record_stop
            self.rollout.record_events &= not bool(recorded.all())
            if len(self.rows) * self.task.num_envs >= MOST_ROWS or self.over:
                yield self._ended_trials()

    def _rounds_at_once(self, length: int) -> int:
        """Rounds of episodes of this length with random numbers drawn together."""
        envs = self.task.num_envs
        left = -(-(self.stop - int(self.episode[0])) // envs)
        return min(left, max(1, MOST_STEPS // (length * envs)))

    @property
    def over(self) -> bool:
        """Whether all episodes have ended."""
        return bool((self.episode >= self.stop).all())

    def _record_step(self, transition: Transition) -> None:
        if transition.event is None:
            return
        output = transition.output
        step = {
            "episode": self.episode,
            "trial": self.trial,
            "live": self.episode < self.record_stop,
            "last": transition.terminated,
            "event": transition.event,
            "observation": transition.observation,
            "action": transition.actions,
            "reward": transition.rewards,
            "value": output.value,
            "policy": output.logits.softmax(1),
            "units": output.units,
        }
        # Copied, as tasks and unrolls may reuse their tensors.
        count = self.record_envs
        self.steps.append({k: v[:count].clone() for k, v in step.items()})

    def _record_trial(self, transition: Transition) -> None:
        if not bool(transition.trial_ended.any()):
            return
        row = {name: value.clone() for name, value in self.task.trial_row().items()}
        # Environments continue until the last one is done; extra trials are dropped.
        ended = transition.trial_ended & (self.episode < self.stop)
        self.rows.append(
            {"ended": ended, "episode": self.episode, "trial": self.trial, **row}
        )

    def _count(self, transition: Transition) -> None:
        over = transition.terminated.long()
        self.trial = (self.trial + transition.trial_ended.long()) * (1 - over)
        self.episode = self.episode + over * self.task.num_envs

    def _ended_trials(self) -> "pd.DataFrame":
        """Trial table of the episodes before the first unfinished one; forget them."""
        unfinished = int(self.episode.min())
        table = stack(self.rows)
        ended = table["ended"] & (table["episode"] < unfinished)
        later = table["ended"] & ~ended
        self.rows = [
            {**row, "ended": torch.from_numpy(left).to(self.task.device)}
            for row, left in zip(self.rows, later, strict=True)
            if left.any()
        ]
        return trial_table(self.task, {**table, "ended": ended}, self.subject)

    def recording(self) -> dict[str, Array]:
        """Step recording: whole episodes, each with an `end` row."""
        if not self.record_envs:
            return {}
        steps = stack(self.steps)
        episodes = [
            self._episode({k: v[first:stop, env_index] for k, v in steps.items()})
            for env_index in range(self.record_envs)
            for first, stop in _spans(
                steps["last"][:, env_index], steps["live"][:, env_index]
            )
        ]
        episodes.sort(key=lambda rows: int(rows["episode"][0]))
        return {k: np.concatenate([e[k] for e in episodes]) for k in episodes[0]}

    def _episode(self, steps: dict[str, Array]) -> dict[str, Array]:
        """Rows of one episode, then `end`; errors are at the step that reveals them."""
        length = len(steps["reward"])
        # The value after the end of an episode is 0.
        values = np.append(steps["value"], np.float32(0))
        discounts = np.append(np.full(length - 1, self.discount, np.float32), 0)
        rpes = reward_prediction_error(
            *(
                torch.from_numpy(column.astype(np.float32)).unsqueeze(1)
                for column in (steps["reward"], values, discounts)
            )
        )
        end_event = len(self.task.event_names)
        return {
            "subject": np.full(length + 1, self.subject),
            "episode": _padded(steps["episode"], steps["episode"][-1]),
            "trial": _padded(steps["trial"], steps["trial"][-1]),
            "step": np.arange(length + 1),
            "event": _padded(steps["event"], end_event),
            "observation": _padded(steps["observation"], 0),
            "action": _padded(steps["action"], -1),
            "reward": _padded(steps["reward"], np.nan),
            "value": values,
            "rpe": prediction_errors_on_arrival(rpes).squeeze(1).numpy(),
            "policy": _padded(steps["policy"], np.nan),
            "units": _padded(steps["units"], np.nan),
        }


def stack(rows: list[dict[str, Tensor]]) -> dict[str, Array]:
    """(rows, B, ...) array of each column."""
    return {k: torch.stack([row[k] for row in rows]).cpu().numpy() for k in rows[0]}


def _padded(column: Array, value: float) -> Array:
    return np.concatenate([column, np.full_like(column[:1], value)])


def _spans(last: Array, live: Array) -> list[tuple[int, int]]:
    """First step and one past the last step of each episode of an environment."""
    stops = (np.flatnonzero(last & live) + 1).tolist()
    return list(zip([0, *stops[:-1]], stops, strict=True))


def trial_table(
    task: Task[Any], rows: dict[str, Array], subject: int
) -> "pd.DataFrame":
    """Trial table from (rows, B) columns; whole numbers except real columns."""
    import pandas as pd

    ended = rows.pop("ended")
    flat = {name: column[ended] for name, column in rows.items()}
    order = np.lexsort((flat["trial"], flat["episode"]))
    columns: dict[str, Any] = {"subject": np.full(len(order), subject), "session": 0}
    for name, column in flat.items():
        columns[name] = _coded(task, name, column[order])
    table = pd.DataFrame(columns)
    others = [name for name in table if name not in TRIAL_COLUMNS]
    return table[[*TRIAL_COLUMNS, *others]]


def _coded(task: Task[Any], name: str, column: Array) -> Any:
    """Words for categories, nullable whole numbers for codes, reals unchanged."""
    import pandas as pd

    if name in task.real_columns or column.dtype.kind in "iu":
        return column
    missing = np.isnan(column)
    _check_codes(task, name, column[~missing])
    codes = np.where(missing, -1, column).astype(np.int32)
    if name in task.categories:
        words = pd.Index(task.categories[name])
        return pd.Categorical.from_codes(codes, words)
    return pd.arrays.IntegerArray(codes, missing)


def _check_codes(task: Task[Any], name: str, values: Array) -> None:
    """Raise ValueError if a column has a value that its whole numbers cannot hold."""
    whole = (values == np.round(values)) & (np.abs(values) < 2**31)
    if not whole.all():
        raise ValueError(
            f"the trial column {name} must hold whole numbers, as it is not in "
            f"real_columns, got {values[~whole][0]!s}; name it in real_columns of "
            f"{type(task).__name__}"
        )
    words = task.categories.get(name)
    if words is not None and not np.isin(values, range(len(words))).all():
        raise ValueError(
            f"the trial column {name} must be a code of {', '.join(words)}, from 0, "
            f"got {values.min():g} to {values.max():g}"
        )
