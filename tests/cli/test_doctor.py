"""metarl doctor: what is there, what is missing, and what would help."""

import json
import shutil

import pytest

from metarl.agents.stacked import loading
from metarl.cli.main import main
from metarl.cli.options import BAD_INPUT
from metarl.pipeline import doctor


@pytest.fixture
def findings(capsys):
    """Findings by subject, from `metarl doctor --json`."""

    def call(*words, code=0):
        assert main(["doctor", "--json", *words]) == code
        rows = json.loads(capsys.readouterr().out)
        return {row["subject"]: row for row in rows}

    return call


def test_every_part_is_shown(findings, capsys):
    rows = findings()
    needed = {
        "metarl",
        "python",
        "libraries",
        "cores",
        "memory",
        "disk",
        "kernel",
        "GPU",
    }
    assert needed <= set(rows)
    assert "torch " in rows["libraries"]["found"]
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    assert all(f"{name:<12}" in text for name in needed)


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
def test_the_kernel_and_its_compiler_are_named(findings):
    loading.load_kernel.cache_clear()
    kernel = findings()["kernel"]
    assert kernel["found"].startswith("compiled by ")
    assert kernel["remedy"] == ""


def test_a_missing_kernel_has_a_remedy_and_is_no_failure(
    findings, monkeypatch, tmp_path
):
    monkeypatch.setenv("PATH", str(tmp_path))
    loading.load_kernel.cache_clear()
    try:
        kernel = findings()["kernel"]
    finally:
        loading.load_kernel.cache_clear()
    assert kernel["found"] == "torch is used, which is slower"
    assert "install g++ or clang++" in kernel["remedy"]


def test_a_full_disk_or_memory_is_a_failure(findings, monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "ENOUGH_DISK", 2**80)
    disk = findings("--out", str(tmp_path / "not" / "there"), code=BAD_INPUT)["disk"]
    assert str(tmp_path) in disk["found"]
    assert "free some space" in disk["remedy"]
    monkeypatch.undo()
    monkeypatch.setattr(doctor, "memory_left", lambda: 10)
    memory = findings(code=BAD_INPUT)["memory"]
    assert memory["remedy"] == "close other programs, or take fewer workers"


def test_a_missing_extra_is_named_with_the_line_that_installs_it(findings, monkeypatch):
    monkeypatch.setattr(doctor, "EXTRAS", {"no_such_module": ("data", "parquet files")})
    row = findings()["no_such_module"]
    assert row["found"] == "not installed"
    assert row["remedy"] == 'pip install "metarl-neuro[data]", for parquet files'
