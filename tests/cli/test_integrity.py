"""Runs that were damaged, cut short, or come from elsewhere, on the command line."""

import json
import os
import shlex
import shutil
import subprocess
import sys

import pytest

from metarl.cli.main import main
from metarl.core.files import read_json, write_json
from metarl.core.locks import locked
from metarl.reports.figures import analyze
from metarl.runs.folder import load_run

SMALL = (
    "train two-step --preset smoke --network.units 5 --training.num-envs 3 "
    "--training.unroll-steps 14 --task.trial-count 6 --training.updates 2 --subjects 1"
)


@pytest.fixture
def run(finished, tmp_path):
    """A copy of a run of two subjects, evaluated."""
    shutil.copytree(finished.path, tmp_path / "run")
    return load_run(tmp_path / "run")


@pytest.fixture
def metarl(capsys, monkeypatch):
    """Run a command in this process; return its exit code and error output."""

    def call(line, *words):
        monkeypatch.setattr(sys, "path", sys.path.copy())
        try:
            code = main([*shlex.split(line), *map(str, words)])
        except SystemExit as ended:
            code = ended.code
        return code, capsys.readouterr().err

    return call


def assert_refused(ended, *words):
    """Exit code 2, and one sentence."""
    code, error = ended
    assert code == 2, error
    (line,) = error.splitlines()
    for word in words:
        assert word in line


def elsewhere(line, *words, folder, **more):
    """Run a command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "metarl", *shlex.split(line), *map(str, words)],
        cwd=folder,
        capture_output=True,
        check=False,
        env={**os.environ, **more},
    )


def test_an_analysis_without_some_subjects_says_so_and_does_not_end_with_0(
    run, metarl, caplog
):
    shutil.rmtree(run.evaluation(1).path)
    assert metarl("analyze", run.path)[0] == 3
    assert caplog.messages == [
        "test test: 1 of 2 subjects were evaluated, without 1; run `metarl evaluate "
        f"{run.path}`"
    ]
    assert "1 of 2 subjects" in (run.analysis_path / "result.txt").read_text()


def test_an_evaluation_that_fails_keeps_the_earlier_one_and_prints_no_results(
    run, metarl, capsys
):
    run.subject(0).policy_path.write_bytes(b"damaged")
    before = run.evaluation(0).metadata_path.read_bytes()
    words = [*shlex.split("evaluate --episodes 2 --workers 1"), str(run.path)]
    assert main(words) == 3
    out, error = capsys.readouterr()
    assert out == ""
    assert error.splitlines()[1:] == [
        f"metarl: the earlier evaluation in {run.path} is kept"
    ]
    assert run.evaluation(0).metadata_path.read_bytes() == before


CUT = ["trials.csv", "trials.parquet", "recording.npz", "evaluation.json"]


@pytest.mark.parametrize("name", CUT)
@pytest.mark.parametrize("damage", ["cut", "flip", "other subject"])
def test_damaged_or_swapped_tables_are_refused(name, damage, run, metarl):
    path = run.evaluation(0).path / name
    if not path.exists():
        pytest.skip("pyarrow is not installed")
    data = path.read_bytes()
    middle = len(data) // 2
    flipped = data[:middle] + bytes([data[middle] ^ 2]) + data[middle + 1 :]
    other = run.evaluation(1).path / name
    changed = {"cut": data[:-9], "flip": flipped, "other subject": other.read_bytes()}
    path.write_bytes(changed[damage])
    assert_refused(metarl("analyze", run.path), str(path))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"task": ' * 50_000,
        "[]",
        "3",
        "null",
        '"two-step"',
        "{}",
        '{"task": 3}',
        '{"task": "two-step", "task": "bandit"}',
        '{"task": NaN}',
        '{"task": 1e999}',
        '{"task": "..:x"}',
        '{"task": ":"}',
        "\x00",
    ],
)
@pytest.mark.parametrize(
    "name", ["config.json", "evaluation/subject-00/evaluation.json"]
)
def test_json_that_is_no_configuration_or_metadata_gets_one_sentence(
    text, name, run, metarl
):
    (run.path / name).write_text(text)
    assert_refused(metarl("analyze", run.path))


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("subjects", True, "subjects must be a whole number, got True"),
        ("subjects", 10**9, "subjects must be at most 1,000"),
        ("seed", "1", "seed must be a whole number"),
        ("network", [], "NetworkConfig must be an object, got []"),
        ("network.units", 5.5, "units must be a whole number, got 5.5"),
        ("network.action_input", 1, "action_input must be True or False, got 1"),
        ("learning.costs.pfc", "rl", "must be of type list"),
        ("learning.costs.pfc", [["rl"]], "each of pfc must be one of rl, reward"),
        ("learning.learning_rate", 3, "Schedule must be an object, got 3"),
        ("training.interventions", [5], "an intervention must be text, got 5"),
        ("training.updates", 10**20, "updates must be at most 1,000,000,000"),
        ("task_params", [], "TwoStepParams must be an object"),
        ("task_params.trial_count", "many", "trial_count must be a whole number"),
        ("task_params.fixation", "x", "fixation must be True or False, got 'x'"),
    ],
)
def test_a_wrong_entry_of_a_configuration_is_named(path, value, words, run, metarl):
    plain = read_json(run.path / "config.json")
    *parents, name = path.split(".")
    inner = plain
    for parent in parents:
        inner = inner[parent]
    inner[name] = value
    write_json(run.path / "config.json", plain, seal=True)
    assert_refused(metarl("analyze", run.path), words)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("settings", 5),
        ("interventions", "units"),
        ("discount", "much"),
        ("reward_per_episode", None),
        ("episodes", 0),
        ("greedy", "no"),
        ("files", ["trials.csv"]),
    ],
)
def test_a_wrong_entry_of_an_evaluation_is_refused(name, value, run, metarl):
    path = run.evaluation(0).metadata_path
    write_json(path, {**read_json(path), name: value}, seal=True)
    words = f"{path} is damaged ({name} must", "run `metarl evaluate` again"
    assert_refused(metarl("analyze", run.path), *words)


def test_a_changed_configuration_is_refused_with_a_way_out(run, metarl):
    path = run.path / "config.json"
    path.write_text(path.read_text().replace('"seed": 1', '"seed": 2'))
    words = "was changed or damaged after it was written", "delete this entry"
    assert_refused(metarl("analyze", run.path), *words)
    plain = json.loads(path.read_text())
    del plain["sha256"]
    path.write_text(json.dumps(plain))
    words = "is not from this subject of this run: its seed is 1, not 2"
    assert_refused(metarl("analyze", run.path), words)


EVIL = """
from pathlib import Path
from metarl.envs.two_step import TwoStep as T
Path("imported").touch()
"""


@pytest.mark.parametrize("command", ["analyze", "evaluate", "watch", "compare"])
def test_code_that_only_a_run_names_is_not_imported(command, finished, run, tmp_path):
    (tmp_path / "evil.py").write_text(EVIL)
    plain = read_json(run.path / "config.json")
    write_json(run.path / "config.json", {**plain, "task": "evil:T"})
    folders = [run.path]
    if command == "compare":
        other = shutil.copytree(finished.path, tmp_path / "other")
        folders = [run.path, other]
        analyze(other)
        shutil.copytree(other / "analysis", run.analysis_path)
    ended = elsewhere(command, *folders, folder=tmp_path)
    assert ended.returncode == 2
    assert b"'evil:T', which is not part of metarl" in ended.stderr
    assert b"give --trust-task" in ended.stderr
    assert not (tmp_path / "imported").exists()


def test_code_that_is_trusted_is_imported(tmp_path):
    (tmp_path / "evil.py").write_text(EVIL)
    line = SMALL.replace("two-step", "evil:T", 1)
    assert elsewhere(line, "--out", "run", folder=tmp_path).returncode == 0
    trusted = "evaluate run --episodes 1 --trust-task"
    for again in (f"{line} --out run --resume", trusted):
        (tmp_path / "imported").unlink()
        ended = elsewhere(again, folder=tmp_path)
        assert ended.returncode == 0, ended.stderr
        assert (tmp_path / "imported").exists()


def test_a_second_command_is_refused_with_the_holder(run, metarl):
    with locked([run.path]):
        ended = metarl("evaluate --episodes 1", run.path)
        assert_refused(ended, f"{run.path} is in use by process {os.getpid()} on")
        assert metarl("analyze", run.path) == (0, "")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("train ..:x", "'..:x' cannot be imported"),
        ("train two-step --workers 0", "workers must be at least 1, got 0"),
        ("train two-step --subjects 1000000000", "subjects must be at most 1,000"),
        (
            "train two-step --training.updates 100000000000000000000",
            "updates must be at most",
        ),
        ("train two-step --training.num-envs 99999999", "num_envs must be at most"),
        ("train two-step --network.units 99999999", "units must be at most 10,000"),
        ("train two-step --preset smoke --out " + "a" * 300, "File name too long"),
        ("evaluate " + "a" * 300, "File name too long"),
        ("neighbours --workers 0", "workers must be at least 1, got 0"),
        ("neighbours --seeds 0", "seeds must be at least 1, got 0"),
        ("reproduce bandit --workers 0", "workers must be at least 1, got 0"),
        ("reproduce bandit --subjects 0", "subjects must be at least 1, got 0"),
        ("reproduce bandit --batch-subjects 0", "batch_subjects must be at least 1"),
        ("bench optimizers --workers 0", "workers must be at least 1, got 0"),
        ("evolve --members 1000000000000", "members must be at most"),
        ("evolve --workers 0", "workers must be at least 1, got 0"),
    ],
)
def test_a_command_that_is_refused_leaves_nothing(
    line, words, metarl, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert_refused_somewhere(metarl(line), words)
    assert not list(tmp_path.iterdir())


def assert_refused_somewhere(ended, words):
    """Exit code 2, and the words in one sentence or in a frame of the parser."""
    code, error = ended
    assert code == 2, error
    assert "Traceback" not in error
    assert words in " ".join(error.replace("\u2502", " ").split())


def test_units_without_end_are_refused(run, metarl):
    sentence = "units set 0 of 0-99999999999"
    ended = metarl("evaluate", run.path, "--interventions", sentence)
    assert_refused(ended, "units must be at most 99,999, got '0-99999999999'")


@pytest.mark.parametrize("line", ["tasks", "--help", "train two-step --help"])
def test_a_reader_that_ends_early_leaves_no_traceback(line, tmp_path):
    read, write = os.pipe()
    os.close(read)
    words = [sys.executable, "-m", "metarl", *shlex.split(line)]
    ended = subprocess.run(words, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (ended.returncode, ended.stderr) == (141, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only on Linux")  # noqa: PTH110
def test_output_that_cannot_be_written_gets_one_sentence():
    words = [sys.executable, "-m", "metarl", "tasks"]
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        ended = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, check=False)
    assert ended.returncode == 2
    line = b"metarl: the output could not be written: No space left on device\n"
    assert ended.stderr == line


def test_a_path_that_the_terminal_cannot_show_is_no_error(tmp_path):
    out = os.fsdecode(b"r\xc3\xa4\xff")
    more = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    ended = elsewhere(SMALL, "-q", "--out", out, folder=tmp_path, **more)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout == b"trained 1 subjects: r\\xe4\\udcff\n"
    assert (tmp_path / out / "config.json").exists()


def test_a_run_that_cannot_be_written_to_gets_one_sentence(run, metarl, monkeypatch):
    """As on a drive without the right to write, which root has everywhere."""
    mkdir, opened = os.mkdir, os.open

    def refuse(path, *rest, **more):
        if str(path).startswith(str(run.path)):
            raise PermissionError(30, "Read-only file system", str(path))
        return opened(path, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)
    ended = metarl("evaluate --episodes 1 --workers 1", run.path)
    assert os.mkdir is mkdir
    assert_refused(ended, f"{run.path} could not be written (Read-only file system)")
    assert not list(run.path.glob(".*"))
