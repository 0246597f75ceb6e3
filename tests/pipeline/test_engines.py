"""Runs on workers elsewhere: the same bytes as here, also if a worker is killed."""

import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from toys import wait_for

from metarl.core import engines
from metarl.core.checks import MetaRLError
from metarl.core.engines import open_engine
from metarl.core.job_files import JobFiles
from metarl.core.parallel import Detached
from metarl.pipeline.run import evaluate, train
from metarl.pipeline.status import job_states
from metarl.runs.config import EvaluationConfig
from metarl.runs.folder import Run

HELPERS = str(Path(__file__).parents[1] / "helpers")


def contents(run):
    """Bytes of what training leaves, but for logs of time."""
    return {
        path.relative_to(run): path.read_bytes()
        for pattern in ("*/policy.safetensors", "*/snapshots/*", "*/metrics.csv")
        for path in run.glob(pattern)
    }


def progress_of(folder, number):
    return JobFiles.within(folder).read(f"subject {number}")


def test_a_run_by_an_executor_has_the_same_bytes(finished, small, tmp_path):
    tested = EvaluationConfig(episodes=8, record_episodes=3)
    with ThreadPoolExecutor(2) as executor:
        trained = train(small(), tmp_path / "run", executor=executor, show=False)
        assert trained.failures == {}
        assert {each.state for each in job_states(trained.path)} == {"done"}
        ended = evaluate(trained.path, tested, executor=executor, show=False)
    assert ended.failures == {}
    assert contents(trained.path) == contents(finished.path)
    for number, folder in finished.evaluated.items():
        here = Run(trained.path).evaluation(number)
        assert here.trials_path.read_bytes() == folder.trials_path.read_bytes()
        assert here.metadata_path.read_bytes() == folder.metadata_path.read_bytes()


def test_jobs_that_are_not_over_keep_the_run_from_others(small, tmp_path):
    class Queue(ThreadPoolExecutor):
        """Begins nothing."""

        def submit(self, fn, /, *args, **kwargs):
            return None

    with pytest.raises(Detached):
        train(small(), tmp_path, executor=Queue(), detach=True, show=False)
    for call in (
        lambda: train(small(), tmp_path, resume=True, workers=1, show=False),
        lambda: evaluate(tmp_path, show=False),
    ):
        with pytest.raises(MetaRLError, match="has 2 jobs on other machines"):
            call()
    assert [each.state for each in job_states(tmp_path)] == ["waiting", "waiting"]
    JobFiles.within(tmp_path).stop()
    outcome = train(small(), tmp_path, resume=True, workers=1, show=False)
    assert outcome.failures == {}
    # Without jobs elsewhere, the states are those of the subjects.
    assert [each.state for each in job_states(tmp_path)] == ["done", "done"]


def test_states_of_subjects_are_read_from_their_files(small, tmp_path, finished):
    run = shutil.copytree(finished.path, tmp_path / "all" / "run")
    (run / "subject-01" / "policy.safetensors").unlink()
    shutil.rmtree(run / "subject-00")
    for folder, prefix in ((run, ""), (run.parent, "run ")):
        waiting, stopped = job_states(folder)
        assert (waiting.name, waiting.state) == (f"{prefix}subject 0", "waiting")
        assert (stopped.name, stopped.state) == (f"{prefix}subject 1", "stopped")
        assert 0 < stopped.progress <= 1
    (run / ".lock").touch()
    assert job_states(run)[1].state == "running"


def test_a_folder_without_jobs_is_refused(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(
            MetaRLError, match="has no jobs and no run; give the folder"
        ):
            job_states(folder)


@pytest.fixture
def scheduler(tmp_path):
    """Address of a dask scheduler with two worker processes."""
    pytest.importorskip("distributed", reason="needs the extra `dask`")
    script = (
        "import sys\n"
        "from distributed import LocalCluster\n"
        "if __name__ == '__main__':\n"
        "    cluster = LocalCluster(n_workers=2, threads_per_worker=1,\n"
        "        dashboard_address=None, host='127.0.0.1')\n"
        "    print(cluster.scheduler_address, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    (tmp_path / "cluster.py").write_text(script)
    paths = os.pathsep.join([HELPERS, *sys.path])
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "cluster.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    yield process.stdout.readline().strip()
    process.communicate("")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_a_worker_of_dask_that_is_killed_costs_no_byte(scheduler, small, tmp_path):
    config = small(updates=8)
    here = train(config, tmp_path / "here", workers=1, show=False)
    there = tmp_path / "there"

    def kill():
        wait_for((there / "subject-00" / "state.pt").exists)
        os.kill(progress_of(there, 0).pid, signal.SIGKILL)

    with (
        ThreadPoolExecutor(1) as killer,
        open_engine(f"dask:{scheduler}", there) as dask,
    ):
        killed = killer.submit(kill)
        outcome = train(config, there, executor=dask, show=False)
        killed.result()
    assert outcome.failures == {}
    assert contents(there) == contents(here.path)
    assert progress_of(there, 0).losses == 1
    assert progress_of(there, 1).state == "done"


@pytest.mark.slow
@pytest.mark.slurm
@pytest.mark.skipif(shutil.which("sinfo") is None, reason="there is no Slurm here")
def test_a_job_of_slurm_that_is_killed_costs_no_byte(small, tmp_path, monkeypatch):
    pytest.importorskip("submitit", reason="needs the extra `slurm`")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([HELPERS, *sys.path]))
    config = small(updates=8)
    here = train(config, tmp_path / "here", workers=1, show=False)
    there = tmp_path / "there"

    def kill():
        wait_for((there / "subject-00" / "state.pt").exists)
        number = min(map(int, engines._queue()))
        subprocess.run(["scancel", "--signal=KILL", str(number)], check=True)

    with ThreadPoolExecutor(1) as killer, open_engine("slurm:time=10", there) as slurm:
        killed = killer.submit(kill)
        outcome = train(config, there, executor=slurm, show=False)
        killed.result()
    assert outcome.failures == {}
    assert contents(there) == contents(here.path)
    assert sum(progress_of(there, number).losses for number in (0, 1)) == 1
