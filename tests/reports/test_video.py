"""Video of a frozen network: its frames, and the file."""

import itertools
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from toys import Lottery

from metarl.agents.networks.actor_critic import build, weights_hash
from metarl.core.checks import MetaRLError
from metarl.core.interventions import parse
from metarl.core.policy import PolicyOutput, input_size
from metarl.envs.registry import NAMES, task_class
from metarl.envs.rendering import BAND, HEIGHT, WIDTH
from metarl.experiments.spec import experiment
from metarl.reports import video as watching
from metarl.reports.video import (
    HOLD,
    SCALE,
    VideoConfig,
    frames,
    prepare,
    video_path,
    watch,
    write_gif,
)
from metarl.runs.config import EvaluationConfig, change_params
from metarl.runs.folder import load_run
from metarl.simulation.rollout import Rollout


def read(path):
    """The frames of a GIF and for how many milliseconds each is shown."""
    with Image.open(path) as video:
        shown = []
        for number in range(video.n_frames):
            video.seek(number)
            shown.append((np.array(video.convert("RGB")), video.info["duration"]))
        assert video.info["loop"] == 0
    return [frame for frame, _ in shown], [time for _, time in shown]


def network_of(config, seed=3):
    """A network without training, of the run's kind."""
    task = task_class(config.task)(1, config.task_params)
    sizes = input_size(task.observation_size, task.action_count), task.action_count
    return build(*sizes, config.network, seed=seed, view_size=task.view_size)


class Notes:
    """Replaces `draw_frame`, and records its arguments."""

    def __init__(self, monkeypatch):
        self.calls = []
        monkeypatch.setattr(watching, "draw_frame", self.draw)

    def draw(self, screen, action, reward, *, caption, scale):
        self.calls.append((str(screen), action, reward, *caption.split("\n"), scale))
        return np.zeros((2, 2, 3), np.uint8)

    def column(self, number):
        return [each[number] for each in self.calls]


class Tired:
    """Presses left, then right, by turns."""

    def initial_memory(self, num_envs):
        return (torch.zeros(num_envs, 1),)

    def act(self, inputs, memory):
        right = memory[0] * 200
        logits = torch.cat([100 - right, right - 100], 1)
        nothing = logits.new_zeros(len(logits))
        return PolicyOutput(logits, nothing, (1 - memory[0],), logits[:, :0])


# What is on it


@pytest.mark.parametrize("task", NAMES)
def test_any_task_can_be_recorded(task, small):
    config = small(task)
    prepared = prepare(config, network_of(config), VideoConfig())
    first = list(itertools.islice(frames(prepared, 1), 8))
    for frame in first:
        assert frame.shape == (SCALE * HEIGHT, SCALE * WIDTH, 3)
        assert frame.dtype == np.uint8
    assert len({frame.tobytes() for frame in first}) > 1


def test_an_episode_has_a_frame_at_its_start_and_one_after_each_step(small):
    config = small("reversal")
    prepared = prepare(config, network_of(config), VideoConfig())
    length = prepared.task.episode_steps
    assert len(list(frames(prepared, 3))) == 3 * (1 + length)


def test_a_frame_shows_the_last_action_and_the_present_event(monkeypatch):
    notes = Notes(monkeypatch)
    prepared, twin = (
        Rollout(Lottery(1), Tired(), torch.Generator().manual_seed(5)) for _ in range(2)
    )
    list(frames(prepared, 6, scale=2))
    task, expected = twin.task, []

    def now():
        return task.event_names[int(task.event())]

    for episode in range(1, 7):
        trial, over = 1, False
        title = f"episode {episode}, trial"
        expected.append((str(task.scene()), "", 0.0, f"{title} 1", now(), 2))
        while not over:
            for transition in twin.run(1):
                over = bool(transition.terminated)
                trial += int(transition.trial_ended) - int(over)
                did = (
                    ("left", "right")[int(transition.actions)],
                    float(transition.rewards),
                )
                there = f"{title} {trial}", "end" if over else now()
                expected.append((str(task.scene()), *did, *there, 2))
    assert notes.calls == expected
    assert {"wait", "press", "end"} == set(notes.column(4))
    assert {0.0, 1.0} == set(notes.column(2))
    assert len(set(notes.column(3))) > 8


def test_the_trials_of_one_episode_are_counted_from_one_and_episodes_not_named(
    monkeypatch, small
):
    notes = Notes(monkeypatch)
    config = small("volatility")
    list(frames(prepare(config, network_of(config), VideoConfig()), 1))
    numbers = [f"trial {k}" for k in range(1, 7)]
    assert notes.column(3) == [*numbers, numbers[-1]]
    assert notes.column(4) == ["choice"] * 6 + ["end"]
    assert notes.column(1)[0] == ""
    assert all(notes.column(1)[1:])
    assert set(notes.column(5)) == {SCALE}


def test_a_video_takes_the_test_with_all_that_belongs_to_it(monkeypatch, small):
    config = replace(small("risky-choice"), seed=8)
    test = EvaluationConfig(
        task={"forced_pairs": 3},
        interventions=(parse("units set 0 of 0-2"),),
        reset_memory="trial",
        greedy=True,
    )
    tests = {"test": EvaluationConfig(), "other": test}
    asked = replace(experiment("risky-choice"), tests=tests, variants={})
    monkeypatch.setattr(watching, "experiment", lambda task: asked)
    plain = prepare(config, network_of(config), VideoConfig())
    assert plain.interventions is None
    assert (plain.reset_memory, plain.greedy) == ("episode", False)
    assert plain.task.params == config.task_params
    other = prepare(config, network_of(config), VideoConfig(test="other"))
    assert other.interventions is not None
    assert other.interventions.units == 2 * config.network.units
    assert (other.reset_memory, other.greedy) == ("trial", True)
    assert other.task.params == change_params(config.task_params, test.task)
    assert other.task.params != config.task_params
    assert prepare(config, network_of(config), VideoConfig(greedy=True)).greedy
    states = {
        generator.initial_seed()
        for prepared in (plain, other)
        for generator in (prepared.generator, prepared.action_generator)
    }
    assert len(states) == 1
    assert other.interventions.noise.initial_seed() not in states


@torch.inference_mode()
def test_an_intervention_reaches_exactly_the_units_of_the_network(monkeypatch, small):
    test = EvaluationConfig(interventions=(parse("units set 0 of 0-2"),))
    asked = replace(
        experiment("two-step"), tests={"test": test}, baseline_tests=("test",)
    )
    monkeypatch.setattr(watching, "experiment", lambda task: asked)
    for task, cores in (("two-step", 1), ("risky-choice", 2)):
        config = small(task)
        prepared = prepare(config, network_of(config), VideoConfig())
        units = next(prepared.run(1)).output.units
        assert (
            prepared.interventions.units
            == units.shape[1]
            == cores * config.network.units
        )


def test_each_subject_meets_problems_of_its_own(small):
    config = small("two-step")
    seeds = [
        prepare(
            config, network_of(config), VideoConfig(subject=k)
        ).generator.initial_seed()
        for k in (0, 1)
    ]
    assert seeds[0] != seeds[1]


def test_the_network_of_a_task_with_pixels_sees_those_of_the_test(small):
    config = small("harlow")
    network = network_of(config)
    assert network.encoder.render_views is None
    prepared = prepare(config, network, VideoConfig(test="equalized"))
    assert network.encoder.render_views == prepared.task.render_views
    assert prepared.task.params.equalized
    assert len(list(frames(prepared, 1))) > 4


def test_a_video_changes_no_weight_and_keeps_no_gradient(small):
    config = small("two-step")
    network = network_of(config)
    before = weights_hash(network)
    prepared = prepare(config, network, VideoConfig())
    list(frames(prepared, 2))
    assert weights_hash(network) == before
    assert all(part.grad_fn is None for part in prepared.memory)


def test_a_network_of_another_task_is_refused(small):
    config = small("two-step")
    with pytest.raises(MetaRLError, match="evaluate it on the task it learned"):
        prepare(config, network_of(small("bandit")), VideoConfig())


# How it is written


def colourful(count, seed=0):
    """Frames of 200 colours, which a palette can hold."""
    generator = np.random.default_rng(seed)
    palette = generator.integers(256, size=(200, 3), dtype=np.uint8)
    return [palette[generator.integers(200, size=(30, 40))] for _ in range(count)]


def test_what_is_written_is_read_back(tmp_path):
    path, images = tmp_path / "deep" / "video.gif", colourful(5)
    write_gif(path, iter(images), 4)
    read_back, times = read(path)
    assert len(read_back) == 5
    for frame, same in zip(images, read_back, strict=True):
        assert abs(frame.astype(int) - same).max() < 8
    assert times == [250] * 4 + [250 + 1000 * HOLD]
    assert [p.name for p in path.parent.iterdir()] == ["video.gif"]


def test_a_video_of_one_frame_and_of_the_same_frame_is_shown_as_long(tmp_path):
    path, (frame,) = tmp_path / "video.gif", colourful(1)
    for count in (1, 3):
        write_gif(path, [frame] * count, 10)
        with Image.open(path) as video:
            assert video.n_frames == 1
            assert video.info["duration"] == 100 * count + 1000 * HOLD


@pytest.mark.parametrize("fps", [0.1, 6, 50])
def test_frames_last_as_long_as_asked(fps, tmp_path):
    write_gif(tmp_path / "video.gif", colourful(3), fps)
    times = read(tmp_path / "video.gif")[1]
    assert times[0] == times[1] == pytest.approx(1000 / fps, abs=5)


def test_a_video_that_breaks_off_leaves_the_one_before(tmp_path):
    path = tmp_path / "video.gif"
    write_gif(path, colourful(2), 4)
    before = path.read_bytes()

    def broken():
        yield from colourful(2, seed=1)
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        write_gif(path, broken(), 4)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["video.gif"]


def test_a_place_that_cannot_be_written_gets_one_sentence(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(MetaRLError, match="could not be written"):
        write_gif(tmp_path / "taken" / "video.gif", colourful(1), 4)


# From a run to a video


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(finished, tmp_path):
    def bytes_of(**what):
        path = watch(finished, VideoConfig(**what), tmp_path / "video.gif")
        return path.read_bytes()

    usual = bytes_of()
    assert bytes_of() == usual
    assert bytes_of(seed=finished.config.seed) == usual
    different = [
        {"seed": 0},
        {"seed": finished.config.seed + 1},
        {"subject": 1},
        {"snapshot": 0},
        {"episodes": 2},
        {"greedy": True},
        {"fps": 3},
    ]
    videos = [usual, *(bytes_of(**what) for what in different)]
    assert len(set(videos)) == len(videos)


def test_a_video_shows_the_frames_of_its_network_at_its_speed(finished, tmp_path):
    video = VideoConfig(subject=1, episodes=2, snapshot=20, fps=10)
    path = watch(finished.path, video, str(tmp_path / "video.GIF"))
    assert path == tmp_path / "video.GIF"
    network = finished.subject(1).policy(20)
    images = list(frames(prepare(finished.config, network, video), 2))
    different = [
        frame
        for k, frame in enumerate(images)
        if not k or not np.array_equal(frame, images[k - 1])
    ]
    read_back, times = read(path)
    for frame, same in zip(different, read_back, strict=True):
        assert abs(frame.astype(int) - same).max() < 16
    assert sum(times) == 100 * len(images) + 1000 * HOLD
    assert (read_back[0][-SCALE * BAND :] != 0).all()


def test_a_video_goes_into_the_runs_folder_by_a_name_of_its_own(finished):
    videos = [
        VideoConfig(),
        VideoConfig(subject=1),
        VideoConfig(snapshot=0),
        VideoConfig(test="other"),
    ]
    names = [video_path(finished, video).name for video in videos]
    assert names == [
        "test-subject-00.gif",
        "test-subject-01.gif",
        "test-subject-00-snapshot-00.gif",
        "other-subject-00.gif",
    ]
    assert video_path(finished, VideoConfig()).parent == finished.path / "videos"


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ({"subject": -1}, "subject must be at least 0, got -1"),
        ({"episodes": 0}, "episodes must be at least 1, got 0"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"fps": 0}, r"fps must be in \[0.1, 50\], got 0"),
        ({"fps": -2}, r"fps must be in \[0.1, 50\], got -2"),
        ({"fps": float("nan")}, "fps must be a finite number, got nan"),
        ({"greedy": 1}, "greedy must be True or False, got 1"),
        ({"episodes": 1001}, "episodes must be at most 1,000, got 1001"),
        ({"fps": 51}, "fps must be in"),
    ],
)
def test_a_video_that_cannot_be_is_refused(what, says):
    with pytest.raises(ValueError, match=f"^{says}"):
        VideoConfig(**what)


@pytest.mark.parametrize(
    ("what", "out", "says"),
    [
        ({"subject": 2}, "x.gif", r"subject must be in \[0, 1\], got 2"),
        ({"test": "dark"}, "x.gif", "test must be one of test, reversed; got 'dark'"),
        ({"snapshot": 21}, "x.gif", "has no snapshot 21; it has 0, 1, 2"),
        ({"snapshot": -1}, "x.gif", "has no snapshot -1; it has 0, 1, 2"),
        ({}, "x.png", "out must be a name that ends in .gif, got '.*x.png'"),
        ({}, "x", "out must be a name that ends in .gif"),
    ],
)
def test_what_the_run_does_not_have_is_refused_and_nothing_written(
    what, out, says, finished, tmp_path
):
    with pytest.raises((ValueError, MetaRLError), match=says):
        watch(finished, VideoConfig(**what), tmp_path / out)
    assert not list(tmp_path.iterdir())


def test_a_subject_without_a_policy_is_reported(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    run = load_run(tmp_path / "run")
    run.subject(1).policy_path.unlink()
    with pytest.raises(MetaRLError, match="is missing; train the subject first"):
        watch(run, VideoConfig(subject=1), tmp_path / "video.gif")
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
    assert watch(run, VideoConfig(), tmp_path / "video.gif").exists()


def test_every_test_of_every_experiment_can_be_recorded(small):
    for task in NAMES:
        config = small(task)
        for test in experiment(task).tests:
            prepared = prepare(config, network_of(config), VideoConfig(test=test))
            assert next(frames(prepared, 1)).any()
