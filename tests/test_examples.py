"""What the README and the examples say really runs."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)


SAYS = {"two_step.py": "NOT LEARNED", "dopamine.py": "told=4"}
"""Example -> what its last lines say."""


@pytest.mark.parametrize("name", SAYS)
def test_an_example_runs_to_its_end(name, capsys):
    runpy.run_path(str(ROOT / "examples" / name))["main"]("smoke")
    assert SAYS[name] in capsys.readouterr().out


def test_every_example_is_run():
    assert {path.name for path in (ROOT / "examples").glob("*.py")} == set(SAYS)


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_of_the_readme_runs(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {})


def test_the_readme_has_its_blocks():
    assert len(BLOCKS) == 2
