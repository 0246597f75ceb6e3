"""Frozen-weight evaluation: the network learns new problems while no weight changes."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from metarl.agents.networks.actor_critic import Network, attach_renderer, weights_hash
from metarl.core.checks import MetaRLError
from metarl.core.files import Recording, write_json, write_recording, write_table
from metarl.core.parallel import Interrupted, Reporter
from metarl.core.policy import Policy
from metarl.core.seeding import Purpose, stream_seed
from metarl.envs.registry import task_class
from metarl.envs.task import Task
from metarl.runs.checkpoint import check_fits
from metarl.runs.config import EvaluationConfig, RunConfig, change_params
from metarl.runs.folder import EvaluationFolder
from metarl.simulation.interventions import Interventions, make_interventions
from metarl.simulation.recorder import Recorder
from metarl.simulation.rollout import Rollout

if TYPE_CHECKING:
    import pandas as pd

BATCH_EPISODES = 500
"""Episodes stepped side by side."""
STREAMS = 20
"""Lanes when memory is never reset: each is one long stream of episodes."""


def evaluate_network(
    config: RunConfig[Any],
    subject: int,
    network: Network,
    evaluation: EvaluationConfig,
    folder: EvaluationFolder,
    *,
    progress: float = 1.0,
    untrained: Network | None = None,
    reporter: Reporter | None = None,
) -> dict[str, Any]:
    """Test one frozen network and write its tables; returns the metadata written.

    Args:
        config: the run's.
        subject: the subject's number.
        network: the subject's, or a snapshot of it.
        evaluation: how to test.
        folder: where to write.
        progress: part of training the network has had, for its discount.
        untrained: the subject's network before training, to be fed the same inputs
            where `evaluation.record_untrained` asks for it.
        reporter: is told the progress and asked whether to stop.

    Raises:
        MetaRLError: the weights are not what they were before the first step.
        Interrupted: asked to stop; nothing is written.
    """
    check_fits(network, task_class(config.task)(1, config.task_params))
    before = weights_hash(network)
    trials, recording = run_episodes(
        config,
        subject,
        lambda task: attach_renderer(network, task.look),
        evaluation,
        progress=progress,
        reporter=reporter,
    )
    if untrained is not None and evaluation.record_untrained and recording:
        params = change_params(config.task_params, evaluation.task)
        attach_renderer(untrained, task_class(config.task)(1, params).look)
        recording = {**recording, "units_untrained": replay(untrained, recording)}
    after = weights_hash(network)
    if before != after:
        raise MetaRLError(f"the weights of subject {subject} changed in evaluation")
    metadata = {"weights_before": before, "weights_after": after, "progress": progress}
    return _write(folder, config, evaluation, trials, recording, metadata)


def check_test(config: RunConfig[Any], evaluation: EvaluationConfig) -> None:
    """Raise ValueError unless the run's networks can take the test."""
    kind = task_class(config.task)
    trained = kind(1, config.task_params)
    task = kind(1, change_params(config.task_params, evaluation.task))
    sizes = [(t.observation_size, t.view_size, t.action_count) for t in (trained, task)]
    if sizes[0] != sizes[1]:
        raise ValueError(
            "settings must leave the number of inputs and actions as it was in "
            f"training, got {', '.join(evaluation.to_plain()['settings'])}"
        )
    if config.network.feedback == "rpe" and evaluation.reset_memory == "never":
        raise ValueError(
            "reset_memory must not be never where feedback is rpe: at an episode's end "
            "the error would reach over into the next"
        )
    if hand := _interventions(config, 0, evaluation, task, 0):
        hand.check_feedback(config.network.feedback)


MakeBaselines = Callable[[Task[Any]], Mapping[str, Policy]]
"""Given a task, its reference policies by name."""


def list_baselines(
    config: RunConfig[Any], make_baselines: MakeBaselines, evaluation: EvaluationConfig
) -> list[str]:
    """Names of the baselines of a run's task, as it is in a test."""
    params = change_params(config.task_params, evaluation.task)
    return list(make_baselines(task_class(config.task)(1, params)))


def baseline_test(test: EvaluationConfig) -> EvaluationConfig:
    """The test as a baseline takes it: without changes of signals that it lacks.

    Its logits are its choice probabilities; the likeliest action alone would be another
    policy.
    """
    return replace(test, greedy=False, interventions=(), record_untrained=False)


def evaluate_baseline(
    config: RunConfig[Any],
    name: str,
    make_baselines: MakeBaselines,
    evaluation: EvaluationConfig,
    folder: EvaluationFolder,
    reporter: Reporter | None = None,
) -> dict[str, Any]:
    """Step a baseline as a network would be, and write the same tables."""
    number = list_baselines(config, make_baselines, evaluation).index(name)
    evaluation = baseline_test(evaluation)
    trials, recording = run_episodes(
        config,
        number,
        lambda task: make_baselines(task)[name],
        evaluation,
        purpose="strategies",
        reporter=reporter,
    )
    return _write(folder, config, evaluation, trials, recording, {"baseline": name})


def _write(
    folder: EvaluationFolder,
    config: RunConfig[Any],
    evaluation: EvaluationConfig,
    trials: "pd.DataFrame",
    recording: Recording,
    metadata: dict[str, Any],
) -> dict[str, Any]:
    """Tables first, metadata last: a folder with metadata is whole."""
    write_table(folder.trials_path, trials)
    write_recording(folder.recording_path, recording)
    discount = config.learning.discount.at(metadata.get("progress", 1.0))
    metadata = {
        **evaluation.to_plain(),
        "task": config.task,
        "seed": config.seed,
        "discount": discount,
        "reward_per_episode": float(trials["reward"].sum()) / evaluation.episodes,
        **metadata,
    }
    write_json(folder.metadata_path, metadata)
    return metadata


@torch.inference_mode()
def run_episodes(
    config: RunConfig[Any],
    subject: int,
    make_policy: Callable[[Task[Any]], Policy],
    evaluation: EvaluationConfig,
    *,
    purpose: Purpose = "evaluation",
    progress: float = 1.0,
    reporter: Reporter | None = None,
) -> tuple["pd.DataFrame", Recording]:
    """Step a policy through fresh episodes; the trial table and the recording.

    Args:
        config: names the task, its parameters and the root seed.
        subject: number of the subject, for its stream and its rows.
        make_policy: what chooses, given the task it will be stepped in.
        evaluation: how many episodes, and how.
        purpose: which of the subject's streams to draw from.
        progress: part of training behind the policy, for the recorded discount.
        reporter: is told the progress and asked whether to stop.
    """
    import pandas as pd

    reporter = reporter or Reporter()
    torch.set_num_threads(1)
    tables, recordings = [], []
    params = change_params(config.task_params, evaluation.task)
    own = (subject, purpose)
    shared = (0, "problems") if evaluation.shared_problems else own
    for first, num_envs, episodes in _batches(evaluation):
        if reporter.should_stop():
            raise Interrupted
        task = task_class(config.task)(num_envs, params)
        policy = make_policy(task)
        rollout = Rollout(
            task,
            policy,
            _generator(config, *shared, first),
            chooser=_generator(config, *own, first) if shared != own else None,
            reset_memory=evaluation.reset_memory,
            greedy=evaluation.greedy,
            interventions=_interventions(config, subject, evaluation, task, first),
        )
        recorder = Recorder(
            rollout,
            episodes=episodes,
            record_episodes=max(0, evaluation.record_episodes - first),
            subject=subject,
            first_episode=first,
            discount=config.learning.discount.at(progress),
        )
        recorder.run()
        tables.append(recorder.trials())
        recordings.append(recorder.recording())
        reporter.report((first + episodes) / evaluation.episodes)
    return pd.concat(tables, ignore_index=True), _joined(recordings, task)


def _generator(config: RunConfig[Any], *stream: Any) -> torch.Generator:
    return torch.Generator().manual_seed(stream_seed(config.seed, *stream))


def _interventions(
    config: RunConfig[Any],
    subject: int,
    evaluation: EvaluationConfig,
    task: Task[Any],
    first: int,
) -> Interventions | None:
    """The experimenter's hand; its noise is its own, and changes no other."""
    noise = _generator(config, subject, "manipulation", first)
    return make_interventions(evaluation.interventions, task, config.network, noise)


@torch.inference_mode()
def replay(network: Network, recording: Recording) -> np.ndarray[Any, Any]:
    """(R, H) activity of another network that is fed the recorded inputs.

    Each episode starts with that network's own initial memory; `end` rows are NaN.
    """
    first = recording["step"] == 0
    env_index, step = np.cumsum(first) - 1, recording["step"]
    size = (int(step.max()) + 1, int(env_index.max()) + 1)
    inputs = torch.zeros(*size, network.input_size)
    inputs[step, env_index] = torch.from_numpy(recorded_inputs(recording))
    memory = network.initial_memory(size[1])
    activity = []
    for now in inputs:
        output = network.act(now, memory)
        memory = output.memory
        activity.append(output.units)
    units: np.ndarray[Any, Any] = torch.stack(activity).numpy()[step, env_index]
    units[recording["action"] < 0] = np.nan
    return units


def recorded_inputs(recording: Recording) -> np.ndarray[Any, Any]:
    """(R, O + A + 1) what the network was fed at each recorded step."""
    action, reward = recording["action"], recording["reward"]
    count = recording["policy"].shape[1]
    one_hot = np.eye(count, dtype=np.float32)[np.maximum(action[:-1], 0)]
    told = np.zeros((len(action), count + 1), np.float32)
    told[1:] = np.column_stack([one_hot, reward[:-1]])
    told[recording["step"] == 0] = 0
    return np.column_stack([recording["observation"], told]).astype(np.float32)


def _joined(
    recordings: list[dict[str, np.ndarray[Any, Any]]], task: Task[Any]
) -> Recording:
    """The batches' recordings as one; empty where nothing was recorded."""
    if not recordings[0]:
        return {}
    names = recordings[0]
    joined = {k: np.concatenate([r[k] for r in recordings if r]) for k in names}
    joined["event_names"] = np.array([*task.event_names, "end"])
    return joined


def _batches(evaluation: EvaluationConfig) -> list[tuple[int, int, int]]:
    """(first episode, lanes, episodes) of each batch."""
    episodes = evaluation.episodes
    if evaluation.reset_memory == "never":
        return [(0, min(STREAMS, episodes), episodes)]
    firsts = range(0, episodes, BATCH_EPISODES)
    counts = [min(BATCH_EPISODES, episodes - first) for first in firsts]
    return list(zip(firsts, counts, counts, strict=True))
