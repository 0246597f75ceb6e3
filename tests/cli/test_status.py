"""metarl status, and engines on the command line."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from metarl.cli.main import main
from metarl.core import engines
from metarl.core.job_files import JobFiles, JobState

TINY = (
    "train two-step --preset smoke --subjects 2 --network.units 5 "
    "--training.num-envs 3 --training.unroll-steps 14 --training.updates 2 "
    "--task.trial-count 8"
)


@pytest.fixture
def jobs(tmp_path):
    """A folder with a job in every state."""
    files, now = JobFiles.within(tmp_path), time.time()
    files.begin(["subject 0"], detached=False)
    for state in (
        JobState("subject 1", "running", 0.256, now - 5, "node7", 41),
        JobState("subject 2", "running", 0.5, now - 3600, "node8", 42),
        JobState("subject 3", "done", 1.0, now - 60, "node7", 43),
        JobState("subject 4", "failed", 0.1, now, "node7", 44, failure="no memory"),
    ):
        files.write(state)
    return tmp_path


def test_jobs_are_a_table(jobs, capsys):
    assert main(["status", str(jobs)]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["job", "state", "progress", "last", "change", "machine"]
    assert [row.split()[2:4] for row in rows[:5]] == [
        ["waiting", "0%"],
        ["running", "26%"],
        ["silent", "50%"],
        ["done", "100%"],
        ["failed", "10%"],
    ]
    assert "5 s ago" in rows[1]
    assert "60 min ago" in rows[2]
    assert rows[1].endswith("node7")
    assert rows[5] == "subject 4 failed: no memory"


def test_jobs_are_json(jobs, capsys):
    assert main(["status", str(jobs), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["stopping"] is False
    assert [each["name"] for each in told["jobs"]] == [f"subject {k}" for k in range(5)]
    assert told["jobs"][2]["silent"] is True
    assert told["jobs"][1]["progress"] == 0.256
    assert told["jobs"][4]["failure"] == "no memory"


def test_jobs_are_stopped(jobs, capsys):
    assert main(["status", str(jobs), "--stop"]) == 0
    assert "the jobs were asked to save and end" in capsys.readouterr().out
    assert JobFiles.within(jobs).stopping


def test_a_run_of_this_machine_is_not_stopped_by_a_file(finished, capsys):
    assert main(["status", str(finished.path)]) == 0
    assert capsys.readouterr().out.count("done") == 2
    assert main(["status", str(finished.path), "--stop"]) == 2
    assert "has no jobs of --engine; stop the command" in capsys.readouterr().err
    assert not JobFiles.within(finished.path).path.exists()


def test_a_folder_without_jobs_is_bad_input(tmp_path, capsys):
    assert main(["status", str(tmp_path / "none")]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "has no jobs and no run" in err


@pytest.mark.parametrize("command", ["train two-step", "reproduce", "neighbours"])
@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--engine ray", "engine must be one of"),
        ("--engine dask", "engine must name the scheduler's address"),
        ("--engine slurm:time=x", "must be whole minutes"),
        ("--detach", "detach must be off, got True"),
    ],
)
def test_a_bad_engine_is_one_sentence_and_nothing_is_begun(
    command, words, told, tmp_path, capsys
):
    out = tmp_path / "run"
    line = f"{command} {words} --out {out}"
    assert main(line.split()) == 2
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1
    assert not out.exists()


def test_runs_are_compared_on_this_machine(finished, capsys):
    assert main(["compare", str(finished.path), "--engine", "slurm"]) == 2
    assert "--engine needs --variants, got 'slurm'" in capsys.readouterr().err


@pytest.fixture
def threads(monkeypatch):
    """Threads in the place of dask's workers."""
    opened = []

    def open_threads(address, *, detach):
        opened.append(ThreadPoolExecutor(2))
        return opened[-1]

    monkeypatch.setattr(engines, "open_dask", open_threads)
    return opened


def test_detached_jobs_go_on_and_are_seen(threads, tmp_path, capsys):
    out = tmp_path / "run"
    words = [*TINY.split(), "--engine", "dask:x", "--out", str(out)]
    assert main([*words, "--detach"]) == 0
    told = f"submitted 2 jobs; look at them with `metarl status {out}`\n"
    assert capsys.readouterr().out == told
    threads[0].shutdown()
    assert main(["status", str(out)]) == 0
    assert capsys.readouterr().out.count("100%") == 2
    assert main([*words, "--resume"]) == 0
    assert "trained 2 subjects" in capsys.readouterr().out


def test_every_command_with_an_engine_passes_it_on(threads, tmp_path, capsys):
    out = str(tmp_path / "run")
    engine = ["--engine", "dask:x"]
    assert main([*TINY.split(), *engine, "--out", out]) == 0
    few = ["--episodes", "4", "--record-episodes", "2", "--test", "test"]
    assert main(["evaluate", out, *few, *engine]) == 0
    assert len(threads) == 2
    assert len(list((tmp_path / "run").glob("evaluation/*/evaluation.json"))) == 2
    assert {each.state for each in JobFiles.within(tmp_path / "run").states} == {"done"}
    evolved = "evolve --generations 2 --members 4 --episodes 2 --subjects 1"
    assert main([*evolved.split(), *engine, "--out", str(tmp_path / "evolved")]) == 0
    assert JobFiles.within(tmp_path / "evolved").states
    study = ["neighbours", "optimizers", "--smoke", "--seeds", "1"]
    assert main([*study, *engine, "--out", str(tmp_path / "study")]) == 0
    assert JobFiles.within(tmp_path / "study").states
    assert len(threads) == 4
