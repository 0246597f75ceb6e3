"""TensorBoard's file: the agreed tags, each point once, stopped or not."""

import io

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from metarl.core.parallel import Interrupted, Reporter
from metarl.envs.registry import NAMES
from metarl.reports.tensorboard.observer import TensorBoardObserver
from metarl.runs.folder import SubjectFolder
from metarl.training.groups import train_subjects

pytestmark = pytest.mark.oldest

SCALARS = {
    "rollout/return",
    "rollout/reward_rate",
    "loss/policy",
    "loss/value",
    "loss/entropy",
    "train/grad_norm",
    "value/mean",
    "rpe/mean",
    "rpe/deviation",
    "time/steps_per_second",
    "eval/reward_per_trial",
}
STEP = 3 * 14
HALVES = [STEP * 40 * k // 2 for k in range(1, 3)]
"""Snapshots with a preview in a training as short as this."""
FIGURES = ["behaviour", "rpe_by_event", "units_pca"]


def read(folder):
    every = dict.fromkeys(("scalars", "images", "histograms"), 0)
    events = EventAccumulator(str(folder / "tensorboard"), size_guidance=every)
    events.Reload()
    return events


def steps(events, tag):
    return [event.step for event in events.Scalars(tag)]


def train(config, files, after=None, error=None):
    """Train, watched by TensorBoard; stop or break off after so many updates."""
    asked = []

    def should_stop():
        asked.append(1)
        if after is not None and len(asked) > after and error:
            raise error
        return after is not None and len(asked) > after

    def observer(subject, done):
        folder = files.path / "tensorboard"
        return TensorBoardObserver(folder, config, 0, steps_done=done)

    train_subjects(config, {0: files}, Reporter(should_stop=should_stop), observer)


def test_the_file_has_the_agreed_tags(finished):
    events = read(finished.subject(0).path)
    tags = events.Tags()
    assert set(tags["scalars"]) >= SCALARS
    assert sorted(tags["images"]) == FIGURES
    assert "eval/reward_per_100" in tags["scalars"]
    assert tags["histograms"] == ["units/activity"]
    plugins = events.summary_metadata
    assert any(m.plugin_data.plugin_name == "hparams" for m in plugins.values())


def test_the_x_axis_is_environment_steps_and_the_values_are_the_metrics(finished):
    events, metrics = read(finished.subject(1).path), finished.subject(1).metrics
    assert steps(events, "loss/value") == metrics["steps"].tolist()
    written_values = [event.value for event in events.Scalars("loss/value")]
    assert written_values == pytest.approx(metrics["loss/value"].tolist(), rel=1e-6)
    speeds = [event.value for event in events.Scalars("time/steps_per_second")]
    assert min(speeds) > 0


def test_previews_are_of_the_first_subject_alone(finished):
    events = read(finished.subject(0).path)
    assert steps(events, "eval/reward_per_trial") == HALVES
    for name in FIGURES:
        assert [image.step for image in events.Images(name)] == HALVES
    tags = read(finished.subject(1).path).Tags()
    assert not tags["images"]
    assert not tags["histograms"]
    curves = {tag for tag in tags["scalars"] if not tag.startswith("eval/")}
    assert curves == set(tags["scalars"]) > SCALARS - {"eval/reward_per_trial"}


def test_there_is_one_run_and_nothing_stray(finished):
    folder = finished.subject(0).path / "tensorboard"
    assert [path.name.split(".")[2] for path in folder.iterdir()] == ["tfevents"]


@pytest.mark.parametrize(
    ("after", "error"),
    [(16, Interrupted), (13, SystemExit), (1, SystemExit)],
)
def test_after_stopping_and_resuming_each_point_is_there_once(
    after, error, small, tmp_path
):
    config, files = small(), SubjectFolder(tmp_path)
    with pytest.raises(error):
        train(config, files, after, None if error is Interrupted else error)
    train(config, files)
    events = read(tmp_path)
    expected = [STEP * k for k in range(1, 41)]
    assert steps(events, "loss/value") == expected
    assert steps(events, "time/steps_per_second") == expected
    assert steps(events, "eval/reward_per_trial") == HALVES
    for name in FIGURES:
        assert [image.step for image in events.Images(name)] == HALVES
    assert [units.step for units in events.Histograms("units/activity")] == HALVES


def test_a_point_cut_off_by_a_kill_is_written_again(small, tmp_path):
    config, files = small(), SubjectFolder(tmp_path)
    with pytest.raises(SystemExit):
        train(config, files, 13, SystemExit)
    (path,) = (tmp_path / "tensorboard").iterdir()
    path.write_bytes(path.read_bytes()[:-5])
    train(config, files)
    expected = [STEP * k for k in range(1, 41)]
    assert steps(read(tmp_path), "time/steps_per_second") == expected


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_an_image_of_its_size(name, finished):
    for image in read(finished.subject(0).path).Images(name):
        shown = Image.open(io.BytesIO(image.encoded_image_string))
        assert shown.size == (image.width, image.height)
        assert min(shown.size) > 200


def test_a_task_without_analysis_lacks_behaviour_alone(small, tmp_path):
    train(small("toys:Lottery"), SubjectFolder(tmp_path))
    tags = read(tmp_path).Tags()
    assert sorted(tags["images"]) == FIGURES[1:]
    assert set(tags["scalars"]) >= SCALARS
    assert tags["histograms"] == ["units/activity"]


@pytest.mark.parametrize("task", NAMES)
def test_every_task_has_all_its_tags(task, small, tmp_path):
    train(small(task, updates=2), SubjectFolder(tmp_path))
    tags = read(tmp_path).Tags()
    assert set(tags["scalars"]) >= SCALARS - {"rollout/return"}
    assert sorted(tags["images"]) == FIGURES
    assert tags["histograms"] == ["units/activity"]


@pytest.mark.parametrize("task", ["two-step", "risky-choice", "harlow"])
def test_previews_change_no_byte_of_the_weights(task, small, tmp_path):
    config = small(task, updates=8)
    observed, alone = (
        SubjectFolder(tmp_path / "observed"),
        SubjectFolder(tmp_path / "alone"),
    )
    train(config, observed)
    train_subjects(config, {0: alone}, Reporter())
    assert read(observed.path).Tags()["images"]
    assert observed.policy_path.read_bytes() == alone.policy_path.read_bytes()
