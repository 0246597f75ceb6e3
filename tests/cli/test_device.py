"""--device: one that is unknown or absent is refused before anything is written."""

import pytest
import torch

from metarl.cli.main import main


@pytest.mark.parametrize(
    ("device", "told"),
    [("gpu", "device must be cpu, cuda, cuda:NUMBER"), ("cuda", "no GPU was found")],
)
@pytest.mark.parametrize(
    "command", ["train two-step --preset smoke", "reproduce bandit --preset smoke"]
)
def test_a_device_that_is_not_there_is_one_sentence(
    command, device, told, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    out = tmp_path / "run"
    assert main([*command.split(), "--device", device, "--out", str(out)]) == 2
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1
    assert not out.exists()


def test_a_test_on_a_device_that_is_not_there_leaves_the_earlier_one(
    finished, capsys, monkeypatch
):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    path = finished.evaluation(0).metadata_path
    before = path.read_bytes()
    assert main(["evaluate", str(finished.path), "--device", "cuda"]) == 2
    assert "no GPU was found" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_rules_without_a_gradient_need_the_cpu(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    words = "train two-step --preset smoke --network.core rnn --learning.rule np"
    out = ["--device", "cuda", "--out", str(tmp_path / "run")]
    assert main([*words.split(), *out]) == 2
    assert "device must be cpu here, got cuda, as the rule is np" in (
        capsys.readouterr().err
    )
