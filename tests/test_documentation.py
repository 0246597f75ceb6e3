"""What README, CONTRIBUTING and docs say really runs: all of their examples."""

import re
import shlex
import shutil
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from code_blocks import Block, blocks_of, lines_of
from short import short

from metarl.cli.main import COMMANDS, main
from metarl.envs.registry import NAMES as EXPERIMENTS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
NAMES = [str(path.relative_to(ROOT)) for path in PAGES]
DIRECTIVES = {"{toctree}", "{help}", "{image}"}
"""Blocks for Sphinx, which fails where they are wrong."""

ELSEWHERE = {
    "dask": "runs until it is stopped",
    "git": "needs a network",
    "make": "installs; only its targets are checked",
    "source": "is for a person's shell",
    "tensorboard": "runs until it is stopped",
}
"""First word of a line that no test executes -> why."""
TRAINING = (
    "--preset smoke --subjects 1 --network.units 10 --training.num-envs 3 "
    "--training.unroll-steps 14 --training.updates 2 --workers 1"
)
TINY = {
    "train": TRAINING,
    "evaluate": "--episodes 4 --record-episodes 2 --workers 1",
    "acquisition": "--episodes 4 --workers 1",
    "sweep": (
        "--preset smoke --subjects 1 --over training.updates=1 --episodes 4 --select 0 "
        "--workers 1"
    ),
    "neighbours": "--smoke --seeds 1 --workers 1",
    "evolve": "--generations 2 --members 4 --episodes 2 --subjects 1 --workers 1",
}
"""Command -> options after those of the page, which make it quick."""
SHORTENED = set(EXPERIMENTS) - {"informative-arm"}
"""Tasks whose episodes are shortened; those of the other have five steps."""
TASK = "reversal"
"""What a page calls TASK."""
RELEASES = {
    "PreparedData.mat": "miranda2020_macaque_two_step.mat",
    "all_stats_costa.mat": "costa2016_macaque_reversal.mat",
}
"""File of a published release -> its name in the folder of animal data."""


def words_of(line):
    """A line's words, with a tiny budget where it would take long."""
    words = shlex.split(line.replace("TASK", TASK), comments=True)
    if words[:2] == ["metarl", "train"] and words[2] in SHORTENED:
        few = short(words[2], 8)
        words += [f"--task.{k.replace('_', '-')}={v}" for k, v in few.items()]
    for number, word in enumerate(words):
        if words[1] == "sweep" and word in ("--random", "--search"):
            words[number + 1] = "2"
    if words[0] == "metarl":
        words += TINY.get(words[1], "").split()
    return words


def shell_lines(page):
    return [
        line
        for block in blocks_of(page)
        if block.kind == "shell"
        for line in lines_of(block.text)
    ]


@pytest.fixture
def folder(tmp_path, monkeypatch, finished):
    """An empty folder but for a table of trials, where a page's examples are run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    before = set(sys.modules)
    handler = signal.getsignal(signal.SIGTERM)
    finished.trials.to_csv("my_trials.csv", index=False)
    yield tmp_path
    signal.signal(signal.SIGTERM, handler)
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def run_command(line, monkeypatch):
    """Run a line of shell; fails unless it is known, and ends well."""
    words = words_of(line)
    if words[0] in ELSEWHERE:
        return
    assert words[0] == "metarl", f"no test executes {line!r}"
    if any(word.endswith(".mat") for word in words):
        return
    if "--search" in words and find_spec("optuna") is None:
        return
    if "--engine" in words:
        # No workers are there; other tests show that the jobs run.
        monkeypatch.setattr("metarl.cli.options.open_engine", stopped_there)
        with pytest.raises(StoppedThereError):
            main(words[1:])
        return
    if "--device" in words and not torch.cuda.is_available():
        monkeypatch.setattr("metarl.pipeline.run.device_for", stopped_there)
        with pytest.raises(StoppedThereError):
            main(words[1:])
        return
    if words[1] == "reproduce" and "--lock" not in words:
        # All tests of all tasks take minutes; another test shows that they run.
        monkeypatch.setattr("metarl.pipeline.reproduce.reproduce", stopped_there)
        with pytest.raises(StoppedThereError):
            main(words[1:])
        return
    assert main(words[1:]) == 0, line


class StoppedThereError(Exception):
    """All options were read."""


def stopped_there(*_arguments, **_more):
    raise StoppedThereError


def run_block(block, name, monkeypatch):
    if block.kind == "shell":
        for line in lines_of(block.text):
            run_command(line, monkeypatch)
    elif block.kind == "python" and block.file:
        Path(block.file).write_text(block.text)
    elif block.kind == "python":
        exec(compile(block.text, name, "exec"), {})
    else:
        assert block.kind in DIRECTIVES, f"no test executes {block}"


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_examples_of_a_page_run(name, folder, monkeypatch):
    for block in blocks_of((ROOT / name).read_text()):
        run_block(block, name, monkeypatch)


@pytest.mark.parametrize("line", shell_lines((ROOT / "docs/own_data.md").read_text()))
def test_published_animal_data_are_analysed(line, folder, request):
    words = words_of(line)
    releases = [Path(word) for word in words if word.endswith(".mat")]
    if not releases:
        return
    data = request.getfixturevalue("animal_data")
    for path in releases:
        path.parent.mkdir(parents=True)
        shutil.copy(data / RELEASES[path.name], path)
    assert main(words[1:]) == 0
    assert len(list(folder.glob("runs/macaques/*/figure.png"))) == 1


def test_both_releases_are_shown():
    lines = "\n".join(shell_lines((ROOT / "docs/own_data.md").read_text()))
    for name in RELEASES:
        assert f"/{name} " in lines


@pytest.mark.parametrize("name", NAMES)
def test_commands_and_targets_amid_the_text_are_there(name):
    text = (ROOT / name).read_text()
    for command in re.findall(r"`metarl ([a-z]+)", text):
        assert command in COMMANDS
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    for target in re.findall(r"(?:`|^ {4}|^)make ([a-z]+)", text, re.M):
        assert target in targets


def test_every_page_with_examples_is_read():
    kinds = {
        name: {b.kind for b in blocks_of((ROOT / name).read_text())} for name in NAMES
    }
    assert {"python", "shell"} <= kinds["README.md"]
    assert kinds["CONTRIBUTING.md"] == {"shell"}
    assert {"python", "shell"} <= kinds["docs/own_task.md"]


@pytest.mark.parametrize(
    "block",
    [
        Block("text", "this is not run\n"),
        Block("", "nor this\n"),
        Block("{code-block}", "nor this\n"),
        Block("shell", "curl https://example.org\n"),
        Block("shell", "metarl dance\n"),
        Block("shell", "metarl reproduce --subject 8\n"),
        Block("python", "import metarl\nmetarl.trian\n"),
    ],
)
def test_a_block_that_does_not_run_is_noticed(block, folder, monkeypatch):
    with pytest.raises(
        (AssertionError, AttributeError, pytest.fail.Exception, SystemExit)
    ):
        run_block(block, "page", monkeypatch)


def test_blocks_are_found_in_their_order():
    page = (
        "# Title\n\n    metarl tasks\n    metarl train \\\n      x\n\nText\n"
        "    goes on\n\n```python\n# a.py\n\n    indented = 1\n```\n\n"
        "```{help} train\n```\n"
    )
    assert blocks_of(page) == [
        Block("shell", "metarl tasks\nmetarl train \\\n  x\n"),
        Block("python", "# a.py\n\n    indented = 1\n"),
        Block("{help}", ""),
    ]
    assert [b.file for b in blocks_of(page)] == [None, "a.py", None]
    assert lines_of("metarl train \\\n  x\n") == ["metarl train    x"]
