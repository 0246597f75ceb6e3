"""Frozen-weight evaluation: networks learn new problems without a change of weights."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from metarl.agents.networks.actor_critic import (
    Network,
    attach_renderer,
    features_kept,
    weights_hash,
)
from metarl.core.checks import MetaRLError
from metarl.core.devices import CPU, make_generator
from metarl.core.files import (
    Recording,
    table_writer,
    whole_folder,
    write_json,
    write_recording,
)
from metarl.core.parallel import Interrupted, Reporter
from metarl.core.policy import Policy
from metarl.core.seeding import Purpose, stream_seed
from metarl.envs.registry import task_class
from metarl.envs.task import Task
from metarl.runs.checkpoint import check_fits
from metarl.runs.config import (
    EvaluationConfig,
    RunConfig,
    change_params,
    identity,
)
from metarl.runs.folder import EvaluationFolder
from metarl.simulation.interchange import (
    check_interchange,
    even_problems,
    interchange,
)
from metarl.simulation.interventions import Interventions, make_interventions
from metarl.simulation.recorder import Recorder
from metarl.simulation.rollout import Rollout

if TYPE_CHECKING:
    import pandas as pd

BATCH_EPISODES = 500
"""Number of episodes stepped in parallel."""
STREAMS = 20
"""Number of environments if memory is never reset: long streams of episodes."""


def evaluate_network(  # noqa: PLR0913 settings with defaults
    config: RunConfig[Any],
    subject: int,
    network: Network,
    evaluation: EvaluationConfig,
    folder: EvaluationFolder,
    *,
    progress: float = 1.0,
    untrained: Network | None = None,
    reporter: Reporter | None = None,
    device: str = CPU,
) -> dict[str, Any]:
    """Test one frozen network, write its tables, and return its metadata.

    Args:
        config: configuration of the run.
        subject: number of the subject.
        network: network of the subject, or a snapshot of it.
        evaluation: settings of the test.
        folder: folder for the tables.
        progress: part of training behind the network, for its discount.
        untrained: the subject's network before training; with
            `evaluation.record_untrained` it receives the same inputs.
        reporter: receives the progress, and asks to stop.
        device: device of the test, to which the network is moved.

    Raises:
        MetaRLError: the weights changed during the test.
        Interrupted: asked to stop; nothing is written.
    """
    check_fits(network, task_class(config.task)(1, config.task_params))
    network = network.to(device)
    # Of bytes, as equal numbers would not show a change from 0.0 to -0.0.
    before = weights_hash(network)

    def more_metadata() -> dict[str, Any]:
        return {**check_frozen(network, before, subject), "progress": progress}

    def add_untrained(recording: Recording) -> Recording:
        if untrained is None or not evaluation.record_untrained or not recording:
            return recording
        params = change_params(config.task_params, evaluation.task)
        attach_renderer(untrained, task_class(config.task)(1, params).render_views)
        with features_kept(untrained):
            units = replay_recording(untrained, recording)
        return {**recording, "units_untrained": units}

    parts = run_batches(
        config,
        subject,
        lambda task: attach_renderer(network, task.render_views),
        evaluation,
        progress=progress,
        reporter=reporter,
        device=device,
    )
    with features_kept(network):
        return _write(
            folder,
            parts,
            {**evaluation.to_plain(), **_owner(config, subject, progress)},
            change_recording=add_untrained,
            more_metadata=more_metadata,
        )


def check_frozen(network: Network, before: str, subject: int) -> dict[str, str]:
    """Return the hashes of a network's weights before and after a test.

    Raises:
        MetaRLError: they differ.
    """
    after = weights_hash(network)
    if before != after:
        raise MetaRLError(f"the weights of subject {subject} changed in evaluation")
    return {"weights_before": before, "weights_after": after}


def run_frozen(
    config: RunConfig[Any],
    subject: int,
    network: Network,
    evaluation: EvaluationConfig,
    *,
    progress: float = 1.0,
    reporter: Reporter | None = None,
) -> tuple["pd.DataFrame", Recording, dict[str, str]]:
    """Test one frozen network as `evaluate_network` does, without writing its tables.

    Returns:
        Trial table, recording, and the hashes of the weights before and after.

    Raises:
        MetaRLError: the weights changed during the test.
        Interrupted: asked to stop.
    """
    check_fits(network, task_class(config.task)(1, config.task_params))
    before = weights_hash(network)
    with features_kept(network):
        trials, recording = run_episodes(
            config,
            subject,
            lambda task: attach_renderer(network, task.render_views),
            evaluation,
            progress=progress,
            reporter=reporter,
        )
    return trials, recording, check_frozen(network, before, subject)


def _owner(config: RunConfig[Any], subject: int, progress: float) -> dict[str, Any]:
    """Metadata that a test has from its run."""
    discount = config.learning.discount.at(progress)
    return {**identity(config, subject), "discount": discount}


def check_test(config: RunConfig[Any], evaluation: EvaluationConfig) -> None:
    """Raise ValueError unless a test fits the networks of a run."""
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
            "the error would include the value of the next"
        )
    if evaluation.probe == "interchange":
        check_interchange(task)
    if interventions := _interventions(config, 0, evaluation, task, 0):
        interventions.check_feedback(config.network.feedback)


MakeBaselines = Callable[[Task[Any]], Mapping[str, Policy]]
"""Given a task, its baselines by name."""


def list_baselines(
    config: RunConfig[Any], make_baselines: MakeBaselines, evaluation: EvaluationConfig
) -> list[str]:
    """Names of the baselines of a run's task, with the parameters of a test."""
    params = change_params(config.task_params, evaluation.task)
    return list(make_baselines(task_class(config.task)(1, params)))


def baseline_test(test: EvaluationConfig) -> EvaluationConfig:
    """Return the test for a baseline: without interventions and probes of its memory.

    Its logits are its choice probabilities; a greedy choice would be another baseline.
    """
    return replace(
        test, greedy=False, interventions=(), record_untrained=False, probe="none"
    )


def evaluate_baseline(
    config: RunConfig[Any],
    name: str,
    make_baselines: MakeBaselines,
    evaluation: EvaluationConfig,
    folder: EvaluationFolder,
    reporter: Reporter | None = None,
) -> dict[str, Any]:
    """Test a baseline like a network, and write the same tables."""
    number = list_baselines(config, make_baselines, evaluation).index(name)
    evaluation = baseline_test(evaluation)
    parts = run_batches(
        config,
        number,
        lambda task: make_baselines(task)[name],
        evaluation,
        purpose="baselines",
        reporter=reporter,
    )
    return _write(
        folder,
        parts,
        {**evaluation.to_plain(), **_owner(config, number, 1.0)},
        more_metadata=lambda: {"baseline": name},
    )


def _write(
    folder: EvaluationFolder,
    parts: Iterable[tuple["pd.DataFrame", Recording]],
    metadata: dict[str, Any],
    *,
    change_recording: Callable[[Recording], Recording] = lambda recording: recording,
    more_metadata: Callable[[], dict[str, Any]],
) -> dict[str, Any]:
    """Write the tables of a test as they are made, then its metadata.

    The folder is replaced when all is written, so it never has a part of a test.

    Args:
        folder: folder of the test.
        parts: trial tables and recordings of successive episodes.
        metadata: settings of the test and its run.
        change_recording: called with the whole recording before it is written.
        more_metadata: called when all episodes are over.
    """
    rewards, recordings = 0.0, []
    with whole_folder(folder.path) as path:
        new = EvaluationFolder(path)
        with table_writer(new.trials_path) as add:
            for trials, recording in parts:
                add(trials)
                rewards += float(trials["reward"].sum())
                recordings.append(recording)
        whole = join_recordings(recordings)
        write_recording(new.recording_path, change_recording(whole))
        metadata = {
            **metadata,
            **folder.place,
            "reward_per_episode": rewards / metadata["episodes"],
            **more_metadata(),
            "files": new.hashes(),
        }
        write_json(new.metadata_path, metadata, seal=True)
    return metadata


def run_episodes(
    config: RunConfig[Any],
    subject: int,
    make_policy: Callable[[Task[Any]], Policy],
    evaluation: EvaluationConfig,
    **more: Any,
) -> tuple["pd.DataFrame", Recording]:
    """Step a policy through new episodes; return trial table and recording.

    The arguments are those of `run_batches`; all trials are in memory.
    """
    import pandas as pd

    parts = [*run_batches(config, subject, make_policy, evaluation, **more)]
    tables, recordings = zip(*parts, strict=True)
    return pd.concat(tables, ignore_index=True), join_recordings(recordings)


@torch.inference_mode()
def run_batches(
    config: RunConfig[Any],
    subject: int,
    make_policy: Callable[[Task[Any]], Policy],
    evaluation: EvaluationConfig,
    *,
    purpose: Purpose = "evaluation",
    progress: float = 1.0,
    reporter: Reporter | None = None,
    device: str = CPU,
) -> Iterator[tuple["pd.DataFrame", Recording]]:
    """Step a policy through new episodes.

    Args:
        config: configuration with the task, its parameters and the root seed.
        subject: number of the subject, for its random stream and its rows.
        make_policy: creates the policy for a task.
        evaluation: settings of the test.
        purpose: purpose of the random stream.
        progress: part of training behind the policy, for the recorded discount.
        reporter: receives the progress, and asks to stop.
        device: device of the task, and of the policy.

    Yields:
        Trial tables and recordings of successive episodes.

    Raises:
        Interrupted: asked to stop.
    """
    reporter = reporter or Reporter()
    # Subjects are tested in parallel processes, and several threads would compete.
    torch.set_num_threads(1)
    params = change_params(config.task_params, evaluation.task)
    own = (subject, purpose)
    shared = (0, "problems") if evaluation.shared_problems else own
    for first, num_envs, episodes in _batches(evaluation):
        if reporter.should_stop():
            raise Interrupted
        task = task_class(config.task)(num_envs, params, device)
        policy = make_policy(task)
        rollout = Rollout(
            task,
            policy,
            _generator(config, *shared, first, device=device),
            action_generator=(
                _generator(config, *own, first, device=device)
                if shared != own
                else None
            ),
            reset_memory=evaluation.reset_memory,
            greedy=evaluation.greedy,
            interventions=_interventions(config, subject, evaluation, task, first),
        )
        if evaluation.probe == "interchange":
            yield interchange(rollout, subject=subject, first_episode=first), {}
            reporter.report(min(1.0, (first + episodes) / evaluation.episodes))
            continue
        recorder = Recorder(
            rollout,
            episodes=episodes,
            record_episodes=max(0, evaluation.record_episodes - first),
            subject=subject,
            first_episode=first,
            discount=config.learning.discount.at(progress),
        )
        for trials in recorder.run():
            if reporter.should_stop():
                raise Interrupted
            recording = recorder.recording() if recorder.over else {}
            if recording:
                names = np.array([*task.event_names, "end"])
                recording["event_names"] = names
            yield trials, recording
        reporter.report((first + episodes) / evaluation.episodes)


def _generator(
    config: RunConfig[Any], *stream: Any, device: torch.device | str
) -> torch.Generator:
    return make_generator(stream_seed(config.seed, *stream), device)


def _interventions(
    config: RunConfig[Any],
    subject: int,
    evaluation: EvaluationConfig,
    task: Task[Any],
    first: int,
) -> Interventions | None:
    """Create the interventions of a test, with a random stream of their own."""
    noise = _generator(config, subject, "interventions", first, device=task.device)
    return make_interventions(evaluation.interventions, task, config.network, noise)


@torch.inference_mode()
def replay_recording(network: Network, recording: Recording) -> np.ndarray[Any, Any]:
    """(R, H) activity of another network for the recorded inputs.

    Each episode starts with that network's own initial memory; `end` rows are NaN.
    """
    first = recording["step"] == 0
    # One environment per episode, so that all episodes are replayed in parallel.
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
    """(R, O + A + 1) inputs of the network at each recorded step."""
    action, reward = recording["action"], recording["reward"]
    count = recording["policy"].shape[1]
    one_hot = np.eye(count, dtype=np.float32)[np.maximum(action[:-1], 0)]
    last_action_reward = np.zeros((len(action), count + 1), np.float32)
    last_action_reward[1:] = np.column_stack([one_hot, reward[:-1]])
    last_action_reward[recording["step"] == 0] = 0
    columns = [recording["observation"], last_action_reward]
    return np.column_stack(columns).astype(np.float32)


def join_recordings(recordings: Iterable[Recording]) -> Recording:
    """Join the recordings of successive episodes; empty if nothing was recorded."""
    parts = [recording for recording in recordings if recording]
    if not parts:
        return {}
    names = [name for name in parts[0] if name != "event_names"]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in names}
    return {**joined, "event_names": parts[0]["event_names"]}


def _batches(evaluation: EvaluationConfig) -> list[tuple[int, int, int]]:
    """(first episode, environments, episodes) of each batch."""
    episodes = evaluation.episodes
    if evaluation.reset_memory == "never":
        return [(0, min(STREAMS, episodes), episodes)]
    firsts = range(0, episodes, BATCH_EPISODES)
    counts = [min(BATCH_EPISODES, episodes - first) for first in firsts]
    if evaluation.probe == "interchange":
        counts = [even_problems(count) for count in counts]
    return list(zip(firsts, counts, counts, strict=True))
