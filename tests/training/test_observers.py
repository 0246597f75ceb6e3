"""A user's observer: what it sees, and that its errors end nothing."""

import json
import sys
from dataclasses import replace

import pytest

import metarl
from metarl.cli.main import main
from metarl.training.observers import check_observer

SOURCE = '''
import json

class Lines:
    """Writes one JSON line a call."""

    def __init__(self, folder, config, subject, steps_done):
        self.file = (folder / "lines.json").open("a")
        self.write("begin", config.task, subject, steps_done)

    def write(self, *values):
        self.file.write(json.dumps(values) + "\\n")

    def on_metrics(self, row):
        self.write("metrics", row["update"], row["rollout/reward_rate"])
        row.clear()

    def on_snapshot(self, number, network):
        self.write("snapshot", number, network.action_count)

    def close(self):
        self.write("close")
        self.file.close()


class Careless:
    def __init__(self, *given):
        pass

    def on_metrics(self, row):
        raise KeyError("lr")


class Unwilling:
    def __init__(self):
        pass

    def close(self):
        pass


class Nothing:
    pass
'''


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    (tmp_path / "own_tracker.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("own_tracker", None)


@pytest.fixture(params=["lstm", "gru"])
def config(request):
    """The shared computation where there is a kernel, and the one for each subject."""
    config = metarl.preset("two-step", "smoke", subjects=2)
    return replace(config, network=replace(config.network, core=request.param))


def weights(path):
    return [
        file.read_bytes() for file in sorted(path.glob("subject-*/policy.safetensors"))
    ]


def test_it_sees_the_learning_curve_and_the_snapshots(config, tmp_path):
    metarl.train(config, tmp_path / "run", workers=1, observe="own_tracker:Lines")
    metarl.train(config, tmp_path / "plain", workers=1)
    run = metarl.load_run(tmp_path / "run")
    for subject, folder in enumerate(run.subjects):
        text = (folder.path / "lines.json").read_text()
        seen = [json.loads(line) for line in text.splitlines()]
        assert seen[0] == ["begin", "two-step", subject, 0]
        assert seen[-1] == ["close"]
        curve = [tuple(each[1:]) for each in seen if each[0] == "metrics"]
        rows = folder.metrics[["update", "rollout/reward_rate"]]
        assert curve == [tuple(row) for row in rows.to_numpy().tolist()]
        snapshots = [each[1] for each in seen if each[0] == "snapshot"]
        assert snapshots == folder.snapshots[1:]
    assert weights(tmp_path / "run") == weights(tmp_path / "plain")


@pytest.mark.parametrize(
    ("name", "error"),
    [("Careless", "KeyError: 'lr'"), ("Unwilling", "TypeError")],
)
def test_its_error_is_said_once_and_training_goes_on(
    config, name, error, tmp_path, caplog
):
    outcome = metarl.train(
        config, tmp_path / "run", workers=1, observe=f"own_tracker:{name}"
    )
    assert not outcome.failures
    said = [text for text in caplog.messages if "goes on without it" in text]
    assert len(said) == 2
    assert f"own_tracker:{name} raised {error}" in said[0]


def test_a_class_that_observes_nothing_is_refused_before_training(tmp_path, capsys):
    line = f"train two-step --preset smoke --out {tmp_path / 'run'} --observe"
    assert main([*line.split(), "own_tracker:Nothing"]) == 2
    assert (
        "observe must be module:Class with one of on_metrics" in capsys.readouterr().err
    )
    assert main([*line.split(), "own_tracker:Missing"]) == 2
    assert "cannot be imported" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    check_observer("own_tracker:Lines")
